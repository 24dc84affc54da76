"""The block `scaleup:` of a study: what it may hold, and what its author is told, all at once with the place."""

from __future__ import annotations

import copy

import pytest

from scale_impact.core.scaleup_choices import Quantity, ScaleUp
from scale_impact.core.scaleup_problems import ADVICE, INPUTS, OF_CURVE
from scale_impact.core.yaml_file import Record, validate
from tests.scaleups import BASE, block, flow


class Study(Record):
    scaleup: ScaleUp | None = None


def problems(**changes):
    return validate(Study, {"scaleup": block(**changes)})[1]


def without(*place):
    found = copy.deepcopy(BASE)
    inner = found
    for key in place[:-1]:
        inner = inner[key]
    del inner[place[-1]]
    return validate(Study, {"scaleup": found})[1]


def flows(*more):
    return [*copy.deepcopy(BASE["flows"]), *more]


def test_a_whole_block_is_read():
    found, wrong = validate(Study, {"scaleup": block()})
    assert not wrong
    assert found.scaleup.flows[0].paid_by == {"city": 1.0}
    assert found.scaleup.reach.share.best == 1
    assert ScaleUp.model_validate(found.scaleup) is found.scaleup  # what is read already is not read again


def test_a_study_without_a_scale_up_has_none():
    assert validate(Study, {})[0].scaleup is None


def test_a_block_made_of_records_is_checked_as_one_of_a_file_is():
    read = ScaleUp.model_validate(block())
    parts = {name: getattr(read, name) for name in ScaleUp.model_fields}
    assert ScaleUp(**parts) == read
    with pytest.raises(ValueError, match="is in no flow"):
        ScaleUp(**parts | {"flows": read.flows[1:]})


def test_all_problems_are_told_at_once_those_within_keys_and_those_across():
    broken = block(horizn=3, partners=[*BASE["partners"], {"name": "state", "kind": "state"}])
    broken["reach"]["share"] = 1.2
    broken["flows"][0]["paid_by"] = "citty"
    del broken["flows"][1]["year"]
    del broken["voltage"]["spillovers"]
    wrong = validate(Study, {"scaleup": broken})[1]
    assert sorted(w.split(": ")[0] for w in wrong) == sorted([
        "scaleup.reach.share", "scaleup.voltage.spillovers", "scaleup.flows.1.year", "scaleup.horizn", "scaleup.partners.0", "scaleup.partners.2",
        "scaleup.flows.0.paid_by",
    ])  # fmt: skip
    assert "scaleup.horizn: there is no such key. Did you mean 'horizon'?" in wrong
    assert "scaleup.flows.0.paid_by: there is no partner 'citty'. Did you mean 'city'?" in wrong


@pytest.mark.parametrize("key", ["currency", "year", "source"])
def test_money_without_currency_year_or_source_is_refused_with_what_to_write(key):
    assert without("flows", 0, key) == [f"scaleup.flows.0.{key}: this key is missing: {ADVICE[key]}"]


@pytest.mark.parametrize("factor", ["false_positive", "population", "ingredients", "spillovers", "cost"])
def test_none_of_the_five_factors_of_voltage_can_be_left_out_and_none_has_no_reason(factor):
    assert without("voltage", factor) == [f"scaleup.voltage.{factor}: this key is missing: {ADVICE[factor]}"]
    assert without("voltage", factor, "reason") == [
        f"scaleup.voltage.{factor}.reason: this key is missing: {ADVICE['reason']}"
    ]


@pytest.mark.parametrize("key", ["dose", "decay", "optimism", "discount", "voltage", "partners"])
def test_what_many_forget_is_asked_for(key):
    assert f"scaleup.{key}: this key is missing: {ADVICE[key]}" in without(key)


SHARE = "a share lies between 0 and 1; write 0.4 for 40 %"


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"reach": {"share": 1.01}}, "reach.share"),
        ({"reach": {"share": {"value": 0.9, "low": 0.8, "high": 1.1}}}, "reach.share"),
        ({"adoption": {"ceiling": 80}}, "adoption.ceiling"),
        ({"adoption": {"ceiling": -0.1}}, "adoption.ceiling"),
        ({"voltage": {"population": {"factor": 1.5, "reason": "x"}}}, "voltage.population.factor"),
    ],
)
def test_shares_over_one_are_refused(changes, place):
    (wrong,) = problems(**changes)
    assert wrong.startswith(f"scaleup.{place}: {SHARE} (it is ")


def test_a_normal_shape_that_would_leave_the_range_of_a_share_is_refused():
    (wrong,) = problems(reach={"share": {"low": 0.7, "high": 0.99, "shape": "normal"}})
    assert "leave that range. Use shape: pert or triangular" in wrong
    assert not problems(reach={"share": {"low": 0.4, "high": 0.6, "shape": "normal"}})
    (wrong,) = problems(reach={"share": {"low": 0.4, "high": 0.6, "shape": "lognormal"}})
    assert "has no upper end" in wrong


def test_spillovers_may_raise_and_cost_too():
    assert not problems(
        voltage={"spillovers": {"factor": 1.2, "reason": "networks"}, "cost": {"factor": 1.3, "reason": "scarce"}}
    )


@pytest.mark.parametrize(
    ("amount", "told"),
    [
        ({"value": 3, "low": 5, "high": 9}, "value (3) does not lie between low (5) and high (9)."),
        ({"value": 3, "low": 5, "high": 2}, "low (5) is above high (2)."),
        ({"value": 3, "low": 2}, "low and high go together; high is missing."),
        ({"low": 2, "high": 4}, "a triangular shape needs the best estimate too: value."),
        ({}, "this needs a number: value, or low and high."),
        ({"low": 0, "high": 4, "shape": "lognormal"}, "a lognormal shape holds numbers above 0 only (low is 0)."),
        ({"value": 3, "low": 0, "high": 4, "shape": "normal"}, "the value of a normal shape from 0 to 4 is 2, not 3; leave it out, or use shape: "
         "pert or triangular."),
        ("12", "should be keys and values (it is '12')."),
        (True, "should be keys and values (it is True)."),
        (float("nan"), "should be a finite number (it is nan)."),
    ],
)  # fmt: skip
def test_amounts_that_are_none_are_refused(amount, told):
    wrong = problems(flows=[*BASE["flows"][:1], {**BASE["flows"][1], "amount": amount}])
    assert [w.partition(": ")[2] for w in wrong] == [told]
    assert wrong[0].startswith("scaleup.flows.1.amount")


def test_an_amount_below_zero_is_named_for_what_it_is():
    (wrong,) = problems(flows=[flow("building", "cost", -5, paid_by="city"), BASE["flows"][1]])
    assert wrong == "scaleup.flows.0.amount: this is below 0 (-5): a cost below 0 is a benefit."
    assert not problems(
        flows=[flow("building", "cost", {"value": 1, "low": -5, "high": 5}, paid_by="city"), BASE["flows"][1]]
    )


@pytest.mark.parametrize(
    ("line", "place", "told"),
    [
        (flow("a", "cost", 1), "paid_by", "a cost needs paid_by: the name of a partner."),
        (flow("a", "transfer", 1, paid_by="city"), "received_by", "a transfer needs received_by: the name of a partner."),
        (flow("a", "cost", 1, paid_by="city", received_by="pupils"), "received_by", "a cost has no received_by; a cost that somebody receives is a transfer."),
        (flow("a", "benefit", 1, paid_by="city", received_by="pupils"), "paid_by", "a benefit has no paid_by; a benefit that somebody pays is a transfer."),
        (flow("a", "cost", 1, paid_by={"city": 0.7, "pupils": 0.7}), "paid_by", "shares sum to 1.4, not to 1 (city 0.7, pupils 0.7)."),
        (flow("a", "cost", 1, paid_by="city", starts=3, ends=2), "ends", "the flow ends in year 2, before it starts (3)."),
        (flow("a", "cost", 1, paid_by="city", starts=9), "starts", "year 9 is after the last of the horizon (5). Years count from 1, "
         "the first of the horizon."),
        (flow("a", "cost", 1, paid_by="city", per="year", every=2), "every", "only a flow per once comes again every so many years (this is per year)."),
        (flow("a", "cost", 1, paid_by="city", ends=3), "ends", "a flow per once has no last year; leave `ends` out, or say `every`."),
        (flow("a", "cost", 1, paid_by="city", per="unit", learns=True), "learns", "say by how much: learning: {rate: 0.9, before: 500, reason: ...}."),
        (flow("a", "transfer", 1, paid_by="city", received_by="pupils", optimism=0.1), "optimism", "a transfer is a cost to one and a gain to "
         "another; it takes no optimism."),
        (flow("a", "benefit", 1, received_by="city", optimism=1.1), "optimism", "no more than all of a benefit can be taken off: at most 1 (it is 1.1)."),
        (flow("building", "cost", 1, paid_by="city"), "name", "the flow 'building' stands twice, at 0 and 2. Give each its own name."),
        (flow("dose", "cost", 1, paid_by="city"), "name", "'dose' is the name of another input. Use another name."),
    ],
)  # fmt: skip
def test_lines_of_the_ledger_that_cannot_be_are_refused(line, place, told):
    wrong = problems(horizon=5, flows=flows(line))
    assert f"scaleup.flows.2.{place}: {told}" in wrong
    assert all(w.startswith("scaleup.flows.2.") for w in wrong)


def test_a_transfer_to_oneself_is_refused():
    (wrong,) = problems(flows=flows(flow("a", "transfer", 1, paid_by="city", received_by="city")))
    assert wrong == "scaleup.flows.2: city would pay to itself."


def test_a_ledger_in_which_the_effect_is_worth_nothing_is_refused():
    (wrong,) = problems(flows=[BASE["flows"][0], flow("a", "benefit", 1, received_by="pupils")])
    assert wrong.startswith("scaleup.flows: no flow says what the effect is worth. Add one {kind: benefit, per: effect")


def test_money_of_another_year_or_currency_needs_what_it_is_worth():
    line = flow("a", "cost", 1, paid_by="city") | {"currency": "USD", "year": 2019}
    (wrong,) = problems(flows=flows(line))
    assert wrong.startswith(
        "scaleup.flows.2: the amount is in USD of 2019, results are in EUR of 2024. Say what it is worth: convert: ["
    )
    rate = {"currency": "USD", "year": 2019, "factor": 1.1, "source": "a test"}
    assert not problems(flows=flows(line), convert=[rate])
    assert any("is converted twice" in w for w in problems(flows=flows(line), convert=[rate, rate]))
    own = {**rate, "currency": "EUR", "year": 2024}
    assert problems(convert=[own]) == ["scaleup.convert.0: EUR of 2024 is what results are in already."]


def test_partners_that_stand_twice_weigh_without_reason_or_are_called_like_the_sum_are_refused():
    extra = [{"name": "city", "kind": "city", "weight": 2}, {"name": "all partners", "kind": "state", "group": "x"}]
    wrong = problems(partners=[*BASE["partners"], *extra])
    assert "scaleup.partners.2.name: the partner 'city' stands twice, at 0 and 2. Give each its own name." in wrong
    assert "scaleup.partners.2.weight_reason: say why a unit of money counts 2 for 'city'." in wrong
    assert "scaleup.partners.3.name: 'all partners' is what the sum is called. Use another name." in wrong
    assert "scaleup.partners.3.group: only citizens have a group; 'all partners' is of kind state." in wrong


@pytest.mark.parametrize("curve", OF_CURVE)
def test_a_curve_needs_its_own_keys_and_takes_no_others(curve):
    every = {"years": 4, "midpoint": 3, "innovation": 0.03, "imitation": 0.4, "shares": [0.5, 1]}
    right = {k: every[k] for k in OF_CURVE[curve]}
    assert not problems(adoption={"curve": curve, **right})
    missing = problems(adoption={"curve": curve})
    assert missing == [f"scaleup.adoption.{k}: a {curve} curve needs this key." for k in OF_CURVE[curve]]
    extra = problems(adoption={"curve": curve, **every})
    assert extra == [
        f"scaleup.adoption.{k}: a {curve} curve takes no such key." for k in sorted(set(every) - set(right))
    ]


def test_discount_rates_out_of_order_are_refused():
    steps = [{"after": 3, "rate": 0.02}, {"after": 2, "rate": 0.025}]
    wrong = problems(horizon=5, discount={"rate": 0.03, "low": 0.04, "high": 0.01, "declines": steps})
    assert wrong == [
        "scaleup.discount.low: the lowest rate (0.04) is above the rate (0.03).",
        "scaleup.discount.high: the highest rate (0.01) is below the rate (0.03).",
        "scaleup.discount.declines.1.after: year 2 does not come after the one before (3).",
        "scaleup.discount.declines.1.rate: the rate rises from 0.02 to 0.025; a schedule declines.",
    ]


def test_an_effect_on_logarithms_needs_a_baseline_and_one_on_levels_takes_none():
    base = {"value": 50, "unit": "claims", "year": 2020, "source": "a test"}
    assert any(
        w.startswith("scaleup.baseline: the effect is one on logarithms") for w in problems(effect={"scale": "log"})
    )
    assert not problems(effect={"scale": "log"}, baseline=base)
    assert problems(baseline=base) == [
        "scaleup.baseline: only an effect on a log scale needs a baseline; leave it out."
    ]


def test_what_is_wrong_with_an_effect_is_told_without_names_of_the_machine():
    raw = block()
    raw["effect"] = {"estimate": 1.0}
    wrong = validate(Study, {"scaleup": raw})[1]
    assert all(w.startswith("scaleup.effect.") and "<" not in w for w in wrong)
    raw["effect"] = {"study": "x", "estmand": "ATT"}
    assert validate(Study, {"scaleup": raw})[1] == [
        "scaleup.effect.estmand: there is no such key. Did you mean 'estimand'?"
    ]


RANGE = {"value": 2, "low": 1, "high": 3}


def uncertain_lines():
    made = [flow(n, "cost", RANGE, paid_by="city") for n in ("a", "b", "c")]
    return flows(*made)


def pair(one, other, rho):
    return {"between": [one, other], "rho": rho, "reason": "a test"}


def test_correlations_that_cannot_hold_together_are_refused_with_the_pair():
    wrong = problems(
        flows=uncertain_lines(), correlations=[pair("a", "b", 0.9), pair("b", "c", 0.9), pair("a", "c", -0.9)]
    )
    assert len(wrong) == 1
    assert wrong[0].startswith("scaleup.correlations: no inputs can move together like this")
    assert "has to lie between" in wrong[0]
    assert not problems(
        flows=uncertain_lines(), correlations=[pair("a", "b", 0.9), pair("b", "c", 0.9), pair("a", "c", 0.8)]
    )


def test_correlations_of_what_is_not_there_or_is_known_are_refused():
    given = [
        pair("a", "bb", 0.5),
        pair("building", "a", 0.5),
        pair("a", "a", 0.5),
        pair("b", "a", 0.1),
        pair("a", "b", 0.2),
    ]
    wrong = problems(flows=uncertain_lines(), correlations=given)
    assert [w.partition(": ")[0] for w in wrong] == [f"scaleup.correlations.{k}.between" for k in (0, 1, 2, 4)]
    assert "there is no input 'bb'" in wrong[0]
    assert "'building' is one number without a range" in wrong[1]
    assert "stands beside itself" in wrong[2]
    assert "the pair a, b stands twice" in wrong[3]


def test_measurements_of_what_is_known_or_too_late_are_refused():
    one = {
        "name": "m",
        "of": "building",
        "std_error": 1,
        "cost": 5,
        "currency": "EUR",
        "year": 2024,
        "delay": 1,
        "source": "x",
    }
    wrong = problems(measurements=[one, {**one, "of": "efect", "year": 2020}])
    assert [w.partition(": ")[0] for w in wrong] == [
        "scaleup.measurements.1", "scaleup.measurements.1.name", "scaleup.measurements.0.of", "scaleup.measurements.0.delay",
        "scaleup.measurements.1.of", "scaleup.measurements.1.delay",
    ]  # fmt: skip
    assert "Did you mean 'effect'?" in wrong[4]


def test_rules_out_of_order_are_refused():
    assert problems(rules={"hopeless": 0.9, "sure": 0.8}) == [
        "scaleup.rules: hopeless (0.9) cannot be above sure (0.8)."
    ]


def test_learning_that_nothing_learns_and_a_floor_without_a_decay_are_refused():
    learning = {"rate": 0.9, "before": 10, "reason": "a test"}
    assert problems(learning=learning) == [
        "scaleup.learning: no flow has learns: true. Say which unit costs fall, or leave learning out."
    ]
    assert problems(decay={"floor": 0.5}) == [
        "scaleup.decay.floor: an effect that does not fade has no floor; say half_life, or leave floor out."
    ]
    assert problems(
        flows=flows(flow("a", "cost", 1, per="unit", paid_by="city", learns=True)), learning={**learning, "rate": 0.1}
    ) == [
        "scaleup.learning.rate: what is left after a doubling lies between 0.3 and 1; write 0.9 for ten per cent less (it is 0.1)."
    ]


def test_each_key_of_the_block_has_its_line_for_editors():
    from scale_impact.core.schema import _record

    properties = _record(ScaleUp)["properties"]
    assert set(properties) == set(ScaleUp.model_fields)
    assert all(p.get("description") for p in properties.values())


def test_each_input_is_a_quantity_of_the_block():
    for place in INPUTS.values():
        model = ScaleUp
        for key in place[:-1]:
            annotation = model.model_fields[key].annotation
            model = next(a for a in (annotation, *getattr(annotation, "__args__", ())) if hasattr(a, "model_fields"))
        assert "Quantity" in str(model.model_fields[place[-1]].annotation), place


def test_the_best_estimate_of_a_range_alone_is_its_middle():
    assert Quantity(low=1, high=3, shape="uniform").best == 2
    assert Quantity(low=1, high=4, shape="lognormal").best == 2
    assert Quantity(low=2, high=2).is_known
