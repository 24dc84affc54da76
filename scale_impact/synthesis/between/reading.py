"""From a fit to the value that a reader gets: numbers back in their own unit, intervals, and what to know of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from scale_impact.core.city_effects import CityEffects
from scale_impact.synthesis.between.blocks import Rotation
from scale_impact.synthesis.between.clustered import Clustered
from scale_impact.synthesis.between.estimating import Tau2
from scale_impact.synthesis.between.fitting import Fit, Inference, p_value, quantile
from scale_impact.synthesis.between.freedom import ahead_df
from scale_impact.synthesis.between.line import Floats, Line
from scale_impact.synthesis.between.pooled import Pooled
from scale_impact.synthesis.between.spread import Spread, common_shares
from scale_impact.synthesis.between.taking import Taken

Prediction = Literal["k-1", "k-2", "normal"]

ONE = "one city says nothing of how cities differ, so nothing can be said of the next one"
ASSUMED = "'common' assumes that the effect is the same in all cities; take another estimator to predict a new one"
NO_DF = "t with k - 2 degrees of freedom needs three cities; take k-1, or more cities"


@dataclass(frozen=True)
class Three:
    """A number with both ends of its interval."""

    value: float | None
    low: float | None
    high: float | None

    def by(self, change: Callable[[float | None], float | None]) -> Three:
        """All three changed in the same way."""
        return Three(change(self.value), change(self.low), change(self.high))


NOTHING = Three(None, None, None)


def single(effects: CityEffects, level: float, estimator: str) -> Pooled:
    """One city: its own number and interval, and why there is no more."""
    mean, error = float(effects.effects[0]), float(np.sqrt(effects.variances[0]))
    df = None if effects.df is None or not np.isfinite(effects.df[0]) else float(effects.df[0])
    note = f"One city alone ({effects.labels[0]}): the mean is its effect, and the interval is of this city, not of cities."
    why = dict.fromkeys(("prediction", "tau2", "tau2 interval", "q", "i2"), ONE)
    mine = Mean(mean, error, df, np.ones(1), effects.effects.copy(), np.array([error]))
    head = Head(effects, level, estimator, "the city's own standard error", why, (*effects.notes, note))
    return _pooled(head, mine, NOTHING, None, None, New(None, None, None, None, {}))


@dataclass(frozen=True)
class Mean:
    """A mean in the unit of the effects, with each city's share in it, and cities' own effects drawn to it."""

    value: float
    error: float
    df: float | None
    weights: Floats
    shrunken: Floats
    shrunken_errors: Floats


@dataclass(frozen=True)
class Head:
    """What was asked, and what to say of it."""

    effects: CityEffects
    level: float
    estimator: str
    inference: str
    why_not: dict[str, str]
    notes: tuple[str, ...]


def _pooled(
    head: Head, mean: Mean, tau2: Three, tau2_error: float | None, spread: Spread | None, new: New,
    i2: Three = NOTHING, h2: Three = NOTHING, clustered: Clustered | None = None, shared: float = float("inf"),
) -> Pooled:  # fmt: skip
    half = quantile(head.level, mean.df) * mean.error
    return Pooled(
        effects=head.effects,
        mean=mean.value,
        std_error=mean.error,
        df=mean.df,
        low=mean.value - half,
        high=mean.value + half,
        p_value=p_value(mean.value, mean.error, mean.df),
        tau2=tau2.value,
        tau2_error=tau2_error,
        tau2_low=tau2.low,
        tau2_high=tau2.high,
        i2=i2.value,
        i2_low=i2.low,
        i2_high=i2.high,
        h2=h2.value,
        h2_low=h2.low,
        h2_high=h2.high,
        q=None if spread is None else spread.q,
        q_df=0 if spread is None else spread.q_df,
        q_p=None if spread is None else spread.q_p,
        predicted_low=new.low,
        predicted_high=new.high,
        prediction_df=new.df,
        prediction_error=new.error,
        weights=mean.weights,
        shrunken=mean.shrunken,
        shrunken_errors=mean.shrunken_errors,
        level=head.level,
        estimator=head.estimator,
        inference=head.inference,
        between_clusters=None if clustered is None else clustered.between,
        within_clusters=None if clustered is None else clustered.within,
        clustered=clustered,
        shared_df=None if np.isinf(shared) else shared,
        between_df=new.between_df,
        why_not=head.why_not | new.why,
        notes=head.notes,
    )


def of_line(
    effects: CityEffects, taken: Taken, turn: Rotation, line: Line, found: Fit, tau2: Tau2, inference: Inference,
    prediction: Prediction, level: float, notes: tuple[str, ...],
) -> Pooled:  # fmt: skip
    """A mean of effects each of which differs for itself."""
    root, scale = len(effects) ** -0.5, taken.scale
    mean, error = float(found.beta[0]) * root + taken.centre, float(np.sqrt(found.covariance[0, 0])) * root
    weights = turn.back(found.sums.weights[0] * line.x[:, 0]) / float(found.sums.information[0, 0, 0]) * root
    shrunken, errors = _shrunken(line, turn, found)
    mine = Mean(mean * scale, error * scale, found.df, weights, (shrunken + taken.centre) * scale, errors * scale)
    common = tau2 == "common"
    ends = (None, None) if common else (found.spread.tau2_low, found.spread.tau2_high)
    variance = Three(found.between.tau2, *ends)
    i2, h2 = variance.by(found.spread.i2), variance.by(found.spread.h2)
    if common and found.spread.q is not None:
        i2, h2 = (Three(share, None, None) for share in common_shares(found.spread.q, found.spread.q_df))
    left, own = found.spread.q_df, found.between.tau2 * scale**2
    new = predicted(mine, own, left, found.shared_df, prediction, level, assumed=common)
    why = found.spread.why_not | ({"tau2 interval": ASSUMED} if common else {})
    head = Head(effects, level, tau2, inference, why, notes)
    spread_error = _times(found.between.std_error, scale**2)
    tau = variance.by(lambda v: _times(v, scale**2))
    return _pooled(head, mine, tau, spread_error, found.spread, new, i2, h2, shared=found.shared_df)


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


@dataclass(frozen=True)
class New:
    """A prediction, or the reason why there is none; ``between_df``: degrees of freedom of tau2, as the option has them."""

    low: float | None
    high: float | None
    df: float | None
    error: float | None
    why: dict[str, str]
    between_df: float | None = None


def predicted(
    mean: Mean, tau2: float, left: int, shared: float, prediction: Prediction, level: float, *, assumed: bool
) -> New:
    """``left``: how many independent numbers are left beside the mean; ``shared``: degrees of freedom of what errors share;
    ``assumed``: tau2 is 0 by assumption."""
    of_tau2 = {"k-1": float(left), "k-2": float(left - 1), "normal": None}[prediction]
    reason = ASSUMED if assumed else NO_DF if of_tau2 is not None and of_tau2 <= 0 else None
    if reason is not None:
        return New(None, None, None, None, {"prediction": reason})
    error = float(np.hypot(mean.error, np.sqrt(tau2)))
    df = ahead_df(mean.error**2, tau2, shared, of_tau2)
    half = quantile(level, df) * error
    return New(mean.value - half, mean.value + half, df, error, {}, of_tau2)


def of_clusters(found: Clustered, tau2: Tau2, prediction: Prediction) -> Pooled:
    """A mean of effects that come in clusters."""
    variance = Three(found.tau2, found.tau2_low, found.tau2_high)
    shares = variance.by(lambda v: _times(v, found.unit**-2.0))
    mean = Mean(found.mean, found.std_error, found.df, found.weights, found.shrunken, found.shrunken_errors)
    left, assumed = len(found.clusters) - 1, tau2 == "common"
    new = predicted(mean, found.tau2, left, found.shared_df, prediction, found.level, assumed=assumed)
    found = replace(found, prediction_df=new.df, why_not=dict(found.why_not) | new.why)
    how = "robust to what clusters share (CR2)" if found.judged == "CR2" else "the model's standard error"
    head = Head(found.effects, found.level, tau2, how, dict(found.why_not), found.notes)
    i2, h2 = shares.by(found.spread.i2), shares.by(found.spread.h2)
    return _pooled(head, mean, variance, found.tau2_error, found.spread, new, i2, h2, found, found.shared_df)


def _shrunken(line: Line, turn: Rotation, found: Fit) -> tuple[Floats, Floats]:
    """Effects drawn to the mean, x b + tau2 W (y - x b), and the errors of that."""
    part = found.between.tau2 * found.sums.weights[0]
    fitted = line.x[:, 0] * found.beta[0]
    drawn = turn.back(fitted + part * found.sums.residuals[0])
    own = turn.diagonal(found.between.tau2 * (1 - part))
    common = turn.back((1 - part) * line.x[:, 0]) ** 2 * found.covariance[0, 0]
    return drawn, np.sqrt(np.maximum(own + common, 0.0))
