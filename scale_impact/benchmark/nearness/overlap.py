"""How much each variable counts where several tell the same: a copy shares its weight with what it copies.

Variables j and k overlap by z_jk, from 0 to 1. The weights m >= 0 maximise  2 sum m - m' Z m,  so that  Z m = 1  on those that count:
a variable alone counts 1, two that are equal 1/2 each; the sum of m is how many variables there are in effect. Copies change the
weight of no other variable (duplication invariance), which equal weights, weights by inverse sums of correlations and equal
contributions to the variance all miss.

Source: Leinster and Meckes (2016) (the weighting of largest diversity); Choueifaty, Froidure and Reynier (2013) (invariance to
duplicates); Rao (1982) (quadratic entropy).
"""

from __future__ import annotations

import numpy as np

from scale_impact.benchmark.cities import Floats
from scale_impact.benchmark.nearness.moments import Moments, inverse_root, rank

UNIQUE = 1e-9
"""Added to the diagonal, so that copies share equally: without it any split among them would do."""


def standing(overlap: Floats) -> Floats:
    """Weights m [K] of variables that overlap by a positive semidefinite matrix [K, K] with ones on its diagonal."""
    from scipy.optimize import nnls

    k = len(overlap)
    if k < 2:
        return np.ones(k)
    root = np.linalg.cholesky(overlap + UNIQUE * np.eye(k))
    m: Floats = nnls(root.T, np.linalg.solve(root, np.ones(k)))[0]
    return m


def of_all(found: Moments, n_variables: int) -> Floats:
    """Overlap of K variables [K, K]: the squared inner products of the projections on what each of them tells.

    The inner products: of two numbers, the squared correlation; of a number and a group with g names, the correlation ratio /
    sqrt(g - 1); of two groups, Tschuprow's T squared. They are squared, so that two variables that share half of what they tell remain
    two questions: with the inner products themselves correlations that are moderate each, but many, would leave a variable out.

    Source: Robert and Escoufier (1976) (RV coefficient), of orthonormal columns; Schur (1911) (the products of entries of
    positive semidefinite matrices are positive semidefinite).
    """
    k = n_variables
    roots = [inverse_root(found.block(a, a)) for a in range(k)]
    sizes = [max(1, rank(found.block(a, a))) for a in range(k)]
    overlap = np.eye(k)
    for a in range(k):
        for b in range(a):
            shared = ((roots[a] @ found.block(a, b) @ roots[b]) ** 2).sum() / np.sqrt(sizes[a] * sizes[b])
            overlap[a, b] = overlap[b, a] = min(1.0, float(shared)) ** 2
    return overlap
