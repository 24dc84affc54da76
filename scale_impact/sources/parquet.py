"""Parquet files within the project: one, a pattern or a folder, which together are one table; or one at an address.

Small ones are read whole, as a CSV file is. Large ones are streamed: only moments of cohorts are
kept, whatever the number of rows (``core/streams.py``).
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from scale_impact.core.source import Source
from scale_impact.core.streams_parquet import ParquetTable, files_of
from scale_impact.errors import DataError, SourceError
from scale_impact.sources import csv
from scale_impact.sources._pulling.download import downloaded, is_remote
from scale_impact.sources._reading import formats
from scale_impact.sources._reading.cells import dialect_of

STREAM_ROWS = 20_000_000
"""Tables with more rows are streamed, unless the card says otherwise (``stream``)."""


def locate(source: Source, root: Path) -> Path:
    """The file, folder or pattern, named from the project's folder; what is kept of a file that an address names."""
    if is_remote(source):
        return downloaded(source, root)
    path = root / csv.refuse_outside(source.file)
    try:
        files_of(path)
    except DataError as error:
        raise SourceError(
            f"There is no Parquet file {source.file} in the project's folder. Put it there, or correct the key `file` (a file, a folder, or a "
            "pattern such as data/panel/*.parquet)."
        ) from error
    return path


def parse(path: Path, source: Source) -> pd.DataFrame:
    """Read the card's columns whole; ``type`` of a column changes what is stored as something else.

    Raises
    ------
    SourceError
        The files cannot be read, or cells cannot be what the card says.
    """
    dialect = dialect_of(source)
    try:
        stored = table(path, source)
        found = ParquetTable(stored.files, dict.fromkeys(stored.columns)).frame()
    except DataError as error:
        raise SourceError(error.problems) from error
    return formats.as_stored(found, source, dialect)


def table(path: Path, source: Source) -> ParquetTable:
    """The files as a table of the card's columns, those that there are."""
    stored = ParquetTable.of(path)
    types = {name: column.type for name, column in source.columns.items() if name in stored.stored}
    return ParquetTable(stored.files, types, missing=formats.missing_said(source))


def streams(found: ParquetTable, source: Source) -> bool:
    """Whether a table is streamed: as the card says, otherwise where it is large."""
    return found.rows > STREAM_ROWS if source.stream is None else source.stream
