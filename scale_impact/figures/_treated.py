"""What figures of treated cities and their synthetic twins share: one panel a city, or the mean of many.

Up to ``MOST`` treated units have a panel each. More are drawn as their mean: by period where all start
at once, else by periods since the start, where the lines show whoever has that period.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scale_impact.core.panel import elapsed
from scale_impact.core.synthetic.counterfactual import Counterfactual
from scale_impact.core.synthetic.worlds import Floats
from scale_impact.core.words import counted
from scale_impact.figures import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST = 6
"""So many treated units have a panel of their own."""

COLUMNS = 3
PANEL, GAP, ENDS = 1.7, 0.62, 1.35
"""Inches: height of a panel, distance between rows of panels, and what title, legend, axis and source take."""


@dataclass(frozen=True)
class Clock:
    """Where paths lie along the x axis.

    Attributes
    ----------
    at:
        [K], places on the axis.
    labels:
        Names of the places; empty where they are numbers of periods since the start.
    start, fitted:
        Place of the first treated period, and of the first that was not fitted on.
    title:
        Of the axis.
    """

    at: Floats
    labels: tuple[str, ...]
    start: float
    fitted: float
    title: str


def together(found: Counterfactual) -> bool:
    """Whether treated units are drawn as their mean."""
    return len(found.names) > MOST


def height(found: Counterfactual | None) -> float:
    """Inches that the panels need."""
    if found is None or together(found) or len(found.names) == 1:
        return 4.0
    rows = math.ceil(len(found.names) / COLUMNS)
    return rows * PANEL + (rows - 1) * GAP + ENDS


def panels(ax: Axes, n: int) -> list[Axes]:
    """One axes for each of n treated units; the axes itself where there is one."""
    if n == 1:
        return [ax]
    ax.set_axis_off()
    columns, rows = min(n, COLUMNS), math.ceil(n / COLUMNS)
    total = rows * PANEL + (rows - 1) * GAP
    wide, high, gap = (1 - 0.09 * (columns - 1)) / columns, PANEL / total, GAP / total
    return [
        ax.inset_axes((c * (wide + 0.09), 1 - high - r * (high + gap), wide, high))
        for r, c in (divmod(k, columns) for k in range(n))
    ]


def clock(found: Counterfactual) -> Floats:
    """Periods as numbers, as event times count them: the labels where they are numbers, else 0, 1, 2, ..."""
    if found.clock is not None:
        return found.clock
    labels = np.asarray(found.periods)
    return labels.astype(float) if np.issubdtype(labels.dtype, np.number) else np.arange(len(labels), dtype=float)


def of_unit(found: Counterfactual, k: int) -> Clock:
    """The calendar, with the k-th treated unit's start."""
    at = clock(found)
    return Clock(at, tuple(_style.labels(found.periods)), at[found.starts[k]], at[found.fitted[k]], "Period")


def of_mean(found: Counterfactual) -> Clock:
    """The calendar where all start at once, else periods since the start; places that nobody has do not occur."""
    if len(set(found.starts)) == 1 and len(set(found.fitted)) == 1:
        return of_unit(found, 0)
    since, now = _since(found), clock(found)
    early = max(elapsed(now, f, s) for f, s in zip(found.fitted, found.starts, strict=True))
    return Clock(np.unique(since), (), 0.0, float(early), "Periods since first treated")


def _since(found: Counterfactual) -> Floats:
    """Time since the start, [U, T]."""
    now, every = clock(found), np.arange(len(found.periods))
    return np.array([elapsed(now, every, s) for s in found.starts])


def mean(found: Counterfactual, paths: Floats, *, whole: bool = False) -> Floats:
    """Mean over the treated units of paths [..., U, T] at the places of ``of_mean``, [..., K].

    Each unit counts as often as ``sizes`` says. With ``whole`` only places that all units have are filled: the mean
    of levels would else jump where units come and go.
    """
    weights = np.asarray(found.sizes, dtype=float)
    if len(set(found.starts)) == 1:
        return np.asarray(np.average(paths, axis=-2, weights=weights))
    here = _since(found)[None] == of_mean(found).at[:, None, None]  # K x U x T
    sums = np.einsum("kut,u,...ut->...k", here.astype(float), weights, np.where(np.isfinite(paths), paths, 0.0))
    seen = np.einsum("kut,u,...ut->...k", here.astype(float), weights, np.isfinite(paths).astype(float))
    wanted = weights.sum() if whole else np.finfo(float).tiny
    return np.asarray(np.where(seen >= wanted - 1e-9, sums / np.maximum(seen, np.finfo(float).tiny), np.nan))


def mark_start(ax: Axes, where: Clock) -> None:
    """A dashed line before the first treated period, and a pale strip over periods that may anticipate it."""
    ax.axvline(_before(where.at, where.start), color=_style.GREY, zorder=1, label="_start", **_style.DASHED)
    if where.fitted < where.start:
        ends = _before(where.at, where.fitted), _before(where.at, where.start)
        ax.axvspan(*ends, color=_style.PALE, linewidth=0, zorder=0.4, label="_anticipated")


def _before(at: Floats, place: float) -> float:
    """Half way between a place and the one before it."""
    earlier = at[at < place]
    return float((earlier.max() + place) / 2) if len(earlier) else place - 0.5


def _time_axis(ax: Axes, where: Clock, narrow: int) -> None:
    """Name as many places on the x axis as fit."""
    from matplotlib.ticker import MaxNLocator

    ax.set_xlabel(where.title)
    if where.labels and not _numbers(where):
        fits = _style.thinned(len(where.labels), max(2, _style.fitting(where.labels) // narrow))
        ax.set_xticks(where.at[fits], [where.labels[k] for k in fits])
    else:
        ax.xaxis.set_major_locator(MaxNLocator(nbins=10 if narrow == 1 else 4, integer=True, steps=[1, 2, 5, 10]))


def _numbers(where: Clock) -> bool:
    """Whether the labels are the numbers at which they stand."""
    return all(label == f"{at:g}" for label, at in zip(where.labels, where.at, strict=True))


def each(ax: Axes, found: Counterfactual) -> Iterator[tuple[int, Axes]]:
    """The treated units with a panel each, named above where there are several, with one legend for all."""
    several = len(found.names) > 1
    for k, part in enumerate(panels(ax, len(found.names))):
        yield k, part
        finish(part, of_unit(found, k), narrow=min(len(found.names), COLUMNS))
        if several:
            name_panel(part, found, k)


def finish(ax: Axes, where: Clock, *, narrow: int = 1) -> None:
    """Start, axes and grid, after all lines are drawn; ``narrow`` panels stand side by side."""
    mark_start(ax, where)
    _style.tidy(ax)
    _time_axis(ax, where, narrow)


def name_panel(ax: Axes, found: Counterfactual, k: int) -> None:
    """The treated unit above its panel, without an axis title that the neighbours share."""
    ax.set_title(short(found.names[k], 24), fontsize=8.5, fontweight="bold", loc="left", color=_style.DARK, pad=4)
    ax.tick_params(labelsize=7)
    ax.set_xlabel("")


def short(name: str, most: int) -> str:
    """A name that fits."""
    return name if len(name) <= most else name[: most - 1].rstrip() + "\N{HORIZONTAL ELLIPSIS}"


def legend(ax: Axes, parts: Sequence[Axes], *, order: Sequence[str] = (), columns: int = 3) -> None:
    """One legend above all panels, from the marks of the first."""
    first = parts[0]
    if first is ax:
        return _style.legend_above(ax, order=order, columns=columns)
    marks, names = first.get_legend_handles_labels()
    shown = [m for m, _ in sorted(zip(marks, names, strict=True), key=lambda x: _rank(x[1], order))]
    place: dict[str, Any] = {
        "loc": "lower left",
        "bbox_to_anchor": (0.0, 1.0 + 0.3 / PANEL / math.ceil(len(parts) / COLUMNS)),
    }
    ax.legend(handles=shown, ncols=columns, handletextpad=0.5, columnspacing=1.6, borderaxespad=0.0, **place)


def _rank(name: str, order: Sequence[str]) -> int:
    return next((k for k, start in enumerate(order) if name.startswith(start)), len(order))


def unit_label(ax: Axes, parts: Sequence[Axes], unit: str) -> None:
    """The unit beside all panels; the axes itself shows nothing where they are several."""
    if parts[0] is ax:
        return _style.unit_label(ax, unit)
    ax.set_axis_on()
    ax.spines[:].set_visible(False)
    ax.set(xticks=[], yticks=[])
    ax.patch.set_visible(False)
    ax.set_ylabel(_style.folded(unit, 42), labelpad=30)


def of_many(found: Counterfactual) -> str:
    """What the mean is a mean of."""
    return f"mean of {counted(int(np.sum(found.sizes)), 'treated unit')}"
