"""How often intervals of a stepped wedge hold its effect: by the experiment's dealings, and by the models.

Twelve clusters start one after another over five periods, ten people in each cluster and period; clusters and their periods have
effects of their own. Run: ``python -m benchmarks.stepped_wedge [worlds]``.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pandas as pd

import scale_impact as si

CLUSTERS, PERIODS, PEOPLE, EFFECT, DRAWS = 12, 5, 10, 0.5, 499

MODELS: dict[str, dict[str, Any]] = {
    "time_adjusted": {},
    "vertical": {"model": "vertical"},
    "mixed": {"model": "mixed"},
    "mixed, cluster_period": {"model": "mixed", "random": "cluster_period"},
}


def world(seed: int) -> tuple[si.Panel, si.Design]:
    """One wedge with an effect of EFFECT from the first treated period on."""
    rng = np.random.default_rng(seed)
    starts = rng.permutation(np.repeat(np.arange(1, PERIODS), CLUSTERS // (PERIODS - 1)))
    level, wave = rng.normal(size=CLUSTERS) * 0.5, rng.normal(size=(CLUSTERS, PERIODS)) * 0.3
    c = np.repeat(np.arange(CLUSTERS), PERIODS * PEOPLE)
    t = np.tile(np.repeat(np.arange(PERIODS), PEOPLE), CLUSTERS)
    y = level[c] + wave[c, t] + 0.2 * t + EFFECT * (t >= starts[c]) + rng.normal(size=len(c))
    frame = pd.DataFrame({"cluster": [f"c{k:02d}" for k in c], "period": t, "start": starts[c], "y": y})
    panel = si.Panel.from_frame(frame, unit=None, period="period", outcome="y")
    return panel, si.Design.from_panel(panel, first_treated="start", control="not_yet", cluster="cluster")


def held(data: tuple[si.Panel, si.Design], options: dict[str, Any]) -> tuple[bool, bool, float]:
    """Whether the interval by dealings and that by the model hold the effect, and the estimate."""
    found = si.estimate("randomised_rollout", *data, draws=DRAWS, **options).overall
    ends = si.estimate("randomised_rollout", *data, intervals="model", **options).overall.interval()
    by_dealings = found.interval()
    assert ends is not None
    assert by_dealings is not None
    assert found.value is not None
    return by_dealings[0] <= EFFECT <= by_dealings[1], ends[0] <= EFFECT <= ends[1], found.value


def main(worlds: int) -> None:
    """Print the shares."""
    for name, options in MODELS.items():
        rows = np.array([held(world(seed), options) for seed in range(worlds)], dtype=float)
        print(f"{name:24} dealings {rows[:, 0].mean():.3f}  model {rows[:, 1].mean():.3f}  sd {rows[:, 2].std():.3f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
