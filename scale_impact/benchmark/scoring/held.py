"""The scale held as the cities' own values made it: what a step away from a value is worth in points.

Errors move a score along a straight line through it, with the slope of the scale there. Goalposts, a target and limits
of outliers bound what a value *counts as*, not how surely it is known: a draw cut at a post would take the error from
the cities that stand there, and a range made again in each draw, widened by the noise, from all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from scale_impact.benchmark.cities import Criterion, Floats, Ints
from scale_impact.benchmark.scoring.normalising import aim, limits, normalised, posts, turned
from scale_impact.benchmark.scoring.outliers import Treatment
from scale_impact.benchmark.scoring.recipe import FIXED, Recipe

RANKED = ("rank", "borda", "percentile")
"""Scales that count cities, and so have steps in place of a slope."""


@dataclass(frozen=True)
class Held:
    """Scale and treatment of N cities and K indicators, which nothing that is drawn moves.

    Attributes
    ----------
    treated:
        Values after imputation and treatment [N, K]; NaN where none is known.
    treatment, criteria, recipe:
        What was done; ``criteria`` in the treated unit.
    """

    treated: Floats
    treatment: Treatment
    criteria: Sequence[Criterion]
    recipe: Recipe

    @cached_property
    def scores(self) -> Floats:
        """Scores of the values themselves [N, K]."""
        return normalised(self.treated, self.criteria, self.recipe)

    def errors(self, std_errors: Floats) -> Floats:
        """Points for one standard error upwards [N, K], negative where less is better; 0 where a value has no error."""
        spread = np.where(np.isnan(self.treated) | np.isnan(std_errors), 0.0, std_errors)
        for k in np.flatnonzero(self._logged):
            # normal in logarithms, with the mean and standard error of the value
            spread[:, k] = np.sqrt(np.log1p((spread[:, k] / np.exp(self.treated[:, k])) ** 2))
        if self.recipe.normaliser in RANKED:
            return self._steps(np.nan_to_num(spread))
        return np.nan_to_num(self._slopes * spread)

    def beside(self, rows: Ints, columns: Ints, drawn: Floats) -> Floats:
        """How far imputed values [..., m] at rows and columns [m] lie from the scores there, in points."""
        values = drawn.copy()
        for k in np.flatnonzero(self._logged):
            at = columns == k
            values[..., at] = np.log(np.maximum(values[..., at] + self.treatment.logs[k], self.treatment.least[k]))
        if self.recipe.normaliser not in RANKED:
            return np.asarray(self._slopes[rows, columns] * (values - self.treated[rows, columns]))
        for k in np.unique(columns):
            at = columns == k
            made = turned(values[..., at][..., None], [self.criteria[k]])[..., 0]
            values[..., at] = self._counted(made, k) - self.scores[rows[at], k]
        return values

    @property
    def _logged(self) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        return ~np.isnan(self.treatment.logs)

    @cached_property
    def _turned(self) -> Floats:
        return turned(self.treated, self.criteria)

    @cached_property
    def _slopes(self) -> Floats:
        """Points for a unit of the treated value [N, K], past posts and targets as before them."""
        low, high = {"zscore": (0.0, 1.0), "fraction_of_best": (0.0, limits(self.recipe)[1])}.get(
            self.recipe.normaliser, limits(self.recipe)
        )
        found = (high - low) / self._span() * self._signs()
        if self.recipe.normaliser == "fraction_of_best":
            falling = np.array([c.direction == "-" for c in self.criteria])
            return np.where(falling, -self.scores / self.treated, found)
        return np.asarray(found)

    def _signs(self) -> Floats:
        """Whether more is better where a city stands; a target is approached from both sides."""
        signs = np.ones_like(self.treated)
        for k, criterion in enumerate(self.criteria):
            if criterion.direction == "-":
                signs[:, k] = -1.0
            elif criterion.direction == "target" and criterion.target is not None:
                signs[:, k] = np.where(self.treated[:, k] < criterion.target, 1.0, -1.0)
        return signs

    def _span(self) -> Floats:
        """Treated units between the worst and the best score [K]."""
        if self.recipe.normaliser in FIXED:
            worst, best = posts(self.criteria)
            return np.asarray(np.abs(best - worst))
        if self.recipe.normaliser == "zscore":
            return np.asarray(np.nanstd(self._turned, axis=0, ddof=1))
        if self.recipe.normaliser == "fraction_of_best":
            return np.asarray(np.nanmax(self._turned, axis=0))
        least = np.nanmin(self._turned, axis=0)
        if self.recipe.normaliser == "distance_to_target":
            aims = [
                0.0 if c.direction == "target" else -aim(c) if c.direction == "-" else aim(c) for c in self.criteria
            ]
            return np.asarray(np.array(aims) - least)
        return np.asarray(np.nanmax(self._turned, axis=0) - least)

    def _steps(self, spread: Floats) -> Floats:
        """Points by which a city rises or falls, the more of the two, where its value is a standard error off."""
        found = np.zeros_like(spread)
        for k in range(spread.shape[1]):
            at = np.flatnonzero(spread[:, k] > 0)
            there, off = self._turned[at, k], spread[at, k]
            up, down = (self._counted(there + way * off, k) - self.scores[at, k] for way in (1, -1))
            found[at, k] = np.maximum(up, -down)
        return found * self._signs()

    def _counted(self, values: Floats, k: int) -> Floats:
        """Scores of turned values among the cities' own, on straight lines between these."""
        known = ~np.isnan(self._turned[:, k])
        there, first = np.unique(self._turned[known, k], return_index=True)
        return np.asarray(np.interp(values, there, self.scores[known, k][first]))
