"""Breaks in a series: where an indicator was defined anew, and where nearly all cities jumped at once.

What a study declares is left out of the change. What only looks like a break is flagged and stays: a law that took effect
everywhere looks the same, and only who knows the source can tell.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.words import number

Floats = NDArray[np.float64]

FEWEST = 10
"""Cities with both values that a jump of all can be seen in."""

NEARLY_ALL = 0.9
"""Share of cities that move the same way."""

FAR = 3.0
"""The median move, in spreads of the moves across cities, and in moves of other years."""

NOTICEABLE = 0.1
"""The median move, in spreads between cities, below which nobody would look twice."""


@dataclass(frozen=True)
class Break:
    """A place where an indicator's values before and after may not be compared.

    Attributes
    ----------
    column:
        The indicator.
    before, after:
        The periods between which it lies, as text.
    declared:
        Whether the study says so; otherwise the values look like it.
    left_out:
        Whether the indicator was left out of the change for it.
    sentence:
        What was seen, and what to do.
    name:
        What the indicator is called.
    """

    column: str
    before: str
    after: str
    declared: bool
    left_out: bool
    sentence: str
    name: str = ""


@dataclass(frozen=True)
class Move:
    """How cities moved in one indicator between two periods that follow each other, in one unit of the values."""

    step: int
    cities: int
    median: float
    spread: float
    between: float
    share: float
    years: float

    @property
    def pace(self) -> float:
        """The median move, of one year."""
        return abs(self.median) / self.years

    @property
    def clearness(self) -> float:
        """The median move in spreads of the moves."""
        return abs(self.median) / max(self.spread, np.finfo(float).tiny)


def declared(
    breaks: Mapping[str, Sequence[int]],
    periods: Sequence[str],
    span: tuple[int, int],
    names: Mapping[str, str],
    *,
    kept: bool,
) -> Iterator[Break]:
    """Breaks that the study declares, as far as they lie within the span: by column, positions from which on it is new.

    ``names``: what each column is called.
    """
    for column, places in breaks.items():
        for at in sorted(set(places)):
            if span[0] < at <= span[1]:
                done = (
                    "It was kept because the study asks for it: what changes in it may be the series alone."
                    if kept
                    else "It was left out of the change in all periods."
                )
                said = f"{names[column]} ({column}): the study says that its series breaks in {periods[at]}. {done}"
                ends = periods[at - 1], periods[at]
                yield Break(column, *ends, declared=True, left_out=not kept, sentence=said, name=names[column])


def suspected(
    column: str,
    values: Sequence[Floats],
    periods: Sequence[str],
    years: Sequence[float],
    known: Sequence[int] = (),
    name: str = "",
) -> Iterator[Break]:
    """Steps of one indicator at which nearly all cities jumped.

    Parameters
    ----------
    column:
        The indicator.
    values:
        Of the same cities in each period, in its unit; NaN where not known.
    periods, years:
        Names of the periods, and years from each to the next.
    known:
        Positions of periods from which on the study already declares another definition.
    name:
        What the indicator is called; empty: its column.
    """
    logs = [np.log(v) for v in values] if all(np.nanmin(v, initial=np.inf) > 0 for v in values) else None
    scales = [("raw", values)] if logs is None else [("raw", values), ("log", logs)]
    found: dict[int, tuple[float, Break]] = {}
    for scale, series in scales:
        moves = [m for k in range(len(series) - 1) if (m := _move(k, series[k], series[k + 1], years[k])) is not None]
        for move in moves:
            others = [m for m in moves if m.step != move.step]
            if move.step + 1 not in known and _jumped(move, others):
                told = _told((column, name or column), move, scale, periods, with_others=bool(others))
                found[move.step] = max(found.get(move.step, (-1.0, told)), (move.clearness, told), key=lambda f: f[0])
    yield from (found[k][1] for k in sorted(found))


def _move(step: int, then: Floats, now: Floats, years: float) -> Move | None:
    both = ~np.isnan(then) & ~np.isnan(now)
    if both.sum() < FEWEST:
        return None
    moved = now[both] - then[both]
    share = max(float((moved > 0).mean()), float((moved < 0).mean()))
    return Move(step, int(both.sum()), float(np.median(moved)), _mad(moved), _spread(then[both]), share, years)


def _mad(values: Floats) -> float:
    """Median absolute deviation, as a standard deviation of normal values."""
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))


def _spread(values: Floats) -> float:
    """How far apart cities are: by their median distance, or the standard deviation where half of them are equal."""
    return _mad(values) or float(values.std())


def _jumped(move: Move, others: Sequence[Move]) -> bool:
    """Nearly all one way, farther than cities differ in it, far enough to matter, and unlike the pace of other years."""
    return (
        move.share >= NEARLY_ALL
        and abs(move.median) > FAR * move.spread
        and abs(move.median) > NOTICEABLE * move.between
        and all(move.pace > FAR * other.pace for other in others)
    )


def _told(called: tuple[str, str], move: Move, scale: str, periods: Sequence[str], *, with_others: bool) -> Break:
    before, after = periods[move.step], periods[move.step + 1]
    way = "up" if move.median > 0 else "down"
    if scale == "raw":
        size = (
            f"by {_digits(abs(move.median))} at the median, while cities differ in it by about {_digits(move.spread)}"
        )
    else:
        size = (
            f"to {_digits(float(np.exp(move.median)))} times the value at the median, nearly the same factor everywhere"
        )
    usual = ", which no other step shows" if with_others else ""
    column, name = called
    shown = name if name == column else f"{name} ({column})"
    said = (
        f"{shown}: from {before} to {after} {100 * move.share:.0f} % of {move.cities:,} cities went {way} at once, {size}{usual}. "
        "A new definition looks like this, and so does a change that reached all cities: look it up, and name it under breaks if it is one."
    )
    return Break(column, before, after, declared=False, left_out=False, sentence=said, name=name)


def _digits(value: float) -> str:
    """A number for reading: three digits."""
    return number(float(f"{value:.3g}"))
