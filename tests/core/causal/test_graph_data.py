"""What the nodes of a graph are in the data: levels, or changes where units are followed."""

import numpy as np
import pandas as pd
import pytest

from scale_impact.core.causal.graphs.data import graph_data, study_graph
from scale_impact.core.causal.graphs.graph import LEFT_OUT_OVER_TIME, Graph
from scale_impact.core.design import Design
from scale_impact.errors import DesignError
from tests.panels import panel_of

EDGES = ["size -> treatment", "size -> outcome", "treatment -> jobs -> outcome", "soil -> treatment", "soil -> outcome"]


def panel(**columns):
    rng = np.random.default_rng(0)
    units, periods = np.repeat(np.arange(8), 3), np.tile([2001, 2002, 2003], 8)
    frame = pd.DataFrame({"id": units, "t": periods, "g": np.where(units < 4, 2003.0, np.inf)})
    frame = frame.assign(y=rng.normal(size=24), jobs=rng.normal(size=24), size=rng.normal(size=24), **columns)
    return panel_of(frame)


def design(found, *edges, **graph):
    return Design.from_panel(found, first_treated="g", graph=Graph.parse(edges or EDGES, constant=["soil"], **graph))


def test_consequences_of_treatment_are_changes_and_all_else_is_as_it_was_before():
    found = panel()
    data = graph_data(found, design(found), "test")
    frame = found.frame.set_index(["id", "t"])
    change = frame["jobs"].xs(2003, level="t") - frame["jobs"].xs(2002, level="t")
    assert data.nodes.values["jobs"][:, 0] == pytest.approx(change.to_numpy())
    assert data.nodes.values["size"][:, 0] == pytest.approx(frame["size"].xs(2002, level="t").to_numpy())
    assert data.nodes.values["g"][:, 0].tolist() == [1.0] * 4 + [0.0] * 4
    assert set(LEFT_OUT_OVER_TIME) <= set(data.notes)
    assert ("soil", "y") not in data.graph.edges


def test_levels_are_compared_where_nobody_is_followed():
    frame = panel().frame.assign(d=[0, 1] * 12)
    found = panel_of(frame, unit=None)
    exposed = Design.from_panel(found, exposure="d", graph=Graph.parse(EDGES, unobserved=["soil"]))
    data = graph_data(found, exposed, "test")
    assert data.nodes.values["jobs"][:, 0].tolist() == frame["jobs"].tolist()
    assert data.nodes.always.shape == (24, 2)
    assert ("soil", "y") in data.graph.edges


def test_what_does_not_vary_cannot_be_tested():
    found = panel(law=1.0)
    data = graph_data(found, design(found, *EDGES, "law -> treatment"), "test")
    assert "law" not in data.nodes.values
    assert "law" in data.graph.unobserved
    assert any("`law` does not vary" in n for n in data.notes)


def test_a_consequence_of_treatment_has_to_be_a_number():
    found = panel(mood="good")
    with pytest.raises(DesignError, match="'mood' is a consequence of treatment"):
        graph_data(found, design(found, *EDGES, "treatment -> mood"), "test")


def test_a_study_without_a_graph_says_so():
    found = panel()
    with pytest.raises(DesignError, match="does not say what causes what"):
        study_graph(found, Design.from_panel(found, first_treated="g"))


def test_the_period_is_a_node_like_others_where_the_graph_has_it():
    frame = panel().frame.assign(d=[0, 1] * 12)
    found = panel_of(frame, unit=None)
    graph = Graph.parse([*EDGES, "t -> treatment"], unobserved=["soil"])
    data = graph_data(found, Design.from_panel(found, exposure="d", graph=graph), "test")
    assert data.nodes.always.shape == (24, 0)
    assert data.nodes.values["t"].shape == (24, 2)


def test_the_period_cannot_be_tested_where_rows_of_one_period_are_compared():
    found = panel()
    data = graph_data(found, design(found, *EDGES, "t -> treatment"), "test")
    assert "t" not in data.nodes.values
    assert any("`t` does not vary among rows" in n for n in data.notes)
