"""Several possible values of each missing one, from a joint normal model of indicators and context.

Data augmentation: values given the model, and the model given the values, in turn, so that what is drawn carries both
the scatter of values around their expectation and the doubt about the model. Skewed columns are made symmetric before
(Yeo-Johnson) and turned back; drawn values stay within the goalposts, or near the range that was seen. With many
indicators and few cities the covariance is drawn towards independence, as strongly as makes the data most likely.

Right where values are missing at random given what is known of a city. Not where a city hides what is bad: no model
of the known values can see that.

Source: Schafer (1997), Analysis of incomplete multivariate data, sections 5.3 and 5.4 (data augmentation, inverse
Wishart prior); Chen (1979), Bayesian inference for a normal dispersion matrix (its strength by marginal likelihood);
Yeo and Johnson (2000).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scale_impact.benchmark.cities import Cities, Criterion, Floats, Ints
from scale_impact.benchmark.scoring.outliers import skewness
from scale_impact.benchmark.scoring.quantities import constant
from scale_impact.benchmark.scoring.recipe import Recipe

BURN_IN, BETWEEN = 60, 3
"""Rounds before the first imputation is kept, and between two that are kept."""

FEWEST, EFFORT = 20, 1_000_000
"""Fewest imputations; most of them times cities, for time."""

SKEWED = 1.0
"""Columns with more skewness than this are made symmetric before."""

STRENGTHS = np.geomspace(1, 1e5, 41)
"""Strengths of the prior that are tried, in numbers of cities."""

STREAM = 1
"""Which of the random streams of a seed this is."""


@dataclass(frozen=True)
class Scale:
    """How one column becomes a standard normal variable: start and unit, power (NaN for none), mean and deviation of the powered values, bounds."""

    power: float
    start: float
    unit: float
    mean: float
    deviation: float
    low: float
    high: float

    def there(self, column: Floats) -> Floats:
        """Standardised values."""
        return np.asarray((_powered((column - self.start) / self.unit, self.power) - self.mean) / self.deviation)

    def back(self, z: Floats) -> Floats:
        """Values in the column's unit, within its bounds."""
        ends = self.there(np.array([self.low, self.high]))
        kept = np.clip(z, *ends) * self.deviation + self.mean
        return np.asarray(np.clip(_unpowered(kept, self.power) * self.unit + self.start, self.low, self.high))


def draws(cities: Cities, rows: Ints, columns: Ints, recipe: Recipe) -> Floats:
    """Values [M, m] of the missing ones at rows and columns [m]; the same for a seed, whatever the order of the cities."""
    rng = np.random.default_rng([recipe.seed, STREAM])
    scales = [_scale(cities.values[:, k], c) for k, c in enumerate(cities.criteria)]
    table = np.column_stack([s.there(cities.values[:, k]) for k, s in enumerate(scales)] + _context(cities))
    found = np.empty((imputations(len(table), recipe), len(rows)))
    for m, completed in enumerate(_chain(table, len(found), rng)):
        found[m] = completed[rows, columns]
    for k, scale in enumerate(scales):
        found[:, columns == k] = scale.back(found[:, columns == k])
    return found


def imputations(cities: int, recipe: Recipe) -> int:
    """How many: as many as draws, so that quantiles of the index have as many values behind them; fewer with many cities."""
    if recipe.imputations is not None:
        return recipe.imputations
    return max(FEWEST, min(recipe.draws, EFFORT // cities))


# ---- columns as normal variables --------------------------------------------------------------------------------


def _scale(column: Floats, criterion: Criterion) -> Scale:
    from scipy.stats import yeojohnson_normmax

    seen = column[~np.isnan(column)]
    unit = float(seen.std(ddof=1)) if len(seen) > 1 and not constant(seen) else 1.0
    skewed = len(seen) > 3 and not constant(seen) and abs(skewness(seen)) > SKEWED
    # in units of their deviation, from the smallest on: the power does not depend on the unit of measurement
    start = float(seen.min()) if skewed else float(seen.mean())
    power = float(yeojohnson_normmax((seen - start) / unit)) if skewed else np.nan
    powered = _powered((seen - start) / unit, power)
    spread = float(powered.std(ddof=1)) if unit and np.ptp(powered) > 0 else 1.0
    return Scale(power, start, unit, float(powered.mean()), spread, *_bounds(seen, criterion))


def _bounds(seen: Floats, criterion: Criterion) -> tuple[float, float]:
    """Goalposts where the data keep them, else half the range seen beyond it; no negative value where none was seen."""
    least, most = float(seen.min()), float(seen.max())
    room = (most - least) / 2
    low, high = (max(0.0, least - room) if least >= 0 else least - room), most + room
    posts = [p for p in (criterion.worst, criterion.best) if p is not None]
    if len(posts) == 2 and criterion.direction != "target" and min(posts) <= least and most <= max(posts):
        low, high = max(low, min(posts)), min(high, max(posts))
    return low, high


def _powered(column: Floats, power: float) -> Floats:
    """Yeo and Johnson (2000), equation 2.1."""
    if np.isnan(power):
        return column
    from scipy.stats import yeojohnson

    return np.asarray(yeojohnson(column, lmbda=power))


def _unpowered(column: Floats, power: float) -> Floats:
    if np.isnan(power):
        return column
    from scipy.special import inv_boxcox1p

    up, down = np.maximum(column, 0), np.maximum(-column, 0)
    return np.asarray(np.where(column >= 0, inv_boxcox1p(up, power), -inv_boxcox1p(down, 2 - power)))


def _context(cities: Cities) -> list[Floats]:
    """Context as columns: numbers standardised (logarithms of skewed ones above 0), a column of 0 and 1 for each group but one."""
    found = []
    for column in cities.context.values().T:
        seen = column[~np.isnan(column)]
        if len(seen) < 2 or constant(seen):
            continue
        if abs(skewness(seen)) > SKEWED and seen.min() > 0 and len(seen) > 3:
            column = np.log(column)
            seen = column[~np.isnan(column)]
        found.append((column - seen.mean()) / seen.std(ddof=1))
    for name in cities.context.groups:
        texts = cities.context.frame[name].fillna("").to_numpy(dtype=str)
        for group in np.unique(texts)[1:]:
            member = (texts == group).astype(float)
            if 3 <= member.sum() <= len(member) - 3:
                found.append((member - member.mean()) / member.std(ddof=1))
    return found


# ---- data augmentation ---------------------------------------------------------------------------------------------


def _chain(table: Floats, number: int, rng: np.random.Generator) -> Iterator[Floats]:
    """Completed tables [N, P], drawn one after another; each is the same array, filled anew."""
    gaps = [(j, np.flatnonzero(np.isnan(table[:, j]))) for j in range(table.shape[1])]
    gaps = [(j, r) for j, r in gaps if len(r)]
    now = np.nan_to_num(table)
    strength = float(STRENGTHS[0])
    for step in range(BURN_IN + BETWEEN * number):
        if step < BURN_IN and step % 10 == 0:
            strength = _strength(now)
        mean, precision = _model(now, strength, rng)
        _fill(now, gaps, mean, precision, rng)
        if step >= BURN_IN and (step - BURN_IN) % BETWEEN == BETWEEN - 1:
            yield now


def _scatter(table: Floats) -> tuple[Floats, Floats]:
    mean = table.mean(axis=0)
    away = table - mean
    return mean, away.T @ away


def _strength(table: Floats) -> float:
    """How many cities the prior (independent columns) counts as: what makes the table most likely."""
    from scipy.special import multigammaln

    n, p = table.shape
    roots = np.clip(np.linalg.eigvalsh(_scatter(table)[1]), 0, None)
    df = STRENGTHS + p + 1

    def likely(strength: float, df: float) -> float:
        gammas = multigammaln((df + n - 1) / 2, p) - multigammaln(df / 2, p)
        return float(gammas + df / 2 * p * np.log(strength) - (df + n - 1) / 2 * np.log(strength + roots).sum())

    return float(STRENGTHS[int(np.argmax([likely(s, d) for s, d in zip(STRENGTHS, df, strict=True)]))])


def _model(table: Floats, strength: float, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Mean [P] and precision [P, P] drawn given a completed table."""
    n, p = table.shape
    mean, scatter = _scatter(table)
    root = np.linalg.cholesky(np.linalg.inv(scatter + strength * np.eye(p)))
    factor = root @ _bartlett(strength + p + n, p, rng)
    noise = np.linalg.solve(factor.T, rng.standard_normal(p))
    return mean + noise / np.sqrt(n), factor @ factor.T


def _bartlett(df: float, p: int, rng: np.random.Generator) -> Floats:
    """Lower triangle whose product with itself turned is a Wishart matrix (Bartlett 1933)."""
    found = np.tril(rng.standard_normal((p, p)), -1)
    found[np.diag_indices(p)] = np.sqrt(rng.chisquare(df - np.arange(p)))
    return found


def _fill(
    now: Floats, gaps: list[tuple[int, NDArray[np.intp]]], mean: Floats, precision: Floats, rng: np.random.Generator
) -> None:
    """Draw each missing value given the others of its city, column by column, in place."""
    for j, rows in gaps:
        weight = precision[:, j] / precision[j, j]
        away = now[rows] - mean
        expected = now[rows, j] - away @ weight
        now[rows, j] = expected + rng.standard_normal(len(rows)) / np.sqrt(precision[j, j])
