"""Locks that end with their process: one execution of a run at a time, and who holds it."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # Windows: runs are not locked there
    fcntl = None  # type: ignore[assignment]

EVERY = 0.1
"""Seconds between two looks at a lock that another process holds."""


@dataclass(frozen=True)
class Holder:
    """Who holds a lock: process, machine, since when (UTC)."""

    process: int
    machine: str
    since: str

    def __str__(self) -> str:
        return f"process {self.process} on {self.machine}, since {self.since}"


@contextlib.contextmanager
def hold(path: Path, waiting: Callable[[Holder | None], None] = lambda holder: None) -> Iterator[bool]:
    """Hold a lock while the block runs; its file is removed afterwards, and its folder if that is empty then.

    Yields whether another process held it before. ``waiting`` is told once who does. The system releases the lock when
    this process ends, however that happens: a file that was left behind locks nothing.
    """
    file, waited = _acquire(path, waiting)
    try:
        yield waited
    finally:
        with contextlib.suppress(OSError):
            path.unlink()
            path.parent.rmdir()  # only an empty folder can be removed
        file.close()


def _acquire(path: Path, waiting: Callable[[Holder | None], None]) -> tuple[IO[str], bool]:
    waited = False
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            file = path.open("a+", encoding="utf-8")
        except FileNotFoundError:  # another process has just removed the empty folder
            continue
        if not lock_file(file):
            file.close()
            if not waited:
                waiting(holder_of(path))
            waited = True
            time.sleep(EVERY)
        elif _is_at(path, file):
            me = Holder(os.getpid(), platform.node(), datetime.now(UTC).isoformat(timespec="seconds"))
            file.truncate(0)
            file.write(json.dumps(asdict(me)))
            file.flush()
            return file, waited
        else:  # whoever held it removed the file meanwhile
            file.close()


def lock_file(file: IO[str]) -> bool:
    """Lock an open file, until it is closed, where nobody else does; whether that was so."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_at(path: Path, file: IO[str]) -> bool:
    """Whether a path still names the open file."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def is_held(path: Path) -> bool:
    """Whether a living process holds a lock."""
    try:
        with path.open("r+", encoding="utf-8") as file:
            return not lock_file(file)
    except FileNotFoundError:
        return False


def holder_of(path: Path) -> Holder | None:
    """Who holds a lock; None where that is not (or no longer) written."""
    try:
        return Holder(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
