"""How often the study's estimator finds an effect of each size in placebo worlds.

At zero the curve shows the size of the test: it should meet the dotted line of the level asked.
Where it crosses 80% lies the smallest effect that the study could be expected to find. The dashed
curve has the test corrected so that it is wrong no more often than it says.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from scale_impact.core.check import Check
from scale_impact.core.words import within_sentence
from scale_impact.figures import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

POWER = 0.8

AS_IS, CORRECTED = "interval as it is", "corrected to the right size"
FOUND_NOTHING, ESTIMATE = "without any effect", "the study's estimate, up or down"
ORDER = (AS_IS, CORRECTED, FOUND_NOTHING, ESTIMATE)


def draw(check: Check, ax: Axes, *, unit: str = "effect") -> None:
    """Draw the power curves, the minimum detectable effects and the study's estimate."""
    rows = check.details.get("power") or []
    if not rows:
        return _style.say(ax, check.reason)
    _levels(ax, check.details)
    _curve(ax, rows, "power", AS_IS, {"color": _style.BLUE, "linewidth": 1.8})
    _curve(ax, rows, "corrected", CORRECTED, {"color": _style.VERMILLION, **_style.DASHED, "linewidth": 1.5})
    _size(ax, check.details["size"])
    _detectable(ax, check.details["mde"])
    _estimate(ax, check.details["estimate"], rows[-1]["effect"])
    _axes(ax, rows[-1]["effect"], unit, check.details["alpha"])
    _style.legend_above(ax, columns=2, order=ORDER)


def _levels(ax: Axes, details: Mapping[str, Any]) -> None:
    for level in (details["alpha"], POWER):
        ax.axhline(100 * level, color=_style.GREY, linewidth=0.8, linestyle=":", zorder=1, label="_level")


def _curve(ax: Axes, rows: list[Mapping[str, Any]], key: str, name: str, look: dict[str, Any]) -> None:
    known = [(r["effect"], 100 * r[key]) for r in rows if r[key] is not None]
    if known:
        ax.plot(*np.array(known).T, **look, label=name, zorder=3)


def _size(ax: Axes, size: Mapping[str, Any]) -> None:
    """The share of rejections where nothing happened, with its binomial interval."""
    if size["share"] is None:
        return
    share, low, high = (100 * size[k] for k in ("share", "low", "high"))
    look: dict[str, Any] = {"color": _style.BLUE, "marker": "o", "markersize": 5, "elinewidth": 1.3, "clip_on": False}
    name = f"{FOUND_NOTHING}: {share:.1f}% ({low:.1f}% to {high:.1f}%)"
    ax.errorbar([0], [share], yerr=[[share - low], [high - share]], linestyle="none", **look, zorder=4, label=name)


def _detectable(ax: Axes, mde: Mapping[str, Any]) -> None:
    """Where the curves reach 80%."""
    for key, colour in (("interval", _style.BLUE), ("corrected", _style.VERMILLION)):
        if mde[key] is not None:
            ax.plot(
                [mde[key]] * 2, [0, 100 * POWER], color=colour, linewidth=0.8, linestyle=":", zorder=2, label="_mde"
            )


def _estimate(ax: Axes, estimate: float | None, top: float) -> None:
    if estimate is not None and abs(estimate) <= top:
        ax.axvline(abs(estimate), color=_style.DARK, linewidth=1.2, zorder=2, label=ESTIMATE)


def _axes(ax: Axes, top: float, unit: str, alpha: float) -> None:
    _style.tidy(ax, "y")
    ax.set(xlim=(0, top), ylim=(0, 100))
    at = [0, 100 * alpha, *(p for p in (20, 40, 60, 80, 100) if p > 100 * alpha + 4)]
    ax.set_yticks(at, [f"{p:g}%" for p in at])
    ax.set_ylabel("Placebo worlds in which an effect is found")
    _style.unit_label(ax, f"True effect, up or down: {within_sentence(unit)}" if unit else "True effect", "x")
