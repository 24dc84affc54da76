"""Order-m frontiers: what the best of m cities drawn at random reaches, instead of the best of all.

A city's distance is the factor by which m drawn cities would let it grow in all dimensions alike, on average over draws;
its index is 1 / distance. It can exceed 1: a city may be better than m others usually are. One outlier moves it little, and
with m large it is the index against all cities. Two forms of frontier:

- ``convex``: most favourable weights against the m drawn cities (robust benefit of the doubt), by repeated draws;
- ``free_disposal``: better than a single drawn city in every dimension, in closed form, without draws.

Standard errors are the infinitesimal jackknife: how much the mean distance covaries with how often each city is drawn,
from the same draws, less what the finite number of draws adds.

Source: Cazals, Florens and Simar (2002), "Nonparametric frontier estimation: a robust approach", Journal of
Econometrics 106, section 3; Rogge, De Jaeger and Lavigne (2017) for composite indices; Efron (2014) and Wager, Hastie
and Efron (2014), Journal of Machine Learning Research 15, eq. 5 and 7, for the standard errors; Satterthwaite (1946) for how
sure these are themselves, where few cities decide.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scale_impact.benchmark.enveloping.programmes import Limits, Solution, solve

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MANY_DOUBLES = 4_000_000
"""Numbers of the largest array that is held at a time (32 MB)."""


@dataclass(frozen=True)
class Distances:
    """Order-m distances of N cities.

    Attributes
    ----------
    mean, std_error, noise:
        Mean of the draws' distances (or indices), its standard error over samples of cities, and the part of its error
        that comes from the finite number of draws [N].
    freedom:
        Degrees of freedom of the standard error [N]: few cities may decide nearly all of it.
    weights, shares:
        Means over draws [N, D]; NaN under free disposal, which has no weights.
    parts:
        How much each city defines the target of each: mean share of the prices [N cities, N members].
    endless:
        Share of the draws in which nobody drawn has anything in some dimension in which the city has something [N].
    """

    mean: Floats
    std_error: Floats
    freedom: Floats
    noise: Floats
    weights: Floats
    shares: Floats
    parts: Floats
    endless: Floats


def uniforms(draws: int, m: int, seed: int) -> Floats:
    """One set of random numbers [draws, m] for all cities, so that cities and contexts differ by themselves only."""
    return np.random.default_rng(seed).random((m, draws)).T  # the first columns are the same for every m


def drawn_alike(numbers: Floats, n: int) -> Ints:
    """Which of n cities are drawn, all with the same chance [draws, m]."""
    return np.minimum((numbers * n).astype(np.int64), n - 1)


def convex(
    values: Floats, limits: Limits, numbers: Floats, chances: Floats | None = None, *, of_index: bool = False
) -> Distances:
    """Mean distances to the frontiers of drawn cities.

    Parameters
    ----------
    values:
        [N, D], in an order that does not depend on the user's.
    limits:
        Bounds on weights.
    numbers:
        Uniform random numbers [draws, m].
    chances:
        Each city's chances of drawing the others [N, N], rows that sum to 1; None: all alike.
    of_index:
        Average the draws' indices instead of their distances.
    """
    if chances is None:
        return _shared(values, limits, numbers, of_index)
    size = max(1, MANY_DOUBLES // (numbers.size * values.shape[1]))
    parts = [_own(values, limits, numbers, chances[k : k + size], k, of_index) for k in range(0, len(values), size)]
    return Distances(*(np.concatenate([getattr(p, f) for p in parts]) for f in Distances.__dataclass_fields__))


def _shared(values: Floats, limits: Limits, numbers: Floats, of_index: bool) -> Distances:
    """All cities against the same draws."""
    n = len(values)
    drawn = drawn_alike(numbers, n)
    sums = _Sums(n, n, values.shape[1], len(drawn))
    for b, rows in enumerate(drawn):
        pool = np.unique(rows)
        sums.add(values, solve(values, values[pool], limits), pool, np.arange(n), np.full(n, b))
    counts = _counts(drawn, n)
    error = np.empty((2, n))
    scores = sums.scores(of_index)
    chance = np.full(n, 1 / n)
    for k in range(0, n, 1_000):
        error[:, k : k + 1_000] = jackknife(scores[k : k + 1_000], counts, numbers.shape[1] * chance * (1 - chance))
    return sums.distances(scores, error)


def _own(values: Floats, limits: Limits, numbers: Floats, chances: Floats, first: int, of_index: bool) -> Distances:
    """Some cities, each against draws by its own chances."""
    n, (draws, m) = len(chances), numbers.shape
    reach = np.cumsum(chances, axis=1)
    drawn = np.stack([np.searchsorted(r / r[-1], numbers, side="right") for r in reach])  # [n, draws, m]
    drawn = np.minimum(drawn, len(values) - 1)
    flat = drawn.reshape(n * draws, m)
    own = np.repeat(values[first : first + n], draws, axis=0)
    sums = _Sums(n, len(values), values.shape[1], draws)
    sums.add(own, solve(own, values[flat], limits), flat, np.repeat(np.arange(n), draws), np.tile(np.arange(draws), n))
    scores = sums.scores(of_index)
    error = np.empty((2, n))
    for k in range(n):
        counts = _counts(drawn[k], len(values))
        error[:, k] = jackknife(scores[k : k + 1], counts, m * chances[k] * (1 - chances[k]))[:, 0]
    return sums.distances(scores, error)


def _counts(drawn: Ints, n: int) -> Floats:
    """How often each of n cities is in each draw [draws, n]."""
    places = drawn + n * np.arange(len(drawn))[:, None]
    return np.bincount(places.ravel(), minlength=n * len(drawn)).reshape(len(drawn), n).astype(float)


class _Sums:
    """Running sums over draws of N cities; members are numbered as the M cities of the pool are."""

    def __init__(self, cities: int, members: int, dimensions: int, draws: int) -> None:
        self.index = np.empty((cities, draws))
        self.weights = np.zeros((cities, dimensions))
        self.shares = np.zeros((cities, dimensions))
        self.parts = np.zeros((cities, members))

    def add(self, own: Floats, found: Solution, pool: Ints, city: Ints, draw: Ints) -> None:
        """Add solutions: of which city, in which draw, and which member each place in a pool is ([M] or one row each)."""
        self.index[city, draw] = found.index
        with np.errstate(invalid="ignore", divide="ignore"):
            shares = found.weights * own / found.index[:, None]
            prices = found.prices / found.prices.sum(axis=1, keepdims=True)
        held = np.isfinite(found.index) & (found.index > 0)
        np.add.at(self.weights, city[held], found.weights[held])
        np.add.at(self.shares, city[held], shares[held])
        members = pool[found.members] if pool.ndim == 1 else np.take_along_axis(pool, found.members, axis=1)
        np.add.at(self.parts, (city[held][:, None], members[held]), np.nan_to_num(prices[held]))

    def scores(self, of_index: bool) -> Floats:
        """What is averaged over draws [N, draws]."""
        with np.errstate(divide="ignore"):
            return self.index if of_index else 1.0 / self.index

    def distances(self, scores: Floats, error: Floats) -> Distances:
        held = (np.isfinite(self.index) & (self.index > 0)).sum(axis=1, keepdims=True)
        with np.errstate(invalid="ignore", divide="ignore"):
            noise = scores.std(axis=1) / np.sqrt(scores.shape[1])
            weights, shares, parts = (total / held for total in (self.weights, self.shares, self.parts))
        endless = np.isinf(self.index).mean(axis=1)
        return Distances(scores.mean(axis=1), error[0], error[1], noise, weights, shares, parts, endless)


def jackknife(scores: Floats, counts: Floats, spread: Floats) -> Floats:
    """Standard errors of means over draws, over samples of cities, and their degrees of freedom [2, N].

    Parameters
    ----------
    scores:
        Of N cities in B draws [N, B].
    counts:
        How often each city is drawn [B, M].
    spread:
        Variances of the counts [M].
    """
    draws = scores.shape[1]
    with np.errstate(invalid="ignore"):
        centred = scores - scores.mean(axis=1, keepdims=True)
        together = centred @ (counts - counts.mean(axis=0)) / draws
        of_draws = (centred**2).mean(axis=1) / draws
        # what the finite number of draws adds to the sum of squares is taken off; what it adds to the mean stays in
        extra = of_draws[:, None] * spread
        squares = np.maximum((together**2 - extra).sum(axis=1), 0.0)
        fourth = (together**4 - 6 * together**2 * extra + 3 * extra**2).sum(axis=1)
    return np.stack([np.sqrt(squares + of_draws), freedom(squares, fourth, counts.shape[1])])


def freedom(squares: Floats, fourth: Floats, n: int) -> Floats:
    """Degrees of freedom of a sum of n squared influences [N], of which the sum of fourth powers is ``fourth``.

    Source: Satterthwaite (1946), Biometrics Bulletin 2: twice the square of a variance over the variance of that variance.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        found = 2 * squares**2 / np.clip(fourth, squares**2 / n, squares**2)
    return np.where(np.isfinite(found), found, 2.0 * n)


# ---- free disposal: closed form --------------------------------------------------------------------------


def free_disposal(values: Floats, m: int, chances: Floats | None = None, *, rows: Ints | None = None) -> Distances:
    """Order-m distances to the free disposal frontier, exactly.

    The distance to m drawn cities is the largest of m draws of min over dimensions of (other / own); its mean follows from
    the distribution of one draw (Cazals, Florens and Simar 2002; Daraio and Simar 2005). ``rows`` are the cities that are judged.
    """
    n, dim = values.shape
    judged = np.arange(n) if rows is None else rows
    found = [_free_disposal_of(values, k, m, np.full(n, 1 / n) if chances is None else chances[k]) for k in judged]
    mean, squares, fourth = (np.array([f[k] for f in found], dtype=float) for k in (0, 1, 3))
    unknown = np.full((len(judged), dim), np.nan)
    parts = np.stack([f[2] for f in found])
    free, certain = freedom(squares, fourth, n), np.zeros(len(judged))
    return Distances(mean, np.sqrt(squares), free, certain, unknown, unknown, parts, (mean == 0).astype(float))


def _free_disposal_of(values: Floats, k: int, m: int, chances: Floats) -> tuple[float, float, Floats, float]:
    """Mean distance of one city, its variance, each city's chance of defining the target, and the fourth powers behind the variance."""
    has = values[k] > 0
    if not has.any():
        return np.inf, 0.0, np.zeros(len(values)), 0.0
    growth = (values[:, has] / values[k, has]).min(axis=1)
    order = np.argsort(growth, kind="stable")
    steps, below = growth[order], np.cumsum(chances[order])
    below = np.minimum(below / below[-1], 1.0)
    largest = np.diff(below**m, prepend=0.0)  # the chance that each is the largest of m
    mean = float(steps @ largest)
    # by how much the mean moves with the weight of each city: the integral of m F^(m - 1) (F - 1{growth <= t}) dt
    gaps = np.diff(steps)
    slope = m * below[:-1] ** (m - 1) * gaps
    after = np.append(np.cumsum(slope[::-1])[::-1], 0.0)
    moved = chances[order] * (float(slope @ below[:-1]) - after)
    parts = np.empty(len(values))
    parts[order] = largest
    return mean, float((moved**2).sum()), parts, float((moved**4).sum())


# ---- the choice of m -------------------------------------------------------------------------------------


def choose_m(n: int, share_above: Callable[[int], float], *, least_fall: float = 0.05) -> tuple[int, dict[int, float]]:
    """The smallest m of 10, 20, 40, ... beyond which doubling it takes less than ``least_fall`` of n cities from above index 1.

    Returns it with the share of cities above 1 at each m tried. Source: Daraio and Simar (2005), section 5: m where the share
    of cities beyond the frontier falls no more.
    """
    m = min(10, n)
    tried = {m: share_above(m)}
    while 2 * m <= n:
        tried[2 * m] = share_above(2 * m)
        if tried[m] - tried[2 * m] < least_fall:
            break
        m *= 2
    return m, tried
