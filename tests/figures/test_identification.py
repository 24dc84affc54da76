"""The graph of the check identification."""

import numpy as np
import pandas as pd

import scale_impact as si
from scale_impact.core.causal.graphs.graph import Graph
from scale_impact.core.check import Check
from scale_impact.figures import causal_graph
from scale_impact.figures.identification import draw, height


def checked(graph):
    frame = pd.DataFrame({"year": 1, "d": [0, 1] * 10, "x": np.arange(20.0), "y": np.arange(20.0) ** 2})
    panel = si.Panel.from_frame(frame, unit=None, period="year", outcome="y")
    return si.check(
        "identification",
        panel,
        si.Design.from_panel(panel, exposure="d", graph=graph),
        lambda p, d: None,
        second_opinion=False,
    )


def test_it_is_the_graph_with_what_is_adjusted_for(ax):
    check = checked(Graph.parse(["x -> d", "x -> y", "d -> y"]))
    draw(check, ax)
    assert {"x", "d", "y"} <= {t.get_text() for t in ax.texts}
    assert height(check) == causal_graph.height(check)


def test_without_a_graph_it_says_so(ax):
    check = checked(None)
    assert isinstance(check, Check)
    draw(check, ax)
    assert "does not say what causes what" in " ".join(t.get_text() for t in ax.texts).replace("\n", " ")
