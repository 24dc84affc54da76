"""A folder written aside and swapped in whole: nobody sees half a report, and no folder is lost that is none."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from scale_impact.core.project import Project
from scale_impact.errors import UsageError

MARK = "report.json"
"""The file by which a folder is known to be a report."""

MADE_BY = "scale-impact report"

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
    if target.exists() and not target.is_dir():
        yield f"{out} is a file. Name a folder: --out DIR"
    elif target.is_dir() and any(target.iterdir()) and not is_report(target):
        yield f"{out} is a folder that is no report (it has no {MARK}): it is left as it is. Name another folder, or remove it first."


def is_report(folder: Path) -> bool:
    """Whether a folder was written by this verb."""
    with suppress(OSError, ValueError):
        found = json.loads((folder / MARK).read_text(encoding="utf-8"))
        return isinstance(found, dict) and found.get("made_by") == MADE_BY
    return False


@contextmanager
def written_aside(target: Path) -> Iterator[Path]:
    """A folder beside the target that takes its place when all is well, and is gone when it is not.

    Raises
    ------
    UsageError
        It cannot be written.
    """
    try:
        aside = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent))
    except OSError as error:
        raise UsageError(f"{target} cannot be written: {error.strerror}. Name another folder: --out DIR") from error
    try:
        aside.chmod(0o755)
        yield aside
        _swap(aside, target)
    except OSError as error:
        raise UsageError(
            f"{target} cannot be written: {error.strerror or error}. What was there is as it was."
        ) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _swap(aside: Path, target: Path) -> None:
    """Put the new folder in the place of the old one, which stands aside then; at once where the system can."""
    if not target.exists():
        os.rename(aside, target)
    elif not _exchanged(aside, target):
        old = aside.with_name(f"{aside.name}-old")
        os.rename(target, old)
        try:
            os.rename(aside, target)
        except OSError:
            os.rename(old, target)
            raise
        shutil.rmtree(old, ignore_errors=True)


def _exchanged(one: Path, other: Path) -> bool:
    try:
        swap = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError, TypeError):
        return False
    here, exchange = -100, 2
    return bool(swap(here, os.fsencode(one), here, os.fsencode(other), exchange) == 0)
