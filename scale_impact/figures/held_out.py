"""The held-out test: what was measured in each city beside what the others said of it while it was left out.

One row a city, the highest effect first. The bar is the prediction interval of its true effect, the paler one around it where its
measurement may lie, as that errs too; the tick is the others' mean, dark over the width of its confidence interval. A dot is
what was measured, with its own interval; a diamond one that lies outside what was predicted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scale_impact.figures import _style
from scale_impact.synthesis.held_out import HeldOut
from scale_impact.synthesis.holding_out.pooled import Without

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BAR, AROUND = "its effect, predicted without it", "what is measured, predicted"
MEAN = "mean of the others, with its interval"
HELD, MISSED = "measured, with its interval", "measured, outside the prediction"

LONGEST = 28
"""Letters of a city's name."""

MANY = 60
"""So many cities have a name; beyond, every second or third."""


def draw(held_out: HeldOut, ax: Axes, *, unit: str = "") -> None:
    """Draw all cities; ``unit`` of the effects, theirs by default."""
    if held_out.without is None:
        return _style.say(ax, str(held_out.why_not))
    order = np.argsort(-held_out.effects.effects, kind="stable")
    at = np.arange(len(order), dtype=float)
    thick = min(9.0, 330.0 / len(order))
    _predictions(ax, held_out.without, order, at, thick)
    _measurements(ax, held_out, order, at, thick)
    _style.zero_line(ax, "x")
    _style.tidy(ax, "x")
    _style.rows(ax, [_short(held_out.effects.labels[i]) for i in order], MANY)
    _style.unit_label(ax, _title(held_out, unit or held_out.effects.unit), "x")
    _legend(ax, held_out)


def height(held_out: HeldOut) -> float:
    """Inches that the rows need."""
    return _style.rows_height(len(held_out.effects), each=0.185, least=2.8)


def _predictions(ax: Axes, without: Without, order: Any, at: Any, thick: float) -> None:
    known = np.isfinite(without.predicted_low[order])
    rows, cities = at[known], order[known]
    line: dict[str, Any] = {"zorder": 1.8, "capstyle": "butt"}
    ax.hlines(
        rows,
        without.measured_low[cities],
        without.measured_high[cities],
        color=_style.PALE,
        linewidth=thick,
        label="_measured",
        **line,
    )
    ax.hlines(
        rows,
        without.predicted_low[cities],
        without.predicted_high[cities],
        color=_style.LIGHT,
        linewidth=thick,
        label="_bar",
        **line,
    )
    ax.hlines(
        at,
        without.low[order],
        without.high[order],
        color=_style.GREY,
        linewidth=0.45 * thick,
        label="_interval",
        **line,
    )
    ax.plot(
        without.mean[order],
        at,
        "|",
        color=_style.DARK,
        markersize=thick,
        markeredgewidth=1.2,
        zorder=2.2,
        label="_mean",
    )


def _measurements(ax: Axes, held_out: HeldOut, order: Any, at: Any, thick: float) -> None:
    """Dots within, diamonds outside."""
    y, low, high, missed = (
        part[order] for part in (held_out.effects.effects, held_out.own_low, held_out.own_high, held_out.missed)
    )
    for chosen, name, look in ((~missed, HELD, _look(False, thick)), (missed, MISSED, _look(True, thick))):
        if chosen.any():
            reach = np.array([y[chosen] - low[chosen], high[chosen] - y[chosen]])
            ax.errorbar(
                y[chosen],
                at[chosen],
                xerr=reach,
                linestyle="none",
                elinewidth=1.0,
                capsize=0,
                zorder=3,
                label=name,
                **look,
            )


def _look(missed: bool, thick: float) -> dict[str, Any]:
    size = max(2.6, 0.6 * thick)
    if missed:
        return {
            "color": _style.VERMILLION,
            "marker": "D",
            "markersize": size + 0.4,
            "markeredgecolor": "white",
            "markeredgewidth": 0.5,
        }
    return {"color": _style.BLUE, "marker": "o", "markersize": size}


def _title(held_out: HeldOut, unit: str) -> str:
    level = _style.percent(held_out.level)
    return f"{unit} ({level} intervals)" if unit else f"Effect ({level} intervals)"


def _legend(ax: Axes, held_out: HeldOut) -> None:
    look: dict[str, Any] = {"markersize": 5.0, "linestyle": "-", "linewidth": 1.0}
    flat: dict[str, Any] = {"solid_capstyle": "butt"}
    marks = [_style.handle(_style.BLUE, HELD, marker="o", **look)]
    if held_out.missed.any():
        marks.append(_style.handle(_style.VERMILLION, MISSED, marker="D", **look))
    marks += [
        _style.handle(
            _style.GREY, MEAN, linewidth=3.5, marker="|", markeredgecolor=_style.DARK, markersize=8.0, **flat
        ),
        _style.handle(_style.LIGHT, BAR, linewidth=7.0, **flat),
        _style.handle(_style.PALE, AROUND, linewidth=7.0, **flat),
    ]
    _style.legend_above(ax, marks, columns=2)


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1].rstrip() + "\N{HORIZONTAL ELLIPSIS}"
