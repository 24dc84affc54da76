"""The track record of predictions: how often intervals held what was measured, how large errors were, on which side."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.words import counted, number

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

LEVELS = (0.5, 0.8, 0.9, 0.95)
"""At which the interval of what is measured is held against the cities."""


@dataclass(frozen=True)
class Coverage:
    """How many of n intervals held what was measured, with the exact binomial interval of that share (Clopper and Pearson 1934).

    Attributes
    ----------
    hits, n:
        Counts.
    share, low, high:
        The share and its 95 % interval, as if cities were independent trials; NaN for n = 0.
    level:
        What the intervals promise.
    """

    hits: int
    n: int
    share: float
    low: float
    high: float
    level: float

    def in_words(self) -> str:
        """``17 of 47 cities (36 %, 95 % interval 23 % to 52 %)``."""
        return f"{self.hits} of {counted(self.n, 'city', 'cities')} ({_share(self.share)}, 95 % interval {_share(self.low)} to {_share(self.high)})"


def coverage(low: Floats, high: Floats, actual: Floats, level: float) -> Coverage:
    """Of intervals [k]; those without ends do not count."""
    known = np.isfinite(low) & np.isfinite(high)
    return counted_hits(int(((low <= actual) & (actual <= high) & known).sum()), int(known.sum()), level)


def counted_hits(hits: int, n: int, level: float) -> Coverage:
    """So many of n."""
    from scipy import special

    if n == 0:
        return Coverage(0, 0, math.nan, math.nan, math.nan, level)
    low = 0.0 if hits == 0 else float(special.betaincinv(hits, n - hits + 1, 0.025))
    high = 1.0 if hits == n else float(special.betaincinv(hits + 1, n - hits, 0.975))
    return Coverage(hits, n, hits / n, low, high, level)


@dataclass(frozen=True)
class Errors:
    """How far predictions were from what was measured, over n cities, in the unit of the effects.

    Attributes
    ----------
    predictor:
        Its name.
    n:
        Cities that it predicted.
    bias, mae, rmse:
        Mean of prediction less measurement, mean size, root of the mean square.
    rmse_true:
        Root mean square of the error against true effects: the part of the measurements' own errors taken away; 0 where these explain
        all of it, None where it is not known how a prediction depends on the measurements.
    skill:
        1 - mean square / mean square of "use the mean", on the cities that both predict: above 0 is better than the mean.
    gain, gain_error:
        Mean of the differences of squared errors ("use the mean" less this), and its standard error.
    why_not:
        Why it predicted nobody.
    """

    predictor: str
    n: int
    bias: float | None
    mae: float | None
    rmse: float | None
    rmse_true: float | None
    skill: float | None
    gain: float | None
    gain_error: float | None
    why_not: str | None = None

    def in_words(self) -> str:
        """``pooled mean 4 % less``: its mean squared error beside that of the mean, as far as so many cities can tell."""
        if self.skill is None or self.gain is None:
            return f"{self.predictor} none ({(self.why_not or 'no prediction').rstrip('.')})"
        if abs(self.skill) < 0.005:
            return f"{self.predictor} the same"
        told = self.gain_error is not None and abs(self.gain) > 2 * self.gain_error
        many = f"{100 * abs(self.skill):.0f} % {'less' if self.skill > 0 else 'more'}"
        return f"{self.predictor} {many}{'' if told else ' (no more than chance does)'}"


def errors(
    predictor: str, told: Floats, actual: Floats, noise: Floats | None, mean: Floats, why_not: str | None
) -> Errors:
    """Of predictions [k], NaN where there is none; ``noise`` [k]: the part of the squared errors that is the measurement's."""
    known = np.isfinite(told)
    if not known.any():
        return Errors(predictor, 0, None, None, None, None, None, None, None, why_not or "no city could be predicted")
    gap = (told - actual)[known]
    square = gap**2
    true = None if noise is None else math.sqrt(max(0.0, float((square - noise[known]).mean())))
    plain = (mean - actual)[known] ** 2
    gain = plain - square
    usual, n = float(plain.mean()), int(known.sum())
    skill = None if usual == 0 else 1 - float(square.mean()) / usual
    spread = float(gain.std(ddof=1)) / math.sqrt(n) if n > 1 else None
    return Errors(
        predictor, n, float(gap.mean()), float(abs(gap).mean()), math.sqrt(float(square.mean())), true, skill, float(gain.mean()), spread, why_not
    )  # fmt: skip


@dataclass(frozen=True)
class Side:
    """How often the prediction lay on the same side of a value as what was measured.

    Attributes
    ----------
    of:
        The value: 0, or a target.
    right, n:
        Of all cities.
    right_clear, n_clear:
        Of those whose own interval leaves the value out, where the side is beyond doubt.
    """

    of: float
    right: int
    n: int
    right_clear: int
    n_clear: int

    def in_words(self) -> str:
        """A sentence."""
        value = "zero" if self.of == 0 else number(self.of)
        beyond = (
            f"; of the {counted(self.n_clear, 'city', 'cities')} whose own interval leaves it out, {self.right_clear}"
            if self.n_clear
            else ""
        )
        return f"The prediction lay on the same side of {value} as what was measured in {self.right} of {counted(self.n, 'city', 'cities')}{beyond}."


def side(of: float, told: Floats, actual: Floats, low: Floats, high: Floats) -> Side:
    """Of predictions and measurements [k] with their own intervals."""
    known = np.isfinite(told)
    right = known & ((told > of) == (actual > of))
    clear = known & ((low > of) | (high < of))
    return Side(of, int(right.sum()), int(known.sum()), int((right & clear).sum()), int(clear.sum()))


def _share(value: float) -> str:
    return f"{100 * value:.0f} %"
