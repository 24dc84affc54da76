"""Weights that make the rows of a study look like another population, and how far that goes.

``odds``: the inverse odds of sampling, by a logit of being in the target rather than in the study. ``balance``: weights nearest to
equal ones (least entropy) with which means of the study are those of the target, where of the target nothing else is known.

Source: Stuart, Cole, Bradshaw and Leaf (2011); Westreich et al. (2017) (inverse odds); Hainmueller (2012) (entropy balancing);
Kish (1965) (effective number of rows).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.causal.balancing.logit import columns_of, fit_logit
from scale_impact.core.words import number, some

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

BALANCED = 1e-8
"""Means that are off by less, in standard deviations, are the target's."""

STEPS = 200


@dataclass(frozen=True, eq=False)
class Weights:
    """Weights of n rows of a study.

    Attributes
    ----------
    of_rows:
        [n]; they sum to 1.
    design:
        [n, p] and [N, p], columns that the weights depend on, of study and target; None for means.
    moves:
        [n + N, p], what rows of study and target add to the error of the coefficients of these columns; None for means.
    logits:
        [n + N], of being in the target; None for means.
    """

    of_rows: Floats
    design: Floats | None = None
    moves: Floats | None = None
    logits: Floats | None = None

    @property
    def effective(self) -> float:
        """How many rows that count the same would be as precise."""
        return float(1 / (self.of_rows @ self.of_rows))


def by_odds(study: Floats, target: Floats) -> Weights | str:
    """Inverse odds of sampling from contexts [n, K] and [N, K]; the reason where the two can be told apart."""
    x, _ = columns_of(np.vstack([study, target]))
    there = np.arange(len(x)) >= len(study)
    logit = fit_logit(x, there)
    if logit.apart.any():
        return (
            f"Study and target do not overlap: context tells {int(logit.apart.sum()):,} of {len(x):,} rows for certain. Leave out the columns "
            "in which they differ altogether, or ask for a target that is more like the study."
        )
    odds = np.exp(logit.logits[~there] - logit.logits[~there].max())
    return Weights(odds / odds.sum(), x[~there], logit.scores, logit.logits)


def by_balance(study: Floats, means: Floats, names: tuple[str, ...]) -> Weights | str:
    """Entropy balancing of contexts [n, K] to means [K]; the reason where no weights can reach them."""
    beyond = [
        f"{n} {number(m)} (study {number(low)} to {number(high)})"
        for n, m, low, high in zip(names, means, study.min(axis=0), study.max(axis=0), strict=True)
        if m < low or m > high
    ]
    if beyond:
        return f"No weights on the study's rows have the target's means: {some(beyond)} lies outside of what it had."
    spread = study.std(axis=0)
    moved = (study - means)[:, spread > 0] / spread[spread > 0]
    found = _least_entropy(moved)
    if np.abs(found @ moved).max(initial=0.0) > BALANCED:
        return f"No weights on the study's rows have the target's means in all of {some(names)} together: their combination is outside of what it had."
    return Weights(found)


def _least_entropy(moved: Floats) -> Floats:
    """Weights [n] of least entropy with which columns [n, K] have the mean 0, by Newton's method on the dual; as near as they come."""
    b = np.zeros(moved.shape[1])
    weights, value = _tilted(moved, b)
    for _ in range(STEPS):
        mean = weights @ moved
        spread = (moved * weights[:, None]).T @ moved - np.outer(mean, mean)
        step = -np.linalg.pinv(spread, hermitian=True) @ mean
        size = 1.0
        while size > 1e-10 and _tilted(moved, b + size * step)[1] > value + 1e-4 * size * float(mean @ step):
            size /= 2
        b = b + size * step
        weights, value = _tilted(moved, b)
        if np.abs(weights @ moved).max(initial=0.0) < BALANCED / 10 or np.abs(b).max(initial=0.0) > 1e4:
            break
    return weights


def _tilted(moved: Floats, b: Floats) -> tuple[Floats, float]:
    """Weights exp(x'b) over their sum, and the log of that sum."""
    logs = moved @ b
    top = float(logs.max())
    raised = np.exp(logs - top)
    return np.asarray(raised / raised.sum()), top + float(np.log(raised.sum()))
