"""Assignments of adoption dates to units: all of them where they are few, random ones otherwise."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.cohorts import Floats

Positions = NDArray[np.int64]

BLOCK = 1 << 20
"""Numbers held at once while assignments are multiplied."""


def count_assignments(sizes: Sequence[int]) -> int:
    """In how many ways cohorts of these sizes can be made of as many units."""
    count, free = 1, sum(sizes)
    for size in sizes:
        count *= math.comb(free, size)
        free -= size
    return count


def every_assignment(sizes: Sequence[int]) -> Positions:
    """All assignments, [B, N]: units in order of cohorts, the first ``sizes[0]`` in the first and so on."""
    taken, free = np.zeros((1, 0), dtype=np.int64), np.arange(sum(sizes))[None]
    for size in sizes[:-1]:
        chosen = np.array(list(combinations(range(free.shape[1]), size)), dtype=np.int64).reshape(-1, size)
        rest = np.ones((len(chosen), free.shape[1]), dtype=bool)
        np.put_along_axis(rest, chosen, False, axis=1)
        left = np.nonzero(rest)[1].reshape(len(chosen), -1)
        taken = np.concatenate([np.repeat(taken, len(chosen), axis=0), free[:, chosen].reshape(-1, size)], axis=1)
        free = free[:, left].reshape(-1, left.shape[1])
    return np.concatenate([taken, free], axis=1)


def random_assignments(n: int, draws: int, seed: int) -> Positions:
    """Random orders of n units, [B, N]."""
    kind = np.int16 if n < 2**15 else np.int64
    orders = np.tile(np.arange(n, dtype=kind), (draws, 1))
    return np.asarray(np.random.default_rng(seed).permuted(orders, axis=1, out=orders))


def cohort_sums(orders: Positions, sizes: Sequence[int], columns: Floats) -> Floats:
    """Sums of columns over each cohort of each assignment.

    Parameters
    ----------
    orders:
        Assignments [B, N].
    sizes:
        Units of each of the G cohorts.
    columns:
        [G, N, M]: what a unit adds where it is in a cohort.

    Returns
    -------
    [G, B, M]; the last cohort is what the others leave, so let it be the largest.
    """
    found = np.empty((len(sizes), len(orders), columns.shape[2]))
    last = len(sizes) - 1
    found[last] = columns[last].sum(axis=0)
    for rows, g, members in _indicators(orders, sizes[:last]):
        found[g, rows] = members @ columns[g]
        found[last, rows] -= members @ columns[last]
    return found


def _indicators(orders: Positions, sizes: Sequence[int]) -> Iterator[tuple[slice, int, Floats]]:
    """Who is in each cohort, as 0/1 [rows, N], some assignments at a time."""
    b, n = orders.shape
    step = max(BLOCK // n, 1)
    ends = np.cumsum(sizes)
    for start in range(0, b, step):
        rows = slice(start, min(start + step, b))
        for g, end in enumerate(ends):
            members = np.zeros((rows.stop - rows.start, n))
            np.put_along_axis(members, orders[rows, end - sizes[g] : end].astype(np.int64), 1.0, axis=1)
            yield rows, g, members
