"""The optimal confidence interval of fixed length where the slope changes by at most M a period.

The estimator is the effect of interest less an extrapolation from the periods before:
``weights @ coefficients``. Its bias must not depend on the slope of the violations, which may be
anything; that fixes one sum. What is left is a trade of variance against bias, and the bias is M
times a sum of absolute values: the estimators worth having lie on the path of a lasso, which is
piecewise linear and can be followed exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.honest.event_study import EventStudy
from scale_impact.core.truncated_normal import folded_quantile

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class FixedLength:
    """An interval ``centre`` +- ``half`` around the estimate ``weights @ coefficients``."""

    centre: float
    half: float
    weights: Floats

    @property
    def interval(self) -> tuple[float, float]:
        """Its two ends."""
        return self.centre - self.half, self.centre + self.half


def fixed_length(study: EventStudy, bound: float, alpha: float) -> FixedLength:
    """The shortest interval of fixed length and level 1 - ``alpha`` for violations in Delta^SD(``bound``).

    The half length of the estimators on the path first falls, then rises (it is convex in bias
    and standard deviation), so that one search finds the shortest.

    Source: Rambachan and Roth (2023), fixed-length confidence intervals; Armstrong and Kolesar (2018).
    """
    from scipy.optimize import minimize_scalar

    weights, biases = frontier(study)
    last = len(weights) - 1

    def half(place: float) -> float:
        chosen, bias = _between(weights, place), float(_between(biases, place))
        return _half(chosen, study.covariance, bound * bias, alpha)

    places = [float(k) for k in range(last + 1)]
    best = min(places, key=half)
    if last:
        ends = max(best - 1, 0.0), min(best + 1, float(last))
        found = minimize_scalar(half, bounds=ends, method="bounded", options={"xatol": 1e-10})
        best = min(best, float(found.x), key=half)
    chosen = _between(weights, best)
    return FixedLength(float(chosen @ study.coefficients), half(best), chosen)


def _between(knots: Floats, place: float) -> Floats:
    """Interpolation between rows: place 1.5 is half way from the second to the third."""
    k = min(int(place), max(len(knots) - 2, 0))
    after = min(k + 1, len(knots) - 1)
    return np.asarray((1 - (place - k)) * knots[k] + (place - k) * knots[after])


def _half(weights: Floats, covariance: Floats, bias: float, alpha: float) -> float:
    sd = float(np.sqrt(weights @ covariance @ weights))
    return folded_quantile(1 - alpha, bias / sd) * sd


def frontier(study: EventStudy) -> tuple[Floats, Floats]:
    """Estimators from least bias to least variance: weights [K, B + P] and bias for M = 1, [K].

    In between both are interpolated.
    """
    base, moves, constant = _estimators(study)
    quadratic = moves.T @ study.covariance @ moves
    path = lasso_path(quadratic, moves.T @ study.covariance @ base)
    return base + path @ moves.T, constant + np.abs(path).sum(axis=1)


def _estimators(study: EventStudy) -> tuple[Floats, Floats, float]:
    """All estimators whose bias does not depend on a slope: ``base + moves @ w``, bias ``constant + |w|_1``.

    A violation is a slope times time plus its second differences m_t times hinges at t. Before
    the reference period (k periods back) the hinge at t is (k - t)+, and w_t is the sum of v_k
    (k - t)+, so that v is the second difference of w.
    """
    before, after = study.n_before, study.n_after
    ahead = np.arange(1, after + 1)
    hinges = np.maximum(ahead[None, :] - np.arange(after)[:, None], 0)
    constant = float(np.abs(hinges @ study.weights).sum())
    back = np.diff(np.eye(before + 2), n=2, axis=0)[:, :-1]  # [v_1..v_B] of [w_0..w_B], w_B and beyond being 0
    whole = np.zeros((before + after, before))
    whole[:before] = back[::-1, :before]
    base = study.whole_weights + whole[:, 0] * float(ahead @ study.weights)
    return base, whole[:, 1:], constant


def lasso_path(quadratic: Floats, linear: Floats) -> Floats:
    """Minimisers of w'Qw / 2 + g'w + penalty |w|_1 at the kinks of their path, from w = 0 to penalty 0, [K, p].

    Source: Osborne, Presnell and Turlach (2000); Efron, Hastie, Johnstone and Tibshirani (2004).
    """
    w = np.zeros(len(linear))
    knots, active = [w], np.zeros(len(linear), dtype=bool)
    penalty, changed = float(np.abs(linear).max(initial=0.0)), -1
    if penalty > 0:
        changed = int(np.abs(linear).argmax())
        active[changed] = True
    while penalty > 0:
        gradient = quadratic @ w + linear
        step = np.zeros_like(w)
        step[active] = np.linalg.solve(quadratic[np.ix_(active, active)], -np.sign(gradient[active]))
        length, event = _next_kink(w, gradient, step, quadratic @ step, penalty, active, changed)
        w, penalty = w + length * step, penalty - length
        if event is not None:
            w[event] = 0.0
            active[event] = not active[event]
        changed = event if event is not None else -1
        knots.append(w)
    return np.array(knots)


def _next_kink(
    w: Floats, gradient: Floats, step: Floats, bend: Floats, penalty: float, active: NDArray[np.bool_], changed: int
) -> tuple[float, int | None]:
    """How far the path is straight, and which coordinate then enters or leaves; None at its end."""
    with np.errstate(divide="ignore", invalid="ignore"):
        leave = np.where(active, -w / step, np.inf)
        enter = np.stack([(penalty - gradient) / (1 + bend), (penalty + gradient) / (1 - bend)])
    enter[:, active] = np.inf
    candidates = np.vstack([leave, enter])
    candidates[:, changed] = np.where(np.abs(candidates[:, changed]) < 1e-9 * penalty, np.inf, candidates[:, changed])
    candidates[~(candidates > 0)] = np.inf
    length = float(candidates.min(initial=np.inf))
    if length >= penalty * (1 - 1e-12):
        return penalty, None
    return length, int(np.argmin(candidates) % len(w))
