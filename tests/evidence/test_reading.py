"""A row in plain words."""

import pytest

from scale_impact.evidence.reading import in_plain_words, in_words, is_log, numbers


def row(**changes):
    usual = {
        "outcome_unit": "log(claims)", "estimate": -0.18, "std_error": 0.0891,
        "ci_low": -0.3546, "ci_high": -0.0054, "level": 0.95,
    }  # fmt: skip
    return {**usual, **changes}


def said(name="Unemployment claims", **changes):
    return in_words(row(**changes), name)


def test_logs_are_read_as_percent():
    # exp(-0.18) - 1 = -16.5 %, exp(-0.3546) - 1 = -29.9 %, exp(-0.0054) - 1 = -0.5 %
    assert said() == "Unemployment claims down by 16.5 %, 95 % interval −29.9 % to −0.5 %: zero is excluded."


def test_levels_are_read_in_their_unit():
    found = said(outcome_unit="1978 USD", estimate=-21920.27, ci_low=-37694.5, ci_high=612.0, name="House price")
    assert (
        found
        == "House price down by 21,920 of 1978 USD, 95 % interval −37,694 of 1978 USD to +612 of 1978 USD: zero is not excluded."
    )


def test_a_hyphen_in_a_unit_stays_a_hyphen():
    assert "up by 5 person-years, " in said(outcome_unit="person-years", estimate=5.0, ci_low=1.0, ci_high=9.0)


def test_an_estimate_without_an_interval_says_so():
    assert said(ci_low=None, ci_high=None, std_error=None) == "Unemployment claims down by 16.5 %; no interval."
    assert numbers(row(ci_low=None, ci_high=None, std_error=None)) == "-0.18"


def test_no_estimate_is_no_number():
    assert said(estimate=None) == "No estimate."
    assert numbers(row(estimate=None)) == "-"


@pytest.mark.parametrize(
    ("level", "words"), [(0.9, "90 % interval"), (0.999, "99.9 % interval"), (0.57, "57 % interval")]
)
def test_the_level_is_the_one_of_the_interval(level, words):
    assert words in said(level=level)


def test_zero_is_neither_up_nor_down():
    assert said(estimate=0.0, ci_low=-0.1, ci_high=0.1).startswith("Unemployment claims unchanged, 95 % interval")


def test_a_level_taken_for_a_log_is_absurd_and_no_crash():
    assert "+inf %" in said(estimate=20000.0, ci_low=100.0, ci_high=40000.0)


def test_numbers_stand_in_the_unit_of_the_estimate():
    assert numbers(row()) == "-0.18 [-0.3546, -0.0054], std. error 0.0891"
    assert is_log(row())
    assert not is_log(row(outcome_unit="catalogues"))


def test_an_effect_on_a_share_is_in_percentage_points():
    row = {"estimate": 1.3, "ci_low": 0.7, "ci_high": 1.9, "level": 0.95, "outcome_unit": "%"}
    assert in_words(row, "Naturalisation rate").startswith("Naturalisation rate up by 1.3 percentage points, 95 %")


def test_an_interval_without_an_end_is_not_bounded_and_one_without_a_standard_error_is_shown():
    assert said(ci_high=None, p_value=0.2) == "Unemployment claims down by 16.5 %; no bounded interval."
    assert numbers(row(ci_low=None, p_value=0.2)) == "-0.18"
    assert numbers(row(std_error=None)) == "-0.18 [-0.3546, -0.0054]"


@pytest.mark.parametrize(
    "unit, said",
    [
        ("share", "3.599 percentage points"),
        ("binary", "3.599 percentage points"),
        ("index 0-10.25", "0.03599 points (index 0-10.25)"),
    ],
)
def test_shares_are_read_as_percentage_points_and_indices_as_points(unit, said):
    row = {"estimate": -0.03599, "ci_low": None, "ci_high": None, "outcome_unit": unit, "level": 0.95}
    assert in_words(row, "Completeness") == f"Completeness down by {said}; no interval."


def test_plain_words_have_three_digits_one_unit_and_say_chance():
    found = in_plain_words(row(outcome_unit="%", estimate=7.887, ci_low=-9.2772, ci_high=25.594), "Participation rule")
    assert found == "Participation rule up by 7.89 percentage points (95 % interval −9.28 to +25.6): it may be chance."
    sure = in_plain_words(row(), "Claims")
    assert sure == "Claims down by 16.5 % (95 % interval −29.9 to −0.5): more than chance, taken by itself."
    assert "how sure that is, is not known" in in_plain_words(row(ci_low=None, ci_high=None), "Claims")
    assert in_plain_words(row(estimate=None), "Claims") == "No estimate."
