"""``scale-impact report``: all studies as static pages, for readers without this package."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

DEFAULT = "site"
"""Folder of the report in the project; git ignores it."""

SHOWN = 10
"""Problems that are printed; the first page has all."""


def report(
    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            help="The folder to write; default site/ in the project. An earlier report is replaced, unless it holds files of yours.",
        ),
    ] = None,
    crates: Annotated[
        bool,
        typer.Option(
            "--crates", help="Add each study's replication package (RO-Crate); that takes some seconds a study."
        ),
    ] = False,
    jobs: Annotated[
        int | None, typer.Option("--jobs", min=1, help="Processes at once; default one a processor.")
    ] = None,
) -> None:
    """Write all studies, measures and cities as static pages: no server, nothing from elsewhere; open index.html.

    Example: scale-impact report --out site
    """
    from scale_impact.core.project import Project
    from scale_impact.core.words import counted
    from scale_impact.errors import UsageError
    from scale_impact.report.pages import in_bytes
    from scale_impact.report.site import write_site

    if out == "":
        raise UsageError("--out is empty; name a folder.")
    project = Project.find()
    made = write_site(
        project,
        project.root / DEFAULT if out is None else Path(out),
        crate=partial(_crate, project.studies) if crates else None,
        processes=jobs,
    )
    for problem in made.problems[:SHOWN]:
        typer.echo(f"  Note: {problem}")
    if len(made.problems) > SHOWN:
        typer.echo(f"  Note: {len(made.problems) - SHOWN:,} more on the first page")
    typer.echo(
        f"{counted(made.studies, 'study', 'studies')}: {counted(made.pages, 'page')}, {in_bytes(made.size)}, written to {made.folder}"
    )
    typer.echo(f"Open {made.start}")


def _crate(studies: Path, slug: str, folder: Path) -> str | None:
    """Write the crate of a study; None, and why, where it has none."""
    from scale_impact.errors import ScaleImpactError
    from scale_impact.workflow.crate.export import export
    from scale_impact.workflow.runs import expand

    name = f"{folder.name}.crate.zip"
    runs, errors = expand([str(studies / slug)], {})
    try:
        if errors:
            raise errors[0]
        export(runs, folder / name, as_is=True, with_data=True, force=False)
    except ScaleImpactError as error:
        typer.echo(f"  Note: {slug} has no replication package: {' '.join(error.problems)[:300]}")
        return None
    return name
