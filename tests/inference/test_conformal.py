"""Conformal inference, against its definition by plain loops."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd
import pytest

import scale_impact as si
from scale_impact.core.targets import targets_of
from scale_impact.errors import DesignError, EstimationError
from scale_impact.inference import conformal
from tests.inference import overall
from tests.pilots import effect_by, mean_of_donors, nothing_expected, world


def judged(again, starts, donors, periods, *, seed=1, size=0.0, y=None, **options):
    panel, design = world(starts, donors, periods, seed=seed, effect=size, y=y)
    return overall(conformal, panel, design, None, effect_by(again, panel, design), **options), panel.matrix


def residuals(y, start, null):
    """Of the treated under a null, with the counterfactual fitted on all periods."""
    gaps = y[0] - null * (np.arange(y.shape[1]) >= start) - y[1:].mean(axis=0)
    return gaps - gaps.mean()


@pytest.mark.parametrize("q", [1.0, 2.0])
@pytest.mark.parametrize("null", [0.0, 2.5])
def test_moving_blocks_are_all_shifts_of_the_residuals_around_a_circle(q, null):
    found, y = judged(mean_of_donors, [7], 5, 12, q=q)
    u = residuals(y, 7, null)
    sums = [(np.abs(np.roll(u, j))[7:] ** q).sum() for j in range(12)]
    assert found.p_of(np.array([null]))[0] == np.mean(np.array(sums) >= sums[0] - 1e-12)


def test_free_permutations_are_all_choices_of_the_treated_periods_where_they_are_few():
    found, y = judged(mean_of_donors, [7], 5, 10, permutations="iid")
    u = np.abs(residuals(y, 7, 0.0))
    sums = np.array([u[list(c)].sum() for c in combinations(range(10), 3)])
    assert found.p_value == np.mean(sums >= u[7:].sum() - 1e-12)
    assert "120 permutations of the residuals, q = 1" in found.words


def test_more_permutations_than_draws_are_drawn_and_the_data_counted_among_them():
    found, _ = judged(mean_of_donors, [7], 5, 10, permutations="iid", draws=50)
    exact, _ = judged(mean_of_donors, [7], 5, 10, permutations="iid")
    again, _ = judged(mean_of_donors, [7], 5, 10, permutations="iid", draws=50)
    assert found.p_value == again.p_value
    assert found.p_value * 51 == pytest.approx(round(found.p_value * 51))
    assert found.p_value == pytest.approx(exact.p_value, abs=0.25)
    assert "51 permutations of the residuals, seed 20251122" in found.words


def test_a_single_period_is_joined_to_those_before_and_has_a_closed_form():
    panel, design = world([19], 3, 24, seed=5)
    effect = effect_by(nothing_expected, panel, design)
    targets = targets_of(effect, panel, design, None)
    found = conformal.judge(panel, design, None, effect, targets)
    y = panel.matrix[0]
    for target, judgement in zip(targets, found, strict=True):
        time = None if target.place != "path" else int(effect.path.event_times[target.k])
        if time is not None and time >= 0:
            allowed = np.sort(np.abs(y[:19]))[-2]  # of 20, 2 may be as large: 2 / 20 does not exceed 0.1
            low, high = judgement.interval(0.9)
            assert (low, high) == pytest.approx((y[19 + time] - allowed, y[19 + time] + allowed), rel=1e-6)
            assert judgement.p_value == pytest.approx((1 + (np.abs(y[:19]) >= abs(y[19 + time])).sum()) / 20)
        elif time is not None:
            assert judgement is None


def test_ends_of_the_interval_are_where_values_begin_to_be_rejected():
    found, _ = judged(mean_of_donors, [14], 8, 24, seed=3, size=4.0)
    for low, high in found.pieces(0.9):
        for end, out in ((low, -1e-6), (high, 1e-6)):
            u_in, u_out = found.p_of(np.array([end - out, end + out]))
            assert u_in > 0.1 >= u_out
    assert found.interval(0.9) == (found.pieces(0.9)[0][0], found.pieces(0.9)[-1][1])


def test_a_set_that_is_no_interval_is_said():
    found, _ = judged(mean_of_donors, [12], 3, 24, seed=7, size=3.0)
    several = [level for level in np.linspace(0.2, 0.95, 60) if len(found.pieces(level)) > 1]
    assert several
    words = replace(found, level=float(several[0])).words
    assert "the values not rejected are no interval" in words
    assert "from the first to the last" in words
    pieces = found.pieces(several[0])
    gap = (pieces[0][1] + pieces[1][0]) / 2
    assert found.p_of(np.array([gap]))[0] <= 1 - several[0] + 1e-9


def test_too_few_periods_reject_nothing_and_the_words_say_so():
    found, _ = judged(nothing_expected, [8], 3, 10)
    assert found.interval(0.95) == (-np.inf, np.inf)
    assert "at 95 % no value is rejected on either side (no p-value is below 0.1)" in found.words


def test_an_effect_that_no_constant_describes_has_no_interval():
    y = np.random.default_rng(2).normal(size=(3, 40))
    y[0, 36:] += [60, 0, 0, -60]
    found, _ = judged(nothing_expected, [36], 2, 40, y=y)
    assert found.interval(0.95) is None
    assert "each constant effect looked at is rejected: it changes over time" in found.words


@pytest.mark.parametrize("seed", range(6))
def test_no_value_that_a_dense_grid_keeps_lies_outside(seed):
    """Effects that grow: the values kept need not lie around the estimate, nor together."""
    rng = np.random.default_rng(seed)
    y = rng.normal(size=(12, 40)).cumsum(axis=1) * 0.3 + rng.normal(size=(12, 1)) + rng.normal(size=(12, 40))
    y[0, 30:] += np.linspace(0, 6, 10)
    found, _ = judged(nothing_expected if seed % 2 else mean_of_donors, [30], 11, 40, y=y)
    dense = found.value + np.linspace(-15, 15, 3001)
    for level in (0.8, 0.9, 0.95):
        keeps = found.p_of(dense) > 1 - level + 1e-9
        interval = found.interval(level)
        assert (interval is not None) >= keeps.any()
        if keeps.any():
            assert interval[0] <= dense[keeps].min() + 1e-9
            assert interval[1] >= dense[keeps].max() - 1e-9


def test_units_that_start_together_are_judged_by_their_mean_residual():
    found, y = judged(mean_of_donors, [7, 7], 5, 12)
    gaps = y[:2].mean(axis=0) - y[2:].mean(axis=0)
    u = np.abs(gaps - gaps.mean())
    sums = np.array([np.roll(u, j)[7:].sum() for j in range(12)])
    assert found.p_value == np.mean(sums >= sums[0] - 1e-12)


def test_units_that_start_at_different_dates_are_shifted_together():
    found, y = judged(mean_of_donors, [7, 9], 5, 12)
    gaps = y[:2] - y[2:].mean(axis=0)
    u = np.abs(gaps - gaps.mean(axis=1)[:, None])
    sums = np.array([np.roll(u[0], j)[7:].sum() + np.roll(u[1], j)[9:].sum() for j in range(12)])
    assert found.p_value == np.mean(sums >= sums[0] - 1e-12)


def test_each_unit_is_judged_by_itself():
    panel, design = world([7, 9], 5, 12)
    effect = effect_by(mean_of_donors, panel, design)
    found = si.inference.judged(effect, panel, design, None, "conformal")
    alone, other = world([9], 5, 12, y=panel.matrix[[1, *range(2, 7)]])
    single = overall(conformal, alone, other, None, effect_by(mean_of_donors, alone, other))
    assert found.curves["units"].judged[1].p_value == single.p_value


def test_several_dates_with_anticipation_are_refused():
    panel, _ = world([7, 9], 5, 12)
    design = si.Design.from_panel(panel, first_treated="g", anticipation=1)
    with pytest.raises(DesignError, match="start at different dates and may anticipate"):
        overall(conformal, panel, design, None, effect_by(mean_of_donors, panel, design))


def test_an_effect_that_is_no_mean_gap_is_refused_with_what_would_do():
    panel, design = world([16], 5, 24)
    effect = si.estimate("interrupted_time_series", panel, design)
    with pytest.raises(EstimationError, match=r"interrupted_time_series is another number.*inference: analytic"):
        si.inference.judged(effect, panel, design, None, "conformal")


def test_anticipated_periods_of_one_date_are_left_out():
    panel, _ = world([7], 5, 12)
    design = si.Design.from_panel(panel, first_treated="g", anticipation=2)
    found = overall(conformal, panel, design, None, effect_by(mean_of_donors, panel, design))
    used = np.delete(panel.matrix, [5, 6], axis=1)
    u = np.abs(residuals(used, 5, 0.0))
    sums = np.array([np.roll(u, j)[5:].sum() for j in range(10)])
    assert found.p_value == np.mean(sums >= sums[0] - 1e-12)


def test_with_predictors_outcomes_alone_are_fitted_and_that_is_said():
    panel, design = world([16], 6, 24, seed=3)
    plain = si.estimate("synthetic_control", panel, design)
    with_predictors = replace(plain.counterfactual, predictors=pd.DataFrame(), again=nothing_expected)
    found = overall(conformal, panel, design, None, replace(plain, counterfactual=with_predictors))
    assert found.p_value == overall(conformal, panel, design, None, plain).p_value
    assert "fitted on outcomes alone" in found.words


def test_estimators_that_cannot_be_asked_under_the_null_are_refused_with_what_would_do():
    panel, design = world([7], 5, 12)
    effect = effect_by(mean_of_donors, panel, design)
    for more, says in (
        ({"periods_weights": pd.DataFrame()}, "weights the periods before"),
        ({"again": None}, "placebo"),
    ):
        broken = replace(effect, counterfactual=replace(effect.counterfactual, **more))
        with pytest.raises(DesignError, match=says):
            overall(conformal, panel, design, None, broken)
    with pytest.raises(EstimationError, match="did_2x2 does not"):
        conformal.judge(panel, design, None, si.estimate("did_2x2", panel, design), [])


def test_the_effect_that_was_there_is_kept_as_often_as_the_level_says():
    kept = []
    for seed in range(150):
        y = np.random.default_rng(seed).normal(size=(6, 30))
        y[0, 24:] += 5
        found, _ = judged(mean_of_donors, [24], 5, 30, y=y)
        kept.append(found.p_of(np.array([5.0]))[0] > 0.1)
    assert np.mean(kept) == pytest.approx(0.9, abs=0.06)
