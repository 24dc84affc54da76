"""``scale-impact slurm``: the script of a Slurm job array."""

from __future__ import annotations

from typing import Annotated

import typer


def slurm(
    studies: Annotated[list[str] | None, typer.Argument(help="Slugs under studies/ or paths; none means all.")] = None,
    shards: Annotated[
        int | None, typer.Option("--shards", help="Tasks of the array; one for every 8 runs where it is not given.")
    ] = None,
    time: Annotated[
        str, typer.Option("--time", help="Limit of a task: hours:minutes:seconds or days-hours.")
    ] = "2:00:00",
    memory: Annotated[str, typer.Option("--memory", help="Memory of a task, with its unit.")] = "8G",
    cpus: Annotated[int, typer.Option("--cpus", help="Cores of a task: so many runs at once.")] = 2,
    partition: Annotated[str | None, typer.Option("--partition", help="Partition of the cluster.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="key=value: change a scalar of study.yaml.")] = None,
    out: Annotated[str | None, typer.Option("--out", help="A folder that all nodes see, or an address.")] = None,
) -> None:
    """Print the script of a Slurm job array that executes what is out of date, one shard a task.

    Example: scale-impact slurm --shards 20 --time 4:00:00 --memory 16G > array.sh; sbatch array.sh
    """
    from scale_impact.cli._output import leave_with, settings
    from scale_impact.core.remote import is_url
    from scale_impact.errors import UsageError
    from scale_impact.workflow.runs import expand
    from scale_impact.workflow.slurm import JobArray, job_array, shards_for
    from scale_impact.workflow.storage import checked

    if out == "":
        raise UsageError("--out is empty; name a folder that all nodes see, or an address.")
    if out is not None and is_url(out):
        checked(out)
    runs, errors = expand(studies or [], settings(set_ or []))
    leave_with(errors)
    count = shards_for(len(runs)) if shards is None else shards
    wanted = JobArray(count, time, memory, cpus, partition, _arguments(studies or [], set_ or [], out))
    typer.echo(job_array(wanted), nl=False)
    for note in _notes(len(runs), count):
        typer.echo(note, err=True)


def _arguments(studies: list[str], pairs: list[str], out: str | None) -> tuple[str, ...]:
    """What the verb was given that ``run`` has to be given too."""
    changes = [word for pair in pairs for word in ("--set", pair)]
    return (*studies, *changes, *(("--out", out) if out is not None else ()))


def _notes(runs: int, shards: int) -> list[str]:
    """What the shards come to, for whoever submits them; not part of the script."""
    if not runs:
        return ["There is no study yet, so the array would have nothing to do."]
    note = f"{runs} run{'s' if runs != 1 else ''} in {shards} shard{'s' if shards != 1 else ''}."
    return [note + (" Some shards will have nothing to do." if shards > runs / 4 and shards > 1 else "")]
