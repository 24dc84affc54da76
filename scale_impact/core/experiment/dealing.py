"""Dealing again what an experiment dealt to its clusters: within strata, all ways where they are few."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import prod

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.assignments import count_assignments, every_assignment
from scale_impact.core.cohorts import Floats
from scale_impact.core.words import counted

Codes = NDArray[np.int64]

BLOCK = 1 << 22
"""Numbers held at once while statistics of dealings are made."""


@dataclass(frozen=True, eq=False)
class Dealings:
    """Ways in which the experiment could have gone.

    Attributes
    ----------
    arms:
        [B, C]: what each of the C clusters gets in each of B dealings.
    every:
        Whether they are all there are, the one that was made among them; otherwise they are drawn.
    words:
        How they were dealt.
    """

    arms: Codes
    every: bool
    words: str

    def __len__(self) -> int:
        return len(self.arms)

    def share(self, ahead: NDArray[np.bool_]) -> float:
        """The p-value where some of the dealings [B] are as extreme as the experiment.

        Source: Phipson and Smyth (2010), equation 2, where dealings are drawn: the experiment is one of them.
        """
        count = int(np.count_nonzero(ahead))
        return count / len(ahead) if self.every else (count + 1) / (len(ahead) + 1)

    def blocks(self, width: int) -> list[Codes]:
        """The dealings some at a time, where each takes ``width`` numbers."""
        step = max(BLOCK // max(width, 1), 1)
        return [self.arms[k : k + step] for k in range(0, len(self.arms), step)]


def deal(arms: Codes, strata: Codes, *, draws: int, seed: int, thing: str = "clusters") -> Dealings:
    """Deal the arms of C clusters again, each stratum's among its own clusters.

    Parameters
    ----------
    arms, strata:
        Arm and stratum of each cluster, [C].
    draws, seed:
        Dealings drawn where there are more than these.
    thing:
        What is dealt to, for the words.
    """
    parts = [np.flatnonzero(strata == s) for s in np.unique(strata)]
    ways = [count_assignments(_sizes(arms[p])) for p in parts]
    within = f" within {counted(len(parts), 'stratum', 'strata')}" if len(parts) > 1 else ""
    if prod(ways) <= draws:
        found = _all(arms, parts)
        return Dealings(found, True, f"all {len(found):,} dealings to {len(arms):,} {thing}{within}")
    return Dealings(
        _drawn(arms, parts, draws, seed), False, f"{draws:,} dealings to {len(arms):,} {thing}{within}, seed {seed}"
    )


def possible(arms: Codes, strata: Codes) -> int:
    """In how many ways the arms could have been dealt."""
    return prod(count_assignments(_sizes(arms[strata == s])) for s in np.unique(strata))


def _sizes(arms: Codes) -> list[int]:
    return [int(n) for n in np.unique(arms, return_counts=True)[1]]


def _all(arms: Codes, parts: list[Codes]) -> Codes:
    tables = [_ways(arms[p]) for p in parts]
    found = np.empty((prod(len(t) for t in tables), len(arms)), dtype=np.int64)
    for row, chosen in enumerate(product(*tables)):
        for part, way in zip(parts, chosen, strict=True):
            found[row, part] = way
    return found


def _ways(arms: Codes) -> Codes:
    """All different dealings of one stratum's arms, [ways, clusters]."""
    kinds, sizes = np.unique(arms, return_counts=True)
    orders = every_assignment([int(n) for n in sizes])
    found = np.empty_like(orders)
    np.put_along_axis(found, orders, np.tile(np.repeat(kinds, sizes), (len(orders), 1)), axis=1)
    return found


def _drawn(arms: Codes, parts: list[Codes], draws: int, seed: int) -> Codes:
    rng = np.random.default_rng(seed)
    small = np.int16 if arms.max(initial=0) < 2**15 else np.int64
    found = np.tile(arms.astype(small), (draws, 1))
    if len(parts) == 1:
        return np.asarray(rng.permuted(found, axis=1, out=found))
    for part in parts:
        found[:, part] = rng.permuted(found[:, part], axis=1)
    return found


def gathered(table: Floats, arms: Codes) -> Floats:
    """What each cluster brings in its arm: rows [b, C, ...] of a table [C, A, ...] for dealings [b, C]."""
    flat = table.reshape(-1, *table.shape[2:])
    return np.asarray(np.take(flat, arms + table.shape[1] * np.arange(table.shape[0]), axis=0))
