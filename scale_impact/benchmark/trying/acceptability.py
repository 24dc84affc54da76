"""Rank acceptability: the share of all weights under which a city has each rank (SMAA).

The question is turned round: not which rank a city has under the weights chosen, but how much of all weights puts it
there. Ranks are counted draw by draw, in blocks, so that memory holds one table of counts.

Source: Lahdelma, Hokkanen, Salminen (1998), SMAA; Lahdelma and Salminen (2001), SMAA-2: rank acceptability indices
(equation 8), central weights (10) and confidence factors (11).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from scale_impact.benchmark.cities import Floats, Ints
from scale_impact.benchmark.scoring.reweighting import reweighted
from scale_impact.benchmark.trying.ranking import count, order_of
from scale_impact.core.words import some
from scale_impact.errors import DesignError

if TYPE_CHECKING:
    from scale_impact.benchmark.scores import Scores

CELLS = 12_500_000
"""Values of the index that are held at once: with fewer, the whole table of counts would be gone through more often."""


@dataclass(frozen=True)
class Drawn:
    """Weights drawn, and the scores that they are applied to.

    Attributes
    ----------
    scores:
        Scores of all cities, with the recipe.
    cities:
        Positions of the n cities that are compared.
    base:
        Scores of these cities alone; of their dimensions alone, where only the weights of these are drawn.
    indicators, dimensions:
        Weights of indicators [W, K] and of dimensions [W, D]; None where they stay as given.
    values:
        What ``base`` is made of drawn again [B, n, K or D], each for an equal part of the weights; None where they are taken as known.
    """

    scores: Scores
    cities: Ints
    base: Scores
    indicators: Floats | None
    dimensions: Floats | None
    values: Floats | None = None

    @property
    def number(self) -> int:
        """How many are drawn."""
        return len(self.both)

    @property
    def both(self) -> Floats:
        """All drawn weights side by side [W, D], [W, K] or [W, D + K]."""
        return np.hstack([w for w in (self.dimensions, self.indicators) if w is not None])

    def again(self, indicators: Floats | None, dimensions: Floats | None, draw: int | None = None) -> Floats:
        """The index [w, n] under given weights, of the scores as they are or as drawn.

        Raises
        ------
        DesignError
            Weights that leave nothing that is known of a city.
        """
        values = self.base.normalised if draw is None or self.values is None else self.values[draw]
        found = under(self.base, values, indicators, dimensions)
        if np.isnan(found).any():
            without = [
                self.scores.cities.labels[int(self.cities[k])] for k in np.flatnonzero(np.isnan(found).any(axis=0))
            ]
            raise DesignError(
                f"{some(without)}: some of the drawn weights are all on what is not known of {'it' if len(without) == 1 else 'them'}, which leaves no index. "
                "Let bounds be above 0, or fill the gaps (missing: impute)."
            )
        return found

    def index(self, start: int, stop: int) -> Floats:
        """The index under some of the draws [w, n]."""
        stop = min(stop, self.number)
        if self.values is None:
            return self.again(*self._weights(start, stop))
        # each draw of the values goes with weights that follow one another: these are independent already
        edges = np.linspace(0, self.number, len(self.values) + 1).round().astype(int)
        parts = [(draw, max(start, a), min(stop, b)) for draw, (a, b) in enumerate(pairwise(edges.tolist()))]
        return np.concatenate([self.again(*self._weights(a, b), draw) for draw, a, b in parts if a < b])

    def _weights(self, start: int, stop: int) -> tuple[Floats | None, Floats | None]:
        return (None if self.indicators is None else self.indicators[start:stop],
                None if self.dimensions is None else self.dimensions[start:stop])  # fmt: skip


def under(scores: Scores, values: Floats, indicators: Floats | None, dimensions: Floats | None) -> Floats:
    """What ``Scores.again`` gives, of weights that are known to be right, a thousand times without looking at them again."""
    weights = scores.weights[None] if indicators is None else indicators
    above = scores.dimension_weights[None] if dimensions is None else dimensions
    return reweighted(values, scores.tree, scores.recipe.aggregation, scores.recipe.upper, weights, above)


def collapsed(scores: Scores) -> Scores:
    """Scores whose indicators are their dimensions: under other weights of dimensions the same index, in fewer products."""
    if scores.recipe.aggregation == "copeland":  # of a single score it is another number
        return scores
    d = len(scores.dimensions)
    single = replace(scores.tree, belongs=np.arange(d))
    return replace(scores, normalised=scores.dimension_scores, weights=np.ones(d), tree=single)


@dataclass(frozen=True)
class Acceptability:
    """How often each of N cities has each rank.

    Attributes
    ----------
    counts:
        Draws in which a city [row] has a rank [column], whole numbers [N, N].
    draws:
        How many there are.
    central:
        Mean of the weights under which a city is first [N, weights]; NaN where none of the draws made it so.
    """

    counts: NDArray[np.int32]
    draws: int
    central: Floats

    def shares(self) -> Floats:
        """Rank acceptability [N, N]: share of the draws in which a city has a rank."""
        return np.asarray(self.counts / self.draws)

    def expected(self) -> Floats:
        """Mean rank of each city [N]."""
        return np.asarray(self.counts @ np.arange(1.0, self.counts.shape[1] + 1)) / self.draws

    def band(self, share: float) -> tuple[Floats, Floats]:
        """Lowest and highest rank of each city [N] in this share of the draws: as many lie below as above."""
        tail = self.draws * (1 - share) / 2
        low, high = (np.empty(len(self.counts)) for _ in range(2))
        step = max(1, CELLS // len(self.counts))
        for at in range(0, len(self.counts), step):
            below = np.cumsum(self.counts[at : at + step], axis=1)
            # rounding must not move an end: 10,000 x (1 - 0.9) / 2 is 500, and a hair less in floats
            low[at : at + step] = 1 + (below < max(tail - 1e-6, 0.5)).sum(axis=1)
            high[at : at + step] = 1 + (below < self.draws - tail - 1e-6).sum(axis=1)
        return low, high

    def binned(self, bins: int) -> Floats:
        """Share of the draws in which a city has a rank of each of so many equal bins [N, bins]."""
        n = self.counts.shape[1]
        edges = np.linspace(0, n, bins + 1).round().astype(int)
        return np.asarray(np.add.reduceat(self.counts, edges[:-1], axis=1) / self.draws)


def acceptability(drawn: Drawn) -> Acceptability:
    """Count the ranks of the cities over all drawn weights."""
    n = len(drawn.cities)
    counts = np.zeros((n, n), dtype=np.int32)
    weights = drawn.both
    first, central = np.zeros(n), np.zeros((n, weights.shape[1]))
    step = max(1, CELLS // n)
    for start in range(0, drawn.number, step):
        order = order_of(drawn.index(start, start + step))
        count(counts, order)
        leads = np.ones_like(order.cities[:, :1], dtype=bool) if order.ranks is None else order.ranks == 1
        draw, place = np.nonzero(leads)
        best = order.cities[draw, place]
        np.add.at(first, best, 1)
        np.add.at(central, best, weights[start + draw])
    with np.errstate(invalid="ignore"):  # never first: no weights to take the mean of
        central /= first[:, None]
    return Acceptability(np.ascontiguousarray(counts.T), drawn.number, central)


def confidence(drawn: Drawn, found: Acceptability) -> Floats:
    """Probability that a city is first under its own central weights [n]; NaN where no weights make it first.

    Where values are taken as known it is 1 or 0, and 1 wherever the index is a weighted mean: the weights that make a city
    first are then a convex set, and hold their mean.
    """
    sure = np.full(len(found.central), np.nan)
    able = np.flatnonzero(~np.isnan(found.central).any(axis=1))
    d = 0 if drawn.dimensions is None else drawn.dimensions.shape[1]
    dimensions = found.central[able, :d] if d else None
    indicators = found.central[able, d:] if drawn.indicators is not None else None
    sure[able] = 0.0
    draws = [None] if drawn.values is None else list(range(len(drawn.values)))
    for draw in draws:
        index = drawn.again(indicators, dimensions, draw)
        sure[able] += _leads(index)[np.arange(len(able)), able] / len(draws)
    return sure


def _leads(index: Floats) -> NDArray[np.bool_]:
    """Who is first, or as good but for rounding, in each row."""
    best = index.max(axis=1, keepdims=True)
    return np.asarray(index >= best - 1e-9 * np.abs(best))


def winning(drawn: Drawn, cities: NDArray[np.int64]) -> Floats:
    """Share of the draws in which one city is better than another, for some cities [n, n]; ties count half, with itself 0.5."""
    wins = np.zeros((len(cities), len(cities)))
    step = max(1, min(CELLS // len(drawn.cities), CELLS // len(cities) ** 2))
    for start in range(0, drawn.number, step):
        values = drawn.index(start, start + step)[:, cities]
        lead = values[:, :, None] - values[:, None, :]
        even = np.abs(lead) <= 1e-12 * np.abs(values).max()
        wins += np.where(even, 0.5, lead > 0).sum(axis=0)
    return wins / drawn.number
