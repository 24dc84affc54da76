"""Weights of synthetic control without each of the periods, from the weights with all of them.

Leaving out one period changes few of the donors that have weight. The active-set method of ``core.simplex`` therefore starts
from the solution with all rows, for all left-out rows at once; what it has not solved exactly after some rounds is left to
``core.simplex`` itself.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.simplex import simplex_fit

Floats = NDArray[np.float64]

ROUNDS = 60
"""Exchanges of donors tried before a problem is left to the general solver."""

EXACT = 1e-11
"""KKT residual, relative to the largest squared column, at which a problem is solved."""


def left_out(columns: Floats, target: Floats, weights: Floats, count: int) -> Floats:
    """Weights [count, J] that come closest to the target over all rows but row 0, but row 1, ...

    Parameters
    ----------
    columns, target, weights:
        [M, J], [M], and the solution [J] over all rows.
    count:
        How many rows are left out, the first ones.
    """
    p = columns - target[:, None]
    p = p / (np.sqrt((p * p).sum(axis=0).max(initial=0.0)) or 1.0)
    found = np.tile(weights, (count, 1))
    _exchange(p, found)
    unsolved = np.flatnonzero(_residuals(p, found) > EXACT)
    if len(unsolved):
        rows = np.ones((len(unsolved), len(p)), dtype=bool)
        rows[np.arange(len(unsolved)), unsolved] = False
        found[unsolved] = simplex_fit(columns, np.tile(target, (len(unsolved), 1)), rows=rows).weights
    return found


def _gradients(p: Floats, weights: Floats, left: NDArray[np.int64]) -> Floats:
    """Half the gradient of each problem, [F, J]: that of all rows less that of the row left out."""
    fitted = weights @ p.T
    fitted[np.arange(len(left)), left] = 0.0
    return np.asarray(fitted @ p)


def _residuals(p: Floats, weights: Floats) -> Floats:
    """How much weight could gain by moving, as in ``core.simplex``."""
    g = _gradients(p, weights, np.arange(len(weights)))
    return np.asarray(np.where(weights > 0, g, -np.inf).max(axis=1) - g.min(axis=1))


def _exchange(p: Floats, weights: Floats) -> None:
    """Rounds of the active-set method on all problems that are not solved yet; ``weights`` are changed."""
    products, left, free = p.T @ p, np.arange(len(weights)), weights > 0
    for _ in range(ROUNDS):
        try:
            whole = _towards(products, p, weights, free, left)
        except np.linalg.LinAlgError:  # donors that depend on each other: left to the general solver
            return
        at = left[whole]
        g = _gradients(p, weights[at], at)
        level = np.where(weights[at] > 0, g, -np.inf).max(axis=1)
        outside = np.where(free[at], np.inf, g)
        wrong = outside.min(axis=1) < level - EXACT
        free[at[wrong], outside[wrong].argmin(axis=1)] = True
        left = np.setdiff1d(left, at[~wrong], assume_unique=True)
        if not len(left):
            return


def _towards(
    products: Floats, p: Floats, weights: Floats, free: NDArray[np.bool_], left: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Move each problem to the best weights on its free donors, or as far as one of them reaches zero; who got there, [F]."""
    chosen = np.flatnonzero(free[left].any(axis=0))
    m, now = free[np.ix_(left, chosen)].astype(float), weights[np.ix_(left, chosen)]
    move = _best(products[np.ix_(chosen, chosen)], p[np.ix_(left, chosen)], m) - now
    falling = (move < 0) & (now + move < 0)
    share = np.where(falling, now / np.where(falling, -move, 1.0), 1.0)
    first, each = share.argmin(axis=1), np.arange(len(left))
    step, whole = share[each, first], ~falling.any(axis=1)
    moved = np.maximum(now + step[:, None] * move, 0.0)
    moved[each[~whole], first[~whole]] = 0.0
    weights[np.ix_(left, chosen)] = moved
    free[left[~whole], chosen[first[~whole]]] = False
    return np.asarray(whole)


def _best(products: Floats, row: Floats, m: Floats) -> Floats:
    """Weights [F, K] on the free columns (m is 1) that minimise the sum of squares without a row of each problem."""
    f, k = m.shape
    system = np.zeros((f, k + 1, k + 1))
    system[:, :k, :k] = (products - row[:, :, None] * row[:, None, :]) * m[:, :, None] * m[:, None, :]
    system[:, np.arange(k), np.arange(k)] += 1 - m
    system[:, :k, k] = system[:, k, :k] = m
    right = np.zeros((f, k + 1, 1))
    right[:, k] = 1.0
    return np.asarray(np.linalg.solve(system, right)[:, :k, 0] * m)
