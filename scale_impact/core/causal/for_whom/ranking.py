"""Rank-weighted average effects: does a ranking of who benefits hold out of sample?

TOC(u) is the mean effect among the share u with the highest predicted effects, less the mean effect of all. The area under
it (AUTOC) weighs the very first more; the area weighted by u (QINI) counts all shares by their size. Both are 0 where the
ranking says nothing. Each fold's rows are ranked by predictions of models that never saw them, and ranked among themselves:
predictions of different folds are on different scales. The standard error is that of the influence function, with the part
of a row's effect on other rows' ranks; its variance is counted twice, see ``calibration``. Shares of the treated are counted by
learned probabilities, which are taken as given there.

Source: Yadlowsky, Fleming, Shah, Brunskill and Wager (2025), definitions 1 to 3 and section 3.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from scale_impact.core.causal.by_cluster import sums_by
from scale_impact.core.causal.for_whom.calibration import reuse, steps
from scale_impact.core.causal.for_whom.projection import FLAT, Floats, Ints, Scored
from scale_impact.errors import EstimationError

Target = Literal["AUTOC", "QINI"]

SHARES = tuple(round(0.05 * k, 2) for k in range(1, 21))
"""Shares at which the curve is told."""

NORMAL_AUTOC = 0.903197
"""AUTOC of normally distributed effects with standard deviation 1 that are ranked without error: the mean hazard of a normal."""


@dataclass(frozen=True, eq=False)
class Ranking:
    """A rank-weighted average effect, and the curve behind it.

    Attributes
    ----------
    target:
        ``AUTOC`` or ``QINI``.
    value, std_error:
        The average and its error (variance counted twice); ``plain_error`` takes predictions as given.
    shares, toc, toc_errors:
        The curve: the effect among the first share less that of all, and errors with thresholds taken as given.
    """

    target: Target
    value: float
    std_error: float
    plain_error: float
    shares: tuple[float, ...]
    toc: Floats
    toc_errors: Floats
    df: int

    @property
    def p_value(self) -> float:
        """One-sided: the ranking says nothing, or the wrong thing."""
        from scipy import special

        return float(special.stdtr(self.df, -self.value / self.std_error))

    def detectable(self, alpha: float, power: float) -> float:
        """Standard deviation of normal effects that would have been noticed, were they ranked without error (AUTOC)."""
        return steps(alpha, power, self.df) * self.std_error / NORMAL_AUTOC


def ranked(rows: Scored, target: Target = "AUTOC") -> Ranking:
    """The rank-weighted average effect of predictions.

    Raises
    ------
    EstimationError
        All rows of each fold have the same prediction.
    """
    if np.abs(rows.deviation).max() <= FLAT * (np.abs(rows.cate).max() + 1e-300):
        raise EstimationError("The estimator predicts the same effect for everybody: there is no ranking to be tested.")
    rows = replace(rows, scores=rows.mended(rows.average))
    pulls, curve, value = np.empty(len(rows)), np.empty((len(rows), len(SHARES))), 0.0
    toc = np.zeros(len(SHARES))
    for fold in range(int(rows.folds.max()) + 1):
        at = np.flatnonzero(rows.folds == fold)
        share = float(rows.weight[at].sum() / rows.weight.sum())
        sorted_ = _Sorted.of(rows.take(at))
        mine, pull = sorted_.average(target)
        points, bends = sorted_.curve(SHARES)
        scale = float(rows.weight[at].mean())
        value, pulls[at], curve[at] = value + share * mine, scale * pull, scale * bends
        toc += share * points
    plain = _errors(pulls[:, None], rows)[0]
    errors = _errors(curve, rows) * np.sqrt(reuse(rows))
    return Ranking(
        target, value, float(plain * np.sqrt(reuse(rows))), float(plain), SHARES, toc, errors, rows.n_clusters - 1
    )


def _errors(pulls: Floats, rows: Scored) -> Floats:
    """Standard errors [K] of means whose influence is ``pulls`` [n, K]."""
    sums = sums_by(rows.clusters, pulls) / rows.weight.sum()
    return np.asarray(np.sqrt((sums**2).sum(axis=0) * rows.n_clusters / (rows.n_clusters - 1)))


@dataclass(frozen=True, eq=False)
class _Sorted:
    """One fold's rows from the highest prediction to the lowest, weights with mean 1, scores less their mean effect.

    ``reach`` is the share of weight up to and with a row, ``ties`` numbers rows with one prediction alike, ``back`` is the place of
    each row as it came.
    """

    scores: Floats
    weight: Floats
    reach: Floats
    ties: Ints
    back: Ints

    @classmethod
    def of(cls, rows: Scored) -> _Sorted:
        order = np.lexsort((rows.weight, -rows.cate))
        scale = float(rows.weight.mean())
        weight, scores = rows.weight[order] / scale, rows.scores[order] / scale
        ties = np.unique(-rows.cate[order], return_inverse=True)[1]
        reach = np.cumsum(weight) / len(order)
        return cls(scores - weight * scores.mean(), weight, reach, ties, np.argsort(order, kind="stable"))

    def average(self, target: Target) -> tuple[float, Floats]:
        """The area, and what each row (as it came) pulls at it."""
        n = len(self.weight)
        heights = self.weight / self.reach if target == "AUTOC" else self.weight
        places = self.alike(np.cumsum(heights[::-1])[::-1] / n)  # how often a score counts, up to a constant
        value = float(np.mean(self.scores * places))
        steep = self._smoothed() / (self.reach if target == "AUTOC" else 1.0) / n
        moved = float(steep @ self.reach) - self.alike(
            np.cumsum(steep[::-1])[::-1]
        )  # what a row does to the ranks of others
        pull = self.scores * (places - self.weight @ places / n) + self.weight * (moved - value)
        return value, np.asarray(pull[self.back])

    def curve(self, shares: tuple[float, ...]) -> tuple[Floats, Floats]:
        """TOC at shares [S], and what each row pulls at it [n, S], with thresholds taken as given."""
        width = self.weight / len(self.weight)
        cut = (np.array(shares) - (self.reach - width)[:, None]) / width[:, None]
        inside = np.column_stack([self.alike(c) for c in np.clip(cut, 0.0, 1.0).T]) / np.array(shares)
        values = self.scores @ inside / len(self.weight)
        pulls = inside * (self.scores[:, None] - self.weight[:, None] * values) - self.scores[:, None]
        return values, pulls[self.back]

    def alike(self, values: Floats) -> Floats:
        """Values [n], weighted means among rows with one prediction."""
        return np.asarray(
            (np.bincount(self.ties, self.weight * values) / np.bincount(self.ties, self.weight))[self.ties]
        )

    def _smoothed(self) -> Floats:
        """Scores, of rows with one prediction their mean."""
        return self.weight * self.alike(self.scores / self.weight)
