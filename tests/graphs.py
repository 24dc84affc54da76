"""Random causal graphs, and what can be said of them by trying everything, to hold the package against."""

import random
from itertools import combinations

import networkx as nx

from scale_impact.core.causal.graphs.adjustment import Adjustment
from scale_impact.core.causal.graphs.graph import Graph

CLASSIC = ["z1 -> x1 -> x3 -> d -> m -> y", "z1 -> z3 -> d", "z2 -> z3 -> y", "z2 -> x2 -> y", "z3 -> x3"]
"""The worked example of Pearl (2009), figure 3.4, with d for X and y for Y; there x3 is X3, z3 is X4 and m is X6."""


def random_graph(rng, *, sizes=(4, 5, 6, 7), hidden=0.2, ties=0.08):
    """A graph of v0 (treatment), v1 (outcome) and others, some of them unobserved."""
    names = [f"v{i}" for i in range(rng.choice(sizes))]
    order = rng.sample(names, len(names))
    density = rng.choice([0.3, 0.5])
    edges = tuple(e for e in combinations(order, 2) if rng.random() < density)
    common = tuple(e for e in combinations(names, 2) if rng.random() < ties)
    return Graph(tuple(names), edges, common, tuple(n for n in names[2:] if rng.random() < hidden))


def cases(count, seed, **options):
    """So many graphs in which treatment causes the outcome."""
    rng = random.Random(seed)
    while count:
        case = Adjustment(random_graph(rng, **options), "v0", "v1")
        if case.causal:
            count -= 1
            yield case


def subsets(names):
    return (s for size in range(len(names) + 1) for s in combinations(names, size))


def valid_sets(case):
    """All sets of observed nodes that meet the adjustment criterion, by networkx and the definition."""
    arrows, x, y = case.graph.arrows, case.treatment, case.outcome
    after = nx.descendants(arrows, x)
    causal = {n for n in after if n == y or y in nx.descendants(arrows, n)}
    forbidden = {x} | causal.union(*(nx.descendants(arrows, n) for n in causal))
    proper = arrows.copy()
    proper.remove_edges_from([(x, n) for n in causal])
    free = [n for n in case.graph.observed if n not in forbidden]
    return [s for s in subsets(free) if nx.is_d_separator(proper, {x}, {y}, set(s))]


def front_doors(case):
    """All sets that meet the front-door criterion, by networkx and the definition."""
    free = [n for n in case.graph.observed if n not in (case.treatment, case.outcome)]
    return [s for s in subsets(free) if s and _is_front_door(case, s)]


def _is_front_door(case, through):
    arrows, x, y = case.graph.arrows, case.treatment, case.outcome
    cut = arrows.copy()
    cut.remove_nodes_from(through)
    no_back = arrows.copy()
    no_back.remove_edges_from(list(arrows.out_edges(x)))
    beyond = arrows.copy()
    beyond.remove_edges_from(list(arrows.out_edges(list(through))))
    return (
        y not in nx.descendants(cut, x)
        and all(nx.is_d_separator(no_back, {x}, {n}, set()) for n in through)
        and nx.is_d_separator(beyond, set(through), {y}, {x})
    )


def instrument_sets(case):
    """Of each node the sets given which it is an instrument, by networkx and the definition."""
    arrows, x, y = case.graph.arrows, case.treatment, case.outcome
    after = nx.descendants(arrows, x) | nx.descendants(arrows, y) | {x, y}
    free = [n for n in case.graph.observed if n not in after]
    proper = case.back_door.arrows
    found = {}
    for z in free:
        given = [s for s in subsets([n for n in free if n != z]) if nx.is_d_separator(proper, {z}, {y}, set(s))]
        found[z] = [set(s) for s in given if not nx.is_d_separator(proper, {z}, {x}, set(s))]
    return found


def dowhy(case, kind):
    """What DoWhy identifies, with a kind of back-door adjustment."""
    from dowhy.causal_identifier import EstimandType, identify_effect_auto

    names = {n: f"cause of {n[0]} and {n[1]}" for n in case.graph.arrows.nodes if isinstance(n, tuple)}
    arrows = nx.relabel_nodes(case.graph.arrows, names)
    return identify_effect_auto(
        arrows, ["v0"], ["v1"], list(case.graph.observed), EstimandType.NONPARAMETRIC_ATE, backdoor_adjustment=kind
    )
