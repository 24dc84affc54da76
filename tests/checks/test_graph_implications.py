"""Whether data reject an independence that the graph implies."""

import numpy as np
import pandas as pd
import pytest

import scale_impact as si
from scale_impact.core.causal.graphs.graph import Graph
from scale_impact.core.keys import wrong_options
from scale_impact.errors import UsageError
from tests.panels import drawn, panel_of

RIGHT = ["x -> d", "x -> y", "d -> m -> y", "kind -> y"]


def frame(seed=0, n=300):
    rng = np.random.default_rng(seed)
    x, m, y = rng.normal(size=(3, n))
    d = (x + rng.normal(size=n) > 0) * 1.0
    m = m + d
    return pd.DataFrame({"x": x, "d": d, "m": m, "y": y + x + m, "kind": rng.choice(list("abc"), n), "t": 1})


def run(edges, data=None, *, unobserved=(), cluster=None, **options):
    panel = panel_of(frame() if data is None else data, unit=None)
    design = si.Design.from_panel(panel, exposure="d", graph=Graph.parse(edges, unobserved=unobserved), cluster=cluster)
    return si.check("graph_implications", panel, design, None, **options)


@pytest.mark.parametrize("method", ["linear", "classical"])
def test_the_right_graph_is_not_rejected(method):
    found = run(RIGHT, method=method)
    assert found.verdict == "pass"
    assert len(found.details["tests"]) == 5
    assert "does not prove it" in found.reason
    assert found.p_value == min(t["p_holm"] for t in found.details["tests"])


def test_a_missing_arrow_is_named():
    found = run(["x -> d -> m -> y", "kind -> y"])
    assert found.verdict == "fail"
    assert "`y` and `x` given `m`" in found.reason or "`y` and `x` given `d`" in found.reason
    assert found.p_value < 1e-10


def test_an_unobserved_common_cause_excuses_what_it_explains():
    found = run(["x -> d -> m -> y", "x <-> y", "kind -> y"])
    assert found.verdict == "pass"
    assert not any({t["a"], t["b"]} == {"x", "y"} for t in found.details["tests"])


def test_many_tests_reject_no_more_than_one_would():
    rejected = sum(run(RIGHT, frame(seed, 100)).verdict == "fail" for seed in range(100))
    assert rejected <= 12  # 5 of 100, give or take three standard errors


def test_clusters_count():
    data = frame().loc[lambda f: f.index.repeat(4)].assign(city=np.repeat(np.arange(300), 4)).reset_index(drop=True)
    once, four = run(RIGHT), run(RIGHT, data, cluster="city")
    assert four.details["n_clusters"] == once.details["n_clusters"] == 300
    assert four.p_value == pytest.approx(once.p_value, rel=0.05)
    assert run(RIGHT, data).p_value < once.p_value


def test_forests_give_the_same_each_time():
    one, two = (
        run(["x -> d", "x -> y", "d -> y"], frame(n=60).drop(columns="kind"), method="forest") for _ in range(2)
    )
    assert one == two or one.verdict == "inapplicable"


def test_a_graph_that_joins_all_columns_implies_nothing():
    found = run(["x -> d -> y", "x -> y"])
    assert found.verdict == "inapplicable"
    assert "implies no independence" in found.reason


def test_missing_values_are_said():
    data = frame()
    data.loc[3, "m"] = np.nan
    found = run(RIGHT, data)
    assert found.verdict == "inapplicable"
    assert "'m' is missing in 1 row" in found.reason


def test_changes_are_tested_where_units_are_followed():
    data = drawn({2: 30, np.inf: 30}, 4, seed=1)
    data["size"] = np.random.default_rng(0).normal(size=60)[data["id"]]
    panel = panel_of(data)
    graph = Graph.parse(["treatment -> outcome", "size -> outcome"])
    found = si.check("graph_implications", panel, si.Design.from_panel(panel, first_treated="g", graph=graph), None)
    assert found.verdict == "pass"
    assert found.details["n_rows"] == 60
    assert any("Over changes" in n for n in found.details["notes"])


def test_options_out_of_range_are_refused_at_once():
    with pytest.raises(UsageError) as found:
        run(RIGHT, method="kernel", alpha=2)
    assert len(found.value.problems) == 2


@pytest.mark.parametrize(("option", "value"), [("alpha", 3), ("alpha", 0)])
def test_a_study_with_an_option_out_of_range_is_refused_before_data_are_read(option, value):
    (problem,) = wrong_options("checks", "graph_implications", "run", {option: value})
    assert problem.startswith(f"graph_implications: {option} is {value}")
