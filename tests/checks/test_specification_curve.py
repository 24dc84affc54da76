"""The check of a specification curve: verdicts by counts, signs and the joint test."""

import pytest

from scale_impact.checks import specification_curve
from scale_impact.checks.specification_curve import NO_GRID
from scale_impact.core.specifications import OWN, curve_of
from scale_impact.errors import EstimationError
from tests.core.test_specifications import AXES, joint, specification

PLACES = [("twfe", "never"), ("twfe", "not_yet"), ("imputation", "never"), ("imputation", "not_yet")]


def check(values, p=0.04, *, errors=0.1, primary=0, untested=None, **options):
    """The check of four specifications with some estimates; the first is the marked one."""
    found = [
        specification(v, errors, estimator=e, control=c, mark=OWN if k == primary else None)
        for k, (v, (e, c)) in enumerate(zip(values, PLACES, strict=False))
    ]
    asked = []

    def curve(*, draws, alpha, left_out):
        asked.append((draws, alpha, left_out))
        made = curve_of(found, AXES, 0.95)
        return made.tested(None, untested) if untested else made.tested(joint(p, len(made.known)))

    result = specification_curve.run(None, None, None, curve=curve, **options)
    assert asked == [(options.get("draws", 500), options.get("alpha", 0.05), options.get("left_out", "dealt"))]
    return result


def test_a_curve_of_one_sign_that_chance_does_not_give_passes():
    found = check([-0.3, -0.25, -0.4, -0.1], p=0.01)
    assert found.verdict == "pass"
    assert found.reason.startswith(
        "4 of 4 specifications are negative, 3 exclude zero; median -0.275, joint p = 0.010."
    )
    assert (found.statistic, found.p_value) == (-0.275, 0.01)


def test_a_marked_one_that_claims_more_than_the_curve_fails():
    found = check([-0.3, -0.05, -0.04, 0.02], p=0.4)
    assert found.verdict == "fail"
    assert "The marked one (the study's own) excludes zero, and the curve as a whole does not" in found.reason


def test_specifications_that_contradict_each_other_for_certain_fail():
    found = check([-0.3, 0.3, -0.4, -0.5], p=0.01)
    assert found.verdict == "fail"
    assert "on both sides (3 below, 1 above): the choices decide." in found.reason


def test_a_marked_one_with_the_sign_of_few_fails():
    found = check([0.1, -0.1, -0.15, -0.12], p=0.01)
    assert found.verdict == "fail"
    assert "Only 25% have the sign of the marked one" in found.reason


def test_where_neither_claims_anything_it_is_inconclusive():
    found = check([-0.1, -0.05, -0.04, 0.02], p=0.4)
    assert found.verdict == "inconclusive"
    assert "Neither the marked one nor the curve as a whole" in found.reason


def test_a_curve_that_changes_sign_too_often_is_inconclusive():
    assert check([-0.3, -0.25, -0.4, 0.02], p=0.01).verdict == "inconclusive"
    assert check([-0.3, -0.25, -0.4, 0.02], p=0.01, stable=0.7).verdict == "pass"


def test_a_p_value_of_alpha_rejects():
    assert check([-0.3, -0.25, -0.4, -0.1], p=0.05).verdict == "pass"
    assert check([-0.3, -0.25, -0.4, -0.1], p=0.05, alpha=0.01).verdict == "fail"


def test_without_a_test_it_says_why():
    found = check([-0.3, -0.25, -0.4, -0.1], untested="No unit is followed over time.")
    assert found.verdict == "inconclusive"
    assert "There is no joint test: No unit is followed over time." in found.reason
    assert found.p_value is None


def test_what_could_not_be_estimated_is_counted_and_listed():
    found = check([-0.3, -0.25, None, -0.1], p=0.01)
    assert found.reason.endswith("1 more could not be estimated.")
    assert found.details["without_estimate"] == [
        {"label": "estimator imputation; control never", "reason": "No unit is never treated."}
    ]


def test_details_hold_statistics_counts_and_axes():
    details = check([-0.3, -0.25, -0.4, -0.1], p=0.01).details
    assert (details["specifications"], details["estimated"], details["exclude_zero_below"]) == (4, 4, 3)
    assert details["statistics"][0]["name"] == "median"
    assert [a["axis"] for a in details["axes"]] == ["estimator", "control"]
    assert details["marked"] == {"as": OWN, "label": "estimator twfe; control never"}


def test_without_a_grid_it_is_inapplicable():
    found = specification_curve.run(None, None, None, curve=None)
    assert (found.verdict, found.reason) == ("inapplicable", NO_GRID)


def test_a_grid_in_which_nothing_can_be_estimated_is_an_error():
    with pytest.raises(EstimationError, match="None of the 2 specifications has an estimate"):
        check([None, None])
