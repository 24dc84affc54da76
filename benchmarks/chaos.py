"""Five hundred runs, and the whole tree of processes killed (SIGKILL) at 25 random moments, run again each time.

``python -m benchmarks.chaos [runs] [kills]``; takes about half an hour. Afterwards every result must be there, equal to
an undisturbed batch's to the byte, no process left, and no file that a run does not publish.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.projects import BARE, environment, project, results
from scale_impact.workflow.zygote import descendants

CODE = "from scale_impact.cli import main; main()"


def begin(root: Path, scratch: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """``scale-impact run`` in a project, with a temporary folder of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", CODE, "run", "--jobs", str(os.cpu_count()), *arguments], cwd=root,
        env={**environment(), "TMPDIR": str(scratch)}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def kill_tree(process: subprocess.Popen[bytes]) -> set[int]:
    """Kill a process and all below it as they are found; which they were."""
    family = {process.pid, *descendants(process.pid)}
    for member in sorted(family):
        try:
            os.kill(member, signal.SIGKILL)
        except ProcessLookupError:
            continue
    process.wait()
    return family


def disturbed(root: Path, scratch: Path, kills: int, rng: np.random.Generator) -> set[int]:
    """Begin again and again, kill each time; every process that was ever seen."""
    seen: set[int] = set()
    for k in range(kills):
        process = begin(root, scratch)
        time.sleep(rng.uniform(0.2, 12.0))
        done = sum(1 for _ in (root / "studies").glob("*/results/manifest.json"))
        seen |= kill_tree(process)
        print(f"  killed {k + 1:2d}, {done} runs done", flush=True)
    return seen


def strays(root: Path) -> list[str]:
    """Files beside those that users write and runs publish."""
    usual = {"study.yaml", "executed.ipynb", "estimates.jsonl", "checks.jsonl", "manifest.json"}
    found = [p for p in (root / "studies").rglob("*") if p.is_file() and p.name not in usual]
    return [p.relative_to(root).as_posix() for p in found] + [
        p.name for p in root.iterdir() if p.name not in {"data", "notebooks", "studies", ".scale-impact"}
    ]


def alive(processes: set[int]) -> list[int]:
    """Those that still run something of ours."""
    time.sleep(2)
    return [p for p in processes if Path(f"/proc/{p}").exists()]


def main(runs: int = 500, kills: int = 25) -> bool:
    """Print what was found; whether all holds."""
    rng = np.random.default_rng(20261122)
    with tempfile.TemporaryDirectory(prefix="si") as folder:
        scratch = Path(folder) / "tmp"
        scratch.mkdir()
        quiet, stormy = (project(Path(folder) / name, runs, BARE) for name in ("quiet", "stormy"))
        begin(quiet, scratch).wait()
        seen = disturbed(stormy, scratch, kills, rng)
        begin(stormy, scratch).wait()
        expected, found = results(quiet / "studies"), results(stormy / "studies")
        different = [name for name in expected if expected[name] != found.get(name)]
        left = [*strays(stormy), *(p.name for p in scratch.iterdir())]
        counts = {
            "runs without a result": runs - sum(1 for _ in (stormy / "studies").glob("*/results/manifest.json")),
            "files that differ from an undisturbed batch's": len(different) + len(set(found) - set(expected)),
            "processes left": len(alive(seen)),
            "stray files": len(left),
        }
        for what, count in counts.items():
            print(f"{what:<50} {count}")
        return not any(counts.values()) and len(expected) == 3 * runs


if __name__ == "__main__":
    sys.exit(0 if main(*map(int, sys.argv[1:])) else 1)
