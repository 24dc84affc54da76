"""Problems solved in step have the optimum of each, or say that they have none."""

import numpy as np
import pytest

from scale_impact.core.simplex import nearest_point, simplex_fit
from scale_impact.core.simplex_together import together


def problems(seed, m, j, b, *, inside=False):
    """Columns, targets, allowed columns: targets are mixes of the columns, or lie anywhere."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(m, j)) + 20
    y = rng.dirichlet(np.ones(j), b) @ x.T if inside else 20 + 2 * rng.normal(size=(b, m))
    allowed = rng.random((b, j)) < 0.8
    allowed[:, 0] = True
    return x, y, allowed


def alone(x, y, allowed, *, intercept=False):
    """Weights by non-negative least squares and the active set, one problem after the other."""
    found = np.zeros(allowed.shape)
    for b, target in enumerate(y):
        p = x[:, allowed[b]] - target[:, None]
        p = p - p.mean(axis=0) if intercept else p
        found[b, allowed[b]] = nearest_point(p / np.sqrt((p**2).sum(axis=0).max()))[0]
    return found


@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("shape", [(30, 20, 15), (40, 12, 30), (25, 60, 10)])
def test_each_problem_has_the_weights_that_it_has_alone(shape, intercept):
    x, y, allowed = problems(1, *shape)
    found = together(x, y, allowed, np.zeros(len(y)), intercept=intercept)
    np.testing.assert_allclose(found, alone(x, y, allowed, intercept=intercept), atol=1e-10)


def test_weights_sum_to_one_and_stay_within_what_is_allowed():
    x, y, allowed = problems(2, 30, 40, 20)
    found = together(x, y, allowed, np.zeros(20))
    np.testing.assert_allclose(found.sum(axis=1), 1.0, atol=1e-12)
    assert (found >= 0).all()
    assert not found[~allowed].any()


def test_two_columns_have_the_projection_by_hand():
    x = np.array([[0.0, 4.0], [0.0, 0.0]])
    y = np.array([[1.0, 1.0], [-2.0, 1.0], [5.0, 1.0]])
    found = together(x, y, np.ones((3, 2), dtype=bool), np.zeros(3))
    np.testing.assert_allclose(found, [[0.75, 0.25], [1.0, 0.0], [0.0, 1.0]], atol=1e-12)


def test_a_penalty_spreads_weights_as_ridge_regression_on_the_simplex_does():
    x, y, allowed = problems(3, 30, 8, 5)
    penalty = np.full(5, 50.0)
    found = together(x, y, allowed, penalty)
    np.testing.assert_allclose(found, simplex_fit(x, y, allowed=allowed, ridge=penalty).weights, atol=1e-9)


def test_the_order_of_the_problems_does_not_matter():
    x, y, allowed = problems(4, 30, 25, 12)
    turned = together(x, y[::-1], allowed[::-1], np.zeros(12))
    np.testing.assert_allclose(together(x, y, allowed, np.zeros(12)), turned[::-1], atol=1e-12)


def test_columns_that_cannot_be_told_apart_leave_a_fit_that_is_as_good():
    x, y, allowed = problems(5, 6, 30, 20, inside=True)
    x[:, 1] = x[:, 0]
    solved = simplex_fit(x, y, allowed=allowed)
    assert solved.kkt.max() < 1e-8
    best = ((y - alone(x, y, allowed) @ x.T) ** 2).sum(axis=1)
    assert (((y - solved.weights @ x.T) ** 2).sum(axis=1) <= best + 1e-12).all()


def test_a_problem_whose_columns_all_equal_the_target_is_solved():
    found = simplex_fit(np.full((3, 4), 2.0), np.full((2, 3), 2.0))
    np.testing.assert_allclose(found.weights.sum(axis=1), 1.0)
    assert found.kkt.max() == 0
