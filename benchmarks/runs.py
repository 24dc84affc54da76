"""Twenty small real studies with dowhy and econml imported: ``scale-impact run`` against plain ``papermill`` in a loop.

``python -m benchmarks.runs``; takes about five minutes. Both publish the same rows. Papermill executes them one after
another in one process, so that its own import counts once; ``--jobs 1`` and ``--jobs 2`` count everything from the shell on,
the import of the packages into the warm kernels' parent included.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.projects import command, environment, project
from benchmarks.timing import line, seconds

LOOP = """
import pathlib, papermill
for study in sorted(p.name for p in pathlib.Path("studies").iterdir()):
    out = pathlib.Path("plain") / study
    out.mkdir(parents=True, exist_ok=True)
    papermill.execute_notebook("notebooks/small.ipynb", str(out / "executed.ipynb"), progress_bar=False,
        parameters={"study": study, "out": str(out)})
"""


def ratio(what: str, plain: float, ours: float, least: float) -> bool:
    """Print one row; whether it is fast enough."""
    held = plain / ours >= least
    print(f"{what:<58} {ours:6.1f} s  {plain / ours:5.1f} times faster, must be {least:g}{'' if held else '  MISSED'}")
    return held


def overhead(root: Path) -> float:
    """Median seconds that the runs just made took beyond their own cells."""
    manifests = [json.loads(p.read_text(encoding="utf-8")) for p in root.glob("studies/*/results/manifest.json")]
    return statistics.median(m["seconds"] - m["cell_seconds"] for m in manifests)


def help_seconds() -> float:
    """CPU seconds of ``scale-impact --help``, the median of nine."""

    def once() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command(Path.cwd(), "--help")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    return statistics.median(once() for _ in range(9))


def main(count: int = 20) -> bool:
    """Print the table; whether all limits are held."""
    with tempfile.TemporaryDirectory() as folder:
        root = project(Path(folder) / "project", count)
        command(root, "run", "study-000")  # what is compiled and cached once
        loop = seconds(
            lambda: subprocess.run([sys.executable, "-c", LOOP], cwd=root, env=environment(), check=True, capture_output=True)
        )  # fmt: skip
        print(f"{count} studies, plain papermill in one process: {loop:.1f} s, {loop / count:.2f} s a study")
        held = True
        for jobs, least in ((1, 6), (2, 11)):
            took = seconds(lambda jobs=jobs: command(root, "run", "--force", "--jobs", str(jobs)))  # type: ignore[misc]
            held &= ratio(f"scale-impact run --jobs {jobs}", loop, took, least)
            if jobs == 1:
                held &= line("overhead of a warm run over its own cells", overhead(root), 0.3, "s")
        cold = seconds(lambda: command(root, "run", "--force", "--jobs", "1", "--cold"))
        print(f"{'scale-impact run --jobs 1 --cold':<58} {cold:6.1f} s  {loop / cold:5.1f} times faster")
    return line("scale-impact --help, CPU", help_seconds(), 0.5, "s") and held


if __name__ == "__main__":
    print(f"{os.cpu_count()} cores")
    sys.exit(0 if main() else 1)
