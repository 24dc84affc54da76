"""Differences before the dealing."""

from __future__ import annotations

from scale_impact.core.check import Check
from scale_impact.figures.randomisation_balance import CHANCE, draw

ROWS = [
    {"covariate": "age", "difference": -0.8, "p_value": 0.01},
    {"covariate": "income", "difference": 0.1, "p_value": 0.7},
]


def test_differences_stand_in_order_of_size_and_rare_ones_are_marked(ax, marks):
    draw(Check("randomisation_balance", "fail", "", details={"rows": ROWS}), ax)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["income", "age"]
    assert list(marks(ax, CHANCE)[0].get_xdata()) == [-0.8]


def test_a_check_that_does_not_apply_gives_its_reason(ax, words):
    draw(Check.inapplicable("randomisation_balance", "There is nothing to compare."), ax)
    assert "There is nothing to compare." in words(ax)
