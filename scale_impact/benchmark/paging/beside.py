"""What else is known of a city: its situation, its peers, the best, other weights, its change."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from scale_impact.benchmark.adjustment import ContextAdjustment
from scale_impact.benchmark.change import Changes
from scale_impact.benchmark.changing.words import Pair, pair, points
from scale_impact.benchmark.paging.number import MOST
from scale_impact.benchmark.peers import Peers
from scale_impact.benchmark.robustness import Robustness
from scale_impact.core.words import counted, some, within_sentence

if TYPE_CHECKING:
    from scale_impact.benchmark.frontier import Frontier


def for_its_situation(label: str, found: ContextAdjustment | None) -> str | None:
    """In one line how the city does for its situation; None where that was not asked."""
    if found is None or label not in found.labels:
        return None
    if label in found.why_not:
        return f"no answer: {found.why_not[label].rstrip('.')}."
    guess = " (a guess: hardly any other city is in such a situation)" if label in found.unsupported else ""
    shown = _expected(label, found)
    return f"{_more(shown)}{_usual(label, found)}{guess}."


def _expected(label: str, found: ContextAdjustment) -> Pair:
    """What is expected, and what the city has."""
    k = found.labels.index(label)
    return pair(float(found.expected[k]), float(found.outcome[k]))


def _more(shown: Pair) -> str:
    away = shown.difference
    return f"{shown.text(abs(away))} points {'more' if away > 0 else 'less'} than expected" if away else "as expected"


def _usual(label: str, found: ContextAdjustment) -> str:
    k = found.labels.index(label)
    if not (math.isfinite(found.low[k]) and math.isfinite(found.high[k])):
        return ""
    left = f"{100 * (1 - found.level):.3g}"
    beyond = f", beyond what is usual (by chance alone {left} % of cities lie as far out)"
    return ", which is within what is usual" if found.verdicts[k] == "as expected" else beyond


def situation(label: str, found: ContextAdjustment | None, rank: float, ranked: int) -> Iterator[str]:
    """What is expected in its situation; ``rank`` among all ``ranked`` cities as the page names it."""
    if found is None:
        return
    if label not in found.labels:
        yield "It is not among the cities whose situation was looked at."
        return
    if label in found.why_not:
        yield f"No answer: {found.why_not[label].rstrip('.')}."
        return
    k, shown = found.labels.index(label), _expected(label, found)
    ends = (float(found.low[k]), float(found.high[k]))
    width = (
        f" ({points(ends[0])} to {points(ends[1])}: {100 * found.level:g} % of cities lie within intervals made so)"
        if all(map(math.isfinite, ends))
        else ""
    )
    expected = f"In its situation {shown.text(shown.then)} points are expected{width}"
    yield f"{expected}. It has {shown.text(shown.now)}: {_more(shown)}{_usual(label, found)}."
    n = int((~np.isnan(found.adjusted_ranks)).sum())
    yield f"{_ranks(n, found.raw_ranks[k], found.adjusted_ranks[k], rank, ranked)} {_explained(found.explained)}"
    if label in found.unsupported:
        yield f"Careful: hardly any other city is in such a situation ({found.unsupported[label].rstrip('.')}), so what is expected of it is a guess."


def _ranks(n: int, raw: float, adjusted: float, rank: float, ranked: int) -> str:
    """Ranks as it is and for the situation, among the same cities, with the rank among all where that is another."""
    by = f"rank {adjusted:.0f} by how far it lies above or below what is expected"
    if (n, raw) == (ranked, rank):
        return f"Its rank by the index is {rank:.0f}; it has {by}."
    if raw == rank:
        both = (
            f"By the index it has rank {rank:.0f}, of all {ranked:,} cities and of the {n:,} whose situation is known"
        )
        return f"{both}; among these it has {by}."
    all_of = f"By the index it has rank {rank:.0f} of all {ranked:,} cities"
    return f"{all_of}; among the {n:,} whose situation is known it has rank {raw:.0f} by the index, and {by}."


def _explained(share: float) -> str:
    if math.isnan(share):
        return "How much the situation explains is not known."
    if share <= 0:
        return "But the situation explains none of the differences between cities, so the plain rank is no less fair."
    told = f"{100 * share:.0f} %" if share >= 0.005 else "less than 1 %"
    return f"The situation explains {told} of the differences between cities."


def whom(label: str, peers: Peers, *, scored: bool) -> Iterator[str]:
    """Who its peers are, and why these; ``scored``: whether the city itself has a score."""
    if label not in peers.context.labels:
        yield "It is not among the cities for which peers were sought."
        return
    if not (found := peers.of(label)):
        why = peers.why_not.get(label, "No other city is near enough.")
        against = " So above it is held against all other cities, which is less fair." if scored else ""
        yield f"It has no fair peer. {why[:1].upper()}{why[1:]}{against}"
        return
    looked_at = some(list(peers.context.meanings.values()), 12)
    chosen = f"chosen on its situation alone ({looked_at}), never on results"
    yield f"{counted(len(found), 'peer')}, {chosen}{'; the nearest first' if len(found) > 1 else ''}: {some(found, 12)}."
    yield ""
    yield from (f"- {sentence}" for sentence in peers.in_words(label)[: min(MOST, len(found))])
    if label in peers.fewer:
        yield f"- {peers.fewer[label]}"


def best(label: str, found: Frontier | None) -> Iterator[str]:
    """How far the best are."""
    if found is None:
        return
    if label not in found.labels:
        yield "It is not among the cities that were held against the best."
        return
    yield from found.in_words(label)


# ---- choices, time, evidence -----------------------------------------------------------------------------


def weights(label: str, found: Robustness | None) -> Iterator[str]:
    """How much the weights decide."""
    if found is None:
        return
    if label not in found.scores.cities.labels:
        yield "It is not among the cities whose rank was tried under other weights."
        return
    k = found.scores.cities.labels.index(label)
    if math.isnan(float(found.rank[k])):
        yield f"No answer: {found.why_not.get(label, 'it has no rank.')}"
        return
    low, high = int(found.low[k]), int(found.high[k])
    if low == high:
        yield f"Under other weights it keeps rank {low} in {100 * found.band:g} % of all tries."
        return
    tries = f"between {low} and {high} in {100 * found.band:g} % of all tries"
    yield f"Nobody knows the right weights. Under others its rank lies {tries}, {_wide(high - low, found)}."


def _wide(width: int, found: Robustness) -> str:
    middle = float(np.nanmedian(found.high - found.low))
    than = (
        "more than for most cities"
        if width > 1.25 * middle
        else "less than for most cities"
        if width < 0.8 * middle
        else "as for most cities"
    )
    return f"a width of {counted(width, 'place')}, {than}"


def moved(label: str, peers: Peers, found: Changes | None, index: float) -> Iterator[str]:
    """Whether it has moved; ``index`` as the page names it at its top, NaN where it has none."""
    if found is None:
        return
    if label not in found.labels:
        yield "It is in none of the periods that were compared."
        return
    told = list(found.sentences(label))
    yield told[0]
    if label in found.why_not:
        return
    k, now = found.labels.index(label), found.periods.index(found.end)
    if not math.isnan(index) and points(float(found.path[k, now])) != points(index):
        yield (
            f"The {points(index)} points at the top are not the same number: they count all indicators and all that is known"
            f"{'' if found.left_out else ', and here only what is known in both periods counts'}."
        )
    yield from told[1:]
    if label not in peers.context.labels:
        return
    near = [p for p in peers.of(label) if p in found.labels]
    if any(p not in found.why_not for p in near):
        yield found.catching_up(label, near).sentence()
    flagged = dict.fromkeys(within_sentence(b.name) for b in found.breaks if not b.left_out)
    if flagged:
        yield f"Careful: the series of {some(list(flagged))} may break in between, so that not all of this is a change of the city."
