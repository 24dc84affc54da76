"""Periods as labels: which calendar they follow, when they start, and which longer one they lie in.

Labels are what a panel holds: 2019 (a year), ``2019Q1``, ``2019-03``, ``2019W05``, or dates. A week
belongs to the month, quarter and year of its Thursday (ISO 8601).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from scale_impact.core.building.steps import To, minutes_of
from scale_impact.core.words import plain
from scale_impact.errors import DataError

Frequency = Literal["time", "day", "week", "month", "quarter", "year", "number", "text"]
"""What labels are; `number` and `text` follow no calendar that is known, `time` is finer than a day."""

LENGTH: tuple[Frequency, ...] = ("time", *get_args(To))
"""From the shortest to the longest."""

PATTERNS: dict[Frequency, re.Pattern[str]] = {
    "day": re.compile(r"(\d{4})-(\d{2})-(\d{2})\Z"),
    "week": re.compile(r"(\d{4})-?W(\d{2})\Z"),
    "month": re.compile(r"(\d{4})(?:-|M|-M)(\d{2})\Z"),
    "quarter": re.compile(r"(\d{4})-?Q([1-4])\Z"),
    "year": re.compile(r"(\d{4})\Z"),
}
WRITTEN: dict[Frequency, str] = {"week": r"\1W\2", "month": r"\1-\2", "quarter": r"\1Q\2"}
"""How labels are written of which there are several ways: ``2019W05``, ``2019-03``, ``2019Q1``."""

YEARS = range(1000, 3000)
"""Whole numbers that are read as years."""

CLOCKS = pd.Timestamp("1900-01-01"), pd.Timestamp("2100-01-01")
"""Between which moments changes of clocks are looked up."""

LABELS = {"week": "%GW%V", "month": "%Y-%m"}
"""How labels are written where strftime can."""


def frequency(labels: pd.Series[Any]) -> Frequency:
    """What the labels of a column are."""
    known = labels.dropna()
    if isinstance(labels.dtype, pd.DatetimeTZDtype) or labels.dtype.kind == "M":
        return "day" if (known == known.dt.normalize()).all() else "time"
    if labels.dtype.kind in "iuf":
        return (
            "year" if len(known) and known.between(YEARS[0], YEARS[-1]).all() and (known % 1 == 0).all() else "number"
        )
    texts = pd.unique(known.astype(str))
    fits = (f for f, pattern in PATTERNS.items() if len(texts) and all(map(pattern.match, texts)))
    return next(fits, "text")


def starts(labels: pd.Series[Any]) -> pd.Series[Any]:
    """The first day of each label's period, as dates; times stay as they are.

    Raises
    ------
    DataError
        Labels follow no calendar, or name a day that there is not.
    """
    found = frequency(labels)
    if found in ("number", "text"):
        seen = plain(labels.dropna().iloc[0]) if labels.notna().any() else "nothing"
        raise DataError(
            f"Column {labels.name!r} holds {seen}, no date, month, quarter or year. Give it `type: date` in its card if it is one, or "
            "write it as 2019, 2019Q1, 2019-03 or 2019-03-31."
        )
    if labels.dtype.kind == "M":
        return labels
    known = pd.unique(labels.dropna())
    days = {label: _start(plain(label), found, str(labels.name)) for label in known}
    return pd.Series(pd.to_datetime(labels.map(days)), index=labels.index)


def written_alike(labels: pd.Series[Any]) -> pd.Series[Any]:
    """Quarters, months and weeks in the one way in which a panel has them: ``2019-Q1`` as ``2019Q1``.

    Raises
    ------
    DataError
        A label names a month or week that there is not.
    """
    of = frequency(labels)
    if of not in WRITTEN:
        return labels
    known = pd.Series(pd.unique(labels.dropna()), name=labels.name)
    starts(known)
    written = {label: PATTERNS[of].sub(WRITTEN[of], plain(label)) for label in known}
    return labels if all(label == new for label, new in written.items()) else labels.map(written)


def _start(label: str, of: Frequency, column: str) -> np.datetime64:
    match = PATTERNS[of].match(label)
    if match is None:
        raise DataError(f"Column {column!r} holds {label!r}, which is no {of}.")
    year, *rest = (int(g) for g in match.groups())
    try:
        return np.datetime64(_first_day(of, year, rest), "us")
    except ValueError as error:
        raise DataError(f"Column {column!r} holds {label!r}, which is no {of}: {error}.") from error


def _first_day(of: Frequency, year: int, rest: list[int]) -> Any:
    if of == "week":
        return date.fromisocalendar(year, rest[0], 1)
    if of in ("year", "quarter"):
        return date(year, 3 * rest[0] - 2 if rest else 1, 1)
    return date(year, rest[0], rest[1] if of == "day" else 1)


def longer(of: Frequency, than: Frequency) -> bool:
    """Whether periods of one frequency are longer than those of another; unknown ones are not."""
    return of in LENGTH and than in LENGTH and LENGTH.index(of) > LENGTH.index(than)


def truncated(begin: pd.Series[Any], of: Frequency, to: To) -> pd.Series[Any]:
    """First days of the longer periods in which periods lie that are given by their first days."""
    day = begin + pd.Timedelta(days=3) if of == "week" and to != "week" else begin
    if to == "day":
        return day.dt.normalize()
    if to == "week":
        return (day - pd.to_timedelta(day.dt.day_of_week, unit="D")).dt.normalize()
    return day.dt.to_period({"month": "M", "quarter": "Q", "year": "Y"}[to]).dt.to_timestamp()


def labelled(begin: pd.Series[Any], to: To) -> pd.Series[Any]:
    """Labels of periods that are given by their first days: 2019, ``2019Q1``, ``2019-03``, ``2019W05``, or the day."""
    if to == "year":
        return begin.dt.year.astype("int64")
    if to == "quarter":
        return begin.dt.year.astype(str) + "Q" + begin.dt.quarter.astype(str)
    return begin if to == "day" else begin.dt.strftime(LABELS[to])


def last_days(begin: pd.Series[Any], of: Frequency) -> pd.Series[Any]:
    """The last moments of periods that are given by their first days."""
    if of not in get_args(To):
        return begin
    return _next(begin, of) - pd.Timedelta(microseconds=1)  # type: ignore[arg-type]


def between(first: pd.Timestamp, last: pd.Timestamp, to: To) -> pd.DatetimeIndex:
    """First days of all periods from the one of a day to that of another."""
    days = pd.date_range(first.normalize(), last.normalize(), freq="D").to_series()
    return pd.DatetimeIndex(truncated(days, "day", to).unique())


def offsets(first: pd.Timestamp, last: pd.Timestamp, zone: str) -> list[tuple[datetime, int]]:
    """What clocks of a zone are ahead of UTC, in seconds, each with the instant (UTC) from which on it holds."""
    from zoneinfo import ZoneInfo

    place = ZoneInfo(zone)

    def ahead(moment: datetime) -> int:
        return int((moment.replace(tzinfo=UTC).astimezone(place).utcoffset() or timedelta()).total_seconds())

    ends = [min(max(moment, CLOCKS[0]), CLOCKS[1]).floor("s").to_pydatetime() for moment in (first, last)]
    days = [ends[0] + timedelta(days=k) for k in range((ends[1] - ends[0]).days + 2)]
    found = [(ends[0], ahead(ends[0]))]
    for before, after in pairwise(days):
        if ahead(after) != found[-1][1]:
            change = _change(before, after, ahead)
            found.append((change, ahead(change)))
    return found


def _change(before: datetime, after: datetime, ahead: Callable[[datetime], int]) -> datetime:
    """The second at which clocks change between two moments."""
    was = ahead(before)
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=int((after - before).total_seconds()) // 2)
        before, after = (middle, after) if ahead(middle) == was else (before, middle)
    return after


def instants(begin: pd.Series[Any], zone: str) -> pd.Series[Any]:
    """When days begin in a time zone, in UTC.

    A midnight that clocks skip is the moment at which they are put forward; of one that comes twice it is the first.
    """
    from zoneinfo import ZoneInfo

    place = ZoneInfo(zone)
    known = {
        day: day.to_pydatetime().replace(tzinfo=place, fold=0).astimezone(UTC)
        for day in pd.DatetimeIndex(begin.unique())
    }
    found = begin.map({day: moment.replace(tzinfo=None) for day, moment in known.items()})
    return pd.Series(found.astype("datetime64[us]"))


def expected(begin: pd.Series[Any], to: To, every: str, zone: str | None = None) -> pd.Series[Any]:
    """How many days (hours, weeks ...) there are in each period, by the calendar.

    With a zone hours are those that went by: 743 in a March of 31 days in which clocks are put forward.
    """
    end = _next(begin, to)
    days = (end - begin).dt.days
    if every in ("day", "week"):
        return days if every == "day" else _thursdays(begin, end)
    if every in ("month", "quarter", "year"):
        size = {"month": 1, "quarter": 3, "year": 12}
        return pd.Series(size[to] // size[every], index=begin.index)
    if zone is None:
        return days * 24 * (60 // minutes_of(every))
    return (instants(end, zone) - instants(begin, zone)) // pd.Timedelta(minutes=minutes_of(every))


def _next(begin: pd.Series[Any], to: To) -> pd.Series[Any]:
    if to in ("day", "week"):
        return begin + pd.Timedelta(days=1 if to == "day" else 7)
    return begin + pd.DateOffset(months={"month": 1, "quarter": 3, "year": 12}[to])


def _thursdays(begin: pd.Series[Any], end: pd.Series[Any]) -> pd.Series[Any]:
    """Thursdays from one day up to another: the weeks that belong to a period."""
    first = begin + pd.to_timedelta((3 - begin.dt.day_of_week) % 7, unit="D")
    return ((end - first).dt.days + 6) // 7
