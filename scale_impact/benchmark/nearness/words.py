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
    if not isinstance(value, (float, int, np.number)):
        return str(value)
    known = float(value)
    return number(known if abs(known) >= 1000 else float(f"{known:.3g}")).replace("-", "\N{MINUS SIGN}")


ALIKE = 0.05
"""Two values nearer than this share of the standard deviation over cities are about the same."""

LITTLE = 0.0095
"""Two values whose ratio is nearer to one are, too."""

POINTS = {"%": "percentage points", "percent": "percentage points", "per cent": "percentage points", "%/year": "percentage points a year",
          "% a year": "percentage points a year", "% per year": "percentage points a year"}  # fmt: skip
"""What shares differ by."""


def difference(column: ContextColumn, own: object, other: object, spread: float = 0.0) -> str:
    """The other city's value as seen from one's own: ``three times as much``, ``4.2 percentage points lower``, ``the same``.

    ``spread``: the standard deviation of the variable over cities; 0: not known, so that every difference is told.
    """
    if own is None or other is None or own != own or other != other:
        return "not known of both"
    if column.kind == "group":
        return "the same" if own == other else f"{other}, not {own}"
    a, b = float(str(own)), float(str(other))
    if a == b:
        return "the same"
    if _is_share(column.unit) or min(a, b) <= 0:
        if abs(b - a) < ALIKE * spread:
            return "about the same"
        unit = POINTS.get(column.unit.strip().lower(), column.unit)
        return f"{number(float(f'{abs(b - a):.2g}'))} {unit}".rstrip() + (" higher" if b > a else " lower")
    return _ratio(b / a)


def _is_share(unit: str) -> bool:
    return any(unit.strip().lower().startswith(s) for s in SHARES)


def _ratio(ratio: float) -> str:
    """A ratio in words: up to three quarters more as a percentage, beyond as a number of times; less as a part or a percentage."""
    if abs(ratio - 1) < LITTLE:
        return "about the same"
    if 0.6 < ratio < 1.75:
        return f"{100 * abs(ratio - 1):.0f} % {'more' if ratio > 1 else 'less'}"
    many = ratio if ratio > 1 else 1 / ratio
    whole = round(many)
    if whole < len(TIMES) and abs(many - whole) <= ROUND * whole:
        return f"{TIMES[whole] if ratio > 1 else PARTS[whole]} as much"
    if ratio > 1:
        return f"{number(round(many, 1) if many < 100 else round(many))} times as much"
    return f"{100 * (1 - ratio):.0f} % less" if ratio > 0.01 else f"{number(round(many))} times less"
