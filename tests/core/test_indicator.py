"""The indicator catalogue: how a line is read, found and judged."""

import math

import pytest

from scale_impact.core.catalogue.indicator import (
    DIMENSIONS,
    Indicator,
    better,
    find,
    load_indicators,
    meaning,
    nearest_indicator,
    shown,
    with_code,
)
from scale_impact.core.schema import study_schema
from scale_impact.core.study import Study
from scale_impact.errors import DataError, StudyError
from tests.projects import project

HEAD = "indicator,name,dimension,definition,unit,direction\n"
WIDE = HEAD.strip() + ",code,kind,small_count,target,quality,worst,best,goalposts,u4ssc,iso37120,sdg\n"
CLAIMS = "claims,Claims,economy,Claims filed,claims,-\n"


def written(tmp_path, content):
    path = tmp_path / "catalogue.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def problems(tmp_path, content):
    with pytest.raises(StudyError) as caught:
        load_indicators(written(tmp_path, content))
    assert caught.value.exit_code == 10
    return list(caught.value.problems)


def wide(key="air", *, direction="-", dimension="environment", **fields):
    """A line of WIDE."""
    names = WIDE.strip().split(",")[6:]
    assert set(fields) <= set(names)
    return f"{key},Air,{dimension},NO2,ug/m3,{direction},{','.join(str(fields.get(n, '')) for n in names)}\n"


def made(direction="+", target=None, **more):
    return Indicator("x", "X", "economy", "what", "unit", direction, target=target, **more)


# ---- reading --------------------------------------------------------------------------------------------


def test_a_line_is_an_indicator_with_unit_and_direction(tmp_path):
    found = load_indicators(written(tmp_path, HEAD + CLAIMS))
    assert (found["claims"].unit, found["claims"].direction, found["claims"].dimension) == ("claims", "-", "economy")


def test_a_short_line_below_a_wide_head_leaves_the_other_fields_empty(tmp_path):
    found = load_indicators(written(tmp_path, WIDE + wide(code="ENV1", worst=40, best=10, goalposts="a norm") + CLAIMS))
    assert (found["air"].code, found["air"].worst, found["air"].best) == ("ENV1", 40.0, 10.0)
    assert (found["claims"].code, found["claims"].target, found["claims"].small_count) == ("", None, False)


def test_a_short_line_can_give_its_target_with_the_direction(tmp_path):
    found = load_indicators(written(tmp_path, HEAD + "pay,Pay,economy,Women over men,ratio,target 1\n"))["pay"]
    assert (found.direction, found.target) == ("target", 1.0)


def test_a_comma_in_quotes_stays_in_its_field(tmp_path):
    found = load_indicators(written(tmp_path, HEAD + 'air,Air,environment,"NO2, yearly mean",µg/m3,-\n'))
    assert found["air"].definition == "NO2, yearly mean"


def test_a_line_with_a_comma_that_is_not_in_quotes_is_refused(tmp_path):
    (said,) = problems(tmp_path, HEAD + CLAIMS + "air,Air,environment,NO2, yearly mean,ug/m3,-\n")
    assert said.startswith("line 3, air: it has 7 fields, the head 6.")


def test_a_byte_order_mark_and_empty_lines_of_a_spreadsheet_are_read_over(tmp_path):
    content = b"\xef\xbb\xbf" + (HEAD + CLAIMS + ",,,,,\n\n").encode()
    assert list(load_indicators(written(tmp_path, content))) == ["claims"]


def test_all_problems_are_said_at_once_with_line_key_and_value(tmp_path):
    content = HEAD + CLAIMS + CLAIMS + "air,Air,enviroment,NO2,,down\n"
    assert problems(tmp_path, content) == [
        "line 4, air: unit is empty. A line says at least indicator, name, dimension, definition, unit, direction.",
        "line 4, air: dimension is 'enviroment'. Did you mean 'environment'?",
        "line 4, air: direction is 'down'; it has to be one of +, -, 0, target, context.",
        "line 3, claims: the key claims stands in line 2 too (as a key). Give another.",
    ]


def test_a_dimension_of_ones_own_is_let_pass(tmp_path):
    found = load_indicators(written(tmp_path, HEAD + "opera,Opera,culture,Seats,seats,+\n"))
    assert found["opera"].dimension == "culture"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"kind": "outcomes"}, "kind is 'outcomes'; it has to be one of input, process, output, outcome, impact. Did"),
        ({"quality": "guessed"}, "quality is 'guessed'; it has to be one of measured, calculated, sampled, modelled,"),
        ({"small_count": "true"}, "small_count is 'true'; it has to be one of yes, no."),
        ({"direction": "target"}, "direction is target, and no target is given."),
        ({"target": "5"}, "target is 5, and direction is -."),
        ({"direction": "target", "target": "one"}, "target is 'one'. Write a number"),
        ({"worst": "nan", "best": "1", "goalposts": "x"}, "worst is 'nan'. Write a number"),
        ({"worst": "40"}, "worst, best and goalposts (where the two come from) go together."),
        ({"worst": "40", "best": "10"}, "worst, best and goalposts (where the two come from) go together."),
        ({"worst": "10", "best": "40", "goalposts": "x"}, "worst is 10 and best is 40, and direction is -."),
        ({"direction": "+", "worst": "5", "best": "5", "goalposts": "x"}, "worst is 5 and best is 5, and direction"),
        ({"direction": "0", "worst": "5", "best": "6", "goalposts": "x"}, "it has goalposts, and direction is 0"),
        (
            {"direction": "target", "target": "1", "worst": "0", "best": "2", "goalposts": "x"},
            "best is 2, and target is 1.",
        ),
    ],
)
def test_a_field_that_makes_no_sense_is_said(tmp_path, fields, said):
    (problem,) = problems(tmp_path, WIDE + wide(**fields))
    assert problem.startswith(f"line 2, air: {said}")


def test_a_code_that_is_another_indicators_key_or_code_is_refused(tmp_path):
    content = WIDE + wide("air", code="ENV1") + wide("ENV1") + wide("dust", code="ENV1")
    said = problems(tmp_path, content)
    assert [s.split(":")[0] for s in said] == ["line 3, ENV1", "line 4, dust"]


def test_a_slip_in_the_head_is_said_and_a_column_of_ones_own_is_not(tmp_path):
    assert problems(tmp_path, HEAD.replace("direction", "direction,targt,note")) == [
        "The head has a column 'targt'. Did you mean 'target'?"
    ]
    assert load_indicators(written(tmp_path, HEAD.replace("direction", "direction,note") + CLAIMS)).keys() == {"claims"}


def test_a_catalogue_without_a_column_is_refused(tmp_path):
    with pytest.raises(StudyError, match="lacks the column definition, direction"):
        load_indicators(written(tmp_path, "indicator,name,dimension,unit\nclaims,Claims,economy,claims\n"))


def test_a_catalogue_that_is_not_text_is_refused(tmp_path):
    with pytest.raises(StudyError, match="UTF-8"):
        load_indicators(written(tmp_path, (HEAD + "häuser,x,y,z,u,0\n").encode("latin-1")))


def test_no_catalogue_is_refused(tmp_path):
    with pytest.raises(StudyError, match="no indicator catalogue"):
        load_indicators(tmp_path / "catalogue.csv")


# ---- looking up -----------------------------------------------------------------------------------------


def test_an_indicator_is_found_by_key_or_code(tmp_path):
    known = load_indicators(written(tmp_path, WIDE + wide("no2", code="ENV03")))
    assert find(known, "no2") is find(known, "ENV03") is known["no2"]
    assert find(known, "ENV04") is None
    assert find(known, "") is None


@pytest.mark.parametrize("name", ["NO2", "no_2", "env03", "Air"])
def test_the_key_that_was_meant_is_offered_for_a_name_or_a_code_in_other_letters(tmp_path, name):
    known = load_indicators(written(tmp_path, WIDE + wide("no2", code="ENV03")))
    assert nearest_indicator(known, name) == "Did you mean 'no2'?"


def test_codes_of_others_are_found_with_and_without_what_is_added_to_them(tmp_path):
    lines = wide("pm10", u4ssc="EN: EN: AQ: 1C - pm_10", sdg="11.6.2") + wide("waste", sdg="11.6.1 (related)")
    known = load_indicators(
        written(tmp_path, WIDE + lines + wide("jobs", iso37120="5.1") + wide("more", iso37120="5.10"))
    )

    def keys(*asked):
        return [i.indicator for i in with_code(known, *asked)]

    assert keys("en:en:aq:1c") == keys("EN: EN: AQ: 1C - pm_10") == ["pm10"]
    assert keys("11.6.1") == ["waste"]
    assert keys("5.1") == keys("5.1", "iso37120") == ["jobs"]
    assert keys("5.1", "sdg") == keys("") == []


def test_the_environment_is_shown_as_sustainability():
    assert shown("environment") == "sustainability (environment)"
    assert shown("health") == "health"
    assert len(set(DIMENSIONS)) == 11


def test_a_study_can_name_an_indicator_by_its_code_and_keeps_the_key(tmp_path):
    place = project(tmp_path)
    catalogue = place.root / "data/indicators/catalogue.csv"
    catalogue.write_text(catalogue.read_text() + "work,Work,economy,Jobs,jobs,+,ZZZ99\n")
    place.study(outcomes=[{"column": "jobs", "indicator": "ZZZ99"}])
    by_code = Study.load(place.root / "studies" / "towns")
    assert by_code.outcomes[0].indicator == by_code.indicator(by_code.outcomes[0]).indicator == "work"
    place.study(outcomes=[{"column": "jobs", "indicator": "work"}])
    assert Study.load(place.root / "studies" / "towns").settings == by_code.settings
    named = study_schema(by_code.project)["properties"]["outcomes"]["items"]["properties"]["indicator"]["enum"]
    assert {"work", "ZZZ99"} <= set(named)


def test_a_study_that_names_no_indicator_is_told_the_nearest(tmp_path):
    place = project(tmp_path)
    place.study(outcomes=[{"column": "jobs", "indicator": "env3"}, {"column": "people", "indicator": "PM2.5"}])
    with pytest.raises(StudyError) as caught:
        Study.load(place.root / "studies" / "towns")
    said = [p for p in caught.value.problems if "there is no indicator" in p]
    assert len(said) == 2
    assert said[1].startswith("outcomes.1.indicator: there is no indicator 'PM2.5'. Did you mean 'pm25'?")


# ---- judging --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("indicator", "a", "b", "best"),
    [
        (made("+"), 2, 1, "a"),
        (made("+"), 1, 2, "b"),
        (made("-"), 2, 1, "b"),
        (made("-"), -1, 0, "a"),
        (made("+"), 3, 3, "neither"),
        (made("0"), 1, 2, "neither"),
        (made("context"), "county town", "county-free city", "neither"),
        (made("target", 1.0), 0.9, 0.8, "a"),
        (made("target", 1.0), 1.05, 0.9, "a"),
        (made("target", 1.0), 1.2, 0.9, "b"),
        (made("target", 1.0), 0.9, 1.1, "neither"),
        (made("target", 0.0), -3, 2, "b"),
    ],
)
def test_which_of_two_values_is_better(indicator, a, b, best):
    assert better(indicator, a, b) == best
    assert better(indicator, b, a) == {"a": "b", "b": "a"}.get(best, best)


@pytest.mark.parametrize("value", [math.nan, math.inf, None, "many"])
def test_a_value_that_is_no_number_is_not_judged(value):
    with pytest.raises(DataError, match="is no number that can be judged"):
        better(made("+"), 1, value)


def test_a_target_that_is_not_there_is_not_guessed():
    with pytest.raises(DataError, match="direction is target, and it has none"):
        better(made("target"), 1, 2)


def test_results_depend_on_what_judges_and_not_on_codes_or_goalposts():
    plain = made("-")
    assert meaning(plain) == meaning(made("-", code="X1", quality="measured", worst=2.0, best=1.0, goalposts="norm"))
    assert list(meaning(plain)) == ["indicator", "name", "dimension", "definition", "unit", "direction"]
    assert meaning(made("target", 1.0)) != meaning(made("target", 2.0))
