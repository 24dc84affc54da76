"""What the robust intervals need of an event study: coefficients, covariance, periods, an average."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scale_impact.errors import UsageError

Floats = NDArray[np.float64]

REGULAR = 1e-10
"""Smallest eigenvalue of a correlation matrix whose coefficients can be told apart."""


@dataclass(frozen=True, eq=False)
class EventStudy:
    """Coefficients of consecutive, equally spaced periods; the reference period between them is left out.

    Attributes
    ----------
    coefficients:
        [B + P], in order of time: B periods before the reference period, P after it.
    covariance:
        [B + P, B + P], of full rank.
    n_before:
        B, the periods before the reference period; 1 or more.
    weights:
        [P]: the effect of interest is ``weights @ coefficients[B:]``.
    """

    coefficients: Floats
    covariance: Floats
    n_before: int
    weights: Floats

    def __post_init__(self) -> None:
        if problems := self._problems():
            raise UsageError(problems)

    def _problems(self) -> list[str]:
        k, found = len(self.coefficients), []
        if not 1 <= self.n_before < k:
            found.append(
                f"{k} coefficients with {self.n_before} before the reference period: there has to be one on each side."
            )
        if self.covariance.shape != (k, k):
            found.append(f"covariance is {self.covariance.shape}; {k} coefficients need ({k}, {k}).")
        if self.weights.shape != (k - self.n_before,) or not np.any(self.weights):
            found.append(
                f"weights are {self.weights.tolist()}; they have to be {k - self.n_before} numbers, not all 0."
            )
        return found

    @property
    def n_after(self) -> int:
        """P, the periods after the reference period."""
        return len(self.weights)

    @property
    def whole_weights(self) -> Floats:
        """The weights on all coefficients, [B + P]."""
        return np.concatenate([np.zeros(self.n_before), self.weights])

    @property
    def estimate(self) -> float:
        """The effect of interest where trends are parallel."""
        return float(self.whole_weights @ self.coefficients)

    @property
    def std_error(self) -> float:
        """Its standard error."""
        return float(np.sqrt(self.whole_weights @ self.covariance @ self.whole_weights))


def regular(covariance: Floats) -> bool:
    """Whether a covariance matrix tells its coefficients apart (full rank)."""
    scale = np.sqrt(np.diag(covariance))
    if not np.all(np.isfinite(covariance)) or not np.all(scale > 0):
        return False
    return bool(np.linalg.eigvalsh(covariance / np.outer(scale, scale))[0] > REGULAR)
