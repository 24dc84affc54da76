"""Normal vectors in a box: how probable it is, and the mean within it. The same digits every time."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

GAUSS = 100
"""Gauss-Legendre nodes of an integral over one dimension."""

FINE, COARSE = 15, 13
"""2^15 points of a Sobol sequence in more dimensions: the probability's error is about 1e-6; 2^13 for means and
where dimensions are many: 1e-5."""

MANY = 7
"""Dimensions from which on the coarser sequence is used."""


def probability(mean: Floats, covariance: Floats, low: Floats, high: Floats, points: int = FINE) -> float:
    """P(low <= X <= high) of X ~ N(mean, covariance), covariance of full rank.

    Source: Genz (1992), the integral after separation of the variables; order of the variables
    as Genz and Bretz (2009).
    """
    from scipy.special import ndtr, ndtri

    k = _order(mean, covariance, low, high)
    mean, low, high = mean[k], low[k], high[k]
    root = np.linalg.cholesky(covariance[np.ix_(k, k)])
    nodes, weights = _nodes(len(mean) - 1, points if len(mean) < MANY else COARSE)
    inner, share = np.zeros((len(weights), len(mean))), weights.copy()
    for i in range(len(mean)):
        known = mean[i] + inner @ root[i]
        below, above = ndtr((low[i] - known) / root[i, i]), ndtr((high[i] - known) / root[i, i])
        share *= above - below
        if i < len(mean) - 1:
            inner[:, i] = ndtri(np.clip(below + nodes[:, i] * (above - below), 1e-300, 1 - 1e-16))
    return float(share.sum())


def _order(mean: Floats, covariance: Floats, low: Floats, high: Floats) -> list[int]:
    """The variables least likely to be in their bounds first, each given those before it."""
    from scipy.special import ndtr

    mean, covariance = mean.copy(), covariance.copy()
    left, order = list(range(len(mean))), []
    while left:
        sd = np.sqrt(np.diag(covariance)[left])
        below, above = (low[left] - mean[left]) / sd, (high[left] - mean[left]) / sd
        share = ndtr(above) - ndtr(below)
        best = int(np.argmin(share))
        inside = (np.exp(-(below[best] ** 2) / 2) - np.exp(-(above[best] ** 2) / 2)) / max(share[best], 1e-300)
        loading = covariance[:, left[best]] / sd[best]
        mean = mean + loading * inside / np.sqrt(2 * np.pi)
        covariance = covariance - np.outer(loading, loading)
        order.append(left.pop(best))
    return order


@lru_cache(maxsize=32)
def _nodes(dimensions: int, power: int) -> tuple[Floats, Floats]:
    """Nodes [N, D] and weights [N] of an integral over the unit cube."""
    if dimensions <= 0:
        return np.zeros((1, 0)), np.ones(1)
    if dimensions == 1:
        at, weight = np.polynomial.legendre.leggauss(GAUSS)
        return (at[:, None] + 1) / 2, weight / 2
    from scipy.stats import qmc

    points = qmc.Sobol(dimensions, scramble=True, seed=0).random_base2(power)
    return points, np.full(len(points), 1 / len(points))


def mean_within(mean: Floats, covariance: Floats, low: Floats, high: Floats) -> Floats:
    """E[X | low <= X <= high], [K]."""
    return np.asarray(mean + covariance @ pull(mean, covariance, low, high))


def pull(mean: Floats, covariance: Floats, low: Floats, high: Floats) -> Floats:
    """Density of each variable at its lower bound less that at its upper one, within the box, [K].

    The mean of any Y that is jointly normal with X moves by Cov(Y, X) @ pull.

    Source: Tallis (1961); Manjunath and Wilhelm (2021).
    """
    total = probability(mean, covariance, low, high)
    edges = [
        _density(mean, covariance, low, high, k, low) - _density(mean, covariance, low, high, k, high)
        for k in range(len(mean))
    ]
    return np.array(edges) / total


def _density(mean: Floats, covariance: Floats, low: Floats, high: Floats, k: int, bound: Floats) -> float:
    """Density of X_k at its bound times the probability that the others are in the box, given it."""
    rest = np.arange(len(mean)) != k
    variance, deviation = float(covariance[k, k]), float(bound[k] - mean[k])
    density = float(np.exp(-0.5 * deviation**2 / variance) / np.sqrt(2 * np.pi * variance))
    if not rest.any():
        return density
    loading = covariance[rest, k] / variance
    others = covariance[np.ix_(rest, rest)] - np.outer(loading, loading) * variance
    return density * probability(mean[rest] + loading * deviation, others, low[rest], high[rest], COARSE)
