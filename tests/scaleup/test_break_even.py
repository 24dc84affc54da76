"""Break-even: the root, found again by asking for the net present value there; and why there is none."""

from __future__ import annotations

import pytest

from scale_impact.core.scaleup_choices import ScaleUp
from scale_impact.scaleup.break_even import break_even
from scale_impact.scaleup.outlook import look_ahead
from tests.scaleups import BASE, block, choices, effect, flow, outlook

RANGE = {"value": 3, "low": 1, "high": 8}
COST, GAIN = BASE["flows"]


def even(found, partner=None):
    return break_even(found.simulated, found.effect, partner)


def test_the_effect_that_pays_for_the_building():
    # 100 pupils x 3 EUR x effect = 500 EUR
    assert even(outlook()).value == pytest.approx(5 / 3)


@pytest.mark.parametrize("scale", ["level", "log"])
@pytest.mark.parametrize("direction", ["+", "-"])
@pytest.mark.parametrize("fixed", [COST, flow("grant", "benefit", 500, received_by="city")])
def test_at_break_even_the_expected_net_present_value_is_zero(scale, direction, fixed):
    base = {"value": {"value": 50, "low": 40, "high": 70}, "unit": "points", "year": 2020, "source": "x"}
    given = block(
        flows=[fixed, {**GAIN, "amount": RANGE}], optimism={"benefits": 0.2}, effect={"scale": scale, "direction": direction},
        voltage={"population": {"factor": {"value": 0.8, "low": 0.5, "high": 1}, "reason": "x"}},
        **({"baseline": base} if scale == "log" else {}),
    )  # fmt: skip
    chosen = ScaleUp.model_validate(given)
    of = effect(0.02, 0.05, scale=scale, direction=direction)
    value = even(look_ahead(chosen, of, seed=4)).value
    again = look_ahead(chosen, effect(value, 0.0, scale=scale, direction=direction), seed=4)
    assert again.simulated.npv.mean() == pytest.approx(0, abs=1e-6)


def test_what_does_not_depend_on_the_effect_has_none():
    found = even(outlook(), "city")
    assert found.value is None
    assert found.told == "What city pays or gains does not depend on the effect."


def test_gains_without_an_effect_are_said_and_how_harmful_it_may_be():
    found = even(outlook(flows=[flow("grant", "benefit", 600, received_by="city"), GAIN]))
    assert found.value == pytest.approx(-2)
    assert "even without an effect" in found.told
    assert even(outlook(), "pupils").value == 0


def test_an_effect_that_costs_more_than_it_brings_has_a_most():
    lines = [
        flow("grant", "benefit", 600, received_by="city"),
        flow("pay by result", "cost", 5, per="effect", paid_by="city"),
        GAIN,
    ]
    found = even(outlook(flows=lines))
    assert found.value == pytest.approx(3)
    assert found.told.startswith("All partners together: gains are expected up to this effect only")
    assert outlook(effect(3.0), flows=lines).simulated.npv[0] == pytest.approx(0)


@pytest.mark.parametrize(("estimate", "nearest"), [(2.0, 6.0), (-2.0, -3.0)])
def test_gains_between_two_effects_have_both_told(estimate, nearest):
    # a gain costs 4.5 EUR and brings 3 x 0.9 EUR; a harm saves 3 EUR and takes 5 EUR
    lines = [
        flow("grant", "benefit", 600, received_by="city", optimism=0),
        flow("worth", "benefit", 5, per="effect", received_by="pupils", optimism=0.3),
        flow("wear", "cost", 3, per="effect", paid_by="city", optimism=0.5),
    ]
    found = even(outlook(effect(estimate), flows=lines))
    assert found.value == pytest.approx(nearest)
    assert (
        found.told
        == "All partners together: gains are expected between -3 points and 6 points, also without an effect."
    )
    for value in (-3.0, 6.0):
        assert outlook(effect(value), flows=lines).simulated.npv.mean() == pytest.approx(0, abs=1e-9)
    assert outlook(effect(7.0), flows=lines).simulated.npv.mean() < 0


def test_a_loss_between_two_effects_has_both_told():
    lines = [
        COST,
        flow("worth", "benefit", 3, per="effect", received_by="pupils"),
        flow("wear", "cost", 4, per="effect", paid_by="city"),
    ]
    # dearer wear takes nothing from what a harm saves: 1 EUR for each point of harm; a gain costs more than it brings
    found = even(outlook(flows=lines, voltage={"cost": {"factor": 2, "reason": "x"}}))
    assert found.value == pytest.approx(-10)
    cheap = [COST, lines[1], {**lines[2], "optimism": 0}]
    both = even(outlook(flows=cheap, voltage={"cost": {"factor": 0.5, "reason": "x"}}))
    assert both.value == pytest.approx(2.5)  # the building for half as well
    assert (
        both.told
        == "All partners together: gains are expected below -2.5 points and above 2.5 points; a loss between the two."
    )


def test_where_nothing_else_is_paid_gains_begin_with_the_effect_itself():
    assert even(outlook(), "pupils").told == "pupils: gains are expected from this effect on."
    found = even(outlook(flows=[COST, GAIN, flow("wear", "cost", 4, per="effect", paid_by="city")]))
    assert "only where the effect is harmful" in found.told
    own = even(
        outlook(flows=[COST, {**GAIN, "received_by": "city"}, flow("wear", "cost", 4, per="effect", paid_by="pupils")]),
        "pupils",
    )
    assert own.value == 0
    assert own.told == "pupils: gains are expected only where the effect is harmful, beyond this one."


def test_where_more_of_the_effect_costs_and_there_is_a_loss_without_it_only_a_harm_pays():
    lines = [COST, flow("pay by result", "cost", 5, per="effect", paid_by="city")]
    found = even(outlook(flows=lines, partners=BASE["partners"][:1]))
    assert found.value == pytest.approx(-1)
    assert "only where the effect is harmful" in found.told


def test_not_even_all_of_the_outcome_may_pay():
    base = {"value": 1, "unit": "claims", "year": 2020, "source": "x"}
    chosen = choices(effect={"scale": "log", "direction": "-"}, baseline=base)
    of = effect(-0.1, 0.01, scale="log", direction="-")
    found = even(look_ahead(chosen, of))  # 100 x 3 EUR x at most 1 claim is less than 500 EUR
    assert found.value is None
    assert "not even the whole level of the outcome would pay" in found.told


def test_a_worth_of_nothing_pays_for_nothing():
    found = even(outlook(flows=[COST, {**GAIN, "amount": 0}]))
    assert found.value is None
    assert found.told == "What all partners pay or gain does not depend on the effect."
