"""Triple differences by cohort and period: effects, how comparison cohorts are combined, scores; not an estimator.

The units of a cohort are those whose place adopts the measure at a date; within it some are
affected (subgroup 1) and some are not (subgroup 0). What is compared between two cohorts is by how
much the affected moved away from the others:

    effect against c = (change of g, 1  -  change of g, 0)  -  (change of c, 1  -  change of c, 0)

Cohorts that adopt later are comparisons one by one, never pooled: pooled changes of both subgroups
mix the cohorts in different proportions. They are combined by the inverse of the covariance of
what they say (generalised method of moments, optimal weights).

Source: Ortiz-Villavicencio and Sant'Anna (2025), sections 3 and 4.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.analysis import Analysis
from scale_impact.core.cohorts import Cohorts, Floats, Scores
from scale_impact.core.design import LEFT_OUT, Design
from scale_impact.core.doubly_robust import Comparison, Method, Refused, Units, View, fitted, score_blocks
from scale_impact.core.influence import Influence
from scale_impact.core.panel import Panel
from scale_impact.core.rows import as_matrix
from scale_impact.core.unit_scores import Combinations, UnitScores
from scale_impact.core.words import counted, plain, some
from scale_impact.errors import DesignError, EstimationError
from scale_impact.estimators._group_time import Averages, Bools, Cells, Ints, cells_of
from scale_impact.estimators._unit_columns import by_unit, columns, scaled

NEARLY_NONE = 1e-12
"""Share of the largest variance below which a comparison's own counts as this: nothing moved in it."""

TINIEST = 1e-290
"""No variance is smaller than this but by underflow."""

TROUBLES = {
    "small": "fewer affected units than coefficients of their model; use `method: reg` or fewer covariates",
    "few_controls": "fewer units compared with than coefficients of their model; use fewer covariates",
    "collinear": "covariates are combinations of each other among the units compared; leave some out",
    "overlap": "covariates tell affected units from those compared with; use `method: reg` or leave covariates out",
}


# ---- cohorts by subgroup ---------------------------------------------------------------------------


def split(panel: Panel, design: Design, subgroup: str) -> Design:
    """The design with each cohort in two: 2 g for subgroup 0 of cohort g, 2 g + 1 for subgroup 1.

    Raises
    ------
    DesignError
        The column is not 0 or 1, or has one value.
    """
    values = panel.unit_column(subgroup)
    affected = _zero_one(subgroup, values)
    codes = np.where(design.cohort_codes < 0, LEFT_OUT, 2 * design.cohort_codes + affected)
    twice = tuple(label for label in design.first_treated for _ in (0, 1))
    return replace(design, first_treated=twice, starts=np.repeat(design.starts, 2), cohort_codes=codes)


def _zero_one(name: str, values: NDArray[np.generic]) -> Ints:
    seen = list(dict.fromkeys(values.tolist()))
    wrong = [v for v in seen if v not in (0, 1)]
    if wrong:
        shown = some([plain(v) for v in wrong], 3)
        raise DesignError(
            f"subgroup: {name} has to be 0 or 1 (1: affected where the measure is in force); it holds {shown}."
        )
    if len(seen) < 2:
        raise DesignError(
            f"subgroup: {name} is {plain(seen[0])} for everyone, so there is no third difference. Use callaway_santanna."
        )
    return values.astype(np.int64)


@dataclass(frozen=True, eq=False)
class Halves:
    """Cohorts with both subgroups.

    Attributes
    ----------
    analysis:
        Of the design as given.
    parts:
        Of the split design: moments of cohort x subgroup.
    at:
        Position among the parts of each cohort's subgroups, [G, 2]; -1: nobody.
    """

    analysis: Analysis
    parts: Analysis
    at: Ints

    @classmethod
    def of(cls, panel: Panel, design: Design, subgroup: str) -> Halves:
        """The cohorts of a design by subgroup.

        Raises
        ------
        DesignError
            The column is not 0 or 1; no treated cohort has both subgroups.
        """
        analysis, parts = Analysis.of(panel, design), Analysis.of(panel, split(panel, design, subgroup))
        at = np.full((len(analysis.positions), 2), -1)
        for k, code in enumerate(parts.positions):
            at[np.searchsorted(analysis.positions, code // 2), code % 2] = k
        found = cls(analysis, parts, at)
        if not (found.whole & analysis.treated).any():
            raise DesignError(
                f"subgroup: no treated cohort has units with {subgroup} 0 and 1 both. The date has to be that of the place (say, the "
                "city's), for units that are affected there and for those that are not."
            )
        return found

    @property
    def whole(self) -> Bools:
        """Cohorts with both subgroups, [G]."""
        return np.asarray((self.at >= 0).all(axis=1))

    @cached_property
    def affected(self) -> Floats:
        """Affected units of each cohort, [G]."""
        units = self.parts.moments.units
        return np.where(self.at[:, 1] >= 0, units[self.at[:, 1]], 0.0)

    @property
    def share(self) -> Floats:
        """Affected units of each cohort as shares of all units, [G]."""
        return np.asarray(self.affected / self.parts.moments.units.sum())

    def names(self) -> list[str]:
        """The parts in words."""
        codes = self.parts.positions
        return [f"{name}, subgroup {code % 2}" for name, code in zip(self.parts.names, codes, strict=True)]

    def comparisons(self, cells: Cells) -> Bools:
        """Cohorts that each cell can be compared with, [C, G]: both subgroups observed in both periods."""
        cohorts = np.arange(len(self.at))
        allowed = (cohorts >= cells.first_control[:, None]) & (cohorts != cells.cohort[:, None])
        return np.asarray(allowed & self.seen(cells))

    def seen(self, cells: Cells) -> Bools:
        """Cohorts of which both subgroups are observed in both periods of a cell, [C, G]."""
        return np.asarray(self._least(cells) > 0)

    def alone(self, cells: Cells) -> Bools:
        """Cohorts of which a subgroup is one observed unit, [C, G]."""
        return np.asarray(self._least(cells) == 1)

    def _least(self, cells: Cells) -> Floats:
        """Fewest observations of a cohort's subgroup in the periods of a cell, [C, G]."""
        counts = self.parts.moments.counts
        of = [np.where(self.at[:, s, None] >= 0, counts[self.at[:, s]], 0.0) for s in (0, 1)]
        return np.asarray(np.min([n[:, when].T for n in of for when in (cells.period, cells.base)], axis=0))

    def cells(self) -> Cells:
        """Cohort x period effects that can be had.

        Raises
        ------
        DesignError
            None after treatment.
        """
        cells = cells_of(self.analysis.moments, self.analysis.design)
        own = self.seen(cells)[np.arange(len(cells)), cells.cohort]
        usable = own & self.comparisons(cells).any(axis=1)
        if not (usable & cells.post).any():
            raise DesignError(
                "triple_difference: no treated cohort can be compared with one that has both subgroups too. Use "
                "`control: not_yet`, or data with untreated units of both subgroups."
            )
        kept = cells.keep(usable)
        return replace(kept, alone=self._rests_on_one(kept))

    def _rests_on_one(self, cells: Cells) -> Bools:
        """Cells whose own cohort, or all comparisons, have a subgroup of one unit."""
        alone, others = self.alone(cells), self.comparisons(cells)
        own = alone[np.arange(len(cells)), cells.cohort]
        return np.asarray(own | ~(others & ~alone).any(axis=1))


def optimal(covariance: Floats) -> Floats:
    """Weights that sum to 1 and give the sum of estimates of one thing the least variance.

    Source: Ortiz-Villavicencio and Sant'Anna (2025), equation 4.12.
    """
    largest = float(np.abs(np.diag(covariance)).max())
    relative = covariance / largest if largest > TINIEST else np.zeros_like(covariance)  # no variation: alike
    weights = np.linalg.solve(relative + NEARLY_NONE * np.eye(len(covariance)), np.ones(len(covariance)))
    return np.asarray(weights / weights.sum())


class TripleCells(Protocol):
    """Effects of C cells with what is needed for the errors of averages over them."""

    @property
    def cells(self) -> Cells:
        """Cohort, period and base of each effect."""

    @property
    def values(self) -> Floats:
        """The effects, [C]."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Which effects could not be had."""

    def covariance(self, averages: Averages) -> Floats:
        """Covariance of averages, [K, K]."""

    def influence(self, averages: Averages) -> Influence:
        """What each unit adds to averages."""

    def weights(self, averages: Averages) -> Floats | None:
        """Weights of averages on the parts' mean paths, [K, parts, T], where they are linear in them."""


# ---- without covariates: from moments ----------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class LinearTriples:
    """Triple differences of the means of cohort x subgroup."""

    halves: Halves
    cells: Cells
    notes: tuple[str, ...] = ()

    @cached_property
    def gaps(self) -> Floats:
        """Change of subgroup 1 less that of subgroup 0 between a cell's periods, by cohort, [C, G]; 0 where not seen."""
        paths, at = self.halves.parts.moments.paths, self.halves.at
        change = paths[:, self.cells.period] - paths[:, self.cells.base]
        return np.where(self.halves.seen(self.cells), (change[at[:, 1]] - change[at[:, 0]]).T, 0.0)

    @cached_property
    def variances(self) -> Floats:
        """Variance of ``gaps`` with units independent, [C, G]."""
        moments, (w, v) = self.halves.parts.moments, (self.cells.period, self.cells.base)
        n, spread = np.maximum(moments.counts, 1), _levels_dropped(moments)
        own = (
            spread[:, w, w] / n[:, w] ** 2 + spread[:, v, v] / n[:, v] ** 2 - 2 * spread[:, w, v] / (n[:, w] * n[:, v])
        )
        return np.where(self.halves.seen(self.cells), (own[self.halves.at[:, 0]] + own[self.halves.at[:, 1]]).T, 0.0)

    @cached_property
    def mix(self) -> Floats:
        """Weights of the comparison cohorts in each cell, [C, G], summing to 1.

        The cohort's own part is common to all comparisons, so that the optimal weights are the
        inverses of the comparisons' own variances. A comparison with a subgroup of one unit, whose
        variance cannot be seen, counts where there is no other.
        """
        others, alone = self.halves.comparisons(self.cells), self.halves.alone(self.cells)
        sure = others & ~alone
        used = np.where(sure.any(axis=1, keepdims=True), sure, others)
        floor = NEARLY_NONE * np.max(self.variances * used, axis=1, keepdims=True)
        inverse = used / np.maximum(np.maximum(self.variances, floor), 1e-300)
        inverse = np.where((self.variances * used).any(axis=1, keepdims=True), inverse, used)
        return np.asarray(inverse / inverse.sum(axis=1, keepdims=True))

    @cached_property
    def signed(self) -> Floats:
        """Weights of all cohorts' gaps in each effect, [C, G]."""
        return np.asarray(np.eye(len(self.halves.at))[self.cells.cohort] - self.mix)

    @cached_property
    def values(self) -> Floats:
        """The effects, [C]."""
        return np.asarray((self.signed * self.gaps).sum(axis=1))

    def scores(self, averages: Averages) -> Scores:
        """What each unit adds to the error of averages; the comparisons' weights are taken as known."""
        moments, at = self.halves.parts.moments, self.halves.at
        k, (parts, t) = len(averages), moments.counts.shape
        loadings = np.zeros((k, parts, t))
        used = np.flatnonzero((averages.row >= 0) & (averages.weight != 0) & ~self.cells.reference)
        row = averages.row[used]
        for when, direction in ((self.cells.period[used], 1.0), (self.cells.base[used], -1.0)):
            for subgroup, side in ((0, -1.0), (1, 1.0)):
                for g in np.flatnonzero(at[:, subgroup] >= 0):
                    part = at[g, subgroup]
                    weight = direction * side * averages.weight[used] * self.signed[used, g]
                    np.add.at(loadings[:, part], (row, when), weight / np.maximum(moments.counts[part, when], 1))
        shares = np.zeros((k, parts))
        some_affected = np.flatnonzero(at[:, 1] >= 0)
        shares[:, at[some_affected, 1]] = averages.slopes[:, some_affected] / moments.units.sum()
        offsets = np.zeros((k, parts) if moments.followed else (k, parts, t))
        return Scores(loadings, offsets, shares)

    def covariance(self, averages: Averages) -> Floats:
        """Covariance of averages, [K, K]."""
        return self.halves.parts.moments.covariance(self.scores(averages))

    def weights(self, averages: Averages) -> Floats:
        """Weights of averages on the parts' mean paths, [K, parts, T]."""
        return np.asarray(self.scores(averages).loadings * self.halves.parts.moments.counts)

    def influence(self, averages: Averages) -> Influence:
        """What each unit adds to averages."""
        analysis, parts = self.halves.analysis, self.halves.parts
        return Influence(analysis.panel, analysis.design, made=lambda: parts.influence(self.scores(averages)).values)


def _levels_dropped(moments: Cohorts) -> Floats:
    """Scatter of changes since the first period in a panel, of levels in cross-sections, [G, T, T]."""
    if not moments.followed:
        return moments.scatter
    scatter = moments.scatter.copy()
    scatter[:, 0], scatter[:, :, 0] = 0.0, 0.0
    return scatter


# ---- with covariates: from units -----------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class UnitTriples:
    """Triple differences from comparisons that are like the affected units in covariates.

    Each effect against a comparison cohort is three comparisons of the affected units of the
    cohort: with its own subgroup 0, plus with subgroup 1 of the other cohort, less with subgroup 0
    of the other cohort. All three are weighted to the covariates of the affected units.

    Attributes
    ----------
    halves, cells:
        The cohorts and their effects.
    found:
        Values of the P comparisons, [P].
    scores:
        What units add to them.
    mixed:
        Weights of the comparisons in the effects, [C, P].
    notes:
        Which effects could not be had.
    """

    halves: Halves
    cells: Cells
    found: Floats
    scores: UnitScores
    mixed: Floats
    notes: tuple[str, ...]

    @cached_property
    def values(self) -> Floats:
        """The effects, [C]."""
        return np.asarray(self.mixed @ self.found)

    def covariance(self, averages: Averages) -> Floats:
        """Covariance of averages, [K, K]."""
        matrix = np.hstack([averages.matrix @ self.mixed, self._slopes(averages)])
        return np.asarray(matrix @ self.scores.covariance @ matrix.T)

    def influence(self, averages: Averages) -> Influence:
        """What each unit adds to averages."""
        analysis, part = self.halves.analysis, averages.matrix @ self.mixed
        row = np.where(part.any(axis=0), np.abs(part).argmax(axis=0), -1)
        weight = np.where(row >= 0, part[row, np.arange(part.shape[1])], 0.0)
        combinations = Combinations(row, weight, self._slopes(averages))
        return Influence(analysis.panel, analysis.design, made=lambda: self.scores.values(combinations))

    def weights(self, averages: Averages) -> None:
        """There are none: these effects are not linear in means."""

    def _slopes(self, averages: Averages) -> Floats:
        """Derivatives with respect to the parts' shares."""
        at = self.halves.at[:, 1]
        slopes = np.zeros((len(averages), len(self.halves.parts.positions)))
        slopes[:, at[at >= 0]] = averages.slopes[:, at >= 0]
        return slopes


def with_covariates(halves: Halves, cells: Cells, names: Sequence[str], method: Method) -> UnitTriples:
    """Triple differences holding covariates alike.

    Raises
    ------
    EstimationError
        No effect can be had with these covariates.

    Source: Ortiz-Villavicencio and Sant'Anna (2025), equations 4.1 to 4.5.
    """
    asked = _Asked.of(halves, cells)
    units = _units(halves, names)
    fits, refused = fitted(units, asked.grouped(any(trait.ndim == 2 for trait in units.traits)), method)
    found = np.full(len(asked), np.nan)
    for fit in fits:
        found[fit.comparison.cells] = fit.values
    parts = halves.parts
    n = parts.moments.units.sum()
    shares = np.full(parts.panel.n_units, 1 / n)
    scores = UnitScores(
        lambda: score_blocks(units, fits),
        len(shares),
        len(asked),
        len(parts.positions),
        shares,
        parts.design.cluster_codes,
    )
    known = np.isfinite(found)
    by_unit_alone = scores if scores.clusters is None else replace(scores, clusters=None)
    mixed, had = asked.mixed(known, by_unit_alone.covariance)
    if not (had & cells.post).any():
        raise EstimationError(_said(halves, cells, refused, asked, np.ones(len(cells), dtype=bool)))
    said = _said(halves, cells, refused, asked, ~had)
    return UnitTriples(halves, cells.keep(had), np.where(known, found, 0.0), scores, mixed[had], tuple(said))


def _units(halves: Halves, names: Sequence[str]) -> Units:
    parts = halves.parts
    panel, design = parts.panel, parts.design
    traits = tuple(by_unit(panel, values) for values in columns(panel, names))
    centre, size = scaled(names, traits, np.isin(design.cohort_codes, parts.positions))
    members = tuple(np.flatnonzero(design.cohort_codes == g) for g in parts.positions)
    return Units(as_matrix(panel, panel.values), members, traits, centre, size, None, None, parts.moments.origin)


@dataclass(frozen=True, eq=False)
class _Asked:
    """Comparisons P that effects are made of: affected units of ``treated`` with the part ``control``.

    ``cell`` is the effect, ``other`` the comparison cohort (-1: the cohort's own subgroup 0).
    """

    cells: Cells
    cell: Ints
    other: Ints
    treated: Ints
    control: Ints
    sign: Floats
    n_parts: int

    @classmethod
    def of(cls, halves: Halves, cells: Cells) -> _Asked:
        """What is needed for all effects but references."""
        rows: list[list[int]] = []
        others, at = halves.comparisons(cells), halves.at.tolist()
        for c in np.flatnonzero(~cells.reference).tolist():
            unaffected, affected = at[cells.cohort[c]]
            rows.append([c, -1, affected, unaffected, 1])
            for h in np.flatnonzero(others[c]).tolist():
                rows += [[c, h, affected, at[h][1], 1], [c, h, affected, at[h][0], -1]]
        cell, other, treated, control, sign = np.array(rows, dtype=np.int64).reshape(-1, 5).T
        return cls(cells, cell, other, treated, control, sign.astype(float), len(halves.parts.positions))

    def __len__(self) -> int:
        return len(self.cell)

    def grouped(self, varies: bool) -> list[Comparison]:
        """Those that share units and covariates, together."""
        period, base = self.cells.period[self.cell], self.cells.base[self.cell]
        key = np.column_stack([self.treated, self.control, np.minimum(period, base) * varies])
        _, at = np.unique(key, axis=0, return_inverse=True)
        return [
            self._comparison(np.flatnonzero(at.ravel() == k), key, period, base)
            for k in range(int(at.max(initial=-1)) + 1)
        ]

    def _comparison(self, inside: Ints, key: Ints, period: Ints, base: Ints) -> Comparison:
        treated, control, when = key[inside[0]].tolist()
        controls = np.arange(self.n_parts) == control
        return Comparison(View(when), treated, controls, inside, period[inside], base[inside])

    def mixed(self, known: Bools, covariance: Floats) -> tuple[Floats, Bools]:
        """Weights of the comparisons in the effects [C, P] by optimal combination, and which effects could be had."""
        found = np.zeros((len(self.cells), len(self)))
        had = self.cells.reference.copy()
        for c in np.flatnonzero(~self.cells.reference).tolist():
            against = np.array(list(self._against(c, known)))
            if len(against):
                found[c] = optimal(against @ covariance[: len(self), : len(self)] @ against.T) @ against
                had[c] = True
        return found, had

    def _against(self, c: int, known: Bools) -> Iterator[Floats]:
        """Weights of the comparisons in an effect against each comparison cohort that could be used."""
        here = np.flatnonzero(self.cell == c)
        own = here[self.other[here] < 0]
        for h in np.unique(self.other[here]):
            those = np.concatenate([own, here[self.other[here] == h]])
            if h >= 0 and known[those].all():
                row = np.zeros(len(self))
                row[those] = self.sign[those]
                yield row


def _said(halves: Halves, cells: Cells, refused: Sequence[Refused], asked: _Asked, gone: Bools) -> list[str]:
    """Which effects could not be had, and why: a sentence for each cohort and trouble."""
    found: dict[tuple[int, str], set[int]] = {}
    for r in refused:
        for c in asked.cell[r.comparison.cells]:
            if gone[c]:
                found.setdefault((int(cells.cohort[c]), r.trouble), set()).add(int(cells.period[c]))
    periods = halves.analysis.panel.periods
    return [
        f"Cohort {halves.analysis.names[g]} ({counted(int(halves.affected[g]), 'affected unit')}) has no effect in "
        f"{some([plain(periods[t]) for t in sorted(when)])}: {TROUBLES[trouble]}."
        for (g, trouble), when in sorted(found.items())
    ]
