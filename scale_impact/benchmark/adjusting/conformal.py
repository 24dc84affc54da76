"""Intervals of what would be expected, from the errors that models make at cities which they have not seen."""

from __future__ import annotations

from math import ceil, floor
from typing import Literal

import numpy as np

from scale_impact.benchmark.cities import Floats, Ints

Tails = Literal["together", "apart"]


def cv_plus(
    outcome: Floats, dealt: Ints, predicted: Floats, scale: Floats, level: float, tails: Tails = "together"
) -> tuple[Floats, Floats]:
    """Ends of the interval of each city [N], infinite where too few cities are left for the level.

    For the city that is judged, the others are the sample: models leave out its fold and that of one other city, whose error
    they show. The interval holds what the city's own model gives, plus or minus these errors, each in units of its local scale.

    Parameters
    ----------
    outcome:
        Of each city [N].
    dealt:
        Fold of each [N], 0 to K - 1.
    predicted, scale:
        For city i, by the model without its fold and fold l [N, K]; the scale is above 0.
    level:
        Share of cities that the interval should hold: of all on average, not of those of one kind.
    tails:
        ``together``: sizes of errors, so that the interval is symmetric around the models; ``apart``: errors below and above
        each with half of what is left, which needs twice as many cities.

    Source: Barber, Candes, Ramdas and Tibshirani (2021), equation 9 (CV+, jackknife+ where each city is a fold of its own), with
    signed errors where tails are apart; Gupta, Kuchibhotla and Ramdas (2022) on local scales.
    """
    errors = (outcome[:, None] - predicted) / scale
    low, high = np.empty(len(outcome)), np.empty(len(outcome))
    left = 1 - level if tails == "together" else (1 - level) / 2
    for k in range(predicted.shape[1]):
        own, others = np.flatnonzero(dealt == k), np.flatnonzero(dealt != k)
        error, fold = errors[others, k], dealt[others]
        below, above = (-np.abs(error), np.abs(error)) if tails == "together" else (error, error)
        high[own] = _upper(predicted[own], scale[own], above, fold, left)
        low[own] = -_upper(-predicted[own], scale[own], -below, fold, left)
    return low, high


def _upper(predicted: Floats, scale: Floats, error: Floats, fold: Ints, left: float) -> Floats:
    """The upper end for cities of one fold [n]: the quantile of prediction plus scaled error over all other cities."""
    rank = ceil((1 - left) * (len(error) + 1) - 1e-9)
    if rank > len(error):
        return np.full(len(predicted), np.inf)
    chosen, below = _near(predicted, scale, error, fold, 1 - left)
    at = fold[chosen]
    candidates = predicted[:, at] + scale[:, at] * error[chosen]
    place = rank - 1 - below
    return np.asarray(np.partition(candidates, place, axis=1)[:, place])


def _near(predicted: Floats, scale: Floats, error: Floats, fold: Ints, share: float) -> tuple[Ints, int]:
    """Errors that can decide the quantile of any of these cities, and how many lie below all of them.

    The quantile over all folds lies between the smallest and the largest of the folds' own quantiles.
    """
    folds = np.unique(fold)
    if len(error) < 100 * len(folds):
        return np.arange(len(error)), 0
    by_fold = [np.flatnonzero(fold == k) for k in folds]
    by_fold = [r[np.argsort(error[r], kind="stable")] for r in by_fold]
    # one place more on either side, as the quantile of all counts the city itself too
    ends = [(max(floor(share * len(r)) - 1, 0), min(ceil(share * len(r)) + 1, len(r) - 1)) for r in by_fold]
    first, last = (np.array([error[r[e[j]]] for r, e in zip(by_fold, ends, strict=True)]) for j in (0, 1))
    mu, s = predicted[:, folds], scale[:, folds]
    lowest, highest = (mu + s * first).min(axis=1)[:, None], (mu + s * last).max(axis=1)[:, None]
    least, most = ((lowest - mu) / s).min(axis=0), ((highest - mu) / s).max(axis=0)
    slack = 1e-9 * (1 + np.abs(error).max())
    kept = [r[(error[r] >= a - slack) & (error[r] <= b + slack)] for r, a, b in zip(by_fold, least, most, strict=True)]
    below = sum(int((error[r] < a - slack).sum()) for r, a in zip(by_fold, least, strict=True))
    return np.concatenate(kept), below


def guarantee(n: int, folds: int, level: float) -> float:
    """The share of cities that one interval holds whatever the data are, if cities are exchangeable.

    Source: Barber, Candes, Ramdas and Tibshirani (2021), theorems 1 and 4.
    """
    others, left = n - ceil(n / folds), folds - 1
    slack = 0.0 if folds == n else min(2 * (1 - 1 / left) / (others / left + 1), (1 - left / others) / (left + 1))
    return max(0.0, 1 - 2 * (1 - level) - slack)
