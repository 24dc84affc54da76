"""The treated city's path before the measure within the range of its donors.

Where it leaves the band no weights that sum to one can follow it. Of several treated units the one farthest outside is shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scale_impact.core.check import Check
from scale_impact.figures import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RANGE, MIX, BEYOND = "lowest to highest donor", "its donors' mix", "beyond all donors"


def draw(check: Check, ax: Axes, *, unit: str = "outcome") -> None:
    """Draw the path, the range of donors as a band, and periods beyond it as marks."""
    path = check.details.get("path")
    if not path:
        return _style.say(ax, check.reason)
    names = [str(p) for p in path["periods"]]
    at, values = np.arange(len(names), dtype=float), np.array(path["values"], dtype=float)
    low, high = np.array(path["lowest"], dtype=float), np.array(path["highest"], dtype=float)
    ax.fill_between(at, low, high, color=_style.PALE, linewidth=0, zorder=1, label=RANGE)
    expected = np.array(path["expected"], dtype=float)
    ax.plot(at, expected, color=_style.BLUE, zorder=2.5, label=MIX, **_style.DASHED)
    ax.plot(at, values, color=_style.DARK, linewidth=1.8, zorder=3, label=path["treated"])
    out = (values < low) | (values > high)
    if out.any():
        ax.plot(at[out], values[out], "D", color=_style.VERMILLION, markersize=5, zorder=4, label=BEYOND)
    _style.tidy(ax)
    ticks = _style.thinned(len(names), _style.fitting(names))
    ax.set_xticks(at[ticks], [names[k] for k in ticks])
    ax.set_xlabel("Periods before the measure")
    _style.unit_label(ax, unit)
    _style.legend_above(ax, order=(path["treated"], MIX, RANGE, BEYOND))
