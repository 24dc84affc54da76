"""Weights drawn uniformly from what is allowed."""

import itertools

import numpy as np
import pytest

from scale_impact.benchmark.trying.weights import Region
from scale_impact.errors import DesignError

NAMES = ("a", "b", "c", "d")


def kept(low, high, order, number=400_000):
    """Uniform draws by the plain way: all weights there are, those outside thrown away."""
    drawn = np.random.default_rng(1).dirichlet(np.ones(len(low)), number)
    inside = ((drawn >= low) & (drawn <= high)).all(axis=1)
    for more, less in itertools.pairwise(order):
        inside &= drawn[:, more] >= drawn[:, less]
    return drawn[inside]


def test_free_weights_have_the_moments_of_the_uniform_simplex():
    drawn = Region.free(NAMES).draw(40_000, np.random.default_rng(2))
    assert np.allclose(drawn.sum(axis=1), 1)
    # variance 3 / (16 x 5), a standard error of the mean of 0.001
    assert np.allclose(drawn.mean(axis=0), 0.25, atol=0.004)
    assert np.allclose(drawn.var(axis=0), 3 / 80, rtol=0.04)


@pytest.mark.parametrize("order", [(), (2, 0), (3, 2, 1, 0)])
@pytest.mark.parametrize("walk", [False, True])
@pytest.mark.parametrize("bounded", [False, True])
def test_bounds_and_order_are_kept_uniformly(order, walk, bounded):
    low = np.array([0.05, 0.1, 0.1, 0.2]) if bounded else np.zeros(4)
    high = np.array([0.3, 0.4, 0.5, 0.7]) if bounded else np.ones(4)
    region, rng = Region(NAMES, low, high, order), np.random.default_rng(3)
    drawn = region._walked(8_000, rng) if walk else region.draw(8_000, rng)
    expected = kept(low, high, order)
    assert len(drawn) == 8_000
    assert np.allclose(drawn.sum(axis=1), 1)
    assert (drawn >= low - 1e-9).all()
    assert (drawn <= high + 1e-9).all()
    assert all((drawn[:, a] >= drawn[:, b] - 1e-9).all() for a, b in itertools.pairwise(order))
    # five standard errors of both sides
    slack = 5 * expected.std(axis=0) * np.sqrt(1 / len(drawn) + 1 / len(expected))
    assert (np.abs(drawn.mean(axis=0) - expected.mean(axis=0)) <= slack).all()
    assert np.allclose(np.cov(drawn.T), np.cov(expected.T), atol=0.12 * expected.var(axis=0).max())


def test_narrow_bounds_of_many_weights_are_walked_to():
    given = np.full(30, 1 / 30)
    drawn = Region(tuple(map(str, range(30))), 0.9 * given, 1.1 * given).draw(2_000, np.random.default_rng(4))
    assert np.allclose(drawn.sum(axis=1), 1)
    assert (np.abs(drawn / given - 1) <= 0.1 + 1e-9).all()
    assert np.allclose(drawn.mean(axis=0), given, atol=5 * 0.1 / 30 / np.sqrt(3 * 2_000))


def test_bounds_that_leave_one_point_give_it():
    fixed = np.array([0.5, 0.3, 0.2])
    assert np.allclose(Region(("a", "b", "c"), fixed, fixed).draw(5, np.random.default_rng(0)), fixed)


@pytest.mark.parametrize(
    ("low", "high", "order", "words"),
    [
        ([0.6, 0.5], [1, 1], (), "the least weights sum to 1.1"),
        ([0, 0], [0.4, 0.5], (), "the largest weights sum to 0.9"),
        ([0.6, 0], [1, 0.4], (1, 0), "no weights within the bounds fall in the order b, a"),
        ([0.5, 0], [0.4, 1], (), "bounds of a: 0.5 to 0.4"),
    ],
)
def test_what_no_weights_satisfy_is_refused_with_the_numbers(low, high, order, words):
    with pytest.raises(DesignError, match=words):
        Region(("a", "b"), np.array(low, float), np.array(high, float), order).draw(10, np.random.default_rng(0))
