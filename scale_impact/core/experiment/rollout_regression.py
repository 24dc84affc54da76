"""Least squares on what was dealt, for the dealing that was made and for all others at once.

Rows are first made independent within clusters by a linear map that knows nothing of the dealing (effects of units taken
out, rows weighted, or whitened by a mixed model). Periods, strata and covariates are columns of an orthonormal basis Q. What
is left of a dealing are sums over clusters: in each arm that a cluster may have, of products of its arm's columns X with
outcomes, with Q and with each other. A dealing picks one arm a cluster and adds up:

    D = sum X'X - G G',  G = sum X'Q,  coefficients = D^-1 (sum X'Y - G Q'Y)

and each cluster's score u = v'(X - Q G')'e with v = D^-1 l for a contrast l of the coefficients and residuals e.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from scale_impact.core.cohorts import Floats
from scale_impact.core.experiment.dealing import Codes, Dealings, gathered
from scale_impact.errors import EstimationError

Whiten = Callable[[Floats], Floats]
"""A linear map of columns [n, m] that stays within clusters."""

RANK, THIN = 1e-9, 1e-10
"""Share of a column that has to be left by the others; least eigenvalue of D, as a share of the largest, with an answer."""

SQUARES = 2 * 10**7
"""Products of Q are kept cluster by cluster up to so many numbers."""


@dataclass(frozen=True, eq=False)
class Regression:
    """Sums over C clusters in A arms of P columns, M outcomes and k nuisance columns.

    Attributes
    ----------
    x_y, x_q, x_x:
        [C, A, P, M], [C, A, P, k], [C, A, P, P].
    q_y:
        Products of Q and outcomes by cluster, [C, k, M].
    q:
        The orthonormal nuisance columns, [n, k], rows in order of clusters.
    first_rows:
        First row of each cluster, [C].
    contrast:
        l, [P]: the combination of coefficients that is asked for.
    total:
        Squares and products of outcomes, nuisance taken out, [M, M].
    n, absorbed:
        Rows, and effects that the map took out.
    single:
        The rows themselves, where each is a cluster and P is 1; else None.
    """

    x_y: Floats
    x_q: Floats
    x_x: Floats
    q_y: Floats
    q: Floats
    first_rows: Codes
    contrast: Floats
    total: Floats
    n: int
    absorbed: int
    single: Single | None = None

    @property
    def n_clusters(self) -> int:
        """Clusters, C."""
        return len(self.x_y)

    @property
    def n_coefficients(self) -> int:
        """Coefficients that clusters share: P + k."""
        return int(self.x_x.shape[-1] + self.q.shape[1])

    @property
    def width(self) -> int:
        """Numbers that one dealing takes."""
        c, _, p, k = self.x_q.shape
        rows = c * k if self._squares is not None else 2 * len(self.q)
        return int(c * p * (k + p + self.x_y.shape[-1]) + rows + k * k * self.x_y.shape[-1])

    @cached_property
    def _squares(self) -> Floats | None:
        """Products of Q by cluster, [C, k k]; None where they would be too many."""
        k = self.q.shape[1]
        if self.n_clusters * k * k > SQUARES:
            return None
        made = np.zeros((self.n_clusters, k * k))
        for c, part in enumerate(np.split(self.q, self.first_rows[1:])):
            made[c] = (part.T @ part).ravel()
        return made

    def of(self, arms: Codes) -> Solved:
        """Contrast and spread of its cluster scores for dealings [b, C]; NaN where a dealing has no answer."""
        n, a, d = gathered(self.x_y, arms), gathered(self.x_q, arms), gathered(self.x_x, arms)
        g = a.sum(axis=1)
        inner = d.sum(axis=1) - g @ g.transpose(0, 2, 1)
        moments = n.sum(axis=1) - g @ self.q_y.sum(axis=0)
        good = _solvable(inner, d.sum(axis=1))
        safe = np.where(good[:, None, None], inner, np.eye(inner.shape[1]))
        beta = np.linalg.solve(safe, moments)
        v = np.linalg.solve(safe, np.broadcast_to(self.contrast[:, None], (len(arms), len(self.contrast), 1)))[..., 0]
        scores = self._scores(n, a, d, g, beta, v)
        values = np.where(good[:, None], np.einsum("p,bpm->bm", self.contrast, beta), np.nan)
        return Solved(values, np.einsum("bcm,bcl->bml", scores, scores), beta, safe, scores)

    def _scores(self, n: Floats, a: Floats, d: Floats, g: Floats, beta: Floats, v: Floats) -> Floats:
        """What each cluster adds to the contrast's error, [b, C, M]."""
        gv, gb = np.einsum("bpk,bp->bk", g, v), np.einsum("bpk,bpm->bkm", g, beta)
        av = np.einsum("bcpk,bp->bck", a, v)
        moments = np.einsum("bcpm,bp->bcm", n, v) - np.einsum("bk,ckm->bcm", gv, self.q_y)
        # residuals are Y - Q Q'Y - (X - Q G') beta
        centre = self.q_y.sum(axis=0) - gb
        fitted = np.einsum("bp,bcpq,bqm->bcm", v, d, beta, optimize=True) + np.einsum("bck,bkm->bcm", av, centre)
        fitted -= np.einsum("bcp,bpm->bcm", np.einsum("bk,bcpk->bcp", gv, a), beta)
        return np.asarray(moments - fitted + self._among(gv, centre))

    def _among(self, left: Floats, right: Floats) -> Floats:
        """left' Q_c'Q_c right of each cluster, [b, C, M]."""
        if self._squares is not None:
            both = left[:, :, None, None] * right[:, None]
            return np.asarray(
                np.einsum("cs,bsm->bcm", self._squares, both.reshape(len(left), -1, right.shape[2]), optimize=True)
            )
        rows = (left @ self.q.T)[..., None] * np.einsum("nk,bkm->bnm", self.q, right, optimize=True)
        return np.asarray(np.add.reduceat(rows, self.first_rows, axis=1))

    def through(self, dealings: Dealings) -> tuple[Floats, Floats]:
        """Values [B, M] and spreads [B, M, M] of all dealings."""
        if self.single is not None:
            found = [self.single.of(block) for block in dealings.blocks(4 * self.n)]
        else:
            found = [(p.values, p.spreads) for p in map(self.of, dealings.blocks(self.width))]
        return np.concatenate([f[0] for f in found]), np.concatenate([f[1] for f in found])


@dataclass(frozen=True, eq=False)
class Single:
    """n rows that are clusters of their own: x [n, A] in each arm, outcomes with nuisance taken out [n, M], Q [n, k].

    The same sums as of clusters, by products of whole tables: thousands of people are dealt to as fast as dozens of clusters.
    """

    x: Floats
    y: Floats
    q: Floats

    def of(self, arms: Codes) -> tuple[Floats, Floats]:
        """Values [b, M] and spreads [b, M, M] of dealings [b, n]."""
        x = gathered(self.x, arms)
        whole = np.einsum("bn,bn->b", x, x)
        x -= (x @ self.q) @ self.q.T
        inner = np.einsum("bn,bn->b", x, x)
        inner = np.where(inner > THIN * whole, inner, np.nan)
        beta = x @ self.y / inner[:, None]
        squares, m = x * x, self.y.shape[1]
        both = squares @ (self.y[:, :, None] * self.y[:, None]).reshape(len(self.y), -1)
        fourth = np.einsum("bn,bn->b", squares, squares)
        third = (np.multiply(squares, x, out=x) @ self.y)[:, :, None] * beta[:, None]
        spread = both.reshape(-1, m, m) - third - third.transpose(0, 2, 1)
        spread += fourth[:, None, None] * beta[:, :, None] * beta[:, None]
        return beta, spread / (inner**2)[:, None, None]


@dataclass(frozen=True, eq=False)
class Solved:
    """Of b dealings: the contrast of M outcomes [b, M], products of its scores [b, M, M], all coefficients [b, P, M], D [b, P, P], scores [b, C, M]."""

    values: Floats
    spreads: Floats
    coefficients: Floats
    inner: Floats
    scores: Floats


def _solvable(inner: Floats, whole: Floats) -> Floats:
    """Which D [b, P, P] have an inverse; what Q leaves of a column counts."""
    scale = np.sqrt(np.maximum(np.diagonal(whole, axis1=1, axis2=2), 1e-300))
    least = np.linalg.eigvalsh(inner / scale[:, :, None] / scale[:, None, :])[:, 0]
    return np.asarray(least > THIN)


def regression(
    outcomes: Floats,
    columns: Floats,
    nuisance: Floats,
    cluster: Codes,
    whiten: Whiten,
    *,
    contrast: Floats,
    absorbed: int = 0,
) -> Regression:
    """The sums of a regression.

    Parameters
    ----------
    outcomes:
        [n, M], rows in order of clusters.
    columns:
        [n, A, P]: what a row would have in each arm.
    nuisance:
        [n, K]: periods by stratum, covariates.
    cluster:
        [n], 0 to C - 1 in order.
    whiten:
        Makes rows independent within clusters.
    contrast:
        [P].
    absorbed:
        Effects that ``whiten`` takes out, for degrees of freedom.
    """
    n, arms, p = columns.shape
    y, x = whiten(outcomes), whiten(columns.reshape(n, -1)).reshape(n, arms, p)
    q = orthonormal(whiten(nuisance), nuisance)
    first = np.unique(cluster, return_index=True)[1]

    def sums(left: Floats, right: Floats) -> Floats:
        parts = zip(np.split(left, first[1:]), np.split(right, first[1:]), strict=True)
        return np.stack([a.reshape(len(a), -1).T @ b for a, b in parts])

    def by_arm(right: Floats) -> Floats:
        return sums(x, right).reshape(len(first), arms, p, -1)

    x_x = np.stack([np.stack([a.T @ a for a in part.transpose(1, 0, 2)]) for part in np.split(x, first[1:])])
    rest = y - q @ (q.T @ y)
    single = Single(x[..., 0] / contrast[0], rest, q) if p == 1 and len(first) == n else None
    return Regression(by_arm(y), by_arm(q), x_x, sums(q, y), q, first, contrast, rest.T @ rest, n, absorbed, single)


def orthonormal(columns: Floats, before: Floats) -> Floats:
    """An orthonormal basis [n, k] of columns, those left out that the others (or the map) explain."""
    if not columns.shape[1]:
        return columns
    from scipy.linalg import qr

    size = np.linalg.norm(before, axis=0)
    q, r, _ = qr(columns / np.where(size > 0, size, 1.0), mode="economic", pivoting=True)
    kept = np.abs(np.diag(r)) > RANK
    return np.asarray(q[:, : len(kept)][:, kept])


def by_groups(groups: Codes, weights: Floats) -> Whiten:
    """Takes the (weighted) mean of each group out, and weights rows by the root of their weights."""
    codes = np.unique(groups, return_inverse=True)[1]
    total = np.bincount(codes, weights)
    root = np.sqrt(weights)[:, None]

    def whiten(columns: Floats) -> Floats:
        means = np.stack([np.bincount(codes, weights * c) for c in columns.T], axis=1) / total[:, None]
        return np.asarray((columns - means[codes]) * root)

    return whiten


def by_weights(weights: Floats) -> Whiten:
    """Weights rows by the root of their weights."""
    root = np.sqrt(weights)[:, None]
    return lambda columns: columns * root


def observed(found: Regression, arms: Codes) -> Solved:
    """The dealing that was made.

    Raises
    ------
    EstimationError
        Nothing of treatment is left when periods, strata, units and covariates are taken out.
    """
    made = found.of(arms[None])
    if not np.isfinite(made.values).all():
        raise EstimationError(
            "randomised_rollout: periods, strata, effects of units and covariates explain fully who is treated when, so that nothing is left to "
            "compare. Use coarser `strata`, fewer covariates, `model: vertical`, or `effect: constant`."
        )
    return made
