"""Vertices of the dual of the test's linear programme.

The statistic of Andrews, Roth and Pakes (2023) is the value of a linear programme: the smallest
eta such that y - X tau <= eta * sd for some nuisance parameters tau. Its dual maximises
lambda' y over {lambda >= 0, X' lambda = 0, sd' lambda = 1}, whose vertices do not depend on y:
once they are known, each of thousands of programmes is the largest of a few inner products.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from scale_impact.errors import EstimationError

Floats = NDArray[np.float64]

ZERO = 1e-9
"""Rays and loadings have entries of size 1; smaller ones than this are rounding."""

MOST = 2000
"""With more rays than this the enumeration takes too long."""


def nuisance(weights: Floats) -> Floats:
    """A basis of the directions that do not move ``weights @ x``, [P, P - 1]."""
    pivot = int(np.argmax(np.abs(weights)))
    others = np.delete(np.eye(len(weights)), pivot, axis=1)
    others[pivot] = -np.delete(weights, pivot) / weights[pivot]
    return others


def extreme_rays(loadings: Floats) -> Floats:
    """Extreme rays of {lambda >= 0: loadings' lambda = 0}, [V, R]; ``loadings`` is [R, K], of rank K.

    Raises
    ------
    EstimationError
        More than ``MOST`` rays.

    Source: the double description method, Motzkin, Raiffa, Thompson and Thrall (1953).
    """
    clean = np.ascontiguousarray(loadings + 0.0)  # no -0.0, which would be another key
    return _rays(clean.tobytes(), clean.shape)


@lru_cache(maxsize=64)
def _rays(raw: bytes, shape: tuple[int, int]) -> Floats:
    rays = np.eye(shape[0])
    for equation in _reduced(np.frombuffer(raw).reshape(shape)).T:
        rays = _cut(rays, equation)
    rays.flags.writeable = False
    return rays


def _reduced(loadings: Floats) -> Floats:
    """Columns with the same span and as many zeros as can be had: few rays lie between two steps."""
    left = loadings.T.copy()
    found: list[Floats] = []
    for row in range(loadings.shape[0]):
        size = np.abs(left[:, row])
        if not len(left) or size.max() <= ZERO:
            continue
        best = left[int(np.argmax(size))]
        best = best / best[row]
        found = [other - other[row] * best for other in found] + [best]
        left = np.delete(left, int(np.argmax(size)), axis=0)
        left = left - left[:, [row]] * best
    return np.array(found).reshape(-1, loadings.shape[0]).T


def _cut(rays: Floats, equation: Floats) -> Floats:
    """Extreme rays of the part of a cone in which ``equation @ ray`` is 0."""
    values = rays @ equation
    values[np.abs(values) < ZERO * np.abs(equation).max()] = 0.0
    support = rays > 0
    kept = [rays[values == 0]]
    for i in np.flatnonzero(values > 0):
        kept.append(_combined(rays, values, support, int(i)))
        if sum(map(len, kept)) > MOST:
            raise EstimationError(
                "A sign or direction of the violations with so many periods after treatment has too many cases. Give a "
                "shorter window, ask for one period's effect, or leave the sign or direction out."
            )
    return np.vstack(kept)


def _combined(rays: Floats, values: Floats, support: NDArray[np.bool_], i: int) -> Floats:
    """New rays between a ray above the hyperplane and its neighbours below it.

    Two rays are neighbours where no third one has its support within theirs.
    """
    below = np.flatnonzero(values < 0)
    outside = (~(support[i] | support[below])).astype(np.float32) @ support.T.astype(np.float32)
    j = below[(outside == 0).sum(axis=1) == 2]
    fresh = values[i] * rays[j] - values[j][:, None] * rays[i]
    top = fresh.max(axis=1, keepdims=True, initial=1e-300)
    fresh[fresh < ZERO * top] = 0.0
    return np.asarray(fresh / top)
