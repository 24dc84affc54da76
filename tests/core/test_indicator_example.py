"""Worked examples: the direction is held against what a reader would say."""

import pytest

from scale_impact.core.catalogue.indicator import Indicator
from scale_impact.core.catalogue.indicator_example import Example, load_examples
from scale_impact.errors import StudyError

HEAD = "indicator,city_a,value_a,city_b,value_b,better,why\n"
KNOWN = {
    "no2": Indicator("no2", "NO2", "environment", "Mean", "ug/m3", "-"),
    "police": Indicator("police", "Police", "safety", "Officers", "per 100 000 inhabitants", "0"),
}


def written(tmp_path, lines):
    path = tmp_path / "examples.csv"
    path.write_text(HEAD + lines, encoding="utf-8")
    return path


def refused(tmp_path, lines):
    with pytest.raises(StudyError) as caught:
        load_examples(written(tmp_path, lines), KNOWN)
    return list(caught.value.problems)


def test_an_example_is_read_and_worded(tmp_path):
    lines = "no2,A,34,B,19,b,The air is cleaner.\npolice,A,230,B,310,neither,An input.\n"
    found = load_examples(written(tmp_path, lines), KNOWN)
    assert found["no2"] == Example("no2", "A", "34", "B", "19", "b", "The air is cleaner.")
    assert found["no2"].in_words == "34 or **19**: the air is cleaner."
    assert found["police"].in_words == "230 or 310, neither: an input."


def test_a_direction_with_the_wrong_sign_is_noticed(tmp_path):
    assert refused(tmp_path, "no2,A,34,B,19,a,The air is cleaner.\n") == [
        "line 2, no2: of 34 and 19 the example says a, and direction - says b. One of the two is wrong."
    ]


def test_all_problems_are_said_at_once(tmp_path):
    lines = "no,A,1,B,2,a,Why.\nno2,A,,B,2,a,\nno2,A,x,B,2,a,Why.\npolice,A,1,B,2,none,Why.\n"
    assert refused(tmp_path, lines) == [
        "line 2, no: there is no such indicator. Did you mean 'no2'?",
        "line 3, no2: value_a, why is empty.",
        "line 4, no2: no2: 'x' is no number that can be judged. Leave the city out, or give its value.",
        "line 5, police: better is 'none'; it has to be one of a, b, neither.",
        "no2: it has more than one example.",
    ]


def test_a_project_without_examples_has_none(tmp_path):
    assert load_examples(tmp_path / "examples.csv", KNOWN) == {}
