"""Whether predicted differences are differences between effects."""

import json

import numpy as np

from tests.causal import asked, by_hand, simulated


def test_predictions_that_hold_pass():
    found = asked("cate_calibration", simulated(1, slope=0.8))
    assert found.verdict == "pass"
    assert abs(found.statistic - 1) < 0.5
    assert len(found.details["rows"]) == 5
    json.dumps(found.details, allow_nan=False)


def exaggerated(times, noise=1.0, n=2000):
    rng = np.random.default_rng(3)
    x = rng.normal(size=n)
    return by_hand(x + noise * rng.normal(size=n), times * x, {"x": x})


def test_predictions_that_exaggerate_fail_and_keep_their_order():
    found = asked("cate_calibration", exaggerated(4))
    assert found.verdict == "fail"
    assert "order effects rightly but exaggerate differences" in found.reason


def test_predictions_that_are_too_timid_are_said_to_be():
    assert "understate differences" in asked("cate_calibration", exaggerated(0.3)).reason


def test_predictions_that_are_noise_fail():
    rng = np.random.default_rng(4)
    x = rng.normal(size=1000)
    found = asked("cate_calibration", by_hand(rng.normal(size=1000), x, {"x": x}))
    assert found.verdict == "fail"
    assert "mostly noise" in found.reason


def test_few_rows_tell_neither():
    rng = np.random.default_rng(5)
    x = rng.normal(size=30)
    found = asked("cate_calibration", by_hand(0.1 * x + 3 * rng.normal(size=30), 0.5 * x, {"x": x}))
    assert found.verdict == "inconclusive"
    assert "neither 0 nor 1 is refuted" in found.reason


def test_folds_too_small_for_five_groups_have_fewer_in_the_figure():
    assert len(asked("cate_calibration", simulated(6, n=60, slope=2.0)).details["rows"]) == 2


def test_one_prediction_for_all_is_inapplicable():
    found = asked("cate_calibration", by_hand(np.arange(8.0), np.ones(8), {"x": np.arange(8.0)}))
    assert found.verdict == "inapplicable"
    assert "same effect for everybody" in found.reason
