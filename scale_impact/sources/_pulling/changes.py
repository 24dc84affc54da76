"""How one edition of a file differs from another, as far as that can be said quickly."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from scale_impact.core import keys
from scale_impact.core.source import Source
from scale_impact.core.words import some
from scale_impact.errors import SourceError
from scale_impact.sources._reading.tidy import as_in_file

LARGE = 50_000_000
"""Bytes above which a file is not read just to say how it changed."""


def differences(source: Source, before: Path | None, after: Path) -> str:
    """What changed from one edition to the next: size, rows, columns; one or two sentences with a space after them.

    Where the earlier one is not here, the card's columns are what is compared.
    """
    if after.stat().st_size > LARGE:
        return "It is too large to say quickly how it differs. "
    try:
        new = _frame(source, after)
    except SourceError as error:
        return f"It cannot be read as the card says: {error.problems[0].rstrip('.')}. "
    try:
        old = None if before is None or before.stat().st_size > LARGE else _frame(source, before)
    except SourceError:
        old = None
    return f"{_rows(old, new)}{_columns(source, old, new)}"


def _frame(source: Source, path: Path) -> pd.DataFrame:
    frame: pd.DataFrame = keys.load("sources", source.kind, "parse")(path, as_in_file(source))
    return frame


def _rows(old: pd.DataFrame | None, new: pd.DataFrame) -> str:
    if old is None:
        return f"It has {len(new):,} rows. "
    return "It has as many rows. " if len(old) == len(new) else f"It has {len(new):,} rows, before {len(old):,}. "


def _columns(source: Source, old: pd.DataFrame | None, new: pd.DataFrame) -> str:
    there = [str(c) for c in new.columns]
    wanted = list(as_in_file(source).columns) if old is None else [str(c) for c in old.columns]
    gone = [c for c in wanted if c not in there]
    added = [] if old is None and not gone else [c for c in there if c not in wanted]
    renamed = {c: like for c in gone if (like := _renamed(c, added))}
    parts = [f"{c!r} is missing; found {like!r}" for c, like in renamed.items()]
    if lost := [c for c in gone if c not in renamed]:
        parts.append(f"without {some(lost)}")
    if more := [c for c in added if c not in renamed.values()]:
        parts.append(f"with {some(more)}")
    return f"Columns: {'; '.join(parts)}. " if parts else ""


def _renamed(column: str, added: list[str]) -> str | None:
    """The new column that is probably an old one under another name: NO2_mean for no2."""
    import difflib

    if like := [a for a in added if column.lower() in a.lower() or a.lower() in column.lower()]:
        return like[0]
    close = difflib.get_close_matches(column.lower(), [a.lower() for a in added], n=1, cutoff=0.7)
    return next((a for a in added if a.lower() in close), None)
