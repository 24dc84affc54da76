"""Rates of small counts: years are pooled, and intervals are exact for a Poisson count.

Right for events that happen one by one and independently, such as deaths on the roads. Events
that come together (all deaths of one flood) vary more than Poisson's law says: the interval is
then too short.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.catalogue.indicator import Indicator
from scale_impact.core.words import some
from scale_impact.errors import DataError


@dataclass(frozen=True)
class PooledRate:
    """Rates over pooled years, of one unit (arrays without a dimension) or of many.

    Attributes
    ----------
    rate, low, high:
        Events for each ``per`` of exposure, and their interval; NaN where no year is known.
    count, exposure:
        Events and exposure (person-years, live births) of the pooled years.
    years:
        How many years were pooled: fewer than asked for where values are missing.
    per, level:
        What the rate is per; confidence level of the interval.
    """

    rate: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    count: NDArray[np.float64]
    exposure: NDArray[np.float64]
    years: NDArray[np.int64]
    per: float
    level: float


def advice(indicator: Indicator) -> str:
    """What is advised for an outcome whose counts are small: nothing pools its years by itself."""
    return (
        f"{indicator.name}: counts of single years are small. Pool years before they are compared (a panel card's `aggregate`, or "
        "`small_counts.pooled` with exact intervals); single years are taken here as they come."
    )


def garwood(count: Any, level: float = 0.95) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Exact interval of the mean of a Poisson variable of which a count was seen; each tail (1 - level) / 2.

    Source: Garwood (1936), Fiducial limits for the Poisson distribution, Biometrika 28: half the
    quantiles of chi-squared with 2 count and 2 count + 2 degrees of freedom. The lower limit of
    no event is 0.

    Raises
    ------
    DataError
        A count is negative or no whole number, or the level lies outside of 0 and 1.
    """
    from scipy.special import gammaincinv

    seen = np.asarray(count, dtype=float)
    if wrong := [*_level_problems(level), *_count_problems(seen)]:
        raise DataError(wrong)
    tail = (1 - level) / 2
    # the quantile of a gamma variable of shape k is half that of chi-squared with 2 k degrees of freedom
    low = np.where(seen > 0, gammaincinv(np.maximum(seen, 1), tail), np.where(np.isnan(seen), np.nan, 0.0))
    return low, gammaincinv(seen + 1, 1 - tail)


def pooled(counts: Any, exposure: Any, years: int, *, per: float = 100_000, level: float = 0.95) -> PooledRate:
    """The rate over the last years of each unit, with its exact Poisson interval.

    Parameters
    ----------
    counts:
        Events, [years] of one unit or [units, years] of many, in the order of time; NaN where a
        year is not known.
    exposure:
        What they happened to (residents of the year, live births), of the same shape, or one
        number for all.
    years:
        How many years, counted back from the last, are pooled. A year without count or exposure
        is left out of both.

    Raises
    ------
    DataError
        Counts that are negative or no whole numbers, exposure of zero or below, more years asked
        for than there are; all problems at once.
    """
    events, at_risk = _shaped(counts, exposure)
    if wrong := list(_problems(events, at_risk, years, per, level)):
        raise DataError(wrong)
    events, at_risk = events[..., -years:], at_risk[..., -years:]
    known = ~(np.isnan(events) | np.isnan(at_risk))
    n = known.sum(axis=-1)
    count, total = (np.where(n > 0, np.where(known, v, 0.0).sum(axis=-1), np.nan) for v in (events, at_risk))
    low, high = garwood(count, level)
    return PooledRate(per * count / total, per * low / total, per * high / total, count, total, n, per, level)


def _shaped(counts: Any, exposure: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    try:
        events, at_risk = np.asarray(counts, dtype=float), np.asarray(exposure, dtype=float)
        at_risk = np.broadcast_to(at_risk, events.shape)
    except (TypeError, ValueError) as error:
        raise DataError(f"counts and exposure have to be numbers of one shape, [units, years]: {error}.") from error
    if events.ndim == 0:
        raise DataError("counts is one number. Give a count for each year.")
    return events, at_risk


def _problems(
    events: NDArray[np.float64], at_risk: NDArray[np.float64], years: int, per: float, level: float
) -> Iterator[str]:
    if not 1 <= years <= events.shape[-1]:
        yield f"years is {years}, and the counts are of {events.shape[-1]} years. Pool between 1 and {events.shape[-1]}."
    if not per > 0:
        yield f"per is {per}; it has to be above 0."
    yield from _level_problems(level)
    yield from _count_problems(events)
    low = (at_risk <= 0) | np.isinf(at_risk)
    if low.any():
        yield f"exposure is not above 0 or infinite in {_places(low)}. Correct it, or give NaN for no value."


def _level_problems(level: float) -> Iterator[str]:
    if not 0 < level < 1:
        yield f"level is {level}; it has to lie between 0 and 1, such as 0.95."


def _count_problems(events: NDArray[np.float64]) -> Iterator[str]:
    with np.errstate(invalid="ignore"):
        wrong = (events < 0) | (~np.isnan(events) & (events != np.floor(events))) | np.isinf(events)
    if wrong.any():
        seen = some([f"{v:g}" for v in np.atleast_1d(events)[np.atleast_1d(wrong)]])
        yield f"a count is negative or no whole number in {_places(wrong)}: {seen}. Give the counts themselves, not rates."


def _places(wrong: NDArray[np.bool_]) -> str:
    """Units and years counted from 1."""
    names = ("row", "year")[-wrong.ndim :] if wrong.ndim in (1, 2) else ("row",) * wrong.ndim
    at = [" ".join(f"{n} {k + 1}" for n, k in zip(names, place, strict=True)) for place in np.argwhere(wrong)]
    return some(at) if wrong.ndim else "the number given"
