"""What all figures share: colours that colour-blind readers tell apart, quiet axes, words beside the data.

Matplotlib is imported where it is used: a caller that draws nothing does not pay for it.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.words import plain

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.colorbar import Colorbar
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend
    from matplotlib.transforms import Bbox

    from scale_impact.core.design import Design
    from scale_impact.core.effect import Estimate
    from scale_impact.core.panel import Panel

Floats = NDArray[np.float64]
Along = Literal["x", "y"]

BLUE, VERMILLION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY = "#E69F00", "#56B4E9"
PALETTE = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)
"""Okabe and Ito (2008) without yellow, which is lost on white."""
MARKERS = ("o", "s", "^", "D", "v", "P")
DARK, GREY, LIGHT, PALE = "#3D3D3D", "#7A7A7A", "#D0D0D0", "#EDEDED"

NEVER = "never treated"
DASHED: dict[str, Any] = {"linestyle": (0, (4, 3)), "linewidth": 1.0}
SMALL = 7.5
WIDTH = 7.0
"""Inches; a figure's height is 4 unless it has rows to show."""

THEME: Mapping[str, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": GREY,
    "axes.formatter.useoffset": False,
    "axes.labelcolor": DARK,
    "axes.labelsize": 9,
    "axes.linewidth": 0.7,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.constrained_layout.h_pad": 0.06,
    "figure.constrained_layout.w_pad": 0.06,
    "figure.dpi": 150,
    "font.family": ["DejaVu Sans"],
    "font.size": 9,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "savefig.dpi": 150,
    "svg.hashsalt": "scale_impact",
    "text.color": DARK,
    "text.parse_math": False,
    "xtick.color": GREY,
    "xtick.labelcolor": DARK,
    "xtick.labelsize": 8,
    "ytick.color": GREY,
    "ytick.labelcolor": DARK,
    "ytick.labelsize": 8,
}


def theme() -> AbstractContextManager[None]:
    """Matplotlib's own defaults and this package's look, whatever the user's settings are."""
    from matplotlib import style

    context: AbstractContextManager[None] = style.context(["default", dict(THEME)])
    return context


# ---- words -------------------------------------------------------------------------------------


def labels(values: Sequence[Any] | NDArray[Any]) -> list[str]:
    """Periods or cohorts as a reader writes them: 1984, 2020-03 where all dates start a month."""
    if len(values) and all(_is_date(v) for v in values):
        return _dates([str(np.datetime64(v, "D")) for v in values])
    return [plain(v) for v in values]


def _is_date(value: Any) -> bool:
    return isinstance(value, np.datetime64) or (hasattr(value, "strftime") and hasattr(value, "day"))


def _dates(days: list[str]) -> list[str]:
    """ISO days without the part that is the first in all of them (one alone does not tell)."""
    for end in ("-01-01", "-01"):
        if len(days) > 1 and all(d.endswith(end) for d in days):
            return [d.removesuffix(end) for d in days]
    return days


def cohort_names(panel: Panel, design: Design) -> list[str]:
    """Each cohort's first treated period, ``off in`` that of its end, or ``never treated``."""
    names = [*labels(panel.periods), NEVER]
    leaving = [False] * len(design.starts) if design.leaving is None else design.leaving
    return [("off in " if off else "") + names[int(s)] for s, off in zip(design.starts, leaving, strict=True)]


def signed(text: str) -> str:
    """A number's text with a true minus sign."""
    return text.replace("-", "\N{MINUS SIGN}")


def decimals(scale: float) -> int:
    """Decimals that show two digits of a number of this size, 0 to 6."""
    return 2 if not scale or not math.isfinite(scale) else max(0, min(6, 1 - math.floor(math.log10(abs(scale)))))


def percent(level: float) -> str:
    """A level as ``95%``."""
    return f"{100 * level:.6g}%"


def folded(text: str, width: int) -> str:
    """Text in lines of at most so many characters."""
    return "\n".join(textwrap.wrap(text, width)) or text


def say(ax: Axes, sentence: str) -> None:
    """Write why there is nothing to draw, in the middle of the axes."""
    ax.set_axis_off()
    ax.text(0.5, 0.5, folded(sentence, 64), transform=ax.transAxes, ha="center", va="center", color=DARK)


def source_line(fig: Figure, text: str) -> None:
    """Where the numbers come from, at the bottom left of the figure."""
    line = text if text.lower().startswith("source") else f"Source: {text}"
    fig.supxlabel(folded(line, 118), x=0.012, ha="left", fontsize=SMALL, color=GREY)


def title_line(fig: Figure, text: str) -> None:
    """The title, at the top left of the figure."""
    fig.suptitle(folded(text, 76), x=0.012, ha="left", fontsize=10.5, fontweight="bold", color=DARK)


def unit_label(ax: Axes, unit: str, along: Along = "y") -> None:
    """Name the axis on which the estimates lie by their unit."""
    if along == "y":
        ax.set_ylabel(folded(unit, 42))
    else:
        ax.set_xlabel(folded(unit, 80))


# ---- axes --------------------------------------------------------------------------------------


def tidy(ax: Axes, grid: Along | None = "y") -> None:
    """Light grid along the axis of the values, two spines, ticks without weight, numbers in full."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(GREY)
    ax.tick_params(length=3, width=0.7)
    ax.set_axisbelow(True)
    if grid:
        ax.grid(True, axis=grid, color=PALE, linewidth=0.8)
        _full_numbers(ax, grid)


def _full_numbers(ax: Axes, along: Along) -> None:
    """Write large values as 3,070,000 instead of 3.07 and a 1e6 that the legend would hide."""
    axis, ends = (ax.xaxis, ax.get_xlim()) if along == "x" else (ax.yaxis, ax.get_ylim())
    largest = max(map(abs, ends))
    if not 1e-4 <= largest < 1e4:
        pattern = ",.10g" if largest >= 1e4 else ".3g"
        axis.set_major_formatter(lambda value, _: signed(f"{value:{pattern}}"))


def zero_line(ax: Axes, along: Along = "y") -> None:
    """Where there is no effect."""
    line = ax.axhline if along == "y" else ax.axvline
    line(0, color=DARK, linewidth=0.8, zorder=1.5, label="_zero")


def period_axis(ax: Axes, panel: Panel) -> None:
    """The panel's clock as x axis, with the periods' own names."""
    from matplotlib.ticker import MaxNLocator

    ax.set_xlabel(period_title(panel))
    if not np.issubdtype(panel.periods.dtype, np.number):
        names = labels(panel.periods)
        at = thinned(len(names), fitting(names))
        ax.set_xticks(panel.clock[at], [names[k] for k in at])
    elif all_fit(panel.clock):
        ax.set_xticks(panel.clock, labels(panel.periods))
    else:
        ax.xaxis.set_major_locator(MaxNLocator(nbins=10, integer=True, steps=[1, 2, 5, 10]))


def period_title(panel: Panel) -> str:
    """Label of an axis of periods."""
    return "Period" if panel.period.lower() == "period" else f"Period ({panel.period})"


def all_fit(clock: Floats) -> bool:
    """Whether each period can have its name on the axis."""
    return len(clock) < 2 or float(np.diff(clock).min()) >= 0.07 * float(np.ptp(clock))


def fitting(names: Sequence[str]) -> int:
    """How many such names fit side by side below a figure."""
    return max(2, 64 // (max(map(len, names)) + 2))


def thinned(n: int, most: int) -> list[int]:
    """Evenly spaced positions among n, at most so many."""
    return list(range(0, n, max(1, math.ceil(n / most))))


def rows(ax: Axes, names: Sequence[str], most: int = 60) -> None:
    """Named rows from top to bottom."""
    at = thinned(len(names), most)
    ax.set_yticks(at, [names[k] for k in at])
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)


def rows_height(n: int, each: float = 0.17, least: float = 4.0) -> float:
    """Inches for n rows, axes and source."""
    return float(min(max(least, 1.4 + each * n), 11.0))


def tile_height(n: int) -> float:
    """Inches for n rows of tiles, which are lower where they are many."""
    return rows_height(n, each=0.4 if n <= 6 else 0.22, least=3.0)


def legend_above(ax: Axes, handles: Sequence[Any] = (), columns: int = 4, order: Sequence[str] = ()) -> None:
    """A legend above the axes, where it hides no data: handles given, or all marks by the ``order`` of their names.

    ``columns`` at most: fewer where names would leave the figure. Call it when labels of axes are there.
    """
    marks = zip(*ax.get_legend_handles_labels(), strict=True)
    shown = list(handles) or [mark for mark, _ in sorted(marks, key=lambda m: _rank(m[1], order))]
    place: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (0.0, 1.01), "borderaxespad": 0.0}
    for n in range(min(columns, len(shown)), 0, -1):
        legend = ax.legend(handles=shown, ncols=n, handletextpad=0.5, columnspacing=1.6, **place)
        if legend.get_window_extent().width <= _room(ax):
            break
    if shown:
        # the layout makes axes narrower for what reaches beyond them to the right; this one fits, so that its height alone counts
        legend.get_tightbbox = partial(_left_edge, legend)  # type: ignore[method-assign]


def _left_edge(legend: Legend, renderer: Any = None) -> Bbox:
    """A legend's height, a pixel wide."""
    from matplotlib.transforms import Bbox

    whole = legend.get_window_extent(renderer)
    return Bbox.from_bounds(whole.x0, whole.y0, 1.0, whole.height)


def _room(ax: Axes) -> float:
    """Pixels from the left of the axes to the figure's right, with what is written left of the axes."""
    whole, pad = ax.figure.bbox.width, 0.12 * ax.figure.dpi  # type: ignore[union-attr,unused-ignore]
    around = ax.get_tightbbox()
    return float(whole - pad - (0.0 if around is None else max(0.0, ax.bbox.x0 - around.x0)))


def _rank(name: str, order: Sequence[str]) -> int:
    """Place of the first entry of ``order`` with which a name begins."""
    return next((k for k, start in enumerate(order) if name.startswith(start)), len(order))


# ---- marks -------------------------------------------------------------------------------------


def dots(
    ax: Axes,
    at: Sequence[float] | Floats,
    estimates: Sequence[Estimate],
    level: float,
    *,
    name: str,
    colour: str = BLUE,
    marker: str = "o",
    size: float | None = None,
    along: Along = "y",
) -> None:
    """Estimates as dots with intervals; hollow where there is no interval.

    ``along`` is the axis of the estimates. The solid dots are labelled ``name``, the hollow
    ones ``name, no interval``. Dots get smaller where they are many, unless ``size`` is given.
    """
    known = [(x, e, bounded(e, level)) for x, e in zip(at, estimates, strict=True) if e.value is not None]
    solid = [(x, e.value, low, high) for x, e, ends in known if ends for low, high in [ends]]
    bare = [(x, e.value) for x, e, ends in known if not ends]
    points = size or (5.5 if len(known) <= 20 else 4.0)
    look: dict[str, Any] = {"color": colour, "marker": marker, "markersize": points, "linestyle": "none", "zorder": 3}
    if solid:
        x, y, low, high = np.array(solid, dtype=float).T
        reach: dict[str, Any] = {f"{along}err": np.array([y - low, high - y])}
        across, up = _ordered(x, y, along)
        ax.errorbar(across, up, **reach, **look, elinewidth=1.3, capsize=0, label=name)
    if bare:
        x, y = np.array(bare, dtype=float).T
        ax.plot(*_ordered(x, y, along), **look, markerfacecolor="white", label=f"{name.split(' (')[0]}, no interval")


def bounded(estimate: Estimate, level: float) -> tuple[float, float] | None:
    """The interval of an estimate; None where there is none or an end is infinite (too few clusters for the level)."""
    ends = estimate.interval(level)
    return ends if ends is not None and all(map(math.isfinite, ends)) else None


def _ordered(place: Floats, value: Floats, along: Along) -> tuple[Floats, Floats]:
    return (place, value) if along == "y" else (value, place)


def ink(colour: Sequence[float]) -> str:
    """White or dark text, whichever has more contrast with a colour (relative luminance of WCAG 2)."""
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in colour[:3]]
    return "white" if np.dot(linear, (0.2126, 0.7152, 0.0722)) < 0.27 else DARK


def halo() -> list[Any]:
    """Path effects of text that lies on lines or tiles."""
    from matplotlib.patheffects import withStroke

    return [withStroke(linewidth=2.2, foreground="white")]


def cohort_colours(n: int) -> list[Any]:
    """One colour a treated cohort: the palette, or viridis in order of time where it ends."""
    if n <= len(PALETTE):
        return list(PALETTE[:n])
    from matplotlib import colormaps

    return [tuple(c) for c in colormaps["viridis"](np.linspace(0.0, 0.92, n))]


def cohort_bar(ax: Axes, names: Sequence[str], colours: Sequence[Any]) -> None:
    """A colour bar that names cohorts, where they are too many for labels."""
    from matplotlib import cm
    from matplotlib.colors import BoundaryNorm, ListedColormap

    n = len(names)
    scale = cm.ScalarMappable(BoundaryNorm(np.arange(n + 1) - 0.5, n), ListedColormap(list(colours)))
    bar = colour_bar(ax, scale, "First treated")
    at = thinned(n, most=10)
    bar.set_ticks(at, labels=[names[k] for k in at], minor=False)
    bar.minorticks_off()


def colour_bar(ax: Axes, scale: ScalarMappable, name: str) -> Colorbar:
    """A slim colour bar without a frame, whatever the figure's height."""
    figure = ax.figure
    bar = figure.colorbar(scale, ax=ax, pad=0.02, aspect=7 * figure.get_figheight())  # type: ignore[union-attr]
    bar.outline.set_visible(False)  # type: ignore[operator,unused-ignore]
    bar.set_label(name)
    return bar


def beside(ax: Axes, x: float, heights: Sequence[float], names: Sequence[str], colours: Sequence[Any]) -> None:
    """Names to the right of the ends of lines, moved apart where they would overlap."""
    (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
    inches = ax.get_position().height * ax.figure.get_figheight()  # type: ignore[union-attr]
    gap = 8 * 1.3 / 72 / inches * (high - low)
    places = spread(heights, gap, low, high)
    moved = bool((abs(places - np.asarray(heights)) > 0.3 * gap).any())
    near, far = (x + k * (right - left) for k in (0.016, 0.06 if moved else 0.022))
    for y, end, name, colour in zip(places, heights, names, colours, strict=True):
        ax.annotate(name, (far, y), color=colour, fontsize=8, va="center", annotation_clip=False)
        if moved:
            lead = {"color": colour, "linewidth": 0.6, "label": "_lead", "clip_on": False}
            ax.plot([near, far - 0.3 * (near - x)], [end, y], **lead)[0].set_in_layout(False)
    ax.set(xlim=(left, right), ylim=(low, high))


def together(points: Sequence[tuple[float, float]], across: float, up: float) -> list[list[int]]:
    """Points whose names would lie on each other, as lists of positions: each is nearer than this to the first of its list."""
    found: list[list[int]] = []
    for k, (x, y) in enumerate(points):
        near = (g for g in found if abs(points[g[0]][0] - x) < across and abs(points[g[0]][1] - y) < up)
        group = next(near, None)
        if group is None:
            found.append([k])
        else:
            group.append(k)
    return found


def spread(values: Sequence[float], gap: float, low: float, high: float) -> Floats:
    """The nearest positions that keep order and lie at least ``gap`` apart within low to high.

    Least squares under order constraints: isotonic regression of the values less their gaps.
    """
    wanted = np.asarray(values, dtype=float)
    order = np.argsort(wanted, kind="stable")
    steps = gap * np.arange(len(wanted))
    q = wanted[order] - steps
    n = range(len(q))
    level = np.array([max(min(float(q[j : k + 1].mean()) for k in n if k >= i) for j in n if j <= i) for i in n])
    placed = np.empty_like(wanted)
    placed[order] = np.clip(level, low, max(low, high - (steps[-1] if len(steps) else 0))) + steps
    return placed


def handle(colour: Any, name: str, **look: Any) -> Artist:
    """A legend entry: a line or marker that is not on the axes."""
    from matplotlib.lines import Line2D

    return Line2D([], [], **{"color": colour, "label": name, **look})
