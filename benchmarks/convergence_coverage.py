"""Beta and sigma convergence in simulated cities of which the truth is known: ``python -m benchmarks.convergence_coverage``.

Worlds: N cities with a spread of 10 points; a slope of growth on the initial level whose loss of spread is made up by new shocks
(so that the spread never changes), or is not (so that it does); known errors of the values. How often 95 % intervals hold the
slope, as seen and corrected, and the ratio of spreads; how often the tests of an unchanged spread say that it changed. Then
indicators that are passed or failed, where nothing changed (see ``binary_changes``), a tenth of the worlds. One process, seeded;
``--draws 2000`` worlds a row.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass

import numpy as np

from benchmarks import binary_changes
from scale_impact.benchmark.changing.convergence import converge
from scale_impact.benchmark.cities import Floats

SEED, DRAWS, SPREAD = 20251122, 2000, 10.0


@dataclass(frozen=True)
class World:
    """N cities, slope of growth, standard error of the values, whether tails are heavy, whether the spread is kept."""

    cities: int
    slope: float
    error: float
    heavy: bool = False
    kept: bool = True

    @property
    def ratio(self) -> float:
        """Of the spreads, now by then."""
        return 1.0 if self.kept else abs(1 + self.slope)

    def draw(self, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Index [N, 2] and the variances of its errors [N, 2]."""
        shape = rng.standard_t(5, self.cities) / math.sqrt(5 / 3) if self.heavy else rng.standard_normal(self.cities)
        then = 50 + SPREAD * shape
        shock = SPREAD * math.sqrt(max(1 - (1 + self.slope) ** 2, 0)) if self.kept else 0.0
        now = 50 + (1 + self.slope) * (then - 50) + shock * rng.standard_normal(self.cities)
        variance = self.error**2 * rng.uniform(0.5, 1.5, self.cities)
        noise = np.sqrt(variance)[:, None] * rng.standard_normal((self.cities, 2))
        return np.column_stack([then, now]) + noise, np.column_stack([variance, variance])


WORLDS = (
    *(World(n, -0.1, 4.0) for n in (15, 30, 100, 345)),
    World(100, -0.4, 6.0),
    World(345, 0.0, 8.0),
    *(World(n, -0.1, 4.0, heavy=True) for n in (15, 30, 100, 345)),
    *(World(n, -0.3, 3.0, kept=False) for n in (30, 100)),
)


def row(world: World, draws: int) -> list[float]:
    """Shares in percent: slope as seen, slope corrected, ratio held; tests that reject (ours, Pitman and Morgan); no answer."""
    rng = np.random.default_rng(SEED)
    held, silent = np.zeros(5), 0
    for _ in range(draws):
        path, variances = world.draw(rng)
        found = converge(path, variances, 0, 1, years=5.0, level=0.95)
        if found.spread is None or found.corrected.why_not or found.spread.why_not:
            silent += 1
            continue
        held += [
            found.as_seen.low <= world.slope <= found.as_seen.high,
            found.corrected.low <= world.slope <= found.corrected.high,
            found.spread.low <= world.ratio <= found.spread.high,
            found.spread.p_value < 0.05,
            found.spread.paired_p < 0.05,
        ]
    answered = max(draws - silent, 1)
    return [*(100 * held / answered), 100 * silent / draws]


def main() -> None:
    """Print a row a world."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=DRAWS)
    draws = parser.parse_args().draws
    print("cities slope error tails  spread | slope seen  corrected  ratio | rejects: ours  Pitman-Morgan | no answer")
    for world in WORLDS:
        seen, corrected, ratio, ours, paired, silent = row(world, draws)
        tails, spread = "heavy " if world.heavy else "normal", "kept   " if world.kept else "changes"
        print(f"{world.cities:6d} {world.slope:5.1f} {world.error:5.0f} {tails} {spread}| {seen:9.1f} {corrected:10.1f} {ratio:7.1f} | "
              f"{ours:13.1f} {paired:14.1f} | {silent:8.1f}")  # fmt: skip
    binary_changes.table(max(draws // 10, 2), SEED)


if __name__ == "__main__":
    main()
