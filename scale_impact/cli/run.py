"""``scale-impact run``: execute what is out of date and publish it."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from scale_impact.errors import ScaleImpactError
    from scale_impact.workflow.batch import Result, Settings
    from scale_impact.workflow.runs import Run
    from scale_impact.workflow.uploads import Uploads
    from scale_impact.workflow.warm import WarmKernels

DETAILED = 3
"""Runs whose answers are printed at length; of more, the table says enough."""


def run(
    studies: Annotated[list[str] | None, typer.Argument(help="Slugs under studies/ or paths; none means all.")] = None,
    jobs: Annotated[int | None, typer.Option("--jobs", "-j", min=1, help="Runs at once; default: the cores.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="key=value: change a scalar of study.yaml.")] = None,
    out: Annotated[
        str | None, typer.Option("--out", help="Write to DIR/<slug>/results, or to an address such as s3://bucket/x.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Execute even what is up to date.")] = False,
    only: Annotated[
        list[str] | None, typer.Option("--only", help="Runs by name, such as 'my-city/early' or '*/never*'.")
    ] = None,
    shard: Annotated[str | None, typer.Option("--shard", help="i/n: only the i-th of n parts of the runs.")] = None,
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast/--keep-going", help="Begin nothing more after a run has failed.")
    ] = False,
    cold: Annotated[bool, typer.Option("--cold", help="A new Python for each run.")] = False,
    time_limit: Annotated[
        float | None, typer.Option("--time-limit", min=0.1, help="Seconds that a run may take.", show_default="none")
    ] = None,
    memory_limit: Annotated[
        str | None,
        typer.Option("--memory-limit", help="Memory that a run may take, such as 8G.", show_default="the machine's"),
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option("--scheduler", help="Address of a Dask scheduler that hands the runs out.")
    ] = None,
) -> None:
    """Execute what is out of date, publish its results and print the answer.

    Example: scale-impact run indiana-enterprise-zones --set level=0.9 --out try
    """
    from scale_impact.cli._output import leave_with, settings
    from scale_impact.workflow.batch import Settings, started_ahead
    from scale_impact.workflow.limits import parsed_bytes
    from scale_impact.workflow.uploads import Uploads

    limit = parsed_bytes(memory_limit) if memory_limit is not None else None
    how = Settings(jobs=jobs, cold=cold, fail_fast=fail_fast, time_limit=time_limit, memory_limit=limit, force=force)
    with ExitStack() as stack:
        several = len(studies or []) != 1 and scheduler is None
        kernels = started_ahead(how, stack) if several else None
        folder, url = _destination(out, stack)
        runs, errors = _chosen(studies or [], settings(set_ or []), folder, only, shard)
        if fail_fast and errors:
            leave_with(errors)
        uploads = Uploads(url, runs) if url else None
        stale = runs if force else uploads.stale() if uploads else _stale(runs)
        runs, stale, waiting = _without_waiting(runs, stale, all_=not studies and not only)
        errors += waiting
        results = dict(zip([r.name for r in stale], _execute(stale, how, scheduler, uploads, kernels), strict=True))
        results |= uploads.failed if uploads else {}
        _report(runs, results, url)
    leave_with([*errors, *(r for r in results.values() if isinstance(r, Exception))])


def _destination(out: str | None, stack: ExitStack) -> tuple[Path | None, str | None]:
    """The folder in which results are made, and the address to which they go from there."""
    from scale_impact.core.remote import is_url
    from scale_impact.workflow.paths import out_folder
    from scale_impact.workflow.scratch import scratch
    from scale_impact.workflow.storage import checked

    if out is None:
        return None, None
    if is_url(out):
        url = checked(out)
        return stack.enter_context(scratch(large=True)), url
    return out_folder(out), None


def _chosen(
    studies: list[str], overrides: dict[str, object], folder: Path | None, only: list[str] | None, shard: str | None
) -> tuple[list[Run], list[ScaleImpactError]]:
    """The runs that are meant, and what is wrong with others."""
    from scale_impact.workflow.paths import climbing
    from scale_impact.workflow.runs import expand
    from scale_impact.workflow.shards import shard as part

    runs, errors = expand(studies, overrides, folder)
    if not runs and not errors:
        typer.echo("There is no study yet. Make one: scale-impact new my-city --template staggered_did")
    runs = _named(runs, only) if only else runs
    runs = part(runs, shard) if shard is not None else runs
    links = climbing(runs)
    return ([] if links else runs), [*errors, *links]


def _named(runs: Sequence[Run], patterns: Sequence[str]) -> list[Run]:
    """The runs whose name a pattern fits."""
    from fnmatch import fnmatchcase

    from scale_impact.core.words import nearest
    from scale_impact.errors import UsageError

    names = [r.name for r in runs]
    lost = [p for p in patterns if not any(fnmatchcase(name, p) for name in names)]
    if lost:
        raise UsageError([f"--only {p}: no run is called so. {nearest(p, names)}" for p in lost])
    return [r for r in runs if any(fnmatchcase(r.name, p) for p in patterns)]


def _stale(runs: list[Run]) -> list[Run]:
    """Runs for which something has to be done; what killed ones left is put right on the way."""
    from scale_impact.errors import ScaleImpactError
    from scale_impact.workflow.fingerprint import Known
    from scale_impact.workflow.hashes import hashes_of
    from scale_impact.workflow.staleness import look

    stale, known = [], Known()
    for run in runs:
        _mend(run)
        try:
            current = look(run, known).is_current
        except ScaleImpactError:  # the look before its execution says everything that is wrong with it
            current = False
        stale += [] if current else [run]
    for root in {run.study.project.root for run in runs}:
        hashes_of(root).save()
    slugs = {run.study.slug for run in stale}
    while later := {r.study.slug for r in runs if slugs & r.study.reads} - slugs:
        slugs |= later  # what reads the results of these will be out of date when they are made
    return [run for run in runs if run in stale or slugs & run.study.reads]


def _without_waiting(
    runs: list[Run], stale: list[Run], *, all_: bool
) -> tuple[list[Run], list[Run], list[ScaleImpactError]]:
    """Runs without those whose data have to be pulled first: left as they are where all are meant, an error where they are named."""
    from scale_impact.cli._output import say_waiting
    from scale_impact.errors import NotPulledError
    from scale_impact.workflow.preflight import waits_for_data

    waiting = [run for run in stale if waits_for_data(run)]
    for run in waiting if all_ else ():
        say_waiting(run, "not run")
    sources = dict.fromkeys(run.study.settings.source for run in waiting)
    errors = [
        NotPulledError(
            f"its data are not here. Get them: scale-impact data pull {name} (or, from a folder that has them: --mirror DIR).",
            where=", ".join(run.name for run in waiting if run.study.settings.source == name),
        )
        for name in sources
    ]
    kept = [r for r in runs if r not in waiting]
    return kept, [r for r in stale if r not in waiting], [] if all_ else list(errors)


def _mend(run: Run) -> None:
    """Put right what a killed run left, unless somebody is at work there."""
    from scale_impact.workflow.locks import hold, is_held
    from scale_impact.workflow.publish import mend

    if run.work.is_dir() and not is_held(run.lock):
        with hold(run.lock):
            mend(run)


def _execute(
    runs: list[Run], settings: Settings, scheduler: str | None, uploads: Uploads | None, kernels: WarmKernels | None
) -> list[Result]:
    """Execute runs here or elsewhere, and show how they fare."""
    from scale_impact.cli._progress import Progress
    from scale_impact.workflow.batch import run_batch
    from scale_impact.workflow.journal import Journal

    if not runs:
        return []
    with ExitStack() as stack:
        _heed_termination(stack)
        journal = stack.enter_context(Journal(runs[0].study.project, [r.name for r in runs]))
        progress = stack.enter_context(Progress(len(runs)))

        def watch(event: Any) -> None:
            journal(event)
            progress(event)
            if uploads is not None:
                uploads(event)

        try:
            if scheduler is None:
                return run_batch(runs, settings, watch, kernels)
            from scale_impact.workflow.distribute import distribute

            return distribute(runs, scheduler, settings, watch)
        except KeyboardInterrupt:
            stack.callback(
                typer.echo, f"interrupted: {progress.ended}. `scale-impact run` goes on from there.", err=True
            )
            raise


def _heed_termination(stack: Any) -> None:
    """Treat a request to end, as clusters send it, as an interrupt: what is finished stays."""
    import signal
    import threading

    if threading.current_thread() is not threading.main_thread():
        return

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    stack.callback(signal.signal, signal.SIGTERM, before)


def _report(runs: list[Run], results: dict[str, Result], url: str | None) -> None:
    """The answers of runs that ended well; of several, a table at the end."""
    ended = [r for r in runs if not isinstance(results.get(r.name), Exception)]
    if len(runs) <= DETAILED:
        for each in ended:
            _answer(each, results.get(each.name), url)
    if len(runs) > 1:
        _table(runs, results)


def _state(result: Result | None) -> str:
    if result is None or getattr(result, "fresh", False):
        return "up to date"
    return "failed" if isinstance(result, Exception) else f"done in {result.seconds:.1f} s"


def _where(run: Run, url: str | None) -> str:
    """Where the results of a run lie, as its user writes it."""
    if url is None:
        return run.study.project.relative(run.results)
    from scale_impact.workflow.storage import address

    return address(url, run)


def _answer(run: Run, result: Result | None, url: str | None) -> None:
    """Print the primary estimate, what was left out, the checks and where the results lie."""
    from scale_impact.cli._output import show_notes
    from scale_impact.evidence.reading import in_words, numbers

    where = _where(run, url)
    typer.echo(f"{run.name}: {_state(result)}")
    if not run.results.is_dir():  # up to date at an address
        typer.echo(f"  Results: {where}/")
        return
    primary = _primary(run)
    typer.echo(f"  {run.study.settings.title}")
    typer.echo(f"  {in_words(primary, run.study.indicator(run.study.outcomes[0]).name)}")
    typer.echo(f"  {primary['estimand']} by {primary['estimator']}, {primary['outcome_unit']}: {numbers(primary)}")
    typer.echo("  " + "; ".join(filter(None, (_of_whom(primary), primary["inference"]))))
    show_notes(_notes(run))
    _checks(run)
    _further(run)
    typer.echo(f"  Results: {where}/ (executed.ipynb, estimates.jsonl, checks.jsonl, figures/, manifest.json)")
    if run.study.overrides and run.base == run.study.folder:
        changed = ", ".join(f"{k}={v}" for k, v in run.study.overrides)
        typer.echo(f"  Note: these published results are with {changed}; give --out DIR to try without publishing.")


def _of_whom(primary: dict[str, Any]) -> str:
    """Of how many units the answer is; empty where it is about money."""
    from scale_impact.core.evidence import PUT_TOGETHER

    if primary["n_units"] is None:
        return ""
    if primary["n_treated"] is None:
        return f"{primary['n_units']:,} {'pilots' if primary['estimator'] == PUT_TOGETHER else 'compared'}"
    return f"{primary['n_treated']:,} treated of {primary['n_units']:,}"


def _further(run: Run) -> None:
    """The other outcomes and indices, a line each, with the checks that fail there."""
    from scale_impact.evidence.reading import numbers
    from scale_impact.evidence.store import read_rows

    rows = read_rows(run.results / "estimates.jsonl")
    main = _primary(run)
    overall = [r for r in rows if r["kind"] == "overall" and r["estimator"] == main["estimator"]]
    others = {r["outcome"]: r for r in reversed(overall) if r["outcome"] != main["outcome"]}
    failed = [r for r in read_rows(run.results / "checks.jsonl") if r["verdict"] == "fail"]
    if others:
        typer.echo("  Further outcomes:")
    for outcome, row in reversed(others.items()):
        wrong = ", ".join(r["check"] for r in failed if r["outcome"] == outcome)
        typer.echo(f"    {outcome}, {row['outcome_unit']}: {numbers(row)}{f'; fail: {wrong}' if wrong else ''}")


def _primary(run: Run) -> dict[str, Any]:
    from scale_impact.evidence.store import read_rows

    rows = read_rows(run.results / "estimates.jsonl")
    return next(r for r in rows if r["role"] == "primary" and r["kind"] == "overall")


def _notes(run: Run) -> tuple[str, ...]:
    """What the design leaves out, as the run said."""
    from scale_impact.core.manifest import Manifest

    manifest = Manifest.read(run.results / "manifest.json")
    return tuple(manifest.notes) if manifest else ()


def _checks(run: Run) -> None:
    """The verdicts, and why a check failed."""
    rows = _check_rows(run)
    typer.echo(f"  Checks: {_verdicts(rows)}")
    for row in rows:
        if row["verdict"] in ("fail", "inconclusive"):
            typer.echo(f"    {row['check']}: {row['reason']}")


def _check_rows(run: Run) -> list[dict[str, Any]]:
    from scale_impact.evidence.store import read_rows

    return [r for r in read_rows(run.results / "checks.jsonl") if r["outcome"] == _primary(run)["outcome"]]


def _verdicts(rows: list[dict[str, Any]]) -> str:
    return "; ".join(f"{r['check']} {r['verdict']}" for r in rows) or "none asked for"


def _table(runs: list[Run], results: dict[str, Result]) -> None:
    """A line a run: how it ended, its primary estimate, the checks that it failed."""
    import sys

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for name in ("run", "state", "outcome", "unit", "estimate", "failed checks"):
        table.add_column(name, no_wrap=name in ("run", "state"))
    for each in runs:
        result = results.get(each.name)
        cells = ["", "", "see below", ""] if isinstance(result, Exception) else _cells(each)
        table.add_row(*map(Text, [each.name, _state(result), *cells]))
    console = Console() if sys.stdout.isatty() else Console(width=1000)
    console.print(table)


def _cells(run: Run) -> list[str]:
    from scale_impact.evidence.reading import numbers

    if not run.results.is_dir():
        return ["", "", "", ""]
    primary = _primary(run)
    failed = ", ".join(r["check"] for r in _check_rows(run) if r["verdict"] == "fail") or "none"
    return [primary["outcome"], primary["outcome_unit"], numbers(primary), failed]
