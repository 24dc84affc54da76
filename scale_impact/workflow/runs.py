"""Runs: a study with one of its variants, and where its results lie."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scale_impact.core.project import Project
from scale_impact.core.study import Study
from scale_impact.errors import ScaleImpactError


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
    def template(self) -> Path:
        """The notebook that is executed."""
        return self.study.project.template(self.study.settings.template)


def expand(
    names: Iterable[str], overrides: Mapping[str, Any], out: Path | None = None
) -> tuple[list[Run], list[ScaleImpactError]]:
    """Runs of the studies named (none: all), and the studies that cannot be read."""
    runs: list[Run] = []
    errors: list[ScaleImpactError] = []
    for name in list(names) or [str(Project.find().studies / s) for s in Project.find().keys("studies")]:
        try:
            study = Study.load(name, overrides=overrides)
        except ScaleImpactError as error:
            errors.append(error)
            continue
        base = out.resolve() / study.slug if out is not None else study.folder
        for variant in study.variants or [None]:
            try:
                runs.append(Run(Study.load(study.folder, variant=variant, overrides=overrides), base))
            except ScaleImpactError as error:
                errors.append(error)
    return runs, errors
