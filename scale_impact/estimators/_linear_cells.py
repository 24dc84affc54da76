"""Cohort x period effects that are linear in cohort means: values, scores and covariances from moments; not an estimator."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from weakref import WeakKeyDictionary

import numpy as np

from scale_impact.core.analysis import Analysis
from scale_impact.core.cohorts import Floats, Scores
from scale_impact.core.influence import Influence
from scale_impact.estimators._group_time import Averages, Cells, Ints

FULL_COVARIANCE = 1500
"""Up to so many cohort x period effects their whole covariance is kept."""

MANY_LOADINGS = 1 << 22
"""From so many loadings on (32 MB), they are made when they are asked for and not kept."""


@dataclass(frozen=True, eq=False)
class LinearCells:
    """Differences of differences of cohort means.

    The controls of a cell are all cohorts from its first control on but its own, so that what
    loads on them is a sum over cohorts that runs from there on.
    """

    analysis: Analysis
    cells: Cells

    @cached_property
    def share(self) -> Floats:
        """Cohorts' shares of the units, [G]."""
        units = self.analysis.moments.units
        return np.asarray(units / units.sum())

    @cached_property
    def values(self) -> Floats:
        """The effects, [C]."""
        cells = self.cells
        return np.asarray(
            self._level(cells.period) - self._level(cells.base)
            - (self._middle(cells.period) - self._middle(cells.base))
        )  # fmt: skip

    def covariance(self, averages: Averages) -> Floats:
        """Covariance of averages."""
        return self.analysis.moments.covariance(self.scores(averages))

    def each(self, cells: Averages) -> tuple[Floats | None, Floats]:
        """Covariance and variances of the cells one by one; variances alone where they are very many."""
        moments = self.analysis.moments
        if len(cells) <= FULL_COVARIANCE:
            covariance = self.covariance(cells)
            return covariance, np.diag(covariance)
        if moments.clusters is None:
            return None, self._variances()
        return None, np.concatenate([moments.variance(self.scores(part)) for part in _parts(cells, self.cells)])

    def influence(self, averages: Averages) -> Influence:
        """What each unit adds to the averages' error."""
        if self._is_large(averages):
            panel, design = self.analysis.panel, self.analysis.design
            return Influence(panel, design, made=lambda: self.analysis.influence(self.scores(averages)).values)
        return self.analysis.influence(self.scores(averages))

    def weights(self, averages: Averages) -> Floats | None:
        """Weights of the averages on the cohorts' mean paths, [K, G, T]; None where they are very many."""
        if self._is_large(averages):
            return None
        return np.asarray(self.scores(averages).loadings * self.analysis.moments.counts)

    def said_of(self, top: Averages) -> list[str]:
        """Nothing: all effects could be had."""
        return []

    def treated_mean(self, top: Averages) -> float:
        """Mean outcome of the treated as an average counts them."""
        cells = self.cells
        return float(top.matrix[0] @ self.analysis.moments.means[cells.cohort, cells.period])

    def scores(self, averages: Averages) -> Scores:
        """What each unit adds to the error of averages over cells."""
        if averages in self._known:
            return self._known[averages]
        scores = self._scores(averages)
        if not self._is_large(averages):
            self._known[averages] = scores
        return scores

    @cached_property
    def _known(self) -> WeakKeyDictionary[Averages, Scores]:
        return WeakKeyDictionary()

    def _scores(self, averages: Averages) -> Scores:
        moments, cells = self.analysis.moments, self.cells
        k, (g, t) = len(averages), moments.counts.shape
        used = np.flatnonzero((averages.row >= 0) & (averages.weight != 0) & ~cells.reference)
        row, weight, cohort = averages.row[used], averages.weight[used], cells.cohort[used]
        loadings, controls = np.zeros((k, g, t)), np.zeros((k, g + 1, t))
        middles = np.zeros((k, g + 1) if moments.followed else (k, g + 1, t))
        for period, sign in ((cells.period, 1.0), (cells.base, -1.0)):
            when = period[used]
            _enter(loadings, (row, cohort, when), sign * weight / moments.counts[cohort, when])
            each = sign * weight / self._totals(period)[used]
            self._on_controls(controls, used, row, (when,), each)
            in_cells = () if moments.followed else (when,)
            self._on_controls(middles, used, row, in_cells, each * self._middle(period)[used])
        for from_here in (controls, middles):
            np.cumsum(from_here, axis=1, out=from_here)
        controls, middles = controls[:, :g], middles[:, :g]
        loadings -= controls
        pulled = np.einsum("kgt,gt->kg", controls, self._centred) if moments.followed else controls * self._centred
        return Scores(loadings, middles - pulled, averages.slopes / moments.units.sum())

    def _on_controls(self, target: Floats, used: Ints, row: Ints, when: tuple[Ints, ...], values: Floats) -> None:
        """Enter values where each cell's controls begin, but for the cohort itself; sums run from there on."""
        cells = self.cells
        _enter(target, (row, cells.first_control[used], *when), values)
        own = np.flatnonzero(cells.own[used])
        for shift, sign in ((0, -1.0), (1, 1.0)):
            at = cells.cohort[used][own] + shift
            _enter(target, (row[own], at, *(w[own] for w in when)), sign * values[own])

    def _variances(self) -> Floats:
        """Variances of all cells without their loadings: spread of the cohort and of its pooled controls."""
        cells, counts = self.cells, self.analysis.moments.counts
        products, found = self._products, np.zeros(len(cells))
        terms = [(cells.period, cells.period, 1.0), (cells.base, cells.base, 1.0)]
        if self.analysis.moments.followed:
            terms.append((cells.period, cells.base, -2.0))
        for w, v, factor in terms:
            n, m = counts[cells.cohort, w], counts[cells.cohort, v]
            own = products[cells.cohort, w, v] - n * self._level(w) * self._level(v)
            others = self._over_controls(products, w, v) - self._totals(w) * self._middle(w) * self._middle(v)
            found += factor * (own / (n * m) + others / (self._totals(w) * self._totals(v)))
        return np.where(cells.reference, 0.0, found)

    @property
    def _products(self) -> Floats:
        """Sums of products of outcomes by cohort, measured as ``_centred`` is, [G, T, T]."""
        moments = self.analysis.moments
        products = moments.scatter + np.einsum("gt,gs,gt->gts", self._centred, self._centred, moments.counts)
        if moments.followed:
            products[:, 0] = products[:, :, 0] = 0.0  # paths are changes since the first period
        return np.asarray(products)

    def _is_large(self, averages: Averages) -> bool:
        return len(averages) * self.analysis.moments.counts.size > MANY_LOADINGS

    @cached_property
    def _centred(self) -> Floats:
        """Mean paths less what is common to a period: the sums keep their digits."""
        moments = self.analysis.moments
        n = moments.counts
        return np.asarray(moments.paths - (n * moments.paths).sum(axis=0) / np.maximum(n.sum(axis=0), 1))

    def _level(self, when: Ints) -> Floats:
        return np.asarray(self._centred[self.cells.cohort, when])

    def _totals(self, when: Ints) -> Floats:
        """Observations of each cell's controls in a period."""
        return self._over_controls(self.analysis.moments.counts, when)

    def _middle(self, when: Ints) -> Floats:
        """Mean of each cell's controls in a period."""
        moments = self.analysis.moments
        return self._over_controls(moments.counts * self._centred, when) / self._totals(when)

    def _over_controls(self, values: Floats, *when: Ints) -> Floats:
        """Sums of [G, T] (or [G, T, T]) over each cell's controls."""
        from_here = np.cumsum(values[::-1], axis=0)[::-1]
        found = from_here[self.cells.first_control, *when]
        return np.asarray(found - np.where(self.cells.own, values[self.cells.cohort, *when], 0.0))


def _parts(averages: Averages, cells: Cells) -> Iterator[Averages]:
    """The same averages, those of one cohort at a time (one average a cell)."""
    for g in np.unique(cells.cohort):
        inside = np.flatnonzero(cells.cohort == g)
        row = np.full(len(cells), -1)
        row[inside] = np.arange(len(inside))
        yield Averages(row, averages.weight, averages.slopes[inside], averages.values[inside], averages.marks[inside])


def _enter(target: Floats, index: tuple[Ints, ...], values: Floats) -> None:
    """Add values at places, also where a place comes several times (on a flat array: many times faster)."""
    np.add.at(target.reshape(-1), np.ravel_multi_index(index, target.shape), values)
