"""CSV files, plain or compressed: within the project, or at an address."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pandas as pd

from scale_impact.core.source import Source
from scale_impact.errors import SourceError
from scale_impact.sources._download import downloaded, is_remote

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
    if Path(file).is_absolute() or ".." in Path(file).parts:
        raise SourceError(f"file is {file!r}; it has to be a path within the project or package, without `..`.")
    return file


def parse(path: Path, source: Source) -> pd.DataFrame:
    """Read as the card says; columns of type text stay text (city codes keep their zeros)."""
    kinds = {name: column.type for name, column in source.columns.items()}
    texts = {name: "str" for name, kind in kinds.items() if kind in ("text", "date")}
    try:
        frame = _read(path, source, texts)
    except Exception as error:  # each compression, encoding and separator raises errors of its own
        what = " ".join(f"{type(error).__name__}: {error}".split())
        raise SourceError(
            f"{path.name} cannot be read as CSV ({what}). Check separator, decimal and encoding in the card."
        ) from error
    _refuse_lost_zeros(path, source, frame)
    convert = {"date": _dates, "number": _numbers}
    for name in (n for n, kind in kinds.items() if kind in convert and n in frame):
        frame[name] = convert[str(kinds[name])](frame[name])
    return frame


def _read(path: Path, source: Source, texts: dict[str, str]) -> pd.DataFrame:
    """Read with pandas, which would take the first column of rows longer than the header as an index."""
    how: dict[str, Any] = {"sep": source.separator, "encoding": source.encoding, "index_col": False}
    header = pd.read_csv(path, header=None, nrows=1, dtype="str", keep_default_na=False, **how).iloc[0]
    if twice := [c for c in source.columns if (header == c).sum() > 1]:
        raise ValueError(f"column {', '.join(map(repr, twice))} stands there twice")
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)
        warnings.filterwarnings("ignore", message="The 'float_precision' argument is deprecated")
        frame: pd.DataFrame = pd.read_csv(
            path, decimal=source.decimal, na_values=list(source.missing), keep_default_na=False, dtype=texts,
            float_precision="round_trip", **how,
        )  # fmt: skip
    return frame


def _refuse_lost_zeros(path: Path, source: Source, frame: pd.DataFrame) -> None:
    """Codes such as 06037 read as numbers are other codes; the card has to say what they are."""
    whole = [n for n, c in source.columns.items() if c.type is None and n in frame and frame[n].dtype.kind == "i"]
    if not whole:
        return
    how: dict[str, Any] = {"sep": source.separator, "encoding": source.encoding, "index_col": False}
    raw = pd.read_csv(path, usecols=whole, nrows=FIRST_ROWS, dtype="str", keep_default_na=False, **how)
    for name in whole:
        codes = raw[name][raw[name].str.match(r"\s*0\d")]
        if len(codes):
            raise SourceError(
                f"Column {name!r} holds {codes.iloc[0]!r}, which as a number would lose its zero. Give it `type: text` in the "
                "card, or `type: number` if the zero means nothing."
            )


def _numbers(column: pd.Series[Any]) -> pd.Series[Any]:
    wrong = pd.to_numeric(column, errors="coerce").isna() & column.notna()
    if wrong.any():
        raise SourceError(
            f"Column {column.name!r} is of type number and holds {column[wrong].iloc[0]!r} (row {wrong.idxmax()}). Correct "
            "it, or name the text under `missing` in the card."
        )
    return column


def _dates(column: pd.Series[Any]) -> pd.Series[Any]:
    try:
        return pd.to_datetime(column, format="ISO8601")
    except (ValueError, OverflowError) as error:
        what = str(error).split(". ")[0]
        raise SourceError(f"Column {column.name!r} is of type date: {what}. Write dates as 2024-07-31.") from error
