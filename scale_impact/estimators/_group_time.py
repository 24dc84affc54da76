"""Cohort x period effects and their averages: what is compared with whom, and what counts how much; not an estimator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.analysis import REFERENCE, Analysis
from scale_impact.core.cohorts import Cohorts, Floats
from scale_impact.core.design import Design
from scale_impact.core.effect import Kind
from scale_impact.core.panel import elapsed
from scale_impact.errors import DesignError

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


# ---- what is compared with whom ------------------------------------------------------------------


@dataclass(frozen=True)
class Cells:
    """C cohort x period comparisons; every array has one entry a comparison.

    Attributes
    ----------
    cohort, period, base:
        Positions of the cohort, of the period and of the one it is compared with.
    first_control:
        Position of the first cohort that serves as control; all after it do too, but for the
        cohort itself.
    event_time:
        On the panel's clock; from 0 on ``post`` is True.
    post:
        Whether the cohort is treated in the period.
    alone:
        Whether one observed unit stands on a side.
    """

    cohort: Ints
    period: Ints
    base: Ints
    first_control: Ints
    event_time: Floats
    post: Bools
    alone: Bools

    def __len__(self) -> int:
        return len(self.cohort)

    @property
    def reference(self) -> Bools:
        """Cells that compare a period with itself."""
        return np.asarray(self.period == self.base)

    @property
    def own(self) -> Bools:
        """Whether the cohort itself is among those from ``first_control`` on (and is no control)."""
        return np.asarray(self.cohort >= self.first_control)

    def keep(self, chosen: NDArray[np.int64] | Bools) -> Cells:
        """Some of the comparisons."""
        return Cells(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))


def _comparable(moments: Cohorts, design: Design, g: int, together: Floats | None) -> tuple[Ints, Ints, Ints]:
    start, t = int(moments.starts[g]), moments.n_periods
    before = start - 1 - design.anticipation
    universal = design.base_period == "universal"
    period = np.arange(0 if universal else 1, t)
    base = np.where(universal | (period >= start - design.anticipation), before, period - 1)
    first = _first_control(moments, design, np.maximum(period, base))
    group = np.full(len(period), g)
    sides = [_sizes(moments, group, period, base, first, when, together) for when in (period, base)]
    usable = (base >= 0) & np.all([(own > 0) & (others > 0) for own, others in sides], axis=0)
    return period[usable], base[usable], first[usable]


def _first_control(moments: Cohorts, design: Design, latest: Ints) -> Ints:
    """Position of the first cohort that is untreated until ``latest``; cohorts are in order of time."""
    never = int(np.searchsorted(moments.starts, moments.n_periods))
    if design.control == "never":
        return np.full(len(latest), never)
    later = np.searchsorted(moments.starts, latest + design.anticipation, side="right")
    return np.asarray(np.minimum(later, never))


def _members(first: Ints, cohort: Ints, g: int) -> Bools:
    cohorts = np.arange(g)
    return np.asarray((cohorts >= first[:, None]) & (cohorts != cohort[:, None]))


def _sizes(
    moments: Cohorts, cohort: Ints, period: Ints, base: Ints, first: Ints, when: Ints, together: Floats | None
) -> tuple[Floats, Floats]:
    """Observed units of the cohort and of its controls."""
    members = _members(first, cohort, len(moments.starts))
    n = moments.counts[:, when].T if together is None else together[:, period, base].T
    return n[np.arange(len(cohort)), cohort], (n * members).sum(axis=1)


def cohorts_with_base(moments: Cohorts, design: Design) -> Iterator[int]:
    """Cohorts with a period before (anticipated) treatment; the last one is but a control where nobody is never treated."""
    last = moments.n_periods if (moments.starts == moments.n_periods).any() else int(moments.starts.max())
    for g in range(len(moments.starts)):
        if design.anticipation < moments.starts[g] < last:
            yield g


def cells_of(moments: Cohorts, design: Design, together: Floats | None = None) -> Cells:
    """All comparisons that the design allows.

    Raises
    ------
    DesignError
        No cohort has both a base period and a control after treatment.
    """
    parts = [_cells_of_cohort(moments, design, g, together) for g in cohorts_with_base(moments, design)]
    if not any(part.post.any() for part in parts):
        raise DesignError(no_cell(design))
    return Cells(*(np.concatenate([getattr(p, name) for p in parts]) for name in Cells.__dataclass_fields__))


def _cells_of_cohort(moments: Cohorts, design: Design, g: int, together: Floats | None) -> Cells:
    period, base, first = _comparable(moments, design, g, together)
    start, cohort = int(moments.starts[g]), np.full(len(period), g)
    sides = [_sizes(moments, cohort, period, base, first, when, together) for when in (period, base)]
    alone = np.any([(own == 1) | (others == 1) for own, others in sides], axis=0)
    return Cells(cohort, period, base, first, elapsed(moments.clock, period, start), period >= start, alone)


def no_cell(design: Design) -> str:
    """Why there is nothing to compare."""
    if design.anticipation:
        return (
            f"No cohort has a period before treatment and its anticipation of {design.anticipation}. "
            "Shorten the anticipation or use data that begin earlier."
        )
    return "No treated cohort can be compared: no control is observed in the same periods. Use `control: not_yet` or add untreated units."


# ---- averages ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Window:
    """Event times that count, in the words of R's ``aggte``; on the panel's clock.

    ``min_e`` and ``max_e`` bound the path, and effects after treatment in the averages over
    cells and cohorts; with ``balance_e`` the path has only cohorts that are observed up to that
    event time, and ends there.
    """

    min_e: float | None = None
    max_e: float | None = None
    balance_e: float | None = None

    def holds(self, event_time: Floats) -> Bools:
        """Which event times lie between ``min_e`` and ``max_e``."""
        low = -np.inf if self.min_e is None else self.min_e
        high = np.inf if self.max_e is None else self.max_e
        return np.asarray((event_time >= low) & (event_time <= high))


@dataclass(frozen=True, eq=False)
class Averages:
    """K averages over C cells; a cell has part in one of them at most.

    Attributes
    ----------
    row:
        Which average each cell has part in; -1: none.
    weight:
        How much it counts there.
    slopes:
        [K, G]: derivatives of the averages with respect to the cohorts' shares of units.
    values:
        The K averages.
    marks:
        What they are about: event times, or positions of cohorts or periods.
    """

    row: Ints
    weight: Floats
    slopes: Floats
    values: Floats
    marks: Floats

    def __len__(self) -> int:
        return len(self.values)

    @property
    def matrix(self) -> Floats:
        """Weights as a matrix, [K, C]."""
        found = np.zeros((len(self), len(self.row)))
        used = np.flatnonzero(self.row >= 0)
        found[self.row[used], used] = self.weight[used]
        return found

    def without(self, cells: Bools) -> Bools:
        """Which averages have weight on these cells alone (or on none), [K]."""
        others = (self.row >= 0) & (self.weight != 0) & ~cells
        return np.asarray(np.bincount(self.row[others], minlength=len(self)) == 0)

    def combined(self, weights: Floats) -> Averages:
        """One average of these, by weights [K] that do not depend on shares."""
        row = np.where((self.row >= 0) & (weights[self.row] != 0), 0, -1)
        weight = np.where(row == 0, self.weight * weights[self.row], 0.0)
        return Averages(row, weight, (weights @ self.slopes)[None], np.array([weights @ self.values]), np.zeros(1))


@dataclass(frozen=True)
class Aggregates:
    """All averages of an estimate: by event time, cohort and period, and the four overall ones."""

    path: Averages
    by_cohort: Averages
    by_period: Averages
    summaries: dict[str, Averages] = field(default_factory=dict)


def aggregated(cells: Cells, values: Floats, share: Floats, moments: Cohorts, window: Window) -> Aggregates:
    """Averages by event time, cohort and period and over all; weights are the cohorts' shares of units.

    Source: Callaway and Sant'Anna (2021), section 3.2 and corollary 2.

    Raises
    ------
    DesignError
        The window leaves no effect after treatment.
    """
    inside = cells.post & window.holds(cells.event_time)
    on_path = _on_path(cells, moments, window)
    if not inside.any() or not (on_path & cells.post).any():
        raise DesignError(_empty_window(cells, window))
    path = _by_share(on_path, cells.event_time, cells, values, share)
    by_cohort = _by_cohort(inside, cells, values, share)
    by_period = _by_share(cells.post, cells.period.astype(float), cells, values, share)
    after = path.marks >= 0
    tops = {
        "simple": _by_share(inside, np.zeros(len(cells)), cells, values, share),
        "event_time": path.combined(after / after.sum()),
        "cohort": _over_cohorts(by_cohort, share),
        "period": by_period.combined(np.full(len(by_period), 1 / len(by_period))),
    }
    return Aggregates(path, by_cohort, by_period, tops)


def _on_path(cells: Cells, moments: Cohorts, window: Window) -> Bools:
    """Cells of the path: in the window and, where it is balanced, of cohorts that have all its event times."""
    chosen = window.holds(cells.event_time)
    if window.balance_e is None:
        return chosen
    e, last = window.balance_e, int(cells.period.max())
    span = elapsed(moments.clock, last, 0)
    since = elapsed(moments.clock, np.arange(last + 1), moments.starts.clip(max=last)[:, None])
    asked = ((since >= 0) & (since <= e)).sum(axis=1)
    had = np.bincount(cells.cohort[cells.post & (cells.event_time <= e)], minlength=len(moments.starts))
    complete = (since[:, last] >= e) & (had == asked)
    return np.asarray(chosen & complete[cells.cohort] & (cells.event_time <= e) & (cells.event_time >= e - span))


def _empty_window(cells: Cells, window: Window) -> str:
    asked = ", ".join(f"{name}: {value:g}" for name, value in vars(window).items() if value is not None)
    low, high = cells.event_time.min(), cells.event_time[cells.post].max()
    known = f"There are event times {low:g} to {high:g}."
    return f"No effect after treatment lies in the window ({asked}). {known} Widen it."


def _by_share(inside: Bools, marks: Floats, cells: Cells, values: Floats, share: Floats) -> Averages:
    """Averages over cells with the same mark, by cohort share, and their derivatives."""
    used = np.flatnonzero(inside)
    found, at = np.unique(marks[used], return_inverse=True)
    p = share[cells.cohort[used]]
    total = np.bincount(at, p)
    weight = p / total[at]
    average = np.asarray(np.bincount(at, weight * values[used]), dtype=float)
    slopes = np.zeros((len(found), len(share)))
    np.add.at(slopes, (at, cells.cohort[used]), (values[used] - average[at]) / total[at])
    return Averages(*_spread(len(cells), used, at, weight), slopes, average, found)


def _by_cohort(inside: Bools, cells: Cells, values: Floats, share: Floats) -> Averages:
    """Means over each cohort's periods: no share has part."""
    used = np.flatnonzero(inside)
    found, at = np.unique(cells.cohort[used], return_inverse=True)
    weight = 1 / np.bincount(at)[at]
    average = np.asarray(np.bincount(at, weight * values[used]), dtype=float)
    slopes = np.zeros((len(found), len(share)))
    return Averages(*_spread(len(cells), used, at, weight), slopes, average, found.astype(float))


def _spread(c: int, used: Ints, at: Ints, weight: Floats) -> tuple[Ints, Floats]:
    row, weights = np.full(c, -1), np.zeros(c)
    row[used], weights[used] = at, weight
    return row, weights


def _over_cohorts(by_cohort: Averages, share: Floats) -> Averages:
    """Average of the cohorts' effects by share."""
    cohorts = by_cohort.marks.astype(int)
    p = share[cohorts]
    top = by_cohort.combined(p / p.sum())
    top.slopes[0, cohorts] += (by_cohort.values - top.values[0]) / p.sum()
    return top


def identity(cells: Cells, values: Floats, g: int) -> Averages:
    """Each cell by itself."""
    c = len(cells)
    return Averages(np.arange(c), np.ones(c), np.zeros((c, g)), values, np.zeros(c))


# ---- labels and reasons --------------------------------------------------------------------------


def labels_of(analysis: Analysis, cells: Cells, kind: Kind, marks: Floats) -> dict[str, Any]:
    """The label fields of a family of averages, from their marks; of a family of cells, from the cells."""
    labels, periods = analysis.labels, analysis.panel.periods
    if kind == "event_time":
        return {"event_times": tuple(marks.tolist())}
    if kind == "cohort":
        return {"cohorts": tuple(labels[int(m)] for m in marks)}
    if kind == "period":
        return {"periods": tuple(periods[int(m)] for m in marks)}
    if kind == "overall":
        return {}
    return {
        "event_times": tuple(cells.event_time.tolist()),
        "cohorts": tuple(labels[int(g)] for g in cells.cohort),
        "periods": tuple(periods[int(t)] for t in cells.period),
    }


def reasons_of(
    analysis: Analysis, cells: Cells, averages: Averages, variances: Floats, alone: str
) -> tuple[str | None, ...]:
    """Why averages have no standard error; ``alone`` is said where they rest on one unit."""
    reference, single = averages.without(cells.reference), averages.without(cells.reference | cells.alone)
    found = zip(reference, single, analysis.reasons(variances), strict=True)
    return tuple(REFERENCE if r else alone if one else other for r, one, other in found)


def not_among(given: Mapping[str, tuple[str, tuple[Any, ...]]]) -> list[str]:
    """What is wrong with options that have to be one of a few names: option, value and those names."""
    return [
        f"{name} is {value!r}; it has to be one of {', '.join(known)}."
        for name, (value, known) in given.items()
        if value not in known
    ]
