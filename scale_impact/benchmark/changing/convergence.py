"""Do cities that started low gain on the others (beta), and do cities lie closer together (sigma)?

A city that was measured too low by chance seems to rise afterwards: the slope of growth on the initial level is negative
even where nobody converges (Galton's fallacy). So the slope stands beside the one that is corrected for the errors of the
initial level, the one on the final level, and the change of the spread, which decides.

Source: Barro and Sala-i-Martin (1992); Friedman (1992) and Quah (1993) on the fallacy; Fuller (1987), section 3.1, for errors of
known variance; Carree and Klomp (1997), statistic T2, and Pitman (1939) and Morgan (1939) for spreads of paired values.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from scale_impact.benchmark.changing.slopes import Floats, Slope, corrected_slope, instrument, share_of_errors, slope
from scale_impact.benchmark.changing.spread import Spread, spread
from scale_impact.benchmark.changing.words_of_convergence import told
from scale_impact.core.words import counted, number

FEWEST = 10
"""So many cities are needed before convergence is spoken of."""

FROM_THE_CHANGE = (
    "The errors of the values were made of the changes between these periods, so they cannot say which part of a change is chance: with "
    "them taken off, the slope would follow from the two spreads alone, whatever the cities did."
)
"""Why nothing is corrected for errors that come from the change itself."""


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
        Share of the initial spread that is no error; NaN where errors come from the change.
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
        return [self.why_not] if self.why_not else list(told(self))


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
    from_the_change: bool = False,
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
    from_the_change:
        Whether the errors were made of the change itself: then nothing is corrected for them.
    """
    here = ~np.isnan(path[:, [start, end]]).any(axis=1)
    n = int(here.sum())
    if why := _no_answer(path[here][:, [start, end]]):
        none = Slope.unknown(why)
        return Convergence(n, years, level, none, none, math.nan, none, none, None, why_not=why)
    y0, y1 = path[here, start], path[here, end]
    v0, v1 = variances[here, start], variances[here, end]
    c = np.broadcast_to(np.asarray(covariance, dtype=float), here.shape)[here]
    reliability = math.nan if from_the_change else 1 - share_of_errors(y0, v0)
    unknown = Slope.unknown(FROM_THE_CHANGE)
    return Convergence(
        n, years, level,
        as_seen=slope(y0, y1 - y0, level=level),
        corrected=unknown if from_the_change else corrected_slope(y0, y1 - y0, v0, c - v0, level=level),
        reliability=reliability,
        on_end=slope(y1, y1 - y0, level=level),
        instrumented=_instrumented(path, level),
        spread=spread(y0, y1, v0, v1, level=level, unknown=FROM_THE_CHANGE if from_the_change else ""),
        at_bounds=int(((y0 <= 0) | (y0 >= 100) | (y1 <= 0) | (y1 >= 100)).sum()),
    )  # fmt: skip


def _no_answer(pairs: Floats) -> str:
    if len(pairs) < FEWEST:
        return f"{counted(len(pairs), 'city has', 'cities have')} an index in both periods: convergence needs {FEWEST}."
    if (np.ptp(pairs, axis=0) == 0).any():
        return "All cities have the same index in one of the periods: there is no spread that could change."
    return ""


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
