"""A causal graph: causes left of effects; treatment, outcome, what is adjusted for and what nobody observed are marked.

A solid arrow is a cause, a dashed line with two heads a common cause that nobody observed; a pale arrow is a cause that drops out where
outcomes are changes, as it does not change.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from scale_impact.core.causal.graphs.graph import OUTCOME, TREATMENT, Graph
from scale_impact.core.check import Check
from scale_impact.figures import _style
from scale_impact.figures._layered import Layout, layered

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FONT = 8.0
LETTERS = 16
"""Letters in a line of a node's name."""
LONGEST = 24
"""Letters after which a single word is broken."""
ROW, PAD, TALL = 0.62, 0.09, 0.13
"""Inches: between the middles of rows, around a name, and a line of it."""
HIDDEN: dict[str, Any] = {"edgecolor": _style.GREY, "facecolor": "white", "linestyle": (0, (3, 2))}
LOOKS: dict[str, dict[str, Any]] = {
    "treatment": {"edgecolor": _style.VERMILLION, "facecolor": "#FBE3D6", "linewidth": 1.6},
    "outcome": {"edgecolor": _style.BLUE, "facecolor": "#DCEBF6", "linewidth": 1.6},
    "adjusted for": {"edgecolor": _style.GREEN, "facecolor": "#DDF1EA", "linewidth": 1.6},
    "not observed": HIDDEN,
    "other": {"edgecolor": _style.GREY, "facecolor": "white"},
}
COMMON, DROPPED = "common cause not observed", "drops out over changes"


@dataclass(frozen=True)
class _Drawing:
    """A graph with its marks."""

    nodes: tuple[str, ...]
    edges: tuple[tuple[str, str], ...]
    common: tuple[tuple[str, str], ...]
    kind: Mapping[str, str]
    dropped: tuple[tuple[str, str], ...] = ()

    @property
    def layout(self) -> Layout:
        """Where its nodes lie."""
        return layered(
            self.nodes,
            (*self.edges, *self.dropped),
            self.common,
            [n for n, k in self.kind.items() if k in (TREATMENT, OUTCOME)],
        )


def draw(
    graph: Graph | Check,
    ax: Axes,
    *,
    unit: str = "",
    treatment: str = TREATMENT,
    outcome: str = OUTCOME,
    adjusted: Sequence[str] = (),
) -> None:
    """Draw a graph, or that of the check ``identification`` with what it adjusts for.

    Parameters
    ----------
    graph:
        The graph, or the check.
    treatment, outcome, adjusted:
        Nodes to mark; a check knows them itself.
    """
    if isinstance(graph, Check) and "nodes" not in graph.details:
        return _style.say(ax, graph.reason)
    drawing = _drawing(graph, treatment, outcome, adjusted)
    layout, boxes = drawing.layout, {n: _box(n) for n in drawing.nodes}
    page = _page(layout, boxes)
    for key, route in layout.routes.items():
        _line(ax, key, route, page, layout, gone=key[1] in drawing.dropped)
    for name in drawing.nodes:
        _node(ax, name, page[name], drawing.kind[name])
    _frame(ax, page, layout)
    _legend(ax, drawing)


def height(graph: Graph | Check) -> float:
    """Inches for the rows of a graph."""
    if isinstance(graph, Check) and "nodes" not in graph.details:
        return 2.0
    heights = _drawing(graph, TREATMENT, OUTCOME, ()).layout.height.values()
    return float(min(max(2.4, 1.3 + ROW * (max(heights) - min(heights) + 1)), 9.0))


def _drawing(graph: Graph | Check, treatment: str, outcome: str, adjusted: Sequence[str]) -> _Drawing:
    if isinstance(graph, Check):
        found = graph.details
        pairs = {k: tuple((str(a), str(b)) for a, b in found.get(k, ())) for k in ("edges", "common", "dropped")}
        kind = _kinds(found["nodes"], found[TREATMENT], found[OUTCOME], found["adjusted"], found["unobserved"])
        return _Drawing(tuple(found["nodes"]), pairs["edges"], pairs["common"], kind, pairs["dropped"])
    hidden = [*graph.unobserved, *graph.constant]
    return _Drawing(graph.nodes, graph.edges, graph.common, _kinds(graph.nodes, treatment, outcome, adjusted, hidden))


def _kinds(
    nodes: Sequence[str], treatment: str, outcome: str, adjusted: Sequence[str], hidden: Sequence[str]
) -> dict[str, str]:
    marks = dict.fromkeys(hidden, "not observed") | dict.fromkeys(adjusted, "adjusted for")
    marks |= {treatment: TREATMENT, outcome: OUTCOME}
    return {n: marks.get(n, "other") for n in nodes}


# ---- nodes -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Box:
    """Middle and size of a node, in inches, and its name in lines."""

    x: float
    y: float
    width: float
    height: float
    lines: tuple[str, ...]


def _box(name: str) -> _Box:
    from matplotlib.textpath import TextPath

    lines = _folded(name)
    width = max(float(TextPath((0, 0), line or " ", size=FONT).get_extents().width) for line in lines) / 72
    return _Box(0.0, 0.0, width + 2 * PAD, len(lines) * TALL + 2 * PAD, lines)


def _folded(name: str) -> tuple[str, ...]:
    """A name in lines, broken at spaces, underscores, hyphens and capitals within a word."""
    mark = "\N{ZERO WIDTH SPACE}"
    pieces = re.sub(r"([_\-/.])(?=.)|(?<=[a-z])(?=[A-Z])", rf"\1 {mark}", name)
    lines = textwrap.wrap(pieces, LETTERS, break_long_words=False) or [name]
    whole = (line.replace(f" {mark}", "").replace(mark, "") for line in lines)
    return tuple(part for line in whole for part in textwrap.wrap(line, LONGEST))


def _page(layout: Layout, boxes: Mapping[str, _Box]) -> dict[Hashable, _Box]:
    """All places in inches; columns are as wide as their widest node, gaps as wide as the page leaves."""
    widths = [
        max((b.width for n, b in boxes.items() if layout.layer[n] == k), default=0.0) for k in range(layout.n_layers)
    ]
    room = 0.95 * _style.WIDTH - sum(widths)
    gap = min(max(room / max(len(widths) - 1, 1), 0.3), 1.4)
    starts = [sum(widths[:k]) + gap * k for k in range(len(widths))]
    none = _Box(0.0, 0.0, 0.0, 0.0, ())
    page: dict[Hashable, _Box] = {}
    for place, k in layout.layer.items():
        box = boxes.get(place, none) if isinstance(place, str) else none
        wide = box.width or widths[k]
        page[place] = _Box(starts[k] + widths[k] / 2, ROW * layout.height[place], wide, box.height, box.lines)
    return page


def _node(ax: Axes, name: str, box: _Box, kind: str) -> None:
    from matplotlib.patches import FancyBboxPatch

    corner = (box.x - box.width / 2, box.y - box.height / 2)
    look = {"linewidth": 1.0, **LOOKS[kind], "zorder": 3, "label": f"_{kind}: {name}"}
    ax.add_patch(FancyBboxPatch(corner, box.width, box.height, boxstyle="round,pad=0,rounding_size=0.07", **look))
    ax.text(box.x, box.y, "\n".join(box.lines), ha="center", va="center", fontsize=FONT, color=_style.DARK, zorder=4)


# ---- arrows ------------------------------------------------------------------------------------


def _line(
    ax: Axes, key: Any, route: tuple[Hashable, ...], page: Mapping[Hashable, _Box], layout: Layout, *, gone: bool
) -> None:
    """A smooth line from the right of a node to the left of another, through the places of its route; pale where it is ``gone``."""
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path

    tie = key[0] == "tie"
    same = layout.layer[route[0]] == layout.layer[route[-1]]
    points = _beside(page[route[0]], page[route[-1]]) if same else _through(route, page, layout, key)
    codes = [Path.MOVETO, *[Path.CURVE4] * (len(points) - 1)]
    look: dict[str, Any] = (
        {"linestyle": (0, (4, 3)), "color": _style.GREY} if tie else {"color": _style.LIGHT if gone else _style.DARK}
    )
    kind = "tie" if tie else "dropped" if gone else "arrow"
    ax.add_patch(
        FancyArrowPatch(
            path=Path(points, codes),
            arrowstyle="<|-|>" if tie else "-|>",
            mutation_scale=8,
            linewidth=1.0,
            zorder=2,
            label=f"_{kind}: {key[1][0]}, {key[1][1]}",
            shrinkA=0,
            shrinkB=0,
            **look,
        )
    )


def _through(
    route: tuple[Hashable, ...], page: Mapping[Hashable, _Box], layout: Layout, key: Any
) -> list[tuple[float, float]]:
    first, last = page[route[0]], page[route[-1]]
    start = (first.x + first.width / 2, first.y + _port(route[0], key, layout, page, side=1))
    end = (last.x - last.width / 2 - 0.01, last.y + _port(route[-1], key, layout, page, side=-1))
    stops = [start]
    for place in route[1:-1]:
        box = page[place]
        stops += [(box.x - box.width / 2, box.y), (box.x + box.width / 2, box.y)]
    stops.append(end)
    points = [start]
    for (x0, y0), (x1, y1) in pairwise(stops):
        middle = (x0 + x1) / 2
        points += [(middle, y0), (middle, y1), (x1, y1)]
    return points


def _port(node: Hashable, key: Any, layout: Layout, page: Mapping[Hashable, _Box], side: int) -> float:
    """How far from the middle of a node's side a line meets it: lines from above meet it above."""
    ends = []
    for other, route in layout.routes.items():
        if layout.layer[route[0]] == layout.layer[route[-1]]:
            continue
        if side > 0 and route[0] == node:
            ends.append((page[route[1]].y, str(other), other))
        elif side < 0 and route[-1] == node:
            ends.append((page[route[-2]].y, str(other), other))
    order = [other for _, _, other in sorted(ends, key=lambda e: e[:2])]
    step = min(0.11, (page[node].height - 0.08) / max(len(order) - 1, 1))
    return (order.index(key) - (len(order) - 1) / 2) * step


def _beside(a: _Box, b: _Box) -> list[tuple[float, float]]:
    """Two nodes of one layer are joined left of it."""
    high, low = (a, b) if a.y > b.y else (b, a)
    left = min(a.x - a.width / 2, b.x - b.width / 2)
    bow = left - 0.15 - 0.12 * abs(a.y - b.y)
    top, bottom = (high.x - high.width / 2 - 0.01, high.y), (low.x - low.width / 2 - 0.01, low.y)
    return [top, (bow, top[1]), (bow, bottom[1]), bottom]


# ---- frame -------------------------------------------------------------------------------------


def _frame(ax: Axes, page: Mapping[Hashable, _Box], layout: Layout) -> None:
    ax.set_axis_off()
    boxes = list(page.values())
    low, high = min(b.y - b.height / 2 for b in boxes), max(b.y + b.height / 2 for b in boxes)
    left, right = min(b.x - b.width / 2 for b in boxes), max(b.x + b.width / 2 for b in boxes)
    side = max(0.0, (0.95 * _style.WIDTH - (right - left)) / 2)
    tied = any(layout.layer[r[0]] == layout.layer[r[-1]] for r in layout.routes.values())
    ax.set_xlim(left - side - (0.5 if tied else 0.1), right + side + 0.1)
    ax.set_ylim(low - 0.12, high + 0.12)


def _legend(ax: Axes, drawing: _Drawing) -> None:
    from matplotlib.patches import Patch

    there = [k for k in LOOKS if k != "other" and k in drawing.kind.values()]
    handles: list[Any] = [Patch(label=k, **({"linewidth": 1.0} | LOOKS[k])) for k in there]
    if drawing.common:
        handles.append(_style.handle(_style.GREY, COMMON, **_style.DASHED))
    if drawing.dropped:
        handles.append(_style.handle(_style.LIGHT, DROPPED))
    _style.legend_above(ax, handles, columns=6)
