"""Labels of periods: what they are, when they start, how long they last."""

import numpy as np
import pandas as pd
import pytest

from scale_impact.core.building import periods
from scale_impact.core.building.recipe import Aggregate
from scale_impact.errors import DataError


def series(*labels):
    return pd.Series(list(labels), name="t")


@pytest.mark.parametrize(
    ("labels", "of"),
    [
        ([2019, 2020], "year"), ([1, 2, 3], "number"), ([2019.0, 2020.0], "year"), (["2019", "2020"], "year"), (["2019Q1", "2019-Q2"], "quarter"),
        (["2019-03", "2019M04"], "month"), (["2019W05", "2019-W06"], "week"), (["2019-03-31"], "day"), (["wave 1"], "text"), (["2019-03", "2019"], "text"),
        (pd.to_datetime(["2019-03-31"]), "day"), (pd.to_datetime(["2019-03-31 05:00"]), "time"),
    ],
)  # fmt: skip
def test_labels_are_known_by_how_they_are_written(labels, of):
    assert periods.frequency(series(*labels)) == of


@pytest.mark.parametrize(
    ("label", "start"),
    [
        (2019, "2019-01-01"),
        ("2019Q3", "2019-07-01"),
        ("2019-03", "2019-03-01"),
        ("2020W01", "2019-12-30"),
        ("2019-03-31", "2019-03-31"),
    ],
)
def test_a_period_starts_on_its_first_day(label, start):
    assert periods.starts(series(label)).tolist() == [pd.Timestamp(start)]


def test_a_month_that_is_none_is_refused():
    with pytest.raises(DataError, match="'2019-13', which is no month"):
        periods.starts(series("2019-13"))
    with pytest.raises(DataError, match="holds wave 1, no date, month, quarter or year"):
        periods.starts(series("wave 1"))


@pytest.mark.parametrize(
    ("start", "to", "every", "n"),
    [
        ("2024-02-01", "month", "day", 29), ("2023-02-01", "month", "hour", 672), ("2024-01-01", "year", "day", 366), ("2024-01-01", "year", "month", 12),
        ("2024-01-01", "quarter", "month", 3), ("2024-01-01", "year", "week", 52), ("2020-01-01", "year", "week", 53), ("2024-02-01", "month", "week", 5),
        ("2024-01-01", "week", "day", 7), ("2024-01-01", "day", "15 minutes", 96), ("2024-01-01", "year", "quarter", 4),
    ],
)  # fmt: skip
def test_the_calendar_says_how_much_can_be_observed(start, to, every, n):
    assert periods.expected(series(pd.Timestamp(start)), to, every).tolist() == [n]
    assert Aggregate(to=to, every=every, rules={"a": "mean"}).every == every


@pytest.mark.parametrize(
    ("of", "to", "label"), [("week", "month", "2024-02"), ("day", "month", "2024-01"), ("week", "week", "2024W05")]
)
def test_a_week_belongs_to_the_month_of_its_thursday(of, to, label):
    monday = series(pd.Timestamp("2024-01-29"))
    assert periods.labelled(periods.truncated(monday, of, to), to).tolist() == [label]


def test_longer_is_said_of_calendars_only():
    assert periods.longer("year", "month")
    assert not periods.longer("month", "month")
    assert not periods.longer("number", "month")


@pytest.mark.parametrize(
    "zone",
    ["Europe/Berlin", "America/St_Johns", "America/Havana", "Asia/Kolkata", "Asia/Beirut", "Australia/Lord_Howe",
     "Africa/Casablanca", "Pacific/Apia", "America/Sao_Paulo", "UTC"],
)  # fmt: skip
def test_clocks_of_a_zone_are_those_of_pandas_at_every_moment(zone):
    first, last = pd.Timestamp("2004-05-06 07:08"), pd.Timestamp("2026-01-01")
    found = periods.offsets(first, last, zone)
    changes = pd.DatetimeIndex([since for since, _ in found[1:]])
    random = first + pd.to_timedelta(
        np.random.default_rng(1).integers(0, (last - first) // pd.Timedelta("1s"), 5000), unit="s"
    )
    for moments in (random, changes, changes - pd.Timedelta(seconds=1)):
        local = moments.tz_localize("UTC").tz_convert(zone).tz_localize(None)
        at = pd.DatetimeIndex([since for since, _ in found]).searchsorted(moments, side="right") - 1
        ahead = pd.to_timedelta([found[k][1] for k in at], unit="s")
        assert (moments + ahead == local).all()


def test_days_begin_in_a_zone_at_the_first_moment_that_has_their_date():
    for zone in ("Europe/Berlin", "America/Havana", "Asia/Beirut", "America/Sao_Paulo", "Australia/Lord_Howe"):
        days = pd.Series(pd.date_range("2010-01-01", "2020-01-01"))
        begin = pd.DatetimeIndex(periods.instants(days, zone))
        at, before = (
            m.tz_localize("UTC").tz_convert(zone).tz_localize(None) for m in (begin, begin - pd.Timedelta("1s"))
        )
        assert (at.normalize() == days).all()
        assert (before.normalize() == days - pd.Timedelta(days=1)).all()


def test_hours_of_a_period_are_those_that_go_by_in_the_zone():
    months = pd.Series(pd.to_datetime(["2024-03-01", "2024-10-01", "2024-07-01"]))
    assert periods.expected(months, "month", "hour", "Europe/Berlin").tolist() == [743, 745, 744]
    assert periods.expected(months, "month", "hour").tolist() == [744, 744, 744]
    assert periods.expected(months, "month", "day", "Europe/Berlin").tolist() == [31, 31, 31]


@pytest.mark.parametrize(
    ("labels", "written"),
    [
        (["2019-Q1", "2019Q2"], ["2019Q1", "2019Q2"]), (["2019M03", "2019-M04", "2019-05"], ["2019-03", "2019-04", "2019-05"]),
        (["2019-W05", "2019W06"], ["2019W05", "2019W06"]), (["2019-Q1", None], ["2019Q1", None]), (["2019-03-31"], ["2019-03-31"]), ([2019], [2019]),
        (["2019-Q1", "wave 1"], ["2019-Q1", "wave 1"]),
    ],
)  # fmt: skip
def test_quarters_months_and_weeks_are_written_in_one_way(labels, written):
    found = periods.written_alike(series(*labels))
    assert found.astype(object).where(found.notna(), None).tolist() == written
    assert found.name == "t"


def test_a_week_that_there_is_not_is_refused_before_it_is_written():
    with pytest.raises(DataError, match="'2019-W53', which is no week"):
        periods.written_alike(series("2019-W52", "2019-W53"))
