"""Why values of a source are missing: what its marks, its card and its recipe say."""

import pandas as pd
import pytest

from scale_impact.errors import SourceError
from scale_impact.sources import coverage_of, oddities_of, read
from tests.panels import shared
from tests.projects import COLUMNS, Place, towns
from tests.sources.test_panel import AIR, card, panel
from tests.sources.test_panel import place as sensors_and_jobs

both = sensors_and_jobs


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


def marked(place):
    text = towns().to_csv(index=False)
    lines = text.splitlines()
    for row, mark in ((3, ":"), (8, "c")):
        cells = lines[row].split(",")
        lines[row] = ",".join([*cells[:5], mark, cells[6]])
    cells = lines[15].split(",")
    lines[15] = ",".join([*cells[:5], cells[5] + " b", cells[6]])
    return place.data(
        text="\n".join(lines) + "\n", unit="town", period="year", markers={":": "not available", "c": "confidential", "b": "break in series"},
        exclude=[{"where": {"town": "00002", "year": 2004}, "reason": "flood"}],
        columns={**COLUMNS, "people": {**COLUMNS["people"], "type": "number"}},
    )  # fmt: skip


def test_marks_in_place_of_numbers_and_rows_left_out_are_reasons(place):
    path = marked(place)
    found = coverage_of(path, place.root)
    people = found.to_frame().set_index("column").loc["people"]
    assert people[["not available", "confidential", "left out: flood", "observed"]].tolist() == [1, 1, 1, 69]
    assert found.missing.query("column == 'people'")[["unit", "from", "reason"]].to_numpy().tolist() == [
        ["00001", 2003, "not available"], ["00002", 2002, "confidential"], ["00002", 2004, "left out: flood"],
    ]  # fmt: skip


def test_a_value_that_the_source_marks_as_a_break_is_an_oddity(place):
    found = oddities_of(marked(place), place.root)
    (line,) = found[found["kind"] == "marked_break"].to_dict("records")
    assert (line["unit"], line["period"], line["column"], line["why"]) == (
        "00003",
        2003,
        "people",
        "the source says: break in series",
    )


def test_a_panel_says_what_was_too_little_and_what_was_not_joined(both):
    frame = pd.read_csv(both.root / "data/files/sensors.csv", dtype={"station": "str"})
    card(
        both,
        "sensors",
        frame[(frame["station"] != "02") | (frame["time"] > "2019-10-01")],
        {"station": "text", "time": "date", "no2": None},
    )
    jobs = pd.read_csv(both.root / "data/files/jobs.csv", dtype={"town": "str"})
    card(
        both,
        "jobs",
        jobs[1:].replace({"town": {"02": "09"}}),
        {"town": "text", "year": None, "jobs": None, "rate": None},
        unit="town",
        period="year",
    )
    path = panel(both, [AIR, {"source": "jobs"}], {"town": "text", "year": None, "no2": None, "jobs": None})
    found = coverage_of(path, both.root)
    no2 = found.missing.query("column == 'no2'")[["unit", "from", "reason"]].to_numpy().tolist()
    assert no2 == [["02", 2019, "too little observed"]]
    assert "2 rows of jobs are not used; units that are not in the panel: 09." in found.sentences()
    assert "3 units and periods of the panel have no row in jobs." in found.sentences()


def test_what_cannot_be_looked_at_is_said(place):
    path = place.data(towns())
    with pytest.raises(SourceError) as caught:
        coverage_of(path, place.root, unit="town")
    assert caught.value.problems == (
        "period: the card does not name it. Name the column, or add `period:` to the card.",
    )
    assert coverage_of(path, place.root, "town", "year").share.min() == 1


def test_new_york_s_daily_values_become_the_months_that_pandas_makes_of_them(place):
    """42 monitors; 42 of their days have two half rows, which are made one by their mean."""
    raw = pd.read_csv(
        shared("data/nyc_congestion_pricing/panel_daily.csv.gz"), dtype={"aqs_id_full": "str"}, parse_dates=["date"]
    )
    columns = {"aqs_id_full": "text", "date": "date", "value": None}
    card(place, "daily", raw[list(columns)], columns)
    how = {"to": "month", "repeated": "mean", "at_least": 0.75, "rules": {"pm25": "mean"}}
    part = {"source": "daily", "unit": "aqs_id_full", "period": "date", "columns": {"pm25": "value"}, "aggregate": how}
    found = read(panel(place, [part], {"town": "text", "year": "text", "pm25": None}), place.root)
    days = raw.groupby(["aqs_id_full", "date"])["value"].mean().reset_index()
    days["month"] = days["date"].dt.to_period("M")
    months = days.groupby(["aqs_id_full", "month"])["value"].agg(["mean", "count"]).reset_index()
    expected = months["mean"].where(months["count"] >= 0.75 * months["month"].dt.days_in_month)
    assert found["year"].tolist() == months["month"].astype(str).tolist()
    assert found["pm25"].isna().tolist() == expected.isna().tolist()
    # pandas adds in another order: a few units in the last place
    assert (found["pm25"] - expected).abs().max() < 1e-14
    del how["repeated"]
    with pytest.raises(SourceError, match="42 units and days have several rows: 840340030010 at 2025-01-05"):
        read(panel(place, [part], {"town": "text", "year": "text", "pm25": None}), place.root)
