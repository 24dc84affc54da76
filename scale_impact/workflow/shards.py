"""Shards: a batch divided among machines that do not talk to each other, such as the tasks of a Slurm array.

A run belongs to shard ``1 + hash % n``, its hash the first 64 bits of the SHA-256 of its name (``study`` or
``study/variant``). Each run is in exactly one shard, in the same one on every machine and whatever other runs there
are. Shards are of equal size as far as a hash goes: r runs in n shards are r / n each, give or take its square root.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Mapping

from scale_impact.errors import UsageError
from scale_impact.workflow.runs import Run

FROM_SLURM = "slurm"
"""As a shard: the one of this task of a Slurm array."""


def shard(runs: Iterable[Run], text: str, environment: Mapping[str, str] = os.environ) -> list[Run]:
    """The runs of one shard, in their order.

    Parameters
    ----------
    text:
        ``2/8``: the second of eight. ``slurm``: what the variables of a Slurm array's task say.

    Raises
    ------
    UsageError
        The text names no shard.
    """
    index, count = parsed_shard(text, environment)
    return [run for run in runs if shard_of(run.name, count) == index]


def shard_of(name: str, count: int) -> int:
    """The shard of a run, from 1 to ``count``."""
    return 1 + int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") % count


def parsed_shard(text: str, environment: Mapping[str, str] = os.environ) -> tuple[int, int]:
    """Which shard of how many a text names: ``2/8`` is (2, 8)."""
    if text.strip().lower() == FROM_SLURM:
        return _of_slurm(environment)
    found = re.fullmatch(r"\s*(\d{1,9})\s*/\s*(\d{1,9})\s*", text, flags=re.ASCII)
    if found is None:
        raise UsageError(f"--shard {text}: write i/n, such as 2/8 for the second of eight shards, or slurm.")
    index, count = int(found[1]), int(found[2])
    if count == 0:
        raise UsageError(f"--shard {text}: there are no 0 shards. Write 1/1 for all runs, 2/8 for the second of eight.")
    if not 1 <= index <= count:
        raise UsageError(f"--shard {text}: shards are counted from 1, so here from 1/{count} to {count}/{count}.")
    return index, count


def _of_slurm(environment: Mapping[str, str]) -> tuple[int, int]:
    """The shard of this task of an array whose indices are equally spaced, as in 0-7, 1-8 or 0-14:2."""
    names = [f"SLURM_ARRAY_TASK_{part}" for part in ("ID", "COUNT", "MIN", "MAX")]
    if absent := [n for n in names if not environment.get(n, "").isdecimal()]:
        raise UsageError(
            f"--shard slurm: {', '.join(absent)} {'is' if len(absent) == 1 else 'are'} not set, so this is no task of a Slurm "
            "array. Submit with sbatch --array=1-8, or write i/n, such as 2/8."
        )
    task, count, first, last = (int(environment[n]) for n in names)
    step = (last - first) // max(count - 1, 1) or 1
    index, beside = divmod(task - first, step)
    if first + (count - 1) * step != last or beside or not 0 <= index < count:
        raise UsageError(
            f"--shard slurm: task {task} of {count} from {first} to {last} is not of a whole array such as 1-8, so its shard cannot "
            'be told. Write --shard "$SLURM_ARRAY_TASK_ID/8", as the script of `scale-impact slurm` does.'
        )
    return index + 1, count
