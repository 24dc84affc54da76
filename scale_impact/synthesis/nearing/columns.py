"""Which columns of context a city, the pilots and the population have in common, and why others cannot be compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from scale_impact.core.words import nearest
from scale_impact.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd


def columns_of(
    context: pd.DataFrame, city: Mapping[str, object], population: pd.DataFrame | None, asked: Sequence[str] | None
) -> tuple[list[str], dict[str, str]]:
    """Columns that can be compared, in the order of their names, and why others cannot."""
    known = sorted(map(str, context.columns))
    wanted = known if asked is None else sorted(dict.fromkeys(asked))
    problems = [f"columns: nothing is known of pilots as {c!r}. {nearest(c, known)}" for c in wanted if c not in known]
    if population is not None and asked is not None:
        there = list(map(str, population.columns))
        problems += [
            f"columns: the population has no column {c!r}. {nearest(c, there)}" for c in wanted if c not in there
        ]
    problems += [p for c in wanted if c in known for p in _mixed(context, city, population, c)]
    if problems:
        raise UsageError(problems)
    left_out = {c: reason for c in wanted if (reason := _lacks(context, city, population, c)) is not None}
    return [c for c in wanted if c not in left_out], left_out


def _mixed(
    context: pd.DataFrame, city: Mapping[str, object], population: pd.DataFrame | None, column: str
) -> Iterator[str]:
    """Where a column is a number here and a text there."""
    import pandas as pd
    from pandas.api.types import is_numeric_dtype

    pilots = is_numeric_dtype(context[column])
    both = (
        population is not None
        and column in population
        and population[column].notna().any()
        and context[column].notna().any()
    )
    if both and population is not None and is_numeric_dtype(population[column]) != pilots:
        yield f"{column}: of pilots it is {_kind(pilots)}, of the population {_kind(not pilots)}. Give both in the same form."
    value = city.get(column)
    if not pd.api.types.is_scalar(value):
        yield f"{column}: of the city it is {value!r}. Write a number or a text, or nothing where it is not known."
    if _known(value) and _is_number(value) != pilots and context[column].notna().any():
        yield f"{column}: of pilots it is {_kind(pilots)}, of the city it is {value!r}. Give both in the same form."
    if isinstance(value, (int, float, np.number)) and np.isinf(value):
        yield f"{column}: of the city it is {value!r}. Write a number, or nothing where it is not known."


def _kind(number: bool) -> str:
    return "a number" if number else "a text"


def _known(value: object) -> bool:
    import pandas as pd

    return pd.api.types.is_scalar(value) and not pd.isna(value)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float, np.number, np.bool_)) and bool(value == value)


def _lacks(
    context: pd.DataFrame, city: Mapping[str, object], population: pd.DataFrame | None, column: str
) -> str | None:
    if not _known(city.get(column)):
        return f"{column} is not known of the city and is left out."
    if not context[column].notna().any():
        return f"{column} is not known of any pilot and is left out."
    if population is not None and (column not in population or not population[column].notna().any()):
        return f"{column} is not known of the population and is left out."
    return None
