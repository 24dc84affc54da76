"""Confidence intervals as the values that a test does not reject; not a method."""

from __future__ import annotations

import math
from collections.abc import Callable

DOUBLINGS = 10
"""Ends further out than a thousand standard errors are infinite."""

PRECISION = 1e-7
"""Of an end, as a share of its distance from the estimate."""


def inverted(p_value: Callable[[float], float], centre: float, scale: float, level: float) -> tuple[float, float]:
    """Interval of the null values whose p-value is above 1 - level.

    Parameters
    ----------
    p_value:
        Two-sided p-value of a null value; 1 at ``centre`` and falling away from it.
    centre:
        The estimate.
    scale:
        Size of its error, to begin with.
    level:
        Such as 0.95.

    Returns
    -------
    Both ends; infinite where no value is rejected on that side, because the test has too few
    patterns to reject anything.
    """
    if not scale > 0 or not math.isfinite(scale):
        return -math.inf, math.inf
    return _end(p_value, centre, -scale, 1 - level), _end(p_value, centre, scale, 1 - level)


def _end(p_value: Callable[[float], float], centre: float, step: float, alpha: float) -> float:
    """The end on the side of ``step``: doubled until rejected, then halved."""
    inside, outside = 0.0, step
    for _ in range(DOUBLINGS):
        if not kept(p_value(centre + outside), alpha):
            break
        inside, outside = outside, 2 * outside
    else:
        return math.copysign(math.inf, step)
    while abs(outside - inside) > PRECISION * abs(outside):
        middle = 0.5 * (inside + outside)
        if kept(p_value(centre + middle), alpha):
            inside = middle
        else:
            outside = middle
    return centre + 0.5 * (inside + outside)


def kept(p: float, alpha: float) -> bool:
    """Whether a value is not rejected; a p-value of exactly alpha rejects."""
    return p > alpha * (1 + 1e-9)
