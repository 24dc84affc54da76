"""What makes the number of a city: parts beside its peers, and where these are ahead."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from scale_impact.benchmark.against_peers import Profile, Standing, against_all, against_peers
from scale_impact.benchmark.changing.words import points, signed
from scale_impact.benchmark.cities import Criterion
from scale_impact.benchmark.peers import Peers
from scale_impact.benchmark.scores import Scores
from scale_impact.core.words import some, within_sentence

MOST = 3
"""So many indicators are named that lift a city, that lower it, and in which peers are ahead."""

SMALL = 0.05
"""Points of an index from 0 to 100 below which a part is not worth a word."""

YES = ("0/1", "0-1", "binary", "yes/no")
"""Units of answers that are yes or no."""


def no_score(label: str, scores: Scores) -> str | None:
    """Why a city has no score; None where it has one."""
    if label not in scores.cities.labels:
        return "It is not among the cities that were scored."
    return scores.why_not.get(label)


@dataclass(frozen=True)
class Beside:
    """A scored city beside its peers, or beside all cities where it has none.

    Attributes
    ----------
    profile:
        Its numbers and theirs.
    whom, middle:
        Against whom that is, and what their middle is called.
    scores:
        Of all cities.
    """

    profile: Profile
    whom: str
    middle: str
    scores: Scores

    @property
    def least(self) -> float:
        """Points of the index below which a part is not worth a word."""
        limits = self.profile.limits
        span = (
            float(np.nanmax(self.scores.index) - np.nanmin(self.scores.index))
            if limits is None
            else limits[1] - limits[0]
        )
        return SMALL * span / 100

    def part(self, row: Standing) -> float:
        """What an indicator adds to the index, or its distance from the middle times its weight where an index has no parts."""
        if not math.isnan(row.lift):
            return row.lift
        k = [c.column for c in self.scores.cities.criteria].index(row.column)
        return (row.value - row.median) * float(self.scores.effective_weights[k])

    def ahead(self) -> list[Standing]:
        """Indicators in which the city is ahead of the middle, the most important first."""
        rows = [r for r in self.profile.of_kind("indicator") if self.part(r) >= self.least]
        return sorted(rows, key=lambda r: -self.part(r))

    def behind(self) -> list[Standing]:
        """Those in which it is behind."""
        rows = [r for r in self.profile.of_kind("indicator") if self.part(r) <= -self.least]
        return sorted(rows, key=self.part)

    def criterion(self, row: Standing) -> Criterion:
        """How an indicator is judged."""
        return next(c for c in self.scores.cities.criteria if c.column == row.column)


def beside(label: str, scores: Scores, peers: Peers) -> Beside | None:
    """The city beside its peers, or all others; None where there is nobody with a score."""
    if label in peers.context.labels:
        found = against_peers(label, scores, peers)
        if not found.why_not:
            one = len(found.peers) == 1
            return Beside(
                found,
                "its one peer" if one else "its peers",
                found.peers[0] if one else "the middle of its peers",
                scores,
            )
    everybody = against_all(label, scores)
    return Beside(everybody, "all other cities", "the middle of all other cities", scores) if everybody.peers else None


def strengths(found: Beside | None) -> str:
    """In one line what is strong and what is weak."""
    if found is None:
        return "There is no other city with a score."
    strong, weak = (
        [within_sentence(r.name) for r in rows if not math.isnan(r.raw)][:MOST]
        for rows in (found.ahead(), found.behind())
    )
    best = some(strong) if strong else "in nothing ahead of them"
    return f"{best}. **Weakest:** {some(weak) if weak else 'in nothing behind them'}."


def lifts(label: str, found: Beside | None) -> Iterator[str]:
    """What makes the number: dimensions, and the indicators that help and hurt most."""
    if found is None:
        return
    index = found.profile.rows[0]
    yield f"Its index is {points(index.value)}; {_has(found)} {points(index.median)}. By dimension:"
    yield ""
    for r in found.profile.of_kind("dimension"):
        yield f"- **{r.name}**: {_score(r.value)} here, {_score(r.median)} in {found.middle}"
    parts = not math.isnan(index.lift)
    for head, rows in (("Most help", found.ahead()), ("Most hurt", found.behind())):
        if rows:
            yield ""
            yield f"{head}: {'; '.join(_indicator(r, found) for r in rows[:MOST])}."
    if parts and (found.ahead() or found.behind()):
        yield ""
        yield f"In brackets: the value here, that in {found.middle}, and the points that the difference adds to the index."


def _has(found: Beside) -> str:
    return f"{found.middle}{'' if len(found.profile.peers) > 1 else ', its one peer,'} has"


def _score(value: float) -> str:
    return "not known" if math.isnan(value) else f"{points(value)} points"


def _indicator(r: Standing, found: Beside) -> str:
    added = "" if math.isnan(r.lift) else f": {signed(r.lift)}"
    return f"{within_sentence(r.name)} ({_pair(r, found)}{added})"


def _pair(r: Standing, found: Beside) -> str:
    """The city's value against the peers' middle, with the unit once."""
    if math.isnan(r.raw):
        return f"not measured, estimated from the rest; {quantity(r.raw_median, r.unit)} there"
    if not math.isnan(r.raw_median) and not _same_way(r, found.criterion(r)):
        return f"{points(r.value)} against {points(r.median)} points of the scale"
    if r.unit in YES or math.isnan(r.raw_median):
        return f"{quantity(r.raw, r.unit)} against {quantity(r.raw_median, r.unit)}"
    own, other = _told_apart(r.raw, r.raw_median)
    return f"{own} against {_with_unit(other, r.unit)}"


def _same_way(r: Standing, criterion: Criterion) -> bool:
    """Whether the measured values say what the scores say: with peers that were not measured, or a bent scale, they may not."""
    own, other = r.raw, r.raw_median
    if criterion.direction == "target":
        own, other = (-abs(v - (criterion.target or 0.0)) for v in (own, other))
    gain = own - other if criterion.direction != "-" else other - own
    return gain * (r.value - r.median) > 0


def quantity(value: float, unit: str) -> str:
    """A value with its unit, as one would say it."""
    if math.isnan(value):
        return "not known"
    if unit in YES:
        return "yes" if value == 1 else "no" if value == 0 else f"{100 * value:.0f} % yes"
    return _with_unit(_digits(value), unit)


def _with_unit(told: str, unit: str) -> str:
    if unit.startswith("index") or not unit:
        return f"{told}{f' ({unit})' if unit else ''}"
    return f"{told} {unit}"


def _told_apart(a: float, b: float) -> tuple[str, str]:
    """Two values with three digits, or as many as tell them apart."""
    for digits in (3, 4, 5, 6):
        told = _digits(a, digits), _digits(b, digits)
        if told[0] != told[1] or a == b:
            break
    return told


def _digits(value: float, digits: int = 3) -> str:
    """Three digits, more for large numbers."""
    shown = round(value) if abs(value) >= 10 ** (digits - 1) else float(f"{value:.{digits}g}")
    return (f"{shown:,.0f}" if abs(shown) >= 10 ** (digits - 1) else f"{shown:.{digits}g}").replace(
        "-", "\N{MINUS SIGN}"
    )


# ---- where peers are ahead -------------------------------------------------------------------------------


def ahead_of_it(label: str, found: Beside | None, peers: Peers) -> Iterator[str]:
    """Which peers stand higher, and in what."""
    if label not in peers.context.labels or not (named := peers.of(label)):
        return
    if found is None or found.profile.peers[0] not in named:
        whose = f"Its one peer, {named[0]}, has no score" if len(named) == 1 else "None of its peers has a score"
        yield f"{whose}, so above it is held against all other cities, which is less fair."
        return
    yield " ".join([_higher(found), *found.profile.notes])
    # only what was measured here and in a peer can be said to be behind
    rows = [r for r in found.behind() if not math.isnan(r.raw_median - r.raw) and _same_way(r, found.criterion(r))]
    yield ""
    if not rows:
        yield f"In no indicator that was measured is it behind {found.middle}."
        return
    yield f"It is behind {found.middle} in:"
    yield ""
    for r in rows[:MOST]:
        yield f"- **{r.name}**: {_beside(r, found)}"


def _higher(found: Beside) -> str:
    """How many peers have a higher index."""
    scores, others = found.scores, found.profile.peers
    place = {c: k for k, c in enumerate(scores.cities.labels)}
    best = sorted(others, key=lambda p: -float(scores.index[place[p]]))
    ahead = [p for p in best if scores.index[place[p]] > found.profile.rows[0].value]
    if len(others) == 1:
        return f"Its one peer, {others[0]}, has {'a' if ahead else 'no'} higher index."
    if not ahead:
        return f"None of its {len(others)} peers has a higher index."
    who = f"{'' if len(ahead) <= MOST else 'above all '}{some(ahead, MOST)}"
    share = (
        ("Both" if len(others) == 2 else f"All {len(others)}")
        if len(ahead) == len(others)
        else f"{len(ahead)} of its {len(others)} peers"
    )
    of = " of its peers" if len(ahead) == len(others) else ""
    return f"{share}{of} {'has' if len(ahead) == 1 else 'have'} a higher index: {who}."


def _beside(r: Standing, found: Beside) -> str:
    """The value here, in the middle of the peers, and in the best of them."""
    if r.unit in YES:
        own, other, most = (quantity(v, r.unit) for v in (r.raw, r.raw_median, r.best_raw))
    else:
        own, other = _told_apart(r.raw, r.raw_median)
        own, most = _with_unit(own, r.unit), "" if math.isnan(r.best_raw) else _told_apart(r.best_raw, r.raw_median)[0]
    said = f"{own} here, {other} in {found.middle}"
    beyond = not math.isnan(r.best_raw) and r.high > r.median and r.best_raw != r.raw_median
    return f"{said}, {most} in {r.best}, the best of them" if beyond else said
