"""The gap before the measure (RMSPE) of the treated city, among those of donors in its place.

A treated city far beyond the dotted line is one that no mix of donors follows: its gap after the measure is no effect.
With several treated units there is a row for each, and its donors are the grey dots on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from scale_impact.core.check import Check
from scale_impact.figures import _ranked, _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MEDIAN, LIMIT = "donors' median", "bad fit from here on"
ORDER = (_ranked.TREATED, _ranked.DONORS, MEDIAN, LIMIT)
MOST = 40
"""Of more treated units the worst are shown."""

Row = Mapping[str, Any]


def draw(check: Check, ax: Axes, *, unit: str = "outcome") -> None:
    """Draw RMSPE before the measure: ranked for one treated unit, in rows for several."""
    rows = _rows(check)
    if not rows:
        return _style.say(ax, check.reason)
    if len(rows) == 1:
        _ranked.draw_ranked(ax, _one(rows[0]), _title(unit))
        _lines(ax, rows[0], float(check.details["worst"]))
    else:
        _several(ax, rows[:MOST], float(check.details["worst"]), len(rows))
    _style.legend_above(ax, order=ORDER)


def height(check: Check) -> float:
    """Inches that the rows need."""
    rows = _rows(check)
    n = len(_ranked.shown(_one(rows[0]))) if len(rows) == 1 else min(len(rows), MOST)
    return _style.rows_height(n)


def _rows(check: Check) -> list[Row]:
    """Treated units, the worst fit first."""
    rows = check.details.get("rows") or []
    return sorted(rows, key=lambda r: -1.0 if r["ratio"] is None else -float(r["ratio"]))


def _one(row: Row) -> list[tuple[str, float, bool]]:
    return [(row["treated"], row["rmspe"], True), *((d["name"], d["rmspe"], False) for d in row["donors"])]


def _lines(ax: Axes, row: Row, worst: float) -> None:
    if row["median"] is None:
        return
    ax.axvline(row["median"], color=_style.BLUE, linewidth=1.2, zorder=2, label=MEDIAN)
    ax.axvline(worst * row["median"], color=_style.DARK, linewidth=1.0, linestyle=":", zorder=2, label=LIMIT)


def _several(ax: Axes, rows: list[Row], worst: float, of: int) -> None:
    """One row a treated unit, in terms of its donors' median."""
    rows = [r for r in rows if r["median"]]
    for k, row in enumerate(rows):
        known = [d["rmspe"] / row["median"] for d in row["donors"]]
        ax.plot(
            known, [k] * len(known), "o", color=_style.LIGHT, markersize=3, zorder=2, label=_first(k, _ranked.DONORS)
        )
        mine = row["rmspe"] / row["median"]
        ax.plot([mine], [k], "D", color=_style.VERMILLION, markersize=5, zorder=3, label=_first(k, _ranked.TREATED))
    ax.axvline(1.0, color=_style.BLUE, linewidth=1.2, zorder=1.5, label=MEDIAN)
    ax.axvline(worst, color=_style.DARK, linewidth=1.0, linestyle=":", zorder=1.5, label=LIMIT)
    _style.tidy(ax, "x")
    _style.rows(ax, [r["treated"] for r in rows])
    ax.set_xlim(left=0)
    ax.set_xlabel("Gap before the measure (RMSPE), in medians of donors in the same place")
    if len(rows) < of:
        ax.set_ylabel(f"The {len(rows)} worst of {of:,} treated")


def _first(k: int, name: str) -> str:
    """One legend entry for all rows."""
    return name if k == 0 else f"_{name}"


def _title(unit: str) -> str:
    return f"Gap before the measure (RMSPE), {unit}" if unit else "Gap before the measure (RMSPE)"
