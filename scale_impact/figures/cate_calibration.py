"""Effects of groups against the effects that were predicted for them.

On the dashed line predictions are right; dots in a level row say that predicted differences are noise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scale_impact.core.check import Check
from scale_impact.core.effect import Estimate
from scale_impact.figures import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GROUPS, RIGHT, FITTED = "groups by predicted effect", "as predicted", "fitted line"


def draw(check: Check, ax: Axes, *, unit: str = "effect", level: float = 0.95) -> None:
    """Draw the groups with intervals, the line of right predictions and the fitted line."""
    rows = check.details.get("rows")
    if not rows:
        return _style.say(ax, check.reason)
    details = check.details
    at = [r["predicted"] for r in rows]
    shown = [Estimate(r["effect"], r["std_error"], details["df"]) for r in rows]
    _style.zero_line(ax)
    ends = np.array([min(at), max(at)])
    ax.plot(ends, ends, color=_style.GREY, label=RIGHT, zorder=2, **_style.DASHED)
    fitted = details["average"] + details["slope"] * (ends - details["predicted"])
    ax.plot(ends, fitted, color=_style.VERMILLION, linewidth=1.3, label=FITTED, zorder=2.5)
    _style.dots(ax, at, shown, level, name=GROUPS)
    _style.tidy(ax)
    ax.set_xlabel("Predicted effect")
    _style.unit_label(ax, unit)
    _style.legend_above(ax, order=(GROUPS, RIGHT, FITTED))
