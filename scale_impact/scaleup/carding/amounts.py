"""Amounts as officials and citizens read them: three digits, units in words, chances out of a hundred."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from scale_impact.core.words import effect_unit

SHARES = ("share", "binary", "0/1", "0-1")
"""Units of shares from 0 to 1: changes of them are read as percentage points."""

MONEY = re.compile(r"([A-Z]{3}) of (\d{4})")
"""A currency with the year of its prices, such as ``EUR of 2024``."""

LARGE = ((1e12, "trillion"), (1e9, "billion"), (1e6, "million"))


def readable(value: float, unit: str) -> tuple[float, str]:
    """A change in the unit in which people read it: logarithms in per cent, shares in percentage points."""
    if unit.startswith("log("):
        return (100 * math.expm1(value) if value < 700 else math.inf), "per cent"
    if unit in SHARES:
        return 100 * value, "percentage points"
    if unit.startswith("index"):
        return value, "points"
    money = MONEY.fullmatch(unit)
    return value, money.group(1) if money else effect_unit(unit)


def decimals(values: Sequence[float]) -> int:
    """Decimals that give the largest of some numbers three digits; negative where digits before the point become zeros."""
    largest = max((abs(v) for v in values if math.isfinite(v)), default=0.0)
    return 2 if largest == 0 else 2 - math.floor(math.log10(float(f"{largest:.3g}")))  # 0.9997 is read as 1.00


def figures(values: Sequence[float]) -> list[str]:
    """Numbers that are read together: all in millions where the largest is, three digits of the largest, a true minus sign."""
    largest = max((abs(v) for v in values if math.isfinite(v)), default=0.0)
    scale, word = next(((size, name) for size, name in LARGE if largest >= 0.9995 * size), (1.0, ""))
    shown = [v / scale for v in values]
    places = decimals(shown)
    return [_figure(v, places, word) for v in shown]


def _figure(value: float, places: int, word: str) -> str:
    if not math.isfinite(value):
        return "without limit" if value > 0 else "below any limit"
    rounded = round(value, places) + 0.0  # no minus before a zero
    text = f"{rounded:,.{max(places, 0)}f}".replace("-", "\N{MINUS SIGN}")
    return f"{text} {word}" if word else text


def amount(value: float, unit: str) -> str:
    """A size with its unit, such as ``3.60 percentage points`` or ``2.14 million EUR``."""
    size, words = readable(value, unit)
    return joined(figures([size])[0], words)


def between(low: float, high: float, unit: str, *, beside: float | None = None) -> str:
    """Two ends with their unit: ``0.100 to 1.40 jobs``; in the digits of a number that they stand beside."""
    (a, words), (b, _) = readable(low, unit), readable(high, unit)
    middle = [] if beside is None else [readable(beside, unit)[0]]
    first, last, *_ = figures([a, b, *middle])
    word = next((name for _, name in LARGE if first.endswith(f" {name}")), "")
    return joined(f"{first.removesuffix(f' {word}') if word else first} to {last}", words)


def joined(figure: str, unit: str) -> str:
    """A number and its unit."""
    return f"{figure} of {unit}" if unit[:1].isdigit() else f"{figure} {unit}".strip()


def chance(probability: float) -> str:
    """A probability as people count it: ``21 in 100``."""
    if probability < 0.01:
        return "less than 1 in 100"
    if probability > 0.99:
        return "more than 99 in 100"
    return f"{100 * probability:.0f} in 100"


def is_known(row: Mapping[str, Any] | None) -> bool:
    """Whether there is a row with a number."""
    return row is not None and row.get("estimate") is not None


def has_range(row: Mapping[str, Any]) -> bool:
    """Whether a row has both ends of its range."""
    return row.get("ci_low") is not None and row.get("ci_high") is not None
