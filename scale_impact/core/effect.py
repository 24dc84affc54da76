"""Estimates: a number with its uncertainty, families of them with their covariance, an Effect.

"No number" is a value too: an Estimate without a standard error, or without a value, says why.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.words import plain, to_label

if TYPE_CHECKING:
    import pandas as pd

    from scale_impact.core.bands import Band, Draws
    from scale_impact.core.causal.adjusted import Adjusted
    from scale_impact.core.causal.discontinuity.found import Discontinuity
    from scale_impact.core.causal.heterogeneity import Heterogeneity
    from scale_impact.core.causal.instruments.instrumental import Instrumental
    from scale_impact.core.influence import Influence
    from scale_impact.core.synthetic.counterfactual import Counterfactual

Floats = NDArray[np.float64]
Kind = Literal["overall", "event_time", "cohort", "period", "cohort_period", "unit", "subgroup", "specification"]

ROW_FIELDS = (
    "kind", "label", "cohort", "period", "event_time", "estimate", "std_error", "df", "level", "ci_low", "ci_high",
    "p_value", "n_units", "n_treated", "n_periods", "n_obs", "n_clusters", "inference", "context",
)  # fmt: skip


NONE_OWN = "none of its own"
"""``Effect.inference`` of estimators whose numbers have no standard errors until a method judges them."""

NO_ERROR = "no standard error of its own: with so few treated units an interval is by placebo cities or permutations"
"""The reason of such a number, until it is judged."""


class Judgement(Protocol):
    """How an estimate is judged where a normal or t interval is not valid: a bootstrap, a randomisation test, ..."""

    @property
    def words(self) -> str:
        """The method, as it stands in results."""

    @property
    def p_value(self) -> float | None:
        """Two-sided p-value of no effect."""

    @property
    def std_error(self) -> float | None:
        """Standard error that goes with it; None where the estimate keeps its own."""

    @property
    def df(self) -> float | None:
        """Degrees of freedom that go with ``std_error``."""

    def interval(self, level: float) -> tuple[float, float] | None:
        """Confidence interval; an end may be infinite; None where the method gives none."""


@dataclass(frozen=True)
class Estimate:
    """A number, its standard error and what the two are worth.

    Attributes
    ----------
    value:
        The estimate, in the outcome's unit; None where there is none.
    std_error:
        Its standard error; None where it cannot be had.
    df:
        Degrees of freedom of the t distribution; None for the normal distribution.
    reason:
        Why there is no value or no standard error.
    judged:
        What gives interval and p-value in place of the t or normal distribution.
    """

    value: float | None
    std_error: float | None = None
    df: float | None = None
    reason: str | None = None
    judged: Judgement | None = None

    def judge(self, judgement: Judgement | None) -> Estimate:
        """The estimate with interval and p-value by a judgement, and its standard error where it brings one."""
        if judgement is None or judgement.std_error is None:
            return replace(self, judged=judgement)
        return replace(self, std_error=judgement.std_error, df=judgement.df, reason=None, judged=judgement)

    def interval(self, level: float = 0.95) -> tuple[float, float] | None:
        """Confidence interval at a level between 0 and 1; None without a standard error."""
        if not 0 < level < 1:
            raise ValueError(f"level is {level!r}; it has to lie between 0 and 1, such as 0.95.")
        if self.judged is not None:
            return self.judged.interval(level)
        if self.value is None or self.std_error is None:
            return None
        half = _quantile(0.5 + level / 2, self.df) * self.std_error
        return self.value - half, self.value + half

    @property
    def p_value(self) -> float | None:
        """Two-sided p-value of no effect; None without a standard error."""
        if self.judged is not None:
            return self.judged.p_value
        if self.value is None or not self.std_error:
            return None
        return 2 * _upper_tail(abs(self.value / self.std_error), self.df)


@dataclass(frozen=True, eq=False)
class Family:
    """Estimates of one kind, with their covariance: a path by event time, effects by cohort, ...

    Attributes
    ----------
    kind:
        What the estimates are indexed by.
    values:
        The K estimates.
    covariance:
        K x K; None where it was not kept (then ``variances`` still has its diagonal).
    variances:
        The K squared standard errors.
    event_times, cohorts, periods:
        The labels that the kind uses; empty tuples otherwise.
    reasons:
        Why an estimate has no standard error; None where it has one.
    df:
        Degrees of freedom of the t distribution; None for the normal distribution.
    weights:
        [K, G, T] on the cohorts' mean paths, where the estimator is linear.
    influence:
        What each unit adds to the estimates' error.
    names:
        Labels of the rows where the kind has none of its own (``subgroup``).
    points:
        Where on a scale the estimates of a curve lie, such as doses.
    estimand:
        What is estimated, where it is not the effect's.
    dfs:
        Degrees of freedom of each estimate, where they differ; ``df`` is then the least.
    judged:
        What gives interval and p-value of each estimate in place of the t or normal
        distribution; empty, or None where that is as for others.
    draws:
        How errors were drawn where standard errors are from a bootstrap; uniform bands follow it.
    contexts:
        What is known of whom each estimate is about, by column (``unit`` and ``subgroup``); empty where nothing is said.
    samples:
        Counts of those whom each estimate is about, where that is not all whom the effect is about; else empty.
    """

    kind: Kind
    values: Floats
    variances: Floats
    covariance: Floats | None
    reasons: tuple[str | None, ...]
    event_times: tuple[Any, ...] = ()
    cohorts: tuple[Any, ...] = ()
    periods: tuple[Any, ...] = ()
    df: float | None = None
    weights: Floats | None = None
    influence: Influence | None = None
    names: tuple[str, ...] = ()
    points: tuple[float, ...] = ()
    estimand: str | None = None
    dfs: Floats | None = None
    judged: tuple[Judgement | None, ...] = ()
    draws: Draws | None = None
    contexts: tuple[Mapping[str, float | str], ...] = ()
    samples: tuple[Sample, ...] = ()

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[Estimate]:
        return (self[k] for k in range(len(self)))

    def __getitem__(self, k: int) -> Estimate:
        """The k-th estimate."""
        reason = self.reasons[k]
        se = None if reason else math.sqrt(self.variances[k])
        df = self.df if self.dfs is None else float(self.dfs[k])
        estimate = Estimate(float(self.values[k]), se, df, reason)
        return estimate.judge(self.judged[k]) if self.judged else estimate

    def at(self, event_time: float) -> Estimate:
        """The estimate of an event time."""
        if event_time not in self.event_times:
            raise KeyError(f"no event time {event_time}; there are {', '.join(plain(e) for e in self.event_times)}")
        return self[self.event_times.index(event_time)]

    @property
    def std_errors(self) -> list[float | None]:
        """Standard errors, None where there is none."""
        return [e.std_error for e in self]

    def band(self, level: float = 0.95, draws: Draws | None = None) -> Band:
        """Intervals that hold for all estimates at once (a uniform, sup-t band); see ``core.bands``."""
        from scale_impact.core.bands import band

        return band(self, level, draws or self.draws)

    def select(self, chosen: NDArray[Any]) -> Family:
        """Some of the estimates (positions), with their covariance."""
        index = np.asarray(chosen, dtype=int)
        return replace(
            self,
            values=self.values[index],
            variances=self.variances[index],
            covariance=None if self.covariance is None else self.covariance[np.ix_(index, index)],
            reasons=_pick(self.reasons, index),
            event_times=_pick(self.event_times, index),
            cohorts=_pick(self.cohorts, index),
            periods=_pick(self.periods, index),
            names=_pick(self.names, index),
            points=_pick(self.points, index),
            df=self.df if self.dfs is None else float(self.dfs[index].min(initial=np.inf)),
            dfs=None if self.dfs is None else self.dfs[index],
            weights=None if self.weights is None else self.weights[index],
            influence=None if self.influence is None else self.influence.select(index),
            judged=_pick(self.judged, index),
            contexts=_pick(self.contexts, index),
            samples=_pick(self.samples, index),
        )

    def labels(self, k: int) -> dict[str, Any]:
        """The label fields of the k-th row."""
        fields = {"cohort": self.cohorts, "period": self.periods, "event_time": self.event_times}
        return {name: (to_label(labels[k]) if labels else None) for name, labels in fields.items()}

    def context(self, k: int) -> dict[str, float | str] | None:
        """What is known of whom the k-th estimate is about; None where nothing is."""
        return dict(self.contexts[k]) if self.contexts else None


@dataclass(frozen=True)
class Sample:
    """What an effect rests on: counts after everything that was left out."""

    n_units: int
    n_treated: int
    n_periods: int
    n_obs: int
    n_clusters: int


@dataclass(frozen=True, eq=False)
class Effect:
    """The result of every estimator.

    Attributes
    ----------
    estimator:
        Key of the estimator.
    estimand:
        What is estimated: ATT unless the estimator says otherwise.
    overall:
        One number for the whole.
    path:
        By event time, with covariance; None where there is none.
    by_cohort, by_period, cells:
        By cohort, by calendar period, by cohort and period; None where there is none.
    weights:
        Frame, cohorts x periods: weight of each cohort's mean in ``overall``; None where the
        estimator is not linear in them.
    summaries:
        Other one-number summaries by name (for example the mean over event times).
    curves:
        Further families by name, such as the effect over doses.
    decomposition:
        Frame of the Goodman-Bacon comparisons, for two-way fixed effects.
    influence:
        What each unit adds to the error of ``overall`` (K = 1).
    inference:
        How the standard errors were made, in words.
    notes:
        What a reader of the number has to know.
    treated_mean:
        Mean outcome of the treated as ``overall`` counts them, where ``weights`` is None and it is known all the same.
    counterfactual:
        What would have been, as estimators of the synthetic control family build it, and how to ask again in other worlds.
    judged_by:
        Method that ``inference: auto`` takes for this effect, or ``analytic``; None: by the number of clusters.
    discontinuity:
        The jump at a threshold and what it was estimated from; None where no threshold decides.
    adjusted:
        The rows that were compared and how each counts, for estimators that adjust for covariates.
    heterogeneity:
        Effects by context, for estimators that tell for whom a measure works.
    instrumental:
        First stage, reduced form and tests, for estimators that use instruments.
    """

    estimator: str
    overall: Estimate
    sample: Sample
    inference: str
    estimand: str = "ATT"
    path: Family | None = None
    by_cohort: Family | None = None
    by_period: Family | None = None
    cells: Family | None = None
    weights: pd.DataFrame | None = None
    summaries: dict[str, Estimate] = field(default_factory=dict)
    curves: dict[str, Family] = field(default_factory=dict)
    decomposition: pd.DataFrame | None = None
    influence: Influence | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()
    treated_mean: float | None = None
    counterfactual: Counterfactual | None = field(default=None, repr=False)
    judged_by: str | None = None
    discontinuity: Discontinuity | None = field(default=None, repr=False)
    adjusted: Adjusted | None = field(default=None, repr=False)
    heterogeneity: Heterogeneity | None = field(default=None, repr=False)
    instrumental: Instrumental | None = field(default=None, repr=False)

    def families(self) -> list[Family]:
        """The families that this effect has."""
        usual = [f for f in (self.path, self.by_cohort, self.by_period, self.cells) if f is not None]
        return [*usual, *self.curves.values()]

    def estimands(self) -> list[str]:
        """What each row estimates, in the order of ``rows``."""
        return [self.estimand, *(f.estimand or self.estimand for f in self.families() for _ in range(len(f)))]

    def rows(self, level: float = 0.95) -> list[dict[str, Any]]:
        """One flat row a number, from ``kind`` on, as in estimates.jsonl."""
        overall = flat_row("overall", "overall", self.overall, self.sample, self.inference, level)
        rest = [self._row(f, k, estimate, level) for f in self.families() for k, estimate in enumerate(f)]
        return [overall, *rest]

    def to_frame(self, level: float = 0.95) -> pd.DataFrame:
        """The rows of ``estimates.jsonl`` from ``kind`` on, as a frame."""
        import pandas as pd

        return pd.DataFrame(self.rows(level), columns=list(ROW_FIELDS))

    def _row(self, family: Family, k: int, estimate: Estimate, level: float) -> dict[str, Any]:
        sample = family.samples[k] if family.samples else self.sample
        labels = {**family.labels(k), "context": family.context(k)}
        return flat_row(family.kind, _row_label(family, k), estimate, sample, self.inference, level, **labels)


def flat_row(
    kind: str, label: str, estimate: Estimate, sample: Sample | None, inference: str, level: float, **labels: Any
) -> dict[str, Any]:
    """One number as the row of estimates.jsonl from ``kind`` on; fields that it does not use are null."""
    low, high = (end if math.isfinite(end) else None for end in estimate.interval(level) or (math.nan, math.nan))
    filled = {
        "kind": kind,
        "label": label,
        **labels,
        "estimate": estimate.value,
        "std_error": estimate.std_error,
        "df": estimate.df,
        "level": level,
        "ci_low": low,
        "ci_high": high,
        "p_value": estimate.p_value,
        **({} if sample is None else vars(sample)),
        "inference": _how(inference, estimate),
    }
    return {name: filled.get(name) for name in ROW_FIELDS}


def _how(inference: str, estimate: Estimate) -> str:
    """How interval and p-value were made, or why there are none; what holds until a number is judged is not said after that."""
    judged = None if estimate.judged is None else estimate.judged.words
    reason = None if judged and estimate.reason == NO_ERROR else estimate.reason
    own = None if inference == NONE_OWN and (judged or reason) else inference
    return "; ".join(w for w in (own, reason, judged) if w)


def _pick(labels: tuple[Any, ...], index: NDArray[np.int64]) -> tuple[Any, ...]:
    return tuple(labels[k] for k in index) if labels else ()


def _row_label(family: Family, k: int) -> str:
    if family.names:
        return family.names[k]
    parts = [f"{name} {plain(value)}" for name, value in family.labels(k).items() if value is not None]
    return ", ".join(parts).replace("event_time", "event time")


def _quantile(p: float, df: float | None) -> float:
    from scipy import special

    return float(special.ndtri(p) if df is None else special.stdtrit(df, p))


def _upper_tail(t: float, df: float | None) -> float:
    from scipy import special

    return float(special.ndtr(-t) if df is None else special.stdtr(df, -t))
