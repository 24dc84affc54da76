"""What the two fixed-effects estimators share; not an estimator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scale_impact.core.analysis import Analysis
from scale_impact.core.cohorts import Floats
from scale_impact.core.design import Design
from scale_impact.core.fixed_effects import SmallSample, two_way
from scale_impact.core.influence import Influence
from scale_impact.core.panel import Panel
from scale_impact.errors import DesignError, EstimationError, UsageError

KFixef = Literal["nonnested", "full", "none"]


@dataclass(frozen=True)
class Fit:
    """Coefficients and covariance with the small-sample factor; weights and influence where they exist."""

    coefficients: Floats
    covariance: Floats
    weights: Floats | None
    n_regressors: int
    influence: Influence | None = None


def regress(analysis: Analysis, regressors: Floats, covariates: Sequence[str], small: SmallSample) -> Fit:
    """Two-way fixed effects: from cohort moments, through linearmodels where there are covariates."""
    moments, p = analysis.moments, len(regressors) + len(covariates)
    factor = small.factor(int(moments.counts.sum()), p, int(moments.units.sum()), moments.n_periods, moments.n_clusters)
    if covariates:
        coefficients, covariance = _with_covariates(analysis, regressors, covariates)
        return Fit(coefficients, covariance * factor, None, p)
    fitted = two_way(moments, regressors)
    influence = analysis.influence(fitted.scores, factor)
    return Fit(fitted.coefficients, moments.covariance(fitted.scores) * factor, fitted.weights, p, influence)


def needs_panel(name: str, design: Design) -> None:
    """Refuse cross-sections: unit effects need units followed over time."""
    if design.cross_sections:
        raise DesignError(
            f"{name} needs a balanced panel of units followed over time. Use did_2x2 (one date) or callaway_santanna "
            "for repeated cross-sections."
        )


def small_sample(K_adj: bool, K_fixef: KFixef, G_adj: bool) -> SmallSample:
    """The correction asked for, checked."""
    if K_fixef not in ("nonnested", "full", "none"):
        raise UsageError(f"K_fixef is {K_fixef!r}; it has to be nonnested, full or none.")
    return SmallSample(K_adj, K_fixef, G_adj)


def _with_covariates(analysis: Analysis, regressors: Floats, covariates: Sequence[str]) -> tuple[Floats, Floats]:
    """Coefficients of the regressors and their clustered covariance without small-sample factor.

    linearmodels' PanelOLS absorbs both effects; its own corrections are switched off, because
    it counts nested unit effects, which makes standard errors too large by sqrt(T / (T - 1)).
    """
    from linearmodels.panel import PanelOLS

    panel, design, positions = analysis.panel, analysis.design, analysis.positions
    kept, clusters = _kept(design, positions)
    mask = kept[panel.unit_codes]
    units, periods = panel.unit_codes[mask], panel.period_codes[mask]
    index = pd.MultiIndex.from_arrays([units, periods])
    cohort = np.searchsorted(positions, design.cohort_codes)[units]
    x = {f"_{k}": regressors[k][cohort, periods] for k in range(len(regressors))}
    x |= {name: _unscaled(covariate(panel, name)[mask]) for name in covariates}
    exog = pd.DataFrame(x, index=index)
    _refuse_saturated(len(exog), exog.shape[1] + len(np.unique(units)) + len(np.unique(periods)) - 1)
    _refuse_collinear(exog, covariates)
    model = PanelOLS(pd.Series(panel.values[mask], index=index), exog, entity_effects=True, time_effects=True)
    by = pd.DataFrame({"cluster": clusters[units]}, index=index)
    result = model.fit(
        cov_type="clustered", clusters=by, group_debias=False, debiased=False, auto_df=False, count_effects=False
    )
    own = list(x)[: len(regressors)]
    return result.params[own].to_numpy(), result.cov.loc[own, own].to_numpy()


def _kept(design: Design, positions: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    kept = np.isin(design.cohort_codes, positions)
    clusters = design.cluster_codes if design.cluster_codes is not None else np.arange(len(kept))
    return kept, clusters


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


def _refuse_saturated(n_obs: int, n_coefficients: int) -> None:
    if n_obs <= n_coefficients:
        raise EstimationError(
            f"{n_obs} observations are too few for {n_coefficients} coefficients, effects included. Leave covariates out."
        )


def _unscaled(values: Floats) -> Floats:
    """A covariate of size 1: inhabitants beside shares would otherwise look collinear."""
    return np.asarray(values / max(np.abs(values).max(initial=0.0), 1e-300))


def listed(covariates: str | Sequence[str]) -> tuple[str, ...]:
    """Names of covariates, also where one is given without a list."""
    return (covariates,) if isinstance(covariates, str) else tuple(covariates)


def _refuse_collinear(exog: pd.DataFrame, covariates: Sequence[str]) -> None:
    """Name covariates that unit and period effects, or other regressors, explain fully."""
    unit, period = (exog.index.get_level_values(k) for k in (0, 1))
    within = exog - exog.groupby(unit).transform("mean")
    within = within - within.groupby(period).transform("mean")
    flat = within.to_numpy()
    size = np.linalg.norm(exog.to_numpy() - exog.to_numpy().mean(0), axis=0)
    fixed = [c for c in covariates if np.linalg.norm(within[c]) <= 1e-9 * max(size[list(exog).index(c)], 1e-300)]
    if fixed:
        raise EstimationError(
            f"Covariate {', '.join(fixed)} does not vary beyond unit and period effects, so it has no coefficient. Leave it "
            "out; to compare like with like on a fixed trait, interact it with the period."
        )
    if np.linalg.matrix_rank(flat / np.maximum(np.linalg.norm(flat, axis=0), 1e-300)) < flat.shape[1]:
        raise EstimationError(
            f"Covariates {', '.join(covariates)} are combinations of each other or of treatment. Leave some out."
        )
