"""Many small linear programmes at once: each city's most favourable weights against a pool of cities.

One programme asks for weights w >= 0 of D dimensions that make the city's own sum as large as it can be while no city of
the pool exceeds 1. It is solved by the revised simplex method on its dual: a basis of D constraints, of which the most
violated one enters. A step costs all programmes together one matrix product, so that 5,000 cities, or the 100,000 small
programmes of repeated draws, take seconds. Ties are broken by a symbolic perturbation (lexicographic ratio test), so that
no programme can cycle. Every solution is certified: all constraints hold, prices are not negative, both sides agree;
what is not certified is solved by HiGHS (``scipy.optimize.linprog``).

Source: Dantzig, Orden and Wolfe (1955), the lexicographic rule; Cherchye, Moesen, Rogge and Van Puyenbroeck (2007), eq. 3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.words import counted
from scale_impact.errors import EstimationError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

TIGHT = 1e-10
"""A constraint that is exceeded by less, on a scale on which the index is 1, holds."""

CERTIFIED = 1e-8
"""What a certified solution may violate or differ by between both sides."""

CHUNK = 1_000
"""Programmes solved together: keeps the largest array (programmes x cities) below 50 MB at 5,000 cities."""

MANY = 10
"""Dimensions above which the constraint that enters is chosen by distance rather than by excess: a third of the steps at 60."""

ZERO = 1e-11
"""A price that is smaller is rounding: its member ties with others at 0."""

REFRESH = 30
"""Steps after which a tableau is made anew from the data."""

OPEN = 1e8
"""The weight of a dimension in which no city of the pool has anything: as good as unbounded."""


@dataclass(frozen=True)
class Limits:
    """Bounds on a city's weights.

    Attributes
    ----------
    lower, upper:
        By dimension [D].
    shares:
        True: of each dimension's share of the index, between 0 and 1. False: of the weights themselves.
    """

    lower: Floats
    upper: Floats
    shares: bool = True

    @classmethod
    def none(cls, dimensions: int) -> Limits:
        """Weights of any size."""
        return cls(np.zeros(dimensions), np.ones(dimensions), True)


@dataclass(frozen=True)
class Solution:
    """Solutions of L programmes.

    Attributes
    ----------
    index:
        The largest sum a city can reach [L]; infinite where no city of its pool has anything where it has something.
    weights:
        The weights that reach it [L, D].
    members, prices:
        Cities of the pool that bind, as positions in the pool, and their prices (lambda) [L, D]; price 0 where fewer bind.
    """

    index: Floats
    weights: Floats
    members: Ints
    prices: Floats


def solve(own: Floats, pool: Floats, limits: Limits) -> Solution:
    """Most favourable weights of each of L cities.

    Parameters
    ----------
    own:
        The cities' values, not negative [L, D].
    pool:
        What they are held against: one pool for all [M, D], or one each [L, M, D].
    limits:
        Bounds, which must admit weights (``doubt.limit_problems``).

    Raises
    ------
    EstimationError
        A programme that neither the simplex method nor HiGHS solves.
    """
    own = np.ascontiguousarray(own, dtype=float)
    if not len(own):
        return Solution(np.empty(0), own, own.astype(np.int64), own)
    size = CHUNK if pool.ndim == 2 else max(1, int(CHUNK * 5_000 / pool[0].size))
    parts = [
        _solve_chunk(own[k : k + size], pool if pool.ndim == 2 else pool[k : k + size], limits)
        for k in range(0, len(own), size)
    ]
    return Solution(
        *(np.concatenate([getattr(p, f) for p in parts]) for f in ("index", "weights", "members", "prices"))
    )


# ---- the programmes on a common scale ----------------------------------------------------------------------


class _Programmes:
    """L programmes as max c'x, x >= 0, with w = (keep x + sum(x) lower) / scale + base; columns by number.

    Numbers of columns: 0 to M - 1 cities, then D boxes (x_d <= box_d), D signs (x_d >= 0), D upper shares.
    """

    def __init__(self, own: Floats, pool: Floats, limits: Limits) -> None:
        self.own, self.pool = own, pool
        self.cities, self.dimensions = pool.shape[-2], own.shape[1]
        self.scale = np.where(own > 0, own, 1.0)
        self.gain = (own > 0).astype(float)
        self.lower = limits.lower if limits.shares else np.zeros(self.dimensions)
        self.base = np.zeros(self.dimensions) if limits.shares else limits.lower
        self.keep = 1.0 - float(self.lower.sum())
        self.upper: Floats | None = None
        if limits.shares and self.keep > TIGHT and (limits.upper < 1).any():
            self.upper = (limits.upper - self.lower) / self.keep
        self.room = np.full(self.dimensions, np.inf) if limits.shares else limits.upper - limits.lower
        self.hopeless = self._hopeless(limits)
        natural = self._boxes()
        self.by_city: Flags = natural <= self.room * self.scale
        self.box = np.where(own > 0, np.minimum(natural, self.room * self.scale), 0.0)
        self.length = self._length()
        endless = ((self.box >= OPEN) & (own > 0)).any(axis=1)
        self.unbounded: Flags = np.logical_and(endless, self.upper is None)

    def _hopeless(self, limits: Limits) -> Flags:
        """Programmes whose only weights are 0: a lower share where the city has nothing, or too few upper shares where it has."""
        if not limits.shares:
            return np.zeros(len(self.own), dtype=bool)
        shut = ((self.gain == 0) & (self.lower > 0)).any(axis=1)
        found: Flags = shut | ((self.gain * limits.upper).sum(axis=1) < 1 - TIGHT)
        return found

    def _boxes(self) -> Floats:
        """What one x may be at most, whatever the others are: a bound that the cities of the pool imply."""
        with np.errstate(divide="ignore", invalid="ignore"):
            rest = 1.0 - self.pool @ self.base
            alone = np.nan_to_num(self.pool / rest[..., None]).max(axis=-2) * self.keep / self.scale
            if self.lower.any():
                shared = self.lower / self.scale
                sums = shared @ self.pool.T if self.pool.ndim == 2 else np.einsum("lmd,ld->lm", self.pool, shared)
                alone = np.maximum(alone, sums.max(axis=1)[:, None])
            found: Floats = np.minimum(1.0 / alone, OPEN)
        return found

    def weights(self, x: Floats, rows: Ints) -> Floats:
        found: Floats = (self.keep * x + x.sum(axis=1, keepdims=True) * self.lower) / self.scale[rows] + self.base
        return found

    def worst(self, x: Floats, rows: Ints) -> tuple[Floats, Ints]:
        """The constraint from which each x is farthest outside: by how much it is exceeded, and its column."""
        w = self.weights(x, rows)
        sums = w @ self.pool.T if self.pool.ndim == 2 else np.matmul(self.pool[rows], w[:, :, None])[:, :, 0]
        sums -= 1.0
        column = (sums if self.length is None else sums * self.length[rows]).argmax(axis=1)
        excess = np.take_along_axis(sums, column[:, None], axis=1)[:, 0]
        far = excess if self.length is None else excess * self.length[rows, column]
        for first, broken, length in self._own_constraints(x, rows):
            most = broken.argmax(axis=1)
            by = np.take_along_axis(broken, most[:, None], axis=1)[:, 0]
            nearer = by * length > far
            column, excess = np.where(nearer, first + most, column), np.where(nearer, by, excess)
            far = np.where(nearer, by * length, far)
        return excess, column

    def _own_constraints(self, x: Floats, rows: Ints) -> list[tuple[int, Floats, float]]:
        found = [(self.cities, x - self.box[rows], 1.0), (self.cities + self.dimensions, -x, 1.0)]
        if self.upper is not None:
            length = 1.0 if self.length is None else self.dimensions**-0.5
            found.append((self.cities + 2 * self.dimensions, x - self.upper * x.sum(axis=1, keepdims=True), length))
        return found

    def exceeded(self, x: Floats, rows: Ints) -> Floats:
        """By how much the most violated constraint is exceeded [L]."""
        w = self.weights(x, rows)
        sums = w @ self.pool.T if self.pool.ndim == 2 else np.matmul(self.pool[rows], w[:, :, None])[:, :, 0]
        most = [sums.max(axis=1) - 1.0, *(broken.max(axis=1) for _, broken, _ in self._own_constraints(x, rows))]
        found: Floats = np.max(most, axis=0)
        return found

    def _length(self) -> Floats | None:
        """1 / the length of each city's coefficients [L, M]: with many dimensions distance finds a short way, excess a long one."""
        if self.dimensions <= MANY or self.pool.ndim == 3:
            return None
        shared = (self.lower / self.scale) @ self.pool.T
        square = (self.keep / self.scale) ** 2 @ self.pool.T**2 + self.dimensions * shared**2
        square += 2 * self.keep * shared * ((1 / self.scale) @ self.pool.T)
        found: Floats = 1.0 / np.sqrt(np.maximum(square, 1e-300))
        return found

    def columns(self, number: Ints, rows: Ints) -> tuple[Floats, Floats]:
        """Coefficients [L, D] and right-hand sides [L] of constraints, one a programme."""
        kind, d = np.divmod(np.maximum(number - self.cities, 0), self.dimensions)
        city = np.minimum(number, self.cities - 1)
        of = self.pool[city] if self.pool.ndim == 2 else self.pool[rows, city]
        scaled = of / self.scale[rows]
        found = self.keep * scaled + (scaled @ self.lower)[:, None]
        side = 1.0 - of @ self.base
        own = number >= self.cities
        unit = np.eye(self.dimensions)[d[own]]
        sign = np.where(kind[own] == 1, -1.0, 1.0)[:, None]
        above = 0.0 if self.upper is None else (kind[own] == 2)[:, None] * self.upper[d[own]][:, None]
        found[own] = sign * unit - above
        side[own] = np.where(kind[own] == 0, self.box[rows[own], d[own]], 0.0)
        return found, side


def _solve_chunk(own: Floats, pool: Floats, limits: Limits) -> Solution:
    problem = _Programmes(own, pool, limits)
    basis, tableau = _simplex(problem)
    x, prices, certified = _certified(problem, basis, tableau)
    for k in np.flatnonzero(~certified & ~problem.hopeless & ~problem.unbounded):
        x[k], basis[k], prices[k] = _by_highs(problem, int(k))
    return _solution(problem, x, basis, prices)


def _simplex(problem: _Programmes) -> tuple[Ints, Floats]:
    """A basis and the last tableau of each programme; a tableau of NaN where no basis was reached.

    The tableau of a programme is [D + 1, D + 2]: rows of the inverse basis with the prices and their perturbation, and
    below them the weights x. All start with every x at its box, which is a feasible basis of the dual.
    """
    n, dim = problem.own.shape
    basis = np.tile(np.arange(problem.cities, problem.cities + dim), (n, 1))
    reached = np.full((n, dim + 1, dim + 2), np.nan)
    rows = np.flatnonzero(~problem.hopeless & ~problem.unbounded)
    tableau = _start(problem)[rows]
    for step in range(60 + 40 * dim):
        if step % REFRESH == REFRESH - 1:
            tableau = _refreshed(problem, tableau, basis[rows], rows)
        excess, column = problem.worst(tableau[:, dim, :dim], rows)
        open_ = excess > TIGHT
        if not open_.all():
            reached[rows[~open_]] = tableau[~open_]
            tableau, rows, column = tableau[open_], rows[open_], column[open_]
        if not len(rows):
            break
        stuck = _pivot(problem, tableau, basis, rows, column)
        if stuck.any():
            tableau, rows = tableau[~stuck], rows[~stuck]
    return basis, reached


def _start(problem: _Programmes) -> Floats:
    n, dim = problem.own.shape
    tableau = np.zeros((n, dim + 1, dim + 2))
    tableau[:, np.arange(dim), np.arange(dim)] = 1.0
    tableau[:, :dim, dim] = problem.gain
    tableau[:, :dim, dim + 1] = _perturbation(dim)
    tableau[:, dim, :dim] = problem.box
    return tableau


def _perturbation(dim: int) -> Floats:
    """Different positive numbers, the same whenever they are asked for."""
    return 1.0 + np.random.default_rng(dim).random(dim)


def _pivot(problem: _Programmes, tableau: Floats, basis: Ints, rows: Ints, column: Ints) -> Flags:
    """Let one constraint of each programme into its basis, in place; which programmes found none to leave."""
    dim = problem.dimensions
    coefficients, side = problem.columns(column, rows)
    x = tableau[:, dim, :dim]
    gap = side - (x * coefficients).sum(axis=1)
    step = np.matmul(tableau[:, :dim, :dim], coefficients[:, :, None])[:, :, 0]
    leaving, stuck = _leaving(step, tableau[:, :dim, dim], tableau[:, :dim, dim + 1])
    at = np.arange(len(rows))
    pivot = np.where(stuck, 1.0, step[at, leaving])
    row = tableau[at, leaving] / pivot[:, None]
    move = np.concatenate([step, -gap[:, None]], axis=1)
    move[stuck] = 0.0
    tableau -= move[:, :, None] * row[:, None, :]
    keep = ~stuck
    tableau[at[keep], leaving[keep]] = row[keep]
    basis[rows[keep], leaving[keep]] = column[keep]
    return stuck


def _leaving(step: Floats, prices: Floats, perturbed: Floats) -> tuple[Ints, Flags]:
    """The lexicographic ratio test: which member leaves each basis, and where none can."""
    largest = np.abs(step).max(axis=1, keepdims=True)
    can = step > 1e-9 * np.maximum(largest, 1e-300)
    ratio = np.where(can, np.where(prices > ZERO, prices, 0.0) / np.where(can, step, 1.0), np.inf)
    least = ratio.min(axis=1, keepdims=True)
    tied = ratio <= least * (1 + ZERO)
    second = np.where(tied & can, perturbed / np.where(can, step, 1.0), np.inf)
    return second.argmin(axis=1), ~can.any(axis=1)


# ---- certificates ------------------------------------------------------------------------------------------


def _binding(problem: _Programmes, basis: Ints, rows: Ints) -> tuple[Floats, Floats]:
    """Coefficients [L, member, D] and right-hand sides [L, member] of the members of each basis."""
    slots = [problem.columns(basis[:, k], rows) for k in range(basis.shape[1])]
    return np.stack([s[0] for s in slots], axis=1), np.stack([s[1] for s in slots], axis=1)


def _refreshed(problem: _Programmes, tableau: Floats, basis: Ints, rows: Ints) -> Floats:
    """The tableaus made anew from the data, so that roundings of many pivots do not add up (Newton's step for an inverse)."""
    dim = problem.dimensions
    binding, side = _binding(problem, basis, rows)
    inverse = tableau[:, :dim, :dim]
    for _ in range(2):
        inverse = 2 * inverse - inverse @ (binding.transpose(0, 2, 1) @ inverse)
    fresh = np.empty_like(tableau)
    fresh[:, :dim, :dim] = inverse
    fresh[:, :dim, dim] = _times(inverse, problem.gain[rows])
    fresh[:, :dim, dim + 1] = inverse @ _perturbation(dim)
    fresh[:, dim, :dim] = _times(inverse.transpose(0, 2, 1), side)
    return fresh


def _certified(problem: _Programmes, basis: Ints, tableau: Floats) -> tuple[Floats, Floats, Flags]:
    """Weights x and prices of each basis, made anew from the data, and whether both are feasible and agree."""
    n, dim = basis.shape
    x, prices, certified = np.zeros((n, dim)), np.zeros((n, dim)), np.zeros(n, dtype=bool)
    rows = np.flatnonzero(np.isfinite(tableau).all(axis=(1, 2)))
    if not len(rows):
        return x, prices, certified
    binding, side = _binding(problem, basis[rows], rows)
    inverse = tableau[rows, :dim, :dim]
    at, cost = tableau[rows, dim, :dim], tableau[rows, :dim, dim]
    gain = problem.gain[rows]
    for _ in range(2):  # Newton's correction of what the pivots have rounded
        at = at + _times(inverse.transpose(0, 2, 1), side - _times(binding, at))
        cost = cost + _times(inverse, gain - _times(binding.transpose(0, 2, 1), cost))
    size = 1.0 + np.abs(at).sum(axis=1)
    excess = problem.exceeded(at, rows)
    left = np.abs(gain - _times(binding.transpose(0, 2, 1), cost)).max(axis=1)
    agree = np.abs((gain * at).sum(axis=1) - (cost * side).sum(axis=1))
    x[rows], prices[rows] = at, cost
    certified[rows] = (
        (np.maximum(excess, left) <= CERTIFIED) & (cost.min(axis=1) >= -CERTIFIED) & (agree <= CERTIFIED * size)
    )
    return x, prices, certified


def _times(matrices: Floats, vectors: Floats) -> Floats:
    found: Floats = np.matmul(matrices, vectors[:, :, None])[:, :, 0]
    return found


def _by_highs(problem: _Programmes, k: int) -> tuple[Floats, Ints, Floats]:
    """One programme by HiGHS: x, the columns that bind and their prices."""
    from scipy.optimize import linprog

    rows = np.full(problem.cities, k)
    a, b = problem.columns(np.arange(problem.cities), rows)
    if problem.upper is not None:
        more, zero = problem.columns(
            np.arange(problem.dimensions) + problem.cities + 2 * problem.dimensions, rows[: problem.dimensions]
        )
        a, b = np.vstack([a, more]), np.concatenate([b, zero])
    found = linprog(
        -problem.gain[k],
        A_ub=a,
        b_ub=b,
        bounds=list(zip(np.zeros(problem.dimensions), problem.box[k], strict=True)),
        method="highs",
    )
    if found.status != 0:
        raise EstimationError(
            f"A linear programme over {counted(problem.cities, 'city', 'cities')} was not solved: {found.message}"
        )
    numbers = np.concatenate([np.arange(problem.cities), problem.cities + 2 * problem.dimensions + np.arange(len(b) - problem.cities),
                              problem.cities + np.arange(problem.dimensions)])  # fmt: skip
    prices = np.maximum(-np.concatenate([found.ineqlin.marginals, found.upper.marginals]), 0.0)
    most = np.argsort(-prices, kind="stable")[: problem.dimensions]
    return found.x, numbers[most], prices[most]


def _within(problem: _Programmes, x: Floats) -> Floats:
    """The x, made smaller where rounding lets a city exceed 1 (where values differ by orders of magnitude)."""
    fixed = problem.pool @ problem.base
    w = problem.weights(x, np.arange(len(x)))
    sums = w @ problem.pool.T if problem.pool.ndim == 2 else np.matmul(problem.pool, w[:, :, None])[:, :, 0]
    moved = sums - fixed
    room = np.where(sums > 1.0, (1.0 - fixed) / np.where(moved > 0, moved, 1.0), 1.0).min(axis=1)
    found: Floats = x * np.minimum(room, 1.0)[:, None]
    return found


def _solution(problem: _Programmes, x: Floats, basis: Ints, prices: Floats) -> Solution:
    """Index, weights and the cities that bind; a price of a box belongs to the city that implies the box."""
    n, dim = x.shape
    weights = np.maximum(problem.weights(_within(problem, np.where(x > ZERO, x, 0.0)), np.arange(n)), 0.0)
    weights = np.where(problem.own > 0, weights, np.minimum(weights, problem.base))
    index = (weights * problem.own).sum(axis=1)
    index[problem.hopeless] = 0.0
    weights[problem.hopeless] = 0.0
    endless = problem.unbounded | (index >= OPEN / 100)
    index[endless] = np.inf
    weights[endless] = np.nan
    kind, d = np.divmod(np.maximum(basis - problem.cities, 0), dim)
    box = (basis >= problem.cities) & (kind == 0)
    implied = problem.by_city[np.arange(n)[:, None], d]
    first = problem.pool.argmax(axis=-2)
    holder = first[d] if first.ndim == 1 else first[np.arange(n)[:, None], d]
    counts = (basis < problem.cities) | box & implied
    members = np.where(basis < problem.cities, basis, np.where(box, holder, 0))
    return Solution(index, weights, members, np.where(counts, np.maximum(prices, 0.0), 0.0))
