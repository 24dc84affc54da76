"""The conditional and hybrid tests of Andrews, Roth and Pakes (2023), and the confidence sets they give.

A value theta of the effect of interest is tested: is there a violation of parallel trends within
a polyhedron that explains the coefficients? The statistic is the largest of a few normal
variables (one for each vertex of a dual programme); it is compared with its distribution given
which of them is the largest. In the hybrids a first test of size kappa rejects what is far away,
so that the set does not become long where it is a close call which of them is the largest.

The set of values that are not rejected need not be an interval. Its ends are searched from
outside, then bisected, and the hull is what is reported.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.honest.event_study import EventStudy
from scale_impact.core.honest.fixed_length import FixedLength
from scale_impact.core.honest.restrictions import Polyhedron
from scale_impact.core.honest.vertices import extreme_rays, nuisance
from scale_impact.core.r_normals import standard_normals
from scale_impact.core.truncated_normal import share_above

Floats = NDArray[np.float64]
Interval = tuple[float, float]

DRAWS = 1000
"""As many as HonestDiD makes for the first test's critical value, and the same ones."""

FAR = 40.0
"""Without a first test, statistics beyond so many standard deviations are rejected unseen."""

NOTHING = 1e-12
"""A vertex with a smaller variance than this (of 1) does not vary; two with closer loadings are one."""

PLACES, NARROW = 64, 1e-11
"""Values of theta that are tried at once; the width, of the first bracket's, at which the search ends."""


@dataclass(frozen=True, eq=False)
class Test:
    """The test of theta on one polyhedron, in terms of the dual's V vertices.

    Attributes
    ----------
    level, slope:
        Vertex v has the value ``level[v] - slope[v] * theta``, [V].
    covariance:
        Of the values, [V, V].
    size:
        Of the conditional test.
    ceiling:
        Larger statistics are rejected by the first test.
    cap:
        Upper end of the statistic's range given that the first test did not reject.
    first:
        A fixed-length interval as the first test, with its estimate's covariance with the values.
    """

    level: Floats
    slope: Floats
    covariance: Floats
    size: float
    ceiling: float = FAR
    cap: float = np.inf
    first: tuple[FixedLength, Floats] | None = None


def confidence_set(test: Test) -> Interval | None:
    """Hull of the values of the effect that are not rejected; None where all are.

    Source: Andrews, Roth and Pakes (2023), inverted as in Rambachan and Roth (2023).
    """
    ends = _outer(test)
    if ends is None:
        return None
    places = _places(test, *ends)
    inside = np.flatnonzero(accepts(test, places))
    if not len(inside):
        return None
    return _end(test, places, int(inside[0]), -1), _end(test, places, int(inside[-1]), 1)


# ---- tests -------------------------------------------------------------------------------------


def conditional(study: EventStudy, area: Polyhedron, alpha: float) -> Test:
    """The conditional test without a first test."""
    return _vertices(study, area, alpha)[0]


def with_least_favourable(study: EventStudy, area: Polyhedron, alpha: float, kappa: float, draws: int = DRAWS) -> Test:
    """The hybrid whose first test of size ``kappa`` has the least favourable critical value.

    As HonestDiD, the conditional test does not use that the first one did not reject where there
    is one period after the reference period; the set is a little longer then.

    Source: Andrews, Roth and Pakes (2023), hybrid test.
    """
    test, dual = _vertices(study, area, (alpha - kappa) / (1 - kappa))
    ceiling = least_favourable_value(area.rows @ study.covariance @ area.rows.T, dual, kappa, draws)
    cap = np.inf if study.n_after == 1 else ceiling
    return Test(test.level, test.slope, test.covariance, test.size, ceiling, cap)


def with_fixed_length(study: EventStudy, area: Polyhedron, alpha: float, kappa: float, first: FixedLength) -> Test:
    """The hybrid whose first test is a fixed-length interval of level 1 - ``kappa``.

    Source: Rambachan and Roth (2023), supplement (conditional FLCI hybrid).
    """
    test, dual = _vertices(study, area, (alpha - kappa) / (1 - kappa))
    shared = dual @ area.rows @ study.covariance @ first.weights
    return Test(test.level, test.slope, test.covariance, test.size, first=(first, shared))


def _vertices(study: EventStudy, area: Polyhedron, size: float) -> tuple[Test, Floats]:
    """The conditional test and the dual's vertices, [V, R], with ``sd @ vertex = 1``."""
    after = area.rows[:, study.n_before :]
    spread = area.rows @ study.covariance @ area.rows.T
    rays = extreme_rays(after @ nuisance(study.weights))
    dual = rays / (rays @ np.sqrt(np.diag(spread)))[:, None]
    moved = after @ study.weights / (study.weights @ study.weights)  # what one more unit of theta moves
    level = dual @ (area.rows @ study.coefficients - area.limits)
    return Test(level, dual @ moved, dual @ spread @ dual.T, size), dual


def least_favourable_value(spread: Floats, dual: Floats, kappa: float, draws: int = DRAWS) -> float:
    """The statistic's 1 - kappa quantile where all inequalities bind, by simulation.

    The draws are those of HonestDiD in R with its default seed, so that its ends of intervals are
    had to the step of its grid. Another 1,000 draws move an end by 0.02 to 0.04 standard errors.

    Source: Andrews, Roth and Pakes (2023), least favourable critical values.
    """
    root = _root(spread.tobytes(), len(spread))
    drawn = standard_normals(draws * len(spread)).reshape(draws, len(spread))
    return float(np.quantile((drawn @ (root @ dual.T)).max(axis=1), 1 - kappa))


@lru_cache(maxsize=512)
def _root(raw: bytes, size: int) -> Floats:
    """The symmetric square root of a covariance matrix; other effects of interest have the same one."""
    values, vectors = np.linalg.eigh(np.frombuffer(raw).reshape(size, size))
    return np.asarray((vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T)


def accepts(test: Test, theta: Floats) -> NDArray[np.bool_]:
    """Which of the values [N] are not rejected.

    Given that vertex v is the largest, its value lies between ``low`` and ``high``, which follow
    from what of the other values is not correlated with it.
    """
    values = test.level[:, None] - test.slope[:, None] * theta
    top = values.argmax(axis=0)
    largest = values[top, np.arange(len(theta))]
    variance = test.covariance[top, top]
    varies = variance > NOTHING
    safe = np.where(varies, variance, 1.0)
    loadings = test.covariance[:, top] / safe
    low, high = _range(values - loadings * largest, loadings)
    high = np.minimum(high, test.cap)
    if test.first is not None:
        first, shared = test.first
        low, high = _given_first(first, shared[top] / safe, theta, largest, low, high)
    sd = np.sqrt(safe)
    above = share_above(largest / sd, np.minimum(low, largest) / sd, np.maximum(high, largest) / sd)
    rejected = (largest > 0) & (~varies | (above < test.size))
    return np.asarray(~rejected & (largest <= test.ceiling))


def _range(others: Floats, loadings: Floats) -> tuple[Floats, Floats]:
    """Between which values the largest one stays the largest, given the others' own parts [V, N].

    Source: Andrews, Roth and Pakes (2023), the ends V^lo and V^up.
    """
    rest = 1 - loadings
    same = np.abs(rest) <= NOTHING
    edge = others / np.where(same, 1.0, rest)
    low = np.where((rest > 0) & ~same, edge, -np.inf).max(axis=0)
    high = np.where((rest < 0) & ~same, edge, np.inf).min(axis=0)
    return low, high


def _given_first(
    first: FixedLength, loading: Floats, theta: Floats, largest: Floats, low: Floats, high: Floats
) -> tuple[Floats, Floats]:
    """The range within which the fixed-length interval holds theta as well."""
    own = first.centre - theta - loading * largest
    flat = np.abs(loading) <= NOTHING
    slope = np.where(flat, 1.0, loading)
    ends = np.sort([(-first.half - own) / slope, (first.half - own) / slope], axis=0)
    lower, upper = np.where(flat, -np.inf, ends[0]), np.where(flat, np.inf, ends[1])
    return np.maximum(low, lower), np.minimum(high, upper)


# ---- ends --------------------------------------------------------------------------------------


def _outer(test: Test) -> Interval | None:
    """An interval outside of which the first test rejects."""
    low, high = _below(test, test.ceiling)
    if test.first is not None:
        first = test.first[0]
        low, high = max(low, first.centre - first.half), min(high, first.centre + first.half)
    return (low, high) if low <= high else None


def _below(test: Test, ceiling: float) -> Interval:
    """Where all values are at most ``ceiling``; the ends are crossed where this is nowhere."""
    room = test.level - ceiling
    flat = np.abs(test.slope) <= NOTHING * np.abs(test.slope).max()
    if (room[flat] > 0).any():
        return np.inf, -np.inf
    slope = np.where(flat, 1.0, test.slope)
    low = np.where(~flat & (test.slope > 0), room / slope, -np.inf).max()
    high = np.where(~flat & (test.slope < 0), room / slope, np.inf).min()
    return float(low), float(high)


def _places(test: Test, low: float, high: float) -> Floats:
    """Values to try first: evenly spaced, where the largest vertex changes, where none is above 0."""
    even = np.linspace(low, high, PLACES)
    top = (test.level[:, None] - test.slope[:, None] * even).argmax(axis=0)
    a, b = top[:-1], top[1:]
    changed = np.flatnonzero(test.slope[a] != test.slope[b])
    a, b = a[changed], b[changed]
    crossings = (test.level[a] - test.level[b]) / (test.slope[a] - test.slope[b])
    least, most = _below(test, 0.0)
    none = [least, (least + most) / 2, most] if least <= most else []
    tried = np.concatenate([even, crossings, none])
    return np.unique(tried[(tried >= low) & (tried <= high)])


def _end(test: Test, places: Floats, inside: int, side: int) -> float:
    """The end of the set between the outermost accepted place and its rejected neighbour."""
    found, outside = float(places[inside]), inside + side
    if not 0 <= outside < len(places):
        return found
    beyond = float(places[outside])
    width = NARROW * (places[-1] - places[0])
    while abs(found - beyond) > width:
        tried = np.linspace(beyond, found, PLACES + 1)
        yes = accepts(test, tried)
        yes[-1] = True
        k = max(int(np.argmax(yes)), 1)
        beyond, found = float(tried[k - 1]), float(tried[k])
    return found
