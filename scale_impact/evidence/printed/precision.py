"""How sure a printed number is: its standard error, from whatever the paper prints of it.

A standard error, an interval, a t value or a p value; what is given says the same in other words, and is held against each other.
All is on the scale on which the paper tests: differences as they are, ratios as logarithms.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from scale_impact.core.words import number

DISAGREE = 0.25
"""Two standard errors of one number that differ by more than this share cannot both be right; rounding moves them by less."""

UNEVEN = 0.10
"""By how much of its half width an interval's middle may lie beside the estimate, beyond rounding."""


@dataclass(frozen=True)
class Printed:
    """What a paper prints of one number, on the scale on which it is tested.

    Attributes
    ----------
    value:
        The estimate.
    std_error:
        Its standard error.
    low, high, level:
        The interval, and its level.
    t_value, p_value:
        Test of no effect; the p value two-sided.
    df:
        Degrees of freedom, None where the normal distribution is meant.
    rounding:
        By how much the middle of the interval may differ from the estimate by rounding alone.
    share:
        By how much of itself the estimate may differ from what was rounded to it.
    """

    value: float
    std_error: float | None = None
    low: float | None = None
    high: float | None = None
    level: float | None = None
    t_value: float | None = None
    p_value: float | None = None
    df: float | None = None
    rounding: float = 0.0
    share: float = 0.0

    @property
    def even(self) -> bool:
        """Whether the interval lies evenly around the estimate; true where there is none."""
        if self.low is None or self.high is None:
            return True
        beside = abs((self.low + self.high) / 2 - self.value)
        return beside <= self.rounding + UNEVEN * (self.high - self.low) / 2


def critical(level: float, df: float | None) -> float:
    """What a standard error is multiplied by to give half an interval: of the normal, or of t."""
    from scipy.special import ndtri, stdtrit

    q = (1 + level) / 2
    return float(ndtri(q) if df is None else stdtrit(df, q))


def std_errors(printed: Printed) -> dict[str, float]:
    """The standard error by each thing that is printed, the surest first."""
    return {name: error for name, error in _each(printed) if math.isfinite(error)}


def _each(p: Printed) -> Iterator[tuple[str, float]]:
    if p.std_error is not None:
        yield "the standard error", p.std_error
    if p.low is not None and p.high is not None and p.level is not None:
        name = f"the {100 * p.level:g} % interval"
        yield name, (p.high - p.low) / (2 * critical(p.level, p.df))
    if p.t_value:
        yield "the t value", abs(p.value / p.t_value)
    if p.p_value is not None and 0 < p.p_value < 1:
        yield "the p value", abs(p.value) / critical(1 - p.p_value, p.df)


def contradictions(printed: Printed) -> list[str]:
    """Standard errors by two things that are printed which cannot both be right."""
    found = list(std_errors(printed).items())
    return [
        f"{name} gives a standard error of {number(error)}, {found[0][0]} one of {number(found[0][1])}, on the scale of the test. "
        "Correct the one or the other, or leave one out."
        for name, error in found[1:]
        if abs(error - found[0][1]) > (DISAGREE + printed.share) * max(error, found[0][1])
    ]
