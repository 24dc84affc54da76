"""The tornado of a scale-up."""

from __future__ import annotations

import pytest

from scale_impact.figures.tornado import MOST, draw, height
from tests.scaleups import BASE, effect, flow, outlook

COST = flow("building", "cost", {"value": 500, "low": 200, "high": 1100}, paid_by="city")


def test_bars_run_from_the_middle_to_the_ends_the_widest_first(ax):
    draw(outlook(effect(2.0, 0.5), flows=[COST, BASE["flows"][1]]), ax)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["building", "effect of the measure"]
    ends = [p.get_x() + p.get_width() for p in ax.patches[:2]]
    assert ends == pytest.approx([400, -500])
    assert {p.get_x() for p in ax.patches} == {0.0}  # 600 gained less the mean cost of 600


def test_the_values_of_the_ends_stand_beside_them(ax, words):
    draw(outlook(flows=[COST, BASE["flows"][1]]), ax)
    assert "200" in words(ax)
    assert "1,100" in words(ax)
    assert ax.get_xlabel() == "Net present value of all partners, EUR of 2024"


def test_where_nothing_varies_that_is_said(ax, words):
    draw(outlook(), ax)
    assert "nothing to vary" in " ".join(words(ax)).replace("\n", " ")


def test_many_inputs_are_cut_and_counted(ax):
    lines = [flow(f"cost {k}", "cost", {"value": 5, "low": 2, "high": 11 + k}, paid_by="city") for k in range(20)]
    found = outlook(flows=[*lines, *BASE["flows"]])
    draw(found, ax)
    assert len(ax.get_yticklabels()) == MOST
    assert "6 inputs that move it less are not shown" in ax.get_xlabel().replace("\n", " ")
    assert height(found) > height(outlook(flows=[COST, BASE["flows"][1]]))
