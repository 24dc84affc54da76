"""Calendar: months, quarters, days and numbers, and what is missing between them."""

import numpy as np
import pandas as pd
import pytest

from scale_impact.core.calendar import calendar_of, steady_clock
from scale_impact.core.panel import Panel


def panel_of(periods):
    frame = pd.DataFrame({"city": "A", "when": periods, "y": np.arange(len(periods), dtype=float)})
    return Panel.from_frame(frame, unit="city", period="when", outcome="y")


@pytest.mark.parametrize(
    ("periods", "cycle"),
    [
        (pd.date_range("2019-11-01", periods=6, freq="MS"), 12),
        (["2019-11", "2019-12", "2020-01", "2020-02"], 12),
        (["2019-11-01", "2019-12-01", "2020-01-01"], 12),
        ([201911, 201912, 202001], 12),
        (["2019Q3", "2019Q4", "2020Q1"], 4),
        (pd.date_range("2019-11-30", periods=6, freq="ME"), 12),
        (["2019-11-30", "2019-12-31", "2020-01-31", "2020-02-29"], 12),
        (pd.date_range("2020-03-31", periods=5, freq="QE"), 4),
        (pd.date_range("2015-12-31", periods=4, freq="YE"), None),
        (pd.date_range("2020-01-31 23:59", periods=4, freq="ME"), 12),
        (pd.date_range("2020-01-01", periods=5, freq="QS"), 4),
        (pd.date_range("2020-02-27", periods=5, freq="D"), 7),
        (pd.date_range("2020-01-06", periods=5, freq="7D"), 52),
        (pd.date_range("2015-01-01", periods=4, freq="YS"), None),
        ([2001, 2002, 2003], None),
        (["first", "second", "third"], None),
    ],
)
def test_a_calendar_knows_its_steps_and_its_season(periods, cycle):
    found = calendar_of(panel_of(periods))
    assert found.cycle == cycle
    assert found.complete
    assert found.places.tolist() == list(range(len(periods)))


def test_a_missing_month_is_a_gap_and_is_named():
    panel = panel_of(["2019-11", "2020-01", "2020-02", "2020-05"])
    found = calendar_of(panel)
    assert found.places.tolist() == [0, 2, 3, 6]
    assert found.length == 7
    assert not found.complete
    assert found.gaps(panel) == ["1 after 2019-11", "2 after 2020-02"]


def test_a_missing_month_among_last_days_is_one_gap():
    panel = panel_of(pd.to_datetime(["2019-11-30", "2020-01-31", "2020-02-29", "2020-03-31"]))
    assert calendar_of(panel).gaps(panel) == ["1 after 2019-11-30"]


def test_last_days_of_months_beside_another_day_are_days():
    assert calendar_of(panel_of(pd.to_datetime(["2020-01-31", "2020-02-29", "2020-03-30"]))).length == 60


def test_the_phase_of_a_month_is_the_same_in_each_year():
    found = calendar_of(panel_of(pd.date_range("2018-03-01", periods=25, freq="MS")))
    assert len(set(found.times[[0, 12, 24]] % 12)) == 1


def test_years_two_apart_are_one_step_apart():
    assert calendar_of(panel_of([2000, 2002, 2006])).places.tolist() == [0, 1, 3]


def test_days_of_the_month_that_differ_are_days():
    assert calendar_of(panel_of(pd.to_datetime(["2020-01-01", "2020-02-02"]))).cycle is None


@pytest.mark.parametrize(
    ("periods", "clock"),
    [
        (["2019-11", "2020-01", "2020-02", "2020-05"], [0, 2, 3, 6]),
        (pd.to_datetime(["2019-11-01", "2020-01-01", "2020-02-01"]), [0, 2, 3]),
        ([2000, 2002, 2006], [2000, 2002, 2006]),
        ([2000.25, 2000.5, 2001.0], [2000.25, 2000.5, 2001.0]),
        (["first", "second", "third"], [0, 1, 2]),
    ],
)
def test_a_steady_clock_counts_missing_periods_and_leaves_numbers_alone(periods, clock):
    assert steady_clock(panel_of(periods)).tolist() == clock
