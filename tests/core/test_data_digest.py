"""Which number of a table changed, from short hashes of what it was."""

import hashlib
import json
import struct

import numpy as np
import pandas as pd
import pytest

from scale_impact.core.data_digest import MOST, differences, digest
from tests.projects import towns

SAME = "the same values, written another way"


def changed(frame, place, column, value):
    """The frame with one value changed."""
    other = frame.copy()
    other[column] = other[column].astype(object) if isinstance(value, str) else other[column]
    other.loc[place, column] = value
    return other


def compared(was, now, **options):
    return differences(digest(was, "town", "year"), now, "town", "year", **options)


def test_one_changed_number_is_named_with_its_unit_and_period():
    frame = towns()
    assert (frame.loc[15, "town"], frame.loc[15, "year"]) == ("00003", 2004)
    assert compared(frame, changed(frame, 15, "jobs", 13.5)) == ["jobs of town 00003 in 2004: 13.5, was another value"]


def test_what_it_was_is_said_where_the_earlier_table_is_at_hand():
    frame = changed(towns(), 15, "jobs", 12.5)
    assert compared(frame, changed(frame, 15, "jobs", 13.5), old=frame) == [
        "jobs of town 00003 in 2004: 13.5, was 12.5"
    ]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (np.nan, 3.0, "3, was no value"),
        (3.0, np.nan, "no value, was 3"),
        (0.1, 0.1 + 2**-56, None),
        (-1.0, 1.0, "1, was -1"),
    ],
)
def test_missing_values_and_the_last_digit_count(before, after, said):
    was = changed(towns(), 15, "jobs", before)
    found = compared(was, changed(was, 15, "jobs", after), old=was)
    assert len(found) == 1
    assert found[0].startswith("jobs of town 00003 in 2004: ")
    assert said is None or found[0].endswith(said)


def test_the_order_of_rows_and_the_form_of_numbers_do_not_count():
    frame = towns()
    other = frame.sample(frac=1, random_state=1).assign(zone=frame["zone"].astype(float))
    (said,) = compared(frame, other)
    assert said.startswith(SAME)


def test_two_numbers_that_changed_places_are_seen():
    frame = towns()
    other = frame.copy()
    other.loc[[0, 1], "jobs"] = frame.loc[[1, 0], "jobs"].to_numpy()
    assert compared(frame, other) == ["jobs of town 00001 in 2001, 2002"]


def test_several_changes_are_said_by_column_unit_and_period():
    frame = towns()
    assert compared(frame, frame.assign(jobs=frame["jobs"] + 1)) == ["all of jobs"]
    one = frame.assign(jobs=frame["jobs"] + (frame["town"] == "00002"))
    assert compared(frame, one) == ["jobs of town 00002"]
    year = frame.assign(
        jobs=frame["jobs"] + (frame["year"] == 2003), people=frame["people"] + (frame["town"] == "00001")
    )
    assert compared(frame, year) == ["jobs in 2003", "people of town 00001"]


def test_rows_that_came_or_went_are_said_and_numbers_of_the_others_found_all_the_same():
    frame = towns()
    assert compared(frame, frame[frame["town"] != "00003"]) == ["66 rows, was 72", "1 unit gone"]
    assert compared(frame[frame["year"] < 2006], frame) == ["72 rows, was 60", "new year 2006"]
    fewer = changed(frame, 0, "jobs", 1.0)
    assert compared(frame, fewer[fewer["town"] != "00003"]) == ["66 rows, was 72", "1 unit gone", "jobs of town 00001"]
    assert compared(frame, fewer[fewer["year"] < 2006]) == ["60 rows, was 72", "1 period gone", "jobs in 2001"]


def test_where_units_and_periods_moved_it_is_said_that_numbers_cannot_be_told():
    frame = towns()
    other = frame[(frame["town"] != "00003") & (frame["year"] < 2006)]
    assert compared(frame, other)[-1] == "whether other numbers changed cannot be told"


def test_columns_that_are_new_gone_or_of_another_kind_are_said():
    frame = towns()
    assert compared(frame, frame.drop(columns="people")) == ["column people is gone"]
    assert compared(frame.drop(columns="people"), frame) == ["column people is new"]
    assert compared(frame, changed(frame, 3, "jobs", "n/a"))[0] == "jobs holds text now, held numbers"


def test_without_units_a_change_is_found_by_period():
    sales = pd.DataFrame({"year": [1978, 1978, 1981, 1981], "price": [1.0, 2.0, 3.0, 4.0]})
    was = digest(sales, None, "year")
    assert differences(was, changed(sales, 3, "price", 5.0), None, "year") == ["price in 1981"]


def test_texts_dates_and_large_whole_numbers_count_value_by_value():
    days = pd.to_datetime(["2024-01-01", "2024-01-02"] * 2)
    frame = pd.DataFrame(
        {"u": ["a", "a", "b", "b"], "t": [1, 2] * 2, "kind": list("xyxy"), "day": days, "n": [2**60] * 4}
    )
    was = digest(frame, "u", "t")
    assert differences(was, changed(frame, 1, "n", 2**60 + 1), "u", "t")[0].startswith("n of u a in 2")
    assert differences(was, frame.assign(kind=list("xzxy")), "u", "t")[0] == "kind of u a in 2: z, was another value"
    later = frame.assign(day=[*days[:3], pd.Timestamp("2024-01-03")])
    assert differences(was, later, "u", "t")[0] == "day of u b in 2: 2024-01-03, was another value"


def test_what_is_kept_holds_no_value_and_no_name_of_a_unit():
    frame = towns().assign(town=[f"Springfield-{t}" for t in towns()["town"]])
    kept = json.dumps(digest(frame, "town", "year"))
    assert "Springfield" not in kept
    assert not [v for v in frame["jobs"].head(12) if str(v) in kept]


def test_of_many_units_only_columns_are_kept():
    units = np.repeat(np.arange(MOST), 2)
    frame = pd.DataFrame({"town": units, "year": np.tile([1, 2], MOST), "jobs": units * 1.0})
    was = digest(frame, "town", "year")
    assert set(was) == {"rows", "kinds", "columns"}
    assert compared(frame, changed(frame, 7, "jobs", -1.0)) == ["values of jobs"]


def scattered(word):
    """SplitMix64 in whole numbers of Python."""
    word = (word + 0x9E3779B97F4A7C15) % 2**64
    word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    word = (word ^ (word >> 27)) * 0x94D049BB133111EB % 2**64
    return word ^ (word >> 31)


def label(text):
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def test_hashes_are_those_of_plain_arithmetic_on_every_machine():
    """They are kept in manifests: another way of hashing would make every number look changed."""
    assert scattered(0) == 0xE220A8397B1DCDAF  # the generator's first number from seed 0, as published
    frame = pd.DataFrame({"town": ["a", "b"], "year": [2001, 2001], "jobs": [1.5, -2.0]})
    bits = [struct.unpack("<Q", struct.pack("<d", value))[0] for value in frame["jobs"]]
    places = [scattered((label(town) + scattered(label("2001"))) % 2**64) for town in "ab"]
    whole = sum(scattered((b + p) % 2**64) for b, p in zip(bits, places, strict=True)) % 2**64
    by_unit = [scattered((b + label("2001")) % 2**64) >> 32 for b in bits]
    found = digest(frame, "town", "year")
    assert found["columns"]["jobs"] == f"{whole:016x}"
    assert found["by_unit"]["jobs"] == "".join(f"{word:08x}" for word in by_unit)
