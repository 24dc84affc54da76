"""Balance of one covariate: by hand, and against scipy's two-sample distance."""

import numpy as np
import pytest

from scale_impact.core.causal.balancing.balance import apart, distance, effective_size, scale_of, variance


def test_differences_and_ratios_by_hand():
    values, own = np.array([1.0, 3, 5, 0, 2, 4, 9]), np.array([1, 1, 1, 0, 0, 0, 0], dtype=bool)
    scale = scale_of(values, own, ~own, of_own=True)
    assert scale == pytest.approx(2.0)
    plain = apart(values, own, ~own, None, scale)
    assert plain.means == (3.0, 3.75)
    assert plain.difference == pytest.approx(-0.375)
    assert plain.variance_ratio == pytest.approx(4 / values[~own].var(ddof=1))
    weighted = apart(values, own, ~own, np.array([1, 1, 1, 1, 1, 1, 0.0]), scale)
    assert weighted.means == pytest.approx((3.0, 2.0))
    assert weighted.variance_ratio == pytest.approx(1.0)


def test_the_scale_of_both_sides_is_the_root_of_their_mean_variance():
    values, own = np.array([0.0, 2, 0, 4]), np.array([1, 1, 0, 0], dtype=bool)
    assert scale_of(values, own, ~own, of_own=False) == pytest.approx(np.sqrt((2 + 8) / 2))


def test_distances_are_those_of_scipy_and_of_repeated_rows():
    from scipy.stats import ks_2samp

    rng = np.random.default_rng(1)
    a, b = rng.integers(0, 6, 40).astype(float), rng.integers(2, 9, 55).astype(float)
    even = lambda v: np.full(len(v), 1 / len(v))  # noqa: E731
    assert distance(a, even(a), b, even(b)) == pytest.approx(ks_2samp(a, b).statistic)
    counts = rng.integers(1, 4, 55)
    assert distance(a, even(a), b, counts / counts.sum()) == pytest.approx(ks_2samp(a, np.repeat(b, counts)).statistic)


def test_a_side_that_does_not_vary_and_lies_elsewhere_has_no_difference():
    values, own = np.array([1.0, 1, 2, 2]), np.array([1, 1, 0, 0], dtype=bool)
    found = apart(values, own, ~own, None, 0.0)
    assert found.difference is None
    assert apart(np.ones(4), own, ~own, None, 0.0).difference == 0.0


def test_equal_weights_are_as_precise_as_their_rows():
    assert effective_size(np.full(7, 0.2)) == pytest.approx(7)
    assert effective_size(np.array([1.0, 0, 0])) == 1.0
    assert effective_size(np.zeros(3)) == 0.0
    assert variance(np.array([1.0, 2, 4]), np.full(3, 1 / 3)) == pytest.approx(np.var([1, 2, 4], ddof=1))
