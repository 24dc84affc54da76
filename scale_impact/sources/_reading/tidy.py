"""From what files hold to what a card describes: names, added columns, rows left out, values put right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from scale_impact.core.source import Correction, Rows, Source, SourceFile
from scale_impact.core.words import counted, nearest, plain
from scale_impact.errors import SourceError


def as_in_file(source: Source) -> Source:
    """The card as a parser needs it: columns named as in the file, without those that files are given."""
    added = {name for piece in source.files for name in piece.adds}
    columns = {c.in_file or name: c for name, c in source.columns.items() if name not in added}
    return source.model_copy(update={"columns": columns})


def stacked(frames: Sequence[tuple[SourceFile, pd.DataFrame]], source: Source) -> pd.DataFrame:
    """The files of a card one below the other, with the columns that each is given, named as in the card."""
    named = {c.in_file: name for name, c in source.columns.items() if c.in_file is not None}
    named |= {f"{old}.flag": f"{new}.flag" for old, new in named.items()}
    ready = [frame.rename(columns=named).assign(**piece.adds) for piece, frame in frames]
    return ready[0] if len(ready) == 1 else pd.concat(ready, ignore_index=True)


def tidy(frame: pd.DataFrame, source: Source, name: str) -> pd.DataFrame:
    """Leave out rows that are none of the panel, and put values right.

    Raises
    ------
    SourceError
        Rows that were to be left out or put right are not there, or hold another value than the card expects.
    """
    problems: list[str] = []
    kept = _without(frame, source.exclude, name, problems)
    right = _corrected(kept, source.corrections, name, problems)
    if problems:
        raise SourceError(problems)
    return right


def _without(frame: pd.DataFrame, rules: Sequence[Rows], name: str, problems: list[str]) -> pd.DataFrame:
    left_out = pd.Series(False, index=frame.index)
    for k, rule in enumerate(rules):
        found = matching(frame, rule.where, f"exclude.{k}", name, problems)
        left_out |= found
    return frame[~left_out].reset_index(drop=True) if left_out.any() else frame


def _corrected(frame: pd.DataFrame, rules: Sequence[Correction], name: str, problems: list[str]) -> pd.DataFrame:
    """Values are only put right where they are what the card expects: a file that was mended meanwhile is not mended twice."""
    if not rules:
        return frame
    right = frame.copy()
    for k, rule in enumerate(rules):
        where, before = f"corrections.{k}", len(problems)
        found = matching(frame, rule.where, where, name, problems)
        if rule.column not in frame:
            problems.append(
                f"{where}.column: there is no column {rule.column!r} in {name}. {nearest(rule.column, frame.columns)}"
            )
        if len(problems) > before:
            continue
        seen = frame.loc[found, rule.column]
        if other := [v for v in seen if not _same(v, rule.expects)]:
            problems.append(
                f"{where}: {rule.column} at {_words(rule.where)} holds {_shown(other[0])}, the card expects {_shown(rule.expects)}. "
                "Was the file mended? Then leave the correction out."
            )
            continue
        right[rule.column] = _put(right[rule.column], found, rule.value)
    return right


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
    if isinstance(expected, (int, float)) and not isinstance(expected, bool) and not isinstance(seen, str):
        return float(seen) == float(expected)
    return str(plain(seen)) == str(plain(expected))


def _words(where: Mapping[str, Any]) -> str:
    return ", ".join(f"{column} {_shown(value)}" for column, value in where.items())


def _shown(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return counted(len(value), "value") if len(value) > 3 else " or ".join(map(_shown, value))
    return "nothing" if value is None or (not isinstance(value, str) and pd.isna(value)) else repr(plain(value))
