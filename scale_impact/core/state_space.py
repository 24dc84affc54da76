"""Structural time series: what a series would have done, drawn from a model of level, drift, season and regressors.

The Kalman filter is that of statsmodels (UnobservedComponents, exact diffuse start; coefficients are states, so that their
uncertainty is part of every forecast). Standard deviations of the disturbances have half-normal priors and are drawn from
their posterior: at the maximum of the likelihood that of the level is often exactly zero, and intervals are too narrow.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.words import counted
from scale_impact.errors import EstimationError

NAME = re.compile(r"[a-z]+(?:_[a-z]+)*")
"""The part of a model in the name of its variance, such as freq_seasonal in freq_seasonal_52(2)."""

Floats = NDArray[np.float64]
Trend = Literal["level", "drift", "linear"]

PRIOR: dict[str, float] = {"irregular": 1.0, "level": 1.0, "trend": 0.1, "seasonal": 0.1, "freq_seasonal": 0.1}
"""Scales of the half-normal priors, in standard deviations of the series around a straight line and its season."""

SPARE = 3
"""So many observations, at least, beside those that the states and coefficients take."""

POINTS, PASSES, MOST_PASSES, ENOUGH = 300, 3, 8, 40
"""Points at which the posterior is weighed in each pass, passes, and the effective number of points that it takes."""

FROM_PRIOR = 0.2
"""Share of the points that come from the prior, so that no part of the posterior is missed."""

PRECISE: dict[str, Any] = {"jac": "3-point", "options": {"finite_diff_rel_step": 1e-4, "ftol": 1e-12, "gtol": 1e-6}}
"""Of the search for the mode: central differences, so that equal series have equal modes."""

UNKNOWN = 1e-8
"""Beyond this diffuse variance a step cannot be foretold."""

TAILS = 5
"""Degrees of freedom of the proposal."""


@dataclass(frozen=True)
class Structure:
    """What a series is made of: its trend, the cycle of its season (None: no season), harmonics (None: dummies)."""

    trend: Trend
    cycle: int | None = None
    harmonics: int | None = None
    changing: bool = False


@dataclass(frozen=True, eq=False)
class Forecast:
    """What was learnt of a series of L steps, and draws of what it would have been.

    Attributes
    ----------
    expected:
        [L], the mean of what would have been where not observed; where observed, foretold one step ahead.
    variance:
        [L], of the prediction.
    known:
        [L], which steps could be foretold: at the others a level, season or coefficient is met for the first time.
    draws:
        [R, L - last], paths after the last observation; empty where none were asked for.
    deviations:
        Posterior means of the standard deviations of the disturbances, by name.
    """

    expected: Floats
    variance: Floats
    known: NDArray[np.bool_]
    draws: Floats
    deviations: dict[str, float]


@dataclass(frozen=True, eq=False)
class _Model:
    """A model of a series in its own scale, and where observations end."""

    model: Any
    scale: float
    centre: float
    last: int
    priors: Floats

    def variances(self, logs: Floats) -> Floats:
        return np.asarray(np.exp(2 * np.clip(logs, -15, 10)))

    def density(self, logs: Floats) -> float:
        """Log posterior density of the logs of the standard deviations, but for a constant."""
        variances = self.variances(logs)
        prior = float((logs - variances / (2 * self.priors**2)).sum())
        return float(self.model.loglike(variances)) + prior

    @cached_property
    def names(self) -> list[str]:
        return [NAME.findall(n.removeprefix("sigma2."))[0] for n in self.model.param_names]


def foretell(y: Floats, x: Floats, structure: Structure, *, draws: int = 0, seed: int = 0) -> Forecast:
    """What a series would have been where it is not observed.

    Parameters
    ----------
    y:
        [L], the series; missing where it is to be foretold.
    x:
        [L, K], regressors.
    structure:
        Trend and season.
    draws:
        Paths to be drawn after the last observation; 0: the mode of the posterior alone, without draws.
    seed:
        Of the draws.

    Raises
    ------
    EstimationError
        The series does not vary, is too short for its states, or the posterior cannot be drawn from.

    Source: Harvey (1989), chapter 4; Brodersen et al. (2015), equations 2.1 to 2.3, without their spike and slab; exact
    diffuse start Durbin and Koopman (2012), chapter 5; priors Gelman (2006).
    """
    model = _built(y, x, structure)
    mode = _mode(model)
    if not draws:
        return _at(model, mode, y)
    random = np.random.default_rng(seed)
    points, weights = _posterior(model, mode, random)
    return _drawn(model, points, weights, _at(model, mode, y), draws, random)


# ---- the model -------------------------------------------------------------------------------------------


def _built(y: Floats, x: Floats, structure: Structure) -> _Model:
    """The model of a series in units of its own spread."""
    seen = ~np.isnan(y)
    states = _n_states(structure, x.shape[1])
    if seen.sum() < states + SPARE:
        raise EstimationError(
            f"{counted(int(seen.sum()), 'period')} before the measure for a model with {states} states (level, season, "
            "regressors). Use a longer series, `season: none`, or fewer covariates and control series."
        )
    scale, centre = _spread(y, structure, seen), float(y[seen].mean())
    if not scale > 1e-12 * float(np.abs(y[seen]).max(initial=0)):
        raise EstimationError(
            "The series does not vary around its course before the measure: there is nothing to learn."
        )
    from statsmodels.tsa.statespace.structural import UnobservedComponents

    made = UnobservedComponents(
        (y - centre) / scale, **_level(structure.trend), **_seasonal(structure), exog=x if x.shape[1] else None,
        mle_regression=False, use_exact_diffuse=True,
    )  # fmt: skip
    last = int(np.flatnonzero(seen)[-1]) + 1
    model = _Model(made, scale, centre, last, np.ones(len(made.param_names)))
    return _Model(made, scale, centre, last, np.array([PRIOR[n] for n in model.names]))


def _level(trend: Trend) -> dict[str, Any]:
    """Level and slope in statsmodels' words; the irregular part is always there."""
    slope = {"trend": True} if trend != "level" else {}
    moving = {"stochastic_trend": True} if trend == "linear" else {}
    return {"level": True, "stochastic_level": True, "irregular": True, **slope, **moving}


def _seasonal(structure: Structure) -> dict[str, Any]:
    if structure.cycle is None:
        return {}
    if structure.harmonics is None:
        return {"seasonal": structure.cycle, "stochastic_seasonal": structure.changing}
    waves = [{"period": structure.cycle, "harmonics": structure.harmonics}]
    return {"freq_seasonal": waves, "stochastic_freq_seasonal": [structure.changing]}


def _n_states(structure: Structure, regressors: int) -> int:
    season = 0 if structure.cycle is None else structure.cycle - 1
    if structure.harmonics is not None:
        season = 2 * structure.harmonics
    return (1 if structure.trend == "level" else 2) + season + regressors


def _spread(y: Floats, structure: Structure, seen: NDArray[np.bool_]) -> float:
    """Standard deviation around a straight line and fixed seasons."""
    time = np.arange(len(y))
    columns = [np.ones(len(y)), time / len(y)]
    if structure.cycle is not None and seen.sum() > 2 * structure.cycle:
        columns += [(time % structure.cycle == k).astype(float) for k in range(1, structure.cycle)]
    basis = np.column_stack(columns)[seen]
    rest = y[seen] - basis @ np.linalg.lstsq(basis, y[seen], rcond=None)[0]
    return float(np.sqrt((rest**2).sum() / max(len(rest) - basis.shape[1], 1)))


# ---- the posterior of the standard deviations ---------------------------------------------------------------


def _mode(model: _Model) -> Floats:
    """Where the posterior density is highest, from three starts."""
    from scipy.optimize import minimize

    k = len(model.priors)
    starts = [np.full(k, -0.7), np.where(np.arange(k) == 0, -0.2, -2.5), np.where(np.arange(k) == 1, -0.7, -2.0)]
    found = [
        minimize(lambda p: -model.density(p), s, method="L-BFGS-B", bounds=[(-9.0, 4.0)] * k, **PRECISE) for s in starts
    ]
    best = min((f for f in found if np.isfinite(f.fun)), key=lambda f: float(f.fun), default=None)
    if best is None:
        raise EstimationError("The likelihood of the model cannot be had for this series. Use another `trend`.")
    return np.asarray(best.x)


def _posterior(model: _Model, mode: Floats, random: np.random.Generator) -> tuple[Floats, Floats]:
    """Points and their weights: importance sampling from a t distribution, fitted to the posterior pass by pass, and the prior.

    Source: Cappe, Douc, Guillin, Marin and Robert (2008), on adaptive importance sampling; Hesterberg (1995), on the prior
    beside it.
    """
    centre, spread = mode, _curvature(model, mode)
    points, weights, effective = mode[None], np.ones(1), 0.0
    for k in range(MOST_PASSES):
        points, log_proposal = _proposed(centre, spread, model.priors, random)
        logs = np.array([model.density(p) for p in points]) - log_proposal
        weights = np.exp(logs - logs.max())
        weights /= weights.sum()
        effective = 1 / float((weights**2).sum())
        if k + 1 >= PASSES and effective >= ENOUGH:
            return points, weights
        centre = weights @ points
        away = points - centre
        spread = (away * weights[:, None]).T @ away + 0.01 * np.eye(len(mode))
    raise EstimationError(
        f"The posterior of the model's standard deviations cannot be drawn from reliably ({effective:.0f} effective points). "
        "Use a longer series, `trend: level`, or `season: none`."
    )


def _curvature(model: _Model, mode: Floats, step: float = 0.1) -> Floats:
    """Covariance of the first proposal: the inverse Hessian at the mode, no direction narrower than .1 or wider than 2."""
    k = len(mode)
    moves = step * np.eye(k)
    value: Callable[[Floats], float] = model.density
    hessian = np.array(
        [
            [
                (value(mode + a + b) - value(mode + a - b) - value(mode - a + b) + value(mode - a - b)) / (4 * step**2)
                for b in moves
            ]
            for a in moves
        ]
    )
    values, vectors = np.linalg.eigh(-(hessian + hessian.T) / 2)
    return np.asarray(vectors @ np.diag(1 / np.clip(values, 0.25, 100.0)) @ vectors.T)


def _proposed(centre: Floats, spread: Floats, priors: Floats, random: np.random.Generator) -> tuple[Floats, Floats]:
    """Points from a t distribution and, a few, from the prior, with the log density of that mixture."""
    from scipy import special

    root, k = np.linalg.cholesky(1.3 * spread), len(centre)
    stretch = np.sqrt(TAILS / random.chisquare(TAILS, POINTS))
    points = centre + (random.standard_normal((POINTS, k)) * stretch[:, None]) @ root.T
    of_prior = random.random(POINTS) < FROM_PRIOR
    points[of_prior] = np.log(np.abs(random.standard_normal((int(of_prior.sum()), k))) * priors)
    away = np.linalg.solve(root, (points - centre).T)
    constant = special.gammaln((TAILS + k) / 2) - special.gammaln(TAILS / 2) - k / 2 * np.log(TAILS * np.pi)
    student = constant - np.log(np.diag(root)).sum() - (TAILS + k) / 2 * np.log1p((away**2).sum(axis=0) / TAILS)
    prior = (np.log(np.sqrt(2 / np.pi) / priors) + points - np.exp(2 * points) / (2 * priors**2)).sum(axis=1)
    return points, np.logaddexp(np.log(1 - FROM_PRIOR) + student, np.log(FROM_PRIOR) + prior)


# ---- forecasts ------------------------------------------------------------------------------------------


def _at(model: _Model, logs: Floats, y: Floats) -> Forecast:
    """The forecast at one point: ahead of observations by one step, smoothed over gaps, beyond them as far as it goes."""
    model.model.update(model.variances(logs))
    found = model.model.ssm.smooth()
    ahead = found.forecasts[0] * model.scale + model.centre
    variance = found.forecasts_error_cov[0, 0] * model.scale**2
    design, noise = found.design[0], found.obs_cov[0, 0]
    signal = np.einsum("kt,kt->t", np.broadcast_to(design, found.smoothed_state.shape), found.smoothed_state)
    wide = np.broadcast_to(design, found.smoothed_state.shape)
    about = np.einsum("kt,klt,lt->t", wide, found.smoothed_state_cov, wide) + float(np.ravel(noise)[0])
    known = found.forecasts_error_diffuse_cov[0, 0] <= UNKNOWN
    between = ~known | (np.isnan(y) & (np.arange(len(y)) < model.last))
    expected = np.where(between, signal * model.scale + model.centre, ahead)
    spread = np.where(between, about * model.scale**2, variance)
    deviations = dict(zip(model.names, np.sqrt(model.variances(logs)) * model.scale, strict=True))
    return Forecast(expected, spread, known, np.zeros((0, len(y) - model.last)), deviations)


def _drawn(
    model: _Model, points: Floats, weights: Floats, mode: Forecast, draws: int, random: np.random.Generator
) -> Forecast:
    """The forecast over the whole posterior, with paths drawn from it."""
    many = np.diff(np.floor(np.concatenate([[0.0], np.cumsum(weights)]) * draws + random.random()).astype(int))
    chosen = np.flatnonzero(many)
    starts, ahead, noise = _filtered(model, points[chosen], many[chosen], random)
    paths = _simulated(model, starts, np.repeat(noise, many[chosen], axis=0), random) * model.scale + model.centre
    expected = mode.expected.copy()
    share = many[chosen] / many.sum()
    expected[model.last :] = (share @ ahead) * model.scale + model.centre
    spread = mode.variance.copy()
    spread[model.last :] = paths.var(axis=0)
    means = np.sqrt([model.variances(p) for p in points[chosen]]).T @ share * model.scale
    return Forecast(expected, spread, mode.known, paths, dict(zip(model.names, means, strict=True)))


def _filtered(
    model: _Model, points: Floats, many: NDArray[np.int64], random: np.random.Generator
) -> tuple[Floats, Floats, Floats]:
    """States after the last observation, drawn [R, m]; at each point forecasts from there, [M, H], and standard deviations.

    The latter are of the irregular part, then of each shock to a state.
    """
    states, ahead, noise = [], [], []
    for point, n in zip(points, many, strict=True):
        model.model.update(model.variances(point))
        ssm = model.model.ssm
        found = ssm.filter()
        centre = found.predicted_state[:, model.last]
        values, vectors = np.linalg.eigh(found.predicted_state_cov[:, :, model.last])
        root = vectors * np.sqrt(np.clip(values, 0.0, None))
        states.append(centre + random.standard_normal((int(n), len(centre))) @ root.T)
        ahead.append(found.forecasts[0, model.last :])
        noise.append(np.sqrt([float(ssm["obs_cov"][0, 0]), *np.diag(ssm["state_cov"])]))
    return np.vstack(states), np.array(ahead), np.array(noise)


def _simulated(model: _Model, states: Floats, noise: Floats, random: np.random.Generator) -> Floats:
    """Paths of the series from states [R, m] on, [R, H]; ``noise`` are standard deviations, irregular first."""
    ssm = model.model.ssm
    design = np.broadcast_to(np.atleast_3d(ssm["design"]), (1, states.shape[1], model.model.nobs))[0]
    moves, enter = ssm["transition"], ssm["selection"]
    steps = []
    for t in range(model.last, model.model.nobs):
        shocks = noise * random.standard_normal(noise.shape)
        steps.append(states @ design[:, t] + shocks[:, 0])
        states = states @ moves.T + shocks[:, 1:] @ enter.T
    return np.array(steps).T.reshape(len(states), -1)
