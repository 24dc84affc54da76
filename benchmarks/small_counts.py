"""How often intervals of rates of small counts hold the true rate, and how near the rates come to it.

    python -m benchmarks.small_counts [samples]

Each world: N cities with log-normal exposures, true rates drawn from a distribution with a coefficient of variation, Poisson counts.
*Gamma* rates are what the model says; *log-normal* and *two kinds* (a fifth of the cities at three times the rate of the others) are
not. ``exact`` is Garwood's interval of each city alone. Columns: % of cities whose 95 % interval holds the true rate, by way of
estimation; the mean squared error of the integrated rates as a share of that of crude rates; mean width as a share of the exact
interval's. Last, imputation: cities with 12 indicators of which a fifth is missing, at random given what is known; % of cities with
gaps whose 90 % interval of the index (quantiles of the draws) holds the index of the complete table, and the mean squared error of
imputed values as a share of that of the column's mean.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np
import pandas as pd

from scale_impact.benchmark.cities import Cities, ContextColumn, Criterion
from scale_impact.benchmark.scores import score
from scale_impact.core.catalogue.small_counts import garwood, smoothed

SAMPLES, SEED, RATE = 200, 20251122, 2e-4


@dataclass(frozen=True)
class World:
    """N cities, their median expected count, how much true rates differ, and from which distribution they come."""

    name: str
    n: int
    expected: float
    variation: float
    kind: str = "gamma"

    def drawn(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """True rates, exposures and counts [N]."""
        exposure = np.exp(rng.normal(np.log(self.expected / RATE), 1, self.n))
        rates = RATE * self._relative(rng)
        return rates, exposure, rng.poisson(rates * exposure).astype(float)

    def _relative(self, rng: np.random.Generator) -> np.ndarray:
        if self.variation == 0:
            return np.ones(self.n)
        if self.kind == "two kinds":
            return np.where(rng.random(self.n) < 0.2, 3.0, 1.0) / 1.4
        if self.kind == "log-normal":
            spread = np.sqrt(np.log1p(self.variation**2))
            return np.exp(rng.normal(-(spread**2) / 2, spread, self.n))
        return rng.gamma(self.variation**-2, self.variation**2, self.n)


WORLDS = (
    World("all rates the same", 50, 3, 0.0),
    World("few cities, few events", 20, 2, 0.5),
    World("few cities", 20, 10, 0.5),
    World("many cities, few events", 300, 1, 0.5),
    World("many cities", 300, 5, 0.5),
    World("large differences", 300, 5, 1.0),
    World("log-normal rates", 300, 5, 0.5, "log-normal"),
    World("two kinds of cities", 300, 5, 0.7, "two kinds"),
)


def counted(world: World, samples: int) -> dict[str, object]:
    """One row of the first table."""
    rng = np.random.default_rng([SEED, len(world.name), world.n])
    held: dict[str, list[float]] = {"integrated": [], "likelihood": [], "moments": [], "exact": []}
    errors, widths = [], []
    for _ in range(samples):
        rates, exposure, count = world.drawn(rng)
        if count.sum() == 0:
            continue
        low, high = (limit / exposure for limit in garwood(count))
        held["exact"].append(((low <= rates) & (rates <= high)).mean())
        for method in ("integrated", "likelihood", "moments"):
            found = smoothed(count, exposure, per=1, method=method)
            held[method].append(((found.low <= rates) & (rates <= found.high)).mean())
            if method == "integrated":
                errors.append(((found.rate - rates) ** 2).sum() / ((count / exposure - rates) ** 2).sum())
                widths.append(((found.high - found.low) / (high - low)).mean())
    shares = {f"{name} %": round(100 * float(np.mean(values)), 1) for name, values in held.items()}
    return {
        "world": world.name,
        "cities": world.n,
        **shares,
        "error": round(float(np.mean(errors)), 2),
        "width": round(float(np.mean(widths)), 2),
    }


def imputed(n: int, skewed: bool, samples: int) -> dict[str, object]:
    """One row of the second table."""
    held, errors = [], []
    for sample in range(samples):
        rng = np.random.default_rng([SEED, n, skewed, sample])
        values = rng.normal(size=(n, 3)) @ rng.normal(size=(3, 13)) + rng.normal(size=(n, 13))
        full, context = (np.exp(values[:, :12] / 2) if skewed else values[:, :12]), values[:, 12]
        gap = rng.random((n, 12)) < 0.4 / (1 + np.exp(-context))[:, None]
        gap[:, :3] = False
        low, high = full.min(axis=0) - 0.01, full.max(axis=0) + 0.01
        criteria = [Criterion(f"y{k}", f"y{k}", "u", f"d{k % 3}", "+", worst=low[k], best=high[k]) for k in range(12)]
        frame = pd.DataFrame(np.where(gap, np.nan, full), columns=[c.column for c in criteria])
        frame = frame.assign(city=[f"c{k}" for k in range(n)], context=context)
        cities = Cities.from_frame(frame, city="city", criteria=criteria, context=[ContextColumn("context")])
        found = score(cities, coverage=0, coverage_in_dimension=0, seed=sample)
        truth = (100 * (full - low) / (high - low)).mean(axis=1)
        below, above = np.quantile(found.draws, [0.05, 0.95], axis=0)
        some = gap.any(axis=1)
        held.append(((below <= truth) & (truth <= above))[some].mean())
        means = np.broadcast_to(np.nanmean(np.where(gap, np.nan, full), axis=0), full.shape)
        errors.append(((found.treated - full)[gap] ** 2).sum() / ((means - full)[gap] ** 2).sum())
    return {"cities": n, "columns": "skewed" if skewed else "normal", "90 % holds %": round(100 * float(np.mean(held)), 1),
            "error": round(float(np.mean(errors)), 2)}  # fmt: skip


def table(rows: list[dict[str, object]]) -> str:
    """Rows as Markdown."""
    head = [f"| {' | '.join(rows[0])} |", "|" + "---|" * len(rows[0])]
    return "\n".join([*head, *(f"| {' | '.join(map(str, row.values()))} |" for row in rows)])


def main() -> None:
    samples = int(sys.argv[1]) if len(sys.argv) > 1 else SAMPLES
    print(table([counted(world, samples) for world in WORLDS]))
    rows = [imputed(n, skewed, max(samples // 5, 4)) for n in (60, 300) for skewed in (False, True)]
    print("\n" + table(rows))


if __name__ == "__main__":
    main()
