"""Repeated cross-sections with a start: four cells, each made like the treated after it.

Other people are seen before and after, so who is observed may change. The treated before, and the others before and after,
are each weighted to the treated after by a logit of their own; then the change of the one is compared with that of the others:

    effect = mean_treated,after - mean_treated,before - (mean_others,after - mean_others,before)

Source: Stuart and others (2014), section 3 (four groups weighted to one of them); Heckman, Ichimura and Todd (1998), section
6, for matching; Abadie (2005), section 3.2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scale_impact.core.causal.balancing.logit import Bools, Floats, Logit, columns_of, fit_logit
from scale_impact.core.causal.balancing.weights import Ints, Weighted, weighted_mean
from scale_impact.core.causal.cross_section import CrossSection

CELLS = ("the others before", "the others after", "the treated before", "the treated after")
SIGNS = np.array([1.0, -1.0, -1.0, 1.0])
"""With which the cells' means enter the effect."""

TREATED_AFTER = 3


def cells_of(rows: CrossSection) -> Ints:
    """Cell of each row: a position in ``CELLS``."""
    assert rows.side is not None
    after = np.isin(rows.groups, np.unique(rows.groups[rows.treated]))
    return np.asarray(2 * rows.side + after)


@dataclass(frozen=True, eq=False)
class Section:
    """A cell beside the treated after: its rows among all, and the logit of belonging to the latter."""

    cell: int
    members: Ints
    pool: Bools
    logit: Logit


def sections(covariates: Floats, cells: Ints) -> tuple[Section, ...]:
    """The three cells beside the treated after."""
    return tuple(_section(covariates, cells, c) for c in range(TREATED_AFTER))


def _section(covariates: Floats, cells: Ints, cell: int) -> Section:
    members = np.flatnonzero((cells == cell) | (cells == TREATED_AFTER))
    pool = cells[members] == cell
    return Section(cell, members, pool, fit_logit(columns_of(covariates[members])[0], ~pool))


def weighted_sections(found: tuple[Section, ...], y: Floats, cells: Ints) -> Weighted:
    """The effect, what rows add to its error, and their weights, which sum to 1 in each cell."""
    top = cells == TREATED_AFTER
    value = float(y[top].mean())
    influence, weights = np.where(top, (y - value) / top.sum(), 0.0), np.where(top, 1 / top.sum(), 0.0)
    for s in found:
        part = weighted_mean(s.logit, y[s.members], s.pool)
        value += SIGNS[s.cell] * part.value
        influence[s.members] += SIGNS[s.cell] * part.influence
        weights[s.members] += part.weights
    return Weighted(value, influence, weights)
