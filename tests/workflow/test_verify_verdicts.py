"""The verdict of one number: tolerances at their edges, conclusions, missing values, texts."""

import pytest

from scale_impact.workflow.verify.verdicts import (
    ESTIMATE,
    EXACT,
    OPTIMISED,
    ORDER,
    P_VALUE,
    Conclusion,
    distance,
    judge,
    same_text,
    worst,
)

SURE, UNSURE = Conclusion(-1, True), Conclusion(-1, False)


def verdict(published, now, tolerance=ESTIMATE, before=SURE, after=SURE):
    return judge(published, now, tolerance, before, after)


@pytest.mark.parametrize(
    ("published", "now", "tolerance", "expected"),
    [
        (-0.18, -0.18, ESTIMATE, "identical"),
        (-0.18, -0.18 * (1 + 0.9e-8), ESTIMATE, "within tolerance"),
        (-0.18, -0.18 * (1 + 1.2e-8), ESTIMATE, "same sign and significance"),
        (0.0, 0.9e-12, ESTIMATE, "within tolerance"),
        (5e-17, -3e-17, ESTIMATE, "within tolerance"),
        (-0.18, -0.18 * (1 + 0.9e-6), OPTIMISED, "within tolerance"),
        (-0.18, -0.18 * (1 + 1.1e-6), OPTIMISED, "same sign and significance"),
        (0.04, 0.04 + 0.9e-8, P_VALUE, "within tolerance"),
        (0.04, 0.04 + 1.1e-8, P_VALUE, "same sign and significance"),
        (1e-9, 5e-9, P_VALUE, "within tolerance"),
    ],
)
def test_a_number_is_held_to_the_tolerance_of_its_kind(published, now, tolerance, expected):
    assert verdict(published, now, tolerance) == expected


@pytest.mark.parametrize("now", [21, 23])
def test_counts_are_exact_whatever_the_tolerance(now):
    assert verdict(22, 22) == "identical"
    assert verdict(22, now) == "different"
    assert verdict(10**12, 10**12 + 1) == "different"


def test_a_setting_such_as_the_level_is_exact():
    assert verdict(0.95, 0.95 + 1e-13, EXACT) == "different"


def test_beyond_tolerance_the_reader_s_conclusion_decides():
    assert verdict(-0.18, -0.17) == "same sign and significance"
    assert verdict(-0.18, -0.17, after=UNSURE) == "same sign"
    assert verdict(-0.18, 0.17, after=Conclusion(1, True)) == "different"


def test_all_numbers_of_a_row_are_read_with_its_estimate():
    assert verdict(0.09, 0.12, after=UNSURE) == "same sign"  # a standard error
    assert verdict(-0.35, 0.01, before=SURE, after=SURE) == "same sign and significance"  # an end of the interval


def test_a_check_s_numbers_have_their_own_sign_and_its_verdict():
    passed, failed = Conclusion(None, "pass"), Conclusion(None, "fail")
    assert verdict(0.3, 0.4, before=passed, after=passed) == "same sign and significance"
    assert verdict(0.3, 0.4, before=passed, after=failed) == "same sign"
    assert verdict(0.3, -0.4, before=passed, after=passed) == "different"


def test_no_value_against_no_value_is_identical_and_against_a_number_missing_or_new():
    assert verdict(None, None) == "identical"
    assert verdict(0.1, None) == "missing"
    assert verdict(None, 0.1) == "new"
    assert verdict("pass", None) == "missing"


@pytest.mark.parametrize(("published", "now"), [("pass", "fail"), (True, False), (True, 1), (1.0, "1.0"), (1.5, True)])
def test_other_texts_truths_and_kinds_are_different(published, now):
    assert verdict(published, now) == "different"


def test_a_sentence_may_differ_in_the_last_printed_digit_and_in_nothing_else():
    assert same_text("largest +0.197 (p = 0.373)", "largest +0.198 (p = 0.373)")
    assert not same_text("largest +0.197 (p = 0.373)", "largest +0.199 (p = 0.373)")
    assert not same_text("9,999 draws", "9,998 draws")
    assert not same_text("p = 0.37", "p = 0.373")
    assert not same_text("event time -1 (0.2)", "event time -2 (0.2)")
    assert not same_text("pass", "passed")


def test_a_sentence_of_which_only_numbers_moved_is_as_good_as_they_are():
    before, after = "4 effects, largest +0.197 (p = 0.373)", "4 effects, largest -1.4 (p = 0.211)"
    passed = Conclusion(None, "pass")
    assert verdict(before, after, before=passed, after=passed) == "same sign and significance"
    assert verdict(before, after, before=passed, after=Conclusion(None, "fail")) == "different"
    assert verdict(before, "No effects, largest -1.4 (p = 0.211)", before=passed, after=passed) == "different"


def test_the_worst_verdict_is_that_of_the_whole():
    assert worst([]) == "identical"
    assert worst(["within tolerance", "identical"]) == "within tolerance"
    assert worst(["same sign", "missing", "different"]) == "missing"
    assert ORDER.index("within tolerance") < ORDER.index("new")


def test_the_distance_is_relative_to_the_larger_number_and_none_for_rounding_around_zero():
    assert distance(2.0, 1.0) == 0.5
    assert distance(0.0, 0.1) == 1.0
    assert distance(5.6e-17, 2.8e-17) == 0.0
    assert distance("pass", "fail") is None
    assert distance(0.1, None) is None
    assert distance(True, 1) is None
