"""Formulas: numerator over denominator, with what cannot be refused by row."""

import numpy as np
import pandas as pd
import pytest

from scale_impact.core.catalogue.formula import Formula, load_formulas, per_of, value
from scale_impact.core.catalogue.indicator import Indicator
from scale_impact.errors import DataError, StudyError

HEAD = "indicator,numerator,denominator,per,bounds,example_numerator,example_denominator,example_value\n"
METERS = Formula("meters", "meters read remotely", "all meters", 100.0, "part", 1, 4, 25)
DEATHS = Formula("deaths", "deaths", "residents", 100_000.0, "amount", 9, 300_000, 3)
GROWTH = Formula("growth", "residents now less then", "residents then", 100.0, "signed", -4, 200, -2)
KNOWN = {
    "meters": Indicator("meters", "Meters", "technology", "Read remotely", "%", "+"),
    "deaths": Indicator("deaths", "Deaths", "safety", "On roads", "per 100 000 inhabitants", "-"),
}


def test_an_effect_over_an_effect_may_be_negative_above_and_below():
    ratio = Formula("voltage", "effect at scale", "effect in the pilot", 1.0, "both_signed", 1.8, 3, 0.6)
    assert value(ratio, -1.8, -3.0) == pytest.approx(0.6)
    assert value(ratio, [1.8, -1.8], [-3.0, 3.0]) == pytest.approx([-0.6, -0.6])
    with pytest.raises(DataError, match="effect in the pilot: the denominator is 0"):
        value(ratio, -1.8, 0.0)
    with pytest.raises(DataError, match="the denominator is not above 0"):
        value(GROWTH, -4, -200)


def problems(of):
    with pytest.raises(DataError) as caught:
        of()
    return list(caught.value.problems)


def refused(tmp_path, lines):
    path = tmp_path / "formulas.csv"
    path.write_text(HEAD + lines, encoding="utf-8")
    with pytest.raises(StudyError) as caught:
        load_formulas(path, KNOWN)
    return list(caught.value.problems)


# ---- computing ------------------------------------------------------------------------------------------


def test_a_formula_divides_and_multiplies():
    assert value(METERS, 12_000, 48_000) == 25.0
    assert value(DEATHS, 9, 300_000) == pytest.approx(3.0, rel=1e-15)
    assert value(GROWTH, -4_000, 200_000) == -2.0


def test_arrays_are_computed_at_once_and_left_as_they_are():
    numerator, denominator = np.array([1.0, 0.0, 3.0]), np.array([4.0, 5.0, 3.0])
    assert value(METERS, numerator, denominator).tolist() == [25.0, 0.0, 100.0]
    assert numerator.tolist() == [1.0, 0.0, 3.0]
    assert value(METERS, [[1, 2], [3, 4]], 4).tolist() == [[25.0, 50.0], [75.0, 100.0]]


def test_series_keep_their_rows_and_missing_values_stay_missing():
    found = value(METERS, pd.Series([1, None], index=["Gary", "Muncie"], dtype="Int64"), 4)
    assert found.loc["Gary"] == 25.0
    assert np.isnan(found.loc["Muncie"])
    assert found.name == "meters"
    assert np.isnan(value(METERS, 1, np.nan))


def test_all_that_cannot_be_is_said_at_once_with_its_rows():
    said = problems(lambda: value(METERS, np.array([1, 5, -2, 3, np.inf]), np.array([0, 4, 3, np.nan, 9.0])))
    assert said == [
        "a value is infinite in row 5 (first seen: inf / 9). Correct the data, or give NaN for no value.",
        "all meters: the denominator is not above 0 in row 1 (first seen: 1 / 0). Correct the data, or give NaN for no value.",
        "meters read remotely: the numerator is below 0 in row 3 (first seen: -2 / 3). Correct the data, or give NaN for no value.",
        "meters read remotely: more than all meters in row 2, 5 (first seen: 5 / 4). Correct the data, or give NaN for no value.",
    ]


def test_rows_of_a_series_are_said_by_name():
    rows = ["Gary", "Muncie"]
    (said,) = problems(lambda: value(DEATHS, pd.Series([1, 2], index=rows), pd.Series([100, -1], index=rows)))
    assert "in row Muncie (first seen: 2 / -1)" in said


def test_an_amount_may_exceed_its_denominator_and_a_change_may_be_negative():
    assert value(DEATHS, 2, 1) == 200_000
    assert value(GROWTH, -1, 2) == -50


def test_a_part_that_is_larger_by_rounding_alone_is_let_pass():
    assert value(METERS, 0.1 + 0.2, 0.3) == pytest.approx(100)


def test_series_with_other_rows_are_not_put_side_by_side():
    (said,) = problems(lambda: value(METERS, pd.Series([1], index=["Gary"]), pd.Series([2], index=["Muncie"])))
    assert "different rows" in said


def test_shapes_and_texts_that_do_not_fit_are_said():
    assert "shape (2,)" in problems(lambda: value(METERS, [1, 2], [1, 2, 3]))[0]
    assert "the numerator holds what is no number" in problems(lambda: value(METERS, ["many"], [3]))[0]


# ---- reading --------------------------------------------------------------------------------------------


def test_a_line_is_a_formula(tmp_path):
    path = tmp_path / "formulas.csv"
    path.write_text(HEAD + "meters,meters read remotely,all meters,100,part,1,4,25\n", encoding="utf-8")
    assert load_formulas(path, KNOWN) == {"meters": METERS}
    assert METERS.in_words == "100 x meters read remotely / all meters"


def test_a_project_without_formulas_has_none(tmp_path):
    assert load_formulas(tmp_path / "formulas.csv", KNOWN) == {}


def test_problems_of_lines_are_said_at_once(tmp_path):
    lines = "meters,,all meters,0,half,1,x,25\nmeters,a,b,100,part,1,4,25\n"
    assert refused(tmp_path, lines) == [
        "line 2, meters: numerator is empty.",
        "line 2, meters: example_denominator is 'x'. Write a number, such as 100.",
        "line 2, meters: bounds is 'half'; it has to be one of part, amount, signed, both_signed.",
        "line 3, meters: it has a formula in line 2 already.",
    ]


def test_a_formula_has_to_fit_the_catalogue(tmp_path):
    said = refused(tmp_path, "meter,a,b,100,part,1,4,25\ndeaths,a,b,100,amount,1,4,25\n")
    assert said == [
        "line 2, meter: there is no such indicator. Did you mean 'meters'?",
        "line 3, deaths: per is 100, and the unit is 'per 100 000 inhabitants' (100,000).",
    ]


@pytest.mark.parametrize(
    ("unit", "per"),
    [
        ("%", 100),
        ("per 100 households", 100),
        ("per 1 000 inhabitants", 1000),
        ("deaths per 10 000 inhabitants", 10_000),
        ("per 100,000 live births", 100_000),
        ("km per 100 000 inhabitants", 100_000),
        ("t CO2e per inhabitant", 1),
        ("kWh/m2/yr", 1),
        ("ratio", 1),
    ],
)
def test_a_unit_says_what_is_multiplied_by(unit, per):
    assert per_of(unit) == per


def test_a_worked_example_that_the_formula_does_not_give_is_refused(tmp_path):
    (wrong,) = refused(tmp_path, "meters,read,all,100,part,45000,50000,91\n")
    assert wrong == "line 2, meters: the example says 91, and 100 x 45000 / 50000 is 90. Correct the one that is wrong."
    (impossible,) = refused(tmp_path, "meters,read,all,100,part,5,4,125\n")
    assert impossible.startswith("line 2, meters: the example cannot be: read: more than all")
    assert "per is '1e400'" in refused(tmp_path, "meters,read,all,1e400,part,1,4,25\n")[0]
