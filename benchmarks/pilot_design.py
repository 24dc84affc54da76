"""Is the promised power kept? Pilots planned on simulated cities, and made afterwards: ``python -m benchmarks.pilot_design``.

Cities share two factors that walk at random; each has noise of its own size, correlated over time (0.5). A pilot is planned from
the first 40 periods, for 4 periods, among 20 cities. Then it is made in the next 4: was the test able to notice the effect that
was promised? A promise for power 0.8 should hold in about 80 % of the worlds, and the test should find something in 10 %
of those in which nothing begins.
"""

from __future__ import annotations

import argparse
import math
import time

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.pilot.plan import in_window, make_plan, promise
from scale_impact.core.pilot.question import Question
from scale_impact.core.pilot.screening import Past
from scale_impact.core.pilot.thresholds import Trial, smallest
from scale_impact.core.pilot.windows import Window
from scale_impact.estimators.demeaned_synthetic_control import again

CITIES, BEFORE, RUNS, POWER, ALPHA = 20, 40, 4, 0.8, 0.1
Floats = NDArray[np.float64]


def world(seed: int) -> Floats:
    """Outcomes [N, T] of cities, before and during the pilot."""
    rng = np.random.default_rng(seed)
    t = BEFORE + RUNS
    factors = rng.normal(size=(2, t)).cumsum(axis=1) / 2
    shocks, noise = rng.normal(size=(CITIES, t)), np.zeros((CITIES, t))
    for k in range(t):
        noise[:, k] = (0.5 * noise[:, k - 1] if k else 0) + math.sqrt(0.75) * shocks[:, k]
    size = np.exp(0.4 * rng.normal(size=(CITIES, 1)))
    return np.asarray(50 + 5 * rng.normal(size=(CITIES, 1)) + rng.normal(size=(CITIES, 2)) @ factors + size * noise)


def question(trial: Trial) -> Question:
    """Which of all cities, for one duration."""
    every = np.ones(CITIES, dtype=bool)
    return Question(
        np.arange(CITIES), tuple(map(str, range(CITIES))), tuple(range(BEFORE)), every, every, (RUNS,), 1, 2.0, False, "up",
        False, POWER, trial, math.ceil(0.4 * BEFORE), 0, 1, 0.95,
    )  # fmt: skip


def one(seed: int, asked: Question) -> list[float]:
    """Whether the smallest effects of the two kinds of windows and the promised one are noticed afterwards; a false alarm; sizes."""
    y = world(seed)
    plan = make_plan(asked, Past(y[:, :BEFORE], np.arange(CITIES), again))
    (best,) = plan.best
    assert best.held_out is not None
    later = smallest(best.held_out.thresholds, POWER)
    effects = [best.mde or math.inf, later or math.inf, promise(asked, best).value or math.inf]
    sizes, limit, _ = in_window(asked, Past(y, np.arange(CITIES), again), best.members, Window(BEFORE, BEFORE + RUNS))
    needed = float(asked.trial.noticed(sizes, np.array([limit]), "up")[0, 0])
    alarm = float(asked.trial.of(sizes)[0] > limit)
    return [*(float(needed <= e) for e in effects), alarm, *effects, needed]


def main() -> None:
    """Print one line a statistic."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=200)
    count = parser.parse_args().worlds
    print(
        "statistic         chosen  held out  promised  false alarms  median effects (chosen, held out, promised, needed)  s"
    )
    for statistic in ("rmspe_ratio", "effect_over_fit", "effect", "spread"):
        began = time.perf_counter()
        found = np.array([one(seed, question(Trial(statistic, "two", ALPHA))) for seed in range(count)])
        share, size = found[:, :4].mean(axis=0), np.median(found[:, 4:], axis=0)
        print(
            f"{statistic:16}",
            *(f"{s:9.3f}" for s in share),
            "  ",
            *(f"{s:6.2f}" for s in size),
            f"{time.perf_counter() - began:8.0f}",
        )


if __name__ == "__main__":
    main()
