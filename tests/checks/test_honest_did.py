"""Robust intervals of an estimator's path, and the breakdown value."""

import json

import numpy as np
import pytest

import scale_impact as si
from scale_impact.core import keys
from scale_impact.core.honest import EventStudy, breakdown, robust_interval
from scale_impact.errors import DesignError, UsageError
from tests.panels import NEVER, design_of, drawn, dummy_regression, framed, reference


def checked(estimator, frame, *, options=None, **design):
    chosen = design_of(frame, **design)
    return si.check("honest_did", chosen._panel, chosen, lambda p, d: si.estimate(estimator, p, d), **(options or {}))


def stepping(sizes, n_periods, seed, size):
    """Random walks with a step of `size` from treatment on."""
    frame = drawn(sizes, n_periods, seed)
    return frame.assign(y=frame["y"] + size * (frame["t"] >= frame["g"]))


CLEAR = stepping({4: 20, 6: 15, NEVER: 30}, 10, 3, 8.0)


@pytest.mark.parametrize(("target", "named"), [("avg", "overall"), ("first", "first")])
def test_the_minimum_wage_intervals_are_those_of_the_path_that_r_was_given(mpdta, target, named):
    """The estimate has base periods that vary; the check measures from one, as R was told to."""
    given = reference("honestdid_mpdta", "mpdta_cs_inputs")
    weights = np.eye(4)[0] if target == "first" else np.ones(4) / 4
    study = EventStudy(np.array(given["betahat"]), np.array(given["sigma"]), 3, weights)
    found = checked("callaway_santanna", mpdta, options={"target": named, "bounds": [0.5, 2.0]})
    for row, bound in zip(found.details["rows"], (0.5, 2.0), strict=True):
        assert (row["ci_low"], row["ci_high"]) == pytest.approx(
            robust_interval(study, "relative_magnitudes", bound), abs=1e-8
        )
    theirs = reference("honestdid_mpdta", f"mpdta_cs_original_{target}")
    assert tuple(found.details["original"].values()) == pytest.approx((theirs["lb"], theirs["ub"]), abs=1e-8)
    assert found.statistic == pytest.approx(breakdown(study, "relative_magnitudes"), abs=1e-5)
    assert found.details["event_times"] == ["-4", "-3", "-2", "0", "1", "2", "3"]


def test_the_verdict_of_the_minimum_wage_is_that_half_of_the_pre_trend_takes_it_away(mpdta):
    found = checked("callaway_santanna", mpdta)
    assert found.verdict == "fail"
    assert found.statistic == pytest.approx(0.489, abs=1e-3)
    assert "by up to 1 times the largest change from one period to the next before treatment (0.02446)" in found.reason
    assert "Zero enters at Mbar = 0.48" in found.reason
    assert checked("callaway_santanna", mpdta, options={"threshold": 0.4}).verdict == "pass"


def test_an_effect_not_told_apart_from_zero_is_inconclusive(mpdta):
    found = checked("callaway_santanna", mpdta, options={"target": "first"})
    assert found.verdict == "inconclusive"
    assert "no finding that a difference of trends could take away" in found.reason


def test_a_large_effect_passes():
    found = checked("callaway_santanna", CLEAR)
    assert found.verdict == "pass"
    row = next(r for r in found.details["rows"] if r["bound"] == 1.0)
    assert row["ci_low"] > 0
    assert found.statistic > 1


@pytest.mark.parametrize(
    "estimator", ["callaway_santanna", "event_study", "sun_abraham", "stacked", "local_projections"]
)
def test_any_path_from_one_reference_period_will_do(estimator):
    assert checked(estimator, CLEAR).verdict == "pass"


def test_an_event_study_is_used_with_its_own_covariance():
    frame = stepping({3: 9, NEVER: 11}, 6, 5, 4.0)
    times = [-3, -2, 0, 1, 2]
    coefficients, covariance = dummy_regression(frame, [frame["t"] - frame["g"] == e for e in times])
    study = EventStudy(coefficients, covariance, 2, np.ones(3) / 3)
    found = checked("event_study", frame, options={"restriction": "smoothness", "bounds": [0.3]})
    row = found.details["rows"][0]
    assert (row["ci_low"], row["ci_high"]) == pytest.approx(robust_interval(study, "smoothness", 0.3), abs=1e-7)


def test_smoothness_is_compared_with_the_largest_bend_before_treatment(mpdta):
    found = checked("callaway_santanna", mpdta, options={"restriction": "smoothness"})
    path = np.array([0.00330635669251271, 0.0250218295975548, 0.0244587449711695, 0.0])
    bend = np.abs(np.diff(path, 2)).max()
    assert found.details["seen"] == pytest.approx(bend, abs=1e-8)
    assert [r["bound"] for r in found.details["rows"]] == pytest.approx([bend * m for m in (0.5, 1, 1.5, 2)], abs=1e-8)
    assert (found.details["method"], found.verdict) == ("FLCI", "fail")
    assert found.statistic == pytest.approx(0.002865, abs=1e-6)


def test_with_one_effect_before_smoothness_is_compared_with_its_standard_error():
    found = checked("callaway_santanna", stepping({2: 9, NEVER: 9}, 4, 1, 9.0), options={"restriction": "smoothness"})
    assert found.details["seen_as"] == "the standard error of the last effect before treatment"
    assert found.verdict in ("pass", "fail")


def test_each_period_after_treatment_has_its_interval(mpdta):
    found = checked("callaway_santanna", mpdta)
    given = reference("honestdid_mpdta", "mpdta_cs_inputs")
    study = EventStudy(np.array(given["betahat"]), np.array(given["sigma"]), 3, np.eye(4)[2])
    row = found.details["by_event_time"][2]
    assert (row["event_time"], row["estimate"]) == ("2", pytest.approx(study.estimate, abs=1e-8))
    assert (row["ci_low"], row["ci_high"]) == pytest.approx(
        robust_interval(study, "relative_magnitudes", 1.0), abs=1e-8
    )
    same = checked("callaway_santanna", mpdta, options={"target": 2, "bounds": [1.0]})
    assert same.details["rows"][0]["ci_low"] == row["ci_low"]


def test_a_sign_of_the_violations_cuts_one_side():
    free, cut = (
        checked("callaway_santanna", CLEAR, options={"shape": s, "bounds": [1.0], "window": [-3, 2]}).details["rows"][0]
        for s in ("any", "negative")
    )
    assert cut["ci_low"] > free["ci_low"] + 0.5
    assert cut["ci_high"] == pytest.approx(free["ci_high"], rel=0.02)


def test_anticipated_periods_have_violations_but_no_part_in_the_effect():
    found = checked("callaway_santanna", CLEAR, anticipation=1)
    assert (found.details["reference"], found.details["event_times"][4]) == ("-2", "-1")
    path = si.estimate("callaway_santanna", *panel_and_design(CLEAR, anticipation=1, base_period="universal")).path
    after = [k for k, e in enumerate(path.event_times) if e >= 0]
    assert found.details["estimate"] == pytest.approx(path.values[after].mean(), rel=1e-12)


def panel_and_design(frame, **design):
    chosen = design_of(frame, **design)
    return chosen._panel, chosen


def test_periods_two_years_apart_give_the_same_intervals():
    spaced = CLEAR.assign(t=2000 + 2 * CLEAR["t"], g=2000 + 2 * CLEAR["g"])
    one, other = (checked("callaway_santanna", f).details["rows"] for f in (CLEAR, spaced))
    assert [r["ci_low"] for r in one] == pytest.approx([r["ci_low"] for r in other], rel=1e-9)


def test_details_are_json():
    found = checked("callaway_santanna", CLEAR)
    assert json.loads(json.dumps(found.row()))["details"]["restriction"] == "relative_magnitudes"


# ---- what cannot be answered -------------------------------------------------------------------------


def test_one_period_before_treatment_is_inapplicable():
    found = checked("callaway_santanna", drawn({1: 9, NEVER: 9}, 4, 1))
    assert (found.verdict, "two periods before treatment are needed" in found.reason) == ("inapplicable", True)


def test_a_second_difference_of_trends_needs_three_periods_before():
    frame = drawn({2: 9, NEVER: 9}, 4, 1)
    found = checked("callaway_santanna", frame, options={"restriction": "relative_smoothness"})
    assert (found.verdict, "three periods before" in found.reason) == ("inapplicable", True)


def test_an_estimator_without_a_path_is_inapplicable():
    assert "no path by event time" in checked("twfe", CLEAR).reason


@pytest.mark.parametrize("estimator", ["imputation", "two_stage"])
def test_a_path_measured_from_several_periods_is_inapplicable(estimator):
    """Effects after treatment are measured from all periods before; those before it from other ones."""
    found = checked(estimator, CLEAR)
    assert (found.verdict, "measured from one reference period" in found.reason) == ("inapplicable", True)


def test_a_singular_covariance_is_inconclusive():
    found = checked("callaway_santanna", drawn({4: 2, NEVER: 3}, 8, 1))
    assert (found.verdict, "so few units" in found.reason) == ("inconclusive", True)


def test_periods_that_are_not_equally_spaced_are_refused_and_a_window_helps():
    gap = CLEAR[(CLEAR["t"] != 1) & (CLEAR["g"] != 6)]
    found = checked("callaway_santanna", gap)
    assert found.verdict == "inapplicable"
    assert "event times are -4, -2, -1, 0" in found.reason
    assert checked("callaway_santanna", gap, options={"window": [-2, 3]}).verdict == "pass"
    both = checked("callaway_santanna", CLEAR[CLEAR["t"] != 1], options={"window": [-2, 3]})
    assert both.verdict == "inapplicable"  # cohorts' event times mean different steps


def test_event_times_of_one_unit_are_left_out_and_said():
    found = checked("callaway_santanna", drawn({4: 1, 6: 9, NEVER: 9}, 10, 1))
    assert "Without event time 4, 5, which have no standard error." in found.reason
    assert found.details["event_times"][-1] == "3"


def test_one_treated_unit_has_nothing_to_test():
    assert checked("callaway_santanna", drawn({4: 1, NEVER: 9}, 10, 1)).verdict == "inapplicable"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"restriction": "smooth"}, "restriction is 'smooth'"),
        ({"method": "FLCI"}, "FLCI is for smoothness"),
        ({"bounds": []}, r"bounds are \[\]"),
        ({"bounds": [-1.0], "threshold": -2.0}, "threshold is -2.0"),
        ({"target": 17}, "target is 17"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, words):
    with pytest.raises(UsageError, match=words):
        checked("callaway_santanna", CLEAR, options=options)


def test_a_window_without_the_reference_is_refused():
    with pytest.raises(DesignError, match="a first one before the reference period -1"):
        checked("callaway_santanna", CLEAR, options={"window": [0, 4]})


def test_a_study_file_may_give_numbers_and_words():
    good = {"target": 2, "bounds": [1, 0.5], "threshold": 1.5, "window": [-3, 3], "shape": "positive", "method": "C-LF"}
    assert not keys.wrong_options("checks", "honest_did", "run", good)
    assert len(keys.wrong_options("checks", "honest_did", "run", {"target": "last", "level": 95.0})) == 2


def test_parallel_noise_has_no_trend_that_matters():
    rng = np.random.default_rng(2)
    first = np.repeat([4.0, NEVER], 40)
    y = rng.normal(size=(80, 8)) + 2.0 * (np.arange(8) >= first[:, None])
    assert checked("callaway_santanna", framed(y, first)).verdict == "pass"
