"""Voltage: five factors with reasons, what they leave of the effect, and what is said where nothing is taken off."""

from __future__ import annotations

import pytest

from scale_impact.scaleup.voltage import check, factors, kept
from tests.scaleups import choices, effect


def five(**factor):
    names = ("false_positive", "population", "ingredients", "spillovers", "cost")
    return {n: {"factor": factor.get(n, 1), "reason": f"because of {n}"} for n in names}


def test_what_is_left_is_the_product_of_the_means_of_four_factors_and_the_dose():
    found = choices(
        voltage=five(false_positive=0.8, population={"value": 0.9, "low": 0.6, "high": 0.9}, cost=3),
        dose={"value": 0.5, "elasticity": 2},
    )
    assert kept(found) == pytest.approx(0.8 * 0.8 * 0.25)


@pytest.mark.parametrize(
    ("factor", "verdict"),
    [
        ({"population": 0.8}, "pass"),
        ({"population": 0.3}, "inconclusive"),
        ({"population": 0}, "fail"),
        ({"spillovers": 1.2}, "inconclusive"),
        ({}, "inconclusive"),
    ],
)
def test_the_verdict(factor, verdict):
    assert check(choices(voltage=five(**factor)), effect()).verdict == verdict


def test_all_five_and_the_dose_stand_with_their_reasons():
    found = check(choices(voltage=five(population=0.8)), effect())
    rows = found.details["factors"]
    assert [r["factor"] for r in rows] == ["false_positive", "population", "ingredients", "spillovers", "cost", "dose"]
    assert rows == factors(choices(voltage=five(population=0.8)))
    assert rows[1] == {"factor": "population", "meaning": "who was in the pilot", "on": "effect", "mean": 0.8, "low": 0.8, "high": 0.8,
                       "reason": "because of population"}  # fmt: skip
    assert found.statistic == pytest.approx(0.8)
    assert found.reason.startswith("80 % of the effect is left at scale")


def test_five_ones_are_called_what_they_are():
    assert "All five are taken as exactly 1" in check(choices(), effect()).reason


def test_more_than_the_pilot_had_is_called_a_claim():
    reason = check(choices(voltage=five(spillovers=1.2), dose={"value": 2}), effect()).reason
    assert "More than the pilot had is claimed for spillovers and saturation, dose" in reason


def test_a_harm_that_factors_make_smaller_is_said():
    reason = check(choices(voltage=five(population=0.8)), effect(-1.0)).reason
    assert "factors below 1 make a harm smaller, which favours the measure" in reason
