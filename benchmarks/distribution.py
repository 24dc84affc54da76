"""``python -m benchmarks.distribution``: runs on a Dask cluster whose workers are killed; nothing is lost, nothing is there twice.

Needs the extra ``dask``.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.batches import differing, results_of, small_project

RUNS = 12


def main() -> bool:
    """Print the table; whether all runs are done, each once, and byte-equal to a local batch's."""
    if find_spec("distributed") is None:
        print("distribution: not measured, the extra dask is not installed")
        return True
    with tempfile.TemporaryDirectory(prefix="si-dask-") as given:
        root = small_project(Path(given) / "project", RUNS)
        before = os.getcwd()
        os.chdir(root)
        try:
            return _measure(root, Path(given) / "dask")
        finally:
            os.chdir(before)


def _measure(root: Path, folder: Path) -> bool:
    from scale_impact.errors import ScaleImpactError
    from scale_impact.evidence.query import query
    from scale_impact.workflow.batch import Settings, run_batch
    from scale_impact.workflow.runs import expand

    clock = time.perf_counter()
    local = run_batch(expand([], {}, root / "local")[0], Settings(jobs=2))
    here = time.perf_counter() - clock
    outcomes, started, killed, there = _distributed(expand([], {})[0], folder)
    failed = [o for o in (*local, *outcomes) if isinstance(o, ScaleImpactError)]
    found = results_of(root)
    rows = query(root / "studies")
    twice = int(rows.duplicated(subset=["study", "variant", "outcome", "estimator", "kind", "label"]).sum())
    other = differing(found, results_of(root, "local"))
    repeated = sum(started.values()) - len(started)
    print(
        f"\nDask LocalCluster, 2 workers, {killed} killed while they executed a run ({there:.1f} s; local, 2 jobs: {here:.1f} s):"
    )
    for what, count in {
        "runs": RUNS, "lost": RUNS - len(found), "failed": len(failed), "repeated": repeated,
        "rows twice in the evidence": twice, "results not byte-equal to a local batch's": len(other),
    }.items():  # fmt: skip
        print(f"{what:<60} {count:6d}")
    return len(found) == RUNS and killed > 0 and not failed and not twice and not other and repeated <= killed


def _distributed(runs: list[Any], folder: Path) -> tuple[list[Any], Counter[str], int, float]:
    """Outcomes, how often each run was started, workers killed, seconds."""
    from dask.distributed import LocalCluster

    from scale_impact.workflow.distribute import distribute

    started: Counter[str] = Counter()
    killed: list[int] = []
    options: dict[str, Any] = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": ":0"}
    with LocalCluster(**options, local_directory=str(folder), silence_logs=60) as cluster:

        def watch(event: Any) -> None:
            if event.kind != "started":
                return
            started[event.run] += 1
            if sum(started.values()) in (4, 9):  # in the middle: once a worker each
                worker = cluster.workers[int(event.what.split()[1])]
                killed.append(worker.pid)
                os.kill(worker.pid, signal.SIGKILL)

        clock = time.perf_counter()
        outcomes = distribute(runs, cluster.scheduler_address, watch=watch)
        seconds = time.perf_counter() - clock
    return outcomes, started, len(killed), seconds


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
