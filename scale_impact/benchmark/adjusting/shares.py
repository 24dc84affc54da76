"""How much of the differences between cities their context explains, for cities that no model has seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from math import factorial

import numpy as np

from scale_impact.benchmark.cities import Floats


def explained(outcome: Floats, expected: Floats, mean: Floats, level: float) -> tuple[float, float, float]:
    """One minus the mean squared error with context, relative to that without; and its interval.

    Below 0 where context misleads. The interval is by the delta method for the log of the ratio of both, over cities: it says how
    much other cities of the same kind would change it, and leaves out that models would have been fitted to others too.
    """
    from scipy.special import stdtrit

    with_context, without = (outcome - expected) ** 2, (outcome - mean) ** 2
    ratio = with_context.mean() / without.mean()
    if ratio == 0:
        return 1.0, 1.0, 1.0
    n = len(outcome)
    error = (with_context / with_context.mean() - without / without.mean()).std(ddof=1) / np.sqrt(n)
    reach = float(stdtrit(n - 1, (1 + level) / 2)) * error
    return float(1 - ratio), float(1 - ratio * np.exp(reach)), float(1 - ratio * np.exp(-reach))


def shapley(n: int, value: Callable[[Sequence[int]], float]) -> list[float]:
    """What each of n variables adds, mean over all orders in which they can be brought in; they sum to the value of all.

    Source: Shapley (1953); Lipovetsky and Conklin (2001) for shares of a regression.
    """
    known: Mapping[tuple[int, ...], float] = {
        s: value(s) if s else 0.0 for k in range(n + 1) for s in combinations(range(n), k)
    }
    found = []
    for j in range(n):
        adds = ((len(s), known[tuple(sorted((*s, j)))] - known[s]) for s in known if j not in s)
        found.append(sum(factorial(k) * factorial(n - k - 1) / factorial(n) * gain for k, gain in adds))
    return found


def left_out(n: int, value: Callable[[Sequence[int]], float]) -> list[float]:
    """What is lost without each of n variables; where they are correlated, the losses sum to less than the value of all."""
    whole = value(range(n))
    return [whole - (value([k for k in range(n) if k != j]) if n > 1 else 0.0) for j in range(n)]
