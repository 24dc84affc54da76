"""Identification beyond adjustment: the front door and instruments."""

from __future__ import annotations

from collections.abc import Collection, Hashable
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from scale_impact.core.causal.graphs.graph import Graph, listed, nearest_separator

if TYPE_CHECKING:
    from scale_impact.core.causal.graphs.adjustment import Adjustment

MOST_TRIED = 12
"""Of more candidates for the front door not all sets are tried: nodes are left out one at a time instead."""


@dataclass(frozen=True)
class Instrument:
    """A node that moves treatment and reaches the outcome through it alone, given others."""

    name: str
    given: tuple[str, ...]

    @property
    def words(self) -> str:
        """`lottery`, or `distance` given `income`."""
        return f"`{self.name}`" + (f" given {listed(self.given)}" if self.given else "")


# ---- front door --------------------------------------------------------------------------------


def front_door(case: Adjustment) -> tuple[str, ...] | None:
    """Smallest set of nodes through which all of the effect goes, free of what confounds; None where there is none.

    Each directed path from treatment to outcome meets the set, no back-door path from treatment to it is open, and treatment
    blocks its own back-door paths to the outcome. Source: Pearl (1995); Jeong, Tian and Bareinboim (2022).
    """
    if not case.causal:
        return None
    most = _candidates(case)
    if not _meets(case, most):
        return None
    if len(most) > MOST_TRIED:
        return _thinned(case, most)
    sets = (s for size in range(1, len(most) + 1) for s in combinations(most, size))
    return next(s for s in sets if is_front_door(case, s))


def is_front_door(case: Adjustment, through: Collection[str]) -> bool:
    """Whether a set meets the front-door criterion."""
    unconfounded = set(through) <= set(_unconfounded(case))
    return unconfounded and _meets(case, through) and all(_closed(case, n, through) for n in through)


def _unconfounded(case: Adjustment) -> tuple[str, ...]:
    """Observed nodes without an open back-door path from treatment."""
    without = _leaving(case.graph, [case.treatment])
    others = [n for n in case.graph.observed if n not in (case.treatment, case.outcome)]
    return tuple(n for n in others if without.separated(case.treatment, n))


def _candidates(case: Adjustment) -> tuple[str, ...]:
    """The largest set of which treatment blocks the back doors: each set that does lies within it.

    A node whose back door stays open when the arrows out of all candidates are taken out cannot be in any smaller set, of
    which fewer arrows are taken out.
    """
    found = _unconfounded(case)
    while True:
        kept = tuple(n for n in found if _closed(case, n, found))
        if kept == found:
            return found
        found = kept


def _closed(case: Adjustment, node: str, through: Collection[str]) -> bool:
    return _leaving(case.graph, through).separated(node, case.outcome, [case.treatment])


def _meets(case: Adjustment, through: Collection[str]) -> bool:
    """Whether each directed path from treatment to outcome meets a set."""
    return case.outcome not in _leaving(case.graph, through).descendants([case.treatment])


def _thinned(case: Adjustment, through: tuple[str, ...]) -> tuple[str, ...]:
    for node in through:
        fewer = tuple(n for n in through if n != node)
        if is_front_door(case, fewer):
            return _thinned(case, fewer)
    return through


def _leaving(graph: Graph, nodes: Collection[str]) -> Graph:
    """The graph without the arrows that leave some nodes."""
    return graph.without([e for e in graph.edges if e[0] in nodes])


# ---- in general --------------------------------------------------------------------------------


def identifiable(case: Adjustment) -> bool:
    """Whether the data and the graph fix the effect at all, whatever the shapes of relations: the ID algorithm's verdict.

    Sound and complete. Source: Tian and Pearl (2002), theorem 4; Shpitser and Pearl (2006).
    """
    mixed = _project(case.graph)
    without = mixed.within(mixed.nodes - {case.treatment})
    ends = without.within(without.ancestors({case.outcome}))
    return all(_from_district(mixed, part, mixed.district(part)) for part in ends.districts())


@dataclass(frozen=True)
class _Mixed:
    """Observed nodes, their arrows, and the pairs with a common cause that nobody observed."""

    nodes: frozenset[Hashable]
    arrows: frozenset[tuple[Hashable, Hashable]]
    common: frozenset[frozenset[Hashable]]

    def within(self, nodes: Collection[Hashable]) -> _Mixed:
        """The part among some nodes."""
        kept = frozenset(nodes)
        return _Mixed(
            kept,
            frozenset(e for e in self.arrows if kept.issuperset(e)),
            frozenset(c for c in self.common if c <= kept),
        )

    def ancestors(self, of: Collection[Hashable]) -> frozenset[Hashable]:
        """Some nodes and what causes them."""
        found = set(of)
        while more := {a for a, b in self.arrows if b in found} - found:
            found |= more
        return frozenset(found)

    def district(self, of: Collection[Hashable]) -> frozenset[Hashable]:
        """Nodes that are joined with one of some nodes by common causes that nobody observed."""
        found = {next(iter(of))}
        while more := {n for pair in self.common if pair & found for n in pair} - found:
            found |= more
        return frozenset(found)

    def districts(self) -> set[frozenset[Hashable]]:
        """All of them."""
        return {self.district({n}) for n in self.nodes}


def _from_district(mixed: _Mixed, part: frozenset[Hashable], whole: frozenset[Hashable]) -> bool:
    """Whether the factor of a part follows from that of its district (Tian and Pearl 2002, figure 5)."""
    inside = mixed.within(whole)
    causes = inside.ancestors(part)
    if causes == part:
        return True
    return causes != whole and _from_district(mixed, part, inside.within(causes).district(part))


def _project(graph: Graph) -> _Mixed:
    """The graph among observed nodes: paths through unobserved ones become arrows and common causes (Verma 1993)."""
    observed = frozenset(graph.observed)
    reach = {n: _next_observed(graph, n, observed) for n in graph.arrows.nodes}
    arrows = frozenset((a, b) for a in observed for b in reach[a])
    pairs = (frozenset(p) for n, to in reach.items() if n not in observed for p in combinations(to, 2))
    return _Mixed(observed, arrows, frozenset(pairs))


def _next_observed(graph: Graph, node: Hashable, observed: frozenset[Hashable]) -> set[Hashable]:
    """Observed nodes that a node causes directly or through unobserved ones."""
    found: set[Hashable] = set()
    stack, seen = list(graph.arrows.succ[node]), set()
    while stack:
        child = stack.pop()
        if child in observed:
            found.add(child)
        elif child not in seen:
            seen.add(child)
            stack.extend(graph.arrows.succ[child])
    return found


# ---- instruments -------------------------------------------------------------------------------


def instruments(case: Adjustment) -> tuple[Instrument, ...]:
    """Observed nodes that move treatment and reach the outcome through it alone, those that need fewest others first.

    Given the others, an instrument is connected with treatment, and separated from the outcome once treatment's steps towards
    it are taken out. Enough for a linear model; the effect of those whom the instrument moves (LATE) asks for monotonicity too.
    Of each node the separator nearest to the outcome is tried: if any serves, it does. Source: Brito and Pearl (2002);
    van der Zander, Textor and Liskiewicz (2015), section 4.
    """
    found = [_instrument(case, n) for n in case.graph.observed if n not in _no_instrument(case)]
    return tuple(sorted((f for f in found if f is not None), key=lambda f: len(f.given)))


def _no_instrument(case: Adjustment) -> set[Hashable]:
    return case.graph.descendants([case.treatment, case.outcome])


def _instrument(case: Adjustment, name: str) -> Instrument | None:
    graph, outcome = case.back_door, case.outcome
    causes = graph.ancestors([name, outcome]) - _no_instrument(case) - {name}
    allowed = [n for n in graph.observed if n in causes]
    if not case.causal or not graph.separated(name, outcome, allowed):
        return None
    given = nearest_separator(graph, name, outcome, allowed)
    if graph.separated(name, case.treatment, given):
        return None
    return Instrument(name, tuple(n for n in graph.nodes if n in given))
