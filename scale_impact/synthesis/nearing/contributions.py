"""What each pilot adds to both answers, and what they would be without it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.city_effects import CityEffects
from scale_impact.synthesis.nearing.compared import Compared
from scale_impact.synthesis.nearing.local import local_mean
from scale_impact.synthesis.nearing.weighted import Weighted, error_of

if TYPE_CHECKING:
    import pandas as pd

    from scale_impact.synthesis.pooling import Pooled

Floats = NDArray[np.float64]

MANY = 60
"""Pilots up to which the variance between cities is estimated anew without each; with more it hardly moves, and is held."""


def contributions(
    effects: CityEffects,
    pooled: Pooled,
    weighted: Weighted | None,
    compared: Compared,
    again: Callable[[CityEffects], Pooled],
) -> pd.DataFrame:
    """One row a pilot: see ``for_city.Expectation``. Missing where there is no such number.

    ``again``: the unweighted answer of other pilots. The bandwidth is held without a pilot.
    """
    import pandas as pd

    k = len(effects)
    none = np.full(k, np.nan)
    kernel = None if weighted is None else weighted.kernel
    plain, similar = _without_each(effects, pooled, kernel) if k > MANY else _pooled_again(effects, kernel, again)
    return pd.DataFrame(
        {
            "city": list(effects.labels), "effect": effects.effects, "std_error": np.sqrt(effects.variances),
            "distance": compared.to_city, "kernel": none if weighted is None else weighted.kernel,
            "weight_unweighted": np.asarray(pooled.weights, float), "weight_weighted": none if weighted is None else weighted.weights,
            "unweighted_without": plain, "weighted_without": similar,
        }
    )  # fmt: skip


def _pooled_again(
    effects: CityEffects, kernel: Floats | None, again: Callable[[CityEffects], Pooled]
) -> tuple[Floats, Floats]:
    """Both means without each pilot, how much cities differ estimated anew; NaN where nobody is left."""
    plain, similar = np.full((2, len(effects)), np.nan)
    for i in range(len(effects)) if len(effects) > 1 else ():
        rest = np.flatnonzero(np.arange(len(effects)) != i)
        others = effects.take(rest)
        left = again(others)
        plain[i] = left.mean
        if kernel is not None and (kernel[rest] == 1).all():
            similar[i] = left.mean
        elif kernel is not None and kernel[rest].any():
            similar[i] = local_mean(others.effects, error_of(others, left), kernel[rest]).mean
    return plain, similar


def _without_each(effects: CityEffects, pooled: Pooled, kernel: Floats | None) -> tuple[Floats, Floats]:
    """Both means without each of many pilots, the variance between cities held."""
    error = error_of(effects, pooled)
    plain = _downdated(effects.effects, error)
    similar = np.full(len(effects), np.nan)
    if kernel is None:
        return plain, similar
    used = np.flatnonzero(kernel > 0)
    part = error[np.ix_(used, used)] + np.diag((1 / kernel[used] - 1) * np.diag(error)[used])
    similar[:] = local_mean(effects.effects, error, kernel).mean
    similar[used] = _downdated(effects.effects[used], part)
    return plain, similar


def _downdated(effects: Floats, error: Floats) -> Floats:
    """The generalised least-squares mean without each effect [k], all from one inverse; NaN where one alone is left out of one."""
    inverse = np.linalg.inv(error)
    ones, own, of_effects = inverse.sum(axis=1), np.diag(inverse), inverse @ effects
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((ones @ effects - of_effects * ones / own) / (ones.sum() - ones**2 / own))
