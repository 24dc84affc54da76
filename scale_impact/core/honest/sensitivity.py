"""Robust confidence intervals and the breakdown value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np

from scale_impact.core.honest.conditional import (
    DRAWS,
    Interval,
    Test,
    accepts,
    conditional,
    confidence_set,
    with_fixed_length,
    with_least_favourable,
)
from scale_impact.core.honest.event_study import EventStudy
from scale_impact.core.honest.fixed_length import fixed_length
from scale_impact.core.honest.restrictions import Restriction, Shape, polyhedra
from scale_impact.errors import UsageError

Method = Literal["C-LF", "FLCI", "C-F", "Conditional"]

FIRST_SHARE = 0.1
"""Size of a hybrid's first test, as a share of the whole size."""

MOST_BOUND = 2.0**20
"""Where zero stays outside up to so large a multiple of the first bound tried, there is no breakdown value."""


def robust_intervals(
    study: EventStudy,
    restriction: Restriction,
    bounds: Sequence[float],
    *,
    shape: Shape = "any",
    method: Method | None = None,
    level: float = 0.95,
    draws: int = DRAWS,
    grid: int | None = None,
) -> list[Interval | None]:
    """One interval a bound; see ``robust_interval``."""
    asked: dict[str, Any] = {"shape": shape, "method": method, "level": level, "draws": draws, "grid": grid}
    return [robust_interval(study, restriction, b, **asked) for b in bounds]


def robust_interval(
    study: EventStudy,
    restriction: Restriction,
    bound: float,
    *,
    shape: Shape = "any",
    method: Method | None = None,
    level: float = 0.95,
    draws: int = DRAWS,
    grid: int | None = None,
) -> Interval | None:
    """Confidence interval of the effect that is valid while violations of parallel trends are in a restriction.

    Parameters
    ----------
    study:
        Coefficients, covariance and the effect of interest.
    restriction, shape:
        See ``polyhedra``.
    bound:
        M, in the outcome's unit, for ``smoothness``; otherwise Mbar. 0 or more.
    method:
        ``FLCI`` (fixed length), ``C-LF`` and ``C-F`` (conditional hybrids with a least favourable or a
        fixed-length first test), ``Conditional``. None: FLCI for smoothness without a shape, C-F
        with one, C-LF otherwise. FLCI and C-F are for smoothness, FLCI without a shape.
    level:
        Between 0 and 1.
    draws:
        Draws for the critical value of C-LF's first test; as it is those of HonestDiD in R.
    grid:
        1000: the ends that HonestDiD in R prints, the outermost of so many values that are not
        rejected, which lie up to a step inside and stop at the grid's edge. None: the ends.

    Returns
    -------
    The two ends (of the hull, where values between are rejected); None where all values are
    rejected: the estimates contradict the restriction.

    Raises
    ------
    UsageError
        A bound below 0; a method that a restriction has not; too few periods before treatment.

    Source: Rambachan and Roth (2023); Andrews, Roth and Pakes (2023).
    """
    chosen = method or default_method(restriction, shape)
    _refuse(study, restriction, shape, bound, chosen)
    if chosen == "FLCI":
        return fixed_length(study, bound, 1 - level).interval
    ends = _hull(list(_tests(study, restriction, shape, bound, chosen, 1 - level, draws)))
    return ends if grid is None or ends is None else _on_grid(ends, study, bound * (restriction == "smoothness"), grid)


def _on_grid(ends: Interval, study: EventStudy, bound: float, values: int) -> Interval | None:
    """The outermost of some values that are inside; R's grid reaches 20 standard errors beyond what the bound allows."""
    hinges = np.maximum(np.arange(1, study.n_after + 1) - np.arange(study.n_after)[:, None], 0)
    reach = bound * float(np.abs(hinges @ study.weights).sum()) + 20 * study.std_error
    grid = np.linspace(-reach, reach, values)
    inside = grid[(grid >= ends[0]) & (grid <= ends[1])]
    return (float(inside[0]), float(inside[-1])) if len(inside) else None


def _hull(tests: list[Test]) -> Interval | None:
    """From the lowest to the highest value that one of the tests does not reject."""
    ends = [e for e in map(confidence_set, tests) if e is not None]
    return (float(min(e[0] for e in ends)), float(max(e[1] for e in ends))) if ends else None


def default_method(restriction: Restriction, shape: Shape) -> Method:
    """What HonestDiD takes: FLCI is optimal for smoothness alone, C-F with a shape, C-LF works for all."""
    if restriction != "smoothness":
        return "C-LF"
    return "FLCI" if shape == "any" else "C-F"


def _tests(
    study: EventStudy, restriction: Restriction, shape: Shape, bound: float, method: Method, alpha: float, draws: int
) -> Iterator[Test]:
    """One test a polyhedron."""
    kappa = FIRST_SHARE * alpha
    first = fixed_length(study, bound, kappa) if method == "C-F" else None
    for area in polyhedra(restriction, shape, bound, study.n_before, study.n_after):
        if first is not None:
            yield with_fixed_length(study, area, alpha, kappa, first)
        elif method == "C-LF":
            yield with_least_favourable(study, area, alpha, kappa, draws)
        else:
            yield conditional(study, area, alpha)


def problems_of(restriction: Restriction, method: Method, shape: Shape) -> list[str]:
    """What is wrong with a method for a restriction."""
    if restriction != "smoothness" and method in ("FLCI", "C-F"):
        return [f"{method} is for smoothness; {restriction} has C-LF and Conditional."]
    if method == "FLCI" and shape != "any":
        return [f"FLCI cannot use that violations are {shape}; C-F, C-LF and Conditional can."]
    return []


def _refuse(study: EventStudy, restriction: Restriction, shape: Shape, bound: float, method: Method) -> None:
    problems = problems_of(restriction, method, shape)
    if not 0 <= bound < np.inf:
        problems.append(f"bound is {bound!r}; it has to be a number, 0 or more.")
    if restriction == "relative_smoothness" and study.n_before < 2:
        problems.append("relative_smoothness needs two periods before the reference period; there is one.")
    if problems:
        raise UsageError(problems)


def breakdown(
    study: EventStudy,
    restriction: Restriction,
    *,
    shape: Shape = "any",
    method: Method | None = None,
    level: float = 0.95,
    draws: int = DRAWS,
    start: float = 1.0,
    digits: float = 1e-5,
) -> float:
    """The largest bound whose robust interval excludes zero, by bisection.

    Parameters
    ----------
    study, restriction, shape, method, level, draws:
        As for ``robust_interval``.
    start:
        The first bound tried.
    digits:
        Relative accuracy.

    Returns
    -------
    The bound; 0 where zero is inside already at bound 0; ``inf`` where no bound up to a million
    times ``start`` lets zero in.

    Source: Rambachan and Roth (2023), breakdown values.
    """

    chosen = method or default_method(restriction, shape)
    _refuse(study, restriction, shape, start, chosen)

    def excludes(bound: float) -> bool:
        return not _holds_zero(study, restriction, shape, bound, chosen, 1 - level, draws)

    if not excludes(0.0):
        return 0.0
    low, high = 0.0, start
    while excludes(high):
        low, high = high, 2 * high
        if high > MOST_BOUND * start:
            return np.inf
    while high - low > digits * high:
        middle = (low + high) / 2
        low, high = (middle, high) if excludes(middle) else (low, middle)
    return low


def _holds_zero(
    study: EventStudy, restriction: Restriction, shape: Shape, bound: float, method: Method, alpha: float, draws: int
) -> bool:
    """Whether the robust interval holds zero; its ends are searched only where no test accepts zero itself."""
    if method == "FLCI":
        found = fixed_length(study, bound, alpha)
        return abs(found.centre) <= found.half
    tests = []
    for test in _tests(study, restriction, shape, bound, method, alpha, draws):
        if accepts(test, np.zeros(1))[0]:
            return True
        tests.append(test)
    ends = _hull(tests)
    return ends is not None and ends[0] <= 0 <= ends[1]
