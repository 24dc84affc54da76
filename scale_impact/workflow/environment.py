"""With what a run was made: machine, Python, packages, version of the project."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path
from typing import Any

from scale_impact.core.manifest import file_hash


def environment(root: Path) -> dict[str, Any]:
    """Python, platform, lock file and git state; names of no user and no absolute path."""
    lock = root / "uv.lock"
    return {
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "lock": file_hash(lock) if lock.is_file() else None,
        **_git(root),
    }


def _git(root: Path) -> dict[str, Any]:
    commit = _ask(root, "rev-parse", "HEAD")
    if commit is None:
        return {"git_commit": None, "git_dirty": None}
    changed = _ask(root, "status", "--porcelain", "--untracked-files=no", "--", ".", ":!studies/*/results")
    return {"git_commit": commit, "git_dirty": bool(changed)}


def _ask(root: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
