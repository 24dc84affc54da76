"""Rank bands: which ranks a city can have, given how surely its value and those of all others are known.

A city's rank is 1 + the number of cities that are better; cities with the same value share it. A band holds the ranks that the
data do not rule out: from 1 + the number of cities that are surely better to N - the number that are surely worse, so that tied
cities can stand at each of their places. *Marginal* bands hold one city's rank with the level asked, *simultaneous* ones the ranks
of all cities at once: to speak of one city use the first, to read a league table the second.

Source: Mogstad, Romano, Shaikh and Wilhelm (2024), Inference for Ranks with Applications to Mobility across Neighbourhoods and
Academic Achievement across Countries, Review of Economic Studies 91.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from scale_impact.benchmark.cities import cities_shown
from scale_impact.benchmark.ranking import given as forms
from scale_impact.benchmark.ranking.given import Given
from scale_impact.benchmark.ranking.noise import Noise, by_covariance, by_draws, by_std_errors
from scale_impact.benchmark.ranking.places import counts_of_values, notes_of, own_order, placed
from scale_impact.benchmark.ranking.stepdown import Booleans, Method, Side, all_pairs
from scale_impact.core.keys import Seed, checked
from scale_impact.core.words import counted, nearest, number
from scale_impact.errors import DesignError, UsageError

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Better = Literal["high", "low"]


@dataclass(frozen=True, repr=False)
class RankBands:
    """Ranks of N cities and how sure they are; NaN for a city without a value.

    Attributes
    ----------
    labels, values, std_errors:
        The cities, what they are ranked by, and the standard error of each value [N].
    rank:
        1 + the number of better cities [N]: 1 is best, ties share the better rank.
    low, high:
        Marginal band of each city [N]: the best and the worst rank that it can have.
    low_all, high_all:
        Simultaneous bands [N]: all ranks lie in them at once.
    beats:
        Row is better than column, told by tests of all pairs together [N, N].
    tau:
        ``best`` are the cities that may be among the tau best, ``worst`` those that may be among the tau worst.
    level:
        Confidence level.
    better:
        Whether ``high`` or ``low`` values are better.
    method, side:
        How critical values were found; which ends the bands have.
    why_not:
        Why a city has no rank.
    notes:
        What the bands hold, and what they do not.
    """

    labels: tuple[str, ...]
    values: Floats
    std_errors: Floats
    rank: Floats
    low: Floats
    high: Floats
    low_all: Floats
    high_all: Floats
    beats: Booleans
    tau: int
    level: float
    better: Better
    method: Method | Literal["holm"]
    side: Side
    why_not: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        cities = cities_shown(len(self.labels), self.why_not, "a rank")
        return f"RankBands({cities}; level {self.level:g}, {self.method})"

    @property
    def ranked(self) -> int:
        """How many cities have a rank."""
        return int((~np.isnan(self.rank)).sum())

    @property
    def best(self) -> tuple[str, ...]:
        """Cities that may be among the tau best; all that are lie in this set with the level (by simultaneous bands)."""
        return self._named(self.low_all <= self.tau)

    @property
    def worst(self) -> tuple[str, ...]:
        """Cities that may be among the tau worst."""
        return self._named(self.high_all >= self.ranked - self.tau + 1)

    def apart(self, a: str, b: str) -> bool:
        """Whether two cities can be told apart, whatever other pairs are looked at too.

        Raises
        ------
        UsageError
            A city that is not known, or that has no rank.
        """
        first, second = self._place(a), self._place(b)
        return bool(self.beats[first, second] or self.beats[second, first])

    def alike(self, label: str) -> tuple[str, ...]:
        """The other cities that cannot be told from one, the best first."""
        k = self._place(label)
        rows = np.flatnonzero(~self.beats[k] & ~self.beats[:, k] & ~np.isnan(self.rank))
        return tuple(self.labels[int(i)] for i in rows[np.argsort(self.rank[rows], kind="stable")] if i != k)

    def table(self) -> pd.DataFrame:
        """One row a city, in the order given: ranks as whole numbers, missing where there is none, with the reason."""
        import pandas as pd

        columns = ("rank", "low", "high", "low_all", "high_all")
        frame = pd.DataFrame({"city": list(self.labels), "value": self.values, "std_error": self.std_errors})
        for name in columns:
            frame[name] = pd.array(getattr(self, name), dtype="Int64")
        for name, chosen in (("among_best", set(self.best)), ("among_worst", set(self.worst))):
            frame[name] = [c in chosen for c in self.labels]
        frame["reason"] = [self.why_not.get(c, "") for c in self.labels]
        return frame[["city", *columns, "value", "std_error", "among_best", "among_worst", "reason"]]

    def _named(self, chosen: Booleans) -> tuple[str, ...]:
        return tuple(self.labels[int(k)] for k in np.flatnonzero(chosen))

    def _place(self, label: str) -> int:
        if label not in self.labels:
            raise UsageError(f"There is no city {label!r}. {nearest(label, self.labels)}")
        if label in self.why_not:
            raise UsageError(f"{label} has no rank. {self.why_not[label]}")
        return self.labels.index(label)


@checked
def bands(
    labels: Sequence[str],
    values: Any,
    std_errors: Any = None,
    draws: Any = None,
    covariance: Any = None,
    better: Literal["high", "low"] = "high",
    *,
    level: float = 0.95,
    method: Literal["stepdown", "single step", "bonferroni"] = "stepdown",
    side: Literal["two-sided", "lower", "upper"] = "two-sided",
    resamples: int = 1000,
    best: int = 1,
    seed: Seed = 20251122,
) -> RankBands:
    """Ranks with marginal and simultaneous confidence sets.

    Parameters
    ----------
    labels, values:
        N cities and what they are ranked by; NaN: no rank.
    std_errors:
        Standard errors of values that err independently [N]; 0 where a value is known exactly. Not used beside draws.
    draws:
        The values drawn again [B, N], by bootstrap, imputation or from a posterior; they keep what cities' errors share.
    covariance:
        Of the values [N, N], in place of the other two.
    level, better:
        Confidence level of the bands; whether a high or a low value is better.
    method:
        ``stepdown``: the largest of all tests, again without those that are told; ``single step``: once; ``bonferroni``: wider.
    side:
        ``lower``: only the best rank that a city can have (``high`` is N); ``upper``: only the worst one.
    resamples, seed:
        Draws of normal errors, where none are given, and their seed.
    best:
        tau: who may be among the tau best, and the tau worst.

    Raises
    ------
    DataError, UsageError, DesignError
        Data that are none (see ``ranking.given.read``); options that cannot be; too few draws for the level.
    """
    given = forms.read(labels, values, std_errors, draws, covariance)
    ranked = ~np.isnan(given.values)
    if problems := list(forms.option_problems(level, resamples, best, int(ranked.sum()))):
        raise UsageError(problems)
    sign = 1 if better == "high" else -1
    order = own_order(given, sign)
    noise = _noise(given, order, sign, level, resamples, seed)
    ascending = sign * given.values[order]
    counts = *counts_of_values(ascending), *all_pairs(ascending, noise, level, method, side)
    found = placed(len(ranked), order, counts, side)
    own = np.full(len(ranked), np.nan)
    own[order] = noise.own
    why_not = {name: forms.NO_VALUE for name, known in zip(given.labels, ranked, strict=True) if not known}
    notes = tuple(notes_of(given, noise, found["rank"], why_not, level))
    return RankBands(
        given.labels, given.values, own, **found, tau=best, level=level, better=better, method=method, side=side, why_not=why_not, notes=notes,
    )  # fmt: skip


def _noise(given: Given, order: NDArray[np.intp], sign: int, level: float, resamples: int, seed: int) -> Noise:
    """The errors of the values, more of which is better, in the order of their own."""
    rng = np.random.default_rng(seed)
    if given.draws is not None:
        if len(given.draws) < (least := forms.needed(level)):
            raise DesignError(
                f"There are {counted(len(given.draws), 'draw')} of the values; the level {number(level)} needs at least {least}, and 1,000 are "
                "steady. Draw more, or give std_errors."
            )
        return by_draws(sign * given.draws[:, order])
    if given.covariance is not None:
        return by_covariance(given.covariance[np.ix_(order, order)], resamples, rng)
    return by_std_errors(np.zeros(len(order)) if given.std_errors is None else given.std_errors[order], resamples, rng)
