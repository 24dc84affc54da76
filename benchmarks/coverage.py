"""Coverage of 95 % intervals in simulated panels with a known effect: ``python -m benchmarks.coverage``.

Each world: units with their own level, common shocks, errors correlated over time within a unit
(AR(1), 0.5), adoption at three dates (one for did_2x2, and with 10 units) and never-treated units,
an effect of 1 on average that differs by unit. 2,000 panels a row, seeded. Intervals are each
estimator's own (analytic) or those of ``inference: auto``, as in a study, with 999 draws. With 10
units ``auto`` would estimate hundreds of times a panel where the estimator is not linear; these
rows take the jackknife.
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np
import pandas as pd

import scale_impact as si
from scale_impact.core import keys
from scale_impact.errors import EstimationError
from scale_impact.inference import overall_judge

PANELS, PERIODS, SEED = 2_000, 10, 20251122
DATES = (4, 6, 8)
SIZES = ((10, "auto"), (40, "analytic"), (40, "auto"), (100, "auto"))
"""Units, and the kind of intervals: the estimator's own, or those that a study takes by default."""

ONE_DATE = ("did_2x2",)
OPTIONS: dict[str, dict[str, Any]] = {
    "dose_response": {"dose": "dose", "degree": 1},
    "triple_difference": {"subgroup": "subgroup"},
}
EXTRA = (
    ("callaway_santanna", {"covariates": ["x"]}),
    ("twfe", {"vcov": "CR2"}),
    ("imputation", {"leave_one_out": True}),
    ("two_stage", {"small_sample": True}),
)


def main(panels: int = PANELS, only: tuple[str, ...] = ()) -> None:
    """Print coverage by estimator and number of units."""
    print(f"{PERIODS} periods, adoption in {DATES}\n")
    print(
        "| estimator | units | treated | intervals | panels | 95 % interval covers | mean half width / spread of estimates |"
    )
    print("|---|---|---|---|---|---|---|")
    named = [(n, OPTIONS.get(n, {})) for n in keys.names("estimators")]
    chosen = [(n, o, size) for n, o in (*named, *EXTRA) if not only or n in only for size in SIZES]
    rows = [(n, o, units, _kind(n, o, units, kind), panels) for n, o, (units, kind) in chosen]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for line in pool.map(_row, rows):
            print(line)
            sys.stdout.flush()


def _kind(name: str, options: dict[str, Any], units: int, kind: str) -> str:
    linear = name not in ("efficient", "triple_difference") and "covariates" not in options
    return kind if linear or units != 10 else "jackknife"


def _row(task: tuple[str, dict[str, Any], int, str, int]) -> str:
    name, options, units, kind, panels = task
    rng = np.random.default_rng([SEED, units])
    found = [_one(name, options, units, kind, rng) for _ in range(panels)]
    drawn = np.array([f for f in found if f is not None])
    inside, width, spread = drawn[:, 0].mean(), np.median(drawn[:, 1]), drawn[:, 2].std()
    words = ", ".join(f"{k}: {v}" for k, v in options.items() if name not in OPTIONS)
    words = words.replace("True", "true").replace("['x']", "one")
    none = f" ({panels - len(drawn)} without interval)" if len(drawn) < panels else ""
    label = f"`{name}`" + (f" ({words})" if words else "")
    return f"| {label} | {units} | {units // 2} | {kind} | {panels:,} | {100 * inside:.1f} %{none} | {width / spread:.2f} |"


def _one(
    name: str, options: dict[str, Any], units: int, kind: str, rng: np.random.Generator
) -> tuple[float, float, float] | None:
    """Whether the interval holds the truth, its half width, the error; None without an interval."""
    frame = _world(units, DATES[1:2] if name in ONE_DATE or units == 10 else DATES, rng, some="subgroup" in options)
    panel = si.Panel.from_frame(frame, unit="unit", period="period", outcome="y")
    design = si.Design.from_panel(panel, first_treated="first")

    def refit(panel: si.Panel, design: si.Design) -> si.Effect:
        return si.estimate(name, panel, design, **options)

    try:
        effect = refit(panel, design)
        effect = overall_judge(effect, panel, design, refit, kind)(effect, panel, design, refit)
    except EstimationError:  # ten units, or nine, and a covariate: a propensity model that tells all from all
        return None
    ends = effect.overall.interval(0.95)
    if ends is None or effect.overall.value is None:
        return None
    return float(ends[0] <= 1 <= ends[1]), (ends[1] - ends[0]) / 2, effect.overall.value - 1


def _world(units: int, dates: tuple[int, ...], rng: np.random.Generator, *, some: bool) -> pd.DataFrame:
    """A panel whose units (``some``: those of a subgroup) answer to treatment by 1 on average; covariate and dose beside it."""
    first = np.r_[np.resize(dates, units // 2).astype(float), np.full(units - units // 2, np.inf)]
    period = np.arange(1, PERIODS + 1)
    shock = rng.standard_normal((units, PERIODS))
    for t in range(1, PERIODS):
        shock[:, t] += 0.5 * shock[:, t - 1]
    own, x = 1 + 0.5 * rng.standard_normal((units, 1)), rng.standard_normal((units, 1))
    # every second unit of a cohort, and of the never treated, belongs to the subgroup that treatment reaches
    rank = pd.Series(first).groupby(first).cumcount().to_numpy()
    y = 3 * rng.standard_normal((units, 1)) + rng.standard_normal(PERIODS) + shock + 0.1 * x * period
    subgroup = (rank % 2 == 0).astype(int)
    y = y + (period >= first[:, None]) * own * (subgroup[:, None] if some else 1)
    return pd.DataFrame(
        {
            "unit": np.repeat(np.arange(units), PERIODS),
            "period": np.tile(period, units),
            "y": y.ravel(),
            "first": np.repeat(first, PERIODS),
            "x": np.repeat(x, PERIODS),
            "dose": np.repeat(np.where(np.isfinite(first), rng.uniform(0.5, 1.5, units), 0.0), PERIODS),
            "subgroup": np.repeat(subgroup, PERIODS),
        }
    )


if __name__ == "__main__":
    numbers = [int(a) for a in sys.argv[1:] if a.isdigit()]
    main(numbers[0] if numbers else PANELS, tuple(a for a in sys.argv[1:] if not a.isdigit()))
