"""``scale-impact status``: what runs are doing now, or did last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from scale_impact.workflow.journal import Batch

FINAL = ("done", "current", "failed")


def status(
    json_: Annotated[bool, typer.Option("--json", help="The same for programs.")] = False,
) -> None:
    """Show what runs are doing now; where none is at work, how the latest ended.

    Example: scale-impact status
    """
    from scale_impact.core.project import Project
    from scale_impact.workflow.journal import batches

    found = batches(Project.find())
    shown = [b for b in found if b.alive] or found[:1]
    if json_:
        typer.echo(_as_json(shown))
    elif not shown:
        typer.echo("Nothing has run here yet. Start: scale-impact run")
    else:
        for batch in shown:
            _show(batch)


def _show(batch: Batch) -> None:
    state = "at work" if batch.alive else "ended"
    typer.echo(f"{state}: process {batch.process} on {batch.machine}, started {batch.started[:19]} UTC")
    for run, latest in batch.latest.items():
        typer.echo(f"  {run}: {_state(batch, latest)}")
    counts = {
        kind: sum(1 for e in batch.latest.values() if e and e[1].kind in kinds) for kind, kinds in COUNTED.items()
    }
    typer.echo(f"  {counts['done']} of {len(batch.latest)} done, {counts['failed']} failed")


COUNTED = {"done": ("done", "current"), "failed": ("failed",)}


def _state(batch: Batch, latest: tuple[str, object] | None) -> str:
    from scale_impact.workflow.journal import what

    if latest is None:
        return "waits for its turn" if batch.alive else "was not begun"
    event = latest[1]
    said = what(event)  # type: ignore[arg-type]
    return said if batch.alive or getattr(event, "kind", "") in FINAL else f"was broken off ({said})"


def _as_json(batches: list[Batch]) -> str:
    import json
    from dataclasses import asdict

    return json.dumps([asdict(batch) for batch in batches], indent=2, ensure_ascii=False)
