"""Joint and many tests of differences."""

import numpy as np
import pytest
from scipy import stats

from scale_impact.core.comparison import holm, wald


def test_a_regular_wald_test_is_the_quadratic_form():
    rng = np.random.default_rng(0)
    a = rng.normal(size=(3, 5))
    v, b = a @ a.T, rng.normal(size=3)
    found = wald(b, v)
    assert found.statistic == pytest.approx(b @ np.linalg.solve(v, b))
    assert found.p_value == pytest.approx(stats.chi2.sf(found.statistic, 3))
    f = wald(b, v, df=7)
    assert f.p_value == pytest.approx(stats.f.sf(found.statistic / 3, 3, 7))


def test_a_repeated_or_combined_estimate_adds_nothing():
    rng = np.random.default_rng(1)
    a = rng.normal(size=(2, 5))
    v, b = a @ a.T, rng.normal(size=2)
    m = np.array([[1.0, 0], [0, 1], [1, 0], [2, -3]])
    found = wald(m @ b, m @ v @ m.T)
    assert (found.rank, found.statistic) == (2, pytest.approx(b @ np.linalg.solve(v, b)))


def test_scales_do_not_matter():
    v, b = np.diag([1e-12, 1.0]), np.array([2e-6, 1.0])
    assert wald(b, v).statistic == pytest.approx(5)
    assert wald(b, v).rank == 2


def test_estimates_without_variance_are_not_tested():
    assert wald(np.array([0.0]), np.zeros((1, 1))) is None
    assert wald(np.array([0.0, 2.0]), np.diag([0.0, 1.0])).statistic == pytest.approx(4)


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []
