"""The steps in order: who has a score, gaps, outliers, scale, weights, means, draws."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from scale_impact.benchmark.cities import Cities, Floats
from scale_impact.benchmark.scoring import tree as trees
from scale_impact.benchmark.scoring import weighting
from scale_impact.benchmark.scoring.coverage import too_little_known
from scale_impact.benchmark.scoring.held import RANKED
from scale_impact.benchmark.scoring.imputation import Imputation, imputed
from scale_impact.benchmark.scoring.normalising import limits, normalised, scale_problems
from scale_impact.benchmark.scoring.outliers import Treatment, learned
from scale_impact.benchmark.scoring.problems import (
    counts_left,
    dimension_mean_problems,
    indicator_mean_problems,
    recipe_problems,
)
from scale_impact.benchmark.scoring.recipe import Recipe
from scale_impact.benchmark.scoring.recording import notes, records
from scale_impact.benchmark.scoring.tree import Tree
from scale_impact.benchmark.scoring.uncertainty import at_most, drawn, positive, varies
from scale_impact.core.words import counted, some
from scale_impact.errors import DesignError

if TYPE_CHECKING:
    from scale_impact.benchmark.scores import Scores

PAIR_BUDGET = 5e9
"""Comparisons of two cities that Copeland's count may make over all draws: some seconds."""

DOUBT_BUDGET = 20_000
"""Problems of benefit of the doubt that may be solved over all draws."""


def made(cities: Cities, recipe: Recipe) -> Scores:
    """Scores of cities, which stand in the order of their labels."""
    tree = _tree(cities, recipe)
    why_not = too_little_known(cities, tree, recipe)
    rows = np.array([k for k, label in enumerate(cities.labels) if label not in why_not], dtype=np.int64)
    if problems := [*counts_left(cities, why_not), *recipe_problems(cities.take(rows), tree, recipe)]:
        raise DesignError(problems)
    return _spread(_of_known(cities.take(rows), tree, recipe), cities, rows, why_not)


def _tree(cities: Cities, recipe: Recipe) -> Tree:
    if problems := list(trees.tree_problems(cities.dimensions, recipe.hierarchy)):
        raise DesignError(problems)
    return trees.made(cities.dimensions, [c.dimension for c in cities.criteria], recipe.hierarchy)


# ---- the way to the index ----------------------------------------------------------------------------------------


def _of_known(cities: Cities, tree: Tree, recipe: Recipe) -> Scores:
    """Scores of cities that have enough values."""
    from scale_impact.benchmark.scores import Scores

    imputation = imputed(cities, recipe)
    completed = imputation.filled(cities.values)
    treatment = learned(completed, cities.criteria, recipe)
    treated, criteria = treatment.apply(completed), treatment.criteria(cities.criteria)
    if problems := list(scale_problems(cities.labels, treated, criteria, recipe)):
        raise DesignError(problems)
    scores = normalised(treated, criteria, recipe)
    if problems := list(indicator_mean_problems(cities, scores, recipe)):
        raise DesignError(problems)
    weights, dimension_weights, experts = _weights(cities, scores, tree, recipe)
    by_dimension = trees.dimension_scores(scores, weights, tree, recipe.aggregation)
    if dimension_weights is None:
        dimension_weights = weighting.dimension_weights(recipe, by_dimension, tree)
    if problems := list(dimension_mean_problems(cities, by_dimension, tree, recipe)):
        raise DesignError(problems)
    parts: dict[str, Any] = {}
    levels = trees.levels(by_dimension, dimension_weights, tree, recipe.upper)
    if recipe.dimension_weights == "doubt":
        levels[trees.ROOT], parts["own_weights"] = _doubt(by_dimension, recipe)
        dimension_weights = parts["own_weights"].mean(axis=0)
    to_index = _to_index(tree, recipe, weights, dimension_weights, by_dimension)
    draws, said = _draws(cities, imputation, treatment, recipe, tree, to_index)
    return Scores(
        cities, recipe, treated, scores, tree.dimensions, by_dimension, levels[trees.ROOT], {}, weights, dimension_weights, draws,
        records(cities, imputation, treatment, completed, treated, recipe), (*cities.notes, *notes(cities, imputation, treatment, recipe), *said),
        tree, levels, experts, **parts,
    )  # fmt: skip


def _weights(
    cities: Cities, scores: Floats, tree: Tree, recipe: Recipe
) -> tuple[Floats, Floats | None, dict[str, tuple[Floats, Floats]]]:
    """Weights of indicators, of dimensions where they are written down, and the experts' sets."""
    indicators, dimensions = None, None
    if isinstance(recipe.weights, Mapping):
        indicators, dimensions = weighting.written(recipe.weights, cities.criteria, tree)
    if isinstance(recipe.dimension_weights, Mapping):
        dimensions = weighting.written(recipe.dimension_weights, cities.criteria, tree)[1]
    if indicators is None:
        indicators = weighting.indicator_weights(recipe, scores, cities.criteria, tree)
    if not recipe.experts:
        return indicators, dimensions, {}
    otherwise = weighting.equal_dimensions(tree) if dimensions is None else dimensions
    sets = {e: weighting.written(w, cities.criteria, tree) for e, w in recipe.experts.items()}
    experts = {e: (indicators if w is None else w, otherwise if d is None else d) for e, (w, d) in sets.items()}
    means = [np.mean([pair[k] for pair in experts.values()], axis=0) for k in (0, 1)]
    return means[0], means[1], experts


def _doubt(by_dimension: Floats, recipe: Recipe) -> tuple[Floats, Floats]:
    """Benefit of the doubt: the index [N] on the recipe's scale, and each city's own weights [N, D], which sum to 1."""
    from scale_impact.benchmark.enveloping.doubt import doubt

    index, weights = doubt(by_dimension, lower=recipe.least_weight, upper=recipe.most_weight)
    total = weights.sum(axis=1, keepdims=True)
    own = np.divide(weights, total, out=np.full_like(weights, 1 / weights.shape[1]), where=total > 0)
    return limits(recipe)[1] * index, own


def _to_index(
    tree: Tree, recipe: Recipe, weights: Floats, dimension_weights: Floats, seen: Floats
) -> Callable[[Floats], Floats]:
    """The way from drawn scores [..., N, K] to the index [..., N]; ``seen`` are the dimensions [N, D] as they are."""
    straight = recipe.aggregation == recipe.upper == "arithmetic" and recipe.dimension_weights != "doubt"
    whole = weights * dimension_weights[tree.belongs]

    def to_index(scores: Floats) -> Floats:
        if straight and not np.isnan(scores).any():
            return np.asarray(scores @ whole)
        by_dimension = trees.dimension_scores(scores, weights, tree, recipe.aggregation)
        if recipe.upper in ("geometric", "harmonic") or recipe.dimension_weights == "doubt":
            by_dimension = positive(seen, by_dimension - seen)
        if recipe.dimension_weights == "doubt":
            return np.stack([_doubt(part, recipe)[0] for part in by_dimension])
        return trees.index(by_dimension, dimension_weights, tree, recipe.upper)

    return to_index


def _draws(
    cities: Cities,
    imputation: Imputation,
    treatment: Treatment,
    recipe: Recipe,
    tree: Tree,
    to_index: Callable[[Floats], Floats],
) -> tuple[Floats | None, list[str]]:
    """Draws of the index, and what to say of their number; fewer where each takes long."""
    if recipe.draws == 0 or not varies(cities, imputation):
        return None, []
    n, most = len(cities.labels), recipe.draws
    if "copeland" in (recipe.aggregation, recipe.upper):
        columns = len(cities.criteria) if recipe.aggregation == "copeland" else len(tree.dimensions)
        most = int(PAIR_BUDGET // (n * n * columns))
    elif recipe.dimension_weights == "doubt":
        most = DOUBT_BUDGET // n
    number_of = max(2, min(recipe.draws, most))
    said = []
    if (different := at_most(number_of, imputation)) < number_of:
        said = [
            f"{different} draws in place of {number_of}: no two hold the same imputation. For more write imputations: {recipe.draws}."
        ]
    elif number_of < recipe.draws:
        said = [f"{number_of} draws in place of {recipe.draws}: each takes long with this mean and these weights."]
    if recipe.normaliser in RANKED:
        said.append(
            f"Errors on a scale of places ({recipe.normaliser}) are rough: where cities lie close, one is told from another wrongly more often than asked."
        )
    return drawn(cities, imputation, treatment, recipe, number_of, to_index), said


# ---- cities without a score ----------------------------------------------------------------------------------


def _spread(
    found: Scores, cities: Cities, rows: np.ndarray[tuple[int], np.dtype[np.int64]], why_not: Mapping[str, str]
) -> Scores:
    """Scores of some cities as scores of all: those without one have NaN, and their values as they are."""
    from dataclasses import replace

    def over(values: Floats) -> Floats:
        full = np.full((len(cities.labels), *values.shape[1:]), np.nan)
        full[rows] = values
        return full

    treated = cities.values.copy()
    treated[rows] = found.treated
    left = (
        (f"{counted(len(why_not), 'city has', 'cities have')} no score: too little is known of {some(list(why_not))}.",)
        if why_not
        else ()
    )
    return replace(
        found,
        cities=cities,
        treated=treated,
        normalised=over(found.normalised),
        dimension_scores=over(found.dimension_scores),
        index=over(found.index),
        why_not=dict(why_not),
        draws=None if found.draws is None else over(found.draws.T).T,
        levels={name: over(values) for name, values in found.levels.items()},
        own_weights=None if found.own_weights is None else over(found.own_weights),
        notes=(*found.notes, *left),
    )
