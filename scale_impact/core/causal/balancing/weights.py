"""Means weighted by the propensity, and what each row adds to their error, the estimated propensity included.

With h the tilt (1: everybody, p: the exposed, p (1 - p): those whose exposure could have gone either way), an exposed row
counts h / p and another h / (1 - p). Weights are normalised within each arm of a group (Hajek), so that no difference
between periods or cohorts is taken for an effect; groups count by what they hold of the population in question:

    effect = sum_g m_g (mean_g1 - mean_g0) / sum_g m_g,   m_g = rows, exposed rows, or the sum of p (1 - p)

Source: Lunceford and Davidian (2004), section 3 (errors by stacked estimating equations); Li, Morgan and Zaslavsky (2018),
equation 3 (tilts); Crump, Hotz, Imbens and Mitnik (2009), corollary 1 and section 4 (trimming).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.causal.balancing.logit import Bools, Floats, Logit

Ints = NDArray[np.int64]
Target = Literal["ATE", "ATT", "ATO"]


@dataclass(frozen=True, eq=False)
class Weighted:
    """An effect by weighted means.

    Attributes
    ----------
    value:
        The effect.
    influence:
        [n], what each row adds to its error.
    weights:
        [n], what each row counts; they sum to 1 in each arm.
    """

    value: float
    influence: Floats
    weights: Floats


@dataclass(frozen=True, eq=False)
class _Tilted:
    """Weights of rows in their arm, what their group holds of the population, and slopes of both in the logit, [n]."""

    weight: Floats
    weight_slope: Floats
    mass: Floats
    mass_slope: Floats


def weighted_difference(logit: Logit, y: Floats, exposed: Bools, groups: Ints, target: Target) -> Weighted:
    """The difference of weighted means; each group has rows of both arms."""
    tilted = _tilted(logit.probabilities, exposed, target)
    n_groups = int(groups.max()) + 1
    mass = np.bincount(groups, tilted.mass, n_groups)
    total = float(mass.sum())
    share = np.divide(mass, total)[groups]
    arms = groups * 2 + exposed
    sums = np.bincount(arms, tilted.weight, 2 * n_groups)
    means = np.bincount(arms, tilted.weight * y, 2 * n_groups) / np.where(sums > 0, sums, 1.0)
    differences = means[1::2] - means[0::2]
    value = float(mass @ differences) / total
    sign = np.where(exposed, 1.0, -1.0)
    residual, size = y - means[arms], sums[arms]
    apart = (differences[groups] - value) / total
    slope = sign * share * tilted.weight_slope * residual / size + tilted.mass_slope * apart
    influence = sign * share * tilted.weight * residual / size + tilted.mass * apart
    influence = influence + logit.scores @ (logit.x.T @ slope)
    return Weighted(value, influence, share * tilted.weight / size)


def _tilted(p: Floats, exposed: Bools, target: Target) -> _Tilted:
    none, one = np.zeros(len(p)), np.ones(len(p))
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        odds = p / (1 - p)
        if target == "ATT":
            return _Tilted(np.where(exposed, 1.0, odds), np.where(exposed, 0.0, odds), exposed.astype(float), none)
        if target == "ATO":
            free = p * (1 - p)
            own = np.where(exposed, 1 - p, p)
            return _Tilted(own, np.where(exposed, -free, free), free, free * (1 - 2 * p))
        inverse = np.where(exposed, 1 / p, 1 / (1 - p))
    return _Tilted(inverse, np.where(exposed, -(1 - p) / p, odds), one, none)


def weighted_mean(logit: Logit, y: Floats, pool: Bools) -> Weighted:
    """Mean of the pool's rows by their odds of belonging to the others, whom ``logit`` is about; all [m].

    Source: Abadie (2005), equation 10; Stuart and others (2014), section 3, for four groups.
    """
    with np.errstate(divide="ignore", over="ignore"):
        odds = np.where(pool, logit.probabilities / (1 - logit.probabilities), 0.0)
    share = odds / odds.sum()
    value = float(share @ np.where(pool, y, 0.0))
    moved = share * (y - value)
    return Weighted(value, moved + logit.scores @ (logit.x.T @ moved), share)


def crump_cut(p: Floats, target: Target) -> float:
    """The share a: rows with a propensity beyond [a, 1 - a] (for the exposed: beyond 1 - a) cost more precision than they give.

    Solves 2 mean(g | g <= c) = c, with g = 1 / (p (1 - p)) over all rows, or g = 1 / (1 - p) over the exposed; c is the least
    bound that is no larger than twice the mean of what lies below it. 0 where nothing has to go.
    """
    with np.errstate(divide="ignore"):
        g, mass = (1 / (1 - p), p) if target == "ATT" else (1 / (p * (1 - p)), np.ones(len(p)))
    order = np.argsort(g)
    g, mass = g[order], mass[order]
    twice = 2 * np.cumsum(g * mass) / np.cumsum(mass)
    if np.isfinite(g[-1]) and g[-1] <= twice[-1]:
        return 0.0
    cost = twice[np.flatnonzero(g <= twice)[-1]]
    return float(1 / cost if target == "ATT" else 0.5 - np.sqrt(max(0.25 - 1 / cost, 0.0)))


def beyond(p: Floats, cut: float, target: Target) -> Bools:
    """Rows that trimming at a share leaves out."""
    high = p > 1 - cut
    return np.asarray(high if target == "ATT" else high | (p < cut))


def cluster_variance(influence: Floats, clusters: Ints) -> float:
    """Sum of squares of what clusters add."""
    _, codes = np.unique(clusters, return_inverse=True)
    return float((np.bincount(codes, influence) ** 2).sum())
