"""The study's estimate among estimates with the measure's dates given to untreated units.

The bars are what the comparison finds where nothing happened. An estimate in their middle could
have come about without the measure; one at their edge hardly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.check import Check
from scale_impact.core.words import counted
from scale_impact.figures import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]

MOST_BARS = 40


def draw(check: Check, ax: Axes, *, unit: str = "effect") -> None:
    """Draw the placebo estimates as a histogram and the study's estimate, with its mirror image, as lines."""
    estimates = np.array(check.details.get("estimates") or [])
    if not len(estimates):
        return _style.say(ax, check.reason)
    real = float(check.details["estimate"])
    beyond = np.abs(estimates) >= abs(real) * (1 - 1e-9)
    edges = _edges(estimates, real)
    many = counted(len(estimates), "placebo estimate")
    ax.hist(estimates[~beyond], edges, color=_style.LIGHT, edgecolor="white", linewidth=0.6, label=many)
    larger = f"as large as the study's: {beyond.sum():,} (p = {check.p_value:.3f})"
    bottom = np.histogram(estimates[~beyond], edges)[0]
    ax.hist(estimates[beyond], edges, bottom=bottom, color=_style.SKY, edgecolor="white", linewidth=0.6, label=larger)
    ax.axvline(real, color=_style.VERMILLION, linewidth=1.8, zorder=3, label="the study's estimate")
    ax.axvline(-real, color=_style.VERMILLION, zorder=2, label="_mirror", **_style.DASHED)
    _style.zero_line(ax, "x")
    _style.tidy(ax, "y")
    ax.set_ylabel("Assignments")
    _style.unit_label(ax, unit, "x")
    _style.legend_above(ax, columns=3)


def _edges(estimates: Floats, real: float) -> list[float]:
    """Bars of equal width, symmetric around zero, so that both lines are in sight."""
    top = 1.05 * max(float(np.abs(estimates).max()), abs(real)) or 1.0
    bars = int(np.clip(2 * np.sqrt(len(estimates)), 10, MOST_BARS)) // 2 * 2
    return [float(e) for e in np.linspace(-top, top, bars + 1)]
