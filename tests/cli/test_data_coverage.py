"""``scale-impact data coverage`` and ``data oddities``."""

import numpy as np
import pandas as pd
import pytest

from tests.projects import towns


@pytest.fixture
def odd(place):
    """Towns with a value that is ten times too large, a hole, and one row that the card leaves out."""
    frame = pd.concat([towns(k).assign(town=lambda f, k=k: f["town"] + str(k)) for k in range(4)], ignore_index=True)
    frame["jobs"] = frame["jobs"].astype(float).round(3)
    frame["people"] = (5000 + np.arange(len(frame)) * 1.7).round(1)
    frame.loc[100, "people"] = frame.loc[100, "people"] * 10
    frame.loc[50, "jobs"] = np.nan
    place.data(
        frame,
        unit="town",
        period="year",
        exclude=[{"where": {"town": "000010", "year": 2003}, "reason": "a test year"}],
    )
    return place


def test_coverage_is_said_in_sentences_and_a_table(odd, cli):
    answer = cli("data", "coverage", "towns")
    assert answer.code == 0
    assert answer.out.startswith("48 units x 6 periods (2001 to 2006), 5 columns:")
    assert "5 left out: a test year" in answer.out
    assert "1 gap" in answer.out


def test_coverage_is_drawn_or_written_where_that_is_asked_for(odd, cli):
    for name, start in (("c.png", b"\x89PNG"), ("c.svg", b"<?xml"), ("c.csv", b"unit,column,from,to,periods,reason")):
        answer = cli("data", "coverage", "towns", "--out", name)
        assert f"written: {name}" in answer.out
        assert (odd.root / name).read_bytes().startswith(start)
    table = pd.read_csv(odd.root / "c.csv")
    assert set(table["reason"]) == {"gap", "left out: a test year"}


def test_oddities_are_listed_and_nothing_is_changed(odd, cli):
    answer = cli("data", "oddities", "towns", "--out", "o.csv")
    assert answer.code == 0
    assert "nothing was changed" in answer.out
    table = pd.read_csv(odd.root / "o.csv")
    assert "decimal_slip" in set(table.loc[table["column"] == "people", "kind"])


def test_what_cannot_be_is_said(odd, cli):
    unknown = cli("data", "coverage", "town")
    assert (unknown.code, "Did you mean 'towns'?" in unknown.err) == (11, True)
    odd.data(towns())
    nameless = cli("data", "coverage", "towns")
    assert nameless.code == 11
    assert "unit: the card does not name it" in nameless.err
    assert "period: the card does not name it" in nameless.err
    assert cli("data", "coverage", "towns", "--unit", "town", "--period", "year").code == 0
    wrong = cli("data", "coverage", "towns", "--unit", "twn", "--period", "year")
    assert "There is no column 'twn'. Did you mean 'town'?" in wrong.err.replace("there", "There")
    ending = cli("data", "oddities", "towns", "--out", "o.png")
    assert (ending.code, "has to end in .csv" in ending.err) == (2, True)
