"""Which units are observed when: periods as columns, units as rows, darker where more of the columns are there.

Up to 60 units have a row and a name each, in their order. More are sorted by when they begin and how
much of them is there, and neighbouring ones share a row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.building.coverage import Coverage
from scale_impact.core.words import counted
from scale_impact.figures import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes


Floats = NDArray[np.float64]

MOST_UNITS = 60
"""Units that have a name each."""

MOST_ROWS, MOST_COLUMNS = 200, 300
"""Tiles that a page can show; more units or periods share one."""


def draw(coverage: Coverage, ax: Axes, *, unit: str = "") -> None:
    """Draw the tiles; ``unit`` is not needed, shares have none."""
    if coverage.share.size == 0 or not coverage.columns:
        _style.say(ax, "There is nothing to show: no unit, no period or no column.")
        return
    rows, share = _rows(coverage)
    _tiles(ax, _binned(share.T, MOST_COLUMNS).T, coverage)
    if rows is None:
        _many(ax, coverage)
    else:
        _style.rows(ax, rows)
        ax.set_ylabel(coverage.unit)
    _periods(ax, coverage)


def height(coverage: Coverage) -> float:
    """Inches that the rows need."""
    n = len(coverage.units)
    return _style.rows_height(n, each=0.155, least=3.0) if n <= MOST_UNITS else 6.0


def _rows(coverage: Coverage) -> tuple[list[str] | None, Floats]:
    """Names and shares of the rows from top to bottom; no names where units share rows."""
    if len(coverage.units) <= MOST_UNITS:
        return _style.labels(coverage.units), coverage.share
    there = coverage.share > 0
    first = np.where(there.any(axis=1), there.argmax(axis=1), there.shape[1])
    order = np.lexsort((-coverage.share.mean(axis=1), first))
    return None, _binned(coverage.share[order], MOST_ROWS)


def _binned(share: Floats, most: int) -> Floats:
    """Rows averaged in groups of neighbours, so that there are at most so many."""
    if len(share) <= most:
        return share
    edges = np.linspace(0, len(share), most + 1).astype(int)
    return np.asarray(np.add.reduceat(share, edges[:-1], axis=0) / np.diff(edges)[:, None])


def _tiles(ax: Axes, share: Floats, coverage: Coverage) -> None:
    """The tiles as one picture, over the numbers of units and periods."""
    from matplotlib.colors import LinearSegmentedColormap

    scale = LinearSegmentedColormap.from_list("observed", ["#FFFFFF", "#CFE3F1", _style.BLUE, "#00304D"])
    extent = (-0.5, len(coverage.periods) - 0.5, len(coverage.units) - 0.5, -0.5)
    drawn = ax.imshow(share, cmap=scale, vmin=0, vmax=1, aspect="auto", interpolation="nearest", extent=extent)
    bar = _style.colour_bar(ax, drawn, _said(coverage))
    bar.set_ticks([0, 0.5, 1], labels=["none", "half", "all"])
    ax.spines[:].set_visible(True)
    ax.tick_params(axis="both", length=0)


def _said(coverage: Coverage) -> str:
    n = len(coverage.columns)
    return f"Share of {counted(n, 'column')} observed" if n > 1 else f"{coverage.columns[0]} observed"


def _many(ax: Axes, coverage: Coverage) -> None:
    """An axis that counts units, which are too many to be named."""
    n = len(coverage.units)
    at = _style.thinned(n, 6)
    ax.set_yticks(at, [f"{k + 1:,}" for k in at])
    ax.set_ylabel(f"{n:,} units ({coverage.unit}), first observed on top")


def _periods(ax: Axes, coverage: Coverage) -> None:
    names = _style.labels(coverage.periods)
    at = _style.thinned(len(names), _style.fitting(names))
    ax.set_xticks(at, [names[k] for k in at])
    ax.set_xlabel("Period" if coverage.period.lower() == "period" else f"Period ({coverage.period})")
