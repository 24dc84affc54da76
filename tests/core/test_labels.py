"""Units and periods of a frame: what kind of labels, and what is wrong with them."""

from datetime import date

import pandas as pd
import pytest

from scale_impact.core.building.labels import has_zone, kind, wrong_labels


def series(values, **more):
    return pd.Series(values, name="u", **more)


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([1, 2], "numbers"), ([1.5], "numbers"), ([True], "numbers"), (["A"], "text"), (["A", None], "text"), (["1", 1], "mixed"), (["A", 2.5], "mixed"),
        (pd.to_datetime(["2019-01-01"]), "dates"), (pd.to_datetime(["2019-01-01"], utc=True), "dates in the time zone UTC"), ([date(2019, 1, 1)], "date"),
        (pd.Categorical(["A", "B"]), "text"), ([date(2019, 1, 1), 2019], "mixed"),
    ],
)  # fmt: skip
def test_labels_are_of_one_kind_or_mixed(values, found):
    assert kind(series(values)) == found


def test_numbers_among_objects_are_numbers():
    assert kind(series([1, 2.5], dtype="object")) == "numbers"


def test_moments_are_known_by_their_zone():
    assert has_zone(series(pd.to_datetime(["2019-01-01"], utc=True)))
    assert not has_zone(series(pd.to_datetime(["2019-01-01"])))


def wrong(rows):
    return list(wrong_labels(pd.DataFrame(rows, columns=["u", "t"]), ["u", "t"]))


def test_a_row_for_each_unit_and_period_is_right():
    assert wrong([("A", 2019), ("A", 2020), ("B", 2019)]) == []


def test_labels_of_two_kinds_are_shown():
    assert wrong([(7, 2019), ("A1", 2019), ("A1", 2019)]) == [
        "'u' mixes labels of different kinds (7 and 'A1'). Give it `type: text` in its card."
    ]
    assert "different kinds (2019-01-01 and 2019)" in wrong([("A", date(2019, 1, 1)), ("A", 2019)])[0]


def test_missing_labels_and_rows_that_stand_twice_are_said_at_once():
    said = wrong([("A", 2019), (None, 2020), ("A", 2019), ("B", None)])
    assert [s.split(".")[0] for s in said] == [
        "'u' is empty in 1 row", "'t' is empty in 1 row", "'u' and 't' stand twice: A/2019 (rows 1, 3)",
    ]  # fmt: skip
