"""Tests of all pairs of cities: who is better than whom, with the share of rankings that are wrong anywhere held down.

Source: Mogstad, Romano, Shaikh and Wilhelm (2024), Inference for Ranks, Review of Economic Studies 91, sections 3 and 4; the
stepdown is that of Romano and Wolf (2005), Econometrica 73.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from scale_impact.benchmark.ranking.noise import Noise

Floats = NDArray[np.float64]
Booleans = NDArray[np.bool_]
Counts = NDArray[np.int64]
Rows = NDArray[np.intp]

Side = Literal["two-sided", "lower", "upper"]
Method = Literal["stepdown", "single step", "bonferroni"]

CHUNK = 128
"""So many draws are looked at together: their differences from one city stay in the processor's cache."""


def statistics(values: Floats, noise: Noise) -> Floats:
    """Differences of each pair [N, N] in standard errors, row less column; infinite where they are known and not 0."""
    difference = values[:, None] - values
    known = noise.inverse == 0
    exact = np.where(difference == 0, 0.0, np.copysign(np.inf, difference))
    return np.where(known, exact, difference * noise.inverse)


def all_pairs(
    values: Floats, noise: Noise, level: float, method: Method, side: Side
) -> tuple[Counts, Counts, Booleans]:
    """For each city how many are better and how many worse (each city by itself), and who is better than whom (all together).

    Returns
    -------
    Better [N] and worse [N]: counts of others that the marginal tests of a city tell from it. Beats [N, N]: row is better
    than column by the simultaneous tests.
    """
    t = statistics(values, noise)
    if noise.absent:
        return (t < 0).sum(axis=1), (t > 0).sum(axis=1), t > 0
    if method == "bonferroni":
        return _bonferroni(t, noise, level, side)
    n, place = len(values), noise.place(level)
    critical, most = np.empty(n), np.zeros(len(noise.draws))
    for j in range(n):
        above, below = _extremes(noise, j)
        np.maximum(most, above, out=most)
        own = {"two-sided": np.maximum(above, below), "lower": below, "upper": above}[side]
        critical[j] = _marginal(t[j], noise, j, own, place, method, side)
    together = _simultaneous(t, noise, most, place, method)
    return (t < -critical[:, None]).sum(axis=1), (t > critical[:, None]).sum(axis=1), t > together


def _bonferroni(t: Floats, noise: Noise, level: float, side: Side) -> tuple[Counts, Counts, Booleans]:
    """Each test at the error divided by the number of tests; draws give t quantiles."""
    from scipy import special

    n = len(t)
    tests = (2 if side == "two-sided" else 1) * (n - 1), n * (n - 1)
    tails = [1 - (1 - level) / m for m in tests]
    if noise.count is None:
        alone, together = (float(special.ndtri(p)) for p in tails)
    else:
        alone, together = (float(special.stdtrit(noise.count - 1, p)) for p in tails)
    return (t < -alone).sum(axis=1), (t > alone).sum(axis=1), t > together


def _marginal(t: Floats, noise: Noise, j: int, most: Floats, place: int, method: Method, side: Side) -> float:
    """The critical value of all tests of one city against the others [N]; ``most`` [R] is the largest of all of them."""
    signs = {"two-sided": (1, -1), "lower": (-1,), "upper": (1,)}[side]

    def told(critical: float) -> int:
        return sum(int((sign * t > critical).sum()) for sign in signs)

    def left(critical: float, rows: Rows) -> Floats:
        errors = noise.draws[rows, j, None] - noise.draws[rows]
        highest = [_highest(errors, sign * noise.inverse[j], sign * t <= critical) for sign in signs]
        return np.maximum(highest[0], highest[-1])

    return _stepwise(noise, most, place, told, left, method)


def _simultaneous(t: Floats, noise: Noise, most: Floats, place: int, method: Method) -> float:
    """The critical value of the tests of all ordered pairs together."""

    def told(critical: float) -> int:
        return int((t > critical).sum())

    def left(critical: float, rows: Rows) -> Floats:
        draws, found = noise.draws[rows], np.zeros(len(rows))
        for j in range(len(t)):
            np.maximum(found, _highest(draws[:, j, None] - draws, noise.inverse[j], t[j] <= critical), out=found)
        return found

    return _stepwise(noise, most, place, told, left, method)


def _stepwise(
    noise: Noise,
    most: Floats,
    place: int,
    told: Callable[[float], int],
    left: Callable[[float, Rows], Floats],
    method: Method,
) -> float:
    """Step by step: what is told goes, and the rest is judged by the critical value of the rest, until nothing more is told.

    ``told(critical)`` counts tests above a critical value; ``left(critical, rows)`` gives, for some draws, the largest statistic
    of the tests that are not.
    """
    critical = noise.widened(_largest(most, place))
    while method == "stepdown" and told(critical) > 0:
        # left over after the last step are fewer tests, so the last step's maxima bound the new ones from above
        lower = min(critical, noise.widened(_largest_bounded(most, place, lambda rows, c=critical: left(c, rows))))  # type: ignore[misc]
        if told(lower) == told(critical):
            return lower
        critical = lower
    return critical


def _largest(values: Floats, place: int) -> float:
    """The value at a place counted from the largest, never below zero: nobody is better who looks worse."""
    return max(0.0, float(np.partition(values, len(values) - place)[len(values) - place]))


def _largest_bounded(bounds: Floats, place: int, evaluate: Callable[[Rows], Floats]) -> float:
    """The same of values that are computed only as far as their upper bounds leave open which is at the place.

    The bounds are lowered to the values that were computed.
    """
    order = np.argsort(-bounds, kind="stable")
    limit, size, start = bounds[order], max(2 * place, 32), 0
    while start < len(order):
        rows = order[start : start + size]
        bounds[rows] = evaluate(rows)
        start += len(rows)
        seen = bounds[order[:start]]
        if start >= len(order) or (start >= place and _largest(seen, place) >= limit[start]):
            return _largest(seen, place)
    return _largest(bounds, place)


def _extremes(noise: Noise, j: int) -> tuple[Floats, Floats]:
    """For each draw the most by which city j errs above another, and below another [R], in standard errors."""
    above, below = np.empty(len(noise.draws)), np.empty(len(noise.draws))
    for start in range(0, len(above), CHUNK):
        part = slice(start, start + CHUNK)
        errors = noise.draws[part, j, None] - noise.draws[part]
        errors *= noise.inverse[j]
        above[part], below[part] = errors.max(axis=1), -errors.min(axis=1)
    return above, below


def _highest(errors: Floats, scale: Floats, kept: Booleans) -> Floats:
    """The most by which a city errs [R, N] above one of those kept, in standard errors; 0 at least."""
    # a weight of zero leaves a zero in place of what is not kept, which is above no critical value
    highest: Floats = (errors * (scale * kept)).max(axis=1)
    return highest
