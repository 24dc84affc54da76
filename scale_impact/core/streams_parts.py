"""A part of streamed rows in which each unit is whole, reduced to moments by kind of unit.

Kinds of units are units that start treatment in the same period, whatever the design then asks.
What parts add up to does not depend on how many units there are, nor on the order of rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scale_impact.core.cluster_sums import UnitProducts
from scale_impact.core.cohorts import Cohorts, Floats

Codes = NDArray[np.int64]
Mask = NDArray[np.bool_]

SHOWN = 6
"""Cases of a problem that are kept to be shown."""


@dataclass(frozen=True)
class Layout:
    """How parts are reduced.

    Attributes
    ----------
    clock:
        The periods as numbers (length T).
    kinds:
        Kind of unit of each label; rows without a label have the last one. Under ``treated``
        a unit's label, and kind, is the position of its first treated period (T: never).
    on:
        Under ``treated``: which values of the column mean treated.
    followed, cells:
        Whether units are followed over time; whether each observation stands for itself.
    own_clusters:
        Whether each unit is a cluster of several observations.
    origin:
        Path [T] from which outcomes are measured: sums are then of numbers of the size of the
        differences between units, however large levels are.
    """

    clock: Floats
    kinds: Codes
    on: Mask | None
    followed: bool
    cells: bool
    own_clusters: bool
    origin: Floats

    @property
    def starts(self) -> Codes:
        """Placeholders of the kinds' starts, which the design says later."""
        return np.arange(int(self.kinds.max()) + 1)


@dataclass(frozen=True)
class Rows:
    """Rows of a part, in any order; all rows of a unit are in one part.

    Attributes
    ----------
    unit:
        Labels of units, or numbers in their order; None where no unit is followed.
    period:
        Position of the period.
    y:
        Outcome; NaN where it is missing (only under ``treated``, where the row still says
        something of treatment).
    label:
        Position of the treatment's value; the number of values where it is missing.
    cluster:
        Position of the cluster.
    name:
        Labels of entries of ``unit``.
    """

    unit: NDArray[Any] | None
    period: Codes
    y: Floats
    label: Codes
    cluster: Codes | None = None
    name: Callable[[NDArray[Any]], NDArray[Any]] = np.asarray

    def take(self, chosen: Mask) -> Rows:
        """Some of the rows."""
        unit = None if self.unit is None else self.unit[chosen]
        cluster = None if self.cluster is None else self.cluster[chosen]
        return Rows(unit, self.period[chosen], self.y[chosen], self.label[chosen], cluster, self.name)


@dataclass(frozen=True)
class Cases:
    """Units with a problem: how many, and the first few in order of unit and period."""

    n: int = 0
    first: tuple[tuple[Any, ...], ...] = ()

    def __add__(self, other: Cases) -> Cases:
        if not (self.first and other.first):
            return Cases(self.n + other.n, self.first or other.first)
        return Cases(self.n + other.n, tuple(sorted(self.first + other.first, key=lambda c: c[:2])[:SHOWN]))


@dataclass(frozen=True)
class Part:
    """What a part, or all of them, comes down to.

    Attributes
    ----------
    moments:
        By kind of unit, of deviations from ``moments.origin``.
    observations:
        Rows with an outcome.
    sizes:
        Units by label and by whether they are observed in each period, [L, 2].
    alone:
        Name of the unit where a label has one that is (not) observed in each period.
    problems:
        Cases: ``duplicated``, ``label`` or ``cluster`` that varies within a unit, ``off``
        (treatment switches off), ``incomplete`` and ``unseen`` (no row before treatment).
    """

    moments: Cohorts
    observations: int
    sizes: Codes
    alone: Mapping[tuple[int, int], Any]
    problems: Mapping[str, Cases]

    def __add__(self, other: Part) -> Part:
        names = {**self.problems, **other.problems}
        return Part(
            self.moments + other.moments,
            self.observations + other.observations,
            self.sizes + other.sizes,
            {**self.alone, **other.alone},
            {n: self.problems.get(n, Cases()) + other.problems.get(n, Cases()) for n in names},
        )


def with_origin(layout: Layout, rows: Rows) -> Layout:
    """The layout with the median of some rows' outcomes in each period as origin."""
    seen = np.isfinite(rows.y)
    y, period = rows.y[seen], rows.period[seen]
    if not len(y):
        return layout
    order = np.argsort(period, kind="stable")
    parts = np.split(y[order], np.searchsorted(period[order], np.arange(1, len(layout.clock))))
    middle = float(np.median(y))
    return replace(layout, origin=np.array([np.median(p) if len(p) else middle for p in parts]))


def reduced(rows: Rows, layout: Layout) -> Part:
    """A part's moments, sizes and problems."""
    rows = replace(rows, y=rows.y - layout.origin[rows.period])
    part = _of_units(rows, layout) if layout.followed else _of_observations(rows, layout)
    return replace(part, moments=replace(part.moments, origin=layout.origin))


def _of_observations(rows: Rows, layout: Layout) -> Part:
    kinds = layout.kinds[rows.label]
    moments = Cohorts.from_cells(
        rows.y, kinds, rows.period, layout.starts, clock=layout.clock, clusters=rows.cluster, origin=0.0 * layout.origin
    )
    sizes = np.bincount(rows.label, minlength=len(layout.kinds))
    return Part(moments, len(rows.y), np.stack([0 * sizes, sizes], axis=1), {}, {})


def _of_units(rows: Rows, layout: Layout) -> Part:
    unseen = np.isnan(rows.y)
    extra = rows.take(unseen) if unseen.any() else None
    units = _Units.of(rows if extra is None else rows.take(~unseen), len(layout.clock))
    problems = {"duplicated": units.duplicates(), "incomplete": units.incomplete()}
    if layout.on is None:
        label = units.constant(units.rows.label)
        problems["label"] = units.varying(units.rows.label, label)
    else:
        label = units.first_on(layout.on, extra)
        problems |= {"off": units.off(layout.on, label), "unseen": units.without_row_before(label, extra)}
    cluster = None
    if units.rows.cluster is not None:
        cluster = units.constant(units.rows.cluster)
        problems["cluster"] = units.varying(units.rows.cluster, cluster)
    of = units.cells if layout.cells else units.paths
    sizes, alone = units.sizes(label, len(layout.kinds))
    kinds = layout.kinds[label]
    return Part(of(layout, kinds, cluster), len(units.rows.y), sizes, alone, {k: c for k, c in problems.items() if c.n})


@dataclass(frozen=True, eq=False)
class _Units:
    """Rows of a part gathered by unit.

    Attributes
    ----------
    rows:
        Those with an outcome.
    labels:
        The U units, sorted (or numbers in their order, see ``Rows.name``).
    codes:
        Unit of each row.
    lengths:
        Rows of each unit.
    paths_of_whole:
        Outcomes of the units that are observed in each period, [whole units, T].
    whole:
        Which units these are.
    """

    rows: Rows
    n_periods: int
    labels: NDArray[Any]
    codes: Codes
    whole: Mask
    paths_of_whole: Floats

    @classmethod
    def of(cls, rows: Rows, n_periods: int) -> _Units:
        """Gather rows by unit; no sort of rows is needed."""
        assert rows.unit is not None
        codes, labels = _numbered(rows.unit)
        candidates = np.bincount(codes, minlength=len(labels)) == n_periods
        place = np.cumsum(candidates) - 1
        inside = slice(None) if candidates.all() else candidates[codes]
        cell = place[codes[inside]] * n_periods + rows.period[inside]
        y = np.full(int(candidates.sum()) * n_periods, np.nan)
        y[cell] = rows.y[inside]
        paths = y.reshape(-1, n_periods)
        filled = ~np.isnan(paths).any(axis=1)
        whole = candidates.copy()
        whole[candidates] = filled
        return cls(rows, n_periods, labels, codes, whole, paths if filled.all() else paths[filled])

    def names(self, units: NDArray[Any]) -> NDArray[Any]:
        """Labels of units (positions)."""
        return self.rows.name(self.labels[units])

    def constant(self, values: Codes) -> Codes:
        """A value of each unit's rows: the value, where it is the same in all."""
        found = np.zeros(len(self.labels), dtype=np.int64)
        found[self.codes] = values
        return found

    def duplicates(self) -> Cases:
        """Cells with more than one row."""
        rest = ~self.whole[self.codes]
        if not rest.any():
            return Cases()
        key = np.sort(self.codes[rest] * self.n_periods + self.rows.period[rest])
        keys = np.unique(key[1:][key[1:] == key[:-1]])
        shown = keys[:SHOWN]
        names = self.names(shown // self.n_periods)
        return Cases(len(keys), tuple(zip(names, (shown % self.n_periods).tolist(), strict=True)))

    def incomplete(self) -> Cases:
        """Units that are not observed in each period, with the periods that they lack."""
        units = np.flatnonzero(~self.whole)
        shown, every = units[:SHOWN], np.arange(self.n_periods)
        absent = [tuple(np.setdiff1d(every, self.rows.period[self.codes == u]).tolist()) for u in shown]
        return Cases(len(units), tuple(zip(self.names(shown), absent, strict=True)) if len(shown) else ())

    def varying(self, values: Codes, found: Codes) -> Cases:
        """Units in which a column has several values: period, first value, other value."""
        changed = found[self.codes] != values
        if not changed.any():
            return Cases()
        units = np.unique(self.codes[changed])
        return Cases(len(units), tuple(self._change(int(u), values) for u in units[:SHOWN]))

    def _change(self, unit: int, values: Codes) -> tuple[Any, ...]:
        here = np.flatnonzero(self.codes == unit)
        here = here[np.argsort(self.rows.period[here], kind="stable")]
        at = here[np.flatnonzero(values[here] != values[here[0]])[0]]
        name = self.names(np.array([unit]))[0]
        return name, int(self.rows.period[at]), int(values[here[0]]), int(values[at])

    def first_on(self, on: Mask, extra: Rows | None) -> Codes:
        """Position of each unit's first treated period; T: never. Rows without an outcome count too."""
        start = np.full(len(self.labels), self.n_periods)
        treated = on[self.rows.label]
        np.minimum.at(start, self.codes[treated], self.rows.period[treated])
        if extra is not None:
            units, periods, treated = self._known(extra, on)
            np.minimum.at(start, units[treated], periods[treated])
        return start

    def _known(self, extra: Rows, on: Mask) -> tuple[Codes, Codes, Mask]:
        """Unit, period and treatment of rows without an outcome, of units that have others."""
        assert extra.unit is not None
        units = pd.Index(self.labels).get_indexer(pd.Index(extra.unit))
        inside = (units >= 0) & (extra.period >= 0)
        return units[inside].astype(np.int64), extra.period[inside], on[extra.label[inside]]

    def off(self, on: Mask, start: Codes) -> Cases:
        """Units whose treatment switches off, with the first period of that."""
        bad = ~on[self.rows.label] & (self.rows.period > start[self.codes])
        if not bad.any():
            return Cases()
        units = np.unique(self.codes[bad])
        when = [int(self.rows.period[bad & (self.codes == u)].min()) for u in units[:SHOWN]]
        return Cases(len(units), tuple(zip(self.names(units[:SHOWN]), when, strict=True)))

    def without_row_before(self, start: Codes, extra: Rows | None) -> Cases:
        """Units of which there is no row in the period before their first treated one."""
        seen = np.zeros(len(self.labels), dtype=bool)
        seen[self.codes[self.rows.period == start[self.codes] - 1]] = True
        if extra is not None:
            units, periods, _ = self._known(extra, np.zeros(int(extra.label.max()) + 1, dtype=bool))
            seen[units[periods == start[units] - 1]] = True
        unsure = np.flatnonzero((start > 0) & (start < self.n_periods) & ~seen)
        return Cases(len(unsure), tuple((n, 0) for n in self.names(unsure[:SHOWN])) if len(unsure) else ())

    def sizes(self, label: Codes, n_labels: int) -> tuple[Codes, dict[tuple[int, int], Any]]:
        """Units by label and wholeness, and the name of a unit that is alone in it."""
        key = 2 * label + self.whole
        sizes = np.bincount(key, minlength=2 * n_labels)
        lonely = np.flatnonzero(sizes[key] == 1)
        names = self.names(lonely) if len(lonely) else lonely
        alone = {(int(k) // 2, int(k) % 2): name for k, name in zip(key[lonely], names, strict=True)}
        return sizes.reshape(-1, 2), alone

    def paths(self, layout: Layout, kinds: Codes, cluster: Codes | None) -> Cohorts:
        """Moments of the units that are observed in each period."""
        return Cohorts.from_matrix(
            self.paths_of_whole,
            kinds[self.whole],
            layout.starts,
            clock=layout.clock,
            clusters=None if cluster is None else cluster[self.whole],
            origin=0.0 * layout.origin,
        )

    def cells(self, layout: Layout, kinds: Codes, cluster: Codes | None) -> Cohorts:
        """Moments of all observations, each counted in its cell."""
        rows = self.rows
        moments = Cohorts.from_cells(
            rows.y, kinds[self.codes], rows.period, layout.starts, clock=layout.clock, owners=self.codes,
            clusters=None if cluster is None else cluster[self.codes], origin=0.0 * layout.origin,
        )  # fmt: skip
        if not layout.own_clusters:
            return moments
        order = np.argsort(self.codes, kind="stable")
        codes, period = self.codes[order], rows.period[order]
        shape = (len(layout.starts), self.n_periods)
        return replace(moments, clusters=UnitProducts.of_cells(rows.y[order], period, codes, kinds, shape))


def _numbered(unit: NDArray[Any]) -> tuple[Codes, NDArray[Any]]:
    """Position of each row's unit among the units, and these, sorted."""
    changes = unit[1:] != unit[:-1]
    if (unit[1:][changes] > unit[:-1][changes]).all():
        first = np.flatnonzero(np.concatenate([[len(unit) > 0], changes]))
        return np.repeat(np.arange(len(first)), np.diff([*first, len(unit)])), unit[first]
    codes, labels = pd.factorize(unit)
    order = np.argsort(labels, kind="stable")
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return rank[codes], labels[order]
