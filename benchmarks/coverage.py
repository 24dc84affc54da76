"""Coverage of 95 % intervals in simulated panels with a known effect: ``python -m benchmarks.coverage``.

Each world: units with their own level, common shocks, errors correlated over time within a unit
(AR(1), 0.5), cohorts at three dates and never-treated units, effects that grow with time since
treatment and differ by unit. 2,000 panels a row, seeded.
"""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd

import scale_impact as si

PANELS, PERIODS, SEED = 2_000, 10, 20251122
DATES = (4, 6, 8)


def main(panels: int = PANELS) -> None:
    """Print coverage and rejection of a true null by estimator and number of units."""
    print(f"{panels} panels a row, {PERIODS} periods, adoption in {DATES} (one date for did_2x2, twfe, event_study)\n")
    print("| estimator | units | treated | 95 % interval covers | mean std. error / spread of estimates |")
    print("|---|---|---|---|---|")
    for name in ("callaway_santanna", "did_2x2", "twfe", "event_study"):
        for units in (20, 40, 100, 400):
            print(_row(name, units, panels))
            sys.stdout.flush()


def _row(name: str, units: int, panels: int) -> str:
    rng = np.random.default_rng([SEED, units])
    dates = DATES if name == "callaway_santanna" else DATES[1:2]
    found = np.array([_one(name, units, dates, rng) for _ in range(panels)])
    inside, errors, estimates = found[:, 0].mean(), found[:, 1].mean(), found[:, 2].std()
    return f"| `{name}` | {units} | {units // 2} | {100 * inside:.1f} % | {errors / estimates:.3f} |"


def _one(name: str, units: int, dates: tuple[int, ...], rng: np.random.Generator) -> tuple[float, float, float]:
    """Whether the interval holds the truth of the sampled cohorts, the standard error, the error."""
    frame, truth = _world(units, dates, rng)
    panel = si.Panel.from_frame(frame, unit="unit", period="period", outcome="y")
    estimate = si.estimate(name, panel, si.Design.from_panel(panel, first_treated="first")).overall
    low, high = estimate.interval(0.95)
    return float(low <= truth <= high), estimate.std_error, estimate.value - truth


def _world(units: int, dates: tuple[int, ...], rng: np.random.Generator) -> tuple[pd.DataFrame, float]:
    """A panel and its true effect: the population mean over treated cells of these cohorts."""
    first = np.r_[np.resize(dates, units // 2).astype(float), np.full(units - units // 2, np.inf)]
    period = np.arange(1, PERIODS + 1)
    shock = rng.standard_normal((units, PERIODS))
    for t in range(1, PERIODS):
        shock[:, t] += 0.5 * shock[:, t - 1]
    treated = period >= first[:, None]
    growth = np.where(treated, 1 + 0.2 * (period - np.where(np.isfinite(first), first, 0)[:, None]), 0.0)
    own = 1 + 0.5 * rng.standard_normal((units, 1))
    y = 3 * rng.standard_normal((units, 1)) + rng.standard_normal(PERIODS) + growth * own + shock
    frame = pd.DataFrame(
        {
            "unit": np.repeat(np.arange(units), PERIODS),
            "period": np.tile(period, units),
            "y": y.ravel(),
            "first": np.repeat(first, PERIODS),
        }
    )
    return frame, float(growth[treated].mean())


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else PANELS)
