"""Estimates of data that were changed at random, as a histogram: what the figures of refuters share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scale_impact.core.check import Check
from scale_impact.core.words import counted
from scale_impact.figures import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STUDY, INTERVAL = "the study's estimate", "its interval"

MOST_BARS = 40


def draw_around(check: Check, ax: Axes, unit: str, name: str) -> None:
    """Draw estimates of changed data around the study's, with the study's interval behind them."""
    estimates = np.array(check.details.get("estimates") or [])
    if not len(estimates):
        return _style.say(ax, check.reason)
    real, ends = float(check.details["estimate"]), check.details.get("interval")
    bars = int(np.clip(2 * np.sqrt(len(estimates)), 10, MOST_BARS))
    if ends is not None:
        ax.axvspan(ends[0], ends[1], color=_style.PALE, zorder=0, label=INTERVAL)
    look: dict[str, Any] = {"color": _style.SKY, "edgecolor": "white", "linewidth": 0.6}
    ax.hist(estimates, bars, **look, label=f"{counted(len(estimates), 'estimate')} {name}")
    ax.axvline(real, color=_style.VERMILLION, linewidth=1.8, zorder=3, label=STUDY)
    ax.axvline(float(estimates.mean()), color=_style.DARK, zorder=3, label="their mean", **_style.DASHED)
    _style.tidy(ax, "y")
    ax.set_ylabel("Estimates")
    _style.unit_label(ax, unit, "x")
    _style.legend_above(ax, columns=4, order=(STUDY, INTERVAL, str(len(estimates)), "their"))
