"""How often placebo cities would have noticed an effect of each size, up and down.

Where a curve crosses the dotted line lies the smallest effect that the study could be expected to find; the estimate is marked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scale_impact.core.check import Check
from scale_impact.core.words import number, within_sentence
from scale_impact.figures import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

UP, DOWN, ESTIMATE = "an increase", "a decrease", "the study's estimate"


def draw(check: Check, ax: Axes, *, unit: str = "effect") -> None:
    """Draw the power curves, the minimum detectable effects and the study's estimate."""
    rows = check.details.get("power") or []
    if not rows:
        return _style.say(ax, check.reason)
    last, power = check.details["rows"][-1], 100 * check.details["asked_power"]
    ax.axhline(power, color=_style.GREY, linewidth=0.8, linestyle=":", zorder=1, label="_level")
    effects = np.array([r["effect"] for r in rows])
    for key, name, colour, look in _looks():
        shares = [100 * r[key] for r in rows]
        ax.plot(
            effects,
            shares,
            color=colour,
            drawstyle="steps-post",
            label=f"{name}: {number(last[key])}",
            zorder=3,
            **look,
        )
        ax.plot([last[key]] * 2, [0, power], color=colour, linewidth=0.8, linestyle=":", zorder=2, label="_mde")
    estimate = check.details.get("estimate")
    if estimate is not None and abs(estimate) <= effects[-1]:
        ax.axvline(abs(estimate), color=_style.DARK, linewidth=1.2, zorder=2, label=f"{ESTIMATE} ({_way(estimate)})")
    _axes(ax, float(effects[-1]), power, unit)


def _looks() -> tuple[tuple[str, str, str, dict[str, Any]], ...]:
    thick = {"linewidth": 1.8}
    return ("up", UP, _style.BLUE, thick), ("down", DOWN, _style.VERMILLION, {**_style.DASHED, **thick})


def _way(estimate: float) -> str:
    return "up" if estimate > 0 else "down"


def _axes(ax: Axes, top: float, power: float, unit: str) -> None:
    _style.tidy(ax, "y")
    ax.set(xlim=(0, top), ylim=(0, 102))
    at = sorted({0.0, 20.0, 40.0, 60.0, 80.0, 100.0, power})
    ax.set_yticks(at, [f"{p:g}%" for p in at])
    ax.set_ylabel("Placebo worlds in which it is noticed")
    _style.unit_label(ax, f"True effect, constant: {within_sentence(unit)}" if unit else "True effect, constant", "x")
    _style.legend_above(ax, columns=2, order=(UP, DOWN, ESTIMATE))
