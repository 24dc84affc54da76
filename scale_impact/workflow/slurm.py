"""The script of a Slurm job array that executes runs, one shard a task."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from scale_impact.errors import UsageError

RUNS_A_SHARD = 8
"""How many runs a task gets where the number of shards is not given: so many share what starting a task costs."""

MOST_SHARDS = 1000
"""Largest index of an array with Slurm's own setting (MaxArraySize 1001)."""

TIME = re.compile(r"\d+(:\d{1,2}){0,2}|\d+-\d{1,2}(:\d{1,2}){0,2}", flags=re.ASCII)
MEMORY = re.compile(r"[1-9]\d*[KMGT]", flags=re.ASCII)
PARTITION = re.compile(r"[A-Za-z0-9_.,-]+", flags=re.ASCII)


@dataclass(frozen=True)
class JobArray:
    """What is asked of Slurm for each task, and what the tasks together run.

    Attributes
    ----------
    shards:
        Number of tasks.
    time, memory, cpus:
        Of each task, as sbatch takes them: ``2:00:00`` or ``1-12``, ``8G``, cores.
    partition:
        Of the cluster; None: its default.
    arguments:
        What follows ``scale-impact run``: studies, ``--set``, ``--out``.
    """

    shards: int
    time: str = "2:00:00"
    memory: str = "8G"
    cpus: int = 2
    partition: str | None = None
    arguments: tuple[str, ...] = ()


def shards_for(runs: int) -> int:
    """How many shards a number of runs is divided into where nobody says."""
    return min(MOST_SHARDS, max(1, -(-runs // RUNS_A_SHARD)))


def job_array(wanted: JobArray) -> str:
    """The script, for sbatch.

    Raises
    ------
    UsageError
        A value is none that Slurm takes, or means something else there than it says; all of them at once.
    """
    if problems := _problems(wanted):
        raise UsageError(problems)
    return SCRIPT.format(
        shards=wanted.shards, time=wanted.time, memory=wanted.memory, cpus=wanted.cpus,
        partition=f"#SBATCH --partition={wanted.partition}\n" if wanted.partition else "",
        given="".join(f" {shlex.quote(a)}" for a in wanted.arguments),
        meant=MEANT if any(set("$`") & set(a) for a in wanted.arguments) else "",
    )  # fmt: skip


def _problems(wanted: JobArray) -> Sequence[str]:
    checks = [
        (
            1 <= wanted.shards <= MOST_SHARDS,
            f"--shards {wanted.shards}: write a number from 1 to {MOST_SHARDS}, Slurm's usual limit.",
        ),
        (
            _is_time(wanted.time),
            f"--time {wanted.time}: write hours:minutes:seconds, such as 2:00:00, or days-hours, such as 1-12.",
        ),
        (
            MEMORY.fullmatch(wanted.memory),
            f"--memory {wanted.memory}: write a whole number with its unit, such as 8G (Slurm takes a bare number as megabytes).",
        ),
        (1 <= wanted.cpus <= 1024, f"--cpus {wanted.cpus}: write the number of cores of a task, 1 or more."),
        (
            wanted.partition is None or PARTITION.fullmatch(wanted.partition),
            f"--partition {wanted.partition}: write its name as `sinfo` shows it.",
        ),
        (
            all(a.isprintable() for a in wanted.arguments),
            "A value with a line break or another sign that is not printed cannot stand in the script. Write it into study.yaml.",
        ),
    ]
    return [problem for fits, problem in checks if not fits]


def _is_time(text: str) -> bool:
    """Whether a text is a time above zero (zero is no limit at all) and says its unit: bare numbers are minutes."""
    return bool(TIME.fullmatch(text)) and not text.isdecimal() and any(c in "123456789" for c in text)


MEANT = "# shellcheck disable=SC2016  # what stands in single quotes is meant as it is\n"

SCRIPT = """\
#!/bin/bash
# Made by `scale-impact slurm`: every run in exactly one of {shards} shards, one shard a task.
#
#   Submit it from the project's folder:     sbatch array.sh
#   What is still missing afterwards:        scale-impact plan
#   Everything that is missing, once more:   sbatch array.sh         (what is up to date is not run again)
#   Some shards only, here 3 and 7:          sbatch --array=3,7 array.sh
#
#SBATCH --job-name=scale-impact
#SBATCH --array=1-{shards}
#SBATCH --ntasks=1
#SBATCH --cpus-per-task={cpus}
#SBATCH --time={time}
#SBATCH --mem={memory}
#SBATCH --output=scale-impact-%A_%a.log
{partition}
set -euo pipefail

cd "$SLURM_SUBMIT_DIR"
if [[ -x .venv/bin/scale-impact ]]; then
    PATH="$PWD/.venv/bin:$PATH"
fi
{meant}exec scale-impact run{given} --shard "$SLURM_ARRAY_TASK_ID/{shards}" --jobs "${{SLURM_CPUS_PER_TASK:-{cpus}}}"
"""
