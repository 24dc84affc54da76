"""Several sources as one panel: aggregated, renamed, moved to other boundaries, and joined on unit and period."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd

from scale_impact.core.building.aggregation import Rows, aggregated, labels_of
from scale_impact.core.building.crosswalk import crossed, named, units_by_name
from scale_impact.core.building.joining import GAPS, Joined, Piece, joined
from scale_impact.core.building.recipe import Part
from scale_impact.core.source import Source
from scale_impact.core.streams_parquet import ParquetTable
from scale_impact.core.words import counted, nearest
from scale_impact.errors import DataError, SourceError
from scale_impact.sources import csv
from scale_impact.sources._reading.others import Others

Files = Mapping[str, Path]


def locate(source: Source, root: Path) -> Path:
    """A file that says what units are called or how boundaries changed, named from the project's folder."""
    return csv.locate(source, root)


def build(source: Source, table: Others, files: Files) -> pd.DataFrame:
    """The panel of a card, one row a unit and period.

    Raises
    ------
    SourceError
        The recipe names what is not there, or the parts do not fit together: all problems of a step.
    """
    return assembled(source, table, files).frame


def assembled(source: Source, table: Others, files: Files) -> Joined:
    """The panel with what is known of its missing values; errors as ``build``."""
    if problems := list(_unfit(source, table)):
        raise SourceError(problems)
    pieces, problems = [], []
    for k, part in enumerate(source.parts):
        try:
            pieces.append(_piece(part, source, table, files))
        except DataError as error:
            problems += [f"parts.{k} ({part.source}): {p}" for p in error.problems]
    if problems:
        raise SourceError(problems)
    return _settled(_joined(pieces, source), source)


def _joined(pieces: list[Piece], source: Source) -> Joined:
    try:
        return joined(pieces, str(source.unit), str(source.period), source.keep)
    except DataError as error:
        raise SourceError(error.problems) from error


# ---- the recipe ----------------------------------------------------------------------------------------


def _unfit(source: Source, table: Others) -> Iterator[str]:
    """What is wrong with a recipe before any data are read."""
    yield from (
        f"{key}: a card of kind panel has to name it." for key in ("unit", "period") if getattr(source, key) is None
    )
    if not source.parts:
        yield "parts: a card of kind panel has to name the sources that it is made from."
    for k, part in enumerate(source.parts):
        yield from (f"parts.{k}.{p}" for p in _unfit_part(part, source, table))


def _unfit_part(part: Part, source: Source, table: Others) -> Iterator[str]:
    card = table.card(part.source)
    named = {"unit": part.unit or card.unit}
    if not part.is_constant:
        named["period"] = part.period or card.period
    for key, column in named.items():
        if column is None:
            hint = " (or `period: null`, if it is the same in all periods)" if key == "period" else ""
            yield f"{key}: say which column of {part.source} it is, here or in its card{hint}."
        elif column not in card.columns:
            yield f"{key}: {part.source} has no column {column!r}. {nearest(column, card.columns)}"
    for new, old in part.columns.items():
        if old not in card.columns:
            yield f"columns: {part.source} has no column {old!r}. {nearest(old, card.columns)}"
        if new not in source.columns:
            yield f"columns: {new!r} is not described under `columns` of this card."
        if new != old and new in named.values():
            yield f"columns: {new!r} is the {_key(named, new)} of {part.source} and cannot be {old!r} too. Give it another name."
    if not _columns(part, source, card):
        yield f"columns: {part.source} gives no column that this card describes."


def _key(named: Mapping[str, str | None], column: str) -> str:
    return next(key for key, found in named.items() if found == column)


def _columns(part: Part, source: Source, card: Source) -> dict[str, str]:
    """Columns of the panel with those of the part's source; by default all that both cards describe."""
    if part.columns:
        return dict(part.columns)
    labels = {
        part.unit or card.unit,
        None if part.is_constant else part.period or card.period,
        source.unit,
        source.period,
    }
    shared = {c: c for c in card.columns if c in source.columns and c not in labels}
    return {n: n for n in part.aggregate.rules} if part.aggregate is not None else shared


# ---- one part ------------------------------------------------------------------------------------------


def _piece(part: Part, source: Source, table: Others, files: Files) -> Piece:
    """A part with one row a unit and period, its units those of the panel."""
    card, data = table.card(part.source), table(part.source)
    unit, period = str(part.unit or card.unit), None if part.is_constant else str(part.period or card.period)
    columns = _columns(part, source, card)
    names = None if part.names is None else units_by_name(files[part.names.file], part.names, labels_of(data, unit))
    missing: list[pd.DataFrame] = []
    notes: tuple[str, ...] = ()
    if part.aggregate is not None:
        made = aggregated(Rows(data, unit, str(period), columns, names), part.aggregate)
        frame, missing = made.frame, [_as_gaps(made.sparse, part)]
    else:
        frame = _chosen(data, unit, period, columns, part)
        frame = frame if names is None else named(frame, unit, names)
    if part.crosswalk is not None:
        moved = crossed(frame, unit, period, files[part.crosswalk.file], part.crosswalk)
        frame, missing, notes = moved.frame, [*missing, moved.gaps], moved.notes
    known = pd.concat(missing, ignore_index=True) if missing else None
    return Piece(part.source, frame, unit, period, part.repeat, known, notes)


def _chosen(
    data: pd.DataFrame | ParquetTable, unit: str, period: str | None, columns: Mapping[str, str], part: Part
) -> pd.DataFrame:
    if isinstance(data, ParquetTable):
        raise DataError(
            f"{counted(data.rows, 'row')} are too many to be joined as they are. Say how they become one a unit and period (`aggregate`), or give "
            f"{part.source} `stream: false`."
        )
    chosen = {c: data[c] for c in (unit, period) if c is not None}
    return pd.DataFrame({**chosen, **{new: data[old] for new, old in columns.items()}})


def _as_gaps(sparse: pd.DataFrame, part: Part) -> pd.DataFrame:
    """Values of periods of which too little was observed, with that as reason."""
    every = part.aggregate.every if part.aggregate is not None else ""
    share = part.aggregate.at_least if part.aggregate is not None else 0
    words = [
        f"{r.observed} of {r.expected} observed (every {every}), under {share:.6g} of them" for r in sparse.itertuples()
    ]
    return sparse.assign(reason=words)[GAPS] if len(sparse) else pd.DataFrame(columns=GAPS)


def _settled(found: Joined, source: Source) -> Joined:
    """The panel's columns in the order of its card."""
    order = [c for c in source.columns if c in found.frame]
    return Joined(found.frame[order], found.gaps, found.notes)
