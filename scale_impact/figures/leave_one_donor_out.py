"""The effect with each donor left out in turn, and without the most weighted ones together.

A dot far from the line is a donor on which the answer hangs. Weights stand beside the names. With more than 40 donors those
that move the effect most are shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from scale_impact.core.check import Check
from scale_impact.core.words import counted
from scale_impact.figures import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST = 40
FULL, ONE, SEVERAL = "all donors", "one donor left out", "the most weighted left out together"

Row = Mapping[str, Any]


def draw(check: Check, ax: Axes, *, unit: str = "effect") -> None:
    """Draw one row a donor left out, those left out together below, and the full effect as a line."""
    rows, several = _rows(check), _several(check)
    if not rows:
        return _style.say(ax, check.reason)
    ax.axvline(check.details["full"], color=_style.VERMILLION, linewidth=1.3, zorder=2, label=FULL)
    names = [_name(r) for r in rows] + [f"the {k + 2} largest" for k in range(len(several))]
    look: dict[str, Any] = {"color": _style.BLUE, "markersize": 4.5, "linestyle": "none", "zorder": 3}
    ax.plot([r["estimate"] for r in rows], range(len(rows)), "o", **look, label=ONE)
    if several:
        at = range(len(rows), len(names))
        ax.plot([r["estimate"] for r in several], at, "s", **look, markerfacecolor="white", label=SEVERAL)
        ax.axhline(len(rows) - 0.5, color=_style.GREY, linewidth=0.8, linestyle=":", zorder=1, label="_cut")
    _style.tidy(ax, "x")
    _style.rows(ax, names)
    low, high = ax.get_xlim()
    if low < 0 < high:
        _style.zero_line(ax, "x")
    of = sum(r["estimate"] is not None for r in check.details["rows"])
    ax.set_ylabel(
        "Left out (weight)"
        if len(rows) == of
        else f"Left out: the {len(rows)} of {counted(of, 'donor')} that change it most"
    )
    _style.unit_label(ax, unit, "x")
    _style.legend_above(ax, order=(FULL, ONE, SEVERAL))


def height(check: Check) -> float:
    """Inches that the rows need."""
    return _style.rows_height(len(_rows(check)) + len(_several(check)))


def _rows(check: Check) -> list[Row]:
    """Donors with an estimate, lowest first."""
    rows = [r for r in check.details.get("rows") or [] if r["estimate"] is not None]
    kept = sorted(rows, key=lambda r: -abs(r["change"]))[:MOST]
    return sorted(kept, key=lambda r: (r["estimate"], r["left_out"]))


def _several(check: Check) -> list[Row]:
    return [r for r in check.details.get("together") or [] if r["estimate"] is not None]


def _name(row: Row) -> str:
    if row["weight"] is None:
        return str(row["left_out"])
    weight = _style.signed(f"{row['weight']:.2f}")
    return f"{row['left_out']} ({weight})"
