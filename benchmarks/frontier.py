"""The frontier: how often its intervals hold the truth, and how long it takes: ``python -m benchmarks.frontier [--worlds 40] [--speed]``.

Cities lie below a known frontier (the unit sphere) by a known factor, so that each city's true index is known. Three worlds:
most cities near the frontier (half normal), fewer (exponential), none near it (beta). Order-m's truth is what a million
cities give in closed form (free disposal), or draws of them (convex); under a context it is that of cities exactly alike.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scale_impact.benchmark.cities import Context, ContextColumn
from scale_impact.benchmark.enveloping import programmes
from scale_impact.benchmark.enveloping.doubt import doubt
from scale_impact.benchmark.enveloping.programmes import Limits
from scale_impact.benchmark.frontier import envelop

Floats = NDArray[np.float64]

SHORT = {
    "half normal": lambda rng, n: np.exp(-np.abs(rng.normal(0, 0.4, n))),
    "exponential": lambda rng, n: np.exp(-rng.exponential(0.3, n)),
    "none near": lambda rng, n: rng.beta(4, 3, n),
}
M, TRUTH_DRAWS = 20, 4_000


def cities(rng: np.random.Generator, n: int, dim: int, short: str) -> tuple[Floats, Floats]:
    """Values and true indices of cities below the unit sphere."""
    direction = np.abs(rng.normal(size=(n, dim)))
    index = SHORT[short](rng, n)
    return direction / np.linalg.norm(direction, axis=1, keepdims=True) * index[:, None], index


def context(n: int, **columns: Floats) -> Context:
    return Context(
        tuple(f"c{k}" for k in range(n)), tuple(ContextColumn(c) for c in columns), pd.DataFrame(columns, index=range(n))
    )  # fmt: skip


def covered(low: Floats, high: Floats, truth: Floats) -> tuple[float, float]:
    """Share of intervals that hold the truth, and their mean width as a share of it."""
    held = (low - 1e-9 <= truth) & (truth <= high + 1e-9)
    return float(held.mean()), float(((high - low) / truth).mean())


def of_doubt(n: int, dim: int, short: str, worlds: int, seed: int) -> str:
    found = []
    for k in range(worlds):
        values, truth = cities(np.random.default_rng([seed, k]), n, dim, short)
        frontier = envelop(values, context(n), names=list("abcdefgh"[:dim]), against="possible")
        found.append(covered(frontier.low, frontier.high, truth))
    held, width = np.mean(found, axis=0)
    return f"benefit of the doubt, {n} cities, {dim} dimensions, {short}: held {held:.3f}, width {width:.3f}"


def measured(rng: np.random.Generator, n: int, dim: int, short: str, error: float) -> tuple[Floats, Floats, Floats]:
    """Values, the same with errors, and draws around these; standard errors are 0.5 to 1.5 times ``error``."""
    if short == "normal":
        values = np.clip(0.5 + 0.14 * (0.6 * rng.normal(size=(n, 1)) + 0.8 * rng.normal(size=(n, dim))), 0.02, 1)
    else:
        values = cities(rng, n, dim, short)[0]
    errors = error * rng.uniform(0.5, 1.5, (n, dim))
    seen = np.maximum(values + errors * rng.normal(size=(n, dim)), 0)
    return values, seen, seen + errors * rng.normal(size=(200, n, dim))


def of_errors(n: int, dim: int, short: str, error: float, worlds: int, seed: int) -> str:
    """The index that the true values of the same cities would give."""
    found, off = [], []
    for k in range(worlds):
        values, seen, draws = measured(np.random.default_rng([seed, 4, k]), n, dim, short, error)
        truth = doubt(values)[0]
        frontier = envelop(seen, context(n), list("abcdefgh"[:dim]), draws)
        assert frontier.corrected is not None
        found.append(covered(frontier.low, frontier.high, truth))
        off.append(((frontier.index - truth).mean(), (frontier.corrected - truth).mean()))
    (held, width), (before, after) = np.mean(found, axis=0), np.mean(off, axis=0)
    return (
        f"errors of {error}, benefit of the doubt, {n} cities, {dim} dimensions, {short}: held {held:.3f}, width {width:.3f}; "
        f"index off by {before:.3f}, corrected by {after:.3f}"
    )


def true_order_m(values: Floats, rng: np.random.Generator, dim: int, hull: str, scale: float = 1.0) -> Floats:
    """Order-m indices of some cities against the population."""
    total = np.zeros(len(values))
    for _ in range(TRUTH_DRAWS):
        pool = scale * cities(rng, M, dim, "exponential")[0]
        if hull == "convex":
            total += 1 / programmes.solve(values, pool, Limits.none(dim)).index
        else:
            total += (pool[None] / values[:, None]).min(axis=2).max(axis=1)
    return np.asarray(TRUTH_DRAWS / total)


def of_order_m(n: int, dim: int, hull: str, worlds: int, seed: int) -> str:
    """Intervals of ten fixed cities."""
    own = cities(np.random.default_rng(seed), 10, dim, "exponential")[0]
    truth = true_order_m(own, np.random.default_rng([seed, 1]), dim, hull)
    found = []
    for k in range(worlds):
        values = np.vstack([own, cities(np.random.default_rng([seed, 2, k]), n - 10, dim, "exponential")[0]])
        frontier = envelop(values, context(n), names=list("abcdefgh"[:dim]), method="order_m", m=M, hull=hull)
        found.append(covered(frontier.low[:10], frontier.high[:10], truth))
    held, width = np.mean(found, axis=0)
    return f"order-{M}, {hull}, {n} cities, {dim} dimensions: held {held:.3f}, width {width:.3f}"


def of_no_context(n: int, worlds: int, seed: int) -> str:
    """Context that says nothing: in how many worlds is any city told that it is favourable or not, and how many cities."""
    told = []
    for k in range(worlds):
        rng = np.random.default_rng([seed, 5, k])
        values = cities(rng, n, 2, "exponential")[0]
        frontier = envelop(
            values,
            context(n, z=rng.normal(size=n)),
            ["a", "b"],
            method="conditional_order_m",
            m=M,
            hull="free_disposal",
        )
        told.append(np.mean([any("so its situation is" in s for s in frontier.in_words(c)) for c in frontier.labels]))
    return f"context that says nothing, {n} cities: told in {100 * np.mean(np.array(told) > 0):.0f} % of worlds, to {100 * np.mean(told):.1f} % of cities"


def of_context(n: int, worlds: int, seed: int) -> str:
    """The frontier is higher by exp(0.3 x) where x is context; z is context that says nothing."""
    own = cities(np.random.default_rng(seed), 10, 2, "exponential")[0]
    truth = true_order_m(own, np.random.default_rng([seed, 1]), 2, "convex")  # all ten have x = 0
    found, kept, dropped, power = [], [], [], []
    for k in range(worlds):
        rng = np.random.default_rng([seed, 3, k])
        x, z = np.append(np.zeros(10), rng.uniform(-1.5, 1.5, n - 10)), rng.normal(size=n)
        values = np.vstack([own, cities(rng, n - 10, 2, "exponential")[0]]) * np.exp(0.3 * x)[:, None]
        frontier = envelop(values, context(n, x=x, z=z), names=["a", "b"], method="conditional_order_m", m=M)
        found.append(covered(frontier.low[:10], frontier.high[:10], truth))
        kept.append(frontier.bandwidths["x"])
        dropped.append(frontier.bandwidths["z"] > 2)
        power.append(float(frontier.context_p or 0) < 0.05)
    held, width = np.mean(found, axis=0)
    return (
        f"conditional order-{M}, {n} cities: held {held:.3f}, width {width:.3f}; bandwidth of x {np.median(kept):.2f}, "
        f"z smoothed out in {100 * np.mean(dropped):.0f} %, context found in {100 * np.mean(power):.0f} %"
    )


def speed() -> None:
    """Seconds of the sizes that the benchmark is made for."""
    rng = np.random.default_rng(1)
    for n, dim, least in ((5_000, 60, 0.0), (5_000, 60, 1 / 120), (5_000, 6, 0.0)):
        values = np.clip(50 + 15 * rng.normal(size=(n, 1)) + 12 * rng.normal(size=(n, dim)), 1, 100)
        start = time.perf_counter()
        doubt(values, lower=least)
        print(
            f"benefit of the doubt, {n} x {dim}, lower share {least:.3f}: {time.perf_counter() - start:.1f} s",
            flush=True,
        )
    for n, dim in ((345, 3), (345, 6)):
        values = np.clip(50 + 15 * rng.normal(size=(n, 1)) + 12 * rng.normal(size=(n, dim)), 1, 100)
        around = context(n, x=rng.normal(size=n), z=rng.normal(size=n))
        for method in ("benefit_of_the_doubt", "order_m", "conditional_order_m"):
            start = time.perf_counter()
            envelop(values, around, names=list("abcdefgh"[:dim]), method=method)
            print(f"{method}, {n} x {dim}, 200 draws, interval: {time.perf_counter() - start:.1f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", type=int, default=40)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--speed", action="store_true")
    given = parser.parse_args()
    if given.speed:
        speed()
        return
    for n, dim in ((100, 2), (345, 2), (345, 4)):
        for short in SHORT:
            print(of_doubt(n, dim, short, given.worlds, given.seed), flush=True)
    for n, dim, short, error in ((60, 3, "normal", 0.08), (300, 3, "normal", 0.03), (300, 5, "normal", 0.08), (300, 3, "half normal", 0.08),
                                 (300, 3, "none near", 0.08)):  # fmt: skip
        print(of_errors(n, dim, short, error, given.worlds, given.seed), flush=True)
    for n in (60, 150):
        print(of_no_context(n, 3 * given.worlds, given.seed), flush=True)
    for n, dim, hull in (
        (60, 3, "convex"),
        (60, 3, "free_disposal"),
        (100, 2, "convex"),
        (345, 2, "convex"),
        (345, 4, "convex"),
        (345, 4, "free_disposal"),
    ):
        print(of_order_m(n, dim, hull, given.worlds, given.seed), flush=True)
    for n in (150, 345):
        print(of_context(n, given.worlds, given.seed), flush=True)


if __name__ == "__main__":
    main()
