"""Intervals of benefit of the doubt: how far the frontier would have moved, had fewer cities been seen.

Against fewer cities an index is larger. How much, in subsamples of several sizes of the same cities, says how far the best
that is possible may lie beyond the best that is seen. The ordinary bootstrap is wrong at a frontier; subsampling is not.

Source: Kneip, Simar and Wilson (2008), "Asymptotics and consistent bootstraps for DEA estimators in nonparametric frontier
models", Econometric Theory 24, section 4; Simar and Wilson (2011), Journal of Productivity Analysis 36. The rate with one input
that is 1 everywhere is n^(-2 / (D + 1)).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from scale_impact.benchmark.enveloping.programmes import Limits, solve

Floats = NDArray[np.float64]

MOST_DIMENSIONS = 10
"""Dimensions above which the rate is so slow that an interval says nothing."""


def subsample_size(cities: int, dimensions: int) -> int:
    """Cities of a subsample: their number to the power 0.4, and more than there are dimensions; larger ones held less often in simulation."""
    return min(max(round(math.pow(cities, 0.4)), dimensions + 1), cities - 1)


def lower_ends(values: Floats, limits: Limits, index: Floats, *, draws: int, level: float, seed: int) -> Floats:
    """Lower end of each city's index [N]; NaN where the index is 0. The upper end is the index itself: no unseen city can raise it.

    ``values`` [N, D] come in an order that does not depend on the user's; ``index`` is against all cities.
    """
    n, dim = values.shape
    size, rate = subsample_size(n, dim), 2 / (dim + 1)
    rng = np.random.default_rng(seed)
    held = index > 0
    distance = 1.0 / index[held]
    moved = np.empty((draws, int(held.sum())))
    for b in range(draws):
        pool = np.unique(values[rng.choice(n, size, replace=False)], axis=0)
        # an endless index (nobody drawn has anything there) is the distance 0
        moved[b] = size**rate * (1.0 / solve(values[held], pool, limits).index - distance)
    low = np.full(n, np.nan)
    low[held] = 1.0 / (distance - n**-rate * np.minimum(np.quantile(moved, (1 - level) / 2, axis=0), 0.0))
    return low
