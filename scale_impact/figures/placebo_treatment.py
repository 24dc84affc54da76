"""The study's estimate among estimates of exposures that nobody had.

They should lie around zero. An estimate in their middle could have come about by who happened to be exposed; one at their edge
hardly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scale_impact.core.check import Check
from scale_impact.core.words import counted
from scale_impact.figures import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STUDY, MEAN = "the study's estimate", "their mean"

MOST_BARS = 40


def draw(check: Check, ax: Axes, *, unit: str = "effect") -> None:
    """Draw placebo estimates (widened to the study's standard error) as a histogram, their mean, and the study's with its mirror image."""
    wide = check.details.get("widened", 1.0)
    estimates = wide * np.array(check.details.get("estimates") or [])
    if not len(estimates):
        return _style.say(ax, check.reason)
    real = float(check.details["estimate"])
    top = 1.05 * max(float(np.abs(estimates).max()), abs(real)) or 1.0
    bars = int(np.clip(2 * np.sqrt(len(estimates)), 10, MOST_BARS)) // 2 * 2
    edges = [float(e) for e in np.linspace(-top, top, bars + 1)]
    beyond = np.abs(estimates) >= abs(real) * (1 - 1e-9)
    widened = "" if wide == 1 else f" (x {wide:.2f})"
    names = (
        counted(int((~beyond).sum()), "placebo estimate") + widened,
        f"as large as the study's: {int(beyond.sum()):,}",
    )
    look: dict[str, Any] = {"color": [_style.LIGHT, _style.SKY], "edgecolor": "white", "linewidth": 0.6, "label": names}
    ax.hist([estimates[~beyond], estimates[beyond]], edges, stacked=True, **look)
    ax.axvline(real, color=_style.VERMILLION, linewidth=1.8, zorder=3, label=STUDY)
    ax.axvline(-real, color=_style.VERMILLION, zorder=2, label="_mirror", **_style.DASHED)
    ax.axvline(float(estimates.mean()), color=_style.BLUE, linewidth=1.3, zorder=3, label=MEAN)
    _style.zero_line(ax, "x")
    _style.tidy(ax, "y")
    ax.set_ylabel("Estimates")
    _style.unit_label(ax, unit, "x")
    _style.legend_above(ax, columns=4 if wide == 1 else 2, order=(STUDY, MEAN))
