"""Many least squares problems over weights that sum to one, solved in step: an active-set method with one problem a row.

All problems share their columns and rows, so that one table of cross products serves all: with X the columns and y a target,
(X - y 1')'(X - y 1') = X'X - c 1' - 1 c' + s with c = X'y and s = y'y. Each problem starts at its nearest column and lets the column
free whose slope is lowest; weights on the free columns have equal slopes, and a weight that would sink below zero stops
there. In each round all problems that are not solved take one step; the small systems are solved by one call.

What it returns is for ``simplex_fit`` to check: rows are NaN where it did not end.

Source: Lawson and Hanson (1974), chapter 23, for the method; Wolfe (1976) for weights that sum to one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Rows = NDArray[np.int64]

LEVEL = 1e-13
"""Slopes that are lower by less than this, relative to the largest squared distance, are equal."""


def together(columns: Floats, targets: Floats, allowed: Bools, ridge: Floats, *, intercept: bool = False) -> Floats:
    """Weights [B, J] of B problems; NaN where the search did not end.

    Parameters
    ----------
    columns, targets:
        X [M, J] and one target a problem, [B, M].
    allowed:
        [B, J], columns that may have weight.
    ridge:
        [B], penalty on the sum of squared weights.
    intercept:
        Whether a constant is fitted beside the columns.
    """
    state = _State(columns, targets, allowed, ridge, intercept)
    live = state.extend(np.arange(len(targets)))
    for _ in range(4 * sum(columns.shape)):
        if not len(live):
            return state.weights
        live = state.step(live)
    state.weights[live] = np.nan
    return state.weights


class _State:
    """Weights and free columns of all problems, and the cross products."""

    def __init__(self, columns: Floats, targets: Floats, allowed: Bools, ridge: Floats, intercept: bool) -> None:
        middle = columns.mean(axis=1)  # distances do not change, and fewer digits are lost
        x, y = columns - middle[:, None], targets - middle
        if intercept:
            x, y = x - x.mean(axis=0), y - y.mean(axis=1, keepdims=True)
        self.gram, self.cross, self.square = x.T @ x, y @ x, np.einsum("bm,bm->b", y, y)
        self.allowed, self.ridge = allowed, ridge
        far = self.gram.diagonal() - 2 * self.cross + self.square[:, None]
        largest = np.where(allowed, far, 0.0).max(axis=1)
        self.scale = np.where(largest > 0, largest, 1.0)
        each, first = np.arange(len(y)), np.where(allowed, far, np.inf).argmin(axis=1)
        self.weights, self.free = np.zeros(allowed.shape), np.zeros(allowed.shape, dtype=bool)
        self.weights[each, first], self.free[each, first] = 1.0, True

    def extend(self, rows: Rows) -> Rows:
        """Let the column with the lowest slope free; problems in which none is lower than those with weight are solved."""
        w = self.weights[rows]
        slopes = w @ self.gram - self.cross[rows] + self.ridge[rows][:, None] * w
        slopes += (self.square[rows] - np.einsum("bj,bj->b", w, self.cross[rows]))[:, None]
        lowest = np.where(self.allowed[rows], slopes, np.inf).argmin(axis=1)
        level = np.einsum("bj,bj->b", w, slopes)
        drop = level - slopes[np.arange(len(rows)), lowest]
        going = (drop > LEVEL * self.scale[rows]) & ~self.free[rows, lowest]
        self.free[rows[going], lowest[going]] = True
        return np.asarray(rows[going])

    def step(self, rows: Rows) -> Rows:
        """One step of some problems; those that are not solved yet."""
        count = self.free[rows].sum(axis=1)
        columns = np.argsort(~self.free[rows], axis=1, kind="stable")[:, : count.max()]
        empty = np.arange(columns.shape[1]) >= count[:, None]
        aim = self._level(rows, columns, empty)
        lost = ~np.isfinite(aim).all(axis=1)
        self.weights[rows[lost]] = np.nan
        rows, columns, aim, empty = rows[~lost], columns[~lost], aim[~lost], empty[~lost]
        stopped = self._move(rows, columns, aim, (aim <= 0) & ~empty)
        return np.concatenate([rows[stopped], self.extend(rows[~stopped])])

    def _level(self, rows: Rows, columns: NDArray[np.int64], empty: Bools) -> Floats:
        """Weights summing to one with equal slopes on the free columns, [b, k]; NaN where there are none."""
        cross, k = np.take_along_axis(self.cross[rows], columns, axis=1), np.arange(columns.shape[1])
        table = self.gram[columns[:, :, None], columns[:, None, :]] - cross[:, :, None] - cross[:, None, :]
        table += self.square[rows][:, None, None]
        table[:, k, k] += self.ridge[rows][:, None]
        table /= self.scale[rows][:, None, None]
        table[empty[:, :, None] | empty[:, None, :]] = 0.0
        table[:, k, k] += empty
        with np.errstate(all="ignore"):
            try:
                found = np.linalg.solve(table, np.where(empty, 0.0, 1.0)[:, :, None])[:, :, 0]
            except (
                np.linalg.LinAlgError
            ):  # columns of one problem depend on each other: none of this round is solved here
                return np.full(columns.shape, np.nan)
            total = found.sum(axis=1, keepdims=True)
            return np.where(total > 0, found / total, np.nan)

    def _move(self, rows: Rows, columns: NDArray[np.int64], aim: Floats, sinking: Bools) -> Bools:
        """Go to the aim, or as far as no weight sinks below zero, and take those that did from the free; who was stopped."""
        now = np.take_along_axis(self.weights[rows], columns, axis=1)
        with np.errstate(all="ignore"):
            shares = np.where(sinking, now / (now - aim), np.inf)
        far = shares.min(axis=1, initial=1.0)[:, None]
        stopped: Bools = np.asarray(sinking.any(axis=1))
        at_zero = sinking & (shares <= far)
        moved = np.where(stopped[:, None], np.maximum(now + far * (aim - now), 0.0), aim)
        moved[at_zero] = 0.0
        whole = np.zeros_like(self.weights[rows])
        np.put_along_axis(whole, columns, np.where(moved > 0, moved, 0.0), axis=1)
        self.weights[rows] = whole
        b, k = np.nonzero(at_zero)
        self.free[rows[b], columns[b, k]] = False
        return stopped
