"""Which choices matter: how far the estimates of a specification curve differ by what was chosen on each axis.

Let y be the estimates and x their choices, one set of dummies an axis; R2(S) is the share of the variance
of y that least squares on the dummies of the axes S (main effects, a constant) explains. Of each axis a of
all A axes:

    alone     R2({a})
    left out  R2(A) - R2(A without a): what is lost without it
    share     sum over S within A without a of |S|! (|A| - |S| - 1)! / |A|! [R2(S with a) - R2(S)]

The last is the Shapley value (Lindeman, Merenda and Gold 1980): the mean gain over all orders in which axes
can be added. Shares add up to R2(A), and what is left, 1 - R2(A), is choices that act together. In a full grid the
three are equal; they part where combinations are left out or could not be estimated.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MOST_AXES = 10
"""With more axes the Shapley share, which needs each of their subsets, is left out."""

NO_SPREAD = 1e-12
"""Estimates that differ by no larger share of their size are one number."""


@dataclass(frozen=True)
class ByChoice:
    """The estimates with one choice: how many, mean, median, lowest and highest."""

    choice: str
    count: int
    mean: float
    median: float
    low: float
    high: float


@dataclass(frozen=True)
class AxisInfluence:
    """What one axis does to the estimates.

    Attributes
    ----------
    axis:
        Its name.
    choices:
        The estimates by choice, in the grid's order.
    alone, left_out, share:
        Shares of the variance between specifications, as the module says; None where estimates do not
        differ, and ``share`` where there are more than ten axes.
    """

    axis: str
    choices: tuple[ByChoice, ...]
    alone: float | None
    left_out: float | None
    share: float | None

    @property
    def reach(self) -> float:
        """Distance between the lowest and the highest mean by choice, in the outcome's unit."""
        means = [c.mean for c in self.choices]
        return max(means) - min(means)


def influence(
    values: Sequence[float], choices: Sequence[Mapping[str, str]], axes: Mapping[str, Sequence[str]]
) -> tuple[AxisInfluence, ...]:
    """What each axis does to the estimates.

    Parameters
    ----------
    values:
        Estimates of K specifications.
    choices:
        What each chose, by axis.
    axes:
        Choices of each axis, in order; those without an estimate are left out.

    Returns
    -------
    One value an axis, in the order of ``axes``.
    """
    y = np.asarray(values, dtype=float)
    dummies = {a: _dummies([c[a] for c in choices], axes[a]) for a in axes}
    shares = _shares(y, dummies)
    return tuple(AxisInfluence(a, tuple(_by_choice(y, [c[a] for c in choices], axes[a])), *shares[a]) for a in axes)


def _dummies(chosen: Sequence[str], known: Sequence[str]) -> Floats:
    return np.array([[c == k for k in known] for c in chosen], dtype=float)


def _by_choice(y: Floats, chosen: Sequence[str], known: Sequence[str]) -> list[ByChoice]:
    groups = [(k, y[np.array([c == k for c in chosen], dtype=bool)]) for k in known]
    return [
        ByChoice(k, len(v), float(v.mean()), float(np.median(v)), float(v.min()), float(v.max()))
        for k, v in groups
        if len(v)
    ]


def _shares(y: Floats, dummies: Mapping[str, Floats]) -> dict[str, tuple[float | None, float | None, float | None]]:
    """Alone, left out and Shapley share of each axis."""
    names = tuple(dummies)
    if len(y) < 2 or float(np.ptp(y)) <= NO_SPREAD * float(np.abs(y).max()):
        return dict.fromkeys(names, (None, None, None))
    known: dict[frozenset[str], float] = {}

    def r2(chosen: frozenset[str]) -> float:
        if chosen not in known:
            known[chosen] = _r2(y, [dummies[a] for a in names if a in chosen])
        return known[chosen]

    everything = frozenset(names)
    many = len(names) > MOST_AXES
    return {
        a: (r2(frozenset([a])), r2(everything) - r2(everything - {a}), None if many else _shapley(a, names, r2))
        for a in names
    }


def _r2(y: Floats, columns: Sequence[Floats]) -> float:
    """Share of the variance that a constant and some dummies explain."""
    centred = y - y.mean()
    if not columns:
        return 0.0
    x = np.column_stack([np.ones(len(y)), *columns])
    rest = centred - x @ np.linalg.lstsq(x, centred, rcond=None)[0]
    return float(1 - (rest @ rest) / (centred @ centred))


def _shapley(axis: str, names: Sequence[str], r2: Callable[[frozenset[str]], float]) -> float:
    """Mean gain of an axis over all orders in which axes can be added."""
    others, n = [a for a in names if a != axis], len(names)
    total = 0.0
    for size in range(n):
        weight = math.factorial(size) * math.factorial(n - size - 1) / math.factorial(n)
        for some in combinations(others, size):
            total += weight * (r2(frozenset([*some, axis])) - r2(frozenset(some)))
    return total
