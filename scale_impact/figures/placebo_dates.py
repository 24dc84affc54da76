"""Effects at dates before the measure, pretended, from the periods before it alone.

Where the groups would have moved together without the measure the intervals contain zero.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scale_impact.core.check import Check
from scale_impact.figures import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw(check: Check, ax: Axes, *, unit: str = "effect") -> None:
    """Draw one estimate a pretended date, earliest first, with the interval of the check's level."""
    rows = [r for r in check.details.get("rows") or [] if r["estimate"] is not None]
    if not rows:
        return _style.say(ax, check.reason)
    _style.zero_line(ax)
    level = _style.percent(1 - check.details["alpha"])
    found = [r for r in rows if r["adjusted"] is not None and r["adjusted"] < check.details["alpha"]]
    groups = (
        ([r for r in rows if r not in found], _style.BLUE, f"pretended date ({level} interval)"),
        (found, _style.VERMILLION, "different from zero, for so many dates"),
    )
    for part, colour, name in groups:
        _dots(ax, part, colour, name)
    _style.tidy(ax)
    steps = [r["earlier"] for r in rows]
    ax.set_xlim(-max(steps) - 0.6, -min(steps) + 0.6)
    at = [steps[k] for k in _style.thinned(len(steps), 16)]
    ax.set_xticks([-k for k in at], [str(k) for k in at])
    ax.set_xlabel("Periods by which the measure is pretended to begin earlier")
    _style.unit_label(ax, unit)
    _style.legend_above(ax, order=("pretended date", "different"))


def _dots(ax: Axes, rows: list[dict[str, Any]], colour: str, name: str) -> None:
    """Dots with intervals; hollow without one."""
    known = [(-r["earlier"], r["estimate"], r["ci_low"], r["ci_high"]) for r in rows if r["ci_low"] is not None]
    bare = [(-r["earlier"], r["estimate"]) for r in rows if r["ci_low"] is None]
    look: dict[str, Any] = {"color": colour, "marker": "o", "markersize": 5.5, "linestyle": "none", "zorder": 3}
    if known:
        x, y, low, high = np.array(known, dtype=float).T
        ax.errorbar(x, y, yerr=np.array([y - low, high - y]), **look, elinewidth=1.3, label=name)
    if bare:
        ax.plot(*np.array(bare, dtype=float).T, **look, markerfacecolor="white", label="no interval")
