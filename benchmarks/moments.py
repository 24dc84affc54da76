"""Cohort moments against passes of ``Y.T @ Y``, and Callaway-Sant'Anna from the moments."""

from __future__ import annotations

import numpy as np
import pandas as pd

import scale_impact as si
from benchmarks.timing import in_turn, line, seconds
from scale_impact.core.cohorts import Cohorts, cohort_moments

UNITS, PERIODS = 1_000_000, 10
STARTS = np.array([3, 4, 5, 7, 8, PERIODS])


def main() -> bool:
    """Print the table; whether all limits are held."""
    rng = np.random.default_rng(20251122)
    y = rng.standard_normal((UNITS, PERIODS)) + rng.standard_normal((UNITS, 1))
    codes = rng.integers(0, len(STARTS), UNITS)
    one_pass, ours = in_turn(lambda: y.T @ y, lambda: Cohorts.from_matrix(y, codes, STARTS))
    print(f"1,000,000 units x 10 periods, 6 cohorts: one pass of Y.T @ Y takes {1e3 * one_pass:.1f} ms")
    held = line("cohort moments, passes of Y.T @ Y", ours / one_pass, 6, "passes")
    return (
        line("then Callaway-Sant'Anna with all four aggregations", 1e3 * _callaway_santanna(y, codes), 50, "ms")
        and held
    )


def _callaway_santanna(y: np.ndarray, codes: np.ndarray) -> float:
    """Seconds from remembered moments to the finished effect, best of five."""
    frame = pd.DataFrame(
        {
            "unit": np.repeat(np.arange(UNITS), PERIODS),
            "period": np.tile(np.arange(1, PERIODS + 1), UNITS),
            "y": y.ravel(),
            "first": np.repeat(np.where(STARTS[codes] < PERIODS, STARTS[codes] + 1.0, np.inf), PERIODS),
        }
    )
    panel = si.Panel.from_frame(frame, unit="unit", period="period", outcome="y")
    design = si.Design.from_panel(panel, first_treated="first")
    cohort_moments(panel, design)
    return min(seconds(lambda: si.estimate("callaway_santanna", panel, design)) for _ in range(5))


if __name__ == "__main__":
    main()
