"""How far apart clusters were before the dealing, covariate by covariate, in standard deviations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scale_impact.core.check import Check
from scale_impact.figures import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CHANCE = "p < 0.05 by itself"


def draw(check: Check, ax: Axes, *, unit: str = "outcome") -> None:
    """Draw one mark a covariate; those that chance seldom makes are filled."""
    rows = sorted(check.details.get("rows", []), key=lambda r: abs(r["difference"]))
    if not rows:
        return _style.say(ax, check.reason)
    at, values = np.arange(len(rows)), np.array([r["difference"] for r in rows])
    rare = np.array([r["p_value"] < 0.05 for r in rows])
    ax.axvline(0, color=_style.DARK, linewidth=0.8, zorder=1)
    ax.hlines(at, 0, values, color=_style.LIGHT, linewidth=1.2, zorder=1.5)
    ax.plot(
        values[~rare],
        at[~rare],
        "o",
        color=_style.BLUE,
        markerfacecolor="white",
        zorder=3,
        label="as chance makes them",
    )
    if rare.any():
        ax.plot(values[rare], at[rare], "o", color=_style.VERMILLION, zorder=3, label=CHANCE)
    _style.tidy(ax, None)
    ax.set_yticks(at, [_style.folded(str(r["covariate"]), 28) for r in rows])
    ax.set_xlabel("Difference before the dealing, standard deviations")
    _style.legend_above(ax)
