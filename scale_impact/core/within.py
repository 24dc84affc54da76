"""Two-way fixed-effects regression from cohort moments.

With unit and period effects and regressors that are functions of cohort and period alone, least
squares needs only the cohorts' mean paths, and its covariances only their scatter matrices.
Nothing of the size of the data is formed.

Effects of units are taken out by a matrix over time (``over_time``): their means and, where asked
for, their linear trends. Effects of periods are means over units. In a balanced panel the two
commute, so that one after the other is exact. ``two_way`` needs cohort moments alone; with
covariates ``core/rows`` goes through the units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.cohorts import Cohorts, Floats, Scores
from scale_impact.core.fixed_effects import independent_rows

Trends = Literal["unit"]
"""Linear trends beside unit and period effects: one for each unit."""

EXPLAINED = 1e-9
"""A regressor with less than this share of its size left is explained by the effects."""


@dataclass(frozen=True)
class Regression:
    """Coefficients of P regressors and what their covariances are made from.

    Attributes
    ----------
    coefficients:
        Length P.
    scores:
        Their scores, without small-sample correction.
    weights:
        [P, G, T] on the cohorts' mean paths.
    regressors:
        [P, G, T], without what unit and period effects explain.
    bread:
        [P, P], inverse of the regressors' sums of products.
    residual:
        [G, T], what the cohorts' mean paths leave over.
    within:
        [T, T], the matrix that took unit effects out.
    """

    coefficients: Floats
    scores: Scores
    weights: Floats
    regressors: Floats
    bread: Floats
    residual: Floats
    within: Floats


def over_time(clock: Floats, trends: Trends | None = None) -> Floats:
    """Projection [T, T] that takes a unit's mean out of its path; with ``trends`` its line too."""
    t = len(clock)
    if trends is None:
        return np.eye(t) - 1 / t
    basis = np.linalg.qr(np.stack([np.ones(t), clock - clock.mean()], axis=1))[0]
    return np.asarray(np.eye(t) - basis @ basis.T)


def unexplained(x: Floats, n: Floats, within: Floats) -> Floats:
    """What unit and period effects leave of ``x`` [P, G, T]; ``n`` are the units of each cohort."""
    middle = x - x.mean(axis=2, keepdims=True)  # exact for means; the matrix takes the rest
    rest = middle @ within
    share = n / n.sum()
    return np.asarray(rest - np.einsum("g,pgt->pt", share, rest)[:, None, :])


def two_way(moments: Cohorts, regressors: Floats, within: Floats | None = None) -> Regression:
    """Least squares with unit and period effects; ``regressors`` is [P, G, T], full rank.

    ``within`` takes unit effects out; default their means.

    Source: Frisch-Waugh-Lovell on cohort means; scores as Liang and Zeger (1986).
    """
    n = moments.units
    within = over_time(moments.clock) if within is None else within
    x = unexplained(regressors, n, within)
    bread = np.linalg.inv(np.einsum("g,pgt,qgt->pq", n, x, x, optimize=True))
    loadings = np.tensordot(bread, x, 1)
    weights = loadings * n[:, None]
    coefficients = np.einsum("pgt,gt->p", weights, moments.paths)
    residual = unexplained(moments.paths[None], n, within)[0] - np.tensordot(coefficients, x, 1)
    offsets = np.einsum("pgt,gt->pg", loadings, residual)
    return Regression(coefficients, Scores(loadings, offsets), weights, x, bread, residual, within)


def independent(regressors: Floats, n: Floats, order: NDArray[np.int64], within: Floats) -> NDArray[np.int64]:
    """Positions of regressors that effects do not explain, nor those before them in ``order``."""
    scale = np.sqrt(n)[:, None]
    flat = (unexplained(regressors, n, within) * scale).reshape(len(regressors), -1)
    size = np.linalg.norm((regressors * scale).reshape(len(regressors), -1), axis=1)
    flat[np.linalg.norm(flat, axis=1) <= EXPLAINED * size] = 0.0
    return independent_rows(flat, order)
