"""Changes of cities on fixed goalposts, with intervals: who moved more than chance.

A hollow dot has no interval, because its values are taken as known exactly. The dashed line is the change of the middle city of
all that were compared. ``changes.take([...])`` shows cities of one's own choice; of more than forty cities those that moved most.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from scale_impact.benchmark.change import Changes
from scale_impact.figures import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes


MOST = 40
"""So many cities have a row."""

UNTESTED = "errors made of such changes: no test"
"""What an interval says whose errors come from the change itself."""

Show = Literal["change", "then_and_now"]


def draw(changes: Changes, ax: Axes, *, unit: str = "points", show: Show = "change") -> None:
    """Draw changes with intervals, or where cities stood and stand; the most gained first."""
    rows = _rows(changes)
    if not len(rows):
        return _style.say(ax, _why_not(changes))
    at = np.arange(len(rows), dtype=float)
    if show == "change":
        _changes(ax, changes, rows, at)
    else:
        _ends(ax, changes, rows, at)
    _style.tidy(ax, "x")
    _style.rows(ax, [_short(changes.labels[k]) for k in rows])
    span = f"{changes.start} to {changes.end}"
    n, everyone = int((~np.isnan(changes.change)).sum()), len(changes.everyone)
    shown = (
        f", those that gained most and least of {n:,} cities"
        if n > len(rows)
        else f", {n} of {everyone:,} cities"
        if n < everyone
        else ""
    )
    what = "Change of the index" if show == "change" else "Index"
    _style.unit_label(ax, f"{what}, {span}, {unit}{shown}", "x")
    _style.legend_above(ax)


def height(changes: Changes) -> float:
    """Inches that the rows need."""
    return _style.rows_height(len(_rows(changes)), each=0.22, least=2.6)


def _rows(changes: Changes) -> np.ndarray:
    """Cities with a change, the most gained first; of too many the most and the least."""
    order = np.argsort(-changes.change, kind="stable")
    order = order[~np.isnan(changes.change[order])]
    return order if len(order) <= MOST else np.concatenate([order[: MOST // 2], order[-MOST // 2 :]])


def _why_not(changes: Changes) -> str:
    first = next(iter(changes.why_not.items()), None)
    return "There is no city." if first is None else f"No city has a change. {first[0]}: {first[1]}"


def _changes(ax: Axes, changes: Changes, rows: np.ndarray, at: np.ndarray) -> None:
    value, error = changes.change[rows], changes.std_errors[rows]
    sure = error > 0
    circular = changes.errors == "from the change"
    clear = sure & ((changes.low[rows] > 0) | (changes.high[rows] < 0)) & (not circular)
    level = _style.percent(changes.level)
    looks = (
        (clear, _style.BLUE, _style.BLUE, f"told apart from no change ({level} interval)"),
        (sure & ~clear, _style.GREY, _style.GREY, f"{UNTESTED if circular else 'not told apart'} ({level} interval)"),
        (~sure, _style.BLUE, "white", "no interval: values taken as known exactly"),
    )
    shared: dict[str, Any] = {"fmt": "o", "markersize": 4.8, "elinewidth": 1.3, "zorder": 3}
    for chosen, colour, face, name in looks:
        if chosen.any():
            reach = (
                np.array([value - changes.low[rows], changes.high[rows] - value])[:, chosen]
                if face != "white"
                else None
            )
            ax.errorbar(value[chosen], at[chosen], xerr=reach, color=colour, markerfacecolor=face, label=name, **shared)
    _style.zero_line(ax, "x")
    ax.axvline(changes.typical, color=_style.VERMILLION, zorder=1.6, label="middle city", **_style.DASHED)


def _ends(ax: Axes, changes: Changes, rows: np.ndarray, at: np.ndarray) -> None:
    then, now = (changes.path[rows, changes.periods.index(p)] for p in (changes.start, changes.end))
    ax.hlines(at, then, now, color=_style.LIGHT, linewidth=2.0, zorder=2, label="_way")
    ax.plot(then, at, linestyle="none", marker="D", color=_style.GREY, markersize=4.5, zorder=3, label=changes.start)
    ax.plot(now, at, linestyle="none", marker="o", color=_style.BLUE, markersize=5.5, zorder=3.2, label=changes.end)


def _short(label: str) -> str:
    return label if len(label) <= 30 else label[:29].rstrip() + "\N{HORIZONTAL ELLIPSIS}"
