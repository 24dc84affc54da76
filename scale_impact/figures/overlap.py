"""The propensity on both sides: the exposed upwards, the others downwards, and the others as they are weighted.

Where one side is empty there is nobody to compare with. Weighted others should look like the exposed (ATT), or both like
everybody (ATE).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scale_impact.core.check import Check
from scale_impact.figures import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

EXPOSED, OTHERS, WEIGHTED = "exposed", "others", "as weighted"


def draw(check: Check, ax: Axes, *, unit: str = "") -> None:
    """Draw shares of rows by propensity; ``unit`` is not used, propensities have none."""
    found = check.details.get("densities")
    if not found:
        return _style.say(ax, check.reason)
    edges = np.array(found["edges"], dtype=float)
    for name, sign, colour in ((EXPOSED, 1.0, _style.VERMILLION), (OTHERS, -1.0, _style.BLUE)):
        _bars(ax, edges, sign * np.array(found[name], dtype=float), colour, name)
        _outline(ax, edges, found[f"{name}_weighted"], sign)
    bound = float(check.details["bound"])
    for x in (1 - bound,) if check.details["of_exposed"] else (bound, 1 - bound):
        ax.axvline(x, color=_style.GREY, zorder=1.5, label="_bound", **_style.DASHED)
    ax.axhline(0, color=_style.DARK, linewidth=0.8, zorder=2.5, label="_zero")
    _style.tidy(ax)
    ax.set(
        xlim=(0.0, 1.0),
        xlabel="Propensity: probability of being exposed given covariates",
        ylabel="Share of a side's rows, %",
    )
    ax.yaxis.set_major_formatter(lambda y, _: f"{abs(100 * y):.3g}")
    _style.legend_above(ax, order=(EXPOSED, OTHERS, WEIGHTED))


def _bars(ax: Axes, edges: Any, shares: Any, colour: str, name: str) -> None:
    width = edges[1] - edges[0]
    ax.bar(
        edges[:-1],
        shares,
        width=0.92 * width,
        align="edge",
        color=colour,
        alpha=0.55,
        linewidth=0,
        zorder=2,
        label=name,
    )


def _outline(ax: Axes, edges: Any, shares: list[float] | None, sign: float) -> None:
    if shares is None:
        return
    name = WEIGHTED if sign < 0 else "_weighted"
    ax.stairs(sign * np.array(shares, dtype=float), edges, color=_style.DARK, linewidth=1.0, zorder=3, label=name)
