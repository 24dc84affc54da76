"""Tests of independence: against other programs, by hand, and their size."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats
from statsmodels.stats.multitest import multipletests

from scale_impact.core.causal.graphs.implications import Independence
from scale_impact.core.causal.graphs.independence import Nodes, measured
from scale_impact.core.comparison import holm


def nodes(clusters=None, **columns):
    values = {n: np.asarray(v, float).reshape(len(v), -1) for n, v in columns.items()}
    n = len(next(iter(values.values())))
    return Nodes(values, np.empty((n, 0)), np.arange(n) if clusters is None else np.asarray(clusters))


def drawn(seed=0, n=60):
    rng = np.random.default_rng(seed)
    z, w, a, b = rng.normal(size=(4, n))
    return {"a": a + z, "b": 0.4 * a + b - z + w, "z": z, "w": w}


def one(found_in, *given, a="a", b="b", method="linear"):
    return measured(found_in, [Independence(a, b, given)], method)[0]


def test_the_classical_test_is_the_t_test_of_a_regression():
    data = drawn()
    found = one(nodes(**data), "z", "w", method="classical")
    fit = sm.OLS(data["a"], sm.add_constant(np.column_stack([data["b"], data["z"], data["w"]]))).fit()
    assert found.statistic == pytest.approx(fit.tvalues[1] ** 2, rel=1e-10)
    assert found.p_value == pytest.approx(fit.pvalues[1], rel=1e-9)
    assert found.df == (1, len(data["a"]) - 4)


def test_the_correlation_is_that_of_what_is_left():
    data = drawn()
    left = [sm.OLS(data[n], sm.add_constant(data["z"])).fit().resid for n in "ab"]
    assert one(nodes(**data), "z").correlation == pytest.approx(np.corrcoef(*left)[0, 1], rel=1e-10)


def test_the_linear_test_is_the_t_test_of_products_by_cluster():
    data = drawn()
    clusters = np.repeat(np.arange(20), 3)
    left = [sm.OLS(data[n], sm.add_constant(data["z"])).fit().resid for n in "ab"]
    sums = np.bincount(clusters, left[0] * left[1])
    t = stats.ttest_1samp(sums, 0).statistic * np.sqrt(58 / 60)
    found = one(nodes(clusters, **data), "z")
    assert found.statistic == pytest.approx(t**2, rel=1e-10)
    assert found.p_value == pytest.approx(2 * stats.t.sf(abs(t), 19), rel=1e-9)


def test_rows_of_their_own_have_the_degrees_of_freedom_of_a_partial_correlation():
    data = drawn(n=12)
    left = [sm.OLS(data[n], sm.add_constant(data["z"])).fit().resid for n in "ab"]
    t = stats.ttest_1samp(left[0] * left[1], 0).statistic * np.sqrt(10 / 12)
    found = one(nodes(**data), "z")
    assert found.statistic == pytest.approx(t**2, rel=1e-10)
    assert found.df == (1, 9)
    pair = nodes(a=np.column_stack([data["a"], data["a"]]), b=data["b"], z=data["z"])
    assert one(pair, "z").statistic == pytest.approx(found.statistic, rel=1e-8)


def test_categories_are_tested_together():
    rng = np.random.default_rng(3)
    kind = rng.integers(0, 3, 90)
    dummies = np.column_stack([kind == 1, kind == 2]).astype(float)
    a = rng.normal(size=90)
    found = one(nodes(a=a, b=dummies), method="classical")
    groups = stats.f_oneway(*(a[kind == k] for k in range(3)))
    assert found.statistic == pytest.approx(groups.statistic, rel=1e-9)
    assert found.p_value == pytest.approx(groups.pvalue, rel=1e-9)
    assert one(nodes(a=a, b=dummies)).df[0] == 2


def test_a_column_that_others_explain_is_independent_of_all():
    data = drawn()
    found = one(nodes(**data | {"b": 2 * data["z"] + 1}), "z")
    assert (found.statistic, found.p_value) == (0.0, 1.0)


def test_no_answer_hangs_on_units():
    data = drawn()
    scaled = {n: 1e6 * v + 1e3 for n, v in data.items()}
    for method in ("linear", "classical"):
        found, again = (one(nodes(**d), "z", "w", method=method).p_value for d in (data, scaled))
        assert found == pytest.approx(again, rel=1e-6)


def test_forests_find_that_nothing_is_left_where_lines_do_not():
    rng = np.random.default_rng(1)
    z = rng.normal(size=400)
    a, b = z**2 + 0.5 * rng.normal(size=(2, 400))
    found = nodes(a=a, b=b, z=z)
    assert one(found, "z").p_value < 1e-6
    assert one(found, "z", method="forest").p_value > 0.01
    assert one(found, "z", method="forest") == one(found, "z", method="forest")


def test_the_size_is_kept_where_rows_of_a_cluster_move_together():
    rng = np.random.default_rng(0)
    clusters = np.repeat(np.arange(30), 5)
    rejected = {"linear": 0, "classical": 0}
    for _ in range(400):
        z, a, b = (rng.normal(size=30)[clusters] + 0.5 * rng.normal(size=150) for _ in range(3))
        found = nodes(clusters, a=a + z, b=b + z, z=z)
        for method in rejected:
            rejected[method] += one(found, "z", method=method).p_value < 0.05
    assert 0.02 * 400 < rejected["linear"] < 0.09 * 400  # 5%, give or take three standard errors of 400 draws
    assert rejected["classical"] > 0.2 * 400


def test_holm_is_that_of_statsmodels():
    p = np.random.default_rng(0).uniform(size=12) ** 3
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1], rel=1e-12)
