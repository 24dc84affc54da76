"""How often the intervals for one pilot city hold: ``python -m benchmarks.synthetic_coverage [panels] [estimator ...]``.

Cities: each world has units with their own level, common shocks, two factors that follow their past (AR(1), 0.8) with loadings of
each unit's own, and errors that follow their past within a unit (AR(1), 0.5; standard deviation 1). One unit (or three) is treated in the
last ten periods. Series: one city, a level, a trend and errors that follow their past. In every second panel the effect is 1,
in the others nothing happened: these say how often "no effect" is rejected at 5 %. Seeded; a row's panels are the same for all its
methods. Rows are shared out over PROCESSES processes (an environment variable; 2).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

PANELS, AFTER, SEED = 500, 10, 20251122


@dataclass(frozen=True)
class Cities:
    """A world with donors: how many, periods before, treated units, size of the treated's errors; drift: factors never come back."""

    donors: int
    before: int
    treated: int = 1
    size: float = 1.0
    drift: bool = False

    @property
    def words(self) -> str:
        more = (", errors of the treated twice as large" if self.size == 2 else "") + (
            ", factors are random walks" if self.drift else ""
        )
        return f"{self.donors} donors, {self.before} periods before, {self.treated} treated{more}"

    def panel(self) -> tuple[Any, Any]:
        """A panel to be filled, and its design."""
        import scale_impact as si

        n, t = self.treated + self.donors, self.before + AFTER
        treated = np.repeat(np.arange(n) < self.treated, t) & (np.tile(np.arange(t), n) >= self.before)
        units = np.repeat([f"city {k:03d}" for k in range(n)], t)
        frame = pd.DataFrame(
            {"unit": units, "period": np.tile(np.arange(t), n), "treat": treated.astype(int), "y": 0.0}
        )
        panel = si.Panel.from_frame(frame, unit="unit", period="period", outcome="y")
        return panel, si.Design.from_panel(panel, treated="treat")

    def draw(self, rng: np.random.Generator, effect: float) -> np.ndarray:
        """Outcomes [N, T]."""
        n, t = self.treated + self.donors, self.before + AFTER
        factors = rng.standard_normal((2, t)).cumsum(axis=1) / 3 if self.drift else _follows(rng, 2, t, 0.8)
        errors = _follows(rng, n, t, 0.5)
        errors[: self.treated] *= self.size
        y = rng.standard_normal((n, 1)) + rng.standard_normal(t) + rng.standard_normal((n, 2)) @ factors + errors
        y[: self.treated, self.before :] += effect
        return y


@dataclass(frozen=True)
class Series:
    """One city and nobody else: correlation of its errors (1: a random walk), periods before."""

    before: int
    rho: float = 0.5

    @property
    def words(self) -> str:
        kind = "a random walk" if self.rho == 1 else f"errors AR(1), {self.rho:g}"
        return f"one series, {self.before} periods before, {kind}"

    def panel(self) -> tuple[Any, Any]:
        """A panel to be filled, and its design."""
        import scale_impact as si

        t = self.before + AFTER
        frame = pd.DataFrame({"unit": "city", "period": np.arange(t), "y": 0.0, "first": self.before})
        panel = si.Panel.from_frame(frame, unit="unit", period="period", outcome="y")
        return panel, si.Design.from_panel(panel, first_treated="first", control="none")

    def draw(self, rng: np.random.Generator, effect: float) -> np.ndarray:
        """Outcomes [1, T]."""
        t = self.before + AFTER
        errors = rng.standard_normal((1, t)).cumsum(axis=1) if self.rho == 1 else _follows(rng, 1, t, self.rho)
        y = 10 + 0.05 * np.arange(t) + errors
        y[:, self.before :] += effect
        return y


def _follows(rng: np.random.Generator, rows: int, periods: int, rho: float) -> np.ndarray:
    """Autoregressive paths of order 1 with variance 1, from their long-run distribution."""
    paths = rng.standard_normal((rows, periods))
    for k in range(1, periods):
        paths[:, k] = rho * paths[:, k - 1] + np.sqrt(1 - rho**2) * paths[:, k]
    return paths


@dataclass(frozen=True)
class Row:
    """An estimator with its options, judged by some methods (``analytic``: its own), in a world."""

    estimator: str
    judges: tuple[str, ...]
    world: Cities | Series
    options: dict[str, Any] = field(default_factory=dict)
    share: float = 1.0


SIZES = (Cities(20, 15), Cities(20, 30), Cities(50, 30), Cities(100, 30), Cities(50, 15), Cities(50, 60))
OTHERWISE = (Cities(50, 30, size=2.0), Cities(50, 30, drift=True))
JUDGED: dict[str, dict[str, Any]] = {"placebo": {"draws": 199}, "conformal": {"grid": 60}, "bootstrap": {"draws": 199}}
"""Fewer draws and a coarser grid than a study takes; ends of the grid's pieces are found by bisection all the same."""


def rows() -> Iterator[Row]:
    """Everything that is simulated, what is quick first."""
    for series in (Series(15), Series(30), Series(60), Series(30, 0.8), Series(60, 0.8), Series(60, 1.0)):
        for errors in ("ar1", "newey_west", "prais_winsten"):
            yield Row("interrupted_time_series", ("analytic",), series, {"errors": errors, "change": "level"}, 2.0)
    for world in (*SIZES, *OTHERWISE):
        yield Row("synthetic_control", ("placebo", "conformal"), world)
        yield Row("demeaned_synthetic_control", ("placebo", "conformal"), world)
        yield Row("synthetic_did", ("placebo",), world)
    for world in (Cities(20, 30, 3), Cities(50, 30, 3), Cities(50, 30, 10)):
        yield Row("synthetic_did", ("placebo", "jackknife", "bootstrap"), world, share=0.5)
        yield Row("synthetic_control", ("placebo",), world, share=0.5)
    for world in (*SIZES[1:3], *OTHERWISE):
        yield Row("augmented_synthetic_control", ("placebo", "conformal"), world, share=0.5)
    for world in SIZES[1:3]:
        yield Row("matrix_completion", ("placebo",), world, share=0.5)
        yield Row("interactive_fixed_effects", ("placebo",), world, share=0.5)
    for series in (Series(30), Series(60), Series(60, 0.8), Series(60, 1.0)):
        yield Row("structural_time_series", ("analytic",), series, share=0.5)
    for world in (*SIZES[:3], *OTHERWISE):
        yield Row("synthetic_control", ("prediction_interval",), world, share=0.3)
    for series in (Series(30), Series(60)):
        yield Row("interrupted_time_series", ("analytic",), series, {"errors": "arima", "change": "level"}, 0.3)


def main(panels: int = PANELS, only: Sequence[str] = ()) -> None:
    """Print the table."""
    print(
        "| estimator | intervals | world | panels | 95 % covers | 90 % covers | half width of 95 % / spread | rejects no effect at 5 % |"
    )
    print("|---|---|---|---|---|---|---|---|")
    tasks = [(row, max(int(panels * row.share), 2)) for row in rows() if not only or row.estimator in only]
    with ProcessPoolExecutor(int(os.environ.get("PROCESSES", "2"))) as pool:
        for lines in pool.map(_row, tasks):
            print("\n".join(lines), flush=True)


def _row(task: tuple[Row, int]) -> list[str]:
    """Lines of the table, one a method."""
    import warnings

    warnings.simplefilter("ignore")
    row, panels = task
    rng = np.random.default_rng([SEED, *row.world.words.encode()])
    panel, design = row.world.panel()
    found: dict[str, list[Drawn]] = {judge: [] for judge in row.judges}
    for k in range(panels):
        truth = float(k % 2)
        filled = replace(panel, values=row.world.draw(rng, truth).ravel())
        for judge, drawn in _judged(row, filled, design, truth).items():
            found[judge].append(drawn)
    return [_line(row, judge, drawn) for judge, drawn in found.items()]


@dataclass(frozen=True)
class Drawn:
    """One panel: truth, estimate, intervals and p-value; or why there are none."""

    truth: float
    value: float = np.nan
    wide: tuple[float, float] | None = None
    narrow: tuple[float, float] | None = None
    p_value: float | None = None
    reason: str = ""


def _judged(row: Row, panel: Any, design: Any, truth: float) -> dict[str, Drawn]:
    """What each method says of one panel."""
    import scale_impact as si
    from scale_impact.core import keys
    from scale_impact.core.targets import targets_of
    from scale_impact.errors import ScaleImpactError

    def refit(p: Any, d: Any) -> Any:
        return si.estimate(row.estimator, p, d, **row.options)

    try:
        effect = refit(panel, design)
    except ScaleImpactError as error:
        return dict.fromkeys(row.judges, Drawn(truth, reason=str(error)[:200]))
    targets = targets_of(effect, panel, design, refit)[:1]
    said = {}
    for judge in row.judges:
        try:
            one = effect.overall
            if judge != "analytic":
                one = one.judge(
                    keys.load("inference", judge, "judge")(
                        panel, design, refit, effect, targets, **JUDGED.get(judge, {})
                    )[0]
                )
            said[judge] = Drawn(truth, one.value, one.interval(0.95), one.interval(0.9), one.p_value)
        except ScaleImpactError as error:
            said[judge] = Drawn(truth, effect.overall.value, reason=str(error)[:200])
    return said


def _holds(ends: tuple[float, float] | None, truth: float) -> bool:
    """Whether an interval holds the truth; an empty one (each constant effect is rejected) does not."""
    return ends is not None and ends[0] <= truth <= ends[1]


def _line(row: Row, judge: str, drawn: list[Drawn]) -> str:
    known = [d for d in drawn if not d.reason]
    options = ", ".join(f"{v}" for k, v in row.options.items() if k == "errors")
    head = f"| `{row.estimator}`{f' ({options})' if options else ''} | {judge} | {row.world.words} | {len(drawn):,} |"
    if not known:
        return f"{head} none: {drawn[0].reason} | | | |"
    spread = np.std([d.value - d.truth for d in known])
    halves = np.array([(d.wide[1] - d.wide[0]) / 2 if d.wide else 0.0 for d in known])
    cover = [np.mean([_holds(e, d.truth) for d in known for e in [getattr(d, at)]]) for at in ("wide", "narrow")]
    p = np.array([d.p_value for d in drawn if d.truth == 0 and d.p_value is not None])
    none = f" ({len(drawn) - len(known)} without)" if len(known) < len(drawn) else ""
    none += f" ({100 * np.isinf(halves).mean():.0f} % endless)" if np.isinf(halves).any() else ""
    none += f" ({100 * np.mean(halves == 0):.0f} % empty)" if (halves == 0).any() else ""
    rejects = f"{100 * (p <= 0.05).mean():.1f} %" if len(p) else "-"
    return (
        f"{head} {100 * cover[0]:.1f} %{none} | {100 * cover[1]:.1f} % | {np.median(halves) / spread:.2f} | {rejects} |"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else PANELS, sys.argv[2:])
