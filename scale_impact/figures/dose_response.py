"""Effects by dose, with pointwise intervals: the level curve, or the slope.

The level at a dose is what that dose did to those who took it; the slope is what a little more
of it would do. The dashed line is the mean over the doses that were given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from scale_impact.core.effect import Effect, Family
from scale_impact.figures import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Curve = Literal["level", "slope"]


def draw(
    effect: Effect, ax: Axes, *, unit: str = "effect", level: float = 0.95, curve: Curve = "level", dose: str = "Dose"
) -> None:
    """Draw one curve over the dose, named ``dose`` on its axis."""
    family = effect.curves.get(curve)
    if family is None or not family.points:
        return _style.say(ax, f"{effect.estimator} gives no effects by dose.")
    _style.zero_line(ax)
    _band(ax, family, level)
    mean = effect.overall if curve == "level" else effect.summaries["slope"]
    if mean.value is not None:
        ax.axhline(mean.value, color=_style.VERMILLION, zorder=2, label="mean over the doses given", **_style.DASHED)
    _style.tidy(ax)
    ax.set_xlabel(dose)
    _style.unit_label(ax, unit if curve == "level" else f"{unit} per unit of dose")
    _style.legend_above(ax)


def _band(ax: Axes, family: Family, level: float) -> None:
    at = np.array(family.points)
    ends = np.array([e.interval(level) or (np.nan, np.nan) for e in family])
    name = f"effect at a dose ({_style.percent(level)} interval)"
    ax.fill_between(at, ends[:, 0], ends[:, 1], color=_style.BLUE, alpha=0.2, linewidth=0, zorder=1)
    ax.plot(at, family.values, color=_style.BLUE, marker="o", markersize=5, zorder=3, label=name)
