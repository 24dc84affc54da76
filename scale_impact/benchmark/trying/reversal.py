"""Rank reversal: what a city's leaving, or a copy of it coming in, does to the order of all others.

Nobody else has changed, so nobody else should move, but by the place that is freed. On fixed goalposts nobody does.
Scales, weights and fills that are made of the cities at hand move with them, and the order of the others may too.

Source: Belton and Gear (1983), On a short-coming of Saaty's method of analytic hierarchies, Omega 11; Wang and Luo (2009),
On rank reversal in decision analysis, Mathematical and Computer Modelling 49.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from scale_impact.benchmark.cities import Cities, Floats, Ints
from scale_impact.benchmark.scoring import normalising, tree
from scale_impact.benchmark.scoring.recipe import FIXED
from scale_impact.benchmark.trying.ranking import ranks_of_one
from scale_impact.benchmark.trying.values import SINGLE, as_scored
from scale_impact.core.words import some
from scale_impact.errors import DesignError, ScaleImpactError

if TYPE_CHECKING:
    from scale_impact.benchmark.scores import Scores

BY_RANGE = ("minmax", "distance_to_best", "distance_to_target", "fraction_of_best")
"""Scales that only the largest and the smallest value of an indicator define."""

ANEW, LEAST = 10_000_000, 20
"""Values that are scored again where everything is done anew, over all cities that leave; and how many leave at least."""

COPY = "a second {}"
"""Label of the copy of a city."""


@dataclass(frozen=True)
class Reversal:
    """Places by which N cities move when one of J leaves, or comes twice.

    Attributes
    ----------
    who:
        Positions of the J cities.
    left:
        Rank after the city has left, less the rank before among the same cities [J, N]; 0 for the city itself and for
        cities without a rank.
    copied:
        The same when a copy of the city enters.
    complete:
        Whether all cities that have a rank were tried.
    unanswered:
        Why there is no answer for a city, by its label; its rows are 0.
    """

    who: Ints
    left: NDArray[np.int64]
    copied: NDArray[np.int64]
    complete: bool
    unanswered: Mapping[str, str] = field(default_factory=dict)

    @property
    def largest(self) -> int:
        """The largest move of any city, in places, when one leaves."""
        return int(np.abs(self.left).max(initial=0))

    @property
    def largest_copied(self) -> int:
        """The same when a copy enters."""
        return int(np.abs(self.copied).max(initial=0))


def reversal(scores: Scores, *, leavers: int, seed: int) -> Reversal:
    """Let each city leave, and enter a second time; where there are more than ``leavers``, so many drawn at random.

    Values drawn for gaps stay as they are: other draws would move ranks though nobody left. Fills that are computed
    (means, medians) are computed again.
    """
    ranked = np.flatnonzero(~np.isnan(scores.index))
    short = _short_way(scores, ranked)
    quiet = np.zeros(len(ranked), dtype=bool) if short is None else _without_effect(scores, ranked)
    most = leavers if short is not None else min(leavers, max(LEAST, ANEW // scores.treated[ranked].size))
    places = np.arange(len(ranked))
    if len(ranked) > most:
        # drawn among the names, so that the order of rows does not decide who
        by_name = np.argsort(np.array(scores.cities.labels)[ranked], kind="stable")
        places = np.sort(by_name[np.random.default_rng([seed, 3]).choice(len(ranked), most, replace=False)])
    again = short or _long_way(scores, ranked)
    left, copied = (np.zeros((len(places), len(scores.index)), dtype=np.int64) for _ in range(2))
    unanswered: dict[str, str] = {}
    before = scores.index[ranked]
    for row, place in enumerate(places):
        if quiet[place]:
            continue
        try:
            index, with_copy = again(int(place))
        except ScaleImpactError as error:
            unanswered[scores.cities.labels[ranked[place]]] = str(error)
            continue
        left[row, ranked] = _moves(before, index, int(place))
        copied[row, ranked] = _moves(before, with_copy, None)
    return Reversal(ranked[places], left, copied, len(places) == len(ranked), unanswered)


def _moves(before: Floats, after: Floats, without: int | None) -> NDArray[np.int64]:
    """Rank after less rank before, among the cities that have both."""
    both = ~np.isnan(before) & ~np.isnan(after)
    if without is not None:
        both[without] = False
    ranks = [ranks_of_one(np.where(both, values, np.nan)) for values in (after, before)]
    return np.nan_to_num(ranks[0] - ranks[1]).astype(np.int64)


Again = Callable[[int], tuple[Floats, Floats]]
"""The index of the ranked cities without one of them (NaN in its place), and with a copy of it."""


# ---- the short way: only the scale is made of the cities -----------------------------------------------------


def _short_way(scores: Scores, ranked: Ints) -> Again | None:
    """The index of treated values again; None where more than the scale depends on who is there.

    Whether it does is not argued but tried: the short way has to give the index itself.
    """
    recipe, by_data = scores.recipe, ("pca", "entropy", "doubt")
    gaps = bool(np.isnan(scores.cities.values[ranked]).any())
    if recipe.outliers != "none" or recipe.weights in by_data or recipe.dimension_weights in by_data:
        return None
    treated = scores.treated[ranked]
    if (gaps and recipe.missing in SINGLE) or not np.allclose(
        _index(scores, treated), scores.index[ranked], rtol=1e-9, atol=1e-12
    ):
        return None

    def again(city: int) -> tuple[Floats, Floats]:
        if problem := _flat(scores, np.delete(treated, city, axis=0)):
            raise DesignError(problem)
        rest = _index(scores, np.delete(treated, city, axis=0))
        both = _index(scores, np.vstack([treated, treated[city]]))
        return np.insert(rest, city, np.nan), both[:-1]

    return again


def _flat(scores: Scores, values: Floats) -> str:
    """That an indicator tells the cities that are left no longer apart; empty where all do."""
    if scores.recipe.normaliser in FIXED:
        return ""
    spread = np.nanmax(values, axis=0) - np.nanmin(values, axis=0)
    names = [scores.cities.criteria[int(k)].column for k in np.flatnonzero(spread == 0)]
    return f"Without it all others have the same value of {some(names)}: no scale can be made of them." if names else ""


def _index(scores: Scores, values: Floats) -> Floats:
    """The index of treated values [n, K] by the weights that the scores have."""
    recipe = scores.recipe
    scaled = normalising.normalised(values, scores.cities.criteria, recipe)
    parts = tree.dimension_scores(scaled, scores.weights, scores.tree, recipe.aggregation)
    return tree.index(parts, scores.dimension_weights, scores.tree, recipe.upper)


def _without_effect(scores: Scores, ranked: Ints) -> NDArray[np.bool_]:
    """Cities on which no scale rests [n]: whether they are there or not changes no other's score."""
    recipe = scores.recipe
    if "copeland" in (recipe.aggregation, recipe.upper) or recipe.normaliser not in (*FIXED, *BY_RANGE):
        return np.zeros(len(ranked), dtype=bool)
    if recipe.normaliser in FIXED:
        return np.ones(len(ranked), dtype=bool)
    values = normalising.turned(scores.treated[ranked], scores.cities.criteria)
    ends = [values == f(values, axis=0) for f in (np.nanmin, np.nanmax)]
    # an end that two cities share stays when one of them leaves
    return np.asarray(~np.logical_or.reduce([e & (e.sum(axis=0) == 1) for e in ends]).any(axis=1))


# ---- the long way: everything anew -----------------------------------------------------------------------------


def _long_way(scores: Scores, ranked: Ints) -> Again:
    """All steps done again, but for values that were drawn."""
    from scale_impact.benchmark.scores import scored

    cities = as_scored(scores, ranked) if scores.recipe.missing == "impute" else scores.cities.take(ranked)
    recipe = replace(scores.recipe, draws=0, coverage=0.0, coverage_in_dimension=0.0)

    def again(city: int) -> tuple[Floats, Floats]:
        rest = [k for k in range(len(cities.labels)) if k != city]
        index = np.insert(scored(cities.take(rest), recipe).index, city, np.nan)
        return index, scored(_with_copy(cities, city), recipe).index[:-1]

    return again


def _with_copy(cities: Cities, city: int) -> Cities:
    doubled = cities.take([*range(len(cities.labels)), city])
    labels = (*doubled.labels[:-1], COPY.format(doubled.labels[-1]))
    return replace(doubled, labels=labels, context=replace(doubled.context, labels=labels))
