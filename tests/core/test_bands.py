"""Uniform bands: their critical values against known distributions, R and simulation."""

import numpy as np
import pytest

from scale_impact.core.bands import Draws, multiplied, quartile_errors
from scale_impact.core.effect import Family
from scale_impact.errors import UsageError
from tests.panels import NEVER, drawn, fitted, reference


def family(covariance, values=None, reasons=None, df=None):
    k = len(covariance)
    covariance = np.asarray(covariance, float)
    values = np.arange(k, dtype=float) if values is None else values
    reasons = (None,) * k if reasons is None else reasons
    return Family("event_time", values, np.diag(covariance), covariance, reasons, tuple(range(k)), df=df)


def test_one_estimate_has_its_pointwise_interval():
    band = family([[4.0]]).band(0.95, Draws(50_000))
    assert band.critical == pytest.approx(1.959964, abs=0.02)  # a quantile of 50,000 draws


@pytest.mark.parametrize("k", [2, 5])
def test_independent_estimates_have_sidaks_critical_value(k):
    from scipy.stats import norm

    band = family(np.diag(np.arange(1, k + 1))).band(0.9, Draws(50_000))
    assert band.critical == pytest.approx(norm.ppf(0.5 + 0.9 ** (1 / k) / 2), abs=0.03)


def test_estimates_that_move_as_one_need_no_wider_band():
    band = family(np.outer([1, 2, 3], [1, 2, 3])).band(0.95, Draws(100_000))
    assert band.critical == pytest.approx(1.96, abs=0.03)


def test_a_t_distribution_widens_the_band():
    from scipy.stats import t

    assert family([[1.0]], df=5).band(0.95, Draws(50_000)).critical == pytest.approx(t.ppf(0.975, 5), abs=0.05)


def test_a_band_is_never_narrower_than_the_pointwise_interval():
    for seed in range(5):
        found = family([[1.0]])
        band = found.band(0.95, Draws(60, seed=seed))
        low, high = found[0].interval(0.95)
        assert band.intervals[0][0] <= low + 1e-12
        assert band.intervals[0][1] >= high - 1e-12


def test_estimates_without_a_standard_error_have_no_interval_and_do_not_matter():
    reference_period = family(np.diag([1.0, 0.0, 1.0]), reasons=(None, "the reference period: 0 by construction", None))
    band = reference_period.band(0.95, Draws(20_000))
    assert band.intervals[1] is None
    assert band.critical == pytest.approx(2.236, abs=0.03)  # that of two independent estimates


def test_no_standard_error_at_all_is_said():
    band = family([[0.0]], reasons=("no standard error: one unit",)).band()
    assert (band.critical, band.intervals) == (None, (None,))
    assert band.words == "no uniform band: no estimate has a standard error"


def test_a_family_without_covariance_and_influence_says_so():
    alone = Family("event_time", np.zeros(2), np.ones(2), None, (None, None), (0, 1))
    assert alone.band().words == "no uniform band: how the estimates vary together was not kept"


def test_multipliers_without_influence_are_refused():
    with pytest.raises(UsageError, match="mammen multipliers need what each unit adds"):
        family(np.eye(2)).band(0.95, Draws(multipliers="mammen"))


def test_a_level_has_to_be_a_share():
    with pytest.raises(ValueError, match="between 0 and 1"):
        family([[1.0]]).band(95)


def test_the_path_of_the_minimum_wage_has_the_critical_values_of_its_multipliers(mpdta):
    """Known from long runs: 2.66 Gaussian, 2.62 Mammen, 2.58 Rademacher; R draws 2.56 with errors from quartiles."""
    path = fitted("callaway_santanna", mpdta).path
    found = {m: path.band(0.95, Draws(20_000, m)).critical for m in ("gaussian", "mammen", "rademacher")}
    assert found == {
        "gaussian": pytest.approx(2.66, abs=0.03),
        "mammen": pytest.approx(2.62, abs=0.03),
        "rademacher": pytest.approx(2.58, abs=0.03),
    }
    expected = reference("mpdta", "uniform_band_dynamic")
    options = {"bootstrap": 20_000, "multipliers": "rademacher"}
    drawn_path = fitted("callaway_santanna", mpdta, options=options).path
    assert drawn_path.band().critical == pytest.approx(expected["crit_val"], abs=0.05)
    np.testing.assert_allclose(drawn_path.std_errors, expected["se_egt"], rtol=0.03)  # quartiles of 20,000 draws


def test_few_clusters_get_mammens_multipliers_and_many_draws_from_the_covariance():
    draws = Draws()
    assert (draws.on(20), draws.on(999), draws.on(1000), draws.on(None)) == ("mammen", "mammen", "gaussian", "gaussian")
    path = fitted("callaway_santanna", drawn({2: 8, 3: 8, NEVER: 9}, 5, seed=1)).path
    assert path.band().words == "9,999 draws, Mammen's multipliers"


@pytest.mark.parametrize("estimator", ["event_study", "callaway_santanna", "sun_abraham"])
def test_every_estimator_with_a_path_has_a_band(estimator):
    effect = fitted(estimator, drawn({3: 12, NEVER: 12}, 6, seed=2))
    band = effect.path.band(0.9)
    for estimate, interval in zip(effect.path, band.intervals, strict=True):
        pointwise = estimate.interval(0.9)
        assert (interval is None) == (pointwise is None)
        assert interval is None or (interval[0] < pointwise[0] < pointwise[1] < interval[1])


@pytest.mark.parametrize("kind", ["mammen", "rademacher"])
def test_multipliers_have_mean_0_and_variance_1(kind):
    errors = multiplied(np.eye(3), Draws(40_000, seed=1), kind)
    np.testing.assert_allclose(errors.mean(axis=0), 0, atol=0.02)  # four standard errors of a mean of 40,000
    np.testing.assert_allclose(errors.var(axis=0), 1, atol=0.05)
    third = {"mammen": 1, "rademacher": 0}[kind]
    np.testing.assert_allclose((errors**3).mean(axis=0), third, atol=0.08)


def test_blocks_of_clusters_add_up(monkeypatch):
    rows = np.random.default_rng(1).normal(size=(50, 3))
    whole = multiplied(rows, Draws(100), "rademacher")
    monkeypatch.setattr("scale_impact.core.bands.CHUNK", 700)
    part = multiplied(rows, Draws(100), "rademacher")
    assert whole.std() == pytest.approx(part.std(), rel=0.1)  # other draws of the same distribution


def test_quartile_errors_are_standard_errors_of_normal_draws():
    draws = np.random.default_rng(2).normal(size=(100_000, 2)) * [1, 5]
    np.testing.assert_allclose(quartile_errors(draws), [1, 5], rtol=0.02)


def test_bands_cover_all_estimates_at_once_in_simulation():
    """200 samples of 80 units without an effect: pointwise 95 % intervals all hold far less often than bands."""
    all_pointwise = all_band = 0
    for seed in range(200):
        path = fitted("callaway_santanna", drawn({2: 20, 3: 20, NEVER: 40}, 6, seed=1000 + seed)).path
        band = path.band(0.95, Draws(499, "rademacher", seed=seed))
        all_band += all(low <= 0 <= high for low, high in band.intervals)
        all_pointwise += all(low <= 0 <= high for low, high in (e.interval(0.95) for e in path))
    assert all_band / 200 == pytest.approx(0.95, abs=0.046)  # three times the 1.5 % of a share of 200
    assert all_pointwise / 200 < 0.85


def test_the_same_seed_draws_the_same_band():
    path = fitted("callaway_santanna", drawn({2: 8, 3: 8, NEVER: 9}, 5, seed=1)).path
    assert path.band(0.95, Draws(seed=3)).critical == path.band(0.95, Draws(seed=3)).critical
    assert path.band(0.95, Draws(seed=3)).critical != path.band(0.95, Draws(seed=4)).critical
