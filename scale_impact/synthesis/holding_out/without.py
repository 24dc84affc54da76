"""The pooled mean without each city, or without each cluster: all of them at once, with tau2 estimated anew for each.

For every left-out group r and every tau2 = t all that pooling needs are forms a'G^p b of the inverse G of V + t I without the rows
and columns of r. Independent errors: sums over cities. Related errors: with V = U diag(v) U' and P = U diag(1 / (v + t)) U', the
inverse without r is P - P_r (P_rr)^-1 P_r', so that one decomposition serves every group and every t.

Source: Harville (1977), JASA 72; Viechtbauer (2005), Journal of Educational and Behavioral Statistics 30; Hartung and Knapp (2001),
Statistics in Medicine 20; for the inverse without some rows, Hager (1989), SIAM Review 31.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Method = Literal["reml", "ml", "paule_mandel", "empirical_bayes", "dersimonian_laird", "common"]

NARROW = 1e-13
"""Relative width of a bracket at which tau2 is found."""

GRID = 31
"""Sizes of tau2 at which the slope of the likelihood is looked at before peaks are followed."""


@dataclass(frozen=True, eq=False)
class Forms:
    """Forms in the inverse G of V + t I without group r, [R] each: ``one2`` is 1'G^2 1, ``cross`` 1'G^p y, ``square`` y'G^p y."""

    one1: Floats
    one2: Floats
    cross1: Floats
    cross2: Floats
    square1: Floats
    square2: Floats
    trace: Floats

    @property
    def mean(self) -> Floats:
        """The generalised least squares mean."""
        return self.cross1 / self.one1

    @property
    def rss(self) -> Floats:
        """Weighted sum of squares around it, Cochran's Q at t."""
        return np.maximum(self.square1 - self.cross1 * self.mean, 0.0)

    @property
    def quadratic(self) -> Floats:
        """y'PPy, P = G - G1 1'G / 1'G1."""
        return self.square2 - 2 * self.mean * self.cross2 + self.mean**2 * self.one2

    @property
    def trace_p(self) -> Floats:
        """tr P."""
        return self.trace - self.one2 / self.one1

    def slope(self, *, restricted: bool) -> Floats:
        """Twice the derivative of the (restricted) log likelihood."""
        return self.quadratic - (self.trace_p if restricted else self.trace)

    def likelihood(self, log_det: Floats, *, restricted: bool) -> Floats:
        """Twice the (restricted) log likelihood, but for constants; ``log_det`` [R] of V + t I without the group."""
        return -(log_det + self.rss + (np.log(self.one1) if restricted else 0.0))


class Others(Protocol):
    """The cities that stay, for R groups that leave one at a time."""

    @property
    def sizes(self) -> Ints:
        """How many stay, [R]."""

    def forms(self, t: Floats, rows: Ints) -> Forms:
        """Forms for some groups at their t, both [R]."""

    def log_det(self, t: Floats, rows: Ints) -> Floats:
        """Logarithm of the determinant of V + t I without each group, [R]."""

    def weights(self, t: Floats) -> Floats:
        """Weights of the mean, [R, k]: 0 for who has left, sum 1."""


@dataclass(frozen=True, eq=False)
class Independent:
    """Effects y [k] with independent errors of variances v [k]; ``out`` [R, k] says who leaves."""

    y: Floats
    v: Floats
    out: NDArray[np.bool_]

    @property
    def sizes(self) -> Ints:
        """How many stay, [R]."""
        return np.asarray((~self.out).sum(axis=1))

    def forms(self, t: Floats, rows: Ints) -> Forms:
        """See ``Others``."""
        w = np.where(self.out[rows], 0.0, 1 / (self.v + t[:, None]))
        sides = np.column_stack([np.ones_like(self.y), self.y, self.y**2])
        one1, cross1, square1 = (w @ sides).T
        w *= w
        one2, cross2, square2 = (w @ sides).T
        return Forms(one1, one2, cross1, cross2, square1, square2, one1)

    def log_det(self, t: Floats, rows: Ints) -> Floats:
        """See ``Others``."""
        return np.asarray(np.log(np.where(self.out[rows], 1.0, self.v + t[:, None])).sum(axis=1))

    def weights(self, t: Floats) -> Floats:
        """See ``Others``."""
        w = np.where(self.out, 0.0, 1 / (self.v + t[:, None]))
        return np.asarray(w / w.sum(axis=1, keepdims=True))


@dataclass(frozen=True, eq=False)
class Related:
    """Effects with related errors in the coordinates of V = U diag(v) U'; groups of the same size m leave.

    ``z`` and ``q`` are U'1 and U'y [k], ``turned`` the rows of U of who leaves [R, m, k].
    """

    v: Floats
    vectors: Floats
    z: Floats
    q: Floats
    groups: Ints
    turned: Floats

    @classmethod
    def of(cls, y: Floats, v: Floats, vectors: Floats, groups: Ints) -> Related:
        """For groups [R, m]."""
        return cls(v, vectors, vectors.sum(axis=0), vectors.T @ y, groups, vectors[groups])

    @property
    def sizes(self) -> Ints:
        """How many stay, [R]."""
        return np.full(len(self.groups), len(self.v) - self.groups.shape[1])

    def forms(self, t: Floats, rows: Ints) -> Forms:
        """See ``Others``."""
        left, z, q = self.turned[rows], self.z, self.q
        d = 1 / (self.v + t[:, None])
        d2 = d * d
        inner, inner2 = ((left * w[:, None, :]) @ left.transpose(0, 2, 1) for w in (d, d2))
        of_one, of_y, of_one2, of_y2 = (np.einsum("rmk,rk->rm", left, c * w) for w in (d, d2) for c in (z, q))
        a, b = (np.linalg.solve(inner, side[..., None])[..., 0] for side in (of_one, of_y))
        twice = [np.einsum("rm,rmn,rn->r", i, inner2, j) for i, j in ((a, a), (a, b), (b, b))]
        return Forms(
            d @ z**2 - _dot(a, of_one), d2 @ z**2 - 2 * _dot(a, of_one2) + twice[0],
            d @ (z * q) - _dot(a, of_y), d2 @ (z * q) - _dot(a, of_y2) - _dot(b, of_one2) + twice[1],
            d @ q**2 - _dot(b, of_y), d2 @ q**2 - 2 * _dot(b, of_y2) + twice[2],
            d.sum(axis=1) - np.trace(np.linalg.solve(inner, inner2), axis1=1, axis2=2),
        )  # fmt: skip

    def log_det(self, t: Floats, rows: Ints) -> Floats:
        """See ``Others``."""
        left, d = self.turned[rows], 1 / (self.v + t[:, None])
        inner = (left * d[:, None, :]) @ left.transpose(0, 2, 1)
        return np.asarray(np.linalg.slogdet(inner)[1] - np.log(d).sum(axis=1))

    def weights(self, t: Floats) -> Floats:
        """See ``Others``."""
        d = 1 / (self.v + t[:, None])
        inner = (self.turned * d[:, None, :]) @ self.turned.transpose(0, 2, 1)
        of_one = np.einsum("rmk,rk->rm", self.turned, d * self.z)
        a = np.linalg.solve(inner, of_one[..., None])[..., 0]
        w = (d * (self.z - np.einsum("rmk,rm->rk", self.turned, a))) @ self.vectors.T
        np.put_along_axis(w, self.groups, 0.0, axis=1)
        return np.asarray(w / w.sum(axis=1, keepdims=True))


def _dot(a: Floats, b: Floats) -> Floats:
    return np.asarray((a * b).sum(axis=1))


# ---- tau2 ------------------------------------------------------------------------------------------


def between(others: Others, method: Method, spread: float) -> Floats:
    """tau2 without each group, [R]; ``spread`` is a variance of the size of the effects' own."""
    n = len(others.sizes)
    if method == "common":
        return np.zeros(n)
    if method in ("reml", "ml"):
        return _likeliest(others, restricted=method == "reml", spread=spread)
    if method == "dersimonian_laird":
        none = others.forms(np.zeros(n), np.arange(n))
        return np.maximum((none.rss - (others.sizes - 1)) / none.trace_p, 0.0)
    return _paule_mandel(others, spread)


def _likeliest(others: Others, *, restricted: bool, spread: float) -> Floats:
    """The highest peak of the likelihood, 0 included: each change of sign of its slope is followed by bracketing."""
    n = len(others.sizes)
    every = np.arange(n)

    def slope(t: Floats, rows: Ints) -> Floats:
        return others.forms(t, rows).slope(restricted=restricted)

    top = _above(lambda t: bool((slope(np.full(n, t), every) < 0).all()), spread)
    grid = np.r_[0.0, np.geomspace(top * 1e-9, top, GRID)]
    slopes = np.array([slope(np.full(n, t), every) for t in grid])
    at, rows = np.nonzero((slopes[:-1] > 0) & (slopes[1:] <= 0))

    def height(t: Floats, rows: Ints) -> Floats:
        return others.forms(t, rows).likelihood(others.log_det(t, rows), restricted=restricted)

    best, highest = np.zeros(n), height(np.zeros(n), every)
    peaks = _roots(slope, grid[at], grid[at + 1], rows)
    found = height(peaks, rows)
    for t, row, top_of_it in zip(peaks, rows, found, strict=True):
        if top_of_it > highest[row]:
            best[row], highest[row] = t, top_of_it
    return best


def _paule_mandel(others: Others, spread: float) -> Floats:
    """Where the weighted sum of squares comes down to what it is expected to be."""
    n, left = len(others.sizes), others.sizes - 1.0
    every = np.arange(n)

    def above(t: Floats, rows: Ints) -> Floats:
        return others.forms(t, rows).rss - left[rows]

    rows = np.flatnonzero(above(np.zeros(n), every) > 0)
    top = _above(lambda t: bool((above(np.full(n, t), every) < 0).all()), spread)
    found = np.zeros(n)
    found[rows] = _roots(above, np.zeros(len(rows)), np.full(len(rows), top), rows)
    return found


def _above(negative: Callable[[float], bool], start: float) -> float:
    """A value from which on a function is negative."""
    t = start
    while not negative(t):
        t *= 4
    return t


def _roots(function: Callable[[Floats, Ints], Floats], low: Floats, high: Floats, rows: Ints) -> Floats:
    """Where a function that is above 0 at ``low`` and not above it at ``high`` crosses it, one bracket an entry, all at once.

    Source: Ford (1995), Improved algorithms of Illinois-type for the numerical solution of nonlinear equations (Anderson and Bjorck's).
    """
    a, b = low.copy(), high.copy()
    if not len(rows):
        return a
    fa, fb = function(a, rows), function(b, rows)
    stayed = np.zeros(len(rows))  # 1: the upper end stayed in the last step, -1: the lower one
    for step in range(200):
        if not ((b - a > NARROW * b) & (fb != 0)).any():
            break
        x = b - fb * (b - a) / np.where(fb == fa, 1.0, fb - fa)
        x = np.where((x > a) & (x < b) & (step % 4 != 3), x, (a + b) / 2)
        fx = function(x, rows)
        above = fx > 0
        shrink = np.where(stayed == np.where(above, 1, -1), _shrink(fx, np.where(above, fa, fb)), 1.0)
        fa, fb = np.where(above, fx, fa * shrink), np.where(above, fb * shrink, fx)
        a, b = np.where(above, x, a), np.where(above, b, x)
        stayed = np.where(above, 1, -1)
    return b


def _shrink(new: Floats, old: Floats) -> Floats:
    """By how much the value at an end that stayed twice is made smaller, so that it moves next."""
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = 1 - new / old
    return np.where((factor > 0) & (factor < 1), factor, 0.5)
