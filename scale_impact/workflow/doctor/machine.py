"""What the machine gives a run: processor, cores, memory, disk, file limits, bytecode, text encoding."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from importlib.util import cache_from_source, find_spec
from pathlib import Path

from scale_impact.workflow.cgroups import cgroup_cores, cgroup_memory
from scale_impact.workflow.doctor.finding import Finding, missing, note, ok

GB = 1024**3
COMFORT = 2 * GB
"""Memory that a run with all estimators loaded has room in: 0.5 GB are loaded before the first number."""

LEAST_DISK, COMFORT_DISK = 50 * 1024**2, GB
"""A study leaves about 1 MB; its kernel, temporary files and the swap of results need more."""

OPEN_FILES = 256
"""Sockets, pipes and libraries of a few kernels at once."""


def system(root: Path | None) -> list[Finding]:
    """Operating system and processor."""
    words = [platform.system(), platform.release(), platform.machine(), *(["in a container"] if in_container() else [])]
    return [ok("system", " ".join(words)), ok("processor", processor())]


def in_container(disk: Path = Path("/")) -> bool:
    """Whether this is a Docker or Podman container."""
    return (disk / ".dockerenv").exists() or (disk / "run/.containerenv").exists()


def processor(disk: Path = Path("/")) -> str:
    """Model of the processor."""
    info = disk / "proc/cpuinfo"
    if info.is_file() and (found := re.search(r"^model name\s*:\s*(.+)$", info.read_text(), flags=re.MULTILINE)):
        return found[1]
    if platform.system() == "Darwin":
        asked = subprocess.run(
            ["sysctl", "-n", "machdep.cpu.brand_string"], capture_output=True, text=True, timeout=5, check=False
        )
        return asked.stdout.strip() or platform.machine()
    return platform.processor() or platform.machine()


def cores(root: Path | None) -> list[Finding]:
    """Cores of the machine, and how many of them this process may use."""
    there = os.cpu_count() or 1
    may = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else there
    limit = cgroup_cores()
    usable = may if limit is None else min(float(may), limit)
    if usable < there:
        return [note("cores", f"{there}, of which this process may use {usable:g}: `--jobs` beyond that is no faster")]
    return [ok("cores", f"{there}, all usable")]


def memory(root: Path | None) -> list[Finding]:
    """Memory of the machine, and how much of it this process may use and is free."""
    import psutil

    seen = psutil.virtual_memory()
    groups = cgroup_memory()
    total = min([seen.total, *(limit for limit, _ in groups)])
    free = min([seen.available, *(limit - used for limit, used in groups)])
    words = f"{_gb(total)}, {_gb(max(0, free))} free"
    if total < seen.total:
        words += f" (limited by a cgroup; the machine has {_gb(seen.total)})"
    if free < COMFORT:
        return [note("memory", f"{words}: little for several runs at once", "scale-impact run --jobs 1")]
    return [ok("memory", words)]


def disk(root: Path | None) -> list[Finding]:
    """Free space where results and temporary files are written."""
    places = {"disk, project": root, "disk, temporary": Path(tempfile.gettempdir())}
    return [_space(topic, folder) for topic, folder in places.items() if folder is not None]


def _space(topic: str, folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    words, mend = f"{_gb(free)} free", f"du -xh --max-depth=2 {folder} | sort -h | tail"
    if free < LEAST_DISK:
        return missing(topic, f"{words}: too little for a run; remove what is not needed", mend)
    if _files_left(folder) == 0:
        return missing(topic, f"{words}, but no room for another file (inodes); remove what is not needed", mend)
    return note(topic, f"{words}: little", mend) if free < COMFORT_DISK else ok(topic, words)


def _files_left(folder: Path) -> int | None:
    """Files that may still be made; None where the file system does not count them."""
    if not hasattr(os, "statvfs"):
        return None
    seen = os.statvfs(folder)
    return seen.f_favail if seen.f_files else None


def limits(root: Path | None) -> list[Finding]:
    """How many files a process may have open, how large a file and its memory may be."""
    if os.name != "posix":
        return []
    import resource

    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= files < OPEN_FILES:
        return [note("limits", f"{files} open files a process: few for several kernels", f"ulimit -n {4 * OPEN_FILES}")]
    capped = {"size of a file": resource.RLIMIT_FSIZE, "memory of a process": resource.RLIMIT_AS}
    said = [f"{what} at most {_gb(n)}" for what, kind in capped.items() if (n := resource.getrlimit(kind)[0]) >= 0]
    opened = f"{'any number of' if files < 0 else files} open files a process"
    return [note("limits", "; ".join([opened, *said]), "ulimit -a") if said else ok("limits", opened)]


def bytecode(root: Path | None) -> list[Finding]:
    """Whether Python keeps what it compiles: otherwise imports take up to five times as long."""
    bare = [name for name in ("numpy", "pandas", "scipy") if not _compiled(name)]
    slow = "imports take up to five times as long"
    if sys.dont_write_bytecode:
        how = "PYTHONDONTWRITEBYTECODE is set" if os.environ.get("PYTHONDONTWRITEBYTECODE") else "python -B"
        return [note("bytecode", f"not written ({how}): {slow}", "unset PYTHONDONTWRITEBYTECODE")]
    if bare and not os.access(_site(bare[0]), os.W_OK):
        return [note("bytecode", f"{', '.join(bare)} not compiled, and their folder cannot be written: {slow}",
                     'export PYTHONPYCACHEPREFIX="$HOME/.cache/pycache"')]  # fmt: skip
    return [ok("bytecode", "written")]


def _compiled(name: str) -> bool:
    """Whether a package's bytecode is there; a package that is not is the business of another finding."""
    spec = find_spec(name)
    return spec is None or spec.origin is None or Path(cache_from_source(spec.origin)).is_file()


def _site(name: str) -> Path:
    spec = find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else Path()


def encoding(root: Path | None) -> list[Finding]:
    """Whether text files are UTF-8 where nobody says so: packages forget to."""
    import locale

    found = locale.getpreferredencoding(False)
    if found.lower().replace("-", "") == "utf8":
        return [ok("text encoding", found)]
    return [note("text encoding", f"{found}: other packages may misread UTF-8 files", "export PYTHONUTF8=1")]


def _gb(count: float) -> str:
    return f"{count / GB:,.1f} GB" if count >= GB else f"{count / 1024**2:,.0f} MB"
