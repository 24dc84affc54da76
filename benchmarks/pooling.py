"""How long pooling takes, against its limit.

    python -m benchmarks.pooling

A thousand cities pooled with the prediction for a new one (limit: 0.1 s, building the value included); the same with errors that all
cities share through two control groups, and with twenty studies of fifty cities; a regression of a thousand cities on five columns; and
sixty effects of twelve clusters by the multilevel model with all its intervals. Seconds of the processor on one thread, best of five (OPENBLAS_NUM_THREADS=1).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np
import pandas as pd

from scale_impact.core.city_effects import CityEffects
from scale_impact.synthesis.meta_regression import regress
from scale_impact.synthesis.multilevel import pool_clustered
from scale_impact.synthesis.pooling import pool

LIMIT, K, SEED = 0.1, 1000, 20251122


def main() -> bool:
    """Print the times; whether the limit is kept."""
    rng = np.random.default_rng(SEED)
    y, errors = rng.normal(1, 1, K), rng.uniform(0.1, 1, K)
    names = tuple(map(str, range(K)))
    alone = CityEffects.of(y, errors)
    loads = rng.uniform(0, 0.3, (K, 2))
    related = CityEffects(names, y, np.diag(errors**2) + loads @ loads.T)
    studies = np.repeat(np.arange(20), 50)
    grouped = CityEffects(names, y, np.diag(errors**2) + 0.1 * (studies[:, None] == studies))
    context = pd.DataFrame(rng.normal(size=(K, 5)), columns=list("abcde"))
    explained = CityEffects(names, y, np.diag(errors**2), context=context)
    few = alone.take(np.arange(60))
    clustered = CityEffects(few.labels, few.effects, few.covariance, clusters=tuple(str(i // 5) for i in range(60)))
    tried: dict[str, Callable[[], object]] = {
        "1,000 cities, value built and pooled": lambda: pool(CityEffects.of(y, errors)),
        "1,000 cities, pooled": lambda: pool(alone),
        "1,000 cities, errors all related": lambda: pool(related),
        "1,000 cities, errors related in 20 studies": lambda: pool(grouped),
        "1,000 cities on five columns": lambda: regress(explained, list("abcde")),
        "60 effects of 12 clusters, multilevel": lambda: pool_clustered(clustered),
    }
    seconds = {name: _best(call) for name, call in tried.items()}
    for name, taken in seconds.items():
        print(f"{name:45s} {taken:8.4f} s")
    return next(iter(seconds.values())) <= LIMIT


def _best(call: Callable[[], object]) -> float:
    taken = []
    for _ in range(5):
        started = time.process_time()
        call()
        taken.append(time.process_time() - started)
    return min(taken)


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
