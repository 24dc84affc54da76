"""The exposure's coefficient and its errors, against statsmodels, linearmodels and least squares written out."""

import numpy as np
import pytest

from scale_impact.core.causal.regression.errors import leverages, standard_error
from scale_impact.core.causal.regression.model import Model, levels_of

EXACT = 1e-9
"""Relative; two programs, the same formula."""


def drawn(n=90, seed=1, shift=0.0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    d = (x[:, 0] + rng.normal(size=n) > 0).astype(float)
    y = shift + 2 * d + x[:, 1] + rng.normal(size=n) * (1 + abs(x[:, 0]))
    return y, d, x, rng.integers(0, 13, n)


def ols(y, d, x):
    import statsmodels.api as sm

    return sm.OLS(y, sm.add_constant(np.column_stack([d, x]))).fit()


@pytest.mark.parametrize("shift", [0.0, 1e6])
def test_coefficient_and_textbook_error_are_statsmodels(shift):
    y, d, x, clusters = drawn(shift=shift)
    model, fitted = Model(y, d, x), ols(y, d, x)
    assert model.coefficient == pytest.approx(fitted.params[1], rel=EXACT)
    found = standard_error(model, clusters, "iid")
    assert (found.value, found.df) == (pytest.approx(fitted.bse[1], rel=EXACT), fitted.df_resid)


@pytest.mark.parametrize("name", ["HC1", "HC2", "HC3"])
def test_robust_errors_are_statsmodels(name):
    y, d, x, _ = drawn()
    found = standard_error(Model(y, d, x), np.arange(len(y)), name)
    assert found.value == pytest.approx(ols(y, d, x).get_robustcov_results(name).bse[1], rel=EXACT)


def test_errors_by_cluster_are_statsmodels():
    y, d, x, clusters = drawn()
    theirs = ols(y, d, x).get_robustcov_results("cluster", groups=clusters)
    found = standard_error(Model(y, d, x), clusters, "CR1")
    assert (found.value, found.df) == (pytest.approx(theirs.bse[1], rel=EXACT), 12)


def corrected(z, y, clusters, k):
    """CR2 and Satterthwaite's degrees of freedom with the n x n hat matrix, as defined."""
    bread = np.linalg.inv(z.T @ z)
    hat = z @ bread @ z.T
    e = y - hat @ y
    total, columns = 0.0, []
    for c in np.unique(clusters):
        i = np.flatnonzero(clusters == c)
        values, vectors = np.linalg.eigh(np.eye(len(i)) - hat[np.ix_(i, i)])
        root = np.where(values > 1e-9, np.abs(values), np.inf) ** -0.5
        a = (vectors * root) @ vectors.T
        total += (bread @ z[i].T @ a @ e[i])[k] ** 2
        columns.append((np.eye(len(y)) - hat)[i].T @ a @ z[i] @ bread[:, k])
    m = np.array(columns) @ np.array(columns).T
    return np.sqrt(total), np.trace(m) ** 2 / (m**2).sum()


def test_corrected_errors_by_cluster_are_those_of_the_definition():
    y, d, x, clusters = drawn()
    found = standard_error(Model(y, d, x), clusters, "CR2")
    error, df = corrected(np.column_stack([np.ones(len(y)), d, x]), y, clusters, 1)
    assert (found.value, found.df) == (pytest.approx(error, rel=EXACT), pytest.approx(df, rel=EXACT))


def test_corrected_errors_with_levels_of_units_are_those_of_their_dummies():
    y, d, x, _ = drawn(n=96)
    units = np.repeat(np.arange(16), 6)
    clusters = units // 2
    model = Model(y, d, x, levels_of(units))
    dummies = np.column_stack([d, x, (units[:, None] == np.arange(16)).astype(float)])
    error, df = corrected(dummies, y, clusters, 0)
    found = standard_error(model, clusters, "CR2")
    assert model.coefficient == pytest.approx(np.linalg.lstsq(dummies, y, rcond=None)[0][0], rel=EXACT)
    assert (found.value, found.df) == (pytest.approx(error, rel=EXACT), pytest.approx(df, rel=EXACT))
    hat = dummies @ np.linalg.pinv(dummies)
    assert leverages(model) == pytest.approx(np.diag(hat), rel=1e-8)


def test_two_way_effects_and_their_errors_by_unit_are_linearmodels():
    import pandas as pd
    from linearmodels import PanelOLS

    y, d, x, _ = drawn(n=120)
    units, periods = np.repeat(np.arange(20), 6), np.tile(np.arange(6), 20)
    frame = (
        pd.DataFrame({"y": y, "d": d, "x": x[:, 1], "u": units, "t": periods}).iloc[3:].set_index(["u", "t"])
    )  # unbalanced
    fitted = PanelOLS(frame["y"], frame[["d", "x"]], entity_effects=True, time_effects=True)
    theirs = fitted.fit(
        cov_type="clustered",
        cluster_entity=True,
        debiased=False,
        group_debias=False,
        auto_df=False,
        count_effects=False,
    )
    dummies = (periods[3:, None] == np.arange(1, 6)).astype(float)
    model = Model(y[3:], d[3:], np.column_stack([x[3:, 1], dummies]), levels_of(units[3:]))
    found = standard_error(model, units[3:], "CR1")
    n, g, k = 117, 20, 2 + 5 + 1
    factor = g / (g - 1) * (n - 1) / (n - k)  # fixest's, with unit effects nested in the clusters
    assert model.coefficient == pytest.approx(theirs.params["d"], rel=EXACT)
    assert found.value == pytest.approx(theirs.std_errors["d"] * np.sqrt(factor), rel=EXACT)


def test_singletons_make_the_error_by_cluster_the_robust_one():
    y, d, x, _ = drawn()
    model, alone = Model(y, d, x), np.arange(len(y))
    assert standard_error(model, alone, "CR2").value == pytest.approx(
        standard_error(model, alone, "HC2").value, rel=EXACT
    )


def test_controls_that_others_explain_are_left_out():
    y, d, x, _ = drawn()
    model = Model(y, d, np.column_stack([x, x[:, 0] + 2 * x[:, 1], np.ones(len(y))]))
    assert list(model.left_out) == [3, 4]
    assert model.coefficient == pytest.approx(Model(y, d, x).coefficient, rel=EXACT)


def test_an_exposure_that_controls_explain_is_seen():
    y, d, x, _ = drawn()
    assert Model(y, d, np.column_stack([x, 3 * d + 1])).explained
    assert not Model(y, d, x).explained


def test_one_cluster_that_holds_the_coefficient_alone_leaves_no_error():
    y, d, x, clusters = drawn()
    alone = np.where(d > 0, 0, 1 + clusters)
    found = standard_error(Model(y, d, x[:, :0]), alone, "CR2")
    assert found.value is None
    assert "without one of the clusters it cannot be estimated" in found.reason


def test_one_row_that_holds_the_coefficient_alone_leaves_no_error():
    y, _, x, _ = drawn()
    one = np.zeros(len(y))
    one[4] = 1.0
    assert standard_error(Model(y, one, x), np.arange(len(y))).value is None


def test_weights_make_the_coefficient_and_balance_controls():
    y, d, x, _ = drawn()
    model = Model(y, d, x)
    weights, exposed = model.weights(), d > 0
    assert weights[exposed].sum() == pytest.approx(1)
    assert weights[~exposed].sum() == pytest.approx(1)
    assert weights[exposed] @ y[exposed] - weights[~exposed] @ y[~exposed] == pytest.approx(model.coefficient)
    assert weights[exposed] @ x[exposed] == pytest.approx(weights[~exposed] @ x[~exposed])


@pytest.mark.parametrize("level", [1e6, 1e9, 1e12])
def test_a_covariate_far_from_zero_is_no_less_a_covariate(level):
    y, d, x, _ = drawn()
    far = Model(y, d, x + np.array([level, 0, 0]))
    assert len(far.left_out) == 0
    assert far.coefficient == pytest.approx(Model(y, d, x).coefficient, rel=1e-2 * level / 1e12 + 1e-9)


def test_a_dose_far_from_zero_is_explained_by_nothing_but_its_own_copy():
    y, d, x, _ = drawn()
    far = Model(y, d + 1e9, x)
    assert not far.explained
    assert far.coefficient == pytest.approx(Model(y, d, x).coefficient, rel=1e-6)
    assert Model(y, d + 1e9, np.column_stack([x, 3 * d + 3e9])).explained


@pytest.mark.parametrize("value", [0.1, 5.0])
def test_constants_and_members_levels_leave_exactly_nothing_of_a_control(value):
    y, d, x, clusters = drawn()
    assert list(Model(y, d, np.column_stack([x, np.full(len(y), value)])).left_out) == [3]
    inside = Model(y, d, np.column_stack([x, value * clusters]), levels_of(clusters))
    assert list(inside.left_out) == [3]


@pytest.mark.parametrize("level", [0.0, 1e9])
def test_an_outcome_that_controls_explain_has_a_coefficient_of_exactly_zero(level):
    _, d, x, _ = drawn()
    for outcome in (x[:, 0] + level, np.full(len(d), 0.1 + level)):
        model = Model(outcome, d, x)
        assert model.exact
        assert model.coefficient == 0
    assert Model(2 * d + x[:, 0] + level, d, x).exact
