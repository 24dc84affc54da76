"""Common support: who is beyond it, and on how few rows weights rest."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import scale_impact as si
from scale_impact.checks import check
from tests.estimators.test_propensity_weighting import given, house_prices, people


def asked(frame, *, options=None, covariates=("a", "b"), **more):
    refit = lambda p, d: si.estimate("propensity_weighting", p, d, covariates=list(covariates), **(options or {}))  # noqa: E731
    return check("overlap", *given(frame), refit, **more)


def test_sides_that_could_be_exchanged_pass():
    frame = people(2000).assign(d=np.random.default_rng(1).integers(0, 2, 2000))
    found = asked(frame, options={"estimand": "ATT"})
    assert found.verdict == "pass"
    assert found.details["sides"][0]["effective"] == pytest.approx((frame["d"] == 1).sum())
    json.dumps(found.row(), allow_nan=False)


def test_those_beyond_the_other_side_s_range_are_counted_and_named():
    frame = people(1000)
    frame.loc[[3, 4], ["a", "d"]] = [[6.0, 1], [6.5, 1]]
    effect = si.estimate("propensity_weighting", *given(frame), covariates=["a", "b"], estimand="ATT")
    found = asked(frame, options={"estimand": "ATT"})
    p, own = effect.adjusted.propensity, frame["d"].to_numpy() == 1
    beyond = own & ((p > p[~own].max()) | (p < p[~own].min()))
    assert found.details["beyond"] == beyond.sum() >= 2
    assert found.statistic == pytest.approx(beyond.sum() / own.sum())
    assert {"row 3", "row 4"} <= set(found.details["who"])
    assert found.details["extreme"] == (own & (p > 0.9)).sum()


def test_weights_that_rest_on_one_row_fail():
    rng = np.random.default_rng(3)
    a = np.concatenate([rng.normal(3, 0.5, 40), rng.normal(-3, 1, 2000), [-4.5]])
    frame = pd.DataFrame({"a": a, "d": [1] * 40 + [0] * 2000 + [1], "year": 1, "y": rng.normal(size=2041)})
    found = asked(frame, covariates=["a"])
    assert found.verdict == "fail"
    assert "row 2040 alone has" in found.reason


def test_an_estimator_without_a_propensity_gets_a_logit():
    frame = people()
    full = si.estimate("propensity_weighting", *given(frame), covariates=["a", "b"])
    bare = replace(full, adjusted=replace(full.adjusted, propensity=None, weights=None))
    found = check("overlap", *given(frame), lambda p, d: bare)
    assert found.details["sides"][0]["high"] == pytest.approx(full.adjusted.propensity[frame["d"] == 1].max())
    assert found.details["sides"][0]["effective"] is None


def test_covariates_that_decide_fail_where_a_regression_does_not_notice():
    frame = people().assign(d=lambda f: (f["a"] > 0).astype(int))
    good = people()
    full = si.estimate("propensity_weighting", *given(good), covariates=["a", "b"])
    rows = replace(full.adjusted.rows, exposure=(good["a"] > 0).to_numpy(float))
    bare = replace(full, adjusted=replace(full.adjusted, rows=rows, propensity=None, weights=None))
    found = check("overlap", *given(frame), lambda p, d: bare)
    assert found.verdict == "fail"
    assert "Covariates tell the sides apart in 500 rows" in found.reason


def test_rows_that_were_trimmed_have_no_part():
    frame = people()
    plain, trimmed = asked(frame), asked(frame, options={"trim": 0.15})
    assert trimmed.details["asked"] < plain.details["asked"]
    assert trimmed.details["extreme"] < plain.details["extreme"]


def test_cross_sections_have_four_cells(kielmc):
    refit = lambda p, d: si.estimate("propensity_weighting", p, d, covariates=["age", "rooms"])  # noqa: E731
    found = check("overlap", *house_prices(kielmc), refit)
    assert len(found.details["sides"]) == 4
    assert found.details["of_exposed"]


def test_without_covariates_it_does_not_apply():
    assert (
        check("overlap", *given(people()), lambda p, d: si.estimate("propensity_weighting", p, d)).verdict
        == "inapplicable"
    )
