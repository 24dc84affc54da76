"""RMSPE after the measure over RMSPE before, of the treated city and of donors in its place, the largest first.

With several treated units the bars count sets of donors.

The treated city stands at the top where its gap is unusual; its rank over the number of rows is the p-value. The gaps
themselves are in the figure ``gap_path``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scale_impact.core.check import Check
from scale_impact.core.words import some
from scale_impact.figures import _ranked, _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BARS = 30


def draw(check: Check, ax: Axes, *, unit: str = "effect") -> None:
    """Draw one row a unit (or set of units) with its RMSPE ratio; fits that are exact have none and are compared by RMSPE."""
    rows = _rows(check)
    if not rows:
        return _style.say(ax, check.reason)
    p = "" if check.p_value is None else f"; p = {check.p_value:.3f}"
    title = (
        f"Gap after the measure (RMSPE), {unit}"
        if _exact(check)
        else "Gap after the measure in terms of that before (RMSPE ratio)"
    )
    if len(check.details["treated"]) > 1:
        _bars(ax, rows, f"{title}{p}")
    else:
        _ranked.draw_ranked(ax, rows, f"{title}{p}")
    _style.legend_above(ax, order=(_ranked.TREATED, _ranked.DONORS))


def height(check: Check) -> float:
    """Inches that the rows need."""
    several = len(check.details.get("treated") or []) > 1
    return _style.rows_height(0 if several else len(_ranked.shown(_rows(check))))


def _bars(ax: Axes, rows: _ranked.Ranked, title: str) -> None:
    """Sets of donors as a histogram: their names would not help."""
    values, mine = [r[1] for r in rows if not r[2]], rows[0][1]
    edges = [float(e) for e in np.linspace(0, 1.05 * max(*values, mine), BARS + 1)]
    ax.hist(values, edges, color=_style.LIGHT, edgecolor="white", linewidth=0.6, label=_ranked.DONORS)
    ax.axvline(mine, color=_style.VERMILLION, linewidth=1.8, zorder=3, label=_ranked.TREATED)
    _style.tidy(ax, "y")
    ax.set_ylabel("Sets of donors")
    ax.set_xlabel(_style.folded(title, 80))


def _exact(check: Check) -> bool:
    """Whether the treated is met exactly before, so that nothing can be divided by its gap there."""
    return check.details.get("ratio") is None


def _rows(check: Check) -> list[tuple[str, float, bool]]:
    key = "post_rmspe" if _exact(check) else "ratio"
    rows = [r for r in check.details.get("rows") or [] if r[key] is not None]
    if check.details.get("worst_fit") is not None and not _exact(check):
        most = check.details["worst_fit"] ** 0.5 * check.details["pre_rmspe"]
        rows = [r for r in rows if r["pre_rmspe"] <= most]
    if not rows:
        return []
    mine = (some(check.details["treated"], 2), check.details[key], True)
    return [mine, *((r["name"], r[key], False) for r in rows)]
