"""Cohort and period effects over any set of cohort x period cells, from cohort moments.

``within.two_way`` is for balanced panels. Here cells may be missing: the untreated cells
alone, a window of periods, or repeated cross-sections, where cohort effects stand in for unit
effects.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.cohorts import Cohorts, Floats, Scores
from scale_impact.core.fixed_effects import independent_rows


@dataclass(frozen=True)
class Regression:
    """Coefficients of P regressors with scores and weights.

    Attributes
    ----------
    coefficients:
        Length P.
    scores:
        Their scores, without small-sample correction.
    weights:
        [P, G, T] on the cohorts' mean paths.
    """

    coefficients: Floats
    scores: Scores
    weights: Floats


@dataclass(frozen=True, eq=False)
class TwoWay:
    """Cohort and period effects by least squares over some cells.

    In a panel these are also the unit effects: units of a cohort are observed in the same cells,
    so that for regressors that are functions of cohort and period both leave the same.

    Attributes
    ----------
    counts:
        Observations of each cell, [G, T]; 0 where the cell is not used.
    """

    counts: Floats

    @cached_property
    def cohorts(self) -> Floats:
        """Observations of each cohort in the cells used, [G]."""
        return np.asarray(self.counts.sum(axis=1))

    @cached_property
    def periods(self) -> Floats:
        """Observations of each period in the cells used, [T]."""
        return np.asarray(self.counts.sum(axis=0))

    @cached_property
    def linked(self) -> NDArray[np.bool_]:
        """Cells [G, T] whose cohort and period effects add up to a number that the cells used tell."""
        cohorts, periods = self.parts
        return np.asarray((cohorts[:, None] == periods) & (cohorts >= 0)[:, None])

    @cached_property
    def share(self) -> Floats:
        """Each period's share of its cohort's observations, [G, T]."""
        return np.asarray(self.counts / np.maximum(self.cohorts, 1)[:, None])

    @cached_property
    def inverse(self) -> Floats:
        """Inverse normal equations of the period effects, cohort effects taken out, [T, T].

        The effects of each connected part are told up to a constant; the part's sum is fixed.
        """
        _, part = self.parts
        normal = np.diag(np.where(self.periods > 0, self.periods, 1.0)) - self.counts.T @ self.share
        same = (part[:, None] == part) & (part >= 0)
        size = self.periods.sum() / max(int((part >= 0).sum()), 1) ** 2
        return np.asarray(np.linalg.inv(normal + size * same))

    def effects(self, cohorts: Floats, periods: Floats) -> tuple[Floats, Floats]:
        """Solve the normal equations for right-hand sides [K, G] and [K, T]: effects [K, G] and [K, T]."""
        b = (periods - cohorts @ self.share) @ self.inverse
        a = (cohorts - b @ self.counts.T) / np.maximum(self.cohorts, 1)
        return a, b

    def fitted(self, x: Floats) -> Floats:
        """Cohort and period effects of ``x`` [K, G, T], added up for each cell."""
        total = x * self.counts
        a, b = self.effects(total.sum(axis=2), total.sum(axis=1))
        return np.asarray(a[:, :, None] + b[:, None, :])

    def regress(self, moments: Cohorts, regressors: Floats) -> Regression:
        """Least squares with cohort and period effects over the cells used; ``regressors`` is [P, G, T], full rank."""
        x = self.residual(regressors)
        bread = np.linalg.inv(np.einsum("gt,pgt,qgt->pq", self.counts, x, x, optimize=True))
        loadings = np.tensordot(bread, x, 1)
        weights = loadings * self.counts
        coefficients = np.einsum("pgt,gt->p", weights, moments.paths)
        rest = self.residual(moments.paths[None])[0] - np.tensordot(coefficients, x, 1)
        offsets = loadings * rest
        return Regression(coefficients, Scores(loadings, offsets.sum(axis=2) if moments.followed else offsets), weights)

    def residual(self, x: Floats) -> Floats:
        """``x`` [K, G, T] without its cohort and period effects; 0 in cells that are not used."""
        return np.asarray((x - self.fitted(x)) * (self.counts > 0))

    def independent(self, regressors: Floats, order: NDArray[np.int64]) -> NDArray[np.int64]:
        """Positions of regressors that are not combinations of those before them in ``order``."""
        if not len(regressors):
            return order
        x = self.residual(regressors) * np.sqrt(self.counts)
        scale = np.sqrt((regressors**2 * self.counts).sum(axis=(1, 2)))
        flat = x.reshape(len(x), -1)
        flat[np.linalg.norm(flat, axis=1) <= 1e-9 * scale] = 0.0  # explained by the effects, up to rounding
        return independent_rows(flat, order)

    @cached_property
    def parts(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The connected part of each cohort and each period; -1 where it has no cell."""
        on = self.counts > 0
        cohorts = np.where(on.any(axis=1), 0, -1)
        periods = np.where(on.any(axis=0), 0, -1)
        if (on.sum(axis=1) == (periods == 0).sum()).any():  # a cohort with all periods links everything
            return cohorts, periods
        reached = (on.T @ on) | np.eye(on.shape[1], dtype=bool)
        while (more := reached @ reached).sum() > reached.sum():
            reached = more
        periods[periods == 0] = reached.argmax(axis=1)[periods == 0]  # named by their first period
        cohorts[cohorts == 0] = periods[on.argmax(axis=1)][cohorts == 0]
        return cohorts, periods
