"""Adjusted: what an estimator that adjusts for covariates adds to its effect."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scale_impact.core.causal.cross_section import CrossSection, Floats
from scale_impact.core.causal.retrials import Again

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Partial:
    """The exposure's coefficient in a linear regression, with the textbook's standard error.

    Attributes
    ----------
    coefficient, std_error:
        Of the exposure; the error under equal variances.
    df:
        Residual degrees of freedom.
    """

    coefficient: float
    std_error: float
    df: int

    @property
    def t(self) -> float:
        """The t statistic."""
        return self.coefficient / self.std_error

    @property
    def r2(self) -> float:
        """Partial R2 of the exposure with the outcome."""
        return self.t**2 / (self.t**2 + self.df)


@dataclass(frozen=True, eq=False)
class Adjusted:
    """The rows that were compared, how each counts, and how to ask again.

    Attributes
    ----------
    rows:
        What was compared.
    again:
        The same estimate of other versions of the data.
    propensity:
        [n], probability of exposure given covariates, where the estimator has one.
    weights:
        [n], what each row counts within its arm; they sum to 1 in each arm. Balance is told by them.
    matches:
        Frame with a row a pair: ``treated`` and ``control`` (row numbers) and ``distance``.
    partial:
        For linear regressions: what robustness values are made from.
    takes_covariates:
        Whether ``again`` takes versions with other covariates.
    """

    rows: CrossSection
    again: Again | None = None
    propensity: Floats | None = None
    weights: Floats | None = None
    matches: pd.DataFrame | None = None
    partial: Partial | None = None
    takes_covariates: bool = False
