"""How often tests of heterogeneity find what is not there, and what is: ``python -m benchmarks.heterogeneity_tests``.

Two kinds of worlds, all seeded. *Scores*: orthogonal scores are drawn as they are with known nuisances, and conditional effects are
learned from the other folds by a learner that is named; many draws, so that sizes are told well. *Estimators*: a city's outcome
depends on four contexts, which also move who is treated, and the estimator of a study does all the work. Effects are 1 for all, or
1 + spread x (first context), whose standard deviation is the spread.

Shares of draws at the level of 5 %: that each test finds heterogeneity (size where there is none, power where there is), that the
joint check does, and that 95 % intervals hold the slope of the first context (projection) and the mean effect of groups (GATES: the
truth is that of the groups as they are drawn). ``plain`` is what the rank-weighted average would find with predictions taken as given.

``--draws N`` changes the number of draws (scores: ten times as many); ``--only scores|estimators`` leaves out the other half.
"""

from __future__ import annotations

import argparse
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

import scale_impact as si
from scale_impact.core.causal.for_whom.calibration import calibrate
from scale_impact.core.causal.for_whom.groups import grouped
from scale_impact.core.causal.for_whom.projection import Scored, project, scored
from scale_impact.core.causal.for_whom.ranking import ranked
from scale_impact.core.comparison import holm
from scale_impact.errors import EstimationError

DRAWS, TIMES, SEED, LEVEL = 200, 10, 20251122, 0.05

HEADS = (
    "conditional effects by", "rows", "contexts", "folds", "spread", "draws", "projection", "calibration", "AUTOC", "plain AUTOC",
    "joint", "slope covered", "groups covered",
)  # fmt: skip


@dataclass(frozen=True)
class World:
    """One row of the table."""

    learner: str
    rows: int
    contexts: int
    folds: int
    spread: float
    members: int = 1
    estimator: bool = False


SCORES = [
    World(learner, 400, contexts, folds, spread, members)
    for learner, contexts, folds, members in (
        ("regression", 1, 5, 1), ("regression", 5, 2, 1), ("regression", 5, 5, 1), ("regression", 20, 5, 1), ("regression", 5, 5, 8),
        ("kernels", 5, 5, 1),
    )
    for spread in (0.0, 0.3, 0.6)
]  # fmt: skip
ESTIMATORS = [
    World(name, rows, 4, 5, spread, estimator=True)
    for name, rows in (("double_ml", 400), ("dr_learner", 400), ("causal_forest", 400), ("double_ml on changes", 200))
    for spread in (0.0, 0.6)
]


def main() -> None:
    """Print the table."""
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--draws", type=int, default=DRAWS)
    reader.add_argument("--only", choices=["scores", "estimators"])
    given = reader.parse_args()
    print("| " + " | ".join(HEADS) + " |")
    print("|---" * len(HEADS) + "|")
    chosen = [w for w in (*SCORES, *ESTIMATORS) if given.only is None or w.estimator == (given.only == "estimators")]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for line in pool.map(_line, chosen, [given.draws * (1 if w.estimator else TIMES) for w in chosen]):
            print(line)
            sys.stdout.flush()


def _line(world: World, draws: int) -> str:
    rng = np.random.default_rng([SEED, world.rows, world.contexts])
    found = np.array([_one(world, rng) for _ in range(draws)])
    shares = [f"{100 * v:.1f} %" if np.isfinite(v) else "" for v in np.nanmean(found, axis=0)]
    clustered = f" in {world.rows // world.members} clusters" if world.members > 1 else ""
    about = [
        f"`{world.learner}`" if world.estimator else world.learner,
        f"{world.rows}{clustered}",
        world.contexts,
        world.folds,
    ]
    return "| " + " | ".join(map(str, [*about, world.spread, f"{draws:,}", *shares])) + " |"


def _one(world: World, rng: np.random.Generator) -> list[float]:
    """What the tests say in one draw, and whether intervals hold."""
    rows, truth = _estimated(world, rng) if world.estimator else _drawn(world, rng)
    line = project(rows)
    try:
        slope, order = calibrate(rows), ranked(rows)
        tests = [line.test[1], slope.p_value, order.p_value]
        plain = float(order.value / order.plain_error > 1.645)
    except EstimationError:  # the same prediction for all: nothing is found
        tests, plain = [line.test[1], 1.0, 1.0], 0.0
    joint = holm(np.array(tests)).min() < LEVEL
    covered = abs(line.slopes[0] / line.spreads[0] - world.spread) < 1.96 * line.std_errors[0] / line.spreads[0]
    return [*(float(p < LEVEL) for p in tests), plain, float(joint), float(covered), _groups(rows, truth)]


def _groups(rows: Scored, truth: np.ndarray[Any, Any]) -> float:
    """Share of three groups whose interval holds their mean effect; NaN where rows cannot be grouped."""
    try:
        found = grouped(rows, 3)
    except EstimationError:
        return float("nan")
    total = np.bincount(found.member, rows.weight)
    target = np.bincount(found.member, rows.weight * truth) / total
    return float(np.mean(np.abs(found.effects - target) < 1.96 * found.std_errors))


# ---- scores as they are -------------------------------------------------------------------------------


def _drawn(world: World, rng: np.random.Generator) -> tuple[Scored, np.ndarray[Any, Any]]:
    n, clusters = world.rows, np.arange(world.rows) // world.members
    x = _mixed(rng, clusters, world.contexts)
    truth = 1 + world.spread * x[:, 0]
    scores = truth + 2 * (1 + 0.5 * (x[:, 0] > 0)) * _mixed(rng, clusters, 1)[:, 0]
    folds = rng.permutation(clusters.max() + 1)[clusters] % world.folds
    cate = np.empty(n)
    for k in range(world.folds):
        cate[folds == k] = LEARNERS[world.learner](x[folds != k], scores[folds != k], x[folds == k])
    names = tuple(f"x{j}" for j in range(world.contexts))
    return Scored(scores, np.ones(n), cate, x, names, clusters, folds), truth


def _mixed(rng: np.random.Generator, clusters: np.ndarray[Any, Any], columns: int) -> np.ndarray[Any, Any]:
    """Normal columns with variance 1, half of it common to a cluster where clusters have several rows."""
    own = rng.normal(size=(len(clusters), columns))
    if clusters.max() + 1 == len(clusters):
        return own
    return (own + rng.normal(size=(clusters.max() + 1, columns))[clusters]) / np.sqrt(2)


def _regression(x: Any, y: Any, new: Any) -> Any:
    slopes = np.linalg.lstsq(np.column_stack([np.ones(len(x)), x]), y, rcond=None)[0]
    return slopes[0] + new @ slopes[1:]


def _kernels(x: Any, y: Any, new: Any) -> Any:
    """Kernel ridge regression: rich enough to follow noise."""
    near = np.exp(-0.5 * ((x[:, None] - x[None]) ** 2).sum(axis=2))
    across = np.exp(-0.5 * ((new[:, None] - x[None]) ** 2).sum(axis=2))
    return y.mean() + across @ np.linalg.solve(near + np.eye(len(x)), y - y.mean())


LEARNERS = {"regression": _regression, "kernels": _kernels}


# ---- estimators ---------------------------------------------------------------------------------------


def _estimated(world: World, rng: np.random.Generator) -> tuple[Scored, np.ndarray[Any, Any]]:
    changes = world.learner.endswith("on changes")
    frame, truth = _cities(world, rng)
    names = [f"x{j}" for j in range(world.contexts)]
    panel, design = _before_and_after(frame) if changes else _once(frame)
    options: dict[str, Any] = {"force": True} if world.learner == "causal_forest" else {}
    effect = si.estimate(
        world.learner.split()[0], panel, design, covariates=names, seed=int(rng.integers(1 << 30)), **options
    )
    assert effect.heterogeneity is not None
    return scored(effect.heterogeneity), truth[effect.heterogeneity.rows.units]


def _cities(world: World, rng: np.random.Generator) -> tuple[pd.DataFrame, np.ndarray[Any, Any]]:
    """Cities with contexts that move outcome and treatment, and their true effects."""
    x = rng.normal(size=(world.rows, world.contexts))
    truth = 1 + world.spread * x[:, 0]
    treated = rng.uniform(size=world.rows) < 1 / (1 + np.exp(-0.5 * x[:, 0] + 0.5 * x[:, 1]))
    frame = pd.DataFrame(x, columns=[f"x{j}" for j in range(world.contexts)])
    noise = rng.normal(size=world.rows)
    return frame.assign(
        city=range(world.rows), d=treated.astype(int), y=x[:, 1] + x[:, 2] + truth * treated + noise
    ), truth


def _once(frame: pd.DataFrame) -> tuple[Any, Any]:
    panel = si.Panel.from_frame(frame.assign(year=2020), unit="city", period="year", outcome="y")
    return panel, si.Design.from_panel(panel, exposure="d")


def _before_and_after(frame: pd.DataFrame) -> tuple[Any, Any]:
    """The same as changes: levels before differ by city, and nobody is treated then."""
    before = frame.assign(year=2019, y=5.0 + frame["x3"], d=0)
    both = pd.concat([before, frame.assign(year=2020, y=frame["y"] + before["y"])])
    panel = si.Panel.from_frame(both, unit="city", period="year", outcome="y")
    return panel, si.Design.from_panel(panel, treated="d")


if __name__ == "__main__":
    main()
