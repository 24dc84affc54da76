"""Two-way fixed effects from cohort means equal least squares on dummy variables."""

import numpy as np
import pytest

from scale_impact.core.cohorts import Cohorts
from scale_impact.core.fixed_effects import SmallSample, treated_cells
from scale_impact.core.within import independent, over_time, two_way, unexplained
from tests.panels import NEVER, drawn, dummy_regression

SIZES = {2: 4, 3: 6, 5: 3, NEVER: 8}
T = 6
MEANS = over_time(np.arange(T, dtype=float))


def frame_and_moments(sizes=SIZES, seed=3):
    frame = drawn(sizes, T, seed=seed).sort_values(["id", "t"], ignore_index=True)
    starts = np.array([int(min(g, T)) for g in sizes])
    codes = np.searchsorted(list(sizes), frame["g"].to_numpy()[::T])
    return frame, Cohorts.from_matrix(frame["y"].to_numpy().reshape(-1, T), codes, starts), codes


def spread(regressor, codes):
    """A regressor [G, T] as a column of the frame."""
    return regressor[codes].ravel()


def test_by_hand():
    # treated: 1 -> 5, untreated: 2 -> 3; the double difference is 4 - 1
    moments = Cohorts.from_matrix(np.array([[1.0, 5.0], [2.0, 3.0]]), np.array([0, 1]), np.array([1, 2]))
    fit = two_way(moments, treated_cells(moments)[None].astype(float))
    assert fit.coefficients[0] == pytest.approx(3.0, abs=1e-15)  # four numbers
    np.testing.assert_allclose(fit.weights[0], [[-1, 1], [1, -1]], atol=1e-15)


def test_one_regressor_equals_dummy_variables():
    frame, moments, codes = frame_and_moments()
    treated = treated_cells(moments).astype(float)
    fit = two_way(moments, treated[None])
    coefficients, covariance = dummy_regression(frame, [spread(treated, codes)])
    factor = SmallSample().factor(moments.units.sum() * T, 1, moments.units.sum(), T, moments.n_clusters)
    assert fit.coefficients[0] == pytest.approx(
        coefficients[0], rel=1e-11
    )  # the dummies' least squares has about 1e-13
    assert moments.variance(fit.scores)[0] * factor == pytest.approx(covariance[0, 0], rel=1e-10)


def test_several_regressors_equal_dummy_variables():
    frame, moments, codes = frame_and_moments()
    regressors = np.random.default_rng(1).normal(size=(3, 4, T))
    fit = two_way(moments, regressors)
    coefficients, covariance = dummy_regression(frame, [spread(r, codes) for r in regressors])
    factor = SmallSample().factor(moments.units.sum() * T, 3, moments.units.sum(), T, moments.n_clusters)
    np.testing.assert_allclose(fit.coefficients, coefficients, rtol=1e-10)  # the dummies' least squares has about 1e-13
    np.testing.assert_allclose(moments.covariance(fit.scores) * factor, covariance, rtol=1e-9)


def test_the_weights_give_the_coefficients():
    _, moments, _ = frame_and_moments()
    regressors = np.random.default_rng(1).normal(size=(3, 4, T))
    fit = two_way(moments, regressors)
    np.testing.assert_allclose(
        np.einsum("pgt,gt->p", fit.weights, moments.means), fit.coefficients, rtol=1e-11
    )  # other order of sums
    # weights of each cohort sum to zero over time, and those of each period over cohorts
    np.testing.assert_allclose(fit.weights.sum(axis=2), 0, atol=1e-14)
    np.testing.assert_allclose(fit.weights.sum(axis=1), 0, atol=1e-14)


def test_demeaning_leaves_no_unit_and_no_period_mean():
    n = np.array([4.0, 6.0, 3.0, 8.0])
    x = unexplained(np.random.default_rng(1).normal(size=(2, 4, T)), n, MEANS)
    np.testing.assert_allclose(x.mean(axis=2), 0, atol=1e-15)
    np.testing.assert_allclose(np.einsum("g,pgt->pt", n, x), 0, atol=1e-14)


def test_of_collinear_regressors_the_later_ones_go():
    n = np.array([4.0, 6.0, 3.0, 8.0])
    a, b = np.random.default_rng(1).normal(size=(2, 4, T))
    regressors = np.array([a, 2 * a, b, a - b, np.ones((4, T)), np.arange(T) * np.ones((4, 1))])
    assert independent(regressors, n, np.arange(6), MEANS).tolist() == [0, 2]
    assert independent(regressors, n, np.array([5, 4, 3, 2, 1, 0]), MEANS).tolist() == [2, 3]


def test_with_trends_what_is_left_has_no_unit_line_and_no_period_mean():
    n, clock = np.array([4.0, 6.0, 3.0, 8.0]), np.array([1990.0, 1991, 1993, 1994, 2000, 2010])
    x = unexplained(np.random.default_rng(1).normal(size=(2, 4, T)), n, over_time(clock, "unit"))
    np.testing.assert_allclose(x.mean(axis=2), 0, atol=1e-15)
    np.testing.assert_allclose(x @ (clock - clock.mean()), 0, atol=1e-13)  # a clock of ten
    np.testing.assert_allclose(np.einsum("g,pgt->pt", n, x), 0, atol=1e-14)


def test_regressors_that_the_effects_explain_go():
    n, line = np.array([4.0, 6.0, 3.0, 8.0]), np.arange(T) * np.arange(1.0, 5)[:, None]
    regressors = np.array([1e6 + line, np.random.default_rng(1).normal(size=(4, T))])
    assert independent(regressors, n, np.arange(2), MEANS).tolist() == [0, 1]
    assert independent(regressors, n, np.arange(2), over_time(np.arange(T), "unit")).tolist() == [1]
