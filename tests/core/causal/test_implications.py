"""Independencies that a graph implies."""

import random
from itertools import combinations

import networkx as nx

from scale_impact.core.causal.graphs.graph import Graph
from scale_impact.core.causal.graphs.implications import Independence, implications, local
from tests.graphs import random_graph, subsets


def test_each_pair_that_can_be_separated_is_there_once_with_a_set_that_separates_it():
    rng = random.Random(1)
    for _ in range(120):
        graph = random_graph(rng, sizes=(4, 5, 6))
        found = {frozenset((i.a, i.b)): i.given for i in implications(graph)}
        assert len(found) == len(implications(graph))
        for a, b in combinations(graph.observed, 2):
            others = [n for n in graph.observed if n not in (a, b)]
            sets = [set(s) for s in subsets(others) if nx.is_d_separator(graph.arrows, {a}, {b}, set(s))]
            assert (frozenset((a, b)) in found) == bool(sets)
            if sets:
                given = set(found[frozenset((a, b))])
                assert given in sets
                assert not any(s < given for s in sets)


def test_the_local_markov_condition_is_dowhys():
    from dowhy.gcm.falsify import _get_parental_triples

    rng = random.Random(2)
    for _ in range(60):
        graph = random_graph(rng, hidden=0.0, ties=0.0)
        mine = {(i.a, i.b, i.given) for i in local(graph)}
        theirs = _get_parental_triples(graph.arrows, include_unconditional=True)
        order = graph.nodes.index
        assert mine == {(a, b, tuple(sorted(given, key=order))) for a, b, given in theirs}


def test_local_independencies_hold_where_causes_are_not_observed():
    rng = random.Random(3)
    for _ in range(60):
        graph = random_graph(rng)
        for i in local(graph):
            assert nx.is_d_separator(graph.arrows, {i.a}, {i.b}, set(i.given))
            assert {i.a, i.b, *i.given} <= set(graph.observed)


def test_what_nobody_observed_leaves_nothing_to_test():
    assert implications(Graph.parse(["a -> b <- u -> c <- a"], unobserved=["u"])) == ()
    assert implications(Graph.parse(["a <-> b"])) == ()


def test_an_independence_in_words():
    (found,) = implications(Graph.parse(["rain -> street -> score"]))
    assert found.words == "`score` and `rain` given `street`"
    assert Independence("a", "b").words == "`a` and `b`"
