"""The scheme of a randomisation: strata, arms, and what a dealing has to meet; the same for the one made and for any other.

Within each stratum arms get their shares as whole numbers. What does not divide (misfits; Carril 2017) is dealt by systematic
sampling through the strata in random order, so that each unit has exactly its arm's probability, the arms' totals are within one of
their shares, and each stratum is as even as it can be.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from scale_impact.errors import DesignError

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
Criterion = Literal["mahalanobis", "largest"]

NUMBERS = 2_000_000
"""Of a block of dealings held at once."""

LARGEST_BLOCK = 4096
"""Dealings of a block at most; blocks are of the same size whatever is asked, so that more draws begin with the same ones."""

PILOT = 20_000
"""Dealings from which the limit of a criterion, or its share, is told."""

MOST = 5_000_000
"""Dealings tried at most before it is said that none is admissible."""

SLACK = 1e-9
"""Imbalances that differ by less than this share are equal."""


@dataclass(frozen=True, eq=False)
class Scheme:
    """How C units or clusters are dealt to A arms.

    Attributes
    ----------
    shares:
        [A], summing to 1.
    strata:
        [C] codes from 0.
    covariates:
        [C, K] that have to be balanced; None: none.
    criterion:
        ``mahalanobis`` distance of the arms' means, or the ``largest`` standardised difference between two arms.
    limit:
        Imbalance up to which a dealing is admissible; None: any is.
    """

    shares: Floats
    strata: Codes
    covariates: Floats | None = None
    criterion: Criterion = "mahalanobis"
    limit: float | None = None
    parts: tuple[Codes, ...] = field(init=False)

    def __post_init__(self) -> None:
        members = tuple(np.flatnonzero(self.strata == s) for s in range(int(self.strata.max()) + 1))
        object.__setattr__(self, "parts", members)

    def __len__(self) -> int:
        return len(self.strata)

    @property
    def sizes(self) -> Codes:
        """Units of each stratum."""
        return np.array([len(p) for p in self.parts], dtype=np.int64)

    @property
    def misfits(self) -> int:
        """Units that the strata's sizes leave over when arms get whole numbers."""
        return int((self.sizes - _floor(self.sizes[:, None] * self.shares).sum(axis=1)).sum())

    # ---- dealing ----------------------------------------------------------------------------------

    def deal(self, rng: np.random.Generator, draws: int) -> Codes:
        """Arms of all units, [B, C], whether they are balanced or not."""
        counts = self._counts(rng, draws)
        found = np.empty((draws, len(self)), dtype=np.int64)
        for s, members in enumerate(self.parts):
            ends = counts[:, s].cumsum(axis=1)[:, None, :-1]
            arms = (np.arange(len(members))[None, :, None] >= ends).sum(axis=2)
            found[:, members] = rng.permuted(arms, axis=1)
        return found

    def _counts(self, rng: np.random.Generator, draws: int) -> Codes:
        """How many of each stratum get each arm, [B, S, A]: arm after arm of those that are left."""
        left = np.tile(self.sizes, (draws, 1))
        found = np.zeros((draws, len(self.parts), len(self.shares)), dtype=np.int64)
        for a in range(len(self.shares) - 1):
            wanted = left * (self.shares[a] / self.shares[a:].sum())
            whole = _floor(wanted)
            found[:, :, a] = whole + _systematic(rng, np.clip(wanted - whole, 0.0, 1.0))
            left = left - found[:, :, a]
        found[:, :, -1] = left
        return found

    def admissible(self, rng: np.random.Generator) -> Iterator[tuple[Codes, int]]:
        """Dealings that meet the criterion, one at a time [C], with how many were tried so far.

        Raises
        ------
        DesignError
            Of very many dealings none is admissible.
        """
        size = int(min(LARGEST_BLOCK, max(1, NUMBERS // len(self))))
        tried, since = 0, 0
        while True:
            block = self.deal(rng, size)
            good = np.flatnonzero(self.allowed(block))
            for k in good:
                yield block[k], tried + int(k) + 1
            tried += size
            since = 0 if len(good) else since + size
            if since >= MOST:
                raise DesignError(
                    f"Of {tried:,} dealings none is balanced enough. Balance on fewer covariates, or loosen the criterion."
                )

    # ---- balance ----------------------------------------------------------------------------------

    def allowed(self, arms: Codes) -> NDArray[np.bool_]:
        """Which dealings [B, C] are admissible."""
        if self.limit is None:
            return np.ones(len(arms), dtype=bool)
        return np.asarray(self.imbalance(arms) <= self.limit * (1 + SLACK) + 1e-300)

    def imbalance(self, arms: Codes) -> Floats:
        """How far the arms' means lie apart, [B]."""
        means, counts = self._means(arms, self._ready)
        if self.criterion == "mahalanobis":
            return np.asarray((counts * (means**2).sum(axis=2)).sum(axis=1))
        return np.asarray((np.nanmax(means, axis=1) - np.nanmin(means, axis=1)).max(axis=1))

    def _means(self, arms: Codes, columns: Floats) -> tuple[Floats, Floats]:
        """Means [B, A, K] and numbers [B, A] of each arm."""
        inside = [arms == a for a in range(len(self.shares))]
        counts = np.stack([i.sum(axis=1) for i in inside], axis=1).astype(np.float64)
        sums = np.stack([i @ columns for i in inside], axis=1)
        return sums / np.maximum(counts, 1.0)[:, :, None], counts

    @cached_property
    def _ready(self) -> Floats:
        """Covariates in a form in which distances are sums of squares, or in standard deviations."""
        assert self.covariates is not None
        centred = self.covariates - self.covariates.mean(axis=0)
        if self.criterion == "largest":
            return np.asarray(centred / centred.std(axis=0, ddof=1))
        scaled = centred / centred.std(axis=0, ddof=1)
        values, vectors = np.linalg.eigh(scaled.T @ scaled / (len(scaled) - 1))
        kept = values > 1e-9 * values[-1]
        return np.asarray(scaled @ vectors[:, kept] / np.sqrt(values[kept]))


def _floor(wanted: Floats) -> Codes:
    """Whole numbers below; what rounding leaves under a whole number is one."""
    return np.asarray(np.floor(wanted + 1e-9), dtype=np.int64)


def _systematic(rng: np.random.Generator, rest: Floats) -> Codes:
    """0 or 1 with probabilities ``rest`` [B, S], with a sum that is within one of its mean: systematic sampling in random order.

    Source: Madow (1949).
    """
    orders = rng.permuted(np.tile(np.arange(rest.shape[1]), (len(rest), 1)), axis=1)
    start = rng.random((len(rest), 1))
    ends = np.round(np.take_along_axis(rest, orders, axis=1).cumsum(axis=1), 9)
    steps = np.floor(np.concatenate([start, ends + start], axis=1))
    found = np.empty(rest.shape, dtype=np.int64)
    np.put_along_axis(found, orders, np.diff(steps, axis=1).astype(np.int64), axis=1)
    return found


def pilot(scheme: Scheme, seed: int, draws: int = PILOT) -> Floats:
    """Imbalances of dealings as they come, [B]."""
    rng = np.random.default_rng([seed, 0])
    size = int(min(LARGEST_BLOCK, max(1, NUMBERS // len(scheme))))
    return np.concatenate([scheme.imbalance(scheme.deal(rng, size)) for _ in range(-(-draws // size))])
