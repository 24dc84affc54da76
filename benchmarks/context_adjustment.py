"""Whether intervals of context adjustment hold what they say, whether shrinking helps, and how long it takes.

    python -m benchmarks.context_adjustment [worlds]

Each world draws cities: the log of their size, two more numbers and a region, an outcome that follows context (straight, or bent), what a
city does better or worse than its context lets expect, and chance. Chance is of one size, or larger in small cities (its variance is
inverse to size); errors are normal, skewed (exponential) or heavy-tailed (t with 3 degrees). Intervals never use a city's own
outcome, so that each city is a new one to them: *held* is the share of cities inside of their interval, then among the smallest and
the largest third. *Width* is relative to the interval that knows the truth. *Shrunk* is the root mean squared distance from the true
difference after shrinking, relative to that of the plain residual, and the share of true differences within 1.96 posterior standard
deviations. *Found* is the share of worlds without outliers in which any q-value is at most 5 %.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

import numpy as np
import pandas as pd

from scale_impact.benchmark.adjustment import adjust
from scale_impact.benchmark.cities import Context, ContextColumn

WORLDS, SEED = 60, 20251122
SIZES = (40, 100, 300)
LEVELS = (0.95, 0.80)
LIMIT = 2.0
"""Seconds for 5,000 cities and 12 context variables."""


@dataclass(frozen=True)
class World:
    """What an outcome is made of."""

    name: str
    bent: bool = False
    small_vary: bool = False
    errors: str = "normal"


KINDS = [
    World("straight, equal"), World("straight, small vary more", small_vary=True), World("straight, skewed", errors="skewed"),
    World("straight, heavy tails", errors="heavy"), World("bent, equal", bent=True), World("bent, small vary more, skewed", True, True, "skewed"),
]  # fmt: skip


@dataclass(frozen=True)
class Drawn:
    """Cities of a world: context, outcome, true difference from what context gives, standard deviation of all that is not context."""

    context: Context
    outcome: np.ndarray
    better: np.ndarray
    sd: np.ndarray
    chance: np.ndarray


def draw(world: World, n: int, rng: np.random.Generator) -> Drawn:
    """Cities of a world; true differences have variance 0.5, chance too at the median size."""
    log_size, x, z = rng.normal(10, 1, n), rng.normal(size=n), rng.normal(size=n)
    region = rng.integers(0, 5, n)
    trend = 0.5 * (log_size - 10) + (1.5 * np.sin(1.5 * x) + 0.5 * z**2 if world.bent else x + 0.5 * z)
    trend += 0.4 * rng.normal(size=5)[region]
    chance = np.sqrt(0.5 * (np.exp(10 - log_size) if world.small_vary else np.ones(n)))
    better, noise = np.sqrt(0.5) * rng.normal(size=n), chance * _errors(world.errors, n, rng)
    frame = pd.DataFrame({"size": np.exp(log_size), "x": x, "z": z, "region": [f"R{r}" for r in region]})
    columns = (*(ContextColumn(c) for c in ("size", "x", "z")), ContextColumn("region", kind="group"))
    context = Context(tuple(f"City {k:04d}" for k in range(n)), columns, frame)
    return Drawn(context, trend + better + noise, better, np.sqrt(0.5 + chance**2), chance)


def _errors(kind: str, n: int, rng: np.random.Generator) -> np.ndarray:
    """Errors of mean 0 and standard deviation 1."""
    if kind == "skewed":
        return rng.exponential(size=n) - 1
    return rng.standard_t(3, n) / np.sqrt(3) if kind == "heavy" else rng.normal(size=n)


def held(world: World, n: int, level: float, worlds: int, **options) -> list[float]:
    """Shares held (all, smallest third, largest third), width, share of finite intervals."""
    from scipy.special import ndtri

    found = []
    for k in range(worlds):
        drawn = draw(world, n, np.random.default_rng([SEED, n, k]))
        a = adjust(drawn.context, drawn.outcome, log=["size"], size="size", level=level, **options)
        known = ~np.isnan(a.expected)
        inside = ((drawn.outcome >= a.low) & (drawn.outcome <= a.high)).astype(float)
        order = np.argsort(drawn.context.frame["size"].to_numpy())
        thirds = [inside[part][known[part]].mean() for part in (order[: n // 3], order[-(n // 3) :])]
        width = np.median(((a.high - a.low) / (2 * ndtri((1 + level) / 2) * drawn.sd))[known])
        found.append([inside[known].mean(), *thirds, width, float(np.isfinite(a.high[known]).mean())])
    return [float(v) for v in np.nanmean(found, axis=0)]


def shrunk(world: World, n: int, worlds: int, *, known: bool) -> list[float]:
    """Distance from the truth relative to plain residuals, posterior intervals that hold it, worlds with a false finding, spread."""
    found = []
    for k in range(worlds):
        drawn = draw(world, n, np.random.default_rng([SEED + 1, n, k]))
        chance = {"std_errors": drawn.chance} if known else {}
        a = adjust(drawn.context, drawn.outcome, **chance, log=["size"], size=None if known else "size")
        left = a.shrunk - a.adjusted_mean
        errors = [np.sqrt(np.mean((v - drawn.better) ** 2)) for v in (left, a.residual)]
        inside = (np.abs(left - drawn.better) <= 1.96 * a.posterior_sd).mean()
        found.append([errors[0] / errors[1], inside, float((a.q_value <= 0.05).any()), a.shrinkage.spread**2])
    return [float(v) for v in np.mean(found, axis=0)]


def main(worlds: int = WORLDS) -> bool:
    """Print the tables; whether the time is within its limit."""
    _intervals("ridge", worlds, KINDS, SIZES, LEVELS)
    _intervals("ridge, tails apart", worlds, KINDS[2:3], SIZES, LEVELS, tails="apart")
    _intervals(
        "additive",
        max(worlds // 8, 1),
        [KINDS[0], KINDS[4], KINDS[5]],
        (100, 300),
        LEVELS[:1],
        method="additive",
        repeats=3,
    )
    _intervals("peers", max(worlds // 4, 1), [KINDS[0], KINDS[4], KINDS[5]], (100, 300), LEVELS, method="peers")
    print(
        "\n| chance | world | cities | shrunk: distance | held by posterior | any q <= 5 % | variance of true differences (0.5) |"
    )
    print("|---|---|---|---|---|---|---|")
    for kind in (KINDS[0], KINDS[1], KINDS[2], KINDS[5]):
        for known in (True, False):
            for n in SIZES:
                ratio, inside, false, spread = shrunk(kind, n, worlds, known=known)
                of = "std_errors" if known else "size"
                print(
                    f"| {of} | {kind.name} | {n} | {ratio:.2f} | {100 * inside:.1f} | {100 * false:.1f} | {spread:.2f} |",
                    flush=True,
                )
    return _timed()


def _intervals(name, worlds, kinds, sizes, levels, **options) -> None:
    print(f"\n{name}, {worlds} worlds a row\n")
    print(
        "| world | cities | level | held | smallest third | largest third | width | finite |\n|---|---|---|---|---|---|---|---|"
    )
    for world in kinds:
        for n in sizes:
            for level in levels:
                *shares, width, finite = held(world, n, level, worlds, **options)
                row = " | ".join(f"{100 * s:.1f}" for s in shares)
                print(
                    f"| {world.name} | {n} | {100 * level:g} | {row} | {width:.2f} | {100 * finite:.0f} |", flush=True
                )


def _timed() -> bool:
    rng = np.random.default_rng(SEED)
    x = rng.normal(size=(5000, 12))
    frame = pd.DataFrame(x, columns=[f"x{k}" for k in range(12)])
    context = Context(tuple(f"City {k:04d}" for k in range(5000)), tuple(ContextColumn(c) for c in frame), frame)
    print()
    for method in ("ridge", "additive", "peers"):
        start = time.perf_counter()
        adjust(context, x[:, 0] + rng.normal(size=5000), method=method)
        seconds = time.perf_counter() - start
        print(
            f"{method}, 5,000 cities x 12 context variables: {seconds:.2f} s"
            + (f" (limit {LIMIT:g} s)" if method == "ridge" else "")
        )
        if method == "ridge":
            within = seconds <= LIMIT
    return within


if __name__ == "__main__":
    sys.exit(0 if main(*(int(a) for a in sys.argv[1:])) else 1)
