"""Joint test of the effects before treatment."""

import numpy as np
import pytest
from scipy import stats

import scale_impact as si
from tests.panels import design_of, drawn, dummy_regression, framed, long, reference

NEVER = np.inf


def checked(estimator, frame, *, options=None, **design):
    def refit(panel, chosen):
        return si.estimate(estimator, panel, chosen, **(options or {}))

    chosen = design_of(frame, **design)
    return si.check("pre_trends", chosen._panel, chosen, refit)


def test_one_effect_before_treatment_gives_the_squared_z_of_rs_did(mpdta):
    # counties that start in 2007 and the never treated, 2005 to 2007: one change before treatment, 2005 to 2006
    cells = reference("mpdta", "attgt_nocov_nevertreated_dr_varying")
    at = next(k for k, cell in enumerate(zip(cells["group"], cells["t"], strict=True)) if cell == (2007, 2006))
    frame = mpdta[mpdta["g"].isin([0, 2007]) & (mpdta["t"] >= 2005)]
    found = checked("callaway_santanna", frame)
    z = cells["att"][at] / cells["se"][at]
    assert found.statistic == pytest.approx(z**2, rel=1e-6)  # the tolerance of standard errors
    assert found.p_value == pytest.approx(2 * stats.norm.sf(abs(z)), rel=1e-6)
    assert found.details["q"] == 1


def test_by_hand_with_the_covariance_of_mean_changes():
    # One cohort: each effect is a difference of mean changes, so the covariance is that of the units' changes.
    frame = drawn({3: 7, NEVER: 9}, 5, seed=11)
    y = frame.sort_values(["id", "t"])["y"].to_numpy().reshape(-1, 5)
    treated = np.isfinite(frame.sort_values(["id", "t"])["g"].to_numpy().reshape(-1, 5)[:, 0])
    changes = np.diff(y, axis=1)[:, :2]  # 0 to 1, 1 to 2; treatment starts in 3
    effect = changes[treated].mean(axis=0) - changes[~treated].mean(axis=0)
    covariance = np.cov(changes[treated].T, ddof=0) / 7 + np.cov(changes[~treated].T, ddof=0) / 9
    wald = effect @ np.linalg.inv(covariance) @ effect
    found = checked("callaway_santanna", frame)
    assert found.statistic == pytest.approx(wald, rel=1e-9)
    assert found.p_value == pytest.approx(stats.chi2.sf(wald, 2), rel=1e-9)
    assert (found.details["q"], found.details["event_times"]) == (2, ["-2", "-1"])


def test_an_event_study_is_tested_with_f_and_its_degrees_of_freedom():
    frame = drawn({3: 6, NEVER: 8}, 5, seed=5)
    elapsed = frame["t"] - frame["g"]
    coefficients, covariance = dummy_regression(frame, [elapsed == e for e in (-3, -2, 0, 1)])
    b, v = coefficients[:2], covariance[:2, :2]
    wald = b @ np.linalg.inv(v) @ b
    found = checked("event_study", frame)
    assert found.statistic == pytest.approx(wald, rel=1e-8)
    assert found.p_value == pytest.approx(stats.f.sf(wald / 2, 2, 13), rel=1e-8)
    assert found.details["df"] == 13


def test_parallel_paths_pass_and_diverging_ones_fail():
    rng = np.random.default_rng(1)
    first = np.repeat([4.0, NEVER], 30)
    noise = rng.normal(size=(60, 6))
    drift = np.where(np.isfinite(first), 1.0, 0.0)[:, None] * np.arange(6)
    parallel, diverging = (
        checked("callaway_santanna", framed(noise, first)),
        checked("callaway_santanna", framed(noise + drift, first)),
    )
    assert (parallel.verdict, diverging.verdict) == ("pass", "fail")
    assert diverging.p_value < 1e-6
    assert "trends were not parallel" in diverging.reason
    assert "not prove" in parallel.reason


def test_alpha_moves_the_verdict_and_not_the_numbers():
    frame = drawn({3: 7, NEVER: 9}, 5, seed=11)
    chosen = design_of(frame)
    refit = lambda p, d: si.estimate("callaway_santanna", p, d)  # noqa: E731
    strict, lax = (si.check("pre_trends", chosen._panel, chosen, refit, alpha=a) for a in (0.0, 1.0))
    assert (strict.verdict, lax.verdict) == ("pass", "fail")
    assert strict.p_value == lax.p_value


def test_anticipated_periods_are_not_tested():
    frame = drawn({4: 7, NEVER: 9}, 6, seed=2)
    found = checked("callaway_santanna", frame, anticipation=1)
    assert found.details["event_times"] == ["-3", "-2"]


def test_the_reference_period_is_not_tested():
    frame = drawn({3: 7, NEVER: 9}, 5, seed=11)
    found = checked("callaway_santanna", frame, base_period="universal")
    assert found.details["event_times"] == ["-3", "-2"]


def test_both_base_periods_give_the_same_joint_test():
    # With one cohort, changes from the period before and changes from the last period before are one linear map apart.
    frame = drawn({3: 7, NEVER: 9}, 5, seed=11)
    varying, universal = (checked("callaway_santanna", frame, base_period=b) for b in ("varying", "universal"))
    assert universal.statistic == pytest.approx(varying.statistic, rel=1e-9)


def test_the_test_does_not_depend_on_the_outcomes_scale():
    frame = drawn({3: 7, 4: 3, NEVER: 9}, 6, seed=4)
    thousand = frame.assign(y=1000 * frame["y"] + 7)
    assert checked("callaway_santanna", thousand).statistic == pytest.approx(
        checked("callaway_santanna", frame).statistic, rel=1e-8
    )


def test_an_estimator_without_a_path_is_inapplicable():
    frame = drawn({2: 4, NEVER: 4}, 4, seed=1)
    found = checked("did_2x2", frame)
    assert found.verdict == "inapplicable"
    assert "callaway_santanna" in found.reason
    assert (found.statistic, found.p_value) == (None, None)


def test_one_period_before_treatment_is_inapplicable():
    frame = drawn({1: 4, NEVER: 4}, 3, seed=1)
    found = checked("callaway_santanna", frame)
    assert found.verdict == "inapplicable"
    assert "two periods before" in found.reason


def test_more_effects_than_units_can_tell_apart_is_inconclusive():
    frame = long(
        {"a": [1, 2, 4, 5, 9, 9], "b": [1, 3, 3, 4, 8, 9], "c": [2, 2, 3, 5, 5, 6], "d": [0, 1, 3, 3, 4, 6]},
        {"a": 2005, "b": 2005},
    )
    found = checked("callaway_santanna", frame)
    assert found.verdict == "inconclusive"
    assert "so few units" in found.reason
    assert found.p_value is None


def test_the_labels_of_periods_do_not_change_which_effects_are_anticipated():
    """Anticipation counts periods: the same data with years two apart give the same test."""
    frame = drawn({4: 8, 5: 8, NEVER: 9}, 8, seed=31)
    biennial = frame.assign(t=2000 + 2 * frame["t"], g=2000 + 2 * frame["g"])
    yearly, spaced = (checked("callaway_santanna", f, anticipation=1) for f in (frame, biennial))
    assert spaced.statistic == pytest.approx(yearly.statistic, rel=1e-12)  # the same sums in the same order
    assert spaced.details["q"] == yearly.details["q"]
