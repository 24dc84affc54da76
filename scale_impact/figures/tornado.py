"""A tornado: the net present value with one input at its low and at its high end, all others at their means; the widest first.

Bars that cross zero are inputs that alone can turn the answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scale_impact.figures import _style
from scale_impact.figures._money import scaled
from scale_impact.scaleup.outlook import Outlook
from scale_impact.scaleup.words import name_of, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST = 14
"""So many inputs have a row; those that move least go."""

LONGEST = 34


def draw(outlook: Outlook, ax: Axes, *, unit: str = "") -> None:
    """Draw the inputs; ``unit`` in place of the money's, such as ``EUR of 2024``."""
    table = outlook.tornado.head(MOST)
    if not len(table):
        return _style.say(ax, "Every input is one number without a range, so that there is nothing to vary.")
    rows, central = table.to_dict("records"), float(table["central"].iloc[0])
    step, name = scaled(table[["npv_low", "npv_high", "central"]].to_numpy(float))
    for k, row in enumerate(rows):
        _bar(ax, k, row, central, step)
    ax.axvline(central / step, color=_style.DARK, linewidth=1.0, zorder=3, label="_central")
    ax.axvline(0, color=_style.GREY, zorder=1.5, label="_zero", **_style.DASHED)
    _margin(ax)
    _style.tidy(ax, "x")
    _style.rows(ax, [_style.folded(name_of(r["input"]), LONGEST) for r in rows])
    left_out = len(outlook.tornado) - len(table)
    more = f"; {left_out} inputs that move it less are not shown" if left_out else ""
    _style.unit_label(ax, f"Net present value of all partners, {name}{unit or outlook.unit}{more}", "x")
    _style.legend_above(ax, order=("input at its low end", "input at its high end"))


def height(outlook: Outlook) -> float:
    """Inches that the rows need."""
    return _style.rows_height(min(len(outlook.tornado), MOST), each=0.3, least=2.6)


def _bar(ax: Axes, k: int, row: dict[str, Any], central: float, step: float) -> None:
    """Both ends of a row, with the values that the input has there."""
    apart = np.sign(row["npv_high"] - row["npv_low"]) or 1.0
    for end, colour, hatch in (("low", _style.SKY, ""), ("high", _style.ORANGE, "////")):
        value = row[f"npv_{end}"]
        ax.barh(
            k, (value - central) / step, left=central / step, height=0.6, color=colour, edgecolor="white", linewidth=0, hatch=hatch, zorder=2,
            label=f"{'' if k == 0 else '_'}input at its {end} end",
        )  # fmt: skip
        # the texts of both ends go outwards, also where both lie on one side of the middle
        outwards = (1 if end == "high" else -1) * apart
        ax.annotate(
            _style.signed(short(row[f"at_{end}"])), (value / step, k), (3 * outwards, 0), textcoords="offset points", va="center",
            ha="left" if outwards > 0 else "right", fontsize=_style.SMALL - 0.5, color=_style.DARK,
        )  # fmt: skip


def _margin(ax: Axes) -> None:
    """Room for what is written beside the bars."""
    low, high = ax.get_xlim()
    ax.set_xlim(low - 0.1 * (high - low), high + 0.1 * (high - low))
