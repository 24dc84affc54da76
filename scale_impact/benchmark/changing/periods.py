"""Periods: their names as text, their order, and the years between them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, TypeVar

from scale_impact.core.words import nearest, plain
from scale_impact.errors import UsageError

T = TypeVar("T")


def ordered(given: Mapping[Any, T]) -> dict[str, T]:
    """Periods by name as text, in the order of time where all are years or dates; otherwise as given.

    Raises
    ------
    UsageError
        What is given has no periods; two of them have one name.
    """
    if not isinstance(given, Mapping):
        raise UsageError(
            f"scores: it is a {type(given).__name__}. Give the scores by period, such as {{2019: then, 2024: now}}."
        )
    named = {plain(period): value for period, value in given.items()}
    if len(named) < len(given):
        raise UsageError(f"Two periods have the same name: {', '.join(plain(p) for p in given)}. Give each its own.")
    years = {name: year(name) for name in named}
    if any(y is None for y in years.values()):
        return named
    return dict(sorted(named.items(), key=lambda item: years[item[0]] or 0.0))


def year(name: str) -> float | None:
    """A period as a year with fractions: 2019, 2019-07-01, 2019-07, 2019Q3, 2019/20 (its first); None for any other name."""
    if re.fullmatch(r"-?\d{1,4}(\.\d+)?", name):
        return float(name)
    if found := re.fullmatch(r"(\d{4})-(\d{2})(?:-(\d{2}))?", name):
        y, m, d = int(found[1]), int(found[2]), int(found[3] or 1)
        try:
            return y + (date(y, m, d) - date(y, 1, 1)).days / 365.25
        except ValueError:
            return None
    if found := re.fullmatch(r"(\d{4})[ -]?Q([1-4])", name):
        return int(found[1]) + (int(found[2]) - 1) / 4
    found = re.fullmatch(r"(\d{4})/\d{2}(?:\d{2})?", name)
    return float(found[1]) if found else None


def between(start: str, end: str) -> float | None:
    """Years from one period to another; None where names are neither years nor dates."""
    ends = year(start), year(end)
    return None if ends[0] is None or ends[1] is None else ends[1] - ends[0]


def place(period: object, periods: Sequence[str], what: str) -> int:
    """Position of a period.

    Raises
    ------
    UsageError
        There is none of this name.
    """
    if plain(period) in periods:
        return list(periods).index(plain(period))
    raise UsageError(f"{what}: there is no period {plain(period)!r}. {nearest(plain(period), periods)}")


def first_from(period: object, periods: Sequence[str], what: str) -> int:
    """Position of the first period from a time on, which may lie between two periods; the number of periods where it is after all."""
    when = year(plain(period))
    years = [year(p) for p in periods]
    if when is None or any(y is None for y in years):
        return place(period, periods, what)
    return next((k for k, y in enumerate(years) if y is not None and y >= when), len(periods))
