"""Sums by fold, from which any model that leaves folds out is fitted without going back to the cities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scale_impact.benchmark.cities import Floats, Ints


@dataclass(frozen=True, eq=False)
class Moments:
    """What M regressions need, each of the cities outside of some folds.

    Attributes
    ----------
    n:
        Cities [M].
    x_mean, y_mean:
        Means of the columns [M, P] and of the outcome [M].
    gram, cross, square:
        Sums of products around these means: columns [M, P, P], columns and outcome [M, P], outcome [M].
    """

    n: Floats
    x_mean: Floats
    y_mean: Floats
    gram: Floats
    cross: Floats
    square: Floats


@dataclass(frozen=True, eq=False)
class Fits:
    """M fitted regressions.

    Attributes
    ----------
    intercept, slopes:
        Coefficients [M] and [M, P].
    n, x_mean:
        Cities and means of the columns that each was fitted to.
    spread:
        Covariance of the slopes where errors have variance 1 [M, P, P].
    df:
        Effective number of parameters, the intercept among them [M].
    """

    intercept: Floats
    slopes: Floats
    n: Floats
    x_mean: Floats
    spread: Floats
    df: Floats


def deal(labels: Sequence[str], folds: int, rng: np.random.Generator) -> Ints:
    """A fold for each city [N], as equal in size as can be; labels are in order, so that rows do not matter."""
    order = rng.permutation(len(labels))
    dealt = np.empty(len(labels), dtype=np.int64)
    dealt[order] = np.arange(len(labels)) % folds
    return dealt


def pairs(folds: int) -> tuple[Ints, Ints]:
    """Pairs of folds that a model leaves out, a fold with itself among them [M, 2]; the model of each pair [folds, folds]."""
    k, m = np.triu_indices(folds)
    of = np.empty((folds, folds), dtype=np.int64)
    of[k, m] = of[m, k] = np.arange(len(k))
    return np.column_stack([k, m]), of


def moments(columns: Floats, outcome: Floats, dealt: Ints, left_out: Ints) -> Moments:
    """Moments of the cities outside of each pair of folds.

    Parameters
    ----------
    columns:
        Of the regression [N, P], centred near zero, so that nothing cancels.
    outcome:
        Of each city [N], or another one for each model [N, M].
    dealt:
        Fold of each city [N].
    left_out:
        Two folds, or one twice, that a model leaves out [M, 2].
    """
    y = np.broadcast_to(outcome[:, None] if outcome.ndim == 1 else outcome, (len(outcome), len(left_out)))
    rows = [np.flatnonzero(dealt == k) for k in range(int(dealt.max()) + 1)]
    n, x, xx = (_outside(v, left_out) for v in _sums(columns, rows))
    per_model = (np.stack([f(columns[r], y[r]) for r in rows]) for f in (_sum, _cross, _square))
    s, xy, yy = (_outside_own(v, left_out) for v in per_model)
    x_mean, y_mean = x / n[:, None], s / n
    gram = xx - n[:, None, None] * x_mean[:, :, None] * x_mean[:, None, :]
    return Moments(n, x_mean, y_mean, gram, xy - s[:, None] * x_mean, yy - s * y_mean)


def _sums(columns: Floats, rows: Sequence[Ints]) -> tuple[Floats, Floats, Floats]:
    n = np.array([float(len(r)) for r in rows])
    return n, np.stack([columns[r].sum(axis=0) for r in rows]), np.stack([columns[r].T @ columns[r] for r in rows])


def _sum(_: Floats, y: Floats) -> Floats:
    return np.asarray(y.sum(axis=0))


def _cross(x: Floats, y: Floats) -> Floats:
    return (x.T @ y).T


def _square(_: Floats, y: Floats) -> Floats:
    return np.asarray((y**2).sum(axis=0))


def _outside(by_fold: Floats, left_out: Ints) -> Floats:
    """The total less the folds left out [M, ...]."""
    k, m = left_out.T
    other = (k != m).reshape(-1, *[1] * (by_fold.ndim - 1))
    return np.asarray(by_fold.sum(axis=0) - by_fold[k] - other * by_fold[m])


def _outside_own(by_fold: Floats, left_out: Ints) -> Floats:
    """As ``_outside`` where each model has sums of its own [folds, M, ...]."""
    k, m = left_out.T
    own = np.arange(len(k))
    other = (k != m).reshape(-1, *[1] * (by_fold.ndim - 2))
    return np.asarray(by_fold.sum(axis=0) - by_fold[k, own] - other * by_fold[m, own])
