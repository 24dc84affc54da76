"""The ledger in many worlds: sheets made by hand, sums that agree, invariances, and draws that depend on the seed alone."""

from __future__ import annotations

import numpy as np
import pytest

from scale_impact.core.scaleup_choices import ScaleUp
from scale_impact.scaleup.inputs import inputs_of
from scale_impact.scaleup.ledger import lines
from scale_impact.scaleup.outlook import look_ahead
from scale_impact.scaleup.simulation import evaluate, simulate
from tests.scaleups import BASE, block, choices, effect, flow, outlook, row

KINDS = ("benefits", "costs", "transfers")


def made(found=None, *, seed=1, **changes):
    chosen, of = choices(**changes), effect() if found is None else found
    return simulate(chosen, of, inputs_of(chosen, of, 0.95), lines(chosen), seed=seed)


def test_one_year_is_arithmetic():
    # 100 pupils gain 2 points of 3 EUR each, the building costs 500
    assert set(made().npv) == {100.0}


SHEET = {
    "horizon": 4,
    "discount": {"rate": 0.05},
    "reach": {"units": 200, "share": 0.5, "grows": 0.1},
    "adoption": {"curve": "table", "shares": [0.2, 0.6, 1.0], "ceiling": 0.8},
    "dose": {"value": 0.9},
    "voltage": {
        "false_positive": {"factor": 0.8, "reason": "x"}, "population": {"factor": 0.9, "reason": "x"},
        "spillovers": {"factor": 1.1, "reason": "x"}, "cost": {"factor": 1.2, "reason": "x"},
    },
    "decay": {"half_life": 2, "floor": 0.25},
    "optimism": {"costs": 0.3, "benefits": 0.1},
    "learning": {"rate": 0.9, "before": 50, "reason": "x"},
    "convert": [{"currency": "USD", "year": 2020, "factor": 1.07, "source": "x"}],
    "partners": [
        {"name": "city", "kind": "city"}, {"name": "pupils", "kind": "citizens"}, {"name": "vendor", "kind": "vendor"}, {"name": "state", "kind": "state"},
    ],
    "flows": [
        flow("building", "cost", 500, paid_by={"city": 0.25, "state": 0.75}),
        flow("devices", "cost", 20, per="new_unit", paid_by="city", learns=True),
        flow("support", "cost", 3, per="unit", paid_by="vendor", optimism=0.0, grows=0.02),
        flow("grant", "transfer", 400, per="year", ends=3, paid_by="state", received_by={"city": 0.5, "vendor": 0.5}),
        flow("learning more", "benefit", 7, per="effect", received_by="pupils") | {"currency": "USD", "year": 2020},
        flow("repairs", "cost", 90, paid_by="city", starts=2, every=2),
    ],
}  # fmt: skip


def sheet(estimate):
    """The same by loops, cell by cell: present value of each partner, and of all."""
    active = [80 * s * 1.1**t for t, s in enumerate([0.2, 0.6, 1.0, 1.0])]
    npv = dict.fromkeys(["city", "pupils", "vendor", "state"], 0.0)
    cohorts, number = [], 50.0
    for t in range(4):
        now = 1.05**-t
        new = active[t] - (active[t - 1] if t else 0.0)
        cohorts.append(new)
        left = sum(size * (0.25 + 0.75 * 0.5 ** ((t - start) / 2)) for start, size in enumerate(cohorts))
        improvement = estimate * 0.9 * 0.8 * 0.9 * 1.1
        worth = 7 * 1.07 * (0.9 if improvement > 0 else 1.0)
        npv["pupils"] += now * worth * improvement * left
        b = np.log2(0.9)
        many = np.linspace(number, number + new, 200_001)
        unit = np.mean(((many[1:] + many[:-1]) / 2 / 50) ** b)
        number += new
        npv["city"] -= now * 20 * 1.2 * 1.3 * unit * new
        npv["vendor"] -= now * 3 * 1.2 * 1.02**t * active[t]
        if t == 0:
            npv["city"] -= 500 * 1.3 * 1.2 * 0.25
            npv["state"] -= 500 * 1.3 * 1.2 * 0.75
        if t in (1, 3):
            npv["city"] -= now * 90 * 1.3 * 1.2
        if t < 3:
            npv["state"] -= now * 400
            npv["city"] += now * 200
            npv["vendor"] += now * 200
    return npv


@pytest.mark.parametrize("estimate", [2.0, -1.0])
def test_a_whole_ledger_is_that_of_a_sheet_made_by_hand(estimate):
    found = made(effect(estimate), **SHEET)
    told = sheet(estimate)
    for partner, npv in told.items():
        assert found.npv_of(partner)[0] == pytest.approx(npv, rel=1e-9)
    assert found.npv[0] == pytest.approx(sum(told.values()), rel=1e-9)
    assert np.ptp(found.npv) == 0


RANGES = {
    **SHEET,
    "flows": [{**f, "amount": {"value": f["amount"], "low": 0.5 * f["amount"], "high": 2 * f["amount"]}} for f in SHEET["flows"]],
    "adoption": {**SHEET["adoption"], "ceiling": {"value": 0.8, "low": 0.5, "high": 0.9}},
    "decay": {"half_life": {"value": 2, "low": 1, "high": 5}, "floor": 0.25},
    "correlations": [{"between": ["building", "devices"], "rho": 0.6, "reason": "x"}],
    "draws": 12_345,
}  # fmt: skip


def test_transfers_cancel_in_the_total_exactly_and_partners_add_up_to_it():
    found = made(effect(std_error=1.0), **RANGES)
    partners = [p["name"] for p in SHEET["partners"]]
    assert (found.total("transfers") == 0).all()
    assert (sum(found.of(p, "transfers") for p in partners) == 0).all()
    assert sum(found.npv_of(p) for p in partners) == pytest.approx(found.npv, rel=1e-9, abs=1e-9)
    for kind in KINDS[:2]:
        assert sum(found.of(p, kind) for p in partners) == pytest.approx(found.total(kind), rel=1e-12)
    for p in partners:
        benefits, costs, transfers = (found.of(p, kind) for kind in KINDS)
        assert benefits - costs + transfers == pytest.approx(found.npv_of(p), rel=1e-9, abs=1e-9)
        came, went = found.in_and_out(p)
        assert came - went == pytest.approx(found.npv_of(p), rel=1e-9, abs=1e-9)


def test_the_last_of_the_cumulative_sums_is_the_net_present_value():
    found = made(effect(std_error=1.0), **RANGES)
    assert found.cumulative[:, -1] == pytest.approx(found.npv, rel=1e-9, abs=1e-9)


def test_the_mean_of_independent_linear_inputs_is_the_value_at_their_means():
    lines_ = [flow("building", "cost", {"value": 500, "low": 100, "high": 1500}, paid_by="city"),
              flow("learning more", "benefit", {"low": 1, "high": 9, "shape": "lognormal"}, per="effect", received_by="pupils")]  # fmt: skip
    chosen = choices(flows=lines_, draws=200_000, reach={"units": {"low": 50, "high": 150, "shape": "uniform"}})
    of = effect(2.0, 0.2)
    inputs, book = inputs_of(chosen, of, 0.95), lines(chosen)
    found = simulate(chosen, of, inputs, book, seed=3)
    at_means = evaluate(chosen, of, book, {i.name: np.array([i.mean]) for i in inputs}, 1).npv[0]
    assert found.npv.mean() == pytest.approx(at_means, abs=4 * found.npv.std() / np.sqrt(found.n))


def test_the_same_seed_gives_the_same_bytes_whatever_the_order_of_the_file():
    turned = {**RANGES, "flows": RANGES["flows"][::-1], "partners": RANGES["partners"][::-1], "correlations": [
        {"between": ["devices", "building"], "rho": 0.6, "reason": "x"}]}  # fmt: skip
    one, other = made(effect(std_error=1.0), **RANGES), made(effect(std_error=1.0), **turned)
    assert one.npv.tobytes() == other.npv.tobytes()
    assert one.npv_of("city").tobytes() == other.npv_of("city").tobytes()
    assert not (one.npv == made(effect(std_error=1.0), seed=2, **RANGES).npv).any()


def test_blocks_do_not_depend_on_how_many_follow():
    one, more = made(effect(std_error=1.0), **{**RANGES, "draws": 10_000}), made(effect(std_error=1.0), **RANGES)
    assert (one.npv == more.npv[:10_000]).all()
    assert more.n == len(more.worlds["effect"]) == 12_345


def test_threads_change_no_byte():
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        one = outlook(effect(std_error=1.0), **RANGES)
    with threadpool_limits(2):
        two = outlook(effect(std_error=1.0), **RANGES)
    assert one.numbers() == two.numbers()


def test_another_unit_of_money_scales_all_money_and_no_probability():
    cents = {
        **RANGES,
        "flows": [{**f, "amount": {k: 100 * v for k, v in f["amount"].items()}} for f in RANGES["flows"]],
    }
    one, other = outlook(effect(std_error=1.0), **RANGES), outlook(effect(std_error=1.0), **cents)
    for a, b in zip(one.numbers(), other.numbers(), strict=True):
        factor = 100 if a.unit.startswith("EUR") else 1
        if a.estimate is not None:
            assert b.estimate == pytest.approx(factor * a.estimate, rel=1e-6, abs=1e-6)


def test_an_effect_on_logarithms_is_a_part_of_the_baseline():
    base = {"value": 50, "unit": "claims", "year": 2020, "source": "x"}
    chosen = ScaleUp.model_validate(block(effect={"scale": "log", "direction": "-"}, baseline=base))
    of = effect(-0.1, 0.0, scale="log", direction="-", unit="log(claims)", outcome_unit="claims")
    found = look_ahead(chosen, of)
    fewer = 50 * (1 - np.exp(-0.1))
    assert found.simulated.npv[0] == pytest.approx(100 * 3 * fewer - 500)
    assert found.numbers()[-2].estimand != "EFFECT_AT_SCALE"
    scaled = next(n for n in found.numbers() if n.estimand == "EFFECT_AT_SCALE")
    assert (scaled.estimate, scaled.unit) == (pytest.approx(-fewer), "claims")


def test_known_inputs_and_a_known_effect_make_one_world():
    found = outlook(draws=1000)
    assert np.ptp(found.simulated.npv) == 0
    assert found.simulated.worlds["effect"].shape == (1,)
    assert found.partners["std_error"].max() == 0
    assert BASE["draws"] == 1000


@pytest.mark.parametrize(("estimate", "worth"), [(2.0, 2 * 100 * 10 * 1.5 * 2), (-2.0, -2 * 100 * 10)])
def test_dearer_costs_and_optimism_take_nothing_off_a_harm_nor_add_to_what_it_saves(estimate, worth):
    lines = [*BASE["flows"], flow("wear", "cost", 10, per="effect", paid_by="city")]
    dear = {"cost": {"factor": 2, "reason": "x"}}
    found = outlook(effect(estimate), flows=lines, voltage=dear, optimism={"costs": 0.5})
    assert row(found.flows, "wear")["mean"] == pytest.approx(worth)
    assert row(found.flows, "building")["mean"] == pytest.approx(500 * 1.5 * 2)
