"""Along which contexts the effect differs."""

import json

import pytest

import scale_impact as si
from scale_impact.core.effect import Effect, Estimate
from tests.causal import asked, by_hand, data, simulated


def test_effects_that_follow_a_context_pass_and_name_it():
    found = asked("best_linear_projection", simulated(1, slope=0.8))
    assert found.verdict == "pass"
    assert "per unit of x1" in found.reason
    row = found.details["rows"][0]
    assert row["slope"] == pytest.approx(0.8, abs=4 * row["std_error"])
    assert row["per_sd"] == pytest.approx(row["slope"] * row["sd"])
    json.dumps(found.details, allow_nan=False)


def test_none_found_says_what_would_have_been_noticed():
    found = asked("best_linear_projection", simulated(4))
    assert found.verdict == "inconclusive"
    assert "would have been noticed with power 80%" in found.reason
    assert found.details["detectable"] > 0


def test_contexts_left_out_are_said():
    made = simulated(1, slope=0.8)
    found = asked("best_linear_projection", by_hand(made.scores, made.cate, made.contexts.assign(flat=1.0)))
    assert "Left out, because constant or told by others: flat." in found.reason


def test_few_clusters_are_said_to_be_rough():
    found = asked("best_linear_projection", simulated(2, n=300, members=10))
    assert "With 30 clusters standard errors are rough." in found.reason


def test_an_estimator_of_one_effect_for_all_has_nobody_to_ask():
    panel, design = data()
    one = Effect("backdoor_regression", Estimate(1.0, 0.1), None, "by hand")
    found = si.check("best_linear_projection", panel, design, lambda p, d: one)
    assert found.verdict == "inapplicable"
    assert "backdoor_regression tells one effect for all and not for whom" in found.reason


def test_contexts_that_do_not_vary_are_inapplicable_with_the_reason():
    found = asked("best_linear_projection", by_hand([1.0, 2.0, 3.0, 4.0, 5.0], [0.0] * 5, {"x": [1.0] * 5}))
    assert (found.verdict, found.reason[:17]) == ("inapplicable", "No context varies")


def test_too_few_clusters_are_inapplicable():
    made = simulated(3, n=40, members=10)
    found = asked("best_linear_projection", made)
    assert (found.verdict, found.reason) == (
        "inapplicable",
        "There are 4 clusters; a test of differences needs 5 at the least.",
    )


def test_scores_without_noise_are_inapplicable():
    made = simulated(3, n=40)
    found = asked("best_linear_projection", by_hand([1.0] * 40, made.cate, made.contexts))
    assert "the same in all rows" in found.reason
