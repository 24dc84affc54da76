"""``scale-impact export``: a study with all that a reviewer needs, as one zip."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from scale_impact.workflow.crate.export import Exported


def export(
    study: Annotated[str, typer.Argument(help="A slug under studies/, or a path.")],
    out: Annotated[
        str | None, typer.Option("--out", help="The zip to write; default <slug>.crate.zip in the working folder.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the zip where there is one.")] = False,
    as_is: Annotated[
        bool,
        typer.Option("--as-is", help="Export results that are out of date or were changed; the README says so."),
    ] = False,
    without_data: Annotated[
        bool, typer.Option("--without-data", help="Leave the data out; the README says how to get them.")
    ] = False,
) -> None:
    """Write a study, its results and what makes them again into an RO-Crate zip for a reviewer.

    Example: scale-impact export indiana-enterprise-zones --out review.zip
    """
    from scale_impact.cli._output import leave_with
    from scale_impact.errors import UsageError
    from scale_impact.workflow.crate.export import export as write
    from scale_impact.workflow.runs import expand

    if out == "":
        raise UsageError("--out is empty; name a file.")
    runs, errors = expand([study], {})
    leave_with(errors)
    made = write(runs, None if out is None else Path(out), as_is=as_is, with_data=not without_data, force=force)
    _report(runs[0].study.slug, made)


def _report(slug: str, made: Exported) -> None:
    """Where the crate is, what is in it and what is not, and what a reviewer types."""
    from scale_impact.core.words import counted
    from scale_impact.workflow.crate.names import few
    from scale_impact.workflow.crate.page import in_bytes

    folder = made.path.name.removesuffix(".zip").removesuffix(".crate")
    typer.echo(f"{slug}: written to {made.path}")
    typer.echo(f"  {counted(made.runs, 'run')}, {counted(made.files, 'file')}, {in_bytes(made.size)}")
    for source in made.data:
        where = ", ".join(item.place for item in source.files[:3]) or f"not in it ({source.missing})"
        typer.echo(f"  Data of {source.name}: {where}; licence: {' '.join(source.card.licence.split())}")
    for problem in few(made.problems):
        typer.echo(f"  Note: {problem}")
    typer.echo(f"  A reviewer types: unzip {made.path.name} -d {folder} && cd {folder} && make verify")
