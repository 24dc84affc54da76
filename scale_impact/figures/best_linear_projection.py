"""What one standard deviation of each context adds to the effect, with intervals.

Contexts in colour are told from zero when all of them are counted (Holm); of grey ones chance is no bad explanation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from scale_impact.core.check import Check
from scale_impact.core.effect import Estimate
from scale_impact.figures import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CLEAR, OPEN = "told from zero with all contexts counted", "not told from zero with all contexts counted"


def height(check: Check) -> float:
    """Inches for the contexts."""
    return _style.rows_height(len(check.details.get("rows", ())), each=0.3, least=2.6)


def draw(check: Check, ax: Axes, *, unit: str = "effect", level: float = 0.95) -> None:
    """Draw a row for each context."""
    rows = check.details.get("rows")
    if not rows:
        return _style.say(ax, check.reason)
    _style.zero_line(ax, "x")
    for stays, name, colour in ((True, CLEAR, _style.BLUE), (False, OPEN, _style.GREY)):
        at = [k for k, r in enumerate(rows) if (r["adjusted"] < check.details["alpha"]) == stays]
        shown = [_slope(rows[k], check.details["df"]) for k in at]
        if shown:
            _style.dots(ax, at, shown, level, name=name, colour=colour, along="x")
    _style.tidy(ax, "x")
    _style.rows(ax, [r["context"] for r in rows])
    _style.unit_label(ax, f"{unit}, for each standard deviation of the context", "x")
    _style.legend_above(ax, order=(CLEAR, OPEN))


def _slope(row: Mapping[str, Any], df: int) -> Estimate:
    return Estimate(row["per_sd"], row["per_sd_error"], df)
