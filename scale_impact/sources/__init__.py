"""Sources: one file a kind, and the file name is the key.

``locate(source, root) -> Path`` finds the file, ``parse(path, source) -> DataFrame`` reads it.
Between the two its hash is compared with the card's.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from scale_impact.core import keys
from scale_impact.core.manifest import file_hash
from scale_impact.core.source import Source, load_source
from scale_impact.core.words import nearest
from scale_impact.core.yaml_file import place
from scale_impact.errors import SourceError


def names() -> tuple[str, ...]:
    """Kinds of sources."""
    return keys.names("sources")


def read(card: Path, root: Path) -> pd.DataFrame:
    """Read the data that a card describes; only the columns that it names.

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
    try:
        frame = keys.load("sources", source.kind, "parse")(path, source)
    except SourceError as error:
        raise SourceError(error.problems, where=place(card)) from error
    absent = [c for c in source.columns if c not in frame.columns]
    if absent and len(frame.columns) == 1:
        raise SourceError(_one_column(str(frame.columns[0]), path.name), where=place(card))
    if absent:
        raise SourceError(
            [f"There is no column {c!r} in {path.name}. {nearest(c, map(str, frame.columns))}" for c in absent],
            where=place(card),
        )
    chosen: pd.DataFrame = frame[list(source.columns)]
    return chosen


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
        seen = file_hash(path)
    except OSError as error:
        raise SourceError(f"{path.name} cannot be read: {error.strerror}.", where=card) from error
    if source.sha256 is None:
        raise SourceError(
            f"The card has no sha256, so a changed file would not be noticed. Add: sha256: {seen}", where=card
        )
    if seen != source.sha256:
        raise SourceError(
            f"{path.name} is not the file that the card describes: sha256 is {seen}, the card says {source.sha256}. Get the "
            "file of the card, or check the change and write the new hash into the card.",
            where=card,
        )
