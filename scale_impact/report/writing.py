"""A folder written aside and swapped in whole: nobody sees half a report, and no folder is lost that is none."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from scale_impact.core.exchange import exchanged
from scale_impact.core.project import Project
from scale_impact.core.words import some
from scale_impact.errors import UsageError

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]

MARK = "report.json"
"""The file by which a folder is known to be a report."""

MADE_BY = "scale-impact report"

OF_FILE_MANAGERS = (".DS_Store", "Thumbs.db", "desktop.ini")
"""Files that nobody wrote and nobody misses."""

NAMED = 8
"""How many foreign files are named."""

PART, OLD = ".part", "-old"
"""Ends of the names of folders beside a report while it is written and while it is swapped in."""

KEPT = ("studies", "notebooks", "data", "scale_impact")
"""Folders of a project in which no report is written."""


def place_for(project: Project, out: Path) -> Path:
    """The folder that is written, where it is free or an earlier report.

    Raises
    ------
    UsageError
        Something else is there, or it lies where a project keeps its own.
    """
    target = out.expanduser().resolve()
    problems = [*_misplaced(project, target), *_taken(target, out)]
    if problems:
        raise UsageError(problems)
    return target


def _misplaced(project: Project, target: Path) -> Iterator[str]:
    root = project.root.resolve()
    if root.is_relative_to(target):
        yield f"--out {target} holds the project itself. Name a folder of its own, such as --out site."
    for name in KEPT:
        if target.is_relative_to(root / name):
            yield f"--out {project.relative(target)} lies in {name}/, where the project keeps its own files. Name another folder, such as --out site."
    if not target.parent.is_dir():
        yield f"There is no folder {target.parent}. Make it, or name another: --out DIR"


def _taken(target: Path, out: Path) -> Iterator[str]:
    """Why a folder may not be replaced: what is not the report's own would be lost."""
    if target.exists() and not target.is_dir():
        yield f"{out} is a file. Name a folder: --out DIR"
    elif target.is_dir() and any(target.iterdir()):
        if (written := written_files(target)) is None:
            yield (
                f"{out} is a folder that is no report (it has no {MARK} that lists what was written): it is left as it is. Name another "
                "folder, or remove it first."
            )
        elif foreign := sorted(files_of(target) - written - {MARK}):
            yield (
                f"{out} holds what no report wrote: {some([_shown(name) for name in foreign], NAMED)}. It would be lost, so the folder is left as "
                "it is. Move it elsewhere, or name another folder and copy the pages from there: --out DIR"
            )


def _shown(name: str) -> str:
    return name if name.isprintable() else repr(name)


def written_files(folder: Path) -> frozenset[str] | None:
    """The files that an earlier report wrote into a folder, as its mark lists them; None where the folder is no report."""
    with suppress(OSError, ValueError, RecursionError):
        found = json.loads((folder / MARK).read_text(encoding="utf-8"))
        if isinstance(found, dict) and found.get("made_by") == MADE_BY and isinstance(found.get("files"), list):
            return frozenset(map(str, found["files"]))
    return None


def files_of(folder: Path) -> frozenset[str]:
    """Files and links below a folder, as paths from there; not what a file manager leaves in each folder that it shows."""
    found: set[str] = set()
    for place, folders, files in os.walk(folder):
        links = [name for name in folders if (Path(place) / name).is_symlink()]
        whole = [name for name in folders if name == ".git"]  # one name for all that lies in it
        folders[:] = [name for name in folders if name not in whole]
        names = [*links, *whole, *(name for name in files if name not in OF_FILE_MANAGERS)]
        found |= {(Path(place) / name).relative_to(folder).as_posix() for name in names}
    return frozenset(found)


def write_mark(folder: Path, **about: object) -> None:
    """The file by which a folder is known to be a report, with all that was written there: nothing else is ever replaced."""
    kept = {"made_by": MADE_BY, **about, "files": sorted(files_of(folder))}
    (folder / MARK).write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


# ---- aside ---------------------------------------------------------------------------------------------


@contextmanager
def written_aside(target: Path) -> Iterator[Path]:
    """A folder beside the target that takes its place when all is well, and is gone when it is not.

    What a report that was killed left there is removed first.

    Raises
    ------
    UsageError
        It cannot be written, or somebody has put files of their own into the target meanwhile.
    """
    _clear(target)
    try:
        aside, lock = _made(target)
    except OSError as error:
        raise UsageError(f"{target} cannot be written: {error.strerror}. Name another folder: --out DIR") from error
    try:
        aside.chmod(0o755)
        yield aside
        if problems := [*_taken(target, target)]:
            raise UsageError(problems)
        _swap(aside, target)
    except OSError as error:
        raise UsageError(
            f"{target} cannot be written: {error.strerror or error}. What was there is as it was."
        ) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        lock.close()


def _made(target: Path) -> tuple[Path, ExitStack]:
    """A new folder beside the target, locked for as long as this process writes to it."""
    while True:
        aside = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=PART, dir=target.parent))
        lock = _locked(aside)
        if lock is not None and aside.is_dir():
            return aside, lock
        if lock is not None:  # another report took it for one that was left, before it was locked
            lock.close()


def _locked(folder: Path, *, surely: bool = False) -> ExitStack | None:
    """A folder, locked until the stack is closed or the process ends, however it ends; None where another process has it.

    Where the system or the disk has no such locks, nothing is locked; ``surely``: None then, too.
    """
    held = ExitStack()
    if fcntl is None:
        return None if surely else held
    try:
        handle = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:
        return None
    held.callback(os.close, handle)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        held.close()
        return None
    except OSError:  # no locks on this disk
        if surely:
            held.close()
            return None
    return held


def _clear(target: Path) -> None:
    """Remove what killed reports left beside the target; the report before is put back where one was killed while swapping."""
    ours = re.compile(rf"\.{re.escape(target.name)}\.[a-z0-9_]{{8}}{re.escape(PART)}({OLD})?")
    with suppress(OSError):
        for left in [path for path in target.parent.iterdir() if ours.fullmatch(path.name)]:
            if left.is_symlink() or not left.is_dir() or (lock := _locked(left, surely=True)) is None:
                continue
            with lock:
                if left.name.endswith(OLD) and not target.exists():
                    os.rename(left, target)
                else:
                    shutil.rmtree(left, ignore_errors=True)


def _swap(aside: Path, target: Path) -> None:
    """Put the new folder in the place of the old one, which stands aside then; at once where the system can."""
    if not target.exists():
        os.rename(aside, target)
    elif not exchanged(aside, target):
        old = aside.with_name(f"{aside.name}{OLD}")
        os.rename(target, old)
        try:
            os.rename(aside, target)
        except OSError:
            os.rename(old, target)
            raise
        shutil.rmtree(old, ignore_errors=True)
