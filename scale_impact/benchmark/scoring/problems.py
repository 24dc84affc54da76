"""What is wrong with cities and a recipe before any score is made: all of it, each with what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from scale_impact.benchmark.cities import Cities, Floats
from scale_impact.benchmark.scoring import weighting
from scale_impact.benchmark.scoring.imputation import missing_problems
from scale_impact.benchmark.scoring.means import mean_problems
from scale_impact.benchmark.scoring.normal_imputation import FEWEST
from scale_impact.benchmark.scoring.normalising import scale_problems
from scale_impact.benchmark.scoring.outliers import learned, outlier_problems
from scale_impact.benchmark.scoring.recipe import Recipe
from scale_impact.benchmark.scoring.tree import Tree
from scale_impact.core.words import counted, number, some


def counts_left(cities: Cities, why_not: Mapping[str, str]) -> Iterator[str]:
    """Fewer than two cities of which enough is known."""
    left = len(cities.labels) - len(why_not)
    if left < 2:
        first = next(iter(why_not.items()))
        yield (
            f"{counted(left, 'city has', 'cities have')} enough values for a score; a benchmark needs two. {first[0]}: {first[1]} "
            "Lower coverage and coverage_in_dimension, or leave out indicators that few cities have."
        )


def recipe_problems(cities: Cities, tree: Tree, recipe: Recipe) -> Iterator[str]:
    """All that is wrong with cities that have enough values, for this recipe."""
    yield from _number_problems(recipe)
    yield from weighting.weight_problems(cities.criteria, tree, recipe)
    yield from _empty_columns(cities)
    yield from _error_problems(cities)
    yield from missing_problems(cities, recipe)
    wrong = list(outlier_problems(cities.labels, cities.values, cities.criteria, recipe))
    yield from wrong
    if not wrong and not list(_empty_columns(cities)) and len(cities.labels) > 1:
        treatment = learned(cities.values, cities.criteria, recipe)
        values, criteria = treatment.apply(cities.values), treatment.criteria(cities.criteria)
        yield from scale_problems(cities.labels, values, criteria, recipe)


def _number_problems(recipe: Recipe) -> Iterator[str]:
    least = {"winsorise_most": 1, "imputations": FEWEST, "draws": 0}
    for name, n in least.items():
        if (given := getattr(recipe, name)) is not None and given < n:
            yield f"{name} is {given}. Give {n} or more."
    for name in ("coverage", "coverage_in_dimension"):
        if not 0 <= getattr(recipe, name) <= 1:
            yield f"{name} is {number(getattr(recipe, name))}. Give a share between 0 and 1."


def _empty_columns(cities: Cities) -> Iterator[str]:
    for criterion, column in zip(cities.criteria, cities.values.T, strict=True):
        if len(column) and np.isnan(column).all():
            yield f"{criterion.column}: no city with enough values for a score has one. Leave the indicator out, or lower coverage."


def _error_problems(cities: Cities) -> Iterator[str]:
    if cities.std_errors is None:
        return
    for k, criterion in enumerate(cities.criteria):
        unknown = np.isnan(cities.std_errors[:, k]) & ~np.isnan(cities.values[:, k])
        if unknown.any():
            named = [cities.labels[int(r)] for r in np.flatnonzero(unknown)]
            lacking = counted(len(named), "value has", "values have")
            yield f"{criterion.column}: {lacking} no standard error ({some(named, 3)}). Give it, or 0 for a value known exactly."


def indicator_mean_problems(cities: Cities, scores: Floats, recipe: Recipe) -> Iterator[str]:
    """Scores of indicators [N, K] that the recipe's mean within dimensions cannot take."""
    names = [c.column for c in cities.criteria]
    yield from mean_problems(cities.labels, names, scores, recipe.aggregation, what="indicators")


def dimension_mean_problems(cities: Cities, by_dimension: Floats, tree: Tree, recipe: Recipe) -> Iterator[str]:
    """Scores of dimensions [N, D] that the recipe's mean across them, or benefit of the doubt, cannot take."""
    if recipe.dimension_weights == "doubt":
        for name, column in zip(tree.dimensions, by_dimension.T, strict=True):
            if np.isnan(column).any() or (column < 0).any():
                yield (
                    f"{name}: benefit of the doubt needs scores of all cities, 0 or above. Choose a scale from 0 on "
                    "(goalposts, minmax), and impute."
                )
    yield from mean_problems(cities.labels, tree.dimensions, by_dimension, recipe.upper, what="dimensions")
