"""Balance of those compared: standardised differences by hand, verdicts, and who has no weights."""

import json

import numpy as np
import pytest

import scale_impact as si
from scale_impact.checks import check
from tests.estimators.test_propensity_weighting import given, house_prices, people


def asked(frame, name="propensity_weighting", *, options=None, **more):
    refit = lambda p, d: si.estimate(name, p, d, covariates=["a", "b"], **(options or {}))  # noqa: E731
    return check("balance", *given(frame), refit, **more)


def test_differences_are_those_of_the_definition():
    frame = people()
    found = asked(frame, options={"estimand": "ATT"})
    own = frame["d"] == 1
    effect = si.estimate("propensity_weighting", *given(frame), covariates=["a", "b"], estimand="ATT")
    scale = frame.loc[own, "a"].std()
    row = found.details["rows"][0]
    assert row["covariate"] == "a"
    assert row["before"]["difference"] == pytest.approx(
        (frame.loc[own, "a"].mean() - frame.loc[~own, "a"].mean()) / scale
    )
    w = effect.adjusted.weights
    after = (w[own] @ frame.loc[own, "a"] - w[~own] @ frame.loc[~own, "a"]) / scale
    assert row["after"]["difference"] == pytest.approx(after)
    assert found.statistic == pytest.approx(max(abs(r["after"]["difference"]) for r in found.details["rows"]))
    json.dumps(found.row(), allow_nan=False)


def test_overlap_weights_pass_and_a_narrow_threshold_fails():
    frame = people()
    passed = asked(frame, options={"estimand": "ATO"})
    assert passed.verdict == "pass"
    assert "None of 2 covariates differs" in passed.reason
    failed = asked(frame, options={"estimand": "ATT"}, threshold=1e-6)
    assert failed.verdict == "fail"
    assert "2 of 2 covariates differ by more than 1e-06" in failed.reason


def test_columns_that_are_not_adjusted_for_can_be_looked_at():
    frame = people().assign(c=lambda f: f["d"] + np.random.default_rng(1).normal(size=len(f)))
    found = asked(frame, columns=["c"])
    assert found.verdict == "fail"
    assert "c: " in found.reason


def test_without_weights_a_difference_is_inconclusive_and_the_model_s():
    frame = people()
    unit = frame.assign(id=np.arange(len(frame)))
    panel = si.Panel.from_frame(unit, unit=None, period="year", outcome="y")
    design = si.Design.from_panel(panel, exposure="d")
    plain = si.estimate("propensity_weighting", panel, design, covariates=["a", "b"])
    from dataclasses import replace

    bare = replace(plain, adjusted=replace(plain.adjusted, weights=None))
    found = check("balance", panel, design, lambda p, d: bare)
    assert found.verdict == "inconclusive"
    assert "the estimator has no weights" in found.reason


def test_cross_sections_are_compared_cell_by_cell_also_for_estimators_that_adjust_for_nothing(kielmc):
    panel, design = house_prices(kielmc)
    refit = lambda p, d: si.estimate("did_2x2", p, d)  # noqa: E731
    found = check("balance", panel, design, refit, covariates=["age", "rooms"])
    assert len(found.details["rows"]) == 6
    cells = [r["against"] for r in found.details["rows"][:3]]
    assert cells == ["the others before", "the others after", "the treated before"]
    after = kielmc[(kielmc["nearinc"] == 1) & (kielmc["year"] == 1981)]["age"].mean()
    assert found.details["rows"][0]["before"]["exposed"] == pytest.approx(after)


def test_changes_of_several_cohorts_are_looked_at(mpdta):
    panel = si.Panel.from_frame(mpdta, unit="id", period="t", outcome="y")
    design = si.Design.from_panel(panel, first_treated="g")
    found = check("balance", panel, design, lambda p, d: si.estimate("propensity_weighting", p, d, covariates=["lpop"]))
    assert [r["covariate"] for r in found.details["rows"]] == ["lpop"]
    assert found.verdict == "pass"


def test_without_covariates_it_does_not_apply():
    frame = people()
    found = check("balance", *given(frame), lambda p, d: si.estimate("propensity_weighting", p, d))
    assert found.verdict == "inapplicable"
    assert "Name `covariates`" in found.reason


def test_one_covariate_alone_is_said_as_one():
    frame = people()
    refit = lambda p, d: si.estimate("propensity_weighting", p, d, covariates=["a"], estimand="ATO")  # noqa: E731
    found = check("balance", *given(frame), refit)
    assert found.reason.startswith(
        "The one covariate does not differ by more than 0.1 standard deviations after weighting"
    )
