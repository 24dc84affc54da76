"""How far may trends differ before the conclusion goes? Robust intervals of Rambachan and Roth (2023).

Parallel trends need not hold exactly. What units would have done without treatment may differ
after it by as much as it did before (relative magnitudes), or bend by at most M from one period
to the next (smoothness); the robust interval is valid for all such differences. The breakdown
value is the largest difference at which it still excludes zero.

Right where trends before treatment say something about those after it. Nothing here shows that
trends were parallel; it shows what the conclusion needs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from scale_impact.checks._long_path import LongPath, Target, long_path
from scale_impact.core.check import Check, Verdict
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect, Estimate
from scale_impact.core.honest import (
    EventStudy,
    Interval,
    Method,
    Restriction,
    Shape,
    breakdown,
    default_method,
    problems_of,
    robust_interval,
)
from scale_impact.core.honest.restrictions import differences
from scale_impact.core.keys import Count, Share
from scale_impact.core.panel import Panel
from scale_impact.core.words import number, plain
from scale_impact.errors import UsageError

NAME = "honest_did"

OPTIMISED = True
"""Ends are searched: over five BLAS kernels they move by up to 5e-10 relative, so `verify` compares them at 1e-6."""

RESTRICTIONS = {
    "relative_magnitudes": "from one period to the next, trends after treatment differ by at most Mbar times as much as before",
    "smoothness": "the slope of their difference changes by at most M a period",
    "relative_smoothness": "the slope of their difference changes by at most Mbar times as much as before treatment",
}
"""What is assumed of the difference between trends without treatment."""

MULTIPLES = (0.5, 1.0, 1.5, 2.0)
"""Bounds to show where none are given, as multiples of what was seen before treatment."""

CHANGE, BEND = (
    "the largest change from one period to the next before treatment",
    "the largest change of slope before treatment",
)
NOISE = "the standard error of the last effect before treatment"
EMPTY = "no value of the effect is compatible with the estimates"

Floats = NDArray[np.float64]


def run(
    panel: Panel,
    design: Design,
    refit: Callable[[Panel, Design], Effect],
    *,
    restriction: Restriction = "relative_magnitudes",
    shape: Shape = "any",
    method: Method | None = None,
    bounds: Sequence[float] | None = None,
    threshold: float | None = None,
    target: Target = "overall",
    window: Sequence[float] | None = None,
    level: Share = 0.95,
    draws: Count = 1000,
    grid: Count | None = None,
) -> Check:
    """Robust intervals of an effect, and the breakdown value.

    Parameters
    ----------
    panel, design, refit:
        The data, the design, and the estimator of the path (estimated again with a universal base period).
    restriction, shape:
        What is assumed of trends: see ``RESTRICTIONS``; and of the sign or direction of their difference after treatment.
    method:
        ``FLCI``, ``C-LF``, ``C-F`` or ``Conditional``; None: ``FLCI`` for smoothness, ``C-F`` for it with a shape,
        otherwise ``C-LF``.
    bounds:
        Values of Mbar, or of M in the outcome's unit. None: 0.5, 1, 1.5 and 2 times what was seen before treatment.
    threshold:
        The check fails where the breakdown value is below it. None: 1 times what was seen before treatment.
    target:
        ``overall`` (the mean over event times from 0 on), ``first``, or an event time.
    window:
        First and last event time to use; None: all.
    level, draws, grid:
        See ``robust_interval``; intervals use the normal distribution.

    Returns
    -------
    Check whose statistic is the breakdown value. It fails where that is below ``threshold``, and is inconclusive where
    the effect is not told apart from zero even with parallel trends. ``details.rows`` has an interval a bound.

    Raises
    ------
    UsageError
        Bounds that are none, a method that the restriction has not, a target that is not there.

    Source: Rambachan and Roth (2023); Andrews, Roth and Pakes (2023).
    """
    _refuse(restriction, shape, method, bounds, threshold)
    path = long_path(NAME, panel, design, refit, window)
    if isinstance(path, Check):
        return path
    if reason := _unfit(panel, design, path, restriction):
        return Check.inapplicable(NAME, reason + path.words())
    asked = _Question(restriction, shape, method or default_method(restriction, shape), level, draws, grid)
    return _checked(path, asked, bounds, threshold, target)


@dataclass(frozen=True)
class _Question:
    """What is assumed, and how intervals are made."""

    restriction: Restriction
    shape: Shape
    method: Method
    level: float
    draws: int
    grid: int | None

    @property
    def options(self) -> dict[str, Any]:
        return {"shape": self.shape, "method": self.method, "level": self.level, "draws": self.draws}

    @property
    def relative(self) -> bool:
        return self.restriction != "smoothness"

    @property
    def symbol(self) -> str:
        return "Mbar" if self.relative else "M"


def _refuse(
    restriction: Restriction,
    shape: Shape,
    method: Method | None,
    bounds: Sequence[float] | None,
    threshold: float | None,
) -> None:
    problems = [
        f"{name} is {value!r}; it has to be one of {', '.join(get_args(kind))}."
        for name, value, kind in (
            ("restriction", restriction, Restriction),
            ("shape", shape, Shape),
            ("method", method, Method),
        )
        if value is not None and value not in get_args(kind)
    ]
    if not problems:
        problems += problems_of(restriction, method or default_method(restriction, shape), shape)
    if bounds is not None and (not len(bounds) or not all(0 <= b < np.inf for b in bounds)):
        problems.append(f"bounds are {list(bounds)}; they have to be one or more numbers, 0 or more.")
    if threshold is not None and not 0 <= threshold < np.inf:
        problems.append(f"threshold is {threshold!r}; it has to be a number, 0 or more.")
    if problems:
        raise UsageError(problems)


def _unfit(panel: Panel, design: Design, path: LongPath, restriction: Restriction) -> str | None:
    """Why a restriction cannot be put on a path; None where it can."""
    uneven = len(design.adopting) > 1 and np.ptp(np.diff(panel.clock)) > 1e-6
    if not path.even or uneven:
        times = ", ".join(plain(t) for t in sorted([*path.times, path.reference]))
        return (
            f"Changes from one period to the next are compared, so periods have to be equally spaced; event times are {times}. "
            "Name a window without gaps, or leave periods out."
        )
    if restriction == "relative_smoothness" and path.n_before < 2:
        return "relative_smoothness needs three periods before treatment (two beside the reference period)."
    return None


def _checked(
    path: LongPath, asked: _Question, bounds: Sequence[float] | None, threshold: float | None, target: Target
) -> Check:
    study = _study(path, path.weights(target))
    seen = _seen(study, asked)
    unit = 1.0 if asked.relative else seen.value
    limit = unit if threshold is None else float(threshold)
    shown = [unit * m for m in MULTIPLES] if bounds is None else [float(b) for b in bounds]
    found = _Found(
        original=_original(study, asked),
        at_limit=_robust(study, asked, limit),
        breakdown=breakdown(study, asked.restriction, start=unit, **asked.options),
        limit=limit,
    )
    details = {
        **vars(asked),
        "assumption": RESTRICTIONS[asked.restriction],
        "target": path.named(target),
        "estimate": study.estimate,
        "std_error": study.std_error,
        "original": {"ci_low": found.original[0], "ci_high": found.original[1]},
        "rows": [{"bound": b, **_ends(_robust(study, asked, b))} for b in shown],
        "by_event_time": [_at_event_time(path, asked, t, limit) for t in path.times[path.times >= 0]],
        "seen": seen.value,
        "seen_as": seen.words,
        "threshold": limit,
        "breakdown": found.breakdown if np.isfinite(found.breakdown) else None,
        "event_times": [plain(t) for t in path.times],
        "reference": plain(path.reference),
    }
    reason = _words(path.named(target), asked, found, seen) + path.words()
    return Check(NAME, _verdict(found), reason, details["breakdown"], None, details)


@dataclass(frozen=True)
class _Found:
    """Intervals and breakdown value of the effect of interest."""

    original: Interval
    at_limit: Interval | None
    breakdown: float
    limit: float


def _study(path: LongPath, weights: Floats) -> EventStudy:
    return EventStudy(path.values, path.covariance, path.n_before, weights[path.n_before :])


def _robust(study: EventStudy, asked: _Question, bound: float) -> Interval | None:
    return robust_interval(study, asked.restriction, bound, grid=asked.grid, **asked.options)


def _original(study: EventStudy, asked: _Question) -> Interval:
    """The interval with parallel trends."""
    ends = Estimate(study.estimate, study.std_error).interval(asked.level)
    assert ends is not None
    return ends


def _at_event_time(path: LongPath, asked: _Question, time: float, limit: float) -> dict[str, Any]:
    """The effect at one event time, its interval and its robust one at the threshold."""
    study = _study(path, path.weights(float(time)))
    low, high = _original(study, asked)
    original = {"original_low": low, "original_high": high}
    return {
        "event_time": plain(time),
        "estimate": study.estimate,
        **original,
        **_ends(_robust(study, asked, limit)),
    }


@dataclass(frozen=True)
class _Seen:
    """What differences of trends after treatment are compared with."""

    value: float
    words: str


def _seen(study: EventStudy, asked: _Question) -> _Seen:
    """The largest change (of slope) before treatment; with too few periods for a slope to change, a standard error."""
    order = 1 if asked.restriction == "relative_magnitudes" else 2
    changes = differences(order, study.n_before, study.n_after)[: -study.n_after] @ study.coefficients
    largest = float(np.abs(changes).max(initial=0.0))
    if largest > 0 or asked.relative:
        return _Seen(largest, CHANGE if order == 1 else BEND)
    return _Seen(float(np.sqrt(study.covariance[study.n_before - 1, study.n_before - 1])), NOISE)


def _ends(ends: Interval | None) -> dict[str, Any]:
    low, high = ends or (None, None)
    return {"ci_low": low, "ci_high": high, "reason": None if ends else EMPTY}


def _holds_zero(ends: Interval) -> bool:
    return ends[0] <= 0 <= ends[1]


def _verdict(found: _Found) -> Verdict:
    if _holds_zero(found.original) or found.at_limit is None:
        return "inconclusive"
    return "fail" if found.breakdown < found.limit else "pass"


def _between(ends: Interval) -> str:
    return f"{number(ends[0])} to {number(ends[1])}"


def _words(target: str, asked: _Question, found: _Found, seen: _Seen) -> str:
    usual = f"the {100 * asked.level:.6g}% interval of {target}"
    if _holds_zero(found.original):
        return (
            f"With parallel trends {usual} is {_between(found.original)}: not told apart from zero, so there is no finding "
            "that a difference of trends could take away."
        )
    assumed = f"With {_assumption(asked, found.limit, seen)}"
    if found.at_limit is None:
        return f"{assumed}, {EMPTY}: the restriction cannot be true."
    robust = f"{usual} is {_between(found.at_limit)} ({_between(found.original)} with parallel trends)"
    return f"{assumed}, {robust}. {_breaking(asked, found.breakdown)}"


def _assumption(asked: _Question, limit: float, seen: _Seen) -> str:
    if asked.relative:
        return f"trends that differ after treatment by up to {number(limit)} times {seen.words} ({number(seen.value)})"
    return f"a difference of trends that bends by up to {number(limit)} a period ({seen.words} is {number(seen.value)})"


def _breaking(asked: _Question, broken: float) -> str:
    if broken == 0:
        return f"Zero is within the robust interval already at {asked.symbol} = 0."
    if not np.isfinite(broken):
        return f"No value of {asked.symbol} lets zero in."
    return f"Zero enters at {asked.symbol} = {number(broken)}."
