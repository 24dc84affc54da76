"""Everything that can be wrong before a run, found without executing anything."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scale_impact.core.assemble import design_of, options_of, panel_of, refuse_as_primary
from scale_impact.core.design import Design
from scale_impact.core.panel import Panel
from scale_impact.core.study import Outcome, Study, describe
from scale_impact.errors import EstimationError, ScaleImpactError, StudyError, UsageError
from scale_impact.estimators import estimate, option_names
from scale_impact.sources import read
from scale_impact.workflow.runs import Run


@dataclass(frozen=True)
class Preflight:
    """What was found: errors that stop a run, and notes on what the design leaves out."""

    errors: tuple[ScaleImpactError, ...]
    notes: tuple[str, ...] = ()


def preflight(run: Run) -> Preflight:
    """Look at a run's template, data, design and estimators; no notebook is executed."""
    errors: list[ScaleImpactError] = []
    try:
        code_cells(run.template)
    except ScaleImpactError as error:
        errors.append(error)
    found = _of_data(run)
    return Preflight((*errors, *found.errors), found.notes)


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


def _of_data(run: Run) -> Preflight:
    """The source, and each outcome's panel, design and estimates."""
    study = run.study
    try:
        frame = read(study.project.source(study.settings.source), study.project.root)
    except ScaleImpactError as error:
        return Preflight((error,))
    errors: dict[str, ScaleImpactError] = {}
    notes: dict[str, None] = {}
    for outcome in study.outcomes:
        try:
            panel = panel_of(study, frame, outcome)
            design = design_of(study, panel)
        except ScaleImpactError as error:
            errors.setdefault(str(error), _located(error, run, outcome))
            continue
        notes |= dict.fromkeys(design.notes)
        for refused in _of_estimators(study, panel, design):
            errors.setdefault(str(refused), _located(refused, run, outcome))
    return Preflight(tuple(errors.values()), tuple(notes))


def _of_estimators(study: Study, panel: Panel, design: Design) -> Iterator[ScaleImpactError]:
    """What estimators refuse; an option that one does not take is a mistake in study.yaml."""
    for k, choice in enumerate(study.settings.estimators):
        try:
            options = options_of(study, choice, option_names(choice.name))
            estimate(choice.name, panel, design, **options, inference=_inference(study, primary=k == 0))
        except UsageError as error:
            yield StudyError([f"{choice.name}: {p}" for p in error.problems])
        except ScaleImpactError as error:
            yield error
        except (TypeError, ValueError, ArithmeticError) as error:
            what = f"{describe(choice)} stops with {type(error).__name__}: {error}"
            yield EstimationError(f"{what.rstrip('.')}. Check its options and the outcome.")
    try:
        refuse_as_primary(study, design)
    except ScaleImpactError as error:
        yield error


def _inference(study: Study, *, primary: bool) -> str | dict[str, dict[str, Any]]:
    """The method that the study names for its primary estimate, which may refuse; ``auto`` never does."""
    choice = study.settings.inference
    return "analytic" if choice.name == "auto" or not primary else {choice.name: choice.options}


def _located(error: ScaleImpactError, run: Run, outcome: Outcome) -> ScaleImpactError:
    located = type(error)(error.problems, where=f"{run.name}, outcome {outcome.column}")
    return located.with_traceback(error.__traceback__)
