"""Other predictions of a city that is left out: the plain mean of the others, the nearest of them, the mean by similarity."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.city_effects import CityEffects
from scale_impact.core.words import nearest as nearest_name
from scale_impact.errors import DataError, DesignError, UsageError
from scale_impact.synthesis.holding_out.pooled import Choices
from scale_impact.synthesis.holding_out.without import Ints
from scale_impact.synthesis.nearing.compared import Recipe, compare
from scale_impact.synthesis.nearing.support import judge
from scale_impact.synthesis.nearing.weighted import weigh
from scale_impact.synthesis.pooling import Pooled, pool

Floats = NDArray[np.float64]

MEAN, NEAREST, SIMILAR, REGRESSION = "use the mean", "use the nearest city", "mean by similarity", "meta-regression"

MOST_BY_SIMILARITY = 60
"""Up to so many cities each is also predicted by similarity unless asked; beyond, that takes long."""

RECIPE = ("columns", "log", "method", "scale", "overlap", "known")
"""Options of ``for_city`` that say how cities are compared."""


@dataclass(frozen=True, eq=False)
class Told:
    """What one way of predicting says of k cities; NaN where it says nothing.

    Attributes
    ----------
    name:
        The predictor.
    values:
        [k].
    weights:
        Of the others' effects in each prediction, [k, k]; None where they are not known.
    error, df:
        Of the prediction of a city's true effect [k], ``df`` infinite for the normal distribution; None where there is none.
    why_not:
        Why it says nothing of anybody.
    missing:
        Why it says nothing of a city, by label.
    """

    name: str
    values: Floats
    weights: Floats | None
    error: Floats | None = None
    df: Floats | None = None
    why_not: str | None = None
    missing: dict[str, str] = field(default_factory=dict)

    def noise(self, effects: CityEffects) -> Floats | None:
        """The part of the squared error that comes from the measurement in the city itself, V_ii - 2 V_i w, [k]; None: not known."""
        if self.weights is None and not effects.independent:
            return None
        shared = 0.0 if self.weights is None else 2 * np.einsum("ij,ij->i", self.weights, effects.covariance)
        found = effects.variances - shared
        return np.asarray(np.where(np.isfinite(self.values), found, np.nan))


def plain_mean(effects: CityEffects, groups: list[Ints]) -> Told:
    """The mean of the others, each counting the same."""
    k = len(effects)
    weights = np.zeros((k, k))
    for group in groups:
        others = np.setdiff1d(np.arange(k), group)
        weights[np.ix_(group, others)] = 1 / len(others)
    return Told(MEAN, weights @ effects.effects, weights)


def nothing(name: str, effects: CityEffects, why_not: str) -> Told:
    """A predictor that has nothing to go by."""
    k = len(effects)
    return Told(name, np.full(k, np.nan), np.zeros((k, k)), why_not=why_not)


def by_context(
    effects: CityEffects, groups: list[Ints], pooled: Callable[[CityEffects], Pooled], population: Any, options: Mapping[str, Any],
    level: float, *, similar: bool,
) -> tuple[Told, Told]:  # fmt: skip
    """The nearest of the others, and the mean by similarity, as ``for_city.expect`` would tell a city that has not tried it.

    Of the cities that stay distances, bandwidth and support are found anew for each that leaves.
    """
    k = len(effects)
    near, mean = np.zeros((k, k)), np.zeros((k, k))
    values, error, df = (np.full(k, np.nan) for _ in range(3))
    missing: tuple[dict[str, str], dict[str, str]] = ({}, {})
    for group in groups:
        rest = np.setdiff1d(np.arange(k), group)
        others = effects.take(rest)
        fitted = pooled(others) if similar else None
        for i in group:
            found = _one(others, effects, int(i), fitted, population, options, level)
            label = effects.labels[i]
            if isinstance(found.nearest, str):
                missing[0][label] = found.nearest
            else:
                near[i, rest[found.nearest]] = 1.0
            if isinstance(found.weighted, str):
                missing[1][label] = found.weighted
            else:
                values[i], error[i], df[i], mean[i, rest] = found.weighted
    nearest = np.where(near.any(axis=1), near @ effects.effects, np.nan)
    return (
        Told(NEAREST, nearest, near, why_not=_of_all(missing[0], k), missing=missing[0]),
        Told(SIMILAR, values, mean, error, df, _of_all(missing[1], k), missing[1]),
    )


def _of_all(missing: dict[str, str], k: int) -> str | None:
    """The reason of all cities; None where some have a prediction."""
    return next(iter(missing.values())) if len(missing) == k else None


@dataclass(frozen=True, eq=False)
class _One:
    """Position of the nearest of the others, and the mean by similarity with its error, degrees of freedom and weights; or why there is none."""

    nearest: int | str
    weighted: tuple[float, float, float, Floats] | str


def _one(
    others: CityEffects,
    effects: CityEffects,
    i: int,
    fitted: Pooled | None,
    population: Any,
    options: Mapping[str, Any],
    level: float,
) -> _One:
    assert effects.context is not None
    city = {str(c): v for c, v in effects.context.iloc[i].items()}
    recipe = _recipe(options)
    compared = compare(others.context, city, population, recipe, len(others))
    support = judge(compared, others.labels, others.context, city)
    nearest = others.labels.index(support.nearest) if support.nearest is not None else support.reason
    if fitted is None:
        return _One(nearest, "not asked for")
    found = weigh(
        others, fitted, compared, support, kernel=options.get("kernel", "gaussian"), bandwidth=options.get("bandwidth", "leave_one_out"),
        level=level,
    )  # fmt: skip
    if isinstance(found, str):
        return _One(nearest, found)
    error = math.nan if found.prediction_error is None else found.prediction_error
    return _One(
        nearest, (found.mean, error, math.inf if found.prediction_df is None else found.prediction_df, found.weights)
    )


def _recipe(options: Mapping[str, Any]) -> Recipe:
    """How cities are compared, of the options of ``for_city``."""
    given: dict[str, Any] = {n: tuple(v) if isinstance(v, list) else v for n, v in options.items() if n in RECIPE}
    return Recipe(**given)


def quick_nearest(effects: CityEffects, groups: list[Ints], population: Any, options: Mapping[str, Any]) -> Told:
    """The nearest of the others, with distances on the spread of all cities, the one that leaves among them: made once."""
    assert effects.context is not None
    k, context = len(effects), effects.context
    recipe = _recipe(options)
    known = {str(c): context[c].dropna().iloc[0] for c in context.columns if context[c].notna().any()}
    compared = compare(context, known, population, recipe, k)
    if compared.why_not is not None:
        return nothing(NEAREST, effects, compared.why_not)
    apart, weights = compared.among.copy(), np.zeros((k, k))
    for group in groups:
        apart[np.ix_(group, group)] = np.nan
    order = np.argsort(np.argsort(np.array(effects.labels)))
    for i in np.flatnonzero(np.isfinite(apart).any(axis=1)):
        there = np.flatnonzero(np.isfinite(apart[i]))
        weights[i, there[np.lexsort((order[there], apart[i, there].round(11)))[0]]] = 1.0
    none = ~weights.any(axis=1)
    missing = {effects.labels[i]: "its context is not known in full" for i in np.flatnonzero(none)}
    return Told(
        NEAREST,
        np.where(none, np.nan, weights @ effects.effects),
        weights,
        why_not=_of_all(missing, k),
        missing=missing,
    )


def by_regression(effects: CityEffects, groups: list[Ints], choices: Choices, columns: Sequence[str]) -> Told:
    """A meta-regression of the others on their context, at the context of the city."""
    from scale_impact.synthesis.meta_regression import regress

    assert effects.context is not None
    k = len(effects)
    values, error, df = (np.full(k, np.nan) for _ in range(3))
    missing: dict[str, str] = {}
    for group in groups:
        rest = np.setdiff1d(np.arange(k), group)
        try:
            fitted = regress(
                effects.take(rest), list(columns), tau2=choices.tau2, inference=choices.inference, level=choices.level
            )
            found = {int(i): fitted.predict(effects.context.iloc[int(i)].to_dict()) for i in group}
        except (DataError, DesignError, UsageError) as refused:  # the reason stands in the record
            missing |= {effects.labels[i]: refused.problems[0] for i in group}
            continue
        for i, told in found.items():
            values[i] = told.mean
            error[i] = math.nan if told.prediction_error is None else told.prediction_error
            df[i] = math.inf if told.prediction_df is None else told.prediction_df
    return Told(REGRESSION, values, None, error, df, _of_all(missing, k), missing)


# ---- all of them -----------------------------------------------------------------------------------------


def options_of(for_city: Any) -> dict[str, Any]:
    """Options of ``for_city.expect`` that say how cities are compared."""
    from inspect import signature

    from scale_impact.synthesis.for_city import expect

    known = [p.name for p in signature(expect).parameters.values() if p.kind is p.KEYWORD_ONLY]
    given = dict(for_city or {})
    if problems := [f"for_city takes no option {o!r}. {nearest_name(o, known)}" for o in given if o not in known]:
        raise UsageError(problems)
    return given


def rivals_of(
    effects: CityEffects, groups: list[Ints], choices: Choices, population: Any, options: Mapping[str, Any], similarity: str,
    columns: Sequence[str] | None,
) -> Iterator[Told]:  # fmt: skip
    """All other predictors; those that have nothing to go by say why."""
    yield plain_mean(effects, groups)
    if effects.context is None or not len(effects.context.columns):
        for name in (NEAREST, SIMILAR, *([REGRESSION] if columns else [])):
            yield nothing(name, effects, "nothing is known of the cities but their effects")
        return
    if columns:
        yield by_regression(effects, groups, choices, columns)
    wanted = similarity == "always" or (similarity == "auto" and len(effects) <= MOST_BY_SIMILARITY)

    def pooled(others: CityEffects) -> Pooled:
        return pool(
            others,
            tau2=choices.tau2,
            inference=choices.inference,
            prediction=choices.prediction,
            clusters=choices.clusters,
            level=choices.level,
        )

    if wanted or len(effects) <= MOST_BY_SIMILARITY:
        yield from by_context(effects, groups, pooled, population, options, choices.level, similar=wanted)
        return
    yield quick_nearest(effects, groups, population, options)
    yield nothing(SIMILAR, effects, f"{len(effects)} cities take long; `similarity: always` predicts them all the same")
