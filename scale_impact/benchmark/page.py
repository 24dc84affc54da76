"""Page: why is my city here? One page in plain words for whoever answers for the city.

Each part says what is known, how sure it is, and, where there is no answer, why. Nothing is on the page that is not in the values
it is made of.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from scale_impact.benchmark.adjustment import ContextAdjustment
from scale_impact.benchmark.against_peers import Profile, Standing, against_all, against_peers
from scale_impact.benchmark.change import Changes
from scale_impact.benchmark.changing.words import points, signed
from scale_impact.benchmark.peers import Peers
from scale_impact.benchmark.rank_bands import RankBands
from scale_impact.benchmark.robustness import Robustness
from scale_impact.benchmark.scores import Scores
from scale_impact.benchmark.tried_by_peers import PeersTried
from scale_impact.core.words import counted, nearest, number, some, within_sentence
from scale_impact.errors import UsageError

if TYPE_CHECKING:
    from scale_impact.benchmark.frontier import Frontier

MOST = 3
"""So many indicators are named that lift a city, that lower it, and in which its best peers lead."""

SMALL = 0.05
"""Points of the index below which a part is not worth a word."""

YES = ("0/1", "0-1", "binary", "yes/no")
"""Units of answers that are yes or no."""


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
    scored = _no_score(label, scores) is None
    parts: list[tuple[str, Iterator[str]]] = [
        ("", _place(label, scores, bands)),
        ("What lifts it, and what lowers it", _lifts(label, scores, peers)),
        (
            "What a city in its situation can be expected to reach",
            _situation(label, adjustment) if scored else iter(()),
        ),
        ("Whom it is compared with", _peers(label, peers)),
        ("Where its peers are ahead", _ahead(label, scores, peers)),
        ("How far the best are", _frontier(label, frontier) if scored else iter(())),
        ("How much the weights decide", _weights(label, robustness) if scored else iter(())),
        ("Has it moved?", _moved(label, peers, changes)),
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
    if (why := _no_score(label, scores)) is not None:
        yield f"**{label} has no place.** {why}"
        return
    row = scores.cities.labels.index(label)
    index, n = float(scores.index[row]), int((~np.isnan(scores.index)).sum())
    if bands is None or label not in bands.labels or label in bands.why_not:
        yield f"**Rank {scores.ranks[row]:.0f} of {n:,}**, with an index of {_of_scale(index, scores)}. How sure that rank is was not asked."
        return
    yield f"{_band(label, bands)} Its index is {_of_scale(index, scores)}; the middle city has {points(float(np.nanmedian(scores.index)))}."


def _no_score(label: str, scores: Scores) -> str | None:
    """Why a city has no score; None where it has one."""
    if label not in scores.cities.labels:
        return "It is not among the cities that were scored."
    return scores.why_not.get(label)


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


# ---- what makes the number -------------------------------------------------------------------------------


def _profile(label: str, scores: Scores, peers: Peers) -> tuple[Profile, str]:
    """The city beside its peers, or beside all cities where it has none, and against whom that is."""
    if label in peers.context.labels:
        found = against_peers(label, scores, peers)
        if not found.why_not:
            return found, "its peers"
    return against_all(label, scores), "all other cities"


def _lifts(label: str, scores: Scores, peers: Peers) -> Iterator[str]:
    if _no_score(label, scores) is not None:
        return
    found, whom = _profile(label, scores, peers)
    if not found.peers:
        yield "There is no other city with a score."
        return
    total = found.rows[0].lift
    if math.isnan(total):
        yield f"This index has no parts that add up. By dimension, beside the middle of {whom}:"
    else:
        size = f"{points(abs(total))} points {'more' if total > 0 else 'less'} than that"
        yardstick = f"The yardstick is a city with the middle value of {whom} in everything"
        yield f"{yardstick}: {label} has {size if abs(total) >= SMALL else 'as much'}. By dimension:"
    yield ""
    for r in found.of_kind("dimension"):
        other = f"middle of {whom} {_score(r.median)}" if math.isnan(r.lift) else f"the yardstick {_score(r.yardstick)}"
        part = "" if math.isnan(r.lift) else f": {signed(r.lift)} points of the index"
        yield f"- **{r.name}**: {_score(r.value)}, {other}{part}"
    rows = [r for r in found.of_kind("indicator") if not math.isnan(r.lift) and abs(r.lift) >= SMALL]
    for head, chosen in (
        ("Most help", sorted((r for r in rows if r.lift > 0), key=lambda r: -r.lift)),
        ("Most hurt", sorted((r for r in rows if r.lift < 0), key=lambda r: r.lift)),
    ):
        if chosen:
            yield ""
            yield f"{head}: {'; '.join(_indicator(r) for r in chosen[:MOST])}."


def _score(value: float) -> str:
    return "not known" if math.isnan(value) else f"{points(value)} points"


def _indicator(r: Standing) -> str:
    return f"{within_sentence(r.name)} ({_pair(r)}: {signed(r.lift)})"


def _pair(r: Standing) -> str:
    """The city's value against the peers' middle, with the unit once."""
    if math.isnan(r.raw):
        return f"not measured, estimated; against {_quantity(r.raw_median, r.unit)}"
    if r.unit in YES or math.isnan(r.raw_median):
        return f"{_quantity(r.raw, r.unit)} against {_quantity(r.raw_median, r.unit)}"
    return f"{_digits(r.raw)} against {_quantity(r.raw_median, r.unit)}"


def _quantity(value: float, unit: str) -> str:
    """A value with its unit, as one would say it."""
    if math.isnan(value):
        return "not known"
    if unit in YES:
        return "yes" if value == 1 else "no" if value == 0 else f"{100 * value:.0f} % yes"
    if unit.startswith("index") or not unit:
        return f"{_digits(value)}{f' ({unit})' if unit else ''}"
    return f"{_digits(value)} {unit}"


def _digits(value: float) -> str:
    """Three digits, more for large numbers."""
    return number(value if abs(value) >= 100 else float(f"{value:.3g}")).replace("-", "\N{MINUS SIGN}")


def _ahead(label: str, scores: Scores, peers: Peers) -> Iterator[str]:
    if _no_score(label, scores) is not None or label not in peers.context.labels:
        return
    found = against_peers(label, scores, peers)
    if found.why_not:
        return
    best = sorted(found.peers, key=lambda p: -float(scores.index[scores.cities.labels.index(p)]))
    ahead = [p for p in best if scores.index[scores.cities.labels.index(p)] > found.rows[0].value]
    if not ahead:
        yield "None of its peers has a higher index. For more, look at single indicators."
    else:
        share = f"{len(ahead)} of its {counted(len(found.peers), 'peer')} {'has' if len(ahead) == 1 else 'have'} a higher index"
        yield f"{share}, most of all {some(ahead, MOST)}. Where peers lead most:"
    weights = dict(zip([c.column for c in scores.cities.criteria], scores.effective_weights, strict=True))
    gaps = sorted(found.of_kind("indicator"), key=lambda r: -_gap(r, weights))
    told = [r for r in gaps if _gap(r, weights) >= SMALL][:MOST]
    yield ""
    for r in told:
        here = "not measured" if math.isnan(r.raw) else _quantity(r.raw, r.unit)
        reach = (
            f", {_quantity(r.best_raw, r.unit)} in {r.best}" if not math.isnan(r.best_raw) else f", best in {r.best}"
        )
        yield f"- **{r.name}**: {here} here, {_quantity(r.raw_median, r.unit)} in the middle of its peers{reach}"
    if not told:
        yield "- In no indicator does a quarter of its peers stand higher."


def _gap(r: Standing, weights: dict[str, float]) -> float:
    """Points of the index to where a quarter of the peers are."""
    gap = (r.third - r.value) * weights[r.column]
    return 0.0 if math.isnan(gap) else float(gap)


# ---- situation, peers, frontier --------------------------------------------------------------------------


def _situation(label: str, found: ContextAdjustment | None) -> Iterator[str]:
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


def _peers(label: str, peers: Peers) -> Iterator[str]:
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
    yield from (f"- {sentence}" for sentence in peers.in_words(label)[:MOST])
    if label in peers.fewer:
        yield f"- {peers.fewer[label]}"


def _frontier(label: str, found: Frontier | None) -> Iterator[str]:
    if found is None:
        return
    if label not in found.labels:
        yield "It is not among the cities that were held against the best."
        return
    yield from found.in_words(label)


# ---- choices, time, evidence -----------------------------------------------------------------------------


def _weights(label: str, found: Robustness | None) -> Iterator[str]:
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


def _moved(label: str, peers: Peers, found: Changes | None) -> Iterator[str]:
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
