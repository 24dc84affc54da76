"""CSV for people: texts that a spreadsheet would execute as formulas are defused; numbers stay as they are."""

from __future__ import annotations

import re
from typing import IO, Any

import pandas as pd

STARTS = "=+-@\t\r\n＝＋－＠|%"
"""What makes a formula, or a call of another program, of a cell; the wide forms are taken for the narrow ones.

Source: OWASP, CSV Injection; `|` and `%` start such calls in older spreadsheets.
"""

HARMLESS = re.compile(r"[+-]|[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
"""A number, or a sign alone, such as an indicator's direction."""


def write_csv(frame: pd.DataFrame, file: IO[str]) -> None:
    """Write a table as CSV, safe to be opened in a spreadsheet.

    A text that starts as a formula does (``=1+1``, ``@SUM``, ``-5 %``) gets an apostrophe in front; numbers, and texts
    that are nothing but a number or a sign (``-3``, ``-``), do not. Whoever reads the file by a program takes JSON or Parquet instead
    where such texts matter.
    """
    safe = frame.rename(columns=defused)
    numbers = [pd.api.types.is_numeric_dtype(kind) for kind in safe.dtypes]
    for place, is_number in enumerate(numbers):
        if not is_number:
            safe.isetitem(place, safe.iloc[:, place].map(defused))
    safe.to_csv(file, index=False, lineterminator="\n")


def defused(value: Any) -> Any:
    """A cell that no spreadsheet executes."""
    if not isinstance(value, str) or not value.lstrip(" ").startswith(tuple(STARTS)) or HARMLESS.fullmatch(value):
        return value
    return "'" + value
