"""Tests of conditional independence, by clusters: are two columns still related once others are held fixed?

Both columns are predicted from the others, and the products of what is left are zero on average if the two are independent
(the generalised covariance measure). With linear predictions that is a test of the partial correlation which does not
assume equal variances; with forests it finds what is not linear in the others. Source: Shah and Peters (2020), section 3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.causal.graphs.implications import Independence

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Method = Literal["linear", "forest", "classical"]
FOLDS = 5
COLLINEAR = 1e-13
"""Share of the largest eigenvalue under which a direction of what is held fixed is rounding."""


@dataclass(frozen=True, eq=False)
class Nodes:
    """What the nodes of a graph are in the data.

    Attributes
    ----------
    values:
        [n, k] of each node; k is more than one for categories.
    always:
        [n, L] held fixed in each test: dummies of periods or cohorts.
    clusters:
        [n], rows that depend on each other.
    """

    values: Mapping[str, Floats]
    always: Floats
    clusters: Ints

    @cached_property
    def codes(self) -> Ints:
        """[n], clusters from 0 on."""
        return np.asarray(np.unique(self.clusters, return_inverse=True)[1], dtype=np.int64)

    @cached_property
    def n_clusters(self) -> int:
        """How many clusters there are."""
        return int(self.codes.max()) + 1

    @cached_property
    def _sorted(self) -> tuple[Ints, Ints]:
        """Rows in order of clusters, and where each cluster starts."""
        order = np.argsort(self.codes, kind="stable")
        return order, np.flatnonzero(np.diff(self.codes[order], prepend=-1))

    def by_cluster(self, values: Floats) -> Floats:
        """[G, q], sums of [n, q]."""
        if self.n_clusters == len(values):
            return values
        order, starts = self._sorted
        return np.asarray(np.add.reduceat(values[order], starts, axis=0))

    def held(self, given: Iterable[str]) -> Floats:
        """[n, L + K]: what is held fixed, without a constant."""
        return np.column_stack([self.always, *(self.values[g] for g in given)])


@dataclass(frozen=True)
class Tested:
    """One test: statistic, its degrees of freedom, p-value, and the (partial) correlation where both columns are one number."""

    statistic: float
    p_value: float
    df: tuple[float, float]
    correlation: float | None


def measured(
    nodes: Nodes, asked: Sequence[Independence], method: Method = "linear", seed: int = 20251122
) -> list[Tested]:
    """Test independencies; what is left of columns is computed once for each set that is held fixed."""
    found: dict[Independence, Tested] = {}
    together: dict[tuple[str, ...], list[Independence]] = {}
    for one in asked:
        together.setdefault(tuple(sorted(one.given)), []).append(one)
    for given, same in together.items():
        left, rank = _left(nodes, given, sorted({n for i in same for n in (i.a, i.b)}), method, seed)
        found |= _tested(nodes, left, same, rank, method)
    return [found[i] for i in asked]


def _tested(
    nodes: Nodes, left: dict[str, Floats], asked: list[Independence], rank: int, method: Method
) -> dict[Independence, Tested]:
    """Tests with the same held fixed; pairs of single numbers are tested at once."""
    if method == "classical":
        return {i: _classical(left[i.a], left[i.b], rank) for i in asked}
    single = [i for i in asked if left[i.a].shape[1] == left[i.b].shape[1] == 1]
    found = {i: _by_products(nodes, left[i.a], left[i.b], rank) for i in asked if i not in single}
    return found | dict(zip(single, _by_single_products(nodes, left, single, rank), strict=True))


# ---- what is left ------------------------------------------------------------------------------


def _left(
    nodes: Nodes, given: tuple[str, ...], names: list[str], method: Method, seed: int
) -> tuple[dict[str, Floats], int]:
    """What is left of some nodes once others are held fixed, and how many numbers that took."""
    held = nodes.held(given)
    widths = [nodes.values[n].shape[1] for n in names]
    columns = np.column_stack([nodes.values[n] for n in names])
    rest: Callable[..., tuple[Floats, int]] = _forest_rest if method == "forest" and given else _linear_rest
    left, rank = rest(columns, held, nodes.codes, seed)
    parts = np.split(left, np.cumsum(widths)[:-1], axis=1)
    return dict(zip(names, parts, strict=True)), rank


def _linear_rest(columns: Floats, held: Floats, codes: Ints, seed: int) -> tuple[Floats, int]:
    basis = _basis(held - held.mean(axis=0))
    left = columns - columns.mean(axis=0)
    for _ in range(2):  # once more takes out what rounding left
        left = left - basis @ (basis.T @ left)
    size = np.sqrt((columns**2).sum(axis=0))
    left[:, np.sqrt((left**2).sum(axis=0)) <= 1e-9 * size] = 0.0  # explained without rest
    return left, 1 + basis.shape[1]


def _basis(held: Floats) -> Floats:
    """Orthonormal columns that span what is held fixed, whatever its units."""
    scale = np.sqrt((held**2).sum(axis=0))
    units = held / np.where(scale > 0, scale, 1.0)
    values, vectors = np.linalg.eigh(units.T @ units)
    kept = values > COLLINEAR * max(float(values.max(initial=0.0)), COLLINEAR)
    return np.asarray(units @ (vectors[:, kept] / np.sqrt(values[kept])))


def _forest_rest(columns: Floats, held: Floats, codes: Ints, seed: int) -> tuple[Floats, int]:
    """Each row predicted by forests that never saw its cluster."""
    from sklearn.ensemble import RandomForestRegressor

    rng = np.random.default_rng(seed)
    folds = rng.permutation(int(codes.max()) + 1)[codes] % FOLDS
    left = np.empty_like(columns)
    for fold in range(FOLDS):
        out = folds == fold
        forest = RandomForestRegressor(200, min_samples_leaf=5, max_features=1 / 2, n_jobs=1, random_state=seed + fold)
        predicted = forest.fit(held[~out], columns[~out].squeeze()).predict(held[out])
        left[out] = columns[out] - predicted.reshape(-1, columns.shape[1])
    return left - left.mean(axis=0), 1


# ---- tests -------------------------------------------------------------------------------------


def _by_products(nodes: Nodes, a: Floats, b: Floats, rank: int) -> Tested:
    """Hotelling's test that sums by cluster of products are zero on average; for two numbers the square of a t-test."""
    from scipy import special

    n, clusters = len(a), nodes.n_clusters
    products = (a[:, :, None] * b[:, None, :]).reshape(n, -1)
    sums = nodes.by_cluster(products)
    mean = sums.mean(axis=0)
    spread = np.atleast_2d(np.cov(sums, rowvar=False)) if clusters > 1 else np.zeros((len(mean), len(mean)))
    inverse, q = _inverse(spread)
    free = min(clusters, n - rank) - q
    if not q or free < 1:
        return Tested(0.0, 1.0, (float(q), float(max(free, 0))), None)
    factor = (n - rank) / n  # predictions use up some of the variation, as in CR1
    statistic = factor * clusters * float(mean @ inverse @ mean) * free / (q * (free + q - 1))
    return Tested(statistic, float(special.fdtrc(q, free, statistic)), (float(q), float(free)), _correlation(a, b))


def _by_single_products(nodes: Nodes, left: dict[str, Floats], asked: list[Independence], rank: int) -> list[Tested]:
    """The same for pairs of single numbers, all at once."""
    from scipy import special

    if not asked:
        return []
    a, b = (np.column_stack([left[n] for n in names]) for names in ([i.a for i in asked], [i.b for i in asked]))
    sums = nodes.by_cluster(a * b)
    n, free = len(a), min(nodes.n_clusters, len(a) - rank) - 1
    spread, mean = sums.var(axis=0), sums.mean(axis=0)
    varies = (spread > 0) & (free >= 1)
    statistics = np.where(varies, (n - rank) / n * mean**2 / np.where(varies, spread, 1.0) * (len(sums) - 1), 0.0)
    p_values = np.where(varies, special.fdtrc(1, max(free, 1), statistics), 1.0)
    return [
        Tested(float(t), float(p), (1.0, float(max(free, 0))), _correlation(a[:, [k]], b[:, [k]]))
        for k, (t, p) in enumerate(zip(statistics, p_values, strict=True))
    ]


def _inverse(spread: Floats) -> tuple[Floats, int]:
    """Inverse of a covariance on the part where it is not zero, and the size of that part."""
    scale = np.sqrt(np.diag(spread))
    scale = np.where(scale > 0, scale, 1.0)
    values, vectors = np.linalg.eigh(spread / np.outer(scale, scale))
    kept = values > 1e-10 * max(float(values.max(initial=0.0)), 1e-300)
    half = vectors[:, kept] / np.sqrt(values[kept]) / scale[:, None]
    return half @ half.T, int(kept.sum())


def _classical(a: Floats, b: Floats, rank: int) -> Tested:
    """Partial correlation with equal variances and rows that do not depend on each other; F-test of Pillai's trace.

    For two numbers it is the square of the usual t-test with n - 2 - K degrees of freedom. Source: Rencher and Christensen
    (2012), section 11.4.
    """
    from scipy import special

    left, right = _basis(a), _basis(b)
    if not (left.size and right.size):
        return Tested(0.0, 1.0, (0.0, 0.0), None)
    trace = float((np.linalg.svd(left.T @ right, compute_uv=False) ** 2).sum())
    p, q = sorted((left.shape[1], right.shape[1]))
    free = p * (len(a) - rank - q)
    if free < 1:
        return Tested(0.0, 1.0, (float(p * q), 0.0), None)
    statistic = trace / max(p - trace, 1e-300) * free / (p * q)
    return Tested(
        statistic, float(special.fdtrc(p * q, free, statistic)), (float(p * q), float(free)), _correlation(a, b)
    )


def _correlation(a: Floats, b: Floats) -> float | None:
    if a.shape[1] != 1 or b.shape[1] != 1:
        return None
    size = float(np.sqrt((a**2).sum() * (b**2).sum()))
    return float((a * b).sum()) / size if size else 0.0
