"""Catching up: how far a city is from its peers' middle or from the best of them, then and now."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from scale_impact.benchmark.changing.words import Pair, pair, signed
from scale_impact.benchmark.cities import Floats
from scale_impact.core.words import counted, number, some
from scale_impact.errors import DesignError, UsageError

if TYPE_CHECKING:
    from scale_impact.benchmark.change import Changes
    from scale_impact.benchmark.scores import Scores

To = Literal["median", "best"]
WORDS: dict[To, str] = {"median": "the middle of its peers", "best": "the best of its peers"}


@dataclass(frozen=True)
class CatchingUp:
    """A city's distance to its peers, in points of the index; above 0 where it is behind.

    Attributes
    ----------
    label, to:
        The city, and what it is held against.
    start, end:
        The periods.
    peers, left_out:
        Peers with an index in both periods, and those without.
    then, now, closed:
        Distances, and how much smaller it became.
    low, high:
        Interval of ``closed``; equal to it where all values are taken as known exactly.
    known:
        Whether anything is known of the uncertainty.
    years, years_low, years_high:
        Needed at this pace; None where it is not behind, does not catch up or periods are no years. ``years_high`` is infinite
        where the pace is not told apart from none.
    level:
        Of the intervals.
    """

    label: str
    to: To
    start: str
    end: str
    peers: tuple[str, ...]
    left_out: tuple[str, ...]
    then: float
    now: float
    closed: float
    low: float
    high: float
    known: bool
    years: float | None
    years_low: float | None
    years_high: float | None
    level: float

    def sentence(self) -> str:
        """The finding in plain words, with its caveat."""
        shown = pair(self.then, self.now)
        was, now = (_place(shown, d) for d in (shown.then, shown.now))
        sure = (
            f" ({100 * self.level:g} % interval of what it gained {signed(self.low)} to {signed(self.high)})"
            if self.known
            else ""
        )
        return f"{self.label} was {was} {self.against} in {self.start} and is {now} it in {self.end}: {_moved(shown)}{sure}.{_years(self)}"

    @property
    def against(self) -> str:
        """What it is held against, in words: a single peer by its name."""
        if len(self.peers) == 1:
            return (
                f"{self.peers[0]}, the one peer that can be compared"
                if self.left_out
                else f"{self.peers[0]}, its one peer,"
            )
        some_of = f" that can be compared ({len(self.peers)} of {len(self.peers) + len(self.left_out)})"
        return f"{WORDS[self.to]}{some_of if self.left_out else ''}"


def _place(shown: Pair, distance: float) -> str:
    """``3.1 points behind``, ``level with``, ``2 points ahead of``."""
    if distance == 0:
        return "level with"
    return f"{shown.text(abs(distance))} points {'behind' if distance > 0 else 'ahead of'}"


def _moved(shown: Pair) -> str:
    """What became of the distance: nearer or farther on one side, gained or lost where the side changes."""
    gained = -shown.difference
    size = f"{shown.text(abs(gained))} points"
    if gained == 0:
        return "no nearer and no farther"
    if shown.then > 0 and shown.now > 0:
        return f"{'closer' if gained > 0 else 'farther behind'} by {size}"
    if shown.then < 0 and shown.now < 0:
        return f"farther ahead by {size}" if gained > 0 else f"its lead is smaller by {size}"
    return f"it gained {size} on it" if gained > 0 else f"it lost {size} to it"


def _years(found: CatchingUp) -> str:
    if found.years is None:
        return ""
    if found.years_high is not None and math.isinf(found.years_high):
        return " Whether it catches up cannot be told: the pace is not told apart from none."
    ends = (
        f" (between {number(round(found.years_low or 0, 1))} and {number(round(found.years_high or 0, 1))})"
        if found.known
        else ""
    )
    return f" At this pace it needs another {number(round(found.years, 1))} years{ends}; a pace of two periods is a poor forecast, and the peers move too."


def catch_up(
    changes: Changes, label: str, peers: list[str] | tuple[str, ...], *, to: To, correlation: float
) -> CatchingUp:
    """Distance of a city to its peers, then and now.

    The best of several noisy values lies too high, in both periods alike; the middle does not.

    Raises
    ------
    UsageError
        The city or a peer is in no period.
    DesignError
        The city has no change, or no peer has one.
    """
    if unknown := [c for c in (label, *peers) if c not in changes.labels]:
        raise UsageError(f"{some(unknown)}: in none of the periods.")
    if label in changes.why_not:
        raise DesignError(f"{label} has no change: {changes.why_not[label]}")
    kept = tuple(p for p in peers if p not in changes.why_not and p != label)
    if not kept:
        raise DesignError(
            f"{label}: none of its {counted(len(peers), 'peer')} has an index in {changes.start} and in {changes.end}."
        )
    ends = [_distance(changes.scores[p], label, kept, to) for p in (changes.start, changes.end)]
    (then, s0), (now, s1) = ends
    shared = correlation * s0 * s1
    error = math.sqrt(max(s0**2 + s1**2 - 2 * shared, 0.0))
    z = _quantile(changes.level)
    years = _needed(changes.years, then, now, s1, error, shared, z)
    return CatchingUp(
        label, to, changes.start, changes.end, kept, tuple(p for p in peers if p not in kept), then, now, then - now, then - now - z * error,
        then - now + z * error, error > 0, *years, level=changes.level,
    )  # fmt: skip


def _distance(scores: Scores, label: str, peers: tuple[str, ...], to: To) -> tuple[float, float]:
    """The distance, and its standard deviation over the draws of the index."""
    place = {c: k for k, c in enumerate(scores.cities.labels)}
    rows = [place[p] for p in peers]
    found = float(_aim(scores.index[rows], to)) - float(scores.index[place[label]])
    if scores.draws is None:
        return found, 0.0
    drawn = _aim(scores.draws[:, rows], to) - scores.draws[:, place[label]]
    return found, float(drawn.std(ddof=1))


def _aim(values: Floats, to: To) -> Floats:
    return np.asarray(np.median(values, axis=-1) if to == "median" else values.max(axis=-1))


def _needed(
    years: float | None, then: float, now: float, s1: float, error: float, shared: float, z: float
) -> tuple[float | None, float | None, float | None]:
    """Years until the distance is closed at the pace of these years, with Fieller's (1954) interval of a ratio."""
    closed = then - now
    if years is None or now <= 0 or closed <= 0:
        return None, None, None
    a, b, va, vb, cov = now, closed, s1**2, error**2, shared - s1**2
    steep = b * b - z * z * vb
    if steep <= 0:
        return years * a / b, 0.0, math.inf
    middle, rest = a * b - z * z * cov, a * a - z * z * va
    root = math.sqrt(max(middle**2 - steep * rest, 0.0))
    return years * a / b, years * max((middle - root) / steep, 0.0), years * (middle + root) / steep


def _quantile(level: float) -> float:
    from scipy.special import ndtri

    return float(ndtri((1 + level) / 2))
