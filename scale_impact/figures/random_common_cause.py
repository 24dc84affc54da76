"""With a random covariate added: estimates around the study's.

Where the estimate is stable, they lie within a sliver of the study's interval; then the axis is theirs, and the interval is written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scale_impact.core.check import Check
from scale_impact.figures._draws import draw_around

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw(check: Check, ax: Axes, *, unit: str = "effect") -> None:
    """Draw the estimates as a histogram, the study's as a line, its interval behind them."""
    draw_around(check, ax, unit, "with a random covariate")
