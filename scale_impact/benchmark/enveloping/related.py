"""Whether a context tells anything about what cities reach, beyond chance: a permutation test.

Bandwidths fit chance too: cities with a like context differ from others even where context is drawn by lot. Here the widths are
fixed beforehand by a rule, and the error with which cities alike foretell a city left out is compared with that for contexts
dealt out anew, so that the test holds its level whatever the cities.

Source: the error of Li, Lin and Racine (2013), eq. 5, summed over each context variable alone and all together; permutation as in
Lehmann and Romano (2005), section 15.2.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scale_impact.benchmark.enveloping.bandwidths import MOST_CITIES, MOST_POINTS, Surroundings, likeness

Floats = NDArray[np.float64]

PERMUTATIONS = 499
"""Contexts dealt out anew."""

STREAM = 4
"""Which of the random streams of a seed this is."""


def chance(values: Floats, around: Surroundings, *, seed: int) -> float:
    """The p-value of contexts that tell nothing about which values cities reach; ``values`` [N, D] in an order of their own."""
    n = len(values)
    if n < 3:
        return 1.0
    rng = np.random.default_rng([seed, STREAM])
    rows = np.sort(rng.choice(n, MOST_CITIES, replace=False)) if n > MOST_CITIES else np.arange(n)
    points = np.sort(rng.choice(rows, min(MOST_POINTS, len(rows)), replace=False))
    reached = (values[rows, None, :] >= values[None, points, :]).all(axis=2).astype(float)
    reached -= reached.mean(axis=0)
    together = reached @ reached.T  # an error of any dealing is a sum over its entries
    errors = _errors(around.take(rows))
    seen = float((errors * together).sum())
    dealt = (rng.permutation(len(rows)) for _ in range(PERMUTATIONS))
    fewer = sum(float((errors * together[np.ix_(p, p)]).sum()) <= seen + 1e-9 * abs(seen) for p in dealt)
    return (1 + fewer) / (1 + PERMUTATIONS)


def _errors(around: Surroundings) -> Floats:
    """The quadratic form [N, N] of the summed squared errors, over each variable alone and all together."""
    n, numbers = around.numbers.shape
    widths = around.widest
    rule = np.concatenate([2.3 * around.numbers.std(axis=0) * n ** (-1 / 5), 0.25 * widths[numbers:]])
    found = np.zeros((n, n))
    for k in range(len(widths) + (len(widths) > 1)):
        chosen = rule if k == len(widths) else np.where(np.arange(len(widths)) == k, rule, widths)
        alike = likeness(around, around, chosen)
        np.fill_diagonal(alike, 0.0)
        total = alike.sum(axis=1, keepdims=True)
        left = np.eye(n) - np.divide(alike, total, out=np.full((n, n), 1 / n), where=total > 1e-12)
        found += left.T @ left
    return found
