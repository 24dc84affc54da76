"""Ranks of many draws at once."""

import numpy as np
import pytest

from scale_impact.benchmark.trying.ranking import count, order_of, ranks_of, ranks_of_one
from tests.benchmark.trying.made import ranks


@pytest.mark.parametrize("n", [2, 3, 64, 65, 301])
def test_ranks_are_those_of_scipy_with_ties_and_without(n):
    rng = np.random.default_rng(n)
    for values in (rng.normal(size=(40, n)), rng.integers(0, 7, (40, n)) / 7.0, -1e9 + rng.integers(0, 9, (40, n))):
        assert (ranks_of(values) == np.array([ranks(v) for v in values])).all()


def test_twins_that_rounding_parts_share_a_rank():
    values = np.array([[50.0, 50.0 * (1 + 2e-16), 20.0, 20.0 - 4e-15, 0.0]])
    assert ranks_of(values).tolist() == [[1, 1, 3, 3, 5]]
    assert ranks_of(np.full((2, 4), 7.3)).tolist() == [[1] * 4] * 2


def test_differences_far_above_rounding_count():
    assert ranks_of(np.array([[100.0, 100.0 - 1e-8, 0.0]])).tolist() == [[1, 2, 3]]


def test_a_city_without_a_value_has_no_rank():
    assert np.array_equal(ranks_of_one(np.array([1.0, np.nan, 3.0])), [2.0, np.nan, 1.0], equal_nan=True)


@pytest.mark.parametrize("ties", [False, True])
def test_counts_are_those_of_a_loop(ties):
    rng = np.random.default_rng(5)
    values = rng.integers(0, 9, (200, 23)).astype(float) if ties else rng.normal(size=(200, 23))
    counts = np.zeros((23, 23), dtype=np.int32)
    count(counts, order_of(values[:150]))
    count(counts, order_of(values[150:]))
    slow = np.zeros((23, 23), dtype=int)
    for draw in values:
        for city, rank in enumerate(ranks(draw)):
            slow[rank - 1, city] += 1
    assert (counts == slow).all()
