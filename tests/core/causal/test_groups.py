"""Groups by predicted effect: means by hand, errors, and whom the ends mean."""

import numpy as np
import pytest

from scale_impact.core.causal.for_whom.groups import contrasts, grouped
from scale_impact.core.causal.for_whom.projection import scored
from scale_impact.errors import EstimationError
from tests.causal import by_hand, simulated


def test_groups_are_quantiles_within_folds_and_effects_are_means_of_scores():
    found = simulated(1, n=200, slope=0.5)
    mine = grouped(scored(found), 5)
    for fold in range(5):
        at = found.folds == fold
        assert np.bincount(mine.member[at]).tolist() == [8] * 5
        assert found.cate[at & (mine.member == 0)].max() <= found.cate[at & (mine.member == 1)].min()
    assert mine.effects == pytest.approx([found.scores[mine.member == g].mean() for g in range(5)])


def test_with_one_fold_errors_are_those_of_group_means():
    found = simulated(2, n=250)
    rows = scored(by_hand(found.scores, found.cate, found.contexts))
    mine = grouped(rows, 5)
    theirs = [found.scores[mine.member == g].std() / np.sqrt(50) for g in range(5)]
    assert mine.std_errors == pytest.approx(np.array(theirs) * np.sqrt(250 / 249))


def test_with_several_folds_what_groups_differ_by_is_counted_twice_and_the_mean_once():
    found = simulated(3, n=250)
    one = grouped(scored(by_hand(found.scores, found.cate, found.contexts)), 5)
    rows = scored(found)
    many = grouped(rows, 5)
    size = lambda g: np.ones(5) / 5 @ g.covariance @ np.ones(5) / 5  # noqa: E731
    assert size(many) == pytest.approx(size(one), rel=0.02)
    assert many.difference[1] / one.difference[1] == pytest.approx(np.sqrt(2), rel=0.1)


def test_the_difference_between_ends_keeps_its_level_without_heterogeneity():
    p = [grouped(scored(simulated(s, n=200, contexts=8)), 4).p_value for s in range(300)]
    assert np.mean(np.array(p) < 0.05) < 0.05 + 0.03  # 2 Monte-Carlo errors


def test_intervals_of_groups_hold_their_effects():
    held = []
    for seed in range(100):
        found = simulated(seed, n=300, slope=1.0)
        mine = grouped(scored(found), 3)
        true = 1 + found.contexts["x1"].to_numpy()
        target = np.array([true[mine.member == g].mean() for g in range(3)])
        held.append(np.abs(mine.effects - target) < 1.96 * mine.std_errors)
    assert np.mean(held) > 0.93


def test_rearranged_effects_rise():
    mine = grouped(scored(simulated(4)), 5)
    assert np.all(np.diff(mine.rearranged) >= 0)
    assert sorted(mine.effects) == pytest.approx(mine.rearranged)


def test_the_most_affected_have_more_of_what_moves_the_effect():
    found = simulated(5, n=1000, slope=1.5)
    rows = scored(found)
    who = contrasts(rows, grouped(rows, 5))
    assert who.most[0] - who.least[0] > 2
    assert who.p_values()[0] < 1e-6
    first = found.contexts["x1"][grouped(rows, 5).member == 4]
    assert who.most[0] == pytest.approx(first.mean())


def test_a_context_that_does_not_vary_has_no_difference():
    found = simulated(6)
    rows = scored(by_hand(found.scores, found.cate, found.contexts.assign(flat=1.0), folds=found.folds))
    assert contrasts(rows, grouped(rows, 5)).p_values()[-1] == 1.0


def test_a_fold_that_is_too_small_is_refused_with_its_counts():
    with pytest.raises(EstimationError, match=r"Fold 1 has 12 rows, and its 5 groups .* \[2, 3, 2, 3, 2\]"):
        grouped(scored(simulated(7, n=60)), 5)


def test_groups_and_slope_are_those_of_econmls_drtester():
    from econml.validate import DRTester

    from scale_impact.core.causal.for_whom.calibration import calibrate

    made = simulated(8, n=1000, slope=0.8)
    rows = scored(by_hand(made.scores, made.cate, made.contexts))
    tester = DRTester(model_regression=None, model_propensity=None, cate=None)
    tester.cate_preds_val_ = tester.cate_preds_train_ = made.cate[:, None]
    tester.dr_val_ = tester.dr_train_ = made.scores[:, None]
    tester.treatments, tester.n_treat, tester.ate_val = np.array([0, 1]), 1, np.array([made.scores.mean()])
    theirs = tester.evaluate_cal(n_groups=5).plot_data_dict[1]
    mine = grouped(rows, 5)
    assert mine.effects == pytest.approx(theirs["gate"].to_numpy())
    assert mine.predicted == pytest.approx(theirs["g_cate"].to_numpy())
    line = tester.evaluate_blp()
    assert calibrate(rows).slope == pytest.approx(line.params[0])
    assert calibrate(rows).plain_error == pytest.approx(line.errs[0], rel=0.01)  # HC3 here, HC1 there
