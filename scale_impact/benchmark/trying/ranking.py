"""Ranks of many drawn indices at once, exact, with ties shared.

Sorting whole numbers is what processors do quickest: each value becomes one, in steps of a trillionth of the draw's
range, with the city's number in its last digits. One sort then gives the order, without a second array of positions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scale_impact.benchmark.cities import Floats, Ints

STEPS = 2**40
"""Values of one draw that differ by less than two of so many steps of its range are equal: what rounding may do to twins."""

CHUNK = 2**17
"""So many values are ordered, or pairs of rank and city counted, at a time: they stay within the processor's cache."""


Places = NDArray[np.unsignedinteger[Any]]
"""Positions of cities, in as few bytes as hold them."""


@dataclass(frozen=True)
class Order:
    """Cities in order, draw by draw.

    Attributes
    ----------
    cities:
        Positions of the cities, the best first [W, N].
    ranks:
        Their ranks in that order, 1 the best [W, N]; None where no two are equal, so that they are 1, 2, ... N.
    """

    cities: Places
    ranks: Ints | None


def order_of(values: Floats) -> Order:
    """The order of the cities in each draw of values [W, N], more is better; none may be NaN."""
    draws, n = values.shape
    cities = np.empty((draws, n), dtype=np.uint16 if n <= 2**16 else np.uint32)
    apart = np.empty((draws, n - 1), dtype=bool)
    step = max(1, CHUNK // n)
    for at in range(0, draws, step):
        _order(values[at : at + step], cities[at : at + step], apart[at : at + step])
    return Order(cities, None if apart.all() else _shared(apart))


def _order(values: Floats, cities: Places, apart: NDArray[np.bool_]) -> None:
    """Write the order of some draws, and which neighbours in it differ."""
    n = values.shape[1]
    bits = max(1, int(n - 1).bit_length())
    keys = _steps(values) << bits
    keys |= np.arange(n)
    keys.sort(axis=1)
    np.bitwise_and(keys, (1 << bits) - 1, out=cities, casting="unsafe")
    keys >>= bits
    # twins that rounding parted lie one step apart
    np.greater(keys[:, 1:] - keys[:, :-1], 1, out=apart)


def _steps(values: Floats) -> Ints:
    """How far each value lies below the best of its draw, in steps."""
    best = values.max(axis=1, keepdims=True)
    reach = best - values.min(axis=1, keepdims=True)
    # a range of mere rounding is none: all cities are equal
    nothing = reach <= 1e-13 * np.abs(best)
    below = best - values
    below *= np.where(nothing, 0.0, STEPS / np.where(nothing, 1.0, reach))
    return np.asarray(np.rint(below, out=below).astype(np.int64))


def _shared(apart: NDArray[np.bool_]) -> Ints:
    """Ranks where equal cities take the better one."""
    first = np.ones((len(apart), apart.shape[1] + 1), dtype=np.int64)
    first[:, 1:] = np.where(apart, np.arange(2, apart.shape[1] + 2), 1)
    return np.maximum.accumulate(first, axis=1)


def ranks_of(values: Floats) -> Ints:
    """Ranks of the cities in each draw [W, N]: 1 the best, equal ones share the better rank."""
    order = order_of(values)
    found = np.empty(values.shape, dtype=np.int64)
    ranks = np.broadcast_to(np.arange(1, values.shape[1] + 1), found.shape) if order.ranks is None else order.ranks
    np.put_along_axis(found, order.cities.astype(np.int64), ranks, axis=1)
    return found


def ranks_of_one(values: Floats) -> Floats:
    """Ranks of one index [N]; NaN where there is none."""
    ranks = np.full(len(values), np.nan)
    known = ~np.isnan(values)
    if known.any():
        ranks[known] = ranks_of(values[None, known])[0]
    return ranks


def count(counts: NDArray[np.int32], order: Order) -> None:
    """Add to ``counts`` [rank, city] how often each city has each rank; its array is changed."""
    n = len(counts)
    height = max(1, CHUNK // n)
    for start in range(0, n, height):
        cities = order.cities[:, start : start + height]
        wide = cities.shape[1]
        places = cities + np.arange(wide) * n
        counts[start : start + wide] += np.bincount(places.ravel(), minlength=wide * n).reshape(wide, n)
    if order.ranks is not None:
        _move_ties(counts, order.cities, order.ranks)


def _move_ties(counts: NDArray[np.int32], cities: Places, ranks: Ints) -> None:
    """Tied cities were counted one after another: give them the rank that they share."""
    draw, place = np.nonzero(ranks != np.arange(1, ranks.shape[1] + 1))
    np.subtract.at(counts, (place, cities[draw, place]), 1)
    np.add.at(counts, (ranks[draw, place] - 1, cities[draw, place]), 1)
