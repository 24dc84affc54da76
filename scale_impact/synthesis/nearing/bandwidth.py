"""How far from a city pilots still count: the bandwidth, by a rule that is said.

``leave_one_out``: each pilot is told from the others at several bandwidths (parts and multiples of the median distance of two pilots,
and without end, where all count the same). Errors count by the precision of what was to be told, (y_i - m_-i)^2 / (v_i + tau2). Of the
bandwidths whose mean error is no more above the least than one standard error of the difference, the largest is taken: what few pilots
seem to say by chance does not decide. An infinite bandwidth is an answer: context does not tell these pilots' effects apart.

``median``: the median distance of two pilots.

Source: Fan and Gijbels (1996), section 4.3 (cross-validation); Breiman, Friedman, Olshen and Stone (1984), section 3.4.3 (the rule of
one standard error); Garreau, Jitkrittum and Kanagawa (2017) on the median.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.words import counted, number
from scale_impact.synthesis.nearing.local import Kernel, kernels

Floats = NDArray[np.float64]
Rule = Literal["leave_one_out", "median"]

TIMES = (0.25, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8, math.inf)
"""Multiples of the median distance that are tried."""

LEAST = 5
"""Pilots from which on leaving one out says something; of fewer the median distance is taken."""


@dataclass(frozen=True)
class Bandwidth:
    """How far pilots count.

    Attributes
    ----------
    value:
        In units of the distance; infinite where all pilots count the same.
    rule:
        How it was found, in a sentence.
    tried:
        Bandwidths tried, smallest first; empty where none were.
    errors:
        Root mean squared error of telling each pilot from the others, in standard deviations of what was to be told, by ``tried``.
    """

    value: float
    rule: str
    tried: tuple[float, ...] = ()
    errors: tuple[float, ...] = ()

    @property
    def gain(self) -> float | None:
        """Share by which similarity made the error of telling a pilot smaller than that of the plain mean; None where not known."""
        if not self.errors or not math.isinf(self.tried[-1]) or not self.errors[-1]:
            return None
        return 1 - self.errors[self.tried.index(self.value)] / self.errors[-1] if self.value in self.tried else None


def choose(asked: float | Rule, among: Floats, effects: Floats, variances: Floats, kernel: Kernel) -> Bandwidth:
    """The bandwidth asked for, or the one that a rule gives.

    Parameters
    ----------
    asked:
        A number, or a rule.
    among:
        Distances between pilots [k, k]; NaN where not known.
    effects, variances:
        Of the pilots [k]; ``variances`` with the variance between cities.
    """
    if not isinstance(asked, str):
        return Bandwidth(float(asked), _given(float(asked)))
    there = np.flatnonzero(np.isfinite(among).any(axis=1))
    apart = among[np.ix_(there, there)][np.triu_indices(len(there), 1)]
    apart = apart[np.isfinite(apart)]
    middle = float(np.median(apart)) if len(apart) else 0.0
    if not middle > 0:
        middle = float(apart[apart > 0].min()) if (apart > 0).any() else 0.0
    if not middle > 0:
        why = "there are no two pilots" if not len(apart) else "the pilots are alike in all that is compared"
        return Bandwidth(math.inf, f"All pilots count the same: {why}.")
    few = len(there) < LEAST
    if asked == "median" or few:
        but = (
            f" ({counted(len(there), 'pilot')} {'is' if len(there) == 1 else 'are'} too few to leave one out)"
            if few and asked != "median"
            else ""
        )
        return Bandwidth(middle, f"The bandwidth is {number(middle)}, the median distance of two pilots{but}.")
    at = np.ix_(there, there)
    return _by_leaving_out(middle, among[at], effects[there], variances[there], kernel)


def _given(value: float) -> str:
    if math.isinf(value):
        return "All pilots count the same: the bandwidth was set to be infinite."
    return f"The bandwidth is {number(value)}, as it was set."


def _by_leaving_out(middle: float, among: Floats, effects: Floats, variances: Floats, kernel: Kernel) -> Bandwidth:
    tried = [t * middle for t in TIMES]
    precision = 1 / np.where(variances > 0, variances, variances.max() or 1.0)
    squares = np.array([_left_out(among, h, kernel, effects, precision) for h in tried])
    whole = np.isfinite(squares).all(axis=1)  # a kernel that ends may leave a pilot without others
    tried, squares = [h for h, w in zip(tried, whole, strict=True) if w], squares[whole]
    best = int(squares.mean(axis=1).argmin())
    more = squares - squares[best]
    error = more.std(axis=1, ddof=1) / math.sqrt(len(effects))
    fit = np.flatnonzero(more.mean(axis=1) <= error + 1e-12 * squares[best].mean())
    chosen = int(fit.max())
    errors = tuple(np.sqrt(squares.mean(axis=1)).tolist())
    return Bandwidth(tried[chosen], _told(tried[chosen], errors[chosen], errors[-1]), tuple(tried), errors)


def _left_out(among: Floats, h: float, kernel: Kernel, effects: Floats, precision: Floats) -> Floats:
    """Squared errors of telling each pilot from the others [k], in units of its variance; NaN where no other counts."""
    apart = among.copy()
    np.fill_diagonal(apart, np.nan)
    weights = np.array([kernels(row, h, kernel) for row in apart]) * precision
    total = weights.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        told = weights @ effects / total
    return np.asarray((effects - told) ** 2 * precision)


def _told(h: float, error: float, plain: float) -> str:
    if math.isinf(h):
        return (
            "All pilots count the same: leaving out one pilot after the other, similar pilots did not tell its effect better than the mean of "
            "all, by more than chance would."
        )
    return (
        f"The bandwidth is {number(float(f'{h:.3g}'))}: leaving out one pilot after the other, pilots weighted so missed its effect by "
        f"{100 * (1 - error / plain):.0f} % less than the mean of all."
    )
