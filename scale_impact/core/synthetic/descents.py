"""How well donors explain an outcome where they match predictors weighted by V, its slope in V, and local minima: many in step.

The loss is that of ``nested``; where no donor enters or leaves, its gradient in the logarithms of V follows from the optimality
conditions of the inner problem. A quasi-Newton method (BFGS) keeps the logarithms within bounds by projection. Each descent has
steps, lengths and an end of its own; only the arithmetic is done for all at once.

Source: Nocedal and Wright (2006), algorithm 6.1 and equation 6.17 for the update, 3.4 for step lengths; the gradient is by
implicit differentiation of the Karush-Kuhn-Tucker conditions.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self

import numpy as np

from scale_impact.core.hulls import Bools, Floats, Hulls, InStep, Rows, solutions

LOWEST = -8.0
"""Base-10 logarithm of the least weight of a predictor over the largest one."""

STEPS, BACK = 50, 8
"""Losses looked at in one descent, and how often a step may be shortened before its direction is given up."""

ENOUGH = 1e-4
"""Share of the decrease that the slope promises which a step has to bring."""

SLOW, TIRED = 1e-6, 3
"""A descent ends after so many steps that each lower the loss by less than this share."""

OFTEN, HOPE = 8, 1.0
"""After every so many losses a descent ends if it is further above its aim than so many times what it came down by since."""

FIRST, LONGEST = 1.0, 3.0
"""Orders of magnitude by which a weight changes in a first step, and at most."""


@dataclass(frozen=True, eq=False)
class Points:
    """R points: their unit [R], logarithms of V [R, K], donors and their weights [R, S], and loss [R] (infinite: no answer)."""

    unit: Rows
    logs: Floats
    columns: Rows
    weights: Floats
    loss: Floats

    def take(self, rows: Rows | Bools) -> Self:
        """Some of them."""
        return type(self)(*(getattr(self, f.name)[rows] for f in fields(self)))

    def put(self, rows: Rows, others: Points) -> None:
        """Others in the place of some."""
        for f in fields(self):
            getattr(self, f.name)[rows] = getattr(others, f.name)

    def and_(self, others: Points) -> Self:
        """These and others."""
        return type(self)(*(np.concatenate([getattr(self, f.name), getattr(others, f.name)]) for f in fields(self)))


class Losses:
    """Distances of donors to U treated units: of predictors [U, K, J], and cross products of outcomes [U, J, J] over their
    number."""

    def __init__(self, x: Floats, h: Floats) -> None:
        self.hulls = Hulls(x)
        padded = np.zeros((len(x), self.hulls.j + 1, self.hulls.j + 1))
        padded[:, :-1, :-1] = h
        self._h = padded.reshape(-1)

    def at(self, unit: Rows, logs: Floats, columns: Rows, weights: Floats) -> Points:
        """Points [R] at logarithms of V, from donors of similar ones."""
        return self.points(unit, logs, *self.hulls.solved(unit, relative(logs), columns, weights))

    def points(self, unit: Rows, logs: Floats, columns: Rows, weights: Floats) -> Points:
        """Points whose donors are known."""
        loss = (weights * self._pull(unit, columns, weights)).sum(axis=1)
        return Points(unit, logs, columns, weights, np.where(np.isfinite(loss), loss, np.inf))

    def slopes(self, points: Points) -> Floats:
        """Gradient in the logarithms of V, [R, K]."""
        unit, columns, weights = points.unit, points.columns, points.weights
        v = self.hulls.scaled(unit, relative(points.logs))
        x = self.hulls.chosen(unit, columns)
        pull = self._pull(unit, columns, weights) - points.loss[:, None]
        adjoint = solutions(self.hulls.table(x, v, columns), np.where(columns < self.hulls.j, pull, 0.0))
        both = np.stack([adjoint, weights], axis=1) @ x
        return np.asarray(-2 * np.log(10.0) * v * both[:, 0] * both[:, 1])

    def _pull(self, unit: Rows, columns: Rows, weights: Floats) -> Floats:
        """Half the gradient of the loss in the weights of the donors chosen, [R, S]."""
        side = self.hulls.j + 1
        h = self._h[((unit * side)[:, None] + columns)[:, :, None] * side + columns[:, None, :]]
        return np.asarray((h @ weights[:, :, None])[:, :, 0])


def relative(logs: Floats) -> Floats:
    """V over its largest, from logarithms [R, K]."""
    return np.asarray(10.0 ** (logs - logs.max(axis=1, keepdims=True)))


def minima(losses: Losses, starts: Points, aims: Floats) -> Points:
    """Local minima, one below each start; or where a descent was on its way when it had no hope to come below its aim [R]."""
    going = _Descents(losses, starts, aims)
    going.run()
    return going.points


class _Descents:
    """Points on their way down: slopes, inverse Hessians, directions, shares of them tried, and what ends a descent."""

    def __init__(self, losses: Losses, starts: Points, aims: Floats) -> None:
        rows, k = starts.logs.shape
        self.losses, self.points = losses, starts.take(np.arange(rows))
        self.slopes = losses.slopes(self.points)
        self.inverse = np.tile(np.eye(k), (rows, 1, 1))
        self.fresh = np.ones(rows, dtype=bool)
        self.direction, self.share = np.zeros((rows, k)), np.ones(rows)
        self.shortened, self.slow, self.looked = (np.zeros(rows, dtype=np.int64) for _ in range(3))
        self.aims, self.marks = aims, starts.loss.copy()
        self.tried, self.inner = self.points.logs.copy(), InStep(losses.hulls, self.points.unit)

    def run(self) -> None:
        """All descents to their ends; while inner problems of some take more steps, others go on."""
        live = self.turned(np.flatnonzero(np.isfinite(self.points.loss)))
        self.look(live)
        late = np.zeros(len(self.tried), dtype=bool)
        while len(live):
            waiting = self.inner.advance(live)
            late[waiting] = True
            going = self.step(live[~late[live]])
            late[waiting] = False
            going = going[(self.looked[going] < STEPS) & self.hopeful(going)]
            self.look(going)
            live = np.concatenate([waiting, going])

    def hopeful(self, rows: Rows) -> Bools:
        """Whether descents may come below their aims; judged now and then."""
        loss, now = self.points.loss[rows], self.looked[rows] % OFTEN == 0
        hope = loss - self.aims[rows] <= HOPE * (self.marks[rows] - loss)
        self.marks[rows[now]] = loss[now]
        return np.asarray(hope | ~now)

    def look(self, rows: Rows) -> None:
        """Ask for the donors at the next points of some descents."""
        points = self.points
        way = self.share[rows, None] * self.direction[rows]
        self.tried[rows] = logs = np.clip(points.logs[rows] + way, LOWEST, 0.0)
        self.looked[rows] += 1
        self.inner.ask(rows, relative(logs), points.columns[rows], points.weights[rows])

    def turned(self, rows: Rows) -> Rows:
        """Take new directions; those that lead down."""
        logs, slopes = self.points.logs[rows], self.slopes[rows]
        free = ~(((logs <= LOWEST) & (slopes > 0)) | ((logs >= 0) & (slopes < 0)))
        slopes = np.where(free, slopes, 0.0)
        way = np.where(free, -(self.inverse[rows] @ slopes[:, :, None])[:, :, 0], 0.0)
        lengths = np.sqrt((way * way).sum(axis=1) * (slopes * slopes).sum(axis=1))
        level = ~((way * slopes).sum(axis=1) < -1e-10 * lengths)
        self._reset(rows[level])
        way[level] = -slopes[level]
        largest = np.abs(way).max(axis=1)
        largest[~(largest > 0)] = 1.0
        factor = np.where(self.fresh[rows], FIRST / largest, np.minimum(1.0, LONGEST / largest))
        self.direction[rows] = way * factor[:, None]
        self.share[rows], self.shortened[rows] = 1.0, 0
        return np.asarray(rows[np.abs(slopes).max(axis=1) > 1e-9 * self.points.loss[rows]])

    def step(self, rows: Rows) -> Rows:
        """Judge the points looked at; the descents that go on."""
        before, logs = self.points.loss[rows], self.tried[rows]
        inner = self.inner
        tried = self.losses.points(self.points.unit[rows], logs, inner.columns[rows], inner.weights[rows])
        promised = ((logs - self.points.logs[rows]) * self.slopes[rows]).sum(axis=1)
        lower = (tried.loss < before) & (tried.loss <= before + ENOUGH * promised)
        taken = rows[lower]
        if len(taken):
            slowly = before[lower] - tried.loss[lower] < SLOW * before[lower]
            self.slow[taken] = np.where(slowly, self.slow[taken] + 1, 0)
            self._take(taken, tried.take(lower))
            taken = self.turned(taken[self.slow[taken] < TIRED])
        rest = self._shorter(rows[~lower], tried.loss[~lower] - before[~lower], promised[~lower])
        return np.concatenate([taken, rest])

    def _take(self, rows: Rows, points: Points) -> None:
        """Go to new points, and learn from the change of their slopes."""
        slopes = self.losses.slopes(points)
        step, change = points.logs - self.points.logs[rows], slopes - self.slopes[rows]
        self.points.put(rows, points)
        self.slopes[rows] = slopes
        product = (step * change).sum(axis=1)
        squares = (step * step).sum(axis=1), (change * change).sum(axis=1)
        fit = np.flatnonzero(product > 1e-8 * np.sqrt(squares[0] * squares[1]))
        if not len(fit):
            return
        rows, s, y, r = rows[fit], step[fit], change[fit], 1 / product[fit]
        now = self.inverse[rows]
        now *= np.where(self.fresh[rows], product[fit] / squares[1][fit], 1.0)[:, None, None]
        hy = (now @ y[:, :, None])[:, :, 0]
        now -= r[:, None, None] * (s[:, :, None] * hy[:, None, :] + hy[:, :, None] * s[:, None, :])
        now += ((1 + (y * hy).sum(axis=1) * r) * r)[:, None, None] * (s[:, :, None] * s[:, None, :])
        self.inverse[rows], self.fresh[rows] = now, False

    def _shorter(self, rows: Rows, rise: Floats, promised: Floats) -> Rows:
        """Shorten steps that did not lead down, by the parabola through what is known; those that go on."""
        with np.errstate(divide="ignore", invalid="ignore"):
            factor = -promised / (2 * (rise - promised))
        self.share[rows] *= np.where(np.isfinite(factor), np.clip(factor, 0.1, 0.5), 0.3)
        self.shortened[rows] += 1
        tired = self.shortened[rows] >= BACK
        again = rows[tired & ~self.fresh[rows]]
        self._reset(again)
        again = self.turned(again)
        self.direction[again] *= 0.1
        return np.concatenate([rows[~tired], again])

    def _reset(self, rows: Rows) -> None:
        """Forget what is known of the curvature."""
        self.inverse[rows], self.fresh[rows] = np.eye(self.slopes.shape[1]), True
