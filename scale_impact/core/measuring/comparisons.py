"""Comparisons: with which periods and which controls each treated city is compared, as weights on all cities' paths."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.design import Design
from scale_impact.core.panel import Panel, elapsed
from scale_impact.core.words import counted, plain, some

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Base = Literal["last", "mean"]
Window = tuple[float, float] | None

NO_BASE = "not observed in any period before treatment that could be the base"
NO_POST = "not observed after treatment within the window, or no control is left there"
TOO_SHORT = "not watched to the end of the window"


@dataclass(frozen=True, eq=False)
class Table:
    """Outcomes of the M units that enter, over T periods; those treated from the first period on do not enter.

    Attributes
    ----------
    units:
        Their positions among the panel's units, [M].
    y:
        Outcomes less each unit's own mean, [M, T]; 0 where not observed.
    seen:
        Where they are observed, [M, T].
    start:
        First treated period of each, [M]; T for never.
    untreated:
        Where a unit is neither treated nor may anticipate it, [M, T].
    """

    units: Ints
    y: Floats
    seen: Bools
    start: Ints
    untreated: Bools

    @classmethod
    def of(cls, panel: Panel, design: Design) -> Table:
        """The table of a panel under a design."""
        t = panel.n_periods
        y = np.full((panel.n_units, t), np.nan)
        y[panel.unit_codes, panel.period_codes] = panel.values
        units = np.flatnonzero(design.cohort_codes >= 0)
        units = units[design.starts[design.cohort_codes[units]] > 0]
        start = design.starts[design.cohort_codes[units]]
        seen = ~np.isnan(y[units])
        untreated = (start[:, None] == t) | (np.arange(t) < start[:, None] - design.anticipation)
        return cls(units, _centred(y[units], seen), seen, start, untreated)


def _centred(y: Floats, seen: Bools) -> Floats:
    """Levels drop out of every comparison; without them large ones cost no digits."""
    first = y[np.arange(len(y)), seen.argmax(axis=1)]
    y = np.where(seen, y - first[:, None], 0.0)
    mean = y.sum(axis=1) / np.maximum(seen.sum(axis=1), 1)
    return np.where(seen, y - mean[:, None], 0.0)


@dataclass(frozen=True, eq=False)
class Comparisons:
    """Effects of k cities as weights: ``own[i] @ y[city] + sum_j others[kind[i], j] @ y[j]``.

    Attributes
    ----------
    rows:
        Positions of the cities in the table, [k].
    own:
        Weights on a city's own path, [k, T]; they sum to zero.
    others:
        Weights on the paths of all M units, for each kind of city (who starts alike and is observed alike), [K, M, T].
    kind:
        Which kind each city is, [k].
    periods:
        The periods after treatment that each city's effect is the mean of.
    fewest:
        Controls in that of its periods which has fewest, [k].
    left_out:
        Which cities have no effect, by reason.
    """

    rows: Ints
    own: Floats
    others: Floats
    kind: Ints
    periods: tuple[Ints, ...]
    fewest: Ints
    left_out: dict[str, list[int]] = field(default_factory=dict)

    @property
    def used(self) -> Ints:
        """Periods that have weight somewhere."""
        return np.flatnonzero(np.any(self.own != 0, axis=0))

    def values(self, y: Floats) -> Floats:
        """The effects, [k]."""
        of_kind = np.einsum("kmt,mt->k", self.others, y, optimize=True)
        return np.asarray(np.einsum("it,it->i", self.own, y[self.rows]) + of_kind[self.kind])


@dataclass(frozen=True)
class _Kind:
    """Cities that start in the same period and are observed in the same ones."""

    start: int
    seen: Bools
    rows: Ints


@dataclass(frozen=True, eq=False)
class _Weights:
    own: Floats
    others: Floats
    periods: Ints
    fewest: int


def compared(panel: Panel, design: Design, table: Table, window: Window, base: Base) -> Comparisons:
    """Each treated city against its controls; cities that cannot be compared are named by reason."""
    found: list[tuple[_Kind, _Weights]] = []
    left_out: dict[str, list[int]] = {}
    for kind in _kinds(table, panel.n_periods):
        weights = _weights(panel, design, table, kind, window, base)
        if isinstance(weights, str):
            left_out.setdefault(weights, []).extend(table.units[kind.rows].tolist())
        else:
            found.append((kind, weights))
    return _together(found, left_out, table)


def _together(found: list[tuple[_Kind, _Weights]], left_out: dict[str, list[int]], table: Table) -> Comparisons:
    """Cities in the panel's order, whatever their kind."""
    m, t = table.y.shape
    rows = np.concatenate([k.rows for k, _ in found]) if found else np.zeros(0, dtype=np.int64)
    kind = np.repeat(np.arange(len(found)), [len(k.rows) for k, _ in found])
    order = np.argsort(rows, kind="stable")
    kind = kind[order].astype(np.int64)
    own = np.array([w.own for _, w in found]).reshape(-1, t)
    others = np.array([w.others for _, w in found]).reshape(-1, m, t)
    fewest = np.array([w.fewest for _, w in found], dtype=np.int64)
    periods = tuple(found[int(g)][1].periods for g in kind)
    return Comparisons(rows[order], own[kind], others, kind, periods, fewest[kind], left_out)


def _kinds(table: Table, t: int) -> list[_Kind]:
    treated = np.flatnonzero(table.start < t)
    marks = np.column_stack([table.start[treated], table.seen[treated]])
    kinds, at = np.unique(marks, axis=0, return_inverse=True)
    at = at.ravel()
    return [_Kind(int(mark[0]), mark[1:].astype(bool), treated[at == g]) for g, mark in enumerate(kinds)]


def _weights(panel: Panel, design: Design, table: Table, kind: _Kind, window: Window, base: Base) -> _Weights | str:
    """The weights of a kind of city, or why it has no effect."""
    before = _base(kind, design.anticipation, base)
    if not before.any():
        return NO_BASE
    since = elapsed(panel.clock, np.arange(panel.n_periods), kind.start)
    if window is not None and since[-1] < window[1]:
        return TOO_SHORT
    after = kind.seen & (since >= (0 if window is None else window[0]))
    if window is not None:
        after &= since <= window[1]
    return _against_controls(design, table, kind, before / before.sum(), np.flatnonzero(after))


def _base(kind: _Kind, anticipation: int, base: Base) -> Bools:
    """Periods that the change is measured from."""
    last = kind.start - 1 - anticipation
    when = np.arange(len(kind.seen))
    return np.asarray(kind.seen & ((when <= last) if base == "mean" else (when == last)))


def _against_controls(design: Design, table: Table, kind: _Kind, before: Floats, after: Ints) -> _Weights | str:
    can = _controls(design, table, kind.start, before > 0, after)
    many = can.sum(axis=1)
    can, after, many = can[many > 0], after[many > 0], many[many > 0]
    if not len(after):
        return NO_POST
    each = 1 / len(after)
    own, others = -before, np.zeros_like(table.y)
    own[after] += each
    for period, members, n in zip(after, can, many, strict=True):
        others[members, period] -= each / n
        others[members] += (each / n) * before
    return _Weights(own, others, after, int(many.min()))


def _controls(design: Design, table: Table, start: int, before: Bools, after: Ints) -> Bools:
    """Who serves as control in each period after, [P, M]: observed in it and in the base, and untreated."""
    observed = table.seen[:, before].all(axis=1) & table.seen[:, after].T
    if design.control == "never":
        return np.asarray(observed & (table.start == design.n_periods))
    return np.asarray(observed & table.untreated[:, after].T & (table.start != start))


# ---- in words ---------------------------------------------------------------------------------------


def said_of_periods(panel: Panel, found: Comparisons, starts: Ints) -> list[str]:
    """Which event times stand behind the effects, and that they differ where they do."""
    each: dict[str, int] = {}
    for row, periods in zip(found.rows, found.periods, strict=True):
        since = elapsed(panel.clock, periods, int(starts[row]))
        text = plain(since[0]) if len(since) == 1 else f"{plain(since[0])} to {plain(since[-1])}"
        holes = "" if len(since) == 1 + periods[-1] - periods[0] else f" ({counted(len(since), 'period')} of them)"
        each[text + holes] = each.get(text + holes, 0) + 1
    words = [f"{text} ({counted(n, 'city', 'cities')})" for text, n in each.items()]
    said = [f"Each effect is the mean over event times {some(words, 8)}."]
    if len(each) > 1:
        said.append(
            "Cities are watched for different lengths, and effects may grow: `window: common` compares what all have."
        )
    return said


def common_window(panel: Panel, starts: NDArray[Any], last: int) -> tuple[float, float]:
    """Event times that every treated city reaches, until a last period."""
    reach = min(float(elapsed(panel.clock, last, int(s))) for s in starts)
    return 0.0, reach
