"""Regressions of effects on what is known of them: with one dispersion for all errors, or with variance between cities.

Errors may be related: the regressions take their whole covariance.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.city_effects import CityEffects
from scale_impact.synthesis.between.blocks import blocks_of, rotated
from scale_impact.synthesis.between.freedom import df_of_level
from scale_impact.synthesis.between.line import Line, Sums, at, highest

Floats = NDArray[np.float64]


def nothing() -> Floats:
    """No numbers, where there is no answer."""
    return np.empty(0)


@dataclass(frozen=True)
class Fitted:
    """A fitted regression.

    Attributes
    ----------
    beta, covariance:
        Coefficients [p] and their covariance [p, p].
    df:
        Degrees of freedom; infinite where the reference distribution is normal.
    tau2:
        Variance between cities; 0 where one dispersion is fitted.
    dispersion:
        By what the squared errors are multiplied; 1 where variance between cities is fitted.
    shared_df:
        Degrees of freedom of what errors share, which limit levels (the first coefficient, values of the line), not slopes.
    """

    beta: Floats
    covariance: Floats
    df: float
    tau2: float = 0.0
    dispersion: float = 1.0
    shared_df: float = math.inf

    @property
    def exact(self) -> bool:
        """Whether the residuals are zero, so that there is no error of anything."""
        return self.dispersion < 1e-20 or not float(np.diag(self.covariance).min()) > 0

    def std_error(self, at: int) -> float:
        """Standard error of a coefficient."""
        return math.sqrt(float(self.covariance[at, at]))

    def statistic(self, at: int) -> float:
        """A coefficient in standard errors."""
        return float(self.beta[at]) / self.std_error(at)

    def p_value(self, at: int) -> float:
        """Two-sided p-value of a coefficient against zero."""
        return p_of(self.statistic(at), self.df if at else self.level_df)

    @property
    def level_df(self) -> float:
        """Degrees of freedom of a level, infinite where it is judged by the normal distribution."""
        return self.df if math.isinf(self.df) else min(self.df, self.shared_df)

    def at(self, row: Floats, level: float) -> tuple[float, float, float]:
        """The value at a row of regressors, with its interval."""
        df = self.level_df if row[0] else self.df
        half = reach(level, df) * math.sqrt(float(row @ self.covariance @ row))
        value = float(row @ self.beta)
        return value, value - half, value + half


def p_of(statistic: float, df: float) -> float:
    """Two-sided p-value; of the normal distribution where df is infinite."""
    from scipy import special

    tail = special.ndtr(-abs(statistic)) if math.isinf(df) else special.stdtr(df, -abs(statistic))
    return 2 * float(tail)


def reach(level: float, df: float) -> float:
    """How many standard errors an interval reaches to each side."""
    from scipy import special

    tail = (1 + level) / 2
    return float(special.ndtri(tail) if math.isinf(df) else special.stdtrit(df, tail))


def dispersed(effects: CityEffects, x: Floats) -> Fitted:
    """Generalised least squares by the given errors, all multiplied by one dispersion that the residuals tell; t with k - p degrees.

    Source: Egger, Davey Smith, Schneider and Minder (1997), in the form of Thompson and Sharp (1999), model 1a. With related errors
    the weights are the inverse of their covariance.
    """
    line, known = _line(effects, x)
    found = at(line, 0.0)
    dispersion = float(found.rss[0]) / line.left
    covariance = dispersion * np.linalg.inv(found.information[0])
    return Fitted(found.beta[0], covariance, float(line.left), 0.0, dispersion, known(found))


def mixed(effects: CityEffects, x: Floats, *, knapp_hartung: bool = False) -> Fitted:
    """Regression with variance between cities by restricted maximum likelihood; normal, or t with Knapp and Hartung's errors.

    Source: Viechtbauer (2005) on REML; Knapp and Hartung (2003), equation 8.
    """
    line, known = _line(effects, x)
    tau2 = highest(line)
    found = at(line, tau2)
    covariance = np.linalg.inv(found.information[0])
    if not knapp_hartung:
        return Fitted(found.beta[0], covariance, math.inf, tau2)
    scaled = covariance * float(found.rss[0]) / line.left
    return Fitted(found.beta[0], scaled, float(line.left), tau2, shared_df=known(found))


def _line(effects: CityEffects, x: Floats) -> tuple[Line, Callable[[Sums], float]]:
    """The effects in coordinates whose errors are not related, and how well what errors share is known at a fit."""
    blocks = blocks_of(effects.covariance)
    line, turn = rotated(blocks, effects.effects, x)

    def known(found: Sums) -> float:
        return df_of_level(effects, blocks, turn, found.weights[0], float(found.t[0]), float(line.left))

    return line, known
