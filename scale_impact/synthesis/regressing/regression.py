"""The value of a meta-regression, and what it predicts for a city."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from scale_impact.core.city_effects import CityEffects
from scale_impact.core.words import counted, nearest
from scale_impact.errors import UsageError
from scale_impact.synthesis.between.fitting import quantile
from scale_impact.synthesis.between.freedom import ahead_df
from scale_impact.synthesis.between.line import Floats
from scale_impact.synthesis.between.robust import Sandwich
from scale_impact.synthesis.regressing.columns import Column
from scale_impact.synthesis.regressing.testing import Test

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Expected:
    """What a regression expects for a city: the mean of such cities, and the effect of one more of them.

    Attributes
    ----------
    mean, std_error, low, high, df:
        Mean effect in cities with this context, with its interval; ``df`` None: normal.
    predicted_low, predicted_high, prediction_error, prediction_df:
        For the effect in one more such city; None where tau2 is 0 by assumption.
    outside:
        Which values lie beyond those of the cities, in words: there the line is drawn on, not seen.
    """

    mean: float
    std_error: float
    low: float
    high: float
    df: float | None
    predicted_low: float | None
    predicted_high: float | None
    prediction_error: float | None
    prediction_df: float | None
    outside: tuple[str, ...]


@dataclass(frozen=True, repr=False)
class Regression:
    """Effects explained by context.

    Attributes
    ----------
    effects, columns, terms:
        What was explained, by what, and the names of the p coefficients; the first is ``intercept``.
    coefficients, std_errors, statistics, df, p_values, low, high:
        [p]; ``df`` infinite: normal.
    covariance:
        Of the coefficients [p, p].
    tau2, tau2_error, tau2_low, tau2_high, i2, h2:
        Variance between cities that the context leaves unexplained; its interval (Q profile), its share.
    q, q_df, q_p:
        Test that nothing is left.
    r2:
        Share of the variance between cities that is explained (0 to 1).
    all_columns, by_column:
        Tests that all coefficients but the intercept, or those of one column, are 0.
    back, prediction_df, robust:
        What makes coefficients of orthonormal ones [p, p]; degrees of freedom of predictions (None: normal; fewer by ``shared_df``); CR2 in
        clusters.
    between_clusters, within_clusters, n_clusters:
        Parts of tau2 where effects come in clusters.
    shared_df:
        Degrees of freedom of what errors share, which limit the intercept and means of cities, not slopes; None: they do not.
    level, estimator, inference:
        Of the intervals; how tau2 was estimated; how coefficients were judged.
    why_not, notes:
        Reasons of what has no number: ``r2``, ``tau2 interval``, ``q``, ``i2``, ``all columns`` or a column's test, ``prediction``.
    """

    effects: CityEffects
    columns: tuple[Column, ...]
    terms: tuple[str, ...]
    coefficients: Floats
    std_errors: Floats
    statistics: Floats
    df: Floats
    p_values: Floats
    low: Floats
    high: Floats
    covariance: Floats
    tau2: float
    tau2_error: float | None
    tau2_low: float | None
    tau2_high: float | None
    i2: float | None
    h2: float | None
    q: float | None
    q_df: int
    q_p: float | None
    r2: float | None
    all_columns: Test | None
    by_column: Mapping[str, Test | None]
    level: float
    estimator: str
    inference: str
    back: Floats
    prediction_df: float | None
    robust: Sandwich | None = None
    between_clusters: float | None = None
    within_clusters: float | None = None
    n_clusters: int | None = None
    shared_df: float | None = None
    why_not: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        names = ", ".join(c.name for c in self.columns)
        return f"Regression({counted(len(self.effects), 'city', 'cities')} on {names}: tau2 left {self.tau2:.4g}; {self.estimator})"

    def table(self) -> pd.DataFrame:
        """One row a coefficient."""
        import pandas as pd

        names = {"estimate": self.coefficients, "std_error": self.std_errors, "df": self.df, "p_value": self.p_values}
        return pd.DataFrame({"term": list(self.terms), **names, "low": self.low, "high": self.high})

    def predict(self, row: Mapping[str, Any]) -> Expected:
        """What a city with this context may expect; ``row`` has a value for each column (more are not looked at).

        Raises
        ------
        UsageError
            Values that are not there or no numbers, groups that no city has: all of them at once.
        """
        given = {str(name): row[name] for name in row}
        if problems := [p for c in self.columns if (p := c.problem(given)) is not None]:
            raise UsageError(problems)
        at = np.r_[1.0, np.concatenate([c.values([given[c.name]])[0] for c in self.columns])]
        mean, error = float(at @ self.coefficients), float(np.sqrt(at @ self.covariance @ at))
        df = self._df_at(at)
        half = quantile(self.level, df) * error
        outside = tuple(s for c in self.columns if (s := c.outside(given[c.name])) is not None)
        if self.estimator == "common":
            return Expected(mean, error, mean - half, mean + half, df, None, None, None, None, outside)
        new = float(np.hypot(error, np.sqrt(self.tau2)))
        ahead = ahead_df(error**2, self.tau2, np.inf if self.shared_df is None else self.shared_df, self.prediction_df)
        wide = quantile(self.level, ahead) * new
        return Expected(mean, error, mean - half, mean + half, df, mean - wide, mean + wide, new, ahead, outside)

    def coefficient(self, term: str) -> tuple[float, float, float]:
        """Estimate and both ends of the interval of one term.

        Raises
        ------
        UsageError
            A term that is not known.
        """
        if term not in self.terms:
            raise UsageError(f"There is no term {term!r}. {nearest(term, self.terms)}")
        at = self.terms.index(term)
        return float(self.coefficients[at]), float(self.low[at]), float(self.high[at])

    def _df_at(self, at: Floats) -> float | None:
        if self.robust is not None:
            return self.robust.df(self.back.T @ at)
        return float(self.df[0]) if np.isfinite(self.df[0]) else None
