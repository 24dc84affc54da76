"""From what cells hold to numbers, texts and dates, as a card says that they are written; nothing is guessed.

Offices write numbers with a decimal comma, with marks between thousands, and with footnote marks beside
them (``12.3 b``) or in their place (``:``). What a card declares is read; every other cell that is no
number is named with its place and value, and with what the card would have to say.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scale_impact.core.source import Column, Source
from scale_impact.core.words import counted
from scale_impact.errors import SourceError

FLAG = ".flag"
"""Ending of the column that holds the footnote marks found in another: ``no2.flag``."""

SHOWN = 5
"""Cells of a column that a message names; it counts the others."""

MINUS = "\\-−–﹣－"
"""The hyphen and what typesetters put in its place before a number."""

ALIKE = {" ": " \u00a0\u202f\u2009", "'": "'’"}
"""Marks between thousands that look the same: the no-break and the narrow spaces, the curly apostrophe."""

LONGEST = 200
"""Characters above which a cell is not looked at as a number."""

NOTE = r"\s*[^\d\s.,%_][^\s\d_]{0,3}|\s+\d{1,2}\)"
"""What a footnote mark after a number may look like, where the card declares none."""

BLANKS = " \t\r\n\u00a0\u202f\u2009\u200b\ufeff"

Places = Callable[[Sequence[int]], list[str]]
"""Where rows, by their labels in a frame's index, stand in the file: ``line 7``, ``cell B7``."""


@dataclass(frozen=True)
class Cell:
    """A cell as a number: its value (None: no value) and the footnote marks beside it."""

    value: int | float | None
    flags: str | None = None


@dataclass(frozen=True)
class Numbers:
    """A column as numbers: values, footnote marks (or None), and which cells are no numbers."""

    values: pd.Series[Any]
    flags: pd.Series[Any]
    wrong: pd.Series[bool]


@dataclass(frozen=True)
class Dialect:
    """How a card says that numbers are written."""

    decimal: str
    thousands: str | None
    markers: Mapping[str, str]
    missing: frozenset[str]
    zeros: frozenset[str] = frozenset()

    @cached_property
    def number(self) -> str:
        """Regular expression of a number without footnote marks; thousands are grouped everywhere or nowhere."""
        point, grouped = re.escape(self.decimal), ""
        if self.thousands:
            mark = "".join(map(re.escape, ALIKE.get(self.thousands, self.thousands)))
            grouped = rf"[0-9]{{1,3}}(?:[{mark}][0-9]{{3}})+|"
        gap = "" if {"-", "–", "−"} & set(self.markers) else "[ \u00a0]?"
        whole = rf"(?:{grouped}[0-9]+)"
        return rf"(?:[{MINUS}+]{gap})?(?:{whole}(?:{point}[0-9]*)?|{point}[0-9]+)(?:[eE][+-]?[0-9]+)?"

    @cached_property
    def cell(self) -> re.Pattern[str]:
        """A number with footnote marks before or after it, or either alone.

        A mark that starts with a digit has to stand apart: ``12.31)`` could be 12.31 or 12.3 with note 1.
        """
        marks = sorted((m for m in self.markers if m != "()"), key=len, reverse=True)
        if not marks:
            return re.compile(rf"(?P<before>)(?P<number>{self.number})(?P<after>)")
        before = "|".join(re.escape(m) + (r"\s+" if m[-1].isdecimal() else r"\s*") for m in marks)
        after = "|".join((r"\s+" if m[0].isdecimal() else r"\s*") + re.escape(m) for m in marks)
        return re.compile(rf"(?P<before>(?:{before})*?)(?P<number>{self.number})?(?P<after>(?:{after})*)")

    @cached_property
    def marks(self) -> re.Pattern[str]:
        """The footnote marks themselves."""
        return re.compile("|".join(re.escape(m) for m in sorted(self.markers, key=len, reverse=True)) or r"(?!)")

    @cached_property
    def no_values(self) -> frozenset[float]:
        """Numbers that stand for "no value", such as -999."""
        found = (self._plain(m) for m in self.missing if re.fullmatch(self.number, m))
        endless = (m for m in self.missing if re.fullmatch(r"[+-]?inf(inity)?", m, flags=re.IGNORECASE))
        return frozenset(_real(v) for v in (*found, *endless))

    @cached_property
    def no_moments(self) -> frozenset[pd.Timestamp]:
        """Dates that stand for "no value", such as 9999-12-31."""
        found = (_date(m) for m in self.missing if re.match(r"[0-9]{4}-", m))
        return frozenset(d for d in found if d is not None)

    def read(self, content: object) -> Cell | None:
        """A cell's content as a number; None where it is none."""
        if isinstance(content, (bool, np.bool_)):
            return Cell(int(content))
        if isinstance(content, (int, float, np.number)):
            value = content.item() if isinstance(content, np.number) else content
            if _real(value) in self.no_values:
                return Cell(None)
            return None if math.isinf(_real(value)) else Cell(value)
        return self._text(content) if isinstance(content, str) and len(content) <= LONGEST else None

    def _text(self, content: str) -> Cell | None:
        text = content.strip(BLANKS)
        if text == "" or text in self.missing:
            return Cell(None)
        if text in self.zeros:
            return Cell(0)
        if "()" in self.markers and text[0] == "(" and text[-1] == ")":
            inner = self._text(text[1:-1])
            return None if inner is None else Cell(inner.value, " ".join(filter(None, ("()", inner.flags))))
        found = self.cell.fullmatch(text) if text not in self.markers else None
        if found is None:
            return Cell(None, text) if text in self.markers else None
        return self._marked(found)

    def _marked(self, found: re.Match[str]) -> Cell | None:
        marks = self.marks.findall(found["before"]) + self.marks.findall(found["after"])
        flags = " ".join(dict.fromkeys(marks)) or None
        if found["number"] is not None:
            value = self._plain(found["number"])
            if value in self.no_values:
                return Cell(None, flags)
            return None if math.isinf(value) else Cell(value, flags)
        # without a number, marks that are all letters and stand together are a word, not marks
        apart = found[0].split() == marks or any(not m.isalpha() for m in marks)
        return Cell(None, flags) if apart else None

    def _plain(self, number: str) -> int | float:
        """The value of a text that is a number."""
        text = re.sub(f"^[{MINUS}]", "-", number)
        for mark in ALIKE.get(self.thousands or "", self.thousands or ""):
            text = text.replace(mark, "")
        text = text.replace("\u00a0", "").replace(" ", "").replace(self.decimal, ".")
        return int(text) if re.fullmatch(r"[+-]?[0-9]+", text) else float(text)


def dialect_of(source: Source) -> Dialect:
    """How a card says that numbers are written.

    Raises
    ------
    SourceError
        Marks that cannot be told apart; all problems at once.
    """
    problems = list(_dialect_problems(source))
    if problems:
        raise SourceError(problems)
    missing, zeros = (frozenset(t.strip(BLANKS) for t in texts) for texts in (source.missing, source.zeros))
    return Dialect(source.decimal, source.thousands, source.markers, missing, zeros)


def _dialect_problems(source: Source) -> Iterable[str]:
    for key in ("decimal", "thousands"):
        mark = getattr(source, key)
        if mark is not None and (len(mark) != 1 or mark.isalnum() or mark in "+-"):
            yield f"{key} is {mark!r}; it is one mark, such as `{key}: ','`."
    if source.decimal == source.thousands:
        yield f"decimal and thousands are both {source.decimal!r}. Write the marks that the file uses."
    if source.kind == "csv" and source.separator == source.decimal:
        yield f"separator and decimal are both {source.decimal!r}. Write the marks that the file uses, such as `separator: ';'`."
    bare = Dialect(source.decimal or ".", source.thousands, {}, frozenset())
    for mark in source.markers:
        if not mark.strip() or re.fullmatch(rf"{bare.number}", mark):
            yield f"markers: {mark!r} is {'a number' if mark.strip() else 'empty'}, which cannot be told from the cell's own."


def numbers(column: pd.Series[Any], dialect: Dialect) -> Numbers:
    """A column of texts (or of texts and numbers) as numbers: int64 where all are whole and there, otherwise float64."""
    codes, seen = pd.factorize(column)
    cells = [dialect.read(content) for content in seen]
    wrong = np.array([c is None for c in cells] + [False])[codes]
    # where an item is missing its code is -1, the last of each of these
    values = np.array([_float(c) for c in cells] + [np.nan])[codes]
    flags = np.array([c and c.flags for c in cells] + [None], dtype=object)[codes]
    index = column.index
    if (whole := _whole(cells, codes)) is not None:
        return Numbers(*(pd.Series(v, index=index) for v in (whole, flags, wrong)))
    return Numbers(*(pd.Series(v, index=index) for v in (values, flags, wrong)))


def _float(cell: Cell | None) -> float:
    return np.nan if cell is None or cell.value is None else float(cell.value)


def _real(value: Any) -> float:
    """A number as a computer keeps it; a whole one of more than 308 digits is infinite."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _whole(cells: Sequence[Cell | None], codes: Any) -> Any:
    """The values as whole numbers, where all are."""
    found = [c.value for c in cells if c is not None and isinstance(c.value, int) and abs(c.value) < 2**63]
    if len(found) < len(cells) or not len(codes) or (codes < 0).any():
        return None
    return np.array(found, dtype=np.int64)[codes]


# ---- columns as the card types them ---------------------------------------------------------------------


def typed(
    frame: pd.DataFrame, columns: Mapping[str, Column], dialect: Dialect, places: Callable[[str], Places]
) -> pd.DataFrame:
    """The columns of a frame as the card types them, with their footnote marks where the card has a column for them.

    Parameters
    ----------
    frame:
        Cells as the file holds them: texts, or what spreadsheets and JSON know. Its index knows the rows' places.
    columns:
        The card's columns by their names in the file; others are left as they are.
    places:
        Of a column: where its rows stand in the file.

    Raises
    ------
    SourceError
        Cells that are not what the card says; all columns at once, each cell with its place and value.
    """
    problems: list[str] = []
    found: dict[str, pd.Series[Any]] = {}
    flagged = any(name.endswith(FLAG) for name in columns)
    for name, about in columns.items():
        if name not in frame or (name.endswith(FLAG) and name.removesuffix(FLAG) in frame):
            continue
        column = frame[name]
        values, flags = _column(emptied(column, dialect), about, dialect, places(name), problems)
        if values is not column:
            found[name] = values
        if flagged and about.type in (None, "number") and (flags is not None or _is_stored(values)):
            found[name + FLAG] = _unflagged(column) if flags is None else flags
    if problems:
        raise SourceError(problems)
    # not `assign`: a column may be called "self"
    return pd.DataFrame({**{name: frame[name] for name in frame}, **found}, index=frame.index) if found else frame


def emptied(column: pd.Series[Any], dialect: Dialect) -> pd.Series[Any]:
    """A stored column of numbers or dates without those that the card names as "no value"; of texts see ``Dialect.read``."""
    if pd.api.types.is_datetime64_any_dtype(column):
        return _masked(column, [d for d in dialect.no_moments if (d.tzinfo is None) == (column.dt.tz is None)])
    if not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        return column
    wanted = np.array(sorted(dialect.no_values), dtype=float)
    if column.dtype.kind != "f" or not len(wanted):
        return _masked(column, wanted)
    with np.errstate(over="ignore"):
        short = wanted.astype(np.float32).astype(
            float
        )  # -99.9 of a file with short numbers is -99.9000015 as a long one
    alike = short[np.isfinite(short)]
    return _masked(column, np.concatenate([wanted, alike]).astype(column.dtype, copy=False))


def without_missing(column: pd.Series[Any], dialect: Dialect) -> pd.Series[Any]:
    """A stored column of any type without what the card names as "no value"."""
    found = emptied(column, dialect)
    held_as_text = found.dtype == object or isinstance(found.dtype, pd.StringDtype)
    return _masked(found, sorted(dialect.missing)) if held_as_text else found


def _masked(column: pd.Series[Any], wanted: Sequence[Any] | NDArray[Any]) -> pd.Series[Any]:
    if not len(wanted):
        return column
    found = column.isin(wanted)
    return column.mask(found) if found.any() else column


def _is_stored(column: pd.Series[Any]) -> bool:
    """Whether a column holds numbers or moments, and no texts that may become such."""
    return bool(pd.api.types.is_numeric_dtype(column) or pd.api.types.is_datetime64_any_dtype(column))


def _unflagged(column: pd.Series[Any]) -> pd.Series[Any]:
    """The footnote marks of a column that has none."""
    return pd.Series([None] * len(column), index=column.index, dtype=object)


def _column(
    column: pd.Series[Any], about: Column, dialect: Dialect, places: Places, problems: list[str]
) -> tuple[pd.Series[Any], pd.Series[Any] | None]:
    """One column's values, and its footnote marks where it is one of numbers."""
    if about.type == "date":
        return dates(_without(column, dialect), places, problems), None
    if about.type == "text":
        return _without(texts(column), dialect), None
    if _is_stored(column):
        _refuse_unfit(column, about, places, problems)
        return column, None
    read = numbers(column, dialect)
    filled = column.notna()
    if about.type is None and (read.wrong.any() or not filled.any()) and _stays_text(column[filled], dialect):
        return column, None
    if read.wrong.any():
        problems.append(no_numbers(column, read.wrong, about, dialect, places))
    elif about.type is None and (codes := _with_zeros(column)).any():
        problems.append(lost_zeros(column, codes, places))
    return read.values, read.flags


def _without(column: pd.Series[Any], dialect: Dialect) -> pd.Series[Any]:
    """A column of texts without those that mean "no value"; readers of text files have left them out already."""
    return column if pd.api.types.is_datetime64_any_dtype(column) else _masked(column, sorted(dialect.missing))


def _refuse_unfit(column: pd.Series[Any], about: Column, places: Places, problems: list[str]) -> None:
    """Say what is wrong with a column that the file stores as numbers or as dates."""
    if about.type == "number" and pd.api.types.is_datetime64_any_dtype(column):
        where = _shown(column[column.notna()], places)
        problems.append(f"Column {column.name!r} is of type number and holds dates: {where}. {_DATES}")
    elif column.dtype.kind == "f" and (endless := np.isinf(np.asarray(column, dtype=float))).any():
        where = _shown(column[endless], places)
        problems.append(
            f"Column {column.name!r} holds what is infinite or too large for a number: {where}. Correct the value (the log of 0?); if it means that "
            "there is no value, name the text under `missing` in the card; a correction can then say the right one."
        )


_DATES = "Spreadsheets make dates of numbers such as 1.2: get the column as it was, or give it `type: date`."


def _stays_text(filled: pd.Series[Any], dialect: Dialect) -> bool:
    """Whether a column without a type is one of texts: most of its cells are neither numbers nor look like them."""
    if not len(filled):
        return True
    if not all(isinstance(v, str) for v in pd.unique(filled)):
        return False
    seen = filled.value_counts()
    worded = {t: n for t, n in seen.items() if any(map(str.isalnum, t))}  # `:` and `-` are in columns of either kind
    alike = sum(n for t, n in worded.items() if looks_like_a_number(t) or dialect.read(t) is not None)
    return alike * 2 < sum(worded.values()) or not worded


def looks_like_a_number(text: str) -> bool:
    """Whether a text is a number as somebody writes them, with whatever marks."""
    body = r"(?:\d{1,3}(?:[., '’\u00a0\u202f\u2009]\d{3})+|\d+)(?:[.,]\d+)?"
    return re.fullmatch(rf"[(<>~≈]?[{MINUS}+]?{body}(?:\s?[%€$£)*¹²³]|\s[a-z]{{1,3}})?", text.strip(BLANKS)) is not None


def _with_zeros(column: pd.Series[Any]) -> pd.Series[bool]:
    """Texts such as 06037, which as numbers would be others."""
    found = {t: isinstance(t, str) and re.match(r"\s*0[0-9]", t) is not None for t in pd.unique(column)}
    return column.map(found).fillna(False).astype(bool)


def lost_zeros(column: pd.Series[Any], codes: pd.Series[bool], places: Places) -> str:
    """That codes would become other codes."""
    (where,) = places(list(column.index[codes][:1]))
    return (
        f"Column {column.name!r} holds {column[codes].iloc[0]!r}, which as a number would lose its zero ({where}). Give it `type: text` "
        "in the card, or `type: number` if the zero means nothing."
    )


def texts(column: pd.Series[Any]) -> pd.Series[Any]:
    """A column as texts: whole numbers without a point, dates as 2024-07-31."""
    if not pd.api.types.is_object_dtype(column) and pd.api.types.is_string_dtype(column):
        return column
    return column.map({v: _as_text(v) for v in pd.unique(column[column.notna()])})


def _as_text(value: Any) -> str:
    if isinstance(value, (datetime, np.datetime64)):
        return str(pd.Timestamp(value).isoformat()).removesuffix("T00:00:00")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    return str(value)


def dates(column: pd.Series[Any], places: Places, problems: list[str]) -> pd.Series[Any]:
    """A column as dates; those that could be read in two ways or in none become problems.

    Moments with their distance from universal time become those of universal time.
    """
    if pd.api.types.is_datetime64_any_dtype(column):
        return column
    try:
        if all(isinstance(v, str) for v in column.head(100).dropna()):
            found = pd.to_datetime(column, format="ISO8601")  # of distances that differ, ValueError
            return found if found.dt.tz is None else found.dt.tz_convert("UTC")
    except (ValueError, TypeError, OverflowError, AttributeError):
        pass  # which ones, is found below
    written = {v: _date(v) for v in pd.unique(column[column.notna()])}
    wrong = column.notna() & column.map({v: d is None for v, d in written.items()}).fillna(False).astype(bool)
    if wrong.any():
        problems.append(
            f"Column {column.name!r} is of type date: {_shown(column[wrong], places)}. Write dates as 2024-07-31."
        )
    read = {v: d for v, d in written.items() if d is not None}
    zoned = {v: d.tzinfo is not None for v, d in read.items()}
    if len(set(zoned.values())) > 1:
        problems.append(_two_clocks(column, zoned, places))
        read = {}
    return pd.to_datetime(column.map(read), utc=any(zoned.values()))


def _two_clocks(column: pd.Series[Any], zoned: Mapping[Any, bool], places: Places) -> str:
    """That some moments say how far they are from universal time, and others do not."""
    says = column.map(zoned)
    with_, without = (_shown(column[says.eq(kind)], places) for kind in (True, False))
    return (
        f"Column {column.name!r} is of type date and holds moments with a time zone: {with_}; and others without: {without}. One cannot tell "
        "how far they are apart. Write all of them with their zone, such as 2024-07-31T12:00:00+02:00, or none."
    )


def _date(value: Any) -> pd.Timestamp | None:
    """A day or moment as ISO 8601 writes it; a year is its first day."""
    if isinstance(value, (datetime, date, np.datetime64)):
        return pd.Timestamp(value)
    text = value.strip(BLANKS) if isinstance(value, str) else _as_text(value)
    if not re.match(r"[0-9]{4}(?![0-9])|[0-9]{8}(?![0-9])", text):
        return None
    try:
        return pd.Timestamp(pd.to_datetime(text, format="ISO8601"))
    except (ValueError, OverflowError):
        return None


# ---- what is wrong, and what to do -----------------------------------------------------------------------


def no_numbers(column: pd.Series[Any], wrong: pd.Series[bool], about: Column, dialect: Dialect, places: Places) -> str:
    """The cells of a column that are no numbers, in a sentence, and what the card may say of them."""
    found = column[wrong]
    several = f" {counted(len(found), 'cell')} that are no numbers:" if len(found) > 1 else ""
    is_typed = "is of type number and holds" if about.type == "number" else "holds"
    kept = "" if about.type == "number" else " If the column holds codes or names, give it `type: text`."
    advised = advice([str(v) for v in pd.unique(found)], dialect)
    alone = "" if several else ", which is no number"
    return f"Column {column.name!r} {is_typed}{several} {_shown(found, places)}{alone}. {advised}{kept}"


def _shown(found: pd.Series[Any], places: Places) -> str:
    """The first cells with their places, and how many more there are."""
    cells = [f"{_value(v)} ({where})" for v, where in zip(found, places(list(found.index[:SHOWN])), strict=False)]
    more = f" and {len(found) - SHOWN:,} more" if len(found) > SHOWN else ""
    return ", ".join(cells) + more


def _value(value: Any) -> str:
    text = value if isinstance(value, str) else _as_text(value)
    return repr(text if len(text) <= 40 else text[:37] + "...")


def advice(found: Sequence[str], dialect: Dialect) -> str:
    """What the card may have to say of texts in a column of numbers; the first that fits half of them."""
    stripped = [t.strip(BLANKS) for t in found]
    for fits, sentence in _ADVICE:
        if 2 * sum(fits(t, dialect) for t in stripped) >= len(stripped):
            return str(sentence(stripped, dialect) if callable(sentence) else sentence)
    return "If it means that there is no value, name the text under `missing` in the card; a correction can then say the right one."


def _comma(text: str, dialect: Dialect) -> bool:
    plain = rf"[{MINUS}+]?(?:\d+|\d{{1,3}}(?:[. '’\u00a0\u202f]\d{{3}})+),\d+"
    grouped = rf"[{MINUS}+]?[1-9]\d{{0,2}},\d{{3}}"  # 1,234 may be either
    return dialect.decimal == "." and re.fullmatch(plain, text) is not None and re.fullmatch(grouped, text) is None


def _point(text: str, dialect: Dialect) -> bool:
    return dialect.decimal == "," and re.fullmatch(rf"[{MINUS}+]?(?:\d+|\d{{1,3}}(?:,\d{{3}})+)\.\d+", text) is not None


def _grouping(text: str, dialect: Dialect) -> bool:
    """Whether other marks between thousands would make it a number."""
    mark = _mark(text)
    return mark is not None and mark not in (dialect.decimal, dialect.thousands)


def _mark(text: str) -> str | None:
    found = re.match(rf"[{MINUS}+]?\d{{1,3}}([., '’\u00a0\u202f\u2009])\d{{3}}(?!\d)", text)
    return None if found is None else next((k for k, v in ALIKE.items() if found[1] in v), found[1])


def _misplaced(text: str, dialect: Dialect) -> bool:
    """Whether only the thousands' marks stand where they do not belong."""
    alike = ALIKE.get(dialect.thousands or "", dialect.thousands or "")
    bare = "".join(c for c in text if c not in alike)
    return bare != text and re.fullmatch(dialect.number, bare) is not None


def _say_comma(found: Sequence[str], dialect: Dialect) -> str:
    mark = next((m for t in found if (m := _mark(t)) is not None and m != ","), None)
    more = f" and `thousands: {mark!r}`" if mark and mark != dialect.thousands else ""
    return f"They look like numbers with a decimal comma: add `decimal: ','`{more} to the card."


def _say_point(found: Sequence[str], dialect: Dialect) -> str:
    return "They look like numbers with a decimal point: the card says `decimal: ','`."


def _say_grouping(found: Sequence[str], dialect: Dialect) -> str:
    mark = next(m for t in found if (m := _mark(t)) is not None)
    if mark == "," and all(re.fullmatch(r"\D?\d+,\d+", t) for t in found):
        return (
            "They have marks between thousands or a decimal comma: add `thousands: ','` or `decimal: ','` to the card."
        )
    return f"They look like numbers with marks between thousands: add `thousands: {mark!r}` to the card."


def _say_misplaced(found: Sequence[str], dialect: Dialect) -> str:
    return f"The mark between thousands, {dialect.thousands!r}, stands where it does not belong. Is `decimal` another?"


def _say_note(found: Sequence[str], dialect: Dialect) -> str:
    beside = (m[1].strip(BLANKS) for t in found if (m := re.fullmatch(rf"{dialect.number}({NOTE})", t)))
    alone = (t for t in found if re.fullmatch(r"[^\w\s]{1,3}|[A-Za-z]", t))  # marks in place of a number
    marks = ", ".join(f"{mark!r}: what it means" for mark in dict.fromkeys([*beside, *alone]))
    return f"Footnote marks are declared with their meaning: add `markers: {{{marks}}}` to the card."


_ADVICE: tuple[tuple[Callable[[str, Dialect], bool], Any], ...] = (
    (_misplaced, _say_misplaced),
    (_comma, _say_comma),
    (_point, _say_point),
    (_grouping, _say_grouping),
    (
        lambda t, d: re.fullmatch(r".*\d\s*[%‰]", t) is not None,
        "A per cent sign is taken where the card declares it and the column's unit is %: `markers: {'%': per cent}`.",
    ),
    (
        lambda t, d: re.search(r"[€$£¥]|\b(EUR|USD|GBP|CHF)\b", t) is not None and re.search(r"\d", t) is not None,
        "An amount with a currency is not taken as a number: name the currency as the column's unit, and its sign under `markers`.",
    ),
    (
        lambda t, d: re.fullmatch(r"\(.*\d.*\)", t) is not None,
        "Parentheses mean a negative number to some and an uncertain one to others: declare the second as `markers: {'()': what it "
        "means}`; the first has to be rewritten.",
    ),
    (
        lambda t, d: re.fullmatch(rf"{d.number}({NOTE})", t) is not None,
        _say_note,
    ),
)
"""What a text may be, and what to do; in this order."""
