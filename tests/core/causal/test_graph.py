"""Causal graphs: as people write them, what is wrong with them, and which paths are open."""

import random

import networkx as nx
import pydot
import pytest

from scale_impact.core.causal.graphs.graph import Graph
from scale_impact.errors import DesignError
from tests.graphs import random_graph

COLUMNS = ("weekend", "rating", "score", "size of kitchen", "year")


def problems(*edges, **options):
    with pytest.raises(DesignError) as found:
        Graph.parse(edges, **options)
    return found.value.problems


# ---- arrows ------------------------------------------------------------------------------------


def test_chains_may_turn_and_names_may_have_spaces_and_quotes():
    graph = Graph.parse(["weekend -> rating <- ability -> score", "size of kitchen->'score'", '"a -> b" <-> year'])
    assert graph.edges == (
        ("weekend", "rating"), ("ability", "rating"), ("ability", "score"), ("size of kitchen", "score"),
    )  # fmt: skip
    assert graph.common == (("a -> b", "year"),)


def test_a_common_cause_is_one_from_either_side():
    assert Graph.parse(["a <-> b", "b <-> a", "a -> b"]).common == (("a", "b"),)


def test_arrows_of_type_setters_are_read_too():
    assert Graph.parse(["a → b ↔ c"]) == Graph.parse(["a -> b <-> c"])


@pytest.mark.parametrize(
    ("edge", "what"),
    [
        ("a ->", "lacks a name"), ("-> b", "lacks a name"), ("a -> -> b", "lacks a name"), ("a", "no arrow"),
        ("a - > b", "no arrow"), ("a --> b", "'a -' where a name"), ('"a -> b', "not closed"), ("", "no arrow"),
    ],
)  # fmt: skip
def test_an_edge_that_cannot_be_read_is_named_with_what_is_wrong(edge, what):
    (problem,) = problems(edge, "a -> b")
    assert repr(edge) in problem
    assert what in problem


def test_edges_have_to_be_a_list():
    with pytest.raises(DesignError, match="list of texts"):
        Graph.parse("a -> b")


# ---- DOT ---------------------------------------------------------------------------------------


def test_dot_as_people_write_it():
    graph = Graph.parse(
        dot="""strict digraph "G 1" { // arrows
        rankdir=LR; node [shape=box]  /* looks
        only */
        # a line for the preprocessor
        a -> b -> "c d" [color="red", weight=2]; {e f} -> {b; g};
        subgraph cluster_1 { label="old"; h -> i:n }
        u [latent]; v [observed="no", pos="1,2"]; w [observed=yes]
        u -> a; v -> a; w -> a; a -> y [dir=both]; y -> b [dir=back]; 1.5 -> a
        }"""
    )
    expected = ["ab", "b/c d", "eb", "eg", "fb", "fg", "hi", "ua", "va", "wa", "by", "1.5/a"]
    assert set(graph.edges) == {tuple(e.split("/") if "/" in e else e) for e in expected}
    assert graph.common == (("a", "y"),)
    assert graph.unobserved == ("u", "v")


def test_defaults_of_a_group_end_with_it():
    graph = Graph.parse(dot="digraph { subgraph { node [latent=true] u1; u2; } -> y; x -> y }")
    assert graph.unobserved == ("u1", "u2")
    assert set(graph.edges) == {("u1", "y"), ("u2", "y"), ("x", "y")}


def test_dagitty_graphs_are_read():
    graph = Graph.parse(dot='dag { bb="0,0,1,1"\n d [exposure,pos="0,1"]\n u [latent]\n d -> y; u -> {d y}; d <-> z }')
    assert set(graph.edges) == {("d", "y"), ("u", "d"), ("u", "y")}
    assert (graph.common, graph.unobserved) == ((("d", "z"),), ("u",))


@pytest.mark.parametrize(
    ("dot", "where", "what"),
    [
        ("digraph {a -> b;\n c -- d}", "line 2, column 4", "'--' has no direction"),
        ("digraph {a -> b;\n c -> }", "line 2, column 7", "a name is expected"),
        ("digraph {a -> b", "line 1, column 16", "'}' is missing"),
        ("graph {a -- b}", "line 1, column 1", "no directions"),
        ("a -> b", "line 1, column 1", "`digraph {` is expected"),
        ("digraph {a-b -> c}", "line 1, column 11", "double quotes"),
        ("digraph {a -> b} digraph {c -> d}", "line 1, column 18", "one graph"),
        ('digraph {a [label="x}', "line 1, column 19", "cannot be read"),
    ],
)
def test_malformed_dot_says_line_and_what(dot, where, what):
    (problem,) = problems(dot=dot)[:1]
    assert where in problem
    assert what in problem


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of pydot for pyparsing
def test_dot_is_read_as_pydot_reads_it():
    rng = random.Random(5)
    for _ in range(50):
        graph = random_graph(rng, ties=0.0)
        arrows = nx.nx_pydot.to_pydot(nx.DiGraph(list(graph.edges))).to_string()
        theirs = nx.nx_pydot.from_pydot(pydot.graph_from_dot_data(arrows)[0])
        if graph.edges:
            assert set(Graph.parse(dot=arrows).edges) == {(a, b) for a, b, *_ in theirs.edges}


# ---- what is wrong -----------------------------------------------------------------------------


def test_a_cycle_is_named_in_order():
    assert "b -> c -> a -> b" in problems("b -> c -> a -> b")[0]
    assert "a -> b -> a" in problems("a -> b", "b -> a")[0]


def test_all_problems_are_said_at_once():
    found = problems("a -> b -> a", "c -> d -> e -> c", "f -> f", "g ->", unobserved=["abilty", "a"], constant=["q"])
    assert len(found) == 6
    assert sum("cycle" in p for p in found) == 2
    assert any("'f' has an arrow to itself" in p for p in found)
    assert any("`unobserved` names 'abilty'" in p for p in found)
    assert any("`constant` names 'q'" in p for p in found)


def test_an_empty_graph_is_refused():
    assert "no nodes" in problems()[0]


def test_the_words_treatment_and_outcome_stand_for_the_studys_columns():
    graph = Graph.parse(["treatment -> outcome", "year -> treatment", "year -> score", "outcome <-> rating"])
    own = graph.of_study("weekend", "score", COLUMNS)
    assert own.edges == (("weekend", "score"), ("year", "weekend"), ("year", "score"))
    assert own.common == (("score", "rating"),)


def test_names_that_close_a_cycle_are_found():
    graph = Graph.parse(["treatment -> outcome", "score -> weekend"])
    with pytest.raises(DesignError, match="cycle: weekend -> score -> weekend"):
        graph.of_study("weekend", "score", COLUMNS)


def test_nodes_have_to_be_columns_or_unobserved():
    graph = Graph.parse(["weekend -> scor", "abilty -> scor", "yeer -> weekend"], unobserved=["abilty"])
    with pytest.raises(DesignError) as found:
        graph.of_study("weekend", "score", COLUMNS)
    assert "The outcome, 'score', is not in the graph" in found.value.problems[0]
    assert "'scor' is neither a column" in found.value.problems[1]
    assert "Did you mean 'score'?" in found.value.problems[1]
    assert "Did you mean 'year'?" in found.value.problems[2]
    assert len(found.value.problems) == 3


def test_an_unobserved_treatment_is_refused():
    graph = Graph.parse(["weekend -> score"], unobserved=["weekend"])
    with pytest.raises(DesignError, match="treatment, 'weekend', is declared unobserved"):
        graph.of_study("weekend", "score", COLUMNS)


def test_constant_nodes_that_are_no_columns_are_unobserved():
    graph = Graph.parse(["treatment -> outcome", "soil -> outcome", "year -> outcome"], constant=["soil", "year"])
    assert graph.of_study("weekend", "score", COLUMNS).unobserved == ("soil",)


# ---- paths -------------------------------------------------------------------------------------


def test_separation_is_that_of_networkx():
    rng = random.Random(2)
    for _ in range(120):
        graph = random_graph(rng)
        a, b, *rest = rng.sample(graph.nodes, len(graph.nodes))
        given = set(rest[: rng.randrange(len(rest) + 1)])
        separated = nx.is_d_separator(graph.arrows, {a}, {b}, given)
        assert graph.separated(a, b, given) == separated
        paths = list(graph.open_paths(a, b, given))
        assert (not paths) == separated
        if paths:
            shortest = graph.open_path(a, b, given)
            assert len(set(shortest)) == len(shortest) == len(paths[0])


def test_a_path_is_told_in_arrows():
    graph = Graph.parse(["weekend -> rating <- ability", "ability <-> score"])
    path = graph.open_path("weekend", "score", ["rating"])
    assert graph.words(path) == "weekend -> rating <- ability <-> score"
    assert graph.colliders(path) == ("rating",)


# ---- over time ---------------------------------------------------------------------------------


def test_over_changes_constant_causes_of_what_treatment_moves_drop_out():
    graph = Graph.parse(
        ["soil -> d -> m -> y", "soil -> m", "soil -> y", "soil -> x", "trend -> y", "trend -> d"],
        unobserved=["trend"], constant=["soil"],
    )  # fmt: skip
    assert set(graph.over_changes("d").edges) == {
        ("soil", "d"), ("d", "m"), ("m", "y"), ("soil", "x"), ("trend", "y"), ("trend", "d"),
    }  # fmt: skip
