"""``scale-impact run``: execute what is out of date and publish it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from scale_impact.errors import ScaleImpactError
    from scale_impact.workflow.runs import Run


def run(
    studies: Annotated[list[str] | None, typer.Argument(help="Slugs under studies/ or paths; none means all.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="key=value: change a scalar of study.yaml.")] = None,
    out: Annotated[
        str | None, typer.Option("--out", help="Write to DIR/<slug>/results instead of studies/<slug>/results.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Execute even what is up to date.")] = False,
) -> None:
    """Execute what is out of date, publish its results and print the answer.

    Example: scale-impact run indiana-enterprise-zones --set level=0.9 --out /tmp/try
    """
    from scale_impact.cli._output import leave_with, settings
    from scale_impact.errors import UsageError
    from scale_impact.workflow.runs import expand

    if out == "":
        raise UsageError("--out is empty; name a folder.")
    runs, errors = expand(studies or [], settings(set_ or []), None if out is None else Path(out))
    if not runs and not errors:
        typer.echo("There is no study yet. Make one: scale-impact new my-city --template staggered_did")
    for each in runs:
        errors += _run_one(each, force)
    leave_with(errors)


def _run_one(run: Run, force: bool) -> list[ScaleImpactError]:
    """Check, execute and report one run; what went wrong."""
    from scale_impact.errors import ScaleImpactError
    from scale_impact.workflow.execute import execute
    from scale_impact.workflow.fingerprint import inputs_of, is_current, run_id
    from scale_impact.workflow.preflight import preflight

    found = preflight(run)
    if found.errors:
        return list(found.errors)
    if not force and is_current(run, run_id(inputs_of(run))):
        _report(run, "up to date", found.notes)
        return []
    try:
        with _busy(run):
            done = execute(run)
    except ScaleImpactError as error:
        return [error]
    _report(run, f"done in {done.seconds:.1f} s", found.notes)
    return []


def _busy(run: Run):  # type: ignore[no-untyped-def]
    from rich.console import Console

    return Console(stderr=True).status(f"{run.name}: executing {run.template.name}")


def _report(run: Run, state: str, notes: tuple[str, ...]) -> None:
    """Print the primary estimate, what was left out, the checks and where the results lie."""
    from scale_impact.cli._output import show_notes
    from scale_impact.evidence.reading import in_words, numbers
    from scale_impact.evidence.store import read_rows

    rows = read_rows(run.results / "estimates.jsonl")
    primary = next(r for r in rows if r["role"] == "primary" and r["kind"] == "overall")
    where = run.study.project.relative(run.results)
    typer.echo(f"{run.name}: {state}")
    typer.echo(f"  {run.study.settings.title}")
    typer.echo(f"  {in_words(primary, run.study.indicator(run.study.outcomes[0]).name)}")
    typer.echo(f"  {primary['estimand']} by {primary['estimator']}, {primary['outcome_unit']}: {numbers(primary)}")
    typer.echo(f"  {primary['n_treated']:,} treated of {primary['n_units']:,}; {primary['inference']}")
    show_notes(notes)
    _checks(run)
    typer.echo(f"  Results: {where}/ (executed.ipynb, estimates.jsonl, checks.jsonl, figures/, manifest.json)")
    if run.study.overrides and run.base == run.study.folder:
        changed = ", ".join(f"{k}={v}" for k, v in run.study.overrides)
        typer.echo(f"  Note: these published results are with {changed}; give --out DIR to try without publishing.")


def _checks(run: Run) -> None:
    """The verdicts, and why a check failed."""
    from scale_impact.evidence.store import read_rows

    rows = [r for r in read_rows(run.results / "checks.jsonl") if r["outcome"] == run.study.outcomes[0].column]
    typer.echo(f"  Checks: {_verdicts(rows)}")
    for row in rows:
        if row["verdict"] in ("fail", "inconclusive"):
            typer.echo(f"    {row['check']}: {row['reason']}")


def _verdicts(rows: list[dict[str, Any]]) -> str:
    return "; ".join(f"{r['check']} {r['verdict']}" for r in rows) or "none asked for"
