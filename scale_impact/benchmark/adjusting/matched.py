"""What is expected of a city as the mean of its peers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from scale_impact.benchmark.adjusting.conformal import cv_plus
from scale_impact.benchmark.adjusting.expecting import Expected, Plan
from scale_impact.benchmark.cities import Context, Floats, Ints
from scale_impact.core.words import counted


def nearest_cities(context: Context, log: Sequence[str], number: int) -> tuple[tuple[Ints, ...], Mapping[str, str]]:
    """Peers of each city by their context, nearest first, one more than ``number`` where there is one; reasons of those without any.

    The one more stands in where a peer is left out to see how well the others do.
    """
    from scale_impact.benchmark.peers import find_peers

    found = find_peers(context, number=min(number + 1, len(context.labels) - 1), log=list(log))
    return found.indices, {label: why.rstrip(".") for label, why in found.why_not.items()}


def match(outcome: Floats, peers: Sequence[Ints], plan: Plan) -> tuple[Expected, Mapping[int, str]]:
    """Means of peers, and why a city has none (by its position).

    Peers depend on context alone, so that leaving a city out changes only the means in which it stands: intervals are those of the
    jackknife+, without folds and draws. Errors are taken to be of one size.
    """
    n = len(outcome)
    why_not = {i: f"it has {counted(len(p), 'peer')}, and two are needed" for i, p in enumerate(peers) if len(p) < 2}
    able = np.array([i for i in range(n) if i not in why_not], dtype=np.int64)
    predicted = _without(outcome, [peers[int(i)] for i in able], able, plan.number)
    value, low, high = (np.full(n, np.nan) for _ in range(3))
    value[able] = np.diag(predicted)
    size = np.broadcast_to(1.0, predicted.shape)
    low[able], high[able] = cv_plus(outcome[able], np.arange(len(able)), predicted, size, plan.level, plan.tails)
    mean = (outcome.sum() - outcome) / (n - 1)
    used = np.array([min(len(p), plan.number) for p in peers], dtype=float)
    leverage = 1 / np.maximum(used, 1)
    found = Expected(value, low, high, mean, leverage, np.ones(n), 1.0, max(0.0, 1 - 2 * (1 - plan.level)))
    return found, why_not


def _without(outcome: Floats, peers: Sequence[Ints], able: Ints, number: int) -> Floats:
    """For city i the mean of its peers where city j is left out [n, n]; on the diagonal that of all its peers."""
    found = np.empty((len(able), len(able)))
    at = {int(city): k for k, city in enumerate(able)}
    for i, near in enumerate(peers):
        found[i] = outcome[near[:number]].mean()
        for j in near[:number]:
            if int(j) in at:
                found[i, at[int(j)]] = outcome[near[near != j][:number]].mean()
    return found
