"""Effects by cohort as dots with intervals, and the overall effect as a diamond and a line.

Shows for whom the measure worked: whether early and late adopters gained alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scale_impact.core.effect import Effect
from scale_impact.figures import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes


COLOUR = _style.VERMILLION


def draw(effect: Effect, ax: Axes, *, unit: str = "effect", level: float = 0.95) -> None:
    """Draw one dot a cohort and the overall effect at the right, with intervals at ``level``."""
    groups = effect.by_cohort
    if groups is None or not len(groups):
        return _style.say(ax, f"{effect.estimator} gives no effects by cohort.")
    n = len(groups)
    _style.zero_line(ax)
    if effect.overall.value is not None:
        ax.axhline(effect.overall.value, color=COLOUR, zorder=1.6, label="_overall", **_style.DASHED)
    shown = f"({_style.percent(level)} interval)"
    _style.dots(ax, range(n), list(groups), level, name=f"cohort {shown}")
    _style.dots(ax, [_last(n)], [effect.overall], level, name=f"overall {shown}", colour=COLOUR, marker="D", size=8)
    _style.tidy(ax)
    _cohort_axis(ax, _style.labels(groups.cohorts))
    _style.unit_label(ax, unit)
    _style.legend_above(ax)


def _last(n: int) -> float:
    """Place of the overall effect, a little apart from n cohorts."""
    return n + max(0.25, 0.03 * n)


def _cohort_axis(ax: Axes, names: list[str]) -> None:
    n = len(names)
    at = _style.thinned(n, _style.fitting(names))
    ax.set_xticks([*at, _last(n)], [*(names[k] for k in at), "overall"])
    ax.set_xlim(-0.6, 2 * _last(n) - n + 0.6)
    ax.axvline((n - 1 + _last(n)) / 2, color=_style.LIGHT, linewidth=0.8, zorder=1, label="_divider")
    ax.set_xlabel("Cohort (first treated period)")
