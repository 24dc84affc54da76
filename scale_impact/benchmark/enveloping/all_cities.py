"""Cities held against all, and how sure that is: errors of the values, and how far the best possible may lie beyond."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scale_impact.benchmark.enveloping import subsamples, words
from scale_impact.benchmark.enveloping.asked import Asked
from scale_impact.benchmark.enveloping.doubt import best_weights
from scale_impact.benchmark.enveloping.likely import Errors, indices
from scale_impact.benchmark.enveloping.programmes import Limits
from scale_impact.benchmark.enveloping.result import MOST_REFERENCES, Held

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def against_all(values: Floats, asked: Asked, limits: Limits, errors: Errors) -> Held:
    """Benefit of the doubt, in an order of the cities that does not depend on the user's."""
    found = best_weights(values, limits)
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = np.where(found.index[:, None] > 0, found.weights * values / found.index[:, None], np.nan)
        prices = np.nan_to_num(found.prices / found.prices.sum(axis=1, keepdims=True))
    members, parts = _merged(found.members, prices, values)
    low, high, corrected, notes = _around_doubt(values, found.index, asked, limits, errors)
    return Held(
        found.index,
        low,
        high,
        np.zeros(len(values)),
        found.weights,
        shares,
        members,
        parts,
        corrected=corrected,
        notes=notes,
    )


def _around_doubt(
    values: Floats, index: Floats, asked: Asked, limits: Limits, errors: Errors
) -> tuple[Floats, Floats, Floats | None, tuple[str, ...]]:
    """Interval, index corrected for errors, and what is to be said of them."""
    n, dim = values.shape
    none = np.full(n, np.nan)
    if n == 1:
        return (
            none,
            none,
            None,
            ("One city alone defines its own frontier: it reaches 1 whatever it does, and has no interval.",),
        )
    if not asked.draws:
        return none, none, None, ("No intervals: none were asked for (draws: 0).",)
    possible = asked.against == "possible" and dim <= subsamples.MOST_DIMENSIONS
    low, high, corrected = none, none, None
    if possible:
        low = subsamples.lower_ends(values, limits, index, draws=asked.draws, level=asked.level, seed=asked.seed)
        high = np.where(np.isnan(low), np.nan, index)
    if errors.draws:
        drawn = indices(values, errors, lambda v: best_weights(v, limits).index, seed=asked.seed, most=asked.draws)
        tail = (1 - asked.level) / 2
        lowest, corrected, high = np.quantile(drawn, [tail, 0.5, 1 - tail], axis=0)
        beyond = np.where(index > 0, low / np.where(index > 0, index, 1.0), 1.0) if possible else 1.0
        low = lowest * beyond
    return low, high, corrected, words.of_doubt_intervals(asked, dim, possible, errors.draws > 0)


def _merged(members: Ints, prices: Floats, values: Floats) -> tuple[Ints, Floats]:
    """Each member once, the most important first; cities with the same values share a part evenly."""
    _, kind, alike = np.unique(values, axis=0, return_inverse=True, return_counts=True)
    kind = kind.reshape(-1)
    twins = {int(k): np.flatnonzero(kind == k) for k in np.flatnonzero(alike > 1)}
    width = min(len(values), MOST_REFERENCES)
    found = np.zeros((len(members), width), dtype=np.int64), np.zeros((len(members), width))
    for k, (row, price) in enumerate(zip(members, prices, strict=True)):
        total: dict[int, float] = {}
        for member, part in zip(row[price > 0], price[price > 0], strict=True):
            same = twins.get(int(kind[member]), [member])
            for one in same:
                total[int(one)] = total.get(int(one), 0.0) + float(part) / len(same)
        best = sorted(total.items(), key=lambda item: (-round(item[1], 12), item[0]))[:width]
        found[0][k, : len(best)] = [b[0] for b in best]
        found[1][k, : len(best)] = [b[1] for b in best]
    return found
