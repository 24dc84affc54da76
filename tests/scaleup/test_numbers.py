"""Published numbers: their order, units, and reasons where there is none."""

from __future__ import annotations

import pytest

from tests.scaleups import BASE, effect, flow, outlook

COST, GAIN = BASE["flows"]
RANGE = flow("building", "cost", {"value": 500, "low": 200, "high": 1100}, paid_by="city")
MEASURE = {
    "name": "second pilot",
    "of": "effect",
    "std_error": 0.2,
    "cost": 1,
    "currency": "EUR",
    "year": 2024,
    "source": "x",
}


def of(found, estimand, label="all partners"):
    return next(n for n in found.numbers() if n.estimand == estimand and n.label == label)


def test_the_net_present_value_of_all_comes_first_and_what_is_needed_is_there():
    found = outlook(effect(2.0, 0.5), flows=[RANGE, GAIN], measurements=[MEASURE])
    numbers = found.numbers()
    assert (numbers[0].estimand, numbers[0].kind, numbers[0].label, numbers[0].unit) == (
        "NPV",
        "overall",
        "all partners",
        "EUR of 2024",
    )
    assert list(dict.fromkeys(n.estimand for n in numbers)) == [
        "NPV", "P_POSITIVE", "BCR", "BENEFITS", "COSTS", "TRANSFERS", "BREAK_EVEN", "PILOT_EFFECT", "EFFECT_AT_SCALE", "COST_PER_EFFECT", "REACH",
        "EVPI", "EVPPI", "EVSI", "TORNADO",
    ]  # fmt: skip
    assert len({(n.estimand, n.kind, n.label) for n in numbers}) == len(numbers)
    for n in numbers:
        assert n.unit
        assert (n.estimate is None) == bool(n.why_not)
        assert n.low is None or n.low <= n.high
        assert n.estimand not in ("EVPI", "EVPPI", "EVSI") or n.label in ("city", "pupils") or n.std_error > 0


def test_units_of_effects_are_those_of_the_outcome():
    found = outlook(effect(2.0, 0.5))
    assert of(found, "BREAK_EVEN").unit == "points"
    assert of(found, "EFFECT_AT_SCALE").unit == "points"
    assert of(found, "REACH").unit == "pupils"
    assert of(found, "REACH").estimate == 100
    assert of(found, "COST_PER_EFFECT").unit == "EUR of 2024 per points and pupils"


def test_the_pilots_own_effect_stands_beside_a_prediction():
    pilot = effect(3.0, 0.2, label="the pilot", source="study x", kind="pilot")
    found = outlook(effect(2.0, 0.5, pilot=pilot, kind="prediction"))
    assert of(found, "PILOT_EFFECT", "the pilot").estimate == 3
    assert of(found, "EFFECT_AT_SCALE").estimate == pytest.approx(2, abs=0.1)


def test_a_cost_per_unit_of_effect_is_discounted_costs_over_discounted_units():
    found = outlook(horizon=2, discount={"rate": 0.1})
    assert of(found, "COST_PER_EFFECT").estimate == pytest.approx(500 / (100 * 2 * (1 + 1 / 1.1)))


def test_where_there_is_no_improvement_no_cost_buys_one():
    number = of(outlook(effect(-2.0, 0.5)), "COST_PER_EFFECT")
    assert number.estimate is None
    assert "no improvement" in number.why_not


def test_where_improvements_are_not_sure_the_cost_has_no_interval():
    number = of(outlook(effect(0.5, 1.0)), "COST_PER_EFFECT")
    assert number.estimate > 0
    assert number.low is None
    assert "no interval" in number.how


def test_the_ends_of_the_tornado_are_no_interval_and_stand_in_words():
    number = of(outlook(flows=[RANGE, GAIN]), "TORNADO", "building")
    assert (number.estimate, number.low, number.high) == (pytest.approx(900), None, None)
    assert number.how == "net present value 400 at 200 (low end), -500 at 1,100 (high end); the others at their means"
