"""The index drawn again: sampling errors of values and what is not known, carried through every step.

Each draw takes values at random around those measured (a normal error; a gamma one for rates of counts), another
imputation of what is missing, the treatment of outliers learned once, and the scale: the same where goalposts fix it,
made again where the cities define it. Weights made of the data stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from scale_impact.benchmark.cities import Cities, Floats
from scale_impact.benchmark.scoring.imputation import Imputation
from scale_impact.benchmark.scoring.normalising import normalised
from scale_impact.benchmark.scoring.outliers import Treatment
from scale_impact.benchmark.scoring.recipe import Recipe

AT_ONCE = 600_000
"""Values that are drawn at once, for memory."""

STREAM = 2
"""Which of the random streams of a seed this is."""


def varies(cities: Cities, imputation: Imputation) -> bool:
    """Whether anything differs between draws."""
    return len(imputation.drawn) > 1 or bool(np.nansum(_errors(cities)) > 0)


def drawn(
    cities: Cities,
    imputation: Imputation,
    treatment: Treatment,
    recipe: Recipe,
    number: int,
    to_index: Callable[[Floats], Floats],
) -> Floats:
    """The index [B, N] of ``number`` draws; ``to_index`` makes it of scores [..., N, K]."""
    rng = np.random.default_rng([recipe.seed, STREAM])
    criteria, errors = treatment.criteria(cities.criteria), _errors(cities)
    step = max(1, AT_ONCE // cities.values.size)
    found = np.empty((number, len(cities.labels)))
    for at in range(0, number, step):
        n = min(step, number - at)
        values = np.repeat(imputation.filled(cities.values)[None], n, axis=0)
        _impute_again(values, imputation, range(at, at + n))
        _disturb(values, cities, errors, rng)
        if recipe.normaliser == "fraction_of_best":
            np.maximum(values, np.nanmin(cities.values, axis=0) / 2, out=values)
        found[at : at + n] = to_index(normalised(treatment.apply(values), criteria, recipe))
    return found


def _errors(cities: Cities) -> Floats:
    """Standard errors [N, K]; an imputed value has none beside that of its imputation."""
    if cities.std_errors is None:
        return np.zeros_like(cities.values)
    return np.where(np.isnan(cities.values), 0.0, cities.std_errors)


def _impute_again(values: Floats, imputation: Imputation, draws: range) -> None:
    if len(imputation.drawn) > 1:
        for position, draw in enumerate(draws):
            values[position, imputation.rows, imputation.columns] = imputation.drawn[draw % len(imputation.drawn)]


def _disturb(values: Floats, cities: Cities, errors: Floats, rng: np.random.Generator) -> None:
    """Move values [n, N, K] by their sampling errors, in place."""
    uncertain = (errors > 0).any(axis=0)
    counts = np.array([bool(c.exposure) for c in cities.criteria])
    normal = np.flatnonzero(uncertain & ~counts)
    if len(normal):
        noise = rng.standard_normal((len(values), len(errors), len(normal)), dtype=np.float32)
        noise *= errors[:, normal].astype(np.float32)
        if len(normal) == values.shape[2]:
            values += noise
        else:
            values[:, :, normal] += noise
    for k in np.flatnonzero(uncertain & counts):
        rows = np.flatnonzero(errors[:, k] > 0)
        mean, spread = cities.values[rows, k], errors[rows, k]
        values[:, rows, k] = rng.standard_gamma((mean / spread) ** 2, (len(values), len(rows))) * (spread**2 / mean)
