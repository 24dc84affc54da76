"""Donor weights as a table for a reader."""

from dataclasses import replace

import pandas as pd
import pytest

import scale_impact as si
from scale_impact.core.synthetic.tables import described, donor_table
from tests.figures.twins import twins


def test_estimators_are_columns_and_the_first_ones_largest_donors_come_first():
    one = twins(donors=3, weights=[[0.2], [0.7], [0.1]])
    other = twins(donors=3, weights=[[1.0], [0.0], [0.0]])
    table = donor_table({"sc": one, "sdid": other})
    assert list(table.columns) == ["sc", "sdid"]
    assert list(table.index) == ["Donor 2", "Donor 1", "Donor 3"]
    assert table.index.name == "donor"


def test_small_donors_are_one_row_so_that_columns_still_sum_to_one():
    one = twins(donors=6, weights=[[0.2], [0.7], [0.096], [0.004], [0.0], [0.0]])
    other = twins(donors=6, weights=[[0.9], [0.0], [0.0], [0.0], [0.06], [0.04]])
    table = donor_table({"sc": one, "sdid": other})
    assert list(table.index) == ["Donor 2", "Donor 1", "Donor 3", "Donor 5", "2 other donors"]
    assert table.sum().tolist() == pytest.approx([1.0, 1.0])


def test_several_treated_units_have_a_column_each():
    table = donor_table({"sc": twins((8, 7), donors=2, weights=[[0.5, 0.1], [0.5, 0.9]])})
    assert list(table.columns) == [("sc", "City 1"), ("sc", "City 2")]
    assert list(table.index) == ["Donor 2", "Donor 1"]


def test_donors_that_one_estimator_alone_knows_have_no_weight_in_the_other():
    table = donor_table({"few": twins(donors=2, weights=[[0.5], [0.5]]), "more": twins(donors=4)})
    assert table.loc["Donor 4"].tolist() == [0.0, 0.25]


def test_estimators_that_mix_no_donors_have_no_column():
    assert donor_table({"filled": _unmixed(), "mixed": twins(donors=2)}).columns.tolist() == ["mixed"]
    assert donor_table({"filled": _unmixed()}).empty


def _unmixed():
    effect = twins()
    return replace(effect, counterfactual=replace(effect.counterfactual, donors=None))


def test_donors_come_with_what_the_data_say_of_them_in_words():
    d = pd.DataFrame(
        {"id": [1, 1, 2, 2, 3, 3], "t": [1, 2] * 3, "y": 1.0, "county": ["Kings"] * 2 + ["Bronx"] * 4, "one": "x",
         "varies": ["a", "b"] * 3}
    )  # fmt: skip
    panel = si.Panel.from_frame(d, unit="id", period="t", outcome="y")
    table = pd.DataFrame(
        {"synthetic_control": [0.6, 0.4, 0.0]}, index=pd.Index(["2", "1", "3 other donors"], name="donor")
    )
    found = described(table, panel)
    assert found.columns.tolist() == ["county", "synthetic_control"]
    assert found["county"].tolist() == ["Bronx", "Kings", ""]
    assert described(table, si.Panel.from_frame(d.drop(columns="county"), unit="id", period="t", outcome="y")) is table
