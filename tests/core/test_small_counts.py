"""Pooled rates of small counts, with exact Poisson intervals."""

import numpy as np
import pytest
from scipy import stats

from scale_impact.core.catalogue import rate_model
from scale_impact.core.catalogue.small_counts import garwood, pooled, smoothed
from scale_impact.errors import DataError


def problems(of):
    with pytest.raises(DataError) as caught:
        of()
    return list(caught.value.problems)


def test_limits_are_half_the_quantiles_of_chi_squared():
    counts = np.arange(1, 400)
    for level in (0.8, 0.95, 0.99):
        low, high = garwood(counts, level)
        assert low == pytest.approx(stats.chi2.ppf((1 - level) / 2, 2 * counts) / 2, rel=1e-10)
        assert high == pytest.approx(stats.chi2.ppf((1 + level) / 2, 2 * counts + 2) / 2, rel=1e-10)


@pytest.mark.parametrize(
    ("count", "low", "high"), [(0, 0, 3.689), (1, 0.0253, 5.572), (5, 1.623, 11.668), (10, 4.795, 18.390)]
)
def test_limits_are_those_of_the_tables(count, low, high):
    """95 % limits of a Poisson mean as textbooks print them, to three decimals."""
    assert [round(float(v), 3) for v in garwood(count)] == pytest.approx([low, high], abs=6e-4)


def test_a_limit_makes_the_count_as_unlikely_as_the_tail_says():
    """The definition itself: P(X >= 7 | low) = P(X <= 7 | high) = 2.5 %."""
    low, high = garwood(7)
    assert stats.poisson.sf(6, low) == pytest.approx(0.025, rel=1e-9)
    assert stats.poisson.cdf(7, high) == pytest.approx(0.025, rel=1e-9)


def test_the_interval_covers_at_least_as_often_as_it_says():
    for mean in (0.3, 1.0, 4.5, 20.0):
        counts = np.arange(0, 120)
        low, high = garwood(counts)
        covered = stats.poisson.pmf(counts, mean)[(low <= mean) & (mean <= high)].sum()
        assert covered >= 0.95


def test_years_are_added_up_before_they_are_divided():
    """By hand: 2 + 0 + 4 deaths over 100,000 + 110,000 + 90,000 person-years are 2 per 100,000."""
    found = pooled([9, 2, 0, 4], [100_000, 100_000, 110_000, 90_000], 3)
    assert (found.count, found.exposure, found.years) == (6, 300_000, 3)
    assert found.rate == pytest.approx(2.0)
    low, high = garwood(6)
    assert (found.low, found.high) == (pytest.approx(low / 3), pytest.approx(high / 3))


def test_many_units_are_pooled_at_once_and_a_year_that_is_not_known_is_left_out():
    counts = [[1, 2, np.nan], [0, 0, 0], [np.nan, np.nan, np.nan]]
    found = pooled(counts, [[10, 20, 40], [10, 10, 10], [10, 10, 10]], 3, per=1)
    assert found.years.tolist() == [2, 3, 0]
    assert found.rate[:2].tolist() == [0.1, 0.0]
    assert found.low[1] == 0
    assert found.high[1] == pytest.approx(-np.log(0.025) / 30)
    assert np.isnan([found.rate[2], found.low[2], found.high[2], found.count[2]]).all()


def test_all_that_cannot_be_is_said_at_once():
    said = problems(lambda: pooled([[1, -1], [0.5, 2]], [[10, 10], [0, 10]], 5, level=95))
    assert said == [
        "years is 5, and the counts are of 2 years. Pool between 1 and 2.",
        "level is 95; it has to lie between 0 and 1, such as 0.95.",
        "a count is negative or no whole number in row 1 year 2, row 2 year 1: -1, 0.5. Give the counts themselves, not rates.",
        "exposure is not above 0 or infinite in row 2 year 1. Correct it, or give NaN for no value.",
    ]


def test_one_number_and_shapes_that_do_not_fit_are_refused():
    assert "counts is one number" in problems(lambda: pooled(3, 100, 1))[0]
    assert "of one shape" in problems(lambda: pooled([1, 2], [1, 2, 3], 1))[0]
    assert "no whole number in the number given: 1.5" in problems(lambda: garwood(1.5))[0]


# ---- empirical Bayes --------------------------------------------------------------------------------------------


def counts(n, shape, seed, mean=2e-4, size=20_000):
    """True rates, exposures and counts of n units whose rates are gamma."""
    rng = np.random.default_rng(seed)
    exposure = rng.lognormal(np.log(size), 1, n)
    rates = rng.gamma(shape, mean / shape, n)
    return rates, exposure, rng.poisson(rates * exposure)


@pytest.mark.parametrize(("n", "shape", "seed"), [(300, 4, 1), (60, 1.5, 2), (1000, 10, 3)])
def test_the_likeliest_prior_is_that_of_negative_binomial_regression(n, shape, seed):
    import statsmodels.api as sm

    _, exposure, count = counts(n, shape, seed)
    fitted = sm.NegativeBinomial(count, np.ones(n), exposure=exposure, loglike_method="nb2").fit(disp=0, maxiter=300)
    found = smoothed(count, exposure, per=1, method="likelihood")
    assert found.mean == pytest.approx(np.exp(fitted.params[0]), rel=1e-4)
    assert found.strength == pytest.approx(1 / fitted.params[1], rel=1e-3)


def test_the_likelihood_is_that_of_scipys_negative_binomial_but_for_a_constant():
    _, exposure, count = counts(40, 3, 4)
    points = [(2e-4, 3.0), (1e-4, 0.7), (3e-4, 50.0)]
    own = [rate_model.log_likelihood(count, exposure, np.log([m]), np.log([a]))[0] for m, a in points]
    theirs = [stats.nbinom.logpmf(count, a, a / (a + m * exposure)).sum() for m, a in points]
    assert np.diff(own) == pytest.approx(np.diff(theirs), rel=1e-9)


def test_moments_are_those_of_marshall_by_hand():
    """Rates 1, 2 and 6 of exposures 1, 1 and 2: mean 15/4; spread (1 (2.75)2 + 1 (1.75)2 + 2 (2.25)2) / 4; less mean / (4/3)."""
    count, exposure = [1, 2, 12], [1, 1, 2]
    found = smoothed(count, exposure, per=1, method="moments")
    mean = 15 / 4
    between = (2.75**2 + 1.75**2 + 2 * 2.25**2) / 4 - mean / (4 / 3)
    assert found.mean == pytest.approx(mean)
    assert found.strength == pytest.approx(mean**2 / between)
    shrunk = [mean + between / (between + mean / e) * (c / e - mean) for c, e in zip(count, exposure, strict=True)]
    assert found.rate == pytest.approx(shrunk)


def test_posteriors_integrated_on_our_grid_are_those_of_brute_force():
    """A fine grid over both parameters in place of Newton's steps and Gauss and Hermite's nodes."""
    _, exposure, count = counts(15, 3, 5, size=8000)
    middle = np.log(np.median(exposure) * count.sum() / exposure.sum())
    log_mean, log_shape = (g.ravel() for g in np.meshgrid(np.linspace(-10, -7, 300), middle + np.linspace(-8, 14, 400)))
    height = np.concatenate([rate_model.log_likelihood(count, exposure, log_mean[k : k + 5000], log_shape[k : k + 5000])
                             for k in range(0, len(log_mean), 5000)])  # fmt: skip
    away = log_shape - middle
    height += -np.logaddexp(0, away) - np.logaddexp(0, -away)
    weight = np.exp(height - height.max())
    weight /= weight.sum()
    shape, mean = np.exp(log_shape), np.exp(log_mean)
    found = smoothed(count, exposure, per=1)
    for k in (0, 7, 14):
        rate = exposure[k] + shape / mean
        middles = (count[k] + shape) / rate
        first = weight @ middles
        second = weight @ (middles / rate + middles**2)
        assert found.rate[k] == pytest.approx(first, rel=2e-3)
        assert found.std_error[k] == pytest.approx(np.sqrt(second - first**2), rel=5e-3)


def test_the_less_a_unit_counts_the_nearer_it_is_drawn_to_the_mean_of_all():
    _, exposure, count = counts(300, 4, 6)
    found = smoothed(count, exposure, method="likelihood")
    share = (found.rate - found.mean) / (1e5 * count / exposure - found.mean)
    order = np.argsort(exposure)
    assert (np.diff(share[order]) > -1e-9).all()
    assert share[order][-1] > 0.9


def test_large_counts_keep_their_rates_and_have_the_exact_interval():
    _, exposure, count = counts(50, 2, 7, size=5e8)
    found = smoothed(count, exposure)
    assert found.rate == pytest.approx(1e5 * count / exposure, rel=2e-3)
    assert found.low == pytest.approx(1e5 * garwood(count)[0] / exposure, rel=2e-3)


def test_rates_do_not_depend_on_the_order_of_units_or_the_unit_of_exposure():
    _, exposure, count = counts(30, 2, 8)
    found = smoothed(count, exposure)
    turned = smoothed(count[::-1], exposure[::-1] / 1000, per=100)
    assert turned.rate[::-1] == pytest.approx(found.rate, rel=1e-9)
    assert turned.low[::-1] == pytest.approx(found.low, rel=1e-8)


def test_units_that_do_not_differ_get_one_rate_by_moments_and_an_interval_when_integrated():
    found = smoothed([3, 3, 3, 3], [1000] * 4, method="moments")
    assert np.isinf(found.strength)
    assert found.rate.tolist() == pytest.approx([300] * 4)
    assert found.std_error.tolist() == [0] * 4
    integrated = smoothed([3, 3, 3, 3], [1000] * 4)
    assert integrated.rate.tolist() == pytest.approx([integrated.rate[0]] * 4)
    assert (integrated.low < 300).all()
    assert (integrated.high > 300).all()


def test_a_unit_without_a_count_has_no_rate_and_changes_no_other():
    _, exposure, count = counts(20, 2, 9)
    known = smoothed(count, exposure)
    more = smoothed(np.append(count.astype(float), np.nan), np.append(exposure, 5000))
    assert np.isnan(more.rate[-1])
    assert more.rate[:-1] == pytest.approx(known.rate, rel=1e-12)


def test_what_cannot_be_smoothed_is_refused():
    assert "no unit has an event" in problems(lambda: smoothed([0, 0], [10, 20]))[0]
    assert "from two units on" in problems(lambda: smoothed([4], [10]))[0]
    assert "Pool years first" in problems(lambda: smoothed([[1, 2], [3, 4]], [[5, 6], [7, 8]]))[0]
    assert "not above 0" in problems(lambda: smoothed([1, 2], [10, 0]))[0]


def test_intervals_hold_the_true_rates_as_often_as_they_say():
    """95 % intervals of 40 worlds of 50 cities; two standard errors of the simulation are about 1 point."""
    held = []
    for seed in range(40):
        rates, exposure, count = counts(50, 3, 100 + seed)
        found = smoothed(count, exposure, per=1)
        held.append(((found.low <= rates) & (rates <= found.high)).mean())
    assert np.mean(held) == pytest.approx(0.95, abs=0.015)
