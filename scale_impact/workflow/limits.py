"""Time and memory of a run: watched over all processes that it started, which are killed when it takes too much."""

from __future__ import annotations

import contextlib
import math
import os
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from scale_impact.workflow import zygote
from scale_impact.workflow.cgroups import cgroup_cores, cgroup_memory

EVERY = 0.1
"""Seconds between two looks."""

RESERVE = 0.06
"""Share of the machine's memory that runs without a limit of their own must leave free."""


@dataclass
class Watchdog:
    """Watches the processes below ``root`` (a context manager), and kills them when they exceed a limit.

    Attributes
    ----------
    root:
        Process whose descendants are the run; None until it is known.
    reason:
        Why they were killed, in words; None where they were not.
    peak:
        Largest memory of all of them together, in bytes.
    """

    time_limit: float | None
    memory_limit: int | None
    root: int | None = None
    reason: str | None = None
    peak: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _started: float = 0.0

    def __enter__(self) -> Watchdog:
        self._started = time.monotonic()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(EVERY):
            if self.root is None:
                continue
            processes = below(self.root)
            used = sum(map(resident, processes))
            self.peak = max(self.peak, used)
            self.reason = self.reason or self._too_long() or self._too_large(used, processes)
            if self.reason is not None:
                kill_below(self.root)

    def _too_long(self) -> str | None:
        if self.time_limit is None or time.monotonic() - self._started < self.time_limit:
            return None
        return f"it was stopped after {self.time_limit:g} s, its time limit. Give it more with --time-limit."

    def _too_large(self, used: int, processes: list[int]) -> str | None:
        if self.memory_limit is not None:
            if used <= self.memory_limit or sum(map(private, processes)) <= self.memory_limit:
                return None
            return (
                f"it was stopped when it took more than {in_bytes(self.memory_limit)} of memory, its limit. Give it more with "
                "--memory-limit, or run fewer at once with --jobs."
            )
        total, free = memory()
        if free > RESERVE * total or used < total / 4:
            return None
        return (
            f"it was stopped when it took {in_bytes(used)} of memory and the machine had only {in_bytes(free)} of "
            f"{in_bytes(total)} left. Run fewer at once with --jobs, or on a larger machine."
        )


LINUX = sys.platform == "linux"


def below(process: int) -> list[int]:
    """Processes that a process started, and those started by them."""
    if LINUX:
        return zygote.descendants(process)
    import psutil

    with contextlib.suppress(psutil.NoSuchProcess):
        return [child.pid for child in psutil.Process(process).children(recursive=True)]
    return []


def kill_below(process: int) -> None:
    """Kill them all, until none is left."""
    if LINUX:
        zygote.kill_all_below(process)
        return
    import psutil

    for child in below(process):
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(child).kill()


def resident(process: int) -> int:
    """Memory of a process in bytes, with what it shares; 0 where it is gone."""
    if not LINUX:
        return _resident_elsewhere(process)
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


def _resident_elsewhere(process: int) -> int:
    import psutil

    with contextlib.suppress(psutil.NoSuchProcess):
        return int(psutil.Process(process).memory_info().rss)
    return 0


def private(process: int) -> int:
    """Memory of a process in bytes, what it shares counted by its share."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return resident(process)


def memory() -> tuple[int, int]:
    """Memory of this machine or container and what is free of it, in bytes."""
    import psutil

    machine, groups = psutil.virtual_memory(), cgroup_memory()
    total = min([machine.total, *(limit for limit, _ in groups)])
    return total, max(0, min([machine.available, *(limit - used for limit, used in groups)]))


def in_bytes(size: float) -> str:
    """A size in words: 1.5 GiB."""
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"


def parsed_bytes(text: str) -> int:
    """``8G``, ``500 MiB``, ``1073741824`` as bytes.

    Raises
    ------
    UsageError
        It is no size above zero.
    """
    import re

    from scale_impact.errors import UsageError

    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?", text.strip(), flags=re.IGNORECASE)
    size = float(found[1]) * 1024 ** " KMGT".index(found[2].upper() or " ") if found else 0
    if size < 1:
        raise UsageError(f"--memory-limit {text}: write a size such as 8G or 500M.")
    return int(size)


def cores() -> int:
    """Cores that this process may use."""
    may = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(may, math.ceil(cgroup_cores() or may)))
