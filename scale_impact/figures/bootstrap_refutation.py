"""In bootstrap samples with errors in covariates: estimates around the study's.

Where little hangs on exact covariates, their mean is close to the study's estimate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scale_impact.core.check import Check
from scale_impact.figures._draws import draw_around

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw(check: Check, ax: Axes, *, unit: str = "effect") -> None:
    """Draw the estimates as a histogram, the study's as a line, its interval behind them."""
    draw_around(check, ax, unit, "of bootstrap samples")
