"""One line of a file of published numbers, made an effect on the indicator's own scale.

The column ``conversion`` says in which form a paper prints its number:

- ``none``: in the indicator's unit. ``log_points``: a difference of logarithms. ``percentage_points``: of an indicator in % or a share.
- ``per_cent``: a change in per cent of what would have been; becomes log points.
- ``odds_ratio``: becomes log odds; with ``base_rate`` a difference of shares; with ``standard_deviation`` (of a quantity that was cut
  in two) a difference in the indicator's unit.
- ``risk_ratio``: of risks, rates or means; becomes log points; with ``base_rate`` a difference of shares.
- ``cohens_d``, ``hedges_g``: with ``standard_deviation`` a difference in the indicator's unit.
- ``factor``: in another unit; ``factor`` says what one of it is in the indicator's.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from scale_impact.core.catalogue.indicator import Indicator
from scale_impact.evidence.printed import conversions as forms
from scale_impact.evidence.printed.columns import Cells
from scale_impact.evidence.printed.precision import Printed, critical, std_errors

SHARES = {"%": 100.0, "share": 1.0, "0-1": 1.0}
"""Units of shares, and what the whole is in them."""

RATIOS = ("odds_ratio", "risk_ratio")
STANDARDISED = ("cohens_d", "hedges_g")

NEEDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "none": ((), ()),
    "log_points": ((), ()),
    "percentage_points": ((), ()),
    "per_cent": ((), ()),
    "odds_ratio": ((), ("base_rate", "standard_deviation")),
    "risk_ratio": ((), ("base_rate",)),
    "cohens_d": (("standard_deviation",), ()),
    "hedges_g": (("standard_deviation", "df"), ()),
    "factor": (("factor",), ()),
}
"""The conversions, with the columns that each needs and those that it may use."""


@dataclass(frozen=True)
class Published:
    """A published number on the indicator's own scale.

    Attributes
    ----------
    value, std_error, low, high:
        The effect, its standard error and its interval at ``level``; None where the paper does not tell.
    level:
        Level of the interval.
    unit:
        Unit of all of them.
    how:
        Which formula, and what the standard error was taken from.
    """

    value: float
    std_error: float | None
    low: float | None
    high: float | None
    level: float
    unit: str
    how: str


def printed_of(cells: Cells, name: str) -> Printed:
    """A line on the scale on which the paper tests: ratios as logarithms; changes in per cent too where their interval is even there."""
    if name in RATIOS:
        return _mapped(cells, math.log, lambda v: 1 / v, cells["std_error_of"] == "ratio")
    return _as_logs(cells) if _even_as_logs(cells, name) else _plainly(cells)


def _plainly(cells: Cells) -> Printed:
    return _mapped(cells, lambda v: v, lambda v: 1.0, True)


def _as_logs(cells: Cells) -> Printed:
    """Changes in per cent as log points."""
    return _mapped(cells, lambda v: math.log1p(v / 100), lambda v: 1 / (100 + v), True)


def _even_as_logs(cells: Cells, name: str) -> bool:
    """Whether a change in per cent was made of a logarithm with its interval, which then is uneven in per cent."""
    return name == "per_cent" and not _plainly(cells).even and _as_logs(cells).even


def _mapped(cells: Cells, scale: Callable[[float], float], slope: Callable[[float], float], error_too: bool) -> Printed:
    """What is printed, on another scale; rounding is carried along by the slope."""
    value = cells.number("estimate") or 0.0
    low, high = (None if (end := cells.number(c)) is None else scale(end) for c in ("ci_low", "ci_high"))
    error = cells.number("std_error")
    rounded = cells.decimals("estimate") * slope(value)
    by_ends = [cells.decimals(c) * slope(v) for c in ("ci_low", "ci_high") if (v := cells.number(c)) is not None]
    at = scale(value)
    return Printed(
        at,
        error if error is None or not error_too else error * slope(value),
        low,
        high,
        cells.number("level"),
        cells.number("t_value"),
        cells.number("p_value"),
        cells.number("df"),
        rounded + sum(by_ends) / 2,
        rounded / abs(at) if at else 1.0,
    )


def effect_of(cells: Cells, indicator: Indicator) -> Published:
    """The effect of a line that is in order."""
    name = cells["conversion"]
    printed = printed_of(cells, name)
    error, source = _error(cells, printed)
    convert, unit, formula = _conversion(cells, name, indicator, _even_as_logs(cells, name))
    value, std_error = convert(printed.value, error)
    level = printed.level or 0.95
    low, high = _ends(printed, convert, value, std_error, level)
    return Published(value, std_error, low, high, level, unit, f"as published{formula}; {source}")


def _error(cells: Cells, printed: Printed) -> tuple[float | None, str]:
    """Standard error on the scale of the test, and what it was taken from."""
    name, treated, control = cells["conversion"], cells.number("n_treated"), cells.number("n_control")
    for source, error in std_errors(printed).items():
        rough = ", which is uneven: roughly" if "interval" in source and not printed.even else ""
        made = "" if source == "the standard error" else f" by {source}"
        return error, f"standard error{made} printed{rough}"
    if name in STANDARDISED and treated and control:
        j = forms.small_sample_factor(printed.df) if name == "hedges_g" and printed.df else 1.0
        by_sizes = j * forms.std_error_of_cohen(printed.value / j, treated, control)
        return by_sizes, "standard error by the sizes of the two groups (Borenstein and others 2009, equation 4.20)"
    return None, "the paper does not tell how sure it is, or only by a bound: no standard error"


def _ends(
    printed: Printed,
    convert: Callable[[float, float | None], forms.Number],
    value: float,
    error: float | None,
    level: float,
) -> tuple[float | None, float | None]:
    """The printed interval converted end by end; without one that of the standard error."""
    if printed.low is not None and printed.high is not None:
        low, high = sorted((convert(printed.low, None)[0], convert(printed.high, None)[0]))
        return low, high
    if error is None:
        return None, None
    half = critical(level, printed.df) * error
    return value - half, value + half


def _conversion(
    cells: Cells, name: str, indicator: Indicator, logs: bool
) -> tuple[Callable[[float, float | None], forms.Number], str, str]:
    """The function of value and standard error, the unit that it gives, and the formula in words."""
    own, base, spread = indicator.unit, cells.number("base_rate"), cells.number("standard_deviation")
    whole = SHARES.get(own, 1.0)
    if name == "per_cent":
        words = ", per cent to log points, log(1 + c / 100)"
        return (lambda v, e: (v, e)) if logs else forms.log_of_per_cent, f"log({own})", words
    if name == "percentage_points":
        return (lambda v, e: forms.times((v, e), whole / 100)), own, ", percentage points"
    if name == "odds_ratio":
        return _of_odds(own, whole, base, spread)
    if name == "risk_ratio":
        if base is None:
            return (lambda v, e: (v, e)), f"log({own})", ", ratio to its logarithm"
        words = f", ratio to difference at base rate {base:g}: p0 (RR - 1)"
        return (lambda v, e: forms.times(forms.difference_of_risk_ratio(v, e, base), whole)), own, words
    if name in STANDARDISED and spread is not None:
        return _of_standardised(cells, name, own, spread)
    if name == "factor":
        factor = cells.number("factor") or 1.0
        return (lambda v, e: forms.times((v, e), factor)), own, f", times {factor:g}"
    return (lambda v, e: (v, e)), f"log({own})" if name == "log_points" else own, ""


def _of_odds(
    own: str, whole: float, base: float | None, spread: float | None
) -> tuple[Callable[[float, float | None], forms.Number], str, str]:
    if spread is not None:
        words = f", odds ratio to d = log OR sqrt(3) / pi (Chinn 2000), times the standard deviation {spread:g}"
        return (lambda v, e: forms.raw_of_standardised(*forms.standardised_of_odds_ratio(v, e), spread)), own, words
    if base is None:
        return (lambda v, e: (v, e)), f"log odds({own})", ", odds ratio to its logarithm"
    words = f", odds ratio to difference at base rate {base:g}; of an adjusted odds ratio it lies too far from 0"
    return (lambda v, e: forms.times(forms.difference_of_odds_ratio(v, e, base), whole)), own, words


def _of_standardised(
    cells: Cells, name: str, own: str, spread: float
) -> tuple[Callable[[float, float | None], forms.Number], str, str]:
    df = cells.number("df")
    words = (
        f", {'Hedges g' if name == 'hedges_g' else 'Cohen d'} times the standard deviation {spread:g}, taken as known"
    )
    if name == "hedges_g" and df is not None:
        return (lambda v, e: forms.raw_of_standardised(*forms.cohen_of_hedges(v, e, df), spread)), own, words
    return (lambda v, e: forms.raw_of_standardised(v, e, spread)), own, words
