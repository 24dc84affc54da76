"""Strength of instruments, and the Anderson-Rubin set."""

import numpy as np
import pytest

from scale_impact.core.causal.instruments.estimation import coefficient, fitted, joint, partialled
from scale_impact.core.causal.instruments.weak import AndersonRubin, critical, said, shape, strength, worst_bias
from tests.core.causal.test_instruments import variables
from tests.instruments import CONTROLS, card, drawn
from tests.panels import reference

INF = np.inf


def anderson_rubin(case):
    both = joint(case)
    return AndersonRubin(both.reduced, both.first, both.covariance, both.df)


def by_regression(data, effect, vcov):
    """F test that instruments explain the outcome less the effect, by statsmodels."""
    import statsmodels.api as sm

    kinds = {
        "iid": {},
        "HC1": {"cov_type": "HC1"},
        "CR1": {"cov_type": "cluster", "cov_kwds": {"groups": data.clusters}},
    }
    k = data.instruments.shape[1]
    x = np.column_stack([data.instruments, data.controls])
    result = sm.OLS(data.outcome - effect * data.exposure, x).fit(**kinds[vcov])
    return float(result.f_test(np.eye(k, x.shape[1])).fvalue)


@pytest.mark.parametrize(("names", "entry"), [(["nearc4"], "card_one"), (["nearc2", "nearc4"], "card_two")])
def test_the_set_of_card_is_that_of_ivmodel(names, entry):
    found = anderson_rubin(partialled(variables(card()[0], names, CONTROLS, "lwage", "educ"), "iid"))
    theirs = reference("instruments", entry)
    assert found.region(0.95) == (pytest.approx(tuple(theirs["ci"]), rel=1e-10),)
    assert found.p_value(0.0) == pytest.approx(theirs["p_value"], rel=1e-10)


def test_the_statistic_is_that_of_ivmodels():
    theirs = reference("instruments", "card_python")["statistic"]
    for names, statistic in zip((["nearc4"], ["nearc2", "nearc4"]), theirs, strict=True):
        found = anderson_rubin(partialled(variables(card()[0], names, CONTROLS, "lwage", "educ"), "iid"))
        assert found.statistic(0.0) == pytest.approx(statistic, rel=1e-10)


@pytest.mark.parametrize("vcov", ["iid", "HC1", "CR1"])
def test_the_statistic_is_the_wald_test_of_a_regression(vcov):
    data = variables(drawn(instruments=3), ["z0", "z1", "z2"], clusters="g")
    found = anderson_rubin(partialled(data, vcov))
    for effect in (-2.0, 0.0, 0.7, 30.0):
        assert found.statistic(effect) == pytest.approx(by_regression(data, effect, vcov), rel=1e-8)


@pytest.mark.parametrize("seed", range(12))
def test_the_set_is_what_a_grid_of_effects_finds(seed):
    """All shapes come up: bounded, empty, two rays, everything."""
    rng = np.random.default_rng(seed)
    count = 1 + seed % 4
    frame = drawn(120, 30, strength=[0.0, 0.05, 0.15, 0.6][seed // 3], instruments=count, seed=seed)
    frame["y"] = 1e3 * (frame["y"] + (seed % 2) * 0.4 * frame["z0"])
    case = partialled(variables(frame, [f"z{k}" for k in range(count)], clusters="g"), ["CR1", "HC1", "iid"][seed % 3])
    test, middle = anderson_rubin(case), fitted(case, "2sls")
    region = test.region(0.95)
    for b in middle.value + middle.std_error * np.tan(np.linspace(-1.5705, 1.5705, 801)):
        if abs(test.p_value(b) - 0.05) > 1e-7:
            assert any(low <= b <= high for low, high in region) == (test.p_value(b) > 0.05)
    moved = partialled(
        variables(frame.assign(y=frame["y"] + rng.normal() * 7e3 * frame["d"]), case.names, clusters="g"), case.vcov
    )
    assert shape(anderson_rubin(moved).region(0.95)) == shape(region)


def test_the_set_moves_with_the_outcomes_scale():
    frame = drawn(strength=0.2)
    ((low, high),) = anderson_rubin(partialled(variables(frame, ["z0"]), "HC1")).region(0.9)
    ((small, large),) = anderson_rubin(partialled(variables(frame.assign(y=1e-6 * frame["y"]), ["z0"]), "HC1")).region(
        0.9
    )
    assert (1e6 * small, 1e6 * large) == pytest.approx((low, high), rel=1e-9)


def test_sets_are_said_in_words():
    assert said(((-1.0, 2.5),)) == "-1 to 2.5"
    assert said(((-INF, -3.0), (4.0, INF))) == "-3 or less or 4 or more"
    assert said(()).startswith("empty: no effect at all agrees")
    assert said(((-INF, INF),)).startswith("everything")
    assert [shape(r) for r in ((), ((0, 1),), ((0, INF),), ((-INF, 0), (1, INF)), ((-INF, INF),))] == [
        "empty", "bounded", "ray", "rays", "everything",
    ]  # fmt: skip


# ---- strength ------------------------------------------------------------------------------------------


def test_one_instrument_needs_the_critical_values_that_the_paper_prints():
    found = [critical(np.eye(1), 1 / tau) for tau in (0.05, 0.1, 0.2, 0.3)]
    assert found == pytest.approx([37.42, 23.11, 15.06, 12.05], abs=0.005)  # Montiel Olea and Pflueger (2013), table 1


def test_with_one_instrument_the_effective_f_is_the_robust_one_and_both_critical_values_agree():
    case = partialled(variables(card()[0], ["nearc4"], CONTROLS, "lwage", "educ"), "HC1")
    found = strength(case, joint(case))
    assert found.effective_f == pytest.approx(found.robust_f, rel=1e-12)
    assert found.critical[0.1] == pytest.approx(found.simplified[0.1], rel=1e-9)
    assert found.partial_f == pytest.approx(reference("instruments", "card_one")["first_stage_f"], abs=5e-6)
    assert found.weak


def test_with_equal_variances_all_three_f_are_one():
    case = partialled(variables(drawn(instruments=3), ["z0", "z1", "z2"]), "iid")
    found = strength(case, joint(case))
    assert (found.robust_f, found.effective_f) == pytest.approx((found.partial_f, found.partial_f), rel=1e-12)
    assert not found.weak


def test_the_effective_f_is_the_first_stage_over_the_trace_of_its_variance():
    import statsmodels.api as sm

    data = variables(drawn(instruments=3), ["z0", "z1", "z2"], clusters="g")
    result = sm.OLS(data.exposure, np.column_stack([data.instruments, data.controls])).fit(
        cov_type="cluster", cov_kwds={"groups": data.clusters}
    )
    rest = data.instruments - data.controls @ np.linalg.lstsq(data.controls, data.instruments, rcond=None)[0]
    first, v, q = result.params[:3], result.cov_params()[:3, :3], rest.T @ rest
    case = partialled(data, "CR1")
    assert strength(case, joint(case)).effective_f == pytest.approx(first @ q @ first / np.trace(v @ q), rel=1e-8)


@pytest.mark.parametrize(("count", "bias"), [(1, 1.0), (2, 0.0), (3, 1 / 3), (4, 0.5), (10, 0.8)])
def test_the_worst_bias_with_equal_variances_is_known(count, bias):
    """|1 - 2 / L|: the bias of two-stage least squares grows with L - 2."""
    errors = np.array([[2.0, 0.7], [0.7, 1.3]])
    w1, w12, w2 = (errors[a] * np.eye(count) for a in ((0, 0), (0, 1), (1, 1)))
    assert worst_bias(w1, w12, w2) == pytest.approx(bias, abs=1e-9)


def test_the_worst_bias_is_the_largest_of_a_fine_grid():
    rng = np.random.default_rng(5)
    root = rng.normal(size=(6, 6))
    w = root @ root.T
    w1, w12, w2 = w[:3, :3], w[:3, 3:], w[3:, 3:]
    best = 0.0
    for b in np.tan(np.linspace(-1.5707, 1.5707, 40001)):
        s12 = (w12 + w12.T) / 2 - b * w2
        s1 = w1 - b * (w12 + w12.T) + b * b * w2
        roots = np.linalg.eigvalsh(s12)
        far = max(abs(roots.sum() - 2 * roots[0]), abs(roots.sum() - 2 * roots[-1]))
        best = max(best, far / np.sqrt(np.trace(s1) * np.trace(w2)))
    assert worst_bias(w1, w12, w2) == pytest.approx(best, rel=1e-6)


def test_the_two_stage_estimate_lies_in_the_set_of_one_instrument():
    case = partialled(variables(drawn(strength=0.1), ["z0"]), "HC1")
    assert anderson_rubin(case).p_value(coefficient(case, "2sls")) == pytest.approx(1.0)
