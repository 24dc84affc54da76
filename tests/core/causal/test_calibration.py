"""Calibration: the slope by hand, and a size that holds where rows taught each other's models."""

import numpy as np
import pytest
from scipy import stats

from scale_impact.core.causal.for_whom.calibration import calibrate
from scale_impact.core.causal.for_whom.projection import scored
from scale_impact.errors import EstimationError
from tests.causal import by_hand, simulated


def test_the_slope_is_that_of_scores_on_predictions_within_folds():
    found = simulated(1, n=200, slope=0.5)
    mine = calibrate(scored(found))
    dummies = np.equal.outer(found.folds, np.arange(5)).astype(float)
    theirs = np.linalg.lstsq(np.column_stack([found.cate, dummies]), found.scores, rcond=None)[0][0]
    assert mine.slope == pytest.approx(theirs)


def test_one_fold_takes_predictions_as_given_and_several_count_the_ranking_twice():
    found = simulated(2, n=200, slope=0.5)
    rows = scored(found)
    alone = scored(by_hand(found.scores, found.cate, found.contexts))
    assert calibrate(alone).slope_error == calibrate(alone).plain_error
    assert calibrate(rows).slope_error == pytest.approx(np.sqrt(2) * calibrate(rows).plain_error)


def test_without_heterogeneity_the_level_holds_and_plain_errors_would_not_hold_it():
    found = [calibrate(scored(simulated(s, n=200, contexts=20, folds=2))) for s in range(300)]
    held = np.mean([f.p_value < 0.05 for f in found])
    plain = np.mean([stats.norm.sf(f.slope / f.plain_error) < 0.05 for f in found])
    assert held < 0.05 + 0.03  # 2 Monte-Carlo errors of 300 draws
    assert plain > 0.08


def test_predictions_that_exaggerate_have_a_slope_below_one():
    rng = np.random.default_rng(3)
    x = rng.normal(size=2000)
    found = calibrate(scored(by_hand(x + rng.normal(size=2000), 4 * x, {"x": x})))
    assert found.slope == pytest.approx(0.25, abs=0.02)
    assert found.exaggerates < 1e-6


def test_the_level_is_not_told_where_the_mean_prediction_is_not_clear_of_zero():
    assert calibrate(scored(simulated(4, mean=0.0))).level is None
    assert calibrate(scored(simulated(4, mean=5.0))).level == pytest.approx((1.0, 0.02), abs=0.02)


def test_the_same_prediction_for_all_is_no_ranking():
    with pytest.raises(EstimationError, match="same effect for everybody"):
        calibrate(scored(by_hand(np.arange(8.0), np.ones(8), {"x": np.arange(8.0)})))
