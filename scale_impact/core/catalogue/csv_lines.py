"""Reading the project's own small CSV files: each line with its number, slips in the head said at once."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from scale_impact.core.words import slip
from scale_impact.errors import StudyError


@dataclass(frozen=True)
class Line:
    """A line of a file: its number and its fields by column; a field that is not there is empty."""

    number: int
    fields: dict[str, str]

    def __getitem__(self, column: str) -> str:
        return self.fields.get(column, "")


def read_lines(content: bytes, where: str, required: Sequence[str], known: Sequence[str] = ()) -> list[Line]:
    """The lines of a CSV file in UTF-8; short lines lack their last fields, empty lines are passed over.

    Parameters
    ----------
    content:
        The file, with or without the byte order mark of a spreadsheet.
    where:
        What errors call it.
    required, known:
        Columns that it has to have; all that mean something. Columns of the author's own are
        let pass, a slip of a known one is not.

    Raises
    ------
    StudyError
        It is not UTF-8, lacks a column, or a line has more fields than the head.
    """
    try:
        reader = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
        head, lines, problems = _lines(reader)
    except UnicodeDecodeError as error:
        raise StudyError("The file is not UTF-8 text. Save it as UTF-8.", where=where) from error
    except csv.Error as error:
        raise StudyError(f"The file is no readable CSV: {error}.", where=where) from error
    if wrong := _separator_problems(head, required) or [*_head_problems(head, required, known), *problems]:
        raise StudyError(wrong, where=where)
    return lines


def _lines(reader: Any) -> tuple[list[str], list[Line], list[str]]:
    """Head, lines, and the lines that have more fields than the head."""
    head = [column.strip() for column in next(reader, [])]
    lines, problems = [], []
    for fields in reader:
        if not any(map(str.strip, fields)):
            continue
        if len(fields) > len(head):
            problems.append(
                f"line {reader.line_num}, {fields[0]}: it has {len(fields)} fields, the head {len(head)}. Put a text that holds a "
                'comma in quotes: "a, b".'
            )
        lines.append(Line(reader.line_num, {c: f.strip() for c, f in zip(head, fields, strict=False)}))
    return head, lines, problems


def _separator_problems(head: Sequence[str], required: Sequence[str]) -> list[str]:
    """That fields are separated by something else than a comma, as spreadsheets write them where the comma is the decimal sign."""
    first = head[0] if head else ""
    for sign, called in ((";", "semicolons"), ("\t", "tabs")):
        if set(required) - set(head) and len(set(required) & {c.strip() for c in first.split(sign)}) > 1:
            return [
                f"Its fields are separated by {called} ({sign!r}), and have to be by commas. Save it as CSV with commas (and points in decimals), in UTF-8."
            ]
    return []


def _head_problems(head: Sequence[str], required: Sequence[str], known: Sequence[str]) -> list[str]:
    slips = {name: meant for name in head if (meant := slip(name, known)) is not None}
    problems = [f"The head has a column {name!r}. Did you mean {meant!r}?" for name, meant in slips.items()]
    problems += [f"The column {name} stands twice in the head." for name in dict.fromkeys(head) if head.count(name) > 1]
    absent = [name for name in required if name not in head]
    return [*problems, f"The file lacks the column {', '.join(absent)}."] if absent else problems
