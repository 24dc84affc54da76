"""Doubly robust: regressions of the outcome and weights by the propensity in one; right where either model is.

Of an adoption design changes are compared, as Sant'Anna and Zhao do, each cohort with models of its own (small ones share slopes):
with never-treated controls the mean of the periods after is the summary ``cohort`` of ``callaway_santanna`` with ``method: dr``. Of
repeated cross-sections with a start it is their locally efficient estimator with regressions in all four cells.

Standard errors are from the influence function with the parts of both models, by row or cluster, no small-sample correction,
t(G - 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from scale_impact.core.causal.adjusted import Adjusted
from scale_impact.core.causal.balancing.aipw import doubly_robust_difference
from scale_impact.core.causal.balancing.logit import Bools, columns_of, fit_logit, independent
from scale_impact.core.causal.balancing.sections import cells_of
from scale_impact.core.causal.balancing.weights import Target, Weighted
from scale_impact.core.causal.cross_section import Change, Floats, Ints
from scale_impact.core.design import Design
from scale_impact.core.doubly_robust_sections import FittedSection, Section, Sections, fitted_sections
from scale_impact.core.effect import Effect
from scale_impact.core.keys import Column
from scale_impact.core.panel import Panel
from scale_impact.core.propensity import TRIMMED
from scale_impact.core.words import some
from scale_impact.errors import EstimationError
from scale_impact.estimators._adjusting import (
    Compared,
    asked_again,
    by_influence,
    compared,
    effect_of,
    reduced,
    scored,
    spread_out,
)
from scale_impact.estimators._convention import listed

NAME = "doubly_robust"

EXPOSURE = True

WORDS = "influence function (both models are estimated)"


def fit(
    panel: Panel,
    design: Design,
    *,
    covariates: Sequence[Column] = (),
    estimand: Literal["ATE", "ATT"] | None = None,
    normalise: bool | None = None,
    change: Change = "mean",
) -> Effect:
    """The doubly robust effect with a logit and least squares.

    Parameters
    ----------
    panel, design:
        The data, and who is exposed or treated when.
    covariates:
        Columns of both models; periods and cohorts are always among them.
    estimand:
        ``ATE`` everybody (default of exposures) or ``ATT`` the exposed (adoption designs).
    normalise:
        Whether weights sum to one. Left out: for the ATT they do (Sant'Anna and Zhao), for the ATE they do not (the textbook's).
    change:
        Of adoption designs: the mean of the periods after, or the first.

    Raises
    ------
    EstimationError
        No overlap: covariates tell the exposed from the others; too few rows in an arm.

    Source: Robins, Rotnitzky and Zhao (1994); Lunceford and Davidian (2004); Sant'Anna and Zhao (2020), equations 3.1, 3.4.
    """
    found = compared(panel, design, NAME, listed(covariates), estimand, ("ATE", "ATT"), change)
    if found.rows.side is not None:
        return _of_sections(found)
    rows, seen = found.rows, scored(found)
    kept, logit = seen.kept, seen.logit
    _refuse_small(found, kept, logit.x)
    rule = _Rule(found.target, found.target == "ATT" if normalise is None else normalise, rows.changes)
    blocks = found.blocks[kept]
    made = rule.made(logit.x, rows.outcome[kept], found.exposed[kept], blocks, None)
    assert made is not None  # separation was refused
    again = asked_again(found, kept, rule.value, logit.x, logit.coefficients, blocks)
    adjusted = Adjusted(rows, again, seen.propensity, spread_out(kept, made.weights), takes_covariates=True)
    notes = (*seen.notes, *_uncounted(found, seen.propensity, rule))
    return effect_of(found, kept, by_influence(found, kept, made.value, made.influence), adjusted, WORDS, notes)


@dataclass(frozen=True)
class _Rule:
    """Whom the effect is about, and which weights count."""

    target: Target
    normalised: bool
    changes: bool

    def made(self, x: Floats, y: Floats, d: Bools, blocks: Ints, start: Floats | None) -> Weighted | None:
        """The effect; None where the sides can be told apart. Of the ATT each block has weights of its own."""
        logit = fit_logit(x, d, start)
        if logit.apart.any():
            return None
        return doubly_robust_difference(
            logit, y, d, self.target, normalised=self.normalised, trimmed=self.changes, blocks=blocks
        )

    def value(self, x: Floats, y: Floats, d: Bools, blocks: Ints, start: Floats | None) -> float:
        """The effect as a number."""
        columns, begin = reduced(x, start)
        made = self.made(columns, y, d, blocks, begin)
        return float("nan") if made is None else made.value


def _refuse_small(found: Compared, kept: Bools, x: Floats) -> None:
    """Refuse where a side has fewer rows than its regression has columns (of changes that of each block)."""
    sides = {"others": ~found.exposed[kept]}
    if found.target == "ATE":
        sides["exposed"] = found.exposed[kept]
    for block in np.unique(blocks := found.blocks[kept]):
        k = len(independent(x[blocks == block]))
        held = {name: int(rows[blocks == block].sum()) for name, rows in sides.items()}
        small = [f"{n} {name}" for name, n in held.items() if n < k]
        if small:
            raise EstimationError(
                f"{NAME}: too few rows for a regression with {k} columns, {some(small)}. Name fewer covariates, or use propensity_weighting."
            )


def _uncounted(found: Compared, propensity: Floats, rule: _Rule) -> list[str]:
    """Controls that do not count, of changes."""
    out = (propensity >= TRIMMED) & ~found.exposed
    if not (rule.changes and rule.target == "ATT" and out.any()):
        return []
    return [
        f"{found.rows.who(out)} that are not treated have a propensity of {TRIMMED} or more and do not count (as in R's DRDID)."
    ]


# ---- repeated cross-sections ----------------------------------------------------------------------------


def _of_sections(found: Compared) -> Effect:
    rows, cells = found.rows, cells_of(found.rows)
    x = columns_of(rows.covariates)[0]
    data, fitted = _fitted(x, rows.outcome, cells)
    influence = np.zeros(len(rows))
    for c in range(4):
        members = np.flatnonzero(cells == c)
        influence[members] = fitted.scores(x[members].T, None, data.outcomes[members], c % 2, c >= 2)
    everyone = np.ones(len(rows), dtype=bool)
    adjusted = Adjusted(rows, asked_again(found, everyone, _section_value, x, None), takes_covariates=True)
    return effect_of(found, everyone, by_influence(found, everyone, fitted.value, influence), adjusted, WORDS, ())


def _fitted(x: Floats, y: Floats, cells: Ints) -> tuple[Sections, FittedSection]:
    """Sant'Anna and Zhao's estimator for cross-sections; ``cells`` as in ``propensity_sections``."""
    members = tuple(tuple(np.flatnonzero(cells == 2 * side + after) for after in (0, 1)) for side in (0, 1))
    data = Sections(y - y.mean(), members, x.T, None)
    section = Section(cohort=1, controls=np.array([True, False]), cell=0, period=1, base=0)
    good, bad = fitted_sections(data, [section], "dr", "corrected")
    if bad:
        raise EstimationError(f"{NAME}: {_TROUBLES[bad[0].trouble]} Name fewer covariates.")
    return data, good[0]


def _section_value(x: Floats, y: Floats, d: Bools, cells: Ints, start: Floats | None) -> float:
    return _fitted(x, y, cells)[1].value


_TROUBLES = {
    "small": "the treated are too few, before or after, for a regression on the covariates.",
    "few_controls": "the others are too few, before or after, for a regression on the covariates.",
    "collinear": "covariates are combinations of each other in one of the four cells.",
    "overlap": "no overlap: covariates tell the treated group from the others (a propensity of 0.999 or more).",
    "unsettled": "the propensity model does not settle: covariates all but tell the treated group from the others.",
}
