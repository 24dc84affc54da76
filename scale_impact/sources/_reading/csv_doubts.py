"""What may be wrong with a CSV file and its card, looked at only where reading failed or something is odd."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.source import Source
from scale_impact.core.words import counted, some
from scale_impact.errors import SourceError
from scale_impact.sources._pulling.first_bytes import HEAD as FIRST
from scale_impact.sources._pulling.first_bytes import misfit
from scale_impact.sources._reading.cells import Places

SEPARATORS = (";", "\t", "|", ",")

ABOVE = 60
"""Lines within which a header is looked for that is not where the card says."""

HEAD = 1 << 20
"""Bytes that are looked at for the encoding's name; the whole file is where it cannot be told otherwise."""


# ---- text ----------------------------------------------------------------------------------------------


def opened(path: Path) -> IO[bytes]:
    """The bytes of a file, unpacked; errors as the packing's own."""
    import fsspec

    file: IO[bytes] = fsspec.open(str(path), "rb", compression="infer").open()
    return file


def text(path: Path, source: Source, errors: str = "strict") -> str:
    """The whole file as text, without a byte order mark."""
    with opened(path) as file:
        return file.read().decode(source.encoding, errors=errors).removeprefix("\ufeff")


def cut(content: str, source: Source) -> str:
    """The text without the lines that the card skips above and below; empty lines at the end do not count."""
    lines = list(io.StringIO(content, newline=""))
    while source.footer and lines and not lines[-1].strip(" \t\r\n" + source.separator):
        lines.pop()
    return "".join(lines[source.skip : len(lines) - source.footer])


def records(path: Path, source: Source) -> Iterator[tuple[int, list[str]]]:
    """Each row with the number of its line in the file, header first; blank lines count as lines only."""
    content = cut(text(path, source, "replace"), source)
    before = source.skip
    reader = csv.reader(io.StringIO(content, newline=""), delimiter=source.separator)
    for row in reader:
        if row and not (len(row) == 1 and not row[0].strip()):
            yield before + 1, row
        before = source.skip + reader.line_num


# ---- bytes, which are quicker than text -------------------------------------------------------------------

PIECE = 1 << 18
"""Bytes that are counted at once: what fits into a processor's cache is counted several times as fast."""


def bytes_alike(source: Source) -> bool:
    """Whether separators, digits and line ends are in the card's encoding the bytes that they are in ASCII."""
    name = source.encoding.lower().replace("_", "-")
    return name.startswith(("utf-8", "utf8", "latin", "iso-8859", "cp12", "ascii")) and source.separator.isascii()


def may_be_uneven(path: Path, mark: bytes) -> bool:
    """Whether a line may have another number of separators than the first; also where quotes may hide some.

    Empty lines at the end are none.
    """
    wanted, odd, open_marks, last = -1, 0, 0, b""
    with opened(path) as file:
        while piece := file.read(PIECE):
            if b'"' in piece:
                return True
            found, open_marks = _marks_by_line(piece, mark, open_marks)
            wanted = int(found[0]) if wanted < 0 and len(found) else wanted
            odd += int(np.count_nonzero(found != wanted))
            last = (last + piece)[-PIECE:]
    content = last.rstrip(b"\r\n")
    empty = max(last[len(content) :].count(b"\n") - 1, 0)
    unended = open_marks != wanted and not last.endswith(b"\n")
    return unended or odd != (empty if wanted else 0)


def _marks_by_line(piece: bytes, mark: bytes, before: int) -> tuple[NDArray[np.int64], int]:
    """Separators of each line that ends in a piece, the first's with those ``before`` it; and those after the last end."""
    others = bytes(set(range(256)) - set(mark + b"\n"))
    both = np.frombuffer(piece.translate(None, others), dtype=np.uint8)  # twice as fast as to select them in an array
    ends = np.flatnonzero(both == ord("\n"))
    if not len(ends):
        return ends, before + len(both)
    counted = np.diff(ends, prepend=-1) - 1
    counted[0] += before
    return counted, len(both) - int(ends[-1]) - 1


def first_lines(path: Path, wanted: int) -> bytes:
    """The first bytes of a file, with at least so many lines where it has them."""
    pieces, lines = [], 0
    with opened(path) as file:
        while lines <= wanted and (piece := file.read(1 << 20)):
            pieces.append(piece)
            lines += piece.count(b"\n")
    return b"".join(pieces)


# ---- rows, by their lines ---------------------------------------------------------------------------------


def lines_of(path: Path, source: Source) -> Places:
    """Where rows stand in the file: reads it again, and only when a message needs it."""

    def places(positions: Sequence[int]) -> list[str]:
        wanted = {p + 1 for p in positions}
        last = max(wanted, default=0)
        found = {k: line for k, (line, _) in enumerate(islice(records(path, source), last + 1)) if k in wanted}
        return [f"line {found[p + 1]}" if p + 1 in found else f"row {p + 1}" for p in positions]

    return places


# ---- the header -----------------------------------------------------------------------------------------


def refuse_wrong_header(header: Sequence[str], path: Path, source: Source) -> None:
    """Refuse a file whose header has none of the card's columns, where another separator or line has them.

    Raises
    ------
    SourceError
        The separator is another, or the header stands further down; what to add to the card is said.
    """
    if not source.columns or any(c in source.columns for c in header):
        return
    with opened(path) as file:
        if (wrong := misfit(file.read(FIRST), "csv")) is not None:
            raise SourceError(f"{path.name} {wrong.replace('gives', 'is', 1)}")
    start = text(path, source, "replace").splitlines()[: source.skip + ABOVE]
    for separator in (source.separator, *(s for s in SEPARATORS if s != source.separator)):
        at = next((k for k, line in enumerate(start) if _has_columns(line, separator, source)), None)
        if at is None:
            continue
        raise SourceError(_other_header(path.name, separator, at, start, source))


def _has_columns(line: str, separator: str, source: Source) -> bool:
    """Whether a line is the header: it names at least half of the card's columns."""
    cells = {c.strip().strip('"') for c in line.split(separator)}
    wanted = [c for c in source.columns if not c.endswith(".flag")]
    return 2 * len(cells & set(wanted)) >= len(wanted)


def _other_header(name: str, separator: str, at: int, start: Sequence[str], source: Source) -> str:
    wrong, add = [], []
    if separator != source.separator:
        wrong.append(f"is separated by {separator!r}, the card says {source.separator!r}")
        add.append(f"`separator: {separator!r}`" if separator != "\t" else '`separator: "\\t"`')
    if at < source.skip or any(line.strip() for line in start[source.skip : at]):
        wrong.append(f"has its header in line {at + 1}")
        add.append(f"`skip: {at}`")
    cells = [c.strip().strip('"') for line in start[at + 1 :] for c in line.split(separator)]
    if separator != "," and source.decimal == "." and any(re.fullmatch(r"[-−+]?[\d. ]*\d,\d+", c) for c in cells):
        wrong.append("has a decimal comma")
        add.append("`decimal: ','`")
    return f"{name} {' and '.join(wrong)}. Add {' and '.join(add)} to the card."


# ---- rows ----------------------------------------------------------------------------------------------


def uneven(path: Path, source: Source, *, empty: bool = False) -> str | None:
    """Which rows have more or fewer cells than the header, in a sentence; None where there is none.

    Empty cells beyond the header's count where ``empty`` says so: rows may all end with a separator, but not some.
    """
    rows = records(path, source)
    _, header = next(rows, (0, []))
    found = [
        (line, len(row))
        for line, row in rows
        if len(row) < len(header) or (row[len(header) :] if empty else any(row[len(header) :]))
    ]
    if not found:
        return None
    shown = some([f"line {line} ({counted(n, 'cell')})" for line, n in found])
    last = _footnotes(found, header, path, source)
    return f"{path.name}: the header has {counted(len(header), 'cell')}, other rows have not: {shown}. {last}"


def _footnotes(found: Sequence[tuple[int, int]], header: Sequence[str], path: Path, source: Source) -> str:
    """What to do about such rows: those at the end are footnotes."""
    total = len(cut(text(path, source, "replace"), source).splitlines()) + source.skip
    short = len(header) > 1 and all(n < len(header) for _, n in found)
    at_end = short and found[-1][0] - found[0][0] + 1 >= total - found[0][0]
    footer = source.footer + total - found[0][0] + 1
    if at_end and all(n == 1 for _, n in found):
        return f"Notes below the data? Add `footer: {footer}` to the card."
    if at_end:
        return f"Notes below the data? Then add `footer: {footer}` to the card. If they are data, is the file whole?"
    return "A text with the separator or a line break in it has to stand in quotes; is the file whole?"


# ---- encoding -----------------------------------------------------------------------------------------


def other_encoding(path: Path, source: Source) -> str | None:
    """What is wrong with the card's encoding, in a sentence; None where the file is written in it, as far as one can tell."""
    with opened(path) as file:
        content = file.read()
    name = source.encoding.lower().replace("_", "-")
    if name in ("utf-8", "utf8", "utf-8-sig"):
        return _no_utf8(content, path.name)
    if name.startswith(("utf-16", "utf16", "utf-32", "utf32")):
        return _no_utf16(content, path.name, source.encoding)
    return _no_single_bytes(content, path.name, source.encoding)


def _no_utf8(content: bytes, name: str) -> str | None:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
            return f"{name} is UTF-16, the card says utf-8. Add `encoding: utf-16` to the card."
        where = content[: error.start].count(b"\n") + 1
        said = f"{name} is no UTF-8: byte 0x{content[error.start]:02x} in line {where}."
        word = _word(content, error.start)
        if word is not None:
            return f"{said} As cp1252 it reads {word!r}: if that is right, add `encoding: cp1252` to the card."
        return f"{said} Find out its encoding, and add `encoding` to the card."
    return (
        f"{name} holds NUL bytes, which no text has. Is the file damaged, or of another format?"
        if b"\0" in content
        else None
    )


def _word(content: bytes, at: int) -> str | None:
    """The word around a byte as Western Windows writes it, where the whole file makes sense so."""
    try:
        whole = content.decode("cp1252")
    except UnicodeDecodeError:
        return None
    odd = [c for c in set(whole) if ord(c) > 127]
    if not all(c.isalpha() or c in "§°²³µ·€£–—‘’“”„«»…½¼¾±×\u00a0" for c in odd):
        return None
    start, end = (content[:at].decode("cp1252"), content[at:].decode("cp1252"))
    return (re.search(r"[^\s,;|\"]*\Z", start) or [""])[0] + (re.match(r"[^\s,;|\"]*", end) or [""])[0]


def _no_utf16(content: bytes, name: str, encoding: str) -> str | None:
    try:
        content.decode(encoding)
    except (UnicodeError, LookupError):
        return f"{name} is no {encoding}. Correct `encoding` in the card, or leave it out if the file is UTF-8."
    if content[:2] not in (b"\xff\xfe", b"\xfe\xff") and b"\0" not in content[:HEAD]:
        return f"{name} is no {encoding}: nothing in it looks like it. Leave `encoding` out of the card if the file is UTF-8."
    return None


def _no_single_bytes(content: bytes, name: str, encoding: str) -> str | None:
    """UTF-8 read byte by byte gives MÃ¼nchen without any error."""
    if content.isascii():
        return None
    try:
        word = _first_foreign(content.decode("utf-8"))
        return (
            f"{name} is UTF-8, the card says {encoding}. As UTF-8 it reads {word!r}: leave `encoding` out of the card."
        )
    except UnicodeDecodeError:
        pass
    try:
        if encoding.lower().replace("_", "-") in ("latin-1", "latin1", "iso-8859-1") and re.search(
            rb"[\x80-\x9f]", content
        ):
            return f"{name} has characters that {encoding} has not. Add `encoding: cp1252` to the card."
        content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        return f"{name} is no {encoding}: byte 0x{content[error.start]:02x} in line {line}. Correct `encoding` in the card."
    return None


def _first_foreign(content: str) -> str:
    found = re.search(r"[^\s,;|\"]*[^\x00-\x7f][^\s,;|\"]*", content.removeprefix("\ufeff"))
    return found[0][:40] if found else ""


# ---- all of it ----------------------------------------------------------------------------------------


def why(path: Path, source: Source, error: Exception) -> str:
    """Why a file could not be read, as exactly as can be told."""
    doubts: tuple[Callable[[Path, Source], str | None], ...] = (
        _option, _empty, other_encoding, _open_quote, uneven, lambda p, s: uneven(p, s, empty=True),
    )  # fmt: skip
    try:
        if found := next((said for doubt in doubts if (said := doubt(path, source)) is not None), None):
            return found
    except Exception:  # a broken archive hinders these questions as it hindered the reader, which said so
        return _as_said(path, error)
    return _as_said(path, error)


def _as_said(path: Path, error: Exception) -> str:
    what = " ".join(f"{type(error).__name__}: {error}".split())
    return f"{path.name} cannot be read as CSV ({what}). Check separator, decimal and encoding in the card."


def _option(path: Path, source: Source) -> str | None:
    for key in ("separator", "decimal"):
        if len(getattr(source, key)) != 1:
            return f"{key} is {getattr(source, key)!r}; it is one character, such as ';'."
    try:
        "".encode(source.encoding)
    except LookupError:
        return f"encoding is {source.encoding!r}, which nobody knows. Common ones: utf-8, cp1252, utf-16."
    return None


def _empty(path: Path, source: Source) -> str | None:
    with opened(path) as file:
        if not file.read(HEAD).strip():
            return f"{path.name} is empty."
    if not cut(text(path, source, "replace"), source).strip():
        return f"{path.name} holds nothing but the lines that `skip` and `footer` leave out."
    return None


def _open_quote(path: Path, source: Source) -> str | None:
    """A quote that nothing closes takes the rest of the file into one cell."""
    content = cut(text(path, source), source)
    if content.count('"') % 2 == 0:
        return None
    limit = csv.field_size_limit(2**31 - 1)
    try:
        last = max(records(path, source), key=lambda r: max((c.count("\n") for c in r[1]), default=0))
    finally:
        csv.field_size_limit(limit)
    return f'{path.name}: a quote (") is opened in line {last[0]} and never closed. Is the file whole?'
