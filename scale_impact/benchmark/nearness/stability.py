"""Stability: how often a peer is a peer again.

What is near is measured by the cities that happen to be in the table and the variables that happen to be in the context. Both are drawn
again: cities with replacement, which gives other variances and correlations (the candidates stay the same); variables by leaving
each out, and by random sets of two thirds. A peer is a peer again where it is among the ``number`` nearest; the caliper is not asked
again, because a distance of fewer variables has another scale. Ranks (``scale: ranks``) stay those of all cities.

Source: Efron and Tibshirani (1993), chapter 6 (bootstrap); Meinshausen and Bühlmann (2010), section 2 (how often something is
selected again, as a measure of trust in a selection).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scale_impact.benchmark.cities import Floats
from scale_impact.benchmark.nearness.search import nearest
from scale_impact.benchmark.nearness.setting import Setting
from scale_impact.benchmark.nearness.variables import Bools, Variables
from scale_impact.core.words import nearest as nearest_name
from scale_impact.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from scale_impact.benchmark.peers import Peers

KEPT = 2 / 3
"""Share of the variables in a random set, rounded down."""

KINDS = ("bootstrap", "left_out", "subsets")


@dataclass(frozen=True)
class Stability:
    """How often each peer is a peer again.

    Attributes
    ----------
    frame:
        One row a city and peer, nearest first: ``city``, ``peer``, ``rank``, and the share of ``bootstrap`` draws, of variables
        ``left_out`` and of random ``subsets`` in which it is among the nearest again; NaN where ``notes`` says why.
    overall:
        Mean of these shares over all rows, by their name.
    notes:
        Which of them there is not, and why.
    """

    frame: pd.DataFrame
    overall: dict[str, float]
    notes: tuple[str, ...]

    def table(self) -> pd.DataFrame:
        """The shares by city and peer, without those that there are not."""
        return self.frame.set_index(["city", "peer"]).dropna(axis=1, how="all")


def examine(peers: Peers, *, cities: Sequence[str] | None, draws: int, seed: int) -> Stability:
    """Draw again; see ``peers.stability``.

    Raises
    ------
    UsageError
        No draws, or a city that there is not.
    """
    import pandas as pd

    labels = list(peers.context.labels) if cities is None else list(cities)
    if problems := [*_wrong(peers, labels, draws)]:
        raise UsageError(problems)
    chosen = [(label, peers.row(label)) for label in labels]
    made, places = peers.setting, peers.setting.places
    own = {int(places[row]): places[peers.indices[row]].tolist() for _, row in chosen}
    found = {kind: _shares(made, own, trials) for kind, trials in _trials(made, draws, seed)}
    names = made.variables.labels
    rows = [
        {
            "city": label,
            "peer": names[j],
            "rank": k + 1,
            **{kind: _at(found[kind], int(places[row]), k) for kind in KINDS},
        }
        for label, row in chosen
        for k, j in enumerate(own[int(places[row])])
    ]
    frame = pd.DataFrame(rows, columns=["city", "peer", "rank", *KINDS])
    overall = {kind: float(frame[kind].mean()) for kind in KINDS if len(frame) and frame[kind].notna().any()}
    return Stability(frame, overall, tuple(_notes(len(made.variables.names), len(frame))))


def _wrong(peers: Peers, labels: Sequence[str], draws: int) -> Iterator[str]:
    if draws < 1:
        yield f"draws: {draws!r} were asked for. Ask for one or more."
    known = set(peers.context.labels)
    yield from (f"cities: there is no city {c!r}. {nearest_name(c, known)}" for c in labels if c not in known)


def _notes(k: int, n: int) -> Iterator[str]:
    if not n:
        yield "None of these cities has a peer, so there is nothing to draw again."
    if k == 1:
        yield "The context has one variable: none can be left out, and there are no other sets of it."
    elif k == 2:
        yield "The context has two variables: a random set of them is one left out, so there is no share of sets."


def _at(shares: dict[int, Floats] | None, place: int, k: int) -> float:
    return float("nan") if shares is None else float(shares[place][k])


Trial = tuple[Variables, Floats, int]
"""Variables, how often each city counts, and a seed."""


def _trials(made: Setting, draws: int, seed: int) -> Iterator[tuple[str, list[Trial]]]:
    """What is tried again, by kind."""
    by_city, by_set = np.random.default_rng(seed).spawn(2)
    names, of, everyone = made.variables.names, made.variables.of, made.usable.astype(float)
    yield (
        "bootstrap",
        [(made.variables, counts, draw) for draw, counts in enumerate(_resampled(made.usable, draws, by_city))],
    )
    yield "left_out", [(of([n for n in names if n != out]), everyone, 0) for out in names if len(names) > 1]
    size = min(len(names) - 1, int(KEPT * len(names) + 1e-9))
    sets = [by_set.choice(len(names), size, replace=False) for _ in range(draws if len(names) > 2 else 0)]
    yield "subsets", [(of([names[k] for k in at]), everyone, 0) for at in sets]


def _resampled(usable: Bools, draws: int, rng: np.random.Generator) -> Iterator[Floats]:
    """How often each city is drawn."""
    at = np.flatnonzero(usable)
    for _ in range(draws):
        counts = np.zeros(len(usable))
        counts[at] = rng.multinomial(len(at), np.full(len(at), 1 / len(at)))
        yield counts


def _shares(made: Setting, own: dict[int, list[int]], trials: Sequence[Trial]) -> dict[int, Floats] | None:
    """By place, the share of trials in which each peer is a peer again; None without trials."""
    if not trials:
        return None
    found = {place: np.zeros(len(peers)) for place, peers in own.items()}
    for variables, counts, seed in trials:
        distance = made.again(variables, counts, seed)
        for rows, others in made.sides():
            inside = np.array([p for p in rows.tolist() if own.get(p)], dtype=np.int64)
            for p, near in zip(inside.tolist(), nearest(distance, inside, others, made.recipe.number), strict=True):
                found[p] += np.isin(own[p], near.places)
    return {p: v / len(trials) for p, v in found.items()}
