"""Gower distance of cities: the weighted mean of differences by variable, each between 0 and 1, over those that are known of both.

    d_ij = sum_k w_k known_ijk d_ijk / sum_k w_k known_ijk,   d_ijk = |x_ik - x_jk| / range_k, or 1 where a group differs

The weights w are those of ``overlap``: variables that tell the same share them. Without that the population of two years counts twice.

Source: Gower (1971) (distance = 1 - similarity; missing values by pairs); Podani (1999) on ranks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scale_impact.benchmark.cities import Floats, Ints
from scale_impact.benchmark.nearness.moments import moments
from scale_impact.benchmark.nearness.overlap import of_all, standing
from scale_impact.benchmark.nearness.variables import Variables


@dataclass(frozen=True)
class Gower:
    """Differences by variable, and what each counts.

    Attributes
    ----------
    x:
        Numbers divided by their range [N, P]; NaN where not known.
    codes:
        Groups [N, G]; -1 where not known.
    weights:
        Of the variables [P + G]; they sum to 1.
    least:
        Share of the weights that two cities' common knowledge must have; pairs below it have no distance.
    """

    x: Floats
    codes: Ints
    weights: Floats
    least: float

    slack = 1e-14

    def rough(self, rows: Ints, others: Ints) -> Floats:
        """Distances [b, n]; infinite where too little is known of both."""
        total = np.zeros((len(rows), len(others)))
        one, p = np.empty_like(total), self.x.shape[1]
        there = np.column_stack([~np.isnan(self.x), self.codes >= 0])
        for k, w in enumerate(self.weights):
            if k < p:
                np.abs(np.subtract(w * self.x[rows, k][:, None], w * self.x[others, k], out=one), out=one)
            else:
                np.multiply(self.codes[rows, k - p][:, None] != self.codes[others, k - p], w, out=one)
            one[~there[rows, k]] = 0.0
            if not there[others, k].all():
                one[:, ~there[others, k]] = 0.0
            total += one
        return total if there.all() else self._of_known(total, (there[rows] * self.weights) @ there[others].T)

    def _of_known(self, total: Floats, known: Floats) -> Floats:
        """Sums of differences by the weight of what is known of both; infinite where that is too little."""
        enough = (known >= self.least - 1e-12) & (known > 0)
        return np.where(enough, total / np.where(enough, known, 1.0), np.inf)

    def exact(self, rows: Ints, others: Ints) -> Floats:
        """Distances of cities [b] to others of their own [b, c]."""
        total, known = np.zeros(others.shape), np.zeros(others.shape)
        for k, w in enumerate(self.weights):
            apart = self._of(k, rows[:, None], others)
            there = ~np.isnan(apart)
            total += np.where(there, w * apart, 0.0)
            known += w * there
        return self._of_known(total, known)

    def parts(self, row: int, others: Ints) -> Floats:
        """Parts of the distances by variable [n, K]."""
        apart = np.column_stack([self._of(k, np.array([row]), others) for k in range(len(self.weights))])
        weight = np.where(np.isnan(apart), 0.0, self.weights)
        known = weight.sum(axis=1, keepdims=True)
        return np.asarray(np.where(np.isnan(apart), 0.0, weight * apart) / np.where(known > 0, known, 1.0), dtype=float)

    def _of(self, k: int, rows: Ints, others: Ints) -> Floats:
        """Differences in one variable, NaN where it is not known of both."""
        p = self.x.shape[1]
        if k < p:
            apart: Floats = np.abs(self.x[rows, k] - self.x[others, k])
            return apart
        first, second = self.codes[rows, k - p], self.codes[others, k - p]
        return np.where((first < 0) | (second < 0), np.nan, first != second)


def gower(variables: Variables, counts: Floats, *, shared: bool, least: float) -> Gower:
    """The distance, from cities that count so often [N]; ``shared`` False: variables count as given, overlap or not."""
    k = len(variables.names)
    drawn = variables.x[counts > 0]
    with np.errstate(all="ignore"):
        width = np.array([np.nanmax(v) - np.nanmin(v) if (~np.isnan(v)).any() else 0.0 for v in drawn.T])
    there = np.append(width > 0, np.ones(len(variables.groups), dtype=bool))
    m = standing(of_all(moments(variables, counts), k)) if shared else np.ones(k)
    weights = m * variables.weights * (there if there.any() else 1.0)
    scaled = variables.x / np.where(width > 0, width, 1.0)
    return Gower(scaled, variables.codes, weights / weights.sum(), least)
