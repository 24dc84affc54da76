"""CSV files, plain or compressed, within the project."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from scale_impact.core.source import Source
from scale_impact.errors import SourceError


def locate(source: Source, root: Path) -> Path:
    """The file, named from the project's folder."""
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
    options: dict[str, Any] = {"dtype": {name: "str" for name, kind in kinds.items() if kind in ("text", "date")}}
    try:
        frame = pd.read_csv(
            path,
            sep=source.separator,
            decimal=source.decimal,
            encoding=source.encoding,
            na_values=list(source.missing),
            keep_default_na=False,
            float_precision="round_trip",
            **options,
        )
    except Exception as error:  # each compression, encoding and separator raises errors of its own
        what = " ".join(f"{type(error).__name__}: {error}".split())
        raise SourceError(
            f"{path.name} cannot be read as CSV ({what}). Check separator, decimal and encoding in the card."
        ) from error
    for name in (n for n, kind in kinds.items() if kind == "date" and n in frame):
        frame[name] = _dates(frame[name])
    return frame


def _dates(column: pd.Series[Any]) -> pd.Series[Any]:
    try:
        return pd.to_datetime(column, format="ISO8601")
    except (ValueError, OverflowError) as error:
        what = str(error).splitlines()[0].rstrip(".")
        raise SourceError(f"Column {column.name!r} is of type date: {what}. Write dates as 2024-07-31.") from error
