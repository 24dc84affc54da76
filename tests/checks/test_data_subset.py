"""Random subsets of rows, and of whole clusters."""

from dataclasses import replace

import numpy as np
import pytest

from tests.refuters import asked, checked, city_rows, panel_rows, regression


def test_subsets_spread_as_sampling_says():
    found = checked("data_subset", asked(city_rows(n=400)), draws=400)
    assert found.verdict == "pass"
    assert found.details["expected_spread"] == pytest.approx(0.5)
    assert found.details["spread"] == pytest.approx(0.5, rel=0.15)
    assert found.details["shift"] < 0.1
    assert "320 of 400 rows" in found.reason


def test_an_error_that_is_too_small_makes_subsets_spread_too_widely():
    found = checked("data_subset", asked(panel_rows(40, fixed=True), unit="city"), ignoring_clusters)
    assert found.verdict == "inconclusive"
    assert found.details["spread"] > 1.5 * found.details["expected_spread"]
    assert "32 of 40 clusters" in found.reason


def ignoring_clusters(panel, design):
    return regression(covariates=["income"], vcov="iid")(panel, design)


def test_whole_cities_stay_or_go():
    seen = []

    def watched(panel, design):
        effect = regression(covariates=["income"])(panel, design)
        own = effect.adjusted.again
        return replace(effect, adjusted=replace(effect.adjusted, again=lambda t: (seen.append(t.counts), own(t))[1]))

    checked("data_subset", asked(panel_rows(20), unit="city"), watched, share=0.75, draws=20)
    kept = seen[0].reshape(20, 20, 6)
    assert (np.ptp(kept, axis=2) == 0).all()
    assert (kept[:, :, 0].sum(axis=1) == 15).all()


def test_too_small_a_subset_is_no_subset():
    found = checked("data_subset", asked(city_rows(n=40)), share=0.1)
    assert (found.verdict, found.reason) == (
        "inapplicable",
        "A share of 0.1 of 40 rows is 4: too few, or all of them.",
    )
