"""Would units that the measure did not reach show as large an effect? They are given its dates in turn.

The place of the study's estimate among these placebo estimates is a p-value that needs neither
many units nor a normal distribution. Treated units stay out of the placebo comparisons, so that a
real effect does not widen them. It is right where any of the untreated units might as well have
been treated, and says little where those were chosen for how they were developing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scale_impact.checks._placebo import Codes, Pool, pool
from scale_impact.checks._reasons import ask_instead, because
from scale_impact.core.check import Check, Verdict
from scale_impact.core.cohorts import cohort_moments
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect, Estimate
from scale_impact.core.keys import Count, Share
from scale_impact.core.panel import Panel
from scale_impact.core.words import counted, number
from scale_impact.errors import ScaleImpactError

NAME = "placebo_units"

REFITS = 500
"""At most so many assignments where each needs an estimation of its own."""

PROBES = 3
"""Assignments on which weights are held against the estimator itself."""

SCALED = 25
"""Assignments whose standard errors say how much more placebo estimates vary where their cohorts are smaller."""

Floats = NDArray[np.float64]
Refit = Callable[[Panel, Design], Effect]


def run(
    panel: Panel,
    design: Design,
    refit: Refit,
    *,
    judged: Refit,
    draws: Count = 999,
    alpha: Share = 0.05,
    seed: int = 20251122,
) -> Check:
    """Place of the estimate among estimates with the measure's dates given to untreated units.

    Parameters
    ----------
    panel, design, refit:
        The data, the design, and the estimator.
    judged:
        The estimator with the study's kind of interval; a session fills this in.
    draws:
        Random assignments; where fewer different ones exist, each of them once. An estimator
        whose weights depend on who is treated is estimated again for each, at most 500 times.
    alpha:
        Level at which the study's own test and the placebo distribution are held against each other.
    seed:
        Of the random assignments; default the study's.

    Returns
    -------
    Check whose statistic is the estimate and whose p-value is the share of assignments, the real
    one among them, with an estimate as large in absolute value. It fails where the study's own
    test finds an effect and the placebo distribution does not. ``details.estimates`` has the
    placebo estimates. Where untreated units are too few for cohorts of the study's size, placebo
    cohorts are smaller and their estimates are scaled by the ratio of the standard errors
    (``details.scale``).

    Source: Abadie, Diamond and Hainmueller (2010), placebo studies; p-value including the real
    assignment as Phipson and Smyth (2010).
    """
    found = pool(panel, design, math.ceil(1 / alpha))
    if isinstance(found, str):
        return Check.inapplicable(NAME, found)
    effect = judged(panel, design)
    if (other := ask_instead(NAME, effect, "in_space_placebo")) is not None:
        return other
    real = effect.overall
    if real.value is None:
        return Check(NAME, "inconclusive", f"The study has no estimate to place: {because(real.reason)}.")
    placebo, lost = _placebo_estimates(found, refit, draws, seed)
    if not len(placebo):
        return Check(NAME, "inconclusive", f"Placebo treatment of {found.words} gives no estimate: {because(lost[0])}.")
    scale = 1.0 if found.alike else _scale(found, refit, refit(panel, design).overall, seed)
    placebo = placebo * (scale or 1.0)
    p = float((1 + (np.abs(placebo) >= abs(real.value) * (1 - 1e-9)).sum()) / (1 + len(placebo)))
    verdict, end = _verdict(real, p, len(placebo), alpha, scale)
    reason = f"{_words(real, placebo, p, found, scale)} {end}"
    return Check(NAME, verdict, reason, real.value, p, _details(found, real, placebo, lost, alpha, scale))


# ---- estimates ---------------------------------------------------------------------------------


def _placebo_estimates(found: Pool, refit: Refit, draws: int, seed: int) -> tuple[Floats, list[str]]:
    """Placebo estimates, and why some assignments have none."""
    loadings = _fixed_loadings(found, refit, seed)
    if loadings is not None:
        return _gathered(found, loadings, found.codes(draws, seed)), []
    return _refitted(found, refit, found.codes(min(draws, REFITS), seed))


def _fixed_loadings(found: Pool, refit: Refit, seed: int) -> Floats | None:
    """Weight of a unit by cohort and period, [G, T], where it does not depend on who is treated."""
    if not found.panel.balanced or found.clustered:
        return None
    probes = [found.world(codes) for codes in found.codes(PROBES, seed + 1)]
    try:
        loadings = _loadings(found, refit(found.panel, probes[0]), probes[0])
        if loadings is None:
            return None
        again = [refit(found.panel, world).overall.value for world in probes]
    except ScaleImpactError:  # the refits say for each assignment why
        return None
    known = _gathered(found, loadings, iter([world.cohort_codes for world in probes]))
    size = float(np.abs(found.panel.matrix - found.panel.matrix[:, :1]).max())
    return (
        loadings if None not in again and np.allclose(known, np.array(again, dtype=float), 1e-7, 1e-9 * size) else None
    )


def _loadings(found: Pool, effect: Effect, world: Design) -> Floats | None:
    if effect.weights is None:
        return None
    names = [world.cohort_name(g) for g in range(len(world.starts))]
    weights = effect.weights.reindex(names).fillna(0.0).to_numpy()
    balanced = np.abs(weights.sum(axis=1)).max() < 1e-9  # then levels drop out
    return weights / cohort_moments(found.panel, world).units[:, None] if balanced else None


def _gathered(found: Pool, loadings: Floats, worlds: Iterator[Codes]) -> Floats:
    """Estimate of each assignment: what each unit adds as a member of the cohort that it is given to."""
    y = found.panel.matrix - found.panel.matrix[:, :1]
    adds = y @ loadings.T
    rows = np.arange(len(adds))
    return np.array([adds[rows, codes].sum() for codes in worlds])


def _scale(found: Pool, refit: Refit, real: Estimate, seed: int) -> float | None:
    """The study's standard error over the mean one of placebo assignments; None where there is none."""
    worlds = found.codes(SCALED, seed + 2)
    try:
        errors = [refit(found.panel, found.world(codes)).overall.std_error for codes in worlds]
    except ScaleImpactError:  # as where it has no standard error: the estimates stay as they are, and that is said
        return None
    known = [e for e in errors if e]
    return real.std_error / float(np.mean(known)) if real.std_error and len(known) == len(errors) else None


def _refitted(found: Pool, refit: Refit, worlds: Iterator[Codes]) -> tuple[Floats, list[str]]:
    values, lost = [], []
    for codes in worlds:
        try:
            estimate = refit(found.panel, found.world(codes)).overall
        except ScaleImpactError as error:
            estimate = Estimate(None, reason=str(error))
        if estimate.value is None:
            lost.append(str(estimate.reason))
        else:
            values.append(estimate.value)
    return np.array(values), lost


# ---- words -------------------------------------------------------------------------------------


def _verdict(real: Estimate, p: float, n: int, alpha: float, scale: float | None) -> tuple[Verdict, str]:
    own = real.p_value
    if 1 / (n + 1) > alpha:
        return "inconclusive", f"With so few assignments no estimate can be unusual at {alpha:.0%}."
    if p <= alpha:
        return "pass", "So large an effect is unusual where nothing happened."
    if own is None:
        return (
            "inconclusive",
            "Effects of this size appear where nothing happened, and the estimate has no test of its own.",
        )
    if own <= alpha and scale is None:
        return (
            "inconclusive",
            f"The study's own test says p = {own:.3f}; its cohorts are larger than the placebo ones, which decides nothing.",
        )
    if own <= alpha:
        return (
            "fail",
            f"The study's own test says p = {own:.3f}, but effects of this size are usual where nothing happened.",
        )
    return "pass", f"That agrees with the study's own test (p = {own:.3f}): the estimate is not told apart from zero."


def _words(real: Estimate, placebo: Floats, p: float, found: Pool, scale: float | None) -> str:
    assert real.value is not None
    larger = int((np.abs(placebo) >= abs(real.value) * (1 - 1e-9)).sum())
    low, high = np.quantile(placebo, [0.025, 0.975])
    every = "all " if len(placebo) == found.assignments else ""
    size = "" if found.full_size else ", in smaller cohorts than the study's"
    if scale is not None and not found.alike:
        size += f"; the estimates are multiplied by {scale:.3f}, the ratio of the standard errors, to compare like with like"
    return (
        f"{larger:,} of {every}{counted(len(placebo), 'placebo assignment')} give an estimate as large as the study's "
        f"{number(real.value)} (p = {p:.3f}); 95% of them lie between {number(float(low))} and {number(float(high))}. Treatment was "
        f"given to {found.words}{size}."
    )


def _details(
    found: Pool, real: Estimate, placebo: Floats, lost: list[str], alpha: float, scale: float | None
) -> dict[str, Any]:
    return {
        "estimate": real.value,
        "own_p_value": real.p_value,
        "alpha": alpha,
        "estimates": [float(v) for v in placebo],
        "assignments": found.assignments if found.assignments < 10**9 else None,
        "lost": len(lost),
        "scale": scale,
        "pool": found.words,
        "cohorts": found.cohorts(),
    }
