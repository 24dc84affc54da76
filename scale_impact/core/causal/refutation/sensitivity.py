"""How strong unobserved confounding would have to be to change the conclusion of a linear regression.

A confounder Z left out of a regression of Y on D and X moves the coefficient of D by what two shares of variance say: of what X
leaves of D, the share that Z explains (``r2_exposure``), and of what X and D leave of Y, the share that Z explains
(``r2_outcome``). This is algebra, not an approximation; all that is assumed is how large the shares are.

Source: Cinelli and Hazlett (2020), "Making sense of sensitivity"; ``extreme_value`` Cinelli and Hazlett (2025).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.causal.adjusted import Adjusted, Partial
from scale_impact.core.causal.regression.model import Model, levels_of

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """What sensitivity is told of.

    Attributes
    ----------
    partial:
        The coefficient with the textbook's standard error.
    inflation:
        How many times as large the study's standard error is (clusters, unequal variances); 1 under the textbook's. The share
        is taken to stay as it is when a confounder is added: exact for the textbook's error, an approximation elsewhere.
    critical:
        Quantile that makes the interval out of the study's standard error.
    """

    partial: Partial
    inflation: float
    critical: float

    @property
    def f(self) -> float:
        """Partial Cohen's f of the exposure with the outcome, as an absolute value."""
        return abs(self.partial.t) / float(np.sqrt(self.partial.df))

    @property
    def f_critical(self) -> float:
        """The f at which the interval ends at zero, with one more covariate."""
        return self.inflation * self.critical / float(np.sqrt(self.partial.df - 1))


def case(partial: Partial, std_error: float | None, df: float | None, alpha: float) -> Case:
    """The case of a coefficient with the study's standard error and degrees of freedom; None: the textbook's."""
    from scipy import special

    inflation = 1.0 if std_error is None else std_error / partial.std_error
    textbook = std_error is None or np.isclose(inflation, 1.0, rtol=1e-12, atol=0)
    used = partial.df - 1 if textbook or df is None else df
    return Case(partial, inflation, float(special.stdtrit(used, 1 - alpha / 2)))


# ---- robustness values --------------------------------------------------------------------------------------


def robustness_value(f: float, q: float = 1.0, f_critical: float = 0.0) -> float:
    """The share that a confounder has to explain of both exposure and outcome to take away a share q of the estimate.

    With ``f_critical`` (``Case.f_critical``) it is enough that the interval then holds the remaining share 1 - q.

    Source: Cinelli and Hazlett (2020), equations 18 and 19; where f x f_critical > 1 the extreme value (2025).
    """
    left = q * f - f_critical
    if left <= 0:
        return 0.0
    if q * f * f_critical > 1:
        return extreme_value(f, q, f_critical)
    return float(0.5 * (np.sqrt(left**4 + 4 * left**2) - left**2))


def extreme_value(f: float, q: float = 1.0, f_critical: float = 0.0) -> float:
    """The share of the exposure that is enough for a confounder which explains all that is left of the outcome."""
    if q * f <= f_critical:
        return 0.0
    return float(((q * f) ** 2 - f_critical**2) / (1 + (q * f) ** 2))


# ---- what a confounder of given strength does -----------------------------------------------------------------


def bias(of: Case, r2_exposure: Any, r2_outcome: Any) -> Floats:
    """By how much a confounder of such strength moves the coefficient, as an absolute value.

    Source: Cinelli and Hazlett (2020), equation 14.
    """
    exposure, outcome = np.asarray(r2_exposure, dtype=float), np.asarray(r2_outcome, dtype=float)
    factor = np.sqrt(outcome * exposure / (1 - exposure))
    return np.asarray(factor * of.partial.std_error * np.sqrt(of.partial.df))


def adjusted_estimate(of: Case, r2_exposure: Any, r2_outcome: Any) -> Floats:
    """The coefficient with such a confounder, moved towards zero (and beyond)."""
    moved = bias(of, r2_exposure, r2_outcome)
    return np.asarray(np.sign(of.partial.coefficient) * (abs(of.partial.coefficient) - moved))


def adjusted_error(of: Case, r2_exposure: Any, r2_outcome: Any) -> Floats:
    """Its standard error.

    Source: Cinelli and Hazlett (2020), equation 15.
    """
    exposure, outcome = np.asarray(r2_exposure, dtype=float), np.asarray(r2_outcome, dtype=float)
    df = of.partial.df
    factor = np.sqrt((1 - outcome) / (1 - exposure)) * np.sqrt(df / (df - 1))
    return np.asarray(factor * of.inflation * of.partial.std_error)


def adjusted_t(of: Case, r2_exposure: Any, r2_outcome: Any) -> Floats:
    """The t statistic of zero with such a confounder."""
    with np.errstate(divide="ignore"):
        error = adjusted_error(of, r2_exposure, r2_outcome)
        return np.asarray(adjusted_estimate(of, r2_exposure, r2_outcome) / error)


# ---- as strong as an observed covariate -----------------------------------------------------------------------


@dataclass(frozen=True)
class Strength:
    """Partial R2 of covariates with the exposure (given the others) and the outcome (given the others and the exposure)."""

    r2_exposure: float
    r2_outcome: float

    def times(self, k: float) -> Strength | None:
        """A confounder k times as strong as they are; None where none can be: it would explain more than all of the exposure.

        Source: Cinelli and Hazlett (2020), equations 22 and 23, with k the same for exposure and outcome.
        """
        own = self.r2_exposure
        exposure = k * own / (1 - own)
        if k * own >= 1 or exposure >= 1:
            return None
        both = k * own**2 / ((1 - k * own) * (1 - own))
        if both >= 1:
            return None
        eta = (np.sqrt(k) + np.sqrt(both)) / np.sqrt(1 - both)
        return Strength(exposure, min(float(eta**2 * self.r2_outcome / (1 - self.r2_outcome)), 1.0))


SAME = 1e-8
"""A coefficient that differs by less than this share is that of the same regression."""


def same_regression(adjusted: Adjusted) -> Model | None:
    """The linear regression that an effect is, without or with levels of units; None where it is none."""
    rows, partial = adjusted.rows, adjusted.partial
    if partial is None:
        return None
    for levels in (None, levels_of(rows.units)):
        model = Model(rows.outcome, rows.exposure, rows.controls, levels)
        if model.df == partial.df and np.isclose(model.coefficient, partial.coefficient, rtol=SAME, atol=0):
            return model
    return None


def strength(model: Model, columns: NDArray[np.int64]) -> Strength:
    """How strong some columns of a model's controls are."""
    without = Model(model.outcome, model.exposure, np.delete(model.controls, columns, axis=1), model.levels)
    exposure = _share(without.rest_exposure, model.rest_exposure)
    return Strength(exposure, _share(without.residuals, model.residuals))


def _share(before: Floats, after: Floats) -> float:
    """The share of squares that went."""
    return max(float(1 - (after @ after) / (before @ before)), 0.0)


def columns_of(names: tuple[str, ...], column: str) -> NDArray[np.int64]:
    """Positions of a column of the data among covariates: itself, or the dummies of a text."""
    if column in names:
        return np.array([names.index(column)])
    return np.flatnonzero([n.startswith(f"{column} ") for n in names])


# ---- E-values ---------------------------------------------------------------------------------------------------


def e_value(ratio: float) -> float:
    """The least risk ratio that a confounder must have with both exposure and outcome to explain a risk ratio away.

    Source: VanderWeele and Ding (2017), equation in "The E-value".
    """
    up = max(ratio, 1 / ratio) if ratio > 0 else np.inf
    return float(up + np.sqrt(up * (up - 1))) if np.isfinite(up) else float("inf")


def ratio_of_means(difference: float, spread: float) -> float:
    """A difference in means in units of the outcome's spread, as a risk ratio: exp(0.91 d).

    Source: VanderWeele and Ding (2017), table 2, after Chinn (2000).
    """
    return float(np.exp(0.91 * difference / spread))
