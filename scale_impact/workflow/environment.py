"""With what a run was made: machine, Python, packages, version of the project; and the record of it all."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from scale_impact.core import machine
from scale_impact.core.manifest import FORMAT, Manifest, file_hash
from scale_impact.workflow.data_detail import data_detail
from scale_impact.workflow.fingerprint import details_of, inputs_of, run_id
from scale_impact.workflow.hashes import entries, hashes_of
from scale_impact.workflow.runs import Run

DISTRIBUTION = re.compile(r"(?P<name>.+?)-(?P<version>[^-]+)(-py[\d.]+)?\.(dist-info|egg-info)")
"""How installers name the folder of a package's metadata."""


def manifest_of(
    run: Run,
    inputs: dict[str, Any],
    *,
    folder: Path,
    started: datetime,
    seconds: float,
    threads: int,
    warm: bool,
    peak_memory: int | None,
) -> Manifest:
    """The record of a run whose results lie in a folder.

    Parameters
    ----------
    inputs:
        Those of when it started; what changed meanwhile is not described, so that ``plan`` says it.
    folder:
        All files in it are its outputs. The note of its kernel (``core/machine.py``) is taken from it.
    seconds, peak_memory:
        How long it took; bytes, None where nobody looked.
    """
    kernel = machine.fold(folder)
    return Manifest(
        run_id=run_id(inputs),
        study=run.study.slug,
        variant=run.study.variant,
        inputs=inputs,
        environment={**environment(run.study.project.root), **kernel},
        seed=run.study.settings.seed,
        started=started.isoformat(timespec="seconds"),
        seconds=round(seconds, 2),
        outputs={name: file_hash(folder / name) for name in sorted(name for name, _ in entries(str(folder)))},
        details=_details(run, inputs),
        threads=threads,
        warm=warm,
        peak_memory=peak_memory,
        format=FORMAT,
    )


def _details(run: Run, inputs: dict[str, Any]) -> dict[str, Any]:
    """What the inputs are, but for parts that changed while the run was made."""
    now = inputs_of(run)
    described = {**details_of(run), "data": data_detail(run)}
    return {name: detail for name, detail in described.items() if now[name] == inputs[name]}


# ---- the machine and what is installed -----------------------------------------------------------------


def environment(root: Path) -> dict[str, Any]:
    """Machine, Python, packages, lock file and git state; no user, no host, no absolute path.

    ``memory`` is in bytes, ``installed`` are the versions of all packages that could be imported,
    ``variables`` the names (never values) of environment variables that can change what Python and
    its libraries do, and ``git_dirty`` says whether tracked files were changed (results do not count).
    """
    lock = root / "uv.lock"
    return {
        **_machine(),
        "lock": hashes_of(root).file(lock) if lock.is_file() else None,
        **_git(root, int(time.monotonic() // 30)),
        "variables": machine.steering_variables(),
        "installed": installed(),
    }


@cache
def _machine() -> dict[str, Any]:
    import psutil

    return {
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "cpu": _processor(),
        "cores": os.cpu_count(),
        "memory": psutil.virtual_memory().total,
    }


def _processor() -> str | None:
    """The processor's name, as far as the system tells it."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return platform.processor() or None
    found = re.search(r"^(?:model name|Model|Processor)\s*:\s*(.+)$", text, flags=re.MULTILINE)
    return found[1].strip() if found else platform.processor() or None


@cache
def installed() -> dict[str, str]:
    """Versions of all packages that this Python finds, by name; the first found counts, as when importing."""
    found: dict[str, str] = {}
    for name, version in _distributions():
        found.setdefault(re.sub(r"[-_.]+", "-", name).lower(), version)
    return dict(sorted(found.items()))


def _distributions() -> Iterator[tuple[str, str]]:
    """Name and version of each package, by the names of folders: a hundred times faster than reading their metadata."""
    for folder in sys.path:
        try:
            names = sorted(os.listdir(folder or "."))
        except OSError:
            continue
        yield from ((m["name"], m["version"]) for n in names if (m := DISTRIBUTION.fullmatch(n)) is not None)


# ---- the project's version -----------------------------------------------------------------------------


@lru_cache(maxsize=8)
def _git(root: Path, half_minute: int) -> dict[str, Any]:
    """Commit and whether tracked files were changed; asked every half minute, so that a long batch sees commits."""
    commit = _ask(root, "rev-parse", "HEAD")
    if commit is None:
        return {"git_commit": None, "git_dirty": None}
    changed = _ask(
        root, "status", "--porcelain", "--untracked-files=no", "--", ".", ":(exclude,glob)studies/*/results/**"
    )
    return {"git_commit": commit, "git_dirty": bool(changed)}


def _ask(root: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
