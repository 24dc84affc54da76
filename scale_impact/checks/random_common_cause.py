"""Add a random covariate: does the estimate stay?

A covariate that has to do with nothing must change next to nothing. Where it does, the estimate hangs on which covariates
happen to be there: too many of them for the rows, or an estimator that is not stable.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from annotated_types import Gt

from scale_impact.checks._refuters import Refit, drawn, effect_of, stays
from scale_impact.core.causal.adjusted import Adjusted
from scale_impact.core.causal.refutation.refute import SEED, Draws, exchange
from scale_impact.core.causal.retrials import Retrials
from scale_impact.core.check import Check
from scale_impact.core.design import Design
from scale_impact.core.panel import Panel

NAME = "random_common_cause"

EXPOSURE = True


def run(
    panel: Panel,
    design: Design,
    refit: Refit,
    *,
    draws: Draws = 200,
    tolerance: Annotated[float, Gt(0)] = 0.5,
    seed: int = SEED,
) -> Check:
    """The estimate with one more covariate, drawn from the standard normal distribution.

    Parameters
    ----------
    panel, design, refit:
        The data, the design, and an estimator that can be asked again.
    draws:
        How many such covariates, one at a time. Where whole clusters are exposed as one, a covariate has one value a cluster.
    tolerance:
        By how many of its standard errors the estimate may move on average, and single estimates spread.
    seed:
        Of the draws.

    Returns
    -------
    Check that fails where the estimates' mean lies farther from the study's than ``tolerance`` standard errors, and is inconclusive
    where single ones spread by more. ``p_value`` is where the study's estimate lies among them (two-sided percentile).

    Source: DoWhy, random common cause refuter (Sharma and Kiciman 2020).
    """
    effect = effect_of(NAME, panel, design, refit)
    if isinstance(effect, Check):
        return effect
    assert effect.adjusted is not None
    how = exchange(effect.adjusted.rows)

    def added(adjusted: Adjusted, rng: np.random.Generator, b: int) -> Retrials:
        return Retrials(extra=how.drawn(rng.standard_normal, b, len(adjusted.rows)))

    found = drawn(effect, added, draws, seed)
    if isinstance(found, str):
        return Check.inapplicable(NAME, found)
    return stays(
        NAME, effect, found, tolerance=tolerance, expected=None, said="With one more covariate drawn at random"
    )
