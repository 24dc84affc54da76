"""Nearest neighbours, all tied ones, within exact cells and a caliper.

Rows at one place are one point, and what is matched is points: where covariates take few values, a row may have thousands
of neighbours at the same distance, and pairs of points say the same as pairs of rows.

Source: Abadie and Imbens (2006), section 2 (matching with replacement, ties all count).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.causal.by_cluster import sums_by

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SAME = 1e-9
"""Distances that differ by less than this share are tied."""


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Neighbours of t rows among m others.

    Attributes
    ----------
    links:
        [points of the t rows, points of the m rows]: what each row at a point counts in the neighbours' mean.
    distances:
        Of linked points, in the order of ``links.data``.
    own, others:
        Point of each of the t rows, and of the m rows.
    """

    links: csr_array
    distances: Floats
    own: Ints
    others: Ints

    @property
    def found(self) -> NDArray[np.bool_]:
        """Which of the t rows have a neighbour."""
        return np.asarray(np.diff(self.links.indptr) > 0)[self.own]

    def means(self, values: Floats) -> Floats:
        """Mean of values [m] or [m, c] over each row's neighbours, [t] or [t, c]; 0 where there is none."""
        return np.asarray(self.links @ sums_by(self.others, values, self.links.shape[1]))[self.own]

    def sizes(self) -> Floats:
        """How many neighbours each row has, [t]."""
        first = np.zeros(self.links.shape[0])
        some = np.diff(self.links.indptr) > 0
        first[some] = 1 / self.links.data[self.links.indptr[:-1][some]]
        return first[self.own]

    def used(self, counted: Floats, power: int = 1) -> Floats:
        """How much each of the m rows is used: the sum of its shares (to a power) over rows that count, [m]."""
        each = sums_by(self.own, counted, self.links.shape[0])
        links = self.links if power == 1 else self.links.power(power)
        return np.asarray(links.T @ each)[self.others]

    def pairs(self, most: int) -> tuple[Ints, Ints, Floats] | None:
        """Pairs of rows (positions among the t and the m) with their distance; None where there are more than ``most``."""
        lengths = np.bincount(self.others, minlength=self.links.shape[1])
        if self.sizes().sum() > most:
            return None
        by_point = np.split(np.argsort(self.others, kind="stable"), np.cumsum(lengths)[:-1])
        at = self.links.indptr
        rows, cols, far = [], [], []
        for i, u in enumerate(self.own):
            for e in range(at[u], at[u + 1]):
                members = by_point[self.links.indices[e]]
                rows.append(np.full(len(members), i))
                cols.append(members)
                far.append(np.full(len(members), self.distances[e]))
        empty: list[Any] = [np.empty(0)]
        return (
            np.concatenate(rows or empty).astype(np.int64),
            np.concatenate(cols or empty).astype(np.int64),
            np.concatenate(far or empty),
        )


def neighbours(
    own: Floats, others: Floats, own_cells: Ints, other_cells: Ints, k: int, caliper: float | None
) -> Neighbours:
    """The k nearest of ``others`` [m, q] of each of ``own`` [t, q] in the same cell, ties included, none beyond the caliper."""
    from scipy.sparse import csr_array

    points, own_at = _points(own, own_cells)
    pool, others_at = _points(others, other_cells)
    counts = np.bincount(others_at, minlength=len(pool))
    parts = [
        _in_cell(points, pool, counts, np.flatnonzero(points[:, 0] == c), np.flatnonzero(pool[:, 0] == c), k, caliper)
        for c in np.unique(points[:, 0])
    ]
    rows, cols, far = (np.concatenate([p[j] for p in parts]) for j in range(3))
    order = np.lexsort((cols, rows))
    rows, cols, far = rows[order], cols[order], far[order]
    total = np.bincount(rows, counts[cols], len(points))
    start = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=len(points)))])
    return Neighbours(csr_array((1 / total[rows], cols, start), shape=(len(points), len(pool))), far, own_at, others_at)


def _points(x: Floats, cells: Ints) -> tuple[Floats, Ints]:
    """Different places with their cell first, [u, 1 + q], and that of each row."""
    found, at = np.unique(np.column_stack([cells.astype(float), x]), axis=0, return_inverse=True)
    return found, at.ravel()


def _in_cell(
    points: Floats, pool: Floats, counts: Ints, mine: Ints, theirs: Ints, k: int, caliper: float | None
) -> tuple[Ints, Ints, Floats]:
    """Links within a cell: points, points of the pool, distances."""
    if not len(theirs):
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
    from scipy.spatial import KDTree

    x, z = points[mine, 1:], pool[theirs, 1:]
    tree = KDTree(z)
    most = min(k, len(theirs))
    far, at = tree.query(x, k=np.arange(1, most + 1))
    enough = np.cumsum(counts[theirs][at], axis=1) >= k
    last = np.where(enough.any(axis=1), enough.argmax(axis=1), most - 1)
    reach = far[np.arange(len(x)), last]
    if caliper is not None:
        reach = np.minimum(reach, caliper)
    start, cols = _within(tree, x, z, reach * (1 + SAME) + 1e-15)
    rows = np.repeat(np.arange(len(x)), start)
    return mine[rows], theirs[cols], np.sqrt(((x[rows] - z[cols]) ** 2).sum(axis=1))


def _within(tree: Any, x: Floats, z: Floats, reach: Floats) -> tuple[Ints, Ints]:
    """How many points of z lie within reach of each point of x, and which, one after another."""
    if x.shape[1] == 1:  # z is sorted: an interval
        low = np.searchsorted(z[:, 0], x[:, 0] - reach, side="left")
        many = np.searchsorted(z[:, 0], x[:, 0] + reach, side="right") - low
        first = np.repeat(low - np.concatenate([[0], np.cumsum(many)[:-1]]), many)
        return many, np.arange(many.sum()) + first
    found = tree.query_ball_point(x, reach, return_sorted=True)
    many = np.array([len(f) for f in found], dtype=np.int64)
    return many, np.concatenate([*found, []]).astype(np.int64)
