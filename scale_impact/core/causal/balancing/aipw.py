"""Doubly robust: regressions of the outcome in each arm, and weights for what they miss; right where either model is.

    ATE: mean of  m1 - m0 + D (y - m1) / p - (1 - D) (y - m0) / (1 - p)
    ATT: mean of  y - m0  over the exposed, less the same of the others weighted by p / (1 - p)

Weights of the ATT sum to one, as in Sant'Anna and Zhao's estimator for changes; those of the ATE are plain, as the method
is usually given, or normalised on demand. What rows add to the error has the parts of both models.

Source: Robins, Rotnitzky and Zhao (1994), section 4; Lunceford and Davidian (2004), equation 9; Sant'Anna and Zhao (2020),
equation 3.1 and section 3.2 (logit by maximum likelihood, least squares).
"""

from __future__ import annotations

import numpy as np

from scale_impact.core.causal.balancing.logit import Bools, Floats, Logit
from scale_impact.core.causal.balancing.weights import Ints, Target, Weighted
from scale_impact.core.propensity import TRIMMED


def doubly_robust_difference(
    logit: Logit,
    y: Floats,
    exposed: Bools,
    target: Target,
    *,
    normalised: bool,
    trimmed: bool = False,
    blocks: Ints | None = None,
) -> Weighted:
    """The effect.

    ``trimmed``: others with a propensity from 0.995 on do not count, as in R's ``DRDID``; ``blocks`` [n]: rows within which the ATT's
    weights sum to one (cohorts with their controls), each block counting by its exposed rows.
    """
    if target == "ATT":
        codes = np.zeros(len(y), dtype=np.int64) if blocks is None else np.unique(blocks, return_inverse=True)[1]
        return _of_exposed(logit, y, exposed, codes, normalised=normalised, trimmed=trimmed)
    one, none = (_arm(logit, y, exposed, arm, normalised=normalised) for arm in (True, False))
    value = one.value - none.value
    return Weighted(value, one.influence - none.influence, one.weights + none.weights)


def _regression(x: Floats, y: Floats, rows: Bools) -> tuple[Floats, Floats]:
    """Least-squares coefficients [k] of some rows, and what each row adds to their error, [n, k]."""
    inside = x[rows]
    bread = np.linalg.pinv(inside.T @ inside, hermitian=True)
    slopes = bread @ (inside.T @ y[rows])
    return slopes, (x * np.where(rows, y - x @ slopes, 0.0)[:, None]) @ bread


def _arm(logit: Logit, y: Floats, exposed: Bools, arm: bool, *, normalised: bool) -> Weighted:
    """Mean outcome if everybody were in an arm."""
    x, n = logit.x, len(y)
    rows = exposed == arm
    p = logit.probabilities if arm else 1 - logit.probabilities
    slopes, moves = _regression(x, y, rows)
    m = x @ slopes
    weight = np.where(rows, 1 / p, 0.0)
    total = weight.sum() if normalised else float(n)
    residual = np.where(rows, y - m, 0.0)
    left = float(weight @ residual) / total
    centred = residual - (left if normalised else 0.0) * rows
    value = float(m.mean()) + left
    influence = (m - m.mean()) / n + weight * centred / total
    if not normalised:
        influence = influence - left / n
    by_slopes = x.mean(axis=0) - (x.T @ weight) / total
    by_logit = -x.T @ (weight * (1 - p) * centred) / total * (1.0 if arm else -1.0)
    influence = influence + moves @ by_slopes + logit.scores @ by_logit
    return Weighted(value, influence, weight / weight.sum())


def _of_exposed(logit: Logit, y: Floats, exposed: Bools, blocks: Ints, *, normalised: bool, trimmed: bool) -> Weighted:
    x, p = logit.x, logit.probabilities
    slopes, moves = _regression(x, y, ~exposed)
    residual = y - x @ slopes
    n = float(exposed.sum())
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        odds = np.where(exposed | (trimmed & (p >= TRIMMED)), 0.0, p / (1 - p))
        held = np.bincount(blocks, exposed)
        sums = np.bincount(blocks, odds)
        shares = odds * (held / sums)[blocks] / n  # of the others: they sum to 1 over all blocks
    count = shares if normalised else odds / n
    own, others = np.bincount(blocks, exposed * residual) / held, np.bincount(blocks, count * residual) * n / held
    value = float(held @ (own - others)) / n
    centred = residual - (others[blocks] if normalised else 0.0)
    influence = exposed * (residual - own[blocks]) / n - count * centred
    influence = influence + exposed * ((own - others)[blocks] - value) / n
    if not normalised:
        influence = influence + exposed * others[blocks] / n
    by_slopes = x.T @ count - x[exposed].mean(axis=0)
    by_logit = -x.T @ (count * centred)
    influence = influence + moves @ by_slopes + logit.scores @ by_logit
    return Weighted(value, influence, np.where(exposed, 1 / n, shares))
