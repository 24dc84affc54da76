"""Answers of SDMX services as tables: one row an observation.

Read are SDMX-CSV 1.0 and 2.0, SDMX-ML and SDMX-JSON (by sdmx1), and Eurostat's own TSV. Whatever the format, a row has the
dimensions as text, ``TIME_PERIOD``, ``OBS_VALUE`` as number and the attributes (flags, multipliers) as text.
"""

from __future__ import annotations

import gzip
import io
import re
import warnings
import zipfile
import zlib
from collections.abc import Iterable
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from scale_impact.core.words import counted, some
from scale_impact.errors import SourceError
from scale_impact.sources._pulling.service import library, message_in
from scale_impact.sources._sdmx_query import TIME

VALUE = "OBS_VALUE"
UPDATED = "LAST UPDATE"
ABOUT = frozenset(
    {
        "DATAFLOW", "DATASTRUCTURE", "DATAPROVISION", "STRUCTURE", "STRUCTURE_ID", "STRUCTURE_NAME", "ACTION", "SERIES_KEY",
        "OBS_KEY", UPDATED,
    }
)  # fmt: skip
"""Columns of SDMX-CSV that say what the message is."""
ATTRIBUTES = frozenset(
    {
        "OBS_FLAG", "OBS_STATUS", "CONF_STATUS", "UNIT_MULT", "DECIMALS", "PRE_BREAK_VALUE", "COMMENT_OBS", "COMMENT_TS",
        "TITLE", "TITLE_COMPL", "TIME_FORMAT", "COLLECTION", "BASE_PER",
    }
)  # fmt: skip
"""Attributes by name: structure-specific messages do not tell a series' attributes from its dimensions."""
MISSING = frozenset({"", ":", "NaN", "nan"})
"""How services write that there is no value; ``:`` is Eurostat's."""
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


NARROWER = (
    "Ask for less: name the codes that you need under `query.key`, and `params: {startPeriod: ..., endPeriod: ...}`."
)
"""What to do where an answer is too large."""

MOST = 4 * 1024**3
"""Bytes of an unpacked message."""


@dataclass(frozen=True)
class Message:
    """The observations of an answer."""

    frame: pd.DataFrame
    """A row each: dimensions, TIME_PERIOD, OBS_VALUE, attributes."""
    dimensions: tuple[str, ...]
    """Names of the dimensions but time."""
    updated: str | None = None
    """When the table was last updated, as 2026-06-14."""


def read_message(path: Path, *, separator: str = ",", missing: Iterable[str] = ()) -> Message:
    """Read an answer as it was stored.

    Raises
    ------
    SourceError
        It is no message with data, or holds values that are no numbers.
    """
    body = _unpacked(path)
    start = body[:4096].lstrip(b"\xef\xbb\xbf \r\n\t")
    if not start:
        raise SourceError(f"{path.name} is empty. Get it again.")
    if start.startswith((b"<", b"{", b"[")):
        found = _by_library(body, path)
    elif b"\\" + TIME.encode() in start.split(b"\n")[0]:
        found = _tsv(body, path)
    else:
        found = _csv(body, separator, path)
    values = _numbers(found.frame[VALUE], MISSING | set(missing), path)
    return Message(found.frame.assign(**{VALUE: values}), found.dimensions, found.updated)


def _unpacked(path: Path) -> bytes:
    """The message itself: services send large ones compressed."""
    with path.open("rb") as file:
        head = file.read(4)
    try:
        if head.startswith(b"\x1f\x8b"):
            with gzip.open(path) as packed:
                return _bounded(packed, path)
        if head.startswith(b"PK\x03\x04"):
            with zipfile.ZipFile(path) as several:
                (only,) = several.namelist()
                with several.open(only) as packed_one:
                    return _bounded(packed_one, path)
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise SourceError(f"{path.name} cannot be unpacked ({error}). Get it again.") from error
    return path.read_bytes()


def _bounded(packed: Any, path: Path) -> bytes:
    """What is unpacked: a small file can be made to unpack to any size."""
    body: bytes = packed.read(MOST + 1)
    if len(body) > MOST:
        raise SourceError(f"{path.name} has more than {MOST:,} bytes unpacked. {NARROWER}")
    return body


# ---- text ----------------------------------------------------------------------------------------------


def _csv(body: bytes, separator: str, path: Path) -> Message:
    """SDMX-CSV: dimensions stand before OBS_VALUE, attributes after it."""
    how: dict[str, Any] = {"sep": separator, "dtype": "str", "encoding": "utf-8-sig", "index_col": False}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # rows longer than the header
            frame = pd.read_csv(io.BytesIO(body), keep_default_na=False, na_values=[""], **how)
    except (ValueError, pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise SourceError(
            f"{path.name} cannot be read as SDMX-CSV ({' '.join(str(error).split())}). Get it again."
        ) from error
    header = [str(c) for c in frame.columns]
    _refuse_other_csv(header, separator, path)
    _refuse_short_rows(frame, path)
    after = header.index(VALUE)
    attributes = [c for k, c in enumerate(header) if c not in ABOUT and (k > after or c in ATTRIBUTES)]
    dimensions = tuple(c for c in header[:after] if c not in (*ABOUT, *attributes, TIME))
    return Message(frame[[*dimensions, TIME, VALUE, *attributes]], dimensions, _updated(frame))


def _refuse_other_csv(header: list[str], separator: str, path: Path) -> None:
    if any(c.startswith(f"{VALUE}:") for c in header):
        raise SourceError(
            f"{path.name} names codes and labels in one cell. Ask with `params: {{labels: id}}`, for the codes alone."
        )
    lost = [c for c in (TIME, VALUE) if c not in header]
    if not lost:
        return
    if len(header) == 1 and VALUE in header[0]:
        raise SourceError(
            f"{path.name} is not separated by {separator!r}: its header is {header[0]!r}. Give the card its `separator`."
        )
    raise SourceError(f"{path.name} is no SDMX message: it has no column {some(lost)}, only {some(header, 12)}.")


def _refuse_short_rows(frame: pd.DataFrame, path: Path) -> None:
    short = frame.index[frame[TIME].isna()]
    if len(short):
        lines = some([int(k) + 2 for k in short])
        raise SourceError(
            f"{path.name}: {counted(len(short), 'row')} without {TIME} (line {lines}). Was it cut off? Get it again."
        )


def _updated(frame: pd.DataFrame) -> str | None:
    """Eurostat's time of the last update, ``14/06/26 23:00:00``, as a date."""
    said = frame[UPDATED].dropna() if UPDATED in frame else frame.iloc[:0, 0]
    found = re.match(r"(\d\d)/(\d\d)/(\d\d)\b", str(said.iloc[0])) if len(said) else None
    return f"20{found[3]}-{found[2]}-{found[1]}" if found else None


def _tsv(body: bytes, path: Path) -> Message:
    """Eurostat's own format: a row a series, periods side by side, flags behind the values.

    A cell that is ``:`` without a flag says nothing but that there is no observation.
    """
    how: dict[str, Any] = {"sep": "\t", "dtype": "str", "keep_default_na": False, "encoding": "utf-8-sig"}
    try:
        wide = pd.read_csv(io.BytesIO(body), index_col=False, **how)
        keys = str(wide.columns[0])
        dimensions = tuple(keys.partition("\\")[0].split(","))
        long = wide.melt(id_vars=keys, var_name=TIME, value_name=VALUE)
        parts = long[keys].str.split(",", expand=True).set_axis(dimensions, axis="columns")
    except ValueError as error:
        raise SourceError(f"{path.name} cannot be read as Eurostat's TSV ({error}). Get it again.") from error
    if (long[VALUE].isna() | (long[VALUE].str.strip() == "")).any():
        raise SourceError(f"{path.name} has rows that end early. Was it cut off? Get it again.")
    cells = long[VALUE].str.strip().str.partition(" ")
    flags = cells[2].str.strip()
    frame = parts.assign(**{TIME: long[TIME].str.strip(), VALUE: cells[0], "OBS_FLAG": flags.mask(flags == "")})
    observed = (cells[0] != ":") | (flags != "")
    return Message(frame[observed].reset_index(drop=True), dimensions)


# ---- by sdmx1 ------------------------------------------------------------------------------------------


def _by_library(body: bytes, path: Path) -> Message:
    """SDMX-ML and SDMX-JSON."""
    sdmx = library("sdmx", "sdmx")
    _refuse_queued(body, path)
    if re.search(rb"<!DOCTYPE", body[:65536], flags=re.IGNORECASE):
        raise SourceError(f"{path.name} defines entities of its own, which no SDMX message does. Get it again.")
    try:
        with redirect_stdout(io.StringIO()):  # it prints what it stumbled over
            message = sdmx.read_sdmx(io.BytesIO(body))
    except Exception as error:  # its readers let through whatever they meet in a message that is none
        raise SourceError(_unreadable(body, path, error)) from error
    sets = getattr(message, "data", None)
    if sets is None:
        raise SourceError(
            f"{path.name} is an SDMX message without data ({type(message).__name__}). {_said(body)}Correct the card."
        )
    _refuse_footer(message, path)
    return _as_message([_observations(s) for s in sets])


def _unreadable(body: bytes, path: Path, error: Exception) -> str:
    what = " ".join(str(error).split())[:200]
    return (
        f"{path.name} cannot be read as an SDMX message ({type(error).__name__}: {what}). {_said(body)}Get it again, or ask for another "
        "format, such as `params: {format: SDMX-CSV}`."
    )


def _said(body: bytes) -> str:
    said = message_in(body[:65536].decode("utf-8", errors="replace"))
    return f"It says: {said} " if said else ""


def _refuse_queued(body: bytes, path: Path) -> None:
    """Refuse the promise of an answer: large ones are prepared, and lie elsewhere later."""
    if re.search(rb"ASYNCHRONOUS_RESPONSE|<(\w+:)?queued>|<status>\s*(SUBMITTED|PROCESSING)", body[:65536]):
        raise SourceError(f"{path.name}: the service prepares an answer so large that it is sent later. {NARROWER}")


def _refuse_footer(message: Any, path: Path) -> None:
    """A message without data may say in its footer where they will lie, or that there are too many."""
    footer = message.footer
    texts = [str(t).partition(": ")[2] or str(t) for t in getattr(footer, "text", [])]
    if not texts or any(len(s) for s in message.data):
        return
    raise SourceError(
        f"{path.name} holds no data. The service says: {' '.join(texts)} ({getattr(footer, 'code', '')}). {NARROWER}"
    )


def _observations(data: Any) -> tuple[list[str], pd.DataFrame]:
    """Names of the dimensions of a data set, and its observations with a column for each dimension and attribute.

    Each value is asked for by name: attributes that only some observations carry must not slip to their neighbours.
    """
    of_all = {name: a.value for name, a in data.attrib.items()}
    rows, dimensions = [], dict[str, None]()
    for observation in data.obs:
        key = {name: part.value for name, part in observation.key.values.items()}
        dimensions.update(dict.fromkeys(key))
        attributes = {name: a.value for name, a in observation.attrib.items()}
        rows.append({**of_all, **key, **attributes, VALUE: _value(observation.value)})
    return [d for d in dimensions if d not in (TIME, *ATTRIBUTES)], pd.DataFrame(rows)


def _value(value: Any) -> float | str | None:
    """A value as readers give it: text of XML, a number of JSON."""
    return None if value is None else value if isinstance(value, str) else float(value)


def _as_message(sets: list[tuple[list[str], pd.DataFrame]]) -> Message:
    """The observations of all data sets of a message."""
    filled = [(names, frame) for names, frame in sets if len(frame)]
    if not filled:
        return Message(pd.DataFrame({TIME: [], VALUE: []}, dtype="object"), ())
    frame = pd.concat([f for _, f in filled], ignore_index=True)
    if TIME not in frame:
        raise SourceError(
            f"The message has no {TIME}, only {some([str(c) for c in frame.columns], 12)}: it is no panel."
        )
    dimensions = tuple(dict.fromkeys(d for names, _ in filled for d in names))
    attributes = [str(c) for c in frame.columns if c not in (*dimensions, TIME, VALUE)]
    texts = {c: _as_text(frame[c]) for c in (*dimensions, TIME, *attributes)}
    return Message(frame.assign(**texts)[[*dimensions, TIME, VALUE, *attributes]], dimensions)


def _as_text(column: pd.Series[Any]) -> pd.Series[Any]:
    """Codes as text, in the kind of column that text files give too; an empty attribute is none."""
    texts = column.map(lambda v: None if v is None or v != v or str(v) == "" else str(v)).astype(object)
    return texts.astype(pd.Series(["a"]).dtype)


# ---- values --------------------------------------------------------------------------------------------


def _numbers(column: pd.Series[Any], missing: frozenset[str] | set[str], path: Path) -> pd.Series[Any]:
    """Values as numbers, always of one type, so that a table's next edition has it too; all that are none are refused at once."""
    if column.dtype.kind == "f":
        return column.astype(float)
    texts = column.astype(object).map(lambda v: v.strip() if isinstance(v, str) else v)
    absent = texts.isna() | texts.isin(list(missing))
    odd = texts[~absent & ~texts.astype(str).str.fullmatch(NUMBER)]
    wrong = [(k + 2, v) for k, v in odd.items()]
    if wrong:
        shown = some([f"{v!r} (line {line})" for line, v in wrong])
        raise SourceError(
            f"{path.name}: {counted(len(wrong), 'value')} of {VALUE} {'is' if len(wrong) == 1 else 'are'} no number: {shown}. If it means that "
            "there is no value, name it under `missing` in the card."
        )
    return texts.mask(absent).astype(float)
