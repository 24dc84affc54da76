"""Two-way fixed effects with covariates, unit by unit: nothing of the size of all regressors is formed.

Units are taken cohort by cohort in chunks that fit the processor's cache. One pass sums products,
another residuals and scores. On the way levels, a middle path and unit effects are taken out of
outcome and covariates, so that what is summed is small.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.analysis import Analysis
from scale_impact.core.cohorts import CHUNK_ELEMENTS, Floats
from scale_impact.core.panel import Panel
from scale_impact.core.sandwich import Blocks
from scale_impact.core.within import EXPLAINED, unexplained
from scale_impact.errors import EstimationError

Codes = NDArray[np.int64]

COLLINEAR, WEAK = 1e-12, 1e-3
"""Least eigenvalues of the regressors' correlations with which they count as independent, and as safely so."""


@dataclass(frozen=True, eq=False)
class Rows:
    """Outcome and covariates of the units of an analysis.

    Attributes
    ----------
    matrices:
        Outcome first, then the covariates, each [N, T] over the panel's units.
    members:
        Positions of the units of each of the G cohorts.
    within:
        [T, T], takes unit effects out.
    clusters:
        Cluster of each unit, [N]; None where the unit is the cluster.
    middle:
        [V, T], what changes are measured from.
    """

    matrices: tuple[Floats, ...]
    members: tuple[Codes, ...]
    within: Floats
    clusters: Codes | None
    middle: Floats

    @classmethod
    def of(cls, analysis: Analysis, covariates: Sequence[Floats], within: Floats) -> Rows:
        """Rows of an analysis; ``covariates`` have one value an observation of the panel."""
        panel, design = analysis.panel, analysis.design
        matrices = tuple(as_matrix(panel, column) for column in (panel.values, *covariates))
        members = tuple(np.flatnonzero(design.cohort_codes == g) for g in analysis.positions)
        start = np.zeros((len(matrices), panel.n_periods))
        rows = cls(matrices, members, within, design.cluster_codes, start)
        units = np.concatenate(members)
        return replace(rows, middle=np.median(rows.changes(units[:: len(units) // 64 + 1]), axis=1))

    @property
    def n_units(self) -> int:
        """Units that enter."""
        return sum(len(units) for units in self.members)

    def chunks(self) -> Iterator[tuple[int, Codes, Floats]]:
        """Cohort, units and their variables without unit effects, [V, n, T]."""
        step = max(CHUNK_ELEMENTS // len(self.within) // len(self.matrices), 64)
        for g, members in enumerate(self.members):
            for start in range(0, len(members), step):
                units = members[start : start + step]
                yield g, units, self.changes(units) @ self.within

    def changes(self, units: Codes) -> Floats:
        """Changes since the first period, measured from the middle, [V, n, T]."""
        block = np.stack([matrix.take(units, axis=0) for matrix in self.matrices])
        block -= block[:, :, :1].copy()
        block -= self.middle[:, None, :]
        return block


Kind = TypeVar("Kind", bound=np.generic)


def as_matrix(panel: Panel, column: NDArray[Kind]) -> NDArray[Kind]:
    """Values by observation as units x periods; units that are not observed in each period have zeros."""
    if panel.balanced:
        return column.reshape(panel.n_units, panel.n_periods)
    lengths = panel.cell_counts()
    whole = np.flatnonzero(lengths == panel.n_periods)
    matrix = np.zeros((panel.n_units, panel.n_periods), dtype=column.dtype)
    first = np.cumsum(lengths) - lengths
    matrix[whole] = column[first[whole][:, None] + np.arange(panel.n_periods)]
    return matrix


@dataclass(frozen=True, eq=False)
class RowSums:
    """A regression on P regressors by cohort and period and C covariates, and its sums (``sandwich.Sums``).

    Attributes
    ----------
    rows:
        Outcome and covariates.
    regressors:
        [P, G, T], without what unit and period effects explain.
    means:
        [V, T], period means of the variables without unit effects.
    coefficients:
        Length P + C, of the covariates as they were given.
    bread:
        [P + C, P + C], inverse of the regressors' sums of products.
    """

    rows: Rows
    regressors: Floats
    means: Floats
    coefficients: Floats
    bread: Floats

    @property
    def within(self) -> Floats:
        """What takes unit effects out, [T, T]."""
        return self.rows.within

    @property
    def n_units(self) -> int:
        """Units, N."""
        return self.rows.n_units

    def residuals(self) -> Iterator[tuple[int, Codes, Floats, Floats]]:
        """Cohort, units, covariates [C, n, T] without effects, residuals [n, T]."""
        p = len(self.regressors)
        fit = np.tensordot(self.coefficients[:p], self.regressors, 1)
        slopes = self.coefficients[p:]
        for g, units, block in self.rows.chunks():
            block -= self.means[:, None, :]
            e = block[0] - fit[g]
            for slope, covariate in zip(slopes, block[1:], strict=True):
                e -= slope * covariate
            yield g, units, block[1:], e

    def scores(self) -> Iterator[tuple[Codes, Floats]]:
        """Units and their scores [P + C, n], not yet times the bread."""
        for g, units, w, e in self.residuals():
            yield units, self._scores(g, w, e)

    def _scores(self, g: int, w: Floats, e: Floats) -> Floats:
        """Scores of some units of one cohort, [P + C, n]."""
        return np.concatenate([self.regressors[:, g] @ e.T, np.einsum("vnt,nt->vn", w, e)])

    def refined(self) -> RowSums:
        """The same with coefficients corrected by what their residuals leave: near collinearity costs digits."""
        left = sum((scores.sum(axis=1) for _, scores in self.scores()), np.zeros(len(self.bread)))
        return replace(self, coefficients=self.coefficients + self.bread @ left)

    def by_unit(self, contrasts: Floats, n: int) -> Floats:
        """Scores of contrasts of coefficients [K, P + C], one row for each of ``n`` units, [n, K]."""
        found, matrix = np.zeros((n, len(contrasts))), self.bread @ contrasts.T
        for units, scores in self.scores():
            found[units] = scores.T @ matrix
        return found

    def squares(self) -> float:
        """Sum of squared residuals."""
        return float(sum((e * e).sum() for _, _, _, e in self.residuals()))

    def by_observation(self) -> Floats:
        """Sum over observations of products of their scores, between breads, [P + C, P + C]."""
        total = np.zeros_like(self.bread)
        p = len(self.regressors)
        for g, _, w, e in self.residuals():
            x, square = self.regressors[:, g], e * e
            total[:p, :p] += (x * square.sum(axis=0)) @ x.T
            total[:p, p:] += x @ np.einsum("vnt,nt->tv", w, square)
            moved = (w * e).reshape(len(w), -1)
            total[p:, p:] += np.einsum("kn,ln->kl", moved, moved)
        total[p:, :p] = total[:p, p:].T
        return self._between(total)

    def by_period(self) -> Floats:
        """Scores summed over units in each period, times the bread, [T, P + C]."""
        total = np.zeros((len(self.within), len(self.bread)))
        p = len(self.regressors)
        for g, _, w, e in self.residuals():
            total[:, :p] += self.regressors[:, g].T * e.sum(axis=0)[:, None]
            total[:, p:] += np.einsum("vnt,nt->tv", w, e)
        return np.asarray(total @ self.bread)

    def by_cluster(self) -> Floats:
        """Sum over clusters of products of their scores, between breads, [P + C, P + C]."""
        clusters = self.rows.clusters
        total = np.zeros_like(self.bread)
        if clusters is None:
            for _, scores in self.scores():
                total += np.einsum("kn,ln->kl", scores, scores)  # threads of a matrix product cost more than they save
            return self._between(total)
        sums = np.zeros((clusters.max() + 1, len(self.bread)))
        for units, scores in self.scores():
            np.add.at(sums, clusters[units], scores.T)
        return self._between(sums.T @ sums)

    def by_cluster_and_period(self) -> Floats:
        """The same with each period of a cluster as a cluster of its own, [P + C, P + C]."""
        clusters = self.rows.clusters
        if clusters is None:
            return self.by_observation()
        t = len(self.within)
        return self.by_codes(clusters[:, None] * t + np.arange(t))

    def by_codes(self, codes: Codes) -> Floats:
        """The same with clusters of observations: ``codes`` is [N, T] over the panel's units."""
        n = int(codes.max()) + 1
        sums = np.zeros((n, len(self.bread)))
        for g, units, w, e in self.residuals():
            here = codes[units].ravel()
            columns = [*(x * e for x in self.regressors[:, g]), *(w * e)]
            for k, column in enumerate(columns):
                sums[:, k] += np.bincount(here, column.ravel(), n)
        return self._between(sums.T @ sums)

    def blocks(self) -> Iterator[Blocks]:
        """Clusters: chunk by chunk where these are units, all at once above them."""
        if self.rows.clusters is None:
            yield from (self._blocks(g, w, e) for g, _, w, e in self.residuals())
            return
        codes, kept = np.unique(self.rows.clusters[np.concatenate(self.rows.members)]), self.rows.clusters
        size = (len(codes), len(self.within), len(self.bread))
        total = Blocks(
            np.zeros(size[0]), np.zeros(size), np.zeros((size[0], size[2], size[2])), np.ones(size[0]),
            np.zeros(size[:2]), np.zeros((size[0], size[2])),
        )  # fmt: skip
        for g, units, w, e in self.residuals():
            at, part = np.searchsorted(codes, kept[units]), self._blocks(g, w, e)
            for name in ("members", "sums", "products", "residuals", "scores"):
                np.add.at(getattr(total, name), at, getattr(part, name))
        yield total

    def _blocks(self, g: int, w: Floats, e: Floats) -> Blocks:
        """One block a unit."""
        n = len(e)
        own = np.broadcast_to(self.regressors[:, g].T, (n, *self.regressors[:, g].T.shape))
        z = np.concatenate([own, w.transpose(1, 2, 0)], axis=2)
        return Blocks(np.ones(n), z, z.transpose(0, 2, 1) @ z, np.ones(n), e, self._scores(g, w, e).T)

    def _between(self, total: Floats) -> Floats:
        return np.asarray(self.bread @ total @ self.bread)


def regress(rows: Rows, regressors: Floats, names: Sequence[str]) -> RowSums:
    """Least squares with unit and period effects on regressors [P, G, T] and the rows' covariates.

    Raises
    ------
    EstimationError
        A covariate that the effects explain, or that other regressors make up.
    """
    sizes = np.array([len(units) for units in rows.members], dtype=float)
    x = unexplained(regressors, sizes, rows.within)
    sums, gram = _products(rows, len(sizes))
    means = sums.sum(axis=1) / sizes.sum()
    gram -= sizes.sum() * means @ means.T
    _refuse_explained(rows, gram, names)
    by_x = np.einsum("pgt,vgt->pv", x, sums)
    normal = np.block(
        [[np.einsum("g,pgt,qgt->pq", sizes, x, x, optimize=True), by_x[:, 1:]], [by_x[:, 1:].T, gram[1:, 1:]]]
    )
    scale = np.sqrt(np.diag(normal))
    smallest = float(np.linalg.eigvalsh(normal / np.outer(scale, scale))[0])
    _refuse_collinear(smallest, names)
    bread = np.linalg.inv(normal / np.outer(scale, scale)) / np.outer(scale, scale)
    found = RowSums(rows, x, means, bread @ np.concatenate([by_x[:, 0], gram[1:, 0]]), bread)
    return found.refined() if smallest < WEAK else found


def _products(rows: Rows, n_cohorts: int) -> tuple[Floats, Floats]:
    """Sums by cohort and period [V, G, T] and products [V, V] of the variables without unit effects."""
    v = len(rows.matrices)
    sums, gram = np.zeros((v, n_cohorts, len(rows.within))), np.zeros((v, v))
    for g, _, block in rows.chunks():
        sums[:, g] += block.sum(axis=1)
        flat = block.reshape(v, -1)
        gram += np.einsum("kn,ln->kl", flat, flat)
    return sums, gram


def _refuse_explained(rows: Rows, gram: Floats, names: Sequence[str]) -> None:
    """Name covariates that do not vary beyond the effects."""
    left = np.sqrt(np.maximum(np.diag(gram)[1:], 0.0))
    size = [float(np.ptp(matrix)) * np.sqrt(matrix.size) for matrix in rows.matrices[1:]]
    fixed = [
        name for name, rest, whole in zip(names, left, size, strict=True) if rest <= EXPLAINED * max(whole, 1e-300)
    ]
    if fixed:
        raise EstimationError(
            f"Covariate {', '.join(fixed)} does not vary beyond unit and period effects, so it has no coefficient. Leave it "
            "out; to compare like with like on a fixed trait, interact it with the period."
        )


def _refuse_collinear(smallest: float, names: Sequence[str]) -> None:
    if names and smallest < COLLINEAR:
        raise EstimationError(
            f"Covariates {', '.join(names)} are combinations of each other or of treatment. Leave some out."
        )
