"""All studies' results as tables, by DuckDB, without a server or a copy."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from scale_impact.core.evidence import CHECK_FIELDS, ESTIMATE_FIELDS, SCHEMA
from scale_impact.core.words import counted
from scale_impact.errors import SourceError, UsageError
from scale_impact.evidence.store import result_files

NUMBERS = ("event_time", "estimate", "std_error", "df", "level", "ci_low", "ci_high", "p_value", "statistic")
COUNTS = ("schema", "n_units", "n_treated", "n_periods", "n_obs", "n_clusters")
TABLES = {"estimates": ESTIMATE_FIELDS, "checks": CHECK_FIELDS}


def query(studies: Path, *, where: str | None = None, sql: str | None = None) -> pd.DataFrame:
    """Rows of the tables ``estimates`` and ``checks``.

    Parameters
    ----------
    studies:
        The folder of all studies.
    where:
        A condition on estimates, such as ``kind = 'overall' and role = 'primary'``.
    sql:
        A whole query, instead.

    Raises
    ------
    UsageError
        The query is not SQL that DuckDB can answer over these tables, or both are given.
    SourceError
        A results file is damaged.
    """
    import duckdb

    if where and sql:
        raise UsageError("Give --where or --sql, not both.")
    with duckdb.connect(":memory:") as connection:
        for table, fields in TABLES.items():
            _load(connection, table, _view(table, fields, result_files(studies, f"{table}.jsonl")))
        connection.execute("SET enable_external_access = false")
        try:
            return connection.sql(sql or _select(where)).df()
        except (duckdb.Error, AttributeError) as error:
            raise UsageError(
                f"The query cannot be answered: {_first_line(error)} Tables: estimates, checks (DESCRIBE estimates lists its "
                'columns; the column "check" needs its quotes, because CHECK is a word of SQL).'
            ) from error


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


def _select(where: str | None) -> str:
    condition = where or "kind = 'overall'"
    return f"SELECT * FROM estimates WHERE (\n{condition}\n)"


def _first_line(error: Exception) -> str:
    if isinstance(error, AttributeError):
        return "it gives no table."
    text = str(error).splitlines()[0]
    return text.rstrip("!. ") + "."


def _type(field: str) -> str:
    if field in NUMBERS:
        return "DOUBLE"
    return "BIGINT" if field in COUNTS else "JSON" if field in ("details", "context") else "VARCHAR"


def _view(table: str, fields: tuple[str, ...], files: list[Path]) -> str:
    columns = ", ".join(f"'{f}': '{_type(f)}'" for f in fields)
    if not files:
        empty = ", ".join(f'NULL::{_type(f)} AS "{f}"' for f in fields)
        return f"CREATE TABLE {table} AS SELECT {empty} WHERE false"
    paths = ", ".join("'" + p.as_posix().replace("'", "''") + "'" for p in files)
    return f"CREATE TABLE {table} AS SELECT * FROM read_json([{paths}], format = 'newline_delimited', columns = {{{columns}}})"
