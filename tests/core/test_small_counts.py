"""Pooled rates of small counts, with exact Poisson intervals."""

import numpy as np
import pytest
from scipy import stats

from scale_impact.core.catalogue.small_counts import garwood, pooled
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
