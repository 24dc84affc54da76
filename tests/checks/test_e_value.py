"""E-values, against the EValue package's published examples and DoWhy."""

import json
from dataclasses import replace

import numpy as np
import pytest

import scale_impact as si
from scale_impact.core.causal.refutation.sensitivity import e_value, ratio_of_means
from tests.refuters import Peer, asked, checked, city_rows, regression


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [(10.73, 20.95), (8.02, 15.52), (3.9, 7.26), (1.8, 3.0), (0.80, 1.81), (0.91, 1.43), (1.0, 1.0)],
)
def test_published_examples_of_risk_ratios(ratio, expected):
    """VanderWeele and Ding (2017), the smoking and breastfeeding examples, and the leukaemia example of EValue's help."""
    assert round(e_value(ratio), 2) == expected


def test_a_ratio_and_its_inverse_have_the_same_value():
    assert e_value(0.8) == pytest.approx(e_value(1 / 0.8))
    assert e_value(0.0) == e_value(-0.2) == np.inf


def test_differences_are_dowhy_s():
    from dowhy.causal_refuters.evalue_sensitivity_analyzer import EValueSensitivityAnalyzer

    frame = city_rows()
    peer = Peer(frame)
    analyzer = EValueSensitivityAnalyzer(peer.estimate, peer.estimand, frame, ["measure"], ["score"])
    data = asked(frame)
    overall = regression(vcov="iid")(*data).overall
    spread = frame["score"].std()
    theirs = analyzer._evalue_OLS(overall.value, overall.std_error, spread)
    found = checked("e_value", data, regression(vcov="iid"))
    assert found.details["ratio"] == pytest.approx(theirs["converted_estimate"], rel=1e-12)
    assert found.statistic == pytest.approx(theirs["evalue_estimate"], rel=1e-12)
    # theirs takes 1.78 = 0.91 x 1.96 standard errors, ours the interval's own quantile
    assert found.details["e_value_of_interval"] == pytest.approx(theirs["evalue_lower_ci"], rel=5e-3)


def test_covariates_are_dowhy_s_with_the_estimate_in_place_of_the_interval():
    data = asked(city_rows())
    found = {r["covariate"]: r for r in checked("e_value", data).details["rows"]}
    all_of_them = regression()(*data).overall.value
    without = regression(covariates=["age", "dense"])(*data).overall.value
    assert found["income"]["moves"] == pytest.approx(without - all_of_them)
    ratio = ratio_of_means(abs(without - all_of_them), data[0].values.std(ddof=1))
    assert found["income"]["e_value"] == pytest.approx(e_value(ratio))
    assert next(iter(found)) == "income"


def test_outcomes_of_0_and_1_become_risk_ratios():
    frame = city_rows(n=2000).assign(score=lambda f: (f["score"] > 0).astype(float))
    data, plain = asked(frame), regression(covariates=())
    found = checked("e_value", data, plain)
    risks = frame.groupby("measure")["score"].mean()
    assert found.details["baseline"] == pytest.approx(risks[0])
    assert found.details["ratio"] == pytest.approx(risks[1] / risks[0])


def test_a_dose_is_looked_at_by_its_spread():
    data = asked(city_rows(), exposure="age")
    found = checked("e_value", data, regression(covariates=["income"]))
    assert found.details["contrast"] == pytest.approx(city_rows()["age"].std(ddof=0))
    twice = checked("e_value", data, regression(covariates=["income"]), contrast=2 * found.details["contrast"])
    assert np.log(twice.details["ratio"]) == pytest.approx(2 * np.log(found.details["ratio"]))


def test_verdicts():
    data = asked(city_rows(n=600))
    assert checked("e_value", data, regression(covariates=["age"])).verdict == "pass"
    no_effect = checked("e_value", asked(city_rows(effect=0.0, seed=8)), regression(covariates=["dense"]))
    assert no_effect.verdict == "pass"  # without income there seems to be one, and dense says nothing of that
    held = checked("e_value", asked(city_rows(effect=0.0, seed=8)))
    assert (held.verdict, held.details["e_value_of_interval"]) == ("inconclusive", 1.0)
    assert "The strongest observed covariate, income" in held.reason
    bare = checked("e_value", data, regression(covariates=()))
    assert bare.verdict == "inconclusive"
    assert bare.reason.endswith("There is no observed covariate to compare it with.")
    json.dumps(bare.row(), allow_nan=False)


def test_an_estimator_that_names_no_rows_is_told():
    from tests.panels import design_of, drawn, panel_of

    frame = drawn({3: 6, np.inf: 9}, 6, seed=1)
    found = si.check("e_value", panel_of(frame), design_of(frame), lambda p, d: si.estimate("did_2x2", p, d))
    assert found.verdict == "inapplicable"
    assert "did_2x2 does not say which rows it compares" in found.reason


def test_a_covariate_of_a_rare_outcome_is_told_on_the_estimate_s_scale():
    """Risk ratios of a rare outcome are far larger than its spread says: 3 risks of a thousand are little of a standard deviation."""
    rng = np.random.default_rng(0)
    n = 20_000
    x = (rng.random(n) < 0.3).astype(float)
    frame = city_rows(n).assign(income=x, measure=(rng.random(n) < 0.15 + 0.5 * x).astype(float))
    frame["score"] = (rng.random(n) < 0.01 + 0.04 * x + 0.01 * frame["measure"]).astype(float)
    found = checked("e_value", asked(frame), regression(covariates=["income"])).details
    with_it, without = found["estimate"], found["estimate"] + found["rows"][0]["moves"]
    ratio = (found["baseline"] + without) / (found["baseline"] + with_it)
    assert found["rows"][0]["e_value"] == pytest.approx(e_value(ratio))
    assert found["rows"][0]["e_value"] > 2 > e_value(ratio_of_means(found["rows"][0]["moves"], found["spread"]))


def test_an_effect_larger_than_the_risk_itself_has_no_bound():
    frame = city_rows(n=400).assign(score=lambda f: (f["score"] > 2).astype(float))
    found = checked("e_value", asked(frame), lambda p, d: moved(regression()(p, d), -0.9))
    assert (found.verdict, found.statistic) == ("inconclusive", None)
    assert "is one beyond all bounds" in found.reason
    json.dumps(found.row(), allow_nan=False)


def moved(effect, value):
    return replace(effect, overall=replace(effect.overall, value=value))
