"""The ledger: when flows flow, what optimism and other money make of them, who has which part, and what years count now."""

from __future__ import annotations

import numpy as np
import pytest

from scale_impact.scaleup.ledger import discount_factors, lines, rate_to
from tests.panels import ROOT, reference
from tests.scaleups import BASE, choices, flow


def line(one, **changes):
    found = choices(flows=[*BASE["flows"], one], **{"horizon": 6, **changes})
    return next(made for made in lines(found) if made.flow.name == one["name"])


@pytest.mark.parametrize(
    ("more", "years"),
    [
        ({"per": "once"}, [1, 0, 0, 0, 0, 0]),
        ({"per": "once", "starts": 3}, [0, 0, 1, 0, 0, 0]),
        ({"per": "once", "starts": 2, "every": 2}, [0, 1, 0, 1, 0, 1]),
        ({"per": "once", "every": 3, "ends": 3}, [1, 0, 0, 0, 0, 0]),
        ({"per": "year", "starts": 2, "ends": 4}, [0, 1, 1, 1, 0, 0]),
        ({"per": "year", "grows": 0.1, "starts": 5}, [0, 0, 0, 0, 1.1**4, 1.1**5]),
    ],
)
def test_when_a_flow_flows(more, years):
    assert line(flow("a", "cost", 7, paid_by="city", **more)).years == pytest.approx(years)


def test_costs_are_raised_and_benefits_lowered_by_optimism_and_transfers_left():
    general = {"optimism": {"costs": 0.4, "benefits": 0.1}}
    assert line(flow("a", "cost", 7, paid_by="city"), **general).years[0] == pytest.approx(1.4)
    assert line(flow("a", "benefit", 7, received_by="city"), **general).years[0] == pytest.approx(0.9)
    assert line(flow("a", "transfer", 7, paid_by="city", received_by="pupils"), **general).years[0] == 1
    assert line(flow("a", "cost", 7, paid_by="city", optimism=2.0), **general).years[0] == pytest.approx(3)


def test_optimism_takes_nothing_off_a_harm():
    made = line(flow("a", "benefit", 7, per="effect", received_by="city"), optimism={"benefits": 0.25})
    assert made.years[0] == pytest.approx(0.75)
    assert made.harmed[0] == 1


def test_money_of_another_year_is_converted():
    price = {"currency": "USD", "year": 2019}
    rates = [{**price, "factor": 1.25, "source": "x"}]
    made = line(flow("a", "cost", 7, paid_by="city") | price, convert=rates)
    assert made.years[0] == 1.25
    assert rate_to(choices(convert=rates), "EUR", 2024) == 1


def test_who_has_which_part():
    made = line(flow("a", "transfer", 7, paid_by={"city": 0.75, "pupils": 0.25}, received_by="state"),
                partners=[*BASE["partners"], {"name": "state", "kind": "state"}])  # fmt: skip
    assert made.parts == {"state": 1, "city": -0.75, "pupils": -0.25}
    assert made.sign == 0
    assert line(flow("a", "cost", 7, paid_by="city")).parts == {"city": -1}


def test_lines_stand_in_the_order_of_their_names():
    assert [made.flow.name for made in lines(choices(flows=BASE["flows"][::-1]))] == ["building", "learning more"]


# ---- discounting ------------------------------------------------------------------------------------------


def discount(horizon=3, **more):
    return discount_factors(choices(horizon=horizon, discount=more).discount, horizon)


def test_money_at_the_start_middle_or_end_of_the_year():
    assert discount(rate=0.1) == pytest.approx([1, 1 / 1.1, 1 / 1.21])
    assert discount(rate=0.1, timing="end") == pytest.approx([1 / 1.1, 1 / 1.21, 1 / 1.331])
    assert discount(rate=0.1, timing="middle") == pytest.approx(1.1 ** -np.array([0.5, 1.5, 2.5]))


def test_a_declining_schedule_discounts_later_years_less():
    # HM Treasury's Green Book: 3.5 % to year 30, 3.0 % to year 75; factors of its table, whose year 0 is our year 1
    found = discount(76, rate=0.035, declines=[{"after": 30, "rate": 0.03}])
    assert found[[0, 1, 10, 30, 31, 40, 75]] == pytest.approx(
        [1, 0.9662, 0.7089, 0.3563, 0.3459, 0.2651, 0.0942], abs=5e-5
    )


def test_another_rate_moves_the_whole_schedule_and_none_below_zero():
    chosen = choices(horizon=3, discount={"rate": 0.03, "declines": [{"after": 2, "rate": 0.01}]}).discount
    assert discount_factors(chosen, 3, 0.05) == pytest.approx([1, 1 / 1.05, 1 / 1.05**2])
    assert discount_factors(chosen, 4, 0.05)[3] == pytest.approx(1 / 1.05**2 / 1.03)
    assert discount_factors(chosen, 4, 0.0) == pytest.approx([1, 1, 1, 1])


@pytest.mark.parametrize("rate", [0.0, 0.03, 0.035, 0.1])
def test_net_present_values_are_those_of_numpy_financial(rate):
    import json

    streams = json.loads((ROOT / "tests/reference/scaleup.json").read_text())["streams"]
    for name, stream in streams.items():
        told = reference("scaleup", f"npv_{rate:g}")[name]
        assert discount(len(stream), rate=rate) @ stream == pytest.approx(told, rel=1e-12)
