"""What estimators of cohort x period effects share: averages by event time, cohort and period; not an estimator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.adjusted_cells import ImputedWith, imputed_with
from scale_impact.core.analysis import REFERENCE, Analysis
from scale_impact.core.cell_effects import Bools, CellEffects, Imputed, event_times
from scale_impact.core.cohorts import Cohorts, Floats, Scores
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect, Estimate, Family, Kind, Sample
from scale_impact.core.fixed_effects import SmallSample, treated_cells
from scale_impact.core.influence import Influence
from scale_impact.core.rows import as_matrix
from scale_impact.core.unit_columns import Units
from scale_impact.core.words import counted, plain
from scale_impact.errors import DesignError, UsageError
from scale_impact.estimators._regression import covariate

FULL_COVARIANCE = 1500
"""Up to so many cohort x period effects their whole covariance is kept."""

KFixef = Literal["nonnested", "full", "none"]
"""Which fixed effects count in fixest's small-sample correction."""

ALONE = "no standard error: it rests on one treated or one control unit, whose own variation cannot be seen"


@dataclass(frozen=True)
class Labels:
    """What a family's estimates are indexed by."""

    event_times: tuple[Any, ...] = ()
    cohorts: tuple[Any, ...] = ()
    periods: tuple[Any, ...] = ()


@dataclass(frozen=True, eq=False)
class Averager:
    """Averages over the effects of cells, each observation counting the same.

    Attributes
    ----------
    analysis, cells:
        The cohorts, and their effects.
    factor:
        Small-sample factor on the variances.
    df:
        Degrees of freedom of the t distribution; None for the normal distribution.
    counted:
        Whether they fall by the number of averages made at once (coefficients of a regression).
    spread:
        Whether scores hold how the averaged effects differ: where an average is a second-stage
        regression (its residuals), or where the cells' shares are estimated. It is the same sum.
    """

    analysis: Analysis
    cells: CellEffects
    factor: float = 1.0
    df: float | None = None
    counted: bool = False
    spread: bool = False

    @cached_property
    def since(self) -> Floats:
        """Event time of each cell, [G, T]; NaN for the never treated."""
        return event_times(self.cells.moments)

    @cached_property
    def post(self) -> Bools:
        """Cells with an effect from the first treated period on."""
        return np.asarray(self.cells.estimated & treated_cells(self.cells.moments))

    def scores(self, targets: Floats) -> Scores:
        """Scores of the averages with weights ``targets`` [K, G, T] on effects."""
        scores = self.cells.scores(targets)
        if not self.spread:
            return scores
        values, n = self.cells.values, np.maximum(self.cells.moments.counts, 1)
        gap = values - np.tensordot(targets, values, 2)[:, None, None]
        more = targets / n * gap
        return replace(scores, offsets=scores.offsets + (more.sum(axis=2) if self.cells.moments.followed else more))

    def overall(self) -> Estimate:
        """The average over all treated cells."""
        targets = self.targets_of(self.post[None])
        value = float(np.tensordot(targets, self.cells.values, 2)[0])
        variance = float(self.cells.sums.variance(self.scores(targets))[0]) * self.factor
        alone = ALONE if self._alone(self.post[None])[0] else None
        return self.analysis.estimate(value, variance, self._df(1), alone)

    def path(self, others: Bools | None = None, reference: Bools | None = None) -> Family:
        """Averages by event time.

        ``others`` are cells [G, T] that count beside those with an effect, ``reference`` cells
        whose event time is 0 by construction.
        """
        inside = self.cells.estimated if others is None else self.cells.estimated | others
        reference = self.cells.reference if reference is None else reference
        times = np.unique(self.since[inside | reference])
        masks = (self.since == times[:, None, None]) & inside
        return self.family("event_time", masks, Labels(event_times=tuple(float(e) for e in times)))

    def influence(self, scores: Scores) -> Influence:
        """What each unit adds to the error of estimates with these scores."""
        columns, panel = self.cells.columns, self.analysis.panel
        if columns is None:
            return self.analysis.influence(scores, self.factor)
        scale = float(np.sqrt(self.factor))
        return Influence(
            panel, self.analysis.design, made=lambda: columns.influence(scores, panel.n_units), scale=scale
        )

    def by_cohort(self) -> Family:
        """Averages over the treated cells of each cohort."""
        post = self.post
        rows = np.flatnonzero(post.any(axis=1))
        masks = post & (np.arange(len(post))[:, None] == rows[:, None, None])
        return self.family("cohort", masks, Labels(cohorts=tuple(self.analysis.labels[int(g)] for g in rows)))

    def by_period(self) -> Family:
        """Averages over the treated cells of each period."""
        post = self.post
        when = np.flatnonzero(post.any(axis=0))
        masks = post & (np.arange(post.shape[1]) == when[:, None, None])
        return self.family("period", masks, Labels(periods=tuple(self.analysis.panel.periods[int(t)] for t in when)))

    def by_cell(self) -> Family:
        """Every cell's effect."""
        cohort, period = np.nonzero(self.cells.estimated)
        dates = self.analysis.labels
        labels = Labels(
            event_times=tuple(float(e) for e in self.since[cohort, period]),
            cohorts=tuple(dates[int(g)] for g in cohort),
            periods=tuple(self.analysis.panel.periods[int(t)] for t in period),
        )
        if len(cohort) > FULL_COVARIANCE:
            return self._many_cells(cohort, period, labels)
        masks = np.zeros((len(cohort), *self.cells.estimated.shape), dtype=bool)
        masks[np.arange(len(cohort)), cohort, period] = True
        return self.family("cohort_period", masks, labels)

    def family(self, kind: Kind, masks: Bools, labels: Labels) -> Family:
        """The averages over some cells, ``masks`` [K, G, T], with their covariance."""
        targets = self.targets_of(masks)
        scores = self.scores(targets)
        covariance = self.cells.sums.covariance(scores) * self.factor
        variances = np.diag(covariance)
        return Family(
            kind=kind,
            values=np.tensordot(targets, self.cells.values, 2),
            variances=variances,
            covariance=covariance,
            reasons=self._reasons(masks, variances),
            df=self._df(int(masks.any(axis=(1, 2)).sum())),
            weights=self.cells.weights(targets),
            influence=self.influence(scores),
            **vars(labels),
        )

    def _many_cells(self, cohort: NDArray[np.int64], period: NDArray[np.int64], labels: Labels) -> Family:
        """The cells' effects with variances alone."""
        variances = self.cells.variances()[cohort, period] * self.factor
        alone = self.cells.alone[cohort, period]
        others = self.analysis.reasons(variances)
        reasons = tuple(ALONE if a else other for a, other in zip(alone, others, strict=True))
        values = self.cells.values[cohort, period]
        return Family("cohort_period", values, variances, None, reasons, df=self._df(len(cohort)), **vars(labels))

    def _df(self, k: int) -> float | None:
        return self.df if self.df is None or not self.counted else self.df - k

    def targets_of(self, masks: Bools) -> Floats:
        """Weights [K, G, T] that give every observation of the cells ``masks`` [K, G, T] the same."""
        weights = masks * self.cells.moments.counts
        return np.asarray(weights / np.maximum(weights.sum(axis=(1, 2), keepdims=True), 1))

    def _alone(self, masks: Bools) -> Bools:
        return np.asarray(~(masks & ~self.cells.alone).any(axis=(1, 2)))

    def _reasons(self, masks: Bools, variances: Floats) -> tuple[str | None, ...]:
        empty, alone = np.asarray(~masks.any(axis=(1, 2))), self._alone(masks)
        found = zip(empty.tolist(), alone.tolist(), self.analysis.reasons(variances), strict=True)
        return tuple(REFERENCE if e else ALONE if a else other for e, a, other in found)


Cells = TypeVar("Cells", bound=CellEffects)


def prepared(analysis: Analysis, build: Callable[[Cohorts], Cells]) -> tuple[Analysis, Cells, list[str]]:
    """The cohorts that can be used, their effects, and what to say of the others.

    Raises
    ------
    DesignError
        No treated cell can be compared.
    """
    cells = build(analysis.moments)
    usable = cells.used.any(axis=1)
    if not (cells.estimated & treated_cells(analysis.moments)).any():
        raise DesignError(_nothing(analysis.design))
    if usable.all():
        return analysis, cells, []
    rows = np.flatnonzero(usable)
    kept = replace(analysis, moments=analysis.moments.keep(rows), positions=analysis.positions[rows])
    gone = [
        f"Cohort {analysis.names[g]} ({counted(int(analysis.moments.units[g]), 'unit')}) left out: it has no period before "
        "(anticipated) treatment in which it can be compared."
        for g in np.flatnonzero(~usable)
    ]
    return kept, build(kept.moments), gone


def never_alone(analysis: Analysis, control: int) -> list[str]:
    """Say who the comparison is, where it is not what the design's ``control`` says."""
    if analysis.treated[control]:
        return [f"Nobody is never treated: cohort {analysis.names[control]} is the comparison, before its treatment."]
    if analysis.design.control == "not_yet" and analysis.treated.sum() > 1:
        return ["The comparison are never-treated units alone, whatever `control` says."]
    return []


def all_untreated(analysis: Analysis) -> list[str]:
    """Say that units treated later are a comparison too, where the design's ``control`` says otherwise."""
    if analysis.design.control == "not_yet" or analysis.treated.sum() < 2:
        return []
    return [
        "The comparison are all untreated observations, also those of units that are treated later, whatever `control` says."
    ]


def units_of(analysis: Analysis) -> Units:
    """The units of the cohorts that enter, cohort by cohort."""
    design = analysis.design
    return Units(tuple(np.flatnonzero(design.cohort_codes == g) for g in analysis.positions), design.cluster_codes)


def covariates_of(analysis: Analysis, units: Units, names: Sequence[str], estimator: str) -> tuple[Floats, Floats]:
    """Outcome [n, T] and covariates [n, C, T] of units.

    Raises
    ------
    DesignError
        Cross-sections; a covariate that is not numeric or missing.
    """
    panel = analysis.panel
    if analysis.design.cross_sections:
        raise DesignError(
            f"{estimator} takes covariates in panels of units followed over time only. Use callaway_santanna for cross-sections."
        )
    columns = [panel.values, *(covariate(panel, name) for name in names)]
    y, *x = (as_matrix(panel, column)[units.rows] for column in columns)
    return y, np.stack(x, axis=1)


def with_covariates(analysis: Analysis, cells: Imputed, names: Sequence[str], estimator: str) -> ImputedWith:
    """Imputed effects where untreated outcomes depend on covariates that vary over time."""
    units = units_of(analysis)
    return imputed_with(cells, units, *covariates_of(analysis, units, names, estimator), names)


def small_sample(K_adj: bool, K_fixef: KFixef, G_adj: bool) -> SmallSample:
    """The correction asked for, checked."""
    if K_fixef not in get_args(KFixef):
        raise UsageError(f"K_fixef is {K_fixef!r}; it has to be one of {', '.join(get_args(KFixef))}.")
    return SmallSample(K_adj, K_fixef, G_adj)


def corrected(
    analysis: Analysis, cells: CellEffects, small: SmallSample, *, by_cohort: bool = False, traits: int = 0
) -> tuple[float, float]:
    """Small-sample factor and degrees of freedom of least squares with a dummy for each cell with an effect.

    With ``by_cohort`` (always so in cross-sections) effects of cohorts stand in for those of units,
    and slopes of each of the ``traits`` by cohort with them; they are not nested in clusters.
    """
    moments, used = cells.moments, cells.used
    n, k, groups = int(moments.counts[used].sum()), cells.coefficients, _groups(cells)
    periods, units = int(used.any(axis=0).sum()), int(moments.units.sum())
    if by_cohort or not moments.followed:
        cohorts = int(used.any(axis=1).sum())
        periods, units, k = periods + cohorts - 1, 1, k + traits * cohorts
    df = groups - 1 if moments.followed or moments.clusters is not None else n - k - periods
    return small.factor(n, k, units, periods, groups), float(df)


def _groups(cells: CellEffects) -> int:
    """Clusters that are used; each observation is one where there are no units and no clusters."""
    moments = cells.moments
    if moments.followed or moments.clusters is not None:
        return moments.n_clusters
    return int(moments.counts[cells.used].sum())


def effect_of(estimator: str, averager: Averager, inference: str, path: Family, notes: Sequence[str]) -> Effect:
    """The result: overall, by event time, by cohort, by period and by cell."""
    analysis, cells = averager.analysis, averager.cells
    post = averager.targets_of(averager.post[None])
    weights = cells.weights(post)
    return Effect(
        estimator=estimator,
        overall=averager.overall(),
        sample=_sample(averager),
        inference=inference,
        path=path,
        by_cohort=averager.by_cohort(),
        by_period=averager.by_period(),
        cells=averager.by_cell(),
        weights=None if weights is None else analysis.weight_frame(weights[0]),
        influence=averager.influence(averager.scores(post)),
        notes=(*analysis.notes(), *notes, *_notes(averager)),
    )


def _nothing(design: Design) -> str:
    if design.anticipation:
        return (
            f"No cohort can be compared with a period before treatment and its anticipation of {design.anticipation}. "
            "Shorten the anticipation or use data that begin earlier."
        )
    return (
        "No treated cohort can be compared: no control is observed in the same periods. Add untreated units, or "
        "observations of the periods before treatment."
    )


def _sample(averager: Averager) -> Sample:
    moments, used = averager.cells.moments, averager.cells.used
    return replace(
        averager.analysis.sample(),
        n_units=int(moments.units[used.any(axis=1)].sum()),
        n_treated=int(moments.units[averager.post.any(axis=1)].sum()),
        n_periods=int(used.any(axis=0).sum()),
        n_obs=int(moments.counts[used].sum()),
        n_clusters=_groups(averager.cells),
    )


def _notes(averager: Averager) -> list[str]:
    """What part of the overall effect rests on one unit, which periods and cohorts have no effect of their own."""
    analysis, cells, post = averager.analysis, averager.cells, averager.post
    notes = []
    counts = cells.moments.counts
    alone = float(counts[post & cells.alone].sum() / counts[post].sum())
    if 1e-12 < alone < 1 - 1e-12:
        notes.append(
            f"{alone:.0%} of the overall effect's weight rests on one treated or one control unit, whose own variation "
            "cannot be seen: read its standard error as a lower bound."
        )
    gone = np.flatnonzero(~cells.used.any(axis=0) & (counts.sum(axis=0) > 0))
    if len(gone):
        notes.append(f"From {plain(analysis.panel.periods[gone[0]])} on nobody is untreated: no effect there.")
    for g in np.flatnonzero(analysis.treated & ~post.any(axis=1)):
        n = counted(int(cells.moments.units[g]), "unit")
        notes.append(
            f"Cohort {analysis.names[g]} ({n}) has no effect of its own: no period before treatment or no control is left for it."
        )
    return notes
