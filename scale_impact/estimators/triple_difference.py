"""Triple differences: how much more the affected units of treated places moved than elsewhere.

Places (cities, regions) adopt a measure at some date or never; in each of them some units are
affected by it (subgroup 1: eligible firms, low-income households) and some are not (subgroup 0).
The affected may have their own trend, and so may the places: what must be parallel is the gap
between both subgroups. Right where a simple difference in differences fails because treated places
drift; wrong where the measure spills over to the unaffected there.

With several dates each comparison cohort is used by itself and all are combined with optimal
weights: pooling all units that are not yet treated, as in other estimators, is biased here even
where every assumption holds (Ortiz-Villavicencio and Sant'Anna 2025).

Standard errors are analytic (from the influence function, no small-sample correction, normal
reference distribution), clustered by unit or by the design's cluster; those of averages include
that the cohorts' shares are estimated, and take the optimal weights as known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np

from scale_impact.core.analysis import Analysis
from scale_impact.core.design import Design
from scale_impact.core.doubly_robust import METHODS, Method
from scale_impact.core.effect import Effect, Estimate, Family, Kind
from scale_impact.core.keys import Column
from scale_impact.core.panel import Panel
from scale_impact.core.words import counted
from scale_impact.errors import DesignError, UsageError
from scale_impact.estimators._convention import listed
from scale_impact.estimators._group_time import (
    Aggregates,
    Averages,
    Window,
    aggregated,
    identity,
    labels_of,
    not_among,
    reasons_of,
)
from scale_impact.estimators._triple import Halves, LinearTriples, TripleCells, with_covariates

Aggregation = Literal["simple", "event_time", "cohort", "period"]

ALONE = "no standard error: a subgroup compared is one unit, whose own variation cannot be seen"


def fit(
    panel: Panel,
    design: Design,
    *,
    subgroup: Column,
    covariates: Sequence[Column] = (),
    method: Method = "dr",
    aggregation: Aggregation = "simple",
    min_e: float | None = None,
    max_e: float | None = None,
) -> Effect:
    """Effects on affected units by cohort and period, and their averages.

    Parameters
    ----------
    panel, design:
        A balanced panel, or cross-sections. Treatment is that of the place: it begins for affected and unaffected
        units alike. ``control``, ``base_period`` and ``anticipation`` are the design's.
    subgroup:
        0/1 column, constant within a unit; 1 where the measure affects units once it is there.
    covariates:
        Columns given which the gap would have moved alike (panels), with their value in a comparison's earlier period.
    method:
        ``dr`` (doubly robust), ``ipw`` or ``reg``, as in callaway_santanna.
    aggregation:
        Which average is ``overall``: ``simple`` (over cohort x period cells, by affected units), ``event_time``,
        ``cohort`` or ``period`` (the mean of those effects after treatment). All four are in ``summaries``.
    min_e, max_e:
        First and last event time of the path, and of effects in ``simple`` and ``cohort`` averages.

    Returns
    -------
    Effect with path, effects by cohort, by period and by cell; ``weights`` by cohort and subgroup.

    Raises
    ------
    DesignError
        A subgroup that is not 0 or 1; no cohort with both to compare with; covariates in cross-sections.
    EstimationError
        The models can be fitted for no cohort.

    Source: Ortiz-Villavicencio and Sant'Anna (2025), theorem 4.1, equations 4.5 and 4.11 to 4.14;
    with one date Olden and Moller (2022), equation 3.
    """
    _refuse_unknown(aggregation, method)
    halves, names = Halves.of(panel, design, subgroup), listed(covariates)
    if names and design.cross_sections:
        raise DesignError(
            "triple_difference takes covariates in panels only. Leave them out for repeated cross-sections."
        )
    found = with_covariates(halves, halves.cells(), names, method) if names else LinearTriples(halves, halves.cells())
    averages = aggregated(found.cells, found.values, halves.share, halves.analysis.moments, Window(min_e, max_e))
    effect = _effect(_Maker(halves, found), averages, aggregation, _model(names, method))
    first = f"The effect is on units with {subgroup} 1; those with {subgroup} 0 are the third difference."
    return replace(effect, notes=(*halves.analysis.notes(), first, *effect.notes))


def _effect(maker: _Maker, averages: Aggregates, aggregation: Aggregation, model: str) -> Effect:
    """The averages as a result."""
    halves, found, top = maker.halves, maker.found, averages.summaries[aggregation]
    summaries = {name: maker.overall(average) for name, average in averages.summaries.items()}
    each = identity(found.cells, found.values, len(halves.at))
    return Effect(
        estimator="triple_difference",
        overall=summaries[aggregation],
        sample=replace(halves.analysis.sample(), n_treated=_affected(halves, found)),
        inference=f"analytic, clustered by {halves.analysis.clustered_by}{model}",
        path=maker.family("event_time", averages.path),
        by_cohort=maker.family("cohort", averages.by_cohort),
        by_period=maker.family("period", averages.by_period),
        cells=maker.family("cohort_period", each),
        weights=maker.weight_frame(top),
        summaries=summaries,
        influence=found.influence(top),
        notes=(*_notes(halves, found, top), *found.notes),
    )


def _refuse_unknown(aggregation: str, method: str) -> None:
    given = {"aggregation": (aggregation, get_args(Aggregation)), "method": (method, get_args(Method))}
    problems = not_among(given)
    if problems:
        raise UsageError(problems)


def _model(names: Sequence[str], method: Method) -> str:
    return f"; {METHODS[method]} on {', '.join(names)}" if names else ""


def _affected(halves: Halves, found: TripleCells) -> int:
    """Affected units of cohorts with an effect."""
    return int(halves.affected[np.unique(found.cells.cohort[found.cells.post])].sum())


@dataclass(frozen=True, eq=False)
class _Maker:
    """Makes estimates and families of averages."""

    halves: Halves
    found: TripleCells

    @property
    def analysis(self) -> Analysis:
        """Of the cohorts as the design has them."""
        return self.halves.analysis

    def overall(self, average: Averages) -> Estimate:
        """One average."""
        variances = np.diag(self.found.covariance(average))
        return self.analysis.estimate(
            average.values[0],
            variances[0],
            None,
            reasons_of(self.analysis, self.found.cells, average, variances, ALONE)[0],
        )

    def family(self, kind: Kind, averages: Averages) -> Family:
        """Averages with their covariance."""
        covariance = self.found.covariance(averages)
        variances = np.diag(covariance)
        return Family(
            kind=kind,
            values=averages.values,
            variances=variances,
            covariance=covariance,
            reasons=reasons_of(self.analysis, self.found.cells, averages, variances, ALONE),
            **labels_of(self.analysis, self.found.cells, kind, averages.marks),
            influence=self.found.influence(averages),
        )

    def weight_frame(self, average: Averages) -> Any:
        """Weights of an average on the mean of each cohort and subgroup, as a frame."""
        weights = self.found.weights(average)
        frame = None if weights is None else self.halves.parts.weight_frame(weights[0])
        return None if frame is None else frame.set_axis(self.halves.names(), axis=0).rename_axis("cohort")


def _notes(halves: Halves, found: TripleCells, top: Averages) -> list[str]:
    """Which cohorts have no effect, and what rests on one unit."""
    analysis, cells, notes = halves.analysis, found.cells, []
    reached = np.unique(cells.cohort[cells.post])
    for g in np.setdiff1d(np.flatnonzero(analysis.treated), reached):
        why = (
            "no comparison or no period before treatment is left for it"
            if halves.whole[g]
            else "it has one subgroup only"
        )
        notes.append(
            f"Cohort {analysis.names[g]} ({counted(int(analysis.moments.units[g]), 'unit')}) has no effect of its own: {why}."
        )
    alone = float(top.weight[cells.alone].sum())
    if 1e-12 < alone < 1 - 1e-12:
        notes.append(
            f"{alone:.0%} of the overall effect's weight rests on a subgroup of one unit, whose own variation cannot be seen: read "
            "its standard error as a lower bound."
        )
    return notes
