"""Conditional effects that are a line in the contexts, by EconML, with a covariance by clusters of our own.

EconML's covariance of the last stage takes rows as independent.
"""

from __future__ import annotations

import numpy as np

from scale_impact.core.causal.cross_section import Floats, Ints
from scale_impact.core.causal.learning.folds import splits
from scale_impact.core.causal.learning.nuisance import cross_fit
from scale_impact.core.causal.learning.orthogonal import Line, doubly_robust, line
from scale_impact.estimators._econml import Setting

WORDS = "of the line through contexts, robust within clusters"
"""How its intervals are made."""


def partially_linear_line(setting: Setting, folds: Ints) -> Line:
    """A line by LinearDML: residuals of the outcome on residuals of exposure, times contexts."""
    from econml.dml import LinearDML

    s = setting
    model = LinearDML(
        model_y=s.outcome_learner(), model_t=s.treatment_learner(), discrete_treatment=s.binary, cv=splits(folds),
        random_state=s.by.seed,
    )  # fmt: skip
    exposure = s.exposure.astype(np.int64) if s.binary else s.exposure
    model.fit(s.outcome, exposure, X=s.contexts, W=s.others, inference=None, cache_values=True)
    outcome_rest, exposure_rest, contexts, _ = model.residuals_
    coefficients = np.r_[np.ravel(model.intercept_), np.ravel(model.coef_)]
    return line(np.ravel(outcome_rest), np.ravel(exposure_rest), contexts, coefficients, s.clusters)


def doubly_robust_line(setting: Setting, folds: Ints) -> Line:
    """A line by LinearDRLearner: doubly robust scores on contexts."""
    from econml.dr import LinearDRLearner

    s = setting
    model = LinearDRLearner(
        model_regression=s.arms_learner(), model_propensity=s.clipped_learner(), min_propensity=0,
        cv=splits(folds), random_state=s.by.seed,
    )  # fmt: skip
    model.fit(s.outcome, s.exposure.astype(np.int64), X=s.contexts, W=s.others, inference=None)
    coefficients = np.r_[np.ravel(model.intercept_(T=1)), np.ravel(model.coef_(T=1))]
    scores = scores_of(s, folds)
    return line(scores, np.ones(len(scores)), s.contexts, coefficients, s.clusters)


def scores_of(setting: Setting, folds: Ints) -> Floats:
    """Doubly robust scores [n], the same that EconML makes inside."""
    s = setting
    found = cross_fit(s.outcome, s.exposure, s.controls, folds, s.by, binary=True, arms=True).clipped(s.clip)
    assert found.control_mean is not None
    assert found.treated_mean is not None
    return doubly_robust(s.outcome, s.exposure, found.propensity, found.control_mean, found.treated_mean)
