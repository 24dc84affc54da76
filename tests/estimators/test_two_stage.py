"""Two stages equal R's did2s, and both stages written out with dummies as one method-of-moments problem."""

import numpy as np
import pytest

import scale_impact as si
from scale_impact.errors import DesignError
from tests.cells import event_time, two_stage
from tests.panels import NEVER, drawn, fitted, panel_of, reference

SIZES = {2: 5, 3: 6, NEVER: 9}
T = 6


def drawn_with_states(sizes=SIZES):
    return drawn(sizes, T, seed=31).assign(st=lambda f: f["id"] // 2)


# ---- the numbers of did2s ---------------------------------------------------------------------------


def test_did2s_on_the_minimum_wage(mpdta):
    expected, overall = reference("mpdta", "did2s_static"), fitted("two_stage", mpdta).overall
    assert overall.value == pytest.approx(expected["estimate"], abs=1e-8)  # R's first stage stops demeaning at 1e-6
    assert overall.std_error == pytest.approx(expected["se"], rel=1e-6)
    assert overall.p_value == pytest.approx(expected["p"], rel=1e-5)
    assert overall.interval() == pytest.approx((expected["ci_low"], expected["ci_high"]), rel=1e-6)


def test_did2s_by_event_time(mpdta):
    expected, path = reference("mpdta", "did2s_dynamic"), fitted("two_stage", mpdta).path
    times = [int(term.removeprefix("rel::")) for term in expected["term"]]
    assert sorted([*times, -1]) == list(path.event_times)
    for k, e in enumerate(times):
        estimate = path.at(e)
        assert estimate.value == pytest.approx(expected["estimate"][k], abs=1e-8)
        assert estimate.std_error == pytest.approx(expected["se"][k], rel=1e-6)
        assert estimate.interval() == pytest.approx((expected["ci_low"][k], expected["ci_high"][k]), abs=1e-7)
    assert path.at(-1).reason == "the reference period: 0 by construction"


# ---- both stages with dummies -----------------------------------------------------------------------


@pytest.mark.parametrize("cluster", ["id", "st"])
@pytest.mark.parametrize("anticipation", [0, 1])
@pytest.mark.parametrize("sizes", [SIZES, {2: 3, 3: 4, 5: 6}, {1: 1, 4: 5, NEVER: 4}])
def test_the_definition(sizes, anticipation, cluster):
    frame = drawn_with_states(sizes)
    effect = fitted("two_stage", frame, control="not_yet", anticipation=anticipation, cluster=cluster)
    seen = frame[(frame["t"] < frame["g"].max() - anticipation) & (frame["g"] > anticipation)]
    since = event_time(seen).to_numpy()
    reference_time = -1 - anticipation
    times = [e for e in effect.path.event_times if e != reference_time]
    dummies = np.column_stack([since == e for e in times]).astype(float)
    values, covariance = two_stage(seen, dummies, anticipation=anticipation, cluster=cluster)
    at = [effect.path.event_times.index(e) for e in times]
    np.testing.assert_allclose(effect.path.values[at], values, rtol=1e-9, atol=1e-11)  # pinv has about 1e-13
    np.testing.assert_allclose(effect.path.covariance[np.ix_(at, at)], covariance, rtol=1e-8, atol=1e-12)
    static, variance = two_stage(seen, (since >= 0).astype(float)[:, None], anticipation=anticipation, cluster=cluster)
    if not anticipation:
        assert effect.overall.value == pytest.approx(static[0], rel=1e-9)
        assert effect.overall.std_error == pytest.approx(np.sqrt(variance[0, 0]), rel=1e-9)
    assert effect.overall.df == len(seen) - 1
    assert effect.path.df == len(seen) - len(times)


@pytest.mark.parametrize("kind", ["by_cohort", "by_period", "cells"])
def test_the_definition_by_cohort_period_and_cell(kind):
    frame = drawn_with_states()
    family = getattr(fitted("two_stage", frame), kind)
    treated = (frame["t"] >= frame["g"]).to_numpy()
    if kind == "cells":
        chosen = [(frame["g"] == g) & (frame["t"] == t) for g, t in zip(family.cohorts, family.periods, strict=True)]
    else:
        column, labels = ("g", family.cohorts) if kind == "by_cohort" else ("t", family.periods)
        chosen = [treated & (frame[column] == label) for label in labels]
    values, covariance = two_stage(frame, np.column_stack(chosen).astype(float))
    np.testing.assert_allclose(family.values, values, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(family.covariance, covariance, rtol=1e-8, atol=1e-12)


def test_in_repeated_cross_sections_cohorts_stand_in_for_units():
    rng = np.random.default_rng(5)
    frame = drawn_with_states().assign(y=lambda f: rng.normal(size=len(f)))
    frame = frame.sample(frac=0.9, random_state=2).sort_values(["id", "t"], ignore_index=True)
    design = si.Design.from_panel(panel_of(frame, unit=None), first_treated="g")
    effect = si.estimate("two_stage", panel_of(frame, unit=None), design)
    since = event_time(frame).to_numpy()
    times = [e for e in effect.path.event_times if e != -1]
    numbered = frame.assign(row=np.arange(len(frame)))
    values, covariance = two_stage(
        numbered, np.column_stack([since == e for e in times]).astype(float), effects="g", cluster="row"
    )
    at = [effect.path.event_times.index(e) for e in times]
    np.testing.assert_allclose(effect.path.values[at], values, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(effect.path.covariance[np.ix_(at, at)], covariance, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("cluster", ["id", "st"])
def test_the_definition_with_covariates(cluster):
    frame = drawn_with_states()
    x = np.random.default_rng(1).normal(size=len(frame))
    frame = frame.assign(x=x, y=frame["y"] + 2 * x)
    effect = fitted("two_stage", frame, cluster=cluster, options={"covariates": ["x"]})
    since = event_time(frame).to_numpy()
    times = [e for e in effect.path.event_times if e != -1]
    dummies = np.column_stack([since == e for e in times]).astype(float)
    values, covariance = two_stage(frame, dummies, cluster=cluster, covariates=["x"])
    at = [effect.path.event_times.index(e) for e in times]
    np.testing.assert_allclose(effect.path.values[at], values, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(effect.path.covariance[np.ix_(at, at)], covariance, rtol=1e-7, atol=1e-11)
    static, variance = two_stage(frame, (since >= 0).astype(float)[:, None], cluster=cluster, covariates=["x"])
    assert effect.overall.value == pytest.approx(static[0], rel=1e-9)
    assert effect.overall.std_error == pytest.approx(np.sqrt(variance[0, 0]), rel=1e-8)
    assert effect.weights is None


# ---- beside imputation -------------------------------------------------------------------------------


def test_estimates_are_those_of_imputation_and_standard_errors_where_one_cohort_is_averaged(mpdta):
    """Over several cohorts the second stage's residuals hold how their effects differ."""
    two, one = fitted("two_stage", mpdta), fitted("imputation", mpdta, options={"pre_trends": 0})
    assert two.overall.value == pytest.approx(one.overall.value, rel=1e-12)
    assert two.overall.std_error > one.overall.std_error
    np.testing.assert_allclose(two.by_cohort.std_errors, one.by_cohort.std_errors, rtol=1e-10)
    np.testing.assert_allclose(two.cells.std_errors, one.cells.std_errors, rtol=1e-10)


def test_weights_and_influence_give_estimate_and_standard_error(mpdta):
    effect = fitted("two_stage", mpdta)
    means = mpdta.assign(g=mpdta["g"].replace(0, 9999)).pivot_table(index="g", columns="t", values="y").to_numpy()
    assert (effect.weights.to_numpy() * means).sum() == pytest.approx(effect.overall.value, rel=1e-9)
    assert np.sqrt((effect.influence.values**2).sum()) == pytest.approx(effect.overall.std_error, rel=1e-10)


def test_the_small_sample_factor_is_that_of_a_dummy_for_each_treated_cell():
    frame = drawn_with_states()
    plain, corrected = (fitted("two_stage", frame, options={"small_sample": s}) for s in (False, True))
    n, dummies = 20 * T, 4 + 3
    factor = (n - 1) / (n - dummies - T) * 20 / 19
    np.testing.assert_allclose(corrected.path.covariance, plain.path.covariance * factor, rtol=1e-12)
    assert corrected.overall.df == corrected.path.df == 19


def test_effects_of_one_unit_have_no_standard_error():
    effect = fitted("two_stage", drawn({1: 1, 3: 6, NEVER: 9}, T, seed=31))
    assert effect.by_cohort[0].std_error is None
    assert "one treated or one control unit" in effect.by_cohort[0].reason
    assert effect.overall.std_error > 0


def test_no_period_before_anticipation_is_refused():
    with pytest.raises(DesignError, match="Shorten the anticipation or use data that begin earlier"):
        fitted("two_stage", drawn(SIZES, T, seed=1), anticipation=4)


def test_one_control_leaves_no_standard_error_before_treatment_either():
    path = fitted("two_stage", drawn({2: 9, NEVER: 1}, 5, seed=3)).path
    assert [estimate.std_error for estimate in path] == [None] * 5
    assert all(estimate.reason for estimate in path)
