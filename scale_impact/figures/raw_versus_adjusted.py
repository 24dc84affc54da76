"""A slope chart: where each city stands as it is, and where for its context.

A line that rises is a city that gains places when its context counts. Cities that gain and lose most are named, and the one asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from scale_impact.benchmark.adjustment import ContextAdjustment
from scale_impact.core.words import nearest
from scale_impact.errors import UsageError
from scale_impact.figures import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

By = Literal["rank", "score"]
Floats = _style.Floats

SIDE = 0.62
"""Room for names on either side, in units of the distance between both sides."""

LONGEST = 24
"""Letters of a name; longer ones are cut."""

UP, DOWN = "rises when context counts", "falls when context counts"


def draw(
    adjustment: ContextAdjustment, ax: Axes, *, unit: str = "", city: str | None = None, by: By = "rank", named: int = 8
) -> None:
    """Draw a line a city from its raw to its adjusted place.

    Parameters
    ----------
    adjustment:
        Raw and adjusted outcomes.
    ax:
        Where to draw.
    unit:
        Of the outcome, shown where scores are.
    city:
        A city that is to stand out.
    by:
        ``rank``, or ``score`` for the outcome itself.
    named:
        How many of the cities that move most are named.

    Raises
    ------
    UsageError
        There is no such city.
    """
    if city is not None and city not in adjustment.labels:
        raise UsageError(f"There is no city {city!r}. {nearest(city, adjustment.labels)}")
    left, right = _sides(adjustment, by)
    known = np.flatnonzero(~np.isnan(left + right))
    if not len(known):
        return _style.say(ax, "No city has an expected value: there is nothing to compare.")
    gain = left - right if by == "rank" else right - left
    moved = _most_moved(gain, known, adjustment.labels, named)
    asked = [] if city is None or adjustment.labels.index(city) not in known else [adjustment.labels.index(city)]
    _axes(ax, left[known], right[known], by, unit)
    _lines(ax, left, right, known)
    moved = [k for k in moved if k not in asked]
    chosen = [*moved, *asked]
    colours = [_style.BLUE if gain[k] > 0 else _style.VERMILLION for k in moved] + [_style.DARK] * len(asked)
    _named_lines(ax, adjustment, left, right, chosen, colours, by)
    _legend(ax, adjustment, len(known), city, asked, gain[moved])


def height(adjustment: ContextAdjustment) -> float:
    """Inches: more cities need a higher figure, up to a page."""
    return float(np.clip(3.6 + len(adjustment.labels) / 60, 4.0, 7.5))


def _sides(adjustment: ContextAdjustment, by: By) -> tuple[Floats, Floats]:
    if by == "rank":
        return adjustment.raw_ranks, adjustment.adjusted_ranks
    return np.where(np.isnan(adjustment.adjusted), np.nan, adjustment.outcome), adjustment.adjusted


def _most_moved(gain: Floats, known: Any, labels: Sequence[str], named: int) -> list[int]:
    """Cities that gain most and cities that lose most, as many of each as there are, up to so many."""
    order = [int(k) for k in sorted(known, key=lambda k: (-abs(gain[k]), labels[k]))]
    up, down = [k for k in order if gain[k] > 0], [k for k in order if gain[k] < 0]
    n_up = min(len(up), max((named + 1) // 2, named - len(down)))
    return [*up[:n_up], *down[: named - n_up]]


def _axes(ax: Axes, left: Floats, right: Floats, by: By, unit: str) -> None:
    both = np.concatenate([left, right])
    low, high = float(both.min()), float(both.max())
    pad = 0.03 * (high - low) or 1.0
    ax.set(xlim=(-SIDE, 1 + SIDE), ylim=(high + pad, low - pad) if by == "rank" else (low - pad, high + pad))
    _style.tidy(ax, None)
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.set_xticks([0, 1], ["as it is", "for its context"])
    ax.tick_params(length=0)
    for x in (0, 1):
        ax.axvline(x, color=_style.GREY, linewidth=0.8, zorder=1.5, label="_side")
    if by == "rank":
        ticks = [t for t in ax.get_yticks() if low < t < high]
        ax.set_yticks([low, *[t for t in ticks if min(t - low, high - t) > 0.06 * (high - low)], high])
        ax.set_ylabel("Rank (1 is best)")
    else:
        _style.unit_label(ax, unit or "Score (more is better)")


def _lines(ax: Axes, left: Floats, right: Floats, known: Any) -> None:
    """All cities, so pale that many of them stay readable."""
    from matplotlib.collections import LineCollection

    segments = [[(0.0, left[k]), (1.0, right[k])] for k in known]
    faint = float(np.clip(30 / len(known), 0.25, 0.9))
    ax.add_collection(
        LineCollection(segments, colors=_style.GREY, linewidths=0.6, alpha=faint, zorder=2, label="_city")
    )


def _named_lines(
    ax: Axes, adjustment: ContextAdjustment, left: Floats, right: Floats, chosen: list[int], colours: list[str], by: By
) -> None:
    for k, colour in zip(chosen, colours, strict=True):
        doubtful: dict[str, Any] = {} if adjustment.supported[k] else {"linestyle": (0, (4, 2))}
        width = 2.4 if colour == _style.DARK else 1.5
        ax.plot(
            [0, 1],
            [left[k], right[k]],
            color=colour,
            linewidth=width,
            zorder=3,
            marker="o",
            markersize=3.5,
            label="_named",
            **doubtful,
        )
    names = [_short(adjustment.labels[k]) for k in chosen]
    _names(
        ax,
        [left[k] for k in chosen],
        [f"{n}  {_value(left[k], by)}" for n, k in zip(names, chosen, strict=True)],
        colours,
        0.0,
    )
    _names(
        ax,
        [right[k] for k in chosen],
        [f"{_value(right[k], by)}  {n}" for n, k in zip(names, chosen, strict=True)],
        colours,
        1.0,
    )


def _names(ax: Axes, ends: list[float], names: list[str], colours: list[str], side: float) -> None:
    """Names beside the ends of lines, moved apart where they would overlap."""
    low, high = sorted(ax.get_ylim())
    inches = ax.get_position().height * ax.figure.get_figheight()  # type: ignore[union-attr]
    gap = 8 * 1.35 / 72 / inches * (high - low)
    places = _style.spread(ends, gap, low + gap / 2, high - gap / 2)
    out = 1 if side else -1
    for y, end, name, colour in zip(places, ends, names, colours, strict=True):
        ax.plot(
            [side + 0.015 * out, side + 0.055 * out], [end, y], color=colour, linewidth=0.6, label="_lead", zorder=2.5
        )
        look: dict[str, Any] = {"fontweight": "bold"} if colour == _style.DARK else {}
        ax.text(
            side + 0.065 * out, y, name, color=colour, fontsize=8, va="center", ha="left" if side else "right", **look
        )


def _short(name: str) -> str:
    return name if len(name) <= LONGEST else name[: LONGEST - 1].rstrip() + "\N{HORIZONTAL ELLIPSIS}"


def _value(value: float, by: By) -> str:
    return f"{value:.0f}" if by == "rank" else _style.signed(f"{value:.3g}")


def _legend(ax: Axes, adjustment: ContextAdjustment, n: int, city: str | None, asked: list[int], gains: Floats) -> None:
    handles = [_style.handle(_style.DARK, _short(str(city)), linewidth=2.4)] if asked else []
    handles += [_style.handle(_style.BLUE, UP, linewidth=1.5)] if (gains > 0).any() else []
    handles += [_style.handle(_style.VERMILLION, DOWN, linewidth=1.5)] if (gains < 0).any() else []
    if len(adjustment.unsupported):
        handles.append(
            _style.handle(_style.GREY, "dashed: no other city has its context", linewidth=1.5, linestyle=(0, (4, 2)))
        )
    _style.legend_above(ax, [*handles, _style.handle(_style.GREY, f"{n} cities", linewidth=0.6)], columns=3)
    if city is not None and not asked:
        ax.set_title(f"{_short(city)} has no expected value", fontsize=8, loc="right", color=_style.DARK)
