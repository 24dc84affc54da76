"""Parts of a difference between two indices: how much each indicator and each dimension adds, without a rest.

An index is a generalised mean of dimensions (by way of levels between, where there are any), each a generalised mean of
indicators: g(mean) is the weighted sum of g(x), with g the identity (arithmetic), the logarithm (geometric) or the reciprocal
(harmonic). The difference of two such means is the weighted sum of the differences of their parts, each times a ratio of
secants of g; so down the tree, and all parts add up to the difference exactly.

Source: Vartia (1976), Ideal log-change index numbers, for the geometric mean, where the secant is one over the logarithmic
mean; the other means follow in the same way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scale_impact.benchmark.cities import Floats
from scale_impact.benchmark.scoring.recipe import Mean
from scale_impact.benchmark.scoring.tree import ROOT, Tree, dimension_scores, levels

if TYPE_CHECKING:
    from scale_impact.benchmark.scores import Scores

CLOSE = 1e-7
"""Two values nearer than this share of their size have the slope of g between them in place of the secant."""

G: dict[str, tuple[Callable[[Floats], Floats], Callable[[Floats], Floats]]] = {
    "arithmetic": (lambda x: x, lambda x: np.ones_like(x)),
    "geometric": (np.log, lambda x: 1 / x),
    "harmonic": (lambda x: -1 / x, lambda x: 1 / x**2),
}
"""Of each mean: the function whose weighted sum it keeps, and the slope of that function."""


@dataclass(frozen=True)
class Index:
    """How indicators become an index.

    Attributes
    ----------
    tree:
        What stands below what.
    weights, dimension_weights:
        Of indicators, summing to 1 within each dimension [K], and of dimensions, summing to 1 [D].
    within, across:
        The mean of a dimension's indicators, and of the dimensions and the levels above.
    """

    tree: Tree
    weights: Floats
    dimension_weights: Floats
    within: Mean
    across: Mean

    @classmethod
    def of(cls, scores: Scores) -> Index:
        """How these scores came about."""
        return cls(
            scores.tree, scores.weights, scores.dimension_weights, scores.recipe.aggregation, scores.recipe.upper
        )

    @property
    def has_parts(self) -> bool:
        """Whether differences have parts that add up: Copeland's count of the beaten has none."""
        return "copeland" not in (self.within, self.across)

    def dimensions(self, scores: Floats) -> Floats:
        """Scores of dimensions [N, D] of those of indicators [N, K]."""
        return dimension_scores(scores, self.weights, self.tree, self.within)

    def nodes(self, scores: Floats) -> dict[str, Floats]:
        """Scores [N] of dimensions and of all levels above, by name, of those of indicators [N, K]."""
        dims = self.dimensions(scores)
        found = {d: dims[:, k] for k, d in enumerate(self.tree.dimensions)}
        return found | levels(dims, self.dimension_weights, self.tree, self.across)

    def parts(self, then: Floats, now: Floats) -> tuple[Floats, Floats]:
        """What each indicator [N, K] and each dimension [N, D] adds to the difference of the index, in its points.

        An indicator that is not known (NaN) in one of the two states adds nothing; the states should know the same ones.
        """
        by_indicator, by_dimension = self.slopes(then, now)
        gained = self.dimensions(now) - self.dimensions(then)
        return np.nan_to_num(by_indicator * (now - then)), np.nan_to_num(by_dimension * gained)

    def slopes(self, then: Floats, now: Floats) -> tuple[Floats, Floats]:
        """Points of the index for a point of an indicator [N, K] and of a dimension [N, D], between two states."""
        nodes = self.nodes(then), self.nodes(now)
        steep = {ROOT: np.ones(len(then))}
        for node, below in reversed(list(self.tree.children.items())):  # from the index down
            children = [np.stack([known[c] for c in below], axis=1) for known in nodes]
            share = np.array([self.dimension_weights[self.tree.leaves(c)].sum() for c in below])
            down = steep[node][:, None] * _slopes(self.across, share, *children, *(known[node] for known in nodes))
            steep |= {c: down[:, k] for k, c in enumerate(below)}
        by_dimension = np.stack([steep[d] for d in self.tree.dimensions], axis=1)
        return by_dimension[:, self.tree.belongs] * self.inner(then, now), by_dimension

    def inner(self, then: Floats, now: Floats) -> Floats:
        """Points of its dimension for a point of an indicator [N, K], between two states."""
        dims = self.dimensions(then), self.dimensions(now)
        found = np.empty(then.shape)
        for k in range(len(self.tree.dimensions)):
            m = np.flatnonzero(self.tree.belongs == k)
            found[:, m] = _slopes(self.within, self.weights[m], then[:, m], now[:, m], dims[0][:, k], dims[1][:, k])
        return found


def _slopes(kind: Mean, weights: Floats, a: Floats, b: Floats, mean_a: Floats, mean_b: Floats) -> Floats:
    """Points of a mean for a point of what it is made of [N, C]; what is not known shares its weight among the others."""
    known = ~(np.isnan(a) | np.isnan(b))
    with np.errstate(invalid="ignore", divide="ignore"):
        share = known * weights / (known @ weights)[:, None]
        found: Floats = share * secant(kind, a, b) / secant(kind, mean_a, mean_b)[:, None]
    return found


def secant(kind: Mean, a: Floats, b: Floats) -> Floats:
    """How steep g is between a and b; its slope where they coincide."""
    g, slope = G[kind]
    near = np.abs(b - a) <= CLOSE * np.maximum(np.abs(a), np.abs(b))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(near, slope((a + b) / 2), (g(b) - g(a)) / np.where(near, 1.0, b - a))
