"""How often ranks of an index hold: values and their errors, scores, draws of the index, bands; printed by ``rank_coverage``.

Worlds: N cities, K indicators with values around true ones. *Binary*: a city passes or fails, with the standard error of a
column as the change between two years shows it. *Beyond the posts*: a third of the true values lie beyond a goalpost and count
as at it. *Imputed*: no errors, a quarter of the values missing. Otherwise normal errors of unequal known size around true
values that differ by two thirds of a standard error. The truth is the score of the true (or complete) values by the same
recipe. ``error`` is the spread of the errors of the index over the mean standard error that is shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from scale_impact.benchmark.cities import Cities, Context, Criterion
from scale_impact.benchmark.rank_bands import bands
from scale_impact.benchmark.scores import score

DRAWS, LEVEL = 300, 0.95
HEADS = ("cities", "world", "all places", "worst city", "simultaneous", "a wrong pair", "pairs told", "error")


@dataclass(frozen=True)
class Chain:
    """N cities with K indicators of a kind, and the recipe of their index."""

    name: str
    kind: str = "normal"
    recipe: Mapping[str, Any] = field(default_factory=dict)
    indicators: int = 3
    range: tuple[float, float] = (0.8, 0.9)
    apart: float = 2.0

    def world(self, n: int) -> tuple[np.ndarray, np.ndarray]:
        """True values and standard errors [N, K], the same in all samples."""
        rng = np.random.default_rng(n)
        shape = (n, self.indicators)
        sizes = np.exp(0.5 * rng.standard_normal(shape))
        errors = 3 * sizes / np.sqrt((sizes**2).mean())
        if self.kind == "binary":
            return 100 * rng.uniform(*self.range, shape), errors
        if self.kind == "beyond":
            return rng.uniform(-25, 125, shape), errors
        true = 50 + self.apart * rng.standard_normal(shape)
        if self.kind == "tails":
            true[:2] = true[:2] + 40
        return true, errors

    def sample(self, true: np.ndarray, errors: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """True, seen values and their standard errors [N, K]."""
        if self.kind == "binary":
            then, now = (100.0 * (rng.random(true.shape) < true / 100) for _ in range(2))
            return true, now, np.broadcast_to((now - then).std(axis=0, ddof=1) / np.sqrt(2), true.shape)
        if self.kind == "imputed":
            true = 50 + 6 * (0.6 * rng.standard_normal((len(true), 1)) + 0.8 * rng.standard_normal(true.shape))
            gaps = rng.random(true.shape) < 0.25
            gaps[:, 0] = False
            gaps[gaps.sum(axis=1) > 1, 2:] = False
            return true, np.where(gaps, np.nan, true), np.zeros_like(true)
        return true, true + errors * rng.standard_normal(true.shape), errors


NOT_MADE = {"coverage": 0.5, "coverage_in_dimension": 0.0}
CHAINS = (
    Chain("goalposts"),
    Chain("binary, 2 indicators", "binary", indicators=2),
    Chain("binary, 4 indicators", "binary", indicators=4, range=(0.85, 0.95)),
    Chain("binary, in the middle", "binary", indicators=6, range=(0.3, 0.7)),
    Chain("beyond the posts", "beyond", {"beyond": "clip"}),
    Chain("at a target", "target", apart=1.0),
    Chain("winsorised", "tails", {"outliers": "winsorise"}, apart=0.8),
    Chain("logarithms", recipe={"outliers": "log"}),
    Chain("geometric mean", recipe={"aggregation": "geometric", "scale": [1.0, 100.0]}),
    Chain("min-max", recipe={"normaliser": "minmax"}),
    Chain("z-scores", recipe={"normaliser": "zscore"}),
    Chain("percentiles", recipe={"normaliser": "percentile"}),
    Chain("percentiles, nearly all the same", recipe={"normaliser": "percentile"}, apart=1e-4),
    Chain("percentiles, spread", recipe={"normaliser": "percentile"}, apart=6.0),
    Chain("imputed, by 20 draws", "imputed", {"imputations": 20, **NOT_MADE}, indicators=4),
    Chain("imputed", "imputed", NOT_MADE, indicators=4),
)


def table(samples: int, seed: int) -> None:
    """Print the rows."""
    print(f"\nThe whole chain, {samples} samples a row, {DRAWS} draws\n")
    print(f"| {' | '.join(HEADS)} |\n|{'---|' * len(HEADS)}")
    for n in (30, 100):
        for chain in CHAINS:
            true, errors = chain.world(n)
            rows = [_held(chain, true, errors, [seed, k]) for k in range(samples)]
            print(f"| {n} | {chain.name} | {' | '.join(_summary(rows))} |", flush=True)


def _scores(chain: Chain, values: np.ndarray, errors: np.ndarray, draws: int, seed: int) -> Any:
    labels = tuple(f"city {k:03d}" for k in range(len(values)))
    ends: dict[str, Any] = {"worst": 0.0, "best": 100.0}
    if chain.recipe.get("outliers") == "log":
        ends["worst"] = 10.0
    if chain.kind == "target":
        ends = {"worst": 0.0, "target": 50.0}
    way: Any = "target" if chain.kind == "target" else "+"
    made = tuple(Criterion(f"x{k}", f"x{k}", "", f"d{k}", way, **ends) for k in range(values.shape[1]))
    cities = Cities(labels, made, values, Context(labels, (), pd.DataFrame(index=range(len(values)))), errors)
    return score(cities, draws=draws, seed=seed, **chain.recipe)


def _held(chain: Chain, true: np.ndarray, errors: np.ndarray, seed: list[int]) -> dict[str, np.ndarray]:
    """Whether ranks are held and pairs told rightly, the errors of the index and the standard errors that are shown."""
    true, values, errors = chain.sample(true, errors, np.random.default_rng(seed))
    truth = _scores(chain, true, np.zeros_like(errors), 0, 1).index
    seen = _scores(chain, values, errors, DRAWS, seed[1] + 1)
    found = bands(seen.cities.labels, seen.index, draws=seen.draws, level=LEVEL)
    close = 1e-9 * np.ptp(truth)
    best = 1 + (truth > truth[:, None] + close).sum(axis=1)
    last = (truth >= truth[:, None] - close).sum(axis=1)
    off = seen.index - truth
    return {
        "places": (found.low <= best) & (last <= found.high),
        "all": ((found.low_all <= best) & (last <= found.high_all)).all(keepdims=True),
        "wrong": (found.beats & (truth[:, None] < truth - close)).any(keepdims=True)[0],
        "told": np.array([found.beats.sum() / (len(truth) * (len(truth) - 1) / 2)]),
        "off": off - off.mean(),
        "shown": seen.std_errors,
    }


def _summary(rows: list[dict[str, np.ndarray]]) -> list[str]:
    of = {name: np.array([r[name] for r in rows], dtype=float) for name in rows[0]}
    shares = [
        of["places"].mean(),
        of["places"].mean(axis=0).min(),
        of["all"].mean(),
        of["wrong"].mean(),
        of["told"].mean(),
    ]
    return [*(f"{100 * s:.1f}" for s in shares), f"{of['off'].std() / np.sqrt((of['shown'] ** 2).mean()):.2f}"]
