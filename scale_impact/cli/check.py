"""``scale-impact check``: everything that can be wrong before a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from scale_impact.errors import ScaleImpactError
    from scale_impact.workflow.runs import Run


def check(
    studies: Annotated[list[str] | None, typer.Argument(help="Slugs under studies/ or paths; none means all.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="key=value: change a scalar of study.yaml.")] = None,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print a JSON schema of study.yaml for editors, and check nothing.")
    ] = False,
) -> None:
    """Find everything that can be wrong before a run, all problems at once; nothing is executed.

    Example: scale-impact check indiana-enterprise-zones
    """
    from scale_impact.cli._output import leave_with, settings
    from scale_impact.errors import UsageError
    from scale_impact.workflow.runs import expand

    if schema:
        if studies or set_:
            raise UsageError("--schema describes any study.yaml of the project: leave out studies and --set.")
        return _print_schema()
    runs, errors = expand(studies or [], settings(set_ or []))
    if not runs and not errors:
        typer.echo("There is no study yet. Make one: scale-impact new my-city --template staggered_did")
    for run in runs:
        errors += _look(run, named=bool(studies))
    if not studies:
        errors += _look_at_papers()
    leave_with(_once(errors))


def _look(run: Run, *, named: bool) -> list[ScaleImpactError]:
    """Say that a run is ready, or give what stands in its way; where all are checked, data not pulled are no mistake."""
    from scale_impact.cli._output import say_waiting, show_notes
    from scale_impact.workflow.preflight import preflight, waits_for_data

    if not named and waits_for_data(run):
        say_waiting(run, "not checked")
        return []
    found = preflight(run)
    if not found.errors:
        typer.echo(f"{run.name}: ready to run")
        show_notes(found.notes)
    return list(found.errors)


def _look_at_papers() -> list[ScaleImpactError]:
    """What is wrong with the published numbers of data/evidence."""
    from scale_impact.core.project import Project
    from scale_impact.errors import ScaleImpactError
    from scale_impact.evidence.papers import paper_rows

    try:
        paper_rows(Project.find())
    except ScaleImpactError as error:
        return [error]
    return []


def _once(errors: list[ScaleImpactError]) -> list[ScaleImpactError]:
    """Errors that several runs share, such as those of a source, said once."""
    return list({str(error): error for error in reversed(errors)}.values())[::-1]


def _print_schema() -> None:
    import json

    from scale_impact.core.project import Project
    from scale_impact.core.schema import study_schema

    typer.echo(json.dumps(study_schema(Project.find()), indent=2, ensure_ascii=False))
