"""How much larger the effect is among those ranked first than in the mean of all, by how many are treated (TOC).

The curve ends at zero, where all are treated. Where the ranking says nothing it lies at zero throughout. Where less of the outcome is better
those ranked first have the lowest effects, and the curve tells how far below the mean they are. The band is for each share by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scale_impact.core.check import Check
from scale_impact.core.effect import Estimate
from scale_impact.core.words import number
from scale_impact.figures import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw(check: Check, ax: Axes, *, unit: str = "effect", level: float = 0.95) -> None:
    """Draw the curve with its pointwise band."""
    rows = check.details.get("curve")
    if not rows:
        return _style.say(ax, check.reason)
    details = check.details
    shares = np.array([100 * r["share"] for r in rows])
    ends = [Estimate(r["toc"], r["std_error"], details["df"]).interval(level) for r in rows]
    low, high = np.array([e if e is not None else (np.nan, np.nan) for e in ends]).T
    ax.fill_between(
        shares, low, high, color=_style.PALE, linewidth=0, zorder=1, label=f"{_style.percent(level)} for each share"
    )
    area = details["areas"][details["target"]]["value"]
    less = details.get("better") == "less"
    name = f"ranked first, {'gain over' if less else 'less'} mean of all ({details['target']} {_style.signed(number(area))})"
    ax.plot(shares, [r["toc"] for r in rows], color=_style.BLUE, linewidth=1.8, zorder=3, label=name)
    _style.zero_line(ax)
    _style.tidy(ax)
    ax.set_xlabel("Share treated, those ranked first before others, %")
    _style.unit_label(ax, f"{unit}, {'below' if less else 'above'} the mean")
    _style.legend_above(ax, columns=2)
