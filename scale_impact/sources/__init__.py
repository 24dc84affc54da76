"""Sources: one file a kind, and the file name is the key.

``locate(source, root) -> Path`` finds the file, ``parse(path, source) -> DataFrame`` reads it.
Between the two its hash is compared with the card's. Large Parquet files are not read into a
frame: ``read`` gives their table, which ``core/assemble.py`` streams.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import pandas as pd

from scale_impact.core import keys
from scale_impact.core.manifest import data_hash
from scale_impact.core.project import CHANGED_DATA_VARIABLE
from scale_impact.core.source import Source, load_source
from scale_impact.core.streams_parquet import ParquetTable
from scale_impact.core.words import nearest
from scale_impact.core.yaml_file import place
from scale_impact.errors import DataError, SourceError
from scale_impact.sources._download import DOWNLOADS, is_remote


def names() -> tuple[str, ...]:
    """Kinds of sources."""
    return keys.names("sources")


def read(card: Path, root: Path) -> pd.DataFrame | ParquetTable:
    """Read the data that a card describes; only the columns that it names. Data that are streamed stay where they are.

    Parameters
    ----------
    card:
        The card, ``data/sources/<name>.yaml``.
    root:
        The project's folder, from which files of kind ``csv`` are named.

    Raises
    ------
    SourceError
        The kind is unknown, the file missing or changed (both hashes are said), or a column that
        the card names is not there.
    """
    source = load_source(card)
    path = locate(source, root, place(card))
    _refuse_changed(source, path, place(card))
    if source.kind == "parquet" and (table := _streamed(source, path, place(card))) is not None:
        return table
    try:
        frame = keys.load("sources", source.kind, "parse")(path, source)
    except SourceError as error:
        raise SourceError(error.problems, where=place(card)) from error
    if len(frame.columns) == 1 and frame.columns[0] not in source.columns and source.kind != "parquet":
        raise SourceError(_one_column(str(frame.columns[0]), path.name), where=place(card))
    _refuse_absent(source, [str(c) for c in frame.columns], path, place(card))
    chosen: pd.DataFrame = frame[list(source.columns)]
    return chosen


def _streamed(source: Source, path: Path, card: str) -> ParquetTable | None:
    """The table of Parquet files that are streamed; None where they are read whole."""
    from scale_impact.sources import parquet

    try:
        table = parquet.table(path, source)
        _refuse_absent(source, list(table.stored), path, card)
        return table if parquet.streams(table, source) else None
    except DataError as error:
        raise SourceError(error.problems, where=card) from error


def _refuse_absent(source: Source, there: list[str], path: Path, card: str) -> None:
    absent = [c for c in source.columns if c not in there]
    if absent:
        raise SourceError([f"There is no column {c!r} in {path.name}. {nearest(c, there)}" for c in absent], where=card)


def _one_column(header: str, file: str) -> str:
    """What to do about a file that was read as one column."""
    found = next((s for s in (";", "\t", "|", " ") if s in header), None)
    if found is None:
        return f"{file} has one column, {header!r}. Correct the card's columns, or its `separator`."
    return f"{file} is separated by {found!r}, the card says otherwise. Add `separator: {found!r}` to the card."


def locate(source: Source, root: Path, card: str) -> Path:
    """The file of a source."""
    if source.kind not in names():
        raise SourceError(f"kind is {source.kind!r}. {nearest(source.kind, names())}", where=card)
    try:
        path: Path = keys.load("sources", source.kind, "locate")(source, root)
    except SourceError as error:
        raise SourceError(error.problems, where=card) from error
    return path


def _refuse_changed(source: Source, path: Path, card: str) -> None:
    try:
        seen = data_hash(path)
    except OSError as error:
        raise SourceError(f"{path.name} cannot be read: {error.strerror}.", where=card) from error
    if source.sha256 is None:
        raise SourceError(
            f"The card has no sha256, so a changed file would not be noticed. Add: sha256: {seen}", where=card
        )
    if seen != source.sha256 and is_remote(source):
        raise SourceError(
            f"{path.name}, downloaded earlier, is not the file of the card's sha256 any more. Delete {DOWNLOADS}/{source.sha256} in "
            "the project's folder; it is downloaded again.",
            where=card,
        )
    if seen != source.sha256 and os.environ.get(CHANGED_DATA_VARIABLE) == "read":
        warnings.warn(f"{path.name} is not the file that {card} describes, and is read to verify.", stacklevel=3)
    elif seen != source.sha256:
        raise SourceError(
            f"{path.name} is not the file that the card describes: sha256 is {seen}, the card says {source.sha256}. Get the "
            "file of the card, or check the change and write the new hash into the card.",
            where=card,
        )
