"""Second moments of context: numbers, and a 0/1 column for each group.

Products of matrices run in one thread (``one_thread`` around all of them): several may sum in another order, and differ in the last bits.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np

from scale_impact.benchmark.cities import Floats, Ints
from scale_impact.benchmark.nearness.variables import Variables

EMPTY = 1e-10
"""Share of the largest variance from which on a direction is there."""


@dataclass(frozen=True)
class Moments:
    """E columns that K variables are made of.

    Attributes
    ----------
    columns:
        Values less their means [N, E]; 0 where not known.
    of:
        The variable of each column [E].
    covariance:
        Of the columns [E, E].
    weight:
        How many cities are in it.
    """

    columns: Floats
    of: Ints
    covariance: Floats
    weight: float

    def block(self, a: int, b: int) -> Floats:
        """Covariance of two variables' columns."""
        found: Floats = self.covariance[np.ix_(self.of == a, self.of == b)]
        return found


def moments(variables: Variables, counts: Floats) -> Moments:
    """Moments of cities that count so often [N]; unknown values are put at the mean."""
    p = len(variables.numbers)
    dummies = [c[:, None] == np.unique(c[c >= 0]) for c in variables.codes.T]
    widths = [1] * p + [d.shape[1] for d in dummies]
    of = np.repeat(np.arange(len(widths)), widths)
    known = variables.known
    numbers = variables.x if known[:, :p].all() else np.where(known[:, :p], variables.x, 0.0)
    filled = np.column_stack([numbers, *dummies])  # a city of no known group is in none
    total = counts @ known
    mean = (counts @ filled) / np.where(total > 0, total, 1.0)[of]
    columns = filled - mean
    for k in np.flatnonzero(~known.all(axis=0)):
        columns[np.ix_(~known[:, k], of == k)] = 0.0
    n = float(counts.sum())
    covariance = (columns * counts[:, None]).T @ columns / (n - 1)
    return Moments(columns, of, covariance, n)


def one_thread() -> AbstractContextManager[Any]:
    """Within it, products of matrices have the same bits on any number of processors."""
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[Any] = threadpool_limits(1)
    return limits


def inverse_root(matrix: Floats, least: float | None = None) -> Floats:
    """The symmetric inverse root; without ``least`` on the directions that are there, else smaller variances are raised to it."""
    size, turn = np.linalg.eigh(matrix)
    there = size > (EMPTY * max(float(size[-1]), 1e-300) if least is None else -np.inf)
    raised = np.maximum(size, least or 0.0)
    scale = np.where(there, 1 / np.sqrt(np.where(there, raised, 1.0)), 0.0)
    return np.asarray((turn * scale) @ turn.T, dtype=float)


def rank(matrix: Floats) -> int:
    """How many directions are there."""
    size = np.linalg.eigvalsh(matrix)
    return int((size > EMPTY * max(float(size[-1]), 1e-300)).sum()) if len(size) else 0
