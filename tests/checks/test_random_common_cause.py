"""One more covariate that has to do with nothing."""

import json
from dataclasses import replace

import numpy as np
import pytest

from tests.refuters import asked, checked, city_rows, panel_rows, regression


def test_a_regression_hardly_moves():
    found = checked("random_common_cause", asked(city_rows()))
    assert found.verdict == "pass"
    assert found.details["shift"] < 0.02
    assert found.details["spread"] < 0.15
    assert 0.2 < found.p_value <= 1
    json.dumps(found.row(), allow_nan=False)


def test_an_estimator_that_moves_by_more_than_its_error_allows_fails():
    def shaky(panel, design):
        effect = regression()(panel, design)
        own = effect.adjusted.again
        return replace(effect, adjusted=replace(effect.adjusted, again=lambda t: own(t) + effect.overall.std_error))

    found = checked("random_common_cause", asked(city_rows()), shaky)
    assert found.verdict == "fail"
    assert found.details["shift"] == pytest.approx(1.0, abs=0.05)


def test_single_estimates_that_jump_about_are_inconclusive():
    def jumping(panel, design):
        effect = regression()(panel, design)
        own, sign = effect.adjusted.again, np.resize([1.0, -1.0], 200)
        return replace(
            effect, adjusted=replace(effect.adjusted, again=lambda t: own(t) + sign * effect.overall.std_error)
        )

    found = checked("random_common_cause", asked(city_rows()), jumping)
    assert found.verdict == "inconclusive"
    assert "the estimator is not stable" in found.reason


def test_a_covariate_has_one_value_a_city_where_cities_are_exposed_as_one():
    seen = []

    def watched(panel, design):
        effect = regression(covariates=["income"])(panel, design)
        own = effect.adjusted.again
        return replace(effect, adjusted=replace(effect.adjusted, again=lambda t: (seen.append(t.extra), own(t))[1]))

    checked("random_common_cause", asked(panel_rows(fixed=True), unit="city"), watched, draws=20)
    assert (np.ptp(seen[0].reshape(20, 12, 6), axis=2) == 0).all()
    assert len(np.unique(seen[0])) == 20 * 12


def test_versions_without_an_estimate_leave_no_verdict():
    def empty(panel, design):
        effect = regression()(panel, design)
        return replace(effect, adjusted=replace(effect.adjusted, again=lambda t: np.full(len(t), np.nan)))

    found = checked("random_common_cause", asked(city_rows()), empty)
    assert found.verdict == "inapplicable"
    assert "In 200 of 200 versions of the data the estimator has no answer" in found.reason
