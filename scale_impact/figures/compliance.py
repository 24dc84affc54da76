"""Who received the measure, period by period: of those assigned to it and of the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scale_impact.core.check import Check
from scale_impact.figures import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIDES = (("assigned", "assigned to it", _style.BLUE, "o"), ("others", "not (yet) assigned", _style.VERMILLION, "s"))


def draw(check: Check, ax: Axes, *, unit: str = "outcome") -> None:
    """Draw the share that received the measure on each side."""
    rows = check.details.get("rows", [])
    if not rows:
        return _style.say(ax, check.reason)
    at = np.arange(len(rows), dtype=float)
    for key, label, colour, marker in SIDES:
        values = np.array([np.nan if r[key] is None else r[key] for r in rows], dtype=float)
        ax.plot(at, values, color=colour, marker=marker, markersize=4, label=label)
    _style.tidy(ax)
    names = _style.labels([r["period"] for r in rows])
    ticks = _style.thinned(len(names), _style.fitting(names))
    ax.set_xticks(at[ticks], [names[k] for k in ticks])
    ax.set_ylabel("Received the measure")
    _style.legend_above(ax)
