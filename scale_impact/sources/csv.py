"""CSV files, plain or compressed, beside the project."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from scale_impact.core.source import Source
from scale_impact.errors import SourceError


def locate(source: Source, root: Path) -> Path:
    """The file, named from the project's folder."""
    path = root / source.file
    if not path.is_file():
        raise SourceError(
            f"There is no file {source.file} in the project's folder. Put it there, or correct the key `file`."
        )
    return path


def parse(path: Path, source: Source) -> pd.DataFrame:
    """Read as the card says; columns of type text stay text (city codes keep their zeros)."""
    kinds = {name: column.type for name, column in source.columns.items()}
    options: dict[str, Any] = {"dtype": {name: "str" for name, kind in kinds.items() if kind == "text"}}
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
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise SourceError(
            f"{path.name} cannot be read as CSV: {error}. Check separator, decimal and encoding in the card."
        ) from error
    for name in (n for n, kind in kinds.items() if kind == "date" and n in frame):
        frame[name] = pd.to_datetime(frame[name])
    return frame
