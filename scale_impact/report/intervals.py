"""Intervals as a table with a line each on one scale: a forest plot that reads as text, prints and fits a phone."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scale_impact.report.published import Row

WIDTH = 240
"""Units of the drawing from the least to the largest value shown."""

BEYOND = 4.0
"""Half-widths (their median) by which the scale may go beyond the estimates: one wide interval leaves the others legible."""


@dataclass(frozen=True)
class Bar:
    """One interval in units of the drawing; what is cut off at an end ends in an arrow."""

    at: float
    low: float | None = None
    high: float | None = None
    cut_low: bool = False
    cut_high: bool = False


@dataclass(frozen=True)
class Bars:
    """A bar a row (None: no number), and where zero is (None: not on the scale)."""

    bars: tuple[Bar | None, ...]
    zero: float | None
    width: int = WIDTH


def bars(rows: Sequence[Row], *, zero: bool = True) -> Bars | None:
    """Bars of rows on one scale; None where there are no two numbers, or units differ."""
    values = [row["estimate"] for row in rows if row["estimate"] is not None]
    if len(values) < 2 or len({row["outcome_unit"] for row in rows if row["estimate"] is not None}) > 1:
        return None
    low, high = _scale(rows, values, zero)
    if not high > low:
        return None

    def place(value: float) -> float:
        return round(WIDTH * (min(max(value, low), high) - low) / (high - low), 1)

    found = tuple(None if row["estimate"] is None else _bar(row, low, high, place) for row in rows)
    return Bars(found, place(0.0) if zero and low <= 0 <= high else None)


def _scale(rows: Sequence[Row], values: list[float], zero: bool) -> tuple[float, float]:
    """The least and the largest value shown, with a little room."""
    ends = [(row["estimate"], row["ci_low"], row["ci_high"]) for row in rows if row["estimate"] is not None]
    halves = [(high - low) / 2 for _, low, high in ends if low is not None and high is not None]
    reach = BEYOND * statistics.median(halves) if halves else 0.0
    inside = [v for _, low, high in ends for v in (low, high) if v is not None]
    low = max(min([*values, *inside]), min(values) - reach)
    high = min(max([*values, *inside]), max(values) + reach)
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    room = 0.02 * (high - low)
    return low - room, high + room


def _bar(row: Row, low: float, high: float, place: Callable[[float], float]) -> Bar:
    ends = row["ci_low"], row["ci_high"]
    if ends[0] is None or ends[1] is None:
        return Bar(place(row["estimate"]))
    return Bar(place(row["estimate"]), place(ends[0]), place(ends[1]), ends[0] < low, ends[1] > high)
