"""A map of cities on two context axes: one city, its peers, and all others.

Nearness on the map is nearness in two variables; peers are near in all of them. Peers that lie far from the city on the map are near
in what the map does not show. Without a city the map shows who has no fair peer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from scale_impact.core.words import nearest
from scale_impact.errors import UsageError
from scale_impact.figures import _style
from scale_impact.figures._style import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from scale_impact.benchmark.cities import ContextColumn
    from scale_impact.benchmark.peers import Peers

OTHERS, ALONE = "other cities", "no fair peer"

NAMED = 14
"""So many names have room beside the map."""

ALIKE = 0.9
"""Two numbers that correlate more than this make a line, not a map."""


def draw(
    peers: Peers,
    ax: Axes,
    *,
    unit: str = "",
    city: str | None = None,
    x: str | None = None,
    y: str | None = None,
    log: list[str] | None = None,
) -> None:
    """Draw the map; ``unit`` is not used, context variables have their own.

    Parameters
    ----------
    city:
        Whose peers are shown; without it all cities, and who has no peer.
    x, y:
        Columns of the axes. Without them the first number of the context, and the first after it that does not tell the same.
    log:
        Columns on a logarithmic axis; without it those that were compared as logarithms.

    Raises
    ------
    UsageError
        No such city or column, or a column of groups.
    """
    if not peers.context.numbers:
        return _style.say(ax, "The context has no numbers, so there are no axes on which cities could lie.")
    chosen = _columns(peers, x, y)
    logs = list(peers.recipe.log if log is None else log)
    at = np.column_stack([_values(peers, c, logs) for c in chosen])
    row = None if city is None else peers.row(city)
    shown: list[int] = np.flatnonzero(~np.isnan(at).any(axis=1)).tolist()
    mine = [] if row is None else [int(k) for k in peers.indices[row] if k in set(shown)]
    alone = [k for k in shown if peers.context.labels[k] in peers.why_not and k != row and not _outside(peers)]
    _axes(ax, peers, chosen, logs)
    _clouds(ax, at, [k for k in shown if k not in {*mine, *alone, row}], alone)
    if mine:
        ax.plot(*at[mine].T, "o", color=_style.BLUE, markersize=6, zorder=3, label=f"peers of {city}")
    if row is not None and row in shown:
        ax.plot(*at[row], "D", color=_style.VERMILLION, markersize=7.5, zorder=4, label=city, linestyle="none")
    _reasons(ax, peers, city, len(at) - len(shown))
    _style.legend_above(ax, order=(city or "", "peers of"))
    _names(ax, at, _named(peers, row, mine, alone))


def height(peers: Peers) -> float:
    """Inches: room for the names beside the map."""
    return 4.6


def _outside(peers: Peers) -> bool:
    """Whether peers were sought for a group only, so that having none says nothing of the others."""
    return peers.recipe.group is not None


def _columns(peers: Peers, x: str | None, y: str | None) -> tuple[str, ...]:
    """The columns of both axes; one where the context has one number."""
    numbers = peers.context.numbers
    for option, name in (("x", x), ("y", y)):
        if name is not None and name not in numbers:
            raise UsageError(f"{option}: the context has no number {name!r}. {nearest(name, numbers)}")
    first = x or next(n for n in numbers if n != y or len(numbers) == 1)
    rest = [n for n in numbers if n != first]
    second = y or next((n for n in rest if abs(_correlation(peers, first, n)) < ALIKE), rest[0] if rest else None)
    return (first,) if second is None else (first, second)


def _correlation(peers: Peers, a: str, b: str) -> float:
    values = peers.context.frame[[a, b]].dropna().to_numpy(float)
    if len(values) < 3 or (np.ptp(values, axis=0) == 0).any():
        return 0.0
    return float(np.corrcoef(values.argsort(axis=0).argsort(axis=0).T)[0, 1])


def _values(peers: Peers, column: str, logs: Sequence[str]) -> Floats:
    """Values of a column; NaN where not known, or not on a logarithmic axis."""
    values = peers.context.frame[column].to_numpy(float)
    return np.where(values > 0, values, np.nan) if column in logs else values


def _axes(ax: Axes, peers: Peers, chosen: Sequence[str], logs: Sequence[str]) -> None:
    from matplotlib.ticker import FuncFormatter, NullFormatter

    about = {c.column: c for c in peers.context.columns}
    _style.tidy(ax, None)
    ax.grid(True, color=_style.PALE, linewidth=0.8)
    for axis, name, side in zip((ax.xaxis, ax.yaxis), chosen, "xy", strict=False):
        axis.set_label_text(_style.folded(_label(about[name]), 42))
        if name in logs:
            getattr(ax, f"set_{side}scale")("log")
            axis.set_minor_formatter(NullFormatter())
        axis.set_major_formatter(FuncFormatter(lambda value, _: _style.signed(f"{value:,.10g}")))
    if len(chosen) == 1:
        ax.set_yticks([])
        ax.spines["left"].set_visible(False)


def _label(column: ContextColumn) -> str:
    name = column.meaning or column.column
    text = f"{name}, {column.unit}" if column.unit else name
    return text[:1].upper() + text[1:]


def _clouds(ax: Axes, at: Floats, others: Sequence[int], alone: Sequence[int]) -> None:
    size = 3.5 if len(others) < 500 else 2.2
    if len(others):
        ax.plot(*_pairs(at[others]), "o", color=_style.LIGHT, markersize=size, zorder=2, label=OTHERS)
    if len(alone):
        look: dict[str, Any] = {"color": _style.PURPLE, "markersize": 5, "markeredgewidth": 1.3}
        ax.plot(*_pairs(at[alone]), "x", zorder=2.5, label=ALONE, **look)


def _pairs(at: Floats) -> Floats:
    """Coordinates by axis; of one number all lie on a line."""
    found: Floats = at.T if at.shape[1] == 2 else np.vstack([at.T, np.zeros(len(at))])
    return found


def _reasons(ax: Axes, peers: Peers, city: str | None, missing: int) -> None:
    """Below the axis: why the city has no peers, and how many cities are not drawn."""
    said: list[str] = []
    if city is not None and city in peers.why_not:
        said.append(f"{city} has no fair peer. {peers.why_not[city]}")
    if city is not None and city in peers.fewer:
        said.append(f"{city}: {peers.fewer[city]}")
    if missing:
        said.append(f"Not drawn: {missing:,} without a value on these axes.")
    if said:
        ax.set_xlabel(ax.get_xlabel() + "\n" + "\n".join(_style.folded(s, 84) for s in said))


def _named(peers: Peers, row: int | None, mine: Sequence[int], alone: Sequence[int]) -> list[tuple[int, str, str]]:
    """Rows with their names and colours: a city and its peers, or those without any."""
    labels = peers.context.labels
    if row is None:
        return [(k, labels[k], _style.PURPLE) for k in list(alone)[:NAMED]]
    rank = {int(k): n for n, k in enumerate(peers.indices[row], start=1)}
    return [
        (row, labels[row], _style.VERMILLION),
        *((k, f"{rank[k]}  {labels[k]}", _style.BLUE) for k in mine[: NAMED - 1]),
    ]


def _names(ax: Axes, at: Floats, named: Sequence[tuple[int, str, str]]) -> None:
    """Names in a column beside the map, each with a line to its city, moved apart where they would overlap."""
    named = [n for n in named if not np.isnan(at[n[0]]).any()]
    if not named:
        return
    ax.set(xlim=ax.get_xlim(), ylim=ax.get_ylim())
    points = _pairs(at[[k for k, _, _ in named]]).T
    heights = ax.transAxes.inverted().transform(ax.transData.transform(points))[:, 1].tolist()
    inches = 0.68 * ax.figure.get_figheight()  # type: ignore[union-attr]
    places = _style.spread(heights, 8 * 1.35 / 72 / inches, 0.0, 1.0)
    for (_, name, colour), point, place in zip(named, points, places, strict=True):
        line = {
            "arrowstyle": "-",
            "color": colour,
            "linewidth": 0.5,
            "alpha": 0.55,
            "shrinkA": 1,
            "shrinkB": 3,
            "relpos": (0, 0.5),
        }
        ax.annotate(
            name, point, (1.03, place), textcoords="axes fraction", color=colour, fontsize=8, va="center", ha="left",
            arrowprops=line, annotation_clip=False, fontweight="bold" if colour == _style.VERMILLION else "normal",
        )  # fmt: skip
