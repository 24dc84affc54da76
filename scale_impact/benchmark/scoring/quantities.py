"""Quantities: the columns of a table as what cities are judged by: one period, per head, small counts pooled and smoothed.

Stands below ``cities``, which calls it: values are made here, and what is wrong with their columns is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from scale_impact.benchmark.scoring.columns import floats, misfit
from scale_impact.core.words import counted, nearest, number, plain, some

if TYPE_CHECKING:
    import pandas as pd

    from scale_impact.benchmark.cities import Criterion

Floats = NDArray[np.float64]

SAME = 1e-12
"""Values that differ by less, as a share of the largest, differ by rounding."""


def values_of(
    frame: pd.DataFrame, criteria: Sequence[Criterion], errors: Floats | None
) -> tuple[Floats, Floats | None, list[str]]:
    """Values [N, K] in the criteria's units, their standard errors, and what was done; the table has one row a city."""
    values = np.column_stack([floats(frame[c.column]) for c in criteria])
    spread = np.zeros_like(values) if errors is None else errors.copy()
    notes: list[str] = []
    for k, criterion in enumerate(criteria):
        if criterion.per:
            below = floats(frame[criterion.per])
            # multiplied first: 3 of 1,000 and 6 of 2,000 are the same rate to the last bit
            with np.errstate(over="ignore"):  # what is infinite then is refused
                values[:, k] = values[:, k] * criterion.factor / below
                spread[:, k] = spread[:, k] * criterion.factor / below
            notes += _unknown_below(criterion, frame[criterion.column].notna().to_numpy() & np.isnan(below))
        if criterion.exposure:
            values[:, k], spread[:, k], said = _smoothed(values[:, k], floats(frame[criterion.exposure]), criterion)
            notes.append(said)
    certain = errors is None and not any(c.exposure for c in criteria)
    return values, None if certain else spread, notes


def constant(values: Floats) -> bool:
    """Whether known values differ by no more than rounding: they tell no city from another."""
    return not len(values) or bool(values.max() - values.min() <= SAME * np.abs(values).max())


def _unknown_below(criterion: Criterion, lost: NDArray[np.bool_]) -> list[str]:
    if not lost.any():
        return []
    return [
        f"{criterion.column}: {counted(int(lost.sum()), 'value is', 'values are')} not known, because {criterion.per} is not."
    ]


def _smoothed(count: Floats, exposure: Floats, criterion: Criterion) -> tuple[Floats, Floats, str]:
    from scale_impact.core.catalogue.small_counts import smoothed

    found = smoothed(count, exposure, per=criterion.factor)
    pooled = f"{counted(criterion.years, 'year')} pooled, " if criterion.years > 1 else ""
    said = (
        f"{criterion.column}: a rate of small counts, {pooled}drawn towards the mean of all cities ({number(found.mean)}) as far as a city's own count "
        f"leaves open: half of the way where {number(found.strength)} events are expected."
    )
    return found.rate, found.std_error, said


# ---- one period of many --------------------------------------------------------------------------------------


def known_periods(column: pd.Series) -> list[Any]:
    """The periods of a column, each once and in order.

    Raises
    ------
    TypeError
        They have no order.
    """
    return sorted(column.dropna().unique())


def of_period(
    frame: pd.DataFrame, city: str, period: str, at: Any, criteria: Sequence[Criterion], pooled: dict[str, str]
) -> tuple[pd.DataFrame, list[str]]:
    """One row a city: the period ``at``, with small counts and what they happened to summed over the years up to it.

    ``pooled`` names, by criterion, the column that its pooled exposure gets.
    """
    periods = known_periods(frame[period])
    place = periods.index(at)
    rows = frame[frame[period] == at].copy()
    for criterion in criteria:
        if criterion.exposure:
            window = frame[frame[period].isin(periods[max(0, place + 1 - criterion.years) : place + 1])]
            known = window[window[criterion.column].notna() & window[criterion.exposure].notna()]
            sums = known.groupby(city)[[criterion.column, criterion.exposure]].sum()
            rows[pooled[criterion.column]] = rows[city].map(sums[criterion.exposure])
            rows[criterion.column] = rows[city].map(sums[criterion.column])
    return rows, _absent(frame, rows, city, at)


def _absent(frame: pd.DataFrame, rows: pd.DataFrame, city: str, at: Any) -> list[str]:
    absent = sorted({str(c) for c in frame[city].dropna()} - {str(c) for c in rows[city].dropna()})
    return [f"{some(absent)}: no row of {plain(at)}, so not among the cities."] if absent else []


def period_problems(
    frame: pd.DataFrame, city: str, period: str | None, at: Any, criteria: Sequence[Criterion]
) -> Iterator[str]:
    """A period that is not there, a city twice in a period, more years than there are."""
    if period is None:
        if at is not None:
            yield f"at: {plain(at)} is given, and no column of periods. Name it: period=..."
        for criterion in criteria:
            if criterion.years > 1:
                yield f"{criterion.column}: {criterion.years} years are to be pooled, and no column of periods is named. Name it: period=..., or pool before."
        return
    try:
        known = known_periods(frame[period])
    except TypeError:
        kinds = sorted({type(v).__name__ for v in frame[period].dropna()})
        yield f"{period}: it holds values of several kinds ({some(kinds)}), which have no order. Write all periods in one way."
        return
    if not known:
        yield f"{period}: no row has a period. Fill the column in, or name another."
        return
    if at is not None and at not in known:
        yield f"at: {plain(at)} is no {period} of the table. {nearest(plain(at), [plain(p) for p in known])}"
        return
    twice = frame[frame.duplicated([city, period]) & frame[city].notna()]
    if len(twice):
        shown = some([f"{c} in {plain(p)}" for c, p in zip(twice[city], twice[period], strict=True)], 3)
        yield f"{city}: {shown} {'stands' if len(twice) == 1 else 'stand'} in more than one row. Keep one row a city and {period}."
    place = len(known) if at is None else known.index(at) + 1
    for criterion in criteria:
        if criterion.exposure and criterion.years > place:
            yield f"{criterion.column}: {criterion.years} years are to be pooled, and the table has {place} up to {plain(known[place - 1])}. Pool fewer."


# ---- what is wrong with the columns that make them ---------------------------------------------------------------


def quantity_problems(frame: pd.DataFrame, criteria: Sequence[Criterion], city: str) -> Iterator[str]:
    """Columns to divide by that are zero or below, counts that are none, roles that exclude each other."""
    for criterion in criteria:
        if criterion.per and criterion.exposure:
            yield f"{criterion.column}: it has per and exposure. An amount is divided by per, a small count has an exposure: keep one."
        if not (np.isfinite(criterion.factor) and criterion.factor > 0):
            yield f"{criterion.column}: factor is {criterion.factor}. Give a number above 0, such as 100000 (inhabitants)."
        if criterion.years < 1:
            yield f"{criterion.column}: years is {criterion.years}. Pool 1 or more."
        for column in filter(None, (criterion.per, criterion.exposure)):
            if misfit(frame[column]) is None:
                yield from _not_above_zero(frame, criterion, column, city)
        if criterion.exposure and misfit(frame[criterion.column]) is None:
            yield from _no_counts(frame, criterion, city)


def _not_above_zero(frame: pd.DataFrame, criterion: Criterion, column: str, city: str) -> Iterator[str]:
    values = floats(frame[column])
    wrong = np.flatnonzero(values <= 0)
    if wrong.size:
        shown = some([f"{frame[city].iloc[int(r)]} ({number(float(values[r]))})" for r in wrong], 3)
        yield f"{criterion.column}: {column}, by which it is divided, is zero or below: {shown}. Correct it, or leave it empty where it is not known."


def _no_counts(frame: pd.DataFrame, criterion: Criterion, city: str) -> Iterator[str]:
    column = floats(frame[criterion.column])
    with np.errstate(invalid="ignore"):
        wrong = np.flatnonzero((column < 0) | (column != np.floor(column)) & ~np.isnan(column))
    if wrong.size:
        shown = some([f"{frame[city].iloc[int(r)]} ({number(float(column[r]))})" for r in wrong], 3)
        yield f"{criterion.column}: it has an exposure, so it has to hold counts; {shown}. Give the counts themselves, or write per in place of exposure."
        return
    below = floats(frame[criterion.exposure]) if misfit(frame[criterion.exposure]) is None else np.zeros(len(column))
    both = ~np.isnan(column) & ~np.isnan(below)
    if both.sum() < 2:
        yield f"{criterion.column}: {counted(int(both.sum()), 'city has', 'cities have')} both a count and {criterion.exposure}; two are needed. Fill them in."
    elif not column[both].sum() > 0:
        yield f"{criterion.column}: no city has an event. Pool more years, or leave the indicator out."
