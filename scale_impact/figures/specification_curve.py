"""Specification curve: all estimates in order, and below them what was chosen for each.

Above, one dot a specification, the lowest first, with its interval: solid where that excludes zero,
hollow where it does not. Below, one row a choice, with a mark in each column that made it. A column runs
through both. Where a joint test was made, the band is where such curves lie if nothing has an effect.

Source: Simonsohn, Simmons and Nelson (2020), figures 1 and 2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from scale_impact.core.specifications import Specification, SpecificationCurve
from scale_impact.figures import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ABOVE, ROW, ENDS = 2.9, 0.165, 1.25
"""Inches of the curve, of one row of choices, and of axis, legend and source."""

GAP = 0.12
"""Inches between the curve and the choices."""

UNMARKED = "#ABABAB"
"""Of the marks of intervals that include zero: lighter than the others in grey print too."""

SURE, UNSURE, NONE = "interval excludes zero", "interval includes zero", "no estimate"
BAND, MIDDLE = "curves without any effect, 95% of dealings", "their median"


def draw(curve: SpecificationCurve, ax: Axes, *, unit: str = "effect") -> None:
    """Draw the curve above the choices; columns of specifications without an estimate stand at the right."""
    ax.set_axis_off()
    share = _share(curve)
    upper = ax.inset_axes((0.0, 1 - share, 1.0, share))
    lower = ax.inset_axes((0.0, 0.0, 1.0, max(1 - share - GAP / (_inches(curve)), 0.05)))
    _curve(upper, curve, unit)
    _choices(lower, curve)
    for part in (upper, lower):
        part.set_xlim(-0.8, _columns(curve) - 0.2)
    _primary(upper, lower, curve)
    upper.set_title(_title(curve), fontsize=9, color=_style.DARK, loc="left", pad=20 if curve.joint is None else 33)
    _legend(upper, curve)


def height(curve: SpecificationCurve) -> float:
    """Inches that the curve and the rows of choices need."""
    return float(min(_inches(curve) + ENDS, 14.0))


def _inches(curve: SpecificationCurve) -> float:
    return ABOVE + GAP + ROW * _n_rows(curve)


def _share(curve: SpecificationCurve) -> float:
    """Share of the height that the curve takes."""
    return ABOVE / _inches(curve)


def _n_rows(curve: SpecificationCurve) -> float:
    """Rows of choices, with half a row between two axes."""
    return sum(len(c) for c in curve.axes.values()) + 0.5 * (len(curve.axes) - 1)


def _columns(curve: SpecificationCurve) -> int:
    """Columns: all specifications, and one between those with an estimate and those without."""
    return len(curve) + (1 if curve.failed else 0)


def _title(curve: SpecificationCurve) -> str:
    test = "" if curve.joint is None else f"; joint p = {curve.joint.p_value:.3f}"
    lost = f" ({len(curve.failed):,} without an estimate)" if curve.failed else ""
    return f"{curve.headline}{lost}{test}"


# ---- the curve ------------------------------------------------------------------------------------------


def _curve(ax: Axes, curve: SpecificationCurve, unit: str) -> None:
    size = float(np.clip(130 / max(len(curve), 1), 2.0, 5.0))
    _null(ax, curve)
    _style.zero_line(ax)
    sides = np.array([s.side(curve.level) for s in curve.known])
    for chosen, name, colour, full in ((sides == 0, UNSURE, _style.GREY, False), (sides != 0, SURE, _style.BLUE, True)):
        _dots(ax, curve, np.flatnonzero(chosen), name, colour, size, full=full)
    _style.tidy(ax)
    ax.tick_params(axis="x", length=0, labelbottom=False)
    _style.unit_label(ax, unit)


def _dots(ax: Axes, curve: SpecificationCurve, at: Any, name: str, colour: str, size: float, *, full: bool) -> None:
    """Estimates with intervals; those without a bounded interval are dots alone."""
    if not len(at):
        return
    values = np.array(curve.values)[at]
    ends = [(k, *e) for k in at if (e := _style.bounded(curve.known[k].estimate, curve.level))]
    if ends:
        x, low, high = np.array(ends, dtype=float).T
        width = float(np.clip(60 / len(curve), 0.5, 1.3))
        ax.vlines(x, low, high, color=colour if full else _style.LIGHT, linewidth=width, zorder=2, label="_intervals")
    face = colour if full else "white"
    look: dict[str, Any] = {"markersize": size, "markerfacecolor": face, "markeredgewidth": 0.8, "zorder": 3}
    ax.plot(at, values, "o", color=colour, label=name, **look)


def _null(ax: Axes, curve: SpecificationCurve) -> None:
    """Where sorted curves lie if nothing has an effect."""
    if curve.joint is None:
        return
    low, middle, high = curve.joint.band
    at = np.arange(len(low))
    ax.fill_between(at, low, high, color=_style.ORANGE, alpha=0.22, linewidth=0, zorder=0.5, label=BAND)
    ax.plot(at, middle, color=_style.ORANGE, linewidth=1.1, zorder=1, linestyle=(0, (1, 1)), label=MIDDLE)


def _legend(ax: Axes, curve: SpecificationCurve) -> None:
    level = _style.percent(curve.level)
    for line in ax.get_lines():
        if line.get_label() in (SURE, UNSURE):
            line.set_label(f"{level} {line.get_label()}")
    _style.legend_above(ax, columns=2)


# ---- the choices ------------------------------------------------------------------------------------------


def _choices(ax: Axes, curve: SpecificationCurve) -> None:
    rows = _rows(curve.axes)
    sides = [s.side(curve.level) for s in curve.known]
    for y in rows.values():
        ax.axhline(y, color=_style.PALE, linewidth=0.8, zorder=0.5)
    _marks(ax, curve, curve.known, rows, [_style.BLUE if side else UNMARKED for side in sides], 0)
    _marks(ax, curve, curve.failed, rows, [_style.LIGHT] * len(curve.failed), len(curve.known) + 1)
    _names(ax, curve, rows)
    ax.set_ylim(max(rows.values()) + 0.6, -0.6)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    ax.set_xticks([])
    if curve.failed:
        middle = len(curve.known) + 1 + (len(curve.failed) - 1) / 2
        ax.annotate(
            NONE, (middle, -0.6), ha="center", va="bottom", fontsize=7, color=_style.GREY, annotation_clip=False
        )


def _rows(axes: Mapping[str, Sequence[str]]) -> dict[tuple[str, str], float]:
    """Height of each choice's row; half a row lies between two axes."""
    found: dict[tuple[str, str], float] = {}
    y = 0.0
    for axis, choices in axes.items():
        for choice in choices:
            found[axis, choice] = y
            y += 1
        y += 0.5
    return found


def _marks(
    ax: Axes,
    curve: SpecificationCurve,
    specifications: Sequence[Specification],
    rows: Mapping[tuple[str, str], float],
    colours: Sequence[str],
    start: int,
) -> None:
    """A short upright line where a column made a choice."""
    places = [
        (start + k, rows[choice], colour)
        for k, (s, colour) in enumerate(zip(specifications, colours, strict=True))
        for choice in s.choices.items()
        if choice in rows
    ]
    for colour in dict.fromkeys(colours):
        x, y = np.array([(a, b) for a, b, c in places if c == colour], dtype=float).reshape(-1, 2).T
        width = float(np.clip(300 / _columns(curve) * 0.6, 0.9, 4.5))
        ax.vlines(x, y - 0.33, y + 0.33, color=colour, linewidth=width, zorder=2, label="_chosen")


def _names(ax: Axes, curve: SpecificationCurve, rows: Mapping[tuple[str, str], float]) -> None:
    """Choices as the rows' labels, and the axis in bold beside them."""
    ax.set_yticks(list(rows.values()), [_short(choice) for _, choice in rows])
    ax.tick_params(axis="y", labelsize=7.5)
    for axis, choices in curve.axes.items():
        ends = [rows[axis, c] for c in choices]
        ax.annotate(
            _axis_name(axis), (1.0, (ends[0] + ends[-1]) / 2), xycoords=ax.get_yaxis_transform(), xytext=(5, 0),
            textcoords="offset points", va="center", fontsize=7.5, fontweight="bold", annotation_clip=False,
        )  # fmt: skip


def _axis_name(axis: str) -> str:
    """The last part of a dotted key, with blanks."""
    return _style.folded(axis.rpartition(".")[2].replace("_", " "), 14)


def _short(text: str, most: int = 34) -> str:
    """Words that fit: without the names of options (``(aggregation event_time)`` is ``(event_time)``), then cut."""
    name, bracket, options = text.rstrip(")").partition(" (")
    if len(text) > most and bracket:
        values = [part.partition(" ")[2] or part for part in options.split("; ")]
        text = f"{name} ({'; '.join(values)})"
    return text if len(text) <= most else text[: most - 1].rstrip() + "\N{HORIZONTAL ELLIPSIS}"


# ---- the primary one ----------------------------------------------------------------------------------------


def _primary(upper: Axes, lower: Axes, curve: SpecificationCurve) -> None:
    """The column of the primary specification through both parts, its dot as a diamond with a name."""
    found = curve.primary
    if found is None:
        return
    at = curve.known.index(found) if found.value is not None else len(curve.known) + 1 + curve.failed.index(found)
    for part in (upper, lower):
        part.axvline(at, color=_style.VERMILLION, linewidth=0.9, alpha=0.55, zorder=1.2, label="_primary")
    if found.value is None:
        return
    full = bool(found.side(curve.level))
    look: dict[str, Any] = {"markerfacecolor": _style.VERMILLION if full else "white", "zorder": 4, "label": "_primary"}
    upper.plot([at], [found.value], "D", color=_style.VERMILLION, markersize=6, markeredgewidth=1.3, **look)
    _name(upper, curve, at, str(found.mark))


def _name(ax: Axes, curve: SpecificationCurve, at: int, mark: str) -> None:
    """What the marked one is, where the plot has room: at the top, on the side with more of it."""
    left = at > 0.6 * _columns(curve)
    ax.annotate(
        mark, (at, 1.0), xycoords=ax.get_xaxis_transform(), xytext=(-4 if left else 4, -2), textcoords="offset points",
        ha="right" if left else "left", va="top", fontsize=8, fontweight="bold", color=_style.VERMILLION,
    )  # fmt: skip
