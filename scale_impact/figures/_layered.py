"""Where the nodes of a graph without cycles lie: causes left of effects, few arrows across each other.

Layers by longest paths, order within a layer by the neighbours' mean position, heights near the neighbours'. An arrow that
passes layers has a place of its own in each of them, so that it goes around nodes and not through them.
Source: Sugiyama, Tagawa and Toda (1981).
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Pair = tuple[Hashable, Hashable]
ROUNDS = 24


@dataclass(frozen=True)
class Layout:
    """Layer (0 is left) and height of each node, and the places that each arrow goes through, both ends included."""

    layer: Mapping[Hashable, int]
    height: Mapping[Hashable, float]
    routes: Mapping[Pair, tuple[Hashable, ...]]

    @property
    def n_layers(self) -> int:
        """How many layers there are."""
        return 1 + max(self.layer.values())


def layered(nodes: Sequence[str], edges: Sequence[Pair], ties: Sequence[Pair], axis: Sequence[str]) -> Layout:
    """Lay out nodes.

    Parameters
    ----------
    nodes, edges:
        A graph without cycles.
    ties:
        Pairs that a line without direction joins; those of one layer are joined beside it.
    axis:
        Nodes that should lie at one height: treatment and outcome.
    """
    layer: dict[Hashable, int] = {n: k for n, k in _layers(nodes, edges).items()}  # noqa: C416 (places of arrows join it)
    routes: dict[Pair, tuple[Hashable, ...]] = {}
    for kind, (a, b) in [("edge", e) for e in edges] + [("tie", t) for t in ties]:
        left, right = sorted((a, b), key=lambda n: layer[n]) if kind == "tie" else (a, b)
        between = [(kind, a, b, k) for k in range(layer[left] + 1, layer[right])]
        layer.update({place: place[3] for place in between})
        routes[kind, (a, b)] = (left, *between, right)
    rows = [[n for n in layer if layer[n] == k] for k in range(1 + max(layer.values()))]
    around = _neighbours(layer, routes)
    rows = _uncrossed(rows, around)
    return Layout(layer, _heights(rows, around, axis), routes)


def _layers(nodes: Sequence[str], edges: Sequence[Pair]) -> dict[str, int]:
    """Longest path from the left; nodes that nothing causes move next to what they cause first."""
    causes = {n: [a for a, b in edges if b == n] for n in nodes}
    effects = {n: [b for a, b in edges if a == n] for n in nodes}
    found: dict[str, int] = {}

    def place(node: str) -> int:
        if node not in found:
            found[node] = max((place(a) + 1 for a in causes[node]), default=0)  # type: ignore[arg-type]
        return found[node]

    for n in nodes:
        place(n)
    moved = {n: min(found[b] for b in effects[n]) - 1 for n in nodes if not causes[n] and effects[n]}  # type: ignore[index]
    return found | moved


def _neighbours(
    layer: Mapping[Hashable, int], routes: Mapping[Pair, tuple[Hashable, ...]]
) -> dict[Hashable, list[Hashable]]:
    around: dict[Hashable, list[Hashable]] = {n: [] for n in layer}
    for route in routes.values():
        for a, b in pairwise(route):
            around[a].append(b)
            around[b].append(a)
    return around


def _uncrossed(rows: list[list[Hashable]], around: Mapping[Hashable, Sequence[Hashable]]) -> list[list[Hashable]]:
    """The order with fewest crossings that sweeps to the right and to the left find."""
    best, least = rows, _crossings(rows, around)
    for turn in range(ROUNDS):
        rows = [list(r) for r in rows]
        order = range(1, len(rows)) if turn % 2 == 0 else range(len(rows) - 2, -1, -1)
        for k in order:
            beside = {
                n: i - len(rows[k + d]) / 2
                for d in ((-1,) if turn % 2 == 0 else (1,))
                for i, n in enumerate(rows[k + d])
            }
            rows[k] = _by_mean(rows[k], beside, around)
        if (count := _crossings(rows, around)) < least:
            best, least = rows, count
    return best


def _by_mean(
    row: list[Hashable], beside: Mapping[Hashable, float], around: Mapping[Hashable, Sequence[Hashable]]
) -> list[Hashable]:
    """A row in order of the neighbours' mean place; who has none there keeps its own."""
    own = {n: i - len(row) / 2 for i, n in enumerate(row)}
    mean = {n: float(np.mean([beside[m] for m in around[n] if m in beside] or [own[n]])) for n in row}
    return sorted(row, key=lambda n: mean[n])


def _crossings(rows: list[list[Hashable]], around: Mapping[Hashable, Sequence[Hashable]]) -> int:
    total = 0
    for left, right in pairwise(rows):
        place = {n: i for i, n in enumerate(right)}
        ends = [(i, place[m]) for i, n in enumerate(left) for m in around[n] if m in place]
        total += sum((a[0] - b[0]) * (a[1] - b[1]) < 0 for k, a in enumerate(ends) for b in ends[:k])
    return total


def _heights(
    rows: list[list[Hashable]], around: Mapping[Hashable, Sequence[Hashable]], axis: Sequence[str]
) -> dict[Hashable, float]:
    """Heights at least one apart within a layer, near the mean of the neighbours'; the axis is drawn to height 0."""
    height = {n: (len(row) - 1) / 2 - i for row in rows for i, n in enumerate(row)}
    for turn in range(ROUNDS):
        for row in rows if turn % 2 == 0 else rows[::-1]:
            wanted = [0.0 if n in axis else float(np.mean([height[m] for m in around[n]] or [height[n]])) for n in row]
            height.update(zip(row, -_apart([-w for w in wanted]), strict=True))
    return height


def _apart(wanted: list[float]) -> NDArray[np.float64]:
    """The nearest heights in the same order that lie at least one apart."""
    steps = np.arange(len(wanted), dtype=float)
    free = np.asarray(wanted) - steps
    n = range(len(free))
    level = [max(min(float(free[j : k + 1].mean()) for k in n if k >= i) for j in n if j <= i) for i in n]
    return np.asarray(np.array(level) + steps)
