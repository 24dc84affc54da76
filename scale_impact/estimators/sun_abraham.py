"""The interaction-weighted event study of Sun and Abraham (2021).

Two-way fixed effects with a dummy for each cohort and period but the last before (anticipated)
treatment; the cohorts' coefficients are averaged by their shares. Each coefficient is the
cohort's change since that period less the change of the never treated, so that no treated unit
serves as a control and no event time leaks into another. Right for several adoption dates and
effects that differ by cohort, where trends would have been parallel without treatment.

Standard errors are clustered by unit (or the design's cluster) with fixest's small-sample
correction, in which every cohort x period coefficient counts; t distribution with G - 1 degrees
of freedom. Cohort shares are taken as known, as in fixest's ``sunab``, unless asked otherwise.
"""

from __future__ import annotations

from typing import Literal, get_args

from scale_impact.core.analysis import Analysis
from scale_impact.core.cell_effects import saturated
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect
from scale_impact.core.panel import Panel
from scale_impact.errors import UsageError
from scale_impact.estimators._cells import Averager, KFixef, corrected, effect_of, never_alone, prepared, small_sample

Shares = Literal["fixed", "estimated"]


def fit(
    panel: Panel,
    design: Design,
    *,
    shares: Shares = "fixed",
    K_adj: bool = True,
    K_fixef: KFixef = "nonnested",
    G_adj: bool = True,
) -> Effect:
    """Interaction-weighted effects.

    Parameters
    ----------
    panel, design:
        A balanced panel, or cross-sections (cohort effects then stand in for unit effects).
        The control are the never treated, whatever the design's ``control``; where there are
        none, the last cohort, and only periods before its (anticipated) treatment enter.
        ``anticipation`` moves the reference period.
    shares:
        ``"fixed"``: the cohorts' shares are known numbers, as in fixest; ``"estimated"``:
        standard errors of averages include that they come from the sample, as in the paper.
    K_adj, K_fixef, G_adj:
        Small-sample correction in the words of fixest's ``ssc``.

    Returns
    -------
    Effect in the outcome's unit: ``overall`` the average over all treated observations, with
    path, effects by cohort, by period and by cell.

    Raises
    ------
    DesignError
        No cohort has a reference period and a control.

    Source: Sun and Abraham (2021), section 4; conventions of fixest's ``sunab`` (Berge 2018).
    """
    small = small_sample(K_adj, K_fixef, G_adj)
    if shares not in get_args(Shares):
        raise UsageError(f"shares is {shares!r}; it has to be fixed or estimated.")
    analysis, cells, gone = prepared(Analysis.of(panel, design), lambda m: saturated(m, design.anticipation))
    factor, df = corrected(analysis, cells, small)
    averager = Averager(analysis, cells, factor, df, spread=shares == "estimated")
    words = f"clustered by {analysis.clustered_by}, CR1 ({small.words()}), cohort shares {shares}"
    notes = [*gone, *never_alone(analysis, cells.control)]
    return effect_of("sun_abraham", averager, words, averager.path(), notes)
