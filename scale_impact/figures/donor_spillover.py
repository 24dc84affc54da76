"""Gaps after the measure of donors near the treated city, among those of donors farther away.

Each is explained by the donors farther away, and measured in terms of its own gap before. Near donors that stand apart may
feel the measure themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scale_impact.core.check import Check
from scale_impact.figures import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NEAR, FAR = "near donors", "donors farther away"
CARRY, OTHER = "donors that carry the counterfactual", "other donors"
MOST = 40


def draw(check: Check, ax: Axes, *, unit: str = "effect") -> None:
    """Draw one row a near donor (or one that carries the counterfactual), and one for all others."""
    near, far = _rows(check, "rows"), _rows(check, "farther")
    if not near:
        return _style.say(ax, check.reason)
    _style.zero_line(ax, "x")
    mine, rest = (NEAR, FAR) if check.details.get("named") else (CARRY, OTHER)
    names = [*(_name(r) for r in near), f"{len(far):,} {rest}"]
    ax.plot(
        [r["size"] for r in far], [len(near)] * len(far), "o", color=_style.GREY, alpha=0.6, markersize=4, label=rest
    )
    ax.plot(
        [r["size"] for r in near], range(len(near)), "D", color=_style.VERMILLION, markersize=5, zorder=3, label=mine
    )
    _style.tidy(ax, "x")
    _style.rows(ax, names)
    p = "" if check.p_value is None else f"; p = {check.p_value:.3f}"
    ax.set_xlabel(f"Mean gap after the measure in terms of the donor's gap before (RMSPE){p}")
    _style.legend_above(ax, order=(mine, rest))


def height(check: Check) -> float:
    """Inches that the rows need."""
    return _style.rows_height(len(_rows(check, "rows")) + 2, each=0.25, least=3.0)


def _rows(check: Check, key: str) -> list[dict[str, Any]]:
    """Donors with a number, the lowest first; of many near ones those farthest from zero."""
    rows = [r for r in check.details.get(key) or [] if r["size"] is not None]
    if key == "rows":
        rows = sorted(rows, key=lambda r: -abs(r["size"]))[:MOST]
    return sorted(rows, key=lambda r: (r["size"], r["donor"]))


def _name(row: dict[str, Any]) -> str:
    return str(row["donor"]) if not row["weight"] else f"{row['donor']} ({row['weight']:.2f})"
