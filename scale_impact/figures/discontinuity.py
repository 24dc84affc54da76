"""The outcome around the threshold: means of bins, and the local fits whose difference at the threshold is the effect.

There are so many bins that their means scatter as the data do, so that a jump can be compared with the usual ups and downs. The lines are
the fits without bias correction, as far as observations count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scale_impact.core.causal.discontinuity.bins import Spacing, bins
from scale_impact.core.causal.discontinuity.choices import Floats
from scale_impact.core.causal.discontinuity.found import Discontinuity
from scale_impact.core.effect import Effect
from scale_impact.core.words import plain
from scale_impact.figures import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OUTCOME_AXIS = True

REACH = 2.0
"""Observations up to so many bandwidths from the threshold are shown (and all, where these are few)."""


def draw(effect: Effect, ax: Axes, *, unit: str = "outcome", spacing: Spacing = "even", whole: bool = False) -> None:
    """Draw binned means and fits; ``whole`` shows all data, not only those around the bandwidth."""
    found = effect.discontinuity
    if found is None:
        return _style.say(ax, f"{effect.estimator} has no threshold to show.")
    turn = 1.0 if found.observations.rule.side == "above" else -1.0
    _points(ax, found, turn, spacing, whole)
    _lines(ax, found, turn)
    threshold = found.observations.rule.threshold
    ax.axvline(threshold, color=_style.DARK, label="_threshold", zorder=1.5, **_style.DASHED)
    _style.tidy(ax)
    ax.set_xlabel(f"{found.observations.rule.column} (threshold {plain(threshold)})")
    _style.unit_label(ax, unit)
    _style.legend_above(ax, order=("untreated", "treated"))


def _names(found: Discontinuity) -> tuple[str, str]:
    return ("not eligible", "eligible") if found.observations.fuzzy else ("untreated", "treated")


def _points(ax: Axes, found: Discontinuity, turn: float, spacing: Spacing, whole: bool) -> None:
    threshold, tied = found.observations.rule.threshold, any(s.heaped for s in found.sides)
    n = sum(s.n for s in found.sides)
    looks = zip(found.sides, _names(found), (_style.GREY, _style.BLUE), found.jump.bandwidths.h, strict=True)
    for side, name, colour, h in looks:
        made = bins(side, n, tied, spacing)
        shown = np.full(len(made.middle), True) if whole else np.abs(made.middle) <= REACH * h
        shown = shown if shown.sum() > 2 else np.full(len(made.middle), True)
        look: dict[str, Any] = {"s": 16, "color": colour, "alpha": 0.8, "linewidth": 0, "zorder": 2}
        ax.scatter(threshold + turn * made.middle[shown], made.mean[shown], label=f"{name} (means of bins)", **look)


def _lines(ax: Axes, found: Discontinuity, turn: float) -> None:
    made, threshold = found.jump, found.observations.rule.threshold
    for k, (line, colour) in enumerate(zip(made.lines, (_style.DARK, _style.BLUE), strict=True)):
        reach = min(made.bandwidths.h[k], found.sides[k].reach)
        x = np.linspace(0.0, reach, 60) * (-1 if k == 0 else 1)
        ax.plot(threshold + turn * x, _value(line, x), color=colour, linewidth=1.8, zorder=3, label="_fit")


def _value(line: Floats, x: Floats) -> Floats:
    return np.asarray(np.polynomial.polynomial.polyval(x, line))
