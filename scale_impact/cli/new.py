"""``scale-impact new``: a study folder that runs as it is."""

from __future__ import annotations

from typing import Annotated

import typer


def new(
    slug: Annotated[str, typer.Argument(help="Name of the study: small letters, digits and hyphens.")],
    template: Annotated[
        str, typer.Option("--template", "-t", help="A notebook under notebooks/, without .ipynb.", show_default=False)
    ] = "",
    city: Annotated[str | None, typer.Option("--city", help="The city it is about, for the title.")] = None,
) -> None:
    """Make a study folder with a commented study.yaml that runs as it is.

    Example: scale-impact new my-city --template staggered_did --city Springfield
    """
    from scale_impact.workflow.scaffold import new_study

    new_study(slug, template, city)
    typer.echo(f"studies/{slug}/study.yaml is written. Next: scale-impact check {slug}, then scale-impact run {slug}.")
    _say_what_waits(slug)


def _say_what_waits(slug: str) -> None:
    """Say that the data of the example have to be pulled first, where that is so."""
    from scale_impact.workflow.preflight import waits_for_data
    from scale_impact.workflow.runs import expand

    for source in dict.fromkeys(run.study.settings.source for run in expand([slug], {})[0] if waits_for_data(run)):
        typer.echo(f"Its example runs on data that are not here yet: scale-impact data pull {source}")
