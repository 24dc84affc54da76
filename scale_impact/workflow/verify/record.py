"""Records: what a study has published, whether somebody changed it since, and which runs it belongs to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scale_impact.core.manifest import Manifest, file_hash
from scale_impact.core.other_study import ROWS
from scale_impact.core.project import Project, study_folder
from scale_impact.core.study import Study
from scale_impact.errors import StudyError
from scale_impact.workflow.fingerprint import resolved
from scale_impact.workflow.runs import Run, expand

FILES = ("manifest.json", "estimates.jsonl", "checks.jsonl")
"""Files that make a folder one of published results."""


@dataclass(frozen=True)
class Record:
    """The published results of a run.

    Attributes
    ----------
    folder:
        Where they lie.
    manifest:
        What the run wrote about itself; None where that is missing or damaged.
    damage:
        What was changed by hand since, one sentence a file.
    """

    folder: Path
    manifest: Manifest | None
    damage: tuple[str, ...]

    @classmethod
    def read(cls, folder: Path) -> Record | None:
        """The record of a folder; None where nothing is published in it."""
        if not any((folder / name).is_file() for name in FILES):
            return None
        manifest = Manifest.read(folder / "manifest.json")
        if manifest is None:
            return cls(folder, None, ("manifest.json is missing or damaged, so what was published is not known.",))
        return cls(folder, manifest, tuple(_damage(folder, manifest)))


def _damage(folder: Path, manifest: Manifest) -> Iterator[str]:
    for name, known in sorted(manifest.outputs.items()):
        path = folder / name
        try:
            seen = file_hash(path) if path.is_file() else None
        except OSError as error:
            yield f"{name} cannot be read: {error.strerror}."
            continue
        if seen is None:
            yield f"{name} is gone; the manifest says that it was published."
        elif seen != known:
            yield f"{name} was changed by hand: its sha256 is {seen[:12]}..., the manifest says {str(known)[:12]}..."


@dataclass(frozen=True)
class Task:
    """A run to verify.

    Attributes
    ----------
    name:
        ``study`` or ``study/variant``.
    record:
        What it published; None where it never ran.
    run:
        The run; None where the study as it is now does not have it.
    trouble:
        Why there is no run.
    """

    name: str
    record: Record | None
    run: Run | None
    trouble: str | None = None


def tasks(names: Sequence[str]) -> list[Task]:
    """What there is to verify of the studies named (none: all).

    Raises
    ------
    StudyError
        There is no such study.
    UsageError
        There is no project.
    """
    folders = [study_folder(name) for name in names] or _studies(Project.find())
    return [task for folder in dict.fromkeys(folders) for task in _tasks(folder)]


def _studies(project: Project) -> list[Path]:
    """Folders of all studies, those that lost their study.yaml too if they have published something."""
    there = [p for p in sorted(project.studies.glob("*")) if p.is_dir()]
    return [
        p for p in there if (p / "study.yaml").is_file() or any(not _only_read(r.folder) for r in records(p).values())
    ]


def _only_read(results: Path) -> bool:
    """Whether a folder holds no more than another study reads of it: in a crate such rows come without their study."""
    return {p.name for p in results.iterdir() if p.is_file()} <= {f"{name}.jsonl" for name in ROWS}


def _tasks(folder: Path) -> Iterator[Task]:
    """The runs that a study has and those that it published, with what each published."""
    published = records(folder)
    runs, errors = expand([str(folder)], {}) if (folder / "study.yaml").is_file() else ([], [])
    known = {run.study.variant: run for run in runs}
    for variant in dict.fromkeys([*known, *published] or [None]):
        name = f"{folder.name}/{variant}" if variant else folder.name
        run, record = known.get(variant), published.get(variant)
        trouble = _trouble(folder, variant, known, errors)
        yield Task(name, record, None if run is None else _as_published(run, record), trouble)


def records(folder: Path) -> dict[str | None, Record]:
    """What a study's folder has published, by variant."""
    results = folder / "results"
    below = sorted(p for p in results.glob("*") if p.is_dir() and p.name != "figures")
    found = [(None, Record.read(results)), *((p.name, Record.read(p)) for p in below)]
    return {variant: record for variant, record in found if record is not None}


def _trouble(folder: Path, variant: str | None, known: dict[str | None, Run], errors: list[Any]) -> str | None:
    """Why a study does not have a run that it published."""
    if variant in known:
        return None
    if errors:
        return "; ".join(str(error) for error in errors)
    if not (folder / "study.yaml").is_file():
        return "study.yaml is gone."
    here = ", ".join(v for v in known if v) or "none"
    return (
        f"study.yaml has no variant {variant!r} any more (it has: {here})."
        if variant
        else f"study.yaml has variants now: {here}."
    )


def _as_published(run: Run, record: Record | None) -> Run:
    """The run with the settings that it was published with, as far as they can be set from outside.

    They differ from the study's where it was run with ``--set``, or study.yaml was edited since. What cannot be set
    (another list of estimators) stays as it is now; then the settings stand among what differs.
    """
    if record is None or record.manifest is None:
        return run
    values = set_values(record.manifest.details.get("study"), resolved(run))
    try:
        study = Study.load(run.study.folder, variant=run.study.variant, overrides=values) if values else run.study
    except StudyError:
        return run
    return Run(study, run.base)


TEXTS = ("title", "question")
"""Settings that no number depends on."""


def set_values(published: Any, now: Mapping[str, Any]) -> dict[str, Any]:
    """Scalars that were published with another value than a study has now, by dotted key; earlier manifests name none."""
    if not isinstance(published, Mapping):
        return {}
    known = {k: v for k, v in published.items() if k not in ("study", "variant", *TEXTS)}
    before, after = dict(_scalars("", known)), dict(_scalars("", now))
    return {key: value for key, value in before.items() if key not in after or after[key] != value}


def _scalars(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Scalars of settings by dotted key; a method of inference without options is one, what stands in lists is none."""
    if path == "inference" and isinstance(value, Mapping) and not value.get("options"):
        yield path, value.get("name")
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _scalars(f"{path}.{name}" if path else str(name), inner)
    elif not isinstance(value, list):
        yield path, value
