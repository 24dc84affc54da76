"""How sure scores are beyond the index: dimensions, and the part of the index's error that comes from measuring.

Both are drawn again as the scores were, with the same seed, so that they belong to the draws of the index.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from scale_impact.benchmark.cities import Cities, Floats
from scale_impact.benchmark.scores import Scores
from scale_impact.benchmark.scoring.imputation import Imputation, imputed
from scale_impact.benchmark.scoring.outliers import learned
from scale_impact.benchmark.scoring.tree import dimension_scores, index
from scale_impact.benchmark.scoring.uncertainty import drawn, varies
from scale_impact.core.comparison import holm

TINY = 1e-9
"""What a drawn score at or below 0 counts as in a geometric or harmonic mean."""

ROUNDING = 1e-9
"""Points of a standard deviation below which draws are equal but for rounding."""


def dimension_errors(scores: Scores) -> Floats:
    """Standard deviations of the dimensions' scores over the draws [N, D]; 0 where nothing varies, NaN without a score."""
    if scores.draws is None:
        return np.where(np.isnan(scores.dimension_scores), np.nan, 0.0)
    rows = _rows(scores)
    cities = scores.cities.take(rows)
    return _over(scores, rows, _spreads(scores, cities, imputed(cities, scores.recipe))[:, :-1])


def measured_variance(scores: Scores) -> Floats:
    """Variance of the index that comes from sampling errors of its values alone [N]; 0 where there are none.

    What was imputed, and rates that were shrunk towards the others, are left out: such a value errs towards the middle, so
    its error is no part of the spread that is seen, and nothing has to be taken away for it.
    """
    nothing = np.where(np.isnan(scores.index), np.nan, 0.0)
    if scores.draws is None or scores.cities.std_errors is None:
        return nothing
    rows = _rows(scores)
    cities = scores.cities.take(rows)
    shrunk = np.array([bool(c.exposure) for c in cities.criteria])
    cities = replace(cities, std_errors=np.where(shrunk, 0.0, np.nan_to_num(scores.cities.std_errors[rows])))
    filled = imputed(cities, scores.recipe)
    sure = replace(filled, drawn=filled.drawn.mean(axis=0, keepdims=True)) if len(filled.drawn) else filled
    if not varies(cities, sure):
        return nothing
    if not len(filled.drawn) and not shrunk.any():
        return scores.std_errors**2
    return _over(scores, rows, _spreads(scores, cities, sure)[:, -1:] ** 2)[:, 0]


def _rows(scores: Scores) -> list[int]:
    """Cities with a score in the order of their labels, in which scores draw."""
    return [
        k
        for k in np.argsort(np.array(scores.cities.labels), kind="stable")
        if scores.cities.labels[k] not in scores.why_not
    ]


def _spreads(scores: Scores, cities: Cities, imputation: Imputation) -> Floats:
    """Standard deviations over draws of dimensions and, last, of the index [n, D + 1]."""
    recipe, tree = scores.recipe, scores.tree
    treatment = learned(imputation.filled(cities.values), cities.criteria, recipe)
    centre = scores.dimension_scores[_rows(scores)], scores.index[_rows(scores)]
    sums = np.zeros((2, len(cities.labels), len(tree.dimensions) + 1))

    def count(drawn_scores: Floats) -> Floats:
        lowest = TINY if {recipe.aggregation, recipe.upper} & {"geometric", "harmonic"} else -np.inf
        by_dimension = np.maximum(
            dimension_scores(np.maximum(drawn_scores, lowest), scores.weights, tree, recipe.aggregation), lowest
        )
        whole = index(by_dimension, scores.dimension_weights, tree, recipe.upper)
        away = np.concatenate([by_dimension - centre[0], (whole - centre[1])[..., None]], axis=-1)
        sums[0] += away.sum(axis=0)
        sums[1] += (away**2).sum(axis=0)
        return np.asarray(whole)

    n = 0 if scores.draws is None else len(scores.draws)
    drawn(cities, imputation, treatment, recipe, n, count)
    found: Floats = np.sqrt(np.maximum(sums[1] - sums[0] ** 2 / n, 0.0) / (n - 1))
    return found


def _over(scores: Scores, rows: list[int], found: Floats) -> Floats:
    full = np.full((len(scores.index), found.shape[1]), np.nan)
    full[rows] = found
    return full


# ---- errors of differences -------------------------------------------------------------------------------


def combined(then: Floats, now: Floats, correlation: float) -> Floats:
    """Standard error of a difference; what rounding leaves of draws that are all equal is none."""
    found = np.sqrt(np.maximum(then**2 + now**2 - 2 * correlation * then * now, 0.0))
    return np.where(found < ROUNDING, 0.0, found)


def interval(change: Floats, spread: Floats, level: float) -> tuple[Floats, Floats]:
    """Normal interval of changes."""
    from scipy.special import ndtri

    reach = float(ndtri((1 + level) / 2)) * spread
    return change - reach, change + reach


def p_values(change: Floats, spread: Floats) -> Floats:
    """Two-sided, normal; NaN where nothing varies."""
    from scipy.special import ndtr

    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(spread > 0, 2 * ndtr(-np.abs(change) / spread), np.nan)


def adjusted(p: Floats) -> Floats:
    """P-values of Holm for as many as there are; NaN stays."""
    found, known = p.copy(), ~np.isnan(p)
    found[known] = holm(p[known])
    return found
