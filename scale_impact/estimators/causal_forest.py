"""Causal forest: conditional effects of any form, by honest trees, with intervals.

What covariates tell of outcome and exposure is taken away first (cross-fitted); then trees look for contexts in which what is left of
the outcome moves differently with what is left of the exposure. Half of each tree's rows place its cuts, the other half say the
effects (honesty), and little bags of trees tell how sure they are (Athey, Tibshirani and Wager 2019; EconML's CausalForestDML).
The average on top is of doubly robust scores, whose models leave out the row's fold.

It finds effects that no line describes; it is wrong where covariates leave something out, and it needs many units: with fewer than
200 it refuses, and its intervals are for smooth effects, too narrow at jumps and at the edge of the contexts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge, Gt, Lt

from scale_impact.core.causal.cross_section import Change, Floats, Ints
from scale_impact.core.causal.learning.folds import splits
from scale_impact.core.causal.learning.learners import Named
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect
from scale_impact.core.keys import Column, Count, Share
from scale_impact.core.panel import Panel
from scale_impact.core.words import plain
from scale_impact.errors import DesignError
from scale_impact.estimators._econml import Setting
from scale_impact.estimators._heterogeneous import Estimand, Method, Options, fit_with, whole

EXPOSURE = True
WORDS = "of the forest, by little bags of trees where each row is a cluster of its own, none elsewhere"
BAG = 4
"""Trees that share a half of the rows."""


def fit(
    panel: Panel,
    design: Design,
    *,
    covariates: Sequence[Column] = (),
    contexts: Sequence[Column] | None = None,
    learner: Named = "ridge_cv",
    trees: Annotated[int, Ge(8)] = 400,
    least_leaf: Count = 5,
    folds: Annotated[int, Ge(2)] = 5,
    repeats: Count = 1,
    estimand: Estimand | None = None,
    change: Change = "mean",
    clip: Annotated[float, Gt(0), Lt(0.5)] = 0.01,
    force: bool = False,
    level: Share = 0.95,
    seed: int = 20251122,
) -> Effect:
    """The average effect by doubly robust scores, and effects by context of a forest.

    Parameters
    ----------
    trees:
        Of each forest, a multiple of 4. One forest is grown for each fold, and one of all rows.
    least_leaf:
        Rows that each leaf needs.
    panel, design, covariates, contexts, learner, folds, repeats, estimand, change, clip, force, level, seed:
        As in ``double_ml``.

    Returns
    -------
    Effect in the outcome's unit (per unit of exposure), as ``double_ml`` gives it.

    Raises
    ------
    DesignError, EstimationError
        As ``double_ml``; fewer than 200 units without ``force``; a number of trees that is no multiple of 4.

    Source: Athey, Tibshirani and Wager (2019), sections 2 and 4; Wager and Athey (2018).
    """
    if problems := [
        f"causal_forest: `{name}: {plain(value)}`: use a whole number from {least}."
        for name, value, least in (("trees", trees, 2 * BAG), ("least_leaf", least_leaf, 1))
        if not whole(value, least)
    ]:
        raise DesignError(problems)
    if trees % BAG:
        raise DesignError(
            f"causal_forest: `trees: {trees}` is no multiple of {BAG}, in which trees share rows. Use {trees + -trees % BAG}."
        )
    method = Method(
        "causal_forest", partial(_forest, trees=trees, least_leaf=least_leaf), average="scores", own_arms=False, doses=True, forest=True,
        interval=WORDS,
    )  # fmt: skip
    return fit_with(
        panel, design, method,
        Options(covariates, contexts, learner, folds, repeats, estimand, change, clip, force, level, seed),
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Forest:
    """Conditional effects by a forest; its standard errors hold where rows are independent."""

    model: Any
    independent: bool

    def at(self, contexts: Floats) -> tuple[Floats, Floats | None]:
        """Effects at contexts [m, K], and standard errors."""
        if not self.independent:
            return np.ravel(self.model.effect(contexts)), None
        found = self.model.effect_inference(contexts)
        return np.ravel(found.point_estimate), np.ravel(found.stderr)


def _forest(setting: Setting, folds: Ints, *, trees: int, least_leaf: int) -> _Forest:
    from econml.dml import CausalForestDML

    s = setting
    model = CausalForestDML(
        model_y=s.outcome_learner(), model_t=s.treatment_learner(), discrete_treatment=s.binary, cv=splits(folds), n_estimators=trees,
        subforest_size=BAG, min_samples_leaf=least_leaf, n_jobs=1, random_state=s.by.seed,
    )  # fmt: skip
    exposure = s.exposure.astype(np.int64) if s.binary else s.exposure
    model.fit(s.outcome, exposure, X=s.contexts, W=s.others)
    return _Forest(model, len(np.unique(s.clusters)) == len(s.clusters))
