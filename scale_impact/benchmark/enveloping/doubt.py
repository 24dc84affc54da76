"""Benefit of the doubt: every city is judged by the weights that favour it most.

The index of a city is the largest weighted sum that it can reach with weights by which no city exceeds 1. Bounds keep
weights from being absurd: of a dimension's share of the index, or of the weights themselves.

Source: Cherchye, Moesen, Rogge and Van Puyenbroeck (2007), "An introduction to 'benefit of the doubt' composite
indicators", Social Indicators Research 82, eq. 3; shares: Cherchye, Moesen, Rogge, Van Puyenbroeck, Saisana, Saltelli,
Liska and Tarantola (2008), Journal of the Operational Research Society 59.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from scale_impact.benchmark.enveloping.programmes import Limits, Solution, solve
from scale_impact.core.one_thread import one_thread
from scale_impact.core.words import counted, number, some
from scale_impact.errors import DataError, DesignError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def doubt(
    values: Floats, *, lower: float | Floats = 0.0, upper: float | Floats | None = None, shares: bool = True
) -> tuple[Floats, Floats]:
    """Index [N] and most favourable weights [N, D] of N cities.

    Parameters
    ----------
    values:
        Not negative, more is better, none missing [N, D].
    lower, upper:
        Bounds of each dimension's share of a city's index, between 0 and 1 (``shares``), or of its weight; one number for all
        dimensions or one each. Without ``upper`` shares may reach 1, and weights any size.
    shares:
        Whether the bounds are of shares. Weights depend on the unit of each dimension, shares do not.

    The index lies between 0 and 1 and is unique. Weights need not be: a city on the frontier reaches 1 by many. A value of 0
    takes no share of the index, so a city that has one where a lower share is asked for has the index 0.

    Raises
    ------
    DataError
        Negative or missing values; a dimension that is 0 everywhere and must have a share.
    DesignError
        Bounds that no weights can keep.
    """
    limits = limits_of(values.shape[1], lower, upper, shares)
    names = [f"dimension {d + 1}" for d in range(values.shape[1])]
    if problems := list(value_problems(values, names)):
        raise DataError(problems)
    if problems := list(limit_problems(values, limits, names)):
        raise DesignError(problems)
    with one_thread(True):  # sums in one order: equal input gives equal bytes, whatever the number of threads
        found = best_weights(values, limits)
    return found.index, found.weights


def limits_of(dimensions: int, lower: float | Floats, upper: float | Floats | None, shares: bool) -> Limits:
    """Bounds by dimension."""
    highest = (1.0 if shares else np.inf) if upper is None else upper
    spread = [np.broadcast_to(np.asarray(bound, dtype=float), (dimensions,)).copy() for bound in (lower, highest)]
    return Limits(spread[0], spread[1], shares)


def best_weights(values: Floats, limits: Limits) -> Solution:
    """The programmes of all cities against all cities; ``members`` are rows of ``values``.

    Equal rows are one member of the pool, and the pool is in an order of its own, so that no answer depends on the order
    of the cities.
    """
    pool, first = np.unique(values, axis=0, return_index=True)
    found = solve(values, pool, limits)
    index = np.where(np.abs(found.index - 1.0) < 1e-9, 1.0, found.index)
    return Solution(index, found.weights, first[found.members], found.prices)


def value_problems(values: Floats, names: Sequence[str]) -> Iterator[str]:
    """What is wrong with the values."""
    for name, column in zip(names, values.T, strict=True):
        if missing := int(np.isnan(column).sum()):
            yield f"{name}: {counted(missing, 'city has', 'cities have')} no value. Impute it, or leave the cities out."
        elif np.isinf(column).any():
            yield f"{name}: it holds an infinite value. Write a number."
        elif (column < 0).any():
            yield (
                f"{name}: {counted(int((column < 0).sum()), 'value is', 'values are')} negative (down to {number(float(column.min()))}). The frontier "
                "compares by ratios: bring the dimension to a scale that begins at 0 (goalposts, min-max, percentile)."
            )


def limit_problems(values: Floats, limits: Limits, names: Sequence[str]) -> Iterator[str]:
    """Bounds that no weights can keep, each by its dimension."""
    below = np.isnan(limits.lower) | np.isnan(limits.upper) | (limits.lower < 0) | (limits.lower > limits.upper)
    if limits.shares:
        below |= limits.upper > 1
    for d in map(int, np.flatnonzero(below)):
        what = "shares lie between 0 and 1" if limits.shares else "weights are not negative"
        yield (
            f"{names[d]}: the bounds {number(limits.lower[d])} to {number(limits.upper[d])} admit nothing: {what}, and the lower bound "
            "is not above the upper one. Correct them."
        )
    if below.any():
        return
    yield from _share_problems(values, limits, names) if limits.shares else _weight_problems(values, limits, names)


def _share_problems(values: Floats, limits: Limits, names: Sequence[str]) -> Iterator[str]:
    least, most, over = float(limits.lower.sum()), float(limits.upper.sum()), counted(len(names), "dimension")
    if least > 1 + 1e-9:
        yield f"Lower shares add up to {number(least)} over {over}, more than 1. Lower them, to {number(1 / len(names))} at most if all are alike."
    if most < 1 - 1e-9:
        yield f"Upper shares add up to {number(most)} over {over}, less than 1: no city could give out its whole index. Raise them."
    empty = [names[d] for d in range(len(names)) if limits.lower[d] > 0 and not values[:, d].any()]
    if empty:
        yield f"{some(empty)}: every city has 0, so none can give it the lower share that is asked for. Leave it out, or set that share to 0."


def _weight_problems(values: Floats, limits: Limits, names: Sequence[str]) -> Iterator[str]:
    sums = values @ limits.lower
    if sums.max() > 1 + 1e-9:
        told = some([f"{n} {number(float(b))}" for n, b in zip(names, limits.lower, strict=True)])
        yield (
            f"With the lower weights alone ({told}) {counted(int((sums > 1 + 1e-9).sum()), 'city exceeds', 'cities exceed')} 1, "
            f"up to {number(float(sums.max()))}. Weights are per unit of a dimension: divide them by its largest value, or bound shares."
        )
