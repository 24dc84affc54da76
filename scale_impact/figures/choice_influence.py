"""Which choices matter: the estimates of a specification curve by what was chosen, axis by axis.

One row a choice: a dot for each specification that made it, an upright line at their median. Rows of one
axis that lie apart are a choice that moves the answer; the share beside its name is how much of the variance
between specifications it explains (Shapley share, ``core.choice_influence``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scale_impact.core.choice_influence import AxisInfluence
from scale_impact.core.specifications import SpecificationCurve
from scale_impact.figures import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ONE, MEDIAN = "one specification", "median"

APART = 0.8
"""Rows between two axes."""


def draw(curve: SpecificationCurve, ax: Axes, *, unit: str = "effect") -> None:
    """Draw the estimates by choice; the marked specification's choices have a diamond."""
    rows = _rows(curve)
    if not rows:
        return _style.say(ax, "No combination of the grid has an estimate.")
    _style.zero_line(ax, "x")
    _dots(ax, curve, rows)
    _medians(ax, curve, rows)
    _marked(ax, curve, rows)
    _style.tidy(ax, "x")
    ax.set_yticks(list(rows.values()), [_style.folded(choice, 26) for _, choice in rows])
    ax.set_ylim(max(rows.values()) + 0.7, -1.1)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    _style.unit_label(ax, unit, "x")
    _heads(ax, curve, rows)
    _style.legend_above(ax, order=(ONE, MEDIAN))


def height(curve: SpecificationCurve) -> float:
    """Inches that the rows need."""
    return _style.rows_height(int(max(_rows(curve).values(), default=0)) + 2, each=0.24, least=2.6)


def _rows(curve: SpecificationCurve) -> dict[tuple[str, str], float]:
    """Height of each choice that has an estimate, with room for the axis's name before its first one."""
    found: dict[tuple[str, str], float] = {}
    y = 0.0
    for axis in curve.influence:
        for choice in axis.choices:
            found[axis.axis, choice.choice] = y
            y += 1
        y += APART
    return found


def _dots(ax: Axes, curve: SpecificationCurve, rows: dict[tuple[str, str], float]) -> None:
    """Each specification on each of its choices, moved up or down a little so that equal ones show."""
    shown = [s for s in curve.known if not s.added]
    shift = 0.22 * np.sin(2.4 * np.arange(len(shown)))  # the golden angle: neighbours lie apart, without chance
    points = [(s.value, rows[c] + d) for s, d in zip(shown, shift, strict=True) for c in s.choices.items() if c in rows]
    x, y = np.array(points, dtype=float).T
    ax.plot(x, y, "o", color=_style.BLUE, markersize=3.2, alpha=0.45, markeredgewidth=0, zorder=2, label=ONE)


def _medians(ax: Axes, curve: SpecificationCurve, rows: dict[tuple[str, str], float]) -> None:
    places = [(c.median, rows[a.axis, c.choice]) for a in curve.influence for c in a.choices]
    x, y = np.array(places, dtype=float).T
    ax.vlines(x, y - 0.36, y + 0.36, color=_style.DARK, linewidth=2.2, zorder=3, label=MEDIAN)


def _marked(ax: Axes, curve: SpecificationCurve, rows: dict[tuple[str, str], float]) -> None:
    found = curve.primary
    if found is None or found.value is None:
        return
    at = [rows[c] for c in found.choices.items() if c in rows]
    look: dict[str, Any] = {"markersize": 5, "markerfacecolor": "white", "markeredgewidth": 1.2, "zorder": 4}
    ax.plot([found.value] * len(at), at, "D", color=_style.VERMILLION, label=found.mark, **look)


def _heads(ax: Axes, curve: SpecificationCurve, rows: dict[tuple[str, str], float]) -> None:
    """The axes' names above their rows, with the share of the variance that is theirs."""
    for axis in curve.influence:
        y = rows[axis.axis, axis.choices[0].choice] - 0.75
        ax.annotate(
            _head(axis), (0.0, y), xycoords=ax.get_yaxis_transform(), va="center", ha="left", fontsize=8,
            fontweight="bold", annotation_clip=False,
        )  # fmt: skip


def _head(axis: AxisInfluence) -> str:
    name = axis.axis.rpartition(".")[2].replace("_", " ")
    if axis.share is None:
        return name if axis.alone is None else f"{name}: {axis.alone:.0%} of the variance alone"
    return f"{name}: {axis.share:.0%} of the variance"
