"""The regression that the two-way fixed-effects estimators share; not an estimator."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from scale_impact.core.analysis import Analysis
from scale_impact.core.cohorts import Floats
from scale_impact.core.design import Design
from scale_impact.core.influence import Influence
from scale_impact.core.panel import Panel
from scale_impact.core.rows import Rows
from scale_impact.core.rows import regress as regress_rows
from scale_impact.core.sandwich import MomentSums
from scale_impact.core.within import over_time, two_way
from scale_impact.errors import DesignError, EstimationError
from scale_impact.estimators._convention import Convention, Job, Made, covariance, factor_of_scores, scores_of

TREND = (
    "Each unit has its own linear trend, fitted over all its periods: where the effect grows with time, part of it is taken "
    "for trend."
)


@dataclass(frozen=True, eq=False)
class Fit:
    """K contrasts of the regression's own coefficients.

    Attributes
    ----------
    values:
        Length K.
    made:
        Their covariance and degrees of freedom, and how they were made.
    influence:
        What each unit adds to their error.
    weights:
        [K, G, T] on the cohorts' mean paths; None with covariates.
    """

    values: Floats
    made: Made
    influence: Influence
    weights: Floats | None = None


def regress(analysis: Analysis, regressors: Floats, convention: Convention, contrasts: Floats | None = None) -> Fit:
    """Two-way fixed effects of regressors [P, G, T], and of the convention's covariates.

    ``contrasts`` [K, P] are the combinations of coefficients asked for; default each of them.
    Without covariates cohort moments are enough; with them the units are gone through.
    """
    contrasts = np.eye(len(regressors)) if contrasts is None else contrasts
    if convention.covariates:
        return _by_rows(analysis, regressors, convention, contrasts)
    within = over_time(analysis.moments.clock, convention.trends)
    sums = MomentSums(analysis.moments, two_way(analysis.moments, regressors, within))
    job = Job(analysis, convention, sums, contrasts)
    by_columns = bool(convention.clusters)  # their sums need the residuals of rows
    rows = regress_rows(Rows.of(analysis, [], within), regressors, ()) if by_columns else None
    made = covariance(job if rows is None else replace(job, sums=rows))
    influence = analysis.influence(scores_of(sums, convention.vcov).map(contrasts), factor_of_scores(job))
    weights = np.tensordot(contrasts, sums.fitted.weights, 1)
    return Fit(contrasts @ sums.fitted.coefficients, made, influence, weights)


def _by_rows(analysis: Analysis, regressors: Floats, convention: Convention, contrasts: Floats) -> Fit:
    """The regression with covariates."""
    panel, names = analysis.panel, convention.covariates
    columns = [covariate(panel, name) for name in names]
    _refuse_saturated(analysis, len(regressors) + len(names), convention)
    within = over_time(analysis.moments.clock, convention.trends)
    sums = regress_rows(Rows.of(analysis, columns, within), regressors, names)
    wide = np.hstack([contrasts, np.zeros((len(contrasts), len(names)))])
    job = Job(analysis, convention, sums, wide)
    scale = float(np.sqrt(factor_of_scores(job)))
    influence = Influence(panel, analysis.design, made=lambda: sums.by_unit(wide, panel.n_units), scale=scale)
    return Fit(wide @ sums.coefficients, covariance(job), influence)


def needs_panel(name: str, design: Design) -> None:
    """Refuse cross-sections: unit effects need units followed over time."""
    if design.cross_sections:
        raise DesignError(
            f"{name} needs a balanced panel of units followed over time. Use did_2x2 (one date) or callaway_santanna "
            "for repeated cross-sections."
        )


def covariate(panel: Panel, name: str) -> Floats:
    """A covariate as numbers, refused where it is none."""
    values = panel.column(name)
    if not np.issubdtype(values.dtype, np.number) and values.dtype != bool:
        raise DesignError(f"Covariate {name!r} is not numeric ({values.dtype}). Make 0/1 columns of its categories.")
    numbers = values.astype(float)
    if not np.isfinite(numbers).all():
        n = int((~np.isfinite(numbers)).sum())
        raise DesignError(f"Covariate {name!r} is missing or infinite in {n:,} rows. Fill it or leave these rows out.")
    return numbers


def _refuse_saturated(analysis: Analysis, regressors: int, convention: Convention) -> None:
    """Refuse as many coefficients as observations."""
    n, t = int(analysis.moments.units.sum()), analysis.moments.n_periods
    slopes = 0 if convention.trends is None else 1
    coefficients = regressors + n * (1 + slopes) + t - slopes - 1
    if n * t <= coefficients:
        raise EstimationError(
            f"{n * t} observations are too few for {coefficients} coefficients, effects included. Leave covariates out."
        )
