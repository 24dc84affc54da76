"""``scale-impact doctor``: what this machine has, what is missing, and the command that mends it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scale_impact.workflow.doctor import Finding

COLOURS = {"ok": "green", "note": "yellow", "missing": "red"}


def doctor(
    json_: Annotated[bool, typer.Option("--json", help="The same as data.")] = False,
) -> None:
    """Look at what this machine has, what is missing, and name the command that mends it.

    Writes nothing that stays. Exit code 14 when a run would not work.

    Example: scale-impact doctor
    """
    from scale_impact.workflow.doctor import examine

    found = examine()
    _as_data(found) if json_ else _as_lines(found)
    _refuse(found)


def _as_data(found: Sequence[Finding]) -> None:
    import json
    from dataclasses import asdict

    works = all(f.state != "missing" for f in found)
    typer.echo(json.dumps({"works": works, "findings": [asdict(f) for f in found]}, indent=2, ensure_ascii=False))


def _as_lines(found: Sequence[Finding]) -> None:
    width = max(len(f.topic) for f in found)
    for each in found:
        mend = f". Mend: {each.mend}" if each.mend else ""
        state = typer.style(f"{each.state:7}", fg=COLOURS[each.state])
        typer.echo(f"{state}  {each.topic:{width}}  {each.found}{mend}")
    if all(f.state != "missing" for f in found):
        typer.echo("Runs work here.")


def _refuse(found: Sequence[Finding]) -> None:
    from scale_impact.errors import RunError

    wrong = [f for f in found if f.state == "missing"]
    if wrong:
        raise RunError([f"{f.topic}: {f.found}." + (f" Mend: {f.mend}" if f.mend else "") for f in wrong],
                       where="runs do not work here")  # fmt: skip
