"""Which files of a study a report takes: its own, and of figures those that are pictures in which nothing acts.

A report is put on the web: what a link leads to may be anything that its maker can read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from scale_impact.core.project import Project

PNG = b"\x89PNG\r\n\x1a\n"

BEGINS = re.compile(r"\A\ufeff?\s*(?:<\?xml[^>]*\?>\s*|<!--.*?-->\s*|<!DOCTYPE[^>\[]*>\s*)*<svg[\s>]", re.DOTALL)
"""How an SVG begins."""

ACTS = re.compile(
    r"<\s*(?:\w+:)?(?:script|foreignObject|iframe|embed|object|handler)\b|<\w[^>]*[\s\"'/]on\w+\s*=|=\s*[\"']?\s*javascript:|<!ENTITY",
    re.IGNORECASE,
)
"""What acts, or may act, where an SVG is opened by itself."""


def is_own(project: Project, folder: Path, path: Path) -> bool:
    """Whether a path of a study is what it seems: no link, and really within the study's folder, which really is in the project."""
    real = folder.resolve()
    return not path.is_symlink() and path.resolve().is_relative_to(real) and real.is_relative_to(project.root.resolve())


def linked(project: Project, folder: Path, paths: Iterable[Path]) -> list[str]:
    """Sentences on the paths of a study that are there and are not its own."""
    return [
        f"{named(project, path)} is a link or lies behind one, so it may be anything: it is left out here. Put the file itself there."
        for path in paths
        if (path.is_symlink() or path.exists()) and not is_own(project, folder, path)
    ]


def figures_of(project: Project, folder: Path, run: Path) -> tuple[dict[str, Path], list[str]]:
    """The published figures of a run by name, as PNG where there is one, in which nothing can act; and what is wrong with others."""
    found: dict[str, Path] = {}
    problems: list[str] = []
    for path in [p for ending in ("svg", "png") for p in sorted((run / "figures").glob(f"*.{ending}"))]:
        if wrong := linked(project, folder, [path]):
            problems += wrong
        elif path.is_file():
            try:
                why = picture_problem(path)
            except OSError as error:
                why = f"cannot be read ({type(error).__name__})"
            if why:
                problems.append(f"{named(project, path)} {why}: it is left out here. Run the study again.")
            else:
                found[path.stem] = path
    return dict(sorted(found.items())), problems


def named(project: Project, path: Path) -> str:
    """A path as a user of the project writes it, whatever it leads to."""
    return path.relative_to(project.root).as_posix() if path.is_relative_to(project.root) else path.name


def picture_problem(path: Path) -> str:
    """Why a figure is no picture that a page may show; empty where it is one."""
    if path.suffix == ".png":
        with path.open("rb") as file:
            return "" if file.read(len(PNG)) == PNG else "is no PNG by its first bytes"
    try:
        text = path.read_text(encoding="utf-8")
    except ValueError:
        return "is no SVG: it is no text"
    if not BEGINS.match(text):
        return "is no SVG by how it begins"
    return "holds what acts when it is opened (a script, a handler or a page within)" if ACTS.search(text) else ""
