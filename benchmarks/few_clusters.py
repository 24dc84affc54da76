"""Coverage of 95 % intervals with few clusters, method by method: ``python -m benchmarks.few_clusters``.

Each world: cities with their own level, common shocks, errors correlated over time within a city
(AR(1), 0.5), an effect of 1, ten periods. 2,000 panels a row, seeded; 999 draws a method; the
jackknife, which estimates again for each city, on every fourth panel. The last rows (500 panels)
have treated cities whose errors are twice as large as others', or effects that grow and differ by
city: what some methods assume is then wrong to some degree.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

import scale_impact as si
from scale_impact.core import keys
from scale_impact.core.targets import targets_of
from scale_impact.errors import ScaleImpactError
from scale_impact.inference import judged

PANELS, PERIODS, DRAWS, SEED = 2_000, 10, 999, 20251122
NEVER = np.inf

METHODS = {
    "analytic": None,
    "wild_bootstrap": {"draws": DRAWS},
    "wild_bootstrap, WCU": {"draws": DRAWS, "null_imposed": False},
    "randomisation": {"draws": DRAWS},
    "conley_taber": {"draws": DRAWS},
    "conley_taber, normal": {"draws": DRAWS, "noise": "normal"},
    "jackknife": {},
}

WORLDS = {
    "5 of 10 treated": [3, 5, 5, 7, 7] + [NEVER] * 5,
    "6 of 12 treated": [3, 3, 5, 5, 7, 7] + [NEVER] * 6,
    "3 of 12 treated": [3, 5, 7] + [NEVER] * 9,
    "1 of 20 treated": [5] + [NEVER] * 19,
    "1 of 12 treated": [5] + [NEVER] * 11,
}


@dataclass(frozen=True)
class Unlike:
    """How treated cities differ from others: size of their errors, growth and spread of effects."""

    size: float = 1.0
    growth: float = 0.0
    spread: float = 0.0


UNLIKE = {"errors twice as large": Unlike(size=2.0), "effects grow and differ": Unlike(growth=0.2, spread=0.5)}


def main(panels: int = PANELS) -> None:
    """Print both tables."""
    print(f"{panels} panels a row, {PERIODS} periods; coverage in %, in brackets the median width; - no interval\n")
    heads = ["world", "estimator", *METHODS, "auto takes"]
    print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    for name, starts in WORLDS.items():
        _rows(name, starts, Unlike(), panels)
    for words, unlike in UNLIKE.items():
        for name in ("5 of 10 treated", "6 of 12 treated", "3 of 12 treated"):
            _rows(f"{name}, {words}", WORLDS[name], unlike, panels // 4)


def _rows(name: str, starts: list[float], unlike: Unlike, panels: int) -> None:
    for estimator in ("twfe", "callaway_santanna"):
        rng = np.random.default_rng([SEED, len(name), len(starts)])
        first = np.array(starts)
        panel, design = _frame(first)
        found = [
            _one(estimator, panel, design, first, unlike, rng, slow=unlike == Unlike() and k % 4 == 0)
            for k in range(panels)
        ]
        cells = [_cell([f[m] for f in found if m in f]) for m in METHODS]
        taken = _taken(estimator, panel, design, first, unlike, rng)
        print(f"| {name} | `{estimator}` | {' | '.join(cells)} | `{taken}` |")
        sys.stdout.flush()


def _cell(ends: list[tuple[float, float, float] | None]) -> str:
    """Coverage and median width of (low, high, truth)."""
    known = np.array([e for e in ends if e is not None])
    if not len(ends) or len(known) < len(ends) / 2 or not np.isfinite(known).all(axis=1).any():
        return "-"
    inside = ((known[:, 0] <= known[:, 2]) & (known[:, 2] <= known[:, 1])).mean()
    return f"{100 * inside:.1f} ({np.median(known[:, 1] - known[:, 0]):.1f})"


def _frame(first: np.ndarray) -> tuple[si.Panel, si.Design]:
    n = len(first)
    frame = pd.DataFrame(
        {
            "unit": np.repeat(np.arange(n), PERIODS),
            "period": np.tile(np.arange(PERIODS), n),
            "first": np.repeat(first, PERIODS),
        }
    )
    panel = si.Panel.from_frame(frame.assign(y=0.0), unit="unit", period="period", outcome="y")
    return panel, si.Design.from_panel(panel, first_treated="first")


def _world(first: np.ndarray, unlike: Unlike, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """Outcomes, and the mean effect over treated cells in the population."""
    n, period = len(first), np.arange(PERIODS)
    shock = rng.standard_normal((n, PERIODS))
    for t in range(1, PERIODS):
        shock[:, t] += 0.5 * shock[:, t - 1]
    shock[np.isfinite(first)] *= unlike.size
    treated = period >= first[:, None]
    growth = np.where(treated, 1 + unlike.growth * (period - np.where(np.isfinite(first), first, 0)[:, None]), 0.0)
    own = 1 + unlike.spread * rng.standard_normal((n, 1))
    y = 3 * rng.standard_normal((n, 1)) + rng.standard_normal(PERIODS) + growth * own + shock
    return y, float(growth[treated].mean())


def _one(
    estimator: str,
    panel: si.Panel,
    design: si.Design,
    first: np.ndarray,
    unlike: Unlike,
    rng: np.random.Generator,
    *,
    slow: bool,
) -> dict[str, tuple[float, float, float] | None]:
    """Interval and truth by method."""
    y, truth = _world(first, unlike, rng)
    panel = replace(panel, values=y.ravel())
    effect = _refit(estimator)(panel, design)
    targets = targets_of(effect, panel, design, _refit(estimator))[:1]
    found = {}
    for name, options in METHODS.items():
        if name == "jackknife" and not slow:
            continue
        ends = effect.overall.interval(0.95)
        if options is not None:
            judge = keys.load("inference", name.split(",")[0], "judge")
            try:
                ends = judge(panel, design, _refit(estimator), effect, targets, **options)[0].interval(0.95)
            except ScaleImpactError:
                ends = None
        found[name] = None if ends is None else (*ends, truth)
    return found


def _refit(estimator: str):
    return lambda p, d: si.estimate(estimator, p, d)


def _taken(estimator, panel, design, first, unlike, rng) -> str:
    """The method that `auto` takes, in its first words."""
    panel = replace(panel, values=_world(first, unlike, rng)[0].ravel())
    notes = judged(_refit(estimator)(panel, design), panel, design, _refit(estimator), "auto").notes
    return next(n for n in notes if n.startswith("Interval and p-value are by")).split()[5].rstrip(",")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else PANELS)
