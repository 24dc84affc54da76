"""Folders: the project, and whether runs can write where they write."""

from __future__ import annotations

import errno
import os
import shlex
import tempfile
from dataclasses import replace
from pathlib import Path

from scale_impact.workflow.doctor.finding import Finding, missing, note, ok

RESULTS = ("results", "failed")
"""What a run replaces in a study's folder."""

MANY = 5
"""Folders beyond which one line says it for all."""


def project(root: Path | None) -> list[Finding]:
    """Whether the project's folder can be written: `new` and `data` do, a run writes into its study alone."""
    if root is None:
        return []
    seen = _written("project folder", root, root)
    return [replace(seen, state="note") if seen.state == "missing" else seen]


def studies(root: Path | None) -> list[Finding]:
    """That each study's folder, and what earlier runs left there, can be written."""
    folders = [] if root is None else sorted(p.parent for p in (root / "studies").glob("*/study.yaml"))
    if root is None or not folders:
        return [note("studies", "none yet", "scale-impact new my-city --template staggered_did")]
    seen = [_written(f"study {folder.name}", folder, root) for folder in folders]
    seen += [_written(f"study {f.name}", kept, root) for f in folders for kept in _kept(f)]
    wrong = [finding for finding in seen if finding.state != "ok"]
    if len(wrong) > MANY:
        names = ", ".join(dict.fromkeys(f.topic.removeprefix("study ") for f in wrong))
        return [
            missing("studies", f"{len(wrong)} folders cannot be written, of {names}: {wrong[0].found}", wrong[0].mend)
        ]
    return wrong or [ok("studies", f"{len(folders)} found, all can be written")]


def _kept(folder: Path) -> list[Path]:
    """Folders that earlier runs left: one that another user's run made cannot be replaced."""
    tops = [folder / name for name in RESULTS if (folder / name).is_dir()]
    return [p for top in tops for p in (top, *sorted(q for q in top.iterdir() if q.is_dir()))]


def temporary(root: Path | None) -> list[Finding]:
    """That temporary files can be written."""
    try:
        folder = Path(tempfile.gettempdir())
    except FileNotFoundError as error:
        mend = 'mkdir -p "$HOME/tmp" && export TMPDIR="$HOME/tmp"'
        return [missing("temporary folder", f"there is none that can be written: {error.strerror}", mend)]
    return [_written("temporary folder", folder, root)]


def _written(topic: str, folder: Path, root: Path | None) -> Finding:
    """Really write a file: permissions alone do not know read-only disks, quotas and access lists."""
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".doctor-") as file:
            file.write(b"x" * 4096)
            file.flush()
    except OSError as error:
        shown = _shown(folder, root)
        return missing(topic, f"{shown} cannot be written: {error.strerror}", _mend(error, folder, shown))
    return ok(topic, "can be written" if folder == root else f"{_shown(folder, root)} can be written")


def _shown(folder: Path, root: Path | None) -> str:
    inside = root is not None and folder.is_relative_to(root) and folder != root
    return folder.relative_to(root).as_posix() if inside and root is not None else str(folder)


def _mend(error: OSError, folder: Path, shown: str) -> str:
    """The command for why it could not be written."""
    if error.errno == errno.EROFS:
        return 'scale-impact run --out "$HOME/results"'
    if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
        return f"du -xh --max-depth=2 {shlex.quote(shown)} | sort -h | tail"
    if error.errno == errno.ENOENT:
        return f"mkdir -p {shlex.quote(shown)}"
    mine = not hasattr(os, "getuid") or folder.stat().st_uid == os.getuid()
    return f"chmod -R u+w {shlex.quote(shown)}" if mine else f'sudo chown -R "$(id -u)" {shlex.quote(shown)}'
