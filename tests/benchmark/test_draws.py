"""Draws of the index: the errors of what is known, at the ends of a scale as inside it, and of what is imputed."""

import numpy as np
import pandas as pd
import pytest

from scale_impact.benchmark.change import compare
from scale_impact.benchmark.changing.errors import dimension_errors, measured_variance
from scale_impact.benchmark.cities import Cities, Context, Criterion
from scale_impact.benchmark.rank_bands import bands
from scale_impact.benchmark.robustness import examine
from scale_impact.benchmark.scores import score
from scale_impact.benchmark.scoring.imputation import imputed
from scale_impact.benchmark.scoring.uncertainty import positive
from scale_impact.errors import DesignError


def made(values, errors, *, direction="+", **criterion):
    """Cities whose indicators are dimensions of their own, on goalposts from 0 to 100 unless others are given."""
    values = np.asarray(values, dtype=float).reshape(len(values), -1)
    n, k = values.shape
    labels = tuple(f"city {j:03d}" for j in range(n))
    ends = {"worst": 0.0, "best": 100.0} if direction != "-" else {"worst": 100.0, "best": 0.0}
    criteria = tuple(Criterion(f"x{j}", f"x{j}", "", f"d{j}", direction, **(ends | criterion)) for j in range(k))
    return Cities(
        labels, criteria, values, Context(labels, (), pd.DataFrame(index=range(n))), np.full((n, k), float(errors))
    )


def passed(n, k, seed, least=0.85, most=0.95):
    """Chances, and two years in which nothing but luck differs; the error as the change between them shows it."""
    chances = np.random.default_rng(n).uniform(least, most, (n, k))
    rng = np.random.default_rng(seed)
    years = [100.0 * (rng.random((n, k)) < chances) for _ in range(2)]
    return chances.mean(axis=1), years, (years[1] - years[0]).std(ddof=1) / np.sqrt(2)


# ---- at the ends of a scale ----------------------------------------------------------------------------------------


def test_a_city_at_a_goalpost_is_as_unsure_as_one_between():
    found = score(made([100, 0, 50], 50), draws=20_000)
    assert found.index.tolist() == [100, 0, 50]
    assert found.std_errors == pytest.approx([50, 50, 50], rel=0.02)
    assert found.draws.mean(axis=0) == pytest.approx(found.index, abs=1.5)
    assert dimension_errors(found)[:, 0].tolist() == [50, 50, 50]
    assert measured_variance(found).tolist() == [2500, 2500, 2500]


def test_clipping_at_posts_changes_scores_and_no_error():
    cities = made(np.random.default_rng(1).uniform(-20, 120, (30, 2)), 5)
    clipped, free = score(cities, beyond="clip"), score(cities, normaliser="scaled")
    assert (clipped.draws - clipped.index) == pytest.approx(free.draws - free.index, abs=1e-4)


@pytest.mark.parametrize("distance", [-30.0, -0.1, 0.0, 0.1, 30.0])
def test_a_city_at_its_target_is_as_unsure_as_one_far_from_it(distance):
    cities = made([50 + distance, 10, 90], 4, direction="target", worst=0.0, best=None, target=50.0)
    found = score(cities, draws=5000)
    assert found.std_errors == pytest.approx([8, 8, 8], rel=0.05)
    assert dimension_errors(found)[:, 0] == pytest.approx([8, 8, 8])


@pytest.mark.parametrize("outliers", ["winsorise", "percentiles"])
def test_a_value_that_is_cut_keeps_its_error(outliers):
    values = np.r_[np.random.default_rng(0).normal(50, 3, 38), 95, 90]
    found = score(made(values, 4), outliers=outliers, draws=5000)
    assert found.treated[38, 0] < 95
    assert found.std_errors == pytest.approx(np.full(40, 4), rel=0.06)


def test_tests_that_are_passed_or_failed_tell_no_city_from_another_by_luck():
    wrong, covered = [], []
    for seed in range(40):
        truth, (_, now), error = passed(25, 4, seed)
        found = score(made(now, error), seed=seed, draws=300)
        seen = bands(found.cities.labels, found.index, draws=found.draws)
        best, last = 1 + (truth > truth[:, None]).sum(axis=1), (truth >= truth[:, None]).sum(axis=1)
        covered.append(((seen.low_all <= best) & (last <= seen.high_all)).all())
        wrong.append((seen.beats & (truth[:, None] < truth)).any())
        assert not any("another scale" in n for n in seen.notes)
    assert np.mean(covered) >= 0.9
    assert np.mean(wrong) <= 0.1


def test_luck_in_two_years_is_no_change():
    moved, found_one = [], []
    for seed in range(20):
        _, years, error = passed(60, 4, seed, 0.3, 0.7)
        found = compare({y: score(made(v, error), seed=y) for y, v in zip((2019, 2021), years, strict=True)})
        moved.append((found.p_values < 0.05).mean())
        found_one.append((found.p_all < 0.05).any())
    assert 0.02 < np.mean(moved) < 0.09
    assert np.mean(found_one) <= 0.1


# ---- scales that the cities define ------------------------------------------------------------------------------


SCALES = {
    "goalposts": lambda x, sign: np.ones_like(x),
    "scaled": lambda x, sign: np.ones_like(x),
    "minmax": lambda x, sign: np.full_like(x, 100 / np.ptp(x)),
    "distance_to_best": lambda x, sign: np.full_like(x, 100 / np.ptp(x)),
    "zscore": lambda x, sign: np.full_like(x, 1 / x.std(ddof=1)),
    "distance_to_target": lambda x, sign: np.full_like(x, 100 / (100 - x.min() if sign == "+" else x.max())),
    "fraction_of_best": lambda x, sign: np.full_like(x, 100 / x.max()) if sign == "+" else 100 * x.min() / x**2,
}


@pytest.mark.parametrize("sign", ["+", "-"])
@pytest.mark.parametrize("normaliser", SCALES)
def test_errors_have_the_slope_of_the_scale_that_the_values_made(normaliser, sign):
    x = np.array([12.0, 20, 35, 50, 61, 80, 93])
    found = score(made(x, 2.0, direction=sign), normaliser=normaliser)
    wanted = 2 * SCALES[normaliser](x, sign)
    assert dimension_errors(found)[:, 0] == pytest.approx(wanted, rel=1e-12)
    assert found.std_errors == pytest.approx(wanted, rel=0.12)


@pytest.mark.parametrize("normaliser", ["minmax", "zscore", "percentile", "rank"])
def test_no_draw_makes_the_scale_again(normaliser):
    """Large errors widen the range of each draw; on a scale made again all differences would shrink."""
    x = np.random.default_rng(3).normal(50, 4, 60)
    found = score(made(x, 4.0), normaliser=normaliser, draws=4000)
    slope = np.polyfit(found.index, found.draws.mean(axis=0), 1)[0]
    assert slope == pytest.approx(1, abs=0.03)
    assert not any("another scale" in n for n in bands(found.cities.labels, found.index, draws=found.draws).notes)


def test_the_first_and_the_last_of_a_scale_of_places_may_be_off_too():
    found = score(made([10, 20, 30, 40, 50], 10.0), normaliser="percentile")
    assert dimension_errors(found)[:, 0] == pytest.approx([25] * 5)
    assert any("scale of places" in n for n in found.notes)


# ---- logarithms and means that need values above 0 ------------------------------------------------------------


def test_an_error_in_logarithms_is_relative_whatever_the_value():
    x = np.array([100.0, 500, 2000, 70_000])
    cities = made(x, 50.0, worst=100.0, best=75_000.0)
    wanted = 100 * np.sqrt(np.log1p((50 / x) ** 2)) / np.log(750)
    found = score(cities, outliers="log", draws=20_000)
    assert found.std_errors == pytest.approx(wanted, rel=0.03)
    assert dimension_errors(found)[:, 0] == pytest.approx(wanted, rel=1e-12)


def test_scores_of_a_geometric_mean_stay_above_zero_and_err_both_ways_alike():
    scores = np.array([1.0, 20.0, 100.0])
    away = np.random.default_rng(0).normal(0, 30, (4000, 3))
    moved = positive(scores, away)
    assert moved.min() > 0
    assert np.log(moved / scores) == pytest.approx(np.arcsinh(away / scores), abs=1e-9)
    assert positive(scores, np.full(3, 1e-4)) == pytest.approx(scores + 1e-4, abs=1e-7)
    assert np.isnan(positive(np.array([np.nan]), np.zeros(1))).all()


@pytest.mark.parametrize("mean", ["geometric", "harmonic"])
def test_draws_of_other_means_have_their_first_order_error(mean):
    x = np.random.default_rng(2).uniform(20, 90, (30, 3))
    found = score(made(x, 2.0), aggregation=mean, draws=8000)
    slope = {"geometric": lambda i: i[:, None] / x / 3, "harmonic": lambda i: (i[:, None] / x) ** 2 / 3}[mean]
    assert found.std_errors == pytest.approx(2 * np.sqrt((slope(found.index) ** 2).sum(axis=1)), rel=0.04)


def test_a_geometric_mean_of_dimensions_has_draws_where_an_indicator_stands_at_zero():
    cities = made(np.r_[[[0.0, 40, 50]], np.random.default_rng(1).uniform(10, 90, (9, 3))], 20.0)
    one = tuple(
        c.__class__(**{**c.__dict__, "dimension": "d0" if k < 2 else "d1"}) for k, c in enumerate(cities.criteria)
    )
    cities = cities.__class__(**{**cities.__dict__, "criteria": one})
    found = score(cities, across="geometric")
    assert (found.draws > 0).all()
    assert np.isfinite(examine(found, draws=200, choices=[], leavers=1, joint=True).acceptability.counts).all()


# ---- what is imputed ------------------------------------------------------------------------------------------


def gaps(seed=0):
    rng = np.random.default_rng(seed)
    x = 50 + 6 * (0.6 * rng.standard_normal((40, 1)) + 0.8 * rng.standard_normal((40, 4)))
    x[:10, 1] = np.nan
    return made(x, 0.0)


def test_no_imputation_stands_in_two_draws():
    found = score(gaps(), imputations=25, coverage_in_dimension=0)
    assert found.draws.shape == (25, 40)
    assert len(np.unique(found.draws[:, 0])) == 25
    assert any("25 draws in place of 500" in n for n in found.notes)
    assert score(gaps(), coverage_in_dimension=0).draws.shape == (500, 40)


def test_draws_have_the_total_variance_of_imputation():
    found = score(gaps(), imputations=25, coverage_in_dimension=0)
    between = imputed(found.cities, found.recipe).drawn.std(axis=0, ddof=1)
    assert found.std_errors[:10] == pytest.approx(between / 4 * np.sqrt(1 + 1 / 25), rel=1e-9)
    assert dimension_errors(found)[:10, 1] == pytest.approx(between * np.sqrt(1 + 1 / 25), rel=1e-9)


def test_too_few_imputations_for_any_interval_are_refused():
    with pytest.raises(DesignError, match=r"imputations is 5\. Give 20 or more"):
        score(gaps(), imputations=5, coverage_in_dimension=0)
