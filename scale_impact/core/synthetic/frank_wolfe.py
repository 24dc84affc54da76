"""Weights that sum to one by Frank-Wolfe steps, stopped where R's synthdid stops.

The published numbers of synthetic difference-in-differences are not those of the optimum: synthdid takes at most 100 steps,
sets weights below a quarter of the largest to zero, starts again from there, and stops after 10,000 steps or where a step
gains hardly anything. Whoever wants these numbers needs these steps; the optimum is ``core.simplex``'s.

Source: Arkhangelsky et al. (2021), algorithm 1, as in their R package synthdid 0.0.9; Jaggi (2013) for exact line search.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FIRST_STEPS = 100
"""Steps before small weights are set to zero."""

MOST_STEPS = 10_000
"""Steps after that."""

SPARSE = 0.25
"""Weights up to this share of the largest are set to zero in between."""


def frank_wolfe(p: Floats, ridge: float, least: float) -> Floats:
    """Weights [J] that sum to one, for which ||P w||^2 + ridge ||w||^2 is small, as synthdid finds them.

    Parameters
    ----------
    p:
        Columns less the target, [M, J]; less the mean of each where a constant is fitted beside them.
    ridge:
        Penalty on the sum of squared weights.
    least:
        Decrease of the objective by a step at which it stops.
    """
    products = p.T @ p
    products[np.diag_indices_from(products)] += ridge
    weights = _steps(products, np.full(p.shape[1], 1 / p.shape[1]), least, FIRST_STEPS)
    weights[weights <= SPARSE * weights.max()] = 0.0
    return _steps(products, weights / weights.sum(), least, MOST_STEPS)


def _steps(products: Floats, weights: Floats, least: float, most: int) -> Floats:
    """Steps towards the best single column, each as long as is best; two at least.

    With g = Qw, f = w'Qw and d = e_i - w the objective along the way is f - 2 s (f - g_i) + s^2 (Q_ii - 2 g_i + f).
    """
    weights, gradient = weights.copy(), weights @ products
    value, own = float(weights @ gradient), products.diagonal().tolist()
    for step in range(1, most + 1):
        best = int(gradient.argmin())
        slope = value - gradient.item(best)
        bend = own[best] - gradient.item(best) - (gradient.item(best) - value)
        length = min(slope / bend, 1.0) if bend > 0 and slope > 0 else 0.0
        weights *= 1 - length
        weights[best] += length
        gradient += length * (products[best] - gradient)
        gain = length * (2 * slope - length * bend)
        value -= gain
        if step > 1 and gain <= least:
            break
    return weights
