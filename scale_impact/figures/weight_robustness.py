"""Rank acceptability as a heat map: a row a city, and how much of all drawn weights puts it on which ranks.

A dark cell is a rank that most weights agree on; a pale, long row is a city whose rank is the choice of whoever set the weights.
Rows go by the expected rank. Of many cities the best, the worst and those around a chosen one are shown; ranks of many cities share
columns.

Source: Lahdelma and Salminen (2001), rank acceptability indices.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from scale_impact.benchmark.league import excerpt, place
from scale_impact.benchmark.robustness import Robustness
from scale_impact.core.words import counted
from scale_impact.figures import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST = 40
"""So many cities have a row unless ``most`` says otherwise."""

COLUMNS = 60
"""Columns at most; where there are more ranks, equal numbers of them share one."""

COLOURS = "Blues"
LONGEST = 28
"""Characters of a name."""

GIVEN = "rank by the given weights"


def draw(robustness: Robustness, ax: Axes, *, unit: str = "", city: str | None = None, most: int = MOST) -> None:
    """Draw shares of the draws; ``unit`` is not used (ranks have none), ``city`` is coloured, ``most`` cities are shown."""
    expected, rank, low, high = (v[robustness.ranked] for v in _by_city(robustness))
    labels = robustness.labels
    order = np.lexsort((np.array(labels), rank, expected))
    at = place([labels[int(k)] for k in order], None if city in robustness.why_not else city)
    shown = excerpt(len(order), most, at)
    rows = order[shown]
    y = np.arange(len(shown)) + np.r_[0.0, np.cumsum(np.diff(shown) > 1)]
    _heat(ax, robustness, rows, y)
    _marks(ax, y, rank[rows], low[rows], high[rows], f"{_style.percent(robustness.band)} of the draws")
    _name_rows(ax, [labels[int(k)] for k in rows], y, city)
    _name_gaps(ax, shown, y)
    _rank_axis(ax, len(order), len(rows))
    _style.legend_above(ax, order=(GIVEN,), columns=2)


def height(robustness: Robustness) -> float:
    """Inches that the rows need."""
    return _style.rows_height(min(len(robustness.ranked), MOST + 2), each=0.2, least=2.8)


def _marks(
    ax: Axes,
    y: NDArray[np.float64],
    rank: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    name: str,
) -> None:
    """The rank by the given weights, and the band of ranks by all that are drawn."""
    for side in (low, high):
        ax.vlines(side, y - 0.4, y + 0.4, color=_style.DARK, linewidth=0.9, zorder=3, label="_end")
    ax.hlines(y, low, high, color=_style.DARK, linewidth=0.5, zorder=2.8, label=name)
    size = 4.5 if len(y) <= 45 else 3.2
    ax.plot(rank, y, "D", color=_style.VERMILLION, markeredgecolor="white", markeredgewidth=0.6, markersize=size,
            linestyle="none", zorder=3.5, label=GIVEN, clip_on=False)  # fmt: skip


def _by_city(robustness: Robustness) -> tuple[NDArray[np.float64], ...]:
    return robustness.expected, robustness.rank, robustness.low, robustness.high


def _heat(ax: Axes, robustness: Robustness, rows: NDArray[np.intp], y: NDArray[np.float64]) -> None:
    """Cells by the share of the draws in them; the scale is stretched where shares are small, so that long rows are seen."""
    from matplotlib.colors import PowerNorm

    n = len(robustness.ranked)
    columns = min(n, COLUMNS)
    shares = 100 * robustness.acceptability.binned(columns)[rows]
    table = np.full((int(y[-1]) + 1, columns), np.nan)
    table[y.astype(int)] = np.where(shares > 0, shares, np.nan)
    edges = np.linspace(0, n, columns + 1).round() + 0.5
    mesh = ax.pcolormesh(
        edges, np.arange(len(table) + 1) - 0.5, np.ma.masked_invalid(table), cmap=COLOURS,
        norm=PowerNorm(0.5, vmin=0.0, vmax=max(float(shares.max()), 1.0)), zorder=1,
        edgecolors="white" if n <= COLUMNS else "face", linewidth=0.5 if n <= COLUMNS else 0.1,
    )  # fmt: skip
    each = "the rank" if n <= COLUMNS else f"the {round(n / columns)} or so ranks of a column"
    bar = _style.colour_bar(ax, mesh, f"Share of the drawn weights with {each}, %")
    ticks = [t for t in (0, 1, 5, 10, 20, 40, 60, 80, 100) if t <= shares.max()]
    bar.set_ticks(ticks, labels=[str(t) for t in ticks])
    bar.minorticks_off()


def _name_rows(ax: Axes, names: list[str], y: NDArray[np.float64], city: str | None) -> None:
    _style.rows(ax, [""] * (int(y[-1]) + 1))
    ax.set_yticks(y, [_short(name) for name in names])
    for label, name in zip(ax.get_yticklabels(), names, strict=True):
        label.set_fontsize(8 if len(names) <= 45 else 6.8)
        if name == city:
            label.set(color=_style.VERMILLION, fontweight="bold")


def _short(name: str) -> str:
    """A long name without its middle: names often differ at their end."""
    if len(name) <= LONGEST:
        return name
    end = LONGEST // 3
    return f"{name[: LONGEST - end - 1].rstrip()}\N{HORIZONTAL ELLIPSIS}{name[-end:].lstrip()}"


def _name_gaps(ax: Axes, shown: list[int], y: NDArray[np.float64]) -> None:
    """How many cities are left out between two that are shown."""
    for a, b, at in zip(shown[:-1], shown[1:], y[:-1], strict=True):
        if b > a + 1:
            text = f"\N{HORIZONTAL ELLIPSIS} {counted(b - a - 1, 'city', 'cities')} not shown \N{HORIZONTAL ELLIPSIS}"
            ax.annotate(text, (0.5, at + 1), xycoords=("axes fraction", "data"), ha="center", va="center",
                        fontsize=_style.SMALL, color=_style.GREY)  # fmt: skip


def _rank_axis(ax: Axes, n: int, shown: int) -> None:
    from matplotlib.ticker import MaxNLocator

    ticks = [t for t in MaxNLocator(nbins=8, integer=True).tick_values(1, n) if 1 < t <= n]
    ax.set_xticks([1, *(t for t in ticks if t - 1 >= 0.05 * (n - 1))])
    ax.set_xlim(0.5, n + 0.5)
    ax.tick_params(axis="x", length=3, width=0.7)
    ax.spines["bottom"].set_color(_style.GREY)
    ax.set_xlabel("Rank, 1 is best" + (f" ({shown} of {counted(n, 'city', 'cities')})" if shown < n else ""))
