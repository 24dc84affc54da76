"""Mean outcomes of each cohort over time: the data before any estimate.

Read it for parallel paths before the dashed lines, which mark each cohort's first treated
period. Never-treated units are dark grey; more than six cohorts are coloured by time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scale_impact.core.cohorts import Cohorts, cohort_moments
from scale_impact.core.design import Design
from scale_impact.core.panel import Panel
from scale_impact.figures import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ALREADY = "treated from the start"
FAINT: dict[str, Any] = {"linewidth": 0.6, "linestyle": (0, (3, 4)), "alpha": 0.7}


def draw(panel: Panel, design: Design, ax: Axes, *, unit: str = "mean outcome") -> None:
    """Draw one line a cohort, in the outcome's unit; works for repeated cross-sections too."""
    moments = cohort_moments(panel, design)
    shown = np.flatnonzero(moments.units > 0)
    adopting = [int(g) for g in shown if g in design.adopting]
    colours = dict(zip(adopting, _style.cohort_colours(len(adopting)), strict=True))
    few = len(adopting) <= len(_style.PALETTE)
    for g in reversed([int(g) for g in shown]):
        _line(ax, panel, design, moments, g, colours, few)
    for g, colour in colours.items():
        ax.axvline(
            panel.clock[design.starts[g]], color=colour, zorder=1, label="_start", **(_style.DASHED if few else FAINT)
        )
    _style.tidy(ax)
    _style.period_axis(ax, panel)
    _style.unit_label(ax, unit)
    _name(ax, panel, design, moments, [int(g) for g in shown], colours, few)


def _line(ax: Axes, panel: Panel, design: Design, moments: Cohorts, g: int, colours: dict[int, Any], few: bool) -> None:
    """The mean path of one cohort; cells without an observation stay empty."""
    means = np.where(moments.counts[g] > 0, moments.means[g], np.nan)
    ax.plot(panel.clock, means, label=_name_of(panel, design, g), **_look(design, g, colours, few, panel.n_periods))


def _look(design: Design, g: int, colours: dict[int, Any], few: bool, periods: int) -> dict[str, Any]:
    if g == design.never_treated:
        return {"color": _style.DARK, "linewidth": 2.2, "zorder": 2.5}
    if g not in colours:
        return {"color": _style.GREY, "linewidth": 1.4, "linestyle": ":"}
    marker = _style.MARKERS[list(colours).index(g)] if few and periods <= 40 else None
    return {"color": colours[g], "linewidth": 1.6 if few else 1.1, "marker": marker, "markersize": 4}


def _name_of(panel: Panel, design: Design, g: int) -> str:
    if g == design.never_treated:
        return _style.NEVER
    if g in design.always_treated:
        return ALREADY
    switched = "switched " if design.leaving is not None and design.leaving[g] else "treated "
    return switched + _style.cohort_names(panel, design)[g]


def _name(
    ax: Axes, panel: Panel, design: Design, moments: Cohorts, shown: list[int], colours: dict[int, Any], few: bool
) -> None:
    """Name the lines at their ends where they are few, otherwise by a colour bar."""
    start = _style.handle(_style.GREY, "first treated period", **_style.DASHED)
    if few:
        looks = [_look(design, g, colours, few, panel.n_periods)["color"] for g in shown]
        ends = [float(moments.means[g][np.flatnonzero(moments.counts[g] > 0)[-1]]) for g in shown]
        _style.beside(ax, float(panel.clock[-1]), ends, [_name_of(panel, design, g) for g in shown], looks)
        return _style.legend_above(ax, [start])
    names = _style.cohort_names(panel, design)
    _style.cohort_bar(ax, [names[g] for g in colours], list(colours.values()))
    others = [line for line in ax.get_lines() if line.get_label() in (_style.NEVER, ALREADY)]
    _style.legend_above(ax, [*others, start])
