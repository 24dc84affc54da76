"""Blocks: effects whose errors are related, or that lie in one cluster, decomposed together; all blocks of one size at once.

Independent effects are blocks of one, and cost nothing; a covariance without gaps is one block, decomposed once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scale_impact.synthesis.between.line import Floats, Line

Ints = NDArray[np.intp]


@dataclass(frozen=True)
class Blocks:
    """k effects in blocks.

    Attributes
    ----------
    rows:
        Of each size m, the effects of its n blocks [n, m].
    errors:
        Their covariances, [n, m, m].
    alike:
        1 where two effects of a block lie in the same cluster, [n, m, m]; the unit matrix without clusters.
    block:
        The block of each effect [k], numbered in the order of the effects.
    """

    rows: tuple[Ints, ...]
    errors: tuple[Floats, ...]
    alike: tuple[Floats, ...]
    block: Ints

    def __len__(self) -> int:
        return int(self.block.max()) + 1

    @property
    def largest(self) -> int:
        """How many effects the largest block has."""
        return max(int(r.shape[1]) for r in self.rows)


@dataclass(frozen=True)
class Rotation:
    """Eigenvectors of each block, and whence they lead back."""

    rows: tuple[Ints, ...]
    vectors: tuple[Floats, ...]

    def there(self, values: Floats) -> Floats:
        """U'a of numbers of the effects, [k] or [k, p]."""
        return _turned(values, self.rows, tuple(v.transpose(0, 2, 1) for v in self.vectors))

    def back(self, values: Floats) -> Floats:
        """U a: numbers of the coordinates as numbers of the effects, [k] or [k, p]."""
        return _turned(values, self.rows, self.vectors)

    def diagonal(self, values: Floats) -> Floats:
        """Diagonal of U diag(a) U' [k]."""
        out = np.empty_like(values)
        for rows, vectors in zip(self.rows, self.vectors, strict=True):
            out[rows] = (vectors**2 @ values[rows][..., None])[..., 0]
        return out


def blocks_of(covariance: Floats, clusters: Ints | None = None) -> Blocks:
    """Which effects belong together, by their errors and by their clusters (numbers [k])."""
    number = _numbered(covariance, clusters)
    order = np.argsort(number, kind="stable")
    sizes = np.bincount(number)
    starts = np.r_[0, np.cumsum(sizes)[:-1]]
    rows = tuple(order[starts[sizes == m][:, None] + np.arange(m)] for m in np.unique(sizes))
    errors = tuple(covariance[r[:, :, None], r[:, None, :]] for r in rows)
    named = np.arange(len(number)) if clusters is None else clusters
    alike = tuple((named[r][:, :, None] == named[r][:, None, :]).astype(float) for r in rows)
    return Blocks(rows, errors, alike, number)


def _numbered(covariance: Floats, clusters: Ints | None) -> Ints:
    """The block of each effect: connected parts of what relates them."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    k = len(covariance)
    off = covariance.copy()
    np.fill_diagonal(off, 0.0)
    if clusters is None and not off.any():
        return np.arange(k)
    a, b = np.nonzero(off)
    if clusters is not None:
        _, first, of = np.unique(clusters, return_index=True, return_inverse=True)
        a, b = np.r_[a, np.arange(k)], np.r_[b, first[of]]
    found: Ints = connected_components(coo_array((np.ones(len(a)), (a, b)), shape=(k, k)), directed=False)[1]
    return np.unique(found, return_inverse=True)[1].astype(np.intp)


def rotated(blocks: Blocks, y: Floats, x: Floats, *, shared: float = 0.0, own: float = 0.0) -> tuple[Line, Rotation]:
    """Coordinates of errors with ``shared`` variance within clusters and ``own`` of each effect added; t is more of the latter."""
    k = len(y)
    v, parts = np.empty(k), []
    for rows, alike, errors in zip(blocks.rows, blocks.alike, blocks.errors, strict=True):
        m = rows.shape[1]
        if m == 1:
            values, vectors = errors[:, 0] + shared, np.ones((len(rows), 1, 1))
        else:
            values, vectors = np.linalg.eigh(errors + shared * alike)
        v[rows] = _not_negative(values) + own
        parts.append(vectors)
    turn = Rotation(blocks.rows, tuple(parts))
    return Line(turn.there(y), turn.there(x), v, np.ones(k)), turn


def rotated_by_clusters(blocks: Blocks, y: Floats, x: Floats, own: float) -> Line:
    """Coordinates in which t is the variance that effects of one cluster share, ``own`` being given: V + own I + t ZZ'.

    With L L' = V + own I and L^-1 ZZ' L'^-1 = Q diag(g) Q' the coordinates are Q'L^-1 y, of variance 1 + t g.
    """
    k = len(y)
    both = np.column_stack([y, x])
    turned, g, constant = np.empty_like(both), np.empty(k), 0.0
    for rows, alike, errors in zip(blocks.rows, blocks.alike, blocks.errors, strict=True):
        root = np.linalg.cholesky(errors + own * np.eye(rows.shape[1]))
        half = np.linalg.solve(root, alike)
        values, vectors = np.linalg.eigh(np.linalg.solve(root, half.transpose(0, 2, 1)))
        g[rows] = _not_negative(values)
        turned[rows] = vectors.transpose(0, 2, 1) @ np.linalg.solve(root, both[rows])
        constant += 2 * float(np.log(np.diagonal(root, axis1=1, axis2=2)).sum())
    return Line(turned[:, 0], turned[:, 1:], np.ones(k), g, constant)


def totals(blocks: Blocks, shared: float, own: float) -> Iterator[tuple[Ints, Floats]]:
    """Each block's effects [m] and their covariance in all, V + shared ZZ' + own I [m, m], in the order of blocks."""
    found = [
        (rows[n], errors[n] + shared * alike[n] + own * np.eye(rows.shape[1]))
        for rows, alike, errors in zip(blocks.rows, blocks.alike, blocks.errors, strict=True)
        for n in range(len(rows))
    ]
    return iter(sorted(found, key=lambda pair: int(pair[0][0])))


def _not_negative(values: Floats) -> Floats:
    """Eigenvalues without what is 0 to rounding, which would be negative or tiny by chance."""
    top = values.max(axis=-1, keepdims=True)
    return np.where(values < 1e-13 * top * values.shape[-1], 0.0, values)


def _turned(values: Floats, rows: tuple[Ints, ...], matrices: tuple[Floats, ...]) -> Floats:
    out = np.empty(values.shape)
    wide, given = (out[:, None], values[:, None]) if values.ndim == 1 else (out, values)
    for at, matrix in zip(rows, matrices, strict=True):
        wide[at] = matrix @ given[at]
    return out
