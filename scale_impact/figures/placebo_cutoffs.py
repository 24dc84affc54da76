"""Jumps of the outcome at pretended thresholds, beside the real one: they should contain zero."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scale_impact.core.check import Check
from scale_impact.figures import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

REAL = "the threshold"


def draw(check: Check, ax: Axes, *, unit: str = "effect") -> None:
    """Draw one estimate a pretended threshold, and the real one, with their robust intervals."""
    details = check.details
    rows = [r for r in details.get("rows") or [] if r["ci_low"] is not None]
    if not rows:
        return _style.say(ax, check.reason)
    _style.zero_line(ax)
    level, alpha = _style.percent(1 - details["alpha"]), details["alpha"]
    found = [r for r in rows if r["adjusted"] is not None and r["adjusted"] < alpha]
    _marks(ax, [r for r in rows if r not in found], _style.BLUE, f"pretended ({level} interval)")
    _marks(ax, found, _style.VERMILLION, "pretended, different from zero for so many")
    if details["real"]["ci_low"] is not None:
        _marks(ax, [{**details["real"], "cutoff": details["threshold"]}], _style.DARK, REAL)
    _style.tidy(ax)
    ax.set_xlabel(f"Threshold ({details['column']})")
    _style.unit_label(ax, unit)
    _style.legend_above(ax, order=(REAL, "pretended"))


def _marks(ax: Axes, rows: list[dict[str, Any]], colour: str, name: str) -> None:
    if not rows:
        return
    x, y, low, high = np.array([[r["cutoff"], r["estimate"], r["ci_low"], r["ci_high"]] for r in rows], dtype=float).T
    look: dict[str, Any] = {"color": colour, "marker": "o", "markersize": 5.5, "linestyle": "none", "zorder": 3}
    ax.errorbar(x, y, yerr=np.array([y - low, high - y]), elinewidth=1.3, label=name, **look)
