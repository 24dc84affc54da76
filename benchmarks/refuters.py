"""``python -m benchmarks.refuters``: refutations of a panel regression beside DoWhy's, this machine's seconds and ratio.

500 cities over 20 years, levels by city and year: DoWhy has them as 518 dummies and fits each version of the data anew; ours takes
them out once. DoWhy does a few refutations and is extrapolated to as many as ours; on the same permuted exposures the
estimates have to agree. Seconds are the CPU's; 1 where a limit is missed.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

DRAWS = 200
"""Refutations of each kind."""

THEIRS = 3
"""Refutations that DoWhy does; it is extrapolated to ``DRAWS``."""

LIMIT = 20.0
"""Seconds that ``DRAWS`` refutations may take."""

EXACT = 1e-8
"""By how much estimates of the same versions may differ."""

CHECKS = ("placebo_treatment", "random_common_cause", "data_subset", "bootstrap_refutation")


def main() -> int:
    """Print the table; 1 where a limit is missed or estimates differ. On one core: in a process that has one thread."""
    import platform

    one = dict.fromkeys(THREADS, "1")
    if any(os.environ.get(name) != "1" for name in one):
        return subprocess.run([sys.executable, "-m", "benchmarks.refuters"], env={**os.environ, **one}).returncode

    print(f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    frame = panel(500, 20)
    ours, theirs, apart = _same_versions(frame)
    print(f"{DRAWS} refutations of {len(frame):,} rows, effects of 500 cities and 20 years\n")
    print("| refuter | ours | DoWhy | limit | |\n|---|---|---|---|---|")
    held = [_row("permuted exposures, the same versions", ours, theirs * DRAWS / THEIRS)]
    held += [_row(name, seconds) for name, seconds in _checks(frame)]
    print(
        f"\nDoWhy is extrapolated from {THEIRS} refutations; ours is {theirs * DRAWS / THEIRS / ours:,.0f} times as fast."
    )
    print(f"Largest difference of the estimates: {apart:.1e} (limit {EXACT:g}){'' if apart <= EXACT else '  MISSED'}")
    return 0 if all(held) and apart <= EXACT else 1


def _row(what: str, ours: float, theirs: float | None = None) -> bool:
    held = ours <= LIMIT
    shown = "" if theirs is None else f"{theirs:,.0f} s"
    print(f"| {what} | {ours:.2f} s | {shown} | {LIMIT:g} s | {'' if held else 'MISSED'} |", flush=True)
    return held


def panel(cities: int, years: int) -> pd.DataFrame:
    """Levels by city and year, two covariates, an exposure that comes and goes and follows the first of them."""
    rng = np.random.default_rng(20251122)
    city, year = np.repeat(np.arange(cities), years), np.tile(np.arange(years), cities)
    income, age = rng.normal(size=(2, len(city)))
    measure = (income + rng.normal(size=len(city)) > 0).astype(float)
    score = 0.5 * measure + income + 0.3 * age + rng.normal(size=cities)[city] + 0.1 * year + rng.normal(size=len(city))
    return pd.DataFrame({"city": city, "year": year, "income": income, "age": age, "measure": measure, "score": score})


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    found = work()
    return time.process_time() - start, found


# ---- ours --------------------------------------------------------------------------------------------------


def _asked(frame: pd.DataFrame) -> tuple[Any, Any, Callable[..., Any]]:
    import scale_impact as si

    data = si.Panel.from_frame(frame, unit="city", period="year", outcome="score")
    options: dict[str, Any] = {"covariates": ["income", "age"], "effects": ["unit", "period"]}
    return (
        data,
        si.Design.from_panel(data, exposure="measure"),
        lambda p, d: si.estimate("backdoor_regression", p, d, **options),
    )


def _checks(frame: pd.DataFrame) -> list[tuple[str, float]]:
    """Each refuter as a study has it, the estimate included."""
    import scale_impact as si

    asked = _asked(frame)
    return [(name, _timed(lambda name=name: si.check(name, *asked, draws=DRAWS))[0]) for name in CHECKS]  # type: ignore[misc]


def _permuted(frame: pd.DataFrame, dealt: np.ndarray[Any, Any]) -> Any:
    from scale_impact.core.causal.retrials import Retrials

    data, design, refit = _asked(frame)
    return refit(data, design).adjusted.again(Retrials(exposure=dealt))


# ---- DoWhy's -----------------------------------------------------------------------------------------------


def _same_versions(frame: pd.DataFrame) -> tuple[float, float, float]:
    """Seconds of ours (for ``DRAWS``) and DoWhy's (for ``THEIRS``), and how far estimates of the same versions lie apart."""
    from dowhy.causal_refuters import placebo_treatment_refuter as module

    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    estimand, estimate, data = _dowhy(frame)
    seen: list[Any] = []
    own = module.test_significance

    def kept(estimate: Any, values: Any, **more: Any) -> Any:
        seen.append(values)
        return own(estimate, values, **more)

    module.test_significance = kept
    theirs, _ = _timed(
        lambda: module.refute_placebo_treatment(
            data, estimand, estimate, ["measure"], THEIRS, module.PlaceboType.PERMUTE, 7, n_jobs=1
        )
    )
    rng = np.random.RandomState(7)
    dealt = np.array(
        [frame["measure"].to_numpy()[rng.choice(len(frame), len(frame), replace=False)] for _ in range(DRAWS)]
    )
    ours, found = _timed(lambda: _permuted(frame, dealt))
    return ours, theirs, float(np.abs(found[:THEIRS] - np.array(seen[0])).max())


def _dowhy(frame: pd.DataFrame) -> tuple[Any, Any, pd.DataFrame]:
    """DoWhy's backdoor regression with dummies of cities and years."""
    from dowhy import CausalModel

    dummies = [pd.get_dummies(frame[c], prefix=c, drop_first=True, dtype=float) for c in ("city", "year")]
    data = pd.concat([frame[["income", "age", "measure", "score"]], *dummies], axis=1)
    causes = [c for c in data.columns if c not in ("measure", "score")]
    model = CausalModel(data, "measure", "score", common_causes=causes)
    estimand = model.identify_effect(proceed_when_unidentifiable=True)  # takes longer than all refutations; not counted
    return estimand, model.estimate_effect(estimand, method_name="backdoor.linear_regression"), data


if __name__ == "__main__":
    sys.exit(main())
