"""What a study has published, and what speaks against handing it on: out of date, changed by hand, missing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scale_impact.core.manifest import file_hash
from scale_impact.errors import ScaleImpactError
from scale_impact.workflow.crate.items import files_below
from scale_impact.workflow.runs import Run

if TYPE_CHECKING:
    from scale_impact.workflow.fingerprint import Known

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Published:
    """The published results of one run.

    Attributes
    ----------
    run:
        The run.
    manifest:
        What its manifest says; empty where there is none.
    files:
        Every file of the results, from their folder.
    problems:
        Why they are not what a run of the study as it is now would leave.
    """

    run: Run
    manifest: Mapping[str, Any]
    files: tuple[Path, ...]
    problems: tuple[str, ...]

    @property
    def place(self) -> str:
        """Where the results lie in the crate."""
        variant = self.run.study.variant
        return f"studies/{self.run.study.slug}/results" + (f"/{variant}" if variant else "")

    @property
    def versions(self) -> dict[str, str]:
        """Versions of Python and of the packages that made the numbers."""
        found = _mapping(_mapping(self.manifest.get("inputs")).get("versions"))
        return {str(name): str(version) for name, version in found.items()}

    @property
    def environment(self) -> dict[str, Any]:
        """What the manifest says of machine and set-up."""
        return _mapping(self.manifest.get("environment"))

    @property
    def seconds(self) -> float:
        """How long the run took."""
        return float(self.manifest.get("seconds") or 0.0)

    @property
    def started(self) -> datetime:
        """When the run started (UTC)."""
        return datetime.fromisoformat(str(self.manifest["started"])).astimezone(UTC)

    @property
    def ended(self) -> datetime:
        """When the run ended, to the second."""
        return (self.started + timedelta(seconds=self.seconds)).replace(microsecond=0)


def published(run: Run, known: Known | None = None) -> Published:
    """Look at a run's published results; nothing is executed. ``known`` is what the runs of a study share."""
    manifest = _manifest(run.results / MANIFEST)
    if not manifest:
        return Published(run, {}, (), (_absent(run),))
    files = tuple(path.relative_to(run.results) for path in files_below(run.results))
    return Published(
        run, manifest, files, (*_stale(run, {} if known is None else known), *_touched(run, manifest, files))
    )


def _absent(run: Run) -> str:
    where = run.study.project.relative(run.results)
    state = "its manifest.json cannot be read" if (run.results / MANIFEST).exists() else "nothing is published"
    return f"{run.name}: {state} in {where}. Run it: scale-impact run {run.study.slug}"


def _manifest(path: Path) -> dict[str, Any]:
    """A manifest's content, whatever further keys it has; empty where it is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        datetime.fromisoformat(content["started"])
        return content if isinstance(content["outputs"], dict) and content["run_id"] else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _stale(run: Run, known: Known) -> Iterator[str]:
    """Whether a run of the study as it is now would be another run, and what changed."""
    from scale_impact.workflow.staleness import look

    try:
        found = look(run, known)
    except ScaleImpactError as error:
        yield f"{run.name}: whether the results are up to date cannot be said. {error}"
        return
    if found.state == "out of date":
        why = "; ".join(r.rstrip(".") for r in found.reasons if not r.startswith("results: "))
        yield f"{run.name}: the results are out of date ({why}). Run it again: scale-impact run {run.study.slug}"


def _touched(run: Run, manifest: Mapping[str, Any], files: tuple[Path, ...]) -> Iterator[str]:
    """Files of the results that are not as the run left them."""
    outputs, names = manifest["outputs"], {path.as_posix() for path in files}
    again = f"Make them again: scale-impact run {run.study.slug} --force"
    for name, known in outputs.items():
        if name not in names:
            yield f"{run.name}: {name}, which the run wrote, is missing. {again}"
        elif (seen := file_hash(run.results / name)) != known:
            yield f"{run.name}: {name} was changed by hand: its sha256 is {seen}, the run wrote {known}. {again}"
    for name in sorted(names - outputs.keys() - {MANIFEST}):
        yield f"{run.name}: {name} was not written by the run. Move it out of {run.study.project.relative(run.results)}."


def _mapping(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}
