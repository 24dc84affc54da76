"""Leave a random part of the data out: does the estimate stay?

Where the standard error is right, estimates from random subsets lie around the study's and spread as sampling says. A spread that
is much wider shows an estimate that rests on few rows or clusters, which a subset has or has not.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from annotated_types import Gt

from scale_impact.checks._refuters import Refit, drawn, effect_of, stays
from scale_impact.core.causal.adjusted import Adjusted
from scale_impact.core.causal.refutation.refute import SEED, Draws, blocks
from scale_impact.core.causal.retrials import Retrials
from scale_impact.core.check import Check
from scale_impact.core.design import Design
from scale_impact.core.keys import Share
from scale_impact.core.panel import Panel

NAME = "data_subset"

EXPOSURE = True

FEW = 10
"""Blocks that a subset has to have, and to leave out at least one."""


def run(
    panel: Panel,
    design: Design,
    refit: Refit,
    *,
    share: Share = 0.8,
    draws: Draws = 200,
    tolerance: Annotated[float, Gt(0)] = 0.5,
    seed: int = SEED,
) -> Check:
    """The estimate in random subsets of the rows; of whole clusters, where rows share them.

    Parameters
    ----------
    panel, design, refit:
        The data, the design, and an estimator that can be asked again.
    share:
        Share of the rows (clusters) that a subset has, drawn without replacement.
    draws:
        How many subsets.
    tolerance:
        By how many of its standard errors the estimate may move on average.
    seed:
        Of the draws.

    Returns
    -------
    Check that fails where the estimates' mean lies farther from the study's than ``tolerance`` standard errors, and is inconclusive
    where single ones spread by half more than the sqrt((1 - share) / share) standard errors that subsets of independent rows
    (clusters) have.

    Source: DoWhy, data subset refuter (Sharma and Kiciman 2020); the spread: Politis, Romano and Wolf (1999), section 2.3.
    """
    effect = effect_of(NAME, panel, design, refit)
    if isinstance(effect, Check):
        return effect
    assert effect.adjusted is not None
    of = blocks(effect.adjusted.rows)
    kept = of.kept(share)
    if kept < FEW or kept == of.n:
        return Check.inapplicable(
            NAME, f"A share of {share:g} of {of.n} {of.words} is {kept}: too few, or all of them."
        )

    def cut(adjusted: Adjusted, rng: np.random.Generator, b: int) -> Retrials:
        return Retrials(counts=of.subset(share, rng, b))

    found = drawn(effect, cut, draws, seed)
    if isinstance(found, str):
        return Check.inapplicable(NAME, found)
    said = f"In random subsets of {kept:,} of {of.n:,} {of.words}"
    expected = float(np.sqrt((of.n - kept) / kept))
    return stays(NAME, effect, found, tolerance=tolerance, expected=expected, said=said, share=share, blocks=of.words)
