"""From what files hold to what a card describes: names, added columns, rows left out, values put right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from scale_impact.core.source import Correction, Rows, Scalar, Source, SourceFile
from scale_impact.core.words import counted, nearest, plain
from scale_impact.errors import SourceError
from scale_impact.sources._reading.cells import FLAG


def as_in_file(source: Source) -> Source:
    """The card as a parser needs it: columns named as in the file, without those that files are given."""
    added = {name for piece in source.files for name in piece.adds}
    columns = {c.in_file or name: c for name, c in source.columns.items() if name not in added}
    return source.model_copy(update={"columns": columns})


def in_file(source: Source, column: str) -> str:
    """What a column of a card is called in its files."""
    about = source.columns[column]
    base = source.columns.get(column.removesuffix(FLAG)) if column.endswith(FLAG) else None
    return about.in_file or (f"{base.in_file}{FLAG}" if base is not None and base.in_file else column)


def as_card(frame: pd.DataFrame, piece: SourceFile, source: Source) -> pd.DataFrame:
    """The columns of a file that the card describes, named as the card does, and those that the file is given.

    Raises
    ------
    SourceError
        The file has a column that the card says it lacks.
    """
    there = [c for c in (*piece.adds, *piece.lacks) if c in source.columns and in_file(source, c) in frame]
    if there:
        key = "adds" if there[0] in piece.adds else "lacks"
        raise SourceError(
            f"{piece.file} has a column {', '.join(map(repr, there))} itself. Leave it out of `{key}` in the card."
        )
    named = {
        c: frame[in_file(source, c)] for c in source.columns if c not in piece.adds and in_file(source, c) in frame
    }
    return pd.DataFrame(named, index=frame.index).assign(**piece.adds)


def stacked(frames: Sequence[tuple[SourceFile, pd.DataFrame]]) -> pd.DataFrame:
    """The files of a card one below the other.

    Raises
    ------
    SourceError
        A column holds text in one file and numbers in another: codes would be two kinds of units.
    """
    if len(frames) == 1:
        return frames[0][1]
    columns = dict.fromkeys(c for _, frame in frames for c in frame)
    if problems := [p for c in columns for p in _unlike(c, frames)]:
        raise SourceError(problems)
    return pd.concat([frame for _, frame in frames], ignore_index=True)


def _unlike(column: str, frames: Sequence[tuple[SourceFile, pd.DataFrame]]) -> list[str]:
    kinds = {
        pd.api.types.is_numeric_dtype(frame[column]): piece.file
        for piece, frame in frames
        if column in frame and frame[column].notna().any()
    }
    if len(kinds) < 2:
        return []
    return [
        f"{column!r} holds text in {kinds[False]} and numbers in {kinds[True]}. Give it `type: text` in the card if it is a code, "
        "or `type: number`."
    ]


def tidy(frame: pd.DataFrame, source: Source, name: str) -> pd.DataFrame:
    """Leave out rows that are none of the panel, and put values right.

    Raises
    ------
    SourceError
        Rows that were to be left out or put right are not there, or hold another value than the card expects.
    """
    problems: list[str] = []
    kept = _without(frame, source.exclude, name, problems)
    right = _corrected(kept, source, name, problems)
    if problems:
        raise SourceError(problems)
    return right


def _without(frame: pd.DataFrame, rules: Sequence[Rows], name: str, problems: list[str]) -> pd.DataFrame:
    left_out = pd.Series(False, index=frame.index)
    for k, rule in enumerate(rules):
        found = matching(frame, rule.where, f"exclude.{k}", name, problems)
        left_out |= found
    if len(frame) and left_out.all():
        problems.append(f"exclude leaves out all {counted(len(frame), 'row')} of {name}. Correct `where`.")
    return frame[~left_out].reset_index(drop=True) if left_out.any() else frame


def _corrected(frame: pd.DataFrame, source: Source, name: str, problems: list[str]) -> pd.DataFrame:
    """Values are only put right where they are what the card expects: a file that was mended meanwhile is not mended twice."""
    if not source.corrections:
        return frame
    right = frame.copy()
    touched: dict[str, pd.Series[bool]] = {}
    for k, rule in enumerate(source.corrections):
        before, where = len(problems), f"corrections.{k}"
        found = matching(frame, rule.where, where, name, problems)
        problems += _of_correction(frame, found, rule, where, name) if len(problems) == before else []
        if len(problems) == before and (found & touched.get(rule.column, ~found)).any():
            problems.append(
                f"{where}: another correction puts {rule.column} at {_words(rule.where)} right. Leave one out."
            )
        if len(problems) == before:
            touched[rule.column] = found | touched.get(rule.column, found)
            right[rule.column] = _put(right[rule.column], found, _fitting(rule.value, source, rule.column))
    return right


def _of_correction(
    frame: pd.DataFrame, found: pd.Series[bool], rule: Correction, where: str, name: str
) -> Iterator[str]:
    """What is wrong with a correction whose rows are there."""
    if rule.column not in frame:
        yield f"{where}.column: there is no column {rule.column!r} in {name}. {nearest(rule.column, frame.columns)}"
        return
    column = frame[rule.column]
    if other := [v for v in column[found] if not _same(v, rule.expects)]:
        yield (
            f"{where}: {rule.column} at {_words(rule.where)} holds {_shown(other[0])}, the card expects {_shown(rule.expects)}. "
            "Was the file mended? Then leave the correction out."
        )
    elif not _fits(rule.value, column):
        kind = "dates" if pd.api.types.is_datetime64_any_dtype(column) else "numbers"
        yield f"{where}.value: {rule.column} holds {kind}, and {_shown(rule.value)} is none. Correct `value`."


def _fits(value: Scalar, column: pd.Series[Any]) -> bool:
    """Whether a value can stand in a column."""
    if value is None or not (pd.api.types.is_numeric_dtype(column) or pd.api.types.is_datetime64_any_dtype(column)):
        return True
    if pd.api.types.is_numeric_dtype(column):
        return isinstance(value, (int, float)) and abs(value) < 2**63
    return isinstance(value, str) and not pd.isna(pd.to_datetime(value, errors="coerce", format="ISO8601"))


def _fitting(value: Scalar, source: Source, column: str) -> Any:
    """A value as the column's type has it: codes are text, whether the card quotes them or not."""
    kind = source.columns[column].type
    if value is None or kind not in ("text", "date"):
        return value
    return str(plain(value)) if kind == "text" else pd.Timestamp(str(value))


def _put(column: pd.Series[Any], found: pd.Series[bool], value: Any) -> pd.Series[Any]:
    """A column with a value in some rows; whole numbers become decimal ones where the value is none."""
    kept: pd.Series[Any] = column.where(~found, value) if value is not None else column.mask(found)
    return kept


def matching(
    frame: pd.DataFrame, where: Mapping[str, Any], key: str, name: str, problems: list[str]
) -> pd.Series[bool]:
    """The rows that a rule means; that there is none is a problem."""
    nowhere = pd.Series(False, index=frame.index)
    if absent := [c for c in where if c not in frame]:
        problems += [f"{key}.where: there is no column {c!r} in {name}. {nearest(c, frame.columns)}" for c in absent]
        return nowhere
    found = ~nowhere
    for column, wanted in where.items():
        values = wanted if isinstance(wanted, (list, tuple)) else [wanted]
        found &= _among(frame[column], values)
    if not found.any():
        problems.append(f"{key}: no row of {name} has {_words(where)}. Correct `where`, or leave the entry out.")
    return found


def _among(column: pd.Series[Any], wanted: Sequence[Any]) -> pd.Series[bool]:
    """Rows whose value is one of those wanted, compared as a reader would: 1984 and 1984.0 are one, a date is its text."""
    labels = column.map(lambda v: None if pd.isna(v) else str(plain(v)))
    known = {str(plain(v)) for v in wanted if v is not None}
    found: pd.Series[bool] = labels.isin(known) & labels.notna()
    return found | column.isna() if None in wanted else found


def _same(seen: Any, expected: Any) -> bool:
    if expected is None or pd.isna(seen):
        return expected is None and bool(pd.isna(seen))
    if isinstance(expected, (int, float)) and isinstance(seen, (int, float, np.number)):
        return float(seen) == float(expected)
    return str(plain(seen)) == str(plain(expected))


def _words(where: Mapping[str, Any]) -> str:
    return ", ".join(f"{column} {_shown(value)}" for column, value in where.items())


def _shown(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return counted(len(value), "value") if len(value) > 3 else " or ".join(map(_shown, value))
    return "nothing" if value is None or (not isinstance(value, str) and pd.isna(value)) else repr(plain(value))
