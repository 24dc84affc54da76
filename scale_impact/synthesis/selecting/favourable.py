"""What follows if the pilots were picked favourably: their effects are larger than those of other cities by x.

The mean and the prediction move by x; how far apart cities are stays as it is. Stated in the unit of the outcome, in standard
deviations between cities, and as the share of all cities of which the pilots would be the best: the mean of the best share s of a
normal distribution lies ``density(z) / s`` of its standard deviations higher, and they are nearer to each other than all are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from scale_impact.synthesis.nearing.chances import above_value
from scale_impact.synthesis.pooling import Pooled
from scale_impact.synthesis.selecting.regressions import nothing, reach

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

STEPS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)
"""By how many standard deviations between cities pilots are supposed to be better, where a study does not say."""


@dataclass(frozen=True)
class FavourablePick:
    """The pooled mean and the prediction, if pilots were better by x.

    Attributes
    ----------
    unit:
        One standard deviation between cities, in the unit of the effects; 0 where cities do not differ.
    x, in_unit:
        By how much pilots are supposed to be better [n], in the unit of the effects and in standard deviations between cities
        (NaN where these are 0; x is then in steps of the mean's standard error).
    best_share:
        The pilots would be the best share of all cities [n]; NaN where cities do not differ.
    mean, low, high, predicted_low, predicted_high:
        Pooled mean with its interval, and prediction interval for a city that is not a pilot [n each].
    helps, reaches:
        Probability that such a city's effect is favourable, and that it reaches the target [n]; NaN without a target.
    target:
        What has to be reached; None where none is set.
    to_zero, interval_to_zero, to_target:
        The x at which the mean is zero, its interval reaches zero, the mean falls below the target; 0 where that is so without any
        x, NaN where there is no target.
    why_not:
        Why there is no answer.
    """

    unit: float = math.nan
    x: Floats = field(default_factory=nothing)
    in_unit: Floats = field(default_factory=nothing)
    best_share: Floats = field(default_factory=nothing)
    mean: Floats = field(default_factory=nothing)
    low: Floats = field(default_factory=nothing)
    high: Floats = field(default_factory=nothing)
    predicted_low: Floats = field(default_factory=nothing)
    predicted_high: Floats = field(default_factory=nothing)
    helps: Floats = field(default_factory=nothing)
    reaches: Floats = field(default_factory=nothing)
    target: float | None = None
    to_zero: float = math.nan
    interval_to_zero: float = math.nan
    to_target: float = math.nan
    why_not: str = ""

    def table(self) -> pd.DataFrame:
        """One row an x."""
        import pandas as pd

        names = (
            "x",
            "in_unit",
            "best_share",
            "mean",
            "low",
            "high",
            "predicted_low",
            "predicted_high",
            "helps",
            "reaches",
        )
        return pd.DataFrame({n: getattr(self, n) for n in names})


def favourable_pick(
    pooled: Pooled, sign: int, *, target: float | None, steps: Sequence[float], level: float
) -> FavourablePick:
    """Move mean and prediction by steps of one standard deviation between cities (of the prediction's error where that is 0).

    ``sign``: 1 where more is favourable, -1 where less is.

    Source: the normal distribution cut at its upper share (Johnson, Kotz and Balakrishnan 1994, section 10.1).
    """
    if pooled.tau2 is None or not math.isfinite(pooled.std_error):
        return FavourablePick(target=target, why_not=_reason(pooled))
    tau = math.sqrt(pooled.tau2)
    in_unit = np.asarray(sorted({0.0, *steps}))
    nowhere = np.full(len(in_unit), math.nan)
    x = in_unit * (tau or pooled.std_error)
    mean = pooled.mean - sign * x
    half = reach(level, _df(pooled.df)) * pooled.std_error
    inside = sign * pooled.mean
    ends = [_end(pooled.predicted_low), _end(pooled.predicted_high)]
    return FavourablePick(
        tau,
        x,
        in_unit if tau else nowhere,
        np.array([share_of(m) for m in in_unit]) if tau else nowhere,
        mean,
        mean - half,
        mean + half,
        ends[0] - sign * x,
        ends[1] - sign * x,
        _chance(pooled, sign, mean, 0.0),
        _chance(pooled, sign, mean, target),
        target,
        max(inside, 0.0),
        max(inside - half, 0.0),
        math.nan if target is None else max(inside - sign * target, 0.0),
    )


def _reason(pooled: Pooled) -> str:
    return pooled.why_not.get("tau2") or pooled.why_not.get("interval") or "There is no interval of the pooled mean."


def _df(df: float | None) -> float:
    return math.inf if df is None else df


def _end(value: float | None) -> float:
    return math.nan if value is None else value


def _chance(pooled: Pooled, sign: int, mean: Floats, than: float | None) -> Floats:
    """Probability that a new city's effect is more favourable than a number; NaN without a number or a prediction."""
    if than is None or pooled.prediction_error is None:
        return np.full(len(mean), math.nan)
    df = _df(pooled.prediction_df)
    return np.array([above_value(0.0, sign * (float(m) - than), pooled.prediction_error, df) for m in mean])


def share_of(distance: float) -> float:
    """The best share of all cities whose mean lies so many of their own standard deviations above the mean of all."""
    from scipy import special
    from scipy.optimize import brentq

    if distance <= 0:
        return 1.0

    def above(z: float) -> float:
        ahead = math.exp(-0.5 * z * z - float(special.log_ndtr(-z))) / math.sqrt(2 * math.pi)
        return ahead / math.sqrt(1 + z * ahead - ahead * ahead)

    return float(special.ndtr(-brentq(lambda z: above(z) - distance, -38.0, 12.0)))
