"""What confounders of any strength leave of the effect: contours over their shares of exposure and outcome.

Diamonds are confounders as strong as an observed covariate, or several times so. Beyond the thick line nothing is left of the
effect (with ``of="t"``: the interval holds zero). On the diagonal that line crosses at the robustness value.

Source: Cinelli and Hazlett (2020), figures 2 and 3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.causal.adjusted import Partial
from scale_impact.core.causal.refutation.sensitivity import Case, adjusted_estimate, adjusted_t
from scale_impact.core.check import Check
from scale_impact.core.words import number, some, within_sentence
from scale_impact.figures import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]

STEPS = 120

LEAST, MOST = 0.05, 0.95
"""Ends of the axes; all of the outcome can be explained, all of the exposure cannot."""

MOST_NAMES = 4
"""So many covariates are drawn, those that leave least of the effect."""

NEAR, WIDE = 0.05, 0.3
"""Shares of the axes within which names would lie on each other: up, and across."""

ZERO, BOUNDS = "nothing is left", "as strong as a covariate"


def draw(check: Check, ax: Axes, *, unit: str = "effect", of: Literal["estimate", "t"] = "estimate") -> None:
    """Draw contours of the estimate that is left (or of its t statistic), the line of zero (of the critical t), and bounds."""
    found = check.details
    if "df" not in found:
        return _style.say(ax, check.reason)
    case = Case(
        Partial(found["estimate"], found["textbook_std_error"], found["df"]), found["inflation"], found["critical"]
    )
    told = _strongest([r for r in found.get("rows") or [] if r["estimate"] is not None], found["estimate"])
    x, y = _ends(found, told)
    across, up = np.meshgrid(np.linspace(0, x, STEPS), np.linspace(0, y, STEPS))
    table = adjusted_estimate(case, across, up) if of == "estimate" else adjusted_t(case, across, up)
    limit = 0.0 if of == "estimate" else float(np.sign(found["estimate"])) * found["critical"]
    _contours(ax, across, up, table, limit)
    _bounds(ax, told, of, (x, y))
    _style.tidy(ax, None)
    ax.set(xlim=(0, x), ylim=(0, y))
    ax.set_xlabel("Share of what covariates leave of the exposure that the confounder explains")
    ax.set_ylabel(_style.folded("Share of what they and the exposure leave of the outcome", 42))
    what = within_sentence(unit) if of == "estimate" else "t statistic"
    ax.plot([], [], color=_style.GREY, linewidth=0.8, label=f"what is left ({what})")
    _style.legend_above(ax, columns=3)


def _strongest(told: list[dict[str, Any]], estimate: float) -> list[dict[str, Any]]:
    """Bounds of the few covariates that leave least of the effect."""
    left: dict[str, float] = {}
    for r in told:
        left[r["benchmark"]] = min(left.get(r["benchmark"], np.inf), r["estimate"] * float(np.sign(estimate)))
    shown = sorted(left, key=lambda name: left[name])[:MOST_NAMES]
    return [r for r in told if r["benchmark"] in shown]


def _ends(found: dict[str, Any] | Any, told: list[dict[str, Any]]) -> tuple[float, float]:
    """Ends of the axes: beyond the robustness value and all bounds."""
    rv = found["robustness_value"]
    x = max([1.4 * rv, LEAST, *(1.25 * r["r2_exposure"] for r in told)])
    y = max([1.4 * rv, LEAST, *(1.25 * r["r2_outcome"] for r in told)])
    return min(x, MOST), min(y, 1.0)


def _contours(ax: Axes, across: Floats, up: Floats, table: Floats, limit: float) -> None:
    lines = ax.contour(across, up, table, levels=9, colors=_style.GREY, linewidths=0.7, linestyles="solid")
    ax.clabel(lines, fontsize=_style.SMALL, fmt=lambda v: _style.signed(number(v)))
    if table.min() < limit < table.max():
        ax.contour(across, up, table, levels=[limit], colors=_style.VERMILLION, linewidths=1.8)
        ax.plot(
            [], [], color=_style.VERMILLION, linewidth=1.8, label=ZERO if not limit else "the interval ends at zero"
        )


def _bounds(ax: Axes, told: list[dict[str, Any]], of: str, ends: tuple[float, float]) -> None:
    """Diamonds with their names; those that lie together have one."""
    look: dict[str, Any] = {"color": _style.BLUE, "marker": "D", "markersize": 4.5, "linestyle": "none", "zorder": 4}
    look["clip_on"] = False  # a bound may lie on the upper end
    for k, r in enumerate(told):
        ax.plot(r["r2_exposure"], r["r2_outcome"], **look, label="_bound" if k else BOUNDS)
    at = [(r["r2_exposure"], r["r2_outcome"]) for r in told]
    for group in _style.together(at, WIDE * ends[0], NEAR * ends[1]):
        last = at[group[-1]]
        high = last[1] > (1 - 2 * NEAR) * ends[1]
        place: dict[str, Any] = {"textcoords": "offset points", "xytext": (5, -9 if high else 3)}
        text = _name([told[k] for k in group], "estimate" if of == "estimate" else "t")
        ax.annotate(text, last, **place, fontsize=_style.SMALL, path_effects=_style.halo(), annotation_clip=True)


def _name(bounds: list[dict[str, Any]], value: str) -> str:
    """Which covariates, how many times as strong, and the least that they leave."""
    times = sorted({r["times"] for r in bounds})
    often = f"{times[0]:g}" if len(times) == 1 else f"{times[0]:g} to {times[-1]:g}"
    names = some(list(dict.fromkeys(r["benchmark"] for r in bounds)), 3)
    left = [r[value] for r in bounds if r[value] is not None]
    if not left:
        return f"{often} x {names}"
    least = left[0] if len(left) == 1 else min(left, key=abs)
    return f"{often} x {names} ({'' if len(left) == 1 else 'from '}{_style.signed(number(least))})"
