"""Summary indices: by hand, by matrices, where they collapse into one, and with outcomes that are missing."""

import numpy as np
import pytest

from scale_impact.core.profile.summary_index import (
    anderson,
    covariance,
    group_means,
    kling_liebman_katz,
    standardised,
    weighted,
)

ALL = np.ones(400, dtype=bool)
ONE = np.zeros(400, dtype=np.int64)


def outcomes(correlation, n=400, seed=3):
    """Standard normal outcomes with exactly this correlation matrix and unit variances (divisor n - 1)."""
    root = np.linalg.cholesky(np.asarray(correlation, dtype=float))
    e = np.random.default_rng(seed).normal(size=(n, len(root)))
    e -= e.mean(axis=0)
    e = e @ np.linalg.inv(np.linalg.cholesky(np.atleast_2d(np.cov(e.T)))).T
    return e @ root.T


def test_two_outcomes_that_say_the_same_share_what_one_alone_has():
    z = outcomes([[1, 0.9, 0], [0.9, 1, 0], [0, 0, 1]])
    # rows of the inverse sum to 1/1.9, 1/1.9 and 1
    expected = np.array([1 / 1.9, 1 / 1.9, 1])
    assert anderson(z, ALL, ONE).weights == pytest.approx(expected / expected.sum(), rel=1e-9)


def test_the_weights_are_the_row_sums_of_the_inverse_covariance():
    z = outcomes([[1, 0.3, 0.1], [0.3, 1, 0.5], [0.1, 0.5, 1]])
    rows = np.linalg.inv(np.cov(z.T)).sum(axis=1)
    found = anderson(z, ALL, ONE)
    assert found.weights == pytest.approx(rows / rows.sum(), rel=1e-9)
    assert found.values == pytest.approx(z @ rows / rows.sum(), rel=1e-9)


def test_with_equal_correlations_both_indices_are_one():
    z = outcomes(0.4 * np.ones((4, 4)) + 0.6 * np.eye(4))
    assert anderson(z, ALL, ONE).values == pytest.approx(kling_liebman_katz(z, ONE).values, abs=1e-9)


def test_one_outcome_is_its_own_index():
    z = outcomes([[1.0]])
    assert anderson(z, ALL, ONE).values == pytest.approx(z[:, 0])
    assert kling_liebman_katz(z, ONE).values == pytest.approx(z[:, 0])


def test_the_covariance_is_that_between_units_of_one_period():
    z = outcomes([[1, 0.5], [0.5, 1]])
    period = np.arange(400) % 4
    trend = z + 10.0 * period[:, None]
    split = [np.cov(z[period == k].T) * 99 for k in range(4)]
    assert covariance(trend, period) == pytest.approx(sum(split) / 396)


def test_treated_rows_do_not_move_the_weights():
    z = outcomes([[1, 0.2, 0.6], [0.2, 1, 0.1], [0.6, 0.1, 1]])
    untreated = np.arange(400) < 200
    moved = z + np.where(untreated, 0, 5)[:, None] * np.array([1.0, 0, -1])
    assert anderson(moved, untreated, ONE).weights == pytest.approx(anderson(z, untreated, ONE).weights)


def test_a_missing_outcome_is_ignored_in_its_row_and_the_other_weights_count_in_proportion():
    z = outcomes([[1, 0.3, 0.1], [0.3, 1, 0.5], [0.1, 0.5, 1]])
    z[7, 1] = np.nan
    found = anderson(z, ALL, ONE)
    w = found.weights
    assert found.partial == 1
    assert found.values[7] == pytest.approx((w[0] * z[7, 0] + w[2] * z[7, 2]) / (w[0] + w[2]))
    assert found.values[8] == pytest.approx(z[8] @ w)


def test_the_covariance_of_a_pair_rests_on_the_rows_that_have_both():
    z = outcomes([[1, 0.5], [0.5, 1]])
    z[:40, 0] = np.nan
    a, b = z[40:, 0], z[:, 1]
    expected = ((a - a.mean()) * (b[40:] - b.mean())).sum() / 359
    assert covariance(z, ONE)[0, 1] == pytest.approx(expected)


def test_a_row_without_any_outcome_has_no_index():
    z = outcomes([[1, 0.5], [0.5, 1]])
    z[3] = np.nan
    assert np.isnan(anderson(z, ALL, ONE).values[3])
    assert np.isnan(kling_liebman_katz(z, ONE).values[3])


def test_missing_outcomes_are_imputed_at_the_mean_of_the_group():
    z = np.array([[1.0, 2], [3, np.nan], [5, 6], [0, 1], [2, np.nan]])
    found = kling_liebman_katz(z, np.array([0, 0, 0, 1, 1]))
    # group 0 has mean 4 in the second outcome, group 1 has 1
    assert found.values == pytest.approx([1.5, 3.5, 5.5, 0.5, 1.5])
    assert found.partial == 2


def test_imputation_leaves_the_groups_means_as_the_mean_of_their_outcomes_means():
    z = outcomes([[1, 0.5], [0.5, 1]])
    z[::3, 0] = np.nan
    group = np.arange(400) % 2
    found = kling_liebman_katz(z, group).values
    means = group_means(z, group).mean(axis=1)
    assert [found[group == g].mean() for g in (0, 1)] == pytest.approx(means)


def test_outcomes_that_repeat_each_other_have_no_inverse_and_the_equal_index_stays():
    z = outcomes([[1, 0.5], [0.5, 1]])
    twice = np.column_stack([z, z[:, 0] + z[:, 1]])
    assert "repeat each other" in anderson(twice, ALL, ONE)
    assert np.isfinite(kling_liebman_katz(twice, ONE).values).all()


def test_fewer_untreated_rows_than_outcomes_are_said():
    z = outcomes(np.eye(5))
    assert "of its 5 outcomes in 4 untreated rows has no inverse" in anderson(z, np.arange(400) < 4, ONE)


def test_outcomes_that_are_never_observed_together_are_said():
    z = outcomes([[1, 0.5], [0.5, 1]])
    z[:200, 0], z[200:, 1] = np.nan, np.nan
    assert "never observed together" in anderson(z, ALL, ONE)


def test_weights_that_cancel_in_a_row_give_no_value():
    found = weighted(np.array([[1.0, np.nan], [np.nan, 1.0], [1, 1]]), np.array([1.5, -0.5]))
    assert found.values == pytest.approx([1.0, np.nan, 1.0], nan_ok=True)


def test_two_outcomes_weigh_the_same_where_one_has_fewer_periods():
    """A varies three times as much in the second period, the only one in which B is observed."""
    rng = np.random.default_rng(0)
    groups = np.repeat([0, 1], 30)
    a, b = np.repeat([1.0, 3.0], 30) * rng.standard_normal(60), rng.standard_normal(60)
    b[groups == 0] = np.nan
    seen = groups == 1
    z = standardised(np.where(seen[:, None], np.column_stack([a / 2.2, b]), np.nan), seen, groups)
    assert anderson(z, seen, groups).weights == pytest.approx([0.5, 0.5], rel=1e-12)
    assert np.nanstd(z[seen], axis=0, ddof=1) == pytest.approx([1, 1], rel=1e-12)


def test_an_outcome_that_does_not_vary_stays_as_it_is():
    z = np.column_stack([np.arange(6.0), np.full(6, 4.0)])
    found = standardised(z, np.ones(6, dtype=bool), np.zeros(6, dtype=int))
    assert found[:, 1].tolist() == [4.0] * 6
