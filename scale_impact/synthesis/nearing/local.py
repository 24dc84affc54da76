"""The mean of pilots near a city: a random-effects mean in which pilots count by how alike they are.

A pilot at distance d has the kernel K = K(d / h), 1 for the nearest. Its error counts as if its variance were divided by K:

    S = V + tau2 I + diag((1/K - 1) (v + tau2)),   a = S^-1 1 / (1' S^-1 1),   mean = a'y

With errors that are independent the weights are K / (v + tau2); with K = 1 they are those of the unweighted answer. The error of
the mean is exact for these weights, a'(V + tau2 I) a, times the factor q by which the unweighted answer's inference (Hartung and
Knapp's) widens or narrows its own. tau2 and q come from all pilots, as few of them cannot tell how much cities differ, and so do the
degrees of freedom; fewer pilots that count make a'(V + tau2 I) a larger. Where context tells effects apart tau2 holds what it tells,
too, so that the interval is wide rather than narrow.

Source: Fan and Gijbels (1996), chapter 2 (local constant regression), with the weights of DerSimonian and Laird (1986); Hartung and
Knapp (2001).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Kernel = Literal["gaussian", "epanechnikov", "uniform"]

SMALLEST = 1e-12
"""Kernels below this share of the nearest pilot's count as none: their weight could not be seen in any digit."""


@dataclass(frozen=True)
class Local:
    """A mean of pilots by their kernels.

    Attributes
    ----------
    weights:
        Share of each pilot [k]; they sum to 1, and may be negative where errors are related.
    mean, variance:
        a'y, and a'(V + tau2 I)a.
    """

    weights: Floats
    mean: float
    variance: float

    @property
    def effective(self) -> float:
        """How many pilots that count the same would have these weights: (sum a)^2 / sum a^2."""
        return float(1 / (self.weights @ self.weights))


def kernels(distances: Floats, bandwidth: float, kernel: Kernel) -> Floats:
    """What pilots at distances [k] count, 1 for the one that counts most; 0 at an unknown distance (NaN), or all 0 where none is near.

    With an infinite bandwidth every pilot whose distance is known counts the same.
    """
    there = np.isfinite(distances)
    found = np.zeros(len(distances))
    if not there.any():
        return found
    if math.isinf(bandwidth):
        return there.astype(float)
    u = distances[there] / bandwidth
    found[there] = _shape(u, kernel)
    top = float(found.max())
    found = found / top if top > 0 else found
    return np.asarray(np.where(found < SMALLEST, 0.0, found))


def _shape(u: Floats, kernel: Kernel) -> Floats:
    if kernel == "gaussian":  # relative to the nearest, so that no city is too far for a number
        with np.errstate(over="ignore", under="ignore"):
            return np.asarray(np.exp(-0.5 * (u - u.min()) * (u + u.min())))
    if kernel == "epanechnikov":
        return np.asarray(np.maximum(0.0, 1 - np.minimum(u, 1.0) ** 2))
    return (u <= 1).astype(float)


def local_mean(effects: Floats, error: Floats, kernel: Floats) -> Local:
    """The mean of effects [k] by kernels [k], one at least above 0.

    ``error`` [k, k]: covariance of effects around the mean of all cities, sampling errors and differences between cities.
    """
    used = np.flatnonzero(kernel > 0)
    part = error[np.ix_(used, used)]
    ones = np.linalg.inv(part + np.diag((1 / kernel[used] - 1) * np.diag(part))).sum(axis=1)
    found = ones / ones.sum()
    weights = np.zeros(len(kernel))
    weights[used] = found
    return Local(weights, float(found @ effects[used]), float(found @ part @ found))
