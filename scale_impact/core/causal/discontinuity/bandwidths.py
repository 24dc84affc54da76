"""Bandwidths that make the mean squared error, or the error of an interval's coverage, small.

Three steps, each with the bandwidth of the one before: ``d`` for a derivative of the bias's bias, ``b`` for the
bias, ``h`` for the estimate. In each, an estimate of the variance at one pilot bandwidth is set against an estimate of
the bias.

Source: Calonico, Cattaneo and Titiunik (2014) and its supplement; Calonico, Cattaneo and Farrell (2020); with covariates Calonico,
Cattaneo, Farrell and Titiunik (2019).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from scale_impact.core.causal.discontinuity.choices import FEWEST_DISTINCT, HAIR, PILOT, Choices, Floats
from scale_impact.core.causal.discontinuity.local_polynomial import LocalFit, variance
from scale_impact.core.causal.discontinuity.partialling import contrasts, ratio
from scale_impact.core.causal.discontinuity.sides import Side, centred
from scale_impact.core.words import counted, plain
from scale_impact.errors import EstimationError

Aim = Literal["difference", "sum", "each"]
Pair = tuple[float, float]

FEWEST = 20
"""With fewer observations no bandwidth is estimated."""


@dataclass(frozen=True)
class Bandwidths:
    """Bandwidths of the estimate (``h``) and of its bias (``b``), below and above the threshold."""

    h: Pair
    b: Pair


def bandwidths(left: Side, right: Side, choices: Choices, fuzzy: bool) -> Bandwidths:
    """The bandwidths of a rule, in the running variable's unit.

    Parameters
    ----------
    left, right:
        All observations below and above the threshold.
    fuzzy:
        Whether the second column is the exposure. Where it does not vary on one side, bandwidths are those of the
        outcome's own jump.

    Raises
    ------
    EstimationError
        Too few observations, or distinct values of the running variable, to estimate them.
    """
    if left.n + right.n < FEWEST:
        raise EstimationError(
            f"{left.n + right.n} observations are too few to choose a bandwidth ({FEWEST} are needed): name one, `bandwidth: <number>`."
        )
    if not fuzzy:  # a ratio's bandwidths rest on each side's own level
        left, right, _ = centred(left, right)
    scale = _Scale.of(left, right)
    sides = (left.scaled(scale.x, scale.y), right.scaled(scale.x, scale.y))
    search = _Search.of(sides, choices, fuzzy, scale.spread)
    found = _selected(search, choices)
    shrunk = _shrinkage(left, right, choices)
    h, b = (tuple(scale.x * v for v in pair) for pair in (found.h, found.b))
    return Bandwidths((h[0] * shrunk, h[1] * shrunk), (b[0], b[1]))


@dataclass(frozen=True)
class _Scale:
    """Standard deviations of the running variable and the outcome, and the robust spread in units of the first."""

    x: float
    y: float
    spread: float

    @classmethod
    def of(cls, left: Side, right: Side) -> _Scale:
        x = np.concatenate([left.x, right.x])
        sd = float(np.std(x, ddof=1))
        y = float(np.std(np.concatenate([left.columns[:, 0], right.columns[:, 0]]), ddof=1))
        low, high = np.quantile(x, [0.25, 0.75], method="averaged_inverted_cdf")
        return cls(sd, y or 1.0, min(1.0, float(high - low) / sd / 1.349))


@dataclass(frozen=True)
class _Pieces:
    """What the best bandwidth of one side balances: variance, bias and the bias's own error, and the rate's exponent."""

    variance: float
    bias: float
    penalty: float
    exponent: float


@dataclass(frozen=True, eq=False)
class _AtPilot:
    """A fit at the pilot bandwidth: its variance, the constant of its bias, and what the target adds up of the columns."""

    variance: float
    constant: float
    target: Floats


@dataclass(frozen=True, eq=False)
class _Search:
    """The three steps for two sides; ``pilots`` are by step (0: d, 1: b, 2: h) and side."""

    sides: tuple[Side, Side]
    choices: Choices
    pilot: float
    floors: Pair
    pilots: tuple[tuple[_AtPilot, _AtPilot], ...]

    @classmethod
    def of(cls, sides: tuple[Side, Side], choices: Choices, fuzzy: bool, spread: float) -> _Search:
        floors = _floors(sides, choices)
        n = sum(s.distinct if choices.mass_points == "adjust" else s.n for s in sides)
        widest = max(s.reach for s in sides)
        pilot = max(min(PILOT[choices.kernel] * spread * n ** (-1 / 5), widest), *floors)
        near = sides[0].within(pilot, choices.kernel), sides[1].within(pilot, choices.kernel)
        varies = fuzzy and all(s.n > 0 and np.ptp(s.columns[:, 1]) > 0 for s in near)
        at = tuple(
            (_at_pilot(near[0], step, pilot, choices, varies), _at_pilot(near[1], step, pilot, choices, varies))
            for step in range(3)
        )
        return cls(sides, choices, pilot, floors, at)

    def run(self, aim: Aim) -> Bandwidths:
        """The bandwidths of the two last steps."""
        reach = self.sides[0].reach * (1 + HAIR), self.sides[1].reach * (1 + HAIR)
        d = self._floored(self._step(0, reach, 0.0, aim), aim)
        b = self._step(1, d, self.choices.regularisation, aim)
        return Bandwidths(self._step(2, b, self.choices.regularisation, aim), b)

    def _step(self, step: int, h: Pair, regularisation: float, aim: Aim) -> Pair:
        left, right = (
            _pieces(side, at, step, (self.pilot, own), regularisation, self.choices)
            for side, at, own in zip(self.sides, self.pilots[step], h, strict=True)
        )
        best = _best(left, right, aim)
        if not min(best) > 0:
            raise EstimationError(
                "No bandwidth can be chosen: near the threshold the outcome does not vary around its own course. Name one, `bandwidth: <number>`."
            )
        widest = self.sides[0].reach, self.sides[1].reach
        limit = widest if aim == "each" else (max(widest), max(widest))
        return min(best[0], limit[0]), min(best[1], limit[1])

    def _floored(self, h: Pair, aim: Aim) -> Pair:
        floor = self.floors if aim == "each" else (max(self.floors), max(self.floors))
        return max(h[0], floor[0]), max(h[1], floor[1])


def _step_of(choices: Choices, step: int) -> tuple[int, int, int]:
    """Of a step: degree of the polynomial, order of the derivative, and degree of the polynomial that shows the bias."""
    p, q = choices.degree, choices.bias_degree
    return ((q + 1, q + 1, q + 2), (q, p + 1, q + 1), (p, 0, q))[step]


def _floors(sides: tuple[Side, Side], choices: Choices) -> Pair:
    """Least bandwidth of each side where the running variable has mass points; 0 otherwise."""
    if choices.mass_points == "off" or not any(s.heaped for s in sides):
        return 0.0, 0.0
    return sides[0].distance(FEWEST_DISTINCT) * (1 + HAIR), sides[1].distance(FEWEST_DISTINCT) * (1 + HAIR)


def _fit(near: Side, degree: int, h: float, choices: Choices) -> LocalFit:
    if near.distinct < degree + 1:
        raise EstimationError(
            f"No bandwidth can be chosen: a pilot reaches {counted(near.distinct, 'different value')} of the running variable on one side, "
            f"and a polynomial of degree {degree} needs {degree + 1}. Name a bandwidth (`bandwidth: <number>`) or lower `degree`."
        )
    return LocalFit.of(near, degree, h, choices)


def _at_pilot(near: Side, step: int, h: float, choices: Choices, fuzzy: bool) -> _AtPilot:
    degree, order, _ = _step_of(choices, step)
    fit = _fit(near, degree, h, choices)
    target = _target(fit, order, fuzzy)
    lift = fit.lift(order)
    spread = variance(lift, fit.residuals(choices) @ target, fit.side.clusters, degree + 1)
    if not np.isfinite(spread):
        raise EstimationError(
            f"No bandwidth can be chosen: within {plain(round(h, 6))} standard deviations of the threshold one side has a single cluster, "
            "or the exposure does not vary. Name a bandwidth, or a cluster column with more values."
        )
    constant = float(h**order * (lift @ (fit.side.x / h) ** (degree + 1)))
    return _AtPilot(spread, constant, target)


def _target(fit: LocalFit, order: int, fuzzy: bool) -> Floats:
    """What the target adds up of the columns: the outcome, less covariates, over the exposure's coefficient."""
    level = fit.coefficients()[order]
    of_outcome, of_exposure = contrasts([fit], fuzzy)
    if of_exposure is None:
        return of_outcome
    factor = float(np.prod(np.arange(1, order + 1)))
    return ratio(factor * level, of_outcome, of_exposure).gradient


def _pieces(side: Side, at: _AtPilot, step: int, h: Pair, regularisation: float, choices: Choices) -> _Pieces:
    """Variance at the pilot h[0] and bias from a polynomial of a higher degree at h[1]."""
    degree, order, wider = _step_of(choices, step)
    higher = _fit(side.within(h[1], choices.kernel), wider, h[1], choices)
    lift = higher.lift(degree + 1)
    curvature = float(lift @ (higher.side.columns @ at.target))
    power = 2 * (degree + 1 - order)
    penalty = 0.0
    if regularisation > 0:
        error = variance(lift, higher.residuals(choices) @ at.target, higher.side.clusters, wider + 1)
        penalty = regularisation * power * 3 * at.constant**2 * error
    bias = np.sqrt(power) * at.constant * curvature
    scaled = (2 * order + 1) * h[0] ** (2 * order + 1) * at.variance
    return _Pieces(scaled, float(bias), penalty, 1 / (2 * degree + 3))


def _best(left: _Pieces, right: _Pieces, aim: Aim) -> Pair:
    """The bandwidth of each side that makes the sum of squared bias and variance least; infinite without any bias."""
    if aim == "each":
        return _least(left.variance, left.bias, left.penalty, left.exponent), _least(
            right.variance, right.bias, right.penalty, right.exponent
        )
    bias = right.bias - left.bias if aim == "difference" else right.bias + left.bias
    h = _least(left.variance + right.variance, bias, left.penalty + right.penalty, left.exponent)
    return h, h


def _least(variance: float, bias: float, penalty: float, exponent: float) -> float:
    """The least of one side; 0, which is none, where nothing varies."""
    if variance <= 0:
        return 0.0
    against = bias**2 + penalty
    return float((variance / against) ** exponent) if against > 0 else float("inf")


def _selected(search: _Search, choices: Choices) -> Bandwidths:
    """Bandwidths of a rule: of one aim, or the smaller or the middle of several."""
    rule = choices.selector.removeprefix("mse").removeprefix("cer")
    alone: dict[str, Aim] = {"rd": "difference", "sum": "sum", "two": "each"}
    if rule in alone:
        return search.run(alone[rule])
    aims: tuple[Aim, ...] = ("difference", "sum") if rule == "comb1" else ("difference", "sum", "each")
    found = [search.run(aim) for aim in aims]
    middle = np.min if rule == "comb1" else np.median
    h, b = (middle([getattr(f, name) for f in found], axis=0) for name in ("h", "b"))
    return Bandwidths((float(h[0]), float(h[1])), (float(b[0]), float(b[1])))


def _shrinkage(left: Side, right: Side, choices: Choices) -> float:
    """By how much the rules for coverage make the bandwidth of the estimate smaller."""
    if not choices.selector.startswith("cer"):
        return 1.0
    p = choices.degree
    return float((left.n_clusters + right.n_clusters) ** (-(p / ((3 + p) * (3 + 2 * p)))))
