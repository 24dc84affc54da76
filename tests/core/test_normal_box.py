"""Normal vectors in a box."""

import numpy as np
import pytest
from scipy import stats

from scale_impact.core.normal_box import mean_within, probability


def drawn(k, seed):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(k, k))
    covariance = root @ root.T + 0.3 * np.eye(k)
    sd = np.sqrt(np.diag(covariance))
    return rng.normal(size=k) * sd, covariance, -1.5 * sd, 2.0 * sd


@pytest.mark.parametrize(("k", "accuracy"), [(1, 1e-14), (2, 1e-9), (3, 1e-5), (5, 1e-5), (8, 1e-4)])
def test_the_probability_is_that_of_scipy(k, accuracy):
    mean, covariance, low, high = drawn(k, seed=k)
    expected = stats.multivariate_normal.cdf(high, mean, covariance, lower_limit=low, abseps=1e-7, releps=1e-7)
    assert probability(mean, covariance, low, high) == pytest.approx(expected, abs=accuracy)


def test_independent_variables_multiply():
    mean, sd = np.array([0.3, -1.0, 0.0, 2.0]), np.array([1.0, 2.0, 0.5, 3.0])
    low, high = -1.96 * sd, 1.96 * sd
    each = stats.norm.cdf(high, mean, sd) - stats.norm.cdf(low, mean, sd)
    assert probability(mean, np.diag(sd**2), low, high) == pytest.approx(each.prod(), rel=1e-12)


def test_the_same_digits_every_time():
    given = drawn(6, seed=1)
    assert probability(*given) == probability(*given)


def test_one_variable_has_the_truncated_mean():
    found = mean_within(np.array([0.7]), np.array([[4.0]]), np.array([-1.0]), np.array([3.0]))
    assert found[0] == pytest.approx(stats.truncnorm.mean(-0.85, 1.15, 0.7, 2.0), rel=1e-10)


@pytest.mark.parametrize("k", [2, 4])
def test_the_mean_within_is_that_of_draws_in_the_box(k):
    mean, covariance, low, high = drawn(k, seed=3)
    draws = np.random.default_rng(0).multivariate_normal(mean, covariance, 400_000)
    inside = draws[((draws >= low) & (draws <= high)).all(axis=1)]
    error = inside.std(axis=0) / np.sqrt(len(inside))
    assert np.all(np.abs(mean_within(mean, covariance, low, high) - inside.mean(axis=0)) < 4 * error)
