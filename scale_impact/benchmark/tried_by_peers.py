"""Tried by peers: which measures with evidence a city's peers have tried, and what happened.

The link from the benchmark to impact: a rank says where a city stands, evidence says what moved cities like it. An average
effect of a study is the effect in no single city, and none of this is a forecast for the city that asks; the sentences say so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from scale_impact.benchmark.paging.tried import ORDER, told
from scale_impact.benchmark.peers import Peers
from scale_impact.core.words import counted, number, some
from scale_impact.errors import DataError, UsageError

if TYPE_CHECKING:
    import pandas as pd


Answer = Literal["tried", "did not try", "left out", "not in the study"]


@dataclass(frozen=True)
class CityEffect:
    """What a study estimates for one city alone, in the outcome's unit; low and high None without an interval."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Adoption:
    """Who tried a measure, and what one study found for one outcome.

    Attributes
    ----------
    study, measure:
        Slug of the study; title of the measure.
    outcome, unit:
        What was looked at, and its unit.
    adopters:
        Cities that tried it within the study, with the first treated period as text.
    never:
        Cities of the study that did not.
    effect, low, high, level, p_value:
        The average effect on the adopters with its interval; None where the study has none.
    direction:
        ``+`` where more is better, ``-`` where less is, anything else where neither is.
    reading:
        The effect in one sentence, as the evidence tells it; without it one is made from the numbers.
    checks, failed:
        How many checks of the estimate ended in each verdict, and the names of those that failed, as far as they are known.
    sample:
        Who was studied, and when.
    left_out:
        Cities that the study left out, each with its reason (such as: had it before the first period).
    by_city:
        What the study estimates for single cities.
    why_not:
        Why there is no effect; empty where there is one.
    """

    study: str
    measure: str
    outcome: str
    unit: str
    adopters: Mapping[str, str]
    never: Sequence[str]
    effect: float | None = None
    low: float | None = None
    high: float | None = None
    level: float = 0.95
    p_value: float | None = None
    direction: str = ""
    reading: str = ""
    checks: Mapping[str, int] = field(default_factory=dict)
    sample: str = ""
    left_out: Mapping[str, str] = field(default_factory=dict)
    by_city: Mapping[str, CityEffect] = field(default_factory=dict)
    why_not: str = ""
    failed: Sequence[str] = ()

    def answer(self, label: str) -> Answer:
        """What the study knows of a city."""
        if label in self.adopters:
            return "tried"
        if label in self.never:
            return "did not try"
        return "left out" if label in self.left_out else "not in the study"


@dataclass(frozen=True)
class Tried:
    """One measure in one study, as far as a city and its peers are concerned.

    Attributes
    ----------
    study, measure:
        Slug and title.
    by_peers:
        Peers that tried it with their first treated period, nearest first.
    not_by_peers, left_out, not_studied:
        The other peers: in the study without the measure; left out by the study, with its reason; not in the study.
    own:
        What the study knows of the city itself, in words.
    found:
        What the study found, an outcome each.
    """

    study: str
    measure: str
    by_peers: Mapping[str, str]
    not_by_peers: tuple[str, ...]
    left_out: Mapping[str, str]
    not_studied: tuple[str, ...]
    own: str
    found: tuple[Adoption, ...]


@dataclass(frozen=True)
class PeersTried:
    """What a city's peers tried.

    Attributes
    ----------
    label:
        The city.
    peers:
        Its peers, nearest first.
    measures:
        A measure and study each, those that most peers tried first.
    why_not:
        Why nothing can be said; empty where something can.
    notes:
        What looks odd.
    """

    label: str
    peers: tuple[str, ...]
    measures: tuple[Tried, ...]
    why_not: str = ""
    notes: tuple[str, ...] = ()

    def sentences(self) -> list[str]:
        """The answer in plain words, ending with what it is not."""
        if self.why_not:
            return [self.why_not, *self.notes]
        said = [s for m in self.measures for s in told(m, len(self.peers))]
        tried = any(m.by_peers for m in self.measures)
        return [*said, *self.notes, CAVEAT if tried else NOBODY]

    def table(self) -> pd.DataFrame:
        """One row a measure, study and outcome."""
        import pandas as pd

        rows = [_row(m, a) for m in self.measures for a in m.found]
        return pd.DataFrame(rows, columns=COLUMNS)


CAVEAT = (
    "These are average effects over all cities that a study followed: not the effect in any one peer, and no forecast for this city. "
    "Peers were chosen for their situation, not because they tried something."
)
NOBODY = "No study has followed a peer that tried it, so there is nothing to learn from them about it yet."

COLUMNS = (
    "measure", "study", "outcome", "unit", "peers_tried", "peers_not", "peers_left_out", "peers_not_studied", "who", "own",
    "effect", "low", "high", "level", "p_value", "checks_passed", "checks_failed", "sample", "why_not",
)  # fmt: skip


def tried_by_peers(peers: Peers, label: str, adoptions: Sequence[Adoption]) -> PeersTried:
    """Measures with evidence that the peers of a city tried.

    Parameters
    ----------
    peers:
        Peers of all cities of the benchmark.
    label:
        The city that asks.
    adoptions:
        What studies know, one a study and outcome; cities are named as in the benchmark.

    Raises
    ------
    UsageError
        The city is not in the benchmark.
    DataError
        A study has a city with and without the measure, an interval that is upside down, or one outcome twice; all at once.
    """
    if label not in peers.context.labels:
        raise UsageError(
            f"{label!r} is no city of the benchmark ({counted(len(peers.context.labels), 'city', 'cities')})."
        )
    if problems := list(_problems(adoptions)):
        raise DataError(problems)
    notes = tuple(_strangers(adoptions, peers.context.labels))
    if label in peers.why_not:
        return PeersTried(label, (), (), f"{label} has no peers to learn from. {peers.why_not[label]}", notes)
    if not adoptions:
        return PeersTried(
            label, tuple(peers.of(label)), (), "No study of a measure is named, so it is not known what peers tried."
        )
    near = tuple(peers.of(label))
    found = [_tried(key, group, label, near) for key, group in _grouped(adoptions).items()]
    ordered = sorted(found, key=lambda m: (-len(m.by_peers), m.study, m.measure))
    return PeersTried(label, near, tuple(ordered), notes=notes)


def _problems(adoptions: Sequence[Adoption]) -> Iterator[str]:
    seen: set[tuple[str, str, str]] = set()
    for a in adoptions:
        where = f"{a.study}, {a.outcome}"
        if both := sorted(set(a.adopters) & set(a.never)):
            yield f"{where}: {some(both)} {'stands' if len(both) == 1 else 'stand'} among those that tried {a.measure} and among those that did not."
        if a.low is not None and a.high is not None and a.low > a.high:
            yield f"{where}: the interval {number(a.low)} to {number(a.high)} is upside down."
        if a.effect is None and not a.why_not:
            yield f"{where}: there is no effect and no reason why. Say why_not."
        if unknown := sorted(set(a.checks) - set(ORDER)):
            yield f"{where}: {some(unknown)} is no verdict of a check. Known: {', '.join(ORDER)}."
        if (key := (a.study, a.measure, a.outcome)) in seen:
            yield f"{where}: it stands here twice for {a.measure}. Name one estimate for an outcome."
        seen.add(key)


def _strangers(adoptions: Sequence[Adoption], labels: Sequence[str]) -> Iterator[str]:
    """Studies none of whose cities are in the benchmark: most often the same cities written in another way."""
    known = set(labels)
    for (study, _), group in _grouped(adoptions).items():
        theirs = sorted({c for a in group for c in (*a.adopters, *a.never, *a.left_out)})
        if not known & set(theirs):
            shown = f"{theirs[0]!r} there, {labels[0]!r} here" if theirs else "it names none"
            yield f"No city of the study {study} is in the benchmark ({shown}). If they are the same cities, write their names alike."


def _grouped(adoptions: Sequence[Adoption]) -> dict[tuple[str, str], list[Adoption]]:
    found: dict[tuple[str, str], list[Adoption]] = {}
    for a in adoptions:
        found.setdefault((a.study, a.measure), []).append(a)
    return found


def _tried(key: tuple[str, str], group: Sequence[Adoption], label: str, near: Sequence[str]) -> Tried:
    answers = {p: _of_all(group, p) for p in near}
    return Tried(
        study=key[0],
        measure=key[1],
        by_peers={p: _first(group, p) for p in near if answers[p] == "tried"},
        not_by_peers=tuple(p for p in near if answers[p] == "did not try"),
        left_out={p: next(a.left_out[p] for a in group if p in a.left_out) for p in near if answers[p] == "left out"},
        not_studied=tuple(p for p in near if answers[p] == "not in the study"),
        own=_own(group, label),
        found=tuple(group),
    )


def _of_all(group: Sequence[Adoption], label: str) -> Answer:
    """What a study knows of a city over its outcomes: whoever tried it for one has tried it."""
    answers = {a.answer(label) for a in group}
    order: tuple[Answer, ...] = ("tried", "did not try", "left out", "not in the study")
    return next(o for o in order if o in answers)


def _first(group: Sequence[Adoption], label: str) -> str:
    return next(a.adopters[label] for a in group if label in a.adopters)


def _own(group: Sequence[Adoption], label: str) -> str:
    answer = _of_all(group, label)
    if answer == "tried":
        return f"tried it itself, from {_first(group, label)} on"
    if answer == "left out":
        return f"was left out by the study ({next(a.left_out[label] for a in group if label in a.left_out)})"
    return "is in the study and did not try it" if answer == "did not try" else "is not in the study"


def _row(m: Tried, a: Adoption) -> dict[str, object]:
    return {
        "measure": m.measure, "study": m.study, "outcome": a.outcome, "unit": a.unit, "peers_tried": len(m.by_peers),
        "peers_not": len(m.not_by_peers), "peers_left_out": len(m.left_out), "peers_not_studied": len(m.not_studied),
        "who": "; ".join(f"{p} ({t})" for p, t in m.by_peers.items()), "own": m.own, "effect": a.effect, "low": a.low, "high": a.high,
        "level": a.level, "p_value": a.p_value, "checks_passed": a.checks.get("pass", 0), "checks_failed": a.checks.get("fail", 0),
        "sample": a.sample, "why_not": a.why_not,
    }  # fmt: skip
