"""The best rule of depth 2 and what it is worth."""

import json
from dataclasses import replace

import numpy as np
import pytest

from tests.causal import asked, by_hand, doses, simulated


def split(n=2000, noise=1.0):
    """Effects of 1 above zero and -1 below."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(n, 2))
    scores = np.sign(x[:, 0]) + noise * rng.normal(size=n)
    return by_hand(scores, x[:, 0], {"size": x[:, 0], "age": x[:, 1]}, folds=np.arange(n) % 4)


def test_a_rule_that_is_better_than_all_and_none_passes_and_is_told():
    found = asked("policy_tree", split())
    assert found.verdict == "pass"
    assert "treat where size above" in found.reason
    assert found.details["root"]["context"] == "size"
    assert found.statistic == found.details["gain"] > 0
    assert found.details["regret"] >= 0
    assert found.details["same"] > 0.9
    json.dumps(found.details, allow_nan=False)


def test_where_less_is_better_the_others_are_treated():
    found = asked("policy_tree", split(), better="less")
    assert "treat where size at most" in found.reason
    assert "Values are falls of y: larger is better." in found.reason


def test_the_reason_says_what_values_are_and_that_nobody_said_what_is_better():
    found = asked("policy_tree", split(), cost=0.25)
    assert "Values are rises of y, less a cost of 0.25 for each that is treated" in found.reason
    assert "More of the outcome is taken to be better; where less is, say `better: less`." in found.reason
    assert "taken to be better" not in asked("policy_tree", split(), better="more").reason


def test_units_count_once_a_leaf():
    made = split(n=400)
    twice = replace(made, rows=replace(made.rows, units=np.arange(400) // 2))
    root = asked("policy_tree", twice).details["root"]
    assert (root["n"], root["rows"]) == (200, 400)


def test_a_cost_that_eats_all_gains_treats_nobody():
    found = asked("policy_tree", split(), cost=3.0)
    assert found.verdict == "inconclusive"
    assert "The best rule of depth 2: treat nobody." in found.reason
    assert found.details["values"]["rule"]["value"] == 0


def test_where_effects_do_not_differ_no_rule_is_found():
    found = asked("policy_tree", simulated(2))
    assert found.verdict == "inconclusive"
    assert "No rule was found that is better than treating all or none alike" in found.reason
    assert found.details["promised"] > found.details["values"]["rule"]["value"]


def test_leaves_have_the_rows_asked_for():
    def leaves(node):
        return [node["n"]] if "treat" in node else leaves(node["low"]) + leaves(node["high"])

    assert min(leaves(asked("policy_tree", split(noise=4.0), least=300).details["root"])) >= 300


def test_doses_have_no_rule():
    found = asked("policy_tree", doses(split()))
    assert found.verdict == "inapplicable"
    assert "is no 0/1 exposure" in found.reason


def test_contexts_that_say_nothing_are_inapplicable():
    found = asked("policy_tree", by_hand(np.arange(8.0), np.arange(8.0), {"x": np.ones(8)}))
    assert found.verdict == "inapplicable"
    assert "nothing that a rule could ask" in found.reason


def test_the_gain_of_a_leaf_is_its_mean_score_less_the_cost():
    made = split(n=200, noise=0.0)
    root = asked("policy_tree", made, cost=0.25, splits=500).details["root"]
    assert root["high"]["gain"] == pytest.approx(0.75)
