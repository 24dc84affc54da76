"""Which confounders could explain the effect away: risk ratios with exposure and with outcome, and the E-value where they are equal.

Beyond the curve a confounder takes the estimate (or its interval) to no effect. Dots are what leaving an observed covariate out
does, as an E-value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scale_impact.core.check import Check
from scale_impact.core.words import some
from scale_impact.figures import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_NAMES = 5

LOW = 0.06
"""Share of the axis below which there is no room for a name."""


def draw(check: Check, ax: Axes, *, unit: str = "effect") -> None:
    """Draw the curves of the estimate and its interval's nearer end, with covariates on the diagonal."""
    found = check.details
    if not found.get("e_value") or found["e_value"] <= 1:
        return _style.say(ax, check.reason)
    covariates = [c for c in found.get("rows") or [] if c["e_value"] is not None]
    top = 1.0 + 1.8 * max(found["e_value"] - 1, *(c["e_value"] - 1 for c in covariates), 0.05)
    _curve(ax, found["ratio"], found["e_value"], top, _style.VERMILLION, "the estimate")
    if found["e_value_of_interval"] is not None and found["e_value_of_interval"] > 1:
        _curve(ax, found["ratio_of_interval"], found["e_value_of_interval"], top, _style.BLUE, "the interval")
    look: dict[str, Any] = {"color": _style.DARK, "marker": "D", "markersize": 4, "linestyle": "none"}
    for k, c in enumerate(covariates):
        ax.plot(c["e_value"], c["e_value"], **look, label="_covariate" if k else "leaving out a covariate")
    shown = covariates[:MOST_NAMES]
    for group in _style.together([(c["e_value"], c["e_value"]) for c in shown], LOW * (top - 1), LOW * (top - 1)):
        first = shown[group[0]]["e_value"]
        _name(ax, some([shown[k]["covariate"] for k in group], 4), first, low=first < 1 + LOW * (top - 1))
    _style.tidy(ax, None)
    ax.set(xlim=(1, top), ylim=(1, top))
    ax.set_xlabel("Risk ratio of the confounder with the exposure")
    ax.set_ylabel("Risk ratio of the confounder with the outcome")
    _style.legend_above(ax, columns=3)


def _name(ax: Axes, name: str, at: float, *, low: bool) -> None:
    """A covariate's name below its mark; beside it where that is the axis."""
    place: dict[str, Any] = {"textcoords": "offset points", "xytext": (6, 3) if low else (5, -9), "zorder": 4}
    ax.annotate(name, (at, at), **place, fontsize=_style.SMALL, path_effects=_style.halo())


def _curve(ax: Axes, ratio: float, e_value: float, top: float, colour: str, name: str) -> None:
    """Pairs of risk ratios whose bounding factor, x y / (x + y - 1), is the ratio.

    Source: Ding and VanderWeele (2016), the bounding factor.
    """
    up = max(ratio, 1 / ratio)
    x = np.linspace(up + (top - up) / 500, top, 400)
    ax.plot(
        x, up * (x - 1) / (x - up), color=colour, linewidth=1.5, label=f"explains {name} away (E-value {e_value:.2f})"
    )
    ax.plot(e_value, e_value, "o", color=colour, markersize=5, label="_e_value")
