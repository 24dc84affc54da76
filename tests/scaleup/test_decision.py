"""Stop, adapt or scale: each rule where it alone decides, their order, and a negative result."""

from __future__ import annotations

import pytest

from scale_impact.scaleup.decision import must_agree
from tests.scaleups import BASE, choices, effect, flow, outlook

COST, GAIN = BASE["flows"]
TO_CITY = {**GAIN, "received_by": "city"}
PUPILS = flow("homework", "benefit", 1, received_by="pupils")
ALONE = [COST, TO_CITY, PUPILS]
"""The city pays and has the gains, so that it loses only where all do."""


def answer(found):
    (check, *_) = found.checks()
    assert check.check == "decision"
    return check.details["decision"], check.details["rule"], check.verdict


def measurement(**more):
    price = {"currency": "EUR", "year": 2024, "source": "x"}
    return {"name": "second pilot", "of": "effect", "std_error": 0.2, "cost": 1, **price, **more}


def test_a_sure_gain_of_all_who_pay_is_scaled():
    found = outlook(effect(3.0, 0.1), flows=ALONE)
    assert answer(found) == ("scale", "scale", "pass")
    assert found.decision.reason.startswith("All partners together gain EUR 400.8 on average")


def test_a_harmful_effect_stops_it_and_the_loss_is_told_too():
    found = outlook(effect(-1.0, 0.3), flows=ALONE)
    assert answer(found) == ("stop", "harm", "fail")
    assert "harmful with a probability of" in found.decision.reason
    assert "lose EUR 799.5 on average" in found.decision.reason


def test_a_loss_on_average_stops_it():
    found = outlook(effect(1.5, 0.3), flows=ALONE)
    assert answer(found) == ("stop", "loss", "fail")
    assert "The study names no measurement." in found.decision.reason


def test_a_rare_gain_stops_it_also_where_it_is_large():
    # a lottery: worth much in few worlds
    worth = {**TO_CITY, "amount": {"low": 1e-4, "high": 4, "shape": "lognormal"}}
    found = outlook(effect(6.0), flows=[{**COST, "amount": 8}, worth, PUPILS], draws=50_000, reach={"units": 5})
    assert found.simulated.npv.mean() > 0
    assert (found.simulated.npv > 0).mean() < 0.2
    assert answer(found) == ("stop", "hopeless", "fail")


def test_a_measurement_worth_its_cost_comes_first():
    found = outlook(effect(1.6, 0.8), flows=ALONE, measurements=[measurement()], draws=20_000)
    assert answer(found) == ("adapt", "measure", "inconclusive")
    assert found.decision.reason.startswith("Measure first: second pilot changes the decision with a probability of")
    (told,) = found.checks()[0].details["measurements"]
    assert told["net"] == pytest.approx(told["evsi"] - 1)
    dear = outlook(effect(1.6, 0.8), flows=ALONE, measurements=[measurement(cost=5000)], draws=20_000)
    assert answer(dear) == ("stop", "loss", "fail")
    assert "No measurement that the study names is worth its cost." in dear.decision.reason


@pytest.mark.parametrize("seed", range(6))
def test_a_free_measurement_that_changes_nothing_is_no_reason_to_wait(seed):
    idle = measurement(of="reach.share", std_error=0.1, cost=0)
    share = {"low": 0.4, "high": 0.6, "shape": "uniform"}
    found = outlook(effect(9.0, 0.01), flows=ALONE, measurements=[idle], reach={"share": share}, seed=seed)
    assert answer(found) == ("scale", "scale", "pass")
    (told,) = found.checks()[0].details["measurements"]
    assert (told["flips"], told["evsi"], told["evsi_error"], told["net"], told["worth_it"]) == (0, 0, 0, 0, False)


def test_less_than_a_millionth_of_what_is_at_stake_is_no_reason_to_wait():
    table = outlook(effect(1.6, 0.8), flows=ALONE, measurements=[measurement()], draws=2_000).information.measurements
    worth = float(table["evsi"].iloc[0])
    near = outlook(effect(1.6, 0.8), flows=ALONE, measurements=[measurement(cost=worth - 1e-6)], draws=2_000)
    assert near.information.measurements["net"].iloc[0] > 0
    assert near.information.worth_it.empty
    assert answer(near)[1] != "measure"


def test_factors_of_voltage_make_a_harm_smaller_and_no_less_of_a_harm():
    grant = flow("grant", "benefit", 5000, received_by="city")
    for factor in (1, 0.01, 0):
        voltage = {"false_positive": {"factor": factor, "reason": "x"}}
        found = outlook(effect(-0.5, 0.5), flows=[*ALONE, grant], voltage=voltage, draws=5_000)
        harm = found.decision.rules[0]
        assert (found.decision.rule, harm.holds) == ("harm", True)
        assert "The effect is harmful with a probability of 84" in harm.reason


def test_the_last_rule_holds_only_where_no_other_does_and_words_a_loss_as_one():
    *others, scale = outlook(effect(-1.0, 0.3), flows=ALONE).decision.rules
    assert not scale.holds
    assert (
        scale.reason
        == "All partners together lose EUR 799.5 on average, but other rules hold: harm, loss, hopeless, payer, unsure."
    )
    assert [r.rule for r in others if r.holds] == ["harm", "loss", "hopeless", "payer", "unsure"]
    gains = outlook(effect(3.0, 0.1)).decision.rules[-1]
    assert gains.reason == "All partners together gain EUR 399.8 on average, but other rules hold: payer."
    assert outlook(effect(3.0, 0.1), flows=ALONE).decision.rules[-1].holds


def test_a_partner_that_pays_and_loses_is_asked_first():
    found = outlook(effect(3.0, 0.1))  # the city pays 500, pupils gain 900
    assert answer(found) == ("adapt", "payer", "inconclusive")
    assert "city loses with a probability of 100 %, and has to agree" in found.decision.reason
    partners = [{**BASE["partners"][0], "must_agree": False}, BASE["partners"][1]]
    assert answer(outlook(effect(3.0, 0.1), partners=partners)) == ("scale", "scale", "pass")


def test_a_partner_that_is_paid_back_exactly_loses_nothing_and_holds_nobody_up():
    lines = [
        COST,
        TO_CITY,
        flow("material", "cost", 40, paid_by="pupils"),
        flow("refund", "transfer", 40, paid_by="city", received_by="pupils"),
    ]
    found = outlook(effect(3.0, 0.1), flows=lines)
    assert found.partners["npv"].iloc[2] == 0
    assert answer(found) == ("scale", "scale", "pass")


def test_who_has_to_agree_is_who_pays_unless_it_is_said():
    assert must_agree(choices()) == ("city",)
    partners = [BASE["partners"][0], {**BASE["partners"][1], "must_agree": True}]
    assert must_agree(choices(partners=partners)) == ("city", "pupils")


def test_a_gain_that_is_not_sure_enough_is_adapted():
    assert answer(outlook(effect(2.0, 0.8), flows=ALONE, draws=20_000)) == ("adapt", "unsure", "inconclusive")
    assert answer(outlook(effect(2.0, 0.8), flows=ALONE, draws=20_000, rules={"sure": 0.5})) == (
        "scale",
        "scale",
        "pass",
    )


def test_a_no_of_the_readiness_checklist_that_stops_is_heard():
    from scale_impact.core.readiness_items import blockers

    item = next(iter(blockers()))
    found = outlook(effect(3.0, 0.1), flows=ALONE, readiness={item: {"answer": "no", "note": "not yet"}})
    assert answer(found) == ("adapt", "readiness", "inconclusive")
    assert "says no to" in found.decision.reason


def test_all_rules_stand_in_their_order_with_what_they_found():
    rules = outlook(effect(3.0, 0.1)).decision.rules
    assert [r.rule for r in rules] == ["harm", "loss", "hopeless", "measure", "payer", "unsure", "readiness", "scale"]
    assert all(r.reason.endswith(".") for r in rules)


@pytest.mark.parametrize("estimate", [5 / 3, 5 / 3 + 1e-9])
def test_nothing_gained_for_sure_is_no_gain(estimate):
    found = outlook(effect(estimate), flows=[COST, GAIN])
    gained = estimate > 5 / 3
    assert (found.simulated.npv > 0).all() == gained
    assert answer(found)[0] == ("adapt" if gained else "stop")
