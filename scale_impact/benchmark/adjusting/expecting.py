"""What is expected of each city from its context, by models that have not seen its outcome."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np

from scale_impact.benchmark.adjusting.additive import additive, spread_out
from scale_impact.benchmark.adjusting.conformal import Tails, cv_plus, guarantee
from scale_impact.benchmark.adjusting.design import Design
from scale_impact.benchmark.adjusting.moments import Fits, Moments, deal, moments, pairs
from scale_impact.benchmark.adjusting.ridge import ridge
from scale_impact.benchmark.cities import Floats, Ints

Method = Literal["ridge", "additive", "peers"]

FLOOR = 0.25
"""A city's local scale is at least this share of the mean one: an interval of no width promises too much."""


@dataclass(frozen=True)
class Plan:
    """How values are expected: see ``adjustment.adjust``."""

    method: Method
    folds: int
    repeats: int
    number: int
    tails: Tails
    level: float
    seed: int

    def deals(self, labels: Sequence[str]) -> list[Ints]:
        """The fold of each city, once for each repeat."""
        return [deal(labels, self.folds, np.random.default_rng([self.seed, r])) for r in range(self.repeats)]


@dataclass(frozen=True, eq=False)
class Expected:
    """What is expected of N cities.

    Attributes
    ----------
    value:
        Of each [N].
    low, high:
        Ends of the interval for a city in this context [N].
    mean:
        What would be expected without context, cross-fitted in the same way [N].
    leverage:
        Variance of the expected value in units of the variance of a city around it [N].
    scale:
        Size of the error that is usual for such a city, up to a factor that is the same for all [N].
    df:
        Effective number of parameters.
    guarantee:
        Share of cities that an interval holds in theory, at least.
    """

    value: Floats
    low: Floats
    high: Floats
    mean: Floats
    leverage: Floats
    scale: Floats
    df: float
    guarantee: float


def regress(design: Design, outcome: Floats, labels: Sequence[str], plan: Plan, chance: Sequence[Floats]) -> Expected:
    """Expected values by ridge regression or an additive model, means over repeated dealings of the folds.

    Intervals are made for each dealing; the median of their ends over dealings is shown.

    Parameters
    ----------
    design:
        Context of the cities.
    outcome:
        Theirs [N].
    labels:
        Their names, in order.
    plan:
        Options.
    chance:
        What else may say how far a city lies from what is expected: standard errors, 1 / sqrt(size), each [N].

    Where each dealing's interval misses at most a share a of cities, the median of ends misses at most 2 a (Markov's inequality).
    """
    columns, fit = _model(design, plan.method)
    centre, unit = outcome.mean(), outcome.std()
    y = (outcome - centre) / unit
    beside = design.beside(chance)
    parts = [_once(columns, fit, beside, y, dealt, plan) for dealt in plan.deals(labels)]
    value, mean, leverage, scale = (np.mean(np.stack([p[j] for p in parts]), axis=0) for j in range(4))
    low, high = (np.median(np.stack([p[j] for p in parts]), axis=0) for j in (4, 5))
    df = float(np.mean([p[6] for p in parts]))
    value, low, high, mean = (np.asarray(centre + unit * v) for v in (value, low, high, mean))
    return Expected(value, low, high, mean, leverage, unit * scale, df, guarantee(len(y), plan.folds, plan.level))


def expected_alone(design: Design, outcome: Floats, labels: Sequence[str], plan: Plan) -> Floats:
    """The expected values of ``regress`` and nothing else [N]."""
    columns, fit = _model(design, plan.method)
    centre, unit = outcome.mean(), outcome.std()
    alone = np.column_stack([np.arange(plan.folds)] * 2)
    of = np.diag(np.arange(plan.folds))
    found = [
        _own(_at(columns, fit(moments(columns, (outcome - centre) / unit, d, alone)), d, of), d)
        for d in plan.deals(labels)
    ]
    return np.asarray(centre + unit * np.mean(found, axis=0))


def _model(design: Design, method: Method) -> tuple[Floats, Callable[[Moments], Fits]]:
    if method == "ridge":
        return design.columns, ridge
    columns, blocks, _ = spread_out(design)
    return columns, partial(additive, blocks=blocks)


def _once(
    columns: Floats, fit: Callable[[Moments], Fits], beside: Floats, y: Floats, dealt: Ints, plan: Plan
) -> tuple[Floats, Floats, Floats, Floats, Floats, Floats, Floats]:
    """One dealing: expected, mean, leverage, scale, both ends of the interval, parameters of each model."""
    left_out, of = pairs(plan.folds)
    m = moments(columns, y, dealt, left_out)
    fits = fit(m)
    predicted = _at(columns, fits, dealt, of)
    scale = _scale(beside, np.abs(y[:, None] - fits.intercept - columns @ fits.slopes.T), dealt, left_out, of)
    low, high = cv_plus(y, dealt, predicted, scale, plan.level, plan.tails)
    own = np.diag(of)
    mean = m.y_mean[own][dealt]
    leverage = _leverage(columns, fits, own[dealt])
    return _own(predicted, dealt), mean, leverage, _own(scale, dealt), low, high, fits.df[own]


def _at(columns: Floats, fits: Fits, dealt: Ints, of: Ints) -> Floats:
    """For each city the values by the models without its fold and another [N, K]."""
    found = np.empty((len(columns), len(of)))
    for k, models in enumerate(of):
        rows = dealt == k
        found[rows] = fits.intercept[models] + columns[rows] @ fits.slopes[models].T
    return found


def _own(values: Floats, dealt: Ints) -> Floats:
    return np.asarray(values[np.arange(len(dealt)), dealt])


def _scale(beside: Floats, errors: Floats, dealt: Ints, left_out: Ints, of: Ints) -> Floats:
    """The size of error usual for each city's context, from the errors at the cities that each model has seen [N, K]."""
    m = moments(beside, errors, dealt, left_out)
    found = _at(beside, ridge(m), dealt, of)
    usual = m.y_mean[of[dealt]]
    return np.asarray(np.maximum(found, np.maximum(FLOOR * usual, 1e-9)))


def _leverage(columns: Floats, fits: Fits, model: Ints) -> Floats:
    """Variance of each city's expected value where errors have variance 1 [N]."""
    found = np.empty(len(columns))
    for m in np.unique(model):
        rows = model == m
        away = columns[rows] - fits.x_mean[m]
        found[rows] = 1 / fits.n[m] + np.einsum("ip,pq,iq->i", away, fits.spread[m], away)
    return found
