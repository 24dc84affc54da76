"""Words for messages: labels as their users write them."""

import numpy as np
import pandas as pd
import pytest

from scale_impact.core.words import counted, nearest, plain, some


@pytest.mark.parametrize(
    ("label", "text"),
    [
        (1984.0, "1984"),
        (np.int64(1984), "1984"),
        (np.float32(0.5), "0.5"),
        (np.inf, "inf"),
        ("Gary", "Gary"),
        (pd.Period("2001", "Y"), "2001"),
    ],
)
def test_a_label_is_written_as_its_user_would(label, text):
    assert plain(label) == text


@pytest.mark.parametrize("unit", ["s", "us", "ns"])
def test_a_date_is_written_as_a_date(unit):
    assert plain(np.datetime64("1984-07-01", unit)).startswith("1984-07-01")


def test_the_nearest_name_is_offered_or_all_are():
    assert nearest("unemployed", ["claims", "unemployment"]) == "Did you mean 'unemployment'?"
    assert nearest("xyz", ["claims", "population"]) == "Known: claims, population."
    assert nearest("xyz", []) == "None is known."


def test_of_many_a_few_are_listed():
    assert some([1, 2, 3]) == "1, 2, 3"
    assert some([1.0, 2.0, 3.0], 2) == "1, 2 and 1 more"


def test_counts_agree_in_number():
    assert [counted(1, "city", "cities"), counted(2, "city", "cities"), counted(1200, "unit")] == [
        "1 city",
        "2 cities",
        "1,200 units",
    ]


def test_a_name_that_is_known_twice_is_listed_once():
    assert nearest("zzz", ["score", "year", "score"]) == "Known: score, year."
