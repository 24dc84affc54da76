"""Rows in time made one a unit and period: rules by hand, in any order of rows, from frames and from Parquet files."""

import math

import duckdb
import numpy as np
import pandas as pd
import pytest

from scale_impact.core.building.aggregation import Rows, aggregated
from scale_impact.core.building.recipe import Aggregate
from scale_impact.core.streams_parquet import ParquetTable
from scale_impact.errors import DataError


def daily(values, city="A", first="2024-01-01"):
    days = pd.date_range(first, periods=len(values))
    return pd.DataFrame({"city": city, "day": days, "no2": np.array(values, dtype=float)})


def monthly(frame, rules=None, columns=None, **how):
    rules = rules or {"no2": "mean"}
    columns = columns or dict.fromkeys(rules, "no2")
    found = aggregated(Rows(frame, "city", "day", columns), Aggregate(to=how.pop("to", "month"), rules=rules, **how))
    return found.frame


def problem(frame, rules=None, columns=None, **how):
    with pytest.raises(DataError) as caught:
        monthly(frame, rules, columns, **how)
    return "\n".join(caught.value.problems)


def test_each_rule_is_that_of_arithmetic():
    frame = daily([3, 1, np.nan, 8, 5])
    rules = {
        "mean": "mean", "sum": "sum", "max": "max", "min": "min", "median": "median", "count": "count", "first": "first",
        "last": "last", "above": {"share_above": 3}, "below": {"share_below": 3},
    }  # fmt: skip
    row = monthly(frame, rules).iloc[0]
    assert row["day"] == "2024-01"
    expected = [4.25, 17, 8, 1, 4, 4, 3, 5, 0.5, 0.25]
    assert row[list(rules)].tolist() == expected


@pytest.mark.parametrize(
    ("to", "label"),
    [
        ("day", pd.Timestamp("2024-12-30")),
        ("week", "2025W01"),
        ("month", "2024-12"),
        ("quarter", "2024Q4"),
        ("year", 2024),
    ],
)
def test_periods_are_labelled_as_their_calendar_says(to, label):
    assert monthly(daily([1.0], first="2024-12-30"), to=to)["day"].tolist() == [label]


def test_the_result_does_not_depend_on_the_order_of_rows_or_on_threads(monkeypatch):
    rng = np.random.default_rng(1)
    n = 200_000
    frame = pd.DataFrame({
        "city": rng.choice(["A", "B", "C"], n), "day": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 700, n), unit="D"),
        "no2": rng.lognormal(0, 3, n),
    })  # fmt: skip
    rules = {c: c for c in ("mean", "sum", "median", "first", "last", "max")}
    columns = dict.fromkeys(rules, "no2")
    results = []
    for threads, seed in (("1", None), ("2", 3), ("4", 4)):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        shuffled = frame if seed is None else frame.sample(frac=1, random_state=seed)
        results.append(monthly(shuffled, rules, columns, repeated="pool"))
    pd.testing.assert_frame_equal(results[0], results[1], check_exact=True)
    pd.testing.assert_frame_equal(results[0], results[2], check_exact=True)
    month = frame["day"].dt.strftime("%Y-%m")
    exact = frame.groupby([frame["city"], month])["no2"].agg(math.fsum)
    # fsum is the exact sum rounded once; here the exact sum is rounded at most twice
    assert np.allclose(results[0]["sum"], exact, rtol=3e-16, atol=0)


def test_sums_of_numbers_of_very_different_size_keep_their_digits():
    frame = daily([1e12, 1e-3, -1e12, 2e-3])
    assert monthly(frame, {"sum": "sum"})["sum"].tolist() == [pytest.approx(3e-3, rel=1e-12)]


@pytest.mark.parametrize("size", [1e300, 1.0, 1e-300, 5e-324])
def test_means_of_the_largest_and_smallest_numbers_are_exact(size):
    assert monthly(daily([size, size, size]))["no2"].tolist() == [size]


def test_parquet_files_give_what_a_frame_gives(tmp_path):
    rng = np.random.default_rng(2)
    frame = pd.concat([daily(rng.normal(30, 5, 400).round(2), city) for city in "ABC"], ignore_index=True)
    frame.iloc[:200].to_parquet(tmp_path / "a.parquet")
    frame.iloc[200:].to_parquet(tmp_path / "b.parquet")
    table = ParquetTable.of(tmp_path)
    rules = {"mean": "mean", "median": "median", "over": {"share_above": 30}}
    pd.testing.assert_frame_equal(monthly(table, rules), monthly(frame, rules), check_exact=True)


def test_nan_in_parquet_files_is_missing(tmp_path):
    path = tmp_path / "a.parquet"
    con = duckdb.connect()
    con.execute(
        "COPY (SELECT 'A' AS city, DATE '2024-01-01' + INTERVAL (i) DAY AS day, CASE WHEN i = 1 THEN 'nan'::DOUBLE ELSE i END AS no2 "
        f"FROM range(3) t(i)) TO '{path}'"
    )
    row = monthly(ParquetTable.of(path), {"mean": "mean", "count": "count"}).iloc[0]
    assert (row["mean"], row["count"]) == (1.0, 2)


# ---- enough observed -----------------------------------------------------------------------------------


def test_a_month_of_which_too_little_was_observed_is_missing_and_listed():
    frame = pd.concat([daily([1.0] * 23), daily([1.0] * 29, "B", "2024-02-01")])
    found = aggregated(
        Rows(frame, "city", "day", {"no2": "no2", "n": "no2"}),
        Aggregate(to="month", rules={"no2": "mean", "n": "count"}, at_least=0.75),
    )
    assert found.frame["no2"].isna().tolist() == [True, False]
    assert found.frame["n"].tolist() == [23, 29]
    assert found.sparse.to_dict("records") == [
        {"unit": "A", "period": "2024-01", "column": "no2", "observed": 23, "expected": 31}
    ]


def test_the_share_is_of_values_not_of_rows():
    assert monthly(daily([1.0] * 20 + [np.nan] * 11), at_least=0.7)["no2"].isna().all()
    assert monthly(daily([1.0] * 22 + [np.nan] * 9), at_least=0.7)["no2"].tolist() == [1.0]


def test_hours_are_counted_where_units_are_observed_every_hour():
    hours = pd.DataFrame({"city": "A", "day": pd.date_range("2023-02-01", periods=28 * 24, freq="h"), "no2": 1.0})
    assert monthly(hours, every="hour", at_least=1.0)["no2"].tolist() == [1.0]
    assert monthly(hours.iloc[1:], every="hour", at_least=1.0)["no2"].isna().all()
    assert monthly(hours, every="30 minutes", at_least=0.6)["no2"].isna().all()


def test_weeks_belong_to_the_month_of_their_thursday():
    mondays = pd.DataFrame(
        {"city": "A", "day": pd.date_range("2024-01-01", periods=9, freq="7D"), "no2": np.arange(9.0)}
    )
    found = monthly(mondays, {"no2": "count"}, every="week", at_least=1.0)
    assert found.to_numpy().tolist() == [
        ["A", "2024-01", 4],
        ["A", "2024-02", 5],
    ]  # 29 January has its Thursday on 1 February
    assert monthly(mondays, every="week", at_least=1.0)["no2"].tolist() == [1.5, 6.0]
    assert monthly(mondays, every="week", repeated="mean")["no2"].tolist() == [1.5, 6.0]


def test_months_and_quarters_as_texts_become_years():
    frame = pd.DataFrame({"city": "A", "day": [f"2020-{m:02d}" for m in range(1, 13)] + ["2021-01"], "no2": 1.0})
    found = monthly(frame, {"no2": "sum"}, to="year", every="month", at_least=1.0)
    assert found["day"].tolist() == [2020, 2021]
    assert found["no2"].tolist()[0] == 12
    assert math.isnan(found["no2"].tolist()[1])
    quarters = pd.DataFrame({"city": "A", "day": [f"2020-Q{q}" for q in range(1, 5)], "no2": [1.0, 2, 3, 4]})
    assert monthly(quarters, {"no2": "mean"}, to="year", every="quarter")["no2"].tolist() == [2.5]


def test_events_are_counted_with_zeros_between_the_first_and_the_last_month():
    events = pd.DataFrame(
        {
            "city": ["A", "A", "B"],
            "day": pd.to_datetime(["2024-01-05", "2024-01-05", "2024-03-07"]),
            "id": ["x", "y", "z"],
        }
    )
    found = monthly(events, {"n": "count"}, {"n": "id"}, repeated="pool", no_rows="zero")
    table = found.pivot(index="city", columns="day", values="n")
    assert table.columns.tolist() == ["2024-01", "2024-02", "2024-03"]
    assert table.to_numpy().tolist() == [[2, 0, 0], [0, 0, 1]]
    assert len(monthly(events, {"n": "count"}, {"n": "id"}, repeated="pool")) == 2


# ---- several rows at once ------------------------------------------------------------------------------


def test_several_rows_of_a_day_are_refused_with_the_day_unless_a_rule_says_what_becomes_of_them():
    frame = pd.concat([daily([2.0, 4.0]), daily([6.0])], ignore_index=True)
    said = problem(frame)
    assert "1 unit and day have several rows: A at 2024-01-01 (2 rows)" in said
    assert "repeated: mean" in said
    assert monthly(frame, repeated="mean")["no2"].tolist() == [4.0]  # (mean of 2 and 6, 4)
    assert monthly(frame, repeated="max")["no2"].tolist() == [5.0]
    assert monthly(frame, repeated="pool")["no2"].tolist() == [4.0]
    assert monthly(frame, {"no2": "sum"}, repeated="max")["no2"].tolist() == [10.0]


def test_texts_of_repeated_rows_have_to_agree():
    frame = pd.concat([daily([2.0]), daily([6.0])], ignore_index=True).assign(area=["x", "y"])
    assert "'x' and 'y' for A" in problem(frame, {"area": "first"}, {"area": "area"}, repeated="mean")


def test_the_same_refuses_values_that_differ_and_gives_the_one_value():
    frame = daily([1.0, 2.0]).assign(area="crz")
    rules, columns = {"no2": "mean", "area": "same"}, {"no2": "no2", "area": "area"}
    assert monthly(frame, rules, columns)["area"].tolist() == ["crz"]
    assert "holds 'a' and 'b' for A" in problem(frame.assign(area=["a", "b"]), rules, columns)


# ---- what is wrong -------------------------------------------------------------------------------------


def test_rows_without_unit_or_day_and_rules_without_numbers_are_named_at_once():
    frame = daily([1.0, 2.0, 3.0]).assign(area="x")
    frame.loc[0, "day"] = pd.NaT
    frame.loc[1, "city"] = None
    said = problem(frame, {"no2": "mean", "area": "mean"}, {"no2": "no2", "area": "area"})
    assert "Column 'city' is empty in 1 row" in said
    assert "Column 'day' is empty in 1 row" in said
    assert "Column 'area' holds VARCHAR, no numbers, so it has no mean" in said


def test_infinite_numbers_are_refused():
    assert "Column 'no2' is infinite in 1 row" in problem(daily([1.0, math.inf]))


def test_times_with_a_zone_need_to_be_told_whose_days_count():
    late = pd.DataFrame({"city": "A", "day": pd.to_datetime(["2024-01-31 23:30+00:00"]), "no2": [1.0]})
    assert "zone: Europe/Berlin" in problem(late)
    assert monthly(late, zone="Europe/Berlin")["day"].tolist() == ["2024-02"]
    assert monthly(late, zone="America/New_York")["day"].tolist() == ["2024-01"]


def hourly(month, zone, step="h"):
    """All hours of a month in a place, as instants."""
    first = pd.Timestamp(f"{month}-01", tz=zone)
    hours = pd.date_range(first, first + pd.DateOffset(months=1), freq=step, inclusive="left")
    return pd.DataFrame({"city": "A", "day": hours.tz_convert("UTC"), "no2": 1.0})


@pytest.mark.parametrize("repeated", ["refuse", "mean", "pool"])
@pytest.mark.parametrize(
    ("month", "zone", "hours"),
    [
        ("2024-03", "Europe/Berlin", 743),
        ("2024-10", "Europe/Berlin", 745),
        ("2024-07", "Europe/Berlin", 744),
        ("2024-11", "America/New_York", 721),
        ("2024-11", "America/Havana", 721),  # midnight comes twice, on the 3rd
        ("2024-03", "Asia/Beirut", 743),  # there is no midnight on the 31st
        ("2024-10", "Asia/Kolkata", 744),
        ("2011-12", "Pacific/Apia", 720),  # the 30th was left out
    ],
)
def test_hours_are_those_that_went_by_where_clocks_are_put_forward_or_back(month, zone, hours, repeated):
    frame = hourly(month, zone)
    assert len(frame) == hours
    whole = monthly(frame, {"no2": "sum"}, every="hour", at_least=1.0, zone=zone, repeated=repeated)
    assert whole.to_numpy().tolist() == [["A", month, float(hours)]]
    for lost in (0, 10, hours - 1):
        short = monthly(frame.drop(index=lost), every="hour", at_least=1.0, zone=zone, repeated=repeated)
        assert short["no2"].isna().all()


@pytest.mark.parametrize(("day", "hours"), [("2024-03-31", 23), ("2024-10-27", 25), ("2024-10-28", 24)])
def test_days_and_weeks_have_the_hours_that_went_by_in_the_place(day, hours):
    frame = hourly(day[:7], "Europe/Berlin", "15min")
    how = {"every": "15 minutes", "at_least": 1.0, "zone": "Europe/Berlin"}
    days = monthly(frame, {"no2": "count"}, to="day", **how).set_index("day")["no2"]
    assert days[pd.Timestamp(day)] == 4 * hours
    assert monthly(frame, {"no2": "mean"}, to="day", **how)["no2"].eq(1.0).all()
    weeks = monthly(frame, {"no2": "sum"}, to="week", **how)["no2"]
    assert set(weeks.dropna()) == {4.0 * 168, *([4.0 * 167] if day.startswith("2024-03") else [4.0 * 169])}


def test_a_day_on_which_midnight_is_skipped_begins_when_clocks_are_put_forward():
    frame = hourly("2024-03", "Asia/Beirut")
    days = monthly(frame, {"no2": "sum"}, to="day", every="hour", at_least=1.0, zone="Asia/Beirut").set_index("day")
    assert days.loc["2024-03-31", "no2"] == 23
    assert days["no2"].notna().all()


def test_the_hour_that_comes_twice_is_two_hours_and_one_that_stands_twice_is_refused():
    zone = "Europe/Berlin"
    times = pd.to_datetime(["2024-10-27 00:30+00:00", "2024-10-27 01:15+00:00"])  # 2:30 and, an hour on, 2:15
    frame = pd.DataFrame({"city": "A", "day": times, "no2": [1.0, 2.0]})
    rules = {"first": "first", "last": "last", "n": "count"}
    assert monthly(frame, rules, every="hour", zone=zone)[list(rules)].to_numpy().tolist() == [[1.0, 2.0, 2]]
    assert monthly(frame[::-1], rules, repeated="pool", zone=zone)[list(rules)].to_numpy().tolist() == [[1.0, 2.0, 2]]
    twice = pd.concat([frame, frame.iloc[[1]].assign(day=times[1] + pd.Timedelta(minutes=5))])
    assert "1 unit and hour have several rows: A at 2024-10-27T02:15:00 (2 rows)" in problem(twice, every="hour", zone=zone)  # fmt: skip
    assert monthly(twice, {"no2": "sum"}, every="hour", zone=zone, repeated="mean")["no2"].tolist() == [3.0]


def test_a_zone_for_times_that_have_none_is_refused():
    said = problem(daily([1.0, 2.0]), zone="Europe/Berlin")
    assert "Column 'day' holds times without a time zone, so aggregate.zone means nothing" in said


def test_parquet_files_with_a_time_zone_count_hours_like_frames(tmp_path):
    frame = hourly("2024-10", "Europe/Berlin")
    frame.to_parquet(tmp_path / "a.parquet")
    how = {"every": "hour", "at_least": 1.0, "zone": "Europe/Berlin"}
    found = monthly(ParquetTable.of(tmp_path / "a.parquet"), {"no2": "sum"}, **how)
    pd.testing.assert_frame_equal(found, monthly(frame, {"no2": "sum"}, **how))
    assert found["no2"].tolist() == [745.0]


def test_first_and_last_of_a_week_are_those_in_time():
    frame = daily([5.0, 3.0, 9.0, 1.0])  # Monday to Thursday
    rules = {"first": "first", "last": "last"}
    assert monthly(frame, rules, every="week", repeated="pool")[list(rules)].to_numpy().tolist() == [[5.0, 1.0]]


def test_a_misspelt_column_offers_the_nearest():
    assert "There is no column 'no'. Did you mean 'no2'?" in problem(daily([1.0]), {"x": "mean"}, {"x": "no"})


def test_years_cannot_become_months():
    frame = pd.DataFrame({"city": "A", "day": [2020, 2021], "no2": 1.0})
    assert "holds 2020, which is longer than a month" in problem(frame)


def test_names_stand_for_units_and_rows_without_one_are_left_out():
    frame = pd.concat([daily([1.0, 2.0], "station 1"), daily([3.0, 4.0], "station 2"), daily([9.0], "closed")])
    rows = Rows(frame, "city", "day", {"no2": "no2"}, {"station 1": "A", "station 2": "A", "closed": None})
    found = aggregated(rows, Aggregate(to="month", rules={"no2": "mean"}, repeated="mean")).frame
    assert found.to_numpy().tolist() == [["A", "2024-01", 2.5]]


def test_the_frame_that_was_given_stays_as_it_was():
    frame = daily([1.0, 2.0])
    before = frame.copy()
    monthly(frame)
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.parametrize(
    "how",
    [
        {"every": "7 minutes"},
        {"every": "week", "to": "day"},
        {"no_rows": "zero", "at_least": 0.5},
        {"rules": {"a": "mode"}},
        {"zone": "Europe/Berln"},
        {"zone": "../etc"},
    ],
)
def test_a_recipe_that_makes_no_sense_is_refused(how):
    with pytest.raises(ValueError):
        Aggregate(**{"to": "month", "rules": {"a": "mean"}, **how})


def test_random_rows_become_what_pandas_makes_of_them():
    rng = np.random.default_rng(5)
    n = 5000
    frame = pd.DataFrame({
        "city": rng.choice(list("ABCDE"), n), "day": pd.Timestamp("2019-11-01") + pd.to_timedelta(rng.integers(0, 40_000, n), unit="min"),
        "no2": np.where(rng.random(n) < 0.1, np.nan, rng.normal(30, 10, n)),
    })  # fmt: skip
    rules = ("mean", "sum", "max", "min", "median", "count")
    found = monthly(frame, {r: r for r in rules}, dict.fromkeys(rules, "no2"), to="week", repeated="pool")
    week = frame["day"].dt.strftime("%GW%V").rename("day")
    expected = frame.groupby([frame["city"], week])["no2"].agg(list(rules)).reset_index()
    # pandas adds in another order, so the last digits of sums and means may differ
    pd.testing.assert_frame_equal(found, expected, check_exact=False, rtol=1e-13, check_dtype=False)


# ---- labels ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("every", [{}, {"every": "week"}, {"every": "hour"}])
def test_weeks_as_texts_belong_to_the_year_of_their_thursday_whatever_every_says(every):
    weeks = pd.DataFrame({"city": "A", "day": [f"2020W{w:02d}" for w in range(1, 54)], "no2": 1.0})
    found = monthly(weeks, {"no2": "count"}, to="year", **every)
    assert found.to_numpy().tolist() == [["A", 2020, 53]]
    assert monthly(weeks, {"no2": "count"}, **every)["day"].iloc[0] == "2020-01"


def test_a_share_of_days_is_refused_for_labels_that_are_longer():
    months = pd.DataFrame({"city": "A", "day": [f"2020-{m:02d}" for m in range(1, 13)], "no2": 1.0})
    said = problem(months, to="year", at_least=0.5)
    assert (
        "holds 2020-01: a unit is observed once a month there, so at_least is no share of every day. Say `every: month`."
        in said
    )
    assert monthly(months, to="year", every="month", at_least=0.5)["no2"].tolist() == [1.0]
    years = pd.DataFrame({"city": "A", "day": [2020, 2021], "no2": 1.0})
    assert "Leave at_least out." in problem(years, to="year", at_least=0.5)


@pytest.mark.parametrize("kind", ["frame", "parquet"])
def test_rows_without_a_name_are_refused_and_not_left_out(tmp_path, kind):
    frame = pd.concat([daily([1.0, 2.0], "station 1"), daily([9.0], None), daily([9.0], "closed")], ignore_index=True)
    data = frame
    if kind == "parquet":
        frame.to_parquet(tmp_path / "a.parquet", index=False)
        data = ParquetTable.of(tmp_path)
    rows = Rows(data, "city", "day", {"no2": "no2"}, {"station 1": "A", "closed": None})
    with pytest.raises(DataError, match="Column 'city' is empty in 1 row"):
        aggregated(rows, Aggregate(to="month", rules={"no2": "mean"}))


def test_units_that_are_numbers_and_text_are_refused():
    frame = pd.concat([daily([1.0], "A1"), daily([2.0], 7)], ignore_index=True)
    assert "'city' mixes labels of different kinds ('A1' and 7)" in problem(frame)
