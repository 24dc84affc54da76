"""Page: why is my city here? One page in plain words for whoever answers for the city.

Each part says what is known, how sure it is, and, where there is no answer, why. Nothing is on the page that is not in the values
it is made of.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from scale_impact.benchmark.adjustment import ContextAdjustment
from scale_impact.benchmark.change import Changes
from scale_impact.benchmark.changing.words import points
from scale_impact.benchmark.paging.beside import best, moved, situation, weights, whom
from scale_impact.benchmark.paging.number import ahead_of_it, lifts, no_score
from scale_impact.benchmark.peers import Peers
from scale_impact.benchmark.rank_bands import RankBands
from scale_impact.benchmark.robustness import Robustness
from scale_impact.benchmark.scores import Scores
from scale_impact.benchmark.tried_by_peers import PeersTried
from scale_impact.core.words import counted, nearest, some, within_sentence
from scale_impact.errors import UsageError

if TYPE_CHECKING:
    from scale_impact.benchmark.frontier import Frontier


def page(
    label: str,
    scores: Scores,
    peers: Peers,
    adjustment: ContextAdjustment | None = None,
    bands: RankBands | None = None,
    frontier: Frontier | None = None,
    robustness: Robustness | None = None,
    changes: Changes | None = None,
    tried: PeersTried | None = None,
) -> str:
    """The page of one city, in Markdown.

    Parameters
    ----------
    label:
        The city.
    scores, peers:
        Of all cities.
    adjustment, bands, frontier, robustness, changes, tried:
        What else is known; None where it was not asked, which leaves the part out.

    Raises
    ------
    UsageError
        The city has neither a row in the scores nor in the peers.
    """
    known = [*scores.cities.labels, *peers.context.labels]
    if label not in known:
        raise UsageError(f"There is no city {label!r}. {nearest(label, known)}")
    scored = no_score(label, scores) is None
    parts: list[tuple[str, Iterator[str]]] = [
        ("", _place(label, scores, bands)),
        ("What lifts it, and what lowers it", lifts(label, scores, peers)),
        (
            "What a city in its situation can be expected to reach",
            situation(label, adjustment) if scored else iter(()),
        ),
        ("Whom it is compared with", whom(label, peers)),
        ("Where its peers are ahead", ahead_of_it(label, scores, peers)),
        ("How far the best are", best(label, frontier) if scored else iter(())),
        ("How much the weights decide", weights(label, robustness) if scored else iter(())),
        ("Has it moved?", moved(label, peers, changes)),
        ("What its peers tried", iter([] if tried is None else _bulleted(tried.sentences()))),
        ("What this page does not say", _limits(label, scores, peers)),
    ]
    text = [f"# Why is {label} here?", ""]
    for title, lines in parts:
        if told := list(lines):
            text += [*([f"## {title}", ""] if title else []), *told, ""]
    return "\n".join(text).rstrip() + "\n"


# ---- where it stands -------------------------------------------------------------------------------------


def _place(label: str, scores: Scores, bands: RankBands | None) -> Iterator[str]:
    if (why := no_score(label, scores)) is not None:
        yield f"**{label} has no place.** {why}"
        return
    row = scores.cities.labels.index(label)
    index, n = float(scores.index[row]), int((~np.isnan(scores.index)).sum())
    if bands is None or label not in bands.labels or label in bands.why_not:
        yield f"**Rank {scores.ranks[row]:.0f} of {n:,}**, with an index of {_of_scale(index, scores)}. How sure that rank is was not asked."
        return
    yield f"{_band(label, bands)} Its index is {_of_scale(index, scores)}; the middle city has {points(float(np.nanmedian(scores.index)))}."


def _of_scale(index: float, scores: Scores) -> str:
    if (
        scores.recipe.normaliser in ("goalposts", "minmax", "percentile", "distance_to_best")
        and scores.recipe.scale is None
    ):
        return f"{points(index)} of 100 points"
    return f"{points(index)} points"


def _band(label: str, bands: RankBands) -> str:
    k = bands.labels.index(label)
    rank, low, high = (int(v[k]) for v in (bands.rank, bands.low, bands.high))
    head = f"**Rank {rank} of {bands.ranked:,}.**"
    if not np.nansum(bands.std_errors) > 0:
        return f"{head} How sure that rank is, is not known: the values come without errors."
    alike = len(bands.alike(label))
    told = (
        f"It cannot be told from {counted(alike, 'other city', 'other cities')}."
        if alike
        else "It can be told from every other city."
    )
    between = f"its rank lies between {low} and {high}" if low < high else f"its rank is {low}"
    return f"{head} With {100 * bands.level:g} % confidence {between}. {told}"


def _bulleted(sentences: Sequence[str]) -> list[str]:
    """Sentences as paragraphs, with lists kept as lists."""
    found: list[str] = []
    for k, s in enumerate(sentences):
        if k and s.startswith("- ") != sentences[k - 1].startswith("- "):
            found.append("")
        found.append(s)
    return found


def _limits(label: str, scores: Scores, peers: Peers) -> Iterator[str]:
    yield "- Why the city is as it is. Parts of a number are not causes, and a difference to peers is not the effect of anything."
    counts = [f"{d} ({int((scores.tree.belongs == k).sum())})" for k, d in enumerate(scores.dimensions)]
    yield f"- Anything that was not looked at. Looked at: {counted(len(scores.cities.criteria), 'indicator')}, by dimension {', '.join(counts)}."
    if peers.context.columns:
        yield "- Whether peers differ in something else than the situation that was looked at."
    guessed = scores.records[(scores.records["city"] == label) & scores.records["before"].isna()]["column"]
    if len(guessed):
        names = {c.column: c.name for c in scores.cities.criteria}
        yield f"- What the city really has in {some([within_sentence(names[c]) for c in guessed])}: not measured there, estimated from the rest."
