"""The estimate with each unit left out in turn, sorted.

Shows whether the answer hangs on one city: a dot far from the line of the full estimate is a
unit that moves it. With more than 40 units the 20 lowest and the 20 highest are shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from scale_impact.core.check import Check
from scale_impact.core.effect import Estimate
from scale_impact.core.words import plain, some
from scale_impact.figures import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ENDS = 20
"""With more than twice as many rows, so many are shown at each end."""

ALL, INTERVAL, ONE = "all units", "their", "one unit left out"

Row = Mapping[str, Any]


def draw(check: Check, ax: Axes, *, unit: str = "effect") -> None:
    """Draw one row a unit left out, the full estimate as a line with its interval shaded."""
    ordered = _sorted(check)
    if not ordered:
        return _style.say(ax, check.reason)
    shown = _shown(ordered)
    _full(ax, check.details)
    _intervals(ax, shown)
    estimates = [r["estimate"] for r in shown]
    ax.plot(estimates, range(len(shown)), "o", color=_style.BLUE, markersize=4, zorder=3, label=ONE)
    _style.tidy(ax, "x")
    _style.rows(ax, [plain(r["left_out"]) for r in shown])
    ax.set_ylabel("Left out")
    _style.unit_label(ax, unit, "x")
    _zero(ax)
    _style.legend_above(ax, order=(ALL, INTERVAL, ONE))
    if len(shown) < len(ordered):
        _say_cut(ax, len(ordered))
    _say_lost(ax, check)


def height(check: Check) -> float:
    """Inches that the rows need."""
    return _style.rows_height(len(_shown(_sorted(check))))


def _sorted(check: Check) -> list[Row]:
    """Rows with an estimate, lowest first."""
    rows = [r for r in check.details.get("rows") or [] if r["estimate"] is not None]
    return sorted(rows, key=lambda r: (r["estimate"], str(r["left_out"])))


def _shown(ordered: Sequence[Row]) -> list[Row]:
    return list(ordered) if len(ordered) <= 2 * ENDS else [*ordered[:ENDS], *ordered[-ENDS:]]


def _full(ax: Axes, details: Mapping[str, Any]) -> None:
    full, level = details["full"], details.get("level") or 0.95
    ends = Estimate(full, details.get("std_error")).interval(level)
    if ends:
        name = f"{INTERVAL} {_style.percent(level)} interval"
        ax.axvspan(*ends, color=_style.PALE, linewidth=0, zorder=0.5, label=name)
    ax.axvline(full, color=_style.VERMILLION, linewidth=1.3, zorder=2, label=ALL)


def _intervals(ax: Axes, shown: Sequence[Row]) -> None:
    ends = [(k, r.get("ci_low"), r.get("ci_high")) for k, r in enumerate(shown)]
    known = [row for row in ends if None not in row]
    if known:
        at, low, high = np.array(known, dtype=float).T
        ax.hlines(at, low, high, color=_style.SKY, linewidth=1.2, zorder=2.5, label="_intervals")


def _zero(ax: Axes) -> None:
    """Where there is no effect, if it is in sight."""
    low, high = ax.get_xlim()
    if low < 0 < high:
        _style.zero_line(ax, "x")


def _say_lost(ax: Axes, check: Check) -> None:
    """Name units without which there is no estimate, and say where intervals are missing."""
    rows = check.details["rows"]
    said = []
    if lost := [r["left_out"] for r in rows if r["estimate"] is None]:
        said.append(f"no estimate without {some(lost, 3)}")
    if any(r["estimate"] is not None and r.get("ci_low") is None for r in rows):
        said.append("no line: no standard error")
    if said:
        ax.set_title("; ".join(said), fontsize=8, color=_style.GREY, loc="right")


def _say_cut(ax: Axes, n: int) -> None:
    """Mark the gap in the rows and say what is not shown."""
    ax.axhline(ENDS - 0.5, color=_style.GREY, linewidth=0.8, linestyle=":", zorder=1, label="_cut")
    ax.set_ylabel(f"Left out: the {ENDS} lowest and {ENDS} highest of {n:,} estimates")
