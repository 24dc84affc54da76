"""The graph of the check of the same name: what is adjusted for, what nobody observed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scale_impact.core.check import Check
from scale_impact.figures import causal_graph

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw(check: Check, ax: Axes, *, unit: str = "") -> None:
    """Draw the graph as ``causal_graph`` does; a sentence where the study has none."""
    causal_graph.draw(check, ax, unit=unit)


def height(check: Check) -> float:
    """Inches for the rows of the graph."""
    return causal_graph.height(check)
