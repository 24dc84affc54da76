"""Effects of single cohort x period cells, from which estimators of staggered adoption take their averages.

There are two ways to an effect of a cell. ``Saturated``: each cohort's change since its reference
period, less the change of one control cohort; least squares with a dummy for every cell but the
reference gives the same. ``Imputed``: the cell's mean less what cohort and period effects of all
untreated cells say; least squares with a dummy for every treated cell gives the same.

Both turn averages over cells (``targets``) into weights on the cohorts' means and into scores.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.cell_regression import TwoWay
from scale_impact.core.cluster_sums import ClusterSums, UnitProducts
from scale_impact.core.cohorts import Cohorts, Floats, Scores
from scale_impact.core.influence import stacked
from scale_impact.core.panel import elapsed
from scale_impact.core.unit_columns import UnitColumns

Bools = NDArray[np.bool_]


class CellEffects(Protocol):
    """Effects by cell, [G, T], and the scores of averages over them."""

    @property
    def moments(self) -> Cohorts:
        """Of the cohorts that enter."""

    @property
    def sums(self) -> Cohorts:
        """Moments that scores are on."""

    @property
    def columns(self) -> UnitColumns | None:
        """What scores are linear in, where that are not the outcomes."""

    @property
    def coefficients(self) -> int:
        """Coefficients of the regression that gives the same, beside effects of units and periods."""

    @property
    def values(self) -> Floats:
        """The effects, [G, T]."""

    @property
    def estimated(self) -> Bools:
        """Which cells have an effect, [G, T]."""

    @property
    def reference(self) -> Bools:
        """Cells whose effect is 0 by construction, [G, T]."""

    @property
    def used(self) -> Bools:
        """Cells that enter the regression, [G, T]."""

    @property
    def alone(self) -> Bools:
        """Effects that rest on one treated or one control unit, [G, T]."""

    def weights(self, targets: Floats) -> Floats | None:
        """Weights on the cohorts' means [K, G, T] of sums of effects with weights ``targets`` [K, G, T]; None: no such."""

    def scores(self, targets: Floats) -> Scores:
        """Scores of sums of effects with weights ``targets`` [K, G, T]."""

    def variances(self) -> Floats:
        """Variance of each cell's effect, [G, T]; nothing of the size cells x cells is formed."""


@dataclass(frozen=True, eq=False)
class Saturated:
    """Changes since a reference period, less those of one control cohort.

    Attributes
    ----------
    moments:
        Of the cohorts that enter.
    control:
        Position of the control cohort.
    references:
        Position of each cohort's reference period, [G]; negative: none.
    inside:
        Periods that enter, [T].

    Source: Sun and Abraham (2021), section 4.1; Callaway and Sant'Anna (2021), equation 2.4.
    """

    moments: Cohorts
    control: int
    references: NDArray[np.int64]
    inside: Bools

    @property
    def sums(self) -> Cohorts:
        """Moments that scores are on."""
        return self.moments

    @property
    def columns(self) -> None:
        """Scores are linear in the outcomes."""
        return None

    @property
    def coefficients(self) -> int:
        """Dummies of the regression that gives the same."""
        return int(self.estimated.sum())

    @cached_property
    def _compared(self) -> Bools:
        """Cells that can be compared: both cohorts are observed, there and in the reference period."""
        seen = (self.moments.counts > 0) & self.inside
        both = seen & seen[self.control]
        usable = (self.references >= 0) & both[np.arange(len(both)), self.references]
        usable[self.control] = False
        return np.asarray(both & usable[:, None])

    @cached_property
    def reference(self) -> Bools:
        """Each cohort's reference period, [G, T]."""
        at = np.arange(self.moments.n_periods) == self.references[:, None]
        return np.asarray(self._compared & at)

    @cached_property
    def estimated(self) -> Bools:
        """All other cells that can be compared, [G, T]."""
        return self._compared & ~self.reference

    @cached_property
    def used(self) -> Bools:
        """Cells of the cohorts that can be compared and of the control, [G, T]."""
        used = self._compared.copy()
        used[self.control] = (self.moments.counts[self.control] > 0) & self.inside
        return used

    @cached_property
    def values(self) -> Floats:
        """Differences in differences, [G, T]; 0 where there is none."""
        gap = self.moments.paths - self.moments.paths[self.control]
        since = gap - gap[np.arange(len(gap)), self.references][:, None]
        return np.where(self.estimated, since, 0.0)

    @cached_property
    def alone(self) -> Bools:
        """Effects with one unit on a side, there or in the reference period."""
        one = (self.moments.counts == 1) | (self.moments.counts[self.control] == 1)
        return np.asarray(self.estimated & (one | one[np.arange(len(one)), self.references][:, None]))

    def weights(self, targets: Floats) -> Floats:
        """Weights on the cohorts' means, [K, G, T]."""
        weights = targets.copy()
        cohorts = np.flatnonzero(self.reference.any(axis=1))
        weights[:, cohorts, self.references[cohorts]] -= targets[:, cohorts].sum(axis=2)
        weights[:, self.control] = -weights.sum(axis=1)
        return weights

    def scores(self, targets: Floats) -> Scores:
        """Scores: every cohort's mean is fitted, so that there are no offsets."""
        loadings = self.weights(targets) / np.maximum(self.moments.counts, 1)
        k, g, t = loadings.shape
        return Scores(loadings, np.zeros((k, g) if self.moments.followed else (k, g, t)))

    def variances(self) -> Floats:
        """Variance of each cell's effect, [G, T]."""
        found = np.zeros(self.estimated.shape)
        for g in np.flatnonzero(self.estimated.any(axis=1)):
            pair = np.array([g, self.control])
            alone = replace(self, moments=self.moments.keep(pair), control=1, references=self.references[pair])
            at = np.flatnonzero(self.estimated[g])
            found[g, at] = alone.moments.variance(alone.scores(single_cells(2, self.moments.n_periods, 0, at)))
        return found


@dataclass(frozen=True, eq=False)
class Imputed:
    """Means less what cohort and period effects of the untreated cells say they would have been.

    Attributes
    ----------
    moments:
        Of the cohorts that enter.
    untreated:
        Cells that are neither treated nor anticipate treatment, [G, T].
    leave_one_out:
        Measure each treated unit's effect against the mean of its cohort's other units.

    Source: Borusyak, Jaravel and Spiess (2024), theorems 2 and 3. Treatment effects are averaged
    by cohort and period in the variance, which is then the cluster sandwich of least squares with
    a dummy for each treated cell.
    """

    moments: Cohorts
    untreated: Bools
    leave_one_out: bool = False

    @property
    def sums(self) -> Cohorts:
        """Moments that scores are on."""
        return self.moments

    @property
    def columns(self) -> None:
        """Scores are linear in the outcomes."""
        return None

    @property
    def coefficients(self) -> int:
        """Dummies of the regression that gives the same."""
        return int(self.estimated.sum())

    @cached_property
    def effects(self) -> TwoWay:
        """Cohort and period effects of the untreated cells."""
        return TwoWay(self.moments.counts * self.untreated)

    @cached_property
    def values(self) -> Floats:
        """Effects in treated cells, residuals in untreated ones, [G, T]; 0 where nothing is imputed."""
        rest = self.moments.paths - self.effects.fitted(self.moments.paths[None])[0]
        return np.where(self.used, rest, 0.0)

    @cached_property
    def estimated(self) -> Bools:
        """Treated (or anticipating) cells whose cohort and period effects are known, [G, T]."""
        return np.asarray(~self.untreated & self.effects.linked & (self.moments.counts > 0))

    @cached_property
    def reference(self) -> Bools:
        """None."""
        return np.zeros_like(self.untreated)

    @cached_property
    def used(self) -> Bools:
        """Untreated cells and those with an effect, [G, T]."""
        return self.estimated | (self.effects.counts > 0)

    @cached_property
    def alone(self) -> Bools:
        """Effects (and residuals) of one unit, or in a period with one other untreated unit."""
        others = self.effects.periods - self.effects.counts
        one = (self.moments.counts == 1) | (others == 1) | (self.effects.cohorts == 1)[:, None]
        return np.asarray(self.used & one)

    def weights(self, targets: Floats) -> Floats:
        """Weights on the cohorts' means, [K, G, T]."""
        return targets - self._imputing(targets) * self.effects.counts

    def scores(self, targets: Floats) -> Scores:
        """Scores; the offsets are what the untreated cells' residuals add."""
        z = self._imputing(targets) * (self.effects.counts > 0)
        loadings = targets / np.maximum(self.moments.counts, 1) - z
        offsets = -z * self.values
        if self.leave_one_out:
            loadings += self._left_out(targets)
        return Scores(loadings, offsets.sum(axis=2) if self.moments.followed else offsets)

    def variances(self) -> Floats:
        """Variance of each cell's effect, [G, T]."""
        clusters = self.moments.clusters
        if isinstance(clusters, UnitProducts):
            return variances_of(self)
        found, common = np.zeros(self.estimated.shape), self._period_scores()
        spread = self.moments.covariance(common) if clusters is None else _by_cluster(self.moments, clusters, common)
        for g in map(int, np.flatnonzero(self.estimated.any(axis=1))):
            at = np.flatnonzero(self.estimated[g])
            mine, q = self._own_scores(g, at), np.eye(self.moments.n_periods)[at] - self.effects.share[g]
            theirs = Scores(common.loadings[:, [g]], common.offsets[:, [g]])
            alone = self.moments.keep(np.array([g]))
            if clusters is None:
                both = alone.covariance(stacked(mine, theirs))
                cross = (both[: len(at), len(at) :] * q).sum(axis=1)
                found[g, at] = np.diag(both)[: len(at)] - 2 * cross + ((q @ spread) * q).sum(axis=1)
            else:
                own = _by_cluster(alone, clusters.keep(np.array([g])), mine)
                found[g, at] = ((own - spread @ q.T) ** 2).sum(axis=0)
        return found

    def _imputing(self, targets: Floats) -> Floats:
        """Per observation, what the untreated cells count in the imputed outcomes, [K, G, T]."""
        a, b = self.effects.effects(targets.sum(axis=2), targets.sum(axis=1))
        return np.asarray(a[:, :, None] + b[:, None, :])

    def _own(self, targets: Floats, rows: slice = slice(None)) -> Floats:
        """Loadings on the treated units' own outcomes, before and after; period effects held fixed."""
        own = targets / np.maximum(self.moments.counts[rows], 1)
        before = (self.effects.counts[rows] > 0) / np.maximum(self.effects.cohorts[rows], 1)[:, None]
        return np.asarray(own - targets.sum(axis=2, keepdims=True) * before)

    def _left_out(self, targets: Floats, rows: slice = slice(None)) -> Floats:
        """What leave-one-out adds to the loadings: own effects count n / (n - 1) times."""
        n = self.moments.counts[rows]
        more = np.where(n > 1, 1 / np.maximum(n - 1, 1), 0.0)
        own = self._own(targets, rows) if self.moments.followed else targets / np.maximum(n, 1)
        return np.asarray(more * own)

    def _period_scores(self) -> Scores:
        """Scores of the period effects, up to a constant, [T, G, T]."""
        g, t = self.moments.counts.shape
        a, b = self.effects.effects(np.zeros((t, g)), np.eye(t))
        loadings = (a[:, :, None] + b[:, None, :]) * (self.effects.counts > 0)
        offsets = loadings * self.values
        return Scores(loadings, offsets.sum(axis=2) if self.moments.followed else offsets)

    def _own_scores(self, g: int, at: NDArray[np.int64]) -> Scores:
        """Scores of one cohort's effects on itself alone, period effects held fixed."""
        row = slice(g, g + 1)
        targets = single_cells(1, self.moments.n_periods, 0, at)
        own = self._own(targets, row)
        offsets = (own - targets / np.maximum(self.moments.counts[row], 1)) * self.values[row]
        if self.leave_one_out:
            own += self._left_out(targets, row)
        return Scores(own, offsets.sum(axis=2) if self.moments.followed else offsets)


def saturated(moments: Cohorts, anticipation: int) -> Saturated:
    """Changes since the last period before (anticipated) treatment, beside the never treated.

    Where nobody is never treated the last cohort is the control, and only periods before its own
    (anticipated) treatment enter.

    Source: Sun and Abraham (2021), section 4.1.
    """
    control = int(np.argmax(moments.starts))
    t = moments.n_periods
    end = t if moments.starts[control] == t else int(moments.starts[control]) - anticipation
    references = np.where(moments.starts < t, moments.starts - 1 - anticipation, -1)
    return Saturated(moments, control, np.where(references < end, references, -1), np.arange(t) < end)


def imputed(moments: Cohorts, anticipation: int, *, leave_one_out: bool = False) -> Imputed:
    """Effects of treated and anticipating cells from all untreated ones."""
    until = np.where(moments.starts < moments.n_periods, moments.starts - anticipation, moments.n_periods)
    return Imputed(moments, np.arange(moments.n_periods) < until[:, None], leave_one_out)


def event_times(moments: Cohorts) -> Floats:
    """Time since treatment of each cell, [G, T]; NaN for the never treated."""
    never = moments.starts == moments.n_periods
    start = np.where(never, 0, moments.starts)
    since = elapsed(moments.clock, np.arange(moments.n_periods)[None, :], start[:, None])
    since[never] = np.nan
    return np.asarray(since)


def variances_of(cells: CellEffects) -> Floats:
    """Variance of each cell's effect, [G, T], one cohort at a time."""
    g_all, t_all = cells.estimated.shape
    found = np.zeros((g_all, t_all))
    for g in map(int, np.flatnonzero(cells.estimated.any(axis=1))):
        at = np.flatnonzero(cells.estimated[g])
        found[g, at] = cells.sums.variance(cells.scores(single_cells(g_all, t_all, g, at)))
    return found


def single_cells(g: int, t: int, cohort: int, periods: NDArray[np.int64]) -> Floats:
    """Targets of single cells of one cohort, [K, G, T]."""
    targets = np.zeros((len(periods), g, t))
    targets[np.arange(len(periods)), cohort, periods] = 1.0
    return targets


def _by_cluster(moments: Cohorts, clusters: ClusterSums, scores: Scores) -> Floats:
    """Scores of clusters, [C, K]."""
    found, centre = np.zeros((len(clusters.labels), len(scores.offsets))), moments.means - moments.origin
    for g in np.unique(clusters.cohort):
        here = np.flatnonzero(clusters.cohort == g)
        n, m = clusters.pair_counts[here], clusters.pair_members[here]
        held = (clusters.pair_sums[here] - n * centre[g]) @ scores.loadings[:, g].T
        held += n @ scores.offsets[:, g].T if scores.offsets.ndim == 3 else np.outer(m, scores.offsets[:, g])
        np.add.at(found, clusters.at[here], held)
    return found
