"""The trend that the test of effects before treatment would miss, and what it does to the effects."""

import json

import numpy as np
import pytest
from scipy import stats

import scale_impact as si
from scale_impact.core.pretest import Pretest
from scale_impact.errors import UsageError
from tests.panels import NEVER, design_of, drawn, framed, reference


def checked(estimator, frame, *, options=None, **design):
    chosen = design_of(frame, **design)
    return si.check(
        "pre_trend_power", chosen._panel, chosen, lambda p, d: si.estimate(estimator, p, d), **(options or {})
    )


def test_the_minimum_wage_slopes_are_those_of_pretrends(mpdta):
    found = checked("callaway_santanna", mpdta)
    theirs = [reference("honestdid_mpdta", f"mpdta_cs_pretrends_slope_{p}")["slope"] for p in (0.5, 0.8)]
    # R stops its search at a step of 1.2e-4; the trend goes in the effect's direction, here down
    assert [-r["slope"] for r in found.details["rows"]] == pytest.approx(theirs, abs=1.3e-4)
    assert found.statistic == pytest.approx(0.013955, abs=1e-6)


def test_the_bias_is_the_trend_and_what_passing_the_test_adds(mpdta):
    found = checked("callaway_santanna", mpdta)
    given = reference("honestdid_mpdta", "mpdta_cs_inputs")
    test = Pretest(np.array(given["tVec"]) + 1.0, np.array(given["sigma"]), stats.norm.ppf(0.975))
    trend = -found.statistic * test.times
    row = found.details["rows"][0]
    assert row["bias"] == pytest.approx(trend[3:].mean(), abs=1e-7)
    assert row["bias_if_passed"] == pytest.approx(test.mean_if_passed(trend)[3:].mean(), abs=1e-6)
    assert [r["mean_if_passed"] for r in found.details["path"]] == pytest.approx(test.mean_if_passed(trend), abs=1e-6)
    assert found.details["bayes_factor"] == pytest.approx(test.bayes_factor(trend), abs=1e-5)


def test_an_effect_that_outlives_the_bias_passes(mpdta):
    found = checked("callaway_santanna", mpdta)
    assert found.verdict == "pass"
    assert "finds a trend of -0.01395 a period with probability 0.5" in found.reason


def test_an_effect_that_does_not_fails(mpdta):
    found = checked("callaway_santanna", mpdta, options={"power": 0.8, "target": 1})
    assert found.verdict == "fail"
    assert found.details["target"] == "the effect at event time 1"
    assert "passing the test says too little" in found.reason


def test_an_effect_not_told_apart_from_zero_is_inconclusive(mpdta):
    assert checked("callaway_santanna", mpdta, options={"target": "first"}).verdict == "inconclusive"


def test_one_effect_before_treatment_by_hand():
    """P(|b / se - slope / se| > 1.96) = 1/2 for one effect a period before the reference."""
    found = checked("callaway_santanna", drawn({2: 12, NEVER: 12}, 4, seed=1))
    path = si.estimate("callaway_santanna", *both(drawn({2: 12, NEVER: 12}, 4, seed=1), base_period="universal")).path
    se = path.at(-2).std_error
    z = found.statistic / se
    assert stats.norm.sf(1.959964 - z) + stats.norm.cdf(-1.959964 - z) == pytest.approx(0.5, abs=1e-6)


def both(frame, **design):
    chosen = design_of(frame, **design)
    return chosen._panel, chosen


def test_the_t_distribution_of_an_event_study_sets_what_is_significant():
    frame = drawn({2: 6, NEVER: 6}, 4, seed=1)
    found = checked("event_study", frame)
    se = si.estimate("event_study", *both(frame)).path.at(-2).std_error
    critical, z = stats.t.ppf(0.975, 11), found.statistic / se
    assert stats.norm.sf(critical - z) + stats.norm.cdf(-critical - z) == pytest.approx(0.5, abs=1e-6)


def test_a_test_that_is_not_passed_is_said():
    rng = np.random.default_rng(1)
    first = np.repeat([4.0, NEVER], 30)
    drift = np.where(np.isfinite(first), 1.0, 0.0)[:, None] * np.arange(7)
    found = checked("callaway_santanna", framed(rng.normal(size=(60, 7)) + drift, first))
    assert "Here the test is not passed: event time -4, -3, -2" in found.reason
    assert found.details["significant_before"] == ["-4", "-3", "-2"]


def test_gaps_between_periods_count_as_they_are():
    """A linear trend needs no equal steps: without period 1 the slope is that a unit of time."""
    frame = drawn({4: 20, NEVER: 30}, 8, seed=3)
    found = checked("callaway_santanna", frame[frame["t"] != 1])
    assert [r["event_time"] for r in found.details["path"]][:2] == ["-4", "-2"]
    trend = [r["trend"] for r in found.details["path"]]
    assert trend[0] == pytest.approx(3 * trend[1], rel=1e-12)


def test_the_unit_of_the_outcome_only_scales():
    frame = drawn({4: 20, 5: 10, NEVER: 30}, 8, seed=3)
    one, other = (checked("callaway_santanna", f) for f in (frame, frame.assign(y=1000 * frame["y"])))
    assert other.statistic == pytest.approx(1000 * one.statistic, rel=1e-6)
    assert other.verdict == one.verdict


def test_details_are_json():
    assert json.loads(json.dumps(checked("callaway_santanna", drawn({3: 9, NEVER: 9}, 6, seed=3)).row()))


def test_so_many_effects_that_one_is_always_significant_is_inapplicable():
    frame = drawn({6: 15, NEVER: 15}, 7, seed=2)
    found = checked("callaway_santanna", frame, options={"power": 0.06})
    assert (found.verdict, "Ask for a higher power" in found.reason) == ("inapplicable", True)


@pytest.mark.parametrize(("estimator", "words"), [("twfe", "no path"), ("imputation", "one reference period")])
def test_estimators_without_such_a_path_are_inapplicable(estimator, words):
    found = checked(estimator, drawn({4: 9, NEVER: 9}, 8, seed=1))
    assert (found.verdict, words in found.reason) == ("inapplicable", True)


def test_one_period_before_treatment_is_inapplicable():
    assert checked("callaway_santanna", drawn({1: 4, NEVER: 4}, 3, seed=1)).verdict == "inapplicable"


def test_a_target_that_is_not_there_is_refused():
    with pytest.raises(UsageError, match="target is 9"):
        checked("callaway_santanna", drawn({4: 9, NEVER: 9}, 8, seed=1), options={"target": 9})
