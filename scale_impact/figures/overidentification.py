"""The estimate by each instrument alone, beside the one by all of them: valid instruments agree but for chance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scale_impact.core.check import Check
from scale_impact.figures import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ALONE, ALL = "one instrument", "all instruments"

FAR = 10.0
"""Intervals are shown up to so many times the width of the middle one."""


def draw(check: Check, ax: Axes, *, unit: str = "effect") -> None:
    """Draw one row an instrument, and the joint estimate as a line."""
    rows = check.details.get("rows")
    if not rows:
        return _style.say(ax, check.reason)
    at = np.arange(len(rows), dtype=float)
    value, low, high = (np.array([r[k] for r in rows], dtype=float) for k in ("estimate", "low", "high"))
    ax.hlines(at, low, high, color=_style.DARK, linewidth=1.4, zorder=2)
    ax.plot(value, at, "o", color=_style.DARK, zorder=3, label=ALONE)
    ax.axvline(check.details["estimate"], color=_style.BLUE, linewidth=1.6, zorder=1, label=ALL)
    _limits(ax, low, high, check.details["estimate"])
    _style.rows(ax, [str(r["name"]) for r in rows])
    _style.tidy(ax, "x")
    ax.set_xlabel(_style.folded(f"Effect ({unit}); p of agreement = {check.p_value:.3f}", 90))
    _style.legend_above(ax, order=(ALONE, ALL))


def height(check: Check) -> float:
    """Inches that the rows need."""
    return _style.rows_height(len(check.details.get("rows") or []))


def _limits(ax: Axes, low: np.ndarray, high: np.ndarray, joint: float) -> None:
    """Cut off intervals of instruments that say next to nothing."""
    most = FAR * float(np.median(high - low))
    left, right = max(float(low.min()), joint - most), min(float(high.max()), joint + most)
    edge = 0.05 * (right - left)
    ax.set_xlim(left - edge, right + edge)
