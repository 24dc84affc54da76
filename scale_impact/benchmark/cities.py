"""Cities: what is compared, by which indicators, and in which context each city stands.

Values are frozen. ``Cities.from_frame`` is the one door: what is wrong with a table is said there, all at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from scale_impact.benchmark.scoring.columns import floats, misfit
from scale_impact.benchmark.scoring.criteria import context_problems, criteria_problems
from scale_impact.benchmark.scoring.quantities import (
    constant,
    known_periods,
    of_period,
    period_problems,
    quantity_problems,
    values_of,
)
from scale_impact.core.words import counted, nearest, number, some, within_sentence
from scale_impact.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

    from scale_impact.core.catalogue.indicator import Indicator

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

Better = Literal["+", "-", "target"]

LEAKS = 0.98
"""A context variable whose correlation with an indicator is this large, in values or in ranks, is taken for the indicator itself."""

TELLING = 12
"""Cities from which on a correlation of 0.98 is no chance: that of unrelated ranks is so large with a probability of 2e-7, that of
unrelated normal values with 2e-8 (of 4 cities: 0.08 and 0.02)."""

SAME_THING = 1 - 1e-9
"""The correlation of values from which on a context variable of fewer cities is the indicator in another unit."""


@dataclass(frozen=True)
class Criterion:
    """One indicator as cities are judged by it.

    Attributes
    ----------
    column:
        Column of the table.
    name, unit, dimension:
        As they are shown; the dimension is the indicator's place in the hierarchy.
    direction:
        ``+`` more is better, ``-`` less is better, ``target`` best at ``target``.
    target:
        The best value where the direction is ``target``.
    worst, best:
        Goalposts: values that count 0 and 100 on the common scale; both None where none are fixed.
    goalposts:
        Where the goalposts come from.
    weight:
        Relative weight within its dimension.
    indicator:
        Key of the catalogue's line; empty where there is none.
    per, factor:
        Column by which values are divided, and what they are multiplied by then (100,000 inhabitants): a count becomes a
        rate. Empty where values are taken as they are.
    exposure, years:
        Column of what a small count happened to (inhabitants of the year), and how many years up to the last are pooled.
        The value is then the empirical Bayes rate times ``factor``, and its standard error that of its posterior. Empty
        where values are no counts.
    """

    column: str
    name: str
    unit: str
    dimension: str
    direction: Better
    target: float | None = None
    worst: float | None = None
    best: float | None = None
    goalposts: str = ""
    weight: float = 1.0
    indicator: str = ""
    per: str = ""
    factor: float = 1.0
    exposure: str = ""
    years: int = 1

    @classmethod
    def of(
        cls,
        indicator: Indicator,
        column: str,
        *,
        goalposts: tuple[float, float] | None = None,
        weight: float = 1.0,
        per: str = "",
        factor: float = 1.0,
        exposure: str = "",
        years: int = 1,
    ) -> Criterion:
        """The criterion of a line of the catalogue; ``goalposts`` (worst, best) go before those of the catalogue.

        Raises
        ------
        DataError
            The catalogue gives the indicator no direction in which it could be judged.
        """
        if indicator.direction not in ("+", "-", "target"):
            raise DataError(
                f"{column}: indicator {indicator.indicator} has the direction {indicator.direction!r}, so no city can be better by it. "
                "Use it as context, or give its direction in data/indicators/catalogue.csv."
            )
        worst, best = (indicator.worst, indicator.best) if goalposts is None else goalposts
        origin = indicator.goalposts if goalposts is None else "given by the study"
        return cls(
            column, indicator.name, indicator.unit, indicator.dimension, indicator.direction, indicator.target,
            worst, best, origin, weight, indicator.indicator, per, factor, exposure, years,
        )  # fmt: skip


@dataclass(frozen=True)
class ContextColumn:
    """One thing that a city cannot choose: its size, its density, its region.

    Attributes
    ----------
    column:
        Column of the table.
    meaning, unit:
        In words.
    kind:
        ``number``, or ``group`` (region, function) of which only equality counts.
    """

    column: str
    meaning: str = ""
    unit: str = ""
    kind: Literal["number", "group"] = "number"


@dataclass(frozen=True, repr=False)
class Context:
    """The situation of N cities, known without looking at what they achieve.

    Attributes
    ----------
    labels:
        The cities, unique [N].
    columns:
        What is known of each.
    frame:
        Their values [N, C]: floats (NaN where not known) or texts.
    """

    labels: tuple[str, ...]
    columns: tuple[ContextColumn, ...]
    frame: pd.DataFrame

    def __repr__(self) -> str:
        cities = counted(len(self.labels), "city", "cities")
        return f"Context({cities}; {', '.join(c.column for c in self.columns) or 'no variables'})"

    @property
    def numbers(self) -> tuple[str, ...]:
        """Names of the columns that hold numbers."""
        return tuple(c.column for c in self.columns if c.kind == "number")

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the columns of which only equality counts."""
        return tuple(c.column for c in self.columns if c.kind == "group")

    @property
    def meanings(self) -> dict[str, str]:
        """What each column is called within a sentence."""
        return {c.column: within_sentence(c.meaning) if c.meaning else c.column for c in self.columns}

    def values(self) -> Floats:
        """The numbers [N, P], as they are."""
        values: Floats = self.frame[list(self.numbers)].to_numpy(float)
        return values

    def gaps(self) -> list[str]:
        """Which columns are not known of how many cities, the emptiest first, in words."""
        lacking = {c.column: int(self.frame[c.column].isna().sum()) for c in self.columns}
        return [
            f"{column} is not known of {'any city' if n == len(self.labels) else counted(n, 'city', 'cities')}"
            for column, n in sorted(lacking.items(), key=lambda item: -item[1])
            if n
        ]

    def take(self, rows: Ints | Sequence[int]) -> Context:
        """The context of some cities, in the order given."""
        chosen = list(rows)
        return replace(self, labels=tuple(self.labels[k] for k in chosen), frame=self.frame.iloc[chosen])


@dataclass(frozen=True, repr=False)
class Cities:
    """N cities by K indicators, with their context.

    Attributes
    ----------
    labels:
        The cities, unique [N].
    criteria:
        What they are judged by [K].
    values:
        Their values in the criteria's units [N, K]; NaN where not known.
    std_errors:
        Standard errors of the values [N, K]; 0 where a value is taken as known exactly, None where all are.
    context:
        What else is known of them; its ``columns`` may be none.
    notes:
        What was done to the table.
    """

    labels: tuple[str, ...]
    criteria: tuple[Criterion, ...]
    values: Floats
    context: Context
    std_errors: Floats | None = None
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        cities, criteria = counted(len(self.labels), "city", "cities"), counted(len(self.criteria), "indicator")
        return f"Cities({cities}, {criteria}, {counted(len(self.context.columns), 'context variable')})"

    @property
    def dimensions(self) -> tuple[str, ...]:
        """The dimensions, in the order in which they first occur."""
        return tuple(dict.fromkeys(c.dimension for c in self.criteria))

    def take(self, rows: Ints | Sequence[int]) -> Cities:
        """Some of the cities, in the order given."""
        chosen = list(rows)
        errors = None if self.std_errors is None else self.std_errors[chosen]
        labels = tuple(self.labels[k] for k in chosen)
        return replace(
            self, labels=labels, values=self.values[chosen], context=self.context.take(chosen), std_errors=errors
        )

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        *,
        city: str,
        criteria: Sequence[Criterion],
        context: Sequence[ContextColumn | str] = (),
        std_errors: Mapping[str, str] | None = None,
        period: str | None = None,
        at: Any = None,
    ) -> Cities:
        """Cities of a table with one row each, or one row each a period.

        Amounts with a ``per`` become rates, small counts with an ``exposure`` empirical Bayes rates with their standard errors
        (``core.catalogue.small_counts.smoothed``).

        Parameters
        ----------
        frame:
            One row a city (and period); it is not changed.
        city:
            Column of the city's name.
        criteria:
            What cities are judged by.
        context:
            What cities are compared on; never what they are judged by. A name alone is that of a column of numbers.
        std_errors:
            Column of a value's standard error, in the unit of the column, by the column of the value; others are taken as known
            exactly.
        period, at:
            Column of the period, and the one that is compared (the last, where none is given): earlier ones count only in
            pooled years.

        Raises
        ------
        DataError
            An indicator without a direction, goalposts against it, one city, a city twice, a column that is missing, no number
            or constant, a city without any value, context that holds an indicator, a number to divide by of zero or below; all
            problems at once.
        """
        if problem := _no_table(frame):
            raise DataError(problem)
        errors = dict(std_errors or {})
        if problems := [*criteria_problems(criteria, Criterion), *context_problems(context, ContextColumn)]:
            raise DataError(problems)
        columns = tuple(ContextColumn(c) if isinstance(c, str) else c for c in context)
        if problems := list(_missing_columns(frame, city, criteria, columns, errors, period)):
            raise DataError(problems)
        rows, made, notes = _one_row_each(frame, city, period, at, criteria, columns, errors)
        if problems := [*_city_problems(rows, city), *quantity_problems(rows, made, city)]:
            raise DataError(problems)
        labels = tuple(str(v) for v in rows[city])
        values, spread, said = values_of(rows, made, _std_errors(rows, criteria, errors) if errors else None)
        found = Context(labels, columns, _context_frame(rows, columns))
        if problems := [*_value_problems(labels, criteria, values), *leaks(values, criteria, found)]:
            raise DataError(problems)
        return cls(labels, tuple(criteria), values, found, spread, (*notes, *said))


def cities_shown(n: int, why_not: Mapping[str, str], lacking: str) -> str:
    """How many cities a value is of, as it is printed, and how many of them have no answer."""
    without = f", {len(why_not):,} of them without {lacking}" if why_not else ""
    return f"{counted(n, 'city', 'cities')}{without}"


def _one_row_each(
    frame: pd.DataFrame,
    city: str,
    period: str | None,
    at: Any,
    criteria: Sequence[Criterion],
    context: Sequence[ContextColumn],
    errors: Mapping[str, str],
) -> tuple[pd.DataFrame, list[Criterion], list[str]]:
    """The table with one row a city, the criteria with the columns of their pooled exposures, and what was done."""
    problems = [
        *_number_problems(frame, criteria, context, errors),
        *period_problems(frame, city, period, at, criteria),
    ]
    if period is None:
        if problems:
            raise DataError([*_city_problems(frame, city), *problems])
        return frame, list(criteria), []
    if problems := [*problems, *quantity_problems(frame, criteria, city)]:
        raise DataError(problems)
    pooled = {c.column: f"{c.exposure} of {c.column}, pooled" for c in criteria if c.exposure}
    made = [replace(c, exposure=pooled[c.column]) if c.exposure else c for c in criteria]
    wanted = known_periods(frame[period])[-1] if at is None else at
    rows, notes = of_period(frame, city, period, wanted, criteria, pooled)
    return rows, made, notes


def _context_frame(frame: pd.DataFrame, context: Sequence[ContextColumn]) -> pd.DataFrame:
    """Numbers as floats, groups as texts (None where not known), rows numbered from 0."""
    import pandas as pd

    found = {c.column: floats(frame[c.column]) if c.kind == "number" else _texts(frame[c.column]) for c in context}
    return pd.DataFrame(found, index=range(len(frame)))


def _texts(column: pd.Series) -> list[str | None]:
    known = column.notna()
    return [str(v) if k else None for v, k in zip(column, known, strict=True)]


def _std_errors(frame: pd.DataFrame, criteria: Sequence[Criterion], columns: Mapping[str, str]) -> Floats:
    found = np.zeros((len(frame), len(criteria)))
    for k, criterion in enumerate(criteria):
        if criterion.column in columns:
            found[:, k] = floats(frame[columns[criterion.column]])
    return found


# ---- what is wrong with a table --------------------------------------------------------------------------


def _no_table(frame: Any) -> str | None:
    import pandas as pd

    if isinstance(frame, pd.DataFrame):
        return None
    return f"frame: it is a {type(frame).__name__}. Give a table of pandas, such as pandas.DataFrame(...)."


def _missing_columns(
    frame: pd.DataFrame,
    city: str,
    criteria: Sequence[Criterion],
    context: Sequence[ContextColumn],
    errors: Mapping[str, str],
    period: str | None,
) -> Iterator[str]:
    known = [str(c) for c in frame.columns]
    if not criteria:
        yield "No indicator is given. Name at least one by which cities are judged."
    roles = [("city", city), *(("indicator", c.column) for c in criteria), *(("context", c.column) for c in context)]
    roles += [(f"standard error of {of}", column) for of, column in errors.items()]
    roles += [(f"per of {c.column}", c.per) for c in criteria if c.per]
    roles += [(f"exposure of {c.column}", c.exposure) for c in criteria if c.exposure]
    roles += [("period", period)] if period is not None else []
    for role, column in roles:
        if column not in known:
            yield f"{role}: the table has no column {column!r}. {nearest(column, known)}"
        elif known.count(column) > 1:
            yield f"{role}: the table has {known.count(column)} columns {column!r}. Give each column a name of its own."
    judged = [c.column for c in criteria]
    yield from (f"indicator: {c} stands here twice. Leave one out." for k, c in enumerate(judged) if c in judged[:k])
    yield from (
        f"context: {c.column} is an indicator too. A city's result is no context: leave it out of the one or the other."
        for c in context
        if c.column in judged
    )
    yield from (
        f"standard error of {of}: it is no indicator. {nearest(of, judged)}" for of in errors if of not in judged
    )
    yield from (
        f"standard error of {c.column}: it is a small count, whose standard error follows from the count. Leave one of the two out."
        for c in criteria
        if c.exposure and c.column in errors
    )


def _city_problems(frame: pd.DataFrame, city: str) -> Iterator[str]:
    if len(frame) < 2:
        yield f"{city}: the table has {counted(len(frame), 'city', 'cities')}. A benchmark needs at least two."
    if (unnamed := int(frame[city].isna().sum())) > 0:
        yield f"{city}: {counted(unnamed, 'row')} without a name. Name the city, or leave the row out."
    twice = frame[city][frame[city].duplicated() & frame[city].notna()].unique()
    if len(twice):
        yield (
            f"{city}: {some([str(v) for v in twice])} {'stands' if len(twice) == 1 else 'stand'} in more than one row. Keep one row a city "
            "(one period, or values pooled over periods)."
        )


def _number_problems(
    frame: pd.DataFrame, criteria: Sequence[Criterion], context: Sequence[ContextColumn], errors: Mapping[str, str]
) -> Iterator[str]:
    numbers = [c.column for c in context if c.kind == "number"]
    columns = [c.column for c in criteria] + numbers + list(errors.values())
    columns += [column for c in criteria for column in (c.per, c.exposure) if column]
    said = {column: misfit(frame[column]) for column in columns}
    for column, wrong in said.items():
        if wrong is not None:
            group = (
                " A context of names, of which only equality counts, has the kind 'group'." if column in numbers else ""
            )
            yield f"{column}: {wrong}{group}"
        elif np.isinf(floats(frame[column])).any():
            yield f"{column}: it holds an infinite value. Write a number, or nothing."
    for of, column in errors.items():
        found = floats(frame[column]) if said[column] is None else np.empty(0)
        if (found < 0).any():
            yield f"standard error of {of}: {column} is negative ({number(float(np.nanmin(found)))}). Correct it."


def _value_problems(labels: Sequence[str], criteria: Sequence[Criterion], values: Floats) -> Iterator[str]:
    known = ~np.isnan(values)
    if empty := [labels[int(k)] for k in np.flatnonzero(~known.any(axis=1))]:
        yield f"{some(empty)}: no indicator has a value. Leave {'the city' if len(empty) == 1 else 'the cities'} out, or find values."
    for k, criterion in enumerate(criteria):
        seen = values[known[:, k], k]
        if not len(seen):
            yield f"{criterion.column}: no city has a value. Leave the indicator out."
        elif np.isinf(seen).any():
            yield f"{criterion.column}: multiplied by {number(criterion.factor)} a value is beyond all numbers. Take another unit."
        elif len(labels) > 1 and constant(seen):
            yield f"{criterion.column}: all cities have {number(float(seen[0]) + 0.0)}. It tells no city from another: leave the indicator out."


def leaks(values: Floats, criteria: Sequence[Criterion], context: Context) -> Iterator[str]:
    """Context that holds an indicator, in values or in ranks: adjusting for it would take away what is to be judged.

    Of few cities only context that is an indicator in another unit is taken for it, as ranks of few agree by chance.
    """
    for name, column in zip(context.numbers, context.values().T, strict=True):
        for k, criterion in enumerate(criteria):
            both = ~np.isnan(column) & ~np.isnan(values[:, k])
            found = _likeness(column[both], values[both, k])
            if abs(found) >= (LEAKS if both.sum() >= TELLING else SAME_THING):
                yield (
                    f"context: {name} has the correlation {found:.3f} with the indicator {criterion.column}: it holds what is to be judged. "
                    "Leave it out of the context."
                )


def _likeness(a: Floats, b: Floats) -> float:
    """The larger correlation, of values or of ranks; of few cities that of values, and 0 where any line would pass through them."""
    from scipy.stats import rankdata

    if len(a) >= TELLING:
        return max(_correlation(a, b), _correlation(rankdata(a), rankdata(b)), key=abs)
    return _correlation(a, b) if min(len(np.unique(a)), len(np.unique(b))) >= 4 else 0.0


def _correlation(a: Floats, b: Floats) -> float:
    if constant(a) or constant(b):
        return 0.0
    # on a common scale first, so that no square is beyond what a number can hold
    return float(np.corrcoef(a / np.abs(a).max(), b / np.abs(b).max())[0, 1])
