"""How differences between cities err: their standard errors, and draws of all errors together.

Cities stand here in an order of their own, by value, so that the answer does not depend on the order of rows.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SAME = 1e-12
"""A difference whose variance is this small a share of the two variances is known exactly: the errors are the same."""

ROUNDING = 1e-13
"""Draws of a city that differ by so small a share of their size differ by rounding alone."""


@dataclass(frozen=True)
class Noise:
    """Errors of N values that are known up to a normal error, or as their draws show.

    Attributes
    ----------
    draws:
        Errors drawn together [R, N], centred; the same shift of all cities is taken out.
    inverse:
        1 / standard error of the difference of two cities [N, N]; 0 where it is known exactly.
    own:
        Standard error of each value [N].
    count:
        How many draws the standard errors come from; None where they are given.
    """

    draws: Floats
    inverse: Floats
    own: Floats
    count: int | None = None

    @property
    def absent(self) -> bool:
        """Whether all differences are known exactly."""
        return not self.inverse.any()

    def place(self, level: float) -> int:
        """Which of the draws, counted from the largest, is the critical value of a level.

        The ceil((R + 1) level)-th smallest: a further draw lies above it with a probability of at most 1 - level.
        """
        return len(self.draws) - math.ceil((len(self.draws) + 1) * level - 1e-9) + 1

    def widened(self, critical: float) -> float:
        """A critical value where standard errors come from draws that are among those it was taken from.

        A draw that is large makes its own standard error large. Each is set against the standard error of the others: the
        externally studentised form of the same draw, t with B - 2 degrees of freedom where draws are normal. Where the others do
        not vary nothing is told but what is known exactly.
        """
        if self.count is None:
            return critical
        b = self.count
        square = critical**2 * b / (b - 1)
        return sys.float_info.max if square >= b - 1 else math.sqrt(square * (b - 2) / (b - 1 - square))


def by_std_errors(std_errors: Floats, resamples: int, rng: np.random.Generator) -> Noise:
    """Independent normal errors of known size."""
    normal = rng.standard_normal((resamples, len(std_errors))) * std_errors
    variance = std_errors**2
    return Noise(_without_shift(normal), _inverse(variance, np.diag(variance)), std_errors)


def by_covariance(covariance: Floats, resamples: int, rng: np.random.Generator) -> Noise:
    """Normal errors with a covariance [N, N], which need not have full rank."""
    values, vectors = np.linalg.eigh(covariance)
    # the symmetric root, which does not depend on the signs of eigenvectors
    root = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    normal = rng.standard_normal((resamples, len(covariance))) @ root
    variance = np.diag(covariance).copy()
    return Noise(_without_shift(normal), _inverse(variance, covariance), np.sqrt(variance))


def by_draws(draws: Floats) -> Noise:
    """Errors as draws [B, N] show them: each draw less their mean."""
    own, errors = draws.std(axis=0, ddof=1), draws - draws.mean(axis=0)
    still = np.ptp(draws, axis=0) <= ROUNDING * np.abs(draws).max(axis=0)
    own[still], errors[:, still] = 0.0, 0.0
    centred = _without_shift(errors)
    covariance = centred.T @ centred / (len(draws) - 1)
    inverse = _inverse(np.diag(covariance).copy(), covariance, own**2)
    exact = own == 0
    inverse[np.ix_(exact, exact)] = 0.0
    return Noise(centred, inverse, own, len(draws))


def _without_shift(errors: Floats) -> Floats:
    """What is common to all cities moves no difference, and would cost digits where it is large."""
    return np.asarray(errors - errors.mean(axis=1, keepdims=True))


def _inverse(variance: Floats, covariance: Floats, own: Floats | None = None) -> Floats:
    """1 / standard error of each difference; ``own`` are the variances before a shift was taken out."""
    both = variance[:, None] + variance
    least = both if own is None else np.minimum(both, own[:, None] + own)
    of_difference = both - 2 * covariance
    np.fill_diagonal(of_difference, 0.0)
    known = of_difference > SAME * least
    root = np.sqrt(of_difference, where=known, out=np.ones_like(both))
    return np.divide(1.0, root, where=known, out=np.zeros_like(both))
