"""From rows in time (days, hours, events) to one row a unit and period, by stated rules.

DuckDB reads the rows where they are, in a frame or in Parquet files that are too large for one. The
result does not depend on the order of rows or the number of threads: sums are made of whole numbers
(each value is put on a grid of 2^-100 of the largest, 30 digits), which add up alike in any order.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pandas as pd

from scale_impact.core.building import periods
from scale_impact.core.building.labels import mixed
from scale_impact.core.building.recipe import Aggregate, Threshold
from scale_impact.core.building.steps import To, minutes_of
from scale_impact.core.cohorts import threads
from scale_impact.core.streams_parquet import NUMBERS, ParquetTable, quoted, without_progress
from scale_impact.core.words import counted, nearest, plain, some
from scale_impact.errors import DataError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MEMORY = "2GB"
"""What reading large files may take; DuckDB gets 60 % of it."""

GRID = 100
"""Bits of the grid on which values are added: of 127, so many that 2^26 times the largest value fits still."""

ROWS = 26
"""log2 of the rows for which that holds; of more rows, the grid is as much coarser."""

DAYS: Mapping[To, int] = {"day": 1, "week": 7, "month": 31, "quarter": 92, "year": 366}
LONGEST: Mapping[str, Mapping[To, int]] = {
    "day": DAYS,
    "week": {"week": 1, "month": 5, "quarter": 14, "year": 53},
    "month": {"month": 1, "quarter": 3, "year": 12},
    "quarter": {"quarter": 1, "year": 4},
}
"""How often a unit can be observed in a period, at most."""

ANY_KIND = ("count", "first", "last", "same")
"""Rules that need no numbers."""

UNJUDGED = ("count", "same")
"""Rules whose result does not need a share of the period: a count says itself how much was observed."""


@dataclass(frozen=True, eq=False)
class Rows:
    """What is aggregated.

    Attributes
    ----------
    data:
        The rows: a frame, or Parquet files.
    unit, period:
        Columns of the unit and of the time: dates, times, or labels such as 2019-03.
    columns:
        Columns of the result, each with the column that it is made from.
    names:
        Units by the names that stand for them in ``data``; None leaves rows out. Without it names
        are units.
    """

    data: pd.DataFrame | ParquetTable
    unit: str
    period: str
    columns: Mapping[str, str]
    names: Mapping[Any, str | None] | None = None


@dataclass(frozen=True, eq=False)
class Aggregated:
    """One row a unit and period.

    Attributes
    ----------
    frame:
        Unit, period and the columns, in order of unit and period.
    sparse:
        Values that are missing because too little of a period was observed: columns ``unit``,
        ``period``, ``column``, ``observed``, ``expected``.
    """

    frame: pd.DataFrame
    sparse: pd.DataFrame


def aggregated(rows: Rows, how: Aggregate) -> Aggregated:
    """Make one row of the rows of a unit in a period.

    Raises
    ------
    DataError
        Columns are missing or hold what a rule cannot use, units or times are missing, rows repeat
        and the recipe does not say what then, or values differ that should be the same.
    """
    if problems := _absent(rows, how):
        raise DataError(problems)
    with tempfile.TemporaryDirectory(prefix="scale_impact-") as scratch, _connected(rows.data, scratch) as con:
        work = _Work(rows, how, con)
        work.prepare()
        return work.result()


def labels_of(data: pd.DataFrame | ParquetTable, column: str) -> list[Any]:
    """The labels of a column, each once, missing ones left out."""
    if isinstance(data, pd.DataFrame):
        return list(data[column].dropna().unique())
    with data.connected() as con:
        found = con.execute(
            f"SELECT DISTINCT {data.value(column)} AS v FROM {data.source} WHERE v IS NOT NULL ORDER BY v"
        )
        return [v for (v,) in found.fetchall()]


def _absent(rows: Rows, how: Aggregate) -> list[str]:
    there = list(rows.data.columns)
    wanted = dict.fromkeys((rows.unit, rows.period, *rows.columns.values()))
    lost = [f"There is no column {c!r}. {nearest(c, there)}" for c in wanted if c not in there]
    unruled = [f"aggregate.rules has none for {c!r}." for c in rows.columns if c not in how.rules]
    labels = [c for c in (rows.unit, rows.period) if c in there] if isinstance(rows.data, pd.DataFrame) else []
    return lost + unruled + [m for c in labels if (m := mixed(rows.data[c]))]  # type: ignore[index]


@contextmanager
def _connected(data: pd.DataFrame | ParquetTable, scratch: str) -> Iterator[DuckDBPyConnection]:
    if isinstance(data, ParquetTable):
        with replace(data, memory=MEMORY).connected(scratch) as con:
            yield con
        return
    import duckdb

    con = duckdb.connect(config={"threads": threads(), "temp_directory": scratch})
    try:
        without_progress(con)
        yield con
    except duckdb.Error as error:
        raise DataError(f"The rows cannot be aggregated: {' '.join(str(error).split())}") from error
    finally:
        con.close()


def _value(name: str, kind: str) -> str:
    """A column of numbers as DOUBLE with NaN as missing; others as they are."""
    return f"nullif(CAST({name} AS DOUBLE), 'nan'::DOUBLE)" if _is_number(kind) else name


def _is_number(kind: str) -> bool:
    return kind in NUMBERS or kind.startswith("DECIMAL")


def _times(power: int) -> str:
    """Multiplication by a power of 2, in SQL; in two steps where it is beyond the largest number."""
    near = max(-1000, min(1000, power))
    return f" * CAST('{2.0**near!r}' AS DOUBLE)" + (_times(power - near) if power != near else "")


@dataclass(frozen=True, eq=False)
class _Work:
    """One aggregation in DuckDB.

    Views: ``base`` (unit u, time t on the clock of the place, instant x, columns c0, c1 ...), ``placed`` (with
    p, the period's first day, and k, the number of the step within it) and ``timed`` (one row a step, where that is
    asked for). Without time zones t and x are the same.
    """

    rows: Rows
    how: Aggregate
    con: DuckDBPyConnection

    @cached_property
    def sources(self) -> list[str]:
        """Columns that are read, each once."""
        return list(dict.fromkeys(self.rows.columns.values()))

    def _alias(self, column: str) -> str:
        return f"c{self.sources.index(column)}"

    def _ask(self, query: str) -> pd.DataFrame:
        return pd.DataFrame(self.con.execute(query).df())

    # ---- reading --------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Make the views; refuse rows without unit or time, and columns that a rule cannot use."""
        if isinstance(self.rows.data, pd.DataFrame):
            chosen = [self.rows.unit, self.rows.period, *self.sources]
            # a copy, as DuckDB reads no columns that run backwards in memory
            self.con.register("given", self.rows.data[list(dict.fromkeys(chosen))].copy())
        self._make_base()
        if problems := [*self._nameless(), *self._unlabelled(), *self._misfits(), *self._infinite()]:
            raise DataError(problems)
        self._make_timed()

    def _cell(self, column: str) -> str:
        data = self.rows.data
        return f"g.{quoted(column)}" if isinstance(data, pd.DataFrame) else data.value(column)

    @property
    def _source(self) -> str:
        data = self.rows.data
        return "given AS g" if isinstance(data, pd.DataFrame) else f"{data.source} AS g"

    def _make_base(self) -> None:
        cells = [f"{_value(self._cell(c), self._kind(c))} AS {self._alias(c)}" for c in self.sources]
        unit, moment = self._cell(self.rows.unit), self._moment
        joins = ""
        if self.rows.names is not None:
            table = pd.DataFrame({"_name": list(self.rows.names), "_unit": list(self.rows.names.values())})
            self.con.register("named", table.dropna(subset=["_unit"]))
            unit, joins = "named._unit", f" JOIN named ON named._name = {unit}"
        if moment is None:
            self._register_moments()
            moment, joins = (
                "moments._t",
                joins + f" LEFT JOIN moments ON moments._label = {self._cell(self.rows.period)}",
            )
        instant = self._instant if self._is_zoned else moment
        chosen = ", ".join([f"{unit} AS u", f"{moment} AS t", f"{instant} AS x", *cells])
        self.con.execute(f"CREATE TEMP VIEW base AS SELECT {chosen} FROM {self._source}{joins}")

    @cached_property
    def _kinds(self) -> dict[str, str]:
        data = self.rows.data
        if isinstance(data, ParquetTable):
            return {c: data.kind(c) for c in data.stored}
        return {str(name): kind for name, kind, *_ in self.con.execute("DESCRIBE given").fetchall()}

    def _kind(self, column: str) -> str:
        return self._kinds[column]

    @property
    def _is_zoned(self) -> bool:
        """Whether times are instants, which are at different hours in different places."""
        return self._kind(self.rows.period) == "TIMESTAMP WITH TIME ZONE"

    @cached_property
    def _moment(self) -> str | None:
        """The time of a row in SQL; None where it has to be read from a label."""
        kind, cell = self._kind(self.rows.period), self._cell(self.rows.period)
        if self.how.zone is not None and not self._is_zoned:
            raise DataError(
                f"Column {self.rows.period!r} holds times without a time zone, so aggregate.zone means nothing: they are counted as they are written. "
                "Leave zone out, or give a column with a time zone."
            )
        if self._is_zoned:
            if self.how.zone is None:
                raise DataError(
                    f"Column {self.rows.period!r} holds times with a time zone. Say in whose days they count: aggregate: {{zone: Europe/Berlin}}."
                )
            return self._local(self.how.zone)
        return f"CAST({cell} AS TIMESTAMP)" if kind.startswith(("DATE", "TIMESTAMP")) else None

    @property
    def _instant(self) -> str:
        """The time of a row in UTC, of a column with a time zone."""
        return f"make_timestamp(epoch_us({self._cell(self.rows.period)}))"

    def _local(self, zone: str) -> str:
        """The time of a row on the clocks of a zone; ten times as fast as DuckDB's own, which looks up the zone for each row."""
        ((first, last),) = self.con.execute(
            f"SELECT min({self._instant}), max({self._instant}) FROM {self._source}"
        ).fetchall()
        if first is None:
            return "CAST(NULL AS TIMESTAMP)"
        found = periods.offsets(pd.Timestamp(first), pd.Timestamp(last), zone)
        cases = [
            f"WHEN {self._instant} < TIMESTAMP '{until}' THEN {seconds}" for (_, seconds), (until, _) in pairwise(found)
        ]
        ahead = f"CASE {' '.join(cases)} ELSE {found[-1][1]} END" if cases else str(found[0][1])
        return f"({self._instant} + to_seconds({ahead}))"

    @cached_property
    def _labels(self) -> pd.Series[Any]:
        """What stands for periods, each once, where these are no dates."""
        return pd.Series(labels_of(self.rows.data, self.rows.period), name=self.rows.period)

    @property
    def _is_weekly(self) -> bool:
        """Whether a row stands for a week, which belongs to the month and year of its Thursday."""
        return self.how.every == "week" or (self._moment is None and periods.frequency(self._labels) == "week")

    def _register_moments(self) -> None:
        begin = periods.starts(self._labels)
        of, every, seen = periods.frequency(self._labels), self.how.every, plain(self._labels.iloc[0])
        if periods.longer(of, self.how.to):
            raise DataError(f"Column {self.rows.period!r} holds {seen}, which is longer than a {self.how.to}.")
        if self.how.at_least and periods.longer(of, every if every in LONGEST else "time"):  # type: ignore[arg-type]
            raise DataError(
                f"Column {self.rows.period!r} holds {seen}: a unit is observed once a {of} there, so at_least is no share of every {every}. "
                + ("Leave at_least out." if of == "year" else f"Say `every: {of}`.")
            )
        self.con.register("moments", pd.DataFrame({"_label": list(self._labels), "_t": begin}))

    def _make_timed(self) -> None:
        """Rows with their period and step; several of a unit in one step made one, where that is asked for."""
        to = self.how.to
        thursday = "date_trunc('week', t) + INTERVAL 3 DAY" if self._is_weekly else "t"
        self.con.execute(f"CREATE TEMP VIEW moved AS SELECT * REPLACE (CAST({thursday} AS TIMESTAMP) AS t) FROM base")
        start = f"CAST(date_trunc('{to}', t) AS TIMESTAMP)"
        self.con.execute(f"CREATE TEMP VIEW within AS SELECT *, {start} AS p FROM moved")
        joins = ""
        if self._is_zoned:
            self._register_begins()
            joins = " JOIN begins USING (p)"
        self.con.execute(f"CREATE TEMP VIEW placed AS SELECT *, {self._step} AS k FROM within{joins}")
        if self.how.repeated in ("refuse", "pool"):
            self.con.execute("CREATE TEMP VIEW timed AS SELECT * FROM placed")
        else:
            self._make_once()

    def _register_begins(self) -> None:
        """The instant at which each period begins in the zone, as ``b``."""
        (ends,) = self.con.execute(
            f"SELECT CAST(date_trunc('{self.how.to}', min(t)) AS TIMESTAMP), max(t) FROM moved"
        ).fetchall()
        begin = pd.Series(periods.between(pd.Timestamp(ends[0]), pd.Timestamp(ends[1]), self.how.to))
        self.con.register("begins", pd.DataFrame({"p": begin, "b": periods.instants(begin, str(self.how.zone))}))

    def _make_once(self) -> None:
        """One row a unit and step; texts have to agree."""
        self._largest("placed")
        numbers = {c: _is_number(self._kind(c)) for c in self.sources}
        made = [
            f"{self._rule(str(self.how.repeated) if number else 'same', self._alias(c), 'placed')} AS {self._alias(c)}"
            for c, number in numbers.items()
        ]
        for c in (c for c, number in numbers.items() if not number):
            self._refuse_differing("placed", "p, k", "min(t)", c)
        self.con.execute(
            f"CREATE TEMP TABLE timed AS SELECT u, p, k, min(x) AS x, {', '.join(made)} FROM placed GROUP BY u, p, k"
        )

    # ---- what is wrong --------------------------------------------------------------------------------

    def _nameless(self) -> Iterator[str]:
        """Rows without a name, which stands for no unit; only names of which the file says so are left out."""
        if self.rows.names is None:
            return
        name = _value(self._cell(self.rows.unit), self._kind(self.rows.unit))
        ((n,),) = self.con.execute(f"SELECT count_if({name} IS NULL) FROM {self._source}").fetchall()
        if n:
            yield f"Column {self.rows.unit!r} is empty in {counted(n, 'row')}. Leave these rows out (`exclude`), or correct the file."

    def _unlabelled(self) -> Iterator[str]:
        ((units, times, rows),) = self.con.execute(
            "SELECT count_if(u IS NULL), count_if(t IS NULL), count(*) FROM base"
        ).fetchall()
        if not rows:
            yield "There are no rows to aggregate."
        for column, n in ((self.rows.unit, units), (self.rows.period, times)):
            if n:
                yield f"Column {column!r} is empty in {counted(n, 'row')}. Leave these rows out (`exclude`), or correct the file."

    def _misfits(self) -> Iterator[str]:
        """Rules that need numbers for columns that hold none."""
        for new, old in self.rows.columns.items():
            rule, kind = self.how.rules[new], self._kind(old)
            if rule not in ANY_KIND and not _is_number(kind):
                yield f"Column {old!r} holds {kind}, no numbers, so it has no {_words(rule)}. Give it `type: number` in its card, or another rule."

    def _infinite(self) -> Iterator[str]:
        numbers = [c for c in self.sources if _is_number(self._kind(c))]
        if not numbers:
            return
        asked = ", ".join(f"count_if(isinf({self._alias(c)}))" for c in numbers)
        (found,) = self.con.execute(f"SELECT {asked} FROM base").fetchall()
        for column, n in zip(numbers, found, strict=True):
            if n:
                yield f"Column {column!r} is infinite in {counted(n, 'row')}. Correct the file, or name the text under `missing`."

    def _refuse_repeats(self, found: pd.DataFrame) -> None:
        """Refuse several rows of a unit in one step where the recipe does not say what then."""
        if self.how.repeated != "refuse" or bool((found["n_rows"] == found["n_steps"]).all()):
            return
        several = self._ask(
            "SELECT u, p, k, count(*) AS n, min(t) AS t FROM timed GROUP BY u, p, k HAVING n > 1 ORDER BY u, p, k"
        )
        shown = [f"{plain(r.u)} at {plain(r.t)} ({r.n} rows)" for r in several.head(3).itertuples()]
        more = f" and {len(several) - 3:,} more" if len(several) > 3 else ""
        raise DataError(
            f"{counted(len(several), 'unit and ' + self.how.every, 'units and ' + self.how.every + 's')} have several rows: {'; '.join(shown)}{more}. "
            "Say in aggregate what becomes of them: `repeated: mean` (or sum, max, min, median: one value first), `pool` (each row counts), or how often "
            "units are observed, such as `every: hour`."
        )

    def _refuse_differing(self, table: str, by: str, shown: str, column: str) -> None:
        """Refuse values that differ within ``by`` where they should be the same; ``shown`` says since when."""
        alias = self._alias(column)
        found = self._ask(
            f"SELECT u, {shown} AS since, CAST(min({alias}) AS VARCHAR) AS a, CAST(max({alias}) AS VARCHAR) AS b FROM {table} "
            f"GROUP BY u, {by} HAVING min({alias}) IS DISTINCT FROM max({alias}) ORDER BY u, since"
        )
        if len(found):
            first = found.iloc[0]
            raise DataError(
                f"Column {column!r} should be the same within a unit and period, and holds {first['a']!r} and {first['b']!r} for {plain(first['u'])} from "
                f"{plain(first['since'])} on ({counted(len(found), 'case')}). Choose another rule, such as first or last."
            )

    # ---- rules ----------------------------------------------------------------------------------------

    @cached_property
    def _scales(self) -> dict[str, dict[str, int]]:
        """By table and column: the power of 2 that puts values on the grid."""
        return {}

    def _largest(self, table: str) -> None:
        """Look up the largest values of a table."""
        numbers = [self._alias(c) for c in self.sources if _is_number(self._kind(c))]
        asked = ", ".join(["count(*)", *(f"max(abs({a}))" for a in numbers)])
        ((rows, *largest),) = self.con.execute(f"SELECT {asked} FROM {table}").fetchall()
        coarser = max(0, math.ceil(math.log2(max(rows, 1))) - ROWS)
        self._scales[table] = {
            a: GRID - coarser - (math.frexp(v)[1] if v else 0) for a, v in zip(numbers, largest, strict=True)
        }

    def _sum(self, alias: str, table: str) -> str:
        """A sum that is the same in any order of rows: exact, of whole numbers."""
        scale = self._scales[table][alias]
        return f"(CAST(sum(CAST({alias}{_times(scale)} AS HUGEINT)) AS DOUBLE){_times(-scale)})"

    def _rule(self, rule: str | Threshold, alias: str, table: str) -> str:
        """A rule in SQL."""
        if isinstance(rule, Threshold):
            above = rule.share_above is not None
            limit = rule.share_above if above else rule.share_below
            return f"(count_if({alias} {'>' if above else '<'} {float(str(limit))!r}) / nullif(count({alias}), 0))"
        if rule in ("mean", "sum"):
            total = self._sum(alias, table)
            return total if rule == "sum" else f"({total} / nullif(count({alias}), 0))"
        if rule in ("first", "last"):
            end = "min" if rule == "first" else "max"
            return f"(({end}({{'t': x, 'v': {alias}}}) FILTER (WHERE {alias} IS NOT NULL)).v)"
        return f"{'min' if rule == 'same' else rule}({alias})"

    @property
    def _step(self) -> str:
        """Number of the step of a row within its period, in SQL: by the calendar, or by the time that went by."""
        every = self.how.every
        if every in ("day", "month", "quarter"):
            return f"date_diff('{every}', p, t)"
        if every == "week":
            return "date_diff('day', p, t) // 7"
        since = "date_diff('minute', b, x)" if self._is_zoned else "date_diff('minute', p, t)"
        return f"{since} // {minutes_of(every)}"

    @property
    def _steps(self) -> int:
        """Steps in a period, at most; where clocks are put back a day has more than 24 hours."""
        every, to = self.how.every, self.how.to
        if every in LONGEST:
            return LONGEST[every][to]
        return (DAYS[to] + self._is_zoned) * 24 * 60 // minutes_of(every)

    def _observed(self, condition: str) -> str:
        """Number of steps in which a condition held: a bit for each."""
        return f"coalesce(bit_count(bitstring_agg(k, 0, {self._steps - 1}) FILTER (WHERE {condition})), 0)"

    # ---- the result -----------------------------------------------------------------------------------

    def result(self) -> Aggregated:
        """Apply the rules."""
        for new, old in self.rows.columns.items():
            if self.how.rules[new] == "same":
                self._refuse_differing("timed", "p", "p", old)
        self._largest("timed")
        pairs = list(enumerate(self.rows.columns.items()))
        made = [f"{self._rule(self.how.rules[new], self._alias(old), 'timed')} AS v{k}" for k, (new, old) in pairs]
        if self.how.repeated == "refuse":
            made += ["count(*) AS n_rows", f"{self._observed('TRUE')} AS n_steps"]
        if self.how.at_least:
            made += [f"{self._observed(f'{self._alias(c)} IS NOT NULL')} AS o_{self._alias(c)}" for c in self.sources]
        found = self._ask(f"SELECT u, p, {', '.join(made)} FROM timed GROUP BY u, p ORDER BY u, p")
        self._refuse_repeats(found)
        return self._judged(self._complete(found))

    def _complete(self, found: pd.DataFrame) -> pd.DataFrame:
        """With `no_rows: zero`: a row for each unit and period between the first and the last, sums and counts 0."""
        if self.how.no_rows == "missing":
            return found
        clock = periods.between(found["p"].min(), found["p"].max(), self.how.to)
        grid = pd.MultiIndex.from_product([found["u"].unique(), clock], names=["u", "p"])
        full = found.set_index(["u", "p"]).reindex(grid).reset_index()
        zero = [f"v{k}" for k, new in enumerate(self.rows.columns) if self.how.rules[new] in ("sum", "count")]
        absent = full["p"].notna() & ~pd.MultiIndex.from_frame(full[["u", "p"]]).isin(
            pd.MultiIndex.from_frame(found[["u", "p"]])
        )
        full.loc[absent, zero] = 0
        return full

    def _judged(self, found: pd.DataFrame) -> Aggregated:
        """Values of periods of which too little was observed made missing, and listed."""
        labels = {self.rows.unit: found["u"], self.rows.period: periods.labelled(found["p"], self.how.to)}
        due = periods.expected(found["p"], self.how.to, self.how.every, self.how.zone)
        values, lists = {}, []
        for k, (new, old) in enumerate(self.rows.columns.items()):
            values[new] = found[f"v{k}"]
            if not self.how.at_least or self.how.rules[new] in UNJUDGED:
                continue
            observed = found[f"o_{self._alias(old)}"].fillna(0)
            sparse = (observed < self.how.at_least * due - 1e-9) & values[new].notna()
            values[new] = values[new].mask(sparse)
            lists.append(_listed(labels, new, observed, due, sparse))
        return Aggregated(pd.DataFrame({**labels, **values}), pd.concat(lists, ignore_index=True) if lists else SPARSE)


SPARSE = pd.DataFrame(columns=["unit", "period", "column", "observed", "expected"])
"""The table of values that are missing because too little was observed, empty."""


def _listed(labels: Mapping[str, Any], column: str, observed: Any, due: Any, chosen: Any) -> pd.DataFrame:
    unit, period = labels.values()
    table = {"unit": unit, "period": period, "column": column, "observed": observed.astype("int64"), "expected": due}
    return pd.DataFrame(table)[chosen]


def _words(rule: object) -> str:
    return rule if isinstance(rule, str) else some(sorted(n for n, v in dict(rule).items() if v is not None))  # type: ignore[call-overload]
