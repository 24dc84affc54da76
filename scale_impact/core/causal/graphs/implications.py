"""Implications: which columns have to be independent, given which others, if a graph is right.

Two columns that no arrow joins are separated by some set of others, unless what nobody observed stands between them. Of each
such pair one set is enough: all other independencies follow from these where relations are linear and Gaussian
(Pearl and Meshkat 1999; van der Zander, Textor and Liskiewicz 2019, on the missing-edge basis).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from scale_impact.core.causal.graphs.graph import Graph, listed, nearest_separator


@dataclass(frozen=True)
class Independence:
    """``a`` and ``b`` are independent given others."""

    a: str
    b: str
    given: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """`rain` and `score` given `season`."""
        return f"`{self.a}` and `{self.b}`" + (f" given {listed(self.given)}" if self.given else "")

    def renamed(self, names: dict[str, str]) -> Independence:
        """The same of other nodes."""
        return Independence(names[self.a], names[self.b], tuple(sorted(names[g] for g in self.given)))

    @property
    def key(self) -> tuple[frozenset[str], frozenset[str]]:
        """What two statements that say the same have in common."""
        return frozenset((self.a, self.b)), frozenset(self.given)


def implications(graph: Graph) -> tuple[Independence, ...]:
    """One independence for each pair of observed nodes that can be separated; of its sets the nearest to the later node."""
    found = (_between(graph, late, early) for early, late in combinations(_in_time(graph), 2))
    return tuple(f for f in found if f is not None)


def _between(graph: Graph, late: str, early: str) -> Independence | None:
    causes = graph.ancestors([late, early]) - {late, early}
    allowed = [n for n in graph.observed if n in causes]
    if not graph.separated(late, early, allowed):
        return None
    return Independence(late, early, _sorted(graph, nearest_separator(graph, early, late, allowed)))


def local(graph: Graph) -> tuple[Independence, ...]:
    """Each observed node and each observed node that it does not cause, given its causes (the local Markov condition).

    A node with a cause that nobody observed takes the nearest set that separates the two in place of its causes, where there
    is one. Each pair may stand here twice, once from either side. Source: Pearl (2009), theorem 1.2.7; Eulig et al. (2023).
    """
    return tuple(i for node in graph.observed for i in _local(graph, node))


def _local(graph: Graph, node: str) -> Iterator[Independence]:
    causes = set(graph.arrows.pred[node])
    known = causes <= set(graph.observed)
    after = graph.descendants([node])
    for other in graph.observed:
        if other in after or other in causes:
            continue
        if known:
            yield Independence(node, other, _sorted(graph, causes))
        elif (found := _between(graph, node, other)) is not None:
            yield found


def _in_time(graph: Graph) -> list[str]:
    """Observed nodes, causes before effects, ties as written."""
    import networkx as nx

    place: dict[Hashable, int] = {n: k for k, n in enumerate(graph.nodes)}
    order: Any = nx.lexicographical_topological_sort(graph.arrows, key=lambda n: place.get(n, -1))
    return [n for n in order if n in graph.observed]


def _sorted(graph: Graph, nodes: set[Hashable]) -> tuple[str, ...]:
    return tuple(n for n in graph.nodes if n in nodes)
