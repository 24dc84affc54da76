"""Two-way fixed effects with several dates: never a study's answer, and never without the checks of its weights."""

import pytest

from scale_impact.core.assemble import checks_of, design_of, options_of, panel_of, refuse_as_primary
from scale_impact.core.study import Study, describe
from scale_impact.errors import DesignError
from scale_impact.session import open_session
from scale_impact.workflow.preflight import preflight
from scale_impact.workflow.runs import expand
from tests.projects import towns

ONE_DATE = {"treatment": {"cohorts": {"00001": 2003, "00002": 2003, "00003": 2003}}}


def asked(place, **changes):
    """The study with its design."""
    place.study(**changes)
    study = Study.load("towns")
    return study, design_of(study, panel_of(study, towns(), study.outcomes[0]))


def names(place, **changes):
    return [describe(c) for c in checks_of(*asked(place, **changes))]


def test_its_checks_come_with_twfe(place):
    assert names(place, estimators=["callaway_santanna", "twfe"], checks=["pre_trends"]) == [
        "pre_trends", "negative_weights", "bacon",
    ]  # fmt: skip


def test_checks_that_the_study_has_stay_as_they_are(place):
    own = ["bacon", {"negative_weights": {"tolerance": 0.2}}]
    assert names(place, estimators=["callaway_santanna", "twfe"], checks=own) == [
        "bacon", "negative_weights (tolerance 0.2)",
    ]  # fmt: skip


def test_a_check_of_another_estimators_weights_is_no_check_of_twfe(place):
    own = ["bacon", {"negative_weights": {"estimator": "event_study"}}]
    assert names(place, estimators=["callaway_santanna", "twfe"], checks=own)[2:] == ["negative_weights"]


def test_its_checks_are_of_the_regression_that_was_run(place):
    twfe = {"twfe": {"always_treated": True, "trends": "unit", "K_fixef": "full"}}
    assert names(place, estimators=["callaway_santanna", twfe], checks=[]) == [
        "negative_weights (always_treated True; trends unit)", "bacon (always_treated True)",
    ]  # fmt: skip


@pytest.mark.parametrize("changes", [{"estimators": ["callaway_santanna"]}, ONE_DATE], ids=["no twfe", "one date"])
def test_other_studies_have_the_checks_that_they_name(place, changes):
    assert names(place, checks=["pre_trends"], **changes) == ["pre_trends"]


def test_twfe_is_not_the_answer_with_several_dates(place):
    with pytest.raises(DesignError) as error:
        refuse_as_primary(*asked(place, estimators=["twfe", "callaway_santanna"]))
    assert str(error.value).startswith(
        "twfe is the study's first estimator, and so its answer, with 2 adoption dates (2003, 2004): units treated earlier serve "
        "as controls"
    )
    assert "Put another one first (callaway_santanna, " in str(error.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"estimators": ["callaway_santanna", "twfe"]},
        {"estimators": ["event_study"]},
        {"estimators": ["twfe"], **ONE_DATE},
    ],
    ids=["second", "event study", "one date"],
)
def test_elsewhere_it_may_stand(place, changes):
    refuse_as_primary(*asked(place, **changes))


def test_it_is_refused_before_a_run_and_in_a_notebook(place):
    place.study(estimators=["twfe"])
    (run,), _ = expand(["towns"], {})
    (error,) = preflight(run).errors
    assert isinstance(error, DesignError)
    assert "twfe is the study's first estimator" in str(error)
    with pytest.raises(DesignError, match="twfe is the study's first estimator"):
        open_session("towns").estimate()


@pytest.mark.parametrize(
    ("indicator", "given"),
    [("unemployment", {"better": "less"}), ("naturalisation_rate", {"better": "more"}), ("house_price", {})],
)
def test_a_check_learns_from_the_catalogue_what_is_better(place, indicator, given):
    place.study(checks=["policy_tree"])
    study = Study.load("towns")
    outcome, known = study.outcomes[0].model_copy(update={"indicator": indicator}), ("cost", "better")
    choice = study.settings.checks[0]
    assert options_of(study, choice, known, outcome) == given
    assert options_of(study, choice, known) == {}
    assert options_of(study, choice, ("cost",), outcome) == {}
    own = choice.model_copy(update={"options": {"better": "more"}})
    assert options_of(study, own, known, outcome) == {"better": "more"}
