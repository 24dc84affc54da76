"""Cohort x period effects of cross-sections with covariates or weights; not an estimator."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scale_impact.core.analysis import Analysis
from scale_impact.core.cohorts import Floats
from scale_impact.core.doubly_robust import Method
from scale_impact.core.doubly_robust_sections import Convention, Section, Sections, fitted_sections, score_blocks
from scale_impact.estimators._group_time import Cells, Ints, cells_of
from scale_impact.estimators._unit_cells import Found, Model, UnitCells, assembled
from scale_impact.estimators._unit_columns import columns, scaled, unit_weights


def section_cells(
    analysis: Analysis, covariates: Sequence[str], method: Method, weights: str | None, convention: Convention
) -> UnitCells:
    """Effects of cells in which each observation stands for itself.

    Raises
    ------
    DesignError
        A covariate or the weights cannot be used; nothing can be compared.
    EstimationError
        No comparison can be made with these covariates; the message says why.
    """
    owner = analysis.panel.unit_codes
    own = unit_weights(analysis, weights)
    each = None if own is None else own[owner]
    data = _sections(analysis, covariates, each)
    cells = cells_of(analysis.moments, analysis.design)
    sections = _comparisons(cells, len(data.cells))
    fits, refused = fitted_sections(data, sections, method if covariates else "reg", convention)
    corrected = None
    if covariates and method == "dr" and convention == "DRDID":
        others, _ = fitted_sections(data, sections, method)
        corrected = lambda: score_blocks(data, others)  # noqa: E731
    values = np.full(len(cells), np.nan)
    for fit in fits:
        values[fit.section.cell] = fit.value
    share = _first_of_each(owner) * (1.0 if each is None else each)
    codes = analysis.design.cohort_codes[owner]
    treated = _treated(analysis.panel.values, data, cells)
    found = Found(cells, values, share, codes, lambda: score_blocks(data, fits), treated, corrected)
    return assembled(analysis, found, refused, Model(tuple(covariates), method))


def _treated(values: Floats, data: Sections, cells: Cells) -> Floats:
    """Weighted mean outcome of each cell's treated observations, [C]."""
    weight = np.ones(len(values)) if data.weights is None else data.weights
    found = np.full(len(cells), np.nan)
    for c, (g, t) in enumerate(zip(cells.cohort, cells.period, strict=True)):
        rows = data.cells[g][t]
        found[c] = weight[rows] @ values[rows] / weight[rows].sum() if len(rows) else np.nan
    return found


def _sections(analysis: Analysis, covariates: Sequence[str], weights: Floats | None) -> Sections:
    panel, codes = analysis.panel, analysis.design.cohort_codes[analysis.panel.unit_codes]
    traits = columns(panel, covariates)
    kept = np.isin(codes, analysis.positions)
    centre, size = scaled(covariates, traits, kept)
    x = [np.ones(panel.n_obs), *((t - c) / s for t, c, s in zip(traits, centre, size, strict=True))]
    when = panel.period_codes
    cells = tuple(
        tuple(np.flatnonzero((codes == g) & (when == t)) for t in range(panel.n_periods)) for g in analysis.positions
    )
    return Sections(panel.values - panel.values[kept].mean(), cells, np.array(x), weights)


def _comparisons(cells: Cells, g: int) -> list[Section]:
    found = []
    for c in np.flatnonzero(~cells.reference):
        controls = (np.arange(g) >= cells.first_control[c]) & (np.arange(g) != cells.cohort[c])
        found.append(Section(int(cells.cohort[c]), controls, int(c), int(cells.period[c]), int(cells.base[c])))
    return found


def _first_of_each(owner: Ints) -> Floats:
    """1 for the first observation of each unit: a unit counts once in its cohort's share."""
    found = np.zeros(len(owner))
    found[np.unique(owner, return_index=True)[1]] = 1.0
    return found
