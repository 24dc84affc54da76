"""Truncated and folded normal distributions, also far in the tails."""

import numpy as np
import pytest
from scipy import stats

from scale_impact.core.truncated_normal import folded_quantile, share_above


@pytest.mark.parametrize(
    ("z", "low", "high"), [(0.3, -1, 2), (2.0, 1, 3), (1.0, -np.inf, np.inf), (-0.5, -3, 0.1), (8.2, 8, np.inf)]
)
def test_the_share_above_is_that_of_scipy(z, low, high):
    assert share_above(z, low, high) == pytest.approx(stats.truncnorm.sf(z, low, high), rel=1e-10)


def test_far_in_the_tail_the_share_is_that_of_an_exponential():
    # beyond 200 the density falls like exp(-200 x) to one part in 200 squared
    assert share_above(200.01, 200.0, np.inf) == pytest.approx(np.exp(-200 * 0.01), rel=1e-3)


def test_at_the_ends_the_share_is_one_and_zero():
    assert share_above([1.0, 3.0, 2.0], [1.0, 1.0, 2.0], [3.0, 3.0, 2.0]).tolist() == [1.0, 0.0, 1.0]


@pytest.mark.parametrize("bias", [0.0, 0.2, 1.0, 3.0, 7.0, 12.0])
def test_the_folded_quantile_is_the_root_of_a_noncentral_chi_squared(bias):
    expected = np.sqrt(stats.ncx2.ppf(0.95, 1, bias**2)) if bias else stats.norm.ppf(0.975)
    assert folded_quantile(0.95, bias) == pytest.approx(expected, rel=1e-9)
    assert folded_quantile(0.95, -bias) == folded_quantile(0.95, bias)
