"""How often rank bands hold the true ranks, and how often ranks counted in bootstrap draws do.

    python -m benchmarks.rank_coverage [samples]

Each world: N cities with true values, estimates with normal errors of known size (standard error 1 on average), 1,000 draws of
the values around their estimates. *Near ties*: true values 0.05 standard errors apart, *close*: 0.5, *spread*: 3. *Unequal
errors*: standard errors from 0.3 to 3. *Shared errors*: errors have the correlation 0.8, bands are made from the draws. *By 50
draws*: there are no more, and bands are made from them. Otherwise bands are made from the standard errors. A city's true rank is
1 + the number of cities with a higher true value; bands have to hold it, and for ``all places`` every place at which a city tied
with others can stand. The percentile intervals rank the cities in each draw and take the 2.5th and 97.5th percentile of each
city's ranks. Columns are % of cities (marginal; ``worst city``: of the city held least often) and of samples in which all cities'
ranks are held; mean width is in ranks. Then the whole chain from values to bands (see ``rank_chain``), a tenth of the samples.
Last, the time for 1,000 cities with 1,000 draws.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

import numpy as np

from benchmarks import rank_chain
from scale_impact.benchmark.rank_bands import RankBands, bands

SAMPLES, DRAWS, SEED, LEVEL = 1000, 1000, 20251122, 0.95
LIMIT = 30.0
"""Seconds for bands of 1,000 cities with 1,000 draws."""


@dataclass(frozen=True)
class World:
    """N cities, the distance of neighbours' true values in standard errors, and how values err."""

    name: str
    n: int
    step: float
    spread: bool = False
    shared: float = 0.0
    draws: int = DRAWS
    by_draws: bool = False

    def std_errors(self, rng: np.random.Generator) -> np.ndarray:
        """Standard errors [N], the same in each sample but for their order among cities."""
        return rng.permutation(np.geomspace(0.3, 3.0, self.n)) if self.spread else np.ones(self.n)

    def errors(self, rng: np.random.Generator, rows: int, std_errors: np.ndarray) -> np.ndarray:
        """Errors [rows, N]."""
        own = rng.standard_normal((rows, self.n))
        common = rng.standard_normal((rows, 1))
        return (np.sqrt(self.shared) * common + np.sqrt(1 - self.shared) * own) * std_errors


KINDS = {
    "all the same": {"step": 0.0},
    "all the same, unequal errors": {"step": 0.0, "spread": True},
    "all the same, shared errors": {"step": 0.0, "shared": 0.8, "by_draws": True},
    "all the same, by 50 draws": {"step": 0.0, "by_draws": True, "draws": 50},
    "near ties": {"step": 0.05},
    "close": {"step": 0.5},
    "close, unequal errors": {"step": 0.5, "spread": True},
    "spread": {"step": 3.0},
}
WORLDS = [World(name, n, **options) for n in (5, 20, 100) for name, options in KINDS.items()]  # type: ignore[arg-type]
HEADS = (
    "cities", "world", "marginal", "worst city", "all places", "simultaneous", "width", "width, all", "percentile", "its worst city",
    "it holds all", "its width",
)  # fmt: skip


def main(samples: int = SAMPLES) -> bool:
    """Print the table; whether the time is within its limit."""
    error = 100 * np.sqrt(LEVEL * (1 - LEVEL) / samples)
    print(f"{samples:,} samples a row, a fifth of them with 100 cities (±{error:.1f} at 95 %, ±{error * 5**0.5:.1f})\n")
    print(f"| {' | '.join(HEADS)} |\n|{'---|' * len(HEADS)}")
    for world in WORLDS:
        rows = [_sample(world, [SEED, k]) for k in range(samples if world.n < 100 else max(samples // 5, 1))]
        print(f"| {world.n} | {world.name} | {' | '.join(_summary(rows))} |", flush=True)
    rank_chain.table(max(samples // 10, 2), SEED)
    return _timed()


def _sample(world: World, seed: list[int]) -> dict[str, np.ndarray]:
    """Which cities' ranks are held, and how wide the bands are."""
    rng = np.random.default_rng(seed)
    std_errors, truth = world.std_errors(rng), -world.step * np.arange(world.n)
    values = truth + world.errors(rng, 1, std_errors)[0]
    draws = values + world.errors(rng, world.draws, std_errors)
    names = [f"city {k}" for k in range(world.n)]
    how = {"draws": draws} if world.by_draws else {"std_errors": std_errors}
    found = bands(names, values, **how, level=LEVEL, seed=seed[1])
    best = 1 + (truth[:, None] < truth).sum(axis=1)
    last = world.n - (truth[:, None] > truth).sum(axis=1)
    return {**_held(found, best, last), **_percentiles(draws, best)}


def _held(found: RankBands, best: np.ndarray, last: np.ndarray) -> dict[str, np.ndarray]:
    return {
        "marginal": (found.low <= best) & (best <= found.high),
        "places": (found.low <= best) & (last <= found.high),
        "all": (found.low_all <= best) & (last <= found.high_all),
        "width": found.high - found.low,
        "width_all": found.high_all - found.low_all,
    }


def _percentiles(draws: np.ndarray, best: np.ndarray) -> dict[str, np.ndarray]:
    """Percentiles of the ranks in the draws."""
    ranks = 1 + np.argsort(np.argsort(-draws, axis=1), axis=1)
    low, high = np.quantile(ranks, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0, method="inverted_cdf")
    return {"naive": (low <= best) & (best <= high), "naive_width": high - low}


def _summary(rows: list[dict[str, np.ndarray]]) -> list[str]:
    of = {name: np.array([r[name] for r in rows], dtype=float) for name in rows[0]}
    ours = [of["marginal"].mean(), of["marginal"].mean(axis=0).min(), of["places"].mean(), of["all"].all(axis=1).mean()]
    naive = [of["naive"].mean(), of["naive"].mean(axis=0).min(), of["naive"].all(axis=1).mean()]
    shown = [
        *(100 * s for s in ours),
        of["width"].mean(),
        of["width_all"].mean(),
        *(100 * s for s in naive),
        of["naive_width"].mean(),
    ]
    return [f"{s:.1f}" for s in shown]


def _timed(n: int = 1000) -> bool:
    """Bands of 1,000 cities by 1,000 draws, and by standard errors; whether they are made within the limit."""
    rng = np.random.default_rng(SEED)
    std_errors = rng.uniform(0.5, 1.5, n)
    values = 10 * rng.standard_normal(n) + std_errors * rng.standard_normal(n)
    draws = values + std_errors * rng.standard_normal((DRAWS, n))
    names, took = [f"city {k}" for k in range(n)], []
    for how in ({"draws": draws}, {"std_errors": std_errors}):
        start = time.perf_counter()
        bands(names, values, **how)
        took.append(time.perf_counter() - start)
    words = f"{took[0]:.1f} s by {DRAWS:,} draws, {took[1]:.1f} s by standard errors (limit {LIMIT:.0f} s)"
    print(f"\n{n:,} cities: {words}")
    return max(took) < LIMIT


if __name__ == "__main__":
    sys.exit(0 if main(*map(int, sys.argv[1:])) else 1)
