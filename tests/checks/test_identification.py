"""Whether the graph and the data fix the effect, and whether the study uses what does."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import scale_impact as si
from scale_impact.core.causal.graphs.data import study_graph
from scale_impact.core.causal.graphs.graph import LEFT_OUT_OVER_TIME, Graph
from scale_impact.core.causal.graphs.words import assumptions
from tests.panels import drawn, panel_of

CONFOUNDED = ["d -> y", "x -> d", "x -> y"]


def data(n=40):
    rng = np.random.default_rng(0)
    columns = {c: rng.normal(size=n) for c in ("y", "x", "z", "m", "w")}
    return panel_of(pd.DataFrame({**columns, "d": [0, 1] * (n // 2), "t": 1}), unit=None)


def run(edges, estimand="ATE", *, estimator="backdoor_regression", unobserved=(), second_opinion=False, **options):
    panel = data()
    design = si.Design.from_panel(panel, exposure="d", graph=Graph.parse(edges, unobserved=unobserved))
    refit = lambda p, d: SimpleNamespace(estimand=estimand, estimator=estimator)  # noqa: E731
    return si.check("identification", panel, design, refit, second_opinion=second_opinion, **options)


def test_it_passes_with_the_graphs_own_set():
    found = run(CONFOUNDED)
    assert found.verdict == "pass"
    assert "identified by adjusting for `x`" in found.reason
    assert found.details["adjustment"] == found.details["adjusted"] == ["x"]
    assert found.details["open_path"] is None


def test_it_passes_with_covariates_that_are_enough():
    found = run(CONFOUNDED, covariates=["x"])
    assert found.verdict == "pass"
    assert "adjusting for `x` is enough" in found.reason


def test_it_fails_with_covariates_that_leave_a_path_open_and_names_it():
    found = run(CONFOUNDED, covariates=["z"])
    assert found.verdict == "fail"
    assert "not enough by its graph" in found.reason
    assert found.details["open_path"] == "d <- x -> y"


def test_it_fails_where_nothing_identifies_the_effect_and_says_why():
    found = run(["d -> y", "u -> d", "u -> y"], unobserved=["u"])
    assert found.verdict == "fail"
    assert "not identified by adjustment, because no columns close the path `d <- u -> y`" in found.reason
    assert "ID algorithm" in found.reason
    assert not found.details["general"]


def test_the_front_door_is_named_and_does_not_excuse_adjustment():
    found = run(["d -> m -> y", "d <-> y"])
    assert found.verdict == "fail"
    assert "front door, through `m`" in found.reason
    assert found.details["front_door"] == ["m"]
    assert run(["d -> m -> y", "d <-> y"], estimator="front_door").verdict == "pass"


@pytest.mark.parametrize(("estimand", "verdict"), [("LATE", "pass"), ("ATE", "fail")])
def test_an_instrument_identifies_what_an_estimator_with_instruments_estimates(estimand, verdict):
    found = run(["w -> z -> d -> y", "w -> y", "d <-> y"], estimand)
    assert found.verdict == verdict
    assert "`z` given `w`" in found.reason
    assert found.details["instruments"] == [{"name": "z", "given": ["w"]}]


def test_a_formula_that_no_estimator_computes_is_told_from_none():
    found = run(["w -> z -> d -> y", "w <-> d", "w <-> y"])
    assert found.verdict == "fail"
    assert "In general it is identified" in found.reason
    assert found.details["general"]


def test_a_graph_without_an_effect_says_so():
    assert "`d` has no effect on `y`" in run(["x -> d", "x -> y"]).reason


def test_dowhy_is_asked_too():
    for edges in (CONFOUNDED, ["d -> m -> y", "d <-> y"], ["z -> d -> y", "d <-> y"]):
        found = run(edges, second_opinion=True)
        assert found.reason.endswith("DoWhy agrees.")
        assert found.details["dowhy"]["adjustment"] == (found.details["adjustment"] is not None)
    assert found.details["dowhy"]["instruments"] == ["z"]


def test_it_does_not_apply_without_a_graph_and_says_what_is_wrong_with_one():
    panel = data()
    found = si.check("identification", panel, si.Design.from_panel(panel, exposure="d"), None)
    assert found.verdict == "inapplicable"
    assert "graph" in found.reason
    assert "'q' is neither a column" in run(["d -> y", "q -> d"]).reason


def test_over_changes_constant_causes_drop_out_and_what_that_leaves_out_is_said():
    panel = panel_of(drawn({2: 5, np.inf: 5}, 4, seed=1))
    graph = Graph.parse(["treatment -> outcome", "soil -> treatment", "soil -> outcome"], constant=["soil"])
    found = si.check(
        "identification", panel, si.Design.from_panel(panel, first_treated="g", graph=graph), None, second_opinion=False
    )
    assert found.verdict == "pass"
    assert "over changes" in found.reason
    assert found.details["left_out"] == list(LEFT_OUT_OVER_TIME)
    assert found.details["dropped"] == [["soil", panel.outcome]]
    assert f"(`soil -> {panel.outcome}`)" in found.reason


def test_the_assumptions_name_a_cause_that_drops_out_over_changes():
    panel = panel_of(drawn({2: 5, np.inf: 5}, 4, seed=1))
    graph = Graph.parse(["treatment -> outcome", "soil -> treatment", "soil -> outcome"], constant=["soil"])
    case = study_graph(panel, si.Design.from_panel(panel, first_treated="g", graph=graph))
    said = assumptions(case, changes=True)
    assert said[0].endswith("; and `soil`, which drops out over changes.")
    assert "drop out over changes" not in assumptions(replace(case, dropped=()), changes=False)[0]
