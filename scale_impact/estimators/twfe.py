"""Two-way fixed-effects difference-in-differences.

The coefficient of the treatment dummy with unit and period effects. Right for one adoption
date. With several, units treated earlier serve as controls for later ones and some weights can
be negative (Goodman-Bacon 2021; de Chaisemartin and D'Haultfoeuille 2020): the effect then
carries its decomposition and says how much of it rests on such comparisons.

Standard errors are by default clustered by unit (or the design's cluster) with fixest's
small-sample correction, t distribution with G - 1 degrees of freedom. ``vcov`` names other
conventions; with few clusters ``CR2`` corrects the bias of the variance and the degrees of freedom.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scale_impact.core.analysis import Analysis, several_dates
from scale_impact.core.bacon import decompose, forbidden_weight
from scale_impact.core.cohorts import Floats
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect, Estimate
from scale_impact.core.fixed_effects import treated_cells
from scale_impact.core.keys import Column
from scale_impact.core.panel import Panel
from scale_impact.core.sandwich import Vcov
from scale_impact.core.within import Trends, independent, over_time
from scale_impact.errors import DesignError
from scale_impact.estimators._convention import Convention, KFixef, Lags
from scale_impact.estimators._regression import TREND, Fit, needs_panel, regress


def fit(
    panel: Panel,
    design: Design,
    *,
    covariates: Sequence[Column] = (),
    always_treated: bool = False,
    trends: Trends | None = None,
    vcov: Vcov = "CR1",
    clusters: Sequence[Column] = (),
    lags: Lags | None = None,
    K_adj: bool = True,
    K_fixef: KFixef = "nonnested",
    G_adj: bool = True,
) -> Effect:
    """The two-way fixed-effects coefficient of treatment.

    Parameters
    ----------
    panel, design:
        A balanced panel.
    covariates:
        Columns that vary over time; the estimate then has no cohort weights.
    always_treated:
        Keep units treated from the first period on (as regression packages do); they serve as controls.
    trends:
        ``"unit"``: each unit has a linear trend of its own.
    vcov:
        By clusters: ``CR1`` (fixest's default), ``CR0``, ``CR2`` with Satterthwaite degrees of freedom, ``CR3``,
        ``jackknife``. By two: ``twoway``. Others: ``iid``, ``HC1``, ``driscoll_kraay``.
    clusters, lags:
        Two columns for ``twoway`` (default the design's cluster and the period); of ``driscoll_kraay``.
    K_adj, K_fixef, G_adj:
        Small-sample correction in the words of fixest's ``ssc``; CR0, CR2 and CR3 have none.

    Returns
    -------
    Effect in the outcome's unit: ``overall``, ``weights``; ``decomposition`` with several adoption dates.

    Raises
    ------
    DesignError
        Cross-sections, a covariate that is not numeric, or treatment that unit trends explain.
    EstimationError
        A covariate that the fixed effects explain.
    UsageError
        Options that are not known or do not go together.

    Source: Goodman-Bacon (2021), equation 2; covariances: see ``_convention``.
    """
    needs_panel("twfe", design)
    convention = Convention.of(covariates, vcov, clusters, lags, trends, (K_adj, K_fixef, G_adj))
    return _effect(Analysis.of(panel, design, always_treated=always_treated), convention)


def _effect(analysis: Analysis, convention: Convention) -> Effect:
    """The regression's result."""
    dummy = treated_cells(analysis.moments)[None].astype(float)
    _refuse_explained(analysis, dummy, convention.trends)
    fitted = regress(analysis, dummy, convention)
    several = len(analysis.positions) > 2 and convention.trends is None  # the decomposition knows of no trends
    bacon = decompose(analysis.moments, analysis.labels) if several else None
    weights = None if fitted.weights is None else fitted.weights[0]
    trend = [TREND] if convention.trends else []
    return Effect(
        estimator="twfe",
        overall=_overall(analysis, fitted, convention),
        sample=analysis.sample(),
        inference=fitted.made.words,
        weights=analysis.weight_frame(weights),
        decomposition=bacon,
        influence=fitted.influence,
        notes=(*analysis.notes(), *fitted.made.notes, *trend, *_warnings(analysis, weights, bacon)),
    )


def _overall(analysis: Analysis, fitted: Fit, convention: Convention) -> Estimate:
    """The coefficient with its standard error, or why it has none."""
    one = None if convention.vcov == "iid" else analysis.one_unit()
    made = fitted.made
    return analysis.estimate(fitted.values[0], made.covariance[0, 0], float(made.df[0]), one or made.reasons[0])


def _refuse_explained(analysis: Analysis, dummy: Floats, trends: Trends | None) -> None:
    """Refuse treatment that is a straight line in each unit."""
    within = over_time(analysis.moments.clock, trends)
    if not len(independent(dummy, analysis.moments.units, np.zeros(1, dtype=np.int64), within)):
        raise DesignError(
            f"twfe: unit trends explain treatment fully in {analysis.moments.n_periods} periods, so it has no coefficient. "
            "Leave `trends` out, or use data with more periods before treatment."
        )


def _warnings(analysis: Analysis, weights: Floats | None, bacon: pd.DataFrame | None) -> list[str]:
    """Say when the weights are a problem."""
    notes = []
    share = 0.0 if bacon is None else forbidden_weight(bacon)
    if share > 0:
        notes.append(
            f"{several_dates(analysis.design)}: {share:.0%} of the two-way estimate's weight compares with units that are treated "
            "already, which is biased where effects grow or fade. Read it as a comparison, not as the answer."
        )
    if weights is not None and (negative := _negative(weights, treated_cells(analysis.moments))) is not None:
        notes.append(negative)
    return notes


def _negative(weights: Floats, treated: NDArray[np.bool_]) -> str | None:
    """How many treated cells count negatively (de Chaisemartin and D'Haultfoeuille 2020)."""
    inside = weights[treated]
    if not (inside < -1e-12).any():
        return None
    return (
        f"{int((inside < -1e-12).sum())} of {len(inside)} treated cohort x period cells have negative weight "
        f"(summing to {inside[inside < 0].sum():.3f})."
    )
