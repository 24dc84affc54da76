"""Gamma-Poisson model of many small counts: what the counts of all say about the rate of each.

A count is Poisson with the mean exposure times theta, theta is gamma with mean m and shape a (variance m2 / a); the
posterior of theta is gamma with shape count + a and rate exposure + a / m. Everything here is in these terms.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

REACH, POINTS, NODES = 16.0, 60, 9
"""How far log a is searched around that of the median unit's expected count; points along it; nodes of Gauss and Hermite for log m."""

DEEP = 14.0
"""Points whose log posterior is that much below the best carry nothing."""


def posterior(
    count: Floats, exposure: Floats, method: Literal["integrated", "likelihood", "moments"]
) -> tuple[Floats, Floats, tuple[float, float]]:
    """Shape and rate of each unit's gamma posterior [N], and the prior's (m, a).

    A unit whose shape is infinite is known exactly, and its rate stands in place of the rate parameter.
    """
    if method == "integrated":
        return _integrated(count, exposure)
    mean, shape = _likeliest(count, exposure) if method == "likelihood" else by_moments(count, exposure)
    if math.isinf(shape):
        return np.full_like(count, np.inf), np.full_like(count, mean), (mean, shape)
    return count + shape, exposure + shape / mean, (mean, shape)


def by_moments(count: Floats, exposure: Floats) -> tuple[float, float]:
    """m and a of Marshall (1991), equations 5 and 6; a is infinite where rates vary no more than by chance."""
    mean = count.sum() / exposure.sum()
    spread = (exposure * (count / exposure - mean) ** 2).sum() / exposure.sum()
    between = spread - mean / exposure.mean()
    return float(mean), float(mean**2 / between) if between > 0 else math.inf


def log_likelihood(count: Floats, exposure: Floats, log_mean: Floats, log_shape: Floats) -> Floats:
    """Of the negative binomial marginal, but for what depends on the counts alone; for each pair of parameters [G]."""
    from scipy.special import gammaln

    shape, mean = np.exp(log_shape), np.exp(log_mean)
    expected = exposure * mean[:, None]
    grown = gammaln(count + shape[:, None]) - gammaln(shape)[:, None]
    # log(1 + expected / shape) and not a difference of logarithms: the two nearly cancel where shape is large
    share = np.log1p(expected / shape[:, None])
    return np.asarray(
        (grown - count * log_shape[:, None] - (count + shape[:, None]) * share + count * log_mean[:, None]).sum(axis=1)
    )


def _log_means(count: Floats, exposure: Floats, log_shape: Floats) -> tuple[Floats, Floats]:
    """The likeliest log m for each log a [G], by Newton's steps, and the curvature there."""
    shape = np.exp(log_shape)[:, None]
    at = np.full(len(log_shape), np.log(count.sum() / exposure.sum()))
    curve = np.ones_like(at)
    for _ in range(50):
        expected = exposure * np.exp(at)[:, None]
        slope = (count - (count + shape) * expected / (shape + expected)).sum(axis=1)
        curve = ((count + shape) * shape * expected / (shape + expected) ** 2).sum(axis=1)
        step = np.clip(slope / curve, -1, 1)
        at = at + step
        if np.abs(step).max() < 1e-12:
            break
    return at, curve


def _centre(count: Floats, exposure: Floats) -> float:
    """log a at which the median unit is drawn half of the way."""
    return float(np.log(np.median(exposure) * count.sum() / exposure.sum()))


def _likeliest(count: Floats, exposure: Floats) -> tuple[float, float]:
    """m and a of the largest likelihood; those of the moments where it rises to the end of the search."""
    from scipy.optimize import minimize_scalar

    def minus(log_shape: float) -> float:
        point = np.array([log_shape])
        return -float(log_likelihood(count, exposure, _log_means(count, exposure, point)[0], point)[0])

    middle = _centre(count, exposure)
    grid = np.linspace(middle - REACH, middle + REACH, POINTS)
    best = int(np.argmin([minus(float(v)) for v in grid]))
    if best in (0, POINTS - 1):
        return by_moments(count, exposure)
    found = minimize_scalar(minus, bounds=(grid[best - 1], grid[best + 1]), method="bounded", options={"xatol": 1e-10})
    log_mean = _log_means(count, exposure, np.array([found.x]))[0][0]
    return float(np.exp(log_mean)), float(np.exp(found.x))


# ---- both parameters integrated out ---------------------------------------------------------------------------


def _integrated(count: Floats, exposure: Floats) -> tuple[Floats, Floats, tuple[float, float]]:
    """The gamma distribution with the mean and the variance of each unit's posterior, a mixture over m and a."""
    log_mean, log_shape, weight = _nodes(count, exposure)
    shape, mean = np.exp(log_shape)[:, None], np.exp(log_mean)[:, None]
    first, second = np.zeros_like(count), np.zeros_like(count)
    for at in range(0, len(weight), 64):  # a part of the nodes at once, for memory
        part = slice(at, at + 64)
        rate = exposure + shape[part] / mean[part]
        middle = (count + shape[part]) / rate
        first += weight[part] @ middle
        second += weight[part] @ (middle / rate + middle**2)
    variance = np.maximum(second - first**2, np.finfo(float).tiny)
    prior = float(weight @ mean[:, 0]), float(np.exp(weight @ log_shape))
    return first**2 / variance, first / variance, prior


def _nodes(count: Floats, exposure: Floats) -> tuple[Floats, Floats, Floats]:
    """Pairs of log m and log a, and their posterior weights, which sum to 1."""
    middle = _centre(count, exposure)
    grid = np.linspace(middle - REACH, middle + REACH, POINTS)
    for _ in range(2):  # once over all, once where the weight is
        at, curve = _log_means(count, exposure, grid)
        height = log_likelihood(count, exposure, at, grid) - np.log(curve) / 2 + _log_prior(grid, middle)
        deep = np.flatnonzero(height > height.max() - DEEP)
        grid = np.linspace(grid[max(deep[0] - 1, 0)], grid[min(deep[-1] + 1, POINTS - 1)], POINTS)
    at, curve = _log_means(count, exposure, grid)
    place, weight = np.polynomial.hermite.hermgauss(NODES)
    log_mean = at[:, None] + np.sqrt(2 / curve)[:, None] * place
    log_shape = np.repeat(grid, NODES)
    height = log_likelihood(count, exposure, log_mean.ravel(), log_shape) + _log_prior(log_shape, middle)
    height += np.tile(place**2 + np.log(weight), POINTS) - np.repeat(np.log(curve), NODES) / 2
    found = np.exp(height - height.max())
    return log_mean.ravel(), log_shape, found / found.sum()


def _log_prior(log_shape: Floats, middle: float) -> Floats:
    """Of log a, where the share by which the median unit is drawn, B = a / (a + its expected count), is uniform: B (1 - B)."""
    from scipy.special import log_expit

    away = log_shape - middle
    return np.asarray(log_expit(away) + log_expit(-away))
