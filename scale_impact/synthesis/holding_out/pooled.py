"""What pooling says of each city when the city, or its cluster, is left out: the mean, its interval, and where the city may lie.

The mean m = w'y of the others is held against what was *measured* in city i, y_i = theta_i + e_i, which errs itself, and whose error
is related to those of the others where they share controls:

    var(y_i - m) = tau2 + w'(V + tau2 I)w + V_ii - 2 V_i w

The prediction interval of the true effect has the first two terms alone, and so holds what was measured less often than its level.
Degrees of freedom are no more than those of the prediction interval, so that this one is the wider. The factor by which inference
widens the mean's variance (Hartung and Knapp's q) is learnt from how effects scatter around the mean, where what all of them share
cannot be seen: it is put on the terms of w'(V + tau2 I)w that are each city's own.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.city_effects import CityEffects
from scale_impact.synthesis.between.blocks import blocks_of
from scale_impact.synthesis.between.estimating import Tau2
from scale_impact.synthesis.between.fitting import NONE, Inference
from scale_impact.synthesis.between.freedom import ahead_df, shared_df
from scale_impact.synthesis.between.reading import ASSUMED, NO_DF
from scale_impact.synthesis.holding_out.without import Independent, Ints, Method, Others, Related, between
from scale_impact.synthesis.pooling import Clusters, Pooled, Prediction, pool

Floats = NDArray[np.float64]

QUICK: tuple[Method, ...] = ("reml", "ml", "paule_mandel", "empirical_bayes", "dersimonian_laird", "common")
"""Estimators of tau2 that all left-out cities are given at once; with others each is pooled by itself."""


@dataclass(frozen=True)
class Choices:
    """Options of ``pool``."""

    tau2: Tau2
    inference: Inference
    prediction: Prediction
    clusters: Clusters
    level: float


@dataclass(frozen=True, eq=False)
class Without:
    """Pooled without each city, [k]; NaN where there is no number, with the reason in ``why_not``.

    Attributes
    ----------
    mean, std_error, df, low, high:
        The others' mean with its confidence interval; ``df`` infinite for the normal distribution.
    tau2, prediction_error, prediction_df, predicted_low, predicted_high:
        Between the others, and the prediction interval of the city's true effect.
    measured_error, measured_df, measured_low, measured_high:
        Where what is measured in the city should lie.
    weights:
        [k, k]: of the others in each city's prediction.
    why_not:
        Why a city has no prediction, by label.
    """

    mean: Floats
    std_error: Floats
    df: Floats
    low: Floats
    high: Floats
    tau2: Floats
    prediction_error: Floats
    prediction_df: Floats
    predicted_low: Floats
    predicted_high: Floats
    measured_error: Floats
    measured_df: Floats
    measured_low: Floats
    measured_high: Floats
    weights: Floats
    level: float
    why_not: dict[str, str] = field(default_factory=dict)

    def measured_at(self, level: float) -> tuple[Floats, Floats]:
        """The interval of what is measured, at another level."""
        return ends(self.mean, self.measured_error, self.measured_df, level)


@dataclass(frozen=True, eq=False)
class _Means:
    """Means without each of R groups; ``tau2`` and the variance of all differences between cities ``own``, [R]."""

    mean: Floats
    std_error: Floats
    df: Floats
    tau2: Floats
    prediction_df: Floats
    weights: Floats
    why_not: dict[int, str]
    between_clusters: Floats | None = None


def leave_out(effects: CityEffects, groups: list[Ints], choices: Choices) -> Without:
    """Each group left out, and its cities predicted."""
    quick = choices.tau2 in QUICK and (choices.clusters == "ignore" or _alone(effects)) and _regular(effects)
    means = _at_once(effects, groups, choices) if quick else _one_by_one(effects, groups, choices)
    return _of_cities(effects, groups, means, choices.level)


def _alone(effects: CityEffects) -> bool:
    """Whether clusters tell pooling nothing: each city its own, or one that holds all."""
    return effects.clusters is None or len(set(effects.clusters)) in (1, len(effects))


def _regular(effects: CityEffects) -> bool:
    """Whether the errors have a covariance that can be inverted."""
    if effects.independent:
        return True
    values = np.linalg.eigvalsh(effects.covariance)
    return bool(values[0] > 1e-11 * values[-1])


# ---- all at once -----------------------------------------------------------------------------------------


def _at_once(effects: CityEffects, groups: list[Ints], choices: Choices) -> _Means:
    """Groups of one size together; numbers are on the effects' own scale, so that units change no digit."""
    k, n = len(effects), len(groups)
    scale = float(max(np.sqrt(effects.variances.max()), np.ptp(effects.effects)))
    centre = float(effects.effects.mean())
    y, covariance = (effects.effects - centre) / scale, effects.covariance / scale**2
    tau2, rss, one, weights = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros((n, k))
    for rows, others in _others(effects, y, covariance, groups):
        tau2[rows] = between(others, _method(choices.tau2), float(y.var()) or 1.0)
        forms = others.forms(tau2[rows], np.arange(len(rows)))
        rss[rows], one[rows], weights[rows] = forms.rss, forms.one1, others.weights(tau2[rows])
    left = np.array([k - len(g) - 1.0 for g in groups])
    normal = choices.inference == "normal"
    error = scale * np.sqrt(_factor(choices.inference, rss / left) / one)
    shared = _shared(effects, groups, weights, scale**2 * tau2, left)
    df = np.full(n, np.inf) if normal else np.minimum(left, shared)
    of_tau2 = {"k-1": left, "k-2": left - 1, "normal": np.full(n, np.inf)}[choices.prediction]
    ahead = _ahead(error**2, scale**2 * tau2, shared, of_tau2)
    why = dict.fromkeys(range(n), ASSUMED) if choices.tau2 == "common" else {}
    return _Means(
        centre + scale * (weights @ y), error, df, scale**2 * tau2, np.where(bool(why), np.nan, ahead), weights, why
    )


def _shared(effects: CityEffects, groups: list[Ints], weights: Floats, tau2: Floats, left: Floats) -> Floats:
    """Degrees of freedom of what the errors of those who stay share, [R]; see ``between.freedom``."""
    found = np.full(len(groups), np.inf)
    if effects.df is None or effects.independent or not (effects.df < left.max()).any():
        return found
    dense = bool((effects.covariance != 0).all())
    for r, group in enumerate(groups):
        rest = np.setdiff1d(np.arange(len(effects)), group)
        if dense:
            known = max(float(effects.df[rest].min()), 1.0)
            found[r] = known if known < left[r] else np.inf
            continue
        others = effects.take(rest)
        found[r] = shared_df(others, weights[r, rest], blocks_of(others.covariance), float(left[r]), float(tau2[r]))
    return found


def _ahead(variance: Floats, tau2: Floats, shared: Floats, of_tau2: Floats) -> Floats:
    """Degrees of freedom of predictions, [R]."""
    each = zip(variance, tau2, shared, of_tau2, strict=True)
    return np.array([m if np.isinf(m) else ahead_df(float(v), float(t), float(s), float(m)) for v, t, s, m in each])


def _method(name: Tau2) -> Method:
    return next(m for m in QUICK if m == name)


def _factor(inference: Inference, q: Floats) -> Floats:
    """What the variance of the mean is multiplied by."""
    if inference == "normal":
        return np.ones_like(q)
    scaled = np.maximum(q, 1.0) if inference == "hartung_knapp_floor" else q
    return np.where(q < NONE, 1.0, scaled)


def _others(effects: CityEffects, y: Floats, covariance: Floats, groups: list[Ints]) -> list[tuple[Ints, Others]]:
    """Who stays, for groups that can be handled together."""
    every = np.arange(len(groups))
    if effects.independent:
        out = np.zeros((len(groups), len(effects)), dtype=bool)
        for r, group in enumerate(groups):
            out[r, group] = True
        return [(every, Independent(y, np.diag(covariance).copy(), out))]
    values, vectors = np.linalg.eigh(covariance)
    sizes = np.array([len(g) for g in groups])
    parts = [np.flatnonzero(sizes == m) for m in np.unique(sizes)]
    return [(rows, Related.of(y, values, vectors, np.array([groups[r] for r in rows]))) for rows in parts]


# ---- one by one ------------------------------------------------------------------------------------------


def _one_by_one(effects: CityEffects, groups: list[Ints], choices: Choices) -> _Means:
    """Each group's others pooled by ``pool``."""
    k = len(effects)
    found, weights, why, own = [], np.zeros((len(groups), k)), {}, np.zeros(len(groups))
    for r, group in enumerate(groups):
        rest = np.setdiff1d(np.arange(k), group)
        pooled = pool(
            effects.take(rest), tau2=choices.tau2, inference=choices.inference, prediction=choices.prediction,
            clusters=choices.clusters, level=choices.level,
        )  # fmt: skip
        weights[r, rest] = pooled.weights
        own[r] = pooled.between_clusters or 0.0
        found.append(_row(pooled))
        if pooled.prediction_df is None and pooled.predicted_low is None:
            why[r] = pooled.why_not.get("prediction", "the others allow no prediction")
    mean, error, df, tau2, ahead = np.array(found).T
    return _Means(mean, error, df, tau2, ahead, weights, why, own)


def _row(pooled: Pooled) -> tuple[float, float, float, float, float]:
    normal = pooled.predicted_low is not None and pooled.prediction_df is None
    ahead = np.inf if normal else np.nan if pooled.prediction_df is None else pooled.prediction_df
    tau2 = np.nan if pooled.tau2 is None else pooled.tau2
    return pooled.mean, pooled.std_error, np.inf if pooled.df is None else pooled.df, tau2, ahead


# ---- what that says of the cities ------------------------------------------------------------------------


def _of_cities(effects: CityEffects, groups: list[Ints], found: _Means, level: float) -> Without:
    """Intervals of the mean, of the true effect and of what is measured."""
    of = np.empty(len(effects), dtype=np.intp)
    for r, group in enumerate(groups):
        of[group] = r
    mean, error, df, tau2, ahead, weights = (
        part[of] for part in (found.mean, found.std_error, found.df, found.tau2, found.prediction_df, found.weights)
    )
    ahead = np.where(ahead >= 1, ahead, np.nan)
    predicted = np.sqrt(error**2 + tau2)
    own = effects.variances
    measured = np.sqrt(_measured(effects, found, of))
    measured_df = np.fmin(ahead, _satterthwaite(measured**2, own, ahead, _df(effects)))
    named = {effects.labels[i]: found.why_not[of[i]] for i in range(len(of)) if of[i] in found.why_not}
    named |= {effects.labels[i]: NO_DF for i in np.flatnonzero(np.isnan(ahead)) if effects.labels[i] not in named}
    return Without(
        mean, error, df, *ends(mean, error, df, level), tau2, predicted, ahead, *ends(mean, predicted, ahead, level),
        measured, measured_df, *ends(mean, measured, measured_df, level), weights, level, named,
    )  # fmt: skip


def _measured(effects: CityEffects, found: _Means, of: Ints) -> Floats:
    """Variance of what is measured in a city less the others' mean, [k]; see the top of this file."""
    w, tau2, error = found.weights[of], found.tau2[of], found.std_error[of]
    shared, own = effects.covariance, effects.variances
    apart = own - 2 * np.einsum("ij,ij->i", w, shared)
    alone = (w**2 * (own + tau2[:, None])).sum(axis=1)
    spread = np.einsum("ij,ij->i", w @ shared, w) + tau2 * (w**2).sum(axis=1) + _clustered(effects, found, of, w)
    model = tau2 + spread + apart
    q = error**2 / np.where(spread > 0, spread, 1.0)
    return np.asarray(
        np.maximum(model + (q - 1) * np.minimum(alone, spread), np.minimum(q, 1.0) * np.maximum(model, 0.0))
    )


def _clustered(effects: CityEffects, found: _Means, of: Ints, w: Floats) -> Floats:
    """What cities of a cluster share beyond their own part of tau2 adds to the variance of the mean, [k]."""
    if found.between_clusters is None or effects.clusters is None or not found.between_clusters.any():
        return np.zeros(len(w))
    names = np.array(effects.clusters, dtype=object)
    alike = (names[:, None] == names).astype(float) - np.eye(len(names))
    return np.asarray(found.between_clusters[of] * np.einsum("ij,ij->i", w @ alike, w))


def _df(effects: CityEffects) -> Floats:
    return np.full(len(effects), np.inf) if effects.df is None else effects.df


def _satterthwaite(total: Floats, own: Floats, of_rest: Floats, of_own: Floats) -> Floats:
    """Degrees of freedom of a sum of two variances, that of the prediction and that of the city's own error.

    Source: Satterthwaite (1946), Biometrics Bulletin 2.
    """
    rest = np.maximum(total - own, 0.0)
    part = rest**2 / of_rest + own**2 / of_own
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.where(part > 0, (rest + own) ** 2 / part, np.inf)
    return np.asarray(np.where(np.isnan(of_rest), np.nan, found))


def ends(mean: Floats, error: Floats, df: Floats, level: float) -> tuple[Floats, Floats]:
    """Both ends of an interval; normal where ``df`` is infinite, NaN where it is NaN."""
    from scipy import special

    upper = 0.5 + level / 2
    finite = np.where(np.isfinite(df), df, 1.0)
    times = np.where(np.isinf(df), special.ndtri(upper), special.stdtrit(finite, upper))
    half = np.where(np.isnan(df), np.nan, times * error)
    return mean - half, mean + half
