"""What is not sure about the dimensions' scores, as a frontier needs it: errors of measuring apart from what was filled in or shrunk."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from scale_impact.benchmark.cities import Cities, Floats, Ints

if TYPE_CHECKING:
    from scale_impact.benchmark.scores import Scores

DRAWS = 200
"""Draws made."""


def dimension_draws(scores: Scores, number: int = DRAWS) -> tuple[Floats | None, Floats | None]:
    """The dimensions' scores drawn anew [number, N, D], twice, as ``frontier.envelop`` takes them.

    First within sampling errors of what was measured, then of what was imputed and of rates that were shrunk towards the
    others; None where nothing varies so. NaN in the rows of cities without a score.
    """
    from scale_impact.benchmark.trying.values import as_scored

    labels = scores.cities.labels
    rows = np.array(
        [k for k in np.argsort(np.array(labels), kind="stable") if labels[k] not in scores.why_not], dtype=np.int64
    )
    if not len(rows) or scores.draws is None:
        return None, None
    shrunk = np.array([bool(c.exposure) for c in scores.cities.criteria])
    measured = _with_errors(as_scored(scores, rows), ~shrunk)
    return _drawn(scores, measured, rows, number), _drawn(
        scores, _with_errors(scores.cities.take(rows), shrunk), rows, number
    )


def _with_errors(cities: Cities, columns: NDArray[np.bool_]) -> Cities:
    """Cities with the errors of some indicators only."""
    return (
        cities if cities.std_errors is None else replace(cities, std_errors=np.where(columns, cities.std_errors, 0.0))
    )


def _drawn(scores: Scores, cities: Cities, rows: Ints, number: int) -> Floats | None:
    from scale_impact.benchmark.scoring import tree as trees
    from scale_impact.benchmark.scoring.imputation import imputed
    from scale_impact.benchmark.scoring.outliers import learned
    from scale_impact.benchmark.scoring.uncertainty import drawn, varies

    recipe = scores.recipe
    imputation = imputed(cities, recipe)
    if not varies(cities, imputation):
        return None
    kept: list[Floats] = []

    def keep(values: Floats) -> Floats:
        kept.append(trees.dimension_scores(values, scores.weights, scores.tree, recipe.aggregation))
        return np.zeros(values.shape[:2])

    treatment = learned(imputation.filled(cities.values), cities.criteria, recipe)
    drawn(cities, imputation, treatment, recipe, number, keep)
    drawn_so = np.concatenate(kept)
    found = np.full((number, len(scores.index), len(scores.dimensions)), np.nan)
    found[:, rows] = drawn_so[np.arange(number) % len(drawn_so)]  # fewer imputations than draws come again in turn
    return found
