"""Estimates of data that were changed at random, as a histogram: what the figures of refuters share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.check import Check
from scale_impact.core.words import counted, number
from scale_impact.figures import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]

STUDY, INTERVAL = "the study's estimate", "its interval"

MOST_BARS = 40

SLIVER = 0.25
"""Where estimates span a smaller share of the study's interval, the axis is theirs, and the interval is written."""


def draw_around(check: Check, ax: Axes, unit: str, name: str) -> None:
    """Draw estimates of changed data around the study's, with the study's interval behind them."""
    estimates = np.array(check.details.get("estimates") or [])
    if not len(estimates):
        return _style.say(ax, check.reason)
    real, ends = float(check.details["estimate"]), check.details.get("interval")
    ends = None if ends is None else (float(ends[0]), float(ends[1]))
    reach = _reach(estimates, real, ends)
    bars = int(np.clip(2 * np.sqrt(len(estimates)), 10, MOST_BARS))
    if ends is not None:
        ax.axvspan(ends[0], ends[1], color=_style.PALE, zorder=0, label=_interval(ends, reach))
    look: dict[str, Any] = {"color": _style.SKY, "edgecolor": "white", "linewidth": 0.6}
    ax.hist(estimates, bars, **look, label=f"{counted(len(estimates), 'estimate')} {name}")
    ax.axvline(real, color=_style.VERMILLION, linewidth=1.8, zorder=3, label=STUDY)
    ax.axvline(float(estimates.mean()), color=_style.DARK, zorder=3, label="their mean", **_style.DASHED)
    if reach is not None:
        ax.set_xlim(*reach)
    _style.tidy(ax, "y")
    ax.set_ylabel("Estimates")
    _style.unit_label(ax, unit, "x")
    _style.legend_above(ax, columns=4, order=(STUDY, INTERVAL, str(len(estimates)), "their"))


def _reach(estimates: Floats, real: float, ends: tuple[float, float] | None) -> tuple[float, float] | None:
    """Ends of an axis of the estimates alone; None where the study's interval is not much wider than they spread."""
    low, high = min(real, float(estimates.min())), max(real, float(estimates.max()))
    if ends is None or not 0 < high - low < SLIVER * (ends[1] - ends[0]):
        return None
    more = 0.08 * (high - low)
    return low - more, high + more


def _interval(ends: tuple[float, float], reach: tuple[float, float] | None) -> str:
    """The interval's name; with its ends where they lie beyond the axis."""
    if reach is None or (reach[0] <= ends[0] and ends[1] <= reach[1]):
        return INTERVAL
    low, high = (_style.signed(number(e)) for e in ends)
    return f"{INTERVAL}, {low} to {high}"
