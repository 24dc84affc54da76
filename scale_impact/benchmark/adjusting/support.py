"""Cities whose context is unlike that of all others: what is expected of them is a guess beyond the data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from scale_impact.benchmark.adjusting.design import Design
from scale_impact.benchmark.cities import Context, Floats
from scale_impact.core.words import number

RARE = 0.001
"""So few cities of a normal context lie as far from the others as those that are flagged."""

NEIGHBOURS = 3
FENCE = 3.0
"""Interquartile ranges beyond the upper quartile: Tukey's far out."""

CLOSE = 1.0
"""Within a standard deviation no city is alone: at the ends of a normal variable gaps are wider than elsewhere, and small."""


def outside_support(design: Design, context: Context) -> dict[int, str]:
    """Positions of cities outside of the support of the others, each with the reason.

    A city is outside where it is the only one of its group; where its distance from the mean of the others (Mahalanobis, without
    itself) is one that 1 in 1,000 cities of a normal context would have; or where its third nearest city is farther
    than Tukey's outer fence of these distances, and a standard deviation: no error of a model has been seen out there.

    Source: Hotelling (1931) for the distance from a sample without the city; Tukey (1977), chapter 2.
    """
    found = dict(_alone(context))
    z = design.numbers
    if not z.shape[1] or len(z) < NEIGHBOURS + 2:
        return found
    names = [v for v in design.variables if v in context.numbers]
    away = (z - z.mean(axis=0)) / z.std(axis=0)
    inverse = np.linalg.pinv(np.cov(away, rowvar=False, ddof=1).reshape(z.shape[1], -1), rcond=1e-10, hermitian=True)
    far = _far(away, inverse) | _lonely(away, inverse)
    for i in np.flatnonzero(far):
        found.setdefault(int(i), _words(int(i), names, context, away, inverse))
    return found


def _alone(context: Context) -> list[tuple[int, str]]:
    found = []
    for name in context.groups:
        values = context.frame[name].to_list()
        times = Counter(values)
        found += [(i, f"{context.meanings[name]}: no other city is {v}") for i, v in enumerate(values) if times[v] == 1]
    return found


def _far(away: Floats, inverse: Floats) -> np.ndarray:
    """Whether a city's distance from the others is larger than chance makes it."""
    from scipy.stats import f

    n, rank = len(away), int(np.linalg.matrix_rank(inverse))
    if n - 1 - rank < 1:
        return np.zeros(n, dtype=bool)
    share = np.einsum("ip,pq,iq->i", away, inverse, away) / (n - 1)
    rest = np.maximum(1 - n / (n - 1) * share, 1e-12)
    squared = (n - 2) * (n / (n - 1)) ** 2 * share / rest
    return np.asarray(squared * (n - 1) * (n - 1 - rank) / (n * (n - 2) * rank) > f.isf(RARE, rank, n - 1 - rank))


def _lonely(away: Floats, inverse: Floats) -> np.ndarray:
    """Whether a city's nearest ones are farther than those of others."""
    from scipy.spatial import cKDTree

    values, vectors = np.linalg.eigh(inverse)
    white = away @ (vectors * np.sqrt(np.maximum(values, 0)))
    gap = cKDTree(white).query(white, k=NEIGHBOURS + 1)[0][:, -1]
    low, high = np.quantile(gap, [0.25, 0.75])
    return np.asarray(gap > max(high + FENCE * (high - low), CLOSE))


def _words(i: int, names: Sequence[str], context: Context, away: Floats, inverse: Floats) -> str:
    """Which variables make a city unlike others."""
    share = away[i] * (inverse @ away[i])
    order = np.argsort(-share)
    first, called = names[int(order[0])], context.meanings
    values = context.frame[first].to_numpy(float)
    others = np.delete(values, i)
    if not others.min() <= values[i] <= others.max():
        return f"{called[first]}: {_digits(values[i])}, where the others lie between {_digits(others.min())} and {_digits(others.max())}"
    second = names[int(order[1])] if len(names) > 1 else None
    if second is None or share[order[1]] < share.sum() / 10:
        return f"{called[first]}: {_digits(values[i])} is far from what others have (their median is {_digits(np.median(others))})"
    seen = [
        f"{called[c]} {_digits(context.frame[c].iloc[i])} ({_side(float(away[i, names.index(c)]))})"
        for c in (first, second)
    ]
    return f"{seen[0]} together with {seen[1]} is far from what others have"


def _digits(value: float) -> str:
    """Three digits."""
    return number(float(f"{float(value):.3g}")).replace("-", "\N{MINUS SIGN}")


def _side(z: float) -> str:
    """Where a value lies among the others, by its distance from their mean in standard deviations."""
    size = "far " if abs(z) >= 2 else "" if abs(z) >= 0.5 else None
    return "near the average" if size is None else f"{size}{'above' if z > 0 else 'below'} the average"
