"""Balance: how far covariates of two groups of rows are apart, before and after weighting.

Source: Rosenbaum and Rubin (1985), page 34 (standardised differences); Stuart (2010), section 4.1; Austin and Stuart (2015),
section 3 (variance ratios and distributions, weighted).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Apart:
    """Two groups in one covariate: standardised difference of means, ratio of variances (None: two values), distance of distributions."""

    means: tuple[float, float]
    difference: float | None
    variance_ratio: float | None
    distance: float


def apart(values: Floats, own: Bools, others: Bools, weights: Floats | None, scale: float) -> Apart:
    """A covariate [n] in two groups; ``weights`` [n], ``scale`` the standard deviation that counts as 1."""
    w = np.ones(len(values)) if weights is None else weights
    (a, wa), (b, wb) = ((values[rows], w[rows] / w[rows].sum()) for rows in (own, others))
    means = float(wa @ a), float(wb @ b)
    difference = (means[0] - means[1]) / scale if scale > 0 else (0.0 if means[0] == means[1] else None)
    spread = variance(a, wa), variance(b, wb)
    two = len(np.unique(values)) <= 2
    ratio = None if two or not spread[1] > 0 else spread[0] / spread[1]
    return Apart(means, difference, ratio, distance(a, wa, b, wb))


def variance(values: Floats, weights: Floats) -> float:
    """Unbiased variance by weights that sum to 1; with equal weights the usual one."""
    free = 1 - float(weights @ weights)
    return float(weights @ (values - weights @ values) ** 2) / free if free > 0 else 0.0


def scale_of(values: Floats, own: Bools, others: Bools, *, of_own: bool) -> float:
    """Standard deviation of the first group, or of both (root of the mean variance), without weights."""
    a, b = (float(values[rows].var(ddof=1)) if rows.sum() > 1 else 0.0 for rows in (own, others))
    return float(np.sqrt(a if of_own else (a + b) / 2))


def distance(a: Floats, wa: Floats, b: Floats, wb: Floats) -> float:
    """Largest gap between two weighted distributions (Kolmogorov and Smirnov)."""
    every = np.concatenate([a, b])
    order = np.argsort(every, kind="stable")
    gaps = np.cumsum(np.concatenate([wa, -wb])[order])
    last = np.append(np.diff(every[order]) > 0, True)
    return float(np.abs(gaps[last]).max())


def effective_size(weights: Floats) -> float:
    """How many rows that count the same would be as precise (Kish 1965)."""
    return float(weights.sum() ** 2 / (weights @ weights)) if weights.any() else 0.0
