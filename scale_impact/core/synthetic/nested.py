"""Weights of predictors, so that the donors that match them explain the outcome best: nested optimisation of V.

    minimise over V   mean_t (z_t - Z_t w(V))^2    where   w(V) = argmin over the simplex of  sum_k V_k (x_k - X_k w)^2

The outer loss has many local minima, and the best ones let one predictor outweigh others by orders of magnitude. Where no
bound on V binds, its gradient is known from the optimality conditions of the inner problem, so that a quasi-Newton method
finds a local minimum in some thirty inner problems. It is started from the best of many random V on a logarithmic scale, and
again, in rounds, from the minima found with some of their weights drawn anew: the best of several such draws each. All treated
units with as many donors and predictors are searched in step; each has draws of its own, and what is found for it does not
depend on the others. The inner problem is solved to its optimality conditions each time: solvers that stop early report losses
that no V gives.

Source: Abadie, Diamond and Hainmueller (2010), section 2.3; Becker and Kloessner (2018) on the global optimum and lower bound
of V; the gradient is by implicit differentiation of the Karush-Kuhn-Tucker conditions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.hulls import Rows
from scale_impact.core.simplex import nearest_point, simplex_fit
from scale_impact.core.synthetic.descents import LOWEST, Losses, Points, minima
from scale_impact.core.synthetic.worlds import Floats

SCREENED, STARTS = 400, 24
"""Random V looked at, and how many of them are followed downhill."""

ROUNDS, HOPS, DRAWS = 5, 24, 6
"""Rounds of restarts near the best minima, restarts in each, and draws of which the best is followed downhill."""

NEAR = 8
"""Restarts are near the best so many different minima in turn; they differ where their losses do by more than 0.1 %."""

NARROW = -3.0
"""Half of the random V differ by no more than these orders of magnitude."""

REDRAWN = 0.35
"""Share of the weights that a restart draws anew; one at least."""

NUMBERS = 2**23
"""Cross products of outcomes held at once; more treated units are searched one lot after the other."""

HELD = 1e4
"""How much more the predictors count than outcomes where they can be matched exactly by several mixes of donors."""

MATCHED = 1e-9
"""Distance to the predictors, in standard deviations, that counts as matched exactly."""


@dataclass(frozen=True, eq=False)
class Nested:
    """Donor weights [J], predictor weights V [K] (summing to one), the mean squared error of outcomes, and whether no other
    donor weights do as well."""

    weights: Floats
    v: Floats
    loss: float
    unique: bool


def nested(x: Floats, z: Floats, seed: int) -> Nested:
    """Predictor weights and donor weights of one treated unit.

    Parameters
    ----------
    x:
        [K, J], predictors of the donors less those of the treated, each over its standard deviation.
    z:
        [M, J], outcomes of the donors less those of the treated in the periods explained.
    seed:
        Of the starting points.

    Returns
    -------
    The best V found with weights between 1e-8 and 1 times the largest. Where the donors that explain the outcome best at all
    are also optimal for some V, these; where several mixes match all predictors exactly, the one among them that explains the
    outcome best.
    """
    return nested_many([x], [z], seed)[0]


def nested_many(xs: Sequence[Floats], zs: Sequence[Floats], seed: int) -> list[Nested]:
    """The same for many treated units, each with what it has alone; much faster than one by one."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"):  # the matrices are small: threads only wait for each other
        return _nested(xs, zs, seed)


def _nested(xs: Sequence[Floats], zs: Sequence[Floats], seed: int) -> list[Nested]:
    found = [_at_once(x, z) for x, z in zip(xs, zs, strict=True)]
    left = [b for b, known in enumerate(found) if known is None]
    for shape in sorted({xs[b].shape for b in left}):
        alike = [b for b in left if xs[b].shape == shape]
        lot = max(NUMBERS // shape[1] ** 2, 1)
        for first in range(0, len(alike), lot):
            some = alike[first : first + lot]
            logs = _searched(np.array([xs[b] for b in some]), np.array([_crossed(zs[b]) for b in some]), seed)
            for b, best in zip(some, logs, strict=True):
                found[b] = _found(xs[b], zs[b], 10.0 ** (best - best.max()))
    return [one for one in found if one is not None]


def _at_once(x: Floats, z: Floats) -> Nested | None:
    """The answer where it needs no search."""
    if (exact := exact_match(x, z)) is not None:
        weights, unique = exact
        return Nested(weights, np.full(len(x), 1 / len(x)), _loss(z, weights), unique)
    v = np.ones(1) if len(x) == 1 else _without_compromise(x, z)
    return None if v is None else _found(x, z, v / v.max())


def _found(x: Floats, z: Floats, v: Floats) -> Nested:
    weights = matching(x, v)
    return Nested(weights, v / v.sum(), _loss(z, weights), is_unique(x, v))


def _crossed(z: Floats) -> Floats:
    """Cross products of outcomes, a period."""
    return np.asarray(z.T @ z / len(z))


def _loss(z: Floats, weights: Floats) -> float:
    """Mean squared error of the outcome."""
    return float(((z @ weights) ** 2).mean())


def matching(x: Floats, v: Floats) -> Floats:
    """Donor weights for given weights of predictors."""
    p = np.sqrt(v / v.max())[:, None] * x
    return nearest_point(p / (np.sqrt(np.einsum("kj,kj->j", p, p).max()) or 1.0))[0]


def is_unique(x: Floats, v: Floats) -> bool:
    """Whether no other donor weights match the predictors, weighted by v, as well."""
    p = np.sqrt(v / v.max())[:, None] * x
    return bool(simplex_fit(p, np.zeros(len(p))).unique[0])


def exact_match(x: Floats, z: Floats) -> tuple[Floats, bool] | None:
    """The best mix for the outcome among those that match all predictors exactly, and whether it is the only one; None where
    none matches exactly."""
    length = np.sqrt(np.einsum("kj,kj->j", x, x).max()) or 1.0
    if np.abs(x @ nearest_point(x / length)[0]).max() > MATCHED * length:
        return None
    stacked = np.concatenate([HELD * x / length, z / (np.sqrt(np.einsum("mj,mj->j", z, z).max()) or 1.0)])
    found = simplex_fit(stacked, np.zeros(len(stacked)))
    return found.weights[0], bool(found.unique[0])


def _without_compromise(x: Floats, z: Floats) -> Floats | None:
    """A V for which the donors that explain the outcome best are optimal, by linear programming; None where there is none.

    Source: Becker and Kloessner (2018), section 3: whether the unrestricted outer optimum is feasible.
    """
    from scipy.optimize import linprog

    w = nearest_point(z / (np.sqrt(np.einsum("mj,mj->j", z, z).max()) or 1.0))[0]
    slopes = x * (x @ w)[:, None]  # gradient of donor j is v @ slopes[:, j]
    k, support = len(x), w > 0
    table = np.column_stack([slopes.T, -np.ones(len(w))])
    found = linprog(
        np.zeros(k + 1), A_eq=np.vstack([table[support], np.append(np.ones(k), 0.0)]),
        b_eq=np.append(np.zeros(int(support.sum())), 1.0), A_ub=-table[~support] if (~support).any() else None,
        b_ub=np.zeros(int((~support).sum())) if (~support).any() else None,
        bounds=[(10.0**LOWEST, None)] * k + [(None, None)], method="highs",
    )  # fmt: skip
    if found.status != 0:
        return None
    v = np.asarray(found.x[:k])
    reached, best = _loss(z, matching(x, v)), _loss(z, w)
    return v if reached <= best * (1 + 1e-6) + 1e-300 else None


# ---- the search --------------------------------------------------------------------------------


def _searched(x: Floats, h: Floats, seed: int) -> Floats:
    """Logarithms of the best V found for each of U units, [U, K]."""
    losses = Losses(x, h)
    draws = [np.random.default_rng(seed) for _ in x]
    starts = _screened(losses, draws)
    found = minima(losses, starts, np.full(len(starts.loss), np.inf))
    for _ in range(ROUNDS):
        near = [_different(found, u) for u in range(len(x))]
        aims = np.array([found.loss[at[-1]] for at in near])
        starts = _hops(losses, found, near, draws)
        found = found.and_(minima(losses, starts, aims[starts.unit]))
    return np.asarray(found.logs[[_different(found, u)[0] for u in range(len(x))]])


def _screened(losses: Losses, draws: list[np.random.Generator]) -> Points:
    """The best of many random points of each unit."""
    units, k, half = np.arange(len(draws)), losses.hulls.x.shape[1], SCREENED // 2
    middle = losses.at(units, np.zeros((len(units), k)), *losses.hulls.nearest_columns())
    logs = [np.concatenate([rng.uniform(NARROW, 0, (half, k)), rng.uniform(LOWEST, 0, (half, k))]) for rng in draws]
    for drawn in logs:
        drawn[0] = 0.0
    start = np.repeat(units, 2 * half)
    looked = losses.at(start, np.concatenate(logs), middle.columns[start], middle.weights[start])
    best = looked.loss.reshape(len(units), -1).argsort(axis=1, kind="stable")[:, :STARTS]
    return looked.take((best + 2 * half * units[:, None]).ravel())


def _hops(losses: Losses, found: Points, near: list[Rows], draws: list[np.random.Generator]) -> Points:
    """Starts near some minima of each unit: of several in which some weights are drawn anew, the best."""
    rows = np.concatenate([np.repeat(np.resize(at, HOPS), DRAWS) for at in near])
    base, size = found.take(rows), HOPS * DRAWS
    anew, logs = (
        np.concatenate(part) for part in zip(*(_redrawn(size, base.logs.shape[1], r) for r in draws), strict=True)
    )
    mixed = np.where(anew, logs, base.logs - base.logs.max(axis=1, keepdims=True))
    tried = losses.at(base.unit, np.clip(mixed, LOWEST, 0.0), base.columns, base.weights)
    best = tried.loss.reshape(-1, DRAWS).argmin(axis=1)
    return tried.take(best + DRAWS * np.arange(len(best)))


def _redrawn(size: int, k: int, rng: np.random.Generator) -> tuple[NDArray[np.bool_], Floats]:
    """Which weights are drawn anew, and all of them drawn."""
    anew = rng.random((size, k)) < REDRAWN
    anew[np.arange(size), rng.integers(0, k, size)] |= ~anew.any(axis=1)
    return anew, rng.uniform(LOWEST, 0, (size, k))


def _different(found: Points, unit: int) -> Rows:
    """The best minima of a unit that differ from each other, the best one first."""
    rows = np.flatnonzero(found.unit == unit)
    chosen: list[int] = []
    for row in rows[found.loss[rows].argsort(kind="stable")]:
        if not chosen or found.loss[row] > found.loss[chosen[-1]] * (1 + 1e-3):
            chosen.append(int(row))
        if len(chosen) == NEAR:
            break
    return np.array(chosen)
