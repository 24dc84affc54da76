"""The effect by how many of the first periods are left out of the fit.

A level line says that the answer does not depend on how far back the data go. The band is the change that the check allows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scale_impact.core.check import Check
from scale_impact.figures import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SHORTER, FULL, ALLOWED = "fitted from a later period on", "all periods before", "allowed by the check"


def draw(check: Check, ax: Axes, *, unit: str = "effect") -> None:
    """Draw the effect by the first period fitted on, the full effect as a line."""
    rows = [r for r in check.details.get("rows") or [] if r["estimate"] is not None]
    if len(rows) < 2:
        return _style.say(ax, check.reason)
    full, at = rows[0]["estimate"], [r["dropped"] for r in rows]
    room = check.details["allowed"]
    ax.axhspan(full - room, full + room, color=_style.PALE, linewidth=0, zorder=0.5, label=ALLOWED)
    ax.axhline(full, color=_style.VERMILLION, linewidth=1.3, zorder=2, label=FULL)
    look: dict[str, Any] = {"color": _style.BLUE, "linewidth": 1.2, "marker": "o", "markersize": 5, "zorder": 3}
    ax.plot(at, [r["estimate"] for r in rows], **look, label=SHORTER)
    low, high = ax.get_ylim()
    if low < 0 < high:
        _style.zero_line(ax)
    _style.tidy(ax)
    names = [f"{r['from']}\n{r['periods']}" for r in rows]
    kept = _style.thinned(len(rows), _style.fitting([str(r["from"]) for r in rows]))
    ax.set_xticks([at[k] for k in kept], [names[k] for k in kept])
    ax.set_xlabel("First period fitted on, and number of periods fitted on")
    _style.unit_label(ax, unit)
    _style.legend_above(ax, order=(SHORTER, FULL, ALLOWED))
