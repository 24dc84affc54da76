"""The tornado: each input at its ends, all others at their means."""

from __future__ import annotations

import pytest

from tests.scaleups import BASE, effect, flow, outlook, row

COST = flow("building", "cost", {"value": 500, "low": 200, "high": 1100}, paid_by="city")


def test_each_input_is_put_at_its_ends_with_the_others_at_their_means():
    table = outlook(
        effect(2.0, 0.5), flows=[COST, BASE["flows"][1]], horizon=2, discount={"rate": 0.1, "low": 0.0, "high": 0.2}
    ).tornado
    gains = 300 * 2.0 * (1 + 1 / 1.1)
    building = row(table, "building")
    assert (building["at_low"], building["at_high"]) == (200, 1100)
    assert building["npv_low"] == pytest.approx(gains - 200)
    assert building["npv_high"] == pytest.approx(gains - 1100)
    assert building["central"] == pytest.approx(gains - 600)  # the mean of the triangle
    of = row(table, "effect")
    assert of["at_low"] == pytest.approx(2 - 0.5 * 1.959964)
    assert of["npv_low"] == pytest.approx(300 * of["at_low"] * (1 + 1 / 1.1) - 600)
    rate = row(table, "discount rate")
    assert rate["npv_low"] == pytest.approx(1200 - 600)
    assert rate["npv_high"] == pytest.approx(600 + 600 / 1.2 - 600)
    assert list(table["swing"]) == sorted(table["swing"], reverse=True)
    assert list(table.loc[table["flips"], "input"]) == ["effect"]


def test_an_input_that_alone_turns_the_answer_is_marked():
    table = outlook(effect(2.0, 0.5), flows=[COST, BASE["flows"][1]]).tornado
    assert dict(zip(table["input"], table["flips"], strict=True)) == {"building": True, "effect": True}


def test_what_is_known_has_no_row():
    assert outlook().tornado.empty


def test_an_effect_without_error_has_no_row():
    assert list(outlook(flows=[COST, BASE["flows"][1]]).tornado["input"]) == ["building"]
