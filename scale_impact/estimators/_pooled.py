"""Least squares on pooled observations with covariates, through linearmodels; not an estimator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scale_impact.core.analysis import Analysis
from scale_impact.core.cohorts import Floats
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect, Sample
from scale_impact.core.panel import Panel
from scale_impact.errors import DesignError, EstimationError, UsageError
from scale_impact.estimators._regression import covariate

EACH_ONE_CLUSTER = "no standard error: each group is one cluster, whose own variation cannot be seen"

COVARIANCES = {
    "iid": {"cov_type": "unadjusted", "debiased": True},
    "HC0": {"cov_type": "robust", "debiased": False},
    "HC1": {"cov_type": "robust", "debiased": True},
}


def with_covariates(analysis: Analysis, masks: NDArray[np.bool_], covariates: Sequence[str], vcov: str) -> Effect:
    """The coefficient of group x after, holding covariates constant."""
    panel, design = analysis.panel, analysis.design
    if analysis.moments.followed:
        raise DesignError("did_2x2 takes covariates in repeated cross-sections only. Use twfe for a panel.")
    codes = design.cohort_codes[panel.unit_codes]
    rows = np.isin(codes, analysis.positions) & np.asarray(masks.any(axis=0))[panel.period_codes]
    after = masks[1][panel.period_codes].astype(float)
    group = (design.starts[codes] < design.n_periods).astype(float)
    columns = {"constant": np.ones(panel.n_obs), "group": group, "after": after, "effect": group * after}
    columns |= {name: covariate(panel, name) for name in covariates}
    x = pd.DataFrame(columns)[rows]
    if np.linalg.matrix_rank(x.to_numpy() / np.abs(x).max().replace(0, 1).to_numpy()) < x.shape[1]:
        raise EstimationError(
            f"Covariates {', '.join(covariates)} are combinations of each other, of the group or of the period. Leave some out."
        )
    by = _clusters(panel, design, rows)
    value, error, df = _least_squares(panel.values[rows], x, by, vcov)
    alone = None if by is None or len(np.unique(by)) > 2 or _meet(by, group[rows]) else EACH_ONE_CLUSTER
    n, clusters = int(rows.sum()), int(df + 1) if design.cluster_codes is not None else int(rows.sum())
    words = (
        f"clustered by {analysis.clustered_by}, CR1"
        if design.cluster_codes is not None
        else f"{vcov}, observations independent"
    )
    return Effect(
        estimator="did_2x2",
        overall=analysis.estimate(value, error**2, df, alone),
        sample=Sample(n, int(group[rows].sum()), int(masks.any(axis=0).sum()), n, clusters),
        inference=f"{words}; least squares with {', '.join(covariates)}",
        notes=design.notes,
    )


def _meet(clusters: NDArray[np.int64], group: Floats) -> bool:
    """Whether some cluster has observations of both groups."""
    return bool(np.intersect1d(clusters[group > 0], clusters[group == 0]).size)


def _clusters(panel: Panel, design: Design, rows: NDArray[np.bool_]) -> NDArray[np.int64] | None:
    return None if design.cluster_codes is None else design.cluster_codes[panel.unit_codes][rows]


def _least_squares(
    y: Floats, x: pd.DataFrame, clusters: NDArray[np.int64] | None, vcov: str
) -> tuple[float, float, float]:
    """Coefficient, standard error and degrees of freedom of ``effect``."""
    from linearmodels.iv import IV2SLS

    if clusters is None and vcov not in COVARIANCES:
        raise UsageError(f"did_2x2 with covariates: vcov is {vcov!r}; it has to be {', '.join(COVARIANCES)}.")
    if vcov in ("CR0", "CR2", "CR3", "jackknife"):
        raise UsageError(
            f"did_2x2 with covariates: vcov is {vcov!r}; by clusters there is CR1. Leave the covariates out."
        )
    options: dict[str, Any] = (
        COVARIANCES.get(vcov, {})
        if clusters is None
        else {"cov_type": "clustered", "clusters": clusters, "debiased": True}
    )
    result = IV2SLS(pd.Series(y, index=x.index), x, None, None).fit(**options)
    df = len(y) - x.shape[1] if clusters is None else len(np.unique(clusters)) - 1
    return float(result.params["effect"]), float(result.std_errors["effect"]), float(df)
