"""One logit of being exposed, by maximum likelihood, with what its errors add to an estimate that uses it.

Newton's steps go on until no row's logit moves any more. Where covariates tell the exposed from the others, there is
no maximum: the logits of the rows that are told apart go on moving by about 1 a step, and that is how they are found.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.propensity import probabilities

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

STEPS = 28
"""Most steps: a maximum is found in far fewer, and logits that move by 1 a step are still known to some digits by then."""

HALVINGS = 12
"""A step is halved at most so often."""

STILL = 1e-9
"""Logits that move by less have settled."""

MOVING = 0.1
"""Logits that still move by more in the last step belong to rows that are told apart."""

DEPENDENT = 1e-9
"""A column of which less than this share is left, given those before it, is a combination of them."""


@dataclass(frozen=True, eq=False)
class Logit:
    """A fitted logit of n rows on k columns.

    Attributes
    ----------
    x:
        [n, k], a constant first, columns near 1.
    coefficients:
        [k].
    logits, probabilities:
        [n].
    inverse:
        [k, k], of the information: the coefficients' covariance.
    scores:
        [n, k], what rows add to the coefficients' error.
    apart:
        [n], rows that are told apart; none where the maximum exists.
    """

    x: Floats
    coefficients: Floats
    logits: Floats
    probabilities: Floats
    inverse: Floats
    scores: Floats
    apart: Bools


def columns_of(controls: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """A constant and the controls [n, K], standardised; those that are combinations of others are left out (positions given)."""
    spread = controls.std(axis=0)
    z = (controls - controls.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    x = np.column_stack([np.ones(len(z)), z])
    kept = independent(x)
    return x[:, kept], kept[1:] - 1


def independent(x: Floats) -> NDArray[np.int64]:
    """Positions of columns that are no combination of those before them."""
    if len(x) < x.shape[1]:
        x = np.vstack([x, np.zeros((x.shape[1] - len(x), x.shape[1]))])
    left = np.abs(np.diag(np.linalg.qr(x, mode="r")))
    size = np.sqrt((x**2).sum(axis=0))
    return np.flatnonzero(left > DEPENDENT * np.maximum(size, 1e-300))


def fit_logit(x: Floats, exposed: Bools, start: Floats | None = None) -> Logit:
    """The logit of exposure on columns ``x`` [n, k], a constant first (see ``columns_of``).

    Source: maximum likelihood by Newton's method; Albert and Anderson (1984) on when there is none.
    """
    b = _begin(x, exposed) if start is None else start.copy()
    step, moved = np.zeros(x.shape[1]), np.full(len(x), np.inf)
    for _ in range(STEPS):
        p = probabilities(x @ b)
        information = (x * (p * (1 - p))[:, None]).T @ x
        step = _shortened(x, exposed, b, _solved(information, x.T @ (exposed - p)))
        b = b + step
        moved = np.abs(x @ step)
        if moved.max(initial=0.0) < STILL:
            break
    return _finished(x, exposed, b, moved > MOVING)


def _begin(x: Floats, exposed: Bools) -> Floats:
    share = np.clip(exposed.mean(), 1e-6, 1 - 1e-6)
    b = np.zeros(x.shape[1])
    b[0] = np.log(share / (1 - share))
    return b


def _finished(x: Floats, exposed: Bools, b: Floats, apart: Bools) -> Logit:
    logits = x @ b
    p = probabilities(logits)
    inverse = np.linalg.pinv((x * (p * (1 - p))[:, None]).T @ x, hermitian=True)
    scores = (x * (exposed - p)[:, None]) @ inverse
    return Logit(x, b, logits, p, np.asarray(inverse, dtype=float), scores, apart)


def _shortened(x: Floats, exposed: Bools, b: Floats, step: Floats) -> Floats:
    """A step, halved until the likelihood does not fall: whole steps overshoot where the exposed are almost told apart."""
    here = _minus_log(x, exposed, b)
    for _ in range(HALVINGS):
        if _minus_log(x, exposed, b + step) <= here * (1 + 1e-12):
            break
        step = step / 2
    return step


def _minus_log(x: Floats, exposed: Bools, b: Floats) -> float:
    logits = x @ b
    return float(np.logaddexp(0.0, np.where(exposed, -logits, logits)).sum())


def _solved(information: Floats, gradient: Floats) -> Floats:
    try:
        return np.asarray(np.linalg.solve(information, gradient))
    except np.linalg.LinAlgError:
        return np.asarray(np.linalg.pinv(information, hermitian=True) @ gradient)
