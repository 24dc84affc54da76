"""Robust intervals against how far trends may differ, beside the interval with parallel trends.

Where a robust interval crosses zero the conclusion needs trends that differ less than that; the
dashed line is the breakdown value, from which on zero is inside.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from scale_impact.core.check import Check
from scale_impact.core.effect import Floats
from scale_impact.figures import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ORIGINAL, ROBUST, BREAKDOWN = "parallel trends", "robust", "zero enters at"

ALONG = {
    "relative_magnitudes": "Largest change of trends after treatment / before (M\N{COMBINING MACRON})",
    "relative_smoothness": "Largest change of slope after treatment / before (M\N{COMBINING MACRON})",
    "smoothness": "Largest change of slope a period (M)",
}


def draw(check: Check, ax: Axes, *, unit: str = "effect") -> None:
    """Draw one robust interval a bound, the original one to their left, the breakdown value as a line."""
    details = check.details
    rows = [r for r in details.get("rows") or [] if r["ci_low"] is not None]
    if not rows:
        return _style.say(ax, check.reason)
    bounds = np.array([r["bound"] for r in rows], dtype=float)
    left = _left(bounds)
    level = _style.percent(details["level"])
    _style.zero_line(ax)
    _original(ax, details, left, f"{ORIGINAL} ({level} interval)")
    _robust(ax, rows, bounds, f"{ROBUST} ({level} interval)")
    _breakdown(ax, details, left, bounds)
    _style.tidy(ax)
    _bounds_axis(ax, left, bounds, details["restriction"])
    _style.unit_label(ax, f"{details['target'].removeprefix('the ').capitalize()}: {unit}")
    _style.legend_above(ax, order=(ORIGINAL, ROBUST, BREAKDOWN))


def _left(bounds: Floats) -> float:
    """Where the original interval stands: a step to the left of the first bound."""
    steps = np.diff(np.unique(bounds))
    step = float(steps.min()) if len(steps) else float(bounds[0]) or 1.0
    return float(bounds.min()) - step


def _original(ax: Axes, details: Mapping[str, Any], left: float, name: str) -> None:
    ends, value = details["original"], details["estimate"]
    reach = np.array([[value - ends["ci_low"]], [ends["ci_high"] - value]])
    ax.errorbar(
        [left], [value], yerr=reach, fmt="s", color=_style.ORANGE, markersize=5.5, elinewidth=1.3, capsize=3, label=name
    )


def _robust(ax: Axes, rows: Sequence[Mapping[str, Any]], bounds: Floats, name: str) -> None:
    """Intervals without a dot: their middle is not an estimate."""
    low, high = (np.array([r[end] for r in rows], dtype=float) for end in ("ci_low", "ci_high"))
    middle = (low + high) / 2
    ax.errorbar(
        bounds, middle, yerr=(high - low) / 2, fmt="none", color=_style.BLUE, elinewidth=1.6, capsize=4, label=name
    )


def _breakdown(ax: Axes, details: Mapping[str, Any], left: float, bounds: Floats) -> None:
    """The breakdown value, where it is in sight."""
    value = details.get("breakdown")
    if value is None or not left < value <= bounds.max():
        return
    name = f"{BREAKDOWN} {value:.3g}"
    ax.axvline(value, color=_style.VERMILLION, zorder=1, label=name, **_style.DASHED)


def _bounds_axis(ax: Axes, left: float, bounds: Floats, restriction: str) -> None:
    at = np.unique(bounds)
    chosen = _style.thinned(len(at), most=10)
    names = [f"{at[k]:.4g}" for k in chosen]
    ax.set_xticks([left, *at[chosen]], ["parallel\ntrends", *names])
    margin = (float(at.max()) - left) * 0.06
    ax.set_xlim(left - margin, float(at.max()) + margin)
    ax.set_xlabel(_style.folded(ALONG[restriction], 80))
