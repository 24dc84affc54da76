"""How often a study of twelve outcomes finds something where there is nothing, by itself and with all outcomes counted.

    python -m benchmarks.multiple_testing [panels]

Each world: cities with their own level, common shocks and errors correlated over time (AR(1), 0.5), eight periods, twelve outcomes
whose errors have the correlation given, effects on none of them or on six (1.2 standard deviations of the errors). Each outcome is
estimated with ``inference: auto`` (999 draws where it draws); 999 draws for the stepdown. The first columns are the share of panels,
in %, in which any outcome *without* an effect has a p-value of at most 5 %: 5 is what the stepdown promises, whatever the correlation.
Then the share of false findings among q-values of at most 5 % (mean over panels), and the share of the true effects that is found.
Last, the time of a profile of 20 outcomes, 2,000 units and 20 periods.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special

import scale_impact as si
from scale_impact.core.bands import Draws
from scale_impact.core.profile.multiple_testing import Joint, adjust, holm, romano_wolf
from scale_impact.estimators import estimate
from scale_impact.inference import overall_judge

PANELS, OUTCOMES, PERIODS, DRAWS, SEED, ALPHA, EFFECT = 500, 12, 8, 999, 20251122, 0.05, 1.2
ESTIMATOR = "callaway_santanna"
LIMIT = 2.0
"""Seconds for a profile."""


@dataclass(frozen=True)
class World:
    """Treated cities of all cities, correlation between outcomes, and how many outcomes have an effect."""

    treated: int
    cities: int
    correlation: float
    moved: int = 0

    @property
    def name(self) -> str:
        """In words."""
        effects = f", effects on {self.moved} of {OUTCOMES}" if self.moved else ""
        return f"{self.treated} of {self.cities} treated, correlation {self.correlation:g}{effects}"


WORLDS = [
    World(200, 400, 0.0), World(200, 400, 0.5), World(50, 100, 0.0), World(50, 100, 0.5), World(50, 100, 0.9), World(50, 100, 0.5, 6),
    World(8, 20, 0.5), World(8, 20, 0.5, 6), World(3, 20, 0.5), World(3, 20, 0.5, 6),
]  # fmt: skip


def main(panels: int = PANELS) -> bool:
    """Print the table; whether the time is within its limit."""
    error = 100 * np.sqrt(ALPHA * (1 - ALPHA) / panels)
    print(f"{panels:,} panels a row (\u00b1{error:.1f} at 5 %)\n")
    heads = [
        "any false finding, each by itself",
        "Romano-Wolf",
        "Holm",
        "false among q <= 5 %",
        "sharpened",
        "found (Romano-Wolf)",
        "found (q)",
    ]
    print(f"| world | {' | '.join(heads)} |\n|{'---|' * (len(heads) + 1)}")
    for world in WORLDS:
        found = np.array([_panel(world, [SEED, k]) for k in range(panels)])
        shares = 100 * found.mean(axis=0)
        shown = [f"{s:.1f}" for s in shares[:5]] + [f"{s:.0f}" if world.moved else "-" for s in shares[5:]]
        print(f"| {world.name} | {' | '.join(shown)} |", flush=True)
    _with_exact_p_values()
    return _timed()


def _with_exact_p_values(samples: int = 2500, clusters: int = 200) -> None:
    """The stepdown alone: t tests of twelve independent normal outcomes, whose p-values are exact."""
    rng, found = np.random.default_rng(SEED), []
    for k in range(samples):
        y = rng.standard_normal((clusters, OUTCOMES))
        t = np.sqrt(clusters) * y.mean(axis=0) / y.std(axis=0, ddof=1)
        p = 2 * special.stdtr(clusters - 1, -np.abs(t))
        joint = Joint(y - y.mean(axis=0), Draws(DRAWS, seed=k))
        by_stepdown = romano_wolf(p, joint.null, joint.smallest)
        found.append([(q <= ALPHA).any() for q in (p, by_stepdown, holm(p))])
    shares = 100 * np.mean(found, axis=0)
    words = ", ".join(f"{name} {s:.1f}" for name, s in zip(("by itself", "Romano-Wolf", "Holm"), shares, strict=True))
    print(f"\nexact p-values, {clusters} clusters, correlation 0, {samples:,} samples, any false finding: {words}")


def _panel(world: World, seed: list[int]) -> list[float]:
    """What one panel gives, in the order of the columns."""
    rng = np.random.default_rng(seed)
    frame = _frame(world, rng)
    effects = [_judged(frame, f"y{k}", seed[1]) for k in range(OUTCOMES)]
    p_values = [e.overall.p_value for e in effects]
    together = adjust(p_values, [e.influence for e in effects], Draws(DRAWS, seed=seed[1])).adjusted
    null = np.arange(OUTCOMES) >= world.moved
    kinds = {
        name: np.array([getattr(a, name) for a in together]) <= ALPHA
        for name in ("p_value", "stepdown", "q_value", "sharpened")
    }
    by_holm = holm(np.array(p_values, dtype=float)) <= ALPHA
    false = [float((found & null).any()) for found in (kinds["p_value"], kinds["stepdown"], by_holm)]
    share = [float((kinds[k] & null).sum() / max(kinds[k].sum(), 1)) for k in ("q_value", "sharpened")]
    power = [float((kinds[k] & ~null).sum() / max(world.moved, 1)) for k in ("stepdown", "q_value")]
    return [*false, *share, *power]


def _frame(world: World, rng: np.random.Generator, outcomes: int = OUTCOMES, t: int = PERIODS) -> pd.DataFrame:
    n, city = world.cities, np.arange(world.cities)
    late = (city % 2 == 1) & (world.treated > 10)  # cohorts of a few would be judged by dealing dates again
    start = np.where(city < world.treated, np.where(late, 6, 5), np.inf)
    on = np.arange(t) >= start[:, None]
    errors = _errors(rng, n, t)
    frame = pd.DataFrame({"id": np.repeat(np.arange(n), t), "t": np.tile(np.arange(t), n), "g": np.repeat(start, t)})
    for k in range(outcomes):
        noise = np.sqrt(world.correlation) * errors + np.sqrt(1 - world.correlation) * _errors(rng, n, t)
        level, shock = 3 * rng.normal(size=(n, 1)), rng.normal(size=t)
        frame[f"y{k}"] = (level + shock + noise + EFFECT * (k < world.moved) * on).ravel()
    return frame


def _errors(rng: np.random.Generator, n: int, t: int) -> np.ndarray:
    """AR(1) errors with coefficient 0.5 and standard deviation 1, [n, t]."""
    found = np.empty((n, t))
    found[:, 0] = rng.normal(size=n)
    for k in range(1, t):
        found[:, k] = 0.5 * found[:, k - 1] + np.sqrt(0.75) * rng.normal(size=n)
    return found


def _judged(frame: pd.DataFrame, outcome: str, seed: int):
    panel = si.Panel.from_frame(frame, unit="id", period="t", outcome=outcome)
    design = si.Design.from_panel(panel, first_treated="g")

    def refit(p, d):
        return estimate(ESTIMATOR, p, d)

    effect = refit(panel, design)
    return overall_judge(effect, panel, design, refit, seed=seed, draws=DRAWS)(effect, panel, design, refit)


def _timed() -> bool:
    """Estimates, influences and the stepdown of 20 outcomes; whether they are made within the limit."""
    frame = _frame(World(1000, 2000, 0.5), np.random.default_rng(SEED), 20, 20)
    start = time.perf_counter()
    effects = [_judged(frame, f"y{k}", SEED) for k in range(20)]
    adjust([e.overall.p_value for e in effects], [e.influence for e in effects], Draws(DRAWS))
    seconds = time.perf_counter() - start
    print(f"\n20 outcomes x 2,000 units x 20 periods, {DRAWS} draws: {seconds:.2f} s (limit {LIMIT:g} s)")
    return seconds <= LIMIT


if __name__ == "__main__":
    sys.exit(0 if main(*(int(a) for a in sys.argv[1:])) else 1)
