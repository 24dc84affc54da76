"""How sure scores are beyond the draws of the index: dimensions, and the part of the index's error that comes from measuring.

Sampling errors are carried through scale and means by their slopes (a first-order expansion; at the ends of the scale as inside it,
see ``scoring.held``), and so is what each imputation differs from their mean. That needs a few passes over the table in place of
hundreds of draws.
"""

from __future__ import annotations

import numpy as np

from scale_impact.benchmark.changing.parts import Index
from scale_impact.benchmark.cities import Cities, Floats
from scale_impact.benchmark.scores import Scores
from scale_impact.benchmark.scoring.held import Held
from scale_impact.benchmark.scoring.imputation import imputed
from scale_impact.benchmark.scoring.outliers import Treatment, learned
from scale_impact.benchmark.scoring.uncertainty import imputed_away
from scale_impact.core.comparison import holm

ROUNDING = 1e-9
"""Points of a standard deviation below which draws are equal but for rounding."""


def dimension_errors(scores: Scores) -> Floats:
    """Standard errors of the dimensions' scores [N, D], of sampling and imputation; 0 where nothing varies, NaN without a score."""
    if scores.draws is None:
        return np.where(np.isnan(scores.dimension_scores), np.nan, 0.0)
    rows = _rows(scores)
    cities = scores.cities.take(rows)
    index, own = Index.of(scores), scores.normalised[rows]
    moved = (index.inner(own, own) * _in_points(cities, scores)) ** 2
    variance = np.stack(
        [np.nansum(moved[:, scores.tree.belongs == d], axis=1) for d in range(len(scores.dimensions))], axis=1
    )
    return _over(scores, rows, np.sqrt(variance + _between(cities, scores)))


def measured_variance(scores: Scores) -> Floats:
    """Variance of the index that comes from sampling errors of its values alone [N]; 0 where there are none.

    What was imputed, and rates that were shrunk towards the others, are left out: such a value errs towards the middle, so
    its error is no part of the spread that is seen, and nothing has to be taken away for it.
    """
    if scores.draws is None or scores.cities.std_errors is None:
        return np.where(np.isnan(scores.index), np.nan, 0.0)
    rows = _rows(scores)
    cities = scores.cities.take(rows)
    errors = _in_points(cities, scores)
    errors[:, [bool(c.exposure) for c in cities.criteria]] = 0.0
    own = scores.normalised[rows]
    moved = Index.of(scores).slopes(own, own)[0] * errors
    return _over(scores, rows, np.nansum(moved**2, axis=1)[:, None])[:, 0]


def _rows(scores: Scores) -> list[int]:
    """Cities with a score in the order of their labels, in which scores are made."""
    labels = scores.cities.labels
    return [int(k) for k in np.argsort(np.array(labels), kind="stable") if labels[int(k)] not in scores.why_not]


def _in_points(cities: Cities, scores: Scores) -> Floats:
    """Standard errors of the indicators in points of the common scale [n, K]; NaN for what was not measured."""
    if cities.std_errors is None:
        return np.zeros_like(cities.values)
    treatment = learned(cities.values, cities.criteria, scores.recipe)
    points = np.abs(_held(cities, scores, treatment).errors(cities.std_errors))
    return np.where(np.isnan(cities.values), np.nan, points)


def _held(cities: Cities, scores: Scores, treatment: Treatment) -> Held:
    return Held(scores.treated[_rows(scores)], treatment, treatment.criteria(cities.criteria), scores.recipe)


def _between(cities: Cities, scores: Scores) -> Floats:
    """Variance of the dimensions over the imputations [n, D], and that of their mean."""
    gaps = imputed(cities, scores.recipe)
    if len(gaps.drawn) < 2:
        return np.zeros((len(cities.labels), len(scores.dimensions)))
    treatment = learned(gaps.filled(cities.values), cities.criteria, scores.recipe)
    held, size = _held(cities, scores, treatment), (len(cities.labels), len(scores.dimensions))
    steep = Index.of(scores).inner(held.scores, held.scores)[gaps.rows, gaps.columns]
    place = gaps.rows * size[1] + scores.tree.belongs[gaps.columns]  # of the city's dimension
    away = imputed_away(gaps, held, slice(None)) * steep
    made = np.stack([np.bincount(place, weights=row, minlength=size[0] * size[1]) for row in away])
    return np.asarray(made.var(axis=0, ddof=1).reshape(size))


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
