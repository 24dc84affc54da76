"""``scale-impact verify``: does what was published come out again?"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from scale_impact.workflow.verify.again import Verification
    from scale_impact.workflow.verify.compare import Comparison

SHOWN = 10
"""Numbers that are listed for a run on the terminal."""


def verify(
    studies: Annotated[list[str] | None, typer.Argument(help="Slugs under studies/ or paths; none means all.")] = None,
    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", min=1, help="Runs at once; as many as there are cores.")
    ] = None,
    twice: Annotated[
        bool, typer.Option("--twice", help="Execute twice and name the first cell and variable that part.")
    ] = False,
    crate: Annotated[
        Path | None, typer.Option("--crate", help="Verify the zip that somebody sent, instead of this project.")
    ] = None,
    trust: Annotated[bool, typer.Option("--trust", help="Execute the code that is in the crate.")] = False,
    report: Annotated[
        Path | None, typer.Option("--report", help="Write verification.json and verification.html to DIR.")
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print all that was found as JSON.")] = False,
) -> None:
    """Execute published runs again, elsewhere, and compare every number with the published one.

    Ends with exit code 15 where a number differs beyond tolerance, a published file was changed by hand, or a run
    cannot be executed any more. Figures and notebooks are compared by their bytes, for information.

    Example: scale-impact verify indiana-enterprise-zones --report referee/
    """
    from scale_impact.errors import UsageError
    from scale_impact.workflow.verify.record import tasks
    from scale_impact.workflow.verify.report import refuse_unwritable

    if trust and crate is None:
        raise UsageError("--trust is about the code of a crate; name one with --crate FILE.")
    if report is not None:
        refuse_unwritable(report)
    if crate is None:
        found = tasks(studies or [])
        _show(_executed(found if studies else _without_waiting(found, json_), jobs, twice), report, json_, None)
    else:
        _crate(crate, studies or [], trust, jobs, twice, report, json_)


def _without_waiting(found: Sequence[Any], quietly: bool) -> list[Any]:
    """Where all studies are meant, those whose data have to be pulled first are left out, and that is said."""
    from scale_impact.cli._output import say_waiting
    from scale_impact.workflow.preflight import waits_for_data

    waiting = [task for task in found if task.run is not None and waits_for_data(task.run)]
    for task in waiting:
        say_waiting(task.run, "not verified", to_errors=quietly)
    return [task for task in found if task not in waiting]


def _executed(found: Sequence[Any], jobs: int | None, twice: bool, **more: Any) -> list[Verification]:
    """Execute with progress on the error stream."""
    from scale_impact.cli._progress import Progress
    from scale_impact.workflow.verify.again import verify

    total = sum(task.run is not None and (twice or task.record is not None) for task in found) * (2 if twice else 1)
    with Progress(total) as progress:
        return verify(found, jobs=jobs, twice=twice, watch=progress, **more)


def _crate(
    crate: Path, studies: list[str], trust: bool, jobs: int | None, twice: bool, report: Path | None, json_: bool
) -> None:
    """Say what a crate would execute; execute it where its author is trusted."""
    from scale_impact.errors import UsageError
    from scale_impact.workflow.verify.stranger import inside

    with inside(crate, studies) as stranger:
        for line in stranger.words:
            typer.echo(line, err=json_)
        if not trust:
            raise UsageError(
                f"Nothing of {crate.name} was executed. Verifying it runs the code listed above on this machine, with your "
                "rights. If you trust its author, add --trust."
            )
        found = stranger.judged(_executed(stranger.tasks, jobs, twice, variables=stranger.variables))
    _show(found, report, json_, crate.name)


# ---- what is said ---------------------------------------------------------------------------------


def _show(found: list[Verification], report: Path | None, json_: bool, about: str | None) -> None:
    """Print the table and what moved, write the report, and end with exit code 15 where something does not hold."""
    import json

    from scale_impact.workflow.verify.report import as_json, write_report

    if json_:
        typer.echo(json.dumps(as_json(found, about=about), indent=2, ensure_ascii=False))
    else:
        _table(found)
        for each in found:
            for line in _lines(each):
                typer.echo(line)
    if report is not None:
        written = write_report(report, found, about=about)
        typer.echo(f"Report: {', '.join(p.as_posix() for p in written)}", err=json_)
    _refuse(found)


def _refuse(found: list[Verification]) -> None:
    from scale_impact.core.words import counted, some
    from scale_impact.errors import VerificationError

    wrong = [f"{v.name} ({_why(v)})" for v in found if not v.holds]
    if wrong:
        raise VerificationError(
            f"{len(wrong)} of {counted(len(found), 'run')} {'does' if len(wrong) == 1 else 'do'} not hold: {some(wrong, 10)}."
        )


def _why(found: Verification) -> str:
    """What speaks against a run, in a few words."""
    from scale_impact.workflow.verify.verdicts import GOOD

    said = [found.verdict] if found.verdict not in GOOD else []
    said += ["changed by hand"] if found.damage else []
    said += ["two executions differ"] if found.twice is not None and not found.twice.same else []
    return ", ".join(said)


def _table(found: list[Verification]) -> None:
    """One line a run."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    if not found:
        typer.echo("There is no study yet. Make one: scale-impact new my-city --template staggered_did")
        return
    table = Table(box=None, pad_edge=False)
    for k, column in enumerate(
        ("run", "verdict", "numbers", "identical", "in tolerance", "otherwise", "largest rel. diff.")
    ):
        table.add_column(column, justify="right" if k > 1 else "left")
    for each in found:
        table.add_row(*(Text(cell) for cell in _cells(each)))
    Console(width=None if sys.stdout.isatty() else 1000).print(table)


def _cells(found: Verification) -> tuple[str, ...]:
    compared = found.comparison or (found.twice.comparison if found.twice else None)
    if compared is None:
        return found.name, found.verdict, "", "", "", "", ""
    same, near = compared.counts.get("identical", 0), compared.counts.get("within tolerance", 0)
    counts = (compared.numbers, same, near, compared.numbers - same - near)
    return (
        found.name,
        found.verdict,
        *(f"{n:,}" for n in counts),
        f"{compared.largest:.1e}" if compared.largest else "0",
    )


def _lines(found: Verification) -> list[str]:
    """What there is to say about a run beyond its line in the table."""
    lines = [f"  {found.reason}"] if found.reason is not None else []
    lines += [f"  {sentence}" for sentence in found.damage]
    if found.overrides:
        settings = ", ".join(f"{k}={v}" for k, v in found.overrides.items())
        lines.append(f"  Executed as published, with {settings}; the study has it otherwise now.")
    lines += _moved(found.comparison, "published", "now") if found.comparison is not None else []
    lines += _of_twice(found)
    lines += [f"  {words}" for words in (found.files.words if found.files else [])]
    if found.surroundings:
        lines += ["  What differs from the published run:", *(f"    {c.words}" for c in found.surroundings[:SHOWN])]
        lines += _more(len(found.surroundings), "thing")
    return [f"{found.name}: {found.verdict}", *lines] if lines or found.verdict == "never run" else []


def _of_twice(found: Verification) -> list[str]:
    if found.twice is None:
        return []
    if found.twice.same:
        return ["  Executed twice: after each cell all variables were the same, and every number to the last bit."]
    divergence = found.twice.divergence
    said = (
        "the variables were the same after each cell, the results are not" if divergence is None else divergence.words
    )
    return [f"  Executed twice: {said}.", *_moved(found.twice.comparison, "run 1", "run 2", identical=True)]


def _moved(compared: Comparison, before: str, after: str, *, identical: bool = False) -> list[str]:
    """The worst numbers beyond tolerance (or all that are not identical), each with both values."""
    from scale_impact.workflow.verify.report import pair

    moved = compared.findings if identical else compared.moved
    lines = []
    for finding in moved[:SHOWN]:
        one, other = pair(finding.published, finding.now)
        difference = "" if finding.difference is None else f", relative difference {finding.difference:.1e}"
        lines.append(
            f"  {finding.about}: {finding.field} {before} {one}, {after} {other} ({finding.verdict}{difference})"
        )
    return lines + _more(len(moved), "number")


def _more(n: int, what: str) -> list[str]:
    from scale_impact.core.words import counted

    return (
        [f"    and {counted(n - SHOWN, f'{what} more', f'{what}s more')}; --report DIR lists all"] if n > SHOWN else []
    )
