"""Sums of rows that belong together."""

import numpy as np

from scale_impact.core.causal.by_cluster import sums_by

CODES = np.array([2, 0, 2, 0])


def test_sums_are_those_of_each_code_and_zero_where_there_is_none():
    assert np.array_equal(sums_by(CODES, np.array([[1.0, 10], [2, 20], [3, 30], [4, 40]])), [[6, 60], [0, 0], [4, 40]])
    assert np.array_equal(sums_by(CODES, np.array([1.0, 2, 3, 4]), 4), [6, 0, 4, 0])


def test_no_columns_and_no_rows_are_no_sums():
    assert sums_by(CODES, np.empty((4, 0))).shape == (3, 0)
    assert sums_by(np.empty(0, dtype=int), np.empty((0, 2))).shape == (0, 2)
