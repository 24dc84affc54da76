"""Expectations of each row by learners that never saw its fold."""

import numpy as np
import pytest

from scale_impact.core.causal.learning.learners import Learners
from scale_impact.core.causal.learning.nuisance import bounds_of, cross_fit

RNG = np.random.default_rng(4)
X = RNG.normal(size=(100, 2))
D = (X[:, 0] + RNG.normal(size=100) > 0).astype(float)
Y = X @ [1, 2] + D + RNG.normal(size=100)
fold_of = np.arange(100) % 4
LINEAR = Learners(("linear",), ("linear",), 1)


def fitted(outcome=Y, by=LINEAR, **more):
    return cross_fit(outcome, D, X, fold_of, by, **{"binary": True, "arms": True, **more})


def least_squares(teach, ask):
    ones = np.column_stack([np.ones(100), X])
    return ones[ask] @ np.linalg.lstsq(ones[teach], Y[teach], rcond=None)[0]


def test_outcomes_are_told_by_the_other_folds():
    found = fitted()
    for k in range(4):
        own, others = fold_of == k, fold_of != k
        assert found.outcome_mean[own] == pytest.approx(least_squares(others, own), abs=1e-10)
        assert found.control_mean[own] == pytest.approx(least_squares(others & (D == 0), own), abs=1e-10)
        assert found.treated_mean[own] == pytest.approx(least_squares(others & (D == 1), own), abs=1e-10)


def test_a_rows_own_outcome_does_not_move_what_it_is_told():
    changed = Y.copy()
    changed[8] += 100
    moved = fitted(changed).outcome_mean - fitted().outcome_mean
    assert np.abs(moved[fold_of == fold_of[8]]).max() < 1e-10
    assert np.abs(moved[fold_of != fold_of[8]]).max() > 1


def test_of_several_learners_the_best_out_of_fold_is_taken():
    found = fitted(by=Learners(("constant", "linear"), ("linear", "constant"), 1))
    assert found.learned["outcome"] == "linear"
    assert found.outcome_mean == pytest.approx(fitted().outcome_mean)


def test_probabilities_are_clipped_where_asked():
    found = fitted().clipped((0.2, 0.8))
    assert (found.propensity.min(), found.propensity.max()) == (0.2, 0.8)
    assert fitted().propensity.min() < 0.2


def test_bounds_move_with_the_share_of_the_exposed():
    assert bounds_of(np.array([0.0, 1.0]), 0.01) == pytest.approx((0.01, 0.99))
    assert bounds_of(np.r_[1.0, np.zeros(99)], 0.01) == pytest.approx((0.0002, 0.99))
    assert bounds_of(np.r_[0.0, np.ones(99)], 0.01) == pytest.approx((0.01, 0.9998))


def test_doses_have_a_mean_and_no_arms():
    found = cross_fit(Y, X[:, 1], X[:, :1], fold_of, LINEAR, binary=False, arms=True)
    assert found.control_mean is None
    assert np.abs(found.propensity).max() < 2
