"""Sources joined on unit and period, one row each; nothing is matched that is not written alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scale_impact.core.building import periods
from scale_impact.core.building.labels import has_zone, kind, wrong_labels
from scale_impact.core.building.periods import Frequency
from scale_impact.core.building.recipe import Keep
from scale_impact.core.words import counted, plain, some
from scale_impact.errors import DataError

GAPS = ["unit", "period", "column", "reason"]
"""Columns of a table of values that are missing for a reason that is known."""


@dataclass(frozen=True, eq=False)
class Piece:
    """One source of a panel, with one row a unit and period.

    Attributes
    ----------
    name:
        The source's name, for messages.
    frame:
        Unit, period and the columns that it gives.
    unit, period:
        Columns of the unit and of the period; period None: the same in all periods.
    repeat:
        Whether its longer periods are repeated in the panel's shorter ones.
    gaps:
        Values that are missing for a known reason; columns as ``GAPS``.
    notes:
        What is to be said about how it was made, in sentences.
    """

    name: str
    frame: pd.DataFrame
    unit: str
    period: str | None
    repeat: bool = False
    gaps: pd.DataFrame | None = None
    notes: tuple[str, ...] = ()

    @cached_property
    def columns(self) -> list[str]:
        """What it gives, without unit and period."""
        return [str(c) for c in self.frame.columns if c not in (self.unit, self.period)]

    @cached_property
    def labels(self) -> list[str]:
        """Unit, and period where there is one."""
        return [self.unit, *([self.period] if self.period else [])]

    @cached_property
    def units(self) -> list[Any]:
        """Its units, each once."""
        return list(self.frame[self.unit].unique())

    @cached_property
    def of(self) -> Frequency:
        """What its periods are."""
        assert self.period is not None
        return periods.frequency(self.frame[self.period])


@dataclass(frozen=True, eq=False)
class Joined:
    """A panel of several sources.

    Attributes
    ----------
    frame:
        One row a unit and period, in that order, with all columns.
    gaps:
        Values that are missing for a known reason; columns as ``GAPS``.
    notes:
        What was left out, or is not there, in sentences.
    """

    frame: pd.DataFrame
    gaps: pd.DataFrame
    notes: tuple[str, ...]


def joined(pieces: Sequence[Piece], unit: str, period: str, keep: Keep = "first") -> Joined:
    """Join sources on unit and period.

    Parameters
    ----------
    pieces:
        The sources; the first one has periods.
    unit, period:
        What these columns are called in the panel.
    keep:
        Which units and periods: those of the first source, of ``all``, or those ``common`` to all.

    Raises
    ------
    DataError
        Units or periods are missing, stand twice or are written in different ways, a column comes
        from two sources, or sources have nothing in common: all problems at once.
    """
    pieces = _written_alike(pieces)
    if problems := [*_own_problems(pieces), *_columns_twice(pieces, unit, period)]:
        raise DataError(problems)
    if problems := [p for piece in pieces[1:] for p in _differences(pieces[0], piece)]:
        raise DataError(problems)
    rows = _rows(pieces, keep)
    if not len(rows):
        raise DataError(
            "The sources have no unit and period in common. Compare how they write units and periods, or say `keep: first`."
        )
    parts = [_placed(piece, rows) for piece in pieces]
    frame = pd.concat([rows.table.rename(columns={"u": unit, "p": period}), *(part.frame for part in parts)], axis=1)
    return Joined(frame, _gaps(pieces, rows), tuple(n for part in parts for n in part.notes))


def _written_alike(pieces: Sequence[Piece]) -> list[Piece]:
    """Pieces whose quarters, months and weeks are written in the one way, before rows are told apart by them."""
    found, problems = [], []
    for piece in pieces:
        try:
            found.append(_with_periods(piece))
        except DataError as error:
            problems += [f"{piece.name}: {p}" for p in error.problems]
    if problems:
        raise DataError(problems)
    return found


def _with_periods(piece: Piece) -> Piece:
    if piece.period is None:
        return piece
    frame = piece.frame.assign(**{piece.period: periods.written_alike(piece.frame[piece.period])})
    if piece.gaps is None or piece.gaps.empty:
        return replace(piece, frame=frame)
    return replace(piece, frame=frame, gaps=piece.gaps.assign(period=periods.written_alike(piece.gaps["period"])))


# ---- what is wrong -------------------------------------------------------------------------------------


def _own_problems(pieces: Sequence[Piece]) -> Iterator[str]:
    if pieces[0].period is None:
        yield f"The first part ({pieces[0].name}) has no period. Put a source with periods first; it says which rows there are."
    yield from (f"{piece.name} has no rows." for piece in pieces if piece.frame.empty)
    yield from (f"{piece.name}: {wrong}" for piece in pieces for wrong in wrong_labels(piece.frame, piece.labels))


def _columns_twice(pieces: Sequence[Piece], unit: str, period: str) -> Iterator[str]:
    given: dict[str, str] = {unit: "the panel's unit", period: "the panel's period"}
    for piece in pieces:
        for column in piece.columns:
            if column in given:
                yield f"{piece.name}: column {column!r} is already that of {given[column]}. Give one of them another name (`columns: {{new: old}}`)."
            given.setdefault(column, piece.name)


def _differences(first: Piece, piece: Piece) -> Iterator[str]:
    """Where a part writes units or periods in another way than the first."""
    unlike = list(_unlike_units(first, piece))
    yield from unlike
    if piece.period is not None and first.period is not None:
        yield from _unlike_periods(first, piece)
    if not unlike and not set(piece.units) & set(first.units):
        theirs, ours = (some(sorted(map(plain, p.units)), 3) for p in (piece, first))
        yield (
            f"{piece.name} has no unit of {first.name}: its units are {theirs}, there {ours}. Join them by a file (`names` or "
            "`crosswalk`)."
        )


def _unlike_units(first: Piece, piece: Piece) -> Iterator[str]:
    ours, theirs = first.frame[first.unit], piece.frame[piece.unit]
    kinds = kind(ours), kind(theirs)
    if kinds[0] != kinds[1] and "numbers" not in kinds:
        yield f"Units are {kinds[0]} in {first.name} and {kinds[1]} in {piece.name}. Give both `type: text` in their cards."
        return
    if kinds[0] != kinds[1]:
        culprit = first if kinds[0] == "numbers" else piece
        yield (
            f"Units are numbers in {culprit.name} ({plain(culprit.frame[culprit.unit].iloc[0])}) and text in the other source "
            f"({first.name} with {piece.name}). Give {culprit.unit!r} `type: text` in the card {culprit.name}."
        )
        return
    if kinds[0] == "text":
        yield from _almost_alike(first, piece)


def _almost_alike(first: Piece, piece: Piece) -> Iterator[str]:
    """Codes that differ by leading zeros, and labels that differ by spaces, from those of the first source."""
    known = set(first.units)
    lost = [u for u in piece.units if u not in known]
    bare = {u.strip().lstrip("0"): u for u in known if u.strip().isdigit()}
    zeros = [(u, bare[u.strip().lstrip("0")]) for u in lost if u.strip().isdigit() and u.strip().lstrip("0") in bare]
    if zeros:
        short = piece if len(zeros[0][0]) < len(zeros[0][1]) else first
        yield (
            f"{piece.name} writes {zeros[0][0]!r} where {first.name} writes {zeros[0][1]!r} ({counted(len(zeros), 'unit')}). {short.name} has lost zeros: give "
            f"{short.unit!r} `type: text` in the card {short.name}, or, if its file itself lacks them, name the units by a file (`names`)."
        )
        return
    spaces = {" ".join(u.split()): u for u in known}
    loose = [(u, spaces[" ".join(u.split())]) for u in lost if " ".join(u.split()) in spaces]
    if loose:
        yield (
            f"{piece.name} writes {loose[0][0]!r} where {first.name} writes {loose[0][1]!r} ({counted(len(loose), 'unit')}): spaces differ. "
            "Name the units by a file (`names`)."
        )


def _unlike_periods(first: Piece, piece: Piece) -> Iterator[str]:
    ours, theirs = first.frame[str(first.period)], piece.frame[str(piece.period)]
    shown = f"{piece.name} has {_example(theirs)} as period, {first.name} {_example(ours)}"
    if has_zone(ours) != has_zone(theirs) and piece.of in periods.LENGTH:
        zoned = first if has_zone(ours) else piece
        yield (
            f"{shown}: {zoned.name} has a time zone, the other has none, so it is not known whose days are meant. Aggregate {zoned.name} by the days of a "
            "place: aggregate: {to: day, every: hour, zone: Europe/Berlin, rules: ...}."
        )
    elif has_zone(ours) and has_zone(theirs) and kind(ours) != kind(theirs):
        yield f"{shown}: these are {kind(ours)} and {kind(theirs)}. Write both in one time zone, or aggregate both by the days of one place."
    elif first.of == piece.of and kind(ours) == kind(theirs):
        if piece.repeat:
            yield f"{shown}: `repeat: true` is for longer periods than the panel's. Leave it out."
    elif first.of == piece.of:
        yield f"{shown}: one is text, the other is not. Give both the same type (`type: number`, or `type: date`) in their cards."
    elif periods.longer(piece.of, first.of):
        if not piece.repeat:
            yield f"{shown}, which is shorter. Say `repeat: true` if each {piece.of} stands for all its periods, or aggregate {first.name} to: {piece.of}."
    elif periods.longer(first.of, piece.of):
        yield f"{shown}, which is longer. Say how rows become one: aggregate: {{to: {first.of}, rules: ...}}."
    else:
        yield f"{shown}; these cannot be compared. Write periods alike (2019, 2019Q1, 2019-03, 2019-03-31)."


def _example(labels: pd.Series[Any]) -> str:
    return f"{plain(labels.iloc[0])!r}" if kind(labels) == "text" else plain(labels.iloc[0])


# ---- joining -------------------------------------------------------------------------------------------


def _by_clock(labels: pd.Series[Any]) -> pd.Series[Any]:
    """First days of periods; of moments the times on the clocks of their time zone."""
    if has_zone(labels):
        return labels.dt.tz_localize(None)
    unique = pd.Series(pd.unique(labels), name=labels.name)
    return labels.map(dict(zip(unique, periods.starts(unique), strict=True)))


@dataclass(frozen=True, eq=False)
class _Rows:
    """Units and periods of the panel; rows in order of both."""

    units: pd.Index[Any]
    periods: pd.Index[Any]
    keys: NDArray[np.int64]
    of: Frequency

    def __len__(self) -> int:
        return len(self.keys)

    @cached_property
    def table(self) -> pd.DataFrame:
        """Unit ``u`` and period ``p`` of each row."""
        u, p = np.divmod(self.keys, len(self.periods))
        return pd.DataFrame({"u": self.units.take(u), "p": self.periods.take(p)})

    def places(self, piece: Piece) -> NDArray[np.intp]:
        """For each row of the panel, the row of a part; -1 where it has none."""
        if piece.period is None:
            return np.asarray(pd.Index(piece.frame[piece.unit]).get_indexer(pd.Index(self.table["u"])))
        if piece.repeat:
            return self._repeated(piece)
        keys = _keys(piece, self.units, self.periods)
        known = np.flatnonzero(keys >= 0)
        at = pd.Index(keys[known]).get_indexer(pd.Index(self.keys))
        return np.where(at >= 0, known[at], -1) if len(known) else np.full(len(self), -1)

    def _repeated(self, piece: Piece) -> NDArray[np.intp]:
        """Rows of the longer periods in which the panel's lie."""
        longer = periods.truncated(_by_clock(self.table["p"]), self.of, piece.of)  # type: ignore[arg-type]
        theirs = pd.MultiIndex.from_arrays([piece.frame[piece.unit], _by_clock(piece.frame[str(piece.period)])])
        return np.asarray(theirs.get_indexer(pd.MultiIndex.from_arrays([self.table["u"], longer])))


def _keys(piece: Piece, units: pd.Index[Any], clock: pd.Index[Any]) -> NDArray[np.int64]:
    """A number for each row's unit and period; -1 where the panel does not know one of them."""
    u, p = (
        units.get_indexer(pd.Index(piece.frame[piece.unit])),
        clock.get_indexer(pd.Index(piece.frame[str(piece.period)])),
    )
    return np.where((u < 0) | (p < 0), -1, u.astype(np.int64) * len(clock) + p)


def _rows(pieces: Sequence[Piece], keep: Keep) -> _Rows:
    """The rows of a panel. Repeated and constant parts add none; with ``common`` they take some away."""
    said = [p for p in pieces if p.period is not None and not p.repeat]
    sets = said[:1] if keep == "first" else said
    units = _union([p.frame[p.unit] for p in sets])
    clock = _union([p.frame[str(p.period)] for p in sets])
    found = [_keys(p, units, clock) for p in sets]
    keys = np.unique(found[0] if keep != "all" else np.concatenate(found))
    if keep == "common":
        for other in found[1:]:
            keys = np.intersect1d(keys, other)
    rows = _Rows(units, clock, keys, pieces[0].of)
    for piece in [p for p in pieces if keep == "common" and p not in said]:
        rows = replace(rows, keys=rows.keys[rows.places(piece) >= 0])
    return rows


def _union(columns: Sequence[pd.Series[Any]]) -> pd.Index[Any]:
    values = pd.unique(pd.concat(columns, ignore_index=True))
    return pd.Index(values).sort_values()


@dataclass(frozen=True, eq=False)
class _Placed:
    """A part's columns in the rows of the panel, and what of it is not used or not there."""

    frame: pd.DataFrame
    notes: tuple[str, ...]


def _placed(piece: Piece, rows: _Rows) -> _Placed:
    at = rows.places(piece)
    frame = piece.frame[piece.columns].reset_index(drop=True)
    if not (len(at) == len(frame) and (at == np.arange(len(frame))).all()):
        frame = frame.reindex(at).reset_index(drop=True)
    return _Placed(frame, (*(f"{piece.name}: {n}" for n in piece.notes), *_notes(piece, rows, at)))


def _notes(piece: Piece, rows: _Rows, at: NDArray[np.intp]) -> Iterator[str]:
    used = np.zeros(len(piece.frame), dtype=bool)
    used[at[at >= 0]] = True
    if (unused := int((~used).sum())) and not used.all():
        units = pd.unique(piece.frame.loc[~used, piece.unit])
        whole = sorted(map(plain, set(units) - set(piece.frame.loc[used, piece.unit])))
        names = f"; units that are not in the panel: {some(whole)}" if whole else ""
        yield f"{counted(unused, 'row')} of {piece.name} {'is' if unused == 1 else 'are'} not used{names}."
    if empty := int((at < 0).sum()):
        yield f"{counted(empty, 'unit and period', 'units and periods')} of the panel {'has' if empty == 1 else 'have'} no row in {piece.name}."


def _gaps(pieces: Sequence[Piece], rows: _Rows) -> pd.DataFrame:
    """Known reasons of missing values, of the panel's units and periods."""
    known = [p.gaps for p in pieces if p.gaps is not None and len(p.gaps)]
    if not known:
        return pd.DataFrame(columns=GAPS)
    table = pd.concat(known, ignore_index=True)
    return table[table["unit"].isin(rows.units)].reset_index(drop=True)
