"""``python -m benchmarks.did``: the difference-in-differences family beside its peers, this machine's ratios.

Each piece of work runs in a process of its own, ours and the peers' in turn, from the same long
frame: the first run warms up, then the fastest of a few counts. Peers come with ``uv sync --extra
benchmark``; one that is not installed, fails or needs more than LIMIT seconds is named as such.
moderndid cannot live beside dowhy: ``PEER_PYTHON=/path/to/its/python`` measures it from its own
environment.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

LIMIT = 600
"""Seconds after which a peer is stopped."""

DATES = (3, 4, 5, 7, 8)


@dataclass(frozen=True)
class Work:
    """A row of the table: what is done, how many units, by which peers, and how much faster we must be."""

    what: str
    ours: str
    units: int
    must: dict[str, float]
    options: tuple[tuple[str, Any], ...] = ()
    periods: int = 10
    memory: bool = False


WORK = (
    Work("Callaway-Sant'Anna, analytic, all aggregations", "callaway", 100_000, {"fastest": 5}, memory=True),
    Work("the same with 2 covariates, dr", "callaway", 100_000, {"fastest": 5}, (("covariates", ["x1", "x2"]),)),
    Work("the same, 999 multiplier bootstrap draws", "callaway", 100_000, {"fastest": 20}, (("draws", 999),)),
    Work("TWFE event study, clustered", "event_study", 100_000, {"pyfixest": 20, "linearmodels": 50}),
    Work("Sun-Abraham", "sun_abraham", 100_000, {"fastest": 30}),
    Work("imputation", "imputation", 100_000, {"fastest": 10}),
    Work("two-stage", "two_stage", 100_000, {"fastest": 10}),
    Work("two-stage, as many units as the peers can hold", "two_stage", 5_000, {"fastest": 10}),
    Work("wild bootstrap, 9,999 draws", "wild", 50, {"pyfixest": 20}, periods=40),
)


def main() -> int:
    """Print the table; 1 where a ratio is missed."""
    import platform

    print(f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    print("| work | ours | peers | must | ratio | |\n|---|---|---|---|---|---|")
    held = [_row(work) for work in WORK]
    held += [_limit(name) for name in LIMITS]
    return 0 if all(held) else 1


# ---- beside the peers ------------------------------------------------------------------------------------


def _row(work: Work) -> bool:
    from benchmarks.peers import PEERS

    ours = _measured(work, "ours")
    peers = {name: _measured(work, name) for name in PEERS[work.ours]}
    held, words = _held(work, ours, peers)
    shown = "; ".join(f"{name} {_shown(found, work.memory)}" for name, found in peers.items())
    must = ", ".join(f"{factor:g} x {name}" for name, factor in work.must.items())
    size = f"{work.units:,} units x {work.periods} periods"
    print(
        f"| {work.what}, {size} | {_shown(ours, work.memory)} | {shown} | {must} | {words} | {'' if held else 'MISSED'} |",
        flush=True,
    )
    return held


def _held(work: Work, ours: dict[str, Any], peers: dict[str, dict[str, Any]]) -> tuple[bool, str]:
    done = {name: found for name, found in peers.items() if "seconds" in found}
    if "seconds" not in ours:
        return False, ours["failed"]
    if not done:
        return True, "no peer completes"
    ratios = {name: found["seconds"] / ours["seconds"] for name, found in done.items()}
    ratios["fastest"] = min(ratios.values())
    held = all(ratios.get(name, np.inf) >= factor for name, factor in work.must.items())
    if work.memory:
        held &= ours["peak"] <= min(found["peak"] for found in done.values())
    return held, ", ".join(f"{ratios[name]:.1f} x {name}" for name in work.must if name in ratios)


def _shown(found: dict[str, Any], memory: bool) -> str:
    if "seconds" not in found:
        return str(found["failed"])
    return f"{found['seconds']:.3f} s" + (f", {found['peak'] / 2**20:.0f} MB" if memory else "")


def _measured(work: Work, who: str) -> dict[str, Any]:
    """Seconds and peak memory beyond the frame, in a process of its own; or why there are none."""
    python = os.environ.get("PEER_PYTHON") if who == "moderndid" else sys.executable
    if python is None:
        return {"failed": "not here (PEER_PYTHON)"}
    task = json.dumps({"work": WORK.index(work), "who": who})
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    try:
        done = subprocess.run(
            [python, "-m", "benchmarks.did", task], capture_output=True, text=True, timeout=LIMIT, env=environment
        )
    except subprocess.TimeoutExpired:
        return {"failed": f"more than {LIMIT} s"}
    if done.returncode == 0:
        return dict(json.loads(done.stdout.splitlines()[-1]))
    return {
        "failed": (done.stderr.strip().splitlines() or [f"stopped with {done.returncode}"])[-1][:80].replace("|", "/")
    }


def _one(task: dict[str, Any]) -> dict[str, float]:
    """Do one piece of work: warm up, then the best of a few runs; peak memory of the first run."""
    import gc
    import warnings

    from benchmarks.peers import PEERS

    warnings.simplefilter("ignore")
    work = WORK[task["work"]]
    frame = _frame(work.units, work.periods)
    call: Callable[..., Any] = OURS[work.ours] if task["who"] == "ours" else PEERS[work.ours][task["who"]]
    options = dict(work.options)
    gc.collect()
    call(_frame(min(work.units, 500), work.periods), **options)  # imports and compilation
    before = _forget_peak()
    first = _seconds(call, frame, options)
    peak = _peak() - before
    rounds = 7 if first < 1 else 2 if first < 20 else 0
    return {"seconds": min([first, *(_seconds(call, frame, options) for _ in range(rounds))]), "peak": peak}


def _seconds(call: Callable[..., Any], frame: pd.DataFrame, options: dict[str, Any]) -> float:
    start = time.perf_counter()
    call(frame, **options)
    return time.perf_counter() - start


def _forget_peak() -> float:
    """Start measuring peak memory from here (Linux); resident bytes now."""
    try:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
    except OSError:
        return _peak()
    return _status("VmRSS")


def _peak() -> float:
    return _status("VmHWM")


def _status(field: str) -> float:
    try:
        with open("/proc/self/status") as file:
            return next(float(row.split()[1]) * 1024 for row in file if row.startswith(field))
    except OSError:
        return float("nan")


def _frame(units: int, periods: int) -> pd.DataFrame:
    """Unit levels, random walks, five cohorts and never treated, effects of 0.5; two covariates."""
    rng = np.random.default_rng(20251122)
    first = rng.choice([0, *DATES], units, p=[0.4, *[0.12] * 5])
    period = np.arange(1, periods + 1)
    treated = (period >= first[:, None]) & (first[:, None] > 0)
    y = rng.normal(size=(units, 1)) + 0.3 * rng.normal(size=(units, periods)).cumsum(axis=1) + 0.5 * treated
    x = rng.normal(size=(2, units))
    frame = pd.DataFrame(
        {
            "unit": np.repeat(np.arange(units), periods),
            "period": np.tile(period, units),
            "y": (y + 0.1 * x.sum(axis=0)[:, None] * period).ravel(),
            "first": np.repeat(first, periods).astype(float),
            "x1": np.repeat(x[0], periods),
            "x2": np.repeat(x[1], periods),
        }
    )
    frame["since"] = np.where(frame["first"] > 0, frame["period"] - frame["first"], -1.0)
    return frame.assign(treat=treated.ravel().astype(int))


# ---- ours ------------------------------------------------------------------------------------------------


def _estimate(name: str, frame: pd.DataFrame, **options: Any) -> Any:
    import scale_impact as si

    covariates = options.get("covariates", [])
    panel = si.Panel.from_frame(frame, unit="unit", period="period", outcome="y", covariates=covariates)
    return si.estimate(name, panel, si.Design.from_panel(panel, first_treated="first"), **options)


def _callaway(frame: pd.DataFrame, covariates: list[str] | None = None, draws: int = 0) -> Any:
    options = {"covariates": covariates} if covariates else {}
    return _estimate("callaway_santanna", frame, **options, **({"bootstrap": draws} if draws else {}))


def _wild(frame: pd.DataFrame) -> Any:
    return _estimate("twfe", frame, inference={"wild_bootstrap": {"draws": 9_999}}).overall.p_value


OURS: dict[str, Callable[..., Any]] = {
    "callaway": _callaway,
    "wild": _wild,
    **{
        name: (lambda frame, name=name: _estimate(name, frame))
        for name in ("event_study", "sun_abraham", "imputation", "two_stage")
    },
}


# ---- against a limit -------------------------------------------------------------------------------------

LINEAR = (
    "callaway_santanna", "sun_abraham", "imputation", "two_stage", "etwfe", "stacked", "local_projections",
    "chaisemartin_dhaultfoeuille", "efficient", "event_study", "twfe",
)  # fmt: skip


def _best(call: Callable[[], Any], rounds: int = 7) -> float:
    call()
    return min(_seconds(lambda _: call(), pd.DataFrame(), {}) for _ in range(rounds))


def _together() -> tuple[float, str]:
    """All linear estimators from one frame, in times of Callaway-Sant'Anna alone from the same frame."""
    import scale_impact as si

    frame = _frame(100_000, 10)

    def family(names: tuple[str, ...]) -> None:
        panel = si.Panel.from_frame(frame, unit="unit", period="period", outcome="y")
        design = si.Design.from_panel(panel, first_treated="first")
        for name in names:
            si.estimate(name, panel, design)

    every, alone = _best(lambda: family(LINEAR)), _best(lambda: family(LINEAR[:1]))
    return every / alone, f"{every:.3f} s beside {alone:.3f} s"


def _million() -> tuple[float, str]:
    """Callaway-Sant'Anna for a million units, in times of reading the frame into a matrix."""
    frame = _frame(1_000_000, 10)[["unit", "period", "y", "first"]]

    def read() -> Any:
        return frame.pivot(index="unit", columns="period", values="y").to_numpy()

    ours, reading = _best(lambda: _callaway(frame), 3), _best(read, 3)
    return ours / reading, f"{ours:.3f} s, reading {reading:.3f} s"


def _million_memory() -> tuple[float, str]:
    frame = _frame(1_000_000, 10)[["unit", "period", "y", "first"]]
    own = float(frame.memory_usage(index=True).sum())
    _callaway(_frame(500, 10))
    before = _forget_peak()
    _callaway(frame)
    return (_peak() - before) / own, f"{(_peak() - before) / 2**20:.0f} MB on top of {own / 2**20:.0f} MB"


def _honest() -> tuple[float, str]:
    """Robust intervals for four values of Mbar, 5 periods before and 5 after, seeded path."""
    from scale_impact.core.honest import EventStudy, robust_intervals

    rng, n = np.random.default_rng(20251122), 10
    sigma = 0.02 * 0.5 ** np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
    path = rng.multivariate_normal(np.r_[np.zeros(5), np.full(5, 0.5)], sigma)
    study = EventStudy(path, sigma, 5, np.full(5, 0.2))
    value = _best(lambda: robust_intervals(study, "relative_magnitudes", [0.5, 1, 1.5, 2]), 3)
    return value, f"{value:.3f} s"


def _few(units: int, periods: int) -> tuple[Any, Any, Callable[..., Any]]:
    import scale_impact as si

    frame = _frame(units, periods)
    panel = si.Panel.from_frame(frame, unit="unit", period="period", outcome="y")

    def refit(p: Any, d: Any) -> Any:
        return si.estimate("callaway_santanna", p, d)

    return panel, si.Design.from_panel(panel, first_treated="first"), refit


def _randomisation() -> tuple[float, str]:
    from scale_impact.core.targets import targets_of
    from scale_impact.inference import randomisation

    panel, design, refit = _few(500, 20)
    effect = refit(panel, design)

    def test() -> Any:
        targets = targets_of(effect, panel, design, refit)[:1]
        judged = randomisation.judge(panel, design, refit, effect, targets, draws=10_000, seed=1)[0]
        return judged.p_value, judged.interval(0.95)

    value = _best(test, 3)
    return value, f"{value:.3f} s, interval included"


def _calibration() -> tuple[float, str]:
    from scale_impact.checks import calibration

    panel, design, refit = _few(200, 20)
    value = _best(lambda: calibration.run(panel, design, refit, judged=refit, worlds=500, seed=1), 2)
    return value, f"{value:.3f} s"


def _parquet() -> tuple[float, str]:
    """100 million rows in no order: seconds, and the peak memory of the process that reads them in GiB."""
    import tempfile
    from pathlib import Path

    from benchmarks import scale

    with tempfile.TemporaryDirectory() as folder:
        scale.write(Path(folder), 100_000_000, mixed=True, unit="c // {periods}")
        seconds, memory = scale.measure(folder, {}, 100_000_000)
    return memory, f"{seconds:.0f} s, {memory:.2f} GiB"


LIMITS: dict[str, tuple[str, Callable[[], tuple[float, str]], float, str]] = {
    "together": ("all linear estimators together, 100,000 units x 10 periods", _together, 2, "x Callaway-Sant'Anna"),
    "million": ("Callaway-Sant'Anna, 1,000,000 units x 10 periods", _million, 4, "x reading the frame"),
    "memory": ("the same, peak memory on top of the frame", _million_memory, 1.5, "x the frame"),
    "honest": ("HonestDiD relative magnitudes, 4 values of Mbar, 5 pre and 5 post periods", _honest, 1, "s"),
    "randomisation": ("randomisation inference, 10,000 assignments, 500 units x 20 periods", _randomisation, 2, "s"),
    "calibration": (
        "calibration, 500 placebo worlds, Callaway-Sant'Anna, 200 units x 20 periods",
        _calibration,
        5,
        "s",
    ),
    "parquet": (
        "100 million rows of Parquet in no order, streamed (python -m benchmarks.scale has more)",
        _parquet,
        2,
        "GiB",
    ),
}


def _limit(name: str) -> bool:
    what, measure, limit, unit = LIMITS[name]
    value, shown = measure()
    held = value <= limit
    print(
        f"| {what} | {shown} | | at most {limit:g} {unit} | {value:.2f} {unit} | {'' if held else 'MISSED'} |",
        flush=True,
    )
    return held


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1].startswith("{"):
        print(json.dumps(_one(json.loads(sys.argv[1]))))
    else:
        sys.exit(main())
