"""Formats of files, whatever kind of source they come from: by the card's `format`, otherwise by the ending."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from scale_impact.core import keys
from scale_impact.core.source import Source
from scale_impact.core.words import nearest, some
from scale_impact.errors import SourceError
from scale_impact.sources._reading.cells import Dialect, dialect_of, typed, without_missing

ENDINGS = {
    "csv": "csv", "tsv": "csv", "txt": "csv", "raw": "csv", "dat": "csv", "xlsx": "excel", "xlsm": "excel", "xls": "excel",
    "parquet": "parquet", "json": "json", "geojson": "json", "dta": "stata",
}  # fmt: skip
PACKED = ("gz", "bz2", "xz", "zip", "zst")


def format_of(name: str) -> str | None:
    """The format that a file's ending names, compressed or not; None where it names none."""
    parts = name.lower().split(".")[1:]
    while parts and parts[-1] in PACKED:
        parts.pop()
    return ENDINGS.get(parts[-1]) if parts else None


def parse(path: Path, source: Source, fallback: str | None = None) -> pd.DataFrame:
    """Read a file as its format is read; columns are named as in the file.

    Parameters
    ----------
    path, source:
        The file, and the card with its columns named as in the file.
    fallback:
        Format of a file whose name and card do not tell.

    Raises
    ------
    SourceError
        The format is unknown, or the file is not of it.
    """
    known = {"csv": _by_kind, "excel": _by_kind, "parquet": _by_kind, "json": _json, "geojson": _json, "stata": _stata}
    asked = source.format or format_of(path.name) or fallback
    if asked is None:
        raise SourceError(f"The name {path.name} does not say which format it has. Add `format`: {', '.join(known)}.")
    if asked not in known:
        raise SourceError(f"format is {asked!r}. {nearest(asked, known)}")
    return known[asked](path, source, asked)


def _by_kind(path: Path, source: Source, asked: str) -> pd.DataFrame:
    frame: pd.DataFrame = keys.load("sources", asked, "parse")(path, source)
    return frame


# ---- Stata ---------------------------------------------------------------------------------------------


def _stata(path: Path, source: Source, asked: str) -> pd.DataFrame:
    """A file of Stata: numbers as stored; a column of `type: text` has the labels of its values."""
    try:
        frame = pd.read_stata(path, convert_categoricals=False, preserve_dtypes=False)
        texts = [name for name, about in source.columns.items() if about.type == "text" and name in frame]
        labelled = pd.read_stata(path, columns=texts) if texts else frame
    except (ValueError, OSError, KeyError, EOFError, struct.error) as error:
        raise SourceError(f"{path.name} cannot be read as a Stata file ({_what(error)}).") from error
    for name in texts:
        if isinstance(labelled[name].dtype, pd.CategoricalDtype):
            frame[name] = labelled[name].astype(object)
    return as_stored(_without_empty(frame), source, dialect_of(source))


def as_stored(frame: pd.DataFrame, source: Source, dialect: Dialect) -> pd.DataFrame:
    """Columns of a file that has types of its own: as stored, without what means "no value", and converted where the card has a type.

    Raises
    ------
    SourceError
        Cells are not what the card says, all at once with their rows.
    """
    said = replace(dialect, missing=frozenset(missing_said(source)))
    for name in (c for c, about in source.columns.items() if about.type is None and c in frame):
        frame[name] = without_missing(frame[name], said)
    texts = {name: about for name, about in source.columns.items() if about.type == "text"}
    others = {name: about for name, about in source.columns.items() if about.type in ("number", "date")}
    return typed(typed(frame, texts, said, lambda name: rows), others, dialect, lambda name: rows)


def missing_said(source: Source) -> tuple[str, ...]:
    """Texts that a card names as "no value"; a file with types has its own missing values, and "NA" may be Namibia there."""
    return source.missing if "missing" in source.model_fields_set else ()


def _without_empty(frame: pd.DataFrame) -> pd.DataFrame:
    """Stata has no missing text but the empty one."""
    for name in (c for c in frame if not pd.api.types.is_numeric_dtype(frame[c])):
        frame[name] = frame[name].mask(frame[name].astype(object) == "")
    return frame


# ---- JSON ----------------------------------------------------------------------------------------------


def _json(path: Path, source: Source, asked: str) -> pd.DataFrame:
    """A list of records, at the top, where `query` names it (`result.records`), or where there is just one; GeoJSON's properties."""
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig" if source.encoding == "utf-8" else source.encoding))
    except (ValueError, LookupError) as error:
        raise SourceError(f"{path.name} cannot be read as JSON ({_what(error)}).") from error
    found = _records(content, source, path.name)
    frame = pd.DataFrame.from_records(found)
    missing = set(source.missing)
    held = frame.map(lambda v: None if isinstance(v, str) and v in missing else v)
    _refuse_nested(held, source, path.name)
    return typed(held, source.columns, dialect_of(source), lambda name: rows)


def _refuse_nested(frame: pd.DataFrame, source: Source, name: str) -> None:
    nested = [c for c in source.columns if c in frame and frame[c].map(lambda v: isinstance(v, (list, dict))).any()]
    if nested:
        raise SourceError(
            [
                f"{name}: column {c!r} holds lists or records, which no panel does. Leave it out of the card."
                for c in nested
            ]
        )


def _records(content: Any, source: Source, name: str) -> Sequence[dict[str, Any]]:
    lists = dict(_lists(content))
    asked = source.query if isinstance(source.query, str) else None
    if asked is None and len(lists) != 1:
        what = (
            f"several lists of records: {some(list(lists), 20)}. Name one in `query`" if lists else "no list of records"
        )
        raise SourceError(f"{name} holds {what}.")
    if asked is not None and asked not in lists:
        raise SourceError(f"{name} holds no list of records at {asked!r}. {nearest(asked, lists)}")
    found = lists[asked] if asked is not None else next(iter(lists.values()))
    return [r["properties"] or {} for r in found] if all(_is_feature(r) for r in found) else found


def _is_feature(record: dict[str, Any]) -> bool:
    return record.get("type") == "Feature" and "properties" in record


def _lists(content: Any, at: str = "") -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Lists of records and where they are; none within records."""
    if isinstance(content, list) and content and all(isinstance(r, dict) for r in content):
        yield at, content
    elif isinstance(content, dict):
        for key, value in content.items():
            yield from _lists(value, f"{at}.{key}" if at else key)


# ---- messages ------------------------------------------------------------------------------------------


def rows(positions: Sequence[int]) -> list[str]:
    """Rows by their number, for files without lines."""
    return [f"row {p + 1}" for p in positions]


def _what(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]
