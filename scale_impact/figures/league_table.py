"""A league table of bands: which ranks each city can have, by itself and with all others at once.

Rows go by the middle of the simultaneous band. Two cities whose bands overlap may stand in either order. Of many cities the best, the
worst and those around a chosen one are shown.

Source: Mogstad, Romano, Shaikh and Wilhelm (2024).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from scale_impact.benchmark.league import excerpt, league_order, place, tiers
from scale_impact.benchmark.rank_bands import RankBands
from scale_impact.core.words import counted
from scale_impact.figures import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST = 50
"""So many cities have a row unless ``most`` says otherwise."""

LONGEST = 30
"""Characters of a name."""

RANK, ALONE, TOGETHER = "rank", "{} band of the city by itself", "all cities at once"


def draw(bands: RankBands, ax: Axes, *, unit: str = "", city: str | None = None, most: int = MOST) -> None:
    """Draw one row a city, ``unit`` over the values at the right; ``city`` is coloured, ``most`` cities are shown."""
    order = league_order(bands)
    order = order[~np.isnan(bands.rank[order])]
    at = place([bands.labels[int(k)] for k in order], None if city in bands.why_not else city)
    shown = excerpt(len(order), most, at)
    y = _rows(shown)
    _draw_bands(ax, bands, order[shown], y, city)
    _style.tidy(ax, "x")
    _name_rows(ax, [bands.labels[int(k)] for k in order[shown]], y, city)
    _name_gaps(ax, shown, y)
    _name_values(ax, bands, order[shown], y, unit)
    _mark_tiers(ax, tiers(bands, order), shown, y)
    _rank_axis(ax, bands, len(shown))
    _style.legend_above(ax, order=(RANK, ALONE.format(_style.percent(bands.level)), TOGETHER), columns=3)


def height(bands: RankBands) -> float:
    """Inches that the rows need."""
    return _style.rows_height(min(bands.ranked, MOST + 2), each=0.18, least=2.6)


def _rows(shown: list[int]) -> NDArray[np.float64]:
    """Heights of rows: a row is left free where cities are left out."""
    gaps: NDArray[np.float64] = np.r_[0.0, np.cumsum(np.diff(shown) > 1)]
    return np.arange(len(shown)) + gaps


def _draw_bands(ax: Axes, bands: RankBands, rows: NDArray[np.intp], y: NDArray[np.float64], city: str | None) -> None:
    chosen = np.array([bands.labels[int(k)] == city for k in rows])
    alone = ALONE.format(_style.percent(bands.level))
    thick = 5.0 if len(rows) <= 30 else 3.6
    ax.hlines(y, bands.low_all[rows], bands.high_all[rows], color=_style.GREY, linewidth=1.1, zorder=2, label=TOGETHER)
    for mine, colour, name in ((~chosen, _style.SKY, alone), (chosen, _style.ORANGE, "_chosen")):
        if mine.any():
            ends = bands.low[rows][mine], bands.high[rows][mine]
            # a band of one rank has no length, and would not be seen
            ax.hlines(y[mine], ends[0] - 0.12, ends[1] + 0.12, color=colour, linewidth=thick, zorder=2.5, label=name)
    look: dict[str, Any] = {"linestyle": "none", "markersize": 4.0 if len(rows) <= 30 else 3.2, "zorder": 3}
    for mine, colour, name in ((~chosen, _style.BLUE, RANK), (chosen, _style.VERMILLION, "_chosen rank")):
        if mine.any():
            ax.plot(bands.rank[rows][mine], y[mine], "o", color=colour, label=name, **look)


def _name_rows(ax: Axes, names: list[str], y: NDArray[np.float64], city: str | None) -> None:
    _style.rows(ax, [""] * (int(y[-1]) + 1))
    ax.set_yticks(y, [_short(name) for name in names])
    for label, name in zip(ax.get_yticklabels(), names, strict=True):
        label.set_fontsize(8 if len(names) <= 45 else 6.8)
        if name == city:
            label.set(color=_style.VERMILLION, fontweight="bold")


def _name_gaps(ax: Axes, shown: list[int], y: NDArray[np.float64]) -> None:
    """How many cities are left out between two that are shown."""
    look: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": _style.SMALL, "color": _style.GREY}
    for a, b, at in zip(shown[:-1], shown[1:], y[:-1], strict=True):
        if b > a + 1:
            text = f"\N{HORIZONTAL ELLIPSIS} {counted(b - a - 1, 'city', 'cities')} not shown \N{HORIZONTAL ELLIPSIS}"
            ax.annotate(text, (0.5, at + 1), xycoords=("axes fraction", "data"), **look)


def _short(name: str) -> str:
    """A long name without its middle: names often differ at their end."""
    if len(name) <= LONGEST:
        return name
    end = LONGEST // 3
    return f"{name[: LONGEST - end - 1].rstrip()}\N{HORIZONTAL ELLIPSIS}{name[-end:].lstrip()}"


def _name_values(ax: Axes, bands: RankBands, rows: NDArray[np.intp], y: NDArray[np.float64], unit: str) -> None:
    """The values at the right, with the digits that tell most of them apart."""
    digits = _style.decimals(float(np.std(bands.values[~np.isnan(bands.rank)])) / 3)
    texts = [_style.signed(f"{value:,.{digits}f}") for value in bands.values[rows]]
    right = 8 + 0.66 * _style.SMALL * max(map(len, texts))
    look: dict[str, Any] = {
        "textcoords": "offset points",
        "fontsize": _style.SMALL,
        "ha": "right",
        "annotation_clip": False,
    }
    across = ("axes fraction", "data")
    for text, at in zip(texts, y, strict=True):
        ax.annotate(text, (1.0, at), (right, 0), xycoords=across, va="center", color=_style.DARK, **look)
    if unit:
        heading = _style.folded(unit, 16)
        ax.annotate(heading, (1.0, 1.0), (right, 3), xycoords="axes fraction", va="bottom", color=_style.GREY, **look)


def _rank_axis(ax: Axes, bands: RankBands, shown: int) -> None:
    """Whole ranks from 1 on, and of whom."""
    from matplotlib.ticker import MaxNLocator

    n = bands.ranked
    ticks = [t for t in MaxNLocator(nbins=8, integer=True).tick_values(1, n) if 1 < t <= n]
    ax.set_xticks([1, *(t for t in ticks if t - 1 >= 0.05 * (n - 1))])
    ax.set_xlim(1 - 0.02 * n - 0.3, n * 1.02 + 0.3)
    title = "Rank, 1 is best"
    if shown < n:
        title += f" ({shown} of {counted(n, 'city', 'cities')})"
    if bands.why_not:
        title += f"; {counted(len(bands.why_not), 'city', 'cities')} without a value not ranked"
    ax.set_xlabel(title)


def _mark_tiers(ax: Axes, tier: list[int], shown: list[int], y: NDArray[np.float64]) -> None:
    """A line where each city above is told from each city below."""
    for a, b, low, high in zip(shown[:-1], shown[1:], y[:-1], y[1:], strict=True):
        if b == a + 1 and tier[a] != tier[b]:
            ax.axhline((low + high) / 2, color=_style.LIGHT, linewidth=0.9, zorder=1, label="_tier")
