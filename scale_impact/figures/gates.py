"""Effects by groups of predicted effect, from the lowest to the highest.

Where the ranking says something the dots rise. The dashed line is the mean effect, the crosses are what was predicted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scale_impact.core.check import Check
from scale_impact.core.effect import Estimate
from scale_impact.figures import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

EFFECT, PREDICTED, MEAN = "effect", "predicted", "mean effect"


def draw(check: Check, ax: Axes, *, unit: str = "effect", level: float = 0.95) -> None:
    """Draw each group's effect with its interval, its prediction, and the mean effect."""
    rows = check.details.get("rows")
    if not rows:
        return _style.say(ax, check.reason)
    at = [r["group"] for r in rows]
    shown = [Estimate(r["effect"], r["std_error"], check.details["df"]) for r in rows]
    _style.zero_line(ax)
    ax.axhline(check.details["average"], color=_style.GREY, label=MEAN, zorder=1.5, **_style.DASHED)
    _style.dots(ax, at, shown, level, name=EFFECT)
    marks: dict[str, Any] = {"marker": "x", "linestyle": "none", "color": _style.VERMILLION, "markersize": 5}
    ax.plot(at, [r["predicted"] for r in rows], **marks, label=PREDICTED, zorder=3)
    _style.tidy(ax)
    ax.set_xticks(at, _ends(len(at), check.details.get("better")))
    ax.set_xlabel("Groups by predicted effect")
    _style.unit_label(ax, unit)
    _style.legend_above(ax, order=(EFFECT, PREDICTED, MEAN))


GAINS = {"more": ("gain least", "gain most"), "less": ("gain most", "gain least")}
"""What is said of the groups with the lowest and the highest predicted effects, by what is better."""


def _ends(n: int, better: str | None) -> list[str]:
    """Names of n groups: those at the ends say which they are, and where it is known who should gain most."""
    first, last = (f",\n{said}" for said in GAINS[better]) if better else ("", "")
    return [f"1\nlowest{first}", *(str(k) for k in range(2, n)), f"{n}\nhighest{last}"]
