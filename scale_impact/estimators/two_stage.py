"""Gardner's two-stage difference-in-differences.

First stage: unit and period effects from untreated observations alone. Second stage: what is
left of all outcomes, regressed on treatment, or on a dummy for each event time. Right for
several adoption dates and effects that differ by cohort and grow, where trends would have been
parallel without treatment (in all periods).

Before treatment the path holds mean residuals of the first stage, which was fitted to these very
observations: they are closer to zero than coefficients of an event study, and a test of them
sees less. ``imputation`` has pre-trend coefficients that are free of that.

Standard errors come from both stages as one method-of-moments problem (Newey and McFadden 1994),
clustered by unit or the design's cluster, without small-sample correction, t distribution with
observations less second-stage coefficients as degrees of freedom, as in R's ``did2s``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scale_impact.core.analysis import Analysis
from scale_impact.core.cell_effects import Bools, imputed
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect
from scale_impact.core.fixed_effects import SmallSample
from scale_impact.core.panel import Panel
from scale_impact.estimators._cells import Averager, all_untreated, corrected, effect_of, prepared, with_covariates
from scale_impact.estimators._convention import listed


def fit(panel: Panel, design: Design, *, covariates: Sequence[str] = (), small_sample: bool = False) -> Effect:
    """Two-stage effects.

    Parameters
    ----------
    panel, design:
        A balanced panel, or cross-sections (cohort effects then stand in for unit effects).
        All untreated observations are the comparison, whatever the design's ``control``;
        anticipated periods count as treated, though not in ``overall``.
    covariates:
        Columns that vary over time, in panels: their coefficients come from the first stage. They
        must not be changed by treatment. There are then no cohort weights.
    small_sample:
        Correct standard errors for few clusters as ``etwfe`` does: fixest's default factor, each
        treated cohort and period a coefficient, and t(G - 1). did2s does not.

    Returns
    -------
    Effect in the outcome's unit: ``overall`` the coefficient of treatment, with path, effects by
    cohort, by period and by cell, each its own second stage. The last event time before
    (anticipated) treatment has no dummy.

    Raises
    ------
    DesignError
        No treated cell can be compared; a covariate that is not numeric.
    EstimationError
        Covariates that effects, or other covariates, explain in the untreated observations.

    Source: Gardner (2022), sections 3 and 4; conventions of did2s (Butts and Gardner 2022).
    """
    analysis, found, gone = prepared(Analysis.of(panel, design), lambda m: imputed(m, design.anticipation))
    cells = with_covariates(analysis, found, listed(covariates), "two_stage") if covariates else found
    if small_sample:
        factor, df = corrected(analysis, cells, SmallSample())
        averager = Averager(analysis, cells, factor, df, spread=True)
    else:
        n = float(cells.moments.counts[cells.used].sum())
        averager = Averager(analysis, cells, df=n, counted=True, spread=True)
    leads, reference = _before(averager)
    words = f"clustered by {analysis.clustered_by}, both stages as method of moments{', CR1' if small_sample else ''}"
    notes = [*gone, *all_untreated(analysis)]
    return effect_of("two_stage", averager, words, averager.path(leads, reference), notes)


def _before(averager: Averager) -> tuple[Bools, Bools]:
    """Untreated cells of treated cohorts: those with a dummy, and those of the last event time before treatment."""
    cells, since = averager.cells, averager.since
    before = cells.used & ~cells.estimated & ~np.isnan(since)
    reference = before & (since == since[before].max())
    return before & ~reference, reference
