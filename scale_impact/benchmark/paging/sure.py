"""How sure a rank is: one band and the counts that belong to it, and what was taken as known exactly."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from scale_impact.benchmark.cities import Cities
from scale_impact.benchmark.rank_bands import RankBands
from scale_impact.core.words import counted, some, within_sentence

TOLD = 12
"""So many indicators that were taken as known exactly are named."""


def known_exactly(cities: Cities) -> tuple[str, ...]:
    """Names of the indicators none of whose values has a standard error, in their order."""
    errors = np.zeros(cities.values.shape) if cities.std_errors is None else np.nan_to_num(cities.std_errors)
    errors = np.where(np.isnan(cities.values), 0.0, errors)
    return tuple(c.name for c, column in zip(cities.criteria, errors.T, strict=True) if not (column > 0).any())


def how_sure(label: str, bands: RankBands, cities: Cities) -> Iterator[str]:
    """The band of one city's rank, with who is surely ahead and behind by the same tests, and what no error is known of.

    The band and the counts are those of one city (``low``, ``high``): the tests of all pairs of cities tell fewer apart.
    """
    if not np.nansum(bands.std_errors) > 0:
        yield "That is not known: the values come without errors, so the rank is told as if each were known exactly."
        return
    k = bands.labels.index(label)
    low, high = int(bands.low[k]), int(bands.high[k])
    yield f"With {100 * bands.level:g} % confidence {_ranks(bands, low, high)}: {_counts(bands, low, high)}."
    if exact := known_exactly(cities):
        yield _exact(exact, len(cities.criteria))


def _ranks(bands: RankBands, low: int, high: int) -> str:
    if bands.side == "lower":
        return f"its rank is {low} or worse"
    if bands.side == "upper":
        return f"its rank is {high} or better"
    return f"its rank lies between {low} and {high}" if low < high else f"its rank is {low}"


def _counts(bands: RankBands, low: int, high: int) -> str:
    """Cities surely ahead and surely behind; the rest are those that the band spans."""
    ahead, behind, unsure = low - 1, bands.ranked - high, high - low
    said = []
    if bands.side != "upper":
        said.append(f"{_many(ahead)} surely ahead of it")
    if bands.side != "lower":
        said.append(f"{_many(behind)} surely behind it")
    if bands.side != "two-sided":
        return ", ".join(said)
    if not unsure:
        return f"{', '.join(said)}, and it can be told from every one"
    return f"{', '.join(said)}, and the other {unsure:,} cannot be told from it"


def _many(n: int) -> str:
    return f"{counted(n, 'city is', 'cities are') if n else 'no city is'}"


def _exact(names: tuple[str, ...], n: int) -> str:
    wider = "With their errors the band would be wider."
    if len(names) == n:
        return f"Only values that were estimated make it unsure: all that were measured are taken as known exactly. {wider}"
    told = some([within_sentence(name) for name in names], TOLD)
    return f"Taken as known exactly, because no errors are given: {told}. {wider}"
