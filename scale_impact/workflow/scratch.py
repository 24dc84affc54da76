"""Temporary folders that are gone when their process is, however it ended."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from scale_impact.workflow.locks import hold, is_held

PREFIX = "si-run-"
"""Of these folders and of no others: what has no lock may be anybody's."""

YOUNG = 60.0
"""Seconds for which a folder without a lock is taken for one that is just being made."""


@contextlib.contextmanager
def scratch(*, large: bool = False) -> Iterator[Path]:
    """A temporary folder; what killed processes left is removed on the way.

    Its name is short enough for sockets, unless it is to hold ``large`` things: these go where the user wants temporary
    files, however long that name is.
    """
    sweep()
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=tempfile.gettempdir() if large else _short()))
    try:
        with hold(folder / "lock"):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep() -> None:
    """Remove folders whose owner is dead."""
    places = {_short(), tempfile.gettempdir()}
    for folder in (found for place in places for found in Path(place).glob(f"{PREFIX}*")):
        with contextlib.suppress(OSError):
            if folder.is_symlink() or not folder.is_dir() or folder.stat().st_uid != _user():
                continue
            lock = folder / "lock"
            dead = not is_held(lock) if lock.is_file() else time.time() - folder.stat().st_mtime > YOUNG
            if dead:
                shutil.rmtree(folder, ignore_errors=True)


def _short() -> str:
    """The temporary folder, or /tmp where its name is too long for a Unix socket (about 100 characters)."""
    usual = tempfile.gettempdir()
    return usual if len(usual) < 50 or not os.access("/tmp", os.W_OK) else "/tmp"


def _user() -> int:
    """Number of the user; systems without such numbers give every file that of 0."""
    return os.getuid() if hasattr(os, "getuid") else 0
