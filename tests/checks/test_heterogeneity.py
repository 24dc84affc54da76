"""The answer from three tests, and what they could not have seen."""

import json

import numpy as np
import pytest

from tests.causal import asked, by_hand, simulated


def test_effects_that_differ_are_found_with_their_spread():
    made = simulated(1, slope=0.8)
    found = asked("heterogeneity", made)
    assert found.verdict == "pass"
    assert found.statistic == pytest.approx(0.8, abs=0.3)
    assert {r["check"] for r in found.details["rows"]} == {
        "best_linear_projection", "cate_calibration", "rank_weighted_ate",
    }  # fmt: skip
    json.dumps(found.details, allow_nan=False)


def test_each_test_is_that_of_its_own_check():
    made = simulated(2, slope=0.3)
    found = {r["check"]: r for r in asked("heterogeneity", made).details["rows"]}
    for name, row in found.items():
        assert row["p_value"] == asked(name, made).p_value
    p = sorted(r["p_value"] for r in found.values())
    assert min(r["adjusted"] for r in found.values()) == pytest.approx(min(1, 3 * p[0]))


def test_none_found_says_what_the_study_could_not_have_seen():
    found = asked("heterogeneity", simulated(4))
    assert found.verdict == "inconclusive"
    assert "Effects that change along the contexts in a line" in found.reason
    assert "with power 80%; smaller ones, and of other forms even some as large, would have been missed" in found.reason
    assert f"{found.details['detectable']:.4g}" in found.reason


def test_only_what_the_projection_would_have_noticed_is_told():
    """Tests of a ranking see as much as the learner's ranking lets them: without error is a hope, not power."""
    found = asked("heterogeneity", simulated(4)).details
    own = {r["check"]: r["detectable"] for r in found["rows"]}
    assert own == {
        "best_linear_projection": found["detectable"], "cate_calibration": None, "rank_weighted_ate": None
    }  # fmt: skip


def test_more_rows_see_smaller_differences():
    few, many = (asked("heterogeneity", simulated(5, n=n)).details["detectable"] for n in (300, 1200))
    assert many == pytest.approx(few / 2, rel=0.25)


def test_without_heterogeneity_something_is_found_no_more_often_than_the_level():
    found = [asked("heterogeneity", simulated(s, n=150)).verdict == "pass" for s in range(200)]
    assert np.mean(found) < 0.05 + 0.03  # 2 Monte-Carlo errors


@pytest.mark.parametrize("contexts", [1, 5])
def test_a_spread_that_should_be_noticed_is(contexts):
    seen = asked("heterogeneity", simulated(7, n=300, contexts=contexts)).details["detectable"]
    made = (simulated(s, n=300, slope=seen, contexts=contexts) for s in range(100))
    found = [asked("heterogeneity", m).verdict == "pass" for m in made]
    assert 0.69 < np.mean(found) < 0.93  # 80 %, and 2.7 Monte-Carlo errors; Holm gives a little more


def test_a_test_without_an_answer_is_named_and_not_counted():
    rng = np.random.default_rng(8)
    x = rng.normal(size=200)
    found = asked("heterogeneity", by_hand(x + rng.normal(size=200), np.ones(200), {"x": x}))
    assert found.verdict == "pass"
    assert "Not asked: cate_calibration. The estimator predicts the same effect for everybody" in found.reason
    assert [r["check"] for r in found.details["rows"]] == ["best_linear_projection"]


def test_nothing_to_ask_is_inapplicable():
    assert asked("heterogeneity", by_hand(np.arange(8.0), np.ones(8), {"x": np.ones(8)})).verdict == "inapplicable"
