"""What a project has published, study by study, read so that a broken file is told and not passed on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scale_impact.core.evidence import CHECK_FIELDS, ESTIMATE_FIELDS, UNIT_FIELDS
from scale_impact.core.manifest import Manifest
from scale_impact.core.project import Project
from scale_impact.core.study import Study, StudyFile
from scale_impact.core.study_names import Holdings
from scale_impact.core.yaml_file import read_yaml
from scale_impact.errors import ScaleImpactError
from scale_impact.evidence.store import read_row
from scale_impact.report.own_files import figures_of, is_own, linked, named

Row = dict[str, Any]

FIELDS = {"estimates": ESTIMATE_FIELDS, "checks": CHECK_FIELDS, "units": UNIT_FIELDS}

OF_RUN = {
    "estimates.jsonl": "every estimate, a line each",
    "checks.jsonl": "every check with its verdict",
    "units.jsonl": "who was studied, and since when each had the measure",
    "manifest.json": "what went in, with what it was made, hashes of what came out",
    "executed.ipynb": "the notebook, run",
}
"""Files of a run that can be downloaded."""

OF_STUDY = {
    "study.yaml": "the study",
    "README.md": "what its author says",
    "plan.json": "the frozen plan",
    "plan.md": "the frozen plan, to read",
}

LARGEST = 64 * 2**20
"""Bytes of a file of rows beyond which it is not read into pages."""


@dataclass(frozen=True)
class RunRead:
    """A published run: a study, or one of its variants.

    Attributes
    ----------
    variant:
        Its name; None where the study has one run.
    folder:
        Where its results lie; they need not be there.
    study:
        The study with the variant's keys; None where study.yaml is not as it should be.
    estimates, checks, units:
        Its rows, those that are whole.
    manifest:
        The record of the run; None where there is none.
    problems:
        What is wrong, in sentences.
    failed:
        Whether a later run failed, so that these results are of an earlier one.
    figures:
        Its figures by name.
    """

    variant: str | None
    folder: Path
    study: Study | None
    estimates: tuple[Row, ...] = ()
    checks: tuple[Row, ...] = ()
    units: tuple[Row, ...] = ()
    manifest: Manifest | None = None
    problems: tuple[str, ...] = ()
    failed: bool = False
    figures: Mapping[str, Path] = field(default_factory=dict)

    @property
    def ran(self) -> bool:
        """Whether it has published anything."""
        return bool(self.estimates or self.checks or self.manifest)


@dataclass(frozen=True)
class StudyRead:
    """A study with its runs; ``raw`` are the keys of its study.yaml as written."""

    slug: str
    folder: Path
    raw: Mapping[str, Any]
    runs: tuple[RunRead, ...]
    problems: tuple[str, ...] = field(default=())

    @property
    def title(self) -> str:
        """Its title, or its slug where it has none."""
        return " ".join(str(self.raw.get("title") or self.slug).split())

    @property
    def first(self) -> RunRead:
        """The run that speaks for it: the first that published anything."""
        return next((run for run in self.runs if run.ran), self.runs[0])


def read_study(project: Project, slug: str, holdings: Holdings | None = None) -> StudyRead:
    """A study and what its runs published; whatever is wrong with it stands in its problems."""
    folder = project.studies / slug
    links = linked(project, folder, [folder / name for name in OF_STUDY])
    if not is_own(project, folder, folder / "study.yaml"):
        return _without_file(project, folder, links, {})
    try:
        file = StudyFile.read(folder, None, holdings)
        names: tuple[str | None, ...] = tuple(file.names) or (None,)
    except ScaleImpactError as error:
        raw, _ = read_yaml(folder / "study.yaml")
        problems = [f"{error.where}: {p}" if error.where else p for p in error.problems]
        return _without_file(project, folder, [*problems, *links], raw)
    runs, problems = [], list(links)
    for name in names:
        study, wrong = _resolved(file, name)
        problems += wrong
        runs.append(_run(project, folder, name, study))
    return StudyRead(slug, folder, file.raw, tuple(runs), tuple(dict.fromkeys(problems)))


def _resolved(file: StudyFile, name: str | None) -> tuple[Study | None, list[str]]:
    try:
        return file.study(name), []
    except ScaleImpactError as error:
        return None, [f"{error.where}: {p}" if error.where else p for p in error.problems]


def _without_file(project: Project, folder: Path, problems: Sequence[str], raw: object) -> StudyRead:
    """A study whose study.yaml cannot be read: its results are there all the same."""
    found = sorted({path.parent for path in (folder / "results").glob("**/estimates.jsonl")} or {folder / "results"})
    runs = [_run(project, folder, None if at.name == "results" else at.name, None) for at in found]
    return StudyRead(folder.name, folder, raw if isinstance(raw, Mapping) else {}, tuple(runs), tuple(problems))


def _run(project: Project, folder: Path, name: str | None, study: Study | None) -> RunRead:
    """What a run published."""
    at = folder / "results" / (name or "")
    failed = (folder / "failed" / (name or "") / "executed.ipynb").is_file()
    if not at.is_dir() or not any((at / f"{kind}.jsonl").is_file() for kind in FIELDS):
        return RunRead(name, at, study, failed=failed)
    if not is_own(project, folder, at):
        return RunRead(name, at, study, failed=failed, problems=tuple(linked(project, folder, [at])))
    problems = linked(project, folder, [at / file for file in OF_RUN])
    rows = {
        kind: tuple(_rows(path, kind, project, problems))
        if is_own(project, folder, path := at / f"{kind}.jsonl")
        else ()
        for kind in FIELDS
    }
    manifest = Manifest.read(at / "manifest.json") if is_own(project, folder, at / "manifest.json") else None
    if manifest is None:
        problems.append(
            f"{named(project, at / 'manifest.json')} is missing or not whole: nobody can say how these results came about. Run the study again."
        )
    figures, wrong = figures_of(project, folder, at)
    said = tuple(dict.fromkeys([*problems, *wrong]))
    return RunRead(name, at, study, **rows, manifest=manifest, problems=said, failed=failed, figures=figures)


# ---- rows ----------------------------------------------------------------------------------------------


def _rows(path: Path, kind: str, project: Project, problems: list[str]) -> Iterator[Row]:
    """The rows of a file that are whole; what is wrong with the others is added to the problems."""
    where, bad = project.relative(path), []
    if not path.is_file():
        if kind != "units":  # older runs have none
            problems.append(f"{where} is missing. Run the study again.")
        return
    try:
        if path.stat().st_size > LARGEST:
            problems.append(
                f"{where} is larger than {LARGEST // 2**20} MiB: its rows are not shown here. Read them with scale-impact evidence."
            )
            return
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        problems.append(f"{where} cannot be read ({type(error).__name__}). Run the study again.")
        return
    for k, line in enumerate(text.split("\n"), 1):
        if line.strip():
            row, wrong = read_row(line, FIELDS[kind])
            if row is None:
                bad.append(f"line {k} {wrong}")
            else:
                yield row
    if bad:
        more = f" and {len(bad) - 3:,} more" if len(bad) > 3 else ""
        problems.append(
            f"{where}: {'; '.join(bad[:3])}{more}. Rows that are not whole are left out here. Run the study again."
        )


def tolerant(read: Callable[[], Any], problems: list[str]) -> Any:
    """What a function reads; None where that is not as it should be, which is added to the problems."""
    try:
        return read()
    except ScaleImpactError as error:
        problems += [f"{error.where}: {p}" if error.where else p for p in error.problems]
        return None
