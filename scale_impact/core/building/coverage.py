"""Coverage: which units are observed when, column by column, and why values are missing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scale_impact.core.streams_parquet import ParquetTable, quoted
from scale_impact.core.words import counted, nearest, plain, some
from scale_impact.errors import DataError

NEVER, LATER, ENDED, GAP = "never observed", "not yet started", "ended", "gap"
"""Why a value is missing, where nothing more is known: in relation to the unit's first and last value of the column."""

LARGEST = 20_000_000
"""Units times periods up to which a coverage is made: one byte for each, and one of each column in turn."""


@dataclass(frozen=True, eq=False)
class Coverage:
    """Which values of a panel there are.

    Attributes
    ----------
    unit, period:
        Columns of the unit and of the period.
    units, periods, columns:
        Their labels, in order.
    share:
        Share of the columns that is observed, units x periods, 0 to 1.
    by_column:
        One row a column: observed, missing, share, first and last period observed, and the number of
        missing values by reason.
    missing:
        One row a stretch of missing values: unit, column, from, to, periods, reason.
    notes:
        What was left out when sources were joined, in sentences.
    """

    unit: str
    period: str
    units: tuple[Any, ...]
    periods: tuple[Any, ...]
    columns: tuple[str, ...]
    share: NDArray[np.float64]
    by_column: pd.DataFrame
    missing: pd.DataFrame
    notes: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """The table by column."""
        return self.by_column

    def sentences(self) -> list[str]:
        """What there is, and what is missing, in words."""
        size = f"{counted(len(self.units), 'unit')} x {counted(len(self.periods), 'period')} ({plain(self.periods[0])} to {plain(self.periods[-1])})"
        overall = float(self.share.mean()) if self.share.size else 0.0
        whole = int((self.share == 1).all(axis=1).sum())
        said = [
            f"{size}, {counted(len(self.columns), 'column')}: {_percent(overall)} of all values are there; {counted(whole, 'unit')} complete."
        ]
        return [*said, *_worst(self.by_column), *_reasons(self.by_column), *self.notes]


def _percent(share: float) -> str:
    """``100 %`` only where nothing is missing."""
    return f"{100 * share:.0f} %" if share in (0.0, 1.0) else f"{min(max(100 * share, 0.1), 99.9):.1f} %"


def _worst(table: pd.DataFrame) -> Iterator[str]:
    short = table[table["share"] < 1].sort_values(["share", "column"])
    if len(short):
        named = [f"{r.column} ({_percent(float(str(r.share)))})" for r in short.itertuples()]
        yield f"Not complete: {some(named, 5)}."


def _reasons(table: pd.DataFrame) -> Iterator[str]:
    reasons = [c for c in table.columns if c not in FIXED]
    totals = table[reasons].sum().sort_values(ascending=False)
    if totals.sum():
        yield f"Missing: {some([f'{n:,} {reason}' for reason, n in totals.items() if n], 8)}."


FIXED = ("column", "observed", "missing", "share", "first", "last")
"""Columns of the table by column that are no reasons."""


def coverage(
    data: pd.DataFrame | ParquetTable,
    unit: str,
    period: str,
    columns: Sequence[str] | None = None,
    gaps: pd.DataFrame | None = None,
    notes: tuple[str, ...] = (),
) -> Coverage:
    """Which values of a panel there are, and why others are missing.

    Parameters
    ----------
    data:
        A frame, or Parquet files. A value counts as observed where any row of the unit and period has it.
    columns:
        The columns that are looked at; default all but unit and period.
    gaps:
        Values that are missing for a reason that is known: columns ``unit``, ``period``, ``column``,
        ``reason``.
    notes:
        What was left out when sources were joined.

    Raises
    ------
    DataError
        Columns are not there, or units times periods are too many.
    """
    chosen = [c for c in data.columns if c not in (unit, period)] if columns is None else list(columns)
    if lost := [c for c in (unit, period, *chosen) if c not in list(data.columns)]:
        raise DataError([f"There is no column {c!r}. {nearest(c, data.columns)}" for c in lost])
    grid = _Grid.of(_looked_at(data, unit, period, chosen), unit, period)
    tables = [_Column(grid, c, None if gaps is None else gaps[gaps["column"] == c]) for c in chosen]
    share = sum((t.there.astype(float) for t in tables), np.zeros(grid.shape)) / max(len(tables), 1)
    rows = pd.DataFrame([t.row() for t in tables])
    reasons = [c for c in rows.columns if c not in FIXED]
    rows[reasons] = rows[reasons].fillna(0).astype("int64")
    stretches = [t.stretches() for t in tables]
    missing = pd.concat(stretches, ignore_index=True) if stretches else pd.DataFrame(columns=STRETCH)
    return Coverage(unit, period, tuple(grid.units), tuple(grid.periods), tuple(chosen), share, rows, missing, notes)


STRETCH = ["unit", "column", "from", "to", "periods", "reason"]


def _looked_at(data: pd.DataFrame | ParquetTable, unit: str, period: str, columns: Sequence[str]) -> pd.DataFrame:
    """Unit, period and the columns; of Parquet files one row a unit and period, with 1 for what is observed."""
    if isinstance(data, pd.DataFrame):
        return data[[unit, period, *columns]]
    there = [f"max(CASE WHEN {_known(data, c)} THEN 1.0 END) AS {quoted(c)}" for c in columns]
    labels = [f"{data.value(c)} AS {quoted(c)}" for c in (unit, period)]
    with data.connected() as con:
        return pd.DataFrame(con.execute(f"SELECT {', '.join([*labels, *there])} FROM {data.source} GROUP BY ALL").df())


def _known(data: ParquetTable, column: str) -> str:
    """Whether a cell holds a value, in SQL; NaN is none."""
    value = data.value(column)
    return f"{value} IS NOT NULL" + (f" AND NOT isnan({value})" if data.kind(column) in ("FLOAT", "DOUBLE") else "")


@dataclass(frozen=True, eq=False)
class _Grid:
    """Units and periods of a frame, in order, and the place of each row; -1 where a label is missing."""

    frame: pd.DataFrame
    units: pd.Index[Any]
    periods: pd.Index[Any]
    place: NDArray[np.intp]

    @classmethod
    def of(cls, frame: pd.DataFrame, unit: str, period: str) -> _Grid:
        """The grid of a frame."""
        u, units = pd.factorize(frame[unit], sort=True)
        p, clock = pd.factorize(frame[period], sort=True)
        if len(units) * len(clock) > LARGEST:
            raise DataError(
                f"{len(units):,} units x {len(clock):,} periods are too many for a coverage. Aggregate to longer periods first."
            )
        if not len(units) or not len(clock):
            raise DataError("The data have no rows with a unit and a period.")
        return cls(frame, pd.Index(units), pd.Index(clock), np.where((u < 0) | (p < 0), -1, u * len(clock) + p))

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.units), len(self.periods)

    def marked(self, rows: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Units x periods that have at least one of some rows."""
        marks = np.zeros(self.shape, dtype=bool)
        marks.flat[self.place[rows & (self.place >= 0)]] = True
        return marks


@dataclass(frozen=True, eq=False)
class _Column:
    """One column on the grid."""

    grid: _Grid
    name: str
    gaps: pd.DataFrame | None

    @property
    def there(self) -> NDArray[np.bool_]:
        """Observed, units x periods."""
        return self.grid.marked(self.grid.frame[self.name].notna().to_numpy())

    def reasons(self) -> tuple[NDArray[np.int16], list[str]]:
        """For each cell 0 (observed) or the number of a reason, and the reasons."""
        there, n = self.there, self.grid.shape[1]
        ever = there.any(axis=1, keepdims=True)
        first = there.argmax(axis=1)[:, None]
        last = n - 1 - there[:, ::-1].argmax(axis=1)[:, None]
        at = np.arange(n)[None, :]
        codes = np.select([there, ~ever, at < first, at > last], [0, 1, 2, 3], 4).astype(np.int16)
        return self._explained(codes, there, ["", NEVER, LATER, ENDED, GAP])

    def _explained(
        self, codes: NDArray[np.int16], there: NDArray[np.bool_], names: list[str]
    ) -> tuple[NDArray[np.int16], list[str]]:
        """Reasons that are known put in place of what was inferred."""
        if self.gaps is None or self.gaps.empty:
            return codes, names
        u, p = self.grid.units.get_indexer(self.gaps["unit"]), self.grid.periods.get_indexer(self.gaps["period"])
        kinds, said = pd.factorize(self.gaps["reason"].map(_kind_of))
        inside = (u >= 0) & (p >= 0)
        codes[u[inside], p[inside]] = np.where(there[u[inside], p[inside]], 0, kinds[inside] + len(names))
        return codes, [*names, *map(str, said)]

    def row(self) -> dict[str, Any]:
        """The column's line in the table."""
        codes, names = self.reasons()
        seen = np.flatnonzero((codes == 0).any(axis=0))
        counts = np.bincount(codes.ravel(), minlength=len(names))
        ends = (
            {"first": self.grid.periods[seen[0]], "last": self.grid.periods[seen[-1]]}
            if len(seen)
            else {"first": None, "last": None}
        )
        total = {"observed": int(counts[0]), "missing": int(counts[1:].sum()), "share": counts[0] / codes.size}
        return {"column": self.name, **total, **ends, **{names[k]: int(counts[k]) for k in range(1, len(names))}}

    def stretches(self) -> pd.DataFrame:
        """Missing values as stretches of periods that follow each other for one reason."""
        codes, names = self.reasons()
        edge = np.ones(codes.shape, dtype=bool)
        edge[:, 1:] = codes[:, 1:] != codes[:, :-1]
        begin = np.flatnonzero(edge)
        length = np.diff(np.append(begin, codes.size))
        begin, length = begin[codes.flat[begin] > 0], length[codes.flat[begin] > 0]
        u, p = np.divmod(begin, codes.shape[1])
        clock = self.grid.periods
        return pd.DataFrame({
            "unit": self.grid.units[u], "column": self.name, "from": clock[p], "to": clock[p + length - 1], "periods": length,
            "reason": [names[k] for k in codes.flat[begin]],
        })  # fmt: skip


def _kind_of(reason: str) -> str:
    """A reason without the numbers of one case: ``3 of 31 observed (every day), under 0.75 of them``."""
    return "too little observed" if " observed (every " in reason else reason
