"""Cohort moments: counts, mean paths and second moments, all that linear estimators need.

For each cohort g (units first treated in g; the never treated are one too) the moments are the
number of units n_g, the mean outcome path m_g (length T) and the scatter matrix around it. They
come from one pass over the data and add up over chunks, files and machines: ``a + b``.

An estimate is a set of weights over cohort x period applied to the means. Its sampling error is
described by *scores*: what each unit adds to the error,

    score_i = A_g' (y_i - m_g) + b_g        for unit i of cohort g,

with loadings A (the weights per unit) and offsets b (where a cohort's mean departs from the
model's fit, or where the weights use estimated cohort shares). Variances and covariances are
sums of products of scores, which the scatter matrices give without going back to the data.

Second moments are kept in the basis (level in the first period, changes since the first
period). Difference-in-differences weights sum to zero over time, so levels drop out exactly,
however large they are beside the changes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.cluster_sums import ClusterSums, UnitProducts
from scale_impact.core.design import Design
from scale_impact.core.panel import Panel
from scale_impact.core.withheld import Withheld

Floats = NDArray[np.float64]

CHUNK_ELEMENTS = 1 << 16
"""Elements handled at once: half a megabyte, so that a chunk stays in the processor's cache."""

SLAB_ELEMENTS = 1 << 20
"""Elements of a slab, the share of work that a thread takes."""

SERIAL_PRODUCTS = 1 << 18
"""Multiplications of a matrix product below which OpenBLAS starts no threads: they would wait for those that run here."""


@dataclass(frozen=True)
class Scores:
    """What each unit adds to the error of K estimates.

    Attributes
    ----------
    loadings:
        Array [K, G, T]: weight on a unit's deviation from its cohort's mean path.
    offsets:
        Array [K, G] in panels, [K, G, T] in cross-sections: constant of each unit of a cohort
        (each observation of a cell).
    shares:
        Array [K, G] or None: a further constant of each member of a cohort, however often it is
        observed; what the estimation of cohort shares adds.
    """

    loadings: Floats
    offsets: Floats
    shares: Floats | None = None

    def map(self, matrix: Floats) -> Scores:
        """Scores of linear combinations: ``matrix`` is [L, K]."""
        shares = None if self.shares is None else matrix @ self.shares
        return Scores(np.tensordot(matrix, self.loadings, 1), np.tensordot(matrix, self.offsets, 1), shares)

    def select(self, chosen: NDArray[np.int64]) -> Scores:
        """Scores of some of the estimates (positions)."""
        shares = None if self.shares is None else self.shares[chosen]
        return Scores(self.loadings[chosen], self.offsets[chosen], shares)


@dataclass(frozen=True, eq=False)
class Cohorts:
    """Moments of G cohorts over T periods.

    Attributes
    ----------
    starts:
        Position of each cohort's first treated period; T for the never treated.
    clock:
        The periods as numbers (length T).
    counts:
        Observations of each cell, [G, T]; in a panel the same in each period.
    units:
        Members of each cohort, [G]: units, each counted once; observations where no unit is
        followed over time.
    centres:
        Means in the inner basis, [G, T].
    scatter:
        Sums of squares and products around the means in the inner basis, [G, T, T].
    followed:
        True in a balanced panel (basis: first level, then changes); False in cross-sections,
        where each observation counts in one cell (basis: levels; scatter is diagonal).
    origin:
        Path [T] subtracted before sums are formed, the same in all parts that are added.
    clusters:
        Sums by cluster where the cluster is above the unit.
    """

    starts: NDArray[np.int64]
    clock: Floats
    counts: Floats
    units: Floats
    centres: Floats
    scatter: Floats
    followed: bool
    origin: Floats
    clusters: ClusterSums | UnitProducts | None = None

    @classmethod
    def from_matrix(
        cls,
        y: Floats,
        codes: NDArray[np.int64],
        starts: NDArray[np.int64],
        *,
        clock: Floats | None = None,
        clusters: NDArray[np.int64] | None = None,
        origin: Floats | None = None,
    ) -> Cohorts:
        """Moments of a balanced panel.

        Parameters
        ----------
        y:
            Outcomes, units x periods [N, T].
        codes:
            Cohort of each unit, 0 to G - 1; negative: left out.
        starts:
            Position of each cohort's first treated period (length G).
        clock:
            Periods as numbers; default 0 to T - 1.
        clusters:
            Cluster code of each unit, where clusters are above the unit.
        origin:
            Path to measure from (numerical stability only); default the median of a few units'.
        """
        t, g = y.shape[1], len(starts)
        clock = np.arange(t, dtype=float) if clock is None else clock
        origin = _middle_path(y, codes) if origin is None else origin
        counts, sums, products = _accumulate(y, codes, g, _inner(origin))
        n = np.maximum(counts, 1)[:, None]
        mean = sums / n
        scatter = products - n[:, :, None] * mean[:, :, None] * mean[:, None, :]
        by_cluster = None if clusters is None else _panel_clusters(y, origin, codes, clusters, g)
        return cls(
            starts, clock, np.repeat(counts[:, None], t, axis=1), counts, mean + _inner(origin) * (counts > 0)[:, None],
            scatter, True, origin, by_cluster,
        )  # fmt: skip

    @classmethod
    def from_cells(
        cls,
        values: Floats,
        codes: NDArray[np.int64],
        periods: NDArray[np.int64],
        starts: NDArray[np.int64],
        *,
        clock: Floats,
        owners: NDArray[np.int64] | None = None,
        clusters: NDArray[np.int64] | None = None,
        origin: Floats | None = None,
    ) -> Cohorts:
        """Moments of repeated cross-sections: each observation counts in its own cell.

        ``values``, ``codes`` (cohort; negative: left out), ``periods`` (position), ``owners``
        (unit, where units are observed more than once) and ``clusters`` have one entry an
        observation; ``origin`` as in ``from_matrix``, default the mean.
        """
        g, t = len(starts), len(clock)
        kept = codes >= 0
        values, codes, periods = values[kept], codes[kept], periods[kept]
        first = _first_of_each(owners[kept]) if owners is not None else np.arange(len(values))
        cell = codes * t + periods
        origin = np.full(t, values.mean() if len(values) else 0.0) if origin is None else origin
        deviation = values - origin[periods]
        counts = np.bincount(cell, minlength=g * t).astype(float)
        mean = np.bincount(cell, deviation, g * t) / np.maximum(counts, 1)
        square = np.bincount(cell, (deviation - mean[cell]) ** 2, g * t).reshape(g, t)
        by_cluster = (
            None if clusters is None else ClusterSums.of_cells(deviation, periods, codes, clusters[kept], first, (g, t))
        )
        centres = (mean.reshape(g, t) + origin) * (counts.reshape(g, t) > 0)
        members = np.bincount(codes[first], minlength=g).astype(float)
        return cls(
            starts, clock, counts.reshape(g, t), members, centres, square[:, :, None] * np.eye(t), False,
            origin, by_cluster,
        )  # fmt: skip

    @classmethod
    def from_parquet(
        cls,
        paths: str | Path | Sequence[str | Path],
        *,
        unit: str | None,
        period: str,
        outcome: str,
        memory: str = "1GB",
        **design: Any,
    ) -> Cohorts:
        """Moments of Parquet files of any size, streamed in bounded memory.

        Parameters
        ----------
        paths:
            A file, a pattern (``data/*.parquet``), a folder, or a list of these. Rows lie in any
            order, units in any number of files and row groups.
        unit, period, outcome:
            Columns, see ``Panel.from_frame``; ``unit=None`` for repeated cross-sections.
        memory:
            What reading may take, from 200MB on; less takes longer. Files that are not in order
            of the unit also take temporary room on disk, some 20 bytes a row.
        design:
            Who is treated and what enters: options of ``Design.from_panel``, and ``missing`` of
            ``Panel.from_frame``.

        Raises
        ------
        DataError, DesignError
            As ``Panel.from_frame`` and ``Design.from_panel``; the files cannot be read.
        """
        from scale_impact.core.streams_parquet import stream_parquet

        options = {"control": "not_yet", **design}
        return cohort_moments(
            *stream_parquet(paths, unit=unit, period=period, outcome=outcome, memory=memory, **options)
        )

    @classmethod
    def from_dask(cls, frame: Any, *, unit: str | None, period: str, outcome: str, **design: Any) -> Cohorts:
        """Moments of a Dask data frame, formed where its partitions lie.

        Parameters are those of ``from_parquet``; a partition has to fit into a worker's memory.
        The frame is read twice, so persist it where reading is slow.
        """
        from scale_impact.core.streams_dask import stream_dask

        options = {"control": "not_yet", **design}
        return cohort_moments(*stream_dask(frame, unit=unit, period=period, outcome=outcome, **options))

    @property
    def n_periods(self) -> int:
        """Number of periods, T."""
        return int(self.counts.shape[1])

    @cached_property
    def paths(self) -> Floats:
        """Mean paths for comparisons over time, [G, T]: changes since the first period in a panel.

        Weights that sum to zero over time give the same on these as on ``means``, without the
        rounding that large levels bring.
        """
        if not self.followed:
            return self.centres
        return np.where(np.arange(self.n_periods) > 0, self.centres, 0.0)

    @cached_property
    def means(self) -> Floats:
        """Mean outcome paths, [G, T]."""
        if not self.followed:
            return self.centres
        return self.centres + np.where(np.arange(self.n_periods) > 0, self.centres[:, :1], 0.0)

    @property
    def second_moments(self) -> Floats:
        """Covariance matrices of the outcome paths around the means, divisor n_g, [G, T, T]."""
        back = np.eye(self.n_periods)
        if self.followed:
            back[:, 0] = 1.0
        n = self.counts if not self.followed else self.counts[:, :1]
        return (back @ self.scatter @ back.T) / np.maximum(n, 1)[:, :, None]

    @property
    def n_clusters(self) -> int:
        """Clusters that the standard errors rest on."""
        if self.clusters is not None:
            return self.clusters.n_clusters()
        return int(self.units.sum())

    def __add__(self, other: Cohorts) -> Cohorts:
        """Moments of the units of both, which must not share a unit."""
        self._same_frame(other)
        n = self.counts + other.counts
        share = other.counts / np.maximum(n, 1)
        gap = other.centres - self.centres
        between = self._between(self.counts * share, gap)
        return replace(
            self,
            counts=n,
            units=self.units + other.units,
            centres=self.centres + share * gap,
            scatter=self.scatter + other.scatter + between,
            clusters=_add(self.clusters, other.clusters),
        )

    def _between(self, weight: Floats, gap: Floats) -> Floats:
        """What the distance of means adds to the scatter, [G, T, T]; ``weight`` and ``gap`` are [G, T]."""
        if self.followed:
            return np.asarray(np.einsum("gt,gt,gs->gts", weight, gap, gap))
        return np.asarray(np.einsum("gt,gt,ts->gts", weight, gap**2, np.eye(self.n_periods)))

    def subtract(self, other: Cohorts) -> Cohorts:
        """Moments without the units of ``other``, which are among these (inverse of ``+``)."""
        self._same_frame(other)
        n = self.counts - other.counts
        centres = self.centres + other.counts / np.maximum(n, 1) * (self.centres - other.centres) * (n > 0)
        rest = replace(
            self,
            counts=n,
            units=self.units - other.units,
            centres=centres,
            scatter=np.zeros_like(self.scatter),
            clusters=None,
        )
        both = rest + replace(other, clusters=None)
        minus = None if other.clusters is None else -other.clusters
        return replace(rest, scatter=self.scatter - both.scatter, clusters=_add(self.clusters, minus))

    def raised(self, path: Floats) -> Cohorts:
        """Moments of the outcomes plus a path [T]: only the means change."""
        added = _inner(path) if self.followed else path
        return replace(self, centres=self.centres + added * (self.counts > 0))

    def keep(self, cohorts: NDArray[np.int64]) -> Cohorts:
        """Moments of some cohorts (positions)."""
        clusters = None if self.clusters is None else self.clusters.keep(cohorts)
        return replace(
            self, starts=self.starts[cohorts], counts=self.counts[cohorts], units=self.units[cohorts], centres=self.centres[cohorts],
            scatter=self.scatter[cohorts], clusters=clusters,
        )  # fmt: skip

    def joined(self, into: NDArray[np.int64], starts: NDArray[np.int64]) -> Cohorts:
        """Moments of cohorts put together.

        Parameters
        ----------
        into:
            Position of the cohort that each of these goes to, [G]; negative: left out.
        starts:
            Of the cohorts that result.
        """
        kept = np.flatnonzero(into >= 0)
        part, to = self.keep(kept), into[kept]
        which = (np.arange(len(starts))[:, None] == to).astype(float)
        counts = which @ part.counts
        centres = (which @ (part.counts * part.centres)) / np.maximum(counts, 1)
        scatter = part.scatter + self._between(part.counts, part.centres - centres[to])
        return replace(
            self, starts=starts, counts=counts, units=which @ part.units, centres=centres, scatter=np.tensordot(which, scatter, 1),
            clusters=None if self.clusters is None else self.clusters.joined(into, len(starts)),
        )  # fmt: skip

    def covariance(self, scores: Scores) -> Floats:
        """Sum over clusters of products of scores, [K, K]."""
        if self.clusters is not None:
            return self._clustered(scores)
        found = np.zeros((len(scores.loadings), len(scores.loadings)))
        for g in range(len(self.starts)):
            rows = np.flatnonzero(scores.loadings[:, g].any(axis=1))  # of many estimates a cohort has part in few
            a = self._inner_loadings(scores.loadings[rows, g])
            found[np.ix_(rows, rows)] += a @ self.scatter[g] @ a.T
        b, n = self._constants(scores)
        return np.asarray(found + (b * n) @ b.T)

    def variance(self, scores: Scores) -> Floats:
        """Diagonal of ``covariance`` without the rest, [K]."""
        if self.clusters is not None:
            return np.diag(self._clustered(scores))
        touched = np.flatnonzero(scores.loadings.any(axis=(0, 2)))
        a = self._inner_loadings(scores.loadings[:, touched]).transpose(1, 0, 2)
        within = ((a @ self.scatter[touched]) * a).sum(axis=(0, 2))
        b, n = self._constants(scores)
        return np.asarray(within + (b * b) @ n)

    def _constants(self, scores: Scores) -> tuple[Floats, Floats]:
        """What does not vary within a cohort (cell), [K, G or G x T], and how many have it."""
        offsets = scores.offsets
        if scores.shares is not None:
            offsets = offsets + (scores.shares if self.followed else scores.shares[:, :, None])
        return offsets.reshape(len(offsets), -1), self.units if self.followed else self.counts.ravel()

    def _clustered(self, scores: Scores) -> Floats:
        assert self.clusters is not None
        return self.clusters.products(scores.loadings, scores.offsets, scores.shares, self.means - self.origin)

    def _inner_loadings(self, loadings: Floats) -> Floats:
        """Loadings [..., T] in the inner basis: y_t is the first level plus the change since then."""
        if not self.followed:
            return loadings
        inner = loadings.copy()
        inner[..., 0] = loadings.sum(axis=-1)
        return inner

    def _same_frame(self, other: Cohorts) -> None:
        same = (
            self.followed == other.followed
            and np.array_equal(self.starts, other.starts)
            and np.array_equal(self.clock, other.clock)
            and (self.clusters is None) == (other.clusters is None)
        )
        if not same:
            raise ValueError("Moments add up only over the same cohorts, periods and kind of clusters.")
        if self.clusters is not None and not np.array_equal(self.origin, other.origin):
            raise ValueError("Moments with clusters add up only when they were formed with the same `origin`.")


_MEMO: WeakKeyDictionary[Panel, WeakKeyDictionary[Design, Cohorts]] = WeakKeyDictionary()


def cohort_moments(panel: Panel, design: Design) -> Cohorts:
    """Moments of a panel under a design; computed once and remembered."""
    known = _MEMO.setdefault(panel, WeakKeyDictionary())
    if design not in known:
        known[design] = _moments_of(panel, design, None)
    return known[design]


def leave_out(panel: Panel, design: Design, units: NDArray[np.int64]) -> Design:
    """The design without some units; its moments follow from the known ones, not from a new pass."""
    reduced = design.without(units)
    whole = cohort_moments(panel, design)
    _MEMO[panel][reduced] = whole.subtract(_moments_of(panel, design, units, whole.origin))
    return reduced


def _moments_of(panel: Panel, design: Design, units: NDArray[np.int64] | None, origin: Floats | None = None) -> Cohorts:
    streamed = design.cohort_codes
    if isinstance(streamed, Withheld) and isinstance(streamed.known, Cohorts):
        return replace(streamed.known, starts=design.starts)
    if design.cross_sections or design.incomplete:
        return _cross_section_moments(panel, design, units, origin)
    y, codes, clusters = _complete(panel, design, units)
    return Cohorts.from_matrix(y, codes, design.starts, clock=panel.clock, clusters=clusters, origin=origin)


def _complete(
    panel: Panel, design: Design, units: NDArray[np.int64] | None
) -> tuple[Floats, NDArray[np.int64], NDArray[np.int64] | None]:
    """Outcome matrix, cohort codes and clusters of the units asked for (None: all kept)."""
    codes, clusters = design.cohort_codes, design.cluster_codes
    if panel.balanced and units is None:
        return panel.matrix, codes, clusters
    rows = np.flatnonzero(codes >= 0) if units is None else units
    y = panel.matrix[rows] if panel.balanced else _rows(panel, rows)
    return y, codes[rows], None if clusters is None else clusters[rows]


def _rows(panel: Panel, units: NDArray[np.int64]) -> Floats:
    first = np.concatenate([[0], np.cumsum(panel.cell_counts())[:-1]])
    return panel.values[first[units][:, None] + np.arange(panel.n_periods)]


def _cross_section_moments(
    panel: Panel, design: Design, units: NDArray[np.int64] | None, origin: Floats | None
) -> Cohorts:
    owner = panel.unit_codes
    chosen = np.ones(panel.n_obs, dtype=bool) if units is None else np.isin(owner, units)
    codes = np.where(chosen, design.cohort_codes[owner], -1)
    clusters = None if design.cluster_codes is None else design.cluster_codes[owner]
    return Cohorts.from_cells(
        panel.values, codes, panel.period_codes, design.starts, clock=panel.clock,
        owners=owner if panel.followed else None, clusters=clusters, origin=origin,
    )  # fmt: skip


def _middle_path(y: Floats, codes: NDArray[np.int64]) -> Floats:
    """A path in the middle of the data: measured from one unusual unit's, the others would lose digits."""
    kept = np.flatnonzero(codes >= 0)
    if not len(kept):
        return np.zeros(y.shape[1])
    some = y[kept[:: len(kept) // 64 + 1]].astype(float)
    changes = np.median(some - some[:, :1], axis=0)
    return np.asarray(changes + np.median(some[:, 0]))


def _inner(path: Floats) -> Floats:
    changes: Floats = path - path[0]
    changes[0] = path[0]
    return changes


def _accumulate(y: Floats, codes: NDArray[np.int64], g: int, shift: Floats) -> tuple[Floats, Floats, Floats]:
    """Counts [G], sums [G, T] and products [G, T, T] of the shifted inner outcomes, one pass.

    The rows are cut into the same slabs on every machine, so that the result does not depend on
    how many threads work on them.
    """
    slab = max(SLAB_ELEMENTS // y.shape[1], 1)
    cuts = [slice(a, a + slab) for a in range(0, max(len(y), 1), slab)]
    work = partial(_accumulate_slab, g=g, shift=shift)
    if len(cuts) == 1 or threads() == 1:
        parts = [work(y[c], codes[c]) for c in cuts]
    else:
        with ThreadPoolExecutor(min(threads(), len(cuts))) as pool:
            parts = list(pool.map(lambda c: work(y[c], codes[c]), cuts))
    counts, sums, products = (sum(column[1:], start=column[0]) for column in zip(*parts, strict=True))
    return counts, sums, products


def threads() -> int:
    """Threads to use: as many as cores, fewer where the environment says so."""
    named = os.environ.get("OMP_NUM_THREADS", "")
    return int(named) if named.isdigit() and int(named) > 0 else os.cpu_count() or 1


def _accumulate_slab(y: Floats, codes: NDArray[np.int64], g: int, shift: Floats) -> tuple[Floats, Floats, Floats]:
    t = y.shape[1]
    step = max(SERIAL_PRODUCTS // (t * t), 1)
    counts, sums, products = np.zeros(g), np.zeros((g, t)), np.zeros((g, t, t))
    for block, groups in _sorted_chunks(y, codes, g):
        block[1:] -= block[0]
        block -= shift[:, None]
        for k, members in groups:
            part = block[:, members]
            counts[k] += part.shape[1]
            sums[k] += part.sum(axis=1)
            for start in range(0, part.shape[1], step):
                piece = part[:, start : start + step]
                products[k] += piece @ piece.T
    return counts, sums, products


def _sorted_chunks(y: Floats, codes: NDArray[np.int64], g: int) -> Iterator[tuple[Floats, list[tuple[int, slice]]]]:
    """Chunks of units gathered by cohort, periods x units, with the slice of each cohort present.

    Periods as rows: whole rows are subtracted and multiplied, which takes two thirds of the time.
    """
    small = codes.astype(np.int16 if g < 2**15 else np.int64)
    step = max(CHUNK_ELEMENTS // y.shape[1], 64)
    for start in range(0, len(y), step):
        here = small[start : start + step]
        order = np.argsort(here, kind="stable")
        edges = np.searchsorted(here[order], np.arange(g + 1))
        block = y[start : start + step].take(order, axis=0).T.copy()
        yield block, [(k, slice(edges[k], edges[k + 1])) for k in range(g) if edges[k] < edges[k + 1]]


def _panel_clusters(
    y: Floats, origin: Floats, codes: NDArray[np.int64], clusters: NDArray[np.int64], g: int
) -> ClusterSums:
    kept = codes >= 0
    if kept.all():
        return ClusterSums.of_panel(y, origin, codes, clusters, g)
    return ClusterSums.of_panel(y[kept], origin, codes[kept], clusters[kept], g)


def _first_of_each(owners: NDArray[np.int64]) -> NDArray[np.int64]:
    """Position of the first observation of each unit."""
    return np.asarray(np.unique(owners, return_index=True)[1])


Clusters = ClusterSums | UnitProducts | None


def _add(a: Clusters, b: Clusters) -> Clusters:
    if a is None or b is None:
        return b if a is None else a
    if isinstance(a, ClusterSums) and isinstance(b, ClusterSums):
        return a + b
    if isinstance(a, UnitProducts) and isinstance(b, UnitProducts):
        return a + b
    raise ValueError("Moments add up only over the same kind of clusters.")
