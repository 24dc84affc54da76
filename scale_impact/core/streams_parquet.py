"""Parquet files of any size, read through DuckDB in memory that does not grow with them.

Files whose row groups lie in order of the unit are read range by range. In files in any other
order the rows of a unit may lie anywhere: they are written once, by the hash of the unit, into
temporary files that are then read one by one. Either way each unit is whole in one part.
"""

from __future__ import annotations

import math
import shutil
import tempfile
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from glob import glob, has_magic
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scale_impact.core.cohorts import threads
from scale_impact.core.design import Design
from scale_impact.core.panel import LARGEST, Panel, absent_columns, label_missing, outcome_problems
from scale_impact.core.panel import Cases as RowCases
from scale_impact.core.streams import Facts, Question, layout_of, question_of, streamed_design, streamed_panel
from scale_impact.core.streams_parts import Layout, Part, Rows, reduced, with_origin
from scale_impact.core.words import plain
from scale_impact.errors import DataError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MEMORY = "1GB"
"""What reading may take, by default; Python itself comes on top."""

BYTES_A_ROW = 500
"""Of memory, for a row of the part at hand: what is read of it, and what it becomes."""

NUMBERS = (
    "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT",
    "FLOAT", "DOUBLE", "BOOLEAN",
)  # fmt: skip
FLOATS = ("FLOAT", "DOUBLE")
EXACT = (*(n for n in NUMBERS if n not in ("HUGEINT", "UHUGEINT", "BOOLEAN")), "DATE", "TIMESTAMP", "TIMESTAMP_NS")
"""Types of units that come as numpy arrays; units of other types are numbered first."""

ABSENT = "(y IS NULL OR isnan(y))"
INFINITE = "coalesce(isinf(y), false)"
FAR = f"coalesce(abs(y) > {LARGEST} AND isfinite(y), false)"
"""Rows whose outcome is missing, infinite or beyond what can be calculated with, in SQL."""

VECTORS = 512
"""Of 2,048 rows: what is read at once where no unit is followed."""

WASTE = 1.5
"""Files count as in order of the unit where reading by ranges reads at most so many times their rows."""


def files_of(paths: str | Path | Sequence[str | Path]) -> list[Path]:
    """The files that paths, patterns and folders stand for, sorted within each.

    Raises
    ------
    DataError
        There is none.
    """
    given = [paths] if isinstance(paths, (str, Path)) else list(paths)
    found = {str(p): _matching(str(p)) for p in given}
    if not given:
        raise DataError("No Parquet file is named.")
    if empty := [p for p, files in found.items() if not files]:
        raise DataError([f"There is no Parquet file {p}." for p in empty])
    return list(dict.fromkeys(f for files in found.values() for f in files))


def _matching(path: str) -> list[Path]:
    if Path(path).is_dir():
        return sorted(Path(path).rglob("*.parquet"))
    if has_magic(path) and not Path(path).exists():
        return sorted(Path(p) for p in glob(path, recursive=True) if Path(p).is_file())
    return [Path(path)] if Path(path).is_file() else []


@dataclass(frozen=True, eq=False)
class ParquetTable:
    """Parquet files as one table.

    Attributes
    ----------
    files:
        The files, with the same columns.
    types:
        Columns that may be used, each with ``text``, ``number``, ``date`` or None (as it is
        stored); None: all.
    memory:
        What reading may take, such as ``1GB``.
    missing:
        Texts that mean "no value", such as ``-999``, in columns of texts, numbers and dates.
    """

    files: tuple[Path, ...]
    types: Mapping[str, str | None] | None = None
    memory: str = MEMORY
    missing: tuple[str, ...] = ()

    @classmethod
    def of(cls, paths: str | Path | Sequence[str | Path], **more: Any) -> ParquetTable:
        """The table of files, patterns or folders."""
        return cls(tuple(files_of(paths)), **more)

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self._ends[0]

    @property
    def stored(self) -> dict[str, str]:
        """Columns of the files with DuckDB's names of their types."""
        return self._ends[1]

    @cached_property
    def _ends(self) -> tuple[int, dict[str, str]]:
        """What the ends of the files say, without reading rows."""
        with self.connected() as con:
            columns = con.execute(f"DESCRIBE FROM {self.source}").fetchall()
            ((rows,),) = con.execute(f"SELECT sum(num_rows) FROM parquet_file_metadata({self.listed})").fetchall()
        return int(rows or 0), {name: kind for name, kind, *_ in columns}

    @property
    def columns(self) -> list[str]:
        """The columns that may be used."""
        return list(self.stored if self.types is None else self.types)

    @property
    def source(self) -> str:
        """The files in SQL."""
        return f"read_parquet({self.listed}, union_by_name = true)"

    @property
    def listed(self) -> str:
        """The files as a list in SQL."""
        return "[" + ", ".join("'" + str(f).replace("'", "''") + "'" for f in self.files) + "]"

    def kind(self, name: str) -> str:
        """The type of a column as it is read."""
        stored, asked = self.stored[name], (self.types or {}).get(name)
        if asked == "text":
            return "VARCHAR"
        if asked == "number" and not _is_number(stored):
            return "DOUBLE"
        return "TIMESTAMP" if asked == "date" and not stored.startswith(("DATE", "TIMESTAMP")) else stored

    def value(self, name: str) -> str:
        """A column in SQL, as it is read."""
        stored, kind = self.stored[name], self.kind(name)
        cell = self.held(name)
        if kind == stored:
            return cell
        if kind == "VARCHAR":
            return _as_text(cell, stored)
        if (
            stored == "VARCHAR" and kind == "TIMESTAMP"
        ):  # a cast to it alone would pass over the distance from universal time
            return f"timezone('UTC', CAST({_filled(cell)} AS TIMESTAMPTZ))"
        return f"CAST({_filled(cell) if stored == 'VARCHAR' else cell} AS {kind})"

    def held(self, name: str) -> str:
        """A column in SQL as it is stored, without what means "no value"."""
        stored, cell = self.stored[name], quoted(name)
        is_nested = stored.endswith(("[]", ")")) and not stored.startswith("DECIMAL")
        if not self.missing or is_nested or stored == "BOOLEAN":
            return cell
        as_ = "DOUBLE" if _is_number(stored) and stored != "FLOAT" else stored
        texts = ("'" + text.replace("'", "''") + "'" for text in self.missing)
        return f"CASE WHEN {cell} IN ({', '.join(f'TRY_CAST({t} AS {as_})' for t in texts)}) THEN NULL ELSE {cell} END"

    def unfit(self, name: str) -> str | None:
        """Which cells cannot be what the column's type says, in SQL; None where all can."""
        stored, asked, cell = self.stored[name], (self.types or {}).get(name), self.held(name)
        is_date = stored.startswith(("DATE", "TIMESTAMP"))
        if {"number": _is_number(stored), "date": is_date}.get(asked or "text", True):
            return None
        if stored != "VARCHAR":
            return f"{cell} IS NOT NULL"
        return f"{_filled(cell)} IS NOT NULL AND TRY_CAST({_filled(cell)} AS {self.kind(name)}) IS NULL"

    def frame(self) -> pd.DataFrame:
        """The whole table in memory."""
        chosen = ", ".join(f"{self.value(c)} AS {quoted(c)}" for c in self.columns)
        with self.connected(limited=False) as con:
            return pd.DataFrame(con.execute(f"SELECT {chosen} FROM {self.source}").df())

    def describe(self) -> pd.DataFrame:
        """Count, mean, standard deviation and ends of each column of numbers, as ``DataFrame.describe`` without quartiles."""
        names = [c for c in self.columns if _is_number(self.kind(c))]
        values = {c: f"nullif(CAST({self.value(c)} AS DOUBLE), 'nan'::DOUBLE)" for c in names}
        functions = {"count": "count", "mean": "avg", "std": "stddev_samp", "min": "min", "max": "max"}
        with self.connected() as con:
            chosen = ", ".join(f"{f}({v})" for v in values.values() for f in functions.values()) or "1"
            (row,) = con.execute(f"SELECT {chosen} FROM {self.source}").fetchall()
        table = np.array(row if names else [], dtype=float).reshape(-1, len(functions)).T
        return pd.DataFrame(table, index=list(functions), columns=names)

    @contextmanager
    def connected(self, scratch: str | None = None, *, limited: bool = True) -> Iterator[DuckDBPyConnection]:
        """A connection of its own; what DuckDB cannot do with the files is said of them."""
        import duckdb

        limit = {"memory_limit": self._limit, "temp_directory": scratch or ""} if limited else {}
        options: dict[str, Any] = {"threads": threads(), **limit}
        con = duckdb.connect(config=options)
        try:
            made_alike(con)
            yield con
        except duckdb.Error as error:
            what = " ".join(str(error).split())
            raise DataError(f"{_shown(self.files)} cannot be read as Parquet: {what}") from error
        finally:
            con.close()

    @property
    def _limit(self) -> str:
        """DuckDB's share of the memory."""
        return f"{int(0.6 * bytes_of(self.memory) / 1e6)}MB"


def _filled(cell: str) -> str:
    """A cell of text in SQL that is to become a number or a date: nothing but blanks is no value."""
    return f"nullif(trim({cell}), '')"


def _as_text(cell: str, stored: str) -> str:
    """Cells as text in SQL, as data in memory become text: 1984, not 1984.0; 2024-07-31, not 2024-07-31 00:00:00."""
    text = f"CAST({cell} AS VARCHAR)"
    if stored in FLOATS:
        whole = f"{cell} = trunc({cell}) AND abs({cell}) < 9e18"
        return f"CASE WHEN isnan({cell}) THEN NULL WHEN {whole} THEN CAST(CAST({cell} AS BIGINT) AS VARCHAR) ELSE {text} END"
    if stored.startswith("TIMESTAMP"):
        return f"replace(regexp_replace({text}, ' 00:00:00$', ''), ' ', 'T')"
    return text


def bytes_of(memory: str) -> float:
    """``1GB`` as a number of bytes.

    Raises
    ------
    DataError
        It is no such text, or less than 200 MB.
    """
    units = {"MB": 1e6, "GB": 1e9, "MIB": 2**20, "GIB": 2**30}
    text = str(memory).replace(" ", "").upper()
    unit = next((u for u in ("MIB", "GIB", "MB", "GB") if text.endswith(u)), None)
    number = text.removesuffix(unit or "")
    if unit is None or not number.replace(".", "", 1).isdigit() or float(number) * units[unit] < 2e8:
        raise DataError(f"memory is {memory!r}; write a size of 200MB or more, such as 1GB or 800MB.")
    return float(number) * units[unit]


def made_alike(con: DuckDBPyConnection) -> None:
    """Let the same query give the same answer everywhere: moments are those of universal time, whatever the machine's zone."""
    con.execute("SET TimeZone = 'UTC'")
    without_progress(con)


def without_progress(con: DuckDBPyConnection) -> None:
    """No progress bar, whose text a notebook would keep; where there is none, as in a kernel without widgets, it may not be set."""
    if con.execute("SELECT current_setting('enable_progress_bar')").fetchall()[0][0]:
        con.execute("SET enable_progress_bar = false")


def quoted(name: str) -> str:
    """A column's name in SQL."""
    return '"' + name.replace('"', '""') + '"'


def stream_parquet(
    paths: str | Path | Sequence[str | Path], *, memory: str = MEMORY, **question: Any
) -> tuple[Panel, Design]:
    """Panel and design of Parquet files of any size.

    Parameters
    ----------
    paths:
        A file, a pattern, a folder, or a list of these.
    memory:
        What reading may take.
    question:
        unit, period, outcome, missing as in ``Panel.from_frame``; the rest as in
        ``Design.from_panel``.

    Returns
    -------
    A panel and a design for all estimators and checks that need no single units.

    Raises
    ------
    DataError, DesignError
        As ``Panel.from_frame`` and ``Design.from_panel``; the files cannot be read.
    """
    panel = panel_of_table(ParquetTable.of(paths, memory=memory), question_of(**question))
    return panel, streamed_design(panel)


def panel_of_table(table: ParquetTable, question: Question) -> Panel:
    """The panel of Parquet files, in bounded memory; its design is known with it (``streamed_design``)."""
    if problems := absent_columns(table.columns, question.columns) or absent_columns(table.stored, question.columns):
        raise DataError(problems)
    with tempfile.TemporaryDirectory(prefix="scale_impact-") as scratch, table.connected(scratch) as con:
        reader = _Reader(table, question, con, Path(scratch))
        facts = reader.facts()
        layout = layout_of(question, facts)
        return streamed_panel(question, facts, layout, _parts(reader.parts(), layout))


def _parts(rows: Iterator[Rows], layout: Layout) -> Iterator[Part]:
    """Each part reduced; the first one says from where outcomes are measured."""
    first = True
    for part in rows:
        layout, first = (with_origin(layout, part) if first else layout), False
        yield reduced(part, layout)


@dataclass(frozen=True, eq=False)
class _Reader:
    """One table and one question: labels are numbered first, then rows are read part by part."""

    table: ParquetTable
    question: Question
    con: DuckDBPyConnection
    scratch: Path

    def _sql(self, query: str, values: Sequence[Any] = ()) -> DuckDBPyConnection:
        return self.con.execute(query, list(values))

    def _base(self, *more: str) -> str:
        """The rows with the columns of the question under fixed names; missing labels are NULL."""
        question = self.question
        names = {
            "unit": question.unit,
            "period": question.period,
            "label": question.treatment,
            "cluster": question.cluster,
        }
        chosen = [f"{self._label(c)} AS {alias}" for alias, c in names.items() if c is not None]
        outcome = f"CAST({self.table.value(question.outcome)} AS DOUBLE) AS y"
        extra = "".join(f", {m} = true" for m in more)
        return f"(SELECT {', '.join([*chosen, outcome, *more])} FROM read_parquet({self.table.listed}, union_by_name = true{extra})) AS s"

    def _label(self, name: str) -> str:
        value = self.table.value(name)
        return f"CASE WHEN isnan({value}) THEN NULL ELSE {value} END" if self.table.kind(name) in FLOATS else value

    @property
    def _kept(self) -> str:
        """Which rows are read in parts, in SQL."""
        return f"NOT {ABSENT}" if self.question.missing == "drop" and not self.question.keeps_missing else "TRUE"

    # ---- what all rows say -------------------------------------------------------------------------

    def facts(self) -> Facts:
        """Look at all rows once; refuse missing labels and outcomes that are no numbers."""
        question = self.question
        if not _is_number(kind := self.table.kind(question.outcome)):
            raise DataError(
                f"Outcome {question.outcome!r} is of type {kind}, not a number. Store numbers, or say `type: number` for it in the source's card."
            )
        seen = self._by_period()
        rows, missing = int(seen["n"].sum()), int(seen["absent"].sum())
        if problems := self._problems(seen, rows):
            raise DataError(problems)
        observed = seen.loc[seen["n"] > seen["absent"], ["period"]].rename(columns={"period": "label"})
        self._number("periods", observed)
        labels, unlabelled = self._labels("label", "labels")
        clusters, unclustered = self._labels("cluster", "clusters") if question.clustered else (None, 0)
        return Facts(rows, missing, np.asarray(observed["label"]), labels, unlabelled, clusters, unclustered)

    def _by_period(self) -> pd.DataFrame:
        nameless = "count_if(unit IS NULL)" if self.question.followed else "0"
        query = f"""SELECT period, count(*) AS n, count_if({ABSENT}) AS absent, count_if({INFINITE}) AS infinite,
            count_if({FAR}) AS far, {nameless} AS nameless FROM {self._base()} GROUP BY period ORDER BY period NULLS LAST"""
        return pd.DataFrame(self._sql(query).df())

    def _problems(self, seen: pd.DataFrame, rows: int) -> list[str]:
        if not rows:
            return ["The data have no rows."]
        question = self.question
        without = {"unit": int(seen["nameless"].sum()), "period": int(seen.loc[seen["period"].isna(), "n"].sum())}
        columns = {"unit": str(question.unit), "period": question.period}
        problems = [label_missing(columns[c], n, self._first(f"{c} IS NULL")) for c, n in without.items() if n]
        where = {"far": FAR, "infinite": INFINITE, "absent": ABSENT}
        cases = {name: self._cases(int(seen[name].sum()), condition) for name, condition in where.items()}
        return problems + outcome_problems(question.outcome, rows, question.missing, **cases)

    def _cases(self, n: int, condition: str) -> RowCases:
        """The first three rows with a problem."""
        if not n:
            return RowCases()
        named = "unit, period" if self.question.followed else "period"
        found = self._sql(f"SELECT {named} FROM {self._base()} WHERE {condition} LIMIT 3").df()
        return RowCases(n, tuple("/".join(plain(v) for v in row) for row in found.itertuples(index=False)))

    def _first(self, condition: str) -> str:
        """File and row of the first row with a problem."""
        base = self._base("filename", "file_row_number")
        ((file, row),) = self._sql(f"SELECT filename, file_row_number FROM {base} WHERE {condition} LIMIT 1").fetchall()
        return f"row {row} of {Path(file).name}"

    def _labels(self, column: str, table: str) -> tuple[NDArray[Any], int]:
        """Values of a column, sorted and numbered, and the rows in which it is missing."""
        value = column
        if column == "label" and self.question.way == "cohorts":
            value = f"CASE WHEN {self._is_named()} THEN label END"
        query = f"SELECT {value} AS label, count(*) AS n FROM {self._base()} WHERE {self._kept} GROUP BY 1 ORDER BY 1"
        found = self._sql(query).df()
        there = found["label"].notna()
        self._number(table, found.loc[there, ["label"]])
        return np.asarray(found.loc[there, "label"]), int(found.loc[~there, "n"].sum())

    def _is_named(self) -> str:
        """Whether a unit is one of those that ``cohorts`` names, in SQL."""
        kind = self.table.kind(self.question.treatment)
        texts = ["'" + plain(u).replace("'", "''") + "'" for u in self.question.ways["cohorts"]]
        return f"label IN (SELECT TRY_CAST(u AS {kind}) FROM unnest([{', '.join(texts)}]) AS t(u))"

    def _number(self, table: str, labels: pd.DataFrame) -> None:
        """Keep labels as a table with their position."""
        self.con.register("numbered", labels.assign(code=np.arange(len(labels), dtype=np.int32)))
        self._sql(f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT label, code FROM numbered")
        self.con.unregister("numbered")

    # ---- rows, part by part ------------------------------------------------------------------------

    def parts(self) -> Iterator[Rows]:
        """Rows in parts in which each unit is whole."""
        if not self.question.followed:
            return self._in_order()
        most = rows_at_once(self.table.memory)
        if self.table.rows <= most:
            return iter([self._rows(self._coded())])
        ranges = self._ranges(most)
        return self._by_hash(-(-self.table.rows // most)) if ranges is None else self._by_range(ranges)

    def _coded(self, condition: str = "TRUE") -> str:
        """Rows with positions in place of labels, in SQL."""
        unit = "s.unit, " if self.question.followed else ""
        cluster, joined = "", ""
        if self.question.clustered:
            cluster, joined = ", c.code AS cluster", " LEFT JOIN clusters AS c ON s.cluster = c.label"
        return f"""SELECT {unit}coalesce(p.code, -1) AS period, coalesce(s.y, 'nan'::DOUBLE) AS y,
            coalesce(l.code, (SELECT count(*) FROM labels)::INTEGER) AS label{cluster}
            FROM {self._base()} LEFT JOIN periods AS p ON s.period = p.label
            LEFT JOIN labels AS l ON s.label = l.label{joined} WHERE {self._kept} AND {condition}"""

    def _in_order(self) -> Iterator[Rows]:
        """Rows as they lie, where no unit is followed."""
        found = self._sql(self._coded())
        while len(chunk := found.fetch_df_chunk(VECTORS)):
            columns = {name: chunk[name].to_numpy() for name in chunk}
            yield Rows(None, columns["period"], columns["y"], columns["label"], columns.get("cluster"))

    def _by_range(self, ends: list[Any]) -> Iterator[Rows]:
        """Rows of units from one end to the next, read where they lie."""
        for low, high in zip([None, *ends], [*ends, None], strict=True):
            conditions = [f"s.unit {sign} ?" for sign, end in ((">=", low), ("<", high)) if end is not None]
            yield self._rows(self._coded(" AND ".join(conditions) or "TRUE"), [e for e in (low, high) if e is not None])

    def _by_hash(self, parts: int) -> Iterator[Rows]:
        """Rows written by the hash of their unit, then read file by file."""
        folder = self.scratch / "parts"
        place = str(folder).replace("'", "''")
        self._sql("SET preserve_insertion_order = false")
        query = f"SELECT *, (hash(unit) % {parts})::INTEGER AS part FROM ({self._coded()})"
        self._sql(f"COPY ({query}) TO '{place}' (FORMAT parquet, PARTITION_BY (part), COMPRESSION lz4)")
        for part in sorted(folder.iterdir(), key=lambda p: int(p.name.split("=")[1])):
            inside = f"{place}/{part.name}/*.parquet"
            yield self._rows(f"SELECT * EXCLUDE (part) FROM read_parquet('{inside}', hive_partitioning = true)")
            shutil.rmtree(part)

    def _rows(self, query: str, values: Sequence[Any] = ()) -> Rows:
        """The rows of a query; units of types that numpy does not have are numbered in their order."""
        name: Callable[[NDArray[Any]], NDArray[Any]] = np.asarray
        if self.table.kind(str(self.question.unit)) not in EXACT:
            self._sql(f"CREATE OR REPLACE TEMP TABLE part AS {query}", values)
            self._sql(
                "CREATE OR REPLACE TEMP TABLE names AS SELECT unit, row_number() OVER (ORDER BY unit) - 1 AS code FROM (SELECT DISTINCT unit FROM part)"
            )
            query, values, name = (
                "SELECT part.* REPLACE (names.code AS unit) FROM part JOIN names USING (unit)",
                (),
                self._name,
            )
        found = {c: np.ma.getdata(a) for c, a in self._sql(query, values).fetchnumpy().items()}
        return Rows(found["unit"], found["period"], found["y"], found["label"], found.get("cluster"), name)

    def _name(self, codes: NDArray[Any]) -> NDArray[Any]:
        """Labels of numbered units."""
        if not len(codes):
            return np.array([], dtype=object)
        listed = ", ".join(str(int(c)) for c in codes)
        found = dict(self._sql(f"SELECT code, unit FROM names WHERE code IN ({listed})").fetchall())
        return np.array([found[int(c)] for c in codes], dtype=object)

    def _ranges(self, most: int) -> list[Any] | None:
        """Units at which to cut so that row groups are read about once; None where they do not lie in order."""
        name = str(self.question.unit)
        if self._label(name) != quoted(name):
            return None
        groups = self._row_groups(name)
        if any(end is None for group in groups for end in group):
            return None
        groups.sort()
        ends: list[Any] = []
        taken = 0
        for low, _, rows in groups:
            if taken and taken + rows > most and low > (ends[-1] if ends else groups[0][0]):
                ends.append(low)
                taken = 0
            taken += rows
        return ends if _rows_read(groups, ends, most) <= WASTE * self.table.rows else None

    def _row_groups(self, name: str) -> list[tuple[Any, Any, int]]:
        """Lowest and highest unit and the number of rows of each row group, as the files say."""
        kind = self.table.kind(name)
        return self._sql(
            f"""SELECT TRY_CAST(coalesce(stats_min_value, stats_min) AS {kind}), TRY_CAST(coalesce(stats_max_value, stats_max) AS {kind}), row_group_num_rows
            FROM parquet_metadata({self.table.listed}) WHERE path_in_schema = ?""",
            [name],
        ).fetchall()


def rows_at_once(memory: str) -> int:
    """Rows of a part."""
    return int(bytes_of(memory) / BYTES_A_ROW)


def _rows_read(groups: list[tuple[Any, Any, int]], ends: list[Any], most: int) -> float:
    """Rows of the row groups that the ranges touch, each range for itself; infinite where one is too large.

    Groups are in order of their lowest unit, so those that a range touches lie side by side.
    """
    lows = [low for low, _, _ in groups]
    highs = list(accumulate((high for _, high, _ in groups), max))
    rows = [0, *accumulate(n for _, _, n in groups)]
    total = 0
    for low, high in zip([None, *ends], [*ends, None], strict=True):
        first = 0 if low is None else bisect_left(highs, low)
        last = len(groups) if high is None else bisect_left(lows, high)
        touched = rows[last] - rows[first]
        if touched > 2 * most:
            return math.inf
        total += touched
    return total


def _is_number(kind: str) -> bool:
    return kind in NUMBERS or kind.startswith("DECIMAL")


def _shown(files: Sequence[Path]) -> str:
    return files[0].name if len(files) == 1 else f"{files[0].name} and {len(files) - 1} more"
