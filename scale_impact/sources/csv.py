"""CSV files, plain or compressed: within the project, or at an address."""

from __future__ import annotations

import warnings
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from scale_impact.core.source import Source
from scale_impact.errors import SourceError
from scale_impact.sources._pulling.download import downloaded, is_remote
from scale_impact.sources._pulling.store import refuse_unprintable
from scale_impact.sources._reading.cells import dialect_of, lost_zeros, typed
from scale_impact.sources._reading.csv_doubts import (
    bytes_alike,
    cut,
    first_lines,
    lines_of,
    may_be_uneven,
    other_encoding,
    refuse_wrong_header,
    text,
    uneven,
    why,
)

FIRST_ROWS = 100_000
"""Rows in which codes with leading zeros are looked for: a whole second reading would double the time."""


def locate(source: Source, root: Path) -> Path:
    """The file, named from the project's folder; what is kept of one that an address names."""
    if is_remote(source):
        return downloaded(source, root)
    path = root / refuse_outside(source.file)
    if not path.is_file():
        raise SourceError(
            f"There is no file {source.file} in the project's folder. Put it there, or correct the key `file`."
        )
    return path


def refuse_outside(file: str) -> str:
    """The file's name, where it says nothing about folders that other machines do not have."""
    refuse_unprintable(file)
    if Path(file).is_absolute() or ".." in Path(file).parts:
        raise SourceError(f"file is {file!r}; it has to be a path within the project or package, without `..`.")
    return file


def parse(path: Path, source: Source) -> pd.DataFrame:
    """Read as the card says; columns of type text stay text (city codes keep their zeros).

    Raises
    ------
    SourceError
        The file is not written as the card says, or cells are no numbers or dates: with line, value and what to do.
    """
    dialect = dialect_of(source)
    frame = _data_rows(_whole(path, source), path, source)
    _refuse_lost_zeros(path, source, frame)
    return typed(frame, source.columns, dialect, lambda name: lines_of(path, source)).reset_index(drop=True)


def text_columns(path: Path, source: Source) -> pd.DataFrame:
    """Every column of a file as text; errors as ``parse``."""
    return _data_rows(_whole(path, source, dtype="str"), path, source).reset_index(drop=True)


# ---- reading --------------------------------------------------------------------------------------------


def _whole(path: Path, source: Source, **more: Any) -> pd.DataFrame:
    """The file as pandas reads it; why it cannot, as exactly as can be told."""
    texts = {name: "str" for name, column in source.columns.items() if column.type in ("text", "date")}
    try:
        frame = _read(path, source, **({"dtype": texts} | more))
    except SourceError:
        raise
    except Exception as error:  # each compression, encoding and separator raises errors of its own
        raise SourceError(why(path, source, error)) from error
    if source.encoding not in ("utf-8", "utf8") and (wrong := other_encoding(path, source)) is not None:
        raise SourceError(wrong)
    return frame


def _read(path: Path, source: Source, **more: Any) -> pd.DataFrame:
    """Read with pandas, which would take the first column of rows longer than the header as an index."""
    how: dict[str, Any] = {"sep": source.separator, "encoding": source.encoding, "index_col": False}
    header = pd.read_csv(_lines(path, source), header=None, nrows=1, dtype="str", keep_default_na=False, **how).iloc[0]
    if twice := [c for c in source.columns if (header == c).sum() > 1]:
        raise SourceError(f"{path.name}: column {', '.join(map(repr, twice))} stands there twice. Which one is meant?")
    refuse_wrong_header(list(header), path, source)
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)
        warnings.filterwarnings("ignore", message="The 'float_precision' argument is deprecated")
        frame: pd.DataFrame = pd.read_csv(
            _lines(path, source), decimal=source.decimal, na_values=list(source.missing), keep_default_na=False,
            float_precision="round_trip", low_memory=False, **how, **more,
        )  # fmt: skip
    return frame[[c for c in frame if c in set(header)]]


def _lines(path: Path, source: Source) -> Path | StringIO:
    """The file, or what is left of it between the lines that the card skips."""
    return StringIO(cut(text(path, source), source), newline="") if source.skip or source.footer else path


# ---- rows that are none ---------------------------------------------------------------------------------


def _data_rows(frame: pd.DataFrame, path: Path, source: Source) -> pd.DataFrame:
    """The rows that hold data; the index keeps their places in the file.

    Raises
    ------
    SourceError
        There is none, or some have fewer cells than the header.
    """
    if frame.columns.empty:
        return frame
    if frame.empty:
        raise SourceError(f"{path.name} has a header and no rows.")
    if frame.iloc[:, -1].isna().any() and _may_be_uneven(path, source) and (wrong := uneven(path, source)) is not None:
        raise SourceError(wrong)
    _refuse_nul(frame, path, source)
    filled = _filled(frame)
    again = _is_header(filled, source)
    return filled[~again] if again.any() else filled


def _may_be_uneven(path: Path, source: Source) -> bool:
    """Whether rows may have fewer cells than the header: a count of separators, which is quick, rules it out mostly."""
    if source.skip or source.footer or not bytes_alike(source):
        return True
    return may_be_uneven(path, source.separator.encode())


def _filled(frame: pd.DataFrame) -> pd.DataFrame:
    """Without rows of nothing but separators, as spreadsheets write below their data."""
    if not frame.iloc[:, 0].isna().any():
        return frame
    return frame[~frame.isna().all(axis=1)]


def _is_header(frame: pd.DataFrame, source: Source) -> pd.Series[bool]:
    """Rows that say the header again, as in files that were put together of several."""
    names = [c for c in source.columns if c in frame] or list(frame.columns)
    never = pd.Series(False, index=frame.index)
    if any(pd.api.types.is_numeric_dtype(frame[name]) for name in names):
        return never
    again = ~never
    for name in names:
        again &= frame[name].astype(object) == name
        if not again.any():
            break
    return again


def _refuse_nul(frame: pd.DataFrame, path: Path, source: Source) -> None:
    for name in (c for c in source.columns if c in frame and not pd.api.types.is_numeric_dtype(frame[c])):
        seen = pd.unique(frame[name].dropna())
        if any(isinstance(v, str) and "\0" in v for v in seen):
            raise SourceError(
                f"{path.name} holds NUL bytes, which no text has (column {name!r}). Is it damaged, or of another format or encoding?"
            )


def _refuse_lost_zeros(path: Path, source: Source, frame: pd.DataFrame) -> None:
    """Codes such as 06037 read as numbers are other codes; the card has to say what they are."""
    whole = [n for n, c in source.columns.items() if c.type is None and n in frame and frame[n].dtype.kind == "i"]
    if not whole or not _may_have_codes(path, source):
        return
    how: dict[str, Any] = {"sep": source.separator, "encoding": source.encoding, "index_col": False}
    raw = pd.read_csv(_lines(path, source), usecols=whole, nrows=FIRST_ROWS, dtype="str", keep_default_na=False, **how)
    problems = []
    for name in whole:
        codes = raw[name].str.match(r"\s*0\d")
        if codes.any():
            problems.append(lost_zeros(raw[name], codes, lines_of(path, source)))
    if problems:
        raise SourceError(problems)


def _may_have_codes(path: Path, source: Source) -> bool:
    """Whether a cell of the first rows may start with 0 and a digit, which a look at the bytes rules out mostly."""
    if not bytes_alike(source):
        return True
    content = first_lines(path, FIRST_ROWS + source.skip + 1)
    if b'"' in content:  # cells may then have line breaks, and these lines be fewer rows
        return True
    held = np.frombuffer(content, dtype=np.uint8)
    starts = np.zeros(256, dtype=bool)
    starts[list(b" \t\r\n\v\f" + source.separator.encode())] = True
    digits = np.zeros(256, dtype=bool)
    digits[list(b"0123456789")] = True
    return bool((starts[held[:-2]] & (held[1:-1] == ord("0")) & digits[held[2:]]).any())
