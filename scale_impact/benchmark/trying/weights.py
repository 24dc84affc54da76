"""Weights drawn uniformly from all that a statement allows: any, near the given ones, within bounds, in an order.

Uniform on the simplex is Dirichlet(1, ..., 1). Lower bounds only shift and shrink the simplex, and an order of importance
only sorts its draws, so both are drawn exactly; upper bounds are kept by drawing again. Where that keeps too few (many
weights within narrow bounds, an order together with bounds), a random walk within the bounds does it (a Gibbs sampler).

Source: Lahdelma, Hokkanen, Salminen (1998) on weights in SMAA; Tervonen, van Valkenhoef, Basturk, Postmus (2013) on drawing them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from scale_impact.benchmark.cities import Floats
from scale_impact.core.words import number, some
from scale_impact.errors import DesignError

FEW = 0.02
"""Where fewer than this share of the draws keep the upper bounds, the random walk takes over."""

TRIAL = 4_000
"""Draws that show how many keep the bounds."""


@dataclass(frozen=True)
class Region:
    """Weights that sum to 1 within bounds, and in an order.

    Attributes
    ----------
    names:
        What is weighted [D].
    low, high:
        Least and largest weight [D].
    order:
        Positions, the most important first; those not named may be anywhere.
    """

    names: tuple[str, ...]
    low: Floats
    high: Floats
    order: tuple[int, ...] = ()

    @classmethod
    def free(cls, names: Sequence[str]) -> Region:
        """All weights there are."""
        return cls(tuple(names), np.zeros(len(names)), np.ones(len(names)))

    def draw(self, draws: int, rng: np.random.Generator) -> Floats:
        """Weights drawn uniformly from the region [W, D].

        Raises
        ------
        DesignError
            No weights satisfy bounds and order.
        """
        if problems := list(self.problems()):
            raise DesignError(problems)
        trial = self._kept(self._proposed(TRIAL, rng))
        if len(trial) < FEW * TRIAL:
            return self._walked(draws, rng)
        found = [trial]
        while sum(map(len, found)) < draws:
            found.append(self._kept(self._proposed(TRIAL, rng)))
        return np.concatenate(found)[:draws]

    def problems(self) -> Iterator[str]:
        """Why no weights satisfy the region, with the numbers."""
        for name, low, high in zip(self.names, self.low, self.high, strict=True):
            if not 0 <= low <= high <= 1:
                yield f"bounds of {name}: {number(low)} to {number(high)}. Give the lower one first, both between 0 and 1."
        least, most = float(self.low.sum()), float(self.high.sum())
        if least > 1 + 1e-9:
            yield f"bounds: the least weights sum to {number(least)}, more than 1. Lower some of them."
        if most < 1 - 1e-9:
            yield f"bounds: the largest weights sum to {number(most)}, less than 1. Raise some of them."
        if 0 <= least <= 1 + 1e-9 and most >= 1 - 1e-9 and self.order and not self._centre()[1] >= 0:
            named = [self.names[k] for k in self.order]
            yield f"order: no weights within the bounds fall in the order {some(named, 12)}. Loosen the bounds, or leave the order out."

    def _proposed(self, draws: int, rng: np.random.Generator) -> Floats:
        """Uniform on the simplex above the lower bounds, or on the part of it that is in order."""
        drawn = rng.dirichlet(np.ones(len(self.names)), draws)
        if self.order:
            drawn[:, list(self.order)] = -np.sort(-drawn[:, list(self.order)], axis=1)
            return drawn
        return np.asarray(self.low + (1 - self.low.sum()) * drawn)

    def _kept(self, drawn: Floats) -> Floats:
        kept: Floats = drawn[((drawn >= self.low - 1e-12) & (drawn <= self.high + 1e-12)).all(axis=1)]
        return kept

    # ---- the random walk -----------------------------------------------------------------------------

    def _limits(self) -> tuple[Floats, Floats]:
        """The region as rows @ weights <= limits."""
        d = len(self.names)
        before = np.zeros((max(0, len(self.order) - 1), d))
        for row, (more, less) in enumerate(zip(self.order, self.order[1:], strict=False)):
            before[row, less], before[row, more] = 1.0, -1.0
        return np.vstack([-np.eye(d), np.eye(d), before]), np.concatenate([-self.low, self.high, np.zeros(len(before))])

    def _centre(self) -> tuple[Floats, float]:
        """The point farthest from all limits, and how far it is; negative where there is no point."""
        from scipy.optimize import linprog

        rows, limits = self._limits()
        d = len(self.names)
        # the distance within the plane of weights that sum to 1
        reach = np.sqrt((rows**2).sum(axis=1) - rows.sum(axis=1) ** 2 / d)
        found = linprog(
            np.r_[np.zeros(d), -1.0], np.c_[rows, reach], limits, np.r_[np.ones(d), 0.0][None], [1.0],
            bounds=[(None, None)] * d + [(0, None)],
        )  # fmt: skip
        return (found.x[:-1], float(found.x[-1])) if found.status == 0 else (np.full(d, np.nan), -1.0)

    def _walked(self, draws: int, rng: np.random.Generator) -> Floats:
        """A chain for each draw: from the centre, two weights at a time share anew what they have together."""
        centre, reach = self._centre()
        at = np.tile(centre[:, None], (1, draws))
        d = len(centre)
        if reach < 1e-12 or d < 2:  # the region is a point, or flat
            return np.ascontiguousarray(at.T)
        steps = int(30 * d * (1 + np.log(d)) * (d if self.order else 1))
        for _ in range(steps):
            k, j = rng.choice(d, 2, replace=False)
            both = at[k] + at[j]
            (low_k, high_k), (low_j, high_j) = self._reach(at, k, j), self._reach(at, j, k)
            low, high = np.maximum(low_k, both - high_j), np.minimum(high_k, both - low_j)
            at[k] = low + np.maximum(high - low, 0.0) * rng.random(draws)
            at[j] = both - at[k]
        return np.ascontiguousarray(at.T)

    def _reach(self, at: Floats, k: int, other: int) -> tuple[Floats, Floats]:
        """Where a weight may lie in each chain, the others as they are; its neighbour in the order may be the ``other`` that moves too."""
        low, high = np.full(at.shape[1], self.low[k]), np.full(at.shape[1], self.high[k])
        if k in self.order:
            place = self.order.index(k)
            for neighbour, more in [(n, n < place) for n in (place - 1, place + 1) if 0 <= n < len(self.order)]:
                who = self.order[neighbour]
                limit = (at[k] + at[other]) / 2 if who == other else at[who]
                low, high = (low, np.minimum(high, limit)) if more else (np.maximum(low, limit), high)
        return low, high
