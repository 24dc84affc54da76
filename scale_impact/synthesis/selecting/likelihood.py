"""The likelihood of effects that were published with a probability that depends on their p-value.

An effect y_i is normal around the mean with variance s_i^2 + tau^2; it is seen with a probability that is constant between cuts of
the p-value. Relative to the most significant ones (weight 1) the others have weights w_j:

    log L = sum_i [ log w(p_i) + log normal(y_i; mean, s_i^2 + tau^2) - log sum_j w_j P_i(p in interval j) ]

Source: Hedges (1992), equation 7; Vevea and Hedges (1995), equation 6.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Sided = Literal["one-sided", "two-sided"]


@dataclass(frozen=True)
class Seen:
    """What was published.

    Attributes
    ----------
    y, variances:
        Effects, favourable ones high, and their variances [k].
    interval:
        In which interval of p-values each lies [k], 0 the most significant.
    ends:
        Values of an effect beyond which its p-value is below a cut [m, k]: above them, and below -ends where two-sided.
    sided:
        Whose p-values.
    """

    y: Floats
    variances: Floats
    interval: NDArray[np.intp]
    ends: Floats
    sided: Sided

    @property
    def counts(self) -> NDArray[np.intp]:
        """Effects in each interval [m + 1]."""
        return np.bincount(self.interval, minlength=len(self.ends) + 1)


def seen(y: Floats, variances: Floats, cuts: list[float], sided: Sided) -> Seen:
    """Sort effects by their p-values; a p-value at a cut counts as below it."""
    from scipy import special

    errors = np.sqrt(variances)
    tails = np.asarray(cuts) / (1 if sided == "one-sided" else 2)
    p = special.ndtr(-y / errors) if sided == "one-sided" else 2 * special.ndtr(-abs(y) / errors)
    return Seen(y, variances, np.searchsorted(np.asarray(cuts), p), -special.ndtri(tails)[:, None] * errors, sided)


def value_and_slope(of: Seen, theta: Floats) -> tuple[float, Floats]:
    """Log-likelihood and its derivatives at theta: mean, tau^2, then the logarithm of each weight but the first."""
    mean, tau2, weights = theta[0], theta[1], np.r_[1.0, np.exp(theta[2:])]
    total = of.variances + tau2
    residual = of.y - mean
    below, by_mean, by_tau2 = _shares(of, mean, total)
    drops = weights[:-1] - weights[1:]
    area = weights[-1] + drops @ below
    value = np.log(weights[of.interval]).sum() - 0.5 * (np.log(2 * np.pi * total) + residual**2 / total).sum()
    slope = np.empty_like(theta)
    slope[0] = (residual / total).sum() - (drops @ by_mean / area).sum()
    slope[1] = 0.5 * ((residual**2 / total - 1) / total).sum() - (drops @ by_tau2 / area).sum()
    # the share between cuts j - 1 and j; the last reaches to 1
    share = np.diff(np.vstack([below, np.ones_like(area)]), axis=0)
    slope[2:] = of.counts[1:] - weights[1:] * (share / area).sum(axis=1)
    return float(value - np.log(area).sum()), slope


def _shares(of: Seen, mean: float, total: Floats) -> tuple[Floats, Floats, Floats]:
    """Probability that a p-value is below each cut [m, k], and its derivatives by mean and tau^2."""
    from scipy import special

    scale = np.sqrt(total)
    up = (of.ends - mean) / scale
    dense = _density(up)
    below, by_mean, by_tau2 = special.ndtr(-up), dense / scale, dense * up / (2 * total)
    if of.sided == "one-sided":
        return below, by_mean, by_tau2
    low = (-of.ends - mean) / scale
    dense = _density(low)
    return below + special.ndtr(low), by_mean - dense / scale, by_tau2 - dense * low / (2 * total)


def _density(z: Floats) -> Floats:
    found: Floats = np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi)
    return found


def information(of: Seen, theta: Floats, free: NDArray[np.intp]) -> Floats:
    """Observed information of the free parameters: minus the derivative of the slope, by central differences of fourth order."""
    found = np.empty((len(free), len(free)))
    for column, at in enumerate(free):
        step = np.zeros_like(theta)
        step[at] = 1e-3 * max(abs(theta[at]), 0.1)
        if at == 1:
            step[at] = min(step[at], 0.4 * theta[at])
        near = value_and_slope(of, theta + step)[1] - value_and_slope(of, theta - step)[1]
        far = value_and_slope(of, theta + 2 * step)[1] - value_and_slope(of, theta - 2 * step)[1]
        found[:, column] = -(8 * near - far)[free] / (12 * step[at])
    half: Floats = (found + found.T) / 2
    return half
