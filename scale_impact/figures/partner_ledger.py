"""The ledger: what each partner gains, pays and is paid, as bars; its net present value as a dot with its interval.

Bars right of zero come in, bars left of it go out; transfers are in one partner's bar on the right and in another's on the left,
and in none of the sum.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scale_impact.figures import _style
from scale_impact.figures._money import scaled
from scale_impact.scaleup.outlook import Outlook
from scale_impact.scaleup.words import percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LOOKS = {"benefits": _style.SKY, "costs": _style.ORANGE, "transfers": _style.LIGHT}

NPV = "net present value"
LONGEST = 26
"""Letters of a partner's name in a line."""


def draw(outlook: Outlook, ax: Axes, *, unit: str = "") -> None:
    """Draw partners, all together first; ``unit`` in place of the money's, such as ``EUR of 2024``."""
    rows = outlook.partners.to_dict("records")
    step, name = scaled(outlook.partners[["benefits", "costs", "low", "high"]].to_numpy(float))
    at = np.arange(len(rows), dtype=float)
    for k, row in enumerate(rows):
        _bars(ax, k, row, step)
    value, low, high = (np.array([r[c] for r in rows], dtype=float) / step for c in ("npv", "low", "high"))
    ax.hlines(
        at, low, high, color=_style.DARK, linewidth=1.4, zorder=3, label=f"{_style.percent(outlook.level)} interval"
    )
    ax.plot(value, at, "o", color=_style.DARK, markersize=5.5, zorder=3.5, label=NPV)
    _style.zero_line(ax, "x")
    _style.tidy(ax, "x")
    _style.rows(ax, [_style.folded(r["partner"], LONGEST) for r in rows])
    _style.unit_label(ax, f"Present value, {name}{unit or outlook.unit}", "x")
    _chances(ax, rows)
    _style.legend_above(ax, order=(NPV, _style.percent(outlook.level), "benefits", "costs", "transfers"))


def height(outlook: Outlook) -> float:
    """Inches that the rows need."""
    return _style.rows_height(len(outlook.partners), each=0.42, least=2.8)


def _bars(ax: Axes, k: int, row: dict[str, Any], step: float) -> None:
    """What comes in to the right, what goes out to the left, one after the other."""
    ends = {1: 0.0, -1: 0.0}
    for kind, sign in (("benefits", 1), ("costs", -1), ("transfers", 1)):
        size = sign * row[kind] / step
        side = 1 if size > 0 else -1
        if size:
            ax.barh(k, size, left=ends[side], height=0.56, color=LOOKS[kind], zorder=2, label=_first(ax, kind))
            ends[side] += size


def _first(ax: Axes, kind: str) -> str:
    """A label for the first bar of a kind; the others have none."""
    return f"_{kind}" if kind in ax.get_legend_handles_labels()[1] else kind


def _chances(ax: Axes, rows: list[dict[str, Any]]) -> None:
    """How surely each gains, at the right."""
    low, high = ax.get_xlim()
    ax.set_xlim(low, high + 0.2 * (high - low))
    ax.text(
        0.995,
        -0.62,
        "chance to gain",
        transform=ax.get_yaxis_transform(),
        ha="right",
        va="center",
        fontsize=_style.SMALL,
        color=_style.GREY,
    )
    ax.set_ylim(len(rows) - 0.5, -0.85)
    for k, row in enumerate(rows):
        ax.text(
            0.995, k, percent(row["p_positive"]), transform=ax.get_yaxis_transform(), ha="right", va="center", fontsize=_style.SMALL,
            color=_style.DARK,
        )  # fmt: skip
