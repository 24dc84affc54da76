"""A city against its peers: index, dimensions and indicators beside the peers' middle, and what lifts and lowers the city.

The lift compares the city with a city that has the peers' median in every indicator; the lifts of all indicators add up to the
difference between the two indices. It says what makes the number, not why the city is as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from scale_impact.benchmark.changing.parts import Index
from scale_impact.benchmark.cities import Floats, Ints
from scale_impact.benchmark.peers import Peers
from scale_impact.benchmark.scores import Scores
from scale_impact.benchmark.scoring.tree import ROOT
from scale_impact.core.words import counted, nearest
from scale_impact.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["index", "dimension", "indicator"]


@dataclass(frozen=True)
class Standing:
    """One number of a city beside those of its peers, on the common scale; more is better.

    Attributes
    ----------
    kind, name, dimension:
        What it is a number of; an indicator's dimension.
    value:
        The city's score.
    low, first, median, third, high:
        Of the peers: least, quartiles, middle, most; NaN where none has one.
    best:
        The peer with the most; empty where none has one.
    yardstick:
        The score of a city with the peers' median in every indicator.
    lift:
        Points that it adds to the index against a city with the peers' median in every indicator; NaN where the index has no
        parts, or is not known.
    raw, raw_median, unit:
        Of an indicator: its value as measured (NaN where it was not), the peers' median, and the unit.
    best_raw:
        The value of the best peer as measured.
    column:
        Of an indicator.
    """

    kind: Kind
    name: str
    dimension: str
    value: float
    low: float
    first: float
    median: float
    third: float
    high: float
    best: str
    yardstick: float
    lift: float
    raw: float = np.nan
    raw_median: float = np.nan
    best_raw: float = np.nan
    unit: str = "points"
    column: str = ""


@dataclass(frozen=True)
class Profile:
    """A city against its peers.

    Attributes
    ----------
    label:
        The city.
    peers:
        Those of its peers that have scores, nearest first.
    rows:
        The index, then the dimensions, then the indicators by dimension.
    limits:
        Ends of the common scale; None where it has none.
    why_not:
        Why nothing can be compared; empty where something can.
    notes:
        What a reader has to know.
    """

    label: str
    peers: tuple[str, ...]
    rows: tuple[Standing, ...]
    limits: tuple[float, float] | None
    why_not: str = ""
    notes: tuple[str, ...] = ()

    def of_kind(self, *kinds: Kind) -> tuple[Standing, ...]:
        """Rows of some kinds, in order."""
        return tuple(r for r in self.rows if r.kind in kinds)

    def only(self, *kinds: Kind) -> Profile:
        """The profile with rows of some kinds alone: what a figure shows is what its value holds."""
        return Profile(self.label, self.peers, self.of_kind(*kinds), self.limits, self.why_not, self.notes)

    def table(self) -> pd.DataFrame:
        """One row a number."""
        import pandas as pd

        return pd.DataFrame([vars(r) for r in self.rows], columns=list(Standing.__dataclass_fields__))


def against_peers(label: str, scores: Scores, peers: Peers) -> Profile:
    """A city's scores beside those of its peers.

    Raises
    ------
    UsageError
        The city has no row in scores or peers.
    """
    if label not in scores.cities.labels:
        raise UsageError(f"There is no city {label!r}. {nearest(label, scores.cities.labels)}")
    limits = _limits(scores)
    if label in scores.why_not:
        return Profile(label, (), (), limits, f"{label} has no score: {scores.why_not[label]}")
    found = peers.of(label)
    kept = _scored(found, scores)
    if not kept:
        return Profile(label, (), (), limits, _no_peer(label, found, peers))
    lost = len(found) - len(kept)
    notes = (f"{counted(lost, 'peer')} without a score {'is' if lost == 1 else 'are'} left out.",) if lost else ()
    return Profile(label, kept, _rows(label, kept, scores), limits, notes=notes)


def against_all(label: str, scores: Scores) -> Profile:
    """A city's scores beside those of all other cities, for one that has no peers; ``peers`` are all the others then.

    Raises
    ------
    UsageError
        The city is not among those that were scored.
    """
    if label not in scores.cities.labels:
        raise UsageError(f"There is no city {label!r}. {nearest(label, scores.cities.labels)}")
    if label in scores.why_not:
        return Profile(label, (), (), _limits(scores), f"{label} has no score: {scores.why_not[label]}")
    others = _scored([c for c in scores.cities.labels if c != label], scores)
    return Profile(label, others, _rows(label, others, scores), _limits(scores))


def _scored(labels: Sequence[str], scores: Scores) -> tuple[str, ...]:
    known = set(scores.cities.labels) - set(scores.why_not)
    return tuple(c for c in labels if c in known)


def _no_peer(label: str, found: Sequence[str], peers: Peers) -> str:
    if found:
        return f"{label}: none of its {counted(len(found), 'peer')} has a score."
    return f"{label} has no fair peer: {peers.why_not.get(label, 'no other city is near enough.')}"


def _limits(scores: Scores) -> tuple[float, float] | None:
    from scale_impact.benchmark.scoring.normalising import limits

    relative = scores.recipe.normaliser in ("zscore", "rank", "borda", "fraction_of_best", "scaled")
    return None if relative or "copeland" in (scores.recipe.aggregation, scores.recipe.upper) else limits(scores.recipe)


def _rows(label: str, others: Sequence[str], scores: Scores) -> tuple[Standing, ...]:
    place = {c: k for k, c in enumerate(scores.cities.labels)}
    city, peers, names = place[label], np.array([place[c] for c in others]), list(others)
    made = _lifts(city, peers, scores)
    cities, values = scores.cities, scores.cities.values
    found = [_standing("index", "Index", "", scores.index[city], scores.index[peers], names, *made.index)]
    for d, name in enumerate(scores.dimensions):
        own, theirs = scores.dimension_scores[city, d], scores.dimension_scores[peers, d]
        found.append(_standing("dimension", name, name, own, theirs, names, *made.dimensions[d]))
    for d, name in enumerate(scores.dimensions):
        for k in np.flatnonzero(scores.tree.belongs == d):
            criterion = cities.criteria[k]
            row = _standing(
                "indicator",
                criterion.name,
                name,
                scores.normalised[city, k],
                scores.normalised[peers, k],
                names,
                *made.indicators[k],
            )
            best = float(values[peers[names.index(row.best)], k]) if row.best else float("nan")
            raw, middle = float(values[city, k]), _middle(values[peers, k])
            found.append(
                replace(row, raw=raw, raw_median=middle, best_raw=best, unit=criterion.unit, column=criterion.column)
            )
    return tuple(found)


def _standing(
    kind: Kind,
    name: str,
    dimension: str,
    value: float,
    others: Floats,
    names: Sequence[str],
    yardstick: float,
    lift: float,
) -> Standing:
    known = ~np.isnan(others)
    if not known.any():
        none = float("nan")
        return Standing(kind, name, dimension, float(value), none, none, none, none, none, "", yardstick, lift)
    low, first, median, third, high = (float(v) for v in np.percentile(others[known], [0, 25, 50, 75, 100]))
    return Standing(
        kind,
        name,
        dimension,
        float(value),
        low,
        first,
        median,
        third,
        high,
        names[int(np.nanargmax(others))],
        yardstick,
        lift,
    )


def _middle(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else float("nan")


@dataclass(frozen=True)
class _Lifts:
    """Score of the yardstick, and what a city has more, of the index, the dimensions and the indicators."""

    index: tuple[float, float]
    dimensions: list[tuple[float, float]]
    indicators: list[tuple[float, float]]


def _lifts(city: int, peers: Ints, scores: Scores) -> _Lifts:
    """Parts of the difference to a city with the peers' median in every indicator."""
    own, others = scores.normalised[[city]], scores.normalised[peers]
    middle = np.array([[_middle(column) for column in others.T]])
    index, none = Index.of(scores), float("nan")
    if not index.has_parts or scores.own_weights is not None:
        return _Lifts((none, none), [(none, none)] * len(scores.dimensions), [(float(m), none) for m in middle[0]])
    # what is not known of the one cannot lift the other
    either = np.isnan(own) | np.isnan(middle)
    yardstick = np.where(either, np.nan, middle)
    by_indicator, by_dimension = index.parts(yardstick, np.where(either, np.nan, own))
    nodes = index.nodes(yardstick)
    return _Lifts(
        (float(nodes[ROOT][0]), float(by_indicator.sum())),
        [(float(nodes[d][0]), float(part)) for d, part in zip(scores.dimensions, by_dimension[0], strict=True)],
        [(float(m), float(part)) for m, part in zip(yardstick[0], by_indicator[0], strict=True)],
    )
