"""Cohort x period effects with covariates, unit weights or missing cells: scores unit by unit; not an estimator."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from scale_impact.core.analysis import Analysis
from scale_impact.core.cohorts import Floats
from scale_impact.core.doubly_robust import Comparison, Method, Refused, Units, View, fitted, score_blocks
from scale_impact.core.influence import Influence
from scale_impact.core.unit_scores import Block, Combinations, UnitScores
from scale_impact.core.words import counted, number, some
from scale_impact.errors import EstimationError
from scale_impact.estimators._group_time import Averages, Bools, Cells, Ints, cells_of
from scale_impact.estimators._linear_cells import FULL_COVARIANCE
from scale_impact.estimators._unit_columns import by_unit, columns, scaled, spread, unit_weights


@dataclass(frozen=True, eq=False)
class UnitCells:
    """Effects of C cells with the scores of units.

    Attributes
    ----------
    analysis:
        Panel, design and cohorts.
    cells:
        The comparisons that could be made.
    values:
        Their effects, [C].
    share:
        Cohorts' shares of the (weighted) units, [G].
    scores:
        What units add to the effects' errors.
    notes:
        Which effects could not be had, and why.
    treated:
        Mean outcomes of the cells' treated, weighted as they are in the effects, [C].
    corrected:
        Scores by the corrected formula, where ``scores`` are those of R's ``DRDID``.
    """

    analysis: Analysis
    cells: Cells
    values: Floats
    share: Floats
    scores: UnitScores
    notes: tuple[str, ...]
    treated: Floats
    corrected: UnitScores | None = None

    def covariance(self, averages: Averages) -> Floats:
        """Covariance of averages."""
        if len(self.cells) > FULL_COVARIANCE:
            return self.scores.covariance_of(_combinations(averages))
        matrix = np.hstack([averages.matrix, averages.slopes])
        return np.asarray(matrix @ self.scores.covariance @ matrix.T)

    def each(self, cells: Averages) -> tuple[Floats | None, Floats]:
        """Covariance and variances of the cells one by one; variances alone where they are very many."""
        if len(cells) > FULL_COVARIANCE:
            return None, self.scores.variances()
        covariance = self.covariance(cells)
        return covariance, np.diag(covariance)

    def influence(self, averages: Averages) -> Influence:
        """What each unit adds to the averages' error."""
        panel, design = self.analysis.panel, self.analysis.design
        return Influence(panel, design, made=lambda: self.scores.values(_combinations(averages)))

    def weights(self, averages: Averages) -> None:
        """There are none: these effects are not linear in cohort means."""

    def treated_mean(self, top: Averages) -> float:
        """Mean outcome of the treated as an average counts them."""
        weight = top.matrix[0]
        used = weight != 0
        return float(weight[used] @ self.treated[used])

    def said_of(self, top: Averages) -> list[str]:
        """Which effects could not be had, and what the corrected formula makes of an average's standard error."""
        if self.corrected is None:
            return list(self.notes)
        ours, other = (float(np.sqrt(s.covariance_of(_combinations(top))[0, 0])) for s in (self.scores, self.corrected))
        return [
            *self.notes,
            "Standard errors of `dr` in cross-sections are those of R's DRDID 1.2.3, which has a sign wrong in what the regressions before "
            f"treatment add. With `section_scores: corrected` that of the overall effect is {number(other)} instead of {number(ours)}.",
        ]


def _combinations(averages: Averages) -> Combinations:
    return Combinations(averages.row, averages.weight, averages.slopes)


# ---- panels --------------------------------------------------------------------------------------


def panel_cells(analysis: Analysis, covariates: Sequence[str], method: Method, weights: str | None) -> UnitCells:
    """Effects of a panel's cells, each from the units that are observed in both of its periods.

    Raises
    ------
    DesignError
        A covariate or the weights cannot be used; nothing can be compared.
    EstimationError
        No comparison can be made with these covariates; the message says why.
    """
    units = _units(analysis, covariates, weights)
    cells = cells_of(analysis.moments, analysis.design, None if units.seen is None else _together(units))
    fits, refused = fitted(units, _comparisons(cells, units), method if covariates else "reg")
    values = np.full(len(cells), np.nan)
    for fit in fits:
        values[fit.comparison.cells] = fit.values
    weight = np.ones(analysis.panel.n_units) if units.weights is None else units.weights
    treated = _treated(units, cells, weight)
    found = Found(cells, values, weight, analysis.design.cohort_codes, lambda: score_blocks(units, fits), treated)
    return assembled(analysis, found, refused, Model(tuple(covariates), method))


def _treated(units: Units, cells: Cells, weight: Floats) -> Floats:
    """Weighted mean outcome of each cell's treated units, of those that are observed in both of its periods, [C]."""
    found = np.full(len(cells), np.nan)
    for c, (g, t, base) in enumerate(zip(cells.cohort, cells.period, cells.base, strict=True)):
        rows = units.members[g]
        rows = rows if units.seen is None else rows[units.seen[rows, t] & units.seen[rows, base]]
        found[c] = weight[rows] @ units.outcomes[rows, t] / weight[rows].sum() if len(rows) else np.nan
    return found


def _units(analysis: Analysis, covariates: Sequence[str], weights: str | None) -> Units:
    panel, design = analysis.panel, analysis.design
    traits = tuple(by_unit(panel, values) for values in columns(panel, covariates))
    seen = None if panel.balanced else spread(panel, np.ones(panel.n_obs)) > 0
    kept = np.isin(design.cohort_codes, analysis.positions)
    centre, size = scaled(covariates, traits, kept if seen is None else kept[:, None] & seen)
    return Units(
        outcomes=panel.matrix if panel.balanced else spread(panel, panel.values),
        members=_members(analysis),
        traits=traits,
        centre=centre,
        size=size,
        weights=unit_weights(analysis, weights),
        seen=seen if design.incomplete else None,
        origin=analysis.moments.origin,
    )


def _members(analysis: Analysis) -> tuple[Ints, ...]:
    return tuple(np.flatnonzero(analysis.design.cohort_codes == g) for g in analysis.positions)


def _together(units: Units) -> Floats:
    """Units by cohort that are observed in both of two periods, [G, T, T]."""
    assert units.seen is not None
    found = [units.seen[rows].astype(float) for rows in units.members]
    return np.array([seen.T @ seen for seen in found])


def _comparisons(cells: Cells, units: Units) -> list[Comparison]:
    """Cells that share cohort, controls, covariates and units, together."""
    varies = any(trait.ndim == 2 for trait in units.traits)
    early, late = np.minimum(cells.period, cells.base), np.maximum(cells.period, cells.base)
    pairs = np.stack([early, late], axis=1) if units.seen is not None else np.full((len(cells), 2), -1)
    key = np.column_stack([cells.cohort, cells.first_control, early if varies else 0 * early, pairs])
    chosen = np.flatnonzero(~cells.reference)
    _, at = np.unique(key[chosen], axis=0, return_inverse=True)
    g = len(units.members)
    found = []
    for c in range(int(at.max(initial=-1)) + 1):
        inside = chosen[at.ravel() == c]
        cohort, first, when, low, high = key[inside[0]].tolist()
        view = View(when, None if low < 0 else (low, high))
        controls = (np.arange(g) >= first) & (np.arange(g) != cohort)
        found.append(Comparison(view, cohort, controls, inside, cells.period[inside], cells.base[inside]))
    return found


# ---- what was found, and what was not --------------------------------------------------------------


@dataclass(frozen=True)
class Found:
    """Effects of all cells (NaN where one was refused), and the rows that scores are of.

    ``weight`` is each row's in its cohort's share, ``cohort_codes`` its cohort among the design's,
    ``make`` makes the blocks of scores (``corrected`` those by another formula), ``treated`` are mean outcomes of the treated.
    """

    cells: Cells
    values: Floats
    weight: Floats
    cohort_codes: Ints
    make: Callable[[], Iterator[Block]]
    treated: Floats
    corrected: Callable[[], Iterator[Block]] | None = None


def assembled(analysis: Analysis, found: Found, refused: Sequence[Refused], model: Model) -> UnitCells:
    """The effects that could be had; the others are named, or refused where none is left.

    Raises
    ------
    EstimationError
        No effect after treatment is left.
    """
    found_values = found.values.copy()
    found_values[found.cells.reference] = 0.0
    kept = np.flatnonzero(np.isfinite(found_values))
    said = model.sentences(analysis, found.cells, refused)
    if not found.cells.post[kept].any():
        raise EstimationError(said)
    position = np.full(len(found.cells), -1)
    position[kept] = np.arange(len(kept))

    def moved(make: Callable[[], Iterator[Block]]) -> Callable[[], Iterator[Block]]:
        return lambda: (replace(b, columns=position[b.columns]) for b in make())

    g, at = len(analysis.positions), _cohort_of_rows(analysis, found.cohort_codes)
    weight = np.where(at >= 0, found.weight, 0.0)
    weight /= weight.sum()
    share = np.asarray(np.bincount(at[at >= 0], weight[at >= 0], g), dtype=float)
    codes = analysis.design.cluster_codes
    if codes is not None and analysis.design.cross_sections:
        codes = codes[analysis.panel.unit_codes]
    scores = UnitScores(moved(found.make), len(weight), len(kept), g, weight, codes)
    corrected = None if found.corrected is None else replace(scores, make=moved(found.corrected))
    left, treated = found.cells.keep(kept), found.treated[kept]
    return UnitCells(analysis, left, found_values[kept], share, scores, tuple(said), treated, corrected)


def _cohort_of_rows(analysis: Analysis, codes: Ints) -> Ints:
    """Cohort of each row among those of the analysis; -1: does not enter."""
    at = np.full(len(analysis.design.starts) + 1, -1)
    at[analysis.positions] = np.arange(len(analysis.positions))
    return np.asarray(at[codes])


@dataclass(frozen=True)
class Model:
    """Covariates by name and how they are used, to say what was wrong with them."""

    covariates: tuple[str, ...]
    method: Method

    def sentences(self, analysis: Analysis, cells: Cells, refused: Sequence[Refused]) -> list[str]:
        """Which effects could not be had, why, and what to do: a sentence for each cohort and trouble."""
        groups: dict[tuple[int, str, tuple[int, ...]], list[Ints]] = {}
        for r in refused:
            groups.setdefault((r.comparison.cohort, r.trouble, r.traits), []).append(r.comparison.cells)
        gone = np.zeros(len(cells), dtype=bool)
        gone[[c for parts in groups.values() for part in parts for c in part]] = True
        return [
            f"{self._who(analysis, cells, gone, g, np.concatenate(parts))}: {self._why(trouble, traits, analysis.design.cross_sections)}"
            for (g, trouble, traits), parts in sorted(groups.items())
        ]

    def _who(self, analysis: Analysis, cells: Cells, gone: Bools, g: int, chosen: Ints) -> str:
        thing = "unit" if analysis.panel.followed else "observation"
        head = f"Cohort {analysis.names[g]} ({counted(int(analysis.moments.units[g]), thing)})"
        if gone[cells.post & (cells.cohort == g)].all():
            return f"{head} has no effect of its own"
        periods = [analysis.panel.periods[int(t)] for t in np.unique(cells.period[chosen])]
        return f"{head} has no effect in {some(periods)}"

    def _why(self, trouble: str, traits: tuple[int, ...], sections: bool) -> str:
        n, those = len(self.covariates), ", ".join(self.covariates[j] for j in traits)
        fewer = "leave the covariate out" if n == 1 else "use fewer covariates"
        without = f"Use `method: reg`, which relies on the regression alone, or leave {those} out."
        return {
            "small": f"it is too small{' in a period' if sections else ''} for {counted(n, 'covariate')}. Use `method: reg`, which needs "
            f"enough controls only, or {fewer}.",
            "few_controls": f"its controls are fewer than the {n + 1} coefficients of their model (covariates and a constant). "
            f"Use `control: not_yet`, or {fewer}.",
            "collinear": f"among those compared {those} does not vary, or is a combination of other covariates. Leave it out.",
            "overlap": f"the propensity model tells some of it from all controls, most of all by {those}: none is like them. {without}",
            "unsettled": f"the propensity model has no solution that its steps come to, most of all for {those}. {without}",
        }[trouble]
