"""The study with anticipation allowed for: effects before treatment, and the change of the overall effect."""

import numpy as np
import pytest
from scipy import stats

import scale_impact as si
from tests.panels import averages, design_of, drawn, fitted, framed, group_time, jackknifed

NEVER = np.inf


def checked(frame, estimator="callaway_santanna", *, options=None, **design):
    chosen = design_of(frame, **design)
    return si.check("anticipation", chosen._panel, chosen, lambda p, d: si.estimate(estimator, p, d), **(options or {}))


def overall(y, start, weight, control, anticipation):
    w = np.repeat(weight[:, None], y.shape[1], axis=1)
    return averages(group_time(y, start, w, control=control, anticipation=anticipation), start, w)["simple"]


@pytest.mark.parametrize("control", ["never", "not_yet"])
def test_the_difference_has_the_standard_error_of_the_jackknife(control):
    frame = drawn({4: 4, 5: 3, NEVER: 7}, 7, seed=1).sort_values(["id", "t"])
    y = frame["y"].to_numpy().reshape(-1, 7)
    start = frame["g"].to_numpy().reshape(-1, 7)[:, 0]
    start = np.where(np.isinf(start), 7, start).astype(int)
    rows = checked(frame, control=control).details["rows"]
    ones = np.ones(len(y))

    def differences(weight):
        base = overall(y, start, weight, control, 0)
        return np.array([overall(y, start, weight, control, k) - base for k in (1, 2)])

    variance = np.diag(jackknifed(differences, ones, np.arange(len(y))))
    np.testing.assert_allclose([r["difference"] for r in rows], differences(ones), atol=1e-12)
    np.testing.assert_allclose([r["difference_std_error"] for r in rows], np.sqrt(variance), rtol=1e-5)
    assert [r["periods"] for r in rows] == [1, 2]
    for k, row in enumerate(rows, 1):
        again = fitted("callaway_santanna", frame, control=control, anticipation=k).overall
        assert (row["estimate"], row["std_error"]) == pytest.approx((again.value, again.std_error))


def test_the_joint_test_is_of_the_last_periods_measured_from_before_them():
    frame = drawn({4: 5, 5: 4, NEVER: 8}, 7, seed=2)
    details = checked(frame).details
    path = fitted("callaway_santanna", frame, anticipation=2).path
    at = [path.event_times.index(e) for e in (-2, -1)]
    v = path.covariance[np.ix_(at, at)]
    statistic = path.values[at] @ np.linalg.inv(v) @ path.values[at]
    assert details["joint_p_value"] == pytest.approx(stats.chi2.sf(statistic, 2), rel=1e-8)
    assert [b["event_time"] for b in details["before"]] == ["-2", "-1"]


def test_the_p_value_is_bonferronis_of_both_tests():
    found = checked(drawn({4: 5, NEVER: 8}, 7, seed=2))
    both = found.details["joint_p_value"], found.details["rows"][-1]["p_value"]
    assert found.p_value == pytest.approx(min(1, 2 * min(both)))
    assert found.statistic == found.details["rows"][-1]["difference"]


def test_units_that_react_early_fail_and_others_pass():
    rng = np.random.default_rng(1)
    g = np.repeat([5.0, NEVER], 15)
    early = (np.arange(8) >= 4) & (g == 5)[:, None]
    y = 0.1 * rng.normal(size=(30, 8))
    assert checked(framed(y, g)).verdict == "pass"
    found = checked(framed(y + early, g))
    assert found.verdict == "fail"
    assert "moved before the measure began" in found.reason


def test_periods_that_the_design_allows_for_are_not_tested_again():
    rng = np.random.default_rng(3)
    g = np.repeat([5.0, NEVER], 15)
    y = 0.1 * rng.normal(size=(30, 8)) + ((np.arange(8) >= 4) & (g == 5)[:, None])
    found = checked(framed(y, g), anticipation=1)
    assert found.verdict == "pass"
    assert [b["event_time"] for b in found.details["before"]] == ["-3", "-2"]
    assert [r["periods"] for r in found.details["rows"]] == [2, 3]


def test_cohorts_observed_too_briefly_are_left_out_of_both_sides_and_named():
    frame = drawn({1: 4, 4: 5, NEVER: 8}, 7, seed=3)
    found = checked(frame)
    assert found.details["left_out"] == ["1"]
    base = fitted("callaway_santanna", frame[frame["g"] != 1]).overall.value
    last = found.details["rows"][-1]
    assert last["estimate"] - last["difference"] == pytest.approx(base)
    assert "observed too briefly" in found.reason


def test_fewer_periods_are_allowed_for_where_no_cohort_has_more():
    found = checked(drawn({2: 5, NEVER: 8}, 5, seed=3), options={"periods": 4})
    assert len(found.details["rows"]) == 1


def test_an_event_study_moves_its_reference_period():
    found = checked(drawn({4: 6, NEVER: 8}, 8, seed=4), "event_study")
    assert found.verdict in ("pass", "fail")
    assert found.details["joint_p_value"] is not None


def test_an_estimator_without_a_base_period_says_so():
    found = checked(drawn({4: 6, NEVER: 8}, 8, seed=4), "twfe")
    assert found.verdict == "inapplicable"
    assert "does not measure from a base period" in found.reason


def test_two_periods_are_too_few():
    assert checked(drawn({1: 4, NEVER: 4}, 2, seed=1)).verdict == "inapplicable"


def test_one_treated_unit_is_inconclusive():
    assert checked(drawn({4: 1, NEVER: 8}, 7, seed=1)).verdict == "inconclusive"
