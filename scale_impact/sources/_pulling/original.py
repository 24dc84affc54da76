"""Files that were made from something else: tables of R (.rds, .rda), which are made again and compared by their values.

Two programs write one table with different bytes, so the card's hash of a file cannot be met by one that is made anew. Its
values can: ``values_sha256`` of the card is the digest of them, to the last digit. Programs also write numbers with
different numbers of digits; the usual ones are tried, and one has to give the card's values.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pandas as pd

from scale_impact.core import keys
from scale_impact.core.source import Source, SourceFile
from scale_impact.core.words import some, to_label
from scale_impact.errors import SourceError
from scale_impact.sources._reading.tidy import as_in_file

R_ENDINGS = (".rds", ".rda", ".rdata")

DIGITS = (None, "%.15g", "%.7g", "%.6g")
"""How programs write numbers: as they are (pandas, readr), R's write.csv, R's print, C's %g."""


def refuse_handmade(source: Source, piece: SourceFile, name: str) -> None:
    """Refuse to make a file that only its card's author can make; says how to go on."""
    address = piece.address or ""
    if urlsplit(address).path.lower().endswith(R_ENDINGS) and source.kind in ("csv", "url"):
        return
    raise SourceError(
        f"{piece.file} is not what lies at {address} but was made from it: {piece.original} Make it so, put it into a folder as "
        f"DIR/{source.folder}/{piece.file}, and pull it from there: scale-impact data pull {name} --mirror DIR."
    )


def made(original: Path, source: Source, piece: SourceFile, folder: Path) -> tuple[Path, str]:
    """The file made again from its original, and the digest of its values.

    Where no way of writing numbers gives the card's values the first is returned, with its digest.

    Raises
    ------
    SourceError
        The original cannot be read, or holds no table with the card's columns.
    """
    frame, first = _table(original, source), None
    for digits in DIGITS:
        path = folder / Path(piece.file).name
        frame.to_csv(path, index=False, na_rep=_missing(source), float_format=digits, compression=_compression(path))
        seen = values_sha256(path, source)
        if seen == piece.values_sha256:
            return path, seen
        first = first or seen
    frame.to_csv(path, index=False, na_rep=_missing(source), compression=_compression(path))
    return path, str(first)


def _missing(source: Source) -> str:
    """The text that the card reads as no value."""
    return "" if "" in source.missing or not source.missing else source.missing[0]


def _compression(path: Path) -> Any:
    """By the ending; without the time of day, so that the same values give the same bytes."""
    return {"method": "gzip", "mtime": 0} if path.suffix == ".gz" else "infer"


# ---- the digest of values ------------------------------------------------------------------------------


def values_sha256(path: Path, source: Source) -> str:
    """Digest of what a card reads from a file: its columns by name, its rows in any order, each value as text.

    Numbers are written with all their digits, whole ones without a point; dates as 2024-07-31; nothing as an empty text.
    """
    own = as_in_file(source)
    frame = keys.load("sources", source.kind, "parse")(path, own)
    names = sorted(name for name in own.columns if name in frame)
    cells = zip(*(_texts(frame[name]) for name in names), strict=True)
    digest = hashlib.sha256("\x1f".join(names).encode())
    for line in sorted("\x1f".join(row) for row in cells):
        digest.update(b"\x1e" + line.encode())
    return digest.hexdigest()


def _texts(column: pd.Series[Any]) -> Iterator[str]:
    known = {value: _text(value) for value in column.dropna().unique()}
    return (known.get(value, "") for value in column)


def _text(value: Any) -> str:
    plain = to_label(value)
    return str(int(plain)) if isinstance(plain, bool) else str(plain)


# ---- tables of R ---------------------------------------------------------------------------------------


def _table(original: Path, source: Source) -> pd.DataFrame:
    """The one table of an R file that has the card's columns."""
    wanted = set(as_in_file(source).columns)
    held = _objects(original)
    tables = {name: value for name, value in held.items() if isinstance(value, pd.DataFrame)}
    fitting = [table for table in tables.values() if wanted <= set(map(str, table.columns))]
    if len(fitting) == 1:
        table: pd.DataFrame = fitting[0].rename(columns=str)
        return table[[c for c in table.columns if c in wanted]]
    raise SourceError(_none_fits(original.name, tables, wanted, len(fitting)))


def _none_fits(file: str, tables: dict[str, pd.DataFrame], wanted: set[str], fitting: int) -> str:
    if fitting > 1:
        return f"{file} holds {fitting} tables with the card's columns: {some(sorted(tables))}. It is not clear which is meant."
    if not tables:
        return f"{file} holds no table of R (data.frame)."
    name, table = max(tables.items(), key=lambda item: len(wanted & set(item[1].columns)))
    absent = sorted(wanted - set(map(str, table.columns)))
    return f"{file}: its table {name!r} has no column {some(absent)}; it has {some(list(map(str, table.columns)), 20)}."


def _objects(original: Path) -> dict[str, Any]:
    """What an R file holds, by name; a .rds file holds one object without a name."""
    rdata = _rdata()
    single = original.suffix.lower() == ".rds"
    read: Callable[..., Any] = rdata.read_rds if single else rdata.read_rda
    known = {**rdata.conversion.DEFAULT_CLASS_MAP, "Date": _days, "POSIXct": _moments, "integer64": _long}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # classes such as tbl_df, which add nothing to a data.frame
            held = read(original, constructor_dict=known)
    except Exception as error:  # the parser raises what it stumbles over
        what = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise SourceError(f"{original.name} cannot be read as data of R ({what}).") from error
    return {original.stem: held} if single else dict(held)


def _rdata() -> Any:
    try:
        import rdata
    except ImportError as error:
        raise SourceError(
            "Files of R are read by the package rdata, which is not installed: pip install 'scale-impact[r]'"
        ) from error
    return rdata


def _days(values: Any, attributes: Any) -> Any:
    """Dates of R: days since 1970."""
    return pd.to_datetime(pd.Series(values, dtype="float64"), unit="D").to_numpy()


def _moments(values: Any, attributes: Any) -> Any:
    """Moments of R: seconds since 1970, in UTC; written as they were in the zone that the file names."""
    moments = pd.to_datetime(pd.Series(values, dtype="float64"), unit="s", utc=True)
    named = [str(zone) for zone in attributes.get("tzone", []) if zone]
    local = moments.dt.tz_convert(named[0]) if named else moments
    return local.dt.tz_localize(None).to_numpy()


def _long(values: Any, attributes: Any) -> Any:
    """Whole numbers of the R package bit64, which lie in the bytes of decimal ones; the least one means nothing."""
    whole = pd.Series(np.ascontiguousarray(values, dtype="float64").view("int64"))
    return whole.astype("Int64").mask(whole == np.iinfo("int64").min).array
