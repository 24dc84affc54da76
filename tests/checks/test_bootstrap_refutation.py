"""Bootstrap samples with errors in covariates."""

from dataclasses import replace

import numpy as np
import pytest

from scale_impact.core.effect import Estimate
from scale_impact.errors import DesignError
from tests.refuters import asked, checked, city_rows, panel_rows, regression


def test_samples_without_errors_spread_by_a_standard_error():
    found = checked("bootstrap_refutation", asked(city_rows(n=400)), noise=0.0, draws=400)
    assert found.verdict == "pass"
    assert found.details["spread"] == pytest.approx(1.0, rel=0.12)
    assert found.details["shift"] < 0.15


def test_errors_in_a_confounder_move_the_estimate_towards_the_one_without_it():
    data = asked(city_rows(n=600))
    alone = regression(covariates=["age", "dense"])(*data).overall.value
    found = [checked("bootstrap_refutation", data, noise=n, noisy=["income"]).statistic for n in (0.0, 0.5, 1.0, 20.0)]
    assert found == sorted(found)
    assert found[-1] == pytest.approx(alone, abs=0.1)


def test_much_error_in_all_covariates_fails():
    found = checked("bootstrap_refutation", asked(city_rows(n=600)), noise=0.9)
    assert found.verdict == "fail"
    assert "whose covariates (income, age, dense) have errors of 90% of their spread" in found.reason


def test_texts_and_yes_or_no_change_their_value_with_the_probability():
    from scale_impact.core.causal.refutation.noise import Noise, _measured

    frame = city_rows(n=900).assign(kind=lambda f: np.array(["port", "hill", "plain"])[f.index % 3])
    rows = regression(covariates=["dense", "kind"])(*asked(frame)).adjusted.rows
    every = np.tile(np.arange(900), (20, 1))
    found = _measured(rows, every, Noise(0.25, ("dense", "kind")), np.random.default_rng(1))
    other = found != rows.covariates
    assert other[:, :, 0].mean() == pytest.approx(0.25, abs=0.02)
    assert other[:, :, 1:].any(axis=2).mean() == pytest.approx(0.25, abs=0.02)
    assert (found[:, :, 1:].sum(axis=2) <= 1).all()  # one category each


def test_whole_cities_are_drawn():
    seen = []

    def watched(panel, design):
        effect = regression(covariates=["income"])(panel, design)
        own = effect.adjusted.again
        return replace(effect, adjusted=replace(effect.adjusted, again=lambda t: (seen.append(t), own(t))[1]))

    found = checked("bootstrap_refutation", asked(panel_rows(), unit="city"), watched, draws=20)
    counts = seen[0].counts.reshape(20, 12, 6)
    assert (np.ptp(counts, axis=2) == 0).all()
    assert (counts[:, :, 0].sum(axis=1) == 12).all()
    assert seen[0].covariates.shape == (20, 72, 1)
    assert found.details["blocks"] == "clusters"


def test_an_estimator_that_takes_no_errors_is_asked_without_and_says_so():
    def plain(panel, design):
        effect = regression()(panel, design)
        return replace(effect, adjusted=replace(effect.adjusted, takes_covariates=False))

    data = asked(city_rows())
    found = checked("bootstrap_refutation", data, plain)
    assert "without errors in covariates, which the estimator does not take" in found.reason
    with pytest.raises(DesignError, match="takes no covariates with errors"):
        checked("bootstrap_refutation", data, plain, noisy=["income"])


def test_wrong_options_are_told_all_at_once():
    with pytest.raises(DesignError) as caught:
        checked("bootstrap_refutation", asked(city_rows()), noise=2.0, noisy=["incomes", "dense"])
    assert len(caught.value.problems) == 2
    assert "'incomes' is no covariate of the estimate" in caught.value.problems[0]
    assert "for dense it is a probability" in caught.value.problems[1]


@pytest.mark.parametrize(
    "check",
    ["bootstrap_refutation", "data_subset", "random_common_cause", "placebo_treatment", "unobserved_confounder"],
)
def test_a_standard_error_that_is_rounding_judges_nothing(check):
    """An outcome that is a covariate: estimate and error are 1e-17, and a move by 1e13 such errors is no failure."""
    frame = city_rows().assign(score=lambda f: f["income"])

    def rounded(panel, design):
        found = regression()(panel, design)
        return replace(found, overall=Estimate(-2.4e-17, 1e-17, 200))

    found = checked(check, asked(frame), rounded, draws=20)
    assert found.verdict == "inconclusive"
    assert "errors around" not in found.reason
