"""Everything that can be wrong before a run, found without executing anything."""

from __future__ import annotations

import json
from pathlib import Path

from scale_impact.core.assemble import design_of, panel_of
from scale_impact.core.study import Study
from scale_impact.errors import ScaleImpactError, StudyError
from scale_impact.sources import read
from scale_impact.workflow.runs import Run


def preflight(run: Run) -> list[ScaleImpactError]:
    """What is wrong with a run's template, data and design; empty when it can go."""
    errors: list[ScaleImpactError] = []
    try:
        code_cells(run.template)
    except ScaleImpactError as error:
        errors.append(error)
    return errors + _data_problems(run.study)


def notes(run: Run) -> list[str]:
    """What the design leaves out or reads in a particular way, for each outcome."""
    frame = read(run.study.project.source(run.study.settings.source), run.study.project.root)
    designs = [design_of(run.study, panel_of(run.study, frame, o)) for o in run.study.outcomes]
    return list(dict.fromkeys(note for d in designs for note in d.notes))


def code_cells(template: Path) -> list[str]:
    """Sources of a template's code cells, the parameters cell first found.

    Raises
    ------
    StudyError
        The template is no notebook, or has no cell tagged ``parameters``.
    """
    try:
        notebook = json.loads(template.read_text(encoding="utf-8"))
        code = [(c["metadata"], "".join(c["source"])) for c in notebook["cells"] if c["cell_type"] == "code"]
        tagged = any("parameters" in metadata.get("tags", []) for metadata, _ in code) and notebook["nbformat"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StudyError(
            f"This is no notebook ({type(error).__name__}: {error}). Save it again in JupyterLab.",
            where=f"notebooks/{template.name}",
        ) from error
    if not tagged:
        raise StudyError(
            "No code cell is tagged `parameters`, so the study could not be handed to the notebook. Tag the cell that sets "
            "`study` (JupyterLab: property inspector, common tools, cell tags).",
            where=f"notebooks/{template.name}",
        )
    return [source for _, source in code]


def _data_problems(study: Study) -> list[ScaleImpactError]:
    try:
        frame = read(study.project.source(study.settings.source), study.project.root)
    except ScaleImpactError as error:
        return [error]
    found: dict[str, ScaleImpactError] = {}
    for outcome in study.outcomes:
        try:
            design_of(study, panel_of(study, frame, outcome))
        except ScaleImpactError as error:
            located = type(error)(error.problems, where=f"{study.slug}, outcome {outcome.column}")
            located.__traceback__ = error.__traceback__
            found.setdefault(str(error), located)
    return list(found.values())
