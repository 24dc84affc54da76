"""How often trials of several sizes would notice an effect, by its size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scale_impact.core.experiment.power.plan import PowerPlan, Prospect
from scale_impact.core.pilot.thresholds import power_at
from scale_impact.figures import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LINES = 8
"""More trials than this are not told apart: those nearest to the asked power are drawn."""


def draw(plan: PowerPlan, ax: Axes, *, unit: str = "effect") -> None:
    """Draw power over effects, one line a trial; effects in per cent where they are asked so."""
    shown, q = _shown(plan), plan.question
    effects = np.linspace(0.0, _farthest(plan, shown), 200)
    at = np.array([plan.per_cent(float(e)) if q.per_cent else float(e) for e in effects], dtype=float)
    order = sorted(range(len(shown)), key=lambda k: -shown[k].power)
    shades = np.linspace(0.0, 0.75, len(shown))
    for rank, k in enumerate(order):
        power = [power_at(shown[k].thresholds, float(e)) for e in effects]
        grey = shown[k] is not plan.best
        color = str(0.25 + shades[rank] * 0.7) if grey else _style.BLUE
        ax.plot(
            at, power, color=color, linewidth=1.2 if grey else 2.2, zorder=2 if grey else 3, label=shown[k].trial.label
        )
    ax.axhline(q.power, color=_style.VERMILLION, **_style.DASHED)
    ax.axvline(q.wanted, color=_style.VERMILLION, label="wanted effect and power", **_style.DASHED)
    _style.tidy(ax)
    ax.set_ylim(0, 1.02)
    ax.set_xlim(left=0)
    share = f"% {'fall' if q.direction == 'down' else 'change'}" if q.log else "% of the mean outcome"
    ax.set_xlabel(f"Effect, {share if q.per_cent else unit.rsplit(', ', 1)[-1]}")
    ax.set_ylabel("Share of simulated trials that notice it")
    _style.legend_above(ax, columns=2)


def _shown(plan: PowerPlan) -> list[Prospect]:
    near = sorted(plan.prospects, key=lambda p: (p is not plan.best, abs(p.power - plan.question.power)))[:LINES]
    return [p for p in plan.prospects if p in near]


def _farthest(plan: PowerPlan, shown: list[Prospect]) -> float:
    """Where the axis ends: twice the wanted effect, or where the middle line has the asked power."""
    wanted = plan.question.effect or plan.question.wanted
    known = [p.mde.value for p in shown if p.mde.value is not None]
    return float(max(2 * wanted, min(np.median(known) * 1.2 if known else 0.0, 4 * wanted)))
