"""The jump by bandwidth: an answer that holds is about the same at all of them, less sure at small ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scale_impact.core.check import Check
from scale_impact.core.words import number
from scale_impact.figures import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CHOSEN = "the study's"


def draw(check: Check, ax: Axes, *, unit: str = "effect") -> None:
    """Draw one estimate a bandwidth, with its robust interval, and the study's own."""
    rows = [r for r in check.details.get("rows") or [] if r["ci_low"] is not None]
    if not rows:
        return _style.say(ax, check.reason)
    _style.zero_line(ax)
    level = _style.percent(1 - check.details["alpha"])
    own = [r for r in rows if r["factor"] == 1]
    if own:
        ax.axhline(own[0]["estimate"], color=_style.VERMILLION, linewidth=1, zorder=1.2, label="_own")
    _marks(ax, [r for r in rows if r["factor"] != 1], _style.BLUE, f"other bandwidths ({level} interval)")
    _marks(ax, own, _style.VERMILLION, CHOSEN)
    _style.tidy(ax)
    shown = [rows[k] for k in _style.thinned(len(rows), 12)]
    ax.set_xticks([r["bandwidth"] for r in shown], [f"{number(r['bandwidth'])}\n{number(r['factor'])}x" for r in shown])
    ax.set_xlabel(f"Bandwidth ({check.details['column']}), and as a multiple of the study's")
    _style.unit_label(ax, unit)
    _style.legend_above(ax, order=(CHOSEN, "other"))


def _marks(ax: Axes, rows: list[dict[str, Any]], colour: str, name: str) -> None:
    if not rows:
        return
    x, y, low, high = np.array(
        [[r["bandwidth"], r["estimate"], r["ci_low"], r["ci_high"]] for r in rows], dtype=float
    ).T
    look: dict[str, Any] = {"color": colour, "marker": "o", "markersize": 5, "linestyle": "none", "zorder": 3}
    ax.errorbar(x, y, yerr=np.array([y - low, high - y]), elinewidth=1.3, label=name, **look)
