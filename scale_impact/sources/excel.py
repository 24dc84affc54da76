"""Excel workbooks (.xlsx, .xlsm without their macros): one sheet as a table, with merged headers and cells.

Right for what offices publish as Excel: titles above the header, headers of several lines, units merged
over several rows, notes below. Cells are read as they are stored; where Excel lost what they were
(codes without their zeros, formulas without values, dates made of numbers) the cell is named.
"""

from __future__ import annotations

import re
import warnings
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from scale_impact.core.source import Column, Source
from scale_impact.core.words import counted, nearest, some
from scale_impact.errors import SourceError
from scale_impact.sources import csv
from scale_impact.sources._reading.cells import BLANKS, FLAG, Places, dialect_of, typed

if TYPE_CHECKING:
    from openpyxl.cell import Cell
    from openpyxl.worksheet.worksheet import Worksheet

LARGEST = 600_000_000
"""Bytes of a workbook when unpacked, above which it is refused: openpyxl takes ten times as much memory."""

ABOVE = 60
"""Rows within which a header is looked for that is not where the card says."""

SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def locate(source: Source, root: Path) -> Path:
    """The file, named from the project's folder; what is kept of one that an address names."""
    return csv.locate(source, root)


def parse(path: Path, source: Source) -> pd.DataFrame:
    """Read one sheet as the card says.

    Raises
    ------
    SourceError
        It is no workbook that can be read, the sheet or its header is not there, or cells are not what the card
        says: all of them at once, each with its reference (B7).
    """
    _refuse_unfit(path)
    sheet = _sheet(path, source)
    table = _table(sheet, source, path.name)
    _refuse(_odd_cells(table, source, path))
    _say_hidden(table)
    frame = table.frame(source)
    if frame.empty:
        raise SourceError(f"{table.name} has a header and no rows. {_other_sheets(sheet)}")
    found = typed(frame, source.columns, dialect_of(source), table.places)
    _refuse(_lost_codes(table, source, found))
    return found.reset_index(drop=True)


def _other_sheets(sheet: Worksheet) -> str:
    """Where the rows may be, of a sheet that has none."""
    others = [other.title for other in sheet.parent.worksheets if other.title != sheet.title]
    if not others:
        return "Is `header` or `skip` too large?"
    return f"The workbook has other sheets ({some(others)}): name the one with the data, `sheet: {others[0]}`."


def _refuse(problems: Iterator[str]) -> None:
    if found := list(problems):
        raise SourceError(found)


# ---- the file ------------------------------------------------------------------------------------------


def _refuse_unfit(path: Path) -> None:
    """Refuse what is no workbook of today's format, before it is unpacked."""
    with path.open("rb") as file:
        head = file.read(8)
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        locked = "EncryptedPackage".encode("utf-16-le") in path.read_bytes()
        how = (
            "is encrypted. Save it without a password"
            if locked
            else "is of Excel's old format (.xls). Save it as .xlsx"
        )
        raise SourceError(f"{path.name} {how}, and describe that file.")
    if not head.startswith(b"PK"):
        raise SourceError(
            f"{path.name} is no Excel workbook. If it is text, its kind is `csv`; if it is a web page, get the file itself."
        )
    try:
        with zipfile.ZipFile(path) as archive:
            _refuse_parts(archive, path.name)
    except zipfile.BadZipFile as error:
        raise SourceError(f"{path.name} is damaged: {error}. Get it again.") from error


def _refuse_parts(archive: zipfile.ZipFile, name: str) -> None:
    parts = {part.filename for part in archive.infolist()}
    if "xl/workbook.bin" in parts:
        raise SourceError(f"{name} is of Excel's binary format (.xlsb). Save it as .xlsx, and describe that file.")
    if "content.xml" in parts:
        raise SourceError(f"{name} is an OpenDocument table. Save it as .xlsx, and describe that file.")
    size = sum(part.file_size for part in archive.infolist())
    if size > LARGEST:
        raise SourceError(
            f"{name} would take {size / 1e9:,.1f} GB unpacked; up to {LARGEST / 1e9:.1f} GB are read. Save the sheet as CSV or Parquet."
        )
    for part in archive.infolist():
        with archive.open(part) as file:
            if part.filename.endswith((".xml", ".rels")) and b"<!DOCTYPE" in file.read(2048):
                raise SourceError(
                    f"{name} defines a document type in {part.filename}, which no workbook does. It is not read."
                )


def _sheet(path: Path, source: Source, *, values: bool = True) -> Worksheet:
    """The sheet that the card names, by its name or its number from 1; without, the first."""
    try:
        from openpyxl import load_workbook
    except ImportError as error:
        raise SourceError("Excel files need another package: pip install 'scale-impact[excel]'.") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles and drop-down lists that are not read
            book = load_workbook(path, data_only=values, rich_text=True, keep_links=False)
    except Exception as error:  # a broken workbook raises whatever its XML meets first
        raise SourceError(
            f"{path.name} cannot be read as a workbook ({type(error).__name__}: {error}). Open and save it in Excel or LibreOffice."
        ) from error
    sheets = {sheet.title: sheet for sheet in book.worksheets}
    return sheets[_chosen(list(sheets), source.sheet, path.name)]


def _chosen(titles: Sequence[str], asked: str | int | None, name: str) -> str:
    if not titles:
        raise SourceError(f"{name} has no sheet with cells.")
    if asked is None:
        return titles[0]
    numbered = titles[asked - 1] if isinstance(asked, int) and 1 <= asked <= len(titles) else None
    named = next((t for t in titles if t == str(asked)), None)
    if numbered and named and numbered != named:
        raise SourceError(
            f"{name} has a sheet called {named!r}, and another one is number {asked}. Give `sheet` the other's name."
        )
    if found := numbered or named:
        return found
    if isinstance(asked, int):
        raise SourceError(f"{name} has no sheet {asked}: it has {counted(len(titles), 'sheet')} ({some(titles, 20)}).")
    raise SourceError(f"{name} has no sheet {asked!r}. {nearest(asked, titles)}")


# ---- the table -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Table:
    """A sheet as a table: cells by place, names by column, rows with something in them."""

    sheet: Any
    name: str
    """File and sheet, for messages."""
    cells: Mapping[tuple[int, int], Cell]
    columns: Mapping[str, int]
    rows: Sequence[int]

    def content(self, row: int, column: int) -> Any:
        """What a cell holds; text without blanks around it, superscripts as such."""
        cell = self.cells.get((row, column))
        return None if cell is None else _plain(cell.value)

    def _held(self, row: int, column: int, about: Column | None) -> Any:
        """What a cell holds; a number that its cell shows with zeros in front is the code that one sees."""
        held = self.content(row, column)
        if about is not None and about.type == "text" and isinstance(held, int) and not isinstance(held, bool):
            shown = self.cells[row, column].number_format
            return str(held).zfill(len(shown)) if re.fullmatch("0+", shown) else held
        return held

    def frame(self, source: Source) -> pd.DataFrame:
        """Cells by the card's columns and the sheet's rows; texts that mean "no value" are none."""
        missing = set(source.missing)
        found = {
            name: pd.Series(
                [self._held(r, k, source.columns.get(name)) for r in self.rows], index=list(self.rows), dtype=object
            )
            for name, k in self.columns.items()
        }
        frame = pd.DataFrame(found, index=list(self.rows))
        held = frame.map(lambda v: None if isinstance(v, str) and v in missing else v)
        return held.apply(_stored)

    def places(self, name: str) -> Places:
        """References of a column's cells."""
        return lambda rows: [f"cell {reference(r, self.columns[name])}" for r in rows]


def reference(row: int, column: int) -> str:
    """``B7``."""
    from openpyxl.utils import get_column_letter

    return f"{get_column_letter(column)}{row}"


def _plain(value: Any) -> Any:
    """A value of openpyxl without its dress: superscripts of rich text stay apart from the digits before them."""
    if isinstance(value, list):
        value = "".join(_run(part) for part in value)
    if isinstance(value, str):
        return value.strip(BLANKS)
    return value


def _run(part: Any) -> str:
    font = getattr(part, "font", None)
    text = str(getattr(part, "text", part))
    return text.translate(SUPERSCRIPTS) if font is not None and font.vertAlign == "superscript" else text


def _stored(column: pd.Series[Any]) -> pd.Series[Any]:
    """A column of nothing but numbers or days as such."""
    filled = column.dropna()
    if len(filled) and all(type(v) in (int, float) for v in filled):
        whole = len(filled) == len(column) and all(type(v) is int for v in filled)
        return column.astype("int64" if whole and filled.map(abs).max() < 2**63 else "float64")
    if len(filled) and all(isinstance(v, datetime) for v in filled):
        return pd.to_datetime(column)
    return column


def _table(sheet: Worksheet, source: Source, file: str) -> _Table:
    name = f"{file}, sheet {sheet.title!r}"
    cells = _filled(sheet)
    last = max((r for r, _ in cells), default=0) - source.footer
    first = source.skip + 1
    names = _header(sheet, cells, first, source.header)
    _refuse_header(names, cells, name, source)
    columns = {label: k for k, label in reversed(names.items())}
    below = {r for r, _ in cells if first + source.header <= r <= last}
    rows = sorted(r for r in below if any((r, k) in cells for k in columns.values()))
    _refuse_notes(rows, list(names), cells, name, source)
    return _Table(sheet, name, cells, columns, rows)


def _described(names: Mapping[int, str], source: Source) -> bool:
    return any(label in source.columns for label in names.values())


def _filled(sheet: Worksheet) -> dict[tuple[int, int], Cell]:
    """Cells with something in them; those that are merged downwards all hold what the first does."""
    # the sheet's own iterators make every cell up to the last, which one stray cell can put a million rows away
    cells = {place: cell for place, cell in sheet._cells.items() if cell.value is not None and _plain(cell.value) != ""}
    last = max((r for r, _ in cells), default=0)
    for merged in sheet.merged_cells.ranges:
        top = cells.get((merged.min_row, merged.min_col))
        if top is not None and merged.min_col == merged.max_col:
            cells |= dict.fromkeys(
                ((r, merged.min_col) for r in range(merged.min_row, min(merged.max_row, last) + 1)), top
            )
    return cells


def _header(sheet: Worksheet, cells: Mapping[tuple[int, int], Cell], first: int, lines: int) -> dict[int, str]:
    """Names by column: of merged cells each column has the name, and lines are joined from top to bottom."""
    spread: dict[tuple[int, int], str] = {}
    for (r, k), cell in cells.items():
        if first <= r < first + lines:
            spread[r, k] = _label(cell.value)
    for merged in sheet.merged_cells.ranges:
        if not first <= merged.min_row < first + lines or (merged.min_row, merged.min_col) not in cells:
            continue
        text = _label(cells[merged.min_row, merged.min_col].value)
        for k in range(merged.min_col, merged.max_col + 1):
            spread |= {(r, k): "" for r in range(merged.min_row + 1, merged.max_row + 1)} | {(merged.min_row, k): text}
    columns = sorted({k for _, k in spread})
    joined = {k: " - ".join(filter(None, (spread.get((r, k)) for r in range(first, first + lines)))) for k in columns}
    return {k: label for k, label in joined.items() if label}


def _label(value: Any) -> str:
    """A header cell as a name: 2019, not 2019.0; line breaks are blanks."""
    plain = _plain(value)
    if isinstance(plain, (datetime, date)):
        return plain.isoformat().removesuffix("T00:00:00")
    if isinstance(plain, float) and plain.is_integer():
        plain = int(plain)
    return " ".join(str(plain).split())


def _refuse_header(names: Mapping[int, str], cells: Mapping[tuple[int, int], Cell], name: str, source: Source) -> None:
    """Refuse a name that stands twice, and a header that is elsewhere."""
    places: dict[str, list[int]] = {}
    for k, label in names.items():
        places.setdefault(label, []).append(k)
    row = source.skip + source.header
    problems = [
        f"{name}: column {label!r} stands there twice ({some([reference(row, k) for k in places[label]])}). Which one is meant?"
        for label in source.columns
        if len(places.get(label, ())) > 1
    ]
    if not _described(names, source) and (at := _elsewhere(cells, source)) is not None:
        problems.append(f"{name} has its header in row {at}. Add `skip: {at - 1}` to the card.")
    if problems:
        raise SourceError(problems)


def _elsewhere(cells: Mapping[tuple[int, int], Cell], source: Source) -> int | None:
    """The row with most of the card's columns, if there is one."""
    lines: dict[int, set[str]] = {}
    for (r, _), cell in cells.items():
        if r <= source.skip + ABOVE:
            lines.setdefault(r, set()).add(_label(cell.value))
    wanted = {c for c in source.columns if not c.endswith(FLAG)}
    return next((r for r in sorted(lines) if 2 * len(lines[r] & wanted) >= len(wanted)), None)


def _refuse_notes(
    rows: Sequence[int], columns: Sequence[int], cells: Mapping[tuple[int, int], Cell], name: str, source: Source
) -> None:
    """Refuse notes below the data: text in the first cell and nothing beside it, after all rows that hold more."""
    if len(columns) < 2:
        return
    notes = []
    for row in reversed(rows):
        held = [k for k in columns if (row, k) in cells]
        if held != [min(columns)]:
            break
        notes.append(row)
    if notes and len(notes) < len(rows):
        first, last = notes[-1], max(r for r, _ in cells)
        text = str(_plain(cells[first, min(columns)].value))[:50]
        raise SourceError(
            f"{name}: {reference(first, min(columns))} holds {text!r} and the row nothing else. Notes below the data? Add "
            f"`footer: {last - first + 1}` to the card."
        )


# ---- cells that are not what they seem -----------------------------------------------------------------


def _odd_cells(table: _Table, source: Source, path: Path) -> Iterator[str]:
    """Errors, formulas without values, numbers merged over columns and times, in the card's columns."""
    own = {(r, k): name for name, k in table.columns.items() if name in source.columns for r in table.rows}
    errors = [p for p in own if p in table.cells and _is_error(table.cells[p], source)]
    if errors:
        shown = some([f"{table.content(*p)} in {reference(*p)}" for p in sorted(errors)])
        yield f"{table.name} holds errors of Excel: {shown}. If they mean that there is no value, name them under `missing`."
    if empty := _without_values(path, table, source):
        shown = some([reference(*p) for p in empty])
        yield (
            f"{table.name} holds formulas whose values were not saved: {shown}. Open the file in Excel or LibreOffice, save it, and "
            "describe that file."
        )
    yield from _merged_numbers(table, own)
    times = [p for p in sorted(own) if isinstance(table.content(*p), (time, timedelta))]
    if times:
        yield f"{table.name} holds times of day or durations, which are not read: {some([reference(*p) for p in times])}."


def _is_error(cell: Cell, source: Source) -> bool:
    return cell.data_type == "e" and str(cell.value) not in source.missing


def _without_values(path: Path, table: _Table, source: Source) -> list[tuple[int, int]]:
    """Formulas that hold no value; the workbook is only read again where it has formulas at all."""
    with zipfile.ZipFile(path) as archive:
        sheets = [n for n in archive.namelist() if n.startswith("xl/worksheets/")]
        if not any(re.search(rb"<(\w+:)?f[ >/]", archive.read(n)) for n in sheets):
            return []
    written = _sheet(path, source, values=False)
    above = source.skip + source.header
    columns = {k for name, k in table.columns.items() if name in source.columns}
    formulas = (p for p, cell in written._cells.items() if cell.data_type == "f" and p[0] > above and p[1] in columns)
    return sorted(p for p in formulas if p not in table.cells)


def _merged_numbers(table: _Table, own: Mapping[tuple[int, int], str]) -> Iterator[str]:
    """A number merged over several columns could be of any of them."""
    for merged in table.sheet.merged_cells.ranges:
        top = (merged.min_row, merged.min_col)
        touched = [k for k in range(merged.min_col, merged.max_col + 1) if (merged.min_row, k) in own]
        if len(touched) > 1 and isinstance(table.content(*top), (int, float)):
            yield f"{table.name}: {merged.coord} is one merged cell with the number {table.content(*top)}. Which column is it of?"


def _lost_codes(table: _Table, source: Source, frame: pd.DataFrame) -> Iterator[str]:
    """Numbers in a column of codes that do not look like the codes: Excel keeps no zeros in front."""
    for name, about in source.columns.items():
        if about.type != "text" or about.pattern is None or name not in table.columns:
            continue
        k = table.columns[name]
        lost = [r for r in table.rows if _is_lost(table, r, k, about, frame)]
        if lost:
            shown = some([f"{frame.at[r, name]} ({reference(r, k)})" for r in lost])
            yield (
                f"Column {name!r} holds numbers where the card's pattern {about.pattern!r} expects codes: {shown}. Excel loses zeros "
                "in front; a card of kind `sql` over this one can put them back: lpad(code, 8, '0')."
            )


def _is_lost(table: _Table, row: int, column: int, about: Column, frame: pd.DataFrame) -> bool:
    name = next(n for n, k in table.columns.items() if k == column)
    is_number = isinstance(table.content(row, column), (int, float))
    return is_number and re.fullmatch(about.pattern or "", str(frame.at[row, name])) is None


def _say_hidden(table: _Table) -> None:
    """Hidden rows and columns are data like others; that they were read is said."""
    from openpyxl.utils import get_column_letter

    hidden = [str(r) for r in table.rows if r in table.sheet.row_dimensions and table.sheet.row_dimensions[r].hidden]
    letters = [k for k in table.columns.values() if _is_hidden(table.sheet, k)]
    said = [f"rows {some(hidden)}"] * bool(hidden) + [
        f"columns {some([get_column_letter(k) for k in letters])}"
    ] * bool(letters)
    if said:
        warnings.warn(f"{table.name}: {' and '.join(said)} are hidden in Excel, and were read.", stacklevel=2)


def _is_hidden(sheet: Worksheet, column: int) -> bool:
    """Hidden columns are kept as ranges."""
    return any(d.hidden and d.min <= column <= d.max for d in sheet.column_dimensions.values() if d.min and d.max)
