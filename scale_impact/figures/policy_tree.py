"""The best rule of depth 2 as a tree: questions, and whom it treats.

In each leaf stands the mean gain of its rows, of the data the rule was made from; what such rules are worth elsewhere stands below. A gain is
what is better: a fall where less of the outcome is, and the cost of treating is taken off.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from scale_impact.core.check import Check
from scale_impact.core.words import number
from scale_impact.figures import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LEVELS = (0.86, 0.52, 0.18)
"""Heights of the tree's levels on axes from 0 to 1."""


def draw(check: Check, ax: Axes, *, unit: str = "effect") -> None:
    """Draw the tree."""
    root = check.details.get("root")
    if not root:
        return _style.say(ax, check.reason)
    ax.set_axis_off()
    ax.set(xlim=(0, 1), ylim=(-0.12, 1))
    _node(ax, root, 0 if "context" in root else 1, 0.0, 1.0)  # a rule without a question stands in the middle
    _worth(ax, check.details, unit)


def _worth(ax: Axes, details: Mapping[str, Any], unit: str) -> None:
    """What gains are, and what the rule gains out of its own data."""
    rule, everybody = details["values"]["rule"], details["values"]["everybody"]
    said = (
        f"{_gain(details, unit)}\nOut of sample, for each unit: the rule {number(rule['value'])} (standard error "
        f"{number(rule['std_error'])}), everybody {number(everybody['value'])}, nobody 0."
    )
    folded = "\n".join(_style.folded(line, 100) for line in said.split("\n"))
    ax.text(0.5, 0.04, folded, ha="center", va="top", fontsize=_style.SMALL, color=_style.DARK)


def _gain(details: Mapping[str, Any], unit: str) -> str:
    """What is called a gain, in the words of an axis of effects where it is one (``Effect on unemployment, percentage points``)."""
    way = "fall" if details.get("better") == "less" else "rise"
    outcome, comma, measured = unit.removeprefix("Effect on ").rpartition(", ")
    what = f"{outcome} ({measured})" if comma else measured
    what = what if unit.startswith("Effect on ") else "the outcome"
    less = f", less the cost of {number(details['cost'])} for each that is treated" if details["cost"] else ""
    return f"Gain: {way} of {what}{less}. Larger is better; n counts units, each once a leaf."


def _node(ax: Axes, node: Mapping[str, Any], depth: int, left: float, right: float) -> None:
    """A question with the trees below it, or a leaf."""
    middle, here = (left + right) / 2, LEVELS[depth]
    if "context" not in node:
        colour = _style.BLUE if node["treat"] else _style.GREY
        said = f"{'treat' if node['treat'] else 'do not treat'}\ngain {_style.signed(number(node['gain']))}, n = {node['n']:,}"
        return _box(ax, middle, here, said, colour)
    sides = (("low", left, middle, "yes"), ("high", middle, right, "no"))
    for key, start, end, answer in sides:
        below = (start + end) / 2, LEVELS[depth + 1]
        ax.plot([middle, below[0]], [here, below[1]], color=_style.LIGHT, linewidth=1.2, zorder=1)
        ax.text((middle + below[0]) / 2, (here + below[1]) / 2, answer, fontsize=_style.SMALL, color=_style.GREY)
        _node(ax, node[key], depth + 1, start, end)
    _box(ax, middle, here, f"{_style.folded(node['context'], 22)}\nat most {number(node['threshold'])}?", _style.DARK)


def _box(ax: Axes, x: float, y: float, text: str, colour: str) -> None:
    frame = {"boxstyle": "round,pad=0.4", "facecolor": "white", "edgecolor": colour}
    ax.text(x, y, text, ha="center", va="center", fontsize=8, color=colour, bbox=frame, zorder=3)
