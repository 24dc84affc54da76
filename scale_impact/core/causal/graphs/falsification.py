"""Falsification: does a graph fit the data better than the same graph with its nodes exchanged?

A graph of some size always gets some independencies wrong in finite data. What tells is whether it gets fewer wrong than
graphs of the same shape in which the columns change places at random, and whether those say something else at all.
Source: Eulig, Mastakouri, Bloebaum, Hardt and Janzing (2023).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, permutations
from math import factorial

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.causal.graphs.graph import Graph
from scale_impact.core.causal.graphs.implications import Independence, local
from scale_impact.core.causal.graphs.independence import Method, Nodes, measured

Floats = NDArray[np.float64]
Key = tuple[frozenset[str], frozenset[str]]


@dataclass(frozen=True, eq=False)
class Falsification:
    """A graph beside its permutations.

    Attributes
    ----------
    asked:
        The independencies that the graph implies.
    p_values:
        Of their tests.
    violations:
        How many the data reject.
    permuted:
        [B], how many they reject of each permuted graph.
    same:
        [B], how many of a permuted graph's independencies do not hold in the given one; 0 where it is as good as the same
        (of the same Markov equivalence class).
    complete:
        Whether these are all permutations.
    """

    asked: tuple[Independence, ...]
    p_values: Floats
    violations: int
    permuted: NDArray[np.int64]
    same: NDArray[np.int64]
    complete: bool

    @property
    def p_value(self) -> float:
        """Share of permuted graphs with no more violations than the given one."""
        return self._share(self.permuted <= self.violations)

    @property
    def p_same(self) -> float:
        """Share of permuted graphs that imply the same: where it is large the graph cannot be told from others."""
        return self._share(self.same == 0)

    def _share(self, found: NDArray[np.bool_]) -> float:
        """Drawn permutations count the given graph as one of them, all permutations have it among them."""
        return float(found.mean()) if self.complete else float((found.sum() + 1) / (len(found) + 1))


def falsify(graph: Graph, nodes: Nodes, *, draws: int, alpha: float, method: Method, seed: int) -> Falsification | None:
    """Count the independencies that data reject, of a graph and of its permutations; None where it implies none.

    Each independence is tested once, whichever graph asks; whether it holds in the given graph is looked up once, too.
    """
    asked = local(graph)
    if not asked:
        return None
    complete = factorial(len(graph.observed)) <= draws
    exchanged = [[i.renamed(names) for i in asked] for names in _exchanges(graph.observed, draws, complete, seed)]
    distinct = {i.key: i for i in (*asked, *(i for graph_ in exchanged for i in graph_))}
    p_values = dict(zip(distinct, _p_values(nodes, list(distinct.values()), method, seed), strict=True))
    holds = {k: graph.separated(i.a, i.b, i.given) for k, i in distinct.items()}
    return Falsification(
        asked,
        np.array([p_values[i.key] for i in asked]),
        sum(p_values[i.key] <= alpha for i in asked),
        np.array([sum(p_values[i.key] <= alpha for i in one) for one in exchanged]),
        np.array([sum(not holds[i.key] for i in one) for one in exchanged]),
        complete,
    )


def _p_values(nodes: Nodes, asked: list[Independence], method: Method, seed: int) -> list[float]:
    return [t.p_value for t in measured(nodes, asked, method, seed)]


def _exchanges(names: tuple[str, ...], draws: int, complete: bool, seed: int) -> Iterator[dict[str, str]]:
    """All ways of exchanging names, or some at random."""
    if complete:
        return (dict(zip(names, other, strict=True)) for other in permutations(names))
    rng = np.random.default_rng(seed)
    return islice(iter(lambda: dict(zip(names, rng.permutation(list(names)).tolist(), strict=True)), None), draws)
