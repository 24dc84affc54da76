"""A causal graph: what lies where, and that nothing lies on anything."""

import random
from itertools import combinations

import numpy as np
import pytest

from scale_impact.core.causal.graphs.graph import Graph
from scale_impact.core.check import Check
from scale_impact.figures import figure
from scale_impact.figures._layered import layered
from scale_impact.figures.causal_graph import LOOKS, _box, _folded, draw, height
from tests.graphs import CLASSIC, random_graph

EDGES = ["size -> treatment -> jobs -> outcome", "size -> outcome", "treatment <-> outcome", "taste -> outcome"]


def patches(ax, start):
    return {p.get_label().split(": ")[1]: p for p in ax.patches if p.get_label().startswith(f"_{start}: ")}


def test_treatment_outcome_adjusted_and_unobserved_nodes_are_marked(ax):
    draw(Graph.parse(EDGES, unobserved=["taste"]), ax, adjusted=["size"])
    from matplotlib.colors import same_color

    kinds = {
        "treatment": "treatment",
        "outcome": "outcome",
        "adjusted for": "size",
        "not observed": "taste",
        "other": "jobs",
    }
    for kind, node in kinds.items():
        assert same_color(patches(ax, kind)[node].get_edgecolor(), LOOKS[kind]["edgecolor"])
    legend = [t.get_text() for t in ax.get_legend().get_texts()]
    assert legend == ["treatment", "outcome", "adjusted for", "not observed", "common cause not observed"]


def test_each_arrow_is_drawn_once_and_common_causes_have_two_heads(ax):
    draw(Graph.parse(EDGES), ax)
    assert set(patches(ax, "arrow")) == {
        "size, treatment", "treatment, jobs", "jobs, outcome", "size, outcome", "taste, outcome",
    }  # fmt: skip
    tie = patches(ax, "tie")["treatment, outcome"]
    assert tie.get_arrowstyle().arrow == "<|-|>"


def test_a_check_is_drawn_with_what_it_adjusts_for(ax):
    details = {
        "nodes": ["d", "y", "x"], "edges": [["d", "y"], ["x", "d"], ["x", "y"]], "common": [], "unobserved": [],
        "treatment": "d", "outcome": "y", "adjusted": ["x"],
    }  # fmt: skip
    draw(Check("identification", "pass", "", details=details), ax)
    assert set(patches(ax, "adjusted for")) == {"x"}
    assert set(patches(ax, "treatment")) == {"d"}


def test_a_check_without_a_graph_gives_its_reason(ax, words):
    check = Check.inapplicable("identification", "The study has no graph.")
    draw(check, ax)
    assert "The study has no graph." in words(ax)
    assert height(check) == 2.0


def test_causes_lie_left_of_effects():
    rng = random.Random(1)
    for _ in range(40):
        graph = random_graph(rng)
        found = layered(graph.nodes, graph.edges, graph.common, graph.nodes[:2])
        assert all(found.layer[a] < found.layer[b] for a, b in graph.edges)
        for k in range(found.n_layers):
            at = sorted(found.height[n] for n in found.layer if found.layer[n] == k)
            assert (np.diff(at) > 0.999).all()


@pytest.mark.parametrize("seed", [None, 1, 2, 3])
def test_no_node_lies_on_another_and_no_name_leaves_its_box(seed, page):
    graph = Graph.parse([e.replace("d ->", "treatment ->") for e in CLASSIC]) if seed is None else random_graph(
        random.Random(seed), sizes=(15,), ties=0.02
    )  # fmt: skip
    fig = figure("causal_graph", graph, unit="", source="nowhere", treatment=graph.nodes[0], outcome=graph.nodes[-1])
    fig.canvas.draw()
    boxes = [p.get_window_extent(page(fig)) for p in fig.axes[0].patches if type(p).__name__ == "FancyBboxPatch"]
    texts = [t.get_window_extent(page(fig)) for t in fig.axes[0].texts]
    assert len(boxes) == len(texts) == len(graph.nodes)
    assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))
    assert all(t.x0 >= b.x0 - 1 and t.x1 <= b.x1 + 1 for t, b in zip(texts, boxes, strict=True))


def test_names_are_broken_where_their_parts_meet():
    assert _folded("NumberofLocations") == ("Numberof", "Locations")
    assert _folded("past outcome of the city") == ("past outcome of", "the city")
    assert _folded("a_b") == ("a_b",)
    assert max(map(len, _folded("x" * 60))) <= 24
    assert _box("two words here and more").height > _box("one").height


def test_a_line_is_what_a_graph_without_arrows_needs(ax):
    draw(Graph.parse(["treatment -> outcome"]), ax)
    assert len(patches(ax, "arrow")) == 1


def test_arrows_that_drop_out_over_changes_are_drawn_pale(ax):
    details = {
        "nodes": ["d", "y", "site"], "edges": [["d", "y"], ["site", "d"]], "dropped": [["site", "y"]], "common": [],
        "unobserved": ["site"], "treatment": "d", "outcome": "y", "adjusted": [],
    }  # fmt: skip
    draw(Check("identification", "pass", "", details=details), ax)
    assert set(patches(ax, "dropped")) == {"site, y"}
    assert set(patches(ax, "arrow")) == {"d, y", "site, d"}
    assert "drops out over changes" in [t.get_text() for t in ax.get_legend().get_texts()]
