"""The adoption curve: how many take part year by year, with their interval, and how many can in the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scale_impact.figures import _style
from scale_impact.figures.cash_flow import _years
from scale_impact.scaleup.outlook import Outlook

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PARTICIPANTS, REACHABLE, UNITS = "take part", "can take part in the end", "can be reached"


def draw(outlook: Outlook, ax: Axes, *, unit: str = "") -> None:
    """Draw participants; ``unit`` in place of the study's unit, such as ``households``."""
    years, worlds = outlook.years, outlook.simulated.worlds
    at = years["year"].to_numpy()
    growth = (1 + outlook.choices.reach.grows) ** (at - 1)
    reached = float(np.mean(worlds["reach.units"] * worlds["reach.share"]))
    ceiling = float(np.mean(worlds["reach.units"] * worlds["reach.share"] * worlds["adoption.ceiling"]))
    ax.fill_between(
        at, years["participants_low"], years["participants_high"], color=_style.BLUE, alpha=0.18, linewidth=0, zorder=2,
        label=f"{_style.percent(outlook.level)} interval",
    )  # fmt: skip
    ax.plot(
        at, years["participants"], "-o", color=_style.BLUE, markersize=4, linewidth=1.6, zorder=3, label=PARTICIPANTS
    )
    ax.plot(at, ceiling * growth, color=_style.DARK, zorder=2.5, label=REACHABLE, **_style.DASHED)
    ax.plot(at, reached * growth, color=_style.GREY, linewidth=1.0, linestyle=":", zorder=2.4, label=UNITS)
    _style.tidy(ax)
    _years(ax, len(at))
    ax.set_ylim(0, None)
    name = unit or outlook.choices.reach.unit
    _style.unit_label(ax, name[:1].upper() + name[1:])
    _style.legend_above(ax, order=(PARTICIPANTS, f"{_style.percent(outlook.level)}", REACHABLE, UNITS))
