"""Columns of a table as numbers: which kinds of values are numbers, and what is said of a column that holds others.

A missing date is a number to most tools (-9.2e18, or a time of 1970), and a text may be read as one: here neither is.
"""

from __future__ import annotations

from decimal import Decimal
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.words import counted

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]


def floats(column: pd.Series) -> Floats:
    """A column that ``misfit`` has no words for, as floats [N]: NaN where empty, true as 1 and false as 0."""
    if _plain(column):
        found: Floats = column.to_numpy(float, na_value=np.nan)
        return found
    return np.array(
        [np.nan if empty else _float(v) for v, empty in zip(column, column.isna(), strict=True)], dtype=float
    )


def misfit(column: pd.Series) -> str | None:
    """Why a column holds no numbers, and what to do; None where it does.

    Whole, decimal and fractional numbers and truth values are numbers, in a column of any type, and so is nothing. Dates, spans
    of time, complex numbers and texts are not, even those that hold digits: a code is no amount.
    """
    if _plain(column):
        return None
    known = column[column.notna()]
    wrong = [v for v in known if not isinstance(v, (Real, Decimal, np.bool_)) or _is_time(v)]
    if not wrong and not _is_time(column.dtype):
        return None
    if _is_time(column.dtype) or _is_time(wrong[0]):
        return "it holds dates or times, no numbers. Make numbers of them (the year, days since), or leave it out."
    other = [v for v in wrong if not _reads(v)]
    kind = "no number" if other else "a text, no number"
    return f"{(other or wrong)[0]!r} is {kind} ({counted(len(other or wrong), 'row')}). Write a number, or nothing."


def _plain(column: pd.Series) -> bool:
    """Whether the column's type says that it holds numbers or truth values."""
    from pandas.api import types

    kind = column.dtype
    return bool((types.is_numeric_dtype(kind) or types.is_bool_dtype(kind)) and not types.is_complex_dtype(kind))


def _is_time(kind: Any) -> bool:
    """Whether a value, or the type of a column, is of dates or of spans of time."""
    from datetime import date, time, timedelta

    import pandas as pd
    from pandas.api import types

    if isinstance(kind, (np.dtype, pd.api.extensions.ExtensionDtype)):
        return bool(
            types.is_datetime64_any_dtype(kind) or types.is_timedelta64_dtype(kind) or isinstance(kind, pd.PeriodDtype)
        )
    return isinstance(kind, (date, time, timedelta, np.datetime64, np.timedelta64, pd.Period))


def _float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:  # a whole number beyond all floats
        return float("inf") if value > 0 else float("-inf")


def _reads(value: Any) -> bool:
    """Whether a value is a text of digits."""
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return isinstance(value, str)
