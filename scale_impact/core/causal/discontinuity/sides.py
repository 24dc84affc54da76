"""The two sides of a threshold, each in order of distance from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.causal.discontinuity.choices import MANY_TIES, Floats, Kernel, kernel_weights


@dataclass(frozen=True, eq=False)
class Side:
    """Observations on one side of the threshold, the nearest first; those of equal distance stand together.

    Attributes
    ----------
    x:
        Running variable less the threshold, n values, of one sign; towards treatment is positive.
    columns:
        [n, m]: the outcome, the exposure where it is fuzzy, and covariates.
    clusters:
        Cluster of each observation; None where each is its own.
    rows:
        [n] where each stands among the observations that the side was cut from.
    kept:
        Residuals that were made of it, by number of neighbours: several polynomials share them.
    """

    x: Floats
    columns: Floats
    clusters: NDArray[np.int64] | None
    rows: NDArray[np.int64]
    kept: dict[int, Floats] = field(default_factory=dict)

    @property
    def n(self) -> int:
        """Number of observations."""
        return len(self.x)

    @cached_property
    def first(self) -> NDArray[np.int64]:
        """First row of each distinct value of ``x``."""
        return np.flatnonzero(np.r_[True, np.diff(self.x) != 0]) if self.n else np.zeros(0, dtype=np.int64)

    @property
    def distinct(self) -> int:
        """Number of distinct values of ``x``."""
        return len(self.first)

    @property
    def reach(self) -> float:
        """Distance of the farthest observation."""
        return float(abs(self.x[-1]))

    @property
    def heaped(self) -> bool:
        """Whether many observations share their value with another."""
        return bool(1 - self.distinct / self.n >= MANY_TIES)

    @cached_property
    def n_clusters(self) -> int:
        """Number of clusters; of observations where each is its own."""
        return self.n if self.clusters is None else len(np.unique(self.clusters))

    def nearest(self, n: int) -> Side:
        """The ``n`` nearest observations."""
        return Side(self.x[:n], self.columns[:n], None if self.clusters is None else self.clusters[:n], self.rows[:n])

    def within(self, h: float, kernel: Kernel) -> Side:
        """The observations that count at a bandwidth."""
        return self.nearest(int(np.count_nonzero(kernel_weights(kernel, self.x, h))))

    def distance(self, k: int) -> float:
        """Distance of the k-th nearest distinct value (of the last where there are fewer)."""
        return float(abs(self.x[self.first[min(k, self.distinct) - 1]]))

    def scaled(self, x: float, y: float) -> Side:
        """In other units: the running variable divided by ``x``, the outcome by ``y``."""
        columns = self.columns.copy()
        columns[:, 0] /= y
        return Side(self.x / x, columns, self.clusters, self.rows)


def side_of(x: Floats, columns: Floats, clusters: NDArray[np.int64] | None, chosen: NDArray[np.bool_]) -> Side:
    """The chosen observations in order of distance; ties keep their order."""
    rows = np.flatnonzero(chosen)
    rows = rows[np.argsort(np.abs(x[rows]), kind="stable")]
    return Side(x[rows], columns[rows], None if clusters is None else clusters[rows], rows)


def centred(left: Side, right: Side) -> tuple[Side, Side, Floats]:
    """Both sides with columns less their medians [m], which are given too.

    No jump depends on a column's level, but digits do: numbers near a billion that differ by one would lose nine of them.
    """
    levels = np.median(np.concatenate([left.columns, right.columns]), axis=0)
    low, high = (Side(s.x, s.columns - levels, s.clusters, s.rows) for s in (left, right))
    return low, high, np.asarray(levels, dtype=np.float64)
