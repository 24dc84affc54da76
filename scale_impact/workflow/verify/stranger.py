"""A stranger's crate: what verifying it would execute, said before anything is; then its runs, with its own code."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from scale_impact.core.manifest import text_hash
from scale_impact.core.project import ROOT_VARIABLE
from scale_impact.core.words import counted, nearest, some
from scale_impact.errors import UsageError
from scale_impact.workflow.crate import contents_problems, opened
from scale_impact.workflow.crate.software import package_version
from scale_impact.workflow.preflight import code_cells
from scale_impact.workflow.verify.again import Verification
from scale_impact.workflow.verify.record import Task, tasks
from scale_impact.workflow.verify.surroundings import WORDS

PACKAGE = "scale_impact"
HERE = Path(__file__).resolve().parents[2]
"""The installed package's source."""


@dataclass(frozen=True)
class Stranger:
    """A crate, unpacked.

    Attributes
    ----------
    root:
        Its folder.
    name:
        Its file's name.
    tasks:
        Its runs with what they published.
    problems:
        How its files differ from what it says of them.
    """

    root: Path
    name: str
    tasks: tuple[Task, ...]
    problems: tuple[str, ...]

    @property
    def words(self) -> list[str]:
        """What it would execute, and whether its files are what it says, a line each."""
        templates = sorted({task.run.template for task in self.tasks if task.run is not None})
        runs = some([task.name for task in self.tasks], 10)
        return [
            f"{self.name}: {counted(len(self.tasks), 'run')} ({runs}). To verify, this code of the crate is executed:",
            *(f"  notebooks/{t.name}: {counted(len(code_cells(t)), 'code cell')}" for t in templates),
            f"  {self._package()}",
            *(self.problems or ["Its files have the hashes that it gives for them; who made it, they do not say."]),
        ]

    @property
    def variables(self) -> dict[str, str]:
        """What lets a kernel import the crate's own package before the installed one."""
        return {"PYTHONPATH": str(self.root), ROOT_VARIABLE: str(self.root)}

    def _package(self) -> str:
        """Its version of this package, against the installed one."""
        theirs = _sources(self.root / PACKAGE)
        if not theirs:
            return f"It brings no {PACKAGE}/, so the installed version {package_version()} executes it."
        ours = _sources(HERE)
        other = sorted(n for n in {*theirs, *ours} if theirs.get(n) != ours.get(n))
        same = (
            f"differs from the installed {package_version()} in {some(other)}"
            if other
            else "the same as the installed one"
        )
        marks = f"version {_version(theirs)}, {counted(len(theirs), 'file')} (hash {_hash(theirs)})"
        return f"{PACKAGE}/: {marks}, {same}"

    def judged(self, found: Sequence[Verification]) -> list[Verification]:
        """Verifications with what is wrong with the crate's files; the package's hash is not this machine's to compare."""
        return [
            replace(
                each,
                damage=tuple(dict.fromkeys([*each.damage, *self._about(task)])),
                surroundings=tuple(c for c in each.surroundings if c.what != WORDS["package"]),
            )
            for each, task in zip(found, self.tasks, strict=True)
        ]

    def _about(self, task: Task) -> Iterator[str]:
        """Problems of the crate that concern a run: all but those of other runs' results."""
        own = None if task.record is None else task.record.folder.relative_to(self.root).as_posix()
        for problem in self.problems:
            if "/results/" not in problem or (own is not None and f"{own}/" in problem):
                yield problem


@contextmanager
def inside(crate: Path, names: Sequence[str]) -> Iterator[Stranger]:
    """A crate, unpacked for as long as the ``with`` lasts; nothing of it is executed.

    Parameters
    ----------
    crate:
        The zip that ``scale-impact export`` wrote.
    names:
        Slugs of its studies; none means all.

    Raises
    ------
    UsageError
        It is no crate, has entries that cannot be trusted, has no study of a name, or published nothing.
    """
    with opened(crate) as root, _project(root):
        found = tuple(tasks(_folders(root, names)))
        if not any(task.record for task in found):
            raise UsageError(f"{crate.name} holds no published results, so there is nothing to verify.")
        yield Stranger(root, crate.name, found, tuple(contents_problems(root)))


def _folders(root: Path, names: Sequence[str]) -> list[str]:
    """Folders of a crate's studies by their slugs, never of studies that this machine has by the same name."""
    there = sorted(p.parent.name for p in root.glob("studies/*/study.yaml"))
    if unknown := [n for n in names if n not in there]:
        raise UsageError([f"The crate has no study {n!r}. {nearest(n, there)}" for n in unknown])
    return [str(root / "studies" / n) for n in names]


@contextmanager
def _project(root: Path) -> Iterator[None]:
    """Take the crate for the project, here and in processes that are started."""
    before = os.environ.get(ROOT_VARIABLE)
    os.environ[ROOT_VARIABLE] = str(root)
    try:
        yield
    finally:
        if before is None:
            del os.environ[ROOT_VARIABLE]
        else:
            os.environ[ROOT_VARIABLE] = before


def _sources(package: Path) -> dict[str, bytes]:
    """Files of a package's source, whatever their ends of lines."""
    found = sorted(package.rglob("*.py")) if package.is_dir() else []
    return {p.relative_to(package).as_posix(): p.read_bytes().replace(b"\r\n", b"\n") for p in found}


def _hash(sources: dict[str, bytes]) -> str:
    """One short hash of all files with their names."""
    return text_hash("".join(f"{name}\0{hashlib.sha256(code).hexdigest()}\n" for name, code in sources.items()))[:16]


def _version(sources: dict[str, bytes]) -> str:
    """The version that a package says it has; it is read, not imported."""
    found = re.search(rb"^__version__ = [\"']([\w.+-]{1,40})[\"']", sources.get("__init__.py", b""), re.MULTILINE)
    return found[1].decode() if found else "unknown"
