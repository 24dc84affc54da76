"""The index under other weights, many sets of them at once."""

from __future__ import annotations

import numpy as np

from scale_impact.benchmark.cities import Floats
from scale_impact.benchmark.scoring import tree as trees
from scale_impact.benchmark.scoring.means import backward, combined, forward
from scale_impact.benchmark.scoring.recipe import Mean
from scale_impact.benchmark.scoring.tree import Tree, members

AT_ONCE = 4_000_000
"""Scores that are held at once, for memory."""


def reweighted(
    scores: Floats, tree: Tree, within: Mean, across: Mean, weights: Floats, dimension_weights: Floats
) -> Floats:
    """The index [W, N] of scores [N, K] by weights [W, K] (1 in each dimension) and of dimensions [W, D]; one of the two may be one row for all."""
    number = max(len(weights), len(dimension_weights))
    known = ~np.isnan(scores[~np.isnan(scores).all(axis=1)])
    if within == across != "copeland" and known.all():
        once = weights * dimension_weights[:, tree.belongs]
        return np.asarray(backward(once @ forward(scores, within).T, within))
    found = np.empty((number, len(scores)))
    fixed = _dimensions(scores, tree, within, weights) if len(weights) == 1 else None
    step = max(1, AT_ONCE // (len(scores) * len(tree.dimensions)))
    for at in range(0, number, step):
        part = slice(at, min(at + step, number))
        made = fixed if fixed is not None else _dimensions(scores, tree, within, weights[part])
        found[part] = _indices(
            made, tree, across, dimension_weights if len(dimension_weights) == 1 else dimension_weights[part]
        )
    return found


def _dimensions(scores: Floats, tree: Tree, mean: Mean, weights: Floats) -> Floats:
    """Scores of dimensions [W, N, D] by weights [W, K]."""
    return np.stack([_means(scores[None, :, m], mean, weights[:, m]) for m in members(tree)], axis=-1)


def _means(scores: Floats, mean: Mean, weights: Floats) -> Floats:
    """Means [W, N] of scores [W or 1, N, n] by weights [W or 1, n]."""
    if mean == "copeland":
        number = max(len(scores), len(weights))
        pairs = zip(
            np.broadcast_to(scores, (number, *scores.shape[1:])),
            np.broadcast_to(weights, (number, weights.shape[1])),
            strict=True,
        )
        return np.stack([combined(s, w, mean) for s, w in pairs])
    values = forward(scores, mean)
    known = ~np.isnan(values)
    if len(scores) == 1:
        total = weights @ np.where(known, values, 0.0)[0].T
        whole = weights @ known[0].T.astype(float)
    else:
        total = np.einsum(
            "wnk,wk->wn", np.where(known, values, 0.0), np.broadcast_to(weights, (len(scores), weights.shape[1]))
        )
        whole = np.einsum("wnk,wk->wn", known.astype(float), np.broadcast_to(weights, (len(scores), weights.shape[1])))
    with np.errstate(invalid="ignore"):  # no score of a city is known: NaN, and its reason stands in why_not
        return backward(total / whole, mean)


def _indices(scores: Floats, tree: Tree, mean: Mean, weights: Floats) -> Floats:
    """The index [W, N] of scores of dimensions [W or 1, N, D] by weights [W or 1, D]."""
    if mean != "copeland" and not np.isnan(scores[:, ~np.isnan(scores[0]).all(axis=1)]).any():
        return _means(scores, mean, weights)
    number = max(len(scores), len(weights))
    by_set = np.broadcast_to(weights, (number, weights.shape[1]))
    all_scores = np.broadcast_to(scores, (number, *scores.shape[1:]))
    return np.stack([trees.index(s, w, tree, mean) for s, w in zip(all_scores, by_set, strict=True)])
