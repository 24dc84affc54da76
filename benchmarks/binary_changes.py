"""Changes of cities that pass or fail, where nothing changed; printed by ``convergence_coverage``.

Each indicator of a city is passed with its own probability, the same in both years, so that its value stands at one of the
goalposts. Its standard error is the one of the column, as the change between two years shows it.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from scale_impact.benchmark.change import compare
from scale_impact.benchmark.cities import Cities, Context, Criterion
from scale_impact.benchmark.scores import Scores, score

WORLDS = ((100, 4, 0.0, 1.0, False), (100, 4, 0.3, 0.7, False), (300, 6, 0.1, 0.9, False), (100, 8, 0.0, 1.0, True))
"""Cities, indicators, least and largest probability, whether a city has one probability in all indicators."""


def table(samples: int, seed: int) -> None:
    """Print a row a world: cities with p < 0.05; samples in which Holm's correction finds one; and in which the corrected slope holds 0, of those with one."""
    print(
        "\nnothing changed\ncities indicators  probabilities   | p < 0.05  Holm finds one | corrected slope holds 0  none given"
    )
    for n, k, low, high, one in WORLDS:
        chances = np.broadcast_to(np.random.default_rng(n + k).uniform(low, high, (n, 1 if one else k)), (n, k))
        rows = np.array([_sample(chances, [seed, s]) for s in range(samples)])
        alone, family, silent = 100 * rows[:, [0, 1, 3]].mean(axis=0)
        answered = rows[rows[:, 3] == 0, 2]
        held = 100 * answered.mean() if len(answered) else np.nan
        print(
            f"{n:6d} {k:10d}    {low:.1f} to {high:.1f}{', one' if one else '     '} | {alone:8.1f} {family:15.1f} | {held:23.1f} {silent:11.1f}",
            flush=True,
        )


def _sample(chances: np.ndarray, seed: list[int]) -> list[float]:
    rng = np.random.default_rng(seed)
    then, now = (100.0 * (rng.random(chances.shape) < chances) for _ in range(2))
    errors = np.broadcast_to((now - then).std(axis=0, ddof=1) / np.sqrt(2), chances.shape)
    found = compare({"2019": _scored(then, errors, 1), "2021": _scored(now, errors, 2)})
    corrected = found.convergence.corrected
    held = np.nan if corrected.why_not else float(corrected.low <= 0 <= corrected.high)
    return [
        float((found.p_values < 0.05).mean()),
        float((found.p_all < 0.05).any()),
        held,
        float(bool(corrected.why_not)),
    ]


def _scored(values: np.ndarray, errors: np.ndarray, seed: int) -> Scores:
    labels = tuple(f"city {k:03d}" for k in range(len(values)))
    made = tuple(Criterion(f"x{k}", f"x{k}", "", f"d{k}", "+", worst=0.0, best=100.0) for k in range(values.shape[1]))
    return score(
        Cities(labels, made, values, Context(labels, (), pd.DataFrame(index=range(len(values)))), errors), seed=seed
    )
