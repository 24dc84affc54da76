"""How much more often favourable results would have to be published for the mean to vanish: the S-value.

Results that are favourable and significant were published r times as often as others. Each of the others then stands for r studies,
and the mean is what it would be with all of them:

    mean(r) = sum_i r_i w_i y_i / sum_i r_i w_i,    r_i = 1 (favourable, significant) or r,    w_i = 1 / (s_i^2 + tau^2)

The worst case is a mean of the others alone. No model of the effects' distribution is needed, and r is not estimated but asked for.

Source: Mathur and VanderWeele (2020), Sensitivity analysis for publication bias in meta-analyses, JRSS C 69, section 4; worst case:
section 3.3. Andrews and Kasy (2019) treat the same selection.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.city_effects import CityEffects
from scale_impact.core.words import some
from scale_impact.synthesis.selecting.regressions import nothing, reach

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Booleans = NDArray[np.bool_]

MOST = 1e6
"""A ratio that is as good as infinite."""

GRID = np.geomspace(1, 200, 60)
"""Ratios of the curve that is drawn."""


@dataclass(frozen=True)
class PublishedMoreOften:
    """The mean under selection by a known ratio.

    Attributes
    ----------
    favourable, others:
        How many effects are favourable and significant, and how many are not.
    ratios, mean, low, high:
        Ratios [n], and the mean with its interval under each.
    worst, worst_low, worst_high:
        The mean of the others alone; the ends are NaN where there is only one and its error alone tells them.
    to_zero, interval_to_zero, to_target:
        The ratio at which the mean is zero, its interval reaches zero, the mean is at the target; infinite where no ratio does
        it, 1 where it is so without any selection, NaN where there is no target or no answer.
    why_not:
        Why there is no answer.
    notes:
        How the errors were taken.
    """

    favourable: int = 0
    others: int = 0
    ratios: Floats = field(default_factory=nothing)
    mean: Floats = field(default_factory=nothing)
    low: Floats = field(default_factory=nothing)
    high: Floats = field(default_factory=nothing)
    worst: float = math.nan
    worst_low: float = math.nan
    worst_high: float = math.nan
    to_zero: float = math.nan
    interval_to_zero: float = math.nan
    to_target: float = math.nan
    why_not: str = ""
    notes: tuple[str, ...] = ()

    def table(self) -> pd.DataFrame:
        """One row a ratio."""
        import pandas as pd

        return pd.DataFrame({"ratio": self.ratios, "mean": self.mean, "low": self.low, "high": self.high})


@dataclass(frozen=True)
class Weighed:
    """Effects with favourable ones high, and what their mean needs.

    Attributes
    ----------
    y, weights, chosen:
        [k]: effects, 1 / (variance + tau^2), and whether favourable and significant.
    clusters:
        [k] numbers of the clusters.
    working:
        [k] variances of a working model: the mean of those in the cluster.
    total:
        [k, k] covariance with tau^2, where errors of different clusters are related; None where they are not.
    level:
        Of the interval.
    """

    y: Floats
    weights: Floats
    chosen: Booleans
    clusters: NDArray[np.intp]
    working: Floats
    total: Floats | None
    level: float

    def at(self, ratio: float) -> tuple[float, float, float]:
        """Mean and interval, if the chosen were published so many times as often; infinite: of the others alone."""
        relative = np.where(self.chosen, 0.0, 1.0) if math.isinf(ratio) else np.where(self.chosen, 1.0, ratio)
        w = relative * self.weights
        mean = float(w @ self.y / w.sum())
        error, df = self._error(w[w > 0], np.flatnonzero(w > 0), mean)
        half = reach(self.level, df) * error if df > 0 else math.nan
        return mean, mean - half, mean + half

    def _error(self, w: Floats, rows: NDArray[np.intp], mean: float) -> tuple[float, float]:
        share = w / w.sum()
        if self.total is not None:
            return math.sqrt(float(share @ self.total[np.ix_(rows, rows)] @ share)), float(len(rows) - 1)
        if len(np.unique(self.clusters[rows])) == 1:
            return math.nan, 0.0
        return robust_error(self.y[rows] - mean, share, self.clusters[rows], self.working[rows])


def robust_error(residual: Floats, share: Floats, clusters: NDArray[np.intp], working: Floats) -> tuple[float, float]:
    """Standard error of a weighted mean, robust to clusters (CR2), and its Satterthwaite degrees of freedom.

    ``share``: weights that sum to one; ``working``: variances under which the correction is exact, alike within a cluster.

    Source: Tipton (2015), equations 6 and 9; Pustejovsky and Tipton (2018).
    """
    codes = np.unique(clusters, return_inverse=True)[1]
    spread = float(share**2 @ working)
    adjusted = _adjusted(share, codes, working, spread)
    score, total, own, square = (
        np.bincount(codes, part)
        for part in (adjusted * residual, adjusted, adjusted * share * working, adjusted**2 * working)
    )
    # covariance of the scores under the working model: spread total total' - total own' - own total' + diag(square)
    rest = spread * total - own
    diagonal = total * rest - own * total
    sizes = (total @ total) * (rest @ rest + own @ own) - 2 * (total @ own) * (rest @ total)
    trace = float(diagonal.sum() + square.sum())
    squares = float(sizes + 2 * square @ diagonal + square @ square)
    return math.sqrt(float(score @ score)), trace**2 / squares


def _adjusted(share: Floats, codes: NDArray[np.intp], working: Floats, spread: float) -> Floats:
    """Each weight times the inverse root of its cluster's residual covariance, in units of the working variance [k]."""
    values = 1 - 2 * share + spread / working
    found = share / np.sqrt(np.maximum(values, 1e-12))
    for j in np.flatnonzero(np.bincount(codes) > 1):
        at = np.flatnonzero(codes == j)
        own = np.eye(len(at)) - share[at][None, :] - share[at][:, None] + spread / float(working[at[0]])
        values, vectors = np.linalg.eigh(own)
        root = np.where(values > 1e-12, np.maximum(values, 1e-12) ** -0.5, 0.0)
        found[at] = share[at] @ (vectors * root) @ vectors.T
    return found


def published_more_often(
    effects: CityEffects, sign: int, *, tau2: float, cut: float, target: float | None, level: float
) -> PublishedMoreOften:
    """The S-values of zero and of a target, and the mean over ratios.

    ``cut``: one-sided p-value below which a favourable result is significant. ``sign``: 1 where more is favourable, -1 where less.
    """
    from scipy import special

    if why := _no_answer(effects, tau2):
        return PublishedMoreOften(why_not=why)
    chosen = special.ndtr(-sign * effects.effects / np.sqrt(effects.variances)) <= cut
    counts = int(chosen.sum()), int((~chosen).sum())
    if not all(counts):
        return PublishedMoreOften(*counts, why_not=_one_kind(counts))
    given = _weighed(effects, sign, tau2, chosen, level)
    curve = np.array([given.at(float(r)) for r in GRID])
    worst = given.at(math.inf)
    mean, low, high = (sign * curve[:, c] for c in ((0, 1, 2) if sign == 1 else (0, 2, 1)))
    worst_low, worst_high = (worst[1], worst[2]) if sign == 1 else (-worst[2], -worst[1])
    to_target = math.nan if target is None else ratio_of_mean(given, sign * target)
    return PublishedMoreOften(
        *counts, GRID, mean, low, high, sign * worst[0], worst_low, worst_high, ratio_of_mean(given, 0.0), ratio_of_interval(given, 0.0),
        to_target, "", _notes(given),
    )  # fmt: skip


def _weighed(effects: CityEffects, sign: int, tau2: float, chosen: Booleans, level: float) -> Weighed:
    named = effects.labels if effects.clusters is None else effects.clusters
    clusters = np.unique(np.asarray(named, dtype=str), return_inverse=True)[1]
    sizes = np.bincount(clusters)
    working = (np.bincount(clusters, effects.variances) / sizes)[clusters]
    across = effects.covariance * (clusters[:, None] != clusters[None, :])
    total = effects.covariance + tau2 * np.eye(len(effects)) if across.any() else None
    return Weighed(sign * effects.effects, 1 / (effects.variances + tau2), chosen, clusters, working, total, level)


def _no_answer(effects: CityEffects, tau2: float) -> str:
    exact = [label for label, v in zip(effects.labels, effects.variances, strict=True) if v == 0]
    if exact:
        return f"The standard error of {some(exact)} is 0: that effect has no p-value."
    return "" if math.isfinite(tau2) else "There is no estimate of the variance between cities to weight by."


def _one_kind(counts: tuple[int, int]) -> str:
    if counts[0] == 0:
        return (
            "No effect is favourable and significant: publishing such results more often explains nothing of the mean."
        )
    return "All effects are favourable and significant: what the others would have shown is not known."


def _notes(given: Weighed) -> tuple[str, ...]:
    if given.total is None:
        return ("Interval of the mean by ratio: robust to clusters, CR2 with Satterthwaite's degrees of freedom.",)
    return (
        "Errors are related across clusters: the interval of the mean by ratio is made of their whole covariance, t with k - 1.",
    )


def ratio_of_mean(given: Weighed, to: float) -> float:
    """The ratio at which the mean is so low (equation 4.2 solved for the ratio); 1 where it is already, infinite where never."""
    ahead = given.weights * (given.y - to)
    chosen, others = float(ahead[given.chosen].sum()), float(ahead[~given.chosen].sum())
    if chosen + others <= 0:
        return 1.0
    return math.inf if others >= 0 else chosen / -others


def ratio_of_interval(given: Weighed, to: float) -> float:
    """The smallest ratio at which the lower end of the mean's interval is so low; 1 where it is already, infinite where never."""
    from scipy.optimize import brentq

    def above(log_ratio: float) -> float:
        low = given.at(math.exp(log_ratio))[1]
        return low - to if math.isfinite(low) else -1.0

    if above(0.0) <= 0:
        return 1.0
    found = _first_below(above, np.linspace(0, math.log(MOST), 140))
    if found is None:
        return math.inf
    return math.exp(float(brentq(above, *found, xtol=1e-12)))


def _first_below(above: Callable[[float], float], grid: Floats) -> tuple[float, float] | None:
    """The first step of a grid on which a function falls below zero."""
    last = float(grid[0])
    for at in map(float, grid[1:]):
        if above(at) <= 0:
            return last, at
        last = at
    return None
