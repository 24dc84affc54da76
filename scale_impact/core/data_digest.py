"""What a table holds, as short hashes by column, unit and period, so that a changed number can be found.

Hashes only: no value and no name of a unit can be read from them, because manifests are published and
data need not be. They tell where a table differs from one that is at hand, not what the other held.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scale_impact.core.words import counted, plain, some

MOST = 5_000
"""Units and periods together up to which their hashes are kept."""

MOST_HASHES = 40_000
"""Hashes by unit and period of all columns together up to which they are kept: 320 kB."""

Words = NDArray[np.uint64]


def digest(frame: pd.DataFrame, unit: str | None, period: str) -> dict[str, Any]:
    """Rows, kinds and hashes of a table's columns; for small tables also by unit and by period."""
    units, periods = _labels(frame, unit), _labels(frame, period)
    cells = {str(name): _cells(frame[name]) for name in frame.columns}
    place = _mixed(units.hashes[units.codes] + _mixed(periods.hashes[periods.codes]))
    found: dict[str, Any] = {
        "rows": len(frame),
        "kinds": {str(name): _kind(frame[name]) for name in frame.columns},
        "columns": {name: f"{int(_mixed(cell + place).sum(dtype=np.uint64)):016x}" for name, cell in cells.items()},
    }
    size = len(units.names) + len(periods.names)
    if size > MOST or size * len(cells) > MOST_HASHES:
        return found
    return found | {
        "units": _text(units.hashes),
        "periods": _text(periods.hashes),
        "by_unit": {name: _sums(cell, units, periods) for name, cell in cells.items()},
        "by_period": {name: _sums(cell, periods, units) for name, cell in cells.items()},
    }


# ---- hashing -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Labels:
    """Labels of a column in the order of their texts: names, a hash each, and the label of each row."""

    names: list[Any]
    hashes: Words
    codes: NDArray[np.intp]


def _labels(frame: pd.DataFrame, column: str | None) -> _Labels:
    """The labels of a column; one for all rows where there is none."""
    if column is None or column not in frame:
        return _Labels([""], np.zeros(1, dtype=np.uint64), np.zeros(len(frame), dtype=np.intp))
    codes, names = pd.factorize(frame[column], use_na_sentinel=False)
    order = sorted(range(len(names)), key=lambda k: plain(names[k]))
    rank = np.empty(len(names), dtype=np.intp)
    rank[order] = np.arange(len(names))
    hashes = np.array([_hash(plain(names[k])) for k in order], dtype=np.uint64)
    return _Labels([names[k] for k in order], hashes, rank[codes])


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8], "big")


def _kind(column: pd.Series[Any]) -> str:
    if column.dtype.kind in "biuf":
        return "numbers"
    return "dates" if column.dtype.kind == "M" else "text"


def _cells(column: pd.Series[Any]) -> Words:
    """A number for each cell, by its value: 10 and 10.0 are one, whatever other cells of the column hold."""
    if _kind(column) == "numbers":
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        words: Words = np.where(np.isnan(values), np.nan, values).view(np.uint64)
        return words + _beyond_floats(column)
    if _kind(column) == "dates":
        return np.asarray(column.to_numpy(dtype="datetime64[ns]").view(np.uint64))
    codes, values = pd.factorize(column.map(str, na_action="ignore"))  # missing is -1, the last of the words
    hashes: Words = np.array([*(_hash(v) for v in values), 0], dtype=np.uint64)
    chosen: Words = hashes[codes]
    return chosen


def _beyond_floats(column: pd.Series[Any]) -> Words:
    """What whole numbers of more than 53 bits lose as floats; 0 for all others."""
    if column.dtype.kind not in "iu" or column.isna().any():
        return np.zeros(len(column), dtype=np.uint64)
    whole = column.to_numpy(dtype=np.uint64 if column.dtype.kind == "u" else np.int64).view(np.uint64)
    return np.where(np.abs(column.to_numpy(dtype=np.float64)) > 2.0**53, whole, np.uint64(0))


def _mixed(words: Words) -> Words:
    """Each word scattered over 64 bits (Steele, Lea and Flood 2014, SplitMix64), so that sums of them tell apart what differs."""
    mixed = words + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(mixed ^ (mixed >> np.uint64(31)))


def _sums(cells: Words, of: _Labels, across: _Labels) -> str:
    """A hash for each label ``of`` which are all its cells, in any order of rows."""
    sums = np.zeros(len(of.names), dtype=np.uint64)
    np.add.at(sums, of.codes, _mixed(cells + across.hashes[across.codes]))
    return _text(sums)


def _text(words: Words) -> str:
    """Words as text, 8 digits each: one in 4,000,000,000 changes is not seen."""
    return "".join(f"{int(word) >> 32:08x}" for word in words)


def _split(text: str) -> list[str]:
    return [text[k : k + 8] for k in range(0, len(text), 8)]


# ---- comparing -----------------------------------------------------------------------------------------


def differences(
    was: Mapping[str, Any], frame: pd.DataFrame, unit: str | None, period: str, old: pd.DataFrame | None = None
) -> list[str]:
    """Where a table differs from one of which the digest is known, in words.

    Parameters
    ----------
    was:
        Digest of the earlier table.
    frame:
        The table as it is.
    old:
        The earlier table, where it is at hand: a changed number is then said with what it was.
    """
    now = digest(frame, unit, period)
    said = [*_columns(was, now), *_rows(was, now)]
    both = [name for name in now["columns"] if name in was["columns"]]
    changed = [name for name in both if now["columns"][name] != was["columns"][name]]
    if "by_unit" in was and "by_unit" in now:
        tables = _Tables(
            _Axis.of(was, now, frame, unit, "unit"), _Axis.of(was, now, frame, period, "period"), frame, old
        )
        said += [*tables.came_or_went(), *(s for name in changed if (s := tables.sentence(name)) is not None)]
    elif changed:
        said.append(f"values of {some(changed)}")
    return said or [
        "the same values, written another way (order of rows, form of numbers, or columns that the card does not name)"
    ]


def _columns(was: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    new = [f"column {name} is new" for name in now["columns"] if name not in was["columns"]]
    gone = [f"column {name} is gone" for name in was["columns"] if name not in now["columns"]]
    kinds = [
        f"{name} holds {kind} now, held {was['kinds'][name]}"
        for name, kind in now["kinds"].items()
        if was["kinds"].get(name, kind) != kind
    ]
    return new + gone + kinds


def _rows(was: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    return [] if was["rows"] == now["rows"] else [f"{counted(now['rows'], 'row')}, was {was['rows']:,}"]


@dataclass(frozen=True)
class _Axis:
    """Units, or periods, of two tables.

    ``both`` holds the names of those in both tables with their places now and then, ``came`` those that
    are new; ``went`` counts those that are gone, whose names are not kept. ``was`` and ``now`` are the
    hashes of columns, in the order of places.
    """

    kind: str
    column: str | None
    both: list[tuple[Any, int, int]]
    came: list[Any]
    went: int
    was: Mapping[str, str]
    now: Mapping[str, str]

    @classmethod
    def of(
        cls, was: Mapping[str, Any], now: Mapping[str, Any], frame: pd.DataFrame, column: str | None, kind: str
    ) -> _Axis:
        before, after = _split(was[f"{kind}s"]), _split(now[f"{kind}s"])
        places = {key: k for k, key in enumerate(before)}
        named = list(zip(_labels(frame, column).names, after, strict=True))
        return cls(
            kind, column,
            both=[(name, k, places[key]) for k, (name, key) in enumerate(named) if key in places],
            came=[name for name, key in named if key not in places],
            went=len(set(before) - set(after)),
            was=was[f"by_{kind}"], now=now[f"by_{kind}"],
        )  # fmt: skip

    @property
    def moved(self) -> bool:
        """Whether any came or went."""
        return bool(self.came) or self.went > 0

    def changed(self, column: str) -> list[Any]:
        """Those of both tables in which a column differs."""
        was, now = _split(self.was[column]), _split(self.now[column])
        return [name for name, k, before in self.both if now[k] != was[before]]

    def came_or_went(self) -> list[str]:
        new = [f"new {self.column} {some(self.came)}"] if self.came else []
        return new + ([f"{counted(self.went, self.kind)} gone"] if self.went else [])

    def words(self, names: Sequence[Any]) -> str:
        """`` of town 00003``, `` in 2001, 2002``; all of several need no words."""
        if self.column is None or len(names) == len(self.both) > 1:
            return ""
        return f" of {self.column} {some(names, 3)}" if self.kind == "unit" else f" in {some(names, 3)}"

    def rows(self, frame: pd.DataFrame, name: Any) -> pd.Series[bool]:
        """The rows of a label."""
        if self.column is None:
            return pd.Series(True, index=frame.index)
        return frame[self.column].map(plain) == plain(name)


@dataclass(frozen=True)
class _Tables:
    """Two tables: their units and periods, the one that is there and, where it is at hand, the earlier one."""

    units: _Axis
    periods: _Axis
    frame: pd.DataFrame
    old: pd.DataFrame | None

    def came_or_went(self) -> list[str]:
        """Units and periods that came or went; where both did, no number can be found by them."""
        unknown = ["whether other numbers changed cannot be told"] if self.units.moved and self.periods.moved else []
        return [*self.units.came_or_went(), *self.periods.came_or_went(), *unknown]

    def sentence(self, column: str) -> str | None:
        """Where a column differs; None where rows came or went and all others are as they were."""
        units, periods = self.units.changed(column), self.periods.changed(column)
        if column in (self.units.column, self.periods.column):
            return None  # said by which rows there are
        if self.units.moved or self.periods.moved:
            return self._in_those_that_stayed(column, units, periods)
        if len(units) == len(periods) == 1:
            return self._one(column, units[0], periods[0])
        return self._several(column, f"{self.units.words(units)}{self.periods.words(periods)}")

    def _several(self, column: str, place: str) -> str:
        return f"{column}{place}" if place else f"all of {column}"

    def _in_those_that_stayed(self, column: str, units: list[Any], periods: list[Any]) -> str | None:
        """A new period is in the hashes of all units, a new unit in those of all periods: the other axis tells."""
        if self.units.moved and self.periods.moved:
            return None
        words = self.periods.words(periods) if self.periods.moved else self.units.words(units)
        return self._several(column, words) if (periods if self.periods.moved else units) else None

    def _one(self, column: str, unit: Any, period: Any) -> str:
        """One changed number, with what it was where that is known."""
        place = f"{column}{self.units.words([unit])}{self.periods.words([period])}"
        new = self._value(self.frame, column, unit, period)
        before = None if self.old is None else self._value(self.old, column, unit, period)
        return place if new is None else f"{place}: {new}, was {before or 'another value'}"

    def _value(self, frame: pd.DataFrame, column: str, unit: Any, period: Any) -> str | None:
        """The value at one place; None where several rows are there."""
        found = frame.loc[self.units.rows(frame, unit) & self.periods.rows(frame, period), column]
        if len(found) != 1:
            return None
        return "no value" if bool(found.isna().iloc[0]) else plain(found.iloc[0])
