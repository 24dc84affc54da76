"""``scale-impact logs``: what runs did, line by line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def logs(
    run: Annotated[str | None, typer.Argument(help="A study or run, such as my-city/early; none means all.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the runs have ended.")] = False,
) -> None:
    """Show what the latest runs did, line by line.

    Example: scale-impact logs -f
    """
    from scale_impact.core.project import Project
    from scale_impact.workflow.journal import latest_journal, lines

    path = latest_journal(Project.find())
    if path is None:
        typer.echo("Nothing has run here yet. Start: scale-impact run")
        return
    for line in lines(_text(path, follow)):
        if run is None or f" {run}:" in line or f" {run}/" in line:
            typer.echo(line)


def _text(path: Path, follow: bool) -> Iterator[str]:
    """Whole lines of a file; while its writer lives, those that are still to come."""
    import time

    from scale_impact.workflow.locks import is_held

    with path.open(encoding="utf-8") as file:
        begun = ""
        while True:
            alive = follow and is_held(path)
            begun += file.readline()
            if begun.endswith("\n"):
                yield begun
                begun = ""
            elif not alive:
                return
            else:
                time.sleep(0.2)
