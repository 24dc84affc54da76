"""Peers: cities in a comparable situation, and what makes them so.

Peers are chosen on context alone. The function sees no outcome, and a ``Context`` that holds one is refused where it is made: peers
chosen on results would make every city average among its peers.

    mahalanobis   numbers by their covariance, groups by equality; every value must be known
    gower         mean of differences, each between 0 and 1; values may be missing
    propensity    for a group of cities (``group``): others that were as likely to belong to it

A city for which no other is within the caliper has no fair peer, and the answer says what sets it apart.

Source: see ``nearness/``: Mahalanobis (1936), Garthwaite and Koch (2016), Gower (1971), Rosenbaum and Rubin (1985), Leinster and Meckes (2016).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scale_impact.benchmark.cities import Context, Floats, Ints, cities_shown
from scale_impact.benchmark.nearness import reasons, words
from scale_impact.benchmark.nearness.moments import one_thread
from scale_impact.benchmark.nearness.recipe import Method, Overlap, Recipe, wrong_context, wrong_options
from scale_impact.benchmark.nearness.search import nearest
from scale_impact.benchmark.nearness.setting import Setting, setting
from scale_impact.benchmark.nearness.variables import Scale, wrong_values
from scale_impact.core.keys import Count, Seed, checked
from scale_impact.core.words import counted
from scale_impact.core.words import nearest as nearest_name
from scale_impact.errors import DesignError, UsageError

if TYPE_CHECKING:
    import pandas as pd

    from scale_impact.benchmark.nearness.stability import Stability

USUAL = 10
"""Peers of a city where no number is asked for."""


@dataclass(frozen=True, repr=False)
class Peers:
    """The peers of N cities.

    Attributes
    ----------
    context:
        What the cities were compared on.
    indices:
        Rows of each city's peers, nearest first [N]; may be empty.
    distances:
        How far they are, in the same form.
    why_not:
        Why a city has no peers, by label.
    fewer:
        Why a city has fewer peers than were sought, by label.
    caliper:
        The distance up to which a city is a fair peer.
    weights:
        How much each variable counts in the mean distance of two cities; they sum to 1.
    notes:
        What was done to the context, and what a reader should know.
    setting:
        How the cities were compared: options, variables, distance.
    """

    context: Context
    indices: tuple[Ints, ...]
    distances: tuple[Floats, ...]
    why_not: Mapping[str, str]
    fewer: Mapping[str, str]
    caliper: float
    weights: Mapping[str, float]
    notes: tuple[str, ...]
    setting: Setting

    def __repr__(self) -> str:
        cities = cities_shown(len(self.context.labels), self.why_not, "peers")
        return f"Peers({cities}, {counted(len(self.context.columns), 'context variable')}; {self.recipe.method})"

    @property
    def recipe(self) -> Recipe:
        """The options with which peers were sought."""
        return self.setting.recipe

    def row(self, label: str) -> int:
        """The row of a city.

        Raises
        ------
        UsageError
            There is no such city.
        """
        if label not in self.context.labels:
            raise UsageError(f"There is no city {label!r}. {nearest_name(label, self.context.labels)}")
        return self.context.labels.index(label)

    def of(self, label: str) -> list[str]:
        """The peers of a city, nearest first; see ``why_not`` where there are none."""
        return [self.context.labels[k] for k in self.indices[self.row(label)]]

    def explain(self, label: str) -> pd.DataFrame:
        """What each peer has in common with a city and where it differs.

        Returns
        -------
        One row a peer and variable, peers by distance: ``peer``, ``distance``, ``column``, ``share`` of the variable in the (squared)
        distance (sums to 1 by peer; 0 where two cities are the same in all), ``own`` value, ``value`` of the peer, ``difference`` in words.
        """
        import pandas as pd

        row = self.row(label)
        shares = self.shares(label)
        columns = {c.column: c for c in self.context.columns}
        spreads = self.context.frame[list(self.context.numbers)].astype(float).std(ddof=0).to_dict()
        rows = [
            {
                "peer": self.context.labels[at], "distance": float(distance), "column": name, "share": float(shares[k, j]),
                "own": self.context.frame[name].iloc[row], "value": self.context.frame[name].iloc[at],
                "difference": words.difference(columns[name], self.context.frame[name].iloc[row], self.context.frame[name].iloc[at], spreads.get(name, 0.0)),
            }
            for k, (at, distance) in enumerate(zip(self.indices[row], self.distances[row], strict=True))
            for j, name in enumerate(self.setting.variables.names)
        ]  # fmt: skip
        return pd.DataFrame(rows, columns=["peer", "distance", "column", "share", "own", "value", "difference"])

    def shares(self, label: str) -> Floats:
        """Share of each variable in the (squared) distance to each peer [peers, K]."""
        row, places = self.row(label), self.setting.places
        return self.setting.shares(int(places[row]), places[self.indices[row]])

    def table(self) -> pd.DataFrame:
        """One row a city and peer: ``city``, ``peer``, ``rank`` (1 is the nearest), ``distance``."""
        import pandas as pd

        rows = [
            {"city": label, "peer": self.context.labels[at], "rank": k, "distance": float(d)}
            for label, found, apart in zip(self.context.labels, self.indices, self.distances, strict=True)
            for k, (at, d) in enumerate(zip(found, apart, strict=True), start=1)
        ]
        return pd.DataFrame(rows, columns=["city", "peer", "rank", "distance"])

    def in_words(self, label: str) -> list[str]:
        """One sentence a peer, or the reason why there is none; ``fewer`` says why they are not as many as were sought."""
        if not len(self.indices[self.row(label)]):
            return [self.why_not[label]]
        names = reasons.meanings(self.context)
        found = [
            reasons.sentence(str(peer), rows, names) for peer, rows in self.explain(label).groupby("peer", sort=False)
        ]
        return found


@checked
def find_peers(
    context: Context,
    *,
    method: Method = "mahalanobis",
    number: Count | None = None,
    caliper: float | None = None,
    pairs: float = 0.1,
    same: list[str] | None = None,
    log: list[str] | None = None,
    weights: Mapping[str, float] | None = None,
    scale: Scale = "values",
    overlap: Overlap = "shared",
    known: float = 0.5,
    group: list[str] | None = None,
    seed: Seed = 20251122,
) -> Peers:
    """The nearest cities of each city by context: what is known before anything is judged.

    Parameters
    ----------
    method, number:
        ``mahalanobis``, ``gower`` or ``propensity`` (for ``group``); peers sought (None: 10, or all others where they are fewer).
    caliper, pairs:
        Largest distance of a peer, in the distance's own unit (infinite: any city may be one). Without it the distance within which a
        share ``pairs`` of all pairs of cities lie; for the propensity 0.2 standard deviations of the logit.
    same:
        Group columns that must be equal; they are no part of the distance then.
    log:
        Numbers compared as logarithms: sizes, of which ratios count.
    weights:
        Weight of a variable (1 where not given, 0 leaves it out): what its part of the (squared) distance is multiplied by.
    scale, overlap:
        ``values``, or ``ranks`` where single large values must not decide; ``shared``: variables that tell the same share one weight,
        or ``counted``: the distances as the textbooks have them.
    known:
        For Gower, the least share of the context that must be known of both cities.
    group:
        Labels of cities with something in common, such as a measure. Peers are sought for them, among all others.
    seed:
        Of folds and of the pairs drawn for the caliper.

    Raises
    ------
    UsageError
        Options that do not fit the context; all of them at once.
    DesignError
        Context that tells no city from another, logarithms of what is not positive, groups that are names, a group too small for a model.
    """
    sought = max(1, min(USUAL, len(context.labels) - 1)) if number is None else number
    recipe = Recipe(
        method, sought, caliper, pairs, tuple(same or ()), tuple(log or ()), dict(weights or {}), scale, overlap, known,
        None if group is None else tuple(group), seed,
    )  # fmt: skip
    if problems := [*wrong_options(context, recipe)]:
        raise UsageError(problems)
    if problems := [*wrong_context(context), *wrong_values(context, recipe.same, recipe.log)]:
        raise DesignError(problems)
    with one_thread():
        return _collected(context, setting(context, recipe))


@checked
def stability(peers: Peers, *, cities: list[str] | None = None, draws: int = 200, seed: Seed = 20251122) -> Stability:
    """How often a peer is a peer again with other cities as the measure of what is near, and with other variables.

    See ``nearness.stability``; ``cities``: labels (all where not given).
    """
    from scale_impact.benchmark.nearness.stability import examine

    with one_thread():
        return examine(peers, cities=cities, draws=draws, seed=seed)


def _collected(context: Context, made: Setting) -> Peers:
    """Peers by row of the context, from places in the order of labels."""
    n, rows_of, labels = len(context.labels), made.variables.rows, made.variables.labels
    indices, distances = [np.empty(0, dtype=np.int64)] * n, [np.empty(0)] * n
    why_not, tied = dict(made.lacking), 0
    fewer: dict[str, str] = {}
    for rows, others in made.sides():
        for place, near in zip(rows, nearest(made.distance, rows, others, made.recipe.number), strict=True):
            fair = near.distances <= made.caliper * (1 + 1e-12)
            indices[rows_of[place]], distances[rows_of[place]] = rows_of[near.places[fair]], near.distances[fair]
            reason = reasons.reason(context, made, int(place), near, int(fair.sum()))
            if reason:
                (fewer if fair.any() else why_not)[labels[place]] = reason
            tied += near.tied and bool(fair.all())
    if made.member is not None:
        why_not |= {labels[k]: reasons.OUTSIDE for k in np.flatnonzero(made.usable & ~made.member)}
    weights = dict(zip(made.variables.names, made.distance.weights.tolist(), strict=True))
    return Peers(
        context, tuple(indices), tuple(distances), _by_row(context, why_not), _by_row(context, fewer), made.caliper, weights,
        tuple(reasons.notes(made, tied)), made,
    )  # fmt: skip


def _by_row(context: Context, said: Mapping[str, str]) -> dict[str, str]:
    return {label: said[label] for label in context.labels if label in said}
