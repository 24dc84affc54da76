"""Effects of cells: by hand, as weights and as scores."""

import numpy as np
import pytest

from scale_impact.core.cell_effects import imputed, saturated
from scale_impact.core.cohorts import Cohorts

STARTS = np.array([2, 3, 5])
SIZES = [4, 6, 7]
T = 5


def moments_of(seed=1, starts=STARTS, sizes=SIZES):
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(len(sizes)), sizes)
    return Cohorts.from_matrix(rng.normal(size=(len(codes), T)).cumsum(axis=1), codes, starts)


def sections_of(seed=1):
    rng = np.random.default_rng(seed)
    codes, periods = rng.integers(0, 3, 200), rng.integers(0, T, 200)
    return Cohorts.from_cells(rng.normal(size=200), codes, periods, STARTS, clock=np.arange(T, dtype=float))


def singles(cells):
    """A target for each cell with an effect."""
    g, t = np.nonzero(cells.estimated)
    targets = np.zeros((len(g), *cells.estimated.shape))
    targets[np.arange(len(g)), g, t] = 1.0
    return targets


def test_changes_since_the_period_before_by_hand():
    # treated 1, 4, 9; control 2, 3, 5: after 3, and 6 in the second period after
    y = np.array([[1.0, 4.0, 9.0], [2.0, 3.0, 5.0]])
    cells = saturated(Cohorts.from_matrix(y, np.array([0, 1]), np.array([1, 3])), 0)
    np.testing.assert_allclose(cells.values[0], [0, 2, 5], atol=1e-14)
    np.testing.assert_array_equal(cells.estimated, [[False, True, True], [False, False, False]])
    np.testing.assert_array_equal(cells.reference[0], [True, False, False])
    assert cells.alone[0, 1]


def test_imputed_effects_by_hand():
    # periods of the untreated move by 1 and 2; the treated lies 3 below them in its one untreated period
    y = np.array([[1.0, 9.0, 12.0], [4.0, 5.0, 7.0]])
    cells = imputed(Cohorts.from_matrix(y, np.array([0, 1]), np.array([1, 3])), 0)
    np.testing.assert_allclose(cells.values, [[0, 7, 8], [0, 0, 0]], atol=1e-14)
    np.testing.assert_array_equal(cells.estimated[0], [False, True, True])


@pytest.mark.parametrize("build", [saturated, imputed])
@pytest.mark.parametrize("moments", [moments_of(), moments_of(starts=np.array([1, 3, 4])), sections_of()])
@pytest.mark.parametrize("anticipation", [0, 1])
def test_weights_on_means_give_the_effects(build, moments, anticipation):
    cells = build(moments, anticipation)
    targets = singles(cells)
    found = np.einsum("kgt,gt->k", cells.weights(targets), moments.means)
    np.testing.assert_allclose(found, np.tensordot(targets, cells.values, 2), atol=1e-12)
    assert not (cells.estimated & ~cells.used).any()


@pytest.mark.parametrize("build", [saturated, imputed])
@pytest.mark.parametrize("moments", [moments_of(), moments_of(starts=np.array([1, 3, 4])), sections_of()])
def test_variances_cell_by_cell_are_those_of_the_scores(build, moments):
    cells = build(moments, 0)
    expected = np.diag(moments.covariance(cells.scores(singles(cells))))
    np.testing.assert_allclose(cells.variances()[cells.estimated], expected, rtol=1e-11)


def test_where_nobody_is_never_treated_nothing_is_known_once_all_are_treated():
    moments = moments_of(starts=np.array([1, 2, 4]))
    for build, anticipation, end in ((saturated, 0, 4), (saturated, 1, 3), (imputed, 0, 4), (imputed, 1, 3)):
        cells = build(moments, anticipation)
        assert cells.used[:, :end].any(axis=0).all()
        assert not cells.used[:, end:].any()


def test_cells_that_nobody_observes_have_no_effect():
    codes, periods = np.array([0, 0, 1, 1, 1, 0]), np.array([0, 2, 0, 1, 2, 0])
    sections = Cohorts.from_cells(np.arange(6.0), codes, periods, np.array([1, 3]), clock=np.arange(3.0))
    for build in (saturated, imputed):
        np.testing.assert_array_equal(build(sections, 0).estimated, [[False, False, True], [False, False, False]])
