"""Where cities stand: the order in which they are looked at, ranks and bands of counts, and what has to be said with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scale_impact.benchmark.ranking import given as forms
from scale_impact.benchmark.ranking.given import Given
from scale_impact.benchmark.ranking.noise import Noise
from scale_impact.benchmark.ranking.stepdown import Side
from scale_impact.core.words import counted, number, some

Floats = NDArray[np.float64]

NOT_HELD = (
    "A band holds the errors of the values as they are given (sampling, imputation). It does not hold the choice of indicators, weights, "
    "scales and aggregation: see `robustness` for these."
)


def own_order(given: Given, sign: int) -> NDArray[np.intp]:
    """Rows with a value from the worst value on; of equal ones the surest first, then by name: no draw depends on the rows' order."""
    spread = np.zeros(len(given.labels)) if given.std_errors is None else given.std_errors
    order = np.lexsort((np.array(given.labels), spread, sign * given.values))
    return order[~np.isnan(given.values[order])]


def counts_of_values(ascending: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """How many values are better, and how many are worse."""
    n = len(ascending)
    return n - np.searchsorted(ascending, ascending, side="right"), np.searchsorted(ascending, ascending, side="left")


def placed(n: int, order: NDArray[np.intp], counts: Any, side: Side) -> dict[str, Any]:
    """Ranks and bands in the order given, NaN where there is no rank; an end that was not asked is that of all ranks."""
    better, _, surely_better, surely_worse, beats = counts
    ranked = len(order)
    of_row = {
        "rank": 1 + better, "low": 1 + surely_better, "high": ranked - surely_worse,
        "low_all": 1 + beats.sum(axis=0), "high_all": ranked - beats.sum(axis=1),
    }  # fmt: skip
    for end, not_asked, value in (("low", "upper", 1), ("high", "lower", ranked)):
        if side == not_asked:
            of_row |= {end: np.full(ranked, value), f"{end}_all": np.full(ranked, value)}
    found: dict[str, Any] = {name: np.full(n, np.nan) for name in of_row}
    for name, values in of_row.items():
        found[name][order] = values
    found["beats"] = np.zeros((n, n), dtype=bool)
    found["beats"][np.ix_(order, order)] = beats
    return found


def notes_of(given: Given, noise: Noise, rank: Floats, why_not: Mapping[str, str], level: float) -> Iterator[str]:
    """What bands hold and what they do not, and what was found on the way."""
    yield from given.notes
    if noise.absent:
        yield (
            "No error of any difference is known, so each band is the rank itself (tied cities: all their places). That does not make the ranks "
            "sure: how values err is not known here, and neither is the choice of indicators, weights, scales and aggregation (see `robustness`)."
        )
    else:
        yield NOT_HELD
        if exact := int((noise.own == 0).sum()):
            yield f"{counted(exact, 'city has', 'cities have')} no error: among themselves they are compared exactly."
    if given.draws is not None and len(given.draws) < 10 * forms.needed(level) and not noise.absent:
        yield f"The bands rest on {counted(len(given.draws), 'draw')} of the values, which is few: others give other bands. Draw 1,000, and impute as often."
    yield from _draws_elsewhere(given, noise)
    yield from ties(rank, why_not)


def ties(rank: Floats, why_not: Mapping[str, str]) -> Iterator[str]:
    """Who has no rank, and how many share one."""
    if why_not:
        yield f"{some(list(why_not))}: no value, so no rank; ranks count the other {counted(len(rank) - len(why_not), 'city', 'cities')}."
    seen = rank[~np.isnan(rank)]
    if shared := len(seen) - len(np.unique(seen)):
        tied = int((np.unique(seen, return_counts=True)[1] > 1).sum())
        yield f"{counted(shared + tied, 'city shares', 'cities share')} a rank with another: their values are the same."


def _draws_elsewhere(given: Given, noise: Noise) -> Iterator[str]:
    """Draws whose means are not the values: a shift that all share moves no rank, but another scale or other values do.

    A scale set by the smallest and largest value of each draw is one cause: noise widens the range, so that all drawn values, and their
    errors, are smaller than those of the index. Values that are cut at the ends of the scale in each draw are another.
    """
    known = ~np.isnan(given.values)
    if given.draws is None or known.sum() < 5 or noise.absent or np.ptp(given.values[known]) == 0:
        return
    values, drawn = given.values[known], given.draws[:, known]
    means, own = drawn.mean(axis=0), drawn.std(axis=0, ddof=1)
    away = values - values.mean()
    slope = float(away @ means / (away @ away))
    unsure = float(np.sqrt((away**2) @ own**2 / len(drawn)) / (away @ away))
    left = means - means.mean() - slope * away
    if off := [given.labels[int(k)] for k in np.flatnonzero(known)[np.abs(left) > 3 * np.maximum(own, own.mean())]]:
        yield f"The draws of {some(off)} lie far from the values, and bands are around these. See whether the draws are of these values."
    if abs(slope - 1) > 0.05 + 3 * unsure:
        yield (
            f"The draws lie on another scale: where values differ by 1, the draws' means differ by {number(slope)}, so bands are too "
            f"{'narrow' if slope < 1 else 'wide'} by that. Keep the scale the same in all draws, and cut none at its ends."
        )
