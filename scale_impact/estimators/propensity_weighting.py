"""Weighting by the propensity: each side made like the people in question, by a logit of being exposed on covariates.

Right where all that moves both exposure and outcome is among the covariates, the logit is right, and everybody could have
been on either side. Of an adoption design changes are compared: trends may differ by covariates, and who adopts when may depend on
them in any way, for each cohort has a logit of its own (small ones share slopes). Of repeated cross-sections with a start four
cells, each weighted to the treated after it.

Where few are alike, inverse probabilities are large and rest on few rows. ``trim`` leaves rows without counterparts out, and
``estimand: ATO`` (overlap weights) asks about those who could have been on either side, whose means it balances exactly.

Standard errors have the estimated propensity in them (stacked estimating equations), by row or cluster, no small-sample
correction, t(G - 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from annotated_types import Gt, Lt

from scale_impact.core.causal.adjusted import Adjusted
from scale_impact.core.causal.balancing.logit import Bools, columns_of, fit_logit
from scale_impact.core.causal.balancing.sections import cells_of, sections, weighted_sections
from scale_impact.core.causal.balancing.weights import Target, weighted_difference
from scale_impact.core.causal.cross_section import Change, Floats, Ints
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect
from scale_impact.core.keys import Column
from scale_impact.core.panel import Panel
from scale_impact.errors import UsageError
from scale_impact.estimators._adjusting import (
    Compared,
    Values,
    asked_again,
    by_influence,
    compared,
    effect_of,
    reduced,
    refuse_trim,
    scored,
    separated_cells,
    spread_out,
)
from scale_impact.estimators._convention import listed

NAME = "propensity_weighting"

EXPOSURE = True

Trim = Annotated[float, Gt(0), Lt(0.5)] | Literal["crump"] | None

WORDS = "stacked estimating equations (the propensity is estimated)"


def fit(
    panel: Panel,
    design: Design,
    *,
    covariates: Sequence[Column] = (),
    estimand: Target | None = None,
    trim: Trim = None,
    change: Change = "mean",
) -> Effect:
    """The difference of means weighted by the propensity.

    Parameters
    ----------
    panel, design:
        The data, and who is exposed or treated when.
    covariates:
        Columns that the propensity depends on; periods and cohorts are always among them.
    estimand:
        ``ATE`` everybody (default of exposures), ``ATT`` the exposed (adoption designs), ``ATO`` those who could have been on
        either side.
    trim:
        Share a: rows with a propensity beyond [a, 1 - a] are left out (for the ATT those above 1 - a); ``crump``: the share
        with which the effect is estimated most precisely.
    change:
        Of adoption designs: the mean of the periods after, or the first.

    Raises
    ------
    EstimationError
        No overlap: covariates tell the exposed from the others; the message says which, and in which rows.

    Source: Lunceford and Davidian (2004); Li, Morgan and Zaslavsky (2018); Crump and others (2009); Stuart and others (2014).
    """
    refuse_trim(trim)
    found = compared(panel, design, NAME, listed(covariates), estimand, ("ATE", "ATT", "ATO"), change)
    if found.rows.side is not None:
        return _of_sections(found, trim)
    rows, found_scores = found.rows, scored(found, trim)
    kept, logit = found_scores.kept, found_scores.logit
    made = weighted_difference(logit, rows.outcome[kept], found.exposed[kept], _codes(rows.groups[kept]), found.target)
    again = asked_again(found, kept, _value(found.target), logit.x, logit.coefficients)
    adjusted = Adjusted(rows, again, found_scores.propensity, spread_out(kept, made.weights), takes_covariates=True)
    notes = (*found_scores.notes, *_said(found))
    return effect_of(found, kept, by_influence(found, kept, made.value, made.influence), adjusted, WORDS, notes)


def _codes(groups: Ints) -> Ints:
    return np.unique(groups, return_inverse=True)[1]


def _said(found: Compared) -> list[str]:
    if found.rows.covariates.shape[1]:
        return []
    return ["No covariates are named: this is the difference of means within groups."]


def _value(target: Target) -> Values:
    def value(x: Floats, y: Floats, d: Bools, groups: Ints, start: Floats | None) -> float:
        columns, begin = reduced(x, start)
        logit = fit_logit(columns, d, begin)
        return float("nan") if logit.apart.any() else weighted_difference(logit, y, d, _codes(groups), target).value

    return value


# ---- repeated cross-sections ----------------------------------------------------------------------------


def _of_sections(found: Compared, trim: Trim) -> Effect:
    """Four cells; the covariates alone tell who is like whom."""
    if trim is not None:
        raise UsageError(
            "trim is for exposures and for units that are followed; in repeated cross-sections leave it out."
        )
    rows, cells = found.rows, cells_of(found.rows)
    parts = sections(rows.covariates, cells)
    for p in parts:
        separated_cells(found, p.cell, p.logit)
    made = weighted_sections(parts, rows.outcome, cells)
    kept = np.ones(len(rows), dtype=bool)
    again = asked_again(found, kept, _section_value, columns_of(rows.covariates)[0], None)
    adjusted = Adjusted(rows, again, None, made.weights, takes_covariates=True)
    note = "The treated before, and the others before and after, are each weighted to the treated after the start."
    return effect_of(found, kept, by_influence(found, kept, made.value, made.influence), adjusted, WORDS, (note,))


def _section_value(x: Floats, y: Floats, d: Bools, cells: Ints, start: Floats | None) -> float:
    parts = sections(x[:, 1:], cells)
    return float("nan") if any(p.logit.apart.any() for p in parts) else weighted_sections(parts, y, cells).value
