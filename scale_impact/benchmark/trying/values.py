"""Values behind the scores: with their gaps filled as they were, and drawn again within their errors."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from scale_impact.benchmark.cities import Cities, Floats, Ints
from scale_impact.benchmark.scoring.imputation import Imputation, imputed
from scale_impact.benchmark.scoring.normalising import normalised
from scale_impact.benchmark.scoring.outliers import Treatment, learned
from scale_impact.benchmark.scoring.recipe import Recipe
from scale_impact.benchmark.scoring.uncertainty import drawn, positive, varies

if TYPE_CHECKING:
    from scale_impact.benchmark.scores import Scores

SINGLE = ("mean", "median", "group mean")
"""Fills that one value decides, which is made of the cities at hand."""

MOST, HELD = 500, 20_000_000
"""Draws of all values, and how many single values are held at once, for memory."""

LEAST = 20
"""Draws of all values, however many there are."""


def completed(cities: Cities, recipe: Recipe) -> Cities:
    """Cities with their gaps filled as ``score`` fills them, taken as known; those of ``available`` stay."""
    order = np.argsort(np.array(cities.labels), kind="stable")
    sorted_cities = cities.take(order)
    values = imputed(sorted_cities, recipe).filled(sorted_cities.values)
    return replace(cities, values=values[np.argsort(order)], std_errors=_errors_of_known(cities))


def as_scored(scores: Scores, rows: Ints) -> Cities:
    """Some cities with their gaps filled as they were for the scores: what was drawn is not drawn again."""
    cities = scores.cities.take(rows)
    fills = scores.records[scores.records["before"].isna()]
    row = {label: k for k, label in enumerate(cities.labels)}
    column = {c.column: k for k, c in enumerate(cities.criteria)}
    values = cities.values.copy()
    for city, name, after in zip(fills["city"], fills["column"], fills["after"], strict=True):
        values[row[city], column[name]] = after
    return replace(cities, values=values, std_errors=_errors_of_known(cities))


def _errors_of_known(cities: Cities) -> Floats | None:
    """Standard errors, 0 where a value is missing: what is filled in has none that could be drawn."""
    return None if cities.std_errors is None else np.where(np.isnan(cities.values), 0.0, cities.std_errors)


def anything_varies(cities: Cities, recipe: Recipe) -> bool:
    """Whether values have errors or are imputed more than once."""
    several = recipe.missing == "impute" and bool(np.isnan(cities.values).any())
    nothing = Imputation(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty((0, 0)), ())
    return several or varies(cities, nothing)


def drawn_scores(cities: Cities, recipe: Recipe) -> Floats:
    """Scores of the indicators drawn again [B, n, K]: sampling errors and imputations, as ``score`` draws the index."""
    order = np.argsort(np.array(cities.labels), kind="stable")
    known = cities.take(order)
    imputation = imputed(known, recipe)
    treatment = learned(imputation.filled(known.values), known.criteria, recipe)
    kept: list[Floats] = []

    def keep(scores: Floats) -> Floats:
        kept.append(scores[:, np.argsort(order)])
        return np.zeros(scores.shape[:2])

    number = min(MOST, max(LEAST, HELD // known.values.size))
    drawn(known, imputation, treatment, recipe, number, keep)
    found = np.concatenate(kept)
    if recipe.aggregation == "arithmetic" and recipe.upper in ("geometric", "harmonic"):
        own = _scores(known, imputation, treatment, recipe)[np.argsort(order)]
        found = positive(own, found - own)  # whatever the weights, dimensions then have a geometric mean
    return found


def _scores(cities: Cities, imputation: Imputation, treatment: Treatment, recipe: Recipe) -> Floats:
    """Scores of the indicators as they are [n, K]."""
    treated = treatment.apply(imputation.filled(cities.values))
    return normalised(treated, treatment.criteria(cities.criteria), recipe)
