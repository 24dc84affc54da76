"""Runs: a study with one of its variants or combinations, and where its results lie."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scale_impact.core.project import Project
from scale_impact.core.study import Combination, Study, StudyFile
from scale_impact.errors import ScaleImpactError, StudyError, UsageError


@dataclass(frozen=True)
class Run:
    """One execution of a template.

    Attributes
    ----------
    study:
        The study with its variant and overrides applied.
    base:
        Folder that holds ``results`` and ``failed`` of the study.
    """

    study: Study
    base: Path

    @property
    def name(self) -> str:
        """``study`` or ``study/variant``."""
        return f"{self.study.slug}/{self.study.variant}" if self.study.variant else self.study.slug

    @property
    def results(self) -> Path:
        """Where results are published."""
        return self.base / "results" / (self.study.variant or "")

    @property
    def failed(self) -> Path:
        """Where the notebook of a failed run is kept."""
        return self.base / "failed" / (self.study.variant or "")

    @property
    def label(self) -> str:
        """Name of its lock and of the folders in which its results are collected."""
        return self.study.variant or "main"

    @property
    def work(self) -> Path:
        """Where results are collected before they are published; gone when nothing runs."""
        return self.base / ".run"

    @property
    def lock(self) -> Path:
        """Held by the process that executes it."""
        return self.work / f"{self.label}.lock"

    @property
    def template(self) -> Path:
        """The notebook that is executed."""
        return self.study.project.template(self.study.settings.template)


def expand(
    names: Iterable[str], overrides: Mapping[str, Any], out: Path | None = None
) -> tuple[list[Run], list[ScaleImpactError]]:
    """Runs of the studies named (none: all) with their variants and grids, and what cannot be read, each thing once."""
    runs: list[Run] = []
    errors: list[ScaleImpactError] = []
    holdings, bases = None, dict[Path, Path]()
    for name in dict.fromkeys(names) or [str(Project.find().studies / s) for s in Project.find().keys("studies")]:
        try:
            file = StudyFile.read(name, overrides, holdings)
            base = file.folder if out is None else out.resolve() / file.folder.name
            if bases.get(base) == file.folder:  # named twice
                continue
            _refuse_same_place(file.folder, base, bases.setdefault(base, file.folder))
            own = file.study()
        except ScaleImpactError as error:
            errors.append(error)
            continue
        holdings = file.holdings
        studies, wrong = _studies(file, own)
        runs += [Run(study, base) for study in studies]
        errors += wrong
    return runs, errors


def _refuse_same_place(folder: Path, base: Path, first: Path) -> None:
    if first != folder:
        raise UsageError(
            f"{folder} and {first} would both write to {base.name}/results. Run one of them, or give each an --out of its own."
        )


def _studies(file: StudyFile, own: Study) -> tuple[list[Study], list[ScaleImpactError]]:
    """The study of each run of a file, and the errors of those that are none, each said once."""
    studies: list[Study] = []
    errors: list[ScaleImpactError] = []
    for variant, combinations in file.by_variant.items():
        try:
            study = own if variant is None else file.study(variant)
        except ScaleImpactError as error:
            errors.append(error)
            continue
        found, wrong = _combined(study, combinations)
        studies += found
        errors += wrong
    return studies, errors


def _combined(study: Study, combinations: Sequence[Combination]) -> tuple[list[Study], list[ScaleImpactError]]:
    """A study with each combination of its grid; what is wrong with several is said once, with their names."""
    if not combinations:
        return [study], []
    studies: list[Study] = []
    wrong: dict[tuple[str, ...], list[str]] = {}
    for combination in combinations:
        try:
            studies.append(study.with_combination(combination))
        except StudyError as error:
            wrong.setdefault(error.problems, []).append(combination.name)
    return studies, [_of_combinations(study, problems, names) for problems, names in wrong.items()]


def _of_combinations(study: Study, problems: tuple[str, ...], names: list[str]) -> StudyError:
    many = f"{len(names)} combinations of the grid, such as {names[0]}" if len(names) > 1 else f"grid, {names[0]}"
    advice = "Such a combination can be left out under grid.exclude."
    where = f"studies/{study.slug}/study.yaml, " + (f"variant {study.variant}, " if study.variant else "") + many
    return StudyError([f"{p} {advice}" for p in problems], where=where)


def notebook_parameters(run: Run) -> dict[str, Any]:
    """What the parameters cell is given: relative paths, so that notebooks carry no absolute one.

    The study, its variant and overrides, and what the study sets of the template's own parameters.
    """
    study = Path(os.path.relpath(run.study.folder, run.study.project.root)).as_posix()
    given: dict[str, Any] = {"study": study}
    if run.study.variant is not None:
        given["variant"] = run.study.variant
    if run.study.overrides:
        given["overrides"] = dict(run.study.overrides)
    return {**given, **run.study.settings.parameters}
