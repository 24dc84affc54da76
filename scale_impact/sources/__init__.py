"""Sources: one file a kind, and the file name is the key.

Kinds whose files lie in the project, a package or the store have ``locate(source, root) -> Path`` (where
their files are, unless pulled) and ``parse(path, source) -> DataFrame``. Between the two each file's
hash is compared with the card's. Derived kinds are computed from other cards and files whenever they
are read: ``build(source, table, files) -> DataFrame``. Kinds that ask a service have
``fetch(source, folder) -> Fetched`` for ``data pull``. Large Parquet files are not read into a frame:
``read`` gives their table, which ``core/assemble.py`` streams.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pandas as pd

from scale_impact.core import keys
from scale_impact.core.source import Source, SourceFile, load_source
from scale_impact.core.streams_parquet import ParquetTable
from scale_impact.core.words import nearest, some
from scale_impact.core.yaml_file import place
from scale_impact.errors import DataError, NotPulledError, SourceError
from scale_impact.sources._reading.material import Item, cards, digest, files, is_here, items, refuse_changed, unfit
from scale_impact.sources._reading.others import Others
from scale_impact.sources._reading.rules import refuse_broken_rules, refuse_broken_streamed
from scale_impact.sources._reading.tidy import as_card, as_in_file, in_file, stacked, tidy

if TYPE_CHECKING:
    from scale_impact.core.building.coverage import Coverage

__all__ = [
    "Item",
    "cards",
    "coverage_of",
    "digest",
    "explained",
    "files",
    "frame_of",
    "is_here",
    "items",
    "names",
    "oddities_of",
    "read",
    "unfit",
]


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
        The project's folder, from which files and other cards are named.

    Raises
    ------
    SourceError
        The kind is unknown, a file missing or changed (both hashes are said), a column that the card
        names is not there, or what is there breaks the card's rules: all problems of a step at once.
    """
    source, where = load_source(card), place(card)
    found = items(source, root, where)
    _refuse_not_pulled(found, card.stem, root, where)
    for item in found:
        refuse_changed(item, root)
    return _located(where, lambda: _read(source, where, root, read))


def frame_of(source: Source, root: Path, where: str) -> pd.DataFrame | None:
    """The columns of a card that there are, whatever hashes the files have; None where they are streamed.

    For what describes data that are read elsewhere; errors as ``read``.
    """

    def unchecked(card: Path, root: Path) -> pd.DataFrame | ParquetTable:
        return _read(load_source(card), place(card), root, unchecked)

    found = items(source, root, where)
    if _streamed(source, found, root) is not None:
        return None
    return _located(where, lambda: _raw(source, found, root, unchecked))


def coverage_of(card: Path, root: Path, unit: str | None = None, period: str | None = None) -> Coverage:
    """Which values of a card's data there are, and why others are missing.

    Parameters
    ----------
    unit, period:
        Columns of the unit and of the period; default those that the card names.

    Raises
    ------
    SourceError
        As ``read``; nothing says which column is the unit, or the period.
    """
    from scale_impact.core.building.coverage import coverage
    from scale_impact.sources._reading.explained import labels

    source, where = load_source(card), place(card)
    data, (units, clock) = read(card, root), _located(where, lambda: labels(source, unit, period))
    gaps, notes = explained(card, root, units, clock)
    return _located(where, lambda: coverage(data, units, clock, gaps=gaps, notes=notes))


def explained(card: Path, root: Path, unit: str, period: str) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Missing values with the reason that is known, and what joining left out, in sentences; errors as ``read``.

    Reasons are footnote marks, rows that the card leaves out, and periods of which too little was observed: a table of
    unit, period, column and reason.
    """
    source, where = load_source(card), place(card)
    if source.kind == "panel":
        found = items(source, root, where)
        panel = _located(where, lambda: _derived(source, found, root, read, "assembled"))
        return panel.gaps, panel.notes
    from scale_impact.sources._reading.explained import flagged, gaps_of

    raw = frame_of(flagged(source), root, where)
    return gaps_of(pd.DataFrame() if raw is None else raw, source, unit, period), ()


def oddities_of(card: Path, root: Path, unit: str | None = None, period: str | None = None) -> pd.DataFrame:
    """Values of a card's data that look odd, none of them changed (``core.oddities``); errors as ``coverage_of``."""
    from scale_impact.core.building.oddities import oddities
    from scale_impact.sources._reading.explained import breaks_of, flagged, labels

    source, where = load_source(card), place(card)
    data, (units, clock) = read(card, root), _located(where, lambda: labels(source, unit, period))
    if isinstance(data, ParquetTable):
        raise SourceError(f"{card.stem}: single values are not looked at in data that are streamed.", where=where)
    raw = frame_of(flagged(source), root, where)
    return oddities(data, units, clock, breaks=None if raw is None else breaks_of(raw, source, units, clock))


def _refuse_not_pulled(found: tuple[Item, ...], name: str, root: Path, where: str) -> None:
    """Say at once all files that have to be pulled, and of which card: that which was asked for brings all below."""
    absent = []
    for item in found:
        try:
            item.path(root)
        except NotPulledError as error:
            absent.append((item, error))
    if len(absent) == 1 and absent[0][0].card == where:
        raise absent[0][1]
    if absent:
        files = some([Path(item.piece.file).name for item, _ in absent])
        raise NotPulledError(
            f"{files} are not here yet. Get all: scale-impact data pull {name} (from a folder: --mirror DIR).",
            where=where,
        )


# ---- steps ---------------------------------------------------------------------------------------------

Frame = TypeVar("Frame")
Reader = Callable[[Path, Path], "pd.DataFrame | ParquetTable"]


def _located(where: str, work: Callable[[], Frame]) -> Frame:
    """What work on a card gives; its errors say which card."""
    try:
        return work()
    except SourceError as error:
        raise type(error)(error.problems, where=error.where or where) from error


def _read(source: Source, where: str, root: Path, reader: Reader) -> pd.DataFrame | ParquetTable:
    """A card's data; ``reader`` reads the cards that it is made from."""
    found = items(source, root, where)
    table = _streamed(source, found, root)
    if table is None:
        return _framed(source, found, root, reader)
    refuse_broken_streamed(table, source, _name(source))
    return table


def _framed(source: Source, found: tuple[Item, ...], root: Path, reader: Reader) -> pd.DataFrame:
    frame = _raw(source, found, root, reader, strictly=True)
    name = _name(source)
    if source.is_derived:
        _refuse_absent(source, [str(c) for c in frame.columns], name)
    chosen: pd.DataFrame = tidy(frame[list(source.columns)], source, name)
    refuse_broken_rules(chosen, source, name)
    return chosen


def _raw(
    source: Source, found: tuple[Item, ...], root: Path, reader: Reader, *, strictly: bool = False
) -> pd.DataFrame:
    """What the files or other cards hold of a card's columns, named as the card does; ``strictly``: all of them."""
    if source.is_derived:
        return _built(source, found, root, reader)
    parse, own = keys.load("sources", source.kind, "parse"), as_in_file(source)
    frames, problems = [], []
    for item in found:
        path = item.path(root)
        frame = parse(path, own)
        _refuse_one_column(frame, own, path.name)
        problems += _absent_columns(source, item.piece, frame, path.name) if strictly else []
        frames.append((item.piece, as_card(frame, item.piece, source)))
    if problems:
        raise SourceError(problems)
    return stacked(frames)


def _built(source: Source, found: tuple[Item, ...], root: Path, reader: Reader) -> pd.DataFrame:
    """The data of a derived source."""
    frame: pd.DataFrame = _derived(source, found, root, reader, "build")
    return frame


def _derived(source: Source, found: tuple[Item, ...], root: Path, reader: Reader, function: str) -> Any:
    """What a derived kind makes: it is given a way to other cards' data, and its own files by name."""
    folder = root / "data" / "sources"
    table = Others(
        card=lambda name: load_source(folder / f"{name}.yaml"), read=lambda name: reader(folder / f"{name}.yaml", root)
    )
    own = {item.piece.file: item.path(root) for item in found if item.source is source}
    return keys.load("sources", source.kind, function)(source, table, own)


def _streamed(source: Source, found: tuple[Item, ...], root: Path) -> ParquetTable | None:
    """The table of Parquet files that are streamed; None where they are read whole."""
    from scale_impact.sources import parquet

    if source.kind != "parquet" or len(found) != 1:
        return None
    path = found[0].path(root)
    try:
        table = parquet.table(path, source)
        if not parquet.streams(table, source):
            return None
    except DataError as error:
        raise SourceError(error.problems) from error
    _refuse_repairs(source)
    _refuse_absent(source, list(table.stored), path.name)
    return table


def _refuse_repairs(source: Source) -> None:
    """Streamed rows are reduced where they lie: nothing can be put right on the way."""
    asked = [k for k in ("exclude", "corrections") if getattr(source, k)]
    asked += [f"columns.{name}.in_file" for name, column in source.columns.items() if column.in_file]
    if asked:
        raise SourceError(
            f"{', '.join(asked)}: these data are streamed, so rows cannot be changed on the way. Write the repaired rows to a "
            "file of their own, or say `stream: false`."
        )


# ---- what is not there ---------------------------------------------------------------------------------


def _name(source: Source) -> str:
    """The data in messages."""
    pieces = source.pieces
    return Path(pieces[0].file).name if len(pieces) == 1 else f"the data of {source.folder}"


def _refuse_absent(source: Source, there: list[str], name: str) -> None:
    if absent := [c for c in source.columns if c not in there]:
        unused = [c for c in there if c not in source.columns]
        raise SourceError([_absent(c, c, name, there, unused) for c in absent])


def _absent_columns(source: Source, piece: SourceFile, frame: pd.DataFrame, name: str) -> list[str]:
    """Columns of a card that a file does not have, and that it is neither given nor said to lack."""
    there = [str(c) for c in frame.columns]
    wanted = {c: in_file(source, c) for c in source.columns if c not in (*piece.adds, *piece.lacks)}
    unused = [c for c in there if c not in wanted.values()]
    absent = {c: w for c, w in wanted.items() if w not in there}
    found = [_absent(c, w, name, there, unused) for c, w in absent.items()]
    if not found or len(source.files) < 2:
        return found
    return [*found, f"If {name} never had that, add to its entry under `files`: lacks: [{', '.join(absent)}]"]


def _absent(column: str, wanted: str, name: str, there: list[str], unused: list[str]) -> str:
    """That a column is missing, with what it may be called now."""
    like = [c for c in unused if wanted.lower() in c.lower() or c.lower() in wanted.lower()]
    if like and len(wanted) > 1:
        return (
            f"There is no column {wanted!r} in {name}; found {like[0]!r}. If it is the same, give {column} `in_file: {like[0]}` in "
            "the card."
        )
    return f"There is no column {wanted!r} in {name}. {nearest(wanted, there)}"


def _refuse_one_column(frame: pd.DataFrame, source: Source, file: str) -> None:
    if len(frame.columns) == 1 and frame.columns[0] not in source.columns and source.kind != "parquet":
        raise SourceError(_one_column(str(frame.columns[0]), file))


def _one_column(header: str, file: str) -> str:
    """What to do about a file that was read as one column."""
    found = next((s for s in (";", "\t", "|", " ") if s in header), None)
    if found is None:
        return f"{file} has one column, {header!r}. Correct the card's columns, or its `separator`."
    shown = json.dumps(found)  # as YAML reads it: a tab is "\\t" in double quotes only
    return f"{file} is separated by {shown}, the card says otherwise. Add `separator: {shown}` to the card."
