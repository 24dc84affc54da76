"""Effects of groups, one context after the other, as dots with intervals; the mean effect is a dashed line.

Intervals are for each group by itself: among many groups some lie off the line by chance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scale_impact.core.effect import Effect, Family
from scale_impact.figures import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MEAN = "mean effect"


def height(effect: Effect) -> float:
    """Inches for the groups."""
    groups = _groups(effect)
    return _style.rows_height(0 if groups is None else len(groups), each=0.22, least=3.0)


def draw(effect: Effect, ax: Axes, *, unit: str = "effect", level: float = 0.95) -> None:
    """Draw a row for each group."""
    groups = _groups(effect)
    if groups is None or not len(groups):
        return _style.say(ax, f"{effect.estimator} gives no effects by context.")
    _style.zero_line(ax, "x")
    if effect.overall.value is not None:
        ax.axvline(effect.overall.value, color=_style.VERMILLION, zorder=1.6, label=MEAN, **_style.DASHED)
    name = f"group ({_style.percent(level)} interval)"
    _style.dots(ax, range(len(groups)), list(groups), level, name=name, along="x")
    _style.tidy(ax, "x")
    _style.rows(ax, groups.names)
    _style.unit_label(ax, unit, "x")
    _style.legend_above(ax, order=("group", MEAN))


def _groups(effect: Effect) -> Family | None:
    """The family of groups by context; None where there is none."""
    return next((f for f in effect.curves.values() if f.kind == "subgroup" and f.contexts), None)
