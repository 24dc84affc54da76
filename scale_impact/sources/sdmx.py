"""Tables of statistical offices (Eurostat, OECD, ...) by SDMX: asked by ``data pull``, kept as they came, read as a long table.

A row is an observation: the dimensions as text, ``TIME_PERIOD``, ``OBS_VALUE``, its flags (``OBS_VALUE.flag``) and attributes as
they came (``OBS_FLAG``). With ``query.columns_from`` the codes of one dimension become columns, each with its flags and
attributes beside it (``DE1001V``, ``DE1001V.flag``, ``DE1001V.CONF_STATUS``).
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from scale_impact.core.source import Source
from scale_impact.core.words import counted, nearest, some
from scale_impact.errors import SourceError
from scale_impact.sources import csv
from scale_impact.sources._pulling.fetch import Fetched
from scale_impact.sources._pulling.service import RefusedError, advice, asked
from scale_impact.sources._reading.cells import FLAG
from scale_impact.sources._sdmx_messages import NARROWER, VALUE, Message, read_message
from scale_impact.sources._sdmx_query import TIME, Query, address_of, nothing_found, query_of

locate = csv.locate

FLAGS = ("OBS_FLAG", "OBS_STATUS")
"""Attributes that say how far a value can be trusted: Eurostat's, a letter each; the standard's, one code."""

MEANINGS = {
    "b": "break in time series", "c": "confidential", "d": "definition differs", "e": "estimated", "f": "forecast",
    "i": "imputed", "n": "not significant", "o": "missing", "p": "provisional", "q": "suppressed", "r": "revised",
    "s": "Eurostat's estimate", "u": "low reliability", "z": "not applicable",
}  # fmt: skip
"""Flags of Eurostat, and of the standard's code list of observation status where the letters agree."""

NORMAL = frozenset({"A"})
"""Observation status that is none."""

MARKS = f"{VALUE}{FLAG}"
"""The column of flags, named as other kinds name theirs."""

MULTIPLIER = "UNIT_MULT"

CSV_FIRST = "application/vnd.sdmx.data+csv;version=1.0.0, */*;q=0.5"
NOT_ACCEPTABLE = 406


# ---- asking --------------------------------------------------------------------------------------------


def fetch(source: Source, folder: Path) -> Fetched:
    """Ask the service; the answer is looked at before it is kept.

    Raises
    ------
    SourceError
        The query cannot be asked, finds nothing or too much, or what comes is no message with data.
    """
    query = query_of(source)
    url = address_of(source, query, folder)
    name = source.pieces[0].file.rpartition("/")[2]
    try:
        fetched = _as_text(url, folder, name)
    except RefusedError as refused:
        raise _refusal(refused, source, query, folder) from refused
    message = _kept(fetched.path, source)
    if message.frame.empty:
        raise nothing_found(source, query, None, folder)
    return Fetched(fetched.path, url, fetched.etag, fetched.last_modified, message.updated)


def _as_text(url: str, folder: Path, name: str) -> Fetched:
    """The answer, as SDMX-CSV if the service has it: other formats carry the time of the question, and so another hash each time."""
    if "format=" in url:
        return asked(url, folder, name)
    try:
        return asked(url, folder, name, accept=CSV_FIRST)
    except RefusedError as refused:
        if refused.code != NOT_ACCEPTABLE:
            raise
        return asked(url, folder, name)


def _refusal(refused: RefusedError, source: Source, query: Query, folder: Path) -> SourceError:
    """Why the service did not answer the question, as far as it tells."""
    said = str(refused).partition(" ")[2]
    if refused.code in (413, 414) or "TOO_BIG" in said:
        return SourceError(f"{source.provider} finds the question too large ({refused}). {NARROWER}")
    if refused.code in (400, 404):
        return nothing_found(source, query, said, folder)
    return SourceError(f"{source.provider} refuses {source.dataflow}: {refused}. {advice(refused.code)}")


def _kept(path: Path, source: Source) -> Message:
    return read_message(path, separator=source.separator, missing=source.missing)


# ---- reading -------------------------------------------------------------------------------------------


def parse(path: Path, source: Source) -> pd.DataFrame:
    """Read a stored answer.

    Raises
    ------
    SourceError
        Rows differ in what the card does not describe, or carry flags that it does not explain: all problems at once.
    """
    query, message = query_of(source), _kept(path, source)
    message = replace(message, frame=_marks(message.frame))
    _refuse_unknown_dimension(message, query)
    seen = message.frame
    if problems := [
        *_undescribed(message, query, source),
        *_mixed_multipliers(seen, query, source),
        *_unexplained(seen, query, source),
    ]:
        raise SourceError(problems)
    frame = message.frame if query.columns_from is None else _wide(message, query.columns_from)
    return _typed(frame, source)


def _typed(frame: pd.DataFrame, source: Source) -> pd.DataFrame:
    """Types as the card says; years are numbers unless it says otherwise."""
    kinds = {name: column.type for name, column in source.columns.items() if name in frame}
    if TIME in frame and kinds.get(TIME) is None and len(frame) and frame[TIME].str.fullmatch(r"\d{4}").all():
        kinds[TIME] = "number"
    typed = {name: _as_kind(frame[name], str(kind)) for name, kind in kinds.items() if kind in ("number", "date")}
    return frame.assign(**typed)


def _as_kind(column: pd.Series[Any], kind: str) -> pd.Series[Any]:
    if column.dtype.kind == "f":
        return column
    try:
        return pd.to_datetime(column, format="ISO8601") if kind == "date" else pd.to_numeric(column)
    except (ValueError, OverflowError) as error:
        what = str(error).split(". ")[0]
        raise SourceError(
            f"Column {column.name!r} is of type {kind} in the card: {what}. Give it `type: text`."
        ) from error


# ---- what would be lost in silence ---------------------------------------------------------------------


def _refuse_unknown_dimension(message: Message, query: Query) -> None:
    if query.columns_from is not None and query.columns_from not in message.dimensions:
        known = nearest(query.columns_from, message.dimensions)
        raise SourceError(f"query.columns_from: there is no dimension {query.columns_from!r}. {known}")


def _undescribed(message: Message, query: Query, source: Source) -> list[str]:
    """Rows that differ in a dimension that the card leaves out would be mixed: men, women and all as if they were one."""
    used = {*source.columns, query.columns_from}
    problems = []
    for name in (d for d in (*message.dimensions, TIME) if d not in used):
        codes = sorted(message.frame[name].dropna().unique())
        if len(codes) > 1:
            problems.append(
                f"Rows differ in the dimension {name!r} ({some(codes)}), which the card does not describe. Ask for one of them under "
                f"{_where(name)}, describe it under `columns`{'' if name == TIME else f', or make its codes columns: `columns_from: {name}`'}."
            )
    return problems


def _where(dimension: str) -> str:
    return "`query.params`" if dimension == TIME else "`query.key`"


def _mixed_multipliers(frame: pd.DataFrame, query: Query, source: Source) -> list[str]:
    """Numbers in thousands beside numbers in millions are no column."""
    if MULTIPLIER not in frame or MULTIPLIER in source.columns:
        return []
    by = frame.groupby(query.columns_from) if query.columns_from else [("", frame)]
    used = {"", *source.columns}
    mixed = {str(code): sorted(rows[MULTIPLIER].dropna().unique()) for code, rows in by if code in used}
    return [
        f"{code or VALUE} has values in several powers of ten ({MULTIPLIER} {some(powers)}), which the card does not describe. Ask for one kind "
        f"of them, or describe the column {MULTIPLIER}."
        for code, powers in mixed.items()
        if len(powers) > 1
    ]


def _unexplained(frame: pd.DataFrame, query: Query, source: Source) -> list[str]:
    """Flags are kept as a column, or their meanings stand in the card; otherwise a break would pass for a change."""
    if MARKS not in frame:
        return []
    flagged = frame[frame[MARKS].notna()]
    kept = {
        c.removesuffix(ending)
        for c in source.columns
        for ending in (FLAG, *(f".{f}" for f in FLAGS))
        if c.endswith(ending)
    }
    if query.columns_from is not None:
        codes = flagged[query.columns_from]
        flagged = flagged[codes.isin(list(source.columns)) & ~codes.isin(list(kept))]
    elif VALUE in kept or any(f in source.columns for f in FLAGS):
        return []
    counts = Counter(mark for text in flagged[MARKS] for mark in str(text).split() if mark not in source.markers)
    return [_flags_left_out(dict(sorted(counts.items())), query)] if counts else []


def _marks(frame: pd.DataFrame) -> pd.DataFrame:
    """The observations with their flags apart from each other, as other kinds give them: ``b e`` for Eurostat's ``be``."""
    name = next((f for f in FLAGS if f in frame), None)
    if name is None:
        return frame
    apart = {text: _apart(str(text), name) for text in frame[name].dropna().unique()}
    return frame.assign(**{MARKS: frame[name].map(apart).astype(frame[name].dtype)})


def _apart(text: str, name: str) -> str | None:
    """Eurostat's flags are a letter each; a status of the standard is one code."""
    marks = re.findall(r"\w", text) if name == FLAGS[0] else [m for m in text.split() if m not in NORMAL]
    return " ".join(dict.fromkeys(marks)) or None


def _flags_left_out(counts: dict[str, int], query: Query) -> str:
    found = ", ".join(f"{flag} {n:,} times" if n > 1 else f"{flag} once" for flag, n in counts.items())
    lines = ", ".join(f"{flag}: {MEANINGS.get(flag.lower(), '...')}" for flag in counts)
    column = MARKS if query.columns_from is None else f"CODE{FLAG}"
    return (
        f"{counted(len(counts), 'flag')} of the values {'is' if len(counts) == 1 else 'are'} not explained in the card: {found}. Keep them as a "
        f"column (`in_file: {column}`), or say what they mean: `markers: {{{lines}}}`."
    )


# ---- a dimension as columns ----------------------------------------------------------------------------


def _wide(message: Message, dimension: str) -> pd.DataFrame:
    """One row a unit and period, one column a code of the dimension; its attributes as ``<code>.<attribute>``.

    Raises
    ------
    SourceError
        An observation stands there twice.
    """
    frame, index = message.frame, [*(d for d in message.dimensions if d != dimension), TIME]
    twice = frame.duplicated([*index, dimension])
    if twice.any():
        first = ", ".join(f"{c} {frame.loc[twice.idxmax(), c]}" for c in (*index, dimension))
        raise SourceError(
            f"{counted(int(twice.sum()), 'observation')} of the answer stand there twice, such as {first}. Correct `query`."
        )
    measured = [c for c in frame.columns if c not in (*index, dimension)]
    tables = []
    for name in measured:
        ending = name.removeprefix(VALUE) if name in (VALUE, MARKS) else f".{name}"
        tables.append(frame.pivot(index=index, columns=dimension, values=name).add_suffix(ending))
    return pd.concat(tables, axis=1).reset_index().rename_axis(columns=None)
