"""Programs beside Python: git, make, uv, a browser; and what the network is needed for."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from scale_impact.workflow.doctor.finding import Finding, note, ok

INSTALLERS: Mapping[str, str] = {
    "apt-get": "apt-get install --yes {}",
    "dnf": "dnf install --assumeyes {}",
    "zypper": "zypper install {}",
    "pacman": "pacman -S {}",
    "apk": "apk add {}",
    "brew": "brew install {}",
    "winget": "winget install {}",
}
"""What installs programs on each system, in the order in which it is looked for."""

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "firefox", "msedge")
APPLICATIONS = ("Google Chrome", "Chromium", "Firefox", "Microsoft Edge")


def programs(root: Path | None) -> list[Finding]:
    """git, make and uv: present, and answering."""
    return [_git(root), _program("make", "the two commands of README need it"), _uv(root)]


def _program(name: str, why: str) -> Finding:
    said = version(name)
    return ok(name, said) if said else note(name, f"not found; only {why}", installation(name))


def _git(root: Path | None) -> Finding:
    """git, and whether it reads this project: in containers it refuses a folder of another user."""
    found = _program("git", "the commit in each manifest comes from it")
    if found.state != "ok" or root is None:
        return found
    asked = subprocess.run(
        ["git", "-C", str(root), "rev-parse", "HEAD"], capture_output=True, text=True, timeout=10, check=False
    )
    if "dubious ownership" in asked.stderr:
        mend = f'git config --global --add safe.directory "{root}"'
        return note(
            "git", f"{found.found} refuses this folder, which belongs to another user: no commit is recorded", mend
        )
    if asked.returncode:
        return note(
            "git",
            f"{found.found}; this project has no commit yet: manifests cannot name one",
            "git init && git add . && git commit",
        )
    return found


def _uv(root: Path | None) -> Finding:
    own = None if root is None else root / ".tools" / "bin" / "uv"
    said = version("uv") or (version(str(own)) if own is not None and own.is_file() else "")
    return ok("uv", said) if said else note("uv", "not found; `make` gets one of its own", "python3 -m pip install uv")


def version(name: str) -> str:
    """First line that a program says of itself; empty where it is not there or fails (a shim without a program)."""
    if shutil.which(name) is None:
        return ""
    try:
        done = subprocess.run([name, "--version"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip().splitlines()[0] if done.returncode == 0 and done.stdout.strip() else ""


def browser(root: Path | None) -> list[Finding]:
    """A browser to read pages with; none is started."""
    found = next((name for name in BROWSERS if shutil.which(name)), None)
    found = found or next((name for name in APPLICATIONS if (Path("/Applications") / f"{name}.app").is_dir()), None)
    if found is None and platform.system() not in ("Windows", "Darwin"):  # those two come with one
        return [
            note("browser", "none found; only reading HTML pages on this machine needs it", installation("firefox"))
        ]
    return [ok("browser", found or "the system's")]


def installation(name: str) -> str | None:
    """The command that installs a program here; None where nothing known installs programs."""
    if os.environ.get("CONDA_PREFIX") and shutil.which("conda"):
        return f"conda install --channel conda-forge {name}"
    found = next((each for each in INSTALLERS if shutil.which(each)), None)
    if found is None:
        return None
    plain = found in ("brew", "winget") or not hasattr(os, "geteuid") or os.geteuid() == 0
    return ("" if plain else "sudo ") + INSTALLERS[found].format(name)


def network(root: Path | None) -> list[Finding]:
    """Which sources lie elsewhere; everything else runs without a network."""
    cards = [] if root is None else sorted((root / "data" / "sources").glob("*.yaml"))
    away = [
        c.stem
        for c in cards
        if re.search(r"^file:\s*['\"]?\w[\w+.-]*://", c.read_text(encoding="utf-8"), flags=re.MULTILINE)
    ]
    if away:
        return [note("network", f"needed for {', '.join(away)}, whose data lie at a web address")]
    return [ok("network", "not needed: all sources are files or come with a package")]
