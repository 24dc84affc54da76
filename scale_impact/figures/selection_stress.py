"""What is left of the mean if pilots were picked, or results published, favourably.

``picked``: pilots are better than other cities by x, along the axis; mean and prediction fall with it. ``published``: favourable
significant results were published so many times as often as others. A dot marks where the mean reaches zero, a square where its
interval does, a diamond where it falls below the target.

Source: see ``synthesis.selecting.favourable`` and ``published``.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from scale_impact.core.words import number
from scale_impact.figures import _style
from scale_impact.figures.forest import axis_title
from scale_impact.synthesis.selection import Selection

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NEW, BAND, MEAN, WORST = "a new city", "mean's", "mean", "not significant ones alone"


def draw(selection: Selection, ax: Axes, *, unit: str = "", by: Literal["picked", "published"] = "picked") -> None:
    """Draw the mean along the strength of selection; ``unit`` of the effects."""
    why_not = selection.picked.why_not if by == "picked" else selection.published.why_not
    if why_not:
        return _style.say(ax, why_not)
    unit = unit or selection.effects.unit
    if by == "picked":
        _picked(ax, selection, selection.effects.unit or unit)
    else:
        _published(ax, selection)
    _style.tidy(ax)
    _style.zero_line(ax)
    if selection.picked.target is not None:
        ax.axhline(selection.picked.target, color=_style.GREEN, linewidth=1.0, zorder=1.6, label="target")
    ax.set_ylabel(_style.folded(_upright(axis_title(unit, selection.effects.direction)), 42))
    _style.legend_above(ax, order=(MEAN, BAND, NEW, WORST, "target"))


def _upright(title: str) -> str:
    """The title of an axis that goes up: its arrows would point aside."""
    return title.replace(" \N{RIGHTWARDS ARROW}", "").replace("\N{LEFTWARDS ARROW} ", "")


def _picked(ax: Axes, selection: Selection, unit: str) -> None:
    """Mean and prediction by how much better pilots were; all of them are straight lines."""
    found, level, sign = selection.picked, _style.percent(selection.level), selection.sign
    tips = [t for t in (found.to_zero, found.interval_to_zero, found.to_target) if t > 0]
    most = max([*(1.2 * t for t in tips), found.unit, selection.pooled.std_error])
    x = np.array([0.0, most])
    if np.isfinite(found.predicted_low[0]):
        ends = found.predicted_low[0] - sign * x, found.predicted_high[0] - sign * x
        ax.fill_between(x, *ends, color="#FBE3D0", linewidth=0, zorder=1, label=f"{NEW}, {level} prediction")
    ends = found.low[0] - sign * x, found.high[0] - sign * x
    ax.fill_between(x, *ends, color=_style.SKY, alpha=0.55, linewidth=0, zorder=1.2, label=f"{BAND} {level} interval")
    ax.plot(x, found.mean[0] - sign * x, color=_style.BLUE, linewidth=1.8, zorder=2.5, label=MEAN)
    ax.set_xlim(0, most)
    marks = (found.to_zero, 0.0, "o"), (found.interval_to_zero, 0.0, "s"), (found.to_target, found.target, "D")
    _tips(ax, [(t, y, m) for t, y, m in marks if y is not None and t > 0])
    named = f" ({unit})" if unit else ""
    ax.set_xlabel(f"Pilots are better than other cities by{named}")
    if found.unit:
        _best_shares(ax, selection, most)


def _best_shares(ax: Axes, selection: Selection, most: float) -> None:
    """At the top: x in standard deviations between cities, and as if the pilots were the best share of all cities."""
    found, last = selection.picked, 0.0
    look: dict[str, Any] = {"fontsize": _style.SMALL, "color": _style.GREY, "va": "top", "path_effects": _style.halo()}
    ax.annotate("as if\nbest", (0.01, 0.99), xycoords="axes fraction", **look)
    for x, steps, share in zip(found.x, found.in_unit, found.best_share, strict=True):
        if 0.09 * most <= x - last and x <= 0.96 * most:
            text = f"{number(float(steps))} sd\n{_share(float(share))}"
            ax.annotate(text, (x, 0.99), xycoords=("data", "axes fraction"), ha="center", **look)
            last = x


def _share(share: float) -> str:
    """A share in %, with as many digits as it has."""
    return f"{100 * share:.0f}%" if share >= 0.1 else f"{100 * share:.1g}%"


def _published(ax: Axes, selection: Selection) -> None:
    """The mean by how much more often favourable significant results were published."""
    from matplotlib.ticker import NullLocator

    found, level = selection.published, _style.percent(selection.level)
    ax.set_xscale("log")
    ax.fill_between(
        found.ratios,
        found.low,
        found.high,
        color=_style.SKY,
        alpha=0.55,
        linewidth=0,
        zorder=1.2,
        label=f"{BAND} {level} interval",
    )
    ax.plot(found.ratios, found.mean, color=_style.BLUE, linewidth=1.8, zorder=2.5, label=MEAN)
    ax.axhline(found.worst, color=_style.VERMILLION, zorder=1.7, label=WORST, **_style.DASHED)
    most = float(found.ratios[-1])
    ax.set_xlim(1, most)
    ax.set_xticks([1, 2, 5, 10, 20, 50, 100, 200], ["1", "2", "5", "10", "20", "50", "100", "200"])
    ax.xaxis.set_minor_locator(NullLocator())
    tips = (
        (found.to_zero, 0.0, "o"),
        (found.interval_to_zero, 0.0, "s"),
        (found.to_target, selection.picked.target, "D"),
    )
    _tips(ax, [(x, y, m) for x, y, m in tips if y is not None and 1 < x <= most])
    ax.set_xlabel("Favourable significant results are published so many times as often as others")


def _tips(ax: Axes, at: list[tuple[float, float, str]]) -> None:
    """Where the conclusion tips, with the number."""
    for x, y, marker in at:
        if math.isfinite(x):
            ax.plot([x], [y], marker, color=_style.DARK, markersize=5.5, zorder=4, label="_tip")
            near_end = x > 0.85 * ax.get_xlim()[1]
            place: dict[str, Any] = {"xytext": (-6 if near_end else 6, 6), "ha": "right" if near_end else "left"}
            ax.annotate(
                number(float(f"{x:.3g}")),
                (x, y),
                textcoords="offset points",
                fontsize=_style.SMALL,
                color=_style.DARK,
                path_effects=_style.halo(),
                zorder=4,
                **place,
            )
