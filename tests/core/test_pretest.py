"""The pre-test's power, and what passing it does to means, against R's pretrends."""

import numpy as np
import pytest
from scipy import stats

from scale_impact.core.pretest import Pretest
from tests.panels import reference

CASES = ["BC2014", "mpdta_cs", "mpdta_twfe"]


def pretest(case):
    """The test with the critical value that pretrends uses."""
    given = reference("honestdid_mpdta", f"{case}_inputs")
    return Pretest(np.array(given["tVec"]) + 1.0, np.array(given["sigma"]), 1.96), np.array(given["betahat"])


@pytest.mark.parametrize("case", CASES)
def test_power_and_means_are_those_of_pretrends(case):
    test, coefficients = pretest(case)
    theirs = reference("honestdid_mpdta", f"{case}_pretrends_power")
    others = np.array(theirs["df"]["t"]) != -1
    violation = np.array(theirs["df"]["deltatrue"])[others]
    # R integrates with random draws: its probabilities are good to 1e-3, in practice to 1e-4
    assert test.power(violation) == pytest.approx(theirs["power"], abs=2e-4)
    assert test.bayes_factor(violation) == pytest.approx(theirs["bayes"], abs=5e-4)
    assert test.likelihood_ratio(violation, coefficients) == pytest.approx(theirs["LR"], rel=1e-11)
    expected = np.array(theirs["df"]["meanAfterPretesting"])[others]
    assert test.mean_if_passed(violation) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("power", [0.5, 0.8])
def test_slopes_are_those_of_pretrends(case, power):
    test, _ = pretest(case)
    theirs = reference("honestdid_mpdta", f"{case}_pretrends_slope_{power}")["slope"]
    slope = test.slope(power)
    assert slope == pytest.approx(theirs, abs=1.3e-4)  # R's uniroot stops at a step of 1.2e-4
    assert test.power(slope * test.times) == pytest.approx(power, abs=1e-8)


def test_one_coefficient_by_hand():
    """P(|Z + d / se| > c) for one coefficient two periods before the reference."""
    test = Pretest(np.array([-2.0, 1.0]), np.array([[4.0, 1.0], [1.0, 3.0]]), 1.96)
    shift = 0.9 * -2 / 2
    assert test.power(0.9 * test.times) == pytest.approx(
        stats.norm.sf(1.96 - shift) + stats.norm.cdf(-1.96 - shift), rel=1e-12
    )
    passed = stats.truncnorm.mean(-1.96 - shift, 1.96 - shift, -1.8, 2.0)
    expected = [passed, 0.9 + (passed + 1.8) * 1 / 4]
    assert test.mean_if_passed(0.9 * test.times) == pytest.approx(expected, rel=1e-10)


def test_no_trend_has_less_power_than_the_tests_size():
    test, _ = pretest("BC2014")
    assert test.slope(0.05) is None
    assert test.power(0 * test.times) == pytest.approx(0.149, abs=1e-3)


def test_the_slope_scales_with_the_outcome():
    test, _ = pretest("mpdta_cs")
    wide = Pretest(test.times, test.covariance * 1e6, 1.96)
    assert wide.slope(0.5) == pytest.approx(1000 * test.slope(0.5), rel=1e-8)
