"""Coverage of 95 % intervals of heterogeneous effects in simulated cities with known ones: ``python -m benchmarks.cate_coverage``.

Worlds: three covariates, of which two decide who is exposed and all move the outcome; the conditional effect is a line
(1 + b) or a step (0 or 2) in the context b and 1 on average. Cross-sections, changes before and after (units with a level of their own;
the average is that on the treated), and clusters of five with a common shock that are exposed together. Intervals: of the
overall number; of thirds of b; of each unit's conditional effect, told by its contexts b and c. ``--draws 150`` worlds a row (forests a
third of them), one process, seeded; names of estimators pick some.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

import scale_impact as si
from scale_impact.core.causal.cross_section import Floats

SEED, DRAWS, POPULATION = 20251122, 150, 200_000
LEARNER = {"outcome": "ridge_cv", "treatment": "linear"}
ESTIMATORS: dict[str, dict[str, Any]] = {
    "double_ml": {"learner": LEARNER},
    "dr_learner": {"learner": LEARNER},
    "causal_forest": {"learner": LEARNER, "trees": 200},
}
"""With the options used; the plain logistic regression in place of the penalised one is for speed."""


def line(b: Floats) -> Floats:
    """An effect that rises with b."""
    return 1 + b


def step(b: Floats) -> Floats:
    """An effect that jumps at 0."""
    return 2.0 * (b > 0)


@dataclass(frozen=True)
class World:
    """Clusters of ``size`` rows each, the form of the effect, and whether outcomes are seen before, too."""

    name: str
    clusters: int
    effect: Callable[[Floats], Floats]
    size: int = 1
    changes: bool = False


WORLDS = (
    World("cross-section, line", 200, line),
    World("cross-section, line", 1000, line),
    World("cross-section, step", 200, step),
    World("cross-section, step", 1000, step),
    World("changes, line", 300, line, changes=True),
    World("clusters of 5, line", 60, line, size=5),
)


def main(draws: int, only: tuple[str, ...]) -> None:
    """Print coverage by estimator and world."""
    print("| world | units | clusters | estimator | worlds | overall | width / spread | thirds of b | each unit |")
    print("|---|---|---|---|---|---|---|---|---|")
    for world in WORLDS:
        for name, options in ESTIMATORS.items():
            if not only or name in only:
                many = draws // 3 if name == "causal_forest" else draws
                print(_row(world, name, options, many), flush=True)


def _row(world: World, name: str, options: dict[str, Any], draws: int) -> str:
    rng = np.random.default_rng([SEED, world.clusters, world.size])
    truth = _frame(World("", POPULATION, world.effect), rng)
    found = np.array([_one(world, name, options, truth, rng) for _ in range(draws)])
    overall, thirds, units, width, error = found.T
    told = "none" if np.isnan(units).any() else f"{100 * units.mean():.1f} %"
    n = world.clusters * world.size
    return (
        f"| {world.name} | {n:,} | {world.clusters:,} | `{name}` | {draws} | {100 * overall.mean():.1f} % | {width.mean() / error.std():.2f} | "
        f"{100 * thirds.mean():.1f} % | {told} |"
    )


def _one(
    world: World, name: str, options: dict[str, Any], truth: pd.DataFrame, rng: np.random.Generator
) -> tuple[float, float, float, float, float]:
    """Shares of intervals that hold the truth: overall, thirds, units; half width and error of the overall number."""
    frame = _frame(world, rng)
    cluster = "cluster" if world.size > 1 else None
    if world.changes:
        panel = si.Panel.from_frame(_before_and_after(frame, rng), unit="unit", period="t", outcome="y")
        design = si.Design.from_panel(panel, first_treated="first")
    else:
        panel = si.Panel.from_frame(frame.assign(t=1), unit="unit", period="t", outcome="y")
        design = si.Design.from_panel(panel, exposure="d", cluster=cluster)
    effect = si.estimate(name, panel, design, covariates=["a", "b", "c"], contexts=["b", "c"], **options)
    weight = truth["p"] if world.changes else np.ones(len(truth))
    average = float(np.average(truth["effect"], weights=weight))
    low, high = effect.overall.interval() or (np.nan, np.nan)
    return (
        float(low <= average <= high),
        _thirds(effect, frame, truth, weight),
        _units(effect),
        (high - low) / 2,
        (effect.overall.value or np.nan) - average,
    )


def _thirds(effect: si.Effect, frame: pd.DataFrame, truth: pd.DataFrame, weight: Any) -> float:
    """Share of the thirds of b whose interval holds the mean effect of such units in a large population."""
    ends = [-np.inf, *np.quantile(frame["b"], [1 / 3, 2 / 3]), np.inf]
    held = []
    for k in range(3):
        inside = (truth["b"] > ends[k]) & (truth["b"] <= ends[k + 1])
        mean = float(np.average(truth["effect"][inside], weights=np.asarray(weight)[inside]))
        low, high = effect.curves["subgroups"][k].interval() or (np.nan, np.nan)
        held.append(low <= mean <= high)
    return float(np.mean(held))


def _units(effect: si.Effect) -> float:
    """Share of units whose interval holds their conditional effect; NaN where there are none."""
    found = effect.heterogeneity
    assert found is not None
    if found.std_errors is None:
        return np.nan
    truth = found.rows.frame(["effect"])["effect"].to_numpy()
    half = si.Estimate(0.0, 1.0, effect.overall.df).interval()[1] * found.std_errors  # type: ignore[index]
    return float((np.abs(found.cate - truth) <= half).mean())


def _frame(world: World, rng: np.random.Generator) -> pd.DataFrame:
    """One row a unit: covariates (of its cluster), exposure, its probability, effect and outcome."""
    of_cluster = np.repeat(np.arange(world.clusters), world.size)
    a, b, c = rng.standard_normal((3, world.clusters))[:, of_cluster]
    p = 1 / (1 + np.exp(-0.5 * a - 0.3 * b))
    d = (rng.random(world.clusters)[of_cluster] < p).astype(int)
    shock = 0.7 * rng.standard_normal(world.clusters)[of_cluster] if world.size > 1 else 0.0
    effect = world.effect(b)
    y = a + 0.5 * b + 0.5 * c + d * effect + shock + rng.standard_normal(len(a))
    return pd.DataFrame(
        {
            "unit": np.arange(len(a)),
            "cluster": of_cluster,
            "a": a,
            "b": b,
            "c": c,
            "p": p,
            "d": d,
            "effect": effect,
            "y": y,
        }
    )


def _before_and_after(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """The same units with a level of their own, seen before, when nobody was exposed, and after."""
    level = 3 * rng.standard_normal(len(frame)) + frame["a"]
    first = np.where(frame["d"] == 1, 1.0, np.inf)
    before = frame.assign(t=0, first=first, y=level)
    return pd.concat([before, frame.assign(t=1, first=first, y=level + frame["y"])])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Coverage of intervals of heterogeneous effects.")
    parser.add_argument("only", nargs="*", help="estimators; default all")
    parser.add_argument("--draws", type=int, default=DRAWS, help="simulated worlds a row; forests take a third")
    given = parser.parse_args()
    main(given.draws, tuple(given.only))
