"""Mean gaps after pretended dates, from the periods before the measure alone, beside the study's effect.

Dots near zero say that no gap opens by itself. The grey bars are what donors in the same place show at the same dates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scale_impact.core.check import Check
from scale_impact.figures import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DOT, DONORS, EFFECT = "pretended date", "90% of donors in the same place", "the study's effect"


def draw(check: Check, ax: Axes, *, unit: str = "effect") -> None:
    """Draw one dot a pretended date, earliest first, with the range of placebos, and the effect as a line."""
    rows = [r for r in reversed(check.details.get("rows") or []) if r["estimate"] is not None]
    if not rows:
        return _style.say(ax, check.reason)
    at = np.arange(len(rows), dtype=float)
    _style.zero_line(ax)
    known = [
        (x, r["placebo_low"], r["placebo_high"]) for x, r in zip(at, rows, strict=True) if r["placebo_low"] is not None
    ]
    if known:
        x, low, high = np.array(known, dtype=float).T
        ax.vlines(x, low, high, color=_style.LIGHT, linewidth=7, zorder=2, label=DONORS)
    ax.plot(at, [r["estimate"] for r in rows], "o", color=_style.BLUE, markersize=6, zorder=3, label=DOT)
    if check.details.get("full") is not None:
        ax.axhline(check.details["full"], color=_style.VERMILLION, zorder=1.8, label=EFFECT, **_style.DASHED)
    _style.tidy(ax)
    names = [str(r["from"]) for r in rows]
    ticks = _style.thinned(len(names), _style.fitting(names))
    ax.set_xticks(at[ticks], [names[k] for k in ticks])
    ax.set_xlim(-0.6, len(rows) - 0.4)
    ax.set_xlabel("Pretended date; mean gap from there to the measure")
    _style.unit_label(ax, unit)
    _style.legend_above(ax, order=(DOT, DONORS, EFFECT))
