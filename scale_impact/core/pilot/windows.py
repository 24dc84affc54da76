"""Windows: dates in the past at which a pilot is pretended to have begun, the earlier ones to choose by, the later ones held out."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scale_impact.core.synthetic.pilots import FEWEST

SHARE = 0.4
"""Share of the periods that a pretended pilot has before it at least: the real one will have all of them."""


@dataclass(frozen=True)
class Window:
    """A pretended pilot: its first period and the first one after it, as positions."""

    start: int
    end: int


@dataclass(frozen=True)
class Windows:
    """The windows of one duration. No period lies in windows of both kinds."""

    duration: int
    choosing: tuple[Window, ...]
    held_out: tuple[Window, ...]


def least_before(periods: int, anticipation: int, asked: int | None) -> int:
    """Periods before a pretended pilot: as asked, else two fifths of all, never fewer than three that nothing anticipates."""
    return asked or max(FEWEST + anticipation, math.ceil(SHARE * periods))


def windows(periods: int, before: int, duration: int) -> Windows:
    """All windows of a duration; the periods that windows may cover are halved by time."""
    middle = before + (periods - before) // 2
    return Windows(duration, _within(before, middle, duration), _within(middle, periods, duration))


def _within(first: int, end: int, duration: int) -> tuple[Window, ...]:
    return tuple(Window(s, s + duration) for s in range(first, end - duration + 1))


def fewest_windows(power: float) -> int:
    """Windows without which a power can be promised for no effect at all: 4 for 0.8."""
    return math.ceil(power / (1 - power) - 1e-9)
