"""Influence: unit by unit it adds up to the covariances that the moments give."""

import numpy as np
import pytest

import scale_impact as si
from tests.panels import BEFORE, NEVER, drawn, panel_of

SIZES = {3: 5, 5: 4, NEVER: 9}


def effect_of(estimator, frame, *, balance="strict", cluster=None, control="never"):
    panel = panel_of(frame)
    design = si.Design.from_panel(panel, first_treated="g", balance=balance, cluster=cluster, control=control)
    return si.estimate(estimator, panel, design)


def with_clusters(frame):
    return frame.assign(c=frame["id"] % 7)


@pytest.mark.parametrize("cluster", [None, "c"])
@pytest.mark.parametrize("control", ["never", "not_yet"])
@pytest.mark.parametrize("estimator", ["callaway_santanna", "twfe", "event_study"])
def test_squares_over_clusters_are_the_variances_of_the_estimates(estimator, control, cluster):
    effect = effect_of(estimator, with_clusters(drawn(SIZES, 7, 1)), cluster=cluster, control=control)
    rows = effect.influence.by_cluster
    assert (rows.T @ rows)[0, 0] == pytest.approx(effect.overall.std_error**2, rel=1e-10)
    if effect.path is not None:
        path = effect.path.influence
        np.testing.assert_allclose(path.by_cluster.T @ path.by_cluster, effect.path.covariance, rtol=1e-9, atol=1e-14)
        np.testing.assert_allclose(path.covariance(), effect.path.covariance, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("cluster", [None, "c"])
def test_an_unbalanced_panel_adds_up_too(cluster):
    frame = with_clusters(drawn(SIZES, 7, 2)).drop(index=[3, 17, 40])
    effect = effect_of("callaway_santanna", frame, balance="repeated_cross_sections", cluster=cluster)
    path = effect.path.influence
    np.testing.assert_allclose(path.by_cluster.T @ path.by_cluster, effect.path.covariance, rtol=1e-9, atol=1e-14)


def test_two_estimators_have_a_covariance_from_moments_equal_to_the_one_unit_by_unit():
    panel = panel_of(drawn(SIZES, 7, 3))
    design = si.Design.from_panel(panel, first_treated="g")
    a, b = (si.estimate(name, panel, design).influence for name in ("callaway_santanna", "twfe"))
    np.testing.assert_allclose(a.covariance(b), a.by_cluster.T @ b.by_cluster, rtol=1e-10)
    np.testing.assert_allclose(a.covariance(b), b.covariance(a).T, rtol=1e-10)


def test_units_that_are_left_out_have_no_influence():
    frame = drawn({BEFORE: 2, **SIZES}, 7, 4)
    panel = panel_of(frame)
    design = si.Design.from_panel(panel, first_treated="g")
    values = si.estimate("callaway_santanna", panel, design).influence.values
    always = frame.groupby("id")["g"].first().to_numpy() == BEFORE
    assert always.sum() == 2
    assert (values[always] == 0).all()
    assert len(values) == panel.n_units


def test_parts_of_a_path_keep_their_influence():
    effect = effect_of("callaway_santanna", drawn(SIZES, 7, 5))
    part = effect.path.select(np.array([2, 4]))
    np.testing.assert_allclose(part.influence.values, effect.path.influence.values[:, [2, 4]])
