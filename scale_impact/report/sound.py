"""A copy of what of a project is whole, for readers that take all or nothing: one broken file then costs its own rows and no others."""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection, Sequence
from pathlib import Path

from scale_impact.core.project import Project
from scale_impact.report.downloads import TABLES


def sound_copy(project: Project, folder: Path, parts: Path, studies: Sequence[str], cards: Collection[Path]) -> Project:
    """A project of the rows that were read, in a folder that is removed afterwards.

    Parameters
    ----------
    project:
        The project.
    folder:
        Where the copy is made.
    parts:
        Where the rows of each study lie (``downloads.keep_rows``).
    studies:
        Its studies, in their order there.
    cards:
        Cards and files of published numbers that could be read.
    """
    for path in (*cards, *([project.indicators] if project.indicators.is_file() else [])):
        target = folder / path.relative_to(project.root)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    (folder / "notebooks").mkdir(parents=True)
    (folder / "studies").mkdir()
    for number, slug in enumerate(studies):
        _study(project.studies / slug, folder / "studies" / slug, parts, number)
    return Project(folder)


def _study(source: Path, target: Path, parts: Path, number: int) -> None:
    """A study's file, its rows by variant, and that a run failed, where one did."""
    target.mkdir()
    if (source / "study.yaml").is_file():
        shutil.copyfile(source / "study.yaml", target / "study.yaml")
    for table in TABLES:
        by_variant: dict[str, list[str]] = {}
        for line in (parts / f"{table}-{number:06d}.jsonl").read_text(encoding="utf-8").splitlines():
            by_variant.setdefault(str(json.loads(line)["variant"] or ""), []).append(line)
        for variant, lines in by_variant.items():
            at = target / "results" / variant
            if at.resolve().is_relative_to(target.resolve()):
                at.mkdir(parents=True, exist_ok=True)
                (at / f"{table}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for path in source.glob("failed/**/executed.ipynb"):
        (target / path.relative_to(source)).parent.mkdir(parents=True, exist_ok=True)
        (target / path.relative_to(source)).touch()
