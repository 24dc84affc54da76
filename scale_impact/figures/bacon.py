"""The 2x2 comparisons behind a two-way fixed-effects estimate: weight against estimate.

Shows how much of the estimate rests on comparisons with units that are treated already
(Goodman-Bacon 2021). The dashed line is the weighted total, the two-way estimate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scale_impact.core.bacon import ALWAYS, EARLIER, LATER, NEVER
from scale_impact.core.effect import Effect
from scale_impact.figures import _style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

WHEN = "it is of two-way fixed effects with several adoption dates"
MANY = 60
LOOKS = {
    NEVER: ("o", _style.BLUE),
    EARLIER: ("s", _style.GREEN),
    LATER: ("^", _style.VERMILLION),
    ALWAYS: ("D", _style.PURPLE),
}


def draw(effect: Effect, ax: Axes, *, unit: str = "effect") -> None:
    """Draw one mark a comparison, by type; the legend gives each type's share of the weight."""
    frame = effect.decomposition
    if frame is None or frame.empty:
        return _style.say(ax, f"{effect.estimator} has no decomposition here: {WHEN}.")
    _style.zero_line(ax)
    for kind in [k for k in LOOKS if (frame["type"] == k).any()]:
        _marks(ax, frame[frame["type"] == kind], kind, many=len(frame) > MANY)
    _total(ax, frame)
    _style.tidy(ax)
    ax.set_xlim(left=0)
    ax.set_xlabel("Weight of the comparison")
    _style.unit_label(ax, unit)
    _style.legend_above(ax, columns=2)


def _marks(ax: Axes, rows: pd.DataFrame, kind: str, many: bool) -> None:
    marker, colour = LOOKS[kind]
    name = f"{kind} ({rows['weight'].sum():.1%} of weight)"
    ax.scatter(
        rows["weight"], rows["estimate"], marker=marker, s=13 if many else 42, color=colour, alpha=0.75 if many else 1,
        linewidth=0, zorder=3, label=name, clip_on=False,
    )  # fmt: skip


def _total(ax: Axes, frame: pd.DataFrame) -> None:
    total = float((frame["weight"] * frame["estimate"]).sum())
    digits = _style.decimals(total) + 1
    ax.axhline(total, color=_style.DARK, zorder=4, label="_total", **_style.DASHED)
    text = "two-way\nestimate\n" + _style.signed(f"{total:,.{digits}f}")
    ax.text(1.01, total, text, transform=ax.get_yaxis_transform(), va="center", fontsize=8)
