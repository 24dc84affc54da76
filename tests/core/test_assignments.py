"""Dealings of dates: all of them, each once, and sums over their cohorts."""

import math
from itertools import permutations

import numpy as np
import pytest

from scale_impact.core.assignments import cohort_sums, count_assignments, every_assignment, random_assignments


@pytest.mark.parametrize("sizes", [(1, 4), (2, 2), (1, 2, 3), (1, 1, 1, 2), (3,)])
def test_every_dealing_stands_once(sizes):
    found = every_assignment(sizes)
    ends = np.cumsum(sizes)
    cohorts = {tuple(frozenset(part) for part in np.split(row, ends[:-1])) for row in found.tolist()}
    n = sum(sizes)
    multinomial = math.factorial(n) // math.prod(math.factorial(s) for s in sizes)
    assert len(found) == len(cohorts) == multinomial == count_assignments(sizes)
    labels = np.repeat(np.arange(len(sizes)), sizes)
    assert len(set(permutations(labels.tolist()))) == multinomial


def test_random_dealings_are_orders_of_the_units():
    found = random_assignments(7, 500, seed=1)
    assert (np.sort(found, axis=1) == np.arange(7)).all()
    assert abs((found[:, 0] == 3).mean() - 1 / 7) < 0.06  # 500 draws: four standard errors
    np.testing.assert_array_equal(found, random_assignments(7, 500, seed=1))


def test_sums_over_cohorts_are_those_of_a_loop():
    rng = np.random.default_rng(3)
    sizes, columns = (2, 1, 4), rng.normal(size=(3, 7, 2))
    orders = every_assignment(sizes)
    found = cohort_sums(orders, sizes, columns)
    for b in (0, 17, len(orders) - 1):
        for g, members in enumerate(np.split(orders[b], [2, 3])):
            np.testing.assert_allclose(found[g, b], columns[g, members].sum(axis=0), atol=1e-12)
