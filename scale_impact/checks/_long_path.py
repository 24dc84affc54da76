"""The path that sensitivity checks need: all effects measured from one reference period. No check."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from scale_impact.checks._reasons import ask_instead
from scale_impact.core.analysis import REFERENCE
from scale_impact.core.check import Check
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect, Family
from scale_impact.core.honest.event_study import regular
from scale_impact.core.panel import Panel, elapsed
from scale_impact.core.words import counted, plain, some
from scale_impact.errors import DesignError, UsageError

Floats = NDArray[np.float64]
Refit = Callable[[Panel, Design], Effect]
Target = Literal["overall", "first"] | float

NO_REFERENCE = (
    "Effects before and after treatment have to be measured from one reference period, and those of this estimator are not. "
    "callaway_santanna, event_study and sun_abraham have one."
)


@dataclass(frozen=True, eq=False)
class LongPath:
    """Effects by event time, the reference period left out.

    Attributes
    ----------
    times:
        Event times, [K], in order.
    reference:
        Event time of the reference period.
    values, covariance:
        [K] and [K, K], of full rank.
    df:
        Degrees of freedom of the estimator's t distribution; None for the normal distribution.
    left_out:
        Event times without a standard error.
    """

    times: Floats
    reference: float
    values: Floats
    covariance: Floats
    df: float | None
    left_out: tuple[float, ...]

    @property
    def n_before(self) -> int:
        """Event times before the reference period."""
        return int((self.times < self.reference).sum())

    @property
    def even(self) -> bool:
        """Whether event times, with the reference, are equally spaced."""
        steps = np.diff(np.sort(np.append(self.times, self.reference)))
        return bool(np.ptp(steps) <= 1e-6 * steps.max())

    def weights(self, target: Target) -> Floats:
        """Weights [K] of the effect of interest: the mean from event time 0 on, the first of these, or one event time."""
        after = np.flatnonzero(self.times >= 0)
        chosen = {"overall": after, "first": after[:1]}.get(str(target))
        if chosen is None:
            chosen = np.flatnonzero(self.times == target)
            if not len(chosen) or float(target) < 0:
                known = some([float(t) for t in self.times[after]])
                raise UsageError(
                    f"target is {target!r}; it has to be overall, first or an event time from 0 on: {known}."
                )
        weights = np.zeros(len(self.times))
        weights[chosen] = 1 / len(chosen)
        return weights

    def named(self, target: Target) -> str:
        """The effect of interest in words."""
        times = self.times[self.weights(target) > 0]
        if len(times) == 1:
            return f"the effect at event time {plain(times[0])}"
        return f"the mean effect over event times {plain(times[0])} to {plain(times[-1])}"

    def words(self) -> str:
        """What was left out, as a sentence with a space before it; nothing where nothing was."""
        if not self.left_out:
            return ""
        return f" Without event time {some(self.left_out)}, which {'have' if len(self.left_out) > 1 else 'has'} no standard error."


def long_path(
    name: str, panel: Panel, design: Design, refit: Refit, window: Sequence[float] | None
) -> LongPath | Check:
    """The path from one reference period, or the check that says why there is none.

    Estimators with a base period that varies measure each effect before treatment from the
    period before it; for these checks all have to be measured from the same one, so the estimate
    is made again with ``base_period: universal``.

    Raises
    ------
    DesignError
        A window that is none.
    """
    effect = refit(panel, replace(design, base_period="universal"))
    if (other := ask_instead(name, effect, "pre_fit and in_time_placebo")) is not None:
        return other
    path = effect.path
    if path is None or path.covariance is None:
        return Check.inapplicable(
            name, "The estimator gives no path by event time with its covariance; callaway_santanna and event_study do."
        )
    references = [float(e) for e, r in zip(path.event_times, path.reasons, strict=True) if r == REFERENCE]
    if len(references) != 1 or not _moves_with(panel, design, effect, references[0]):
        return Check.inapplicable(name, NO_REFERENCE)
    kept, lost = _usable(path, references[0], window)
    found = _taken(path, kept, references[0], tuple(lost))
    return _refused(name, found) or found


def _moves_with(panel: Panel, design: Design, effect: Effect, reference: float) -> bool:
    """Whether effects before treatment fall by 1 where treated cohorts' means in the reference period rise by 1.

    Some estimators leave a period out and still measure from an average of the periods before
    (imputation does, two-stage does). Where weights are not known the estimator is believed.

    Source: Roth (2024), on the paths of recent estimators.
    """
    path, frame = effect.path, effect.weights
    if path is None or path.weights is None or frame is None:
        return True
    names = [design.cohort_name(g) for g in range(len(design.starts))]
    starts = np.array([design.starts[names.index(name)] for name in frame.index])
    if (len(starts), panel.n_periods) != path.weights.shape[1:]:
        return True
    when = np.arange(panel.n_periods)
    treated = starts < panel.n_periods
    since = elapsed(panel.clock, when[None, :], np.where(treated, starts, 0)[:, None])
    moved = (path.weights * (treated[:, None] & (since == reference))).sum(axis=(1, 2))
    before = np.array([float(e) < reference for e in path.event_times])
    return bool(np.allclose(moved[before], -1.0, atol=1e-6))


def _usable(path: Family, reference: float, window: Sequence[float] | None) -> tuple[list[int], list[float]]:
    """Positions in the window that have a standard error, and the event times in it that have none."""
    first, last = _window(window, reference)
    inside = [k for k, e in enumerate(path.event_times) if first <= float(e) <= last and float(e) != reference]
    lost = [float(path.event_times[k]) for k in inside if path.reasons[k] is not None]
    return [k for k in inside if path.reasons[k] is None], lost


def _window(window: Sequence[float] | None, reference: float) -> tuple[float, float]:
    if window is None:
        return -np.inf, np.inf
    if len(window) != 2 or not window[0] < reference or not window[1] >= 0:
        raise DesignError(
            f"window is {list(window)}; it has to be [first, last] event time with a first one before the reference period "
            f"{plain(reference)} and a last one of 0 or more, such as [-4, 4]."
        )
    return float(window[0]), float(window[1])


def _taken(path: Family, kept: list[int], reference: float, lost: tuple[float, ...]) -> LongPath:
    assert path.covariance is not None
    index = np.array(kept, dtype=int)
    times = np.array([float(path.event_times[k]) for k in kept])
    return LongPath(times, reference, path.values[index], path.covariance[np.ix_(index, index)], path.df, lost)


def _refused(name: str, path: LongPath) -> Check | None:
    """Why a path cannot be used; None where it can."""
    if not path.n_before:
        return Check.inapplicable(
            name,
            "There is no effect before treatment beside the reference period: two periods before treatment are needed."
            + path.words(),
        )
    if not (path.times >= 0).any():
        return Check.inapplicable(name, "There is no effect after treatment with a standard error." + path.words())
    if not regular(path.covariance):
        return Check(
            name,
            "inconclusive",
            f"{counted(len(path.times), 'effect')} cannot be told apart with so few units (their covariance is singular). "
            "Give a shorter window, such as [-2, 2]." + path.words(),
        )
    return None
