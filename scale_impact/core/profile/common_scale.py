"""One scale for all outcomes: standard deviations of untreated units, and per cent; what is better is positive.

The standard deviation is that between untreated units of one period, before anybody is treated: a common trend is not in it, and
neither is anything that the measure did.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scale_impact.core.catalogue.indicator import Indicator
from scale_impact.core.cohorts import cohort_moments
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect, Estimate, Judgement
from scale_impact.core.panel import Panel
from scale_impact.core.settings import Outcome
from scale_impact.core.words import counted, number, plain

Bools = NDArray[np.bool_]

NEAR_ZERO = 0.1
"""A mean below this share of a standard deviation is too near zero to be a base for per cent."""

LARGEST_LOG = 700.0
"""exp has no larger number beyond."""

AGREES = 1e-6
"""How far, as a share, weights may miss what they have to give before they are not taken for those of the estimate."""

UNWEIGHTED = "how much each treated observation counts in the effect is not known"
"""Why there is no base, and so no per cent."""


# ---- an estimate times a number ----------------------------------------------------------------------------


@dataclass(frozen=True)
class ScaledJudgement:
    """Interval and p-value of an estimate that was multiplied by a number; the p-value stays."""

    of: Judgement
    factor: float

    @property
    def words(self) -> str:
        """The method, as it stands in results."""
        return self.of.words

    @property
    def p_value(self) -> float | None:
        """Two-sided p-value of no effect."""
        return self.of.p_value

    @property
    def std_error(self) -> float | None:
        """Standard error that goes with it."""
        return None if self.of.std_error is None else abs(self.factor) * self.of.std_error

    @property
    def df(self) -> float | None:
        """Degrees of freedom that go with ``std_error``."""
        return self.of.df

    def interval(self, level: float) -> tuple[float, float] | None:
        """Confidence interval, its ends in order."""
        ends = self.of.interval(level)
        if ends is None:
            return None
        low, high = sorted(self.factor * end for end in ends)
        return low, high


def scaled(estimate: Estimate, factor: float) -> Estimate:
    """An estimate times a number that is not zero; the p-value stays."""
    if estimate.value is None:
        return estimate
    error = None if estimate.std_error is None else abs(factor) * estimate.std_error
    judged = None if estimate.judged is None else ScaledJudgement(estimate.judged, factor)
    return Estimate(factor * estimate.value, error, estimate.df, estimate.reason, judged)


# ---- standard deviations of untreated units ------------------------------------------------------------------


@dataclass(frozen=True)
class Spread:
    """How untreated units vary before anybody is treated.

    Attributes
    ----------
    sd:
        Standard deviation between units of one period, in the outcome's unit; None where there is none.
    mean:
        Their mean.
    words:
        Which units and periods, or why there is none.
    """

    sd: float | None
    mean: float | None
    words: str


@dataclass(frozen=True, eq=False)
class Reference:
    """Cohort x period cells of a design that are untreated, [G, T], and their periods and cohorts in words."""

    cells: Bools
    words: str


def reference_of(panel: Panel, design: Design) -> Reference | str:
    """The untreated cells before anybody is treated: of units never treated, where these are who treated ones are compared
    with; otherwise also of those not treated yet. Why there are none.

    Where units that are treated later are among them, periods that these may anticipate count as treated. Fewer than two
    never-treated units are no comparison: those not treated yet join them.
    """
    moments = cohort_moments(panel, design)
    entering = (moments.units > 0) & (design.starts > 0)
    if design.leaving is not None:
        entering &= ~np.asarray(design.leaving)
    changes = design.starts[(moments.units > 0) & (design.starts > 0) & (design.starts < design.n_periods)]
    never = entering & (design.starts == design.n_periods)
    alone = design.control == "never" and moments.units[never].sum() >= 2
    cohorts = never if alone else entering
    first = int(changes.min(initial=design.n_periods)) - (0 if alone else design.anticipation)
    if first <= 0:
        return "no period lies before the first treated (or anticipated) one"
    n = int(moments.units[cohorts].sum())
    periods = panel.periods[:first]
    span = plain(periods[0]) if first == 1 else f"{plain(periods[0])} to {plain(periods[-1])}"
    who = counted(n, "unit" if panel.followed else "observation")
    words = f"{who} {'never treated' if alone else 'not treated yet'}, {span}"
    return Reference(cohorts[:, None] & (np.arange(design.n_periods) < first), words)


def spread_of(panel: Panel, design: Design) -> Spread:
    """Standard deviation and mean of the reference's outcomes.

    The standard deviation is pooled over periods: squares around the mean of one's period, over observations less periods. It comes
    from the cohorts' moments, so that streamed data have it too.
    """
    reference = reference_of(panel, design)
    if isinstance(reference, str):
        return Spread(None, None, f"no standard deviation of untreated units: {reference}")
    moments = cohort_moments(panel, design)
    counts = np.where(reference.cells, moments.counts, 0.0)
    total = counts.sum(axis=0)
    middle = (counts * moments.means).sum(axis=0) / np.maximum(total, 1)
    own = np.diagonal(moments.second_moments, axis1=1, axis2=2)
    squares = float((counts * (own + (moments.means - middle) ** 2)).sum())
    free = float(total.sum() - (total > 0).sum())
    mean = float((total * middle).sum() / max(total.sum(), 1))
    level = float(np.abs(np.where(counts > 0, moments.means, 0.0)).max(initial=0.0))
    if free < 1:
        return Spread(None, mean, f"no standard deviation of untreated units: too few ({reference.words})")
    sd = math.sqrt(max(squares, 0.0) / free)
    if sd <= 1e-9 * level:
        return Spread(
            None, mean, f"no standard deviation of untreated units: all have the same value ({reference.words})"
        )
    return Spread(sd, mean, reference.words)


def reference_rows(panel: Panel, design: Design) -> Bools | str:
    """Which observations of a panel are the reference, [n]; why there are none."""
    reference = reference_of(panel, design)
    if isinstance(reference, str):
        return reference
    codes = design.cohort_codes[panel.unit_codes]
    return np.asarray((codes >= 0) & reference.cells[codes, panel.period_codes])


# ---- per cent -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PerCent:
    """An effect in per cent of what would have been.

    Attributes
    ----------
    value, low, high:
        In per cent; an end is None where there is no interval.
    base:
        Mean of the treated without the measure, each counted as in the effect, in the outcome's unit; None for logarithms.
    reason:
        Why there is none.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    base: float | None = None
    reason: str | None = None


def per_cent_of(effect: Effect, panel: Panel, design: Design, spread: Spread, *, log: bool, level: float) -> PerCent:
    """An effect in per cent.

    Of a level: of the mean outcome of the treated less the effect, taken as known; observations count there as they do in the
    effect, so that a change of everybody by 10 % is 10 %. Of logarithms: exp(effect) - 1, the change of the geometric mean. A base
    that may be negative, lies near zero or has unknown weights gives no per cent.
    """
    estimate = effect.overall
    if estimate.value is None:
        return PerCent(None, reason=estimate.reason)
    if log:
        return _of_logs(estimate, level)
    if panel.streamed:
        return PerCent(None, reason="the data were streamed: whether the outcome can be negative is not known")
    if float(panel.values.min()) < 0:
        return PerCent(None, reason="the outcome can be negative")
    treated = treated_mean(effect, panel, design)
    if treated is None:
        return PerCent(None, reason=UNWEIGHTED)
    base = treated - estimate.value
    if base <= NEAR_ZERO * (spread.sd or 0.0):
        return PerCent(None, reason=f"the mean without the measure ({number(base)}) is too near zero")
    low, high = (None if e is None else 100 * e / base for e in _ends(estimate, level))
    return PerCent(100 * estimate.value / base, low, high, base)


def _of_logs(estimate: Estimate, level: float) -> PerCent:
    value, low, high = (None if e is None else _from_log(e) for e in (estimate.value, *_ends(estimate, level)))
    if value is None:
        return PerCent(None, reason=f"exp({number(estimate.value or 0.0)}) has no number")
    return PerCent(value, low, high)


def _from_log(change: float) -> float | None:
    return 100 * math.expm1(change) if change < LARGEST_LOG else None


def _ends(estimate: Estimate, level: float) -> tuple[float | None, float | None]:
    low, high = estimate.interval(level) or (None, None)
    return tuple(e if e is not None and math.isfinite(e) else None for e in (low, high))  # type: ignore[return-value]


def treated_mean(effect: Effect, panel: Panel, design: Design) -> float | None:
    """Mean outcome of the treated, each counted as in the effect; None where that is not known.

    Weights on cohorts' means are believed where they give the estimate itself and those of treated cells add up to 1: less the
    effect, the mean is then what the same weights make of the untreated.
    """
    weights = effect.weights
    if weights is None or design.treatment is not None:
        return effect.treated_mean
    names = [design.cohort_name(g) for g in range(len(design.starts))]
    if not set(weights.index) <= set(names) or weights.shape[1] != design.n_periods:
        return effect.treated_mean
    rows = [names.index(name) for name in weights.index]
    means, weight = cohort_moments(panel, design).means[rows], weights.to_numpy(dtype=float)
    parts = np.where(weight != 0, weight * means, 0.0)
    on = np.arange(design.n_periods) >= design.starts[rows][:, None]
    level = float(np.abs(parts).sum())
    agree = abs(float(parts.sum()) - (effect.overall.value or 0.0)) <= AGREES * level
    return float(parts[on].sum()) if agree and abs(float(weight[on].sum()) - 1) <= AGREES else effect.treated_mean


# ---- which way is better ----------------------------------------------------------------------------------------

SIGNS = {"+": 1.0, "-": -1.0, "target": -1.0}
"""What makes more better; of a target the distance to it is looked at, and less of that is better."""


def sign_of(indicator: Indicator) -> float | None:
    """1 where more is better, -1 where less is (or nearer to a target); None where nobody judges."""
    return SIGNS.get(indicator.direction)


def distance_to(frame: pd.DataFrame, outcome: Outcome, target: float) -> tuple[pd.DataFrame, Outcome] | str:
    """The data with the distance of an outcome to its target as a column; why there is none.

    Of logarithms it is the distance to the target's logarithm.
    """
    if outcome.scale == "log" and target <= 0:
        return f"the column holds logarithms, and the target {number(target)} has none"
    best = math.log(target) if outcome.scale == "log" else target
    name = f"distance of {outcome.column} to {plain(target)}"
    return frame.assign(**{name: (frame[outcome.column] - best).abs()}), outcome.model_copy(update={"column": name})
