"""``scale-impact freeze``: the analysis plan, recorded before results exist."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from scale_impact.workflow.conditions import Event
    from scale_impact.workflow.freeze import Frozen


def freeze(
    study: Annotated[str, typer.Argument(help="A slug under studies/ or a path.")],
    set_: Annotated[list[str] | None, typer.Option("--set", help="key=value: change a scalar of study.yaml.")] = None,
    amend: Annotated[
        str | None,
        typer.Option("--amend", help="Why the frozen plan changes; its history is kept.", show_default=False),
    ] = None,
    after_results: Annotated[
        bool, typer.Option("--after-results", help="Freeze although results exist; the plan says so.")
    ] = False,
    without_dry_run: Annotated[
        bool, typer.Option("--without-dry-run", help="Freeze a plan that was not tried out; the plan says so.")
    ] = False,
    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", min=1, help="Runs of the dry run at once (default: cores).")
    ] = None,
) -> None:
    """Record the analysis plan in plan.json and plan.md, after trying it out on simulated outcomes.

    Example: scale-impact freeze my-city
    """
    from rich.console import Console

    from scale_impact.cli._output import settings
    from scale_impact.workflow.freeze import Ways
    from scale_impact.workflow.freeze import freeze as record

    with Console(stderr=True).status(f"{study}: dry run on simulated outcomes") as status:

        def show(event: Event) -> None:
            if event.kind == "cell":
                status.update(f"{event.run}: dry run on simulated outcomes, cell {event.cell} of {event.of}")

        done = record(study, settings(set_ or []), Ways(amend, after_results, not without_dry_run, jobs), show)
    _report(done)


def _report(done: Frozen) -> None:
    """What was frozen, where it lies, and what its author has to do."""
    from scale_impact.core.registration import left_to_write
    from scale_impact.core.words import counted

    plan: dict[str, Any] = dict(done.plan.last.plan)
    files = [done.study.project.relative(p) for p in done.files]
    tried = "not tried out" if not done.tried else f"{counted(done.tried, 'run')} tried out on simulated outcomes"
    typer.echo(f"{plan['study']}: analysis plan {'amended' if len(done.plan.versions) > 1 else 'frozen'}, {tried}")
    typer.echo(f"  {done.plan.words}")
    if plan["results"]:
        typer.echo(f"  Note: {plan['results']}")
    marks = left_to_write(done.files[1].read_text(encoding="utf-8"))
    typer.echo(
        f"  {files[0]} is the record; {files[1]} the text for a registry ({counted(marks, 'place')} to be written by you)"
    )
    typer.echo("  The date is proved by others: commit and push both files, or register the text (OSF, AEA).")
