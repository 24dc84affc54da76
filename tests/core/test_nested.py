"""Nested optimisation of predictor weights: the optimum, its gradient, and what needs no search."""

from functools import cache

import numpy as np
import pytest

from scale_impact.core.synthetic.nested import matching, nested, nested_many


def problem(seed, k=5, j=20, m=12):
    """Predictors and outcomes that share two factors; the treated unit lies at the edge of the donors."""
    rng = np.random.default_rng(seed)
    factors, load, paths = rng.normal(size=(2, j + 1)), rng.normal(size=(k, 2)), rng.normal(size=(m, 2))
    factors[:, 0] *= 2
    x = load @ factors + 0.3 * rng.normal(size=(k, j + 1))
    z = paths @ factors + 0.2 * rng.normal(size=(m, j + 1))
    x = x / x.std(axis=1, ddof=1, keepdims=True)
    return x[:, 1:] - x[:, :1], z[:, 1:] - z[:, :1]


@cache
def solved(seed):
    x, z = problem(seed)
    return x, z, nested(x, z, 1)


def loss(z, w):
    return float(((z @ w) ** 2).mean())


@pytest.mark.parametrize("seed", range(3))
def test_no_random_weights_of_predictors_explain_the_outcome_better(seed):
    x, z, found = solved(seed)
    rng = np.random.default_rng(99)
    tried = [loss(z, matching(x, 10 ** rng.uniform(low, 0, 5))) for low in (-1, -3, -8) for _ in range(100)]
    assert found.loss <= min(tried) * (1 + 1e-6)
    assert found.loss == pytest.approx(loss(z, found.weights))
    assert found.loss >= loss(z, matching(z, np.ones(len(z)))) - 1e-12  # the outcome's own best mix


@pytest.mark.parametrize("seed", range(3))
def test_the_donors_are_those_that_match_the_weighted_predictors(seed):
    x, _z, found = solved(seed)
    np.testing.assert_allclose(found.weights, matching(x, found.v), atol=1e-7)
    assert found.v.sum() == pytest.approx(1)
    assert found.v.min() > 0


def test_the_same_seed_gives_the_same_digits_and_another_one_the_same_optimum():
    x, z, first = solved(0)
    again, other = nested(x, z, 1), nested(x, z, 2)
    assert first.weights.tolist() == again.weights.tolist()
    assert other.loss == pytest.approx(first.loss, rel=1e-2)


def test_donors_that_explain_the_outcome_best_are_taken_where_some_weights_make_them_optimal():
    """Predictors that are the outcome's own periods: equal weights reach the best mix."""
    _, z = problem(1)
    found = nested(z, z, 1)
    assert found.loss == pytest.approx(loss(z, matching(z, np.ones(len(z)))), rel=1e-6)


def test_of_several_exact_matches_the_one_that_explains_the_outcome_best_is_taken():
    rng = np.random.default_rng(5)
    x, z = rng.normal(size=(2, 15)), rng.normal(size=(10, 15))
    x -= x.mean(axis=1, keepdims=True)  # the mean of all donors matches exactly, and many other mixes do
    found = nested(x, z, 1)
    assert np.abs(x @ found.weights).max() < 1e-6
    assert found.loss < loss(z, np.full(15, 1 / 15))
    assert found.unique  # though not by the predictors alone


def test_one_predictor_needs_no_search():
    x, z = problem(2, k=1)
    assert nested(x, z, 1).v.tolist() == [1.0]


def test_many_units_at_once_have_what_each_has_alone_to_the_last_digit():
    """Different numbers of predictors and donors, one unit that needs no search, the same one twice."""
    asked = [problem(0), problem(4, k=3, j=15), problem(2, k=1), problem(5), problem(0)]
    together = nested_many([x for x, _ in asked], [z for _, z in asked], 1)
    for (x, z), found in zip(asked, together, strict=True):
        alone = nested(x, z, 1)
        assert found.weights.tolist() == alone.weights.tolist()
        assert found.v.tolist() == alone.v.tolist()
        assert (found.loss, found.unique) == (alone.loss, alone.unique)


def test_units_that_are_searched_in_lots_have_the_same_result(monkeypatch):
    x, z = zip(*(problem(seed) for seed in range(3)), strict=True)
    once = nested_many(x, z, 1)
    monkeypatch.setattr("scale_impact.core.synthetic.nested.NUMBERS", 1)
    monkeypatch.setattr("scale_impact.core.hulls.NUMBERS", 5_000)
    for a, b in zip(once, nested_many(x, z, 1), strict=True):
        assert a.weights.tolist() == b.weights.tolist()


def test_nothing_asked_is_nothing_found():
    assert nested_many([], [], 1) == []


def test_two_donors_that_are_alike_and_one_donor_alone_are_no_hindrance():
    x, z = problem(6)
    twins = nested(np.column_stack([x, x[:, 3]]), np.column_stack([z, z[:, 3]]), 1)
    assert twins.loss == pytest.approx(nested(x, z, 1).loss, rel=1e-2)
    assert nested(x[:, :1], z[:, :1], 1).weights.tolist() == [1.0]
