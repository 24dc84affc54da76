"""Rates of small counts: years are pooled, and intervals are exact for a Poisson count.

Right for events that happen one by one and independently, such as deaths on the roads. Events
that come together (all deaths of one flood) vary more than Poisson's law says: the interval is
then too short.

Many units at once can lend each other strength: ``smoothed`` draws each rate towards the mean of all, the more the
less its own count says (empirical Bayes). Of single units it is a little wrong on purpose, and of all together much
nearer to the truth: a village with one accident is not the most dangerous place of the country.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.catalogue import rate_model
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


@dataclass(frozen=True)
class SmoothedRate:
    """Empirical Bayes rates of units [N].

    Attributes
    ----------
    rate, std_error, low, high:
        Mean, standard deviation and equal-tailed interval of the posterior, for each ``per`` of exposure; NaN where the
        count or the exposure is not known.
    mean, strength:
        Mean of the prior for each ``per`` of exposure, and the events that it counts as: a unit that expects as many is
        drawn half of the way. Infinite where the counts show no difference between units.
    per, level:
        What the rate is per; level of the interval.
    """

    rate: NDArray[np.float64]
    std_error: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    mean: float
    strength: float
    per: float
    level: float


def smoothed(
    count: Any,
    exposure: Any,
    *,
    per: float = 100_000,
    level: float = 0.95,
    method: Literal["integrated", "likelihood", "moments"] = "integrated",
) -> SmoothedRate:
    """Rates of units [N], each drawn towards the mean of all as far as its count leaves open.

    Counts are Poisson around exposure times a rate of the unit's own, and these rates come from a gamma distribution. Its
    two parameters are integrated out (``integrated``: what is not known about them widens the intervals), or taken as
    known at the maximum of the likelihood (``likelihood``; by moments where the counts differ no more than by chance) or by
    moments (``moments``: then all rates may be one, and intervals of no width; they are for comparison).

    Source: Clayton and Kaldor (1987), Biometrics 43, section 2 (likelihood); Marshall (1991), Applied Statistics 40, eq.
    5 and 6 (moments); Kass and Steffey (1989), JASA 84 (why to integrate), with the uniform prior of the shrinkage of the
    median unit (Christiansen and Morris 1997, JASA 92; Daniels 1999).

    Raises
    ------
    DataError
        Counts that are negative or no whole numbers, exposure of zero or below, fewer than two units, no event at all; all
        problems at once.
    """
    events, at_risk = _shaped(count, exposure)
    if wrong := [*_problems(events, at_risk, 1, per, level), *_smoothing_problems(events, at_risk)]:
        raise DataError(wrong)
    known = ~(np.isnan(events) | np.isnan(at_risk))
    shape, rate, prior = rate_model.posterior(events[known], at_risk[known], method)
    found = np.full((4, len(events)), np.nan)
    found[:, known] = per * np.array(_gamma_summary(shape, rate, level))
    return SmoothedRate(found[0], found[1], found[2], found[3], per * prior[0], prior[1], per, level)


def _gamma_summary(
    shape: NDArray[np.float64], rate: NDArray[np.float64], level: float
) -> tuple[NDArray[np.float64], ...]:
    """Mean, standard deviation and interval of gamma variables; one of infinite shape is known exactly."""
    from scipy.special import gammaincinv

    sure = np.isinf(shape)
    finite = np.where(sure, 1.0, shape)
    low, high = (np.where(sure, 1.0, gammaincinv(finite, p) / finite) for p in ((1 - level) / 2, (1 + level) / 2))
    mean = np.where(sure, rate, shape / np.where(sure, 1.0, rate))
    return mean, mean * np.where(sure, 0.0, 1 / np.sqrt(finite)), mean * low, mean * high


def _smoothing_problems(events: NDArray[np.float64], at_risk: NDArray[np.float64]) -> Iterator[str]:
    if events.ndim != 1:
        yield f"counts have the shape {events.shape}. Pool years first: one count and one exposure a unit."
        return
    known = ~(np.isnan(events) | np.isnan(at_risk))
    if known.sum() < 2:
        yield f"{known.sum()} units have a count and an exposure; rates are drawn together from two units on."
    elif events[known].sum() == 0:
        yield "no unit has an event, so there is no rate to draw towards. Pool more years, or leave the indicator out."


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
