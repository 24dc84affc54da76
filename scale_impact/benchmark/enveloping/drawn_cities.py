"""Cities held against draws of cities: how many are drawn, distances, and how sure they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from scale_impact.benchmark.enveloping import order_m, words
from scale_impact.benchmark.enveloping.asked import Asked
from scale_impact.benchmark.enveloping.likely import Errors, indices
from scale_impact.benchmark.enveloping.order_m import Distances
from scale_impact.benchmark.enveloping.programmes import Limits, solve
from scale_impact.benchmark.enveloping.result import FEWEST_ALIKE, MOST_REFERENCES, Held

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MOST_VALUES, DRAWS_EACH = 24, 20
"""Draws of values for an interval of order-m, and draws of cities for each of these: both together are a few times the work of an index."""


def cities_drawn(values: Floats, asked: Asked, limits: Limits) -> tuple[int, Mapping[int, float]]:
    """The number of cities to draw, and what was tried to choose it."""
    if asked.m is not None:
        return asked.m, {}
    n = len(values)
    rows = np.unique(np.linspace(0, n - 1, 300).astype(np.int64))

    def above(m: int) -> float:
        if asked.hull == "free_disposal":
            mean = order_m.free_disposal(values, m, rows=rows).mean
        else:
            numbers = order_m.uniforms(100, m, asked.seed)
            pools = (np.unique(drawn) for drawn in order_m.drawn_alike(numbers, n))
            mean = np.mean([1.0 / solve(values[rows], values[pool], limits).index for pool in pools], axis=0)
        return float((mean < 1 - 1e-9).mean())

    with np.errstate(divide="ignore"):
        return order_m.choose_m(n, above)


def distances_of(values: Floats, m: int, asked: Asked, limits: Limits, chances: Floats | None = None) -> Distances:
    """Distances of all cities to the best of m, drawn alike or by ``chances`` [N, N]."""
    if asked.hull == "free_disposal":
        return order_m.free_disposal(values, m, chances)
    numbers = order_m.uniforms(asked.draws, m, asked.seed)
    return order_m.convex(values, limits, numbers, chances, of_index=asked.average == "index")


def endless(distances: Distances, m: int, asked: Asked) -> dict[int, str]:
    """Cities whose index has no value: nobody drawn has anything where they have something."""
    lost = ~np.isfinite(distances.mean) & (distances.endless > 0) if asked.average == "index" else distances.mean == 0
    return {
        int(
            k
        ): f"In {100 * distances.endless[k]:.3g} % of the draws none of the {m} cities drawn has anything in some dimension in which it has "
        "something, so that its index is without bound. Draw more (m), or bound the shares from above."
        for k in np.flatnonzero(lost)
    }


def from_values(
    values: Floats, m: int, asked: Asked, limits: Limits, errors: Errors, chances: Floats | None = None
) -> Floats:
    """What errors of the values do to the logarithms of indices: their shift and their standard deviation [2, N]."""
    if not errors.draws:
        return np.zeros((2, len(values)))
    few = replace(asked, draws=min(asked.draws, DRAWS_EACH))

    def index_of(drawn: Floats) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            found = np.log(distances_of(drawn, m, few, limits, chances).mean)
        return np.where(np.isfinite(found), found, np.nan) * _sign(asked)

    drawn = indices(values, errors, index_of, seed=asked.seed, most=min(asked.draws, MOST_VALUES))
    known = np.isfinite(drawn).sum(axis=0)
    found = np.full((2, len(values)), np.nan)  # no interval where hardly any draw has an index
    rows = known >= FEWEST_ALIKE
    found[0, rows] = np.nanmedian(drawn[:, rows], axis=0) - index_of(values)[rows]
    found[1, rows] = np.nanstd(drawn[:, rows], axis=0, ddof=1)
    return found


def _sign(asked: Asked) -> float:
    """Whether what is averaged is an index (1) or a distance (-1)."""
    return 1.0 if asked.average == "index" and asked.hull == "convex" else -1.0


def _reach(level: float, freedom: Floats) -> Floats:
    """How many standard errors an interval reaches to each side [N]: Student's t."""
    from scipy.special import stdtrit

    return np.asarray(stdtrit(freedom, (1 + level) / 2))


def held_against_draws(
    values: Floats, found: Distances, asked: Asked, m: int, tried: Mapping[int, float], unsure: Floats
) -> Held:
    """Indices and intervals of distances, on the logarithmic scale; an index of 0 is certain."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        index = found.mean ** _sign(asked)
        sampled = found.std_error / found.mean
        total = sampled**2 + unsure[1] ** 2
        free = np.where(sampled > 0, found.freedom * (total / sampled**2) ** 2, np.inf)  # Satterthwaite, as in freedom
        spread = np.where(index > 0, _reach(asked.level, np.minimum(free, 1e6)) * np.sqrt(total), 0.0)
        corrected = np.where(index > 0, index * np.exp(unsure[0]), index)
        low, high = (np.where(index > 0, corrected * np.exp(s * spread), 0.0) for s in (-1, 1))
        noise = np.where(index > 0, index * found.noise / found.mean, 0.0)
    width = min(len(values), MOST_REFERENCES)
    members = np.argsort(-np.round(np.nan_to_num(found.parts), 12), axis=1, kind="stable")[:, :width]
    parts = np.nan_to_num(np.take_along_axis(found.parts, members, axis=1))
    return Held(
        index, low, high, noise, found.weights, found.shares, members, parts,
        corrected=corrected if unsure.any() else None, m=m, tried=tried, notes=words.of_order_m_intervals(asked, bool(unsure.any())),
    )  # fmt: skip


def ratios(within: Distances, everywhere: Distances, asked: Asked) -> Floats:
    """Conditional over unconditional index, and its interval [3, N].

    Both errors are added as if they came from other cities; they share cities, so that the interval is rather too wide.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.where(everywhere.mean > 0, within.mean / everywhere.mean, np.nan) ** _sign(asked)
        ratio = np.where(np.isfinite(ratio) & (ratio > 0), ratio, np.nan)
        spread = np.hypot(within.std_error / within.mean, everywhere.std_error / everywhere.mean)
        reach = _reach(asked.level, np.minimum(within.freedom, everywhere.freedom)) * spread
    return np.stack([ratio, ratio * np.exp(-reach), ratio * np.exp(reach)])
