"""What else is known of a city: its situation, its peers, the best, other weights, its change."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from scale_impact.benchmark.adjustment import ContextAdjustment
from scale_impact.benchmark.change import Changes
from scale_impact.benchmark.changing.words import points
from scale_impact.benchmark.paging.number import MOST, SMALL
from scale_impact.benchmark.peers import Peers
from scale_impact.benchmark.robustness import Robustness
from scale_impact.core.words import counted, some

if TYPE_CHECKING:
    from scale_impact.benchmark.frontier import Frontier


def situation(label: str, found: ContextAdjustment | None) -> Iterator[str]:
    """What is expected in its situation."""
    if found is None:
        return
    if label not in found.labels:
        yield "It is not among the cities whose situation was looked at."
        return
    if label in found.why_not:
        yield f"No answer: {found.why_not[label].rstrip('.')}."
        return
    k = found.labels.index(label)
    own, expected = float(found.outcome[k]), float(found.expected[k])
    ends = (float(found.low[k]), float(found.high[k]))
    width = (
        f" ({100 * found.level:g} % of such cities between {points(ends[0])} and {points(ends[1])})"
        if all(map(math.isfinite, ends))
        else ""
    )
    away = own - expected
    size = f"{points(abs(away))} points {'more' if away > 0 else 'less'}" if abs(away) >= SMALL else "as expected"
    verdict = {"better": ", more than chance allows", "worse": ", less than chance allows"}.get(
        found.verdicts[k], ", which is within what is usual"
    )
    yield f"In its situation {points(expected)} points are expected{width}. It has {points(own)}: {size}{verdict if all(map(math.isfinite, ends)) else ''}."
    n = int((~np.isnan(found.adjusted_ranks)).sum())
    ranks = f"{found.adjusted_ranks[k]:.0f} instead of {found.raw_ranks[k]:.0f} (of the {n:,} that can be compared so)"
    yield f"Ranked by how far cities lie above or below what is expected, its rank is {ranks}. {_explained(found.explained)}"
    if label in found.unsupported:
        yield f"Careful: hardly any other city is in such a situation ({found.unsupported[label].rstrip('.')}), so what is expected of it is a guess."


def _explained(share: float) -> str:
    if math.isnan(share):
        return "How much the situation explains is not known."
    if share <= 0:
        return "But the situation explains none of the differences between cities, so the plain rank is no less fair."
    return f"The situation explains {100 * share:.0f} % of the differences between cities."


def whom(label: str, peers: Peers) -> Iterator[str]:
    """Who its peers are, and why these."""
    if label not in peers.context.labels:
        yield "It is not among the cities for which peers were sought."
        return
    looked_at = some([c.meaning or c.column for c in peers.context.columns], 12)
    if not (found := peers.of(label)):
        why = peers.why_not.get(label, "No other city is near enough.")
        yield f"{why if why.startswith('No fair peer') else f'No fair peer: {why}'} So above it is held against all other cities, which is less fair."
        return
    yield f"{counted(len(found), 'peer')}, chosen on its situation alone ({looked_at}), never on results; the nearest first: {some(found, 12)}."
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


def moved(label: str, peers: Peers, found: Changes | None) -> Iterator[str]:
    """Whether it has moved."""
    if found is None:
        return
    if label not in found.labels:
        yield "It is in none of the periods that were compared."
        return
    yield from found.sentences(label)
    if label in found.why_not or label not in peers.context.labels:
        return
    if near := [p for p in peers.of(label) if p in found.labels and p not in found.why_not]:
        yield found.catching_up(label, near).sentence()
    flagged = [b for b in found.breaks if not b.left_out]
    if found.left_out:
        yield f"Left out, because defined anew in between: {some(found.left_out)}."
    if flagged:
        yield f"Careful: {some([b.column for b in flagged])} may have been defined anew in between."
