"""Descents in V: the gradient by differences, minima that are minima, and descents that do not feel each other."""

import numpy as np
import pytest
from scipy.optimize import minimize

from scale_impact.core.synthetic.descents import LOWEST, Losses, minima, relative
from scale_impact.core.synthetic.nested import matching
from tests.core.test_nested import loss, problem


def asked(seeds=(0, 1, 2), each=10):
    """Losses of some units, and starts for them."""
    pairs = [problem(seed) for seed in seeds]
    losses = Losses(np.array([x for x, _ in pairs]), np.array([z.T @ z / len(z) for _, z in pairs]))
    unit = np.repeat(np.arange(len(pairs)), each)
    logs = np.random.default_rng(7).uniform(-3, 0, (len(unit), 5))
    columns, weights = losses.hulls.nearest_columns()
    return pairs, losses, losses.at(unit, logs, columns[unit], weights[unit])


def test_losses_are_those_of_the_donors_that_match_the_weighted_predictors():
    pairs, _, points = asked()
    for u, logs, value in zip(points.unit, points.logs, points.loss, strict=True):
        x, z = pairs[u]
        assert value == pytest.approx(loss(z, matching(x, 10.0**logs)), rel=1e-6)


def test_the_gradient_is_that_of_the_loss():
    _, losses, points = asked()
    slopes = losses.slopes(points)
    np.testing.assert_allclose(slopes.sum(axis=1), 0.0, atol=1e-8)  # V counts up to a factor
    for k in range(5):
        step = 1e-5 * np.eye(5)[k]
        up, down = (
            losses.at(points.unit, points.logs + sign * step, points.columns, points.weights).loss for sign in (1, -1)
        )
        np.testing.assert_allclose(slopes[:, k], (up - down) / 2e-5, rtol=1e-3, atol=1e-6)


def test_minima_lie_below_their_starts_within_bounds_and_not_above_those_of_another_method():
    _, losses, starts = asked()
    found = minima(losses, starts, np.full(len(starts.loss), np.inf))
    assert (found.loss <= starts.loss).all()
    assert found.logs.min() >= LOWEST
    assert found.logs.max() <= 0
    other = []
    for b in range(len(starts.loss)):
        one = starts.take(np.array([b]))

        def value(logs, one=one):
            at = losses.at(one.unit, logs[None], one.columns, one.weights)
            return at.loss[0], losses.slopes(at)[0]

        other.append(minimize(value, one.logs[0], jac=True, method="L-BFGS-B", bounds=[(LOWEST, 0.0)] * 5).fun)
    assert np.log(found.loss).mean() <= np.log(other).mean() + 0.02  # each way ends in some other minima
    assert found.loss.reshape(3, -1).min(axis=1) == pytest.approx(np.reshape(other, (3, -1)).min(axis=1), rel=1e-2)


def test_the_slope_is_level_at_most_minima():
    _, losses, starts = asked()
    found = minima(losses, starts, np.full(len(starts.loss), np.inf))
    before, after = np.abs(losses.slopes(starts)).max(axis=1), np.abs(losses.slopes(found)).max(axis=1)
    steep = before > 1e-6  # where one donor has all the weight, V makes no difference
    assert steep.sum() > 10
    assert np.median(after[steep] / before[steep]) < 1e-2


def test_no_digit_depends_on_the_other_descents():
    _, losses, starts = asked()
    whole = minima(losses, starts, np.full(30, np.inf))
    for rows in ([3], [2, 15, 29], range(10, 20)):
        some = np.array(rows)
        alone = minima(losses, starts.take(some), np.full(len(some), np.inf))
        assert alone.logs.tolist() == whole.logs[some].tolist()
        assert alone.loss.tolist() == whole.loss[some].tolist()


def test_a_descent_without_hope_ends_early_and_keeps_what_it_reached():
    _, losses, starts = asked()
    free, bound = (minima(losses, starts, np.full(30, aim)) for aim in (np.inf, -1e9))
    assert (bound.loss <= starts.loss).all()
    assert (free.loss <= bound.loss).all()
    assert (free.loss < bound.loss).any()


def test_a_start_without_a_loss_stays_where_it_is():
    _, losses, starts = asked()
    starts.loss[4] = np.inf
    found = minima(losses, starts, np.full(30, np.inf))
    assert found.logs[4].tolist() == starts.logs[4].tolist()
    assert np.isfinite(np.delete(found.loss, 4)).all()


def test_v_is_relative_to_its_largest():
    np.testing.assert_allclose(relative(np.array([[-1.0, -3.0]])), [[1.0, 0.01]])
