"""Draw the data anew, with errors in the covariates: does the estimate stay?

Covariates are never measured exactly. A confounder that is measured with error is only partly held constant, and the estimate
moves back towards the one without it. How far a little error moves it says how much hangs on exact covariates.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt

from scale_impact.checks._refuters import Refit, drawn, effect_of, stays
from scale_impact.core.causal.adjusted import Adjusted
from scale_impact.core.causal.refutation.noise import Noise, bootstrapped
from scale_impact.core.causal.refutation.refute import SEED, Draws, blocks
from scale_impact.core.causal.retrials import Retrials
from scale_impact.core.check import Check
from scale_impact.core.design import Design
from scale_impact.core.keys import Column
from scale_impact.core.panel import Panel
from scale_impact.core.words import some
from scale_impact.errors import DesignError

NAME = "bootstrap_refutation"

EXPOSURE = True

FEW = 10
"""Rows (clusters) that a bootstrap needs."""


def run(
    panel: Panel,
    design: Design,
    refit: Refit,
    *,
    noise: Annotated[float, Ge(0)] = 0.1,
    noisy: Sequence[Column] = (),
    draws: Draws = 200,
    tolerance: Annotated[float, Gt(0)] = 0.5,
    seed: int = SEED,
) -> Check:
    """The estimate in bootstrap samples whose covariates have errors.

    Parameters
    ----------
    panel, design, refit:
        The data, the design, and an estimator that can be asked again.
    noise:
        Standard deviation of the error as a share of the covariate's own; for 0/1 covariates and texts the probability of another
        value. 0: no errors.
    noisy:
        Covariates with errors; none named: all.
    draws:
        How many samples; of whole clusters, where rows share them.
    tolerance:
        By how many of its standard errors the estimate may move on average.
    seed:
        Of the draws.

    Returns
    -------
    Check that fails where the estimates' mean lies farther from the study's than ``tolerance`` standard errors, and is inconclusive
    where they spread by half more than one standard error.

    Source: DoWhy, bootstrap refuter (Sharma and Kiciman 2020).
    """
    effect = effect_of(NAME, panel, design, refit)
    if isinstance(effect, Check):
        return effect
    assert effect.adjusted is not None
    of = blocks(effect.adjusted.rows)
    if of.n < FEW:
        return Check.inapplicable(NAME, f"Samples of so few {of.words} ({of.n}) say nothing.")
    errors = _errors(effect.adjusted, noise, (noisy,) if isinstance(noisy, str) else tuple(noisy))

    def sample(adjusted: Adjusted, rng: np.random.Generator, b: int) -> Retrials:
        return bootstrapped(adjusted.rows, of, errors, rng, b)

    found = drawn(effect, sample, draws, seed)
    if isinstance(found, str):
        return Check.inapplicable(NAME, found)
    columns = [] if errors is None else list(errors.columns)
    said = f"In bootstrap samples of {of.words}{_with(errors, effect.adjusted, noise)}"
    more = {"noise": noise if columns else 0.0, "noisy": columns, "blocks": of.words}
    return stays(NAME, effect, found, tolerance=tolerance, expected=1.0, said=said, **more)


def _errors(adjusted: Adjusted, noise: float, noisy: tuple[str, ...]) -> Noise | None:
    """Which covariates have errors; None where none has."""
    rows = adjusted.rows
    unknown = [c for c in noisy if c not in rows.columns]
    problems = [
        f"{NAME}: {c!r} is no covariate of the estimate. Covariates: {some(rows.columns, 20) or 'none'}."
        for c in unknown
    ]
    swapped = [
        c
        for c in ([n for n in noisy if n in rows.columns] or rows.columns)
        if c not in rows.names or np.isin(rows.covariates[:, rows.names.index(c)], (0, 1)).all()
    ]
    if noise > 1 and swapped:
        problems.append(
            f"{NAME}: noise is {noise:g}, and for {some(swapped)} it is a probability. Take one of at most 1, or name others in `noisy`."
        )
    if noisy and not adjusted.takes_covariates:
        problems.append(
            f"{NAME}: the study's estimator takes no covariates with errors. Leave `noisy` out, or use backdoor_regression."
        )
    if problems:
        raise DesignError(problems)
    return Noise(noise, noisy or rows.columns) if noise and rows.columns and adjusted.takes_covariates else None


def _with(errors: Noise | None, adjusted: Adjusted, noise: float) -> str:
    if errors is not None:
        return f" whose covariates ({some(errors.columns, 6)}) have errors of {errors.share:.0%} of their spread"
    unable = noise and adjusted.rows.columns
    return " (without errors in covariates, which the estimator does not take)" if unable else ""
