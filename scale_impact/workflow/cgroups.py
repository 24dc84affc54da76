"""Control groups of Linux: what a container, a job or a service may take of its machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path


def cgroup_memory(disk: Path = Path("/")) -> list[tuple[int, int]]:
    """Limit and use, in bytes, of each cgroup around this process that has a limit (version 1 and 2).

    File pages that the kernel would give back are no use: both versions count them.
    """
    found = []
    for folder in _cgroups(disk, "memory"):
        limit = _number(folder, "memory.max", "memory.limit_in_bytes")
        if limit is not None and limit < 2**60:  # version 1 writes 2^63 less a page for no limit
            used = _number(folder, "memory.current", "memory.usage_in_bytes") or 0
            found.append((limit, max(0, used - _given_back(folder))))
    return found


def _given_back(folder: Path) -> int:
    path = folder / "memory.stat"
    counts = dict(line.split(" ", 1) for line in path.read_text().splitlines()) if path.is_file() else {}
    return int(counts.get("total_inactive_file", counts.get("inactive_file", 0)))


def cgroup_cores(disk: Path = Path("/")) -> float | None:
    """Cores that the cgroups around this process allow; None without a limit (version 1 and 2)."""
    shares = []
    for folder in _cgroups(disk, "cpu"):
        whole = folder / "cpu.max"
        quota, period = whole.read_text().split() if whole.is_file() else ("max", "")
        if quota.isdigit():
            shares.append(int(quota) / int(period))
        slices, length = _number(folder, "cpu.cfs_quota_us"), _number(folder, "cpu.cfs_period_us")
        if slices is not None and length:
            shares.append(slices / length)
    return min(shares, default=None)


def _cgroups(disk: Path, controller: str) -> Iterator[Path]:
    """Folders of the cgroups around this process, from the innermost outwards."""
    own = disk / "proc/self/cgroup"
    for line in own.read_text().splitlines() if own.is_file() else []:
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        mounts = [controllers, controller] if controllers else ["", "unified"]
        for mount in dict.fromkeys(disk / "sys/fs/cgroup" / m for m in mounts):
            inner = mount / path.lstrip("/")
            yield from (p for p in (inner, *inner.parents) if p.is_relative_to(mount))


def _number(folder: Path, *names: str) -> int | None:
    """The number that the first of these files holds; None where none does (`max`, -1)."""
    texts = [p.read_text().strip() for name in names if (p := folder / name).is_file()]
    return next((int(text) for text in texts if text.isdigit()), None)
