"""The outcome around the threshold: means of bins, and the local fits whose difference at the threshold is the effect.

There are so many bins that their means scatter as the data do, so that a jump can be compared with the usual ups and downs. They are made
of those near the threshold alone: the few that lie far away would make bins so wide that nothing is seen where the effect is. The lines
are the fits without bias correction, as far as observations count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scale_impact.core.causal.discontinuity.bins import Spacing, bins
from scale_impact.core.causal.discontinuity.choices import Floats
from scale_impact.core.causal.discontinuity.found import Discontinuity
from scale_impact.core.causal.discontinuity.sides import Side
from scale_impact.core.effect import Effect
from scale_impact.figures import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OUTCOME_AXIS = True

REACH = 2.0
"""Observations up to so many bandwidths from the threshold are shown (and all, where these are few)."""

FEW = 3
"""Observations of a side that are too few to be shown alone."""

YEARS = (1500, 2100)
"""Thresholds that may be years, and are written without a mark at thousands."""


def draw(effect: Effect, ax: Axes, *, unit: str = "outcome", spacing: Spacing = "even", whole: bool = False) -> None:
    """Draw binned means and fits; ``whole`` shows all data, not only those around the bandwidth."""
    found = effect.discontinuity
    if found is None:
        return _style.say(ax, f"{effect.estimator} has no threshold to show.")
    rule, turn = found.observations.rule, 1.0 if found.observations.rule.side == "above" else -1.0
    shown = found.sides if whole else _near(found)
    _points(ax, found, shown, turn, spacing)
    _lines(ax, found, turn)
    ax.axvline(rule.threshold, color=_style.DARK, label="_threshold", zorder=1.5, **_style.DASHED)
    _reach(ax, rule.threshold, turn, shown)
    _style.tidy(ax)
    threshold = _marked(ax, rule.threshold)
    ax.set_xlabel(f"{rule.column} (threshold {threshold})")
    _style.unit_label(ax, unit)
    _style.legend_above(ax, order=("untreated", "treated"))


def _near(found: Discontinuity) -> tuple[Side, Side]:
    """The observations of both sides that lie within reach; all of a side that has too few."""
    left, right = (
        side.nearest(int(np.count_nonzero(np.abs(side.x) <= REACH * h)))
        for side, h in zip(found.sides, found.jump.bandwidths.h, strict=True)
    )
    return left if left.n >= FEW else found.sides[0], right if right.n >= FEW else found.sides[1]


def _reach(ax: Axes, threshold: float, turn: float, shown: tuple[Side, Side]) -> None:
    """The axis from the farthest observation that is shown on one side to that on the other, and a little more."""
    low, high = sorted(threshold + turn * side.x[-1] for side in shown)
    if low < high:
        more = 0.02 * (high - low)
        ax.set_xlim(low - more, high + more)


def _marked(ax: Axes, threshold: float) -> str:
    """The threshold and the axis with a mark at thousands, unless they may be years."""
    if float(threshold).is_integer() and YEARS[0] <= threshold <= YEARS[1]:
        return f"{threshold:g}"
    if max(map(abs, ax.get_xlim())) >= 1000:
        ax.xaxis.set_major_formatter(lambda value, _: _style.signed(f"{value + 0.0:,.10g}"))
    return _style.signed(f"{threshold:,.10g}")


def _names(found: Discontinuity) -> tuple[str, str]:
    return ("not eligible", "eligible") if found.observations.fuzzy else ("untreated", "treated")


def _points(ax: Axes, found: Discontinuity, shown: tuple[Side, Side], turn: float, spacing: Spacing) -> None:
    threshold, tied = found.observations.rule.threshold, any(s.heaped for s in shown)
    n = sum(s.n for s in shown)
    for side, name, colour in zip(shown, _names(found), (_style.GREY, _style.BLUE), strict=True):
        made = bins(side, n, tied, spacing)
        look: dict[str, Any] = {"s": 16, "color": colour, "alpha": 0.8, "linewidth": 0, "zorder": 2}
        ax.scatter(threshold + turn * made.middle, made.mean, label=f"{name} (means of bins)", **look)


def _lines(ax: Axes, found: Discontinuity, turn: float) -> None:
    made, threshold = found.jump, found.observations.rule.threshold
    for k, (line, colour) in enumerate(zip(made.lines, (_style.DARK, _style.BLUE), strict=True)):
        reach = min(made.bandwidths.h[k], found.sides[k].reach)
        x = np.linspace(0.0, reach, 60) * (-1 if k == 0 else 1)
        ax.plot(threshold + turn * x, _value(line, x), color=colour, linewidth=1.8, zorder=3, label="_fit")


def _value(line: Floats, x: Floats) -> Floats:
    return np.asarray(np.polynomial.polynomial.polyval(x, line))
