"""Whatever lies at an address, by its format: CSV, Excel, Parquet, JSON records, GeoJSON's properties, Stata; zipped or not.

``data pull`` fetches it. The format is the card's ``format``, otherwise what the file's ending says. Of a zip file with several
tables ``query`` names one; of JSON with several lists of records it names the list.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from scale_impact.core.source import Source
from scale_impact.core.words import nearest
from scale_impact.errors import SourceError
from scale_impact.sources._reading import formats
from scale_impact.sources._reading.packed import readable


def locate(source: Source, root: Path) -> Path:
    """Nowhere: what lies at an address is pulled into the store, and the card has no address."""
    raise SourceError("A source of kind url needs the key `address` (of several files: each of `files`).")


def parse(path: Path, source: Source) -> pd.DataFrame:
    """Read as the format is read; columns are named as in the file.

    Raises
    ------
    SourceError
        The format is unknown, the file is not of it, or it is not clear which table of a zip file is meant.
    """
    asked = _asked(source)
    card = source.model_copy(update={"query": asked.records})
    with readable(path, source.format, asked.file) as table:
        return formats.parse(table, card, fallback=_by_address(source))


def _by_address(source: Source) -> str | None:
    return formats.format_of(source.address or "")


@dataclass(frozen=True)
class _Asked:
    """What a card's query names: a file within a zip file, a list of records within JSON."""

    file: str | None = None
    records: str | None = None


def _asked(source: Source) -> _Asked:
    """``query: data.csv``, ``query: result.records``, or both: ``query: {file: data.json, records: result.records}``."""
    query = source.query
    if query is None or isinstance(query, str):
        return _Asked(query, query)
    if unknown := [key for key in query if key not in ("file", "records")]:
        raise SourceError(f"query.{unknown[0]}: there is no such key. {nearest(unknown[0], ('file', 'records'))}")
    return _Asked(query.get("file"), query.get("records"))
