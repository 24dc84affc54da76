"""Whether the graph fits better than its arrows between other columns."""

import numpy as np
import pandas as pd
import pytest

import scale_impact as si
from scale_impact.core.causal.graphs.graph import Graph
from scale_impact.core.keys import wrong_options
from scale_impact.errors import UsageError
from tests.panels import panel_of

RIGHT = ["x -> d -> m -> y", "x -> y", "w -> d", "k -> y"]


def run(edges, *, n=400, **options):
    rng = np.random.default_rng(0)
    x, w, m, y, k = rng.normal(size=(5, n))
    d = (x + w + rng.normal(size=n) > 0) * 1.0
    m = m + 2 * d
    frame = pd.DataFrame({"x": x, "w": w, "d": d, "m": m, "k": k, "y": y + m + x + k, "t": 1})
    panel = panel_of(frame, unit=None)
    design = si.Design.from_panel(panel, exposure="d", graph=Graph.parse(edges))
    return si.check("graph_falsification", panel, design, None, **options)


def test_the_right_graph_fits_better_than_permuted_ones():
    found = run(RIGHT)
    assert found.verdict == "pass"
    assert found.p_value <= 0.01
    assert found.details["complete"]
    assert len(found.details["permuted"]) == 720
    assert "local independencies (each column given its causes" in found.reason


def test_a_wrong_graph_fits_no_better():
    found = run(["x -> w -> d", "m -> k", "d -> y", "x -> m"])
    assert found.verdict == "fail"
    assert "hardly better" in found.reason


def test_a_graph_that_others_say_too_cannot_be_told_from_them():
    found = run(["d -> y"])
    assert found.verdict == "inapplicable"
    found = run(["d -> y", "x -> y"])
    assert found.verdict == "inconclusive"
    assert "imply the very same" in found.reason


def test_the_same_seed_gives_the_same():
    one, two = (run(RIGHT, permutations=50) for _ in range(2))
    assert one == two
    assert not one.details["complete"]


def test_options_out_of_range_are_refused_at_once():
    with pytest.raises(UsageError) as found:
        run(RIGHT, method="kernel", alpha=2, alpha_test=0, permutations=3)
    assert len(found.value.problems) == 4


@pytest.mark.parametrize(
    ("option", "value"), [("permutations", -4), ("permutations", 19), ("alpha", 3), ("alpha_test", 1.0)]
)
def test_a_study_with_an_option_out_of_range_is_refused_before_data_are_read(option, value):
    (problem,) = wrong_options("checks", "graph_falsification", "run", {option: value})
    assert problem.startswith(f"graph_falsification: {option} is {value}")
