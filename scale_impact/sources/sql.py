"""SQL: one SELECT, over other cards and files by DuckDB, or in a database that `data pull` asks.

Without `database`, the query sees each card of `tables` as a table of its name and each of `files` as one
named as the file; it is computed whenever it is read. With `database`, a SQLAlchemy URL, the query is
asked once, read-only, and what it gave is kept in the store as Parquet, with its types.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd

from scale_impact.core.source import Source
from scale_impact.core.streams_parquet import ParquetTable
from scale_impact.errors import SourceError
from scale_impact.sources import csv, parquet
from scale_impact.sources._pulling.fetch import Fetched
from scale_impact.sources._reading.cells import dialect_of, typed
from scale_impact.sources._reading.formats import format_of


def locate(source: Source, root: Path) -> Path:
    """A file that the query reads: Parquet (also a folder or pattern), otherwise text."""
    if source.file is not None and format_of(source.file) in ("parquet", None):
        return parquet.locate(source, root)
    return csv.locate(source, root)


def build(
    source: Source, table: Callable[[str], pd.DataFrame | ParquetTable], files: Mapping[str, Path]
) -> pd.DataFrame:
    """What the query gives of other cards and files, sorted by unit and period, then by all columns.

    Parameters
    ----------
    source:
        The card; `query` is a SELECT of DuckDB.
    table:
        Reads another card: checked and tidied, or as a table of Parquet files where it is large.
    files:
        The card's own files by name.

    Raises
    ------
    SourceError
        The query is no single SELECT, DuckDB refuses it, or a result is of no type that a panel knows.
    """
    from scale_impact.sources._duck import Tables, selected

    query = query_of(source)
    given = {name: table(name) for name in source.tables}
    own = {piece.file: (files[piece.file], piece.adds) for piece in source.pieces}
    frame = selected(query, Tables(given, own, source), source)
    declared = {name: column for name, column in source.columns.items() if column.type is not None}
    return typed(frame, declared, dialect_of(source), lambda name: lambda rows: [f"row {r + 1}" for r in rows])


def fetch(source: Source, folder: Path) -> Fetched:
    """Ask the database and write what it gave; errors as ``_database.fetched``."""
    from scale_impact.sources._database import fetched

    return fetched(query_of(source), source, folder)


def parse(path: Path, source: Source) -> pd.DataFrame:
    """Read what `data pull` kept of a database's answer."""
    return parquet.parse(path, source)


def query_of(source: Source) -> str:
    """The query of a card; without one, SourceError."""
    if not isinstance(source.query, str) or not source.query.strip():
        raise SourceError(
            "query: a source of kind sql needs one SELECT, such as `query: SELECT city, year, no2 FROM air`."
        )
    return source.query.strip().rstrip(";").rstrip()
