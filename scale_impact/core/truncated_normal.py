"""Normal distributions that are cut off or folded, exact far in their tails."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def share_above(z: Any, low: Any, high: Any) -> Floats:
    """P(Z > z) of a standard normal Z between ``low`` and ``high``, for low <= z <= high; arrays broadcast.

    In logarithms, so that an interval 30 standard deviations from zero is no harder than one
    around it.
    """
    from scipy.special import log_ndtr

    above, above_low, above_high = (log_ndtr(-np.asarray(x, dtype=float)) for x in (z, low, high))
    with np.errstate(invalid="ignore", divide="ignore"):
        inside = np.exp(above - above_low) * np.expm1(above_high - above) / np.expm1(above_high - above_low)
    return np.where(np.asarray(high) <= low, 1.0, inside)


def folded_quantile(level: float, bias: float) -> float:
    """Quantile of |Z + bias|: the critical value of an interval around an estimate with so large a bias.

    Source: Armstrong and Kolesar (2018), their cv.
    """
    from scipy.optimize import brentq
    from scipy.special import ndtr, ndtri

    b = abs(bias)
    low, high = max(b + float(ndtri(level)), 0.0), b + float(ndtri(0.5 + level / 2))
    if b > 8:  # the other tail is below the last digit
        return low
    return float(brentq(lambda c: ndtr(c - b) - ndtr(-c - b) - level, low, high + 1e-12, xtol=1e-15, rtol=1e-14))
