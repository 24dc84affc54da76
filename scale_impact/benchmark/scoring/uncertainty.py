"""The index drawn again: sampling errors of values and what is not known, carried through every step.

Each draw is the score of an indicator with an error of its own: what a sampling error (normal; gamma for rates of
counts) or another imputation of what is missing is worth on the scale as the cities' values made it (see ``held``). So
draws lie around the scores, also of cities that stand at a goalpost, a target or a limit of outliers, and may lie
beyond the ends of the scale. Weights made of the data stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from scale_impact.benchmark.cities import Cities, Floats, Ints
from scale_impact.benchmark.scoring.held import Held
from scale_impact.benchmark.scoring.imputation import Imputation
from scale_impact.benchmark.scoring.outliers import Treatment
from scale_impact.benchmark.scoring.recipe import Recipe

AT_ONCE = 600_000
"""Values that are drawn at once, for memory."""

STREAM = 2
"""Which of the random streams of a seed this is."""

TINY = 1e-9
"""The least that a score which has to be above 0 is drawn as."""


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
    """The index [B, N] of B draws, ``number`` or as many as imputations; ``to_index`` makes it of scores [..., N, K]."""
    rng = np.random.default_rng([recipe.seed, STREAM])
    completed, number = imputation.filled(cities.values), at_most(number, imputation)
    held = Held(treatment.apply(completed), treatment, treatment.criteria(cities.criteria), recipe)
    errors = held.errors(_errors(cities))
    above_zero = recipe.aggregation in ("geometric", "harmonic")
    step = max(1, AT_ONCE // cities.values.size)
    found = np.empty((number, len(cities.labels)))
    for at in range(0, number, step):
        n = min(step, number - at)
        away = _disturbed(n, cities, held, errors, rng)
        if len(imputation.drawn) > 1:
            away[:, imputation.rows, imputation.columns] += imputed_away(imputation, held, slice(at, at + n))
        found[at : at + n] = to_index(positive(held.scores, away) if above_zero else away + held.scores)
    return found


def at_most(number: int, imputation: Imputation) -> int:
    """How many draws: no imputation stands in two of them, or they would seem to know more than they do."""
    return min(number, len(imputation.drawn)) if len(imputation.drawn) > 1 else number


def imputed_away(imputation: Imputation, held: Held, which: slice) -> Floats:
    """How far some imputations [n, m] lie from the score of their mean, in points.

    That score errs by the spread of the imputations and by that of their mean: (1 + 1/M) times the variance between them
    (Rubin 1987, equation 3.1.5).
    """
    more = np.sqrt(1 + 1 / len(imputation.drawn))
    return np.asarray(more * held.beside(imputation.rows, imputation.columns, imputation.drawn[which]))


def positive(scores: Floats, away: Floats) -> Floats:
    """Scores moved by ``away`` where they have to stay above 0: on a straight line near the score, never at 0.

    The logarithm moves by arsinh(away / score), as much upwards as downwards, so that what a geometric or harmonic mean
    adds up has the error that it has, and no draw is cut at 0.
    """
    root = np.hypot(scores, away)
    larger = root + np.abs(away)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.fmax(np.where(away >= 0, larger, scores**2 / larger), np.where(np.isnan(larger), np.nan, TINY))


def _errors(cities: Cities) -> Floats:
    """Standard errors [N, K]; an imputed value has none beside that of its imputation."""
    if cities.std_errors is None:
        return np.zeros_like(cities.values)
    return np.where(np.isnan(cities.values), 0.0, cities.std_errors)


def _disturbed(n: int, cities: Cities, held: Held, errors: Floats, rng: np.random.Generator) -> Floats:
    """Sampling errors of scores [n, N, K], in points; ``errors`` [N, K] are those of one standard error."""
    away = np.zeros((n, *errors.shape))
    uncertain = (errors != 0).any(axis=0)
    counts = np.array([bool(c.exposure) for c in cities.criteria])
    normal = np.flatnonzero(uncertain & ~counts)
    if len(normal):
        noise = rng.standard_normal((n, len(errors), len(normal)), dtype=np.float32)
        if len(normal) == errors.shape[1]:
            np.multiply(noise, errors, out=away)
        else:
            away[:, :, normal] = noise * errors[:, normal]
    for k in np.flatnonzero(uncertain & counts):
        rows = np.flatnonzero(errors[:, k])
        away[:, rows, k] = _gamma(n, cities, held, int(k), rows, rng) * errors[rows, k]
    return away


def _gamma(n: int, cities: Cities, held: Held, k: int, rows: Ints, rng: np.random.Generator) -> Floats:
    """Errors of rates of counts in standard errors [n, rows]; in logarithms where the scale takes them."""
    mean, spread = cities.values[rows, k], _errors(cities)[rows, k]
    rates = rng.standard_gamma((mean / spread) ** 2, (n, len(rows))) * (spread**2 / mean)
    shift, least = held.treatment.logs[k], held.treatment.least[k]
    if np.isnan(shift):
        return np.asarray((rates - mean) / spread)
    logs = np.log(np.maximum(rates + shift, least)) - np.log(mean + shift)
    return np.asarray(logs / np.sqrt(np.log1p((spread / (mean + shift)) ** 2)))
