"""``scale-impact check``: everything that can be wrong before a run."""

from __future__ import annotations

from typing import Annotated

import typer


def check(
    studies: Annotated[list[str] | None, typer.Argument(help="Slugs under studies/ or paths; none means all.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="key=value: change a scalar of study.yaml.")] = None,
) -> None:
    """Find everything that can be wrong before a run, all problems at once; nothing is executed.

    Example: scale-impact check indiana-enterprise-zones
    """
    from scale_impact.cli._output import leave_with, settings, show_notes
    from scale_impact.workflow.preflight import preflight
    from scale_impact.workflow.runs import expand

    runs, errors = expand(studies or [], settings(set_ or []))
    if not runs and not errors:
        typer.echo("There is no study yet. Make one: scale-impact new my-city --template staggered_did")
    for run in runs:
        found = preflight(run)
        errors += found.errors
        if not found.errors:
            typer.echo(f"{run.name}: ready to run")
            show_notes(found.notes)
    leave_with(errors)
