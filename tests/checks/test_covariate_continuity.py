"""Whether covariates jump at the threshold."""

import numpy as np
import pytest

import scale_impact as si
from scale_impact.errors import DesignError
from tests.discontinuities import design_of, drawn, jump


def refit(panel, design):
    return si.estimate("regression_discontinuity", panel, design)


def checked(frame, covariates=(), *, of=(), fit=refit, **design):
    return si.check("covariate_continuity", *design_of(frame, covariates=of, **design), fit, covariates=covariates)


def test_covariates_that_go_on_smoothly_pass_and_rows_are_the_estimators_own():
    frame = drawn("wide")
    found = checked(frame, ["z1", "z2"])
    assert found.verdict == "pass"
    own = refit(*design_of(frame, outcome="z2")).overall
    row = found.details["rows"][1]
    assert (row["covariate"], row["estimate"], row["std_error"]) == (
        "z2",
        pytest.approx(own.value),
        pytest.approx(own.std_error),
    )


def test_a_covariate_that_jumps_fails_and_is_named():
    frame = drawn("wide").assign(rich=lambda f: (f["x"] >= 0) + f["z2"])
    found = checked(frame, ["z1", "rich"])
    assert found.verdict == "fail"
    assert "in 1 of 2 covariates: rich by" in found.reason
    assert "of its standard deviation" in found.reason


def test_texts_are_one_row_a_category_and_the_study_s_covariates_the_default():
    rng = np.random.default_rng(2)
    frame = jump(n=900, region=rng.choice(["north", "south", "west"], 900), size=rng.normal(size=900))
    found = checked(frame, of=("region", "size"))
    assert [r["covariate"] for r in found.details["rows"]] == ["region south", "region west", "size"]


def test_those_in_the_donut_do_not_count():
    frame = drawn("wide")

    def fit(panel, design):
        return si.estimate("regression_discontinuity", panel, design, donut=0.1)

    found = checked(frame, ["z1"], fit=fit)
    far = checked(frame[frame["x"].abs() >= 0.1], ["z1"])
    assert found.details["rows"][0]["estimate"] == pytest.approx(far.details["rows"][0]["estimate"])


def test_a_covariate_that_does_not_vary_near_the_threshold_has_a_reason():
    frame = jump().assign(far=lambda f: np.where(f["x"] > 0.95, f["y"], 0.0), z=lambda f: f["y"])
    found = checked(frame, ["far", "z"])
    row = found.details["rows"][0]
    assert (row["p_value"], bool(row["reason"])) == (None, True)


def test_without_covariates_it_does_not_apply():
    found = checked(jump())
    assert (found.verdict, "No covariates are named" in found.reason) == ("inapplicable", True)


def test_missing_values_are_refused():
    frame = jump()
    frame["z"] = np.where(np.arange(1500) == 7, np.nan, frame["y"])
    with pytest.raises(DesignError, match="'z' is missing in 1 row"):
        checked(frame, ["z"])
