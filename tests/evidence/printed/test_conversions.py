"""Conversions between the forms in which papers print effects: by hand, against a table of outcomes, and as limits of each other."""

import math

import numpy as np
import pytest

from scale_impact.evidence.printed import conversions as c
from tests.panels import shared


def slope(function, x, h=1e-6):
    return (function(x + h) - function(x - h)) / (2 * h)


def test_a_log_ratio_of_two_groups_of_the_bcg_trials_is_that_of_metafor():
    import json

    import pandas as pd

    trials = pd.read_csv(shared("reference/data/dat_bcg.csv"))
    values = next(
        e["values"]
        for e in json.loads(shared("reference/meta/meta_bcg.json").read_text())["results"]
        if e["id"] == "escalc_RR"
    )
    a, b, n1, n2 = trials["tpos"], trials["cpos"], trials["tpos"] + trials["tneg"], trials["cpos"] + trials["cneg"]
    ratio = (a / n1) / (b / n2)
    error = np.sqrt(1 / a - 1 / n1 + 1 / b - 1 / n2)  # of the logarithm; of the ratio itself it is ratio times this
    for r, e, yi, vi in zip(ratio, error, values["yi"], values["vi"], strict=True):
        value, found = c.log_of_ratio(r, r * e)
        assert value == pytest.approx(yi, rel=1e-12)
        assert found**2 == pytest.approx(vi, rel=1e-12)


def test_an_odds_ratio_and_the_share_without_give_the_share_with():
    # 30 of 100 with, 20 of 100 without: OR = (30/70) / (20/80) = 12/7, difference 0.1, RR = 1.5
    log_or = math.log(12 / 7)
    assert c.risk_of_odds_ratio(log_or, 0.2) == pytest.approx(0.3, rel=1e-14)
    assert c.difference_of_odds_ratio(log_or, None, 0.2) == (pytest.approx(0.1), None)
    assert c.log_risk_ratio_of_odds_ratio(log_or, None, 0.2)[0] == pytest.approx(math.log(1.5), rel=1e-14)
    assert c.difference_of_risk_ratio(math.log(1.5), None, 0.2)[0] == pytest.approx(0.1)


def test_zhang_and_yu_is_their_formula():
    for odds_ratio, base in ((0.3, 0.6), (2.5, 0.1), (8.0, 0.45)):
        asked = odds_ratio / (1 - base + base * odds_ratio)
        assert math.exp(c.log_risk_ratio_of_odds_ratio(math.log(odds_ratio), None, base)[0]) == pytest.approx(
            asked, rel=1e-13
        )


@pytest.mark.parametrize(
    "of",
    [
        lambda v, e: c.difference_of_odds_ratio(v, e, 0.3),
        lambda v, e: c.log_risk_ratio_of_odds_ratio(v, e, 0.3),
        lambda v, e: c.difference_of_risk_ratio(v, e, 0.3),
        lambda v, e: c.standardised_of_odds_ratio(v, e),
        lambda v, e: c.log_of_per_cent(100 * v, None if e is None else 100 * e),
    ],
)
def test_a_standard_error_is_the_slope_times_the_one_before(of):
    for at in (-0.6, -0.1, 0.4):
        assert of(at, 0.2)[1] == pytest.approx(0.2 * abs(slope(lambda v: of(v, None)[0], at)), rel=1e-6)


def test_a_rare_outcome_has_one_ratio():
    log_or = math.log(1.8)
    assert c.log_risk_ratio_of_odds_ratio(log_or, 0.1, 1e-9)[0] == pytest.approx(log_or, rel=1e-8)
    assert c.log_risk_ratio_of_odds_ratio(log_or, 0.1, 1e-9)[1] == pytest.approx(0.1, rel=1e-8)


def test_chinns_factor():
    # Chinn (2000): ln OR / 1.81; Borenstein and others (2009), example of chapter 7: log OR 0.9069, variance 0.0676 -> d 0.5000, 0.0205
    factor = 1 / c.CHINN
    assert factor == pytest.approx(1.8138, abs=5e-5)
    d, error = c.standardised_of_odds_ratio(0.9069, math.sqrt(0.0676))
    assert d == pytest.approx(0.5000, abs=5e-5)
    assert error**2 == pytest.approx(0.0205, abs=5e-5)


def test_cohen_and_hedges_of_borensteins_example():
    # Borenstein and others (2009), chapter 4: d = 0.5970 of 50 and 50, V_d = 0.0418; df 98, J = 0.9923, g = 0.5924, V_g = 0.0411
    error = c.std_error_of_cohen(0.5970, 50, 50)
    assert error**2 == pytest.approx(0.0418, abs=5e-5)
    j = c.small_sample_factor(98)
    assert j == pytest.approx(0.9923, abs=5e-5)
    assert c.cohen_of_hedges(0.5970 * j, error * j, 98) == pytest.approx((0.5970, error))
    assert (error * j) ** 2 == pytest.approx(0.0411, abs=5e-5)


def test_the_raw_difference_comes_back_from_the_standardised_one():
    difference, spread = 3.0, 5.0
    assert c.raw_of_standardised(difference / spread, 0.1, spread) == pytest.approx((difference, 0.5))


def test_no_effect_stays_none():
    zero = [
        c.log_of_per_cent(0)[0],
        c.difference_of_odds_ratio(0, None, 0.4)[0],
        c.difference_of_risk_ratio(0, None, 0.4)[0],
    ]
    assert zero == pytest.approx([0, 0, 0], abs=1e-15)
    assert c.log_of_ratio(1.0, 0.2) == (0.0, 0.2)


def test_a_number_turned_round_keeps_its_standard_error():
    assert c.times((2.0, 0.5), -3) == (-6.0, 1.5)


@pytest.mark.parametrize("ratio", [0.0, -1.0, math.nan])
def test_a_ratio_is_above_zero(ratio):
    with pytest.raises(ValueError, match="above 0"):
        c.log_of_ratio(ratio)


def test_nothing_falls_by_more_than_all():
    with pytest.raises(ValueError, match="above 0"):
        c.log_of_per_cent(-100)
