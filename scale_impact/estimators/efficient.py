"""The efficient estimator for randomly timed rollouts of Roth and Sant'Anna (2023).

Where it was left to chance who starts when, means of treated and not yet treated units differ by
chance alone before treatment, and a difference in means is unbiased without subtracting them.
Difference-in-differences subtracts the whole difference before treatment, which adds noise where
outcomes are weakly correlated over time; this estimator subtracts the share of it (``beta``) that
makes the variance smallest. Right only for random timing: a note gives the joint test of the
means before treatment. With timing that was chosen use callaway_santanna.

Standard errors are design-based: Neyman's (the cohorts' own variances, divisor n - 1), less what
the means before treatment tell about how much effects differ between units; normal reference
distribution. They equal those of R's ``staggered``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.analysis import REFERENCE, Analysis
from scale_impact.core.cohorts import Cohorts, Floats, Scores
from scale_impact.core.comparison import Joint, wald
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect, Estimate, Family, Kind, Sample
from scale_impact.core.panel import Panel, elapsed
from scale_impact.core.words import counted, some
from scale_impact.errors import DesignError, UsageError
from scale_impact.estimators._regression import needs_panel

Aggregation = Literal["simple", "event_time", "cohort", "period"]
Adjustment = Literal["efficient", "did", "none"]
Comparison = Literal["not_yet", "last"]
Variance = Literal["adjusted", "neyman"]
OneUnit = Literal["leave_out", "keep"]

Bools = NDArray[np.bool_]

MOST_CELLS = 400
"""Up to so many cohort x period effects are given one by one, each with its own adjustment."""

ALONE = "no standard error: it rests on one treated or one control unit, whose own variation cannot be seen"
NOTHING_LEFT = "no standard error: the bound on how much effects differ takes the whole variance; say variance: neyman"
TIMING = 0.05
"""P-value of the means before treatment below which random timing is doubted."""


def fit(
    panel: Panel,
    design: Design,
    *,
    aggregation: Aggregation = "simple",
    adjustment: Adjustment = "efficient",
    comparison: Comparison = "not_yet",
    variance: Variance = "adjusted",
    one_unit: OneUnit = "leave_out",
    always_treated: bool = False,
) -> Effect:
    """Effects under random timing, adjusted for differences in means before treatment.

    Parameters
    ----------
    panel, design:
        A balanced panel. All units that are not treated yet serve as controls, whatever the
        design's ``control``: under random timing they are as good as the never treated.
    aggregation:
        Which average is ``overall``: ``simple`` (over cells, by cohort size), ``event_time`` (the
        mean of the path from event time 0 on), ``cohort`` or ``period``.
    adjustment:
        Share of the difference before treatment to subtract: ``efficient`` (estimated), ``did``
        (all: Callaway and Sant'Anna) or ``none`` (differences in means).
    comparison:
        ``last``: compare with the last cohort (the never treated) only, as Sun and Abraham do.
    variance:
        ``adjusted`` for how much effects differ, or the larger ``neyman``; with clusters above
        the unit it is Neyman's.
    one_unit:
        Cohorts of one unit: ``leave_out`` (as R's staggered) or ``keep``.
    always_treated:
        Keep units treated from the first period on; they are compared without adjustment.

    Returns
    -------
    Effect in the outcome's unit; the estimand is the ATE, because random timing makes the
    treated like the others.

    Raises
    ------
    DesignError
        Cross-sections; no cohort can be compared.

    Source: Roth and Sant'Anna (2023), sections 2.3 (estimands), 3 (beta, proposition 2) and 4.
    """
    _check(aggregation=aggregation, adjustment=adjustment, comparison=comparison, variance=variance, one_unit=one_unit)
    needs_panel("efficient", design)
    whole = Analysis.of(panel, design, always_treated=always_treated)
    kept = whole.moments.units > (1 if one_unit == "leave_out" else 0)
    rollout = Rollout(_restricted(whole, kept), comparison == "last", adjustment, variance)
    if not rollout.post.any():
        raise DesignError(_no_cell(whole, kept))
    effect = _effect(rollout, aggregation)
    return replace(effect, notes=(*rollout.analysis.notes(), *_left_out(whole, kept), *_notes(rollout)))


def _effect(rollout: Rollout, aggregation: Aggregation) -> Effect:
    averages = _averages(rollout)
    found = _adjusted(rollout, averages.targets)
    summaries = {name: found.one(averages, name).estimate(0) for name in get_args(Aggregation)}
    top = found.one(averages, aggregation)
    return Effect(
        estimator="efficient",
        estimand="ATE",
        overall=summaries[aggregation],
        sample=_sample(rollout),
        inference=_inference(rollout),
        path=averages.family(found, "event_time"),
        by_cohort=averages.family(found, "cohort"),
        by_period=averages.family(found, "period"),
        cells=_cell_family(rollout),
        weights=rollout.analysis.weight_frame(top.weights[0]),
        summaries=summaries,
        influence=rollout.analysis.influence(top.scores, top.shrinkage),
    )


def _check(**given: Any) -> None:
    allowed = {
        "aggregation": Aggregation, "adjustment": Adjustment, "comparison": Comparison, "variance": Variance,
        "one_unit": OneUnit,
    }  # fmt: skip
    problems = [
        f"{name} is {value!r}; it has to be one of {', '.join(get_args(allowed[name]))}."
        for name, value in given.items()
        if value not in get_args(allowed[name])
    ]
    if problems:
        raise UsageError(problems)


def _restricted(analysis: Analysis, kept: Bools) -> Analysis:
    rows = np.flatnonzero(kept)
    return replace(analysis, moments=analysis.moments.keep(rows), positions=analysis.positions[rows])


@dataclass(frozen=True, eq=False)
class Rollout:
    """Which cohort is compared with which in what period, and how.

    ``last_only``: controls are the last cohort alone; the others are the options of ``fit``.
    """

    analysis: Analysis
    last_only: bool
    adjustment: Adjustment
    variance: Variance

    @property
    def moments(self) -> Cohorts:
        """Of the cohorts that enter."""
        return self.analysis.moments

    @property
    def clustered(self) -> bool:
        """Whether clusters are above the unit; the variance is then Neyman's."""
        return self.moments.clusters is not None

    @cached_property
    def base(self) -> NDArray[np.int64]:
        """Last period before (anticipated) treatment, [G]; negative: none."""
        return np.asarray(self.moments.starts - 1 - self.analysis.design.anticipation)

    def controls(self, g: int) -> Floats:
        """Share of each cohort in the controls of cohort g in each period, [T, G]; 0 where there is none."""
        return self._controls[g]

    @cached_property
    def _controls(self) -> list[Floats]:
        return [self._controls_of(g) for g in range(len(self.moments.starts))]

    def _controls_of(self, g: int) -> Floats:
        starts, n = self.moments.starts, self.moments.units
        latest = np.maximum(np.arange(self.moments.n_periods), self.base[g]) + self.analysis.design.anticipation
        later = ((starts > latest[:, None]) | (starts == self.moments.n_periods)) & (np.arange(len(starts)) != g)
        if self.last_only:
            later &= starts == starts.max()
        size = later * n
        return np.asarray(size / np.maximum(size.sum(axis=1, keepdims=True), 1))

    @cached_property
    def estimated(self) -> Bools:
        """Cells with a control, [G, T]."""
        found = np.zeros(self.moments.counts.shape, dtype=bool)
        for g in range(len(found)):
            if self.moments.starts[g] < self.moments.n_periods:
                found[g] = self.controls(g).any(axis=1)
        return found

    @cached_property
    def post(self) -> Bools:
        """Cells with a control from the first treated period on, [G, T]."""
        return np.asarray(self.estimated & (np.arange(self.moments.n_periods) >= self.moments.starts[:, None]))

    @cached_property
    def since(self) -> Floats:
        """Event time of each cell, [G, T]; NaN for the never treated."""
        start = np.where(self.moments.starts < self.moments.n_periods, self.moments.starts, 0)
        since = elapsed(self.moments.clock, np.arange(self.moments.n_periods)[None, :], start[:, None])
        since[self.moments.starts == self.moments.n_periods] = np.nan
        return np.asarray(since)

    def weights(self, targets: Floats) -> tuple[Floats, Floats]:
        """Weights on the cohorts' means of averages over cells, and of their differences before treatment.

        ``targets`` [K, G, T] are the averages' weights on cells; both results are [K, G, T].

        Source: Roth and Sant'Anna (2023), section 2.4: A_theta and A_0 of theta_0 and X.
        """
        after, before = targets.copy(), np.zeros_like(targets)
        for g in np.flatnonzero(targets.any(axis=(0, 2))):
            share, mine = self.controls(int(g)), targets[:, g]
            after -= np.einsum("kt,th->kht", mine, share)
            if self.base[g] >= 0:
                before[:, g, self.base[g]] += mine.sum(axis=1)
                before[:, :, self.base[g]] -= mine @ share
        return after, before

    def scores(self, weights: Floats) -> Scores:
        """Scores of weighted means [K, G, T]; divisor n - 1 within each cohort, as in Neyman's variance."""
        n = self._replicates()
        each = weights / np.maximum(self.moments.units, 1)[:, None]
        loadings = each * np.sqrt(n / np.maximum(n - 1, 1))[:, None]
        return Scores(loadings, np.zeros(loadings.shape[:2]))

    def values(self, weights: Floats) -> Floats:
        """Weighted means, [K]; measured from one cohort, because weights sum to zero in each period."""
        means = self.moments.means
        return np.asarray(np.tensordot(weights, means - means[-1], 2))

    def _replicates(self) -> Floats:
        """Units of each cohort, or its clusters where these are above the unit."""
        clusters = self.moments.clusters
        return self.moments.units if clusters is None else clusters.n_holding().astype(float)


# ---- averages over cells -----------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Averages:
    """Weights of averages over cells, [K, G, T]: first ``names``, then one a row of ``kinds``."""

    rollout: Rollout
    targets: Floats
    names: tuple[str, ...]
    kinds: tuple[tuple[str, Any], ...]

    def rows(self, kind: str) -> NDArray[np.int64]:
        """Rows of a kind."""
        return np.array([len(self.names) + k for k, (name, _) in enumerate(self.kinds) if name == kind], dtype=int)

    def labels(self, kind: str) -> tuple[Any, ...]:
        """Labels of a kind: event times, cohorts or periods."""
        return tuple(label for name, label in self.kinds if name == kind)

    def family(self, found: Adjusted, kind: Kind) -> Family:
        """The averages of a kind with their covariance."""
        field = {"event_time": "event_times", "cohort": "cohorts", "period": "periods"}[kind]
        return found.family(kind, self.rows(kind), **{field: self.labels(kind)})


def _averages(rollout: Rollout) -> Averages:
    """Simple, cohort and period averages, and the families. Source: Roth and Sant'Anna (2023), section 2.3."""
    post, since, n = rollout.post, rollout.since, rollout.moments.units
    analysis = rollout.analysis
    cohorts, periods = np.flatnonzero(post.any(axis=1)), np.flatnonzero(post.any(axis=0))
    by_event = {float(e): _shares((since == e) & rollout.estimated, n) for e in np.unique(since[rollout.estimated])}
    by_cohort = {int(g): post * (np.arange(len(n)) == g)[:, None] / post[g].sum() for g in cohorts}
    by_period = {int(t): _shares(post & (np.arange(post.shape[1]) == t), n) for t in periods}
    size = n[cohorts] / n[cohorts].sum()
    tops = {
        "simple": _shares(post, n),
        "cohort": np.tensordot(size, np.array(list(by_cohort.values())), 1),
        "period": np.mean(list(by_period.values()), axis=0),
    }
    kinds: list[tuple[str, Any]] = [("event_time", e) for e in by_event]
    kinds += [("cohort", analysis.labels[g]) for g in by_cohort]
    kinds += [("period", analysis.panel.periods[t]) for t in by_period]
    every = [*tops.values(), *by_event.values(), *by_cohort.values(), *by_period.values()]
    return Averages(rollout, np.array(every), tuple(tops), tuple(kinds))


def _shares(inside: Bools, n: Floats) -> Floats:
    """Weights over cells by cohort size."""
    size = inside * n[:, None]
    return np.asarray(size / size.sum())


# ---- adjustment and variance -------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Adjusted:
    """Averages less beta times their differences before treatment.

    Attributes
    ----------
    rollout, targets:
        What was averaged, [K, G, T].
    weights:
        On the cohorts' means, [K, G, T].
    values:
        Length K.
    scores:
        For Neyman's variance.
    covariance:
        [K, K] as asked for.
    neyman:
        Neyman's variances, [K].
    """

    rollout: Rollout
    targets: Floats
    weights: Floats
    values: Floats
    scores: Scores
    covariance: Floats
    neyman: Floats

    @cached_property
    def reasons(self) -> tuple[str | None, ...]:
        """Why an average has no standard error."""
        variances = np.diag(self.covariance)
        reference = (self.rollout.base[:, None] == np.arange(self.targets.shape[2])) & (self.rollout.base >= 0)[:, None]
        inside = self.targets != 0
        none = ~np.any(inside & ~reference, axis=(1, 2)) & (np.abs(self.weights).max(axis=(1, 2)) < 1e-12)
        alone = ~np.any(inside & ~_one_unit(self.rollout), axis=(1, 2))
        gone = (variances <= 1e-12 * self.neyman) & (self.neyman > 0)
        others = self.rollout.analysis.reasons(variances)
        parts = zip(none, alone, gone, others, strict=True)
        return tuple(REFERENCE if r else ALONE if a else NOTHING_LEFT if g else o for r, a, g, o in parts)

    def estimate(self, k: int) -> Estimate:
        """One of the averages."""
        return self.rollout.analysis.estimate(self.values[k], self.covariance[k, k], None, self.reasons[k])

    def family(self, kind: Kind, rows: NDArray[np.int64], **labels: Any) -> Family:
        """Some of the averages; their influence gives Neyman's covariance."""
        covariance = self.covariance[np.ix_(rows, rows)]
        return Family(
            kind, self.values[rows], np.diag(covariance), covariance, tuple(self.reasons[k] for k in rows),
            weights=self.weights[rows], influence=self.rollout.analysis.influence(self.scores.select(rows)), **labels,
        )  # fmt: skip

    def one(self, averages: Averages, name: str) -> Adjusted:
        """One of the overall averages alone."""
        if name == "event_time":
            return self.map(_mean_after(averages, len(self.values)))
        return self.map(np.eye(len(self.values))[[averages.names.index(name)]])

    def map(self, matrix: Floats) -> Adjusted:
        """Linear combinations, ``matrix`` [L, K]."""
        covariance = matrix @ self.covariance @ matrix.T
        scores = self.scores.map(matrix)
        return Adjusted(
            self.rollout, np.tensordot(matrix, self.targets, 1), np.tensordot(matrix, self.weights, 1),
            matrix @ self.values, scores, covariance, self.rollout.moments.variance(scores),
        )  # fmt: skip

    @property
    def shrinkage(self) -> float:
        """Variance as asked for over Neyman's, of the first."""
        neyman = float(self.neyman[0])
        return max(float(self.covariance[0, 0]) / neyman, 0.0) if neyman > 0 else 1.0


def _adjusted(rollout: Rollout, targets: Floats) -> Adjusted:
    after, before = rollout.weights(targets)
    beta = _beta(rollout, after, before)
    weights = after - beta[:, None, None] * before
    scores = rollout.scores(weights)
    covariance = rollout.moments.covariance(scores)
    neyman = np.diag(covariance).copy()
    if rollout.variance == "adjusted" and not rollout.clustered:
        covariance = covariance - _heterogeneity(rollout, after)
    return Adjusted(rollout, targets, weights, rollout.values(weights), scores, covariance, neyman)


def _beta(rollout: Rollout, after: Floats, before: Floats) -> Floats:
    """Share of the differences before treatment to subtract, [K].

    Source: Roth and Sant'Anna (2023), proposition 2: beta = Var(X)^-1 Cov(X, theta_0), X a number.
    """
    if rollout.adjustment != "efficient":
        return np.full(len(after), 1.0 if rollout.adjustment == "did" else 0.0)
    alone, other, both = (rollout.moments.variance(rollout.scores(w)) for w in (before, after, before + after))
    shared = (both - alone - other) / 2
    known = alone > 1e-12 * np.abs(both).max(initial=0.0)
    beta = np.where(known, shared / np.where(known, alone, 1.0), 0.0)
    same = np.abs(after - before).max(axis=(1, 2)) < 1e-12  # the reference period: beta is 1 up to rounding
    return np.where(same, 1.0, beta)


def _heterogeneity(rollout: Rollout, after: Floats) -> Floats:
    """Lower bound on what differing effects take off Neyman's variance, [K, K].

    Effects that differ between units show in how the outcome's regression on the periods before
    the first treatment differs between cohorts.

    Source: Roth and Sant'Anna (2023), section 4.3 (the variance sigma_**).
    """
    moments = rollout.moments
    until = int(moments.starts.min()) - rollout.analysis.design.anticipation
    if until <= 0:
        return np.zeros((len(after), len(after)))
    n = moments.units
    spread = moments.second_moments * (n / np.maximum(n - 1, 1))[:, None, None]
    early = spread[:, :until, :until]
    slopes = np.linalg.pinv(early, rcond=1.5e-8, hermitian=True) @ spread[:, :until]
    total = np.einsum("gst,kgt->ks", slopes, after)
    return np.asarray(total @ early.mean(axis=0) @ total.T / n.sum())


def _mean_after(averages: Averages, k: int) -> Floats:
    """Row [1, K] that takes the mean of the path from event time 0 on."""
    rows, times = averages.rows("event_time"), averages.labels("event_time")
    after = np.zeros((1, k))
    after[0, rows[[e >= 0 for e in times]]] = 1 / sum(e >= 0 for e in times)
    return after


def _one_unit(rollout: Rollout) -> Bools:
    """Cells that compare with one unit on a side, [G, T]."""
    if rollout.moments.units.min() > 1:
        return np.zeros(rollout.moments.counts.shape, dtype=bool)
    n = rollout.moments.units
    alone = np.zeros(rollout.moments.counts.shape, dtype=bool)
    for g in np.flatnonzero(rollout.estimated.any(axis=1)):
        alone[g] = (n[g] == 1) | ((rollout.controls(int(g)) > 0) @ n == 1)
    return alone


def _cell_family(rollout: Rollout) -> Family | None:
    """Each cell's effect with its own adjustment; None where they are very many."""
    cohort, period = np.nonzero(rollout.estimated)
    if len(cohort) > MOST_CELLS:
        return None
    targets = np.zeros((len(cohort), *rollout.estimated.shape))
    targets[np.arange(len(cohort)), cohort, period] = 1.0
    analysis = rollout.analysis
    return _adjusted(rollout, targets).family(
        "cohort_period",
        np.arange(len(cohort)),
        event_times=tuple(float(e) for e in rollout.since[cohort, period]),
        cohorts=tuple(analysis.labels[int(g)] for g in cohort),
        periods=tuple(analysis.panel.periods[int(t)] for t in period),
    )


# ---- words -------------------------------------------------------------------------------------


def _sample(rollout: Rollout) -> Sample:
    treated = int(rollout.moments.units[rollout.post.any(axis=1)].sum())
    return replace(rollout.analysis.sample(), n_treated=treated)


def _inference(rollout: Rollout) -> str:
    by = f"clustered by {rollout.analysis.clustered_by}" if rollout.clustered else "by unit"
    kind = "adjusted" if rollout.variance == "adjusted" and not rollout.clustered else "Neyman"
    beta = {"efficient": "efficient", "did": "beta = 1", "none": "beta = 0"}[rollout.adjustment]
    return f"random timing, {kind} variance, {by}; adjustment: {beta}"


def _notes(rollout: Rollout) -> list[str]:
    notes, design = _timing(rollout), rollout.analysis.design
    if design.control == "never" and not rollout.last_only and len(design.adopting) > 1:
        notes.append(
            "Under random timing all units that are not treated yet are controls, although the design says `control: never`; "
            "`comparison: last` takes the never treated alone."
        )
    if _one_unit(rollout)[rollout.post].any():
        notes.append("Cohorts of one unit show no variation of their own: read standard errors as lower bounds.")
    return notes


def _left_out(whole: Analysis, kept: Bools) -> list[str]:
    gone = [name for name, k in zip(whole.names, kept, strict=True) if not k]
    if not gone:
        return []
    one = len(gone) == 1
    return [
        f"{'Cohort' if one else 'Cohorts'} {some(gone)} {'has' if one else 'have'} one unit and {'is' if one else 'are'} left "
        "out, because no variance can be estimated; `one_unit: keep` keeps them."
    ]


def _timing(rollout: Rollout) -> list[str]:
    """The joint test of the cohorts' means before treatment: do they differ by more than chance?"""
    found = _balance(rollout)
    if found is None:
        return ["Whether timing was random cannot be tested: there is no period before treatment to compare."]
    many = f"{counted(found.rank, 'difference')} in means before treatment, p = {found.p_value:.3f}"
    if found.p_value < TIMING:
        return [
            f"Timing does not look random ({many}): the estimate is then biased. Use callaway_santanna, which needs parallel "
            "trends only."
        ]
    return [f"Random timing is assumed; the means before treatment do not speak against it ({many})."]


def _balance(rollout: Rollout) -> Joint | None:
    """Wald test of each cohort's mean in its last period before treatment against the not yet treated."""
    cohorts = np.flatnonzero((rollout.base >= 0) & rollout.post.any(axis=1))
    targets = np.zeros((len(cohorts), *rollout.post.shape))
    targets[np.arange(len(cohorts)), cohorts, rollout.base[cohorts]] = 1.0
    weights, _ = rollout.weights(targets)
    if not len(cohorts):
        return None
    return wald(rollout.values(weights), rollout.moments.covariance(rollout.scores(weights)))


def _no_cell(whole: Analysis, kept: Bools) -> str:
    if not kept.all():
        return (
            "No cohort of two or more units has a control of two or more units. Say `one_unit: keep`, or use "
            "callaway_santanna."
        )
    if whole.design.anticipation:
        return f"Nobody is untreated beyond an anticipation of {whole.design.anticipation}. Shorten it, or add untreated units."
    return f"No cohort can be compared: everybody is treated when the first one ({whole.names[0]}) starts. Add untreated units."
