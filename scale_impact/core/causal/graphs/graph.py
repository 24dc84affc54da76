"""Causal graph: which column causes which, what nobody observed, and which paths are open.

Arrows are causes. ``a <-> b`` is a common cause of the two that nobody observed. The words ``treatment`` and ``outcome``
stand for a study's own columns. Two variables are independent given others where no path between them is open: a path is
blocked by a variable in the middle that is held fixed, unless arrows meet there (a collider), which block until they, or
something that they cause, are held fixed (Pearl 2009, definition 1.2.3).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

from scale_impact.core.causal.graphs.notation import Pair, Written, from_dot, from_edges, quoted
from scale_impact.core.words import nearest
from scale_impact.errors import DesignError

TREATMENT, OUTCOME = "treatment", "outcome"
MOST_STEPS = 20_000
"""Steps after which the search for further open paths ends; the first one is found without this limit."""

Path = tuple[Hashable, ...]


@dataclass(frozen=True)
class Graph:
    """A causal graph without cycles.

    Attributes
    ----------
    nodes:
        Names, in the order in which they were written.
    edges:
        (cause, effect).
    common:
        Pairs with a common cause that nobody observed.
    unobserved:
        Nodes that are not in the data.
    constant:
        Nodes that do not change over time and act additively: they drop out of changes.
    """

    nodes: tuple[str, ...]
    edges: tuple[Pair, ...]
    common: tuple[Pair, ...] = ()
    unobserved: tuple[str, ...] = ()
    constant: tuple[str, ...] = ()

    @classmethod
    def parse(
        cls,
        edges: Sequence[str] = (),
        dot: str | None = None,
        unobserved: Sequence[str] = (),
        constant: Sequence[str] = (),
    ) -> Graph:
        """Read a graph from arrows between names, DOT, or both.

        Raises
        ------
        DesignError
            Something cannot be read, a cycle (named), a name that is not in the graph. All problems at once.
        """
        written = from_edges(edges)
        if dot is not None:
            written.add(from_dot(dot))
        hidden = tuple(dict.fromkeys([*written.unobserved, *unobserved]))
        graph = cls(tuple(written.nodes), tuple(written.edges), tuple(written.common), hidden, tuple(constant))
        if problems := [*written.problems, *_problems(graph, written)]:
            raise DesignError(problems, where="graph")
        return graph

    # ---- names

    def named(self, treatment: str, outcome: str) -> Graph:
        """The graph with the words ``treatment`` and ``outcome`` replaced by a study's own names."""
        return self.renamed({TREATMENT: treatment, OUTCOME: outcome})

    def renamed(self, own: Mapping[str, str]) -> Graph:
        """The graph with other names of some nodes."""

        def new(name: str) -> str:
            return own.get(name, name)

        def pairs(given: tuple[Pair, ...]) -> tuple[Pair, ...]:
            return tuple(dict.fromkeys((new(a), new(b)) for a, b in given))

        return Graph(
            tuple(dict.fromkeys(map(new, self.nodes))), pairs(self.edges), pairs(self.common),
            tuple(map(new, self.unobserved)), tuple(map(new, self.constant)),
        )  # fmt: skip

    def of_study(self, treatment: str, outcome: str, columns: Collection[str]) -> Graph:
        """The graph in a study's own names; nodes that are not in the data have to be declared.

        Raises
        ------
        DesignError
            Treatment or outcome are not in the graph or unobserved, a node is neither a column nor unobserved, or the
            study's names close a cycle. All problems at once.
        """
        graph = self.named(treatment, outcome)
        ends = ((TREATMENT, treatment), (OUTCOME, outcome))
        problems = [p for word, name in ends for p in graph._end(word, name)]
        problems += [graph._unknown(n, columns) for n in graph._undeclared({treatment, outcome}, columns)]
        if graph != self:
            problems += _loops(graph)
        if problems:
            raise DesignError(problems, where="graph")
        constant = {c for c in graph.constant if c not in columns}
        return replace(graph, unobserved=tuple(dict.fromkeys([*graph.unobserved, *sorted(constant)])))

    def _end(self, word: str, name: str) -> list[str]:
        if name not in self.nodes:
            return [
                f"The {word}, {name!r}, is not in the graph. Draw its arrows, under its name or as `{word}`. Nodes: {', '.join(self.nodes)}."
            ]
        if name in self.unobserved:
            return [
                f"The {word}, {name!r}, is declared unobserved. Take it out of `unobserved`: the study measures it."
            ]
        return []

    def _undeclared(self, ends: set[str], columns: Collection[str]) -> list[str]:
        declared = {*ends, *self.unobserved, *self.constant}
        return [n for n in self.nodes if n not in declared and n not in columns]

    def _unknown(self, name: str, columns: Collection[str]) -> str:
        return (
            f"Node {name!r} is neither a column of the data nor declared unobserved. {nearest(name, columns)} Correct it, or name it "
            "under `unobserved`."
        )

    # ---- structure

    @cached_property
    def arrows(self) -> Any:
        """The graph for networkx, with a node ``(a, b)`` for each common cause that nobody observed."""
        import networkx as nx

        directed = nx.DiGraph()
        directed.add_nodes_from(self.nodes)
        directed.add_edges_from(self.edges)
        directed.add_edges_from((pair, end) for pair in self.common for end in pair)
        return directed

    @cached_property
    def observed(self) -> tuple[str, ...]:
        """Nodes that are in the data."""
        return tuple(n for n in self.nodes if n not in self.unobserved)

    def ancestors(self, of: Iterable[Hashable]) -> set[Hashable]:
        """Nodes that cause one of some nodes, and those themselves."""
        return _reached(of, self.arrows.pred)

    def descendants(self, of: Iterable[Hashable]) -> set[Hashable]:
        """Nodes that one of some nodes causes, and those themselves."""
        return _reached(of, self.arrows.succ)

    def parents(self, node: str) -> tuple[str, ...]:
        """Direct causes that have a name."""
        return tuple(a for a, b in self.edges if b == node)

    def separated(self, a: Hashable, b: Hashable, given: Collection[Hashable] = ()) -> bool:
        """Whether all paths between two nodes are blocked by some nodes."""
        return self.open_path(a, b, given) is None

    def without(self, edges: Collection[Pair]) -> Graph:
        """The graph without some of its arrows."""
        return replace(self, edges=tuple(e for e in self.edges if e not in edges))

    # ---- paths

    def open_path(self, a: Hashable, b: Hashable, given: Collection[Hashable] = ()) -> Path | None:
        """A shortest open path between two nodes; None where all are blocked.

        A search over (node, whether an arrow led to it), as in Bayes ball (Shachter 1998): a shortest open walk is a path.
        """
        opens, held = self.ancestors(given), set(given)
        start = (a, False)
        before: dict[tuple[Hashable, bool], tuple[Hashable, bool] | None] = {start: None}
        queue = deque([start])
        while queue:
            here = queue.popleft()
            for step in self._steps(here, held, opens, first=here == start):
                if step in before:
                    continue
                before[step] = here
                if step[0] == b:
                    return _back(step, before)
                queue.append(step)
        return None

    def open_paths(self, a: Hashable, b: Hashable, given: Collection[Hashable] = ()) -> Iterator[Path]:
        """Open paths between two nodes, the shortest first; the search ends after ``MOST_STEPS`` steps."""
        opens, held = self.ancestors(given), set(given)
        queue: deque[tuple[Path, bool]] = deque([((a,), False)])
        for _ in range(MOST_STEPS):
            if not queue:
                return
            path, into = queue.popleft()
            for node, arrow in self._steps((path[-1], into), held, opens, first=len(path) == 1):
                if node == b:
                    yield (*path, node)
                elif node not in path:
                    queue.append(((*path, node), arrow))

    def _steps(
        self, at: tuple[Hashable, bool], held: set[Hashable], opens: set[Hashable], *, first: bool
    ) -> list[tuple[Hashable, bool]]:
        """Where an open path may go on: (node, whether an arrow leads to it)."""
        node, into = at
        free = first or node not in held
        down = [(child, True) for child in self.arrows.succ[node]] if free else []
        up = [(parent, False) for parent in self.arrows.pred[node]] if (node in opens if into else free) else []
        return down + up

    def colliders(self, path: Path) -> tuple[Hashable, ...]:
        """Nodes of a path in which arrows meet."""
        arrow = self.arrows.has_edge
        triples = zip(path, path[1:], path[2:], strict=False)
        return tuple(m for left, m, right in triples if arrow(left, m) and arrow(right, m))

    def words(self, path: Path) -> str:
        """A path as it is written: ``weekend -> rating <- ability -> score``; ``a <-> b`` for a common cause without a name."""
        text = str(path[0])
        for left, right in pairwise(path):
            if isinstance(right, tuple):
                text += " <-> "
            elif isinstance(left, tuple):
                text += str(right)
            else:
                text += f" {'->' if self.arrows.has_edge(left, right) else '<-'} {right}"
        return text

    # ---- over time

    def over_changes(self, treatment: str = TREATMENT) -> Graph:
        """The graph of changes: what the constant nodes cause in treatment's consequences drops out.

        Over changes the outcome, and all else that treatment causes, stand for their change since before treatment; what
        treatment does not cause stands for its value before. A node that is ``constant`` and acts additively, with the same
        strength in every period, adds the same before and after: its arrows into changes are gone. Its arrows into treatment
        and into what stands before remain.
        """
        moved = self.descendants([treatment]) - {treatment} if treatment in self.nodes else set()
        still = set(self.constant)
        return self.without([e for e in self.edges if e[0] in still and e[1] in moved])


LEFT_OUT_OVER_TIME = (
    "Over changes, causes that do not change over time and add the same in every period drop out, observed or not; those named under "
    "`constant` do, all others stay. The design asks more than the picture shows: such causes act additively and with the same "
    "strength in every period, and what happens to all units in a period adds the same to all.",
    "A graph without time cannot show that past outcomes drive treatment (a city acts because things got worse), that past "
    "treatment still works in later periods, or that past treatment moves what is adjusted for. Unit effects do not deal with "
    "the first, and the second and third need a model of the dynamics (Imai and Kim 2019, section 2).",
    "Covariates stand for their value before treatment. What treatment changes afterwards is not adjusted for.",
    "An identification that reads one row as one draw does not know that the rows of a city belong together, nor that cities of "
    "a region act alike: errors are clustered, and the graph is about one row at a time.",
)
"""What a graph of a cross-section leaves out where units are followed, in sentences."""


def _back(step: tuple[Hashable, bool], before: dict[Any, Any]) -> Path:
    found = [step[0]]
    at = before[step]
    while at is not None:
        found.append(at[0])
        at = before[at]
    return tuple(reversed(found))


def _reached(start: Iterable[Hashable], neighbours: Any) -> set[Hashable]:
    found = set(start)
    stack = list(found)
    while stack:
        new = [n for n in neighbours[stack.pop()] if n not in found]
        found.update(new)
        stack.extend(new)
    return found


def nearest_separator(graph: Graph, far: str, near: str, allowed: Collection[Hashable]) -> set[Hashable]:
    """Of the sets of allowed nodes that block all paths between two nodes, the minimal one nearest to the second.

    Holds where all allowed causes of the two block them; that is asked before. In the moral graph of their causes, with
    nodes that may not be held fixed bridged, it is what the far node reaches of the near one's neighbours.
    Source: van der Zander, Textor and Liskiewicz (2015), section 3; Smucler, Sapienza and Rotnitzky (2022), section 5.
    """
    joined = bridged(graph, far, near, allowed)
    border: set[Hashable] = set(joined[near])
    found: set[Hashable] = {far}
    stack: list[Hashable] = [far]
    while stack:
        new = [n for n in joined[stack.pop()] if n not in found]
        found.update(new)
        stack.extend(n for n in new if n not in border)
    return found & border


def bridged(graph: Graph, far: str, near: str, allowed: Collection[Hashable]) -> Any:
    """Undirected: neighbours in the moral graph of two nodes' causes, or joined by nodes that may not be held fixed."""
    import networkx as nx

    causes = graph.ancestors([far, near])
    moral = nx.moral_graph(graph.arrows.subgraph(causes))
    for node in causes - {far, near, *allowed}:
        around = list(moral[node])
        moral.remove_node(node)
        moral.add_edges_from((a, b) for k, a in enumerate(around) for b in around[:k])
    return moral


# ---- what is wrong -----------------------------------------------------------------------------


def _problems(graph: Graph, written: Written) -> list[str]:
    if not graph.nodes and not written.problems:
        return ["The graph has no nodes. Write `edges`, such as 'treatment -> outcome', or `dot`."]
    return [*_loops(graph), *_not_there(graph, "unobserved"), *_not_there(graph, "constant")]


def _not_there(graph: Graph, key: str) -> list[str]:
    names = [n for n in getattr(graph, key) if n not in graph.nodes]
    return [f"`{key}` names {n!r}, which has no arrow in the graph. {nearest(n, graph.nodes)}" for n in names]


def _loops(graph: Graph) -> list[str]:
    """Arrows from a node to itself, and one cycle of each knot of nodes."""
    import networkx as nx

    selves = [a for a, b in (*graph.edges, *graph.common) if a == b]
    said = [
        f"{n!r} has an arrow to itself. A cause comes before its effect: leave it out." for n in dict.fromkeys(selves)
    ]
    arrows = nx.DiGraph([e for e in graph.edges if e[0] != e[1]])
    knots = [k for k in nx.strongly_connected_components(arrows) if len(k) > 1]
    for knot in sorted(knots, key=lambda k: min(map(graph.nodes.index, k))):
        cycle = [a for a, _ in nx.find_cycle(arrows.subgraph(knot), min(knot, key=graph.nodes.index))]
        first = cycle.index(min(cycle, key=graph.nodes.index))
        said.append(
            f"The graph has a cycle: {' -> '.join([*cycle[first:], *cycle[: first + 1]])}. A cause comes before its effect: take an "
            "arrow out, or draw the variable once for each point in time (`score before`, `score after`)."
        )
    return said


def listed(names: Iterable[str]) -> str:
    """Names for a sentence: `a`, `b` and `c`; ``nothing`` where there are none."""
    return quoted(names) or "nothing"
