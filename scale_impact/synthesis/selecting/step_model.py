"""How much more often significant results were published, and the mean that a selection of this kind would have started from.

Right where what is published depends on the p-value, and effects between cities are normal. Errors are taken as independent: of
related ones the variances are used alone, so that intervals are too narrow.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.words import counted, number
from scale_impact.synthesis.selecting.likelihood import Seen, Sided, information, seen, value_and_slope
from scale_impact.synthesis.selecting.regressions import p_of, reach

Floats = NDArray[np.float64]

BOUND = math.log(1e4)
"""Weights beyond 1 : 10,000 are no estimate: the likelihood rises to its edge."""

STARTS = ((1.0, 0.0), (1.0, -1.5), (0.1, -1.5), (0.1, 0.0), (2.0, -3.0), (1.0, 1.5))
"""Where the search begins: parts of the variance of effects, and log weights."""

SLOPE = 1e-5
"""So steep may the likelihood be at its maximum, in units of the effects' own scale."""


@dataclass(frozen=True)
class StepModel:
    """A fitted selection model.

    Attributes
    ----------
    cuts, sided, counts:
        Cuts of the p-value, whose, and how many effects lie between them [m + 1].
    weights, weight_errors, weight_low, weight_high:
        Probability of publication relative to the most significant results [m + 1], the first is 1 by definition; standard errors,
        and intervals by the profile likelihood (0 or infinite where the data set no limit).
    estimate, std_error, low, high, p_value:
        The mean before selection.
    tau2, tau2_error:
        Variance between cities before selection; the error is NaN where it is 0.
    unselected:
        Mean by maximum likelihood without selection.
    likelihood_ratio, df, test_p:
        Test that all weights are 1.
    converged:
        Whether the maximum was found.
    why_not:
        Why there is no answer; the numbers are NaN then.
    """

    cuts: tuple[float, ...]
    sided: Sided
    counts: tuple[int, ...] = ()
    weights: tuple[float, ...] = ()
    weight_errors: tuple[float, ...] = ()
    weight_low: tuple[float, ...] = ()
    weight_high: tuple[float, ...] = ()
    estimate: float = math.nan
    std_error: float = math.nan
    low: float = math.nan
    high: float = math.nan
    p_value: float = math.nan
    tau2: float = math.nan
    tau2_error: float = math.nan
    unselected: float = math.nan
    likelihood_ratio: float = math.nan
    df: int = 0
    test_p: float = math.nan
    converged: bool = False
    why_not: str = ""


@dataclass(frozen=True)
class Maximum:
    """Where the likelihood is largest: theta as in ``likelihood``, its value, and whether it is a maximum."""

    theta: Floats
    value: float
    converged: bool


def fit(
    y: Floats, variances: Floats, *, cuts: Sequence[float], sided: Sided, least: int, level: float, profile: bool = True
) -> StepModel:
    """Fit the model by maximum likelihood to effects of which high ones are favourable.

    ``least``: so many effects have to lie between any two cuts; with fewer the weights cannot be told. ``profile``: with intervals of
    the weights, which take most of the time; without, they are as wide as can be.

    Source: Vevea and Hedges (1995); with one cut the three-parameter selection model (McShane, Bockenholt and Hansen 2016).
    """
    cuts = tuple(sorted(cuts))
    empty = StepModel(cuts, sided)
    if why := _no_errors(y, variances):
        return replace(empty, why_not=why)
    scale = math.sqrt(float(np.median(variances)))
    given = seen(y / scale, variances / scale**2, list(cuts), sided)
    empty = replace(empty, counts=tuple(int(n) for n in given.counts))
    if given.counts.min() < least:
        return replace(empty, why_not=_too_few(empty, least))
    best, plain = maximum(given), maximum(given, fixed=np.zeros(len(cuts)))
    if not (best.converged and plain.converged):
        return replace(empty, why_not=_no_maximum(best))
    told = _told(empty, given, best, plain, scale, level)
    return _with_intervals(told, given, best, level) if profile else told


def _no_errors(y: Floats, variances: Floats) -> str:
    if not len(y):
        return "There are no effects."
    if (variances == 0).any():
        return "A standard error is 0: that effect has no p-value."
    return ""


def _too_few(of: StepModel, least: int) -> str:
    ends = ", ".join(number(c) for c in of.cuts)
    said = " and ".join(str(n) for n in of.counts)
    return (
        f"There are not enough significant and not significant effects to tell: {said} lie between p = 0, {ends} and 1 "
        f"({of.sided}); each part needs at least {counted(least, 'effect')}."
    )


def _no_maximum(best: Maximum) -> str:
    weights = np.exp(best.theta[2:])
    if (abs(best.theta[2:]) >= 0.99 * BOUND).any():
        return (
            f"The likelihood has no maximum: a weight runs to its edge ({', '.join(number(float(w)) for w in weights)} relative to 1). The "
            "effects do not tell selection from a lower mean with more variance between cities."
        )
    return "The search for the maximum of the likelihood did not converge, from any of its starts."


def maximum(given: Seen, fixed: Floats | None = None) -> Maximum:
    """The largest likelihood; with all log weights fixed, if they are given."""
    m = len(given.ends)
    free = np.arange(2 + (m if fixed is None else 0))
    spread = float(np.var(given.y))
    centre = float(np.average(given.y, weights=1 / (given.variances + spread)))
    found = []
    for part, log_weight in STARTS if fixed is None else STARTS[:1] + STARTS[2:3]:
        weights = np.full(m, log_weight) if fixed is None else fixed
        found.append(_climbed(given, np.r_[centre, part * spread, weights], free))
    return max(found, key=lambda f: f.value)


def profiled(given: Seen, best: Maximum, j: int, log_weight: float) -> float:
    """The largest likelihood with one weight tied: from where the best was, and from there with more variance."""
    free = np.delete(np.arange(len(best.theta)), 2 + j)
    begins = [best.theta.copy(), best.theta.copy()]
    begins[1][1] += float(np.var(given.y))
    for begin in begins:
        begin[2 + j] = log_weight
    return max(_climbed(given, begin, free).value for begin in begins)


def _climbed(given: Seen, begin: Floats, free: NDArray[np.intp]) -> Maximum:
    """A search from one start: bounded quasi-Newton, then Newton's steps to the digit."""
    from scipy.optimize import minimize

    def down(part: Floats) -> tuple[float, Floats]:
        theta = begin.copy()
        theta[free] = part
        value, slope = value_and_slope(given, theta)
        return -value, -slope[free]

    bounds = [(None, None), (0.0, None), *[(-BOUND, BOUND)] * (len(free) - 2)]
    found = minimize(
        down,
        begin[free],
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"maxiter": 500, "ftol": 1e-13, "gtol": 1e-8},
    )
    theta = begin.copy()
    theta[free] = found.x
    theta, ok = _polished(given, theta, free)
    return Maximum(theta, value_and_slope(given, theta)[0], ok)


def _polished(given: Seen, theta: Floats, free: NDArray[np.intp]) -> tuple[Floats, bool]:
    """Newton's steps from near the maximum, and whether it is one: flat, curved down, not at the edge."""
    inner = _inner(given, theta, free)
    for _ in range(20):
        value, slope = value_and_slope(given, theta)
        if np.abs(slope[inner]).max() < 1e-10:
            break
        curve = information(given, theta, inner)
        if not (np.isfinite(curve).all() and np.linalg.eigvalsh(curve)[0] > 0):
            return theta, False
        step = np.zeros_like(theta)
        step[inner] = np.linalg.solve(curve, slope[inner])
        theta = _stepped(given, theta, step, value)
    slope = value_and_slope(given, theta)[1]
    edge = (np.abs(theta[free[2:]]) >= 0.99 * BOUND).any()
    flat = np.abs(slope[inner]).max() < SLOPE * len(given.y)
    return theta, bool(flat and not edge and np.linalg.eigvalsh(information(given, theta, inner))[0] > 0)


def _stepped(given: Seen, theta: Floats, step: Floats, value: float) -> Floats:
    """A step as far as it leads up and leaves the variance positive; none where no part of it does."""
    for _ in range(50):
        if theta[1] + step[1] >= 0 and value_and_slope(given, theta + step)[0] >= value - 1e-12 * abs(value):
            return theta + step
        step = step / 2
    return theta


def _inner(given: Seen, theta: Floats, free: NDArray[np.intp]) -> NDArray[np.intp]:
    """Free parameters that are not held at zero variance between cities."""
    if theta[1] > 1e-9:
        return free
    theta[1] = 0.0
    return free[free != 1] if value_and_slope(given, theta)[1][1] <= 0 else free


def _told(of: StepModel, given: Seen, best: Maximum, plain: Maximum, scale: float, level: float) -> StepModel:
    """The answer in the unit of the effects."""
    from scipy import stats

    theta = best.theta
    inner = _inner(given, theta, np.arange(len(theta)))
    errors = np.full(len(theta), math.nan)
    errors[inner] = np.sqrt(np.diag(np.linalg.inv(information(given, theta, inner))))
    weights = np.exp(theta[2:])
    ratio = max(2 * (best.value - plain.value), 0.0)
    half = reach(level, math.inf) * errors[0]
    return replace(
        of,
        weights=(1.0, *map(float, weights)),
        weight_errors=(0.0, *map(float, weights * errors[2:])),
        weight_low=(1.0, *(0.0 for _ in weights)),
        weight_high=(1.0, *(math.inf for _ in weights)),
        estimate=scale * float(theta[0]),
        std_error=scale * float(errors[0]),
        low=scale * float(theta[0] - half),
        high=scale * float(theta[0] + half),
        p_value=p_of(float(theta[0] / errors[0]), math.inf),
        tau2=scale**2 * float(theta[1]),
        tau2_error=scale**2 * float(errors[1]),
        unselected=scale * float(plain.theta[0]),
        likelihood_ratio=ratio,
        df=len(weights),
        test_p=float(stats.chi2.sf(ratio, len(weights))),
        converged=True,
    )


def _with_intervals(of: StepModel, given: Seen, best: Maximum, level: float) -> StepModel:
    ends = [weight_interval(given, best, j, level) for j in range(len(of.weights) - 1)]
    return replace(of, weight_low=(1.0, *(low for low, _ in ends)), weight_high=(1.0, *(high for _, high in ends)))


def weight_interval(given: Seen, best: Maximum, j: int, level: float) -> tuple[float, float]:
    """Weights that the profile likelihood does not rule out; 0 or infinite where it rules out none on that side."""
    from scipy import stats
    from scipy.optimize import brentq

    drop = 0.5 * float(stats.chi2.ppf(level, 1))
    at = float(best.theta[2 + j])

    def left(log_weight: float) -> float:
        return profiled(given, best, j, log_weight) - best.value + drop

    low = 0.0 if left(-BOUND) > 0 else math.exp(brentq(left, -BOUND, at, xtol=1e-6))
    high = math.inf if left(BOUND) > 0 else math.exp(brentq(left, at, BOUND, xtol=1e-6))
    return low, high
