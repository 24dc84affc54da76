"""What makes two cities differ, in words."""

from __future__ import annotations

import numpy as np

from scale_impact.benchmark.cities import ContextColumn
from scale_impact.core.words import number

TIMES = (
    "",
    "",
    "twice",
    "three times",
    "four times",
    "five times",
    "six times",
    "seven times",
    "eight times",
    "nine times",
    "ten times",
)
PARTS = ("", "", "half", "a third", "a quarter", "a fifth", "a sixth", "a seventh", "an eighth", "a ninth", "a tenth")

ROUND = 0.07
"""A ratio this near to a whole number (as a share of it) is told as that number."""

SHARES = ("%", "percent", "per cent", "share")


def shown(value: object) -> str:
    """A value for reading."""
    if value is None or value != value:
        return "not known"
    return number(float(value)) if isinstance(value, (float, int, np.number)) else str(value)


def difference(column: ContextColumn, own: object, other: object) -> str:
    """The other city's value as seen from one's own: ``three times as much``, ``4.2 percentage points lower``, ``the same``."""
    if own is None or other is None or own != own or other != other:
        return "not known of both"
    if column.kind == "group":
        return "the same" if own == other else f"{other}, not {own}"
    a, b = float(str(own)), float(str(other))
    if a == b:
        return "the same"
    if _is_share(column.unit) or min(a, b) <= 0:
        unit = "percentage points" if column.unit.strip().lower() in SHARES[:3] else column.unit
        return f"{number(float(f'{abs(b - a):.2g}'))} {unit}".rstrip() + (" higher" if b > a else " lower")
    return _ratio(b / a)


def _is_share(unit: str) -> bool:
    return any(unit.strip().lower().startswith(s) for s in SHARES)


def _ratio(ratio: float) -> str:
    """A ratio in words: from a seventh below or above, as a percentage; beyond, as a number of times or a part."""
    if 0.6 < ratio < 1.75:
        percent = 100 * abs(ratio - 1)
        size = "less than 1 %" if percent < 0.95 else f"{percent:.0f} %"
        return f"{size} {'more' if ratio > 1 else 'less'}"
    many = ratio if ratio > 1 else 1 / ratio
    whole = round(many)
    if whole < len(TIMES) and abs(many - whole) <= ROUND * whole:
        return f"{TIMES[whole] if ratio > 1 else PARTS[whole]} as much"
    if ratio > 1:
        return f"{number(round(many, 1) if many < 100 else round(many))} times as much"
    return f"{number(float(f'{100 * ratio:.2g}'))} % as much"
