"""The weighted answer: a mean of pilots by similarity, with its interval and the interval for the city."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.city_effects import CityEffects
from scale_impact.core.words import number
from scale_impact.synthesis.between.freedom import ahead_df
from scale_impact.synthesis.nearing.bandwidth import Bandwidth, Rule, choose
from scale_impact.synthesis.nearing.compared import Compared
from scale_impact.synthesis.nearing.local import Kernel, kernels, local_mean
from scale_impact.synthesis.nearing.support import Support

if TYPE_CHECKING:
    from scale_impact.synthesis.pooling import Pooled

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Weighted:
    """A mean of pilots by how alike they are to a city.

    The error is that of the weighted mean, not of the mean effect in cities just like the city: pilots within the bandwidth differ from
    it by what context explains between them, and that is in no error of the mean. The prediction counts it, as tau2 of all pilots holds it.

    Attributes
    ----------
    mean, std_error, df, low, high:
        The weighted mean, its error, degrees of freedom (None: normal) and confidence interval: of this mean alone (see above).
    prediction_error, prediction_df, predicted_low, predicted_high:
        The same for the city itself, which differs from the mean of its like; None where that is not known.
    weights:
        Share of each pilot [k]; they sum to 1.
    kernel:
        What each pilot counts by similarity [k], 1 for the one that counts most.
    effective:
        How many pilots that count the same would have these weights.
    bandwidth:
        How far pilots count, and how that was found.
    """

    mean: float
    std_error: float
    df: float | None
    low: float
    high: float
    prediction_error: float | None
    prediction_df: float | None
    predicted_low: float | None
    predicted_high: float | None
    weights: Floats
    kernel: Floats
    effective: float
    bandwidth: Bandwidth


def weigh(
    effects: CityEffects,
    pooled: Pooled,
    compared: Compared,
    support: Support,
    *,
    kernel: Kernel,
    bandwidth: float | Rule,
    level: float,
) -> Weighted | str:
    """The weighted answer, or why there is none.

    ``level``: of the intervals. Pilots whose distance is not known are left out.
    """
    if compared.why_not is not None:
        return f"No pilot can be weighted by similarity. {compared.why_not}"
    if not np.isfinite(compared.to_city).any():
        return "No pilot can be weighted by similarity: the context of none is known in full."
    if support.verdict == "fail":
        return f"No fair answer by similarity. {support.reason}"
    if pooled.tau2 is None:
        return f"Pilots cannot be weighted: {pooled.why_not.get('tau2', 'how much cities differ is not known.')}"
    error = error_of(effects, pooled)
    chosen = choose(bandwidth, compared.among, effects.effects, np.diag(error), kernel)
    counts = kernels(compared.to_city, chosen.value, kernel)
    if not counts.any():
        near, wide = number(float(np.nanmin(compared.to_city))), number(chosen.value)
        return f"No pilot is within the bandwidth of {wide}: the nearest is {near} away. Widen it."
    return answer(effects, pooled, error, counts, chosen, level)


def error_of(effects: CityEffects, pooled: Pooled) -> Floats:
    """Covariance of effects around the mean of all [k, k]: sampling errors, and differences between cities and clusters."""
    own = pooled.tau2 or 0.0
    shared = np.zeros((len(effects), len(effects)))
    if pooled.between_clusters is not None and effects.clusters is not None:
        of = np.array(effects.clusters, dtype=object)
        shared = pooled.between_clusters * (of[:, None] == of)
        own = pooled.within_clusters or 0.0
    return np.asarray(effects.covariance + shared + own * np.eye(len(effects)), dtype=float)


def answer(
    effects: CityEffects, pooled: Pooled, error: Floats, kernel: Floats, bandwidth: Bandwidth, level: float
) -> Weighted:
    """The answer by kernels [k]; that of all pilots where all count the same."""
    if (kernel == 1).all():
        return _of_all(pooled, kernel, bandwidth)
    everyone = local_mean(effects.effects, error, np.ones(len(effects)))
    found = local_mean(effects.effects, error, kernel)
    spread = math.sqrt(pooled.std_error**2 / everyone.variance * found.variance)
    low, high = _interval(found.mean, spread, pooled.df, level)
    ahead = None if pooled.prediction_error is None else math.sqrt(spread**2 + float(pooled.tau2 or 0.0))
    df = ahead_df(
        spread**2,
        float(pooled.tau2 or 0.0),
        math.inf if pooled.shared_df is None else pooled.shared_df,
        pooled.between_df,
    )
    nearly, at_most = (None, None) if ahead is None else _interval(found.mean, ahead, df, level)
    return Weighted(
        found.mean, spread, pooled.df, low, high, ahead, df, nearly, at_most, found.weights, kernel,
        found.effective, bandwidth,
    )  # fmt: skip


def _of_all(pooled: Pooled, kernel: Floats, bandwidth: Bandwidth) -> Weighted:
    return Weighted(
        pooled.mean, pooled.std_error, pooled.df, pooled.low, pooled.high, pooled.prediction_error, pooled.prediction_df,
        pooled.predicted_low, pooled.predicted_high, pooled.weights, kernel, float(1 / (pooled.weights @ pooled.weights)), bandwidth,
    )  # fmt: skip


def _interval(mean: float, error: float, df: float | None, level: float) -> tuple[float, float]:
    """Both ends, by the normal distribution where ``df`` is None."""
    from scipy import special

    upper = 0.5 + level / 2
    half = error * float(special.ndtri(upper) if df is None else special.stdtrit(df, upper))
    return mean - half, mean + half
