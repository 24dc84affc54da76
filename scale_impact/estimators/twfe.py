"""Two-way fixed-effects difference-in-differences.

The coefficient of the treatment dummy with unit and period effects. Right for one adoption
date. With several, units treated earlier serve as controls for later ones and some weights can
be negative (Goodman-Bacon 2021; de Chaisemartin and D'Haultfoeuille 2020): the effect then
carries its decomposition and says how much of it rests on such comparisons.

Standard errors are clustered by unit (or the design's cluster) with fixest's default
small-sample correction, t distribution with G - 1 degrees of freedom.
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
from scale_impact.core.effect import Effect
from scale_impact.core.fixed_effects import treated_cells
from scale_impact.core.panel import Panel
from scale_impact.estimators._regression import KFixef, listed, needs_panel, regress, small_sample


def fit(
    panel: Panel,
    design: Design,
    *,
    covariates: Sequence[str] = (),
    always_treated: bool = False,
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
        Columns that vary over time; the estimate then goes through linearmodels and has no
        cohort weights.
    always_treated:
        Keep units that are treated from the first period on (as regression packages do); they
        then serve as controls.
    K_adj, K_fixef, G_adj:
        Small-sample correction in the words of fixest's ``ssc``.

    Returns
    -------
    Effect in the outcome's unit: ``overall``, ``weights``, and with several adoption dates
    ``decomposition``.

    Raises
    ------
    DesignError
        Cross-sections, or a covariate that is not numeric.
    EstimationError
        A covariate that the fixed effects explain.

    Source: Goodman-Bacon (2021), equation 2; standard errors as fixest (Berge 2018).
    """
    needs_panel("twfe", design)
    small = small_sample(K_adj, K_fixef, G_adj)
    analysis = Analysis.of(panel, design, always_treated=always_treated)
    dummy = treated_cells(analysis.moments)[None].astype(float)
    fitted = regress(analysis, dummy, listed(covariates), small)
    bacon = decompose(analysis.moments, analysis.labels) if len(analysis.positions) > 2 else None
    weights = None if fitted.weights is None else fitted.weights[0]
    df = analysis.moments.n_clusters - 1
    return Effect(
        estimator="twfe",
        overall=analysis.estimate(fitted.coefficients[0], fitted.covariance[0, 0], df, analysis.one_unit()),
        sample=analysis.sample(),
        inference=f"clustered by {analysis.clustered_by}, CR1 ({small.words()})",
        weights=analysis.weight_frame(weights),
        decomposition=bacon,
        influence=fitted.influence,
        notes=(*analysis.notes(), *_warnings(analysis, weights, bacon)),
    )


def _warnings(analysis: Analysis, weights: Floats | None, bacon: pd.DataFrame | None) -> list[str]:
    """Say when the weights are a problem."""
    if bacon is None:
        return []
    notes = []
    share = forbidden_weight(bacon)
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
