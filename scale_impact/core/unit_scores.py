"""What units add to the error of effects that are not linear in cohort means, some units at a time.

Nothing of size units x effects is kept: covariances are accumulated over blocks of units.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Block:
    """Scores [c, m] of m units (rows) of a cohort on c effects (columns); on the other effects they have none."""

    cohort: int
    rows: Ints
    columns: Ints
    scores: Floats


@dataclass(frozen=True)
class Combinations:
    """K combinations of C effects; an effect has part in one of them at most.

    Attributes
    ----------
    row, weight:
        Which combination each effect has part in (-1: none), and its weight, [C].
    slopes:
        Derivatives with respect to the cohorts' shares, [K, G].
    """

    row: Ints
    weight: Floats
    slopes: Floats

    def of(self, block: Block, shares: Floats) -> Floats:
        """Scores of the combinations, [K, m]; ``shares`` [m] is what units add to their cohort's share."""
        found = np.outer(self.slopes[:, block.cohort], shares)
        row = self.row[block.columns]
        used = np.flatnonzero(row >= 0)
        if len(used):
            order = used[np.argsort(row[used], kind="stable")]
            rows, starts = np.unique(row[order], return_index=True)
            weighted = block.scores[order] * self.weight[block.columns[order], None]
            found[rows] += np.add.reduceat(weighted, starts, axis=0)
        return found


@dataclass(frozen=True, eq=False)
class UnitScores:
    """Scores of C effects of N units (observations) in G cohorts.

    Attributes
    ----------
    make:
        Makes the blocks, each time anew; the units of a cohort come one block after the other.
    n_rows, n_effects, n_cohorts:
        N, C and G.
    shares:
        What each unit adds to its cohort's share, [N].
    clusters:
        Cluster of each unit, where scores are summed over clusters before they are squared.
    """

    make: Callable[[], Iterator[Block]]
    n_rows: int
    n_effects: int
    n_cohorts: int
    shares: Floats
    clusters: Ints | None

    @cached_property
    def covariance(self) -> Floats:
        """Covariance of all effects and of the cohorts' shares, [C + G, C + G]."""
        parts = ((self._columns(b), np.vstack([b.scores, self.shares[b.rows]]), b.rows) for b in self.make())
        return self._products(parts, self.n_effects + self.n_cohorts)

    def covariance_of(self, combinations: Combinations) -> Floats:
        """Covariance of combinations, in one more pass over the units, [K, K]."""
        k = np.arange(len(combinations.slopes))
        parts = ((k, combinations.of(b, self.shares[b.rows]), b.rows) for b in self.make())
        return self._products(parts, len(k))

    def variances(self) -> Floats:
        """Variances of all effects, [C]."""
        if self.clusters is not None:
            sums = self._sums(((b.columns, b.scores, b.rows) for b in self.make()), self.n_effects)
            return np.asarray((sums**2).sum(axis=0))
        found = np.zeros(self.n_effects)
        for b in self.make():
            found[b.columns] += np.einsum("cm,cm->c", b.scores, b.scores)
        return found

    def values(self, combinations: Combinations) -> Floats:
        """What each unit adds to combinations, [N, K]."""
        found = np.zeros((self.n_rows, len(combinations.slopes)))
        for b in self.make():
            found[b.rows] += combinations.of(b, self.shares[b.rows]).T
        return found

    def _columns(self, block: Block) -> Ints:
        return np.append(block.columns, self.n_effects + block.cohort)

    def _products(self, parts: Iterator[tuple[Ints, Floats, Ints]], size: int) -> Floats:
        if self.clusters is not None:
            sums = self._sums(parts, size)
            return np.asarray(sums.T @ sums)
        found = np.zeros((size, size))
        for columns, scores, _ in parts:
            found[np.ix_(columns, columns)] += scores @ scores.T
        return found

    def _sums(self, parts: Iterator[tuple[Ints, Floats, Ints]], size: int) -> Floats:
        """Sums of scores over clusters, [clusters, size]."""
        assert self.clusters is not None
        _, codes = np.unique(self.clusters, return_inverse=True)
        found = np.zeros((int(codes.max(initial=-1)) + 1, size))
        for columns, scores, rows in parts:
            order = np.argsort(codes[rows], kind="stable")
            present, starts = np.unique(codes[rows][order], return_index=True)
            found[np.ix_(present, columns)] += np.add.reduceat(scores[:, order], starts, axis=1).T
        return found
