"""Local polynomials at the threshold as weighted sums of observations."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.causal.discontinuity.choices import Choices, Floats, kernel_weights
from scale_impact.core.causal.discontinuity.neighbours import neighbour_residuals
from scale_impact.core.causal.discontinuity.sides import Side
from scale_impact.core.words import counted
from scale_impact.errors import EstimationError


@dataclass(frozen=True, eq=False)
class LocalFit:
    """A polynomial of a degree in ``x`` fitted to one side by weighted least squares.

    Attributes
    ----------
    side:
        The observations; those outside the bandwidth count 0.
    h, degree:
        Bandwidth and degree.
    basis, weights:
        [n, degree + 1] powers of x / h, and kernel weights.
    inverse:
        Inverse of basis' W basis.
    """

    side: Side
    h: float
    degree: int
    basis: Floats
    weights: Floats
    inverse: Floats

    @classmethod
    def of(cls, side: Side, degree: int, h: float, choices: Choices) -> LocalFit:
        """Fit; there have to be more distinct values within ``h`` than ``degree``."""
        weights = kernel_weights(choices.kernel, side.x, h)
        basis = powers(side.x / h, degree)
        gram = (basis * weights[:, None]).T @ basis
        return cls(side, h, degree, basis, weights, np.asarray(np.linalg.inv(gram)))

    @cached_property
    def weighted(self) -> Floats:
        """Kernel weights times the basis."""
        return self.basis * self.weights[:, None]

    def lift(self, k: int) -> Floats:
        """How each observation counts in the coefficient of x^k, n values."""
        return np.asarray(self.weighted @ self.inverse[k] / self.h**k)

    def coefficients(self) -> Floats:
        """Coefficients of 1, x, x^2, ... for each column, [degree + 1, m]."""
        scaled = self.inverse @ (self.weighted.T @ self.side.columns)
        return np.asarray(scaled / self.h ** np.arange(self.degree + 1)[:, None])

    def residuals(self, choices: Choices) -> Floats:
        """Residuals of each column, [n, m], made so that their squares estimate the errors' variance."""
        if self.side.clusters is None and choices.variance == "nn":
            kept, matches = self.side.kept, choices.neighbours
            if matches not in kept:
                kept[matches] = neighbour_residuals(self.side, matches)
            return kept[matches]
        fitted = self.basis @ (self.inverse @ (self.weighted.T @ self.side.columns))
        return np.asarray((self.side.columns - fitted) * self._factor(choices)[:, None])

    def _factor(self, choices: Choices) -> Floats:
        """Small-sample factors of residuals; with clusters the correction is of their sums."""
        n = self.side.n
        if n <= self.degree + 1:
            raise EstimationError(
                f"{counted(n, 'observation')} within the bandwidth on one side are no more than the polynomial's coefficients: there are no residuals "
                "to tell errors from. Name a wider bandwidth, or lower the degree."
            )
        if self.side.clusters is not None or choices.variance == "hc0":
            return np.ones(n)
        if choices.variance == "hc1":
            return np.full(n, np.sqrt(n / (n - self.degree - 1)))
        left = np.maximum(1 - ((self.basis @ self.inverse) * self.weighted).sum(axis=1), 1e-8)
        return np.asarray(1 / np.sqrt(left) if choices.variance == "hc2" else 1 / left)


def powers(x: Floats, degree: int) -> Floats:
    """1, x, ..., x^degree, [n, degree + 1]."""
    columns = np.empty((degree + 1, len(x)))
    columns[0] = 1.0
    for k in range(degree):
        np.multiply(columns[k], x, out=columns[k + 1])
    return columns.T


def variance(lift: Floats, errors: Floats, clusters: NDArray[np.int64] | None, coefficients: int) -> float:
    """Variance of a weighted sum of observations with these errors.

    With clusters the squares of their sums count, times the small-sample factor; not a number for one cluster.
    """
    each = lift * errors
    if clusters is None:
        return float(each @ each)
    sums = np.bincount(np.unique(clusters, return_inverse=True)[1], weights=each)
    return small_sample(len(each), len(sums), coefficients) * float(sums @ sums)


def small_sample(n: int, clusters: int, coefficients: int) -> float:
    """The factor (n - 1) / (n - coefficients) times g / (g - 1) of g clusters; not a number for one."""
    if clusters < 2 or n <= coefficients:
        return float("nan")
    return (n - 1) / (n - coefficients) * clusters / (clusters - 1)
