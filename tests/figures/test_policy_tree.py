"""The best rule as a tree."""

from __future__ import annotations

from scale_impact.core.check import Check
from scale_impact.figures.policy_tree import draw
from tests.causal import asked, simulated


def leaves(node):
    return [node] if "treat" in node else leaves(node["low"]) + leaves(node["high"])


def test_questions_and_leaves_are_drawn_with_what_the_rule_is_worth(ax, words):
    found = asked("policy_tree", simulated(1, slope=0.8), cost=0.8)
    draw(found, ax, unit="Effect on claims, per 1,000 homes")
    texts = [t.get_text() for t in ax.texts]
    below = leaves(found.details["root"])
    assert sum(t.startswith("treat\ngain ") for t in texts) == sum(n["treat"] for n in below)
    assert sum(t.startswith("do not treat\ngain ") for t in texts) == sum(not n["treat"] for n in below)
    assert sum(t.endswith("?") for t in texts) == len(below) - 1
    below = next(" ".join(t.split()) for t in texts if "Out of sample, for each unit: the rule" in t)
    assert below.startswith(
        "Gain: rise of claims (per 1,000 homes), less the cost of 0.8 for each that is treated. Larger is better"
    )


def test_where_less_is_better_gains_are_falls(ax):
    draw(asked("policy_tree", simulated(1, slope=0.8), better="less"), ax)
    assert any(t.get_text().startswith("Gain: fall of the outcome. Larger is better") for t in ax.texts)


def test_a_rule_without_a_question_is_one_leaf(ax):
    draw(asked("policy_tree", simulated(1, noise=0.1)), ax)
    assert next(t.get_text().split("\n")[0] for t in ax.texts) == "treat"


def test_a_check_that_does_not_apply_gives_its_reason(ax, words):
    draw(Check.inapplicable("policy_tree", "The exposure is a dose."), ax)
    assert "The exposure is a dose." in words(ax)
