"""Points of hulls that are nearest to the origin where rows have weights: many problems in step, each with columns of its own.

    minimise  sum_k v_k (X_u w)_k^2   over   w >= 0,  sum w = 1      for many (u, v) at once, v_k up to 1

Few columns have weight at the optimum, one more than there are rows at most, so that a problem carries the columns with weight
and no table of all of them: [R, S] column numbers and weights for R problems. All problems take a step of an active-set method
together: weights on the columns chosen are moved to where their slopes are equal, stopping where one sinks to zero (that column
is chosen no more); where slopes are equal, the column with the lowest one is chosen too. Weights of a similar problem are a good
start: two steps are left. Each problem is worked on by the same operations in the same order however many there are, so that no
digit of its solution depends on the others.

Source: Wolfe (1976), Finding the nearest point in a polytope, for the method.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.simplex import EXACT, nearest_point

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Rows = NDArray[np.int64]

NUMBERS = 2**20
"""Numbers in the largest table held at once; more problems are solved one lot after the other."""

STEPS = 3
"""Steps of problems before those that are ahead may be asked anew."""

AGAIN = 4
"""Steps on the same columns before rounding is left to the slower, safer solver."""


class Hulls:
    """U sets of columns, [U, K, J]."""

    def __init__(self, x: Floats) -> None:
        self.x = x
        units, k, self.j = x.shape
        self.size = min(k + 1, self.j)
        none = np.zeros((units, 1, k))  # column J stands for no column
        self._columns = np.ascontiguousarray(np.concatenate([x.transpose(0, 2, 1), none], axis=1)).reshape(-1, k)
        self._far = (x * x).max(axis=2)

    def nearest_columns(self) -> tuple[Rows, Floats]:
        """All weight on the column nearest to the origin, for each set: columns and weights [U, S] to start from."""
        columns, weights = np.full((len(self.x), self.size), self.j), np.zeros((len(self.x), self.size))
        columns[:, 0], weights[:, 0] = (self.x * self.x).sum(axis=1).argmin(axis=1), 1.0
        return columns, weights

    def solved(self, unit: Rows, v: Floats, columns: Rows, weights: Floats) -> tuple[Rows, Floats]:
        """Columns and weights [R, S] at the optimum.

        Parameters
        ----------
        unit, v:
            [R], the set of columns of each problem, and [R, K], weights of its rows, the largest of which is 1.
        columns, weights:
            [R, S], to start from.

        Returns
        -------
        Columns (J: none) and weights. Optimality conditions hold within ``EXACT``; NaN where more columns than S have weight.
        """
        lots, lot = [], max(NUMBERS // self.x[0].size, 1)
        for first in range(0, len(unit), lot):
            part = slice(first, first + lot)
            asked, live = InStep(self, unit[part]), np.arange(len(unit[part]))
            asked.ask(live, v[part], columns[part], weights[part])
            while len(live):
                live = asked.advance(live)
            lots.append((asked.columns, asked.weights))
        return np.concatenate([c for c, _ in lots]), np.concatenate([w for _, w in lots])

    def scaled(self, unit: Rows, v: Floats) -> Floats:
        """Weights of rows so that no squared column is shorter than the longest of a single row is now."""
        longest = (v * self._far[unit]).max(axis=1, keepdims=True)
        return np.asarray(v / np.where(longest > 0, longest, 1.0))

    def chosen(self, unit: Rows, columns: Rows) -> Floats:
        """The columns named, [R, S, K]; zeros where none is."""
        return np.asarray(self._columns[unit[:, None] * (self.j + 1) + columns])

    def table(self, x: Floats, v: Floats, columns: Rows) -> Floats:
        """Cross products of the columns chosen plus one, [R, S, S]: definite where no column is a mix of the others."""
        has = (columns < self.j).astype(float)
        table = (x * v[:, None, :]) @ x.transpose(0, 2, 1)
        table += has[:, :, None] * has[:, None, :]
        each = np.arange(columns.shape[1])
        table[:, each, each] += 1 - has
        return np.asarray(table)


class InStep:
    """Problems on the way to their solutions, some of which may be ahead of others.

    Attributes
    ----------
    columns, weights:
        [R, S], of each problem that has ended its optimum; of others where they are now.
    """

    def __init__(self, hulls: Hulls, unit: Rows) -> None:
        shape = len(unit), hulls.size
        self.hulls, self.unit, self.v = hulls, unit, np.ones((len(unit), hulls.x.shape[1]))
        self.columns, self.weights = np.full(shape, hulls.j), np.zeros(shape)
        self._solved, self._tries = np.zeros(len(unit), dtype=bool), np.zeros(len(unit), dtype=np.int64)
        self._steps = self._tries.copy()

    def ask(self, rows: Rows, v: Floats, columns: Rows, weights: Floats) -> None:
        """Put new problems in some rows: weights of rows of their hull, and what to start from."""
        self.v[rows] = self.hulls.scaled(self.unit[rows], v)
        self.columns[rows], self.weights[rows] = columns, weights
        self._solved[rows], self._tries[rows], self._steps[rows] = False, 0, 0

    def advance(self, rows: Rows) -> Rows:
        """A few steps of some problems; those that have not ended."""
        live = rows
        for _ in range(STEPS):
            if len(live):
                self._steps[live] += 1
                live = self.step(live)
        live = live[self._steps[live] < 4 * self.v.shape[1] + 10]
        lost = ~self._solved
        lost[live] = False
        for b in rows[lost[rows]]:
            self._alone(int(b))
        return live

    def step(self, rows: Rows) -> Rows:
        """One step of some problems; those that are neither solved nor given up."""
        columns, now, v = self.columns[rows], self.weights[rows], self.v[rows]
        x, has = self.hulls.chosen(self.unit[rows], columns), columns < self.hulls.j
        slopes = ((now[:, None, :] @ x * v[:, None, :]) @ x.transpose(0, 2, 1))[:, 0]
        level = (now * slopes).sum(axis=1, keepdims=True)
        move = solutions(self.hulls.table(x, v, columns), np.where(has, level - slopes, 0.0))
        aim = now + move
        sinking = has & (aim <= 0)
        able, stopped = np.isfinite(aim).all(axis=1), sinking.any(axis=1)
        stop, go = np.flatnonzero(able & stopped), np.flatnonzero(able & ~stopped)
        if len(stop):
            self._stop(rows[stop], now[stop], aim[stop], sinking[stop])
        if not len(go):
            return np.asarray(rows[stop])
        self.weights[rows[go]] = reached = aim[go] / aim[go].sum(axis=1, keepdims=True)
        pull = (reached[:, None, :] @ x[go]) * v[go][:, None, :]
        return np.concatenate([rows[stop], self._extend(rows[go], pull)])

    def _stop(self, rows: Rows, now: Floats, aim: Floats, sinking: Bools) -> None:
        """Go as far as no weight sinks below zero, and choose those columns that reach it no more."""
        with np.errstate(divide="ignore", invalid="ignore"):
            shares = np.where(sinking, now / (now - aim), np.inf)
        far = shares.min(axis=1, keepdims=True)
        at_zero = sinking & (shares <= far)
        self.weights[rows] = np.where(at_zero, 0.0, np.maximum(now + far * (aim - now), 0.0))
        self.columns[rows] = np.where(at_zero, self.hulls.j, self.columns[rows])

    def _extend(self, rows: Rows, pull: Floats) -> Rows:
        """Choose the column with the lowest slope; those problems in which one is lower than those with weight."""
        columns = self.columns[rows]
        slopes = (pull @ self.hulls.x[self.unit[rows]])[:, 0]
        lowest, each = slopes.argmin(axis=1), np.arange(len(rows))
        has = columns < self.hulls.j
        own = np.take_along_axis(slopes, np.where(has, columns, 0), axis=1)
        done = np.where(has, own, -np.inf).max(axis=1) - slopes[each, lowest] <= EXACT
        self._solved[rows[done]] = True
        inside = (columns == lowest[:, None]).any(axis=1)
        self._tries[rows[~done & inside]] += 1
        slot = (~has).argmax(axis=1)
        new = np.flatnonzero(~done & ~inside & ~has[each, slot])
        self.columns[rows[new], slot[new]], self.weights[rows[new], slot[new]] = lowest[new], 0.0
        again = np.flatnonzero(~done & inside & (self._tries[rows] < AGAIN))
        return np.concatenate([rows[new], rows[again]])

    def _alone(self, b: int) -> None:
        """One problem by the solver that is slower and loses fewer digits."""
        p = np.sqrt(self.v[b])[:, None] * self.hulls.x[self.unit[b]]
        found = nearest_point(p / (np.sqrt(np.einsum("kj,kj->j", p, p).max()) or 1.0))[0]
        at = np.flatnonzero(found > 0)
        self.columns[b], self.weights[b] = self.hulls.j, 0.0
        if len(at) > self.hulls.size:
            self.weights[b] = np.nan
            return
        self.columns[b, : len(at)], self.weights[b, : len(at)] = at, found[at]


def solutions(tables: Floats, right: Floats) -> Floats:
    """Solutions [R, S] of R systems; NaN where there is none."""
    try:
        return np.asarray(np.linalg.solve(tables, right[:, :, None])[:, :, 0])
    except np.linalg.LinAlgError:
        if len(right) == 1:
            return np.full(right.shape, np.nan)
        return np.concatenate([solutions(tables[b : b + 1], right[b : b + 1]) for b in range(len(right))])
