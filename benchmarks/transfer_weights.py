"""What weights by similarity, the look at support and transport are worth where the truth is known: ``python -m benchmarks.transfer_weights``.

Weights: k pilots and one city from the same population with three context numbers; effects follow the first of them with a slope and
differ by tau beside. For each rule of the bandwidth the error of the mean for that city (root mean squared, against the plain mean's)
and how often the 95 % prediction interval holds the city's true effect. Support: how often a city drawn like the pilots, or three
standard deviations away in one number, is called far, at the edge or within. Transport: a study and a target whose first context is
shifted; and the same of published rows of units, whose errors' relation is not known. Each world seeded, one process; ``--draws`` worlds a row.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from scale_impact.core.city_effects import CityEffects
from scale_impact.synthesis.nearing.bandwidth import Rule
from scale_impact.synthesis.nearing.compared import Compared, Recipe, compare
from scale_impact.synthesis.nearing.support import Support, judge
from scale_impact.synthesis.nearing.weighted import Weighted, weigh
from scale_impact.synthesis.pooling import pool
from scale_impact.synthesis.transport import transport
from scale_impact.synthesis.transporting.scores import Found, carried, mean
from scale_impact.synthesis.transporting.weights import Weights, by_balance, by_odds

SEED, DRAWS = 20251122, 400
RULES: tuple[float | Rule, ...] = (float("inf"), "median", "leave_one_out", 0.5)
SLOPES = ((0.0, 0.5), (0.5, 0.3), (1.0, 0.2))


@dataclass(frozen=True)
class World:
    """k pilots, one city and 60 others with three numbers each; the city ``away`` standard deviations off in the first."""

    effects: CityEffects
    city: dict[str, object]
    truth: float
    population: pd.DataFrame


def world(rng: np.random.Generator, k: int, slope: float, tau: float, away: float = 0.0) -> World:
    """One draw."""
    x = rng.normal(size=(k + 61, 3))
    x[k, 0] += away
    true = slope * x[:, 0] + tau * rng.normal(size=len(x))
    errors = np.sqrt(rng.uniform(0.02, 0.2, k))
    table = pd.DataFrame(x, columns=["a", "b", "c"], index=[f"c{i:02d}" for i in range(len(x))])
    pilots = table.iloc[:k]
    effects = CityEffects(
        tuple(pilots.index), true[:k] + errors * rng.normal(size=k), np.diag(errors**2), "units", "+", context=pilots
    )
    return World(effects, table.iloc[k].to_dict(), float(true[k]), table.iloc[k + 1 :])


def looked_at(drawn: World, *, population: bool = True) -> tuple[Compared, Support]:
    """Distances and support."""
    effects = drawn.effects
    compared = compare(effects.context, drawn.city, drawn.population if population else None, Recipe(), len(effects))
    return compared, judge(compared, effects.labels, effects.context, drawn.city)


def of_weights(draws: int) -> Iterator[str]:
    """Error and coverage of each rule."""
    yield "| pilots | slope, tau | bandwidth | error | against the plain mean | prediction interval holds | its median width | pilots in effect |"
    for k in (5, 10, 30):
        for slope, tau in SLOPES:
            rng = np.random.default_rng(SEED)
            found: dict[float | Rule, list[tuple[float, bool, float, float]]] = {r: [] for r in RULES}
            for _ in range(draws):
                drawn = world(rng, k, slope, tau)
                compared, support = looked_at(drawn)
                if support.verdict == "fail":
                    continue
                pooled = pool(drawn.effects)
                for rule in RULES:
                    made = weigh(
                        drawn.effects, pooled, compared, support, kernel="gaussian", bandwidth=rule, level=0.95
                    )
                    assert isinstance(made, Weighted)
                    found[rule].append(_told(made, drawn.truth))
            plain = _error(found[RULES[0]])
            for rule in RULES:
                rows = np.array(found[rule], dtype=float)
                error = _error(found[rule])
                yield (
                    f"| {k} | {slope:g}, {tau:g} | {rule} | {error:.3f} | {error / plain:.2f} | {rows[:, 1].mean():.3f} | "
                    f"{np.median(rows[:, 2]):.2f} | {rows[:, 3].mean():.1f} |"
                )


def _told(made: Weighted, truth: float) -> tuple[float, bool, float, float]:
    low, high = made.predicted_low, made.predicted_high
    assert low is not None
    assert high is not None
    return made.mean - truth, low <= truth <= high, high - low, made.effective


def _error(rows: list[tuple[float, bool, float, float]]) -> float:
    return float(np.sqrt(np.mean([r[0] ** 2 for r in rows])))


def of_support(draws: int) -> Iterator[str]:
    """How often a city is called within, at the edge and far."""
    yield "| pilots | city | scale | within | at the edge | far |"
    for k in (5, 10, 30):
        for away in (0.0, 3.0, 6.0):
            for population in (True, False):
                rng = np.random.default_rng(SEED)
                said = [
                    looked_at(world(rng, k, 0.0, 0.5, away), population=population)[1].verdict for _ in range(draws)
                ]
                share = [np.mean([v == name for v in said]) for name in ("pass", "inconclusive", "fail")]
                where = "like the pilots" if not away else f"{away:g} sd away in one number"
                yield (
                    f"| {k} | {where} | {'population' if population else 'pilots'} | "
                    + " | ".join(f"{s:.2f}" for s in share)
                    + " |"
                )


def of_transport(draws: int) -> Iterator[str]:
    """Bias, error and coverage of each way in a target whose first context is shifted by 0.8."""
    yield "| rows | model of effects | way | bias | sd | mean standard error | 95 % interval holds |"
    for n in (200, 1000):
        for wrong in (False, True):
            found: dict[str, list[tuple[float, float]]] = {}
            rng = np.random.default_rng(SEED)
            for _ in range(draws):
                for way, pair in _transported(rng, n, wrong=wrong):
                    found.setdefault(way, []).append(pair)
            truth = 1.8 + (0.5 * 1.64 if wrong else 0.0)
            for way, pairs in found.items():
                value, error = np.array(pairs).T
                holds = np.mean(np.abs(value - truth) <= 1.959964 * error)
                model = "wrong" if wrong else "right"
                yield f"| {n} | {model} | {way} | {value.mean() - truth:+.3f} | {value.std():.3f} | {error.mean():.3f} | {holds:.3f} |"


def _transported(rng: np.random.Generator, n: int, *, wrong: bool) -> Iterator[tuple[str, tuple[float, float]]]:
    from dataclasses import replace

    from tests.causal import by_hand

    x, there = rng.normal(size=(n, 2)), rng.normal(size=(n, 2)) + np.array([0.8, 0.0])
    scores = 1 + x[:, 0] - 0.5 * x[:, 1] + (0.5 * x[:, 0] ** 2 if wrong else 0.0) + 2 * rng.normal(size=n)
    b = np.linalg.lstsq(np.column_stack([np.ones(n), x]), scores, rcond=None)[0]
    fold, told = rng.permutation(n) % 5, np.empty(n)
    for k in range(5):
        out = fold == k
        other = np.linalg.lstsq(np.column_stack([np.ones((~out).sum()), x[~out]]), scores[~out], rcond=None)[0]
        told[out] = np.column_stack([np.ones(out.sum()), x[out]]) @ other
    found = by_hand(scores, told, {"a": x[:, 0], "b": x[:, 1]}, folds=fold)
    found = replace(found, predict=lambda t: pd.DataFrame({"estimate": np.column_stack([np.ones(len(t)), t]) @ b}))
    target = pd.DataFrame(there, columns=["a", "b"])
    yield "none", mean(found)
    odds, balanced = by_odds(x, there), by_balance(x, there.mean(axis=0), ("a", "b"))
    for way, weights in (("inverse_odds", odds), ("balance", balanced), ("doubly_robust", odds)):
        if isinstance(weights, Weights):
            made = carried(Found(found, np.arange(n)), weights, target, there, x, way, whole=False)
            yield way, (made.estimate, made.std_error)


def of_units(draws: int) -> Iterator[str]:
    """Coverage of published effects of 60 units in a target of which 40 rows were drawn, by what else units differ in."""
    yield "| differences beside context | way | sd | mean standard error | 95 % interval holds |"
    for beside in (0.0, 0.5):
        for way in ("balance", "inverse_odds"):
            rng, found = np.random.default_rng(SEED), []
            for _ in range(draws):
                x, there = rng.normal(size=60), pd.DataFrame({"x": rng.normal(0.4, 1, 40)})
                own = 1 + x + beside * rng.normal(size=60) + 0.05 * rng.normal(size=60)
                units = pd.DataFrame({"label": [f"unit {i}" for i in range(60)], "estimate": own, "std_error": 0.05})
                units["context"] = [{"x": v} for v in x]
                made = transport(units, there, method=way)  # type: ignore[arg-type]
                found.append((made.estimate, made.std_error))
            value, error = np.array(found, dtype=float).T
            holds = np.mean(np.abs(value - 1.4) <= 1.959964 * error)
            yield f"| {beside:g} | {way} | {value.std():.3f} | {error.mean():.3f} | {holds:.3f} |"


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=DRAWS)
    draws = parser.parse_args().draws
    for part in (of_weights, of_support, of_transport, of_units):
        for line in part(draws):
            print(line, flush=True)


if __name__ == "__main__":
    main()
