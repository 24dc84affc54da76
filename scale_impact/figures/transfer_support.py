"""The city among the pilots: variable by variable within their range, or pilot by pilot by distance.

In ``ranges`` each row is a variable; pilots lie between 0, the lowest of them, and 1, the highest, on the scale on which cities are
compared. A city beyond that has no pilot like it in this variable. In ``distances`` each row is a pilot, the nearest on top.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from scale_impact.benchmark.nearness.words import shown
from scale_impact.core.words import some
from scale_impact.figures import _style
from scale_impact.figures._style import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from scale_impact.synthesis.for_city import Expectation

PILOTS, OUTSIDE, INSIDE = "a pilot", "the city, outside what pilots had", "the city"
FAR = 1.6
"""A city beyond the range by more than this share of its width is drawn at the edge, with an arrow."""

MOST = 40
"""Pilots of which distances are shown, the nearest."""

Show = Literal["ranges", "distances"]


def height(expectation: Expectation, show: Show = "ranges") -> float:
    """Inches for the rows."""
    n = len(_variables(expectation)) if show == "ranges" else min(len(expectation.effects), MOST)
    return _style.rows_height(n, each=0.42 if show == "ranges" else 0.22, least=3.0)


def draw(expectation: Expectation, ax: Axes, *, unit: str = "", show: Show = "ranges") -> None:
    """Draw the rows; ``unit`` is not used, variables have their own.

    Parameters
    ----------
    show:
        ``ranges`` of the variables, or ``distances`` of the pilots.
    """
    if expectation.compared.why_not is not None or expectation.effects.context is None:
        return _style.say(ax, expectation.support.reason)
    if show == "distances":
        return _distances(expectation, ax)
    _ranges(expectation, ax)


# ---- variables -------------------------------------------------------------------------------------------


def _variables(expectation: Expectation) -> list[str]:
    """Variables compared, those outside first, then by name."""
    out = [o.column for o in expectation.outside]
    rest = sorted({*expectation.compared.columns, *expectation.compared.unmeasured})
    return [*out, *(c for c in rest if c not in out)]


def _ranges(expectation: Expectation, ax: Axes) -> None:
    names = _variables(expectation)
    outside = {o.column for o in expectation.outside}
    ax.axvspan(0, 1, color=_style.PALE, zorder=0.5, linewidth=0)
    for row, name in enumerate(names):
        if name in expectation.compared.groups:
            _group(expectation, ax, row, name)
            continue
        pilots, own = _scaled(expectation, name)
        ax.plot(pilots, np.full(len(pilots), row), "|", color=_style.BLUE, markersize=11, label=_once(ax, PILOTS))
        _city(ax, row, own, out=name in outside)
    ax.set_xlim(-0.5 - FAR + 1, 0.5 + FAR)
    _style.tidy(ax, "x")
    _style.rows(ax, [_told(expectation, n) for n in names])
    ax.set_xlabel("Place within what pilots had (0: the lowest of them, 1: the highest)" + _missing(expectation))
    _style.legend_above(ax, columns=3, order=(INSIDE, OUTSIDE, PILOTS))


def _scaled(expectation: Expectation, name: str) -> tuple[Floats, float]:
    """Pilots' values as places within their range, and the city's."""
    assert expectation.effects.context is not None
    values = expectation.effects.context[name].dropna().to_numpy(float)
    own = float(expectation.city[name])
    if name in expectation.compared.log:
        values, own = np.log(values), math.log(own)
    low, wide = float(values.min()), float(np.ptp(values))
    if wide == 0:
        return np.full(len(values), 0.5), 0.5 if own == low else math.copysign(math.inf, own - low)
    return (values - low) / wide, (own - low) / wide


def _city(ax: Axes, row: int, own: float, *, out: bool) -> None:
    """The city's mark, and an arrow where it lies beyond the axis; outside it is another shape, not another colour alone."""
    at = min(max(own, 1 - FAR), FAR)
    look: dict[str, Any] = {"markeredgecolor": _style.DARK, "markeredgewidth": 0.8, "linestyle": "none", "zorder": 4}
    if out:
        ax.plot(at, row, "X", color=_style.VERMILLION, markersize=10, label=_once(ax, OUTSIDE), **look)
    else:
        ax.plot(at, row, "D", color=_style.ORANGE, markersize=8, label=_once(ax, INSIDE), **look)
    if at != own:
        step = math.copysign(0.28, own)
        arrow = {"arrowstyle": "->", "color": _style.VERMILLION, "linewidth": 1.3}
        ax.annotate("", (at + step, row), (at, row), arrowprops=arrow, zorder=3)


def _group(expectation: Expectation, ax: Axes, row: int, name: str) -> None:
    """Of groups only who is in the same one counts."""
    assert expectation.effects.context is not None
    known = [str(v) for v in expectation.effects.context[name].dropna()]
    same = sum(v == str(expectation.city[name]) for v in known)
    mark = ("D", _style.ORANGE, INSIDE) if same else ("X", _style.VERMILLION, OUTSIDE)
    ax.plot(
        0.5 if same else FAR, row, mark[0], color=mark[1], markersize=8 if same else 10, markeredgecolor=_style.DARK, markeredgewidth=0.8,
        linestyle="none", zorder=4, label=_once(ax, mark[2]),
    )  # fmt: skip
    told = f"{same} of {len(known)} pilots are in the same group"
    ax.text(
        0.6 if same else FAR - 0.08,
        row,
        told,
        fontsize=7.5,
        va="center",
        ha="left" if same else "right",
        color=_style.DARK,
    )


def _once(ax: Axes, name: str) -> str:
    """A label for the first mark of a kind; others get none."""
    return f"_{name}" if name in ax.get_legend_handles_labels()[1] else name


def _told(expectation: Expectation, name: str) -> str:
    """A row's name: the variable, the city's value and the pilots' range."""
    if name in expectation.compared.groups:
        return _style.folded(f"{name}: {expectation.city[name]}", 40)
    value, low, high = expectation.support.ranges[name]
    return f"{_style.folded(f'{name}: {shown(value)}', 40)}\npilots {shown(low)} to {shown(high)}"


def _missing(expectation: Expectation) -> str:
    left = sorted(expectation.compared.left_out or {})
    return "\n" + _style.folded(f"Not compared: {some(left)}.", 96) if left else ""


# ---- pilots ----------------------------------------------------------------------------------------------


def _distances(expectation: Expectation, ax: Axes) -> None:
    labels, distances = expectation.effects.labels, expectation.compared.to_city
    known = [k for k in np.argsort(distances, kind="stable").tolist() if math.isfinite(distances[k])]
    order = known[:MOST]
    ax.hlines(range(len(order)), 0, distances[order], color=_style.LIGHT, linewidth=1.2, zorder=1.5)
    ax.plot(distances[order], range(len(order)), "o", color=_style.BLUE, markersize=6, zorder=3, label="pilot")
    limit = expectation.support.limit
    if limit is not None:
        ax.axvline(
            limit, color=_style.GREEN, linestyle=(0, (5, 2)), linewidth=1.4, label="near, if one pilot is left of it"
        )
        ax.axvline(
            2 * limit,
            color=_style.VERMILLION,
            linestyle=(0, (1, 1.5)),
            linewidth=1.6,
            label="too far for a fair answer",
        )
    ax.set_xlim(0, 1.06 * max(float(distances[order].max()), 2 * (limit or 0.0), 1e-12))
    _style.tidy(ax, "x")
    _style.rows(ax, _names(labels, order))
    ax.set_xlabel(f"Distance to {expectation.name} in context" + _unseen(len(labels), len(known), len(order)))
    _style.legend_above(ax, columns=3, order=("pilot", "near", "too far"))


def _names(labels: Sequence[str], order: Sequence[int]) -> list[str]:
    return [labels[k] if len(labels[k]) <= 34 else labels[k][:33] + "\N{HORIZONTAL ELLIPSIS}" for k in order]


def _unseen(n: int, known: int, drawn: int) -> str:
    said = [f"{known - drawn} farther pilots"] if known > drawn else []
    said += [f"{n - known} whose context is not known"] if n > known else []
    return f"\nNot drawn: {' and '.join(said)}." if said else ""
