"""How far apart cities lie, then and now.

Source: Pitman (1939) and Morgan (1939); Carree and Klomp (1997), statistic T2.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from scale_impact.benchmark.changing.slopes import CLEAR, MOST, Floats, Slope, leverage, share_of_errors, tested


@dataclass(frozen=True)
class Spread:
    """How far apart cities lie, then and now.

    Attributes
    ----------
    then, now:
        Standard deviations across cities, as seen.
    true_then, true_now:
        Without what the errors of the values add; equal to those as seen where values are taken as known exactly, NaN where nothing
        may be taken off.
    ratio, low, high, p_value:
        ``true_now`` by ``true_then`` with its interval; NaN where there is no answer.
    seen_p:
        Of equal spreads as seen, errors and all, without normality.
    paired_t, paired_p:
        Test of equal spreads as seen, by Pitman and Morgan (normal values).
    t2, t2_p:
        The same by Carree and Klomp's statistic T2, chi-squared with 1 degree of freedom.
    why_not:
        Why there is no ratio; empty where there is one.
    """

    then: float
    now: float
    true_then: float
    true_now: float
    ratio: float
    low: float
    high: float
    p_value: float
    seen_p: float
    paired_t: float
    paired_p: float
    t2: float
    t2_p: float
    why_not: str = ""


def spread(then: Floats, now: Floats, v_then: Floats, v_now: Floats, *, level: float, unknown: str = "") -> Spread:
    """The spread of the same cities in two periods, and whether it changed.

    The interval holds each ratio r for which the slope of (now / r - then) on (now / r + then), corrected for the errors of the
    values, is not told apart from zero: the test of Pitman and Morgan without normality (HC3, t with n - 2), turned around. ``unknown`` says why
    the errors cannot be taken off; then there is no ratio.
    """
    s0, s1 = float(then.var(ddof=1)), float(now.var(ddof=1))
    true = s0 - float(v_then.mean()), s1 - float(v_now.mean())
    off = [math.nan if unknown else math.sqrt(max(v, 0)) for v in true]
    seen = (math.sqrt(s0), math.sqrt(s1), off[0], off[1])
    tests = (_as_seen(then, now, level), *_paired(then, now))
    if why := unknown or _spread_why_not(then, now, v_then, v_now):
        return Spread(*seen, math.nan, math.nan, math.nan, math.nan, *tests, why_not=why)
    middle = 0.5 * math.log(true[1] / true[0])

    def apart(log_ratio: float) -> Slope:
        return _difference(then, now * math.exp(-log_ratio), v_then, v_now * math.exp(-2 * log_ratio), level)

    low, high = (math.exp(_end(apart, middle, way)) for way in (-1, 1))
    return Spread(*seen, math.exp(middle), low, high, apart(0.0).p_value, *tests)


def _spread_why_not(then: Floats, now: Floats, v_then: Floats, v_now: Floats) -> str:
    """Why the two spreads cannot be compared: the values' errors are all, or most, of what is seen."""
    for values, errors in ((then, v_then), (now, v_now)):
        squares = (values - values.mean()) ** 2 - errors
        if errors.any() and squares.sum() < CLEAR * math.sqrt(float(((squares - squares.mean()) ** 2).sum())):
            return "The errors of the values are about as large as the differences between cities: no spread is left to compare."
    shares = [share_of_errors(then, v_then), share_of_errors(now, v_now)]
    if max(shares) > MOST:
        said = " and ".join(f"{100 * s:.0f} %" for s in shares)
        return f"The errors of the values are {said} of the variance between cities, then and now: what is left without them hangs on how exact they are."
    return ""


def _as_seen(then: Floats, now: Floats, level: float) -> float:
    """P-value of equal spreads, errors and all."""
    none = np.zeros_like(then)
    return _difference(then, now, none, none, level).p_value if np.ptp(now + then) > 0 else 1.0


def _difference(then: Floats, now: Floats, v_then: Floats, v_now: Floats, level: float) -> Slope:
    """Slope of the difference on the sum, as far as it is more than errors: zero where both spread alike."""
    n = len(then)
    total, gained = now + then, now - then
    total, gained = total - total.mean(), gained - gained.mean()
    bread = float(total @ total)
    value = (float(total @ gained) - (n - 1) * float((v_now - v_then).mean())) / bread
    scores = (total * (gained - value * total) - (v_now - v_then)) / (1 - leverage(total))
    return tested(value, math.sqrt(float(scores @ scores)) / bread, n - 2, level)


def _end(apart: Callable[[float], Slope], middle: float, way: int) -> float:
    """Where the interval around ``middle`` ends; infinite where even a hundredfold ratio is not ruled out."""
    from scipy.optimize import brentq

    def outside(log_ratio: float) -> float:
        found = apart(log_ratio)
        return max(found.low, -found.high)  # positive where zero is excluded

    near, step = middle, 0.02
    while step < math.log(100):
        far = middle + way * step
        if outside(far) > 0:
            return float(brentq(outside, near, far, xtol=1e-10)) if outside(near) < 0 else near
        near, step = far, 1.5 * step
    return way * math.inf


def _paired(then: Floats, now: Floats) -> tuple[float, float, float, float]:
    """Pitman and Morgan: the correlation of sum and difference; T2 is its likelihood ratio, (n - 2.5) ln(1 / (1 - r^2))."""
    from scipy.special import chdtrc, stdtr

    n = len(then)
    if np.ptp(now - then) == 0:
        return 0.0, 1.0, 0.0, 1.0
    r = float(np.corrcoef(now + then, now - then)[0, 1]) if np.ptp(now + then) > 0 else 0.0
    rest = max(1 - r * r, np.finfo(float).tiny)
    t = r * math.sqrt((n - 2) / rest)
    t2 = -(n - 2.5) * math.log(rest)
    return t, 2 * float(stdtr(n - 2, -abs(t))), t2, float(chdtrc(1, t2))
