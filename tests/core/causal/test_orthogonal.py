"""Averages of scores and lines through them, held against statsmodels and the definitions."""

import numpy as np
import pytest

from scale_impact.core.causal.learning.orthogonal import (
    Averages,
    Sums,
    averages,
    doubly_robust,
    line,
    median_of,
    of_doses,
    on_the_treated,
    partially_linear,
    with_constant,
)

RNG = np.random.default_rng(5)
N = 90
CLUSTERS = np.repeat(np.arange(30), 3)
V = RNG.normal(size=N)
U = 0.7 * V + RNG.normal(size=N) + np.repeat(RNG.normal(size=30), 3)
X = RNG.normal(size=(N, 2))


def test_partially_linear_is_the_regression_without_a_constant_by_clusters():
    import statsmodels.api as sm

    found = averages(partially_linear(U, V), np.ones((N, 1)), CLUSTERS)
    fit = sm.OLS(U, V).fit(cov_type="cluster", cov_kwds={"groups": CLUSTERS})
    assert found.values[0] == pytest.approx(fit.params[0], rel=1e-12)
    assert np.sqrt(found.variances[0]) == pytest.approx(fit.bse[0], rel=1e-12)


def test_lines_have_the_covariance_of_statsmodels_by_clusters():
    import statsmodels.api as sm

    z = V[:, None] * with_constant(X)
    fit = sm.OLS(U, z).fit(cov_type="cluster", cov_kwds={"groups": CLUSTERS})
    found = line(U, V, X, fit.params, CLUSTERS)
    assert found.covariance == pytest.approx(fit.cov_params(), rel=1e-10)
    value, error = found.at(X[:1])
    at = with_constant(X[:1])[0]
    assert value[0] == pytest.approx(at @ fit.params)
    assert error[0] == pytest.approx(np.sqrt(at @ fit.cov_params() @ at))


def test_averages_of_groups_are_those_of_their_rows_alone():
    inside = np.column_stack([CLUSTERS < 10, CLUSTERS >= 10]).astype(float)
    both = averages(Sums(U, np.ones(N)), inside, CLUSTERS)
    alone = averages(Sums(U[:30], np.ones(30)), np.ones((30, 1)), CLUSTERS[:30])
    assert both.values[0] == pytest.approx(alone.values[0])
    assert both.variances[0] == pytest.approx(alone.variances[0])
    assert both.covariance[0, 1] == pytest.approx(0)


def test_doubly_robust_scores_are_right_where_either_model_is():
    rng = np.random.default_rng(6)
    x = rng.normal(size=400_000)
    p = 1 / (1 + np.exp(-x))
    d = (rng.random(len(x)) < p).astype(float)
    y = x + d * (1 + x) + rng.normal(size=len(x))
    wrong = np.zeros_like(x)
    assert doubly_robust(y, d, p, wrong, wrong).mean() == pytest.approx(1, abs=0.02)
    assert doubly_robust(y, d, np.full_like(x, 0.5), x, 1 + 2 * x).mean() == pytest.approx(1, abs=0.02)
    treated = (p * (1 + x)).mean() / p.mean()
    assert on_the_treated(y, d, p, wrong).value() == pytest.approx(treated, abs=0.02)
    assert on_the_treated(y, d, np.full_like(x, 0.5), x).value() == pytest.approx(treated, abs=0.02)


def test_effects_on_the_treated_have_the_influence_function_of_weighted_means():
    rng = np.random.default_rng(9)
    d = (rng.random(N) < 0.4).astype(float)
    p = rng.uniform(0.2, 0.8, N)
    found = averages(on_the_treated(U, d, p, 0 * U), np.ones((N, 1)), np.arange(N))
    odds = p / (1 - p)
    treated, control = U[d == 1], U[d == 0]
    w = odds[d == 0] / odds[d == 0].sum()
    assert found.values[0] == pytest.approx(treated.mean() - w @ control)
    parts = np.r_[(treated - treated.mean()) / len(treated), w * (control - w @ control)]
    assert found.variances[0] == pytest.approx((parts**2).sum() * N / (N - 1))


def test_scores_of_doses_have_the_slope_for_their_mean_whatever_the_model_says():
    rng = np.random.default_rng(7)
    v = 2 * rng.normal(size=200_000)
    u = 1.5 * v + rng.normal(size=len(v))
    assert of_doses(u, v, np.full_like(v, 0.3), np.full_like(v, 4.0)).mean() == pytest.approx(1.5, abs=0.02)


def test_repeated_splits_give_the_median_and_its_spread():
    found = median_of([Averages(np.array([v]), np.array([[s]])) for v, s in ((1.0, 0.1), (2.0, 0.2), (6.0, 0.1))])
    assert found.values[0] == 2
    assert found.variances[0] == pytest.approx(np.median([1.1, 0.2, 16.1]))


def test_one_split_is_as_it_is():
    one = Averages(np.array([1.0, 2.0]), np.array([[1.0, 0.5], [0.5, 2.0]]))
    assert median_of([one]) is one
    again = median_of([one, one, one])
    assert again.covariance == pytest.approx(one.covariance)
