"""Influence: what each unit adds to the error of estimates, for bands, comparisons and few clusters.

A linear estimator has scores on cohort moments; then covariances, also those between different
estimators, follow from the moments and nothing of the size of the data is formed. Any other
estimator gives its influence unit by unit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.cohorts import Cohorts, Floats, Scores, cohort_moments
from scale_impact.core.design import Design
from scale_impact.core.panel import Panel


@dataclass(frozen=True, eq=False)
class Influence:
    """What each unit (each observation in cross-sections) adds to the error of K estimates.

    Attributes
    ----------
    panel, design:
        What was estimated from; rows are the panel's units, in cross-sections its observations.
    scores:
        On the moments of all the design's cohorts, where the estimator is linear.
    made:
        Makes the values [N, K] where it is not.
    scale:
        Square root of the small-sample factor on the variance.
    """

    panel: Panel
    design: Design
    scores: Scores | None = None
    made: Callable[[], Floats] | None = None
    scale: float = 1.0

    @cached_property
    def values(self) -> Floats:
        """One row a unit, [N, K]; units that were left out have zeros."""
        if self.made is not None:
            return self.scale * self.made()
        assert self.scores is not None
        by_unit = _in_cells if self.design.cross_sections else _in_panel
        return self.scale * by_unit(self.panel, self.design, cohort_moments(self.panel, self.design), self.scores)

    @cached_property
    def by_cluster(self) -> Floats:
        """Sums over each cluster, [C, K]; clusters without a unit that enters have no row."""
        codes = _cluster_of_rows(self.panel, self.design)
        kept = codes >= 0
        _, at = np.unique(codes[kept], return_inverse=True)
        values = self.values[kept]
        return np.stack([np.bincount(at, values[:, k]) for k in range(values.shape[1])], axis=1)

    def covariance(self, other: Influence | None = None) -> Floats:
        """Covariance with other estimates of the same panel and design (default: of these), [K, L]."""
        other = self if other is None else other
        if self.scores is None or other.scores is None:
            return np.asarray(self.by_cluster.T @ other.by_cluster)
        moments = cohort_moments(self.panel, self.design)
        k = len(self.scores.offsets)
        both = moments.covariance(stacked(self.scores, other.scores))
        return np.asarray(both[:k, k:] * (self.scale * other.scale))

    def map(self, matrix: Floats) -> Influence:
        """Influence on linear combinations: ``matrix`` is [L, K]."""
        scores = None if self.scores is None else self.scores.map(matrix)
        made = None if self.made is None else _mapped(self.made, matrix)
        return replace(self, scores=scores, made=made)

    def select(self, chosen: NDArray[np.int64]) -> Influence:
        """Influence on some of the estimates (positions)."""
        index = np.asarray(chosen, dtype=int)
        scores = None if self.scores is None else self.scores.select(index)
        made = self.made
        return replace(self, scores=scores, made=None if made is None else lambda: made()[:, index])


def stacked(a: Scores, b: Scores) -> Scores:
    """Scores of the estimates of both."""
    shares = None
    if a.shares is not None or b.shares is not None:
        shares = np.concatenate([np.zeros(s.loadings.shape[:2]) if s.shares is None else s.shares for s in (a, b)])
    return Scores(np.concatenate([a.loadings, b.loadings]), np.concatenate([a.offsets, b.offsets]), shares)


def spread(scores: Scores, positions: NDArray[np.int64], n_cohorts: int) -> Scores:
    """Scores on some cohorts as scores on all of them: the others have zeros."""

    def wide(part: Floats) -> Floats:
        out = np.zeros((part.shape[0], n_cohorts, *part.shape[2:]))
        out[:, positions] = part
        return out

    return Scores(wide(scores.loadings), wide(scores.offsets), None if scores.shares is None else wide(scores.shares))


def _mapped(made: Callable[[], Floats], matrix: Floats) -> Callable[[], Floats]:
    return lambda: made() @ matrix.T


def _in_panel(panel: Panel, design: Design, moments: Cohorts, scores: Scores) -> Floats:
    """Scores unit by unit; paths are measured from the first period, where levels drop out."""
    found = np.zeros((panel.n_units, len(scores.offsets)))
    constants = scores.offsets if scores.shares is None else scores.offsets + scores.shares
    lengths = panel.cell_counts()
    first = np.cumsum(lengths) - lengths
    for g in range(len(moments.starts)):
        rows = np.flatnonzero(design.cohort_codes == g)
        if not len(rows) or not (scores.loadings[:, g].any() or constants[:, g].any()):
            continue
        y = panel.values[first[rows][:, None] + np.arange(moments.n_periods)]
        level, inner = y[:, :1] - moments.means[g, 0], y - y[:, :1] - moments.paths[g]
        found[rows] = inner @ scores.loadings[:, g].T + level * scores.loadings[:, g].sum(axis=1) + constants[:, g]
    return found


def _in_cells(panel: Panel, design: Design, moments: Cohorts, scores: Scores) -> Floats:
    """Scores observation by observation; what belongs to a member goes to its first observation."""
    owner = panel.unit_codes
    codes, when = design.cohort_codes[owner], panel.period_codes
    kept = codes >= 0
    deviation = np.where(kept, panel.values - moments.means[codes, when], 0.0)
    found = scores.loadings[:, codes, when] * deviation + scores.offsets[:, codes, when] * kept
    if scores.shares is not None:
        first = np.unique(owner, return_index=True)[1]
        found[:, first] += (scores.shares[:, codes] * kept)[:, first]
    return np.asarray(found.T)


def _cluster_of_rows(panel: Panel, design: Design) -> NDArray[np.int64]:
    """Cluster of each row of an influence; negative where the row is left out."""
    left_out = design.cohort_codes < 0
    codes = np.arange(len(left_out)) if design.cluster_codes is None else design.cluster_codes
    codes = np.where(left_out, -1, codes)
    return np.asarray(codes[panel.unit_codes] if design.cross_sections else codes)
