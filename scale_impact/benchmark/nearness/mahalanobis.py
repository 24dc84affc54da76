"""Mahalanobis distance of cities, in which variables that tell the same do not count twice, and groups count as one variable each.

Numbers. With z the standardised numbers, R their correlations and M = diag(m) (see ``overlap``; m = 1 where no variable is a near-copy
of another) the distance of cities i and j is the length of  u_i - u_j,  u = (M^1/2 R M^1/2)^-1/2 M^1/2 z,  which for a regular R is the
Mahalanobis distance whatever m is. Eigenvalues below ``FLOOR`` are raised to it: the small difference between near-copies (population
of two years, shares that sum to 100 up to rounding) is noise, which the inverse would blow up to the size of a variable of its own.

Because the root is symmetric, u_k belongs to variable k, and (u_ik - u_jk)^2 are parts of the squared distance that are not negative
and sum to it; copies share their part.

Groups. Whether group k differs adds  2 g_k 1(differs) / (1 - sum of squared shares): over pairs of cities as much as a number does on
average, times g_k = m_k (1 - share of it that the numbers tell). One column a group in the covariance instead would let a region with 16
names count as 15 variables, and a rare name more than any other.

Source: Mahalanobis (1936); Garthwaite and Koch (2016) (corr-max partition; theirs where m = 1); Rosenbaum (2010), chapter 8
(ranks, their variance without ties; what rare groups do to the distance); Gower (1971) (equality of groups as a distance).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scale_impact.benchmark.cities import Floats, Ints
from scale_impact.benchmark.nearness.moments import Moments, inverse_root, moments, rank
from scale_impact.benchmark.nearness.overlap import of_all, standing
from scale_impact.benchmark.nearness.variables import Variables

FLOOR = 0.1
"""Smallest variance of a direction that counts in full: a variable of which others tell nine tenths (variance inflation 10)."""

NEAR_COPY = 4
"""Power of squared correlations that counts as overlap among numbers, whose plain correlation the distance takes out itself."""


@dataclass(frozen=True)
class Straight:
    """Cities as points whose straight distances are those of the cities.

    Attributes
    ----------
    points:
        [N, E]; NaN for a city that lacks a value.
    of:
        The variable of each coordinate [E].
    weights:
        Share of each variable in the mean squared distance [K]; they sum to 1.
    alike:
        Numbers that others nearly tell, so that small differences between them count less than the textbook's distance has them.
    directions:
        In how many directions the numbers vary.
    """

    points: Floats
    of: Ints
    weights: Floats
    alike: Ints
    directions: int

    def rough(self, rows: Ints, others: Ints) -> Floats:
        """Squared distances [b, n], up to rounding errors of ``slack``."""
        a, b = self.points[rows], self.points[others]
        found: Floats = -2 * (a @ b.T)
        found += np.einsum("ne,ne->n", a, a)[:, None]
        found += np.einsum("ne,ne->n", b, b)
        return found

    @property
    def slack(self) -> float:
        """What rounding does to ``rough`` at most."""
        largest = float(np.nanmax(np.einsum("ne,ne->n", self.points, self.points), initial=0.0))
        return 1e-12 * largest

    def exact(self, rows: Ints, others: Ints) -> Floats:
        """Distances of cities [b] to others of their own [b, c]."""
        apart = self.points[rows][:, None, :] - self.points[others]
        return np.asarray(np.sqrt(np.einsum("bce,bce->bc", apart, apart)), dtype=float)

    def parts(self, row: int, others: Ints) -> Floats:
        """Parts of the squared distances by variable [n, K]."""
        squares = (self.points[row] - self.points[others]) ** 2
        found = np.zeros((len(others), len(self.weights)))
        np.add.at(found.T, self.of, squares.T)
        return found


def straight(variables: Variables, counts: Floats, *, shared: bool) -> Straight:
    """The distance, from cities that count so often [N] (0: not at all, for those that lack a value).

    ``shared`` False: the textbook's distance, near-copies and all, on the directions that are there.
    """
    p = len(variables.numbers)
    found = moments(variables, counts)
    turn = _turn(found.covariance[:p, :p], variables.spread, shared) * np.sqrt(variables.weights[:p])
    size = np.sqrt(_group_weights(found, p, len(variables.groups), shared) * variables.weights[p:])
    columns = found.columns * np.append(np.ones(p), size[found.of[p:] - p])
    points = np.column_stack([columns[:, :p] @ turn, columns[:, p:]])
    points[~variables.known.all(axis=1)] = np.nan
    alike = _alike(found.covariance[:p, :p]) if shared else np.empty(0, dtype=np.int64)
    return Straight(
        points, found.of, _means(found, turn, size, p), alike, rank(_standardised(found.covariance[:p, :p])[1])
    )


def _turn(covariance: Floats, spread: float | None, shared: bool) -> Floats:
    """What numbers less their means are multiplied by [P, P]."""
    if not len(covariance):
        return covariance
    scale, correlation = _standardised(covariance)
    unit = scale if spread is None else (scale > 0) / spread
    if not shared:
        return np.asarray(unit[:, None] * inverse_root(correlation), dtype=float)
    m = np.sqrt(_standing(correlation))
    return np.asarray((unit * m)[:, None] * inverse_root(correlation * np.outer(m, m), FLOOR), dtype=float)


def _standardised(covariance: Floats) -> tuple[Floats, Floats]:
    """1 / standard deviation [P] (0 of a constant) and correlations [P, P]."""
    sd = np.sqrt(np.diag(covariance))
    scale = np.where(sd > 0, 1 / np.where(sd > 0, sd, 1.0), 0.0)
    return scale, np.clip(covariance * np.outer(scale, scale), -1.0, 1.0)


def _standing(correlation: Floats) -> Floats:
    """Weights m of numbers; a constant overlaps with none."""
    overlap = correlation ** (2 * NEAR_COPY)
    np.fill_diagonal(overlap, 1.0)
    return standing(overlap)


def _alike(covariance: Floats) -> Ints:
    """Numbers that have a large part in directions below the floor."""
    if not len(covariance):
        return np.empty(0, dtype=np.int64)
    scale, correlation = _standardised(covariance)
    m = np.sqrt(_standing(correlation))
    size, turn = np.linalg.eigh(correlation * np.outer(m, m))
    low = turn[:, (size < FLOOR)] ** 2
    return np.flatnonzero((low > 0.2).any(axis=1) & (scale > 0))


def _group_weights(found: Moments, p: int, n_groups: int, shared: bool) -> Floats:
    """By group [G], what 1/2 of a squared distance is multiplied by where the group differs."""
    blocks = [found.block(p + k, p + k) for k in range(n_groups)]
    spread = np.array([float(np.trace(b)) for b in blocks])
    scale = np.where(spread > 0, 1 / np.where(spread > 0, spread, 1.0), 0.0)
    if not shared or not n_groups:
        return scale
    overlap = of_all(_only(found, p), n_groups)
    told = np.array([_told(found, p, k) for k in range(p, p + n_groups)])
    return np.asarray(scale * standing(overlap) * (1 - told), dtype=float)


def _only(found: Moments, p: int) -> Moments:
    """The moments of the groups alone."""
    return Moments(found.columns[:, p:], found.of[p:] - p, found.covariance[p:, p:], found.weight)


def _told(found: Moments, p: int, k: int) -> float:
    """Share of a group's variance that a regression on the numbers tells, less what chance tells (adjusted R squared)."""
    if p == 0:
        return 0.0
    scale, correlation = _standardised(found.covariance[:p, :p])
    across = found.covariance[:p, found.of == k] * scale[:, None]
    total = float(np.trace(found.block(k, k)))
    share = float(((inverse_root(correlation) @ across) ** 2).sum()) / total if total > 0 else 0.0
    free = found.weight - rank(correlation) - 1
    adjusted = 1 - (1 - share) * (found.weight - 1) / free if free > 0 else share
    return min(1.0, max(0.0, adjusted))


def _means(found: Moments, turn: Floats, size: Floats, p: int) -> Floats:
    """Share of each variable in the mean squared distance of two cities."""
    numbers = np.diag(turn.T @ found.covariance[:p, :p] @ turn)
    groups = [s**2 * float(np.trace(found.block(p + k, p + k))) for k, s in enumerate(size)]
    each = np.append(numbers, groups)
    total = float(each.sum())
    return np.asarray(each / total if total > 0 else np.full(len(each), 1 / len(each)), dtype=float)
