"""Doubly robust learner: scores that are right where either model is, averaged, and regressed on contexts.

Each row's score is what learned outcomes of both arms say, mended by its own residual, weighted by the inverse of its learned
probability of exposure (AIPW). Their mean is the average effect, their regression on contexts the conditional effect (Kennedy 2023),
by EconML's LinearDRLearner or, with another last stage, its DRLearner. Before and after: the same with changes, and for the
average on the treated only changes without treatment are modelled (Sant'Anna and Zhao 2020).

It is right where covariates hold all that moves both exposure and outcome (or the trends) and either the outcomes or the
probabilities are learned well. It is wrong where somebody's exposure is nearly certain: then few rows decide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge, Gt, Lt

from scale_impact.core.causal.cross_section import Change, Floats, Ints
from scale_impact.core.causal.learning.folds import splits
from scale_impact.core.causal.learning.learners import Learner, Named, learners
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect
from scale_impact.core.keys import Column, Count, Share
from scale_impact.core.panel import Panel
from scale_impact.estimators._econml import Learns, Setting
from scale_impact.estimators._heterogeneous import Estimand, Method, Options, fit_with
from scale_impact.estimators._linear_effects import WORDS, doubly_robust_line

EXPOSURE = True
METHOD = Method(
    "dr_learner", doubly_robust_line, average="scores", own_arms=True, doses=False, forest=False, interval=WORDS
)


def fit(
    panel: Panel,
    design: Design,
    *,
    covariates: Sequence[Column] = (),
    contexts: Sequence[Column] | None = None,
    learner: Named = "ridge_cv",
    final: Learner = "linear",
    folds: Annotated[int, Ge(2)] = 5,
    repeats: Count = 1,
    estimand: Estimand | None = None,
    change: Change = "mean",
    clip: Annotated[float, Gt(0), Lt(0.5)] = 0.01,
    force: bool = False,
    level: Share = 0.95,
    seed: int = 20251122,
) -> Effect:
    """The average effect by doubly robust scores, and effects by context.

    Parameters
    ----------
    final:
        How scores are regressed on contexts: ``linear`` (with intervals), or another learner (without).
    panel, design, covariates, contexts, learner, folds, repeats, estimand, change, clip, force, level, seed:
        As in ``double_ml``; exposure is 0 or 1.

    Returns
    -------
    Effect in the outcome's unit, as ``double_ml`` gives it.

    Raises
    ------
    DesignError, EstimationError
        As ``double_ml``; exposure is a dose.

    Source: Robins, Rotnitzky and Zhao (1994); Kennedy (2023), algorithm 1; Sant'Anna and Zhao (2020), equation 3.1.
    """
    learners(final, seed, "dr_learner")
    method = METHOD if final == "linear" else replace(
        METHOD, learn=partial(_learned, final=final), interval=f"{final} as last stage gives none"
    )  # fmt: skip
    return fit_with(
        panel, design, method,
        Options(covariates, contexts, learner, folds, repeats, estimand, change, clip, force, level, seed),
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Learned:
    """Conditional effects by a learner, without standard errors."""

    model: Any

    def at(self, contexts: Floats) -> tuple[Floats, None]:
        """Effects at contexts [m, K]."""
        return np.ravel(self.model.effect(contexts)), None


def _learned(setting: Setting, folds: Ints, *, final: str) -> _Learned:
    from econml.dr import DRLearner

    s = setting
    model = DRLearner(
        model_regression=s.arms_learner(), model_propensity=s.clipped_learner(), min_propensity=0,
        model_final=Learns(final, s.by.seed), cv=splits(folds), random_state=s.by.seed,
    )  # fmt: skip
    model.fit(s.outcome, s.exposure.astype(np.int64), X=s.contexts, W=s.others, inference=None)
    return _Learned(model)
