"""A funnel plot: effects against their standard errors, with contours of significance around zero.

Without selection effects scatter alike to both sides of the mean, more widely below. Where effects are missing in the white field
(not significant) on one side, significant results were preferred; where they are missing among significant ones, the asymmetry has
another cause. The slanted line is Egger's: upright where effect and precision are not related.

Source: Sterne and Egger (2001) on axes; Peters, Sutton, Jones, Abrams and Rushton (2008) on contours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from scale_impact.figures import _style
from scale_impact.figures.forest import axis_title
from scale_impact.synthesis.selection import Selection

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]

CONTOURS = ((0.01, "#DDE3E8", "p < 0.01"), (0.05, "#BFC9D1", "0.01 to 0.05"), (0.10, "#9FADB8", "0.05 to 0.10"))
"""p-values at the outer side of fields, from outside to inside, with their colours; inside it is white."""

CITY, FILLED, MEAN, LINE = "effect", "filled by symmetry", "mean", "Egger's line"


def draw(selection: Selection, ax: Axes, *, unit: str = "", filled: bool = False) -> None:
    """Draw effects, contours, mean and Egger's line; ``filled``: also what trim and fill puts there. ``unit`` of the effects."""
    effects = selection.effects
    errors = np.sqrt(effects.variances)
    top = 1.08 * float(errors.max())
    ax.set(xlim=_limits(selection, errors, filled), ylim=(top, 0.0))
    _fields(ax, selection, top)
    depth = np.array([0.0, top])
    ax.plot([selection.pooled.mean] * 2, depth, color=_style.DARK, linewidth=1.3, zorder=2, label=MEAN)
    if not selection.egger.why_not:
        at_zero = selection.pet.estimate
        ax.plot(
            at_zero + selection.egger.slope * depth,
            depth,
            color=_style.VERMILLION,
            zorder=2.2,
            label=LINE,
            **_style.DASHED,
        )
    size = 5.0 if len(effects) <= 80 else 3.2
    ax.plot(
        effects.effects,
        errors,
        "o",
        color=_style.BLUE,
        markersize=size,
        markeredgecolor="white",
        markeredgewidth=0.5,
        zorder=3,
        label=CITY,
    )
    if filled and selection.filled.missing:
        ax.plot(
            selection.filled.effects, selection.filled.std_errors, "o", color=_style.BLUE, markerfacecolor="white", markersize=size, zorder=2.8,
            label=FILLED,
        )  # fmt: skip
    _style.tidy(ax, None)
    ax.axvline(0, color=_style.GREY, linewidth=0.8, zorder=1.5, label="_zero")
    ax.set_ylabel("Standard error (precise above)")
    ax.set_xlabel(_style.folded(axis_title(unit or effects.unit, effects.direction), 80))
    _style.legend_above(ax, columns=7, order=(CITY, FILLED, MEAN, LINE))


def _limits(selection: Selection, errors: Floats, filled: bool) -> tuple[float, float]:
    """All effects, zero, and as much of the contours as lets them be seen on both sides."""
    values = [*selection.effects.effects, 0.0, selection.pooled.mean, *(selection.filled.effects if filled else ())]
    low, high = min(values), max(values)
    reach = float(selection.contour(0.05, errors).max())
    low, high = min(low, -0.75 * reach), max(high, 0.75 * reach)
    pad = 0.05 * (high - low)
    return low - pad, high + pad


def _fields(ax: Axes, selection: Selection, top: float) -> None:
    """Fields of p-values against zero, the outer ones first."""
    depth = np.array([0.0, top])
    left, right = ax.get_xlim()
    ax.fill_betweenx(depth, left, right, color=CONTOURS[0][1], linewidth=0, zorder=0.1, label=CONTOURS[0][2])
    edges = [selection.contour(p, depth) for p, _, _ in CONTOURS]
    fields = [*((colour, name) for _, colour, name in CONTOURS[1:]), ("white", "_not significant")]
    for k, (edge, (colour, name)) in enumerate(zip(edges, fields, strict=True)):
        ax.fill_betweenx(depth, -edge, edge, color=colour, linewidth=0, zorder=0.2 + 0.1 * k, label=name)
