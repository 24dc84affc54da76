"""Standard errors from what papers print."""

import pytest
from scipy import stats

from scale_impact.evidence.printed.precision import Printed, contradictions, critical, std_errors


def only(printed):
    (found,) = std_errors(printed).values()
    return found


def test_all_four_ways_give_the_standard_error_that_was_printed():
    # an estimate of 2.0 with standard error 0.8 and 30 degrees of freedom
    value, error, df = 2.0, 0.8, 30
    half = stats.t.ppf(0.95, df) * error
    assert only(Printed(value, std_error=error)) == error
    assert only(Printed(value, low=value - half, high=value + half, level=0.9, df=df)) == pytest.approx(
        error, rel=1e-12
    )
    assert only(Printed(-value, t_value=-value / error)) == pytest.approx(error)
    assert only(Printed(value, p_value=2 * stats.t.sf(value / error, df), df=df)) == pytest.approx(error, rel=1e-9)
    assert only(Printed(value, p_value=2 * stats.norm.sf(value / error))) == pytest.approx(error, rel=1e-9)


def test_critical_values_are_those_of_scipy():
    assert critical(0.95, None) == pytest.approx(stats.norm.ppf(0.975), rel=1e-14)
    assert critical(0.9, 7) == pytest.approx(stats.t.ppf(0.95, 7), rel=1e-12)


def test_an_interval_is_even_within_its_rounding():
    # 1.7 to 2.4 around 2.1: the middle is 2.05, half the width 0.35
    assert Printed(2.1, low=1.7, high=2.4, level=0.95, rounding=0.1).even
    assert not Printed(2.1, low=1.0, high=2.4, level=0.95, rounding=0.1).even
    assert Printed(2.1).even


def test_two_things_that_say_different_standard_errors_are_named():
    (said,) = contradictions(Printed(2.0, std_error=0.4, low=0.0, high=4.0, level=0.95))
    assert "the 95 % interval gives a standard error of 1.02, the standard error one of 0.4" in said
    assert not contradictions(Printed(2.0, std_error=1.0, low=0.04, high=3.96, level=0.95))


def test_what_rounding_does_is_no_contradiction():
    # 0.01 may be 0.0149: with t = 0.7 the standard error is 0.0213, printed 0.02
    assert not contradictions(Printed(0.01, std_error=0.02, t_value=0.7, share=0.5))
    assert contradictions(Printed(0.01, std_error=0.02, t_value=0.7, share=0.0))


def test_without_an_effect_a_test_tells_nothing():
    assert std_errors(Printed(0.0, t_value=0.0)) == {}
    assert std_errors(Printed(1.0, p_value=1.0)) == {}
