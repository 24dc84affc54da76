"""Partners: what each has, how surely, who loses by how much; weights beside the unweighted answer; years."""

from __future__ import annotations

import numpy as np
import pytest

from scale_impact.scaleup.partners import ratio, spread, weighted
from tests.scaleups import BASE, effect, flow, outlook, row

COST, GAIN = BASE["flows"]
FEE = flow("fee", "transfer", 100, paid_by="pupils", received_by="city")


def test_a_row_says_what_each_pays_gains_and_is_paid():
    table = outlook(flows=[COST, GAIN, FEE]).partners
    assert list(table["partner"]) == ["all partners", "city", "pupils"]
    told = table[["benefits", "costs", "transfers", "npv", "p_positive", "p_loses"]].to_numpy().tolist()
    assert told == [[600, 500, 0, 100, 1, 0], [0, 500, 100, -400, 0, 1], [600, 0, -100, 500, 1, 0]]
    assert list(table["bcr"]) == pytest.approx([1.2, 0.2, 6.0])
    assert list(table["must_agree"]) == [True, True, True]


def test_a_partner_that_pays_nothing_has_no_ratio():
    assert np.isnan(row(outlook().partners, "pupils")["bcr"])
    assert ratio(np.ones(3), np.array([1.0, 0, 1]), 0.95)["bcr"] is None


def test_losses_are_counted_and_measured_over_the_worlds_in_which_they_are():
    found = outlook(effect(2.0, 1.0), flows=[COST, {**GAIN, "received_by": "city"}, FEE], draws=20_000)
    city = row(found.partners, "city")
    npv = found.simulated.npv_of("city")
    assert city["p_loses"] == pytest.approx((npv < 0).mean())
    assert city["mean_loss"] == pytest.approx(npv[npv < 0].mean())
    assert city["worst"] == pytest.approx(np.quantile(npv, 0.05))
    assert (city["low"], city["high"]) == pytest.approx(tuple(np.quantile(npv, [0.025, 0.975])))


def losers(found):
    return found.checks()[2]


def test_a_partner_that_loses_on_average_fails_the_check_and_one_that_may_leaves_it_open():
    fails = losers(outlook(flows=[COST, GAIN]))
    assert (fails.check, fails.verdict, fails.statistic) == ("losers", "fail", 1.0)
    assert (
        fails.reason == "city loses on average (EUR -500), in 100 % of the worlds by EUR 500 on average where it does."
    )
    own = [COST, {**GAIN, "received_by": "city"}, flow("a", "benefit", 1, received_by="pupils")]
    assert losers(outlook(effect(2.0, 1.0), flows=own)).verdict == "inconclusive"
    passes = losers(outlook(effect(4.0, 0.1), flows=own))
    assert passes.verdict == "pass"
    assert [r["partner"] for r in passes.details["partners"]] == ["city", "pupils"]
    assert passes.details["partners"][0]["mean_loss"] is None


def test_weights_stand_beside_the_unweighted_answer_and_never_in_its_place():
    partners = [BASE["partners"][0], {**BASE["partners"][1], "weight": 1.5, "weight_reason": "lower incomes"}]
    found = outlook(partners=partners)
    numbers = {n.label: n.estimate for n in found.numbers() if n.estimand == "NPV"}
    assert numbers["all partners"] == 100
    assert numbers["all partners, weighted"] == pytest.approx(1.5 * 600 - 500)
    assert any("pupils 1.5 (lower incomes)" in note for note in found.notes)
    assert weighted(outlook().choices, outlook().simulated) is None


def test_years_add_up_to_the_ledger():
    found = outlook(
        flows=[COST, GAIN, FEE], horizon=3, adoption={"curve": "linear", "years": 2}, discount={"rate": 0.04}
    )
    years = found.years
    assert list(years["participants"]) == [25, 75, 100]
    assert list(years["benefits"]) == [150, 450, 600]
    assert list(years["costs"]) == [500, 0, 0]
    assert years["cumulative"].iloc[-1] == pytest.approx(found.partners["npv"].iloc[0])
    own = found.partner_years
    assert own[own["partner"] == "city"][["costs", "transfers", "net"]].to_numpy().tolist() == [
        [500, 100, -400],
        [0, 0, 0],
        [0, 0, 0],
    ]
    assert own.groupby("year")["net"].sum().to_numpy() == pytest.approx(years["net"].to_numpy())


def test_flows_have_their_present_values_and_sources():
    flows = outlook(flows=[COST, GAIN, FEE]).flows
    assert list(flows["flow"]) == ["building", "fee", "learning more"]
    assert list(flows["mean"]) == [500, 100, 600]
    assert list(flows["paid_by"]) == ["city", "pupils", ""]


def test_what_rounding_leaves_is_no_spread():
    assert spread(np.full(10_000, 0.1)) == 0
    assert spread(np.array([1.0, 3.0])) == 1
