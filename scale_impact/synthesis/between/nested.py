"""Two variances: what effects of one cluster (study, data set, country) share, and what each effect has of its own.

For each variance between clusters the one within is a problem on one line, which cannot fail; the one between follows from the
derivative of what is left (the envelope theorem), bracketed in turn. So both are at the highest point of the likelihood.

Source: Konstantopoulos (2011), Research Synthesis Methods 2; Van den Noortgate et al. (2013), Behavior Research Methods 45.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from scale_impact.errors import EstimationError
from scale_impact.synthesis.between.blocks import Blocks, Ints, rotated, rotated_by_clusters
from scale_impact.synthesis.between.line import Floats, at, highest

LARGEST = 300
"""A block of more effects is too slow for intervals of both variances, which decompose it hundreds of times."""

TOO_MANY = f"more than {LARGEST} effects have errors or clusters in common, for which the profile of the likelihood takes too long"


@dataclass(frozen=True)
class Nested:
    """k effects in G clusters: blocks, effects [k], regressors [k, p], cluster numbers [k], REML or ML."""

    blocks: Blocks
    y: Floats
    x: Floats
    clusters: Ints
    restricted: bool = True

    @property
    def size(self) -> float:
        """The order of the numbers: mean square of the effects and mean variance of their errors."""
        errors = sum(float(np.trace(e, axis1=1, axis2=2).sum()) for e in self.blocks.errors)
        return float(np.mean(self.y**2)) + errors / len(self.y)

    def likelihood(self, shared: float, own: float) -> float:
        """The (restricted) log likelihood, without constants in pi."""
        line, _ = rotated(self.blocks, self.y, self.x, shared=shared)
        found = at(line, own)
        return float((found.restricted if self.restricted else found.log_likelihood)[0])

    def own_at(self, shared: float) -> float:
        """The likeliest variance within clusters, the one between given."""
        return highest(rotated(self.blocks, self.y, self.x, shared=shared)[0], restricted=self.restricted)

    def shared_at(self, own: float) -> float:
        """The likeliest variance between clusters, the one within given."""
        return highest(rotated_by_clusters(self.blocks, self.y, self.x, own), restricted=self.restricted)

    def slope(self, shared: float) -> float:
        """Twice the derivative of the likelihood in the variance between clusters, where the one within is likeliest."""
        line, turn = rotated(self.blocks, self.y, self.x, shared=shared)
        found = at(line, highest(line, restricted=self.restricted))
        w = found.weights[0]
        sums = self._by_cluster(turn.back(w * found.residuals[0]))
        loads = sum(
            float((w[rows] * ((alike @ vectors) * vectors).sum(axis=1)).sum())
            for rows, alike, vectors in zip(self.blocks.rows, self.blocks.alike, turn.vectors, strict=True)
        )
        if self.restricted:
            of_x = self._by_cluster(turn.back(w[:, None] * line.x))
            loads -= float(np.trace(np.linalg.solve(found.information[0], of_x.T @ of_x)))
        return float((sums**2).sum()) - loads

    def _by_cluster(self, values: Floats) -> Floats:
        out = np.zeros((int(self.clusters.max()) + 1, *values.shape[1:]))
        np.add.at(out, self.clusters, values)
        return out


def likeliest(nested: Nested) -> tuple[float, float]:
    """The variances between and within clusters at which the likelihood is highest; either may be 0."""
    from scipy.optimize import brentq

    top = _beyond(nested.slope, nested.size)
    grid = np.r_[0.0, np.geomspace(top * 1e-6, top, 16)]
    slopes = np.array([nested.slope(float(s)) for s in grid])
    turns = np.flatnonzero((slopes[:-1] > 0) & (slopes[1:] <= 0))
    peaks = [brentq(nested.slope, grid[i], grid[i + 1], xtol=1e-300, rtol=1e-12) for i in turns]
    pairs = [(float(s), nested.own_at(float(s))) for s in [0.0, *peaks]]
    return max(pairs, key=lambda pair: nested.likelihood(*pair))


def _beyond(slope: Callable[[float], float], start: float) -> float:
    top = start
    while not slope(top) < 0:
        top *= 4
        if not top < 1e200:
            raise EstimationError(
                "The variance between clusters cannot be estimated: the regressors take all that clusters differ by."
            )
    return top


@dataclass(frozen=True)
class Profiles:
    """Profile-likelihood intervals of the variances between clusters, within them, and in all."""

    between: tuple[float, float]
    within: tuple[float, float]
    total: tuple[float, float]


def profiles(nested: Nested, shared: float, own: float, level: float) -> Profiles | None:
    """Intervals that hold the variances which the likelihood ratio does not reject; None where that takes too long."""
    from scipy.stats import chi2

    if nested.blocks.largest > LARGEST:
        return None
    floor = nested.likelihood(shared, own) - 0.5 * float(chi2.ppf(level, 1))
    size = nested.size + shared + own
    least = rotated(nested.blocks, nested.y, nested.x)[0].least

    def between(s: float) -> float:
        return nested.likelihood(s, nested.own_at(s)) - floor

    def within(o: float) -> float:
        return nested.likelihood(nested.shared_at(max(o, least)), max(o, least)) - floor

    def total(t: float) -> float:
        return _best_split(nested, t, least) - floor

    return Profiles(_ends(between, shared, size), _ends(within, own, size), _ends(total, shared + own, size))


def _ends(above: Callable[[float], float], best: float, size: float) -> tuple[float, float]:
    """Where a profile comes down to its floor, on both sides of its peak."""
    from scipy.optimize import brentq

    near = 1e-9 * size
    low = 0.0 if best == 0 or above(0.0) >= 0 else brentq(above, 0.0, best, xtol=near, rtol=1e-7)
    top = max(best, 1e-3 * size) * 2
    while above(top) > 0:
        top *= 2
    return float(low), float(brentq(above, best, top, xtol=near, rtol=1e-7))


def _best_split(nested: Nested, total: float, least: float) -> float:
    """The highest likelihood of all ways to split a variance into between and within, of which at least ``least`` is within."""
    from scipy.optimize import minimize_scalar

    def of(share: float) -> float:
        return -nested.likelihood(share * total, max((1 - share) * total, least))

    grid = np.linspace(0.0, 1.0, 7)
    values = [of(float(s)) for s in grid]
    i = int(np.argmin(values))
    around = (float(grid[max(i - 1, 0)]), float(grid[min(i + 1, 6)]))
    found = minimize_scalar(of, bounds=around, method="bounded", options={"xatol": 1e-5})
    return -min(float(found.fun), values[i])
