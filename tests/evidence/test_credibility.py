"""Levels of the Maryland scale, each by a rule in words."""

import pytest

from scale_impact.core import keys
from scale_impact.evidence.credibility import DESIGNS, FAMILIES, FAMILY_OF, of_paper, of_study


def level(estimator, followed=True, **verdicts):
    return of_study(estimator, verdicts, followed=followed).level


def test_every_estimator_of_the_package_has_a_rule():
    assert set(FAMILY_OF) == set(keys.names("estimators"))


def test_every_check_of_a_rule_is_one():
    named = {c for f in FAMILIES.values() for c in (*f.needs, *f.harmed_by)}
    assert named <= set(keys.names("checks"))


def test_a_lottery_is_the_highest_level_whatever_estimator_reads_it():
    assert level("randomised_rollout") == 5
    assert level("callaway_santanna", randomisation_balance="pass") == 5
    assert level("did_2x2", randomisation_balance="inapplicable", pre_trends="pass") == 3


def test_a_lottery_that_left_groups_unlike_or_lost_people_loses_a_level_each():
    assert level("randomised_rollout", randomisation_balance="fail") == 4
    assert level("randomised_rollout", randomisation_balance="fail", attrition_bounds="fail") == 3


@pytest.mark.parametrize(
    ("estimator", "verdicts", "expected"),
    [
        ("instrumental_variable", {"weak_instrument": "pass"}, 4),
        ("instrumental_variable", {}, 3),
        ("instrumental_variable", {"weak_instrument": "fail"}, 3),
        ("instrumental_variable", {"weak_instrument": "pass", "overidentification": "fail"}, 3),
        ("regression_discontinuity", {"density_jump": "pass"}, 4),
        ("regression_discontinuity", {"density_jump": "fail", "covariate_continuity": "fail"}, 2),
        ("callaway_santanna", {"pre_trends": "pass"}, 3),
        ("callaway_santanna", {"pre_trends": "fail"}, 2),
        ("callaway_santanna", {"pre_trends": "inconclusive"}, 2),
        ("did_2x2", {"pre_trends": "inapplicable"}, 2),
        ("did_2x2", {"pre_trends": "inapplicable", "placebo_dates": "pass"}, 3),
        ("twfe", {"pre_trends": "pass", "negative_weights": "fail"}, 2),
        ("synthetic_control", {"pre_fit": "pass"}, 3),
        ("synthetic_control", {"pre_fit": "fail", "in_time_placebo": "fail"}, 1),
        ("doubly_robust", {"overlap": "pass"}, 3),
        ("interrupted_time_series", {}, 2),
        ("interrupted_time_series", {"in_time_placebo": "fail"}, 1),
    ],
)
def test_levels_of_designs(estimator, verdicts, expected):
    assert of_study(estimator, verdicts).level == expected


def test_people_alike_at_one_time_are_less_than_their_changes():
    assert level("doubly_robust", followed=False, balance="pass") == 2
    assert level("doubly_robust", followed=False) == 1


def test_no_level_falls_below_one():
    assert level("synthetic_control", pre_fit="fail", in_time_placebo="fail") == 1
    assert level("twfe", pre_trends="fail", placebo_dates="fail", negative_weights="fail") == 1


def test_the_rule_says_where_each_level_went():
    found = of_study("twfe", {"pre_trends": "fail", "negative_weights": "fail"})
    assert (
        found.rule
        == "3 before and after with a comparison group; 1 less, as pre_trends fails; 1 less, as negative_weights fails"
    )
    asked = of_study("did_2x2", {}).rule
    assert asked.endswith("1 less, as no check shows it (pre_trends or placebo_dates would have to pass)")


def test_what_has_no_rule_has_no_level_and_says_so():
    assert of_study("benchmark", {}).level is None
    assert "no rule for the estimator benchmark" in of_study("benchmark", {}).rule


@pytest.mark.parametrize("design", DESIGNS)
def test_each_design_of_a_paper_has_its_level_in_words(design):
    found = of_paper(design)
    assert found.level in (1, 2, 3, 4, 5, None)
    assert design in found.rule


def test_levels_of_papers_go_with_their_designs():
    order = (
        "before_after",
        "before_after_with_controls",
        "difference_in_differences",
        "regression_discontinuity",
        "randomised_trial",
    )
    assert [of_paper(d).level for d in order] == [1, 2, 3, 4, 5]
    assert of_paper("meta_analysis").level is None


def test_the_authors_level_goes_before_the_designs():
    assert of_paper("randomised_trial", 3, "half of them left").rule == "given by who entered it: half of them left"
    assert of_paper("randomised_trial", 3, "half of them left").level == 3
