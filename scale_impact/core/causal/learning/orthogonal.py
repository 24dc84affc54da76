"""Orthogonal scores: averages, and lines through them, that errors of the nuisances move only in second order.

Every estimate here is a ratio of sums over rows, sum b / sum a, whose error is the mean of (b - a estimate) / mean(a), or a difference of
two; errors are summed within clusters. With a = v^2, b = v u (residuals of exposure and outcome) it is the partially linear model, with
a = 1 and the doubly robust score the average effect; residuals of the treated less those of controls like them are the effect on the
treated.

Sources: Robinson (1988); Chernozhukov et al. (2018), sections 4.1 and 5.1; Chang (2020), section 2; Sant'Anna and Zhao (2020),
equation 3.1; Chiang, Kato, Ma and Sasaki (2022) for clusters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scale_impact.core.causal.by_cluster import sums_by
from scale_impact.core.causal.cross_section import Floats, Ints


@dataclass(frozen=True, eq=False)
class Averages:
    """K estimates and their covariance [K, K]."""

    values: Floats
    covariance: Floats

    @property
    def variances(self) -> Floats:
        """The K squared standard errors."""
        return np.asarray(np.diag(self.covariance).copy())


@dataclass(frozen=True, eq=False)
class Sums:
    """What is summed above and below the line, [n] each, and what is taken off that ratio (``less``)."""

    above: Floats
    below: Floats
    less: Sums | None = None

    def ratios(self, inside: Floats) -> tuple[Floats, Floats]:
        """Estimates [K] of the rows that columns of ``inside`` [n, K] count, and each row's part in their errors [n, K]."""
        below = self.below[:, None] * inside
        values = self.above @ inside / below.sum(axis=0)
        errors = (self.above[:, None] * inside - below * values) / below.sum(axis=0)
        if self.less is None:
            return values, errors
        off, off_errors = self.less.ratios(inside)
        return values - off, errors - off_errors

    def value(self) -> float:
        """The estimate of all rows."""
        return float(self.ratios(np.ones((len(self.above), 1)))[0][0])


def averages(sums: Sums, inside: Floats, clusters: Ints) -> Averages:
    """Estimates of the rows that columns of ``inside`` [n, K] count, with a covariance robust to dependence within clusters.

    Squared sums are multiplied by C / (C - 1), as for any mean of few clusters; C are those that an estimate rests on.
    """
    values, errors = sums.ratios(inside)
    return Averages(values, _clustered(errors, clusters))


def _clustered(errors: Floats, clusters: Ints) -> Floats:
    """Sum over clusters of the outer products of summed errors [n, K], times C / (C - 1) for the C that say anything."""
    _, codes = np.unique(clusters, return_inverse=True)
    sums = sums_by(codes, errors)
    saying = np.maximum((sums != 0).sum(axis=0), 2)
    small = np.sqrt(saying / (saying - 1))
    return np.asarray(sums.T @ sums * np.outer(small, small))


def partially_linear(outcome: Floats, exposure: Floats) -> Sums:
    """The partially linear model, of residuals of outcome and exposure."""
    return Sums(outcome * exposure, exposure**2)


def doubly_robust(outcome: Floats, exposure: Floats, propensity: Floats, control: Floats, treated: Floats) -> Floats:
    """Scores [n] with the average effect for their mean: what models say, mended by weighted residuals (AIPW)."""
    over = exposure * (outcome - treated) / propensity - (1 - exposure) * (outcome - control) / (1 - propensity)
    return np.asarray(treated - control + over)


def on_the_treated(outcome: Floats, exposure: Floats, propensity: Floats, control: Floats) -> Sums:
    """The effect on the treated: only outcomes without treatment are modelled, controls count by their odds of treatment.

    Weights of controls sum to one (Sant'Anna and Zhao's normalised form): with few controls like the treated a single one could
    otherwise count for more than all.
    """
    rest, odds = outcome - control, (1 - exposure) * propensity / (1 - propensity)
    return Sums(exposure * rest, exposure, less=Sums(odds * rest, odds))


def of_doses(outcome: Floats, exposure: Floats, slope: Floats, variance: Floats) -> Floats:
    """Scores [n] of the effect of one more unit of exposure: a slope, mended by residuals over the exposure's variance.

    ``outcome`` and ``exposure`` are residuals. Source: Graham and Pinto (2022), as in R's grf for doses.
    """
    return np.asarray(slope + exposure * (outcome - slope * exposure) / variance)


# ---- lines -------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Line:
    """A linear effect by context: coefficients [1 + K] (constant first) and their covariance."""

    coefficients: Floats
    covariance: Floats

    def at(self, contexts: Floats) -> tuple[Floats, Floats]:
        """Effects at contexts [m, K] and their standard errors."""
        z = with_constant(contexts)
        return np.asarray(z @ self.coefficients), np.sqrt(np.einsum("ij,jk,ik->i", z, self.covariance, z))


def line(outcome: Floats, exposure: Floats, contexts: Floats, coefficients: Floats, clusters: Ints) -> Line:
    """A line with a covariance that is robust to dependence within clusters (CR1).

    ``coefficients`` solve the least squares of ``outcome`` on ``exposure`` times (1, ``contexts``): residuals for the partially
    linear model; doubly robust scores and ones for the average effect.
    """
    z = exposure[:, None] * with_constant(contexts)
    errors = (z * (outcome - z @ coefficients)[:, None]) @ np.linalg.pinv(z.T @ z)
    n, k = z.shape
    return Line(coefficients, _clustered(errors, clusters) * (n - 1) / max(n - k, 1))


def with_constant(contexts: Floats) -> Floats:
    """Contexts [m, K] with a column of ones before them."""
    return np.column_stack([np.ones(len(contexts)), contexts])


# ---- repeated splits ------------------------------------------------------------------------------


def median_of(found: Sequence[Averages]) -> Averages:
    """The median over repeated splits; its variance is the median of variance plus squared distance from it.

    Correlations between the K estimates are the mean of those of the splits. Source: Chernozhukov et al. (2018), definition 3.3.
    """
    if len(found) == 1:
        return found[0]
    values = np.median([f.values for f in found], axis=0)
    variances = np.median([f.variances + (f.values - values) ** 2 for f in found], axis=0)
    scales = [np.sqrt(np.maximum(f.variances, np.finfo(float).tiny)) for f in found]
    correlation = np.mean([f.covariance / np.outer(s, s) for f, s in zip(found, scales, strict=True)], axis=0)
    return Averages(values, correlation * np.sqrt(np.outer(variances, variances)))
