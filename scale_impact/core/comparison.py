"""Differences between estimates, with their covariance; joint and many tests of them.

Estimates of one panel are correlated: they use the same units. Their joint covariance comes from
the moments where all are linear on one design, otherwise from what each unit adds to each of
them; a unit that an estimate left out adds nothing to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.cohorts import Floats, cohort_moments
from scale_impact.core.design import Design
from scale_impact.core.influence import Influence, stacked

RANK = 1e-9
"""Eigenvalues of a correlation matrix below this share of the largest are taken for zero."""


@dataclass(frozen=True)
class Joint:
    """A joint test: Wald statistic, its p-value and the directions in which the estimates vary."""

    statistic: float
    p_value: float
    rank: int


def covariance(design: Design, parts: Sequence[Influence], units: Sequence[NDArray[np.int64]] | None = None) -> Floats:
    """Covariance of K estimates (one an influence) that use units of one panel, [K, K].

    Parameters
    ----------
    design:
        Says which units stay together (its clusters).
    parts:
        Influence of each estimate.
    units:
        Position in the design's panel of the units of each influence's panel; None where all
        are on that panel.
    """
    if units is None and all(p.design is parts[0].design and p.scores is not None for p in parts):
        return _from_moments(parts)
    n = len(design.cohort_codes)
    rows = np.zeros((n, len(parts)))
    for k, found in enumerate(parts):
        rows[slice(None) if units is None else units[k], k] = unit_sums(found)
    codes = np.arange(n) if design.cluster_codes is None else np.unique(design.cluster_codes, return_inverse=True)[1]
    sums = np.stack([np.bincount(codes, rows[:, k]) for k in range(len(parts))], axis=1)
    return np.asarray(sums.T @ sums)


def unit_sums(found: Influence) -> Floats:
    """What each unit (each observation where none is followed) adds to the first estimate."""
    values = found.values[:, 0]
    if len(values) == found.panel.n_units:
        return np.asarray(values)
    return np.asarray(np.bincount(found.panel.unit_codes, values, found.panel.n_units))


def _from_moments(parts: Sequence[Influence]) -> Floats:
    scores = parts[0].scores
    assert scores is not None
    for other in parts[1:]:
        assert other.scores is not None
        scores = stacked(scores, other.scores)
    scale = np.array([p.scale for p in parts])
    return np.asarray(cohort_moments(parts[0].panel, parts[0].design).covariance(scores) * np.outer(scale, scale))


def wald(values: Floats, matrix: Floats, df: float | None = None) -> Joint | None:
    """Joint test that all values are zero, over the directions in which they vary; None where there is none.

    The inverse is taken over the eigenvectors of the correlation matrix whose eigenvalues are
    not zero. Chi-squared(rank), or F(rank, df) of statistic / rank where ``df`` is given.
    """
    from scipy import special

    size = np.sqrt(np.diag(matrix))
    known = size > 1e-12 * max(float(np.abs(values).max(initial=0.0)), float(size.max(initial=0.0)))
    if not known.any():
        return None
    z, scale = values[known] / size[known], size[known]
    eigenvalues, vectors = np.linalg.eigh(matrix[np.ix_(known, known)] / np.outer(scale, scale))
    regular = eigenvalues > RANK * eigenvalues[-1]
    statistic = float(((vectors[:, regular].T @ z) ** 2 / eigenvalues[regular]).sum())
    rank = int(regular.sum())
    p = special.chdtrc(rank, statistic) if df is None else special.fdtrc(rank, df, statistic / rank)
    return Joint(statistic, float(p), rank)


def holm(p_values: Sequence[float] | Floats) -> list[float]:
    """P-values adjusted for how many there are. Source: Holm (1979)."""
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(p, kind="stable")
    steps = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(steps, 1.0)
    return [float(v) for v in adjusted]
