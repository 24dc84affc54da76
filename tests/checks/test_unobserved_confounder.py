"""A simulated confounder that is left out, over its strengths."""

import json
from dataclasses import replace

import numpy as np
import pytest

from scale_impact.errors import DesignError
from tests.refuters import asked, checked, city_rows, panel_rows, regression


def test_without_strength_the_estimate_is_the_study_s():
    data = asked(city_rows())
    found = checked("unobserved_confounder", data)
    none = [r["estimate"] for r in found.details["rows"] if r["on_exposure"] == r["on_outcome"] == 0]
    assert none == [pytest.approx(regression()(*data).overall.value)]
    assert len(found.details["rows"]) == 5 * 9
    json.dumps(found.row(), allow_nan=False)


def test_the_bias_is_that_of_the_omitted_variable():
    """Exposure d + k w, outcome y - m w, both from w alone beyond covariates: the slope is (b v - k m) / (v + k^2)."""
    frame = city_rows(n=4000)
    data = asked(frame)
    rows = regression()(*data).adjusted.rows
    z = np.column_stack([np.ones(len(rows)), rows.covariates])
    left = rows.exposure - z @ np.linalg.lstsq(z, rows.exposure, rcond=None)[0]
    v, b = left @ left / len(rows), regression()(*data).overall.value
    given = {"strength_on_exposure": [0.3], "strength_on_outcome": [-0.5, 0.5]}
    found = checked("unobserved_confounder", data, draws=40, **given).details["rows"]
    for row in found:
        expected = (b * v - 0.3 * row["on_outcome"]) / (v + 0.3**2)
        assert row["estimate"] == pytest.approx(expected, abs=0.02)


def test_turning_half_of_all_exposures_round_leaves_no_effect():
    given = {"on_exposure": "flip", "strength_on_exposure": [0.5], "strength_on_outcome": [0.0]}
    found = checked("unobserved_confounder", asked(city_rows(n=4000)), **given)
    assert found.statistic == pytest.approx(0.0, abs=0.08)


def test_strong_confounders_change_the_sign_and_weak_ones_do_not():
    data = asked(city_rows())
    assert checked("unobserved_confounder", data, times=3.0).verdict == "fail"
    assert checked("unobserved_confounder", data, times=0.2).verdict == "pass"
    assert checked("unobserved_confounder", asked(city_rows(effect=0.0, seed=8)), times=0.01).verdict == "inconclusive"


def test_the_reason_says_which_confounder_is_worst():
    found = checked("unobserved_confounder", asked(city_rows()), times=3.0)
    worst = min(found.details["rows"], key=lambda r: r["estimate"])
    assert found.statistic == worst["estimate"] < 0
    assert f"The worst moves the exposure by {worst['on_exposure']:.4g}" in found.reason
    assert found.reason.endswith("The sign changes.")


def test_covariates_of_a_panel_count_within_cities():
    from scale_impact.core.causal.refutation.noise import Confounder, observed
    from scale_impact.core.causal.regression.model import levels_of

    frame = panel_rows(20)
    frame["income"] += 30 * frame["city"]
    data = asked(frame, unit="city")
    found = checked("unobserved_confounder", data, regression(covariates=["income"], effects=["unit", "period"]))
    rows = regression(covariates=["income"])(*data).adjusted.rows
    within = observed(rows, Confounder("linear", "linear"), levels_of(rows.units))
    assert found.details["covariates"][0]["on_outcome"] == pytest.approx(within.outcome[0])
    assert within.outcome[0] < 0.5 * observed(rows, Confounder("linear", "linear")).outcome[0]


def test_without_covariates_strengths_have_to_be_named():
    data, plain = asked(city_rows()), regression(covariates=())
    assert checked("unobserved_confounder", data, plain).verdict == "inapplicable"
    given = {"strength_on_exposure": [0.1], "strength_on_outcome": [0.1]}
    assert checked("unobserved_confounder", data, plain, **given).verdict == "pass"


def test_what_does_not_fit_exposure_outcome_or_estimator_is_refused_all_at_once():
    def weighting(panel, design):
        effect = regression()(panel, design)
        return replace(effect, adjusted=replace(effect.adjusted, partial=None))

    with pytest.raises(DesignError) as caught:
        checked("unobserved_confounder", asked(city_rows()), weighting, on_exposure="linear", on_outcome="flip")
    assert [p.split(": ")[1] for p in caught.value.problems] == ["on_exposure", "on_outcome"]
    with pytest.raises(DesignError, match="flip needs an exposure of 0 and 1"):
        checked(
            "unobserved_confounder",
            asked(city_rows(), exposure="age"),
            regression(covariates=["income"]),
            on_exposure="flip",
        )
    with pytest.raises(DesignError, match=r"has 1\.5; with flip it is a share of rows"):
        checked("unobserved_confounder", asked(city_rows()), on_exposure="flip", strength_on_exposure=[1.5])
