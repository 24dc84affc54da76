"""Screening: sets of cities compared in the earlier windows, all cities of a window in one batch.

Each city is explained by the others, as if it were the pilot; a window is one date and duration, and nothing after its end is
looked at. A set's test uses sizes of its cities, and of other cities in their place.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.pilot.question import DRAWN, MOST, Question
from scale_impact.core.pilot.thresholds import Sizes
from scale_impact.core.pilot.windows import Window
from scale_impact.core.synthetic.placebos import TINY, ask
from scale_impact.core.synthetic.worlds import Again, Bools, Floats, Worlds

Members = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Past:
    """Outcomes [N, T] of the question's units, their positions among the estimator's own data, and what answers."""

    outcomes: Floats
    places: NDArray[np.int64]
    again: Again

    @property
    def rounding(self) -> float:
        """Size of gaps that are none: rounding of how far units move from their means, or of the level."""
        moved = self.outcomes - self.outcomes.mean(axis=1, keepdims=True)
        return max(1e-8 * float(moved.std()), TINY * float(np.abs(self.outcomes).max()))


def worlds_of(past: Past, treated: Floats, donors: Bools, window: Window, anticipation: int) -> Worlds:
    """Questions about one window, [B, N] treated weights and donors; periods after its end are not there."""
    time = np.arange(window.end)
    b = len(treated)
    fit = np.tile(time < window.start - anticipation, (b, 1))
    return Worlds(
        past.outcomes[:, : window.end], treated, donors, fit, np.tile(time >= window.start, (b, 1)), None, past.places
    )


def squares(past: Past, question: Question, window: Window, treated: Sequence[int], donors: Bools) -> Floats:
    """[B, 3]: mean squared gap before, mean squared gap after and mean gap after, of one treated unit a row."""
    weights = np.eye(len(past.outcomes))[list(treated)]
    worlds = worlds_of(past, weights, donors, window, question.anticipation)
    gaps = ask(past.again, worlds)
    before, after = gaps[:, worlds.fit[0]], gaps[:, worlds.after[0]]
    return np.stack([(before**2).mean(axis=1), (after**2).mean(axis=1), after.mean(axis=1)], axis=1)


def sizes_of(found: Floats) -> Sizes:
    """Sizes of sets from the squares of their members, [..., K, 3]: each city and period counts once."""
    mean = found.mean(axis=-2)
    return Sizes(np.sqrt(mean[..., 0]), np.sqrt(mean[..., 1]), mean[..., 2])


@dataclass(frozen=True, eq=False)
class Screen:
    """The windows of one duration, and the squares of each unit there, [W, N, 3], explained by all other donors."""

    question: Question
    past: Past
    windows: tuple[Window, ...]
    alone: Floats

    @classmethod
    def of(cls, question: Question, past: Past, windows: Sequence[Window]) -> Screen:
        """All units in all windows."""
        n = len(past.outcomes)
        donors = question.donors & ~np.eye(n, dtype=bool)
        alone = [squares(past, question, w, range(n), donors) for w in windows]
        return cls(question, past, tuple(windows), np.stack(alone))

    def sizes(self, members: Members) -> Sizes:
        """Sizes of a set in each window, [W]; its members are no donors of each other."""
        if len(members) == 1:
            return sizes_of(self.alone[:, list(members)])
        donors = np.tile(self.question.donors, (len(members), 1))
        donors[:, list(members)] = False
        found = [squares(self.past, self.question, w, members, donors) for w in self.windows]
        return sizes_of(np.stack(found))

    def placebos(self, members: Members) -> Sizes:
        """Sizes of other sets of as many donors, [W, M]."""
        sets = others(self.question, members)
        return sizes_of(self.alone[:, sets])

    def thresholds(self, members: Members, sizes: Sizes) -> Floats:
        """Smallest effect noticed in each window, [W, S], by a set with its sizes."""
        trial = self.question.trial
        limit = trial.limit(self.placebos(members), len(free_donors(self.question, members)))
        return trial.noticed(sizes, limit * trial.readiness(sizes, limit), self.question.direction)


def free_donors(question: Question, members: Members) -> NDArray[np.int64]:
    """Donors that are no members of a set."""
    return np.setdiff1d(np.flatnonzero(question.donors), members)


def others(question: Question, members: Members) -> NDArray[np.int64]:
    """Sets of donors without the members, [M, K]: all of them, or some that are drawn."""
    k, free = len(members), free_donors(question, members)
    if math.comb(len(free), k) <= DRAWN or k == 1:
        return np.array(list(combinations(free, k)), dtype=np.int64).reshape(-1, k)
    rng = np.random.default_rng(question.seed)
    orders = rng.permuted(np.tile(free, (DRAWN, 1)), axis=1)
    return np.sort(orders[:, :k], axis=1)


def sets_of(candidates: NDArray[np.int64], size: int, best: Sequence[Members]) -> Iterator[Members]:
    """Sets of a size: all where they are few, else the best smaller ones with one more candidate each, best first."""
    if size == 1 or math.comb(len(candidates), size) <= MOST:
        yield from (tuple(int(i) for i in chosen) for chosen in combinations(candidates, size))
        return
    known: set[Members] = set()
    for smaller in best:
        for i in candidates:
            more = tuple(sorted({*smaller, int(i)}))
            if len(more) == size and more not in known:
                known.add(more)
                yield more
            if len(known) >= MOST:
                return
