"""In random subsets of the data: estimates around the study's.

Where the standard error is right, they lie around the study's, most of them within its interval.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scale_impact.core.check import Check
from scale_impact.figures._draws import draw_around

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw(check: Check, ax: Axes, *, unit: str = "effect") -> None:
    """Draw the estimates as a histogram, the study's as a line, its interval behind them."""
    draw_around(check, ax, unit, "of subsets")
