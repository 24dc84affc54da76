"""Do predicted effects hold where they were not learnt? The best linear predictor of the effect by its prediction.

Scores are regressed on a constant and on the predicted effect (less its fold's mean). A slope of 1 says that differences in
predictions are differences in effects; 0, that they are noise.

**Rows that taught and were taught.** Each prediction comes from models that never saw its row, but row i helps to predict row
j and j helps to predict i. Where effects do not differ, the sum over all folds is a quadratic form in the noise,
sum s_ij e_i e_j; its variance is sum over pairs (s_ij + s_ji)^2, at most twice the sum of s_ij^2 + s_ji^2, which is what
standard errors that take predictions as given estimate. Twice that variance is therefore never too small, and with
half of it a ranking by a rich model would be found to be right far too often. What rests on the ranking of predictions has
this variance doubled (``REUSE``), here, in rank-weighted averages, in group differences and in the value of policies.

Source: Chernozhukov, Demirer, Duflo and Fernandez-Val (2018), section 3.1; Athey and Wager (2019), section 2.1
(test_calibration). The bound is Cauchy and Schwarz's inequality for linear smoothers; benchmarks hold it against simulation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scale_impact.core.causal.for_whom.projection import FLAT, Scored, mean_effect, regress
from scale_impact.errors import EstimationError

REUSE = 2.0
"""By how much the variance of what rests on cross-fitted rankings is multiplied, where there is more than one fold."""

CLEAR = 2.0
"""Standard errors that the mean effect has to lie from zero before predictions' mean can be held against it."""


def reuse(rows: Scored) -> float:
    """Factor of the variance: 1 where models were fitted on other data altogether (one fold)."""
    return REUSE if rows.folds.max() else 1.0


@dataclass(frozen=True)
class Calibration:
    """The mean effect, and what differences in predictions are worth.

    Attributes
    ----------
    average, average_error:
        Mean effect by the scores, and its standard error.
    predicted:
        Mean of the predictions.
    slope, slope_error:
        Effect per unit of predicted effect; the error counts the ranking's part twice.
    plain_error:
        The slope's error with predictions taken as given.
    spread:
        Standard deviation of the predictions within folds.
    df:
        Degrees of freedom: clusters less 1.
    """

    average: float
    average_error: float
    predicted: float
    slope: float
    slope_error: float
    plain_error: float
    spread: float
    df: int

    @property
    def level(self) -> tuple[float, float] | None:
        """Mean effect per unit of mean prediction, with its error; None where the prediction is not clear of zero."""
        if abs(self.predicted) < CLEAR * self.average_error:
            return None
        return self.average / self.predicted, self.average_error / abs(self.predicted)

    @property
    def p_value(self) -> float:
        """One-sided: predictions that order at random, or the wrong way."""
        from scipy import special

        return float(special.stdtr(self.df, -self.slope / self.slope_error))

    @property
    def exaggerates(self) -> float:
        """Two-sided p-value of a slope of 1, with predictions as given."""
        from scipy import special

        return float(2 * special.stdtr(self.df, -abs(self.slope - 1) / self.slope_error))

    def detectable(self, alpha: float, power: float) -> float:
        """Standard deviation of effects that would have been noticed, were they ordered as the predictions are."""
        return steps(alpha, power, self.df) * self.slope_error * self.spread


def steps(alpha: float, power: float, df: int) -> float:
    """Standard errors from zero at which a one-sided test notices with the power asked."""
    from scipy import special

    return float(special.stdtrit(df, 1 - alpha) + special.stdtrit(df, power))


def calibrate(rows: Scored) -> Calibration:
    """Regress scores on predictions.

    Raises
    ------
    EstimationError
        All rows of each fold have the same prediction.
    """
    share = rows.weight / len(rows)
    spread = float(np.sqrt(share @ rows.deviation**2))
    if spread <= FLAT * (np.abs(rows.cate).max() + 1e-300):
        raise EstimationError(
            "The estimator predicts the same effect for everybody: there is no ranking to be tested. That is what a penalised model says where "
            "it finds no context that helps; best_linear_projection asks the scores themselves."
        )
    columns = np.column_stack([np.ones(len(rows)), rows.deviation / spread])
    found = regress(rows, columns)
    average, error = mean_effect(rows)
    slope, plain = found.coefficients[1] / spread, found.std_errors[1] / spread
    return Calibration(
        average=average, average_error=error, predicted=float(share @ rows.cate),
        slope=float(slope), slope_error=float(plain * np.sqrt(reuse(rows))), plain_error=float(plain), spread=spread, df=found.df,
    )  # fmt: skip
