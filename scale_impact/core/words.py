"""Small helpers for messages: the nearest known name, a few of many, plain numbers."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from typing import Any


def nearest(name: object, known: Iterable[str]) -> str:
    """Say which known name was probably meant, or list them."""
    names = sorted(set(known))
    begun = [n for n in names if len(str(name)) > 2 and n.startswith(str(name))]
    close = begun[:1] if len(begun) == 1 else difflib.get_close_matches(str(name), names, n=1, cutoff=0.5)
    if close:
        return f"Did you mean {close[0]!r}?"
    return f"Known: {some(names, 60)}." if names else "None is known."


def slip(name: str, known: Iterable[str], *, alike: float = 0.8) -> str | None:
    """The known name of which this is most likely a slip (``enviroment``); None for a known name or one of its own.

    ``alike``: how much of both has to be the same (``difflib``), 1 for all.
    """
    names = set(known)
    if name in names:
        return None
    close = difflib.get_close_matches(name.casefold(), sorted(names), n=1, cutoff=alike)
    return close[0] if close else None


def some(items: Sequence[object], most: int = 5) -> str:
    """List a few of many: ``a, b, c and 7 more``."""
    shown = ", ".join(plain(item) for item in items[:most])
    more = len(items) - most
    return f"{shown} and {more} more" if more > 0 else shown


def plain(value: object) -> str:
    """Write a label as its user would: 1984, not 1984.0 or np.int64(1984); 2020-03-01, not a time stamp."""
    label = to_label(value)
    return str(label)


def to_label(value: Any) -> Any:
    """A label as JSON knows it: whole numbers as int, dates as ISO text."""
    if type(value).__module__.startswith(("numpy", "pandas")) and _is_date(value):
        text = str(value.isoformat() if hasattr(value, "isoformat") else value.astype("datetime64[s]"))
        return text.removesuffix("T00:00:00")
    number = value.item() if hasattr(value, "item") else value
    if isinstance(number, float) and number.is_integer():
        return int(number)
    return number if isinstance(number, (int, float, str)) else str(number)


def _is_date(value: Any) -> bool:
    return type(value).__name__ in ("datetime64", "Timestamp")


def counted(n: int, one: str, many: str | None = None) -> str:
    """``1 unit``, ``3 units``."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def number(value: float) -> str:
    """A number for reading: 21,920 or 0.1802, never 2.192e+04."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def within_sentence(text: str) -> str:
    """A name as it stands within a sentence: `unemployment claims`, but `PM2.5` and `NO2` as they are."""
    first = text.split(" ", 1)[0]
    return text if len(first) > 1 and first != first.capitalize() else text[:1].lower() + text[1:]


def effect_unit(unit: str) -> str:
    """The unit of an effect on an outcome: a share in % changes by percentage points."""
    return "percentage points" if unit == "%" else unit


def p_words(p: float) -> str:
    """A p-value for reading."""
    return "p < 0.001" if p < 0.001 else f"p = {number(round(p, 3))}"


def shortened(meaning: str) -> str:
    """What a column holds, without what a card adds to it behind a comma or in brackets."""
    return re.split(r"[,;:(]", meaning)[0].strip()
