"""What a project has published, study by study, read so that a broken file is told and not passed on."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from scale_impact.core.evidence import CHECK_FIELDS, ESTIMATE_FIELDS, SCHEMA, UNIT_FIELDS
from scale_impact.core.manifest import Manifest
from scale_impact.core.project import Project
from scale_impact.core.study import Study, StudyFile
from scale_impact.core.study_names import Holdings
from scale_impact.core.yaml_file import read_yaml
from scale_impact.errors import ScaleImpactError

Row = dict[str, Any]

NUMBERS = frozenset({
    "event_time", "estimate", "std_error", "df", "level", "ci_low", "ci_high", "p_value", "statistic", "n_units", "n_treated", "n_periods", "n_obs",
    "n_clusters",
})  # fmt: skip
LATER = ("plan", "deviations", "context")
"""Fields that rows of earlier versions do not have."""
TEXTS = frozenset({
    "study", "variant", "run_id", "measure", "outcome", "indicator", "dimension", "direction", "estimator", "role", "kind", "check", "unit", "estimand",
    "label", "inference", "outcome_unit", "reason", "plan", "deviations",
})  # fmt: skip
NEEDED = frozenset({"study", "estimator", "kind", "check", "verdict", "unit", "outcome"})
"""Fields that are never empty."""
VERDICTS = ("pass", "fail", "inconclusive", "inapplicable")
FIELDS = {"estimates": ESTIMATE_FIELDS, "checks": CHECK_FIELDS, "units": UNIT_FIELDS}

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

    @property
    def ran(self) -> bool:
        """Whether it has published anything."""
        return bool(self.estimates or self.checks or self.manifest)

    @cached_property
    def figures(self) -> dict[str, Path]:
        """Its figures by name; as PNG where there is one, which nothing in it can act."""
        found = {
            p.stem: p
            for ending in ("svg", "png")
            for p in sorted((self.folder / "figures").glob(f"*.{ending}"))
            if p.is_file()
        }
        return dict(sorted(found.items()))


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
    try:
        file = StudyFile.read(folder, None, holdings)
        names: tuple[str | None, ...] = tuple(file.names) or (None,)
    except ScaleImpactError as error:
        return _without_file(project, folder, error)
    runs, problems = [], []
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


def _without_file(project: Project, folder: Path, error: ScaleImpactError) -> StudyRead:
    """A study whose study.yaml cannot be read: its results are there all the same."""
    raw, _ = read_yaml(folder / "study.yaml")
    found = sorted({path.parent for path in (folder / "results").glob("**/estimates.jsonl")} or {folder / "results"})
    runs = [_run(project, folder, None if at.name == "results" else at.name, None) for at in found]
    problems = [f"{error.where}: {p}" if error.where else p for p in error.problems]
    return StudyRead(folder.name, folder, raw if isinstance(raw, Mapping) else {}, tuple(runs), tuple(problems))


def _run(project: Project, folder: Path, name: str | None, study: Study | None) -> RunRead:
    """What a run published."""
    at = folder / "results" / (name or "")
    failed = (folder / "failed" / (name or "") / "executed.ipynb").is_file()
    if not at.is_dir() or not any((at / f"{kind}.jsonl").is_file() for kind in FIELDS):
        return RunRead(name, at, study, failed=failed)
    problems: list[str] = []
    rows = {kind: tuple(_rows(at / f"{kind}.jsonl", kind, project, problems)) for kind in FIELDS}
    manifest = Manifest.read(at / "manifest.json")
    if manifest is None:
        problems.append(
            f"{project.relative(at / 'manifest.json')} is missing or not whole: nobody can say how these results came about. Run the study again."
        )
    return RunRead(name, at, study, **rows, manifest=manifest, problems=tuple(problems), failed=failed)


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
            row, wrong = _row(line, FIELDS[kind])
            if row is None:
                bad.append(f"line {k} {wrong}")
            else:
                yield row
    if bad:
        more = f" and {len(bad) - 3:,} more" if len(bad) > 3 else ""
        problems.append(
            f"{where}: {'; '.join(bad[:3])}{more}. Rows that are not whole are left out here. Run the study again."
        )


def _row(line: str, fields: Iterable[str]) -> tuple[Row | None, str]:
    """A row, or what is wrong with it."""
    try:
        row = json.loads(line, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return None, "is cut off or no JSON"
    if not isinstance(row, dict):
        return None, "is no row"
    if row.get("schema") != SCHEMA:
        return None, f"is of schema {str(row.get('schema'))[:20]}, not {SCHEMA}"
    if missing := [f for f in fields if f not in row and f not in LATER]:
        return None, f"has no {', '.join(missing[:3])}"
    kept = {f: row.get(f) for f in fields}
    if odd := [f for f, value in kept.items() if not _fits(f, value)]:
        return None, f"has no such {', '.join(odd[:3])} as a run writes"
    return kept, ""


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _fits(field_name: str, value: Any) -> bool:
    """Whether a value is of the kind that the field has."""
    if value is None:
        return field_name not in NEEDED
    if field_name in NUMBERS:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if field_name in ("details", "context"):
        return isinstance(value, dict)
    if field_name == "verdict":
        return value in VERDICTS
    return isinstance(value, str) or (field_name not in TEXTS and not isinstance(value, (dict, list)))


def tolerant(read: Callable[[], Any], problems: list[str]) -> Any:
    """What a function reads; None where that is not as it should be, which is added to the problems."""
    try:
        return read()
    except ScaleImpactError as error:
        problems += [f"{error.where}: {p}" if error.where else p for p in error.problems]
        return None
