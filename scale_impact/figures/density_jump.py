"""The density of the running variable on both sides of the threshold, with 95 % bands: a gap and a heap are the traces of sorting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scale_impact.core.check import Check
from scale_impact.core.words import plain
from scale_impact.figures import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw(check: Check, ax: Axes, *, unit: str = "") -> None:
    """Draw shares of observations in bins, and the fitted density of each side with its band."""
    details = check.details
    if not details.get("curve"):
        return _style.say(ax, check.reason)
    threshold, turn = details["threshold"], details["direction"]
    bars = details["histogram"]
    at = [threshold + turn * b["x"] for b in bars]
    look: dict[str, Any] = {"color": _style.PALE, "edgecolor": "white", "linewidth": 0.6, "zorder": 1}
    ax.bar(at, [b["density"] for b in bars], [b["width"] for b in bars], label="share of observations", **look)
    for side, name, colour in (("without", "not eligible", _style.GREY), ("with", "eligible", _style.BLUE)):
        _curve(ax, [c for c in details["curve"] if c["side"] == side], threshold, turn, name, colour)
    ax.axvline(threshold, color=_style.DARK, zorder=1.5, label="_threshold", **_style.DASHED)
    _style.tidy(ax)
    ax.set_ylim(bottom=0)
    ax.set_xlabel(f"{details['column']} (threshold {plain(threshold)})")
    _style.unit_label(ax, f"Density of {details['column']}")
    _style.legend_above(ax)


def _curve(ax: Axes, rows: list[dict[str, Any]], threshold: float, turn: float, name: str, colour: str) -> None:
    if not rows:
        return
    x, density, low, high = np.array([[r["x"], r["density"], r["low"], r["high"]] for r in rows], dtype=float).T
    ax.fill_between(
        threshold + turn * x, low, high, color=colour, alpha=0.2, linewidth=0, zorder=2, label=f"_{name} band"
    )
    ax.plot(threshold + turn * x, density, color=colour, linewidth=1.8, zorder=3, label=name)
