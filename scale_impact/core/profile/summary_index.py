"""Summary index: several outcomes of one dimension as one, so that a dimension is tested once.

Outcomes come standardised, with the sign that makes more better. Two indices: Anderson's weights what is new
(an outcome that repeats others counts less), Kling, Liebman and Katz's counts all alike. Both are weighted means of
standardised outcomes, so that an effect on an index is in standard deviations. It is the weighted mean of the outcomes' effects
where all are observed in the same rows and the estimator counts rows alike whatever the outcome.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

SINGULAR = 1e-9
"""Smallest eigenvalue of a covariance, as a share of the largest, from which on it has an inverse."""


@dataclass(frozen=True, eq=False)
class SummaryIndex:
    """An index of K outcomes over n rows.

    Attributes
    ----------
    values:
        [n]; NaN where no outcome is observed.
    weights:
        Of each outcome, [K]; they add up to 1.
    partial:
        Rows whose value rests on some of the outcomes only.
    """

    values: Floats
    weights: Floats
    partial: int


def within(z: Floats, groups: Ints) -> Floats:
    """Deviations from the mean of one's group, [n, K]; NaN stays."""
    return z - group_means(z, groups)[groups]


def group_means(z: Floats, groups: Ints) -> Floats:
    """Mean of the observed values of each group, [G, K]; NaN where a group has none."""
    n = int(groups.max(initial=-1)) + 1
    seen = np.isfinite(z)
    sums = np.stack([np.bincount(groups, np.where(s, c, 0.0), n) for s, c in zip(seen.T, z.T, strict=True)], axis=1)
    counts = np.stack([np.bincount(groups, s, n) for s in seen.T], axis=1)
    return np.asarray(np.where(counts > 0, sums / np.maximum(counts, 1), np.nan))


def covariance(z: Floats, groups: Ints) -> Floats:
    """Covariance within groups from all rows in which both outcomes are observed, [K, K].

    Each outcome is measured from its own group means; the divisor is the number of such rows less that of their groups.
    """
    deviation = np.where(np.isfinite(z), within(z, groups), 0.0)
    seen = np.isfinite(z).astype(float)
    both = seen.T @ seen
    present = (np.stack([np.bincount(groups, s) for s in seen.T], axis=1) > 0).astype(float)
    free = both - present.T @ present
    return np.asarray(np.where(free > 0, deviation.T @ deviation / np.maximum(free, 1), np.nan))


def standardised(z: Floats, reference: Bools, groups: Ints) -> Floats:
    """Outcomes [n, K] in standard deviations within groups of some rows; one that does not vary there stays as it is."""
    rows = z[reference]
    found = covariance(rows, np.unique(groups[reference], return_inverse=True)[1].ravel())
    variances = np.diagonal(found)
    return np.asarray(z / np.sqrt(np.where(variances > 0, variances, 1.0)))


def anderson(z: Floats, reference: Bools, groups: Ints) -> SummaryIndex | str:
    """Inverse-covariance weighted index; why there is none.

    Parameters
    ----------
    z:
        Standardised outcomes, more is better, [n, K]; NaN where one is not observed.
    reference:
        Rows from which the covariance is taken, [n]: untreated ones, so that effects do not move the weights.
    groups:
        Period of each row, [n]: the covariance is that between units of one period.

    Returns
    -------
    The index: weights are the sums of the rows of the inverse covariance, and add up to 1. Outcomes that are missing in a row
    are ignored there; the other weights then count in proportion.

    Source: Anderson (2008), the summary index of efficiently weighted outcomes.
    """
    rows = z[reference]
    found = covariance(rows, np.unique(groups[reference], return_inverse=True)[1].ravel())
    if not np.isfinite(found).all():
        return (
            "two outcomes are never observed together in enough untreated rows, so that their covariance is not known"
        )
    least, most = np.linalg.eigvalsh(found)[[0, -1]]
    if not least > SINGULAR * most:
        return (
            f"the covariance of its {z.shape[1]} outcomes in {len(rows):,} untreated rows has no inverse: "
            "outcomes repeat each other, or untreated rows are too few"
        )
    weights = np.linalg.solve(found, np.ones(len(found)))
    if not weights.sum() > 0:
        return "its weights do not add up to a positive number"
    return weighted(z, weights / weights.sum())


def weighted(z: Floats, weights: Floats) -> SummaryIndex:
    """Weighted mean of the observed outcomes of each row; NaN where their weights do not add up to a positive number."""
    seen = np.isfinite(z)
    total = seen @ weights
    usable = total > 1e-9
    values = np.where(usable, np.where(seen, z, 0.0) @ weights / np.where(usable, total, 1.0), np.nan)
    return SummaryIndex(values, weights, int((usable & ~seen.all(axis=1)).sum()))


def kling_liebman_katz(z: Floats, groups: Ints) -> SummaryIndex:
    """Equally weighted mean of standardised outcomes.

    Parameters
    ----------
    z:
        Standardised outcomes, more is better, [n, K]; NaN where one is not observed.
    groups:
        Treatment group (cohort and period) of each row, [n].

    Returns
    -------
    The index: a row with at least one outcome has its missing ones imputed at the mean of its group, which leaves the
    differences between groups as they are; a row with none has no value.

    Source: Kling, Liebman and Katz (2007), summary indices.
    """
    seen = np.isfinite(z)
    filled = np.where(seen, z, group_means(z, groups)[groups])
    found = weighted(filled, np.full(z.shape[1], 1 / z.shape[1]))
    values = np.where(seen.any(axis=1), found.values, np.nan)
    return SummaryIndex(values, found.weights, int((seen.any(axis=1) & ~seen.all(axis=1)).sum()))
