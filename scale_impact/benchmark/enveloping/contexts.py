"""The context of a conditional frontier: which columns, as the kernel reads them, and which cities have none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scale_impact.benchmark.cities import Context
from scale_impact.benchmark.enveloping.bandwidths import Kernel, Surroundings
from scale_impact.core.words import nearest, number, some

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Reading:
    """Context variables of a conditional frontier.

    Attributes
    ----------
    numbers, groups:
        Columns, in the order of the bandwidths.
    around:
        All cities; what is missing is 0 there and named in ``missing``.
    missing:
        What is not known of a city, by row.
    """

    numbers: tuple[str, ...]
    groups: tuple[str, ...]
    around: Surroundings
    missing: Mapping[int, list[str]]

    @property
    def columns(self) -> tuple[str, ...]:
        """Numbers first, then groups."""
        return (*self.numbers, *self.groups)


def read(context: Context, given: Sequence[str], log: Sequence[str], kernel: Kernel) -> Reading:
    """The columns ``given``, numbers in logarithms where ``log`` says so."""
    import pandas as pd

    numbers = tuple(c for c in context.numbers if c in given)
    groups = tuple(c for c in context.groups if c in given)
    values = np.array(context.frame[list(numbers)], dtype=float).reshape(len(context.labels), len(numbers))
    for k, column in enumerate(numbers):
        if column in log:
            values[:, k] = np.log(values[:, k])
    codes = [pd.factorize(context.frame[c], sort=True)[0] for c in groups]
    coded = np.stack(codes, axis=1) if codes else np.zeros((len(values), 0), dtype=np.int64)
    gone = np.concatenate([np.isnan(values), coded < 0], axis=1)
    names = (*numbers, *groups)
    missing = {int(k): [names[j] for j in np.flatnonzero(gone[k])] for k in np.flatnonzero(gone.any(axis=1))}
    return Reading(
        numbers,
        groups,
        Surroundings(np.nan_to_num(values), np.maximum(coded, 0), coded.max(axis=0, initial=-1) + 1, kernel),
        missing,
    )


def column_problems(
    context: Context, given: Sequence[str] | None, log: Sequence[str], bandwidths: Mapping[str, float] | None
) -> Iterator[str]:
    """What is wrong with the options that name context variables."""
    known = [c.column for c in context.columns]
    chosen = known if given is None else list(given)
    yield from (f"given: there is no context variable {c!r}. {nearest(c, known)}" for c in chosen if c not in known)
    if not chosen:
        yield "conditional_order_m compares within a city's context, and no context variable is named. Name some, or use order_m."
    for column in log:
        if column not in context.numbers or column not in chosen:
            yield f"log: {column!r} is no number of the context. {nearest(column, [c for c in context.numbers if c in chosen])}"
        elif (least := float(np.nanmin(context.frame[column].to_numpy(float)))) <= 0:
            yield f"log: {column} goes down to {number(least)}, which has no logarithm. Leave it as it is."
    for column in chosen:
        values = context.frame[column].dropna() if column in known else None
        if values is not None and values.nunique() < 2:
            yield f"given: {column} is the same for all cities, so it tells no context from another. Leave it out."
    yield from _bandwidth_problems(context, chosen, bandwidths)


def _bandwidth_problems(
    context: Context, chosen: Sequence[str], bandwidths: Mapping[str, float] | None
) -> Iterator[str]:
    if bandwidths is None:
        return
    if absent := [c for c in chosen if c not in bandwidths]:
        yield f"bandwidths: none is given for {some(absent)}. Give one for each context variable, or none at all."
    for column, width in bandwidths.items():
        if column not in chosen:
            yield f"bandwidths: {column!r} is not among the context variables. {nearest(column, chosen)}"
        elif column in context.groups and not 0 <= width <= (most := 1 - 1 / max(context.frame[column].nunique(), 1)):
            yield f"bandwidths: {column} has {number(width)}; a group's lies between 0 (own group only) and {number(most)} (all groups alike)."
        elif column in context.numbers and not width > 0:
            yield f"bandwidths: {column} has {number(width)}; a number's is above 0, in the unit of the variable."


def canonical(values: Floats, around: Surroundings | None, labels: Sequence[str]) -> Ints:
    """An order of the cities that depends on what they are, not on where they stand in the table: for draws that do not either."""
    keys: list[NDArray[np.generic]] = [np.asarray(labels, dtype=str)]
    if around is not None:
        keys += [*around.groups.T, *around.numbers.T]
    found: Ints = np.lexsort([*keys, *values.T[::-1]])
    return found
