"""``scale-impact plan``: which runs are out of date, and why."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from scale_impact.errors import ScaleImpactError
    from scale_impact.workflow.runs import Run
    from scale_impact.workflow.staleness import Staleness


def plan(
    studies: Annotated[list[str] | None, typer.Argument(help="Slugs under studies/ or paths; none means all.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="key=value: change a scalar of study.yaml.")] = None,
    out: Annotated[str | None, typer.Option("--out", help="Look at results in DIR/<slug>/results.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
) -> None:
    """Say which runs are out of date, what changed, and what it was before; nothing is executed.

    Example: scale-impact plan indiana-enterprise-zones --set level=0.9
    """
    from scale_impact.cli._output import leave_with, settings

    with _without_collection():
        from scale_impact.workflow.runs import expand

        runs, errors = expand(studies or [], settings(set_ or []), _folder(out))
        looked, more = _look(runs)
    errors += more
    typer.echo(_as_json(looked, errors) if json_ else _as_text(looked, errors))
    leave_with(errors)


@contextmanager
def _without_collection() -> Iterator[None]:
    """No search for cycles: of a thousand runs it takes a tenth of the time and finds nothing."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _folder(out: str | None) -> Path | None:
    """The folder of ``--out``."""
    from scale_impact.core.remote import is_url
    from scale_impact.errors import UsageError
    from scale_impact.workflow.paths import out_folder

    if out is not None and is_url(out):
        raise UsageError(
            "--out: plan looks at folders of this machine, not at addresses; `scale-impact run --out ADDRESS` sees for itself what is "
            "up to date there."
        )
    return None if out is None else out_folder(out)


def _look(runs: list[Run]) -> tuple[list[tuple[Run, Staleness]], list[ScaleImpactError]]:
    """How each run stands, and what is wrong with those of which it cannot be said, each thing once."""
    from scale_impact.errors import ScaleImpactError
    from scale_impact.workflow.fingerprint import Known
    from scale_impact.workflow.hashes import hashes_of
    from scale_impact.workflow.staleness import look

    looked: list[tuple[Run, Staleness]] = []
    errors: dict[str, ScaleImpactError] = {}
    known: Known = {}
    for run in runs:
        try:
            looked.append((run, look(run, known)))
        except ScaleImpactError as error:
            errors.setdefault(str(error), error)
    for root in {run.study.project.root for run in runs}:
        hashes_of(root).save()
    return looked, list(errors.values())


def _as_text(looked: list[tuple[Run, Staleness]], errors: list[ScaleImpactError]) -> str:
    """A line a run, its reasons below it, and how many are to be executed."""
    lines: list[str] = []
    for run, found in looked:
        lines += [f"{run.name}: {found.state}", *(f"  {reason}" for reason in found.reasons)]
    return "\n".join([*lines, *_summary(looked, errors)])


def _summary(looked: list[tuple[Run, Staleness]], errors: list[ScaleImpactError]) -> list[str]:
    if not looked:
        return [] if errors else ["There is no study yet. Make one: scale-impact new my-city --template staggered_did"]
    stale, all_ = sum(not found.is_current for _, found in looked), len(looked)
    if stale == 0:
        return [f"{'The run is' if all_ == 1 else f'All {all_:,} runs are'} up to date."]
    verb, them = ("is", "it") if stale == 1 else ("are", "them")
    return [
        f"{stale:,} of {all_:,} run{'' if all_ == 1 else 's'} {verb} out of date; `scale-impact run` executes {them}."
    ]


def _as_json(looked: list[tuple[Run, Staleness]], errors: list[ScaleImpactError]) -> str:
    import json

    runs: list[dict[str, Any]] = [
        {
            "run": run.name,
            "study": run.study.slug,
            "variant": run.study.variant,
            "state": found.state,
            "reasons": list(found.reasons),
            "run_id": found.run_id,
            "results": run.study.project.relative(run.results),
        }
        for run, found in looked
    ]
    wrong = [{"where": e.where, "problems": list(e.problems), "exit_code": e.exit_code} for e in errors]
    return json.dumps({"runs": runs, "errors": wrong}, indent=2, ensure_ascii=False)
