"""Cities: one table, amounts per head, small counts, periods; and what is wrong with a table, all at once."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

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
    height = np.arange(12.0) ** 2
    frame = pd.DataFrame(
        {"city": [f"c{k}" for k in range(12)], "height": height, "copy": height + 0.1, "order": np.exp(height / 9)}
    )
    said = problems(lambda: made(frame, (HEIGHT,), context=["copy", "order"]))
    assert "context: copy has the correlation 1.000 with the indicator height" in said[0]
    assert "Leave it out of the context" in said[0]
    assert "context: order has the correlation 1.000" in said[1]


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


# ---- criteria and context as they are written ----------------------------------------------------------------------


def judged(direction="+", **more):
    return made(criteria=(Criterion("height", "Height", "m", "land", direction, **more),))


@pytest.mark.parametrize("word", ["less", "down", "more", "-1", "", None, 1])
def test_a_direction_that_is_none_is_refused_with_the_words_that_are(word):
    assert problems(lambda: judged(word)) == [
        f"height: its direction is {word!r}. Write '+' (more is better), '-' (less is better) or 'target' (best at its target)."
    ]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"direction": "target"}, "it is best at a target, and none is given. Write target=..., the best value."),
        ({"direction": "target", "target": np.nan}, "target is nan. Write a number, or nothing where there is none."),
        ({"direction": "target", "target": 5, "worst": 5}, "worst and target are 5. The worst value has to lie away from the target."),
        (
            {"direction": "target", "target": 5, "worst": 0, "best": 6},
            "best is 6, and the target is 5. The best value is the target: leave best out.",
        ),
        ({"best": 5}, "its goalpost best is 5, and worst is not given. Give both, or neither."),
        ({"worst": 5}, "its goalpost worst is 5, and best is not given. Give both, or neither."),
        ({"worst": 5, "best": 5}, "worst is 5 and best is 5, and its direction is + (more is better). Correct the one or the other."),
        ({"worst": 9, "best": 5}, "worst is 9 and best is 5, and its direction is + (more is better). Correct the one or the other."),
        (
            {"direction": "-", "worst": 1, "best": 5},
            "worst is 1 and best is 5, and its direction is - (less is better). Correct the one or the other.",
        ),
        ({"worst": np.nan, "best": 5}, "worst is nan. Write a number, or nothing where there is none."),
        ({"worst": 0, "best": np.inf}, "best is inf. Write a number, or nothing where there is none."),
        ({"worst": "0", "best": 5}, "worst is '0'. Write a number, or nothing where there is none."),
        ({"weight": 0}, "its weight is 0. Write a number above 0, or leave the indicator out."),
        ({"weight": -1.0}, "its weight is -1.0. Write a number above 0, or leave the indicator out."),
        ({"weight": np.nan}, "its weight is nan. Write a number above 0, or leave the indicator out."),
    ],
)  # fmt: skip
def test_targets_goalposts_and_weights_that_cannot_be_are_refused(more, said):
    assert problems(lambda: judged(**more)) == [f"height: {said}"]


def test_all_criteria_that_are_wrong_are_told_at_once():
    wrong = [Criterion("jobs", "Jobs", "n", "economy", "up"), Criterion("height", "Height", "m", "land", "-", worst=3)]
    assert [p.split(":")[0] for p in problems(lambda: made(criteria=[*wrong, "deaths"], context=[7]))] == [
        "jobs", "height", "criteria", "context",
    ]  # fmt: skip


def test_goalposts_in_the_right_order_with_numbers_of_numpy_are_taken():
    assert judged("-", worst=np.float64(10), best=np.int64(0)).criteria[0].worst == 10
    assert judged("target", target=5, worst=0, best=5).criteria[0].target == 5


def test_a_name_is_no_criterion_and_it_is_said_what_to_write():
    assert (
        "criteria: 'height' says not what is better. Write Criterion('murders', "
        in problems(lambda: made(criteria=["height"]))[0]
    )
    assert "it should be a list of criteria" in problems(lambda: made(criteria="height"))[0]
    assert "criteria: it is 'jobs', and it should be a list" in problems(lambda: made(criteria=JOBS))[0]


def test_a_name_is_a_column_of_numbers_of_the_context():
    cities = made(context=["height", ContextColumn("region", kind="group")])
    assert cities.context.columns == (ContextColumn("height"), ContextColumn("region", kind="group"))
    assert cities.context.numbers == ("height",)


def test_a_context_of_names_says_what_it_has_to_be_called():
    assert problems(lambda: made(context=["region"])) == [
        "region: 'n' is no number (4 rows). Write a number, or nothing. A context of names, of which only equality counts, has the kind 'group'."
    ]


def test_a_context_of_an_unknown_kind_is_refused_and_not_dropped():
    assert problems(lambda: made(context=[ContextColumn("region", kind="category"), "height", "height"])) == [
        "context: region has the kind 'category'. Write 'number' (a number) or 'group' (of which only equality counts, such as a region).",
        "context: height stands here twice. Leave one out.",
    ]
    assert "it should be a list" in problems(lambda: made(context="height"))[0]


# ---- values that are no numbers, and rates at the level of rounding ----------------------------------------------


HEIGHT = Criterion("height", "Height", "m", "land", "+")


@pytest.mark.parametrize(
    "values",
    [
        pd.to_datetime(["2001-01-01", None, "2003-01-01", "2004-01-01", "2005-01-01"]),
        pd.to_timedelta([1, None, 3, 4, 5], unit="D"),
        pd.period_range("2001", periods=5, freq="Y"),
        [date(2001, 1, 1), None, date(2003, 1, 1), date(2004, 1, 1), date(2005, 1, 1)],
    ],
)
@pytest.mark.parametrize("role", ["context", "indicator", "std_error", "per", "exposure"])
def test_dates_and_spans_of_time_are_no_numbers_in_any_role(values, role):
    frame = table(opened=values)
    asked = {
        "context": lambda: made(frame, (HEIGHT,), context=["opened"]),
        "indicator": lambda: made(frame, (HEIGHT, Criterion("opened", "Opened", "n", "land", "+"))),
        "std_error": lambda: made(frame, (HEIGHT,), std_errors={"height": "opened"}),
        "per": lambda: made(frame, (replace(HEIGHT, per="opened"),)),
        "exposure": lambda: made(frame, (replace(DEATHS, exposure="opened"),)),
    }[role]
    assert "opened: it holds dates or times, no numbers" in problems(asked)[0]


def test_complex_numbers_and_texts_of_digits_are_no_numbers():
    assert "height: (1+2j) is no number" in problems(lambda: made(table(height=[1 + 2j, 2, 3, 4, 5]), (HEIGHT,)))[0]
    said = problems(lambda: made(table(height=["1", "2", "3", "4", "5"]), (HEIGHT,)))
    assert said == ["height: '1' is a text, no number (5 rows). Write a number, or nothing."]


@pytest.mark.parametrize(
    "values",
    [
        pd.array([3, None, 1, 7, 4], dtype="Int64"),
        pd.array([3, None, 1, 7, 4], dtype="Float64"),
        [Decimal(3), None, Decimal(1), Decimal(7), Decimal(4)],
        pd.Series([3, None, 1, 7, 4], dtype=object),
        pd.Categorical([3, None, 1, 7, 4]),
        [Fraction(3), None, 1, np.int8(7), np.float32(4)],
    ],
)
def test_numbers_of_any_type_are_taken_and_nothing_stays_nothing(values):
    found = made(table(wide=values), (Criterion("wide", "Wide", "m", "land", "+"), HEIGHT), context=[])
    assert found.values[:, 0].tolist() == pytest.approx([3, np.nan, 1, 7, 4], nan_ok=True)


@pytest.mark.parametrize("values", [[True, False, None, True, False], pd.array([1, 0, None, 1, 0], dtype="boolean")])
def test_truth_values_are_ones_and_zeros(values):
    found = made(table(seat=values), (HEIGHT,), context=["seat"]).context.values()[:, 0]
    assert found.tolist() == pytest.approx([1, 0, np.nan, 1, 0], nan_ok=True)


def test_a_whole_number_beyond_all_floats_is_infinite():
    said = problems(lambda: made(table(height=pd.Series([10**400, 1, 2, 3, 4], dtype=object)), (HEIGHT,)))
    assert said == ["height: it holds an infinite value. Write a number, or nothing."]


def test_equal_rates_are_equal_to_the_last_bit_and_refused_as_constant():
    people = np.random.default_rng(0).integers(1, 10**6, 40) * 100.0
    frame = pd.DataFrame({"city": [f"c{k}" for k in range(40)], "jobs": people * 7 / 100, "people": people})
    assert "jobs: all cities have 70" in problems(lambda: made(frame))[0]
    frame.loc[0, "jobs"] *= 2
    found = made(frame).values[1:, 0]
    assert len(set(found.tolist())) == 1


def test_a_spread_of_rounding_is_none():
    frame = table(height=[0.3, 0.1 + 0.2, 0.3, 0.3, 0.3])
    assert "height: all cities have 0.3" in problems(lambda: made(frame, (HEIGHT,)))[0]


def test_a_rate_beyond_all_numbers_is_refused():
    criterion = replace(JOBS, factor=1e10)
    assert "beyond all numbers" in problems(lambda: made(table(jobs=[1e300, 1, 2, 3, 4]), (criterion,)))[0]


# ---- tables that are none, periods without order ------------------------------------------------------------------


def test_what_is_no_table_is_refused():
    assert "frame: it is a list" in problems(lambda: made([1, 2]))[0]


def test_a_column_that_stands_in_the_table_twice_is_refused():
    frame = pd.concat([table(), table()[["jobs"]]], axis=1)
    assert problems(lambda: made(frame)) == [
        "indicator: the table has 2 columns 'jobs'. Give each column a name of its own."
    ]


@pytest.mark.parametrize("role", ["per", "exposure"])
def test_a_text_below_is_refused_beside_all_else_in_tables_of_several_years(role):
    frame = pd.concat([table(year=2020), table(year=2021)])
    said = problems(
        lambda: made(
            frame, (Criterion("deaths", "D", "n", "health", "-", **{role: "region"}), JOBS), period="year", at=1999
        )
    )
    assert said[0] == "region: 'n' is no number (8 rows). Write a number, or nothing."
    assert "at: 1999 is no year" in said[1]


def test_periods_of_several_kinds_and_none_at_all_are_refused():
    frame = pd.concat([table(year=2020), table(year="2021")])
    assert "year: it holds values of several kinds (int, str)" in problems(lambda: made(frame, period="year"))[0]
    assert problems(lambda: made(table(year=np.nan), period="year")) == [
        "year: no row has a period. Fill the column in, or name another."
    ]


def test_small_counts_without_what_they_happened_to_are_named():
    said = problems(lambda: made(table(people=[1000, None, None, None, None]), (DEATHS,)))
    assert said == ["deaths: 1 city has both a count and people; two are needed. Fill them in."]


# ---- leaks ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [4, 5])
def test_context_of_few_cities_is_no_indicator_by_chance(n):
    rng = np.random.default_rng(n)
    for _ in range(40):
        frame = pd.DataFrame(
            {"city": [f"c{k}" for k in range(n)], "height": rng.normal(size=n), "p": rng.lognormal(size=n)}
        )
        made(frame, (HEIGHT,), context=["p"])


def test_context_of_few_cities_that_is_the_indicator_in_another_unit_is_refused():
    frame = table(feet=np.array([3.0, 9.0, 1.0, 7.0, 4.0]) * 3.28 + 2)
    assert "correlation 1.000" in problems(lambda: made(frame, (HEIGHT,), context=["feet"]))[0]


def test_a_line_through_two_values_is_no_leak():
    frame = table(height=[0.0, 1.0, 1.0, 0.0, 1.0], seat=[1.0, 0.0, 0.0, 1.0, 0.0])
    assert made(frame, (HEIGHT,), context=["seat"]).context.numbers == ("seat",)


def test_the_columns_with_gaps_are_named_the_emptiest_first():
    frame = table(dens=np.nan, height=[1, 2, None, 4, 5])
    found = made(frame, context=["height", "dens", ContextColumn("region", kind="group")]).context
    assert found.gaps() == [
        "dens is not known of any city", "height is not known of 1 city", "region is not known of 1 city",
    ]  # fmt: skip
