"""CSV for people: texts that a spreadsheet would execute as formulas are defused; numbers stay as they are."""

from __future__ import annotations

import csv
import re
from typing import IO, Any

import pandas as pd

STARTS = "=+-@\t\r\n＝＋－＠|%"
"""What makes a formula, or a call of another program, of a cell; the wide forms are taken for the narrow ones.

Source: OWASP, CSV Injection; `|` and `%` start such calls in older spreadsheets.
"""

WITHIN = re.compile(rf"([;\t\r\n|])(?=[\s\"']*[{re.escape(STARTS)}])")
"""Before what would be a formula where another mark than the comma separates cells, as in Europe the semicolon does.

Such a program takes the quotes around a cell for part of its text, unless they start the line: quotes alone are no help.
"""

HARMLESS = re.compile(r"[+-]|[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
"""A number, or a sign alone, such as an indicator's direction."""


def write_csv(frame: pd.DataFrame, file: IO[str]) -> None:
    """Write a table as CSV, safe to be opened in a spreadsheet.

    A text that starts as a formula does (``=1+1``, ``@SUM``, ``-5 %``) gets an apostrophe in front, and so does what follows
    a semicolon, a tab or a line break within it; numbers, and texts that are nothing but a number or a sign (``-3``, ``-``),
    do not. All texts below the header stand in quotes, so that none continues the number before it. Whoever reads the file
    by a program takes JSON or Parquet instead where such texts matter.
    """
    safe = frame.rename(columns=defused)
    numbers = [pd.api.types.is_numeric_dtype(kind) for kind in safe.dtypes]
    for place, is_number in enumerate(numbers):
        if not is_number:
            safe.isetitem(place, safe.iloc[:, place].map(defused))
    csv.writer(file, lineterminator="\n").writerow(safe.columns)
    safe.to_csv(file, header=False, index=False, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)


def defused(value: Any) -> Any:
    """A cell that no spreadsheet executes."""
    if not isinstance(value, str) or HARMLESS.fullmatch(value):
        return value
    inside = WITHIN.sub(r"\1'", value)
    if inside.lstrip(" \"'").startswith(tuple(STARTS)) and not inside.startswith("'"):
        return "'" + inside
    return value if inside == value else inside
