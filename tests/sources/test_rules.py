"""Rules of a card: all that breaks them is said at once, with row, column and value."""

import subprocess
import sys

import pandas as pd
import pytest

from scale_impact.errors import SourceError
from scale_impact.sources import read
from tests.projects import COLUMNS, Place, towns


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


def ruled(**rules):
    return {c: {**described, **rules.get(c, {})} for c, described in COLUMNS.items()}


def problems(place, frame, **card):
    path = place.data(frame, **card)
    with pytest.raises(SourceError) as caught:
        read(path, place.root)
    assert caught.value.exit_code == 11
    return list(caught.value.problems)


def test_values_beyond_the_rules_are_named_all_at_once_with_row_column_and_value(place):
    frame = towns()
    frame.loc[2, "jobs"] = -5
    frame.loc[[3, 8, 9, 10], "people"] = 9999
    frame.loc[4, "zone"] = 7
    frame.loc[5, "town"] = "1A"
    frame["ljobs"] = frame["ljobs"].mask(frame.index == 6)
    rules = ruled(
        jobs={"minimum": 0},
        people={"maximum": 2000},
        zone={"values": [0, 1]},
        town={"pattern": r"\d{5}"},
        ljobs={"complete": True},
    )
    found = problems(place, frame, columns=rules, unit="town", period="year")
    assert "Column 'jobs' is below its minimum 0 in 1 row of towns.csv: row 3 (00001, 2003): -5." in found
    people = next(p for p in found if "people" in p)
    assert people.startswith(
        "Column 'people' is above its maximum 2,000 in 4 rows of towns.csv: row 4 (00001, 2004): 9999; row 9 (00002, 2003): 9999; "
    )
    assert people.endswith("row 10 (00002, 2004): 9999 and 1 more.")
    assert "Column 'zone' holds none of its values (0, 1) in 1 row of towns.csv: row 5 (00001, 2005): 7." in found
    assert "Column 'town' does not match its pattern '\\\\d{5}' in 1 row of towns.csv: row 6 (2006): '1A'." in found
    assert "Column 'ljobs' is empty, and should be complete, in 1 row of towns.csv: row 7 (00002, 2001)." in found
    assert len(found) == 5


def test_data_that_keep_the_rules_are_read(place):
    rules = ruled(jobs={"minimum": 0, "complete": True}, zone={"values": [0, 1]}, town={"pattern": r"\d{5}"})
    card = place.data(towns(), columns=rules, unit="town", period="year")
    assert len(read(card, place.root)) == 72


def test_rules_of_streamed_parquet_files_are_looked_at_where_they_lie(place):
    frame = towns()
    frame.loc[2, "jobs"] = -5
    frame.loc[7, "people"] = 5000
    frame["ljobs"] = frame["ljobs"].mask(frame.index == 6)
    frame.loc[5, "town"] = "1'A"
    frame.loc[9, "zone"] = 7
    frame["start"] = frame["start"].astype(str)
    folder = place.root / "data/files"
    folder.mkdir(parents=True)
    frame.to_parquet(folder / "towns.parquet", index=False)
    rules = ruled(
        jobs={"minimum": 0},
        people={"maximum": 2000},
        zone={"values": [0, 1]},
        town={"pattern": r"\d{5}"},
        ljobs={"complete": True},
        start={"values": [0, 2003]},
    )
    how = {"kind": "parquet", "file": "data/files/towns.parquet", "stream": True, "columns": rules}
    card = place.data(text=(folder / "towns.parquet").read_bytes(), **how)
    with pytest.raises(SourceError) as caught:
        read(card, place.root)
    assert caught.value.problems == (
        "Column 'town' does not match its pattern '\\\\d{5}' in 1 row of towns.parquet, such as \"1'A\".",
        "Column 'jobs' is below its minimum 0 in 1 row of towns.parquet, such as -5.",
        "Column 'zone' holds none of its values (0, 1) in 1 row of towns.parquet, such as 7.",
        "Column 'start' holds none of its values (0, 2003) in 18 rows of towns.parquet, such as '2004'.",
        "Column 'people' is above its maximum 2,000 in 1 row of towns.parquet, such as 5000.",
        "Column 'ljobs' is empty, and should be complete, in 1 row of towns.parquet.",
    )


def test_missing_values_break_no_rule_but_complete(place):
    frame = towns()
    frame["zone"] = frame["zone"].astype(float).mask(frame.index == 4)
    frame["jobs"] = frame["jobs"].mask(frame.index == 4)
    card = place.data(frame, columns=ruled(zone={"values": [0, 1]}, jobs={"minimum": 0}))
    assert read(card, place.root)["jobs"].isna().sum() == 1


def test_a_minimum_of_a_column_of_text_is_refused(place):
    frame = towns().assign(people="many")
    assert problems(place, frame, columns=ruled(people={"minimum": 0})) == [
        "Column 'people' has a minimum or maximum and holds no numbers. Give it `type: number`."
    ]


def test_a_unit_that_stands_twice_in_a_period_is_named_with_its_rows(place):
    frame = pd.concat([towns(), towns().iloc[[7]]], ignore_index=True)
    (found,) = problems(place, frame, unit="town", period="year")
    assert found.startswith("town and year stand more than once in towns.csv: 00002 in 2002 (rows 8, 73). Leave out")


def test_a_name_that_several_units_have_is_told_from_a_copied_row(place):
    frame = towns()
    frame["town"] = frame["town"].replace({"00001": "Springfield", "00002": "Springfield", "00003": "Springfield"})
    (found,) = problems(place, frame, unit="town", period="year")
    assert "Springfield in 2001 (rows 1, 7, 13)" in found
    assert "and 3 more" in found
    assert (
        "Springfield stands for 3 units in 2001, so this looks like a name that several units have: use codes" in found
    )


def test_a_card_without_unit_and_period_may_repeat_rows(place):
    frame = pd.concat([towns(), towns().iloc[[7]]], ignore_index=True)
    assert len(read(place.data(frame), place.root)) == 73


def with_total(label, share=1.0):
    frame = towns()
    total = frame.groupby("year", as_index=False)[["jobs", "people"]].sum()
    return pd.concat([frame, total.assign(town=label, zone=0, start=0, ljobs=1.0)], ignore_index=True)


def test_a_row_that_is_called_total_is_refused_with_the_lines_that_leave_it_out(place):
    (found,) = problems(place, with_total("Total"), unit="town", period="year")
    assert "'Total' is called a total" in found
    line = 'exclude: [{where: {town: ["Total"]}, reason: total of the units}]'
    assert line in found
    card = place.data(with_total("Total"), unit="town", period="year")
    card.write_text(card.read_text() + line + "\n")
    assert len(read(card, place.root)) == 72


def test_a_unit_whose_numbers_are_the_sum_of_all_others_is_refused_whatever_it_is_called(place):
    (found,) = problems(place, with_total("99999"), unit="town", period="year")
    assert "'99999' is the sum of all others in jobs" in found
    assert 'exclude: [{where: {town: ["99999"]}' in found


def test_a_town_that_is_called_total_can_be_kept(place):
    card = place.data(with_total("Total"), unit="town", period="year", totals="keep")
    assert len(read(card, place.root)) == 78


def test_a_card_without_rules_loads_no_checking_package(place):
    card = place.data(towns(), unit="town", period="year")
    code = (
        f"import sys; from pathlib import Path; from scale_impact.sources import read; read(Path({str(card)!r}), Path({str(place.root)!r}));"
        "sys.exit('pandera' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
