"""Slopes of growth on a level: as seen, corrected for the errors of the level, and with an instrument.

Source: Fuller (1987), section 3.1; MacKinnon and White (1985).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CLEAR = 2.0
"""The spread without errors has to be so many of its standard errors above zero, or there is no corrected answer."""

MOST = 0.5
"""Share of what is seen between cities that errors may be: above it a correction says mostly how large the errors were taken to be."""


@dataclass(frozen=True)
class Slope:
    """A slope of growth on a level: points gained for each point of the level.

    Attributes
    ----------
    value, std_error, low, high, p_value:
        With its interval; NaN where there is no answer.
    why_not:
        Why there is none; empty where there is one.
    """

    value: float
    std_error: float
    low: float
    high: float
    p_value: float
    why_not: str = ""

    @classmethod
    def unknown(cls, reason: str) -> Slope:
        """No answer, and why."""
        return cls(math.nan, math.nan, math.nan, math.nan, math.nan, reason)


def slope(x: Floats, y: Floats, *, level: float) -> Slope:
    """Least squares of y on x with a constant; standard error robust to unequal variances (HC3), t with n - 2."""
    return corrected_slope(x, y, np.zeros_like(x), np.zeros_like(x), level=level)


def corrected_slope(x: Floats, y: Floats, variance: Floats, covariance: Floats, *, level: float) -> Slope:
    """Slope of y on what x measures with errors.

    Parameters
    ----------
    x, y:
        Level and growth [N].
    variance:
        Of the errors of x, city by city.
    covariance:
        Of the errors of x and of y.

    Source: Fuller (1987), section 3.1: cross products less the errors' expected part; sandwich variance of that moment, each
    score larger by the leverage of its city as in HC3 (MacKinnon and White 1985).
    """
    n = len(x)
    dx, dy = x - x.mean(), y - y.mean()
    bread = float(dx @ dx) - (n - 1) * float(variance.mean())
    doubt = math.sqrt(float(((dx**2 - variance - bread / n) ** 2).sum()))
    if variance.any() and bread < CLEAR * doubt:
        return Slope.unknown(
            "The errors of the initial values are about as large as the differences between cities: with them taken away no "
            "spread is left that growth could be held against."
        )
    if (share := share_of_errors(x, variance)) > MOST:
        return Slope.unknown(
            f"The errors of the initial values are {100 * share:.0f} % of the variance between cities: what is left without them "
            "hangs on how exactly the errors are known, so nothing is corrected."
        )
    value = (float(dx @ dy) - (n - 1) * float(covariance.mean())) / bread
    scores = (dx * (dy - value * dx) - covariance + value * variance) / (1 - leverage(dx))
    return tested(value, math.sqrt(float(scores @ scores)) / bread, n - 2, level)


def share_of_errors(values: Floats, variances: Floats) -> float:
    """Mean variance of the errors in the variance of the values across cities; 0 where there are no errors."""
    return float(variances.mean()) / float(values.var(ddof=1)) if variances.any() else 0.0


def leverage(dx: Floats) -> Floats:
    """Of each value in a regression on it and a constant; below 1, so that a city that alone decides has a huge error."""
    found: Floats = np.minimum(1 / len(dx) + dx**2 / float(dx @ dx), 1 - 1e-9)
    return found


def instrument(z: Floats, x: Floats, y: Floats, *, level: float) -> Slope:
    """Slope of y on x with one instrument z and a constant; standard error as HC1, t with n - 2."""
    n = len(x)
    dz, dx, dy = z - z.mean(), x - x.mean(), y - y.mean()
    bread = float(dz @ dx)
    value = float(dz @ dy) / bread
    scores = dz * (dy - value * dx)
    return tested(value, math.sqrt(float(scores @ scores) * n / (n - 2)) / abs(bread), n - 2, level)


def tested(value: float, error: float, df: int, level: float) -> Slope:
    """A value with its interval and p-value of zero, t with df."""
    from scipy.special import stdtr, stdtrit

    reach = float(stdtrit(df, (1 + level) / 2)) * error
    p = 2 * float(stdtr(df, -abs(value) / error)) if error > 0 else float(value == 0)
    return Slope(value, error, value - reach, value + reach, p)
