"""What makes the number of a city: parts against its peers, and where these are ahead."""

from __future__ import annotations

import math
from collections.abc import Iterator

from scale_impact.benchmark.against_peers import Profile, Standing, against_all, against_peers
from scale_impact.benchmark.changing.words import points, signed
from scale_impact.benchmark.peers import Peers
from scale_impact.benchmark.scores import Scores
from scale_impact.core.words import counted, number, some, within_sentence

MOST = 3
"""So many indicators are named that lift a city, that lower it, and in which its best peers lead."""

SMALL = 0.05
"""Points of the index below which a part is not worth a word."""

YES = ("0/1", "0-1", "binary", "yes/no")
"""Units of answers that are yes or no."""


def no_score(label: str, scores: Scores) -> str | None:
    """Why a city has no score; None where it has one."""
    if label not in scores.cities.labels:
        return "It is not among the cities that were scored."
    return scores.why_not.get(label)


def _profile(label: str, scores: Scores, peers: Peers) -> tuple[Profile, str]:
    """The city beside its peers, or beside all cities where it has none, and against whom that is."""
    if label in peers.context.labels:
        found = against_peers(label, scores, peers)
        if not found.why_not:
            return found, "its peers"
    return against_all(label, scores), "all other cities"


def lifts(label: str, scores: Scores, peers: Peers) -> Iterator[str]:
    """What makes the number: dimensions, and the indicators that help and hurt most."""
    if no_score(label, scores) is not None:
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


def ahead_of_it(label: str, scores: Scores, peers: Peers) -> Iterator[str]:
    """Which peers stand higher, and in what."""
    if no_score(label, scores) is not None or label not in peers.context.labels:
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
        who = some(ahead, MOST) if len(ahead) == 1 else f"most of all {some(ahead, MOST)}"
        yield f"{share}: {who}. Where peers lead most:"
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
