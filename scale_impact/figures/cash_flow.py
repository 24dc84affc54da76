"""Cash flow: what all partners together gain and pay in each year, and what has been gained up to it, discounted.

Bars are means and not discounted; the line is the discounted sum with its interval. Where it ends is the net present value;
where it crosses zero the measure has paid back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scale_impact.figures import _style
from scale_impact.figures._money import scaled
from scale_impact.scaleup.outlook import Outlook

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BENEFITS, COSTS, SUM = "benefits in the year", "costs in the year", "sum so far, discounted"


def draw(outlook: Outlook, ax: Axes, *, unit: str = "") -> None:
    """Draw the years of the horizon; ``unit`` in place of the money's, such as ``EUR of 2024``."""
    years = outlook.years
    step, name = scaled(years[["benefits", "costs", "cumulative_low", "cumulative_high"]].to_numpy(float))
    at = years["year"].to_numpy()
    ax.bar(at, years["benefits"] / step, width=0.62, color=_style.SKY, zorder=2, label=BENEFITS)
    ax.bar(at, -years["costs"] / step, width=0.62, color=_style.ORANGE, zorder=2, label=COSTS)
    band = f"{_style.percent(outlook.level)} interval"
    ax.fill_between(
        at, years["cumulative_low"] / step, years["cumulative_high"] / step, color=_style.DARK, alpha=0.14, linewidth=0, zorder=1.6, label=band
    )  # fmt: skip
    ax.plot(at, years["cumulative"] / step, "-o", color=_style.DARK, markersize=3.2, linewidth=1.5, zorder=3, label=SUM)
    _style.zero_line(ax)
    _style.tidy(ax)
    _years(ax, len(at))
    told = f"{name}{unit or outlook.unit}"
    _style.unit_label(ax, told[:1].upper() + told[1:])
    _style.legend_above(ax, order=(SUM, band, BENEFITS, COSTS), columns=2)


def _years(ax: Axes, n: int) -> None:
    """Years of the horizon as whole numbers."""
    at = [k + 1 for k in _style.thinned(n, 20)]
    ax.set_xticks(at, [str(k) for k in at])
    ax.set_xlim(0.3, n + 0.7)
    ax.set_xlabel("Year of the roll-out")
