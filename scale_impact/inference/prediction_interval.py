"""Prediction intervals for one treated unit: how far could what would have been lie from the synthetic control?

Two sources of error. In sample: weights are fitted on few, noisy periods. Weights that would have been found with other noise
are simulated, and how far they move the counterfactual is bounded over all weights that fit as well in each simulation. Out
of sample: what happens after the start has shocks of its own, bounded by those before. Each source gets half of the error
probability; the interval holds the effect *as it happened* with at least this probability, so that it is a prediction interval
and no confidence interval for a mean effect. Wide where donors are many and periods few.

For synthetic control on outcomes: weights that sum to one, without predictors, penalty or constant.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal

import numpy as np
from annotated_types import Gt, Le
from numpy.typing import NDArray

from scale_impact.core.design import Design
from scale_impact.core.effect import Effect
from scale_impact.core.keys import Count
from scale_impact.core.panel import Panel
from scale_impact.core.simplex import simplex_fit
from scale_impact.core.synthetic.counterfactual import Counterfactual
from scale_impact.core.synthetic.parts import cells_of
from scale_impact.core.synthetic.placebos import TINY
from scale_impact.core.synthetic.worlds import Floats, Worlds
from scale_impact.core.targets import Target
from scale_impact.core.words import some
from scale_impact.errors import DesignError, EstimationError

Refit = Callable[[Panel, Design], Effect]
Shocks = Literal["sub_gaussian", "location_scale"]

NEEDS_COUNTERFACTUAL = True
"""For effects that say what would have been."""

SPARE = 10
"""So many more periods than parameters are needed to explain errors by donors."""

HEAVY = 20.0
"""How much heavier the row that holds the wanted value weighs than the fit."""

STEPS, CLOSE = 60, 1e-3
"""Most steps to the edge of the weights that fit as well, and how close is close, as a share of the misfit allowed."""

EXACT = 1e-6
"""Misfits that are smaller, as a share of the distance to the donors, are an exact fit."""

FIRST = 8
"""Simulations whose edge is looked for from afar; the others begin at their median."""

SOME = 1e-6
"""A donor with more weight than this has one."""


def judge(
    panel: Panel,
    design: Design,
    refit: Refit,
    effect: Effect,
    targets: Sequence[Target],
    *,
    seed: int = 20251122,
    draws: Count = 200,
    shocks: Shocks = "sub_gaussian",
    order: Literal[0, 1] = 1,
    largest: Annotated[float, Gt(0), Le(1)] = 0.2,
) -> list[Predicted | None]:
    """Judge estimates by prediction intervals.

    Parameters
    ----------
    panel, design, refit, effect:
        The data, the design, the estimator and what it found.
    targets:
        The estimates to judge, ``overall`` first (``core.targets.targets_of``).
    seed, draws:
        Of the simulated noise before the start.
    shocks:
        Errors after the start: ``sub_gaussian``: a bound from their spread before; ``location_scale``: quantiles of those
        before, standardised.
    order:
        1: mean and spread of errors follow the donors with weight, where there are ten more periods than parameters;
        0: constant.
    largest:
        Weights below a threshold that is estimated, but never larger than this, may only grow.

    Returns
    -------
    One judgement a target, without p-value, and without interval where the fit before is exact; None for periods that were
    fitted on, and for numbers that are no mean gap.

    Raises
    ------
    DesignError
        Weights are not those of a synthetic control on outcomes (``Counterfactual.plain``).
    EstimationError
        No counterfactual.

    Source: Cattaneo, Feng and Titiunik (2021), sections 4 and 5; Cattaneo, Feng, Palomba and Titiunik (2025), section 4, for
    the threshold and the variance. Several treated units: each one's error probability is divided by their number.
    """
    found = _able(effect)
    cells = [cells_of(effect, found, t, panel) for t in targets]
    assert found.worlds is not None
    models = [_model(found, found.worlds, u, order, largest) for u in range(len(found.names))]
    asked = _Asked(seed, draws, shocks)
    before = np.arange(found.gaps.shape[1]) < np.array(found.fitted)[:, None]
    return [
        None if c is None or (c & before).any() else Predicted(t.value, tuple(_parts(models, found, c)), asked)
        for t, c in zip(targets, cells, strict=True)
    ]


def _able(effect: Effect) -> Counterfactual:
    """The counterfactual, if its weights are those of a synthetic control on outcomes."""
    found = effect.counterfactual
    if found is None:
        raise EstimationError(
            f"prediction_interval needs an estimator with donor weights; {effect.estimator} has none. Use `inference: "
            "randomisation`, or an estimator such as synthetic_control."
        )
    other = f"Use `inference: {effect.judged_by or 'placebo'}`, or synthetic_control without predictors, `fitted_on` and `largest`."
    if found.donors is None or found.worlds is None or found.predictors is not None:
        raise DesignError(f"prediction_interval is for synthetic control on outcomes. {other}")
    if not found.plain:
        raise DesignError(
            "prediction_interval is for weights that are not negative, sum to one and follow the outcomes of all periods before as "
            f"closely as such weights can; those of {effect.estimator} are others, or bound by its options. {other}"
        )
    return found


@dataclass(frozen=True)
class _Asked:
    """The options."""

    seed: int
    draws: int
    shocks: Shocks


# ---- what is known of one treated unit ---------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Model:
    """A treated unit's weights and errors.

    ``donors`` [T0, J] before, ``later`` [T, J] in all periods, ``weights`` [J], ``floor`` [J] the least that each may be;
    ``noise`` [T0] standard deviations of the errors before, ``errors`` [T0], ``drivers`` what they follow [T, K]; ``exact``
    where nothing can be learnt from errors before.
    """

    donors: Floats
    later: Floats
    weights: Floats
    floor: Floats
    noise: Floats
    errors: Floats
    drivers: Floats
    name: str
    exact: bool


def _model(found: Counterfactual, worlds: Worlds, u: int, order: int, largest: float) -> _Model:
    """Source: Cattaneo, Feng, Palomba and Titiunik (2025), section 4: threshold of type 2, variance HC1."""
    fit, allowed = worlds.fit[u], worlds.donors[u]
    later = worlds.outcomes[allowed].T
    donors, errors = later[fit], found.gaps[u, fit]
    weights = simplex_fit(donors, worlds.targets[u : u + 1, fit]).weights[0]
    n, used = len(errors), int((weights > SOME).sum())
    threshold = _threshold(donors, errors, used, largest)
    drivers = _drivers(later, weights > min(threshold, weights.max() * (1 - SOME)), n, order)
    known = drivers[fit]
    mean = known @ np.linalg.lstsq(known, errors, rcond=None)[0]
    noise = np.abs(errors - mean) * np.sqrt(n / max(n - (used - 1), 1))
    floor = np.where(weights < threshold, weights, 0.0)
    exact = _exact(donors, worlds.targets[u, fit], errors)
    return _Model(donors, later, weights, floor, noise, errors, drivers, found.names[u], exact)


def _exact(donors: Floats, target: Floats, errors: Floats) -> bool:
    """Whether the errors before are none, but for rounding."""
    rounding = TINY * float(np.abs(target).max())
    return bool(np.sqrt(np.mean(errors**2)) <= EXACT * _size(donors, target[None]) / np.sqrt(len(errors)) + rounding)


def _threshold(donors: Floats, errors: Floats, used: int, largest: float) -> float:
    """Below it a weight may as well be zero."""
    n, j = donors.shape
    least = float(donors.var(axis=0, ddof=1).min())
    if not least > 0 or j < 2:
        return largest
    size = float(errors.std()) * float(donors.std(axis=0, ddof=1).max()) / least
    found = size * np.sqrt(np.log(j) * used * np.log(n) / n)
    return largest if found < 0.001 else min(found, largest)


def _drivers(later: Floats, chosen: NDArray[np.bool_], n: int, order: int) -> Floats:
    """What errors follow, in all periods: donors with weight that vary before, and a constant, or the constant alone."""
    constant = np.ones((len(later), 1))
    wide = np.concatenate([later[:, chosen & (np.ptp(later[:n], axis=0) > 0)], constant], axis=1)
    return constant if order == 0 or n - SPARE <= wide.shape[1] else wide


# ---- in sample: weights that fit as well -------------------------------------------------------------------------------


def _moved(model: _Model, direction: Floats, noise: Floats) -> Floats:
    """How far each simulation's weights can move a mix of donors upwards, [S].

    Weights w with ||B (w - ŵ) - g|| <= ||g|| are those whose misfit to the simulated path B ŵ + g is no larger than that of ŵ;
    over them, and the floors, direction'w is made as large as possible. A heavy row asks for a value of it, and the value is
    moved until the misfit is the one allowed.
    """
    room = 1 - model.floor.sum()
    columns, p = model.donors * room, direction * room
    if np.ptp(p) <= TINY * np.abs(direction).max():  # one donor, donors that are alike, or no weight that is free
        return np.zeros(len(noise))
    aims = noise + model.donors @ (model.weights - model.floor)
    base, far = float(direction @ (model.weights - model.floor)), _size(columns, aims)
    allowed = np.maximum((noise**2).sum(axis=1), (EXACT * far) ** 2)
    heavy = HEAVY * far / float(np.ptp(p))
    top = int(p.argmax())
    value = np.full(len(noise), float(p[top]))
    edge = np.flatnonzero(_outside(columns, aims, top) > allowed)  # elsewhere all weight on the best donor is allowed
    start = float(p[top])
    for batch in (edge[:FIRST], edge[FIRST:]):
        value[batch] = _edge(columns, aims[batch], p, heavy, allowed[batch], base, start)
        start = float(np.median(value[batch])) if len(batch) else start
    return np.maximum(value - base, 0.0)


def _edge(columns: Floats, aims: Floats, p: Floats, heavy: float, allowed: Floats, base: float, start: float) -> Floats:
    """The largest value of p'v whose least misfit is the one allowed, [S].

    The least misfit is convex in the value; its slope is twice the pull of the heavy row. Steps are Newton's, or to the root
    of the parabola through the last two, kept between values known to be too small and too large.
    """
    n = len(aims)
    low, high = np.full(n, base), np.full(n, float(p.max()))
    wanted, value = np.full(n, start), high.copy()
    last, before = np.full(n, np.nan), np.full(n, np.nan)
    going = np.arange(n)
    for _ in range(STEPS):
        if not len(going):
            break
        reached, misfit = _held(columns, aims[going], p, heavy, wanted[going])
        slope, over = 2 * heavy**2 * (wanted[going] - reached), misfit - allowed[going]
        step = _step(reached, slope, over, last[going], before[going])
        value[going] = np.where(slope > 0, reached - over / np.where(slope > 0, slope, 1.0), reached)
        low[going], high[going] = np.where(over < 0, reached, low[going]), np.where(over > 0, reached, high[going])
        aim = reached - step
        aim = np.where((aim > low[going]) & (aim < high[going]), aim, 0.5 * (low[going] + high[going]))
        wanted[going] = aim + np.maximum(slope, 0.0) / (2 * heavy**2)
        last[going], before[going] = reached, slope
        going = going[np.abs(over) > CLOSE * allowed[going]]
    return np.asarray(np.clip(value, base, p.max()))


def _step(reached: Floats, slope: Floats, over: Floats, last: Floats, before: Floats) -> Floats:
    """How far to go back, [S]: to the root of the parabola with this slope and the curvature since the last point, or Newton's."""
    with np.errstate(all="ignore"):
        newton = over / slope
        bend = (before - slope) / (last - reached)
        root = slope**2 - 2 * bend * over
        parabola = 2 * over / (slope + np.sqrt(root))
    good = np.isfinite(parabola) & (bend > 0) & (over > 0)
    return np.where(good, parabola, newton)


def _size(columns: Floats, aims: Floats) -> float:
    """How far columns lie from what is aimed at."""
    return float(np.sqrt(((columns - aims.mean(axis=0)[:, None]) ** 2).sum(axis=0).max()))


def _outside(columns: Floats, aims: Floats, vertex: int) -> Floats:
    """Misfit of all weight on one donor, [S]."""
    return np.asarray(((columns[:, vertex] - aims) ** 2).sum(axis=1))


def _held(columns: Floats, aims: Floats, p: Floats, heavy: float, wanted: Floats) -> tuple[Floats, Floats]:
    """The value reached where one is asked for, and the misfit that it takes, [S] each."""
    table = np.concatenate([columns, heavy * p[None]])
    weights = simplex_fit(table, np.concatenate([aims, heavy * wanted[:, None]], axis=1)).weights
    return np.asarray(weights @ p), np.asarray(((weights @ columns.T - aims) ** 2).sum(axis=1))


# ---- out of sample: shocks after the start -----------------------------------------------------------------------------


def _shocks(model: _Model, drivers: Floats, kind: Shocks, alpha: float) -> tuple[float, float]:
    """Bounds of the error where its drivers have these values, each missed with probability alpha / 2."""
    fit = slice(0, len(model.errors))
    known = model.drivers[fit]
    mean = np.linalg.lstsq(known, model.errors, rcond=None)[0]
    left = model.errors - known @ mean
    logs = np.log(np.maximum(left**2, 1e-24 * max(float((model.errors**2).max()), 1e-300)))
    spread = np.linalg.lstsq(known, logs, rcond=None)[0]
    size = min(float(np.exp(drivers @ spread / 2)), _quartiles(known, left, drivers) / 1.34)
    centre = float(drivers @ mean)
    if kind == "sub_gaussian":
        half = float(np.sqrt(-2 * np.log(alpha / 2))) * size
        return centre - half, centre + half
    low, high = np.quantile(left / np.exp(known @ spread / 2), [alpha / 2, 1 - alpha / 2])
    return centre + size * float(low), centre + size * float(high)


def _quartiles(known: Floats, left: Floats, drivers: Floats) -> float:
    """Distance of the quartiles of errors where their drivers have these values."""
    if known.shape[1] == 1:
        return float(np.ptp(np.quantile(left, [0.25, 0.75])))
    import warnings

    from statsmodels.regression.quantile_regression import QuantReg

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns where its steps go in a circle, at a solution
        ends = [float(drivers @ QuantReg(left, known).fit(q=q).params) for q in (0.25, 0.75)]
    return abs(ends[1] - ends[0])


# ---- the judgement ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Part:
    """One treated unit's share of an estimate: its weight, its mix of donors and its drivers over the estimate's periods."""

    model: _Model
    share: float
    direction: Floats
    drivers: Floats


def _parts(models: list[_Model], found: Counterfactual, cells: NDArray[np.bool_]) -> list[_Part]:
    counts = cells.sum(axis=1) * np.asarray(found.sizes)
    return [
        _Part(m, float(counts[u] / counts.sum()), m.later[cells[u]].mean(axis=0), m.drivers[cells[u]].mean(axis=0))
        for u, m in enumerate(models)
        if counts[u]
    ]


@dataclass(frozen=True, eq=False)
class Predicted:
    """A prediction interval of the effect as it happened.

    Attributes
    ----------
    value:
        The estimate.
    parts:
        The treated units that it is of.
    asked:
        The options.
    """

    value: float
    parts: tuple[_Part, ...]
    asked: _Asked
    p_value: float | None = None
    std_error: float | None = None
    df: float | None = None
    _known: dict[int, tuple[Floats, Floats]] = field(default_factory=dict, repr=False)

    def interval(self, level: float) -> tuple[float, float] | None:
        """Prediction interval; with several units each has its share of the error probability; None after an exact fit."""
        if self._exact:
            return None
        alpha = (1 - level) / 2 / len(self.parts)
        low = high = 0.0
        for k, part in enumerate(self.parts):
            down, up = self._in_sample(k)
            below, above = _shocks(part.model, part.drivers, self.asked.shocks, alpha)
            low += part.share * (below - float(np.quantile(up, 1 - alpha / 2)))
            high += part.share * (above + float(np.quantile(down, 1 - alpha / 2)))
        return self.value - high, self.value - low

    @property
    def _exact(self) -> list[str]:
        """Treated units whose errors before are none."""
        return [p.model.name for p in self.parts if p.model.exact]

    def _in_sample(self, k: int) -> tuple[Floats, Floats]:
        """How far simulated weights move the counterfactual down and up, [S] each."""
        if k not in self._known:
            part, rng = self.parts[k], np.random.default_rng([self.asked.seed, k])
            noise = rng.standard_normal((self.asked.draws, len(part.model.noise))) * part.model.noise
            self._known[k] = _moved(part.model, -part.direction, noise), _moved(part.model, part.direction, noise)
        return self._known[k]

    @property
    def words(self) -> str:
        """The method, as it stands in results."""
        if self._exact:
            return (
                f"no prediction interval: the fit before the measure is exact ({some(self._exact, 3)}), so that errors there say "
                "nothing of those after it; see `inference: placebo`"
            )
        kind = "a sub-Gaussian bound" if self.asked.shocks == "sub_gaussian" else "location-scale quantiles"
        driven = any(len(p.drivers) > 1 for p in self.parts)
        several = f", shared among {some([p.model.name for p in self.parts], 3)}" if len(self.parts) > 1 else ""
        known = all(len(p.model.weights) == 1 for p in self.parts)
        simulated = f"{self.asked.draws} simulations of the weights, seed {self.asked.seed}, and "
        following = f", {'' if known else 'both '}following the donors with weight" if driven else ""
        half = "half of the error probability each"
        if known:
            half = "with a single donor its weight is known; its half of the error probability is not used"
        return (
            "prediction interval (no confidence interval: of the effect as it happened, without p-value): "
            f"{'' if known else simulated}{kind} for shocks after the start{following}; {half}{several}"
        )
