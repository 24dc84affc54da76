"""Hashes that are remembered between processes while files stay as they are on disk.

As git does it: a file whose size, times and place on disk are those of last time is taken to hold
what it held. A file that was written less than two seconds before it was hashed is hashed again
next time, because a second change within one tick of the disk's clock would not show.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from scale_impact.core.manifest import data_hash, file_hash

FOLDER = ".scale-impact"
"""What the package keeps for itself in a project; git ignores it."""

RACY = 2_000_000_000
"""Nanoseconds within which a file system may give two writes the same time."""

MOST = 200_000
"""Entries; beyond, those of files that this process did not ask for are forgotten."""


class Stamp(NamedTuple):
    """How something lies on disk: ``text`` changes when it does; ``newest`` is its last change in nanoseconds."""

    text: str
    newest: int


def stamp(path: str | Path) -> Stamp:
    """The stamp of a file; OSError where there is none."""
    return _stamp(os.stat(path))


def _stamp(found: os.stat_result) -> Stamp:
    text = f"{found.st_size}.{found.st_mtime_ns}.{found.st_ctime_ns}.{found.st_ino}"
    return Stamp(text, max(found.st_mtime_ns, found.st_ctime_ns))


def folder_stamp(folder: str | Path) -> Stamp:
    """The stamp of all files of a folder but hidden ones; OSError where there is none."""
    files = sorted((name, _stamp(entry.stat())) for name, entry in entries(str(folder)))
    text = "\n".join(f"{name}\0{found.text}" for name, found in files)
    newest = max((found.newest for _, found in files), default=0)
    return Stamp(sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32], newest)


def entries(folder: str, before: str = "") -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Files of a folder and of those in it, by relative path; hidden ones (an editor's, the system's) are passed over."""
    with os.scandir(folder) as found:
        for entry in found:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from entries(entry.path, f"{before}{entry.name}/")
            else:
                yield before + entry.name, entry


@dataclass(frozen=True)
class Hashes:
    """What is known of a project's files, by path: stamp and answer.

    The file of it is read once a process, and written by ``save`` where something was learnt.
    """

    root: str
    known: dict[str, tuple[str, str]] = field(default_factory=dict)
    fresh: dict[str, tuple[str, str]] = field(default_factory=dict)

    def recall(self, path: str, now: Stamp) -> str | None:
        """The answer of last time, where the stamp is the same."""
        found = self.fresh.get(path) or self.known.get(self._key(path))
        return found[1] if found is not None and found[0] == now.text else None

    def learn(self, path: str, now: Stamp, answer: str, asked: int) -> None:
        """Keep an answer, unless the file may have changed again in the tick in which it was looked at (``asked``)."""
        if now.newest < asked - RACY:
            self.fresh[path] = (now.text, answer)

    def file(self, path: Path) -> str:
        """SHA-256 of a file."""
        asked, now = time.time_ns(), stamp(path)
        found = self.recall(str(path), now)
        if found is None:
            found = file_hash(path)
            if stamp(path) == now:
                self.learn(str(path), now, found, asked)
        return found

    def data(self, path: Path) -> str:
        """SHA-256 of a source's file or files."""
        return data_hash(path, self.file)

    def save(self) -> None:
        """Write what was learnt, beside what other processes learnt meanwhile; a project that cannot be written stays as it is."""
        if not self.fresh:
            return
        learnt = {self._key(path): entry for path, entry in self.fresh.items()}
        everything = {**self.known, **_read(self.root), **learnt}
        self.known.clear()
        self.known.update(everything if len(everything) <= MOST else learnt)
        with contextlib.suppress(OSError):
            _write(self.root, self.known)
        self.fresh.clear()

    def _key(self, path: str) -> str:
        """A path from the project; elsewhere a hash, so that no absolute path is written."""
        inside = self.root + os.sep
        return path[len(inside) :] if path.startswith(inside) else "/" + sha256(path.encode()).hexdigest()[:32]


@lru_cache(maxsize=8)
def hashes_of(root: Path) -> Hashes:
    """What is known of a project's files."""
    return Hashes(str(root), _read(str(root)))


def _read(root: str) -> dict[str, tuple[str, str]]:
    try:
        found = json.loads(Path(root, FOLDER, "hashes.json").read_text(encoding="utf-8"))
        return {key: (str(mark), str(answer)) for key, (mark, answer) in found.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _write(root: str, known: dict[str, tuple[str, str]]) -> None:
    """Write aside and swap in: whoever reads meanwhile reads the old file or the new one."""
    path = own_folder(Path(root)) / "hashes.json"
    aside = path.with_suffix(".part")
    _remove_old(aside)
    with aside.open("x", encoding="utf-8") as file:  # where another process is writing, its answers are enough
        json.dump(known, file, separators=(",", ":"))
    os.replace(aside, path)


def _remove_old(aside: Path) -> None:
    """Remove what a killed process left half written."""
    with contextlib.suppress(OSError):
        if time.time() - aside.stat().st_mtime > 60:
            aside.unlink()


def own_folder(root: Path) -> Path:
    """The folder that the package keeps for itself in a project; made, with a note to git to ignore it."""
    folder = root / FOLDER
    folder.mkdir(exist_ok=True)
    ignore = folder / ".gitignore"
    if not ignore.is_file():
        ignore.write_text("*\n", encoding="utf-8")
    return folder
