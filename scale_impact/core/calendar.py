"""Calendar: how far apart periods lie, and in how many of them a season comes round.

A panel keeps the periods that its rows have. Methods for time series need to know which ones are missing between them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.panel import Panel
from scale_impact.core.words import plain

Whole = NDArray[np.int64]

MONTH, QUARTER, DAY = r"(\d{4})-?M?(\d{2})", r"(\d{4})-?Q([1-4])", r"(\d{4})-(\d{2})-(\d{2})"
CYCLES = {("month", 1): 12, ("month", 3): 4, ("day", 1): 7, ("day", 7): 52}
"""Periods after which a season comes round, by unit and step."""


@dataclass(frozen=True, eq=False)
class Calendar:
    """Where periods lie on a line of equal steps.

    Attributes
    ----------
    times:
        Step of each of the T periods, whole numbers that rise; months count from year 0, so that
        ``times % cycle`` is the same month in each year.
    cycle:
        Steps after which a season comes round; None where the periods do not say it.
    """

    times: Whole
    cycle: int | None

    @property
    def places(self) -> Whole:
        """Steps since the first period, [T]."""
        return np.asarray(self.times - self.times[0])

    @property
    def length(self) -> int:
        """Steps from the first period to the last, both counted."""
        return int(self.places[-1]) + 1

    @property
    def complete(self) -> bool:
        """Whether no step is missing."""
        return self.length == len(self.times)

    def gaps(self, panel: Panel) -> list[str]:
        """The periods after which steps are missing, in words."""
        after = np.flatnonzero(np.diff(self.times) > 1)
        return [f"{int(self.times[k + 1] - self.times[k]) - 1} after {plain(panel.periods[k])}" for k in after]


def calendar_of(panel: Panel) -> Calendar:
    """The calendar of a panel's periods.

    Dates of one day of the month, or that are all its last, are months, quarters or years; other dates are days or weeks.
    Texts such as 2019-03 and 2019Q1 are read as such, whole numbers as steps of their smallest distance. All else counts one step a period.
    """
    found = _months(panel.periods)
    if found is not None:
        return _stepped(found, "month")
    found = _days(panel.periods)
    if found is not None:
        return _stepped(found, "day")
    numbers = np.issubdtype(panel.periods.dtype, np.number)
    clock = panel.clock
    if numbers and np.array_equal(clock, np.round(clock)):
        return _stepped(clock.astype(np.int64), "number")
    return Calendar(np.arange(panel.n_periods), None)


def steady_clock(panel: Panel) -> NDArray[np.float64]:
    """Periods as numbers, [T]: labels that are numbers (the panel's clock), otherwise steps of the calendar since the first.

    Where no period is missing it is the panel's clock.
    """
    if np.issubdtype(panel.periods.dtype, np.number):
        return panel.clock
    return calendar_of(panel).places.astype(float)


def _stepped(times: Whole, unit: str) -> Calendar:
    """The calendar in steps of the greatest common divisor of all distances."""
    step = int(np.gcd.reduce(np.diff(times))) if len(times) > 1 else 1
    return Calendar(times // step, CYCLES.get((unit, step)))


def _months(periods: NDArray[Any]) -> Whole | None:
    """Months since year 0; None where periods are no months."""
    if np.issubdtype(periods.dtype, np.datetime64):
        months = periods.astype("datetime64[M]")
        distinct = len(np.unique(months)) == len(periods)
        return np.asarray(months.astype(int) + 12 * 1970) if distinct and _one_day(periods, months) else None
    if np.issubdtype(periods.dtype, np.number):
        return _months_in_numbers(periods)
    return _months_in_texts([str(p) for p in periods])


def _one_day(periods: NDArray[Any], months: NDArray[Any]) -> bool:
    """Whether dates are the same day of their months, or the last one of each."""
    days = periods.astype("datetime64[D]")
    last = days + 1 == (months + 1).astype("datetime64[D]")
    return bool(last.all()) or len(np.unique((days - months).astype(int))) == 1


def _months_in_numbers(periods: NDArray[Any]) -> Whole | None:
    """Months written as 202112, 202201."""
    whole = periods.astype(float)
    like = (whole >= 100_000) & (whole < 1_000_000) & (whole % 100 >= 1) & (whole % 100 <= 12) & (whole % 1 == 0)
    return (whole // 100 * 12 + whole % 100 - 1).astype(np.int64) if like.all() else None


def _months_in_texts(texts: list[str]) -> Whole | None:
    """Months of 2019-03 and 2019Q1."""
    for pattern, width in ((QUARTER, 3), (MONTH, 1)):
        found = [re.fullmatch(pattern, t) for t in texts]
        if all(found):
            return np.array([int(m[1]) * 12 + (int(m[2]) - 1) * width for m in found if m])
    if all(re.fullmatch(DAY, t) for t in texts):
        return _months(np.array(texts, dtype="datetime64[D]"))
    return None


def _days(periods: NDArray[Any]) -> Whole | None:
    """Days since 1970; None where periods are no dates."""
    if np.issubdtype(periods.dtype, np.datetime64):
        days = periods.astype("datetime64[D]")
        return np.asarray(days.astype(np.int64)) if len(np.unique(days)) == len(days) else None
    texts = [str(p) for p in periods]
    return _days(np.array(texts, dtype="datetime64[D]")) if all(re.fullmatch(DAY, t) for t in texts) else None
