"""All studies' results as tables, by DuckDB, without a server or a copy; beside them what others have published.

Tables: ``estimates``, ``checks`` and ``units`` are the rows of all runs; ``studies`` says of each run what is to be known before its
numbers are used (``standing``); ``papers`` are numbers from elsewhere (``papers``), with the columns of ``estimates`` and where each
comes from. Only the tables that a query names are made.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from scale_impact.core.evidence import CHECK_FIELDS, ESTIMATE_FIELDS, SCHEMA, UNIT_FIELDS
from scale_impact.core.project import Project
from scale_impact.core.words import counted, nearest
from scale_impact.errors import SourceError, UsageError
from scale_impact.evidence.papers import PAPER_FIELDS, paper_rows
from scale_impact.evidence.standing import STUDY_FIELDS, Standing, standings
from scale_impact.evidence.store import result_files

NUMBERS = ("event_time", "estimate", "std_error", "df", "level", "ci_low", "ci_high", "p_value", "statistic")
COUNTS = (
    "schema", "n_units", "n_treated", "n_periods", "n_obs", "n_clusters", "line", "first_year", "last_year", "credibility", "rows",
)  # fmt: skip
TRUTHS = ("frozen", "failed", "simulated")
ROWS = {"estimates": ESTIMATE_FIELDS, "checks": CHECK_FIELDS, "units": UNIT_FIELDS}
"""Tables that are files of lines of JSON."""
TABLES = {**ROWS, "studies": STUDY_FIELDS, "papers": PAPER_FIELDS}

PRIMARY = (
    "SELECT *, count(*) OVER (PARTITION BY study, variant) AS n_rows FROM estimates "
    "QUALIFY row_number() OVER (PARTITION BY study, variant ORDER BY role = 'primary' AND kind = 'overall' DESC, rowid) = 1"
)
"""The first row of each run that answers its question: the primary overall one, or what comes first."""


def query(studies: Path, *, where: str | None = None, sql: str | None = None, table: str = "estimates") -> pd.DataFrame:
    """Rows of the tables ``estimates``, ``checks``, ``units``, ``studies`` and ``papers``.

    Parameters
    ----------
    studies:
        The folder of all studies; that of published numbers is beside it.
    where:
        A condition on a table, such as ``kind = 'overall' and role = 'primary'``.
    sql:
        A whole query, instead.
    table:
        The table that the condition is on, and that is shown whole without one (of estimates the overall ones).

    Raises
    ------
    UsageError
        The query is not SQL that DuckDB can answer over these tables, or both are given.
    SourceError
        A results file is damaged, or one of published numbers is not as it should be.
    """
    import duckdb

    if where and sql:
        raise UsageError("Give --where or --sql, not both.")
    if table not in TABLES:
        raise UsageError(f"There is no table {table!r}. {nearest(table, TABLES)}")
    statement = sql or _select(where, table)
    with duckdb.connect(":memory:") as connection:
        load(connection, studies, named_in(statement))
        connection.execute("SET enable_external_access = false")
        try:
            return connection.sql(statement).df()
        except (duckdb.Error, AttributeError) as error:
            raise UsageError(
                f"The query cannot be answered: {_first_line(error)} Tables: {', '.join(TABLES)} (DESCRIBE estimates lists its "
                'columns; the column "check" needs its quotes, because CHECK is a word of SQL).'
            ) from error


def named_in(statement: str) -> list[str]:
    """The tables that a query names; where it names none (``SHOW TABLES``) the rows of studies."""
    found = [t for t in TABLES if re.search(rf"\b{t}\b", statement, re.IGNORECASE)]
    needed = {"estimates", "checks"} if "studies" in found or not found else set[str]()
    return [t for t in TABLES if t in found or t in needed]


def load(connection: Any, studies: Path, tables: Sequence[str]) -> None:
    """Make tables in a connection.

    Raises
    ------
    SourceError
        As ``query``.
    """
    made = [t for t in ROWS if t in tables]
    for table in made:
        _load(connection, table, _view(table, ROWS[table], result_files(studies, f"{table}.jsonl")))
    project = Project(studies.parent)
    makers: dict[str, Callable[[], list[dict[str, Any]]]] = {
        "studies": lambda: [s.row() for s in standings_of(connection, studies)],
        "papers": lambda: paper_rows(project),
    }
    for table, rows in makers.items():
        if table in tables:
            _of_rows(connection, table, TABLES[table], rows())


def standings_of(connection: Any, studies: Path) -> list[Standing]:
    """The standing of all runs whose rows a connection holds as ``estimates`` and ``checks``.

    Raises
    ------
    SourceError
        Rows that name no study.
    """
    for table in ("estimates", "checks"):
        (nameless,) = connection.execute(f"SELECT count(*) FROM {table} WHERE study IS NULL").fetchone()
        if nameless:
            raise SourceError(
                f"{counted(nameless, 'row')} of {table} {'names' if nameless == 1 else 'name'} no study: a results file is damaged. "
                "Find it (scale-impact verify), and run that study again."
            )
    runs = connection.sql(PRIMARY).df()
    verdicts = connection.sql('SELECT study, variant, outcome, "check", verdict FROM checks').df()
    found = standings(Project(studies.parent), runs, verdicts)
    return [replace(s, variant=s.variant or None) for s in found]


def _of_rows(connection: Any, table: str, fields: tuple[str, ...], rows: list[dict[str, Any]]) -> None:
    """A table of rows that are in memory, with the types that its columns have whatever they hold."""
    columns = ", ".join(f'"{f}" {_type(f, table)}' for f in fields)
    connection.execute(f"CREATE TABLE {table} ({columns})")
    if rows:
        marks = ", ".join("?" for _ in fields)
        connection.executemany(f"INSERT INTO {table} VALUES ({marks})", [[row[f] for f in fields] for row in rows])


def _load(connection: Any, table: str, statement: str) -> None:
    import duckdb

    try:
        connection.execute(statement)
    except duckdb.Error as error:
        raise SourceError(f"Results cannot be read: {_first_line(error)} Run that study again.") from error
    (other,) = connection.execute(f"SELECT count(*) FROM {table} WHERE schema IS DISTINCT FROM {SCHEMA}").fetchone()
    if other:
        raise SourceError(
            f"{counted(other, 'row')} of {table} {'is' if other == 1 else 'are'} not of schema {SCHEMA}: another version "
            "of scale_impact wrote them. Run their studies again: scale-impact run"
        )


def as_parquet(frame: pd.DataFrame) -> bytes:
    """A table as the bytes of a Parquet file."""
    import duckdb

    empty = [c for c in frame if frame[c].dtype == object and frame[c].isna().all()]
    frame = frame.astype(dict.fromkeys(empty, "string"))  # DuckDB would take a column without values for numbers
    with TemporaryDirectory() as folder, duckdb.connect(":memory:") as connection:
        path = Path(folder) / "rows.parquet"
        connection.register("rows", frame)
        connection.execute(f"COPY rows TO '{path.as_posix()}' (FORMAT parquet)")
        return path.read_bytes()


def _select(where: str | None, table: str) -> str:
    condition = where or ("kind = 'overall'" if table == "estimates" else "true")
    return f"SELECT * FROM {table} WHERE (\n{condition}\n)"


def _first_line(error: Exception) -> str:
    if isinstance(error, AttributeError):
        return "it gives no table."
    text = str(error).splitlines()[0]
    return text.rstrip("!. ") + "."


def _type(field: str, table: str = "estimates") -> str:
    if field in NUMBERS:
        return "DOUBLE"
    if table == "studies" and field in TRUTHS:
        return "BOOLEAN"
    return "BIGINT" if field in COUNTS else "JSON" if field in ("details", "context") else "VARCHAR"


def _view(table: str, fields: tuple[str, ...], files: list[Path]) -> str:
    columns = ", ".join(f"'{f}': '{_type(f)}'" for f in fields)
    if not files:
        empty = ", ".join(f'NULL::{_type(f)} AS "{f}"' for f in fields)
        return f"CREATE TABLE {table} AS SELECT {empty} WHERE false"
    paths = ", ".join("'" + p.as_posix().replace("'", "''") + "'" for p in files)
    return f"CREATE TABLE {table} AS SELECT * FROM read_json([{paths}], format = 'newline_delimited', columns = {{{columns}}})"
