"""Augmented synthetic control: a ridge regression mends what the best mix of donors leaves before the measure.

The weights of synthetic control, plus the smallest change of them (ridge) that brings the mix closer to the treated unit before
the measure. Weights still sum to one, but some can be negative: the mix reaches beyond the donors. It is right where no mix of
donors follows the city closely, and harmless where one does; it is wrong where a fit before the measure that extrapolates says
little about the time after. The penalty is chosen by leaving out one period before the measure at a time.

No standard error of its own: placebo cities or conformal intervals judge it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge

from scale_impact.core.design import Design
from scale_impact.core.effect import Effect
from scale_impact.core.keys import Column, Label
from scale_impact.core.panel import Panel
from scale_impact.core.simplex import SimplexFit, simplex_fit
from scale_impact.core.synthetic.left_out import left_out
from scale_impact.core.synthetic.pilots import Pilots, pilots, said_of_missing, wide_columns
from scale_impact.core.synthetic.worlds import Floats, Worlds
from scale_impact.core.words import number, some
from scale_impact.errors import DesignError, EstimationError
from scale_impact.estimators._synthetic import (
    donor_frame,
    effect_of,
    mapped,
    refuse_constant,
    said_of_range,
    said_of_twins,
    said_of_uniqueness,
)

KEY = "augmented_synthetic_control"
Folds = Literal["augsynth", "all"]

OWN_LEVEL = "`fixed_effects: true` lets it keep a level of its own"

FAR = 1.0
"""Negative weights that sum to more than this outweigh the mix that they mend."""

RANGE, STEPS = 1e-8, 20
"""Penalties tried: from the largest eigenvalue of the donors' products down to this share of it, in so many equal ratios."""

NEGLIGIBLE = 1e-12
"""Of the largest eigenvalue: directions with less are rounding errors, in which donors do not vary."""


def fit(
    panel: Panel,
    design: Design,
    *,
    penalty: Annotated[float, Ge(0)] | None = None,
    one_se: bool = True,
    folds: Folds = "augsynth",
    fixed_effects: bool = False,
    covariates: Sequence[Column] = (),
    residualise: bool = False,
    donors: Sequence[Label] | None = None,
    without: Sequence[Label] = (),
) -> Effect:
    """The effect on each treated unit against a mix of donors whose error before the measure is mended.

    Parameters
    ----------
    panel, design:
        Units followed over time; donors are those never treated. Several treated units are explained one by one.
    penalty:
        Of the ridge regression, in squares of the outcome's unit; default by cross-validation.
    one_se:
        The largest penalty whose error is within a standard error of the least, as in augsynth; otherwise that of the least.
    folds:
        Periods left out one at a time: ``augsynth``: all but the last one (as their code does), or ``all``.
    fixed_effects:
        Whether each unit's mean before the measure is taken away (augsynth's ``fixedeff``).
    covariates:
        Columns whose means before the measure are matched, too, in the outcomes' scale.
    residualise:
        Outcomes are matched after regressing them on the covariates, which are then matched exactly.
    donors, without:
        The only units that may be donors; units that must not.

    Returns
    -------
    Effect in the outcome's unit: ``overall``, ``path``, ``counterfactual`` with the donors' weights.

    Raises
    ------
    DesignError
        No donor, a donor that is treated itself, fewer than three periods before the measure, missing cells, a
        covariate that is no number, or without a value for a unit before the measure.
    EstimationError
        The outcome does not vary; more covariates than donors can be regressed on.

    Source: Ben-Michael, Feller and Rothstein (2021), sections 2 to 5; their R package augsynth 0.2.0 for choices.
    """
    found = pilots(panel, design, KEY, donors=donors, without=without)
    if problems := refuse_constant(found):
        raise EstimationError(problems)
    columns = _columns(found, covariates)
    recipe = _Recipe(penalty, one_se, folds == "augsynth", fixed_effects, residualise, columns)
    effect = _effect(found, recipe)
    return replace(effect, notes=(*effect.notes, *_said_of_gaps(found, covariates, columns)))


def _said_of_gaps(found: Pilots, names: Sequence[str], columns: Floats) -> list[str]:
    """Covariates that lack values before the measure."""
    said = [
        said_of_missing(found, f"Covariate {n}", c[:, : found.fitted.max()])
        for n, c in zip(names, columns, strict=True)
    ]
    return [sentence for sentence in said if sentence]


def _effect(found: Pilots, recipe: _Recipe) -> Effect:
    worlds = found.worlds()
    apart = _apart(worlds)
    mixes = [_mix(apart, b, recipe) for b in range(len(worlds))]
    weights = np.stack([m.weights for m in mixes])
    expected = worlds.targets - _gaps(apart, mixes, recipe)
    unique = tuple(m.unique for m in mixes)
    counterfactual = mapped(
        found, expected, donors=donor_frame(found, weights), again=partial(again, recipe=recipe), unique=unique
    )
    notes = (
        *([] if recipe.fixed_effects else said_of_range(found, OWN_LEVEL)),
        *said_of_twins(found),
        *said_of_uniqueness(found, np.array(unique)),
        *_said_of_mending(found, mixes, recipe),
    )
    return effect_of(KEY, found, counterfactual, notes=notes)


@dataclass(frozen=True, eq=False)
class _Recipe:
    """The options, and covariates [K, N, T] of all units."""

    penalty: float | None
    one_se: bool
    but_last: bool
    fixed_effects: bool
    residualise: bool
    covariates: Floats


def _columns(found: Pilots, names: Sequence[str]) -> Floats:
    """Covariates of the pilots' units, [K, N, T]; means are of those cells that are known."""
    chosen = wide_columns(found, names, KEY)
    before = chosen[:, :, : int(found.fitted.min())]
    problems = [
        f"{KEY}: covariate {name!r} has no value before the measure for {some([found.names[i] for i in np.flatnonzero(gone)])}. Leave "
        "it out, or these units (`without`)."
        for name, gone in zip(names, np.asarray(np.isnan(before).all(axis=2)), strict=True)
        if gone.any()
    ]
    if problems:
        raise DesignError(problems)
    return chosen


def again(worlds: Worlds, *, recipe: _Recipe) -> Floats:
    """Gaps [B, T] in other worlds; each has a penalty of its own unless one was given."""
    apart = _apart(worlds)
    return _gaps(apart, [_mix(apart, b, recipe) for b in range(len(worlds))], recipe)


def _apart(worlds: Worlds) -> Worlds:
    """The same questions of outcomes less each period's mean of all units.

    Weights sum to one, so that no answer changes; but a level that is large against the movement would be multiplied by what
    weights, negative ones among them, miss of that sum in rounding.
    """
    return replace(worlds, outcomes=worlds.outcomes - worlds.outcomes.mean(axis=0))


def _gaps(worlds: Worlds, mixes: list[_Mix], recipe: _Recipe) -> Floats:
    gaps = worlds.targets - np.stack([m.weights for m in mixes]) @ worlds.outcomes
    if not recipe.fixed_effects:
        return np.asarray(gaps)
    level = np.where(worlds.fit, gaps, 0.0).sum(axis=1, keepdims=True) / worlds.fit.sum(axis=1, keepdims=True)
    return np.asarray(gaps - level)


# ---- one world -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Mix:
    """Weights on all units [N], those of synthetic control among them (as solved), and the penalty."""

    weights: Floats
    solved: SimplexFit | None
    penalty: float

    @property
    def unique(self) -> bool:
        """Whether no other mix of donors is as close before it is mended."""
        return self.solved is not None and bool(self.solved.unique[0])

    @property
    def negative(self) -> float:
        """Sum of the negative weights."""
        return float(self.weights.clip(max=0).sum())


@dataclass(frozen=True, eq=False)
class _Problem:
    """What is matched: the treated's [M] and the donors' [M, J], less the donors' means."""

    target: Floats
    donors: Floats


def _mix(worlds: Worlds, b: int, recipe: _Recipe) -> _Mix:
    """Weights of a world."""
    allowed = worlds.donors[b]
    lags = _lags(worlds, b, recipe.fixed_effects)
    traits = _traits(worlds, b, recipe.covariates)
    if traits is not None and not (np.isfinite(traits.donors).all() and np.isfinite(traits.target).all()):
        nothing = np.full(len(allowed), np.nan)  # a covariate begins after this world's start
        return _Mix(nothing, None, np.nan)
    problem = _matched(lags, traits, recipe.residualise)
    solved, weights, penalty = _ridge(problem, recipe)
    if traits is not None and recipe.residualise:
        weights = weights + _exactly(traits, weights)
    full = np.zeros(len(allowed))
    full[allowed] = weights
    return _Mix(full, solved, penalty)


def _lags(worlds: Worlds, b: int, demeaned: bool) -> _Problem:
    """Outcomes of the periods fitted on."""
    seen, allowed = worlds.fit[b], worlds.donors[b]
    return _centred(worlds.targets[b, seen], worlds.outcomes[allowed][:, seen].T, demeaned)


def _centred(target: Floats, donors: Floats, demeaned: bool = False) -> _Problem:
    if demeaned:
        target, donors = target - target.mean(), donors - donors.mean(axis=0)
    common = donors.mean(axis=1)
    return _Problem(target - common, donors - common[:, None])


def _traits(worlds: Worlds, b: int, covariates: Floats) -> _Problem | None:
    """Means of the covariates over the periods fitted on, NaN where there is none; None without covariates."""
    if not len(covariates):
        return None
    values = covariates[:, worlds.units][:, :, worlds.fit[b]]
    known = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        means = np.where(known, values, 0.0).sum(axis=2) / known.sum(axis=2)
    return _centred(means[:, worlds.treated[b] > 0].mean(axis=1), means[:, worlds.donors[b]])


def _matched(lags: _Problem, traits: _Problem | None, residualise: bool) -> _Problem:
    """Outcomes and covariates side by side in one scale, or what covariates leave of the outcomes."""
    if traits is None:
        return lags
    if residualise:
        slopes = _slopes(traits, lags.donors)
        return _Problem(lags.target - slopes @ traits.target, lags.donors - slopes @ traits.donors)
    wide = traits.donors.std(axis=1, ddof=1)
    scale = lags.donors.std(ddof=1) / np.where(wide > 0, wide, np.inf)
    return _Problem(
        np.concatenate([lags.target, scale * traits.target]),
        np.concatenate([lags.donors, scale[:, None] * traits.donors]),
    )


def _slopes(traits: _Problem, outcomes: Floats) -> Floats:
    """Coefficients [M, K] of the donors' outcomes on covariates."""
    k, j = traits.donors.shape
    if np.linalg.matrix_rank(traits.donors) < k:
        raise EstimationError(
            f"augmented_synthetic_control: {k} covariates cannot be told apart by {j} donors (one of them does not vary or follows "
            "from others). Use fewer covariates, or `residualise: false`."
        )
    return np.asarray(np.linalg.lstsq(traits.donors.T, outcomes.T, rcond=None)[0].T)


def _exactly(traits: _Problem, weights: Floats) -> Floats:
    """The smallest change of weights that matches the covariates exactly."""
    return np.asarray(np.linalg.pinv(traits.donors) @ (traits.target - traits.donors @ weights))


# ---- ridge ---------------------------------------------------------------------------------------------------------------


def _ridge(problem: _Problem, recipe: _Recipe) -> tuple[SimplexFit, Floats, float]:
    """Synthetic control, its mended weights [J], and the penalty.

    The change is the ridge regression of the rest on the donors: X' (X X' + penalty)^-1 (x - X w). It sums to zero because X
    is centred; what rounding leaves of its sum is taken away. Source: lemma 1.
    """
    from scipy.linalg import eigh

    x = problem.donors
    m = len(x)
    values, vectors = eigh(
        x @ x.T, driver="ev"
    )  # the usual driver waits for threads, a thousand times longer than it works
    values = np.maximum(values, 0.0)
    solved = simplex_fit(x, problem.target)
    plain = solved.weights[0]
    penalty = recipe.penalty
    if penalty is None:
        folds = left_out(x, problem.target, plain, m - recipe.but_last)
        penalty = _chosen(values, vectors, problem.target - folds @ x.T, recipe.one_se)
    rest = vectors.T @ (problem.target - x @ plain)
    real = values > NEGLIGIBLE * values[-1]
    damped = np.where(real, rest / np.where(real, values + penalty, 1.0), 0.0)
    change = x.T @ (vectors @ damped)
    return solved, plain + (change - change.mean()), penalty


def _chosen(values: Floats, vectors: Floats, rests: Floats, one_se: bool) -> float:
    """The penalty by what each row's prediction errs when it is left out.

    ``rests`` [F, M]: what the weights fitted without row f leave of all rows. With Q = (X X' + penalty)^-1 the ridge
    regression without row f errs there by (Q rest_f)_f / Q_ff, the inverse of a part by the inverse of the whole.
    """
    f = np.arange(len(rests))
    penalties = values[-1] * RANGE ** (np.arange(STEPS + 1) / STEPS)
    damp = 1 / (values[None] + np.maximum(penalties, 1e-300)[:, None])
    numerator = damp @ ((rests @ vectors) * vectors[f]).T
    squares = (numerator / (damp @ (vectors[f] ** 2).T)) ** 2
    errors = squares.mean(axis=1)
    least = int(errors.argmin())
    if not one_se:
        return float(penalties[least])
    slack = squares[least].std(ddof=1) / np.sqrt(len(rests))
    return float(penalties[errors <= errors[least] + slack].max())


def _said_of_mending(found: Pilots, mixes: list[_Mix], recipe: _Recipe) -> tuple[str, ...]:
    """The penalty of each treated unit, and by how much weights are negative."""
    said = [
        f"{name}: penalty {number(m.penalty)}, negative weights sum to {number(m.negative)}"
        for name, m in zip(found.names, mixes, strict=False)
    ]
    return (
        f"Ridge correction of {some(said, 5)}. Negative weights reach beyond the donors: compare synthetic_control.",
        *(_said_of_reach(n, m, recipe) for n, m in zip(found.names, mixes, strict=False) if m.negative < -FAR),
    )


def _said_of_reach(name: str, mix: _Mix, recipe: _Recipe) -> str:
    """That the correction is larger than what it corrects, and what it does to noise."""
    noise = float(np.sqrt((mix.weights**2).sum()))
    other = "demeaned_synthetic_control" if recipe.fixed_effects else "`fixed_effects: true`"
    return (
        f"{name}: the negative weights outweigh the mix that they mend. What would have been is extrapolated far beyond the donors, "
        f"and noise of single donors enters {number(noise)} times as strong as that of one city: do not trust the effect unless "
        f"{other} or a larger `penalty` says the same."
    )
