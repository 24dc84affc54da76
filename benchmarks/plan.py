"""``scale-impact plan`` of 1,000 runs of which nothing changed, from the shell, Python's start included.

The results are made by the package's own functions without executing a notebook: a manifest of the
run's real inputs, and output files of the usual sizes.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.timing import line, seconds

RUNS = 1_000
LIMIT = 2.0
ROUNDS = 7
ROOT = Path(__file__).resolve().parents[1]
STUDY = ROOT / "studies" / "indiana-enterprise-zones" / "study.yaml"
OUTPUTS = {
    "executed.ipynb": 60_000, "estimates.jsonl": 40_000, "checks.jsonl": 8_000,
    **{f"figures/{name}.{kind}": 30_000 for name in ("event_path", "raw_trends", "bacon") for kind in ("svg", "png")},
}  # fmt: skip
"""Files of a run, with their sizes in bytes."""


def main() -> bool:
    """Print the table; whether all limits are held."""
    held = True
    for what, make in (("one study with 1,000 variants", one_study), ("1,000 studies", many_studies)):
        with tempfile.TemporaryDirectory() as folder:
            root = project(Path(folder))
            make(root)
            publish_all(root)
            time.sleep(2.1)  # files that are younger are hashed, whatever is known of them
            first = seconds(lambda at=root: plan(at))
            before = processor()
            took = statistics.median(seconds(lambda at=root: plan(at)) for _ in range(ROUNDS))
            used = (processor() - before) / ROUNDS
        print(
            f"the first plan of {what}, which hashes every file, takes {first:.2f} s; a later one {used:.2f} s of processor"
        )
        held &= line(f"scale-impact plan, {what}, nothing changed", took, LIMIT, "s")
    return held


def processor() -> float:
    """Seconds of processor that the processes started so far used."""
    times = os.times()
    return times.children_user + times.children_system


def project(root: Path) -> Path:
    """A project with this one's templates and cards."""
    for name in ("notebooks", "data"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    return root


def one_study(root: Path) -> None:
    """A study of 1,000 variants."""
    folder = root / "studies" / "zones"
    folder.mkdir(parents=True)
    variants = "".join(f"  v{k:04d}: {{seed: {k}}}\n" for k in range(RUNS))
    (folder / "study.yaml").write_text(f"{STUDY.read_text(encoding='utf-8')}variants:\n{variants}", encoding="utf-8")


def many_studies(root: Path) -> None:
    """1,000 studies of one run."""
    for k in range(RUNS):
        folder = root / "studies" / f"zones-{k:04d}"
        folder.mkdir(parents=True)
        shutil.copyfile(STUDY, folder / "study.yaml")


def publish_all(root: Path) -> None:
    """Results of every run of a project, as if it had been executed."""
    from scale_impact.workflow.environment import manifest_of
    from scale_impact.workflow.fingerprint import inputs_of
    from scale_impact.workflow.runs import expand

    runs, errors = expand([str(p.parent) for p in root.glob("studies/*/study.yaml")], {})
    assert not errors, errors
    assert len(runs) == RUNS
    for run in runs:
        for name, size in OUTPUTS.items():
            path = run.results / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(run.name.encode() * (size // len(run.name)))
        manifest = manifest_of(
            run, inputs_of(run), folder=run.results, started=datetime.now(UTC), seconds=1.0, threads=1, warm=False,
            peak_memory=None,
        )  # fmt: skip
        manifest.write(run.results / "manifest.json")


def plan(root: Path) -> None:
    """``scale-impact plan`` in a process of its own."""
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONDONTWRITEBYTECODE", "SCALE_IMPACT_ROOT")}
    code = "import sys; sys.argv = ['scale-impact', 'plan']; from scale_impact.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, env=environment, capture_output=True, text=True, check=True
    )
    assert f"All {RUNS:,} runs are up to date." in done.stdout, done.stdout[-2000:]


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
