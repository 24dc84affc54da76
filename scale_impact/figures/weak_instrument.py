"""p-values of effects by the Anderson-Rubin test: what lies above the line is the confidence set, however weak instruments are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scale_impact.core.check import Check
from scale_impact.core.words import number
from scale_impact.figures import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LONG = 90
"""Letters of a line below the axis."""

CURVE, SET, USUAL = "Anderson-Rubin p-value", "not rejected", "estimate and its t interval"


def draw(check: Check, ax: Axes, *, unit: str = "effect") -> None:
    """Draw the curve, the set that it makes, and the usual interval below it."""
    found = check.details
    if not found:
        return _style.say(ax, check.reason)
    effects, p = np.array(found["curve"]["effects"]), np.array(found["curve"]["p_values"])
    line = 1 - found["level"]
    ax.fill_between(effects, 0, p, where=p > line, color=_style.PALE, linewidth=0, zorder=1, label=SET)
    ax.plot(effects, p, color=_style.DARK, linewidth=1.6, zorder=3, label=CURVE)
    ax.axhline(line, color=_style.VERMILLION, zorder=2, **_style.DASHED)
    low, high = found["interval"]
    ax.plot([low, high], [-0.05, -0.05], color=_style.BLUE, linewidth=1.8, solid_capstyle="butt", zorder=3, label=USUAL)
    ax.plot([found["estimate"]], [-0.05], "o", color=_style.BLUE, zorder=4)
    if effects[0] < 0 < effects[-1]:
        _style.zero_line(ax, "x")
    ax.set_xlim(float(effects[0]), float(effects[-1]))
    ax.set_ylim(-0.1, 1.02)
    _style.tidy(ax)
    ax.set_ylabel("p-value")
    strength = f"effective F {number(found['effective_f'])}, needed {number(found['simplified']['0.1'])}"
    what = _effect(found["exposure"], unit)
    ax.set_xlabel(f"{what}; {strength}" if len(what + strength) < LONG else f"{_style.folded(what, LONG)}\n{strength}")
    _style.legend_above(ax, order=(CURVE, SET, USUAL))


def _effect(exposure: str, unit: str) -> str:
    """Whose effect it is, on what: a unit that says "Effect on" something is not said to be one again."""
    on = unit.removeprefix("Effect on ")
    return f"Effect of {exposure} ({unit})" if on == unit else f"Effect of {exposure} on {on}"
