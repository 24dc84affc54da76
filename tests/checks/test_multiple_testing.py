"""The check of a finding among all outcomes: verdicts by its own and its adjusted p-value."""

from types import SimpleNamespace

import pytest

from scale_impact.checks import check as run_check
from scale_impact.checks import multiple_testing
from scale_impact.checks.multiple_testing import CONTEXT, ONE, of_profile
from scale_impact.core.catalogue.indicator import Indicator
from scale_impact.core.effect import Estimate
from scale_impact.core.profile.common_scale import PerCent, Spread
from scale_impact.core.profile.multiple_testing import Adjusted
from scale_impact.core.profile.profile import Line, Profile
from tests.profiles import profile_project, towns


def line(name, p=None, stepdown=None, reason=None, dimension="health", direction="+"):
    indicator = Indicator(name, name.title(), dimension, "What it is", "points", direction)
    estimate = Estimate(None, reason=reason) if reason else Estimate(1.0, 0.4)
    adjusted = None if p is None else Adjusted(p, stepdown, min(1.0, 2 * p), p)
    return Line(
        name,
        indicator,
        "points",
        estimate,
        estimate,
        estimate,
        Spread(1.0, 0.0, ""),
        PerCent(2.0),
        None,
        adjusted,
        reason,
    )


def profile(*lines, alpha=0.05):
    return Profile(lines, (), 0.95, alpha, "some stepdown", {})


def test_a_finding_that_stays_passes():
    found = of_profile(profile(line("a", 0.001, 0.004), line("b", 0.4, 0.6)), "a")
    assert (found.check, found.verdict, found.p_value) == ("multiple_testing", "pass", 0.004)
    assert found.reason == (
        "p = 0.001 by itself, 0.004 among 2 outcomes (some stepdown); q = 0.002. The finding stays when all outcomes are counted."
    )


def test_a_finding_that_goes_among_all_outcomes_fails():
    found = of_profile(profile(line("a", 0.03, 0.2), line("b", 0.4, 0.6)), "a")
    assert found.verdict == "fail"
    assert "By itself it looks like a finding" in found.reason


def test_what_is_no_finding_by_itself_has_nothing_to_be_adjusted():
    found = of_profile(profile(line("a", 0.03, 0.2), line("b", 0.4, 0.6)), "b")
    assert found.verdict == "inapplicable"
    assert "It is no finding by itself" in found.reason


def test_the_level_is_that_of_the_profile():
    assert of_profile(profile(line("a", 0.03, 0.2), line("b", 0.4, 0.6), alpha=0.25), "a").verdict == "pass"


def test_one_outcome_is_nothing_to_adjust():
    found = of_profile(profile(line("a", 0.03, 0.03), line("b", reason="no estimate")), "a")
    assert (found.verdict, found.reason) == ("inapplicable", ONE)


def test_context_is_counted_nowhere_and_never_fails():
    size = line("size", dimension="context", direction="context")
    own = of_profile(profile(line("a", 0.03, 0.04), line("b", 0.4, 0.4), size), "size")
    assert size.p_value == pytest.approx(0.0124, abs=1e-4)
    assert (own.verdict, own.reason) == ("inapplicable", f"{CONTEXT} (p = 0.012 by itself).")
    assert own.details["outcomes"]["size"]["p_value"] == size.p_value
    assert own.details["outcomes"]["size"]["stepdown"] is None
    assert own.details["outcomes"]["size"]["verdict"] == "context"
    found = of_profile(profile(line("a", 0.03, 0.04), line("b", 0.4, 0.4), size), "a")
    assert "among 2 outcomes" in found.reason
    assert of_profile(profile(line("a", 0.03, 0.03), size), "a").reason == ONE


def test_an_outcome_without_a_p_value_says_why():
    found = of_profile(
        profile(line("a", 0.1, 0.2), line("b", 0.4, 0.6), line("c", reason="It is never observed.")), "c"
    )
    assert (found.verdict, found.reason) == ("inapplicable", "The outcome has no p-value: It is never observed.")


def test_the_primary_outcomes_details_hold_all_outcomes_and_anothers_its_own():
    lines = (line("a", 0.001, 0.004), line("b", 0.4, 0.6))
    assert list(of_profile(profile(*lines), "a").details["outcomes"]) == ["a", "b"]
    other = of_profile(profile(*lines), "b").details
    assert list(other["outcomes"]) == ["b"]
    assert other["outcomes"]["b"]["stepdown"] == 0.6
    assert "indices" not in other


def test_without_a_study_there_are_no_other_outcomes():
    assert multiple_testing.run(None, None, None, profile=None).verdict == "inapplicable"


def test_the_check_asks_for_a_profile_of_its_options(tmp_path):
    asked = []

    class Panel:
        outcome = "a"

    def make(**ways):
        asked.append(ways)
        return profile(line("a", 0.001, 0.004), line("b", 0.4, 0.6))

    run_check("multiple_testing", Panel, SimpleNamespace(control="never", exposed=None), None, profile=make, draws=99)
    assert asked == [{"draws": 99, "alpha": 0.05}]


def test_a_study_of_another_template_can_ask_for_it(tmp_path):
    from scale_impact.session import open_session

    made = profile_project(tmp_path, towns(), checks=[{"multiple_testing": {"draws": 199}}])
    session = open_session(str(made.root / "studies" / "towns"))
    (found,) = session.check("air")
    assert found.verdict == "pass"
    assert "199 Rademacher draws on 60 clusters" in found.details["method"]
    assert session.profile() is session.profile(draws=199)


@pytest.mark.parametrize("wrong", [{"draws": 0}, {"alpha": 1.0}, {"drws": 9}])
def test_wrong_options_are_said_when_the_study_is_read(tmp_path, wrong):
    from scale_impact.core.study import Study
    from scale_impact.errors import StudyError

    made = profile_project(tmp_path, towns(), checks=[{"multiple_testing": wrong}])
    with pytest.raises(StudyError, match="multiple_testing"):
        Study.load(made.root / "studies" / "towns")
