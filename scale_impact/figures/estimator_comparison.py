"""The overall effect of several estimators, one row each, the primary one first.

Shows whether the answer hangs on the method. A hollow dot has no standard error; a row without
a dot has no estimate, and its reason is written instead.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from scale_impact.core.effect import Effect, Estimate
from scale_impact.figures import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NO_INTERVAL = "no interval"


def draw(
    effects: Sequence[Effect],
    ax: Axes,
    *,
    unit: str = "effect",
    level: float = 0.95,
    labels: Sequence[str] | None = None,
) -> None:
    """Draw one row an effect, its numbers at the right; the first is emphasised.

    ``labels`` name the rows where one estimator stands in several; default the estimators.
    """
    if not effects:
        return _style.say(ax, "No estimator gave an effect to compare.")
    if all(e.overall.value is None for e in effects):
        reason = effects[0].overall.reason or "no reason given"
        return _style.say(ax, f"None of the estimators gave an estimate. {effects[0].estimator}: {reason}.")
    _style.zero_line(ax, "x")
    for row, effect in enumerate(effects):
        _row(ax, row, effect, level)
    _numbers(ax, effects, level)
    _style.tidy(ax, "x")
    _style.rows(ax, [_style.folded(name, 30) for name in labels or [e.estimator for e in effects]])
    ax.get_yticklabels()[0].set_fontweight("bold")
    _style.unit_label(ax, unit, "x")


def height(effects: Sequence[Effect]) -> float:
    """Inches that the rows need."""
    return _style.rows_height(len(effects), each=0.42, least=2.6)


def _row(ax: Axes, row: int, effect: Effect, level: float) -> None:
    colour, size = (_style.BLUE, 8.0) if row == 0 else (_style.GREY, 6.0)
    marker = "D" if row == 0 else "o"
    look: dict[str, Any] = {"colour": colour, "size": size, "marker": marker}
    _style.dots(ax, [row], [effect.overall], level, name=effect.estimator, along="x", **look)


def _numbers(ax: Axes, effects: Sequence[Effect], level: float) -> None:
    """Estimate and interval in figures, at the right of each row."""
    digits = _style.decimals(min(_scale(e.overall) for e in effects if e.overall.value is not None))
    look: dict[str, Any] = {"transform": ax.get_yaxis_transform(), "fontsize": 8}
    heading = f"estimate [{_style.percent(level)} interval]"
    ax.text(1.03, -0.7, heading, color=_style.GREY, va="bottom", **look)
    for row, effect in enumerate(effects):
        words, weight = _words(effect.overall, level, digits), "bold" if row == 0 else "normal"
        ax.text(1.03, row, words, va="center_baseline", fontweight=weight, **look)


def _scale(estimate: Estimate) -> float:
    """What the digits shown have to resolve: the standard error, or the estimate."""
    return estimate.std_error or abs(estimate.value or 0.0) or 1.0


def _words(estimate: Estimate, level: float, digits: int) -> str:
    if estimate.value is None:
        return _why(estimate)
    value = _style.signed(f"{estimate.value:,.{digits}f}")
    ends = _style.bounded(estimate, level)
    if ends is None:
        return f"{value}  {NO_INTERVAL}"
    return value + "  [" + ", ".join(_style.signed(f"{end:,.{digits}f}") for end in ends) + "]"


def _why(estimate: Estimate) -> str:
    """Why there is no estimate, in at most three short lines."""
    return _style.folded(textwrap.shorten(estimate.reason or "no estimate", 96, placeholder=" ..."), 34)
