"""Coverage: how much has to be known of a city before it gets a score."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from scale_impact.benchmark.cities import Cities
from scale_impact.benchmark.scoring.recipe import Recipe
from scale_impact.benchmark.scoring.tree import Tree, members


def too_little_known(cities: Cities, tree: Tree, recipe: Recipe) -> dict[str, str]:
    """The reason, by label, why a city has no score: fewer indicators are known than the recipe asks for."""
    known = ~np.isnan(cities.values)
    shares = np.stack([known[:, m].mean(axis=1) for m in members(tree)], axis=1)
    short = (known.mean(axis=1) < recipe.coverage) | (shares < recipe.coverage_in_dimension).any(axis=1)
    found = {}
    for k in np.flatnonzero(short):
        reasons = [*_overall(known[k], recipe), *_by_dimension(shares[k], tree, recipe)]
        found[cities.labels[int(k)]] = "Too little is known: " + "; ".join(reasons) + "."
    return found


def _overall(row: np.ndarray[tuple[int], np.dtype[np.bool_]], recipe: Recipe) -> Iterator[str]:
    if row.mean() < recipe.coverage:
        yield f"{int(row.sum())} of {len(row)} indicators, and {100 * recipe.coverage:.3g} % of them are needed"


def _by_dimension(shares: np.ndarray[tuple[int], np.dtype[np.float64]], tree: Tree, recipe: Recipe) -> Iterator[str]:
    for name, share in zip(tree.dimensions, shares, strict=True):
        if share < recipe.coverage_in_dimension:
            yield f"{100 * share:.0f} % of the indicators of {name}, and {100 * recipe.coverage_in_dimension:.3g} % of them are needed"
