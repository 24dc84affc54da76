"""Cohort and period effects over any set of cells equal least squares on dummy variables."""

import numpy as np
import pandas as pd
import pytest

from scale_impact.core.cell_regression import TwoWay
from scale_impact.core.cohorts import Cohorts
from scale_impact.core.within import two_way

G, T = 4, 6


def counts_of(seed, gone=0.3):
    rng = np.random.default_rng(seed)
    return rng.integers(1, 9, (G, T)) * (rng.random((G, T)) > gone).astype(float)


def by_dummies(counts, x):
    """Residuals of a weighted regression on cohort and period dummies, in the cells used."""
    g, t = np.nonzero(counts)
    dummies = np.hstack([pd.get_dummies(v).to_numpy(float) for v in (g, t)])
    root = np.sqrt(counts[g, t])[:, None]
    rest = np.zeros_like(counts)
    y = x[g, t][:, None]
    rest[g, t] = (y - dummies @ np.linalg.lstsq(dummies * root, y * root, rcond=None)[0])[:, 0]
    return rest


@pytest.mark.parametrize("seed", range(6))
def test_residuals_are_those_of_a_regression_on_dummies(seed):
    counts = counts_of(seed)
    x = np.random.default_rng(seed + 100).normal(size=(3, G, T))
    expected = np.array([by_dummies(counts, each) for each in x])
    np.testing.assert_allclose(TwoWay(counts).residual(x), expected, atol=1e-12)


def test_parts_without_a_link_have_effects_of_their_own():
    counts = np.zeros((G, T))
    counts[:2, :3] = [[3, 2, 0], [0, 4, 5]]
    counts[2:, 3:5] = [[2, 6], [1, 3]]  # nothing in period 5
    effects = TwoWay(counts)
    expected = np.zeros((G, T), dtype=bool)
    expected[:2, :3] = expected[2:, 3:5] = True
    np.testing.assert_array_equal(effects.linked, expected)
    x = np.random.default_rng(1).normal(size=(2, G, T))
    np.testing.assert_allclose(effects.residual(x), [by_dummies(counts, each) for each in x], atol=1e-12)


def test_a_chain_of_periods_is_linked():
    counts = np.zeros((3, 4))
    counts[0, [0, 1]] = counts[1, [1, 2]] = counts[2, [2, 3]] = 1
    assert TwoWay(counts).linked.all()


def test_effects_are_recovered_wherever_they_are_linked():
    counts = counts_of(3)
    a, b = np.arange(G) * 1.5, np.arange(T) ** 2 * 0.3
    x = a[:, None] + b
    effects = TwoWay(counts)
    found = effects.fitted(x[None])[0]
    np.testing.assert_allclose(found[effects.linked], x[effects.linked], atol=1e-12)


def test_in_a_balanced_panel_it_is_the_two_way_regression():
    rng = np.random.default_rng(2)
    codes = np.repeat(np.arange(G), [4, 6, 3, 8])
    moments = Cohorts.from_matrix(rng.normal(size=(21, T)), codes, np.array([1, 3, 5, 6]))
    regressors = rng.normal(size=(3, G, T))
    ours, theirs = TwoWay(moments.counts).regress(moments, regressors), two_way(moments, regressors)
    np.testing.assert_allclose(ours.coefficients, theirs.coefficients, rtol=1e-11)
    np.testing.assert_allclose(ours.scores.loadings, theirs.scores.loadings, atol=1e-13)
    np.testing.assert_allclose(ours.scores.offsets, theirs.scores.offsets, atol=1e-13)


def test_of_collinear_regressors_the_later_ones_go():
    counts = counts_of(4, gone=0.2)
    a, b = np.random.default_rng(1).normal(size=(2, G, T))
    regressors = np.array([a, 2 * a, b, a - b, np.ones((G, T)), np.arange(T) * np.ones((G, 1))])
    effects = TwoWay(counts)
    assert effects.independent(regressors, np.arange(6)).tolist() == [0, 2]
    assert effects.independent(regressors, np.array([5, 4, 3, 2, 1, 0])).tolist() == [2, 3]
    assert effects.independent(regressors[:0], np.arange(0)).tolist() == []
