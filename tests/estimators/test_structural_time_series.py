"""Structural time series: the published example of CausalImpact, draws and what they sum up to, refusals."""

import math

import numpy as np
import pandas as pd
import pytest

import scale_impact as si
from scale_impact.core.r_normals import standard_normals
from scale_impact.errors import DesignError, EstimationError, UsageError
from tests.panels import panel_of, reference

NAME = "structural_time_series"
FEW = {"draws": 400}


def series(n=60, start=45, jump=4.0, seed=0, unit="A"):
    """One unit whose level wanders, periods 0 to n - 1, with a jump."""
    rng = np.random.default_rng(seed)
    t = np.arange(n)
    y = 20 + 0.2 * rng.normal(size=n).cumsum() + 0.5 * rng.normal(size=n) + jump * (t >= start)
    return pd.DataFrame({"id": unit, "t": t, "y": y, "g": float(start)})


def fitted(frame, control="none", anticipation=0, **options):
    panel = panel_of(frame)
    design = si.Design.from_panel(panel, first_treated="g", control=control, anticipation=anticipation)
    return si.estimate(NAME, panel, design, **{**FEW, **options})


def as_in_r():
    """R's ``set.seed(1); x1 <- 100 + arima.sim(list(ar = 0.999), 100); y <- 1.2 * x1 + rnorm(100)``, 10 more from 71 on."""
    warm = 1 + math.ceil(6 / math.log(1 / 0.999))
    draws = standard_normals(warm + 200, 1)
    path = np.zeros(warm + 100)
    for k in range(warm + 100):
        path[k] = (0.999 * path[k - 1] if k else 0.0) + draws[k]
    x = 100 + path[warm:]
    y = 1.2 * x + draws[warm + 100 :]
    y[70:] += 10
    return x, y


def test_the_example_of_causal_impact_gives_its_effect_with_an_interval_that_allows_for_more_wandering():
    published, (x, y) = reference("causalimpact", "example"), as_in_r()
    assert y[:6].round(1).tolist() == published["y"]
    assert x[:6].round(1).tolist() == published["x1"]
    frame = pd.DataFrame(
        {"id": ["y"] * 100 + ["x"] * 100, "t": [*range(100)] * 2, "y": [*y, *x], "g": [70.0] * 100 + [np.inf] * 100}
    )
    effect = fitted(frame, control="never", trend="level", draws=2000)
    assert effect.treated_mean == pytest.approx(published["actual"], abs=5e-3)
    assert effect.overall.value == pytest.approx(published["effect"], abs=0.3)
    low, high = effect.overall.interval(0.95)
    # its level hardly wanders by its prior (a hundredth of the outcome's spread), ours may by half of its noise
    assert low < published["lower"]
    assert high > published["upper"]
    assert high - low < 2.2 * (published["upper"] - published["lower"])
    assert effect.overall.p_value < 0.01


def test_a_large_jump_is_found_and_none_is_not():
    found = fitted(series())
    assert found.overall.interval(0.95)[0] > 0
    assert abs(found.overall.value - 4) < 3 * found.overall.std_error
    low, high = fitted(series(jump=0.0), trend="level").overall.interval(0.95)
    assert low < 0 < high


def test_the_overall_effect_is_the_mean_of_the_path_and_the_sum_is_the_cumulative_one():
    effect = fitted(series())
    after = [k for k, e in enumerate(effect.path.event_times) if e >= 0]
    assert effect.overall.value == pytest.approx(effect.path.values[after].mean(), rel=1e-9)
    assert effect.summaries["cumulative"].value == pytest.approx(15 * effect.overall.value, rel=1e-9)
    low, high = effect.overall.interval(0.9)
    assert effect.summaries["cumulative"].interval(0.9) == pytest.approx((15 * low, 15 * high), rel=1e-9)
    total = effect.curves["cumulative"]
    assert total.values == pytest.approx(np.cumsum(effect.path.values[after]), rel=1e-9)


def test_neighbouring_errors_go_together_in_the_interval_of_the_mean():
    effect = fitted(series(), draws=2000)
    late = effect.path.select(np.flatnonzero(np.array(effect.path.event_times) >= 0))
    independent = np.sqrt(late.variances.sum()) / len(late)
    assert effect.overall.std_error > 1.5 * independent


def test_the_p_value_and_the_interval_tell_one_story():
    effect = fitted(series(jump=1.2), draws=2000)
    level = 1 - effect.overall.p_value
    ends = effect.overall.interval(min(level, 0.999))
    assert min(abs(e) for e in ends) < 0.1 * effect.overall.std_error


def test_before_the_start_the_path_holds_errors_of_forecasts_one_step_ahead():
    effect = fitted(series(), trend="level")
    early = [k for k, e in enumerate(effect.path.event_times) if e < 0]
    assert effect.path.event_times[0] == -44  # the first period cannot be foretold
    scaled = effect.path.values[early] / np.sqrt(effect.path.variances[early])
    assert 0.7 < scaled.std() < 1.3
    assert effect.counterfactual.pre_rmspe[0] == pytest.approx(0.6, abs=0.3)


def test_missing_months_count_in_event_times_and_a_placebo_finds_their_cells():
    frame = pd.concat([series(30, 18), *(series(30, 18, 0, seed=k, unit=f"D{k}") for k in range(1, 6))])
    frame["g"] = np.where(frame["id"] == "A", "2019-07", None)
    frame["t"] = [f"{2018 + k // 12}-{k % 12 + 1:02d}" for k in frame["t"]]
    holes = frame[~frame["t"].isin(["2018-11", "2019-10"])]  # 8 before the start, 3 after
    effect = fitted(holes, control="never", season="none", trend="level", inference="placebo")
    times = np.array(effect.path.event_times)
    assert -8 not in times
    assert times[times >= 0].tolist() == [0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 11]
    last = effect.path[len(times) - 1]
    assert last.value == pytest.approx(effect.counterfactual.gaps[0, -1], rel=1e-9)
    assert last.p_value * 6 == pytest.approx(max(1, round(last.p_value * 6)))  # a share of six cities


def test_what_was_observed_after_the_start_does_not_change_what_would_have_been():
    one, other = fitted(series(jump=0.0)), fitted(series(jump=50.0))
    assert np.allclose(one.counterfactual.expected, other.counterfactual.expected)
    assert other.overall.value - one.overall.value == pytest.approx(50, rel=1e-9)


def test_anticipated_periods_are_not_learnt_from():
    frame = series()
    spoilt = frame.assign(y=np.where(frame["t"].between(43, 44), 500, frame["y"]))
    one, other = (fitted(f, anticipation=2) for f in (frame, spoilt))
    assert one.overall.value == pytest.approx(other.overall.value, rel=1e-9)


def test_worlds_can_be_asked_again_and_a_date_pretended():
    effect = fitted(series())
    found = effect.counterfactual
    gaps = found.again(found.worlds)
    assert gaps[0, 45:].mean() == pytest.approx(effect.overall.value, abs=0.5 * effect.overall.std_error)
    assert gaps[0, :45] == pytest.approx(found.gaps[0, :45])
    short = found.again(found.worlds.until(46))
    assert short[0, 45] == pytest.approx(gaps[0, 45], rel=1e-6)


def test_cohorts_are_series_and_their_cells_count_alike():
    frame = pd.concat([series(unit="A"), series(unit="B", seed=2, start=40)])
    effect = fitted(frame)
    assert effect.by_cohort.cohorts == (40, 45)
    assert effect.overall.value == pytest.approx(np.array([20, 15]) @ effect.by_cohort.values / 35, rel=1e-9)
    assert any("drawn independently" in n for n in effect.notes)


def test_covariates_and_each_control_can_be_regressors():
    rng = np.random.default_rng(9)
    common = 2 * rng.normal(size=60).cumsum()
    frame = series().assign(y=lambda d: d["y"] + common, heat=common)
    others = [
        series(unit=f"N{k}", seed=k, jump=0.0).assign(y=lambda d: d["y"] + common, heat=common, g=np.inf)
        for k in (3, 4)
    ]
    panel_wide = pd.concat([frame, *others])
    for options in (
        {"control_series": "each"},
        {"control_series": "mean"},
        {"control_series": "none", "covariates": ["heat"]},
    ):
        effect = fitted(panel_wide, control="never", trend="level", **options)
        assert abs(effect.overall.value - 4) < 4 * effect.overall.std_error
        assert effect.overall.std_error < 1.5  # without them it is that of a random walk


def test_seeds_and_draws_are_what_they_say():
    one, other = fitted(series(), seed=1), fitted(series(), seed=1)
    assert one.overall.interval() == other.overall.interval()
    assert "400 draws" in one.overall.judged.words
    assert one.overall.interval() != fitted(series(), seed=2).overall.interval()


# ---- refusals ----------------------------------------------------------------------------------------------


def test_a_covariate_that_is_constant_before_the_measure_is_refused():
    with pytest.raises(EstimationError, match="do not vary before the measure"):
        fitted(series().assign(law=lambda d: (d["t"] >= 50).astype(float)), covariates=["law"])


def test_a_constant_outcome_and_too_few_periods_are_refused():
    with pytest.raises(EstimationError, match="does not vary"):
        fitted(series().assign(y=5.0))
    with pytest.raises(EstimationError, match="for a model with 13 states"):
        fitted(series(start=12), season="dummies", cycle=12)
    with pytest.raises(DesignError, match="needs 3 periods"):
        fitted(series(start=2))


def test_control_series_and_seasons_that_cannot_be_had_are_refused():
    with pytest.raises(DesignError, match="never treated"):
        fitted(series(), control_series="mean")
    with pytest.raises(UsageError, match="needs `cycle`"):
        fitted(series(), season="fourier")
