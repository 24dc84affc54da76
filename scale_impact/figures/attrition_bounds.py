"""Bounds of an effect where outcomes are missing, beside the difference of what was observed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scale_impact.core.check import Check
from scale_impact.figures import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROWS = ("as observed", "bounds")


def draw(check: Check, ax: Axes, *, unit: str = "outcome") -> None:
    """Draw the bounds with their interval, and the plain difference with its own."""
    d = check.details
    if "lower" not in d:
        return _style.say(ax, check.reason)
    ax.axvline(0, color=_style.DARK, linewidth=0.8, zorder=1)
    ax.plot(d["naive_interval"], [1, 1], color=_style.DARK, linewidth=1.2, zorder=2)
    ax.plot([d["naive"]], [1], "o", color=_style.DARK, zorder=3)
    ax.plot(d["interval"], [0, 0], color=_style.BLUE, linewidth=1.2, zorder=2)
    ax.plot([d["lower"], d["upper"]], [0, 0], color=_style.BLUE, linewidth=6, solid_capstyle="butt", zorder=3)
    _style.tidy(ax)
    ax.set_yticks([1, 0], list(ROWS))
    ax.set_ylim(-0.6, 1.6)
    ax.set_xlabel(f"Effect of assignment ({unit}), {d['level']:.0%} intervals")
