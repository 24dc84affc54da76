"""Wooldridge's extended two-way fixed effects.

Two-way fixed effects with a dummy for each cohort and treated period, averaged over the treated
observations. With ``control: not_yet`` untreated observations have no dummies, so that all of
them, also those of units treated later, are the comparison: the estimates are those of
imputation. With ``control: never`` the periods before treatment have dummies too, all but the
last before (anticipated) treatment, and only never-treated units are the comparison: the
estimates are those of Sun and Abraham. Right for several adoption dates and effects that differ
by cohort and grow, where trends would have been parallel without treatment (before and after).

Standard errors are clustered by unit (or the design's cluster) with fixest's small-sample
correction, in which every dummy counts; t distribution with G - 1 degrees of freedom.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np

from scale_impact.core.adjusted_cells import Interacted, interacted
from scale_impact.core.analysis import Analysis
from scale_impact.core.cell_effects import Bools, CellEffects, imputed, saturated
from scale_impact.core.cohorts import Cohorts
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect
from scale_impact.core.panel import Panel
from scale_impact.core.words import counted, plain
from scale_impact.errors import DesignError, EstimationError, UsageError
from scale_impact.estimators._cells import (
    Averager,
    KFixef,
    corrected,
    covariates_of,
    effect_of,
    prepared,
    small_sample,
    units_of,
)
from scale_impact.estimators._convention import listed

FixedEffects = Literal["unit", "cohort"]


def fit(
    panel: Panel,
    design: Design,
    *,
    covariates: Sequence[str] = (),
    effects: FixedEffects = "unit",
    K_adj: bool = True,
    K_fixef: KFixef = "nonnested",
    G_adj: bool = True,
) -> Effect:
    """Extended two-way fixed effects.

    Parameters
    ----------
    panel, design:
        A balanced panel, or cross-sections (cohort effects then stand in for unit effects, as
        in the paper). ``control`` says which cells have dummies; ``anticipation`` counts
        anticipated periods as treated, though not in ``overall``.
    covariates:
        Columns that do not vary over time, in panels. Untreated changes and effects may depend on
        them: they are interacted with period and, less their cohort's mean, with each dummy, so
        that effects are those at the mean. There are then no cohort weights.
    effects:
        ``"unit"`` or ``"cohort"`` effects beside those of periods: the estimates are the same, but
        in ``K_fixef: nonnested`` those of cohorts count, as in R's ``etwfe`` without ``ivar``.
    K_adj, K_fixef, G_adj:
        Small-sample correction in the words of fixest's ``ssc``.

    Returns
    -------
    Effect in the outcome's unit: ``overall`` the average over all treated observations, with
    path, effects by cohort, by period and by cell.

    Raises
    ------
    DesignError
        No treated cell can be compared; a covariate that varies within a unit or is not numeric.
    EstimationError
        Covariates that are collinear, or too many for a cohort or for the units not yet treated.

    Source: Wooldridge (2025), on staggered adoption; control groups as in R's ``etwfe``.
    """
    small = small_sample(K_adj, K_fixef, G_adj)
    if effects not in get_args(FixedEffects):
        raise UsageError(f"effects is {effects!r}; it has to be unit or cohort.")
    analysis, cells, gone = prepared(Analysis.of(panel, design), lambda m: _effects(m, design))
    found = cells if not covariates else _with_covariates(analysis, cells, listed(covariates))
    factor, df = corrected(analysis, found, small, by_cohort=effects == "cohort", traits=len(listed(covariates)))
    averager = Averager(analysis, found, factor, df)
    compared = "never treated" if design.control == "never" else "not yet treated"
    words = f"clustered by {analysis.clustered_by}, CR1 ({small.words()}), compared with the {compared}"
    return effect_of("etwfe", averager, words, averager.path(), gone)


def _effects(moments: Cohorts, design: Design) -> CellEffects:
    if design.control == "never":
        return saturated(moments, design.anticipation)
    return imputed(moments, design.anticipation)


def _with_covariates(analysis: Analysis, cells: CellEffects, names: Sequence[str]) -> Interacted:
    units = units_of(analysis)
    y, x = covariates_of(analysis, units, names, "etwfe")
    varies = [n for n, v in zip(names, x.transpose(1, 0, 2), strict=True) if (v != v[:, :1]).any()]
    if varies:
        raise DesignError(
            f"etwfe takes covariates that do not vary over time; {', '.join(varies)} does. Use its value before treatment, or "
            "imputation or two_stage, which take covariates that vary."
        )
    untreated = cells.used & ~cells.estimated
    _refuse_few(analysis, cells, untreated, len(names))
    return interacted(analysis.moments, untreated, cells.reference, units, y, x[:, :, 0], names)


def _refuse_few(analysis: Analysis, cells: CellEffects, untreated: Bools, n_covariates: int) -> None:
    """Refuse cohorts, and periods with fewer untreated units, than it takes to tell slopes from chance."""
    moments, least = analysis.moments, n_covariates + 2
    treated = cells.estimated.any(axis=1)
    problems = [
        f"Cohort {analysis.names[g]} has {counted(int(moments.units[g]), 'unit')}, too few for "
        f"{counted(n_covariates, 'covariate')}: {least} are needed. Use fewer covariates, leave the cohort out, or use imputation."
        for g in np.flatnonzero(treated & (moments.units < least))
    ]
    left = (moments.counts * untreated).sum(axis=0)
    problems += [
        f"{plain(analysis.panel.periods[t])} has {counted(int(left[t]), 'untreated unit')}, too few for "
        f"{counted(n_covariates, 'covariate')}: {least} are needed. Use fewer covariates, or add untreated units."
        for t in np.flatnonzero(cells.used.any(axis=0) & (left < least))
    ]
    if problems:
        raise EstimationError(problems)
