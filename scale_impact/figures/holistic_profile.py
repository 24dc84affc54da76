"""Gains and harms of a measure by dimension, all outcomes on one scale, and the dimensions that nobody looked at.

One row an outcome: a dot with its interval in standard deviations of untreated units, right of zero is better. Filled dots stay
when all outcomes of the study are counted (all but context), hollow ones do not. A diamond is the index of a dimension with several outcomes. What
has no direction that is better is a square: its side says nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from scale_impact.core.effect import Estimate
from scale_impact.core.profile.multiple_testing import Adjusted
from scale_impact.core.profile.profile import UNIT, IndexLine, Line, Profile, Side
from scale_impact.figures import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROW, ENDS = 0.205, 1.75
"""Inches of a row, and of legend, axis and source."""

NAMES = {
    "environment": "sustainability (environment)",
    "scale-up": "scale-up",
    "context": "context (not judged, not counted)",
}
"""Dimensions that are shown by another name."""

NOTHING = "no outcome in this study"

COLOURS: dict[Side, str] = {
    "gain": _style.BLUE, "harm": _style.VERMILLION, "changed": _style.DARK, "open": _style.GREY, "context": _style.GREY,
    "unknown": _style.GREY,
}  # fmt: skip

CHANGE, TESTED = 52.0, 92.0
"""Points right of the axes at which the columns of numbers end."""

LONGEST = 40
"""Letters of a name."""

WIDEST = 3.0
"""Intervals are cut at so many times the largest size."""


@dataclass(frozen=True, eq=False)
class _Row:
    """A row: a dimension's heading (no estimate, no text), an outcome, an index, or why there is nothing."""

    name: str
    estimate: Estimate | None = None
    side: Side = "unknown"
    marker: str = "o"
    size: float = 5.2
    per_cent: float | None = None
    adjusted: Adjusted | None = None
    text: str = ""
    heading: bool = False

    @property
    def known(self) -> bool:
        """Whether there is a dot."""
        return self.estimate is not None and self.estimate.value is not None


def draw(profile: Profile, ax: Axes, *, unit: str = UNIT) -> None:
    """Draw the dimensions from top to bottom, each with its outcomes and its index; numbers stand at the right."""
    rows = list(_rows(profile))
    _limits(ax, rows, profile.level)
    _style.zero_line(ax, "x")
    _bands(ax, rows)
    for at, row in enumerate(rows):
        _dot(ax, at, row, profile.level)
        _numbers(ax, at, row)
    _style.tidy(ax, "x")
    _labels(ax, rows)
    _sides(ax)
    _legend(ax, rows)
    _style.unit_label(ax, f"{unit} ({_style.percent(profile.level)} interval)", "x")


def height(profile: Profile) -> float:
    """Inches that the rows need."""
    return ENDS + ROW * max(sum(1 for _ in _rows(profile)), 8)


# ---- what stands in the rows --------------------------------------------------------------------------------


def _rows(profile: Profile) -> Iterator[_Row]:
    """Dimensions in their order, those without an outcome after the others."""
    for dimension in profile.dimensions:
        yield _Row(NAMES.get(dimension, dimension), heading=True)
        lines = profile.of(dimension)
        yield from (_outcome(profile, line) for line in lines)
        index = profile.index(dimension)
        if index is not None and sum(line.indicator.judged for line in lines) > 1:
            yield _index(index, profile.alpha)
    for dimension in profile.missing:
        yield _Row(NAMES.get(dimension, dimension), text=NOTHING, heading=True)


def _outcome(profile: Profile, line: Line) -> _Row:
    name, side = _named(profile, line), line.side(profile.alpha)
    if line.size.value is None:
        return _Row(name, side=side, text=_short(f"no size: {line.why_not or line.size.reason}", 48))
    marker = "o" if line.indicator.judged else "s"
    return _Row(name, line.size, side, marker, per_cent=line.per_cent.value, adjusted=line.adjusted)


def _named(profile: Profile, line: Line) -> str:
    """An outcome's name; with its column where it needs that, and that it is judged by the distance to a target."""
    name, column = profile.name(line)
    tail = _short(column, LONGEST // 2) + (" (to target)" if line.indicator.direction == "target" else "")
    return _short(name, LONGEST - len(tail)) + tail


def _index(index: IndexLine, alpha: float) -> _Row:
    if index.estimate.value is None:
        return _Row("together", text=_short(str(index.estimate.reason), 48))
    name = f"together ({len(index.weights)} outcomes)"
    return _Row(name, index.estimate, index.side(alpha), "D", 6.4, adjusted=index.adjusted)


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "\N{HORIZONTAL ELLIPSIS}"


# ---- marks ----------------------------------------------------------------------------------------------------


def _limits(ax: Axes, rows: list[_Row], level: float) -> None:
    """The axis holds all dots and, unless they are very wide, all intervals."""
    known = [r.estimate for r in rows if r.estimate is not None and r.estimate.value is not None]
    values = [float(e.value or 0.0) for e in known]
    most = max([WIDEST * abs(v) for v in values] + [0.5])
    ends = [max(-most, min(most, e)) for x in known for e in _style.bounded(x, level) or ()]
    low, high = min([*values, *ends, -0.1]), max([*values, *ends, 0.1])
    room = 0.06 * (high - low)
    ax.set_xlim(low - room, high + room)


def _dot(ax: Axes, at: int, row: _Row, level: float) -> None:
    """A dot with its interval, hollow where it is open."""
    if row.estimate is None or row.estimate.value is None:
        return
    colour, value, ends = COLOURS[row.side], row.estimate.value, _style.bounded(row.estimate, level)
    filled = row.side in ("gain", "harm", "changed")
    if ends is not None:
        ax.plot(
            ends, [at, at], color=colour, linewidth=2.0 if row.marker == "D" else 1.3, zorder=2.5, label="_interval"
        )
        _cut(ax, at, ends, colour)
    look: dict[str, Any] = {"markerfacecolor": colour if filled else "white", "markeredgewidth": 1.3, "zorder": 3}
    ax.plot([value], [at], row.marker, color=colour, markersize=row.size, label=f"_{row.side}", **look)


def _cut(ax: Axes, at: int, ends: tuple[float, float], colour: str) -> None:
    """Arrowheads where an interval goes on beyond the axis."""
    low, high = ax.get_xlim()
    for edge, marker, beyond in ((low, "<", ends[0] < low), (high, ">", ends[1] > high)):
        if beyond:
            ax.plot([edge], [at], marker, color=colour, markersize=4.5, clip_on=False, zorder=3, label="_cut")


def _numbers(ax: Axes, at: int, row: _Row) -> None:
    """What changed in per cent (of the outcome itself, whichever way is better) and adjusted p-value, at the right of a row."""
    if at == 0:
        _beside(ax, -0.95, CHANGE, "change", color=_style.GREY)
        _beside(ax, -0.95, TESTED, "adj. p", color=_style.GREY)
    if row.known and row.per_cent is not None:
        _beside(ax, at, CHANGE, _style.signed(f"{row.per_cent:+,.{_digits(row.per_cent)}f} %"))
    if row.known and row.adjusted is not None:
        p = row.adjusted.stepdown
        weight = "bold" if row.side in ("gain", "harm", "changed") else "normal"
        _beside(ax, at, TESTED, f"{p:.3f}" if p >= 0.001 else "<0.001", fontweight=weight)


def _beside(ax: Axes, at: float, points: float, text: str, **look: Any) -> None:
    """Text whose right end is so many points right of the axes."""
    ax.annotate(
        text, (1.0, at), xycoords=ax.get_yaxis_transform(), xytext=(points, 0), textcoords="offset points", ha="right",
        va="center", fontsize=7.5, annotation_clip=False, **look,
    )  # fmt: skip


def _digits(value: float) -> int:
    return 1 if abs(value) < 99.95 and math.isfinite(value) else 0


# ---- axes ------------------------------------------------------------------------------------------------------


def _bands(ax: Axes, rows: list[_Row]) -> None:
    """Every other dimension on a pale ground; on it why there is nothing in a row."""
    starts = [k for k, r in enumerate(rows) if r.heading] + [len(rows)]
    for n, (start, end) in enumerate(pairwise(starts)):
        ground = "white" if n % 2 else "#F6F6F6"
        ax.axhspan(start - 0.5, end - 0.5, color=ground, zorder=0, linewidth=0)
        for at in range(start, end):
            _reason(ax, at, rows[at].text, ground)


def _reason(ax: Axes, at: int, text: str, ground: str) -> None:
    if text:
        box = {"facecolor": ground, "edgecolor": "none", "pad": 1.5}  # hides the lines behind the words
        ax.annotate(
            text, (0.02, at), xycoords=ax.get_yaxis_transform(), va="center", fontsize=7.5, color=_style.GREY, style="italic",
            bbox=box, zorder=4,
        )  # fmt: skip


def _labels(ax: Axes, rows: list[_Row]) -> None:
    """Names of the rows; dimensions in bold, those without an outcome in grey."""
    _style.rows(ax, [r.name if r.heading else f"{r.name}  " for r in rows], most=len(rows))
    for row, label in zip(rows, ax.get_yticklabels(), strict=True):
        label.set_fontweight("bold" if row.heading else "normal")
        label.set_color(_style.GREY if row.text == NOTHING else _style.DARK)


def _sides(ax: Axes) -> None:
    """What left and right mean, above the first row."""
    look: dict[str, Any] = {"transform": ax.transAxes, "fontsize": 8, "fontweight": "bold", "va": "bottom"}
    ax.text(0.0, 1.008, "\N{LEFTWARDS ARROW} worse", color=_style.VERMILLION, ha="left", **look)
    ax.text(1.0, 1.008, "better \N{RIGHTWARDS ARROW}", color=_style.BLUE, ha="right", **look)


def _legend(ax: Axes, rows: list[_Row]) -> None:
    """What is in the figure: filled or hollow, dot, diamond or square."""
    entries = {
        "gain": ("gain among all outcomes", "o", _style.BLUE, True),
        "harm": ("harm among all outcomes", "o", _style.VERMILLION, True),
        "open": ("open", "o", _style.GREY, False),
    }
    sides = {r.side for r in rows if r.known}
    shown = [v for side, v in entries.items() if side in sides]
    shown += [("index of a dimension", "D", _style.GREY, False)] * any(r.marker == "D" for r in rows)
    shown += [("not judged", "s", _style.GREY, False)] * any(r.marker == "s" for r in rows)
    handles = [
        _style.handle(
            colour, name, marker=marker, linestyle="none", markersize=5.2, markeredgewidth=1.3,
            markerfacecolor=colour if filled else "white",
        )
        for name, marker, colour, filled in shown
    ]  # fmt: skip
    if handles:
        ax.legend(
            handles=handles, ncols=3, loc="lower left", bbox_to_anchor=(0.0, 1.0), borderaxespad=1.9, fontsize=7.5,
            handletextpad=0.3, columnspacing=1.1,
        )  # fmt: skip
