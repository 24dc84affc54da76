"""How much effects differ between contexts by each test, and the least that the projection would have noticed.

A dot left of its bar's end is a difference that the study would have missed more often than one time in five, were effects a line in the
contexts. What the other tests would have missed depends on the learner's ranking; they have no bar.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scale_impact.core.check import Check
from scale_impact.figures import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SEEN, FOUND, NOT_FOUND, MEAN = "would have been missed", "found", "not told from none", "mean effect (size)"


def height(check: Check) -> float:
    """Inches for the tests."""
    return _style.rows_height(len(check.details.get("rows", ())), each=0.4, least=2.6)


def draw(check: Check, ax: Axes, *, unit: str = "effect") -> None:
    """Draw a row for each test: what it would have missed as a bar where that is known, what it estimates as a dot."""
    rows = check.details.get("rows")
    if not rows:
        return _style.say(ax, check.reason)
    told = [k for k, r in enumerate(rows) if r["detectable"] is not None]
    if told:
        widths = [rows[k]["detectable"] for k in told]
        ax.barh(told, widths, height=0.5, color=_style.PALE, label=SEEN, zorder=1)
    for clear, name, fill in ((True, FOUND, _style.BLUE), (False, NOT_FOUND, "white")):
        at = [k for k, r in enumerate(rows) if (r["adjusted"] < check.details["alpha"]) == clear]
        if at:
            look: dict[str, Any] = {
                "linestyle": "none",
                "marker": "o",
                "color": _style.BLUE,
                "markerfacecolor": fill,
                "zorder": 3,
            }
            ax.plot([rows[k]["spread"] for k in at], at, label=name, **look)
    ax.axvline(abs(check.details["average"]), color=_style.GREY, label=MEAN, zorder=2, **_style.DASHED)
    _style.tidy(ax, "x")
    ax.set_xlim(left=0)
    _style.rows(ax, [r["check"].replace("_", " ") for r in rows])
    _style.unit_label(ax, f"Standard deviation between contexts. {unit}", "x")
    _style.legend_above(ax, order=(FOUND, NOT_FOUND, SEEN, MEAN))
