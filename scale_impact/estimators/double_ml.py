"""Double machine learning: what covariates tell of outcome and exposure is learned and taken away; what is left is compared.

Exposures: the partially linear model. What is left of the outcome is regressed on what is left of the exposure, a dose or 0/1
(Robinson 1988, Chernozhukov et al. 2018). Before and after: difference in differences whose change without treatment, and whose
probability of treatment, are learned from covariates (Chang 2020; Sant'Anna and Zhao 2020). Each row is told by models that never
saw its cluster. Conditional effects are a line in the contexts, by EconML's LinearDML.

It is right where covariates hold all that moves both exposure and outcome (or the trends), and learners come close to the truth;
it is wrong where something is left out, where exposure is nearly certain, or with so few units that nothing can be learned. For
small panels of cities the learners are penalised lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from annotated_types import Ge, Gt, Lt

from scale_impact.core.causal.cross_section import Change
from scale_impact.core.causal.learning.learners import Named
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect
from scale_impact.core.keys import Column, Count, Share
from scale_impact.core.panel import Panel
from scale_impact.estimators._heterogeneous import Estimand, Method, Options, fit_with
from scale_impact.estimators._linear_effects import WORDS, partially_linear_line

EXPOSURE = True
METHOD = Method(
    "double_ml", partially_linear_line, average="partially_linear", own_arms=True, doses=True, forest=False, interval=WORDS
)  # fmt: skip


def fit(
    panel: Panel,
    design: Design,
    *,
    covariates: Sequence[Column] = (),
    contexts: Sequence[Column] | None = None,
    learner: Named = "ridge_cv",
    folds: Annotated[int, Ge(2)] = 5,
    repeats: Count = 1,
    estimand: Estimand | None = None,
    change: Change = "mean",
    clip: Annotated[float, Gt(0), Lt(0.5)] = 0.01,
    force: bool = False,
    level: Share = 0.95,
    seed: int = 20251122,
) -> Effect:
    """The average effect with learned nuisances, and effects by context.

    Parameters
    ----------
    panel, design:
        Exposures (0/1 or doses), or units followed before and after.
    covariates:
        Columns to adjust for; none: those that the study's graph asks for.
    contexts:
        Columns by which effects may differ; default the covariates. They are adjusted for, too.
    learner:
        ``ridge_cv``, ``lasso``, ``linear``, ``boosting``, ``forest`` or ``constant``; a list, of which the best out of fold is taken;
        ``{outcome: ..., treatment: ...}`` for each its own.
    folds:
        Parts of the clusters that are left out one at a time.
    repeats:
        How many random splits; numbers are medians over them.
    estimand, change:
        ``ATE`` (default of exposures) or ``ATT`` (of changes); changes of the ``mean`` of treated periods or of the ``first``.
    clip:
        How far from 0 and 1 probabilities are kept where half are exposed; nearer in proportion where exposure is rarer.
    force:
        Whether forests and boosting may learn from fewer than 200 units.
    level, seed:
        Of the intervals of ``heterogeneity.predict``; of the splits and of learners that draw.

    Returns
    -------
    Effect in the outcome's unit (per unit of exposure); ``curves["subgroups"]`` by thirds or categories of each context,
    ``curves["units"]`` (at most 500), ``heterogeneity`` and ``adjusted``.

    Raises
    ------
    DesignError
        Nothing to adjust for; a context that is constant or no number; folds that would lack an arm; fewer than 10 clusters in an arm;
        a flexible learner with fewer than 200 units; ATE of a before-and-after comparison.
    EstimationError
        Covariates tell almost surely who is exposed, for most rows.

    Source: Chernozhukov et al. (2018), equation 4.4 and definition 3.3; Chang (2020); Sant'Anna and Zhao (2020), equation 3.1.
    """
    asked = Options(covariates, contexts, learner, folds, repeats, estimand, change, clip, force, level, seed)
    return fit_with(panel, design, METHOD, asked)
