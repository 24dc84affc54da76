"""The mixed model of cluster trials: random intercepts of clusters, and of periods or units within them.

The model is statsmodels' (restricted maximum likelihood). What is added here is the map that whitens rows by its variances, so
that its generalised least squares can be repeated for thousands of dealings.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from scale_impact.core.cohorts import Floats
from scale_impact.core.experiment.dealing import Codes
from scale_impact.core.experiment.rollout_regression import Whiten
from scale_impact.errors import EstimationError

FIRST, THEN = ("lbfgs", "bfgs"), ("nm", "powell")
"""Optimisers: the better of the first two (one may stick where a variance is near zero), else one of the others."""

PRECISE = 1e-8
"""Of the gradient, for the optimisers that have one."""


@dataclass(frozen=True, eq=False)
class MixedModel:
    """A fitted mixed model.

    Attributes
    ----------
    coefficients:
        Of the fixed part, [K]; their standard errors are those of least squares on whitened rows.
    residual, between, within:
        Variances: of rows, of the clusters' intercepts, and of the intercepts of the parts within (0 where there are none).
    """

    coefficients: Floats
    residual: float
    between: float
    within: float

    @property
    def correlation(self) -> float:
        """Correlation of two rows of one cluster (and one part of it): the intra-cluster correlation."""
        shared = self.between + self.within
        return shared / (shared + self.residual)


def mixed_model(outcome: Floats, fixed: Floats, cluster: Codes, parts: Codes | None = None) -> MixedModel:
    """Random intercepts of clusters and of parts within them, by restricted maximum likelihood.

    Parameters
    ----------
    outcome:
        [n], rows in order of clusters.
    fixed:
        [n, K] of full rank.
    cluster:
        [n].
    parts:
        [n], codes of what lies within clusters (a period of a cluster, a unit); None without such intercepts.

    Raises
    ------
    EstimationError
        No optimiser converges.

    Source: Hussey and Hughes (2007), equation 1; Hooper et al. (2016) for cluster by period; Laird and Ware (1982).
    """
    from statsmodels.regression.mixed_linear_model import MixedLM

    scale = float(np.std(outcome)) or 1.0
    more = {} if parts is None else {"exog_vc": _parts_spec(cluster, parts)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a variance is at zero is said by who asked
        model = MixedLM(outcome / scale, fixed, groups=cluster, exog_re=np.ones(len(outcome)), **more)
        found = _best(model, FIRST) or _best(model, THEN)
    if found is None:
        raise EstimationError(
            "randomised_rollout: the mixed model does not converge. Use `model: time_adjusted` or `vertical`."
        )
    within = float(found.vcomp[0]) if parts is not None else 0.0
    between = float(np.asarray(found.cov_re).ravel()[0])
    square = scale**2
    coefficients = np.asarray(found.fe_params)[: fixed.shape[1]] * scale
    return MixedModel(coefficients, float(found.scale) * square, between * square, within * square)


def _best(model: Any, methods: Sequence[str]) -> Any:
    """The most likely of the fits that converge; None where none does."""
    fits = [f for f in (_fit(model, m) for m in methods) if f is not None]
    return max(fits, key=lambda f: f.llf) if fits else None


def _fit(model: Any, method: str) -> Any:
    """The fit by one optimiser; None where it fails."""
    precise = {"gtol": PRECISE} if method == "bfgs" else {"pgtol": PRECISE, "factr": 10.0} if method == "lbfgs" else {}
    try:
        found = model.fit(reml=True, method=[method], disp=False, **precise)
    except (np.linalg.LinAlgError, ValueError):
        return None
    return found if found.converged and np.isfinite(found.llf) else None


def _parts_spec(cluster: Codes, parts: Codes) -> Any:
    """The variance component of parts within clusters as statsmodels wants it."""
    from statsmodels.regression.mixed_linear_model import VCSpec

    names, matrices = [], []
    for c in np.unique(cluster):
        codes, at = np.unique(parts[cluster == c], return_inverse=True)
        names.append([str(k) for k in codes])
        matrices.append((at[:, None] == np.arange(len(codes))).astype(float))
    return VCSpec(["parts"], [names], [matrices])


def whitened(model: MixedModel, cluster: Codes, parts: Codes | None = None) -> Whiten:
    """The map that makes rows independent with variance 1, by the model's variances.

    First each part's mean is partly taken out, then the cluster's, along what the first step leaves of a constant.
    """
    inner = (
        np.arange(len(cluster))
        if parts is None
        else np.unique(np.stack([cluster, parts]), axis=1, return_inverse=True)[1].ravel()
    )
    sizes = np.bincount(inner)
    step = (1 - np.sqrt(model.residual / (model.residual + sizes * model.within)))[inner]
    constant = 1 - step
    norm = np.bincount(cluster, constant**2)
    second = ((1 - np.sqrt(model.residual / (model.residual + model.between * norm))) / norm)[cluster]
    root = np.sqrt(model.residual)

    def one(column: Floats) -> Floats:
        first = column - step * (np.bincount(inner, column) / sizes)[inner]
        return np.asarray((first - second * constant * np.bincount(cluster, constant * first)[cluster]) / root)

    return lambda columns: np.stack([one(c) for c in columns.T], axis=1)
