"""Page: why is my city here? One page in plain words for whoever answers for the city.

Each part says what is known, how sure it is, and, where there is no answer, why. Nothing is on the page that is not in the values
it is made of.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from scale_impact.benchmark.adjustment import ContextAdjustment
from scale_impact.benchmark.change import Changes
from scale_impact.benchmark.changing.words import points
from scale_impact.benchmark.paging.beside import best, for_its_situation, moved, situation, weights, whom
from scale_impact.benchmark.paging.number import Beside, ahead_of_it, beside, lifts, no_score, strengths
from scale_impact.benchmark.paging.sure import how_sure
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
    text = [f"# Why is {label} here?", ""]
    for title, lines in _parts(label, scores, peers, adjustment, bands, frontier, robustness, changes, tried):
        if told := list(lines):
            text += [*([f"## {title}", ""] if title else []), *told, ""]
    return "\n".join(text).rstrip() + "\n"


def _parts(
    label: str,
    scores: Scores,
    peers: Peers,
    adjustment: ContextAdjustment | None,
    bands: RankBands | None,
    frontier: Frontier | None,
    robustness: Robustness | None,
    changes: Changes | None,
    tried: PeersTried | None,
) -> Iterator[tuple[str, Iterable[str]]]:
    """Titles and lines: first what an official needs, then each part of it; without a score what is known all the same."""
    learned = [] if tried is None else _bulleted(tried.sentences())
    if (why := no_score(label, scores)) is not None:
        yield "", [f"**{label} has no place.** {why}"]
        yield "Whom it is compared with", whom(label, peers, scored=False)
        if changes is not None and label in changes.labels and label not in changes.why_not:
            yield "Has it moved?", moved(label, peers, changes, float("nan"))
        yield "What its peers tried", learned
        yield "What this page does not say", _limits(label, scores, peers)
        return
    found, (rank, ranked, index) = beside(label, scores, peers), _place(label, scores)
    yield "", _head(label, scores, bands, adjustment, found)
    yield "What lifts it, and what lowers it", lifts(label, found)
    yield "What a city in its situation can be expected to reach", situation(label, adjustment, rank, ranked)
    yield "Whom it is compared with", whom(label, peers, scored=True)
    yield "Where its peers are ahead", ahead_of_it(label, found, peers)
    yield "How far the best are", best(label, frontier)
    yield "How much the weights decide", weights(label, robustness)
    yield "Has it moved?", moved(label, peers, changes, index)
    yield "What its peers tried", learned
    yield "What this page does not say", _limits(label, scores, peers)


# ---- where it stands -------------------------------------------------------------------------------------


def _place(label: str, scores: Scores) -> tuple[float, int, float]:
    """Rank, of how many, and index of a city with a score."""
    row = scores.cities.labels.index(label)
    return float(scores.ranks[row]), int((~np.isnan(scores.index)).sum()), float(scores.index[row])


def _head(
    label: str, scores: Scores, bands: RankBands | None, adjustment: ContextAdjustment | None, found: Beside | None
) -> Iterator[str]:
    """The place, how sure it is, how it is for the situation, and what is strong and weak."""
    rank, ranked, index = _place(label, scores)
    middle = points(float(np.nanmedian(scores.index)))
    yield f"**Rank {rank:.0f} of {ranked:,}.** Its index is {_of_scale(index, scores)}; the middle city has {middle}."
    yield ""
    if bands is None or label not in bands.labels or label in bands.why_not:
        yield "- **How sure?** That was not asked."
    else:
        yield f"- **How sure?** {' '.join(how_sure(label, bands, scores.cities))}"
    if (told := for_its_situation(label, adjustment)) is not None:
        yield f"- **For its situation:** {told}"
    against = "" if found is None else f", beside {found.whom}"
    yield f"- **Strongest{against}:** {strengths(found)}"


def _of_scale(index: float, scores: Scores) -> str:
    if (
        scores.recipe.normaliser in ("goalposts", "minmax", "percentile", "distance_to_best")
        and scores.recipe.scale is None
    ):
        return f"{points(index)} of 100 points"
    return f"{points(index)} points"


def _bulleted(sentences: Sequence[str]) -> list[str]:
    """Sentences as paragraphs, with lists kept as lists."""
    found: list[str] = []
    for k, s in enumerate(sentences):
        if k and s.startswith("- ") != sentences[k - 1].startswith("- "):
            found.append("")
        found.append(s)
    return found


def _limits(label: str, scores: Scores, peers: Peers) -> Iterator[str]:
    if no_score(label, scores) is None:
        yield "- Why the city is as it is. Parts of a number are not causes, and a difference to peers is not the effect of anything."
    counts = [f"{d} ({int((scores.tree.belongs == k).sum())})" for k, d in enumerate(scores.dimensions)]
    yield f"- Anything that was not looked at. Looked at: {counted(len(scores.cities.criteria), 'indicator')}, by dimension {', '.join(counts)}."
    if peers.context.columns:
        yield "- Whether peers differ in something else than the situation that was looked at."
    guessed = scores.records[(scores.records["city"] == label) & scores.records["before"].isna()]["column"]
    if len(guessed) and no_score(label, scores) is None:
        names = {c.column: c.name for c in scores.cities.criteria}
        yield f"- What the city really has in {some([within_sentence(names[c]) for c in guessed], 12)}: not measured there, estimated from the rest."
