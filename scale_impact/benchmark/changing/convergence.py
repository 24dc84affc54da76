"""Do cities that started low gain on the others (beta), and do cities lie closer together (sigma)?

A city that was measured too low by chance seems to rise afterwards: the slope of growth on the initial level is negative
even where nobody converges (Galton's fallacy). So the slope stands beside the one that is corrected for the errors of the
initial level, the one on the final level, and the change of the spread, which decides.

Source: Barro and Sala-i-Martin (1992); Friedman (1992) and Quah (1993) on the fallacy; Fuller (1987), section 3.1, for errors of
known variance; Carree and Klomp (1997), statistic T2, and Pitman (1939) and Morgan (1939) for spreads of paired values.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.words import counted, number, p_words

Floats = NDArray[np.float64]

FEWEST = 10
"""So many cities are needed before convergence is spoken of."""

CLEAR = 2.0
"""The spread without errors has to be so many of its standard errors above zero, or there is no corrected answer."""


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


@dataclass(frozen=True)
class Spread:
    """How far apart cities lie, then and now.

    Attributes
    ----------
    then, now:
        Standard deviations across cities, as seen.
    true_then, true_now:
        Without what the errors of the values add; equal to those as seen where values are taken as known exactly.
    ratio, low, high, p_value:
        ``true_now`` by ``true_then`` with its interval; NaN where there is no answer.
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
    paired_t: float
    paired_p: float
    t2: float
    t2_p: float
    why_not: str = ""


@dataclass(frozen=True)
class Convergence:
    """Whether N cities came closer together between two periods.

    Attributes
    ----------
    cities:
        How many have an index in both periods.
    years:
        Between the periods; None where periods are no numbers or dates.
    level:
        Of the intervals.
    as_seen, corrected:
        Slope of the change on the initial index, as it is and corrected for the errors of the initial values.
    reliability:
        Share of the initial spread that is no error.
    on_end:
        Slope of the change on the final index: positive where cities diverge, or where only chance moved them.
    instrumented:
        Slope of the last step on the level before it, with the level of the period before that as instrument.
    spread:
        The change of the spread.
    at_bounds:
        Cities at 0 or 100 in one of the periods: they can move one way only.
    why_not:
        Why nothing is said; empty where something is.
    """

    cities: int
    years: float | None
    level: float
    as_seen: Slope
    corrected: Slope
    reliability: float
    on_end: Slope
    instrumented: Slope
    spread: Spread | None
    at_bounds: int = 0
    why_not: str = ""

    @property
    def speed(self) -> tuple[float, float, float] | None:
        """Share of a gap that closes in a year, with its interval, by the corrected slope; None where it has no answer.

        Source: Barro and Sala-i-Martin (1992), equation 11: beta = -(1 - exp(-speed years)).
        """
        if self.years is None or math.isnan(self.corrected.value) or self.corrected.value <= -1:
            return None
        found = [_speed(b, self.years) for b in (self.corrected.value, self.corrected.high, self.corrected.low)]
        return found[0], found[1], found[2]

    def sentences(self) -> list[str]:
        """What was found, in plain words."""
        return [self.why_not] if self.why_not else list(_sentences(self))


def _speed(slope: float, years: float) -> float:
    return -math.log1p(slope) / years if slope > -1 else math.inf


def converge(
    path: Floats,
    variances: Floats,
    start: int,
    end: int,
    *,
    years: float | None,
    level: float,
    covariance: Floats | float = 0.0,
) -> Convergence:
    """Beta and sigma convergence of cities between two of their periods.

    Parameters
    ----------
    path:
        The index of N cities in T periods [N, T], NaN where there is none.
    variances:
        Of the errors of the index, those that come from its measurement alone [N, T].
    start, end:
        Positions of the two periods.
    years:
        Between them, where known.
    level:
        Of the intervals.
    covariance:
        Of a city's errors in the two periods; 0 where they are independent.
    """
    here = ~np.isnan(path[:, [start, end]]).any(axis=1)
    n = int(here.sum())
    if why := _no_answer(path[here][:, [start, end]]):
        none = Slope.unknown(why)
        return Convergence(n, years, level, none, none, math.nan, none, none, None, why_not=why)
    y0, y1 = path[here, start], path[here, end]
    v0, v1 = variances[here, start], variances[here, end]
    c = np.broadcast_to(np.asarray(covariance, dtype=float), here.shape)[here]
    reliability = 1 - float(v0.mean()) / float(y0.var(ddof=1))
    return Convergence(
        n, years, level,
        as_seen=slope(y0, y1 - y0, level=level),
        corrected=corrected_slope(y0, y1 - y0, v0, c - v0, level=level),
        reliability=reliability,
        on_end=slope(y1, y1 - y0, level=level),
        instrumented=_instrumented(path, level),
        spread=spread(y0, y1, v0, v1, level=level),
        at_bounds=int(((y0 <= 0) | (y0 >= 100) | (y1 <= 0) | (y1 >= 100)).sum()),
    )  # fmt: skip


def _no_answer(pairs: Floats) -> str:
    if len(pairs) < FEWEST:
        return f"{counted(len(pairs), 'city has', 'cities have')} an index in both periods: convergence needs {FEWEST}."
    if (np.ptp(pairs, axis=0) == 0).any():
        return "All cities have the same index in one of the periods: there is no spread that could change."
    return ""


# ---- beta ------------------------------------------------------------------------------------------------


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
    value = (float(dx @ dy) - (n - 1) * float(covariance.mean())) / bread
    scores = (dx * (dy - value * dx) - covariance + value * variance) / (1 - _leverage(dx))
    return _tested(value, math.sqrt(float(scores @ scores)) / bread, n - 2, level)


def _leverage(dx: Floats) -> Floats:
    """Of each value in a regression on it and a constant; below 1, so that a city that alone decides has a huge error."""
    found: Floats = np.minimum(1 / len(dx) + dx**2 / float(dx @ dx), 1 - 1e-9)
    return found


def _instrumented(path: Floats, level: float) -> Slope:
    """The last step on the level before it, by the level one period earlier, whose errors are others'."""
    if path.shape[1] < 3:
        return Slope.unknown("It needs three periods.")
    z, x, last = path[~np.isnan(path[:, -3:]).any(axis=1), -3:].T
    if len(z) < FEWEST or np.ptp(z) == 0:
        return Slope.unknown(
            f"{counted(len(z), 'city has', 'cities have')} an index in the last three periods: too few, or all equal."
        )
    first = slope(z, x, level=level)
    strength = 0.0 if first.std_error == 0 else (first.value / first.std_error) ** 2
    if first.std_error > 0 and strength < 10:
        return Slope.unknown(
            f"The earlier level says too little about the later one (F = {number(strength)}, 10 are asked for)."
        )
    return instrument(z, x, last - x, level=level)


def instrument(z: Floats, x: Floats, y: Floats, *, level: float) -> Slope:
    """Slope of y on x with one instrument z and a constant; standard error as HC1, t with n - 2."""
    n = len(x)
    dz, dx, dy = z - z.mean(), x - x.mean(), y - y.mean()
    bread = float(dz @ dx)
    value = float(dz @ dy) / bread
    scores = dz * (dy - value * dx)
    return _tested(value, math.sqrt(float(scores @ scores) * n / (n - 2)) / abs(bread), n - 2, level)


def _tested(value: float, error: float, df: int, level: float) -> Slope:
    from scipy.special import stdtr, stdtrit

    reach = float(stdtrit(df, (1 + level) / 2)) * error
    p = 2 * float(stdtr(df, -abs(value) / error)) if error > 0 else float(value == 0)
    return Slope(value, error, value - reach, value + reach, p)


# ---- sigma -----------------------------------------------------------------------------------------------


def spread(then: Floats, now: Floats, v_then: Floats, v_now: Floats, *, level: float) -> Spread:
    """The spread of the same cities in two periods, and whether it changed.

    The interval holds each ratio r for which the slope of (now / r - then) on (now / r + then), corrected for the errors of the
    values, is not told apart from zero: the test of Pitman and Morgan without normality (HC3, t with n - 2), turned around.
    """
    s0, s1 = float(then.var(ddof=1)), float(now.var(ddof=1))
    true = s0 - float(v_then.mean()), s1 - float(v_now.mean())
    seen = (math.sqrt(s0), math.sqrt(s1), math.sqrt(max(true[0], 0)), math.sqrt(max(true[1], 0)))
    tests = _paired(then, now)
    if why := _spread_why_not(then, now, v_then, v_now):
        return Spread(*seen, math.nan, math.nan, math.nan, math.nan, *tests, why_not=why)
    middle = 0.5 * math.log(true[1] / true[0])

    def apart(log_ratio: float) -> Slope:
        return _difference(then, now * math.exp(-log_ratio), v_then, v_now * math.exp(-2 * log_ratio), level)

    low, high = (math.exp(_end(apart, middle, way)) for way in (-1, 1))
    return Spread(*seen, math.exp(middle), low, high, apart(0.0).p_value, *tests)


def _spread_why_not(then: Floats, now: Floats, v_then: Floats, v_now: Floats) -> str:
    """Why the two spreads cannot be compared: the values' errors are all that is seen."""
    for values, errors in ((then, v_then), (now, v_now)):
        squares = (values - values.mean()) ** 2 - errors
        if errors.any() and squares.sum() < CLEAR * math.sqrt(float(((squares - squares.mean()) ** 2).sum())):
            return "The errors of the values are about as large as the differences between cities: no spread is left to compare."
    return ""


def _difference(then: Floats, now: Floats, v_then: Floats, v_now: Floats, level: float) -> Slope:
    """Slope of the difference on the sum, as far as it is more than errors: zero where both spread alike."""
    n = len(then)
    total, gained = now + then, now - then
    total, gained = total - total.mean(), gained - gained.mean()
    bread = float(total @ total)
    value = (float(total @ gained) - (n - 1) * float((v_now - v_then).mean())) / bread
    scores = (total * (gained - value * total) - (v_now - v_then)) / (1 - _leverage(total))
    return _tested(value, math.sqrt(float(scores @ scores)) / bread, n - 2, level)


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


# ---- in words --------------------------------------------------------------------------------------------


def _sentences(found: Convergence) -> Iterator[str]:
    yield _spread_words(found)
    yield _slope_words(found)
    spread, falls = found.spread, found.corrected.high < 0
    if spread is not None and spread.high < 1 and falls and (speed := found.speed) is not None:
        fastest = f"{number(round(100 * speed[2], 1))} %" if math.isfinite(speed[2]) else "all of it"
        yield f"At that slope {number(round(100 * speed[0], 1))} % of a gap closes in a year (between {number(round(100 * speed[1], 1))} % and {fastest})."
    elif falls:
        yield (
            "Cities that started low gained on the others, and yet cities are not shown to lie closer together: they change places, as they also do by chance. "
            f"Held against the final index the slope of growth is {number(round(found.on_end.value, 2))}."
        )
    if not found.instrumented.why_not:
        yield f"Slope of the last step with the earlier level as instrument: {_slope(found.instrumented, found.level)}."
    if found.at_bounds:
        yield (
            f"{counted(found.at_bounds, 'city stands', 'cities stand')} at an end of the scale (0 or 100) and can move one way only, which looks "
            "like convergence."
        )


def _spread_words(found: Convergence) -> str:
    spread = found.spread
    if spread is None:
        return found.why_not
    then, now = (number(round(v, 1)) for v in (spread.then, spread.now))
    seen = f"Standard deviation across {counted(found.cities, 'city', 'cities')}: {then} points then, {now} now."
    if spread.why_not:
        return f"{seen} {spread.why_not}"
    ratio, low, high = (number(round(v, 2)) for v in (spread.ratio, spread.low, spread.high))
    ends = f"{ratio} times as wide, {100 * found.level:g} % interval {low} to {high}, {p_words(spread.p_value)}"
    verdict = (
        "cities came closer together"
        if spread.high < 1
        else "cities moved apart"
        if spread.low > 1
        else "no change of the spread can be told"
    )
    without = (
        "" if (spread.then, spread.now) == (spread.true_then, spread.true_now) else " without the errors of the values"
    )
    return f"{seen} The spread{without} is {ends}: {verdict}."


def _slope_words(found: Convergence) -> str:
    seen = f"Growth on the initial index: slope {_slope(found.as_seen, found.level)}"
    if found.corrected.why_not:
        return f"{seen}, which chance alone can make negative. {found.corrected.why_not}"
    if found.reliability == 1:
        return (
            f"{seen}; no errors of the values are known, and errors make this slope negative without any convergence."
        )
    share = f"{100 * (1 - found.reliability):.0f} % of their variance"
    return f"{seen}; corrected for errors of the initial values ({share}): {_slope(found.corrected, found.level)}."


def _slope(found: Slope, level: float) -> str:
    value, low, high = (number(round(v, 2)) for v in (found.value, found.low, found.high))
    return f"{value} ({100 * level:g} % interval {low} to {high})"
