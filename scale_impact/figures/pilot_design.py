"""Smallest effect that pilots would notice, by how long they run.

Faint lines: single sets of cities in the windows to choose by. What can be promised for the best of them, by windows held out
too, has an interval; the wanted effect is a dashed line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scale_impact.core.pilot.plan import Option, PilotPlan
from scale_impact.figures import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SETS = 5
"""Sets beside the best one that have a faint line."""


def draw(plan: PilotPlan, ax: Axes, *, level: float = 0.95, unit: str = "effect") -> None:
    """Draw the smallest noticed effect by duration, per cent where the effect is asked in per cent."""
    shown = [o for o in plan.best if _value(plan, o, plan.promised(o).value) is not None]
    if not shown:
        return _style.say(ax, "No power can be promised: " + "; ".join(_reasons(plan)) + ".")
    ends = _others(ax, plan, shown[0].names)
    _promised(ax, plan, shown, level)
    ax.axhline(plan.question.wanted, color=_style.VERMILLION, label="wanted effect", **_style.DASHED)
    _style.tidy(ax)
    ax.set_ylim(bottom=0)
    ax.set_xticks(sorted(plan.question.durations))
    ax.set_xlabel("Periods that the pilot runs")
    _style.unit_label(ax, f"Smallest effect noticed with power {plan.question.power:g}, {_unit(plan, unit)}")
    _style.legend_above(ax, columns=2)
    if ends:
        heights, names = [height for height, _ in ends], [name for _, name in ends]
        _style.beside(ax, max(o.duration for o in shown), heights, names, [_style.GREY] * len(ends))


def _reasons(plan: PilotPlan) -> list[str]:
    known = [plan.promised(o).reason for o in plan.best]
    return [*dict.fromkeys(r for r in known if r), *plan.left_out.values()]


def _unit(plan: PilotPlan, unit: str) -> str:
    return "% of the pilots' outcome" if plan.question.per_cent else unit.rsplit(", ", 1)[-1]


def _value(plan: PilotPlan, option: Option, effect: float | None) -> float | None:
    return plan.per_cent(option, effect) if plan.question.per_cent else effect


def _others(ax: Axes, plan: PilotPlan, best: tuple[str, ...]) -> list[tuple[float, str]]:
    """Faint lines of the next best sets; where each ends, and its name."""
    ends, label = [], "next best sets, windows to choose by"
    for names in [n for n in _in_order(plan) if n != best][:SETS]:
        known = [
            (o.duration, v) for o in plan.options if o.names == names and (v := _value(plan, o, o.mde)) is not None
        ]
        if known:
            ax.plot(*zip(*known, strict=True), color=_style.LIGHT, linewidth=1.0, zorder=1.5, label=label)
            ends.append((known[-1][1], _style.folded(" and ".join(names), 22)))
            label = "_set"
    return ends


def _in_order(plan: PilotPlan) -> list[tuple[str, ...]]:
    """Names of the sets, as they are ranked."""
    return list(dict.fromkeys(o.names for o in plan.options))


def _promised(ax: Axes, plan: PilotPlan, shown: list[Option], level: float) -> None:
    """The best set by duration: what can be promised, with its interval, and what the windows that chose it say."""
    at, who = [o.duration for o in shown], " and ".join(shown[0].names)
    values = [_value(plan, o, plan.promised(o).value) for o in shown]
    ends = [plan.promised(o).interval(level) or (np.nan, np.nan) for o in shown]
    reach = np.array([[_value(plan, o, e) for e in pair] for o, pair in zip(shown, ends, strict=True)], dtype=float)
    middle = np.array(values, dtype=float)
    errors = np.abs(reach.T - middle)
    ax.errorbar(
        at, middle, yerr=errors, color=_style.BLUE, marker="o", markersize=5.5, elinewidth=1.3, linewidth=1.2,
        label=f"{who}, promised ({_style.percent(level)} interval)", zorder=3,
    )  # fmt: skip
    own = np.array([_value(plan, o, o.mde) for o in shown], dtype=float)
    ax.plot(at, own, color=_style.BLUE, marker="o", markerfacecolor="white", label=f"{who}, windows that chose it", zorder=2.5,
            **_style.DASHED)  # fmt: skip
