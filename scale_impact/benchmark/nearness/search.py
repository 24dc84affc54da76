"""The nearest cities: distances in blocks, a few candidates a city, and those measured again exactly.

Ties go by the order of the cities, which is that of their labels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from scale_impact.benchmark.cities import Floats, Ints

BLOCK = 250_000
"""Distances that are worked on at once: they fit into a processor's cache."""

MORE = 8
"""Candidates beyond the number sought, so that rounding cannot lose one."""

DIGITS = 11
"""Decimals of a distance that count: those behind are rounding."""

PAIRS = 1500
"""Cities of which all pairs are taken for the distance that is usual between two of them."""


class Distance(Protocol):
    """What a search asks of a distance between cities 0 to N - 1."""

    @property
    def weights(self) -> Floats:
        """How much each variable counts [K]; they sum to 1."""

    @property
    def slack(self) -> float:
        """What rounding does to ``rough`` at most."""

    def rough(self, rows: Ints, others: Ints) -> Floats:
        """Something that grows with the distance [b, n]; infinite where there is none."""

    def exact(self, rows: Ints, others: Ints) -> Floats:
        """Distances of cities [b] to others of their own [b, c]."""

    def parts(self, row: int, others: Ints) -> Floats:
        """Parts of the distances by variable [n, K]: not negative, and what they sum to grows with the distance."""


@dataclass(frozen=True)
class Found:
    """The nearest cities of one: places, nearest first, distances, and whether one that is left out is as near as the last."""

    places: Ints
    distances: Floats
    tied: bool


def nearest(distance: Distance, rows: Ints, others: Ints, number: int) -> Iterator[Found]:
    """The nearest of ``others`` for each of ``rows``, never the city itself."""
    if not len(others):
        nothing = np.empty(0, dtype=np.int64), np.empty(0)
        yield from (Found(*nothing, tied=False) for _ in rows)
        return
    step = max(1, BLOCK // len(others))
    for start in range(0, len(rows), step):
        yield from _block(distance, rows[start : start + step], others, number)


def _block(distance: Distance, rows: Ints, others: Ints, number: int) -> Iterator[Found]:
    rough = distance.rough(rows, others)
    rough[rows[:, None] == others] = np.inf
    few = min(len(others), number + MORE)
    at = (
        np.argpartition(rough, few - 1, axis=1)[:, :few]
        if few < len(others)
        else np.tile(np.arange(few), (len(rows), 1))
    )
    held = np.take_along_axis(rough, at, axis=1)
    exact = np.where(np.isinf(held), np.inf, distance.exact(rows, others[at]))
    last = np.partition(held, min(number, few - 1), axis=1)[:, min(number, few - 1)]
    wide = (
        (held.max(axis=1) <= last + 2 * distance.slack + 1e-12 * np.abs(last)) & (few < len(others)) & np.isfinite(last)
    )
    for k in range(len(rows)):
        if not wide[k]:
            yield _sorted(others[at[k]], exact[k], number)
            continue
        near = np.flatnonzero(rough[k] <= last[k] + 2 * distance.slack + 1e-12 * abs(last[k]))
        yield _sorted(others[near], distance.exact(rows[[k]], others[near][None])[0], number)


def _sorted(places: Ints, distances: Floats, number: int) -> Found:
    kept = np.isfinite(distances)
    places, distances = places[kept], distances[kept]
    rounded = np.round(distances, DIGITS)
    order = np.lexsort((places, rounded))
    best = order[:number]
    tied = len(order) > number and bool(rounded[order[number - 1]] == rounded[order[number]])
    return Found(places[best], distances[best], tied)


def usual(distance: Distance, rows: Ints, share: float, rng: np.random.Generator) -> float:
    """The distance below which this share of all pairs of cities lie; of many cities some are drawn."""
    drawn = np.sort(rng.choice(rows, PAIRS, replace=False)) if len(rows) > PAIRS else rows
    found = [distance.exact(drawn[[k]], drawn[None, k + 1 :])[0] for k in range(len(drawn) - 1)]
    every = np.concatenate(found)
    every = every[np.isfinite(every)]
    return float(np.quantile(every, share)) if len(every) else 0.0
