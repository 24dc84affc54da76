"""Blocks: outcomes summed by cluster and cohort, all that inference for few clusters needs.

Units that are treated together and drawn together need not be told apart: every statistic here is
a weighted sum over their common path. Paths are deviations from the cohorts' mean paths; levels
are left out where they cancel, however large they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.analysis import MANY_TREATED
from scale_impact.core.cohorts import Cohorts, Floats, cohort_moments
from scale_impact.core.design import Design
from scale_impact.core.panel import Panel
from scale_impact.core.withheld import Withheld
from scale_impact.errors import DesignError


@dataclass(frozen=True, eq=False)
class Blocks:
    """M blocks (one a cluster and cohort) over T periods, in C clusters and G cohorts of the design.

    Attributes
    ----------
    cluster:
        Cluster of each block, 0 to C - 1.
    cohort:
        Cohort of each block.
    counts:
        Observations of each block by period, [M, T].
    deviations:
        Sums of deviations from the cohort's mean path, [M, T]; without levels in a panel,
        unless ``levels``.
    paths:
        Mean paths of the cohorts, [G, T]: changes since the first period in a panel.
    names:
        The clusters in words.
    followed:
        Whether each unit is observed in each period.
    """

    cluster: NDArray[np.int64]
    cohort: NDArray[np.int64]
    counts: Floats
    deviations: Floats
    paths: Floats
    names: tuple[str, ...]
    followed: bool

    @property
    def n_clusters(self) -> int:
        """Number of clusters, C."""
        return len(self.names)

    @cached_property
    def cells(self) -> Floats:
        """Observations of each cohort by period, [G, T]."""
        found = np.zeros(self.paths.shape)
        np.add.at(found, self.cohort, self.counts)
        return found

    @cached_property
    def members(self) -> Floats:
        """Observations of each cluster by cohort (most in a period), [C, G]."""
        found = np.zeros((self.n_clusters, len(self.paths)))
        np.add.at(found, (self.cluster, self.cohort), self.counts.max(axis=1))
        return found

    def by_cluster(self, values: Floats) -> Floats:
        """Sums over the blocks of each cluster, [..., C], of values [..., M]."""
        if len(self.cluster) == self.n_clusters:
            return values[..., np.argsort(self.cluster, kind="stable")]
        one_hot = np.equal.outer(self.cluster, np.arange(self.n_clusters)).astype(float)
        return np.asarray(values @ one_hot)

    def mixed(self) -> str | None:
        """Why clusters cannot change places as wholes; None where they can."""
        if not self.followed:
            return "units are not observed in each period"
        if len(self.cluster) > self.n_clusters:
            n = int((np.bincount(self.cluster) > 1).sum())
            return f"{n} of {self.n_clusters} clusters hold units of different adoption dates"
        return None


def blocks_of(panel: Panel, design: Design, *, levels: bool = False) -> Blocks:
    """The blocks of the units that enter: all but those treated from the first period on.

    Parameters
    ----------
    panel, design:
        The data, and who is compared with whom.
    levels:
        Keep the units' levels, for weights that do not sum to zero over time.

    Raises
    ------
    DesignError
        Each observation stands for itself: there are no clusters to be few.
    """
    moments = cohort_moments(panel, design)
    entering = (design.starts > 0) & (moments.units > 0)
    if moments.clusters is not None:
        return _of_clusters(panel, design, moments, entering, levels)
    if not moments.followed:
        raise DesignError(
            "Units are not observed in each period: use `inference: jackknife`."
            if design.incomplete
            else "Each observation stands for itself in these cross-sections: name the cluster that observations share "
            "(`cluster:`), or use `inference: analytic`."
        )
    return _of_units(panel, design, moments, entering, levels)


def _of_units(panel: Panel, design: Design, moments: Cohorts, entering: NDArray[np.bool_], levels: bool) -> Blocks:
    kept = np.flatnonzero((design.cohort_codes >= 0) & entering[design.cohort_codes])
    codes = design.cohort_codes[kept]
    y = _rows(panel, kept)
    deviations = y - y[:, :1] - moments.paths[codes]
    if levels:
        deviations = deviations + (y[:, :1] - moments.means[codes, :1])
    names = tuple(panel.unit_name(int(u)) for u in kept)
    paths = moments.means if levels else moments.paths
    return Blocks(np.arange(len(kept)), codes, np.ones_like(y), deviations, paths, names, True)


def _rows(panel: Panel, units: NDArray[np.int64]) -> Floats:
    """Outcomes of units that are observed in each period."""
    if panel.balanced:
        return panel.matrix[units]
    lengths = panel.cell_counts()
    first = np.cumsum(lengths) - lengths
    return np.asarray(panel.values[first[units][:, None] + np.arange(panel.n_periods)])


def _of_clusters(panel: Panel, design: Design, moments: Cohorts, entering: NDArray[np.bool_], levels: bool) -> Blocks:
    sums = moments.clusters
    assert sums is not None
    held = (sums.counts.sum(axis=2) > 0) & entering
    cluster, cohort = np.nonzero(held)
    counts = sums.counts[cluster, cohort]
    deviations = sums.sums[cluster, cohort] - counts * (moments.means - moments.origin)[cohort]
    if moments.followed and not levels:
        deviations = deviations - deviations[:, :1]
    paths = moments.means if levels else moments.paths
    present, at = np.unique(cluster, return_inverse=True)
    names = _cluster_names(panel, design, sums.labels[present])
    return Blocks(at, cohort, counts, deviations, paths, names, moments.followed)


def _cluster_names(panel: Panel, design: Design, labels: NDArray[np.int64]) -> tuple[str, ...]:
    """Clusters by the value of their column, or the unit's name."""
    from scale_impact.core.words import plain

    codes = design.cluster_codes
    assert codes is not None
    if isinstance(codes, Withheld) and codes.known is not None:
        return tuple(plain(codes.known[c]) for c in labels)
    if design.cluster is None or design.cluster == panel.unit:
        return tuple(panel.unit_name(int(u)) for u in labels)
    values = panel.unit_column(design.cluster) if panel.followed else panel.column(design.cluster)
    codes_seen, first = np.unique(codes, return_index=True)
    return tuple(plain(values[first[np.searchsorted(codes_seen, c)]]) for c in labels)


def cluster_parts(panel: Panel, design: Design) -> list[tuple[str, NDArray[np.int64]]]:
    """Name and members (positions in the design's codes) of each cluster that enters.

    Raises
    ------
    DesignError
        Each observation stands for itself.
    """
    kept = np.flatnonzero((design.cohort_codes >= 0) & (design.starts[design.cohort_codes] > 0))
    if design.cluster_codes is None:
        if design.cross_sections:
            raise DesignError(
                "Each observation stands for itself in these cross-sections: name the cluster that observations share "
                "(`cluster:`), or use `inference: analytic`."
            )
        return [(panel.unit_name(int(u)), np.array([u])) for u in kept]
    order = kept[np.argsort(design.cluster_codes[kept], kind="stable")]
    codes = design.cluster_codes[order]
    groups = np.split(order, np.flatnonzero(np.diff(codes)) + 1)
    return list(zip(_cluster_names(panel, design, np.unique(codes)), groups, strict=True))


@dataclass(frozen=True)
class ClusterCounts:
    """Clusters of a design: all that enter, those with a treated unit, those that serve as controls.

    ``scattered`` is the share of the treated ones in cohorts of fewer than MANY_TREATED clusters.
    """

    total: int
    treated: int
    controls: int
    scattered: float = 0.0


def cluster_counts(panel: Panel, design: Design) -> ClusterCounts | None:
    """How many clusters there are; None where each observation stands for itself.

    Controls are the never treated; with ``control: not_yet`` all that are treated later than the first.
    """
    if design.cross_sections and design.cluster_codes is None:
        return None
    t, held = design.n_periods, _held(panel, design)
    first = design.starts[held.any(axis=0)].min(initial=t) if design.control == "not_yet" else t - 1
    everyone, treated = np.ones(len(design.starts), dtype=bool), design.starts < t
    total, on_treated, controls = (
        clusters_of(panel, design, cohorts) for cohorts in (everyone, treated, design.starts > first)
    )
    return ClusterCounts(total, on_treated, controls, _scattered(held, treated))


def clusters_of(panel: Panel, design: Design, cohorts: NDArray[np.bool_]) -> int:
    """How many clusters hold a unit of some cohorts [G]."""
    members = _held(panel, design)[:, cohorts].sum(axis=1)
    return int(members.sum() if cohort_moments(panel, design).clusters is None else (members > 0).sum())


def _held(panel: Panel, design: Design) -> Floats:
    """Units of each cohort in one row, or which cohorts each cluster holds; without those treated from the start."""
    moments = cohort_moments(panel, design)
    held = moments.units[None] if moments.clusters is None else (moments.clusters.members > 0).astype(float)
    return np.asarray(held * (design.starts > 0))


def _scattered(held: Floats, treated: NDArray[np.bool_]) -> float:
    each = held.sum(axis=0)[treated]
    return float(each[each < MANY_TREATED].sum() / max(each.sum(), 1.0))
