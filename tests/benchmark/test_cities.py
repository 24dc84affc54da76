"""Cities: one table, amounts per head, small counts, periods; and what is wrong with a table, all at once."""

import numpy as np
import pandas as pd
import pytest

from scale_impact.benchmark.cities import Cities, ContextColumn, Criterion
from scale_impact.benchmark.scores import score
from scale_impact.core.catalogue.indicator import Indicator
from scale_impact.core.catalogue.small_counts import smoothed
from scale_impact.errors import DataError
from tests.panels import shared


def problems(of):
    with pytest.raises(DataError) as caught:
        of()
    return list(caught.value.problems)


def table(**columns):
    """Five cities, by default with jobs, deaths and inhabitants."""
    usual = {
        "city": ["Aa", "Bb", "Cc", "Dd", "Ee"], "jobs": [10.0, 20.0, 30.0, 10.0, 5.0], "deaths": [0.0, 1.0, 4.0, 2.0, 9.0],
        "people": [1000.0, 4000.0, 5000.0, 2000.0, 10_000.0], "region": ["n", "n", "s", "s", None], "height": [3.0, 9.0, 1.0, 7.0, 4.0],
    }  # fmt: skip
    return pd.DataFrame({**usual, **columns})


JOBS = Criterion("jobs", "Jobs", "per 1,000", "economy", "+", per="people", factor=1000)
DEATHS = Criterion("deaths", "Deaths", "per 100,000", "health", "-", exposure="people", factor=100_000)


def made(frame=None, criteria=(JOBS,), **options):
    return Cities.from_frame(table() if frame is None else frame, city="city", criteria=criteria, **options)


# ---- what stands in the values ----------------------------------------------------------------------------------


def test_an_amount_is_divided_and_multiplied():
    cities = made()
    assert cities.values[:, 0].tolist() == pytest.approx([10, 5, 6, 5, 0.5])
    assert cities.std_errors is None


def test_its_standard_error_is_too():
    cities = made(table(se=[1.0, 2.0, 0.0, 1.0, 1.0]), std_errors={"jobs": "se"})
    assert cities.std_errors[:, 0].tolist() == pytest.approx([1, 0.5, 0, 0.5, 0.1])


def test_an_amount_over_an_unknown_number_is_unknown_and_it_is_said():
    cities = made(
        table(people=[1000, None, 5000, 2000, 10_000]), (JOBS, Criterion("height", "Height", "m", "land", "+"))
    )
    assert np.isnan(cities.values[1, 0])
    assert cities.notes == ("jobs: 1 value is not known, because people is not.",)


def test_small_counts_become_smoothed_rates_with_their_standard_errors():
    cities = made(criteria=(JOBS, DEATHS))
    wanted = smoothed(table()["deaths"], table()["people"])
    assert cities.values[:, 1].tolist() == pytest.approx(wanted.rate)
    assert cities.std_errors[:, 1].tolist() == pytest.approx(wanted.std_error)
    assert cities.std_errors[:, 0].tolist() == [0] * 5
    assert "drawn towards the mean" in cities.notes[0]


def test_draws_of_a_small_count_are_never_negative_and_have_its_mean_and_standard_error():
    criterion = Criterion(
        "deaths", "Deaths", "per 100,000", "health", "-", exposure="people", factor=100_000, worst=1e6, best=0
    )
    cities = made(criteria=(criterion,))
    found = score(cities, draws=20_000)
    rates = (100 - found.draws) * 1e4
    assert rates.min() >= 0
    assert rates.mean(axis=0) == pytest.approx(cities.values[:, 0], rel=0.03)
    assert rates.std(axis=0) == pytest.approx(cities.std_errors[:, 0], rel=0.05)


# ---- periods ----------------------------------------------------------------------------------------------------


def years():
    """Three years of four cities; deaths 1, 2, 3, ... of one year are known."""
    rows = [
        {
            "city": c,
            "year": y,
            "deaths": float(k + y - 2019),
            "people": 1000.0 * (k + 1),
            "jobs": float(10 * k + y),
            "height": float(k * k),
        }
        for k, c in enumerate(["Aa", "Bb", "Cc", "Dd"])
        for y in (2019, 2020, 2021)
    ]
    return pd.DataFrame(rows)


POOLED = Criterion("deaths", "Deaths", "per 100,000", "health", "-", exposure="people", factor=100_000, years=2)


def test_years_of_a_count_are_pooled_and_other_columns_are_of_the_last_one():
    height = Criterion("height", "Height", "m", "land", "+")
    cities = made(years(), (POOLED, height), period="year")
    wanted = smoothed([3.0, 5.0, 7.0, 9.0], [2000.0, 4000.0, 6000.0, 8000.0])
    assert cities.labels == ("Aa", "Bb", "Cc", "Dd")
    assert cities.values[:, 0].tolist() == pytest.approx(wanted.rate)
    assert cities.values[:, 1].tolist() == [0, 1, 4, 9]
    assert cities.criteria[0] == POOLED
    earlier = made(years(), (POOLED, height), period="year", at=2020)
    assert earlier.values[:, 0].tolist() == pytest.approx(
        smoothed([1.0, 3.0, 5.0, 7.0], [2000.0, 4000.0, 6000.0, 8000.0]).rate
    )


def test_a_year_without_count_or_exposure_is_left_out_of_both():
    frame = years()
    frame.loc[(frame["city"] == "Bb") & (frame["year"] == 2021), "people"] = np.nan
    cities = made(frame, (POOLED, Criterion("height", "Height", "m", "land", "+")), period="year")
    assert cities.values[:, 0].tolist() == pytest.approx(
        smoothed([3.0, 2.0, 7.0, 9.0], [2000.0, 2000.0, 6000.0, 8000.0]).rate
    )


def test_a_city_without_a_row_of_the_period_is_named():
    frame = years().query("not (city == 'Cc' and year == 2021)")
    cities = made(frame, (Criterion("height", "Height", "m", "land", "+"),), period="year")
    assert cities.labels == ("Aa", "Bb", "Dd")
    assert cities.notes == ("Cc: no row of 2021, so not among the cities.",)


def test_the_table_is_not_changed():
    frame = years()
    before = frame.copy(deep=True)
    made(frame, (POOLED,), period="year")
    pd.testing.assert_frame_equal(frame, before)


def test_the_order_of_rows_does_not_matter():
    frame = years()
    turned = frame.sample(frac=1, random_state=3)
    a, b = (made(f, (POOLED, Criterion("height", "Height", "m", "land", "+")), period="year") for f in (frame, turned))
    place = [b.labels.index(label) for label in a.labels]
    assert a.values == pytest.approx(b.values[place], rel=1e-12)


# ---- what is wrong ----------------------------------------------------------------------------------------------


def test_zero_and_negative_numbers_to_divide_by_are_named():
    said = problems(lambda: made(table(people=[0, -3, 5000, 2000, 10_000])))
    assert said == [
        "jobs: people, by which it is divided, is zero or below: Aa (0), Bb (-3). Correct it, or leave it empty where it is not known."
    ]


def test_counts_that_are_none_are_named():
    assert "Bb (1.5)" in problems(lambda: made(table(deaths=[0, 1.5, 4, 2, 9]), (DEATHS,)))[0]
    assert "Aa (-1)" in problems(lambda: made(table(deaths=[-1, 1, 4, 2, 9]), (DEATHS,)))[0]
    assert "no city has an event" in problems(lambda: made(table(deaths=[0.0] * 5), (DEATHS,)))[0]


def test_columns_that_are_not_there_are_named_with_their_role_and_the_nearest_name():
    from dataclasses import replace

    said = problems(
        lambda: made(criteria=(replace(JOBS, per="peple"), replace(DEATHS, exposure="persons")), period="yr")
    )
    assert said[0] == "per of jobs: the table has no column 'peple'. Did you mean 'people'?"
    assert said[1].startswith("exposure of deaths: the table has no column 'persons'.")
    assert said[2].startswith("period: the table has no column 'yr'.")


def test_roles_that_exclude_each_other_are_refused():
    from dataclasses import replace

    assert "per and exposure" in problems(lambda: made(criteria=(replace(DEATHS, per="people"),)))[0]
    assert (
        "standard error follows from the count"
        in problems(lambda: made(criteria=(DEATHS,), std_errors={"deaths": "height"}))[0]
    )
    assert "factor is 0" in problems(lambda: made(criteria=(replace(JOBS, factor=0.0),)))[0]


def test_more_years_than_there_are_and_periods_that_are_not_there_are_refused():
    from dataclasses import replace

    assert (
        "5 years are to be pooled, and the table has 3"
        in problems(lambda: made(years(), (replace(POOLED, years=5),), period="year"))[0]
    )
    assert (
        "2 years are to be pooled, and no column of periods"
        in problems(lambda: made(criteria=(replace(DEATHS, years=2),)))[0]
    )
    assert "2031 is no year" in problems(lambda: made(years(), (POOLED,), period="year", at=2031))[0]
    twice = pd.concat([years(), years().iloc[[4]]])
    assert "Bb in 2020 stands in more than one row" in problems(lambda: made(twice, (POOLED,), period="year"))[0]


def test_one_city_a_city_twice_and_one_without_a_name_are_refused():
    assert "1 city" in problems(lambda: made(table().iloc[:1]))[0]
    assert "Aa stands in more than one row" in problems(lambda: made(table(city=["Aa", "Aa", "Cc", "Dd", "Ee"])))[0]
    assert "without a name" in problems(lambda: made(table(city=["Aa", None, "Cc", "Dd", "Ee"])))[0]


def test_an_indicator_without_direction_is_refused():
    indicator = Indicator("height", "Height", "context", "metres above the sea", "m", "context")
    assert "no city can be better by it" in problems(lambda: Criterion.of(indicator, "height"))[0]


def test_a_criterion_of_the_catalogue_keeps_what_it_is_divided_by():
    indicator = Indicator("jobs", "Jobs", "economy", "jobs", "per 1,000", "+")
    found = Criterion.of(indicator, "jobs", goalposts=(0, 50), per="people", factor=1000)
    assert (found.per, found.factor, found.worst, found.best) == ("people", 1000, 0, 50)


def test_constant_and_empty_indicators_and_cities_without_values_are_refused_together():
    frame = table(jobs=[None, 5, 5, 5, 5], height=[None, 1, 2, 3, 4])
    frame["none"] = np.nan
    criteria = [Criterion(c, c, "u", "one", "+") for c in ("jobs", "height", "none")]
    said = problems(lambda: made(frame, criteria))
    assert len(said) == 3
    assert "Aa: no indicator has a value" in said[0]
    assert "jobs: all cities have 5" in said[1]
    assert "none: no city has a value" in said[2]


def test_a_rate_that_is_the_same_everywhere_is_constant():
    frame = table(jobs=[1.0, 4.0, 5.0, 2.0, 10.0])
    assert "jobs: all cities have 1" in problems(lambda: made(frame))[0]


def test_context_that_holds_an_indicator_is_refused_with_the_correlation():
    frame = table(copy=[3.1, 8.9, 1.0, 7.0, 4.1])
    said = problems(
        lambda: made(frame, (Criterion("height", "Height", "m", "land", "+"),), context=[ContextColumn("copy")])
    )
    assert "correlation 1.000" in said[0]
    assert "Leave it out of the context" in said[0]


def test_a_text_where_a_number_has_to_be_is_named():
    said = problems(lambda: made(table(people=["1000", "many", "1", "2", "3"])))
    assert said == ["people: 'many' is no number (1 row). Write a number, or nothing."]


def test_some_cities_keep_their_values_context_and_errors():
    cities = made(criteria=(JOBS, DEATHS), context=[ContextColumn("region", kind="group"), ContextColumn("height")])
    found = cities.take([3, 0])
    assert found.labels == ("Dd", "Aa")
    assert found.values.tolist() == cities.values[[3, 0]].tolist()
    assert found.std_errors.tolist() == cities.std_errors[[3, 0]].tolist()
    assert found.context.frame["region"].tolist() == ["s", "n"]
    assert found.context.values()[:, 0].tolist() == [7, 3]


def test_municipalities_of_several_years_are_those_of_the_one_asked_for():
    parts = [pd.read_csv(shared(f"data/chile_egov_benchmark/local_gov_indicators_{y}.csv")) for y in (2019, 2021)]
    frame = pd.concat(parts).dropna(subset=["internet_con"])
    criteria = [Criterion("internet_con", "connections", "per 100", "technology", "+", per="itpc", factor=100)]
    for at, part in zip((2019, 2021), parts, strict=True):
        cities = Cities.from_frame(
            frame, city="cut_com", criteria=criteria, period="year", at=at, context=[ContextColumn("icar007")]
        )
        wanted = part.dropna(subset=["internet_con"]).set_index("cut_com")
        ratio = 100 * wanted["internet_con"] / wanted["itpc"]
        assert cities.values[:, 0] == pytest.approx(ratio.to_numpy(), nan_ok=True)
        assert cities.labels == tuple(str(c) for c in wanted.index)
