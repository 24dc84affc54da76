"""A graph against its permutations: the same counts as DoWhy's."""

import numpy as np
import pandas as pd
import pytest

from scale_impact.core.causal.graphs.falsification import falsify
from scale_impact.core.causal.graphs.graph import Graph
from scale_impact.core.causal.graphs.implications import Independence
from scale_impact.core.causal.graphs.independence import Nodes, measured

EDGES = ["x -> d -> m -> y", "x -> y", "w -> d"]
OPTIONS = {"alpha": 0.05, "method": "classical", "seed": 1}


def frame(seed=0, n=150):
    rng = np.random.default_rng(seed)
    x, w, d, m, y = rng.normal(size=(5, n))
    d = d + x + w
    m = m + d
    return pd.DataFrame({"x": x, "w": w, "d": d, "m": m, "y": y + m + x})


def nodes(data):
    return Nodes({c: data[[c]].to_numpy() for c in data}, np.empty((len(data), 0)), np.arange(len(data)))


def theirs(graph, data):
    from dowhy.gcm import falsify as dowhy

    def test(a, b, z=None):
        values = {"a": a.reshape(-1, 1), "b": b.reshape(-1, 1)} | ({} if z is None else {"z": z})
        held = () if z is None else ("z",)
        found = Nodes(values, np.empty((len(a), 0)), np.arange(len(a)))
        return measured(found, [Independence("a", "b", held)], "classical")[0].p_value

    return dowhy.falsify_graph(
        graph.arrows, data, independence_test=test, conditional_independence_test=test, n_permutations=-1, n_jobs=1,
        show_progress_bar=False,
    ).summary  # fmt: skip


@pytest.mark.parametrize("edges", [EDGES, ["x -> w -> d", "m -> y", "d -> y", "x -> m"]])
def test_all_permutations_give_dowhys_numbers(edges):
    from dowhy.gcm.falsify import FalsifyConst

    data, graph = frame(), Graph.parse(edges)
    found = falsify(graph, nodes(data), draws=1000, **OPTIONS)
    local, same = (theirs(graph, data)[c] for c in (FalsifyConst.VALIDATE_LMC, FalsifyConst.VALIDATE_TPA))
    assert found.complete
    assert found.violations == local[FalsifyConst.GIVEN_VIOLATIONS]
    assert len(found.asked) == local[FalsifyConst.N_TESTS]
    assert sorted(found.permuted) == sorted(local[FalsifyConst.PERM_VIOLATIONS])
    assert sorted(found.same) == sorted(same[FalsifyConst.PERM_VIOLATIONS])
    assert found.p_value == pytest.approx(local[FalsifyConst.P_VALUE], rel=1e-12)
    assert found.p_same == pytest.approx(same[FalsifyConst.P_VALUE], rel=1e-12)


def test_drawn_permutations_come_near_to_all_of_them_and_are_the_same_each_time():
    data, graph = frame(), Graph.parse(EDGES)
    some, again = (falsify(graph, nodes(data), draws=100, **OPTIONS) for _ in range(2))
    every = falsify(graph, nodes(data), draws=120, **OPTIONS)
    assert not some.complete
    assert some.permuted.tolist() == again.permuted.tolist()
    assert abs(some.p_value - every.p_value) < 0.1


def test_only_observed_nodes_change_places():
    graph = Graph.parse([*EDGES, "u -> x", "u -> y"], unobserved=["u"])
    found = falsify(graph, nodes(frame()), draws=1000, **OPTIONS)
    assert len(found.permuted) == 120
    assert all("u" not in (i.a, i.b, *i.given) for i in found.asked)


def test_a_graph_that_implies_nothing_has_no_answer():
    assert falsify(Graph.parse(["x -> d"]), nodes(frame()), draws=100, **OPTIONS) is None
