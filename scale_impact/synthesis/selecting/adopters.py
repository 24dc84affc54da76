"""Whether cities that started earlier had larger effects: those still to come may then expect less than the mean.

Allcott (2015) found that the first sites of a programme were the best ones: what was seen in them overstated the others.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.city_effects import CityEffects
from scale_impact.core.words import counted, some
from scale_impact.errors import DataError
from scale_impact.synthesis.selecting.regressions import mixed, nothing

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class EarlyAdopters:
    """Effects by when cities started.

    Attributes
    ----------
    labels, started:
        The cities whose start is known, and when they started [n]: years, or the order that was given.
    trend, std_error, low, high, df, p_value:
        By how much effects change with each later year (or step), with variance between cities (REML) and t intervals with n - 2
        degrees of freedom (Knapp and Hartung).
    first, last:
        The fitted mean (value, low, high) at the earliest and at the latest start.
    why_not:
        Why there is no answer; the numbers are NaN then.
    notes:
        What was left out.
    """

    labels: tuple[str, ...] = ()
    started: Floats = field(default_factory=nothing)
    trend: float = math.nan
    std_error: float = math.nan
    low: float = math.nan
    high: float = math.nan
    df: float = math.nan
    p_value: float = math.nan
    first: tuple[float, float, float] = (math.nan, math.nan, math.nan)
    last: tuple[float, float, float] = (math.nan, math.nan, math.nan)
    why_not: str = ""
    notes: tuple[str, ...] = ()


def early_adopters(effects: CityEffects, started: Sequence[Any] | None, *, level: float) -> EarlyAdopters:
    """Regress effects on the start; errors that are shared are kept.

    ``started``: [k] years, dates or an order, missing where it is not known.

    Raises
    ------
    DataError
        Starts that are neither numbers nor dates, or not one an effect.

    Source: Allcott (2015), section V; Knapp and Hartung (2003) for the interval.
    """
    if started is None:
        return EarlyAdopters(why_not="When the cities started is not known.")
    when = years(started, effects.labels)
    known = np.flatnonzero(~np.isnan(when))
    gone = [effects.labels[i] for i in np.flatnonzero(np.isnan(when))]
    notes = (f"No start is known of {some(gone)}: left out of the trend.",) if gone else ()
    kept, at = effects.take(known), when[known]
    if why := _no_trend(kept, at):
        return EarlyAdopters(kept.labels, at, why_not=why, notes=notes)
    begin = float(at.min())
    line = mixed(kept, np.column_stack([np.ones(len(at)), at - begin]), knapp_hartung=True)
    slope = line.at(np.array([0.0, 1.0]), level)
    if line.covariance[1, 1] <= 1e-24 * max(slope[0] ** 2, 1e-300):
        return EarlyAdopters(
            kept.labels, at, why_not="Effects lie on one line exactly: its error cannot be told.", notes=notes
        )
    last = line.at(np.array([1.0, float(at.max()) - begin]), level)
    return EarlyAdopters(
        kept.labels, at, *_first(slope, line.std_error(1)), line.df, line.p_value(1), line.at(np.array([1.0, 0.0]), level), last, "", notes,
    )  # fmt: skip


def _first(slope: tuple[float, float, float], error: float) -> tuple[float, float, float, float]:
    return slope[0], error, slope[1], slope[2]


def _no_trend(effects: CityEffects, when: Floats) -> str:
    if len(effects) < 3:
        return f"The start of {counted(len(effects), 'city', 'cities')} is known; a trend needs at least 3."
    if np.ptp(when) == 0:
        return "All cities started at the same time."
    if (effects.variances == 0).all() and np.ptp(effects.effects) == 0:
        return "All effects are the same, without error."
    return ""


def years(started: Sequence[Any], labels: Sequence[str]) -> Floats:
    """Starts as numbers: years as they are, dates as parts of a year; NaN where missing."""
    import pandas as pd

    column = pd.Series(list(started), index=range(len(started)), dtype=object)
    if len(column) != len(labels):
        raise DataError(f"started: {len(column)} starts for {len(labels)} effects. Give one an effect, in their order.")
    column = column.where(column.notna(), None)
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(float)
    numbers = np.where(np.isinf(numbers), np.nan, numbers)
    if (pd.isna(column).to_numpy() | np.isfinite(numbers)).all() and not any(_is_date(v) for v in column):
        return numbers
    dates = pd.to_datetime(column.map(lambda v: None if v is None else str(v)), errors="coerce", format="ISO8601")
    wrong = np.flatnonzero(dates.isna() & column.notna())
    if len(wrong):
        raise DataError(
            [
                f"started: {labels[int(i)]} started at {column[i]!r}, which is no year, number or date. Write 2011 or 2011-03-01."
                for i in wrong
            ]
        )
    found: Floats = (dates.dt.year + (dates.dt.day_of_year - 1) / 365.25).to_numpy(float)
    return found


def _is_date(value: Any) -> bool:
    return hasattr(value, "year") and hasattr(value, "month")
