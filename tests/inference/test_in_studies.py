"""A study's `inference`: read, checked, used for its estimates, and said."""

import json

import pytest

from scale_impact.core.study import Study
from scale_impact.errors import StudyError
from scale_impact.session import open_session
from scale_impact.workflow.preflight import preflight
from scale_impact.workflow.runs import Run
from tests.projects import towns


def five_towns():
    """Two towns with a zone, from 2003 and 2004, and three without."""
    frame = towns()
    return frame[frame["town"].isin(["00001", "00004", "00007", "00008", "00009"])]


def rows_of(session, tmp_path):
    session.out = tmp_path / "out"
    session.save()
    return [json.loads(line) for line in (tmp_path / "out" / "estimates.jsonl").read_text().splitlines()]


def test_a_study_of_five_towns_gets_an_interval_that_is_valid_and_says_so(place, tmp_path):
    place.data(five_towns())
    session = open_session("towns")
    primary, other = session.estimate()
    assert primary.overall.std_error is None  # cohorts of one town
    low, high = primary.overall.interval(0.95)
    assert low < primary.overall.value < high
    row = rows_of(session, tmp_path)[0]
    assert (row["ci_low"], row["ci_high"], row["p_value"]) == (low, high, primary.overall.p_value)
    assert "randomisation inference: all 20 assignments of the adoption dates to units (town)" in row["inference"]
    said = session.notes().data
    assert "there are 5 units (town), 2 treated and 3 to compare with, too few for the normal approximation" in said
    assert "intervals are rough" not in said
    assert other.overall.judged is not None
    assert "interval" in session.answer().data


def test_a_study_of_twelve_towns_is_judged_in_all_its_rows(place, tmp_path):
    session = open_session("towns")
    rows = rows_of(session, tmp_path)
    assert "p-value by the wild cluster bootstrap" in rows[0]["inference"]
    methods = (
        "p-value by the wild cluster bootstrap",
        "p-value by randomisation inference",
    )  # the latter: small cohorts
    assert all(any(m in r["inference"] for m in methods) for r in rows)
    assert all(r["ci_low"] < r["estimate"] < r["ci_high"] for r in rows)
    assert open_session("towns").estimates().equals(session.estimates())


def test_analytic_leaves_intervals_as_the_estimator_makes_them(place):
    place.study(inference="analytic")
    effect = open_session("towns").estimate()[0]
    assert effect.overall.judged is None
    assert any("intervals are rough" in n for n in effect.notes)


def test_a_method_takes_its_options_and_the_studys_seed(place):
    place.study(inference={"wild_bootstrap": {"draws": 299, "weights": "webb"}}, seed=7)
    words = open_session("towns").estimate()[0].overall.judged.words
    assert "Webb multipliers of 12 clusters, 299 draws, seed 7" in words


def test_it_can_be_set_from_outside(place):
    session = open_session("towns", overrides={"inference": "jackknife"})
    assert "leaves out each of 12 clusters" in session.estimate()[0].overall.judged.words
    given = open_session("towns", given={"inference": "analytic"})
    assert given.estimate()[0].overall.judged is None


def test_a_variant_can_have_its_own(place):
    place.study(variants={"plain": {"inference": "analytic"}, "usual": {}})
    assert Study.load("towns", variant="plain").settings.inference.name == "analytic"
    assert Study.load("towns", variant="usual").settings.inference.name == "auto"


@pytest.mark.parametrize(
    ("inference", "says"),
    [
        ("wild_bootstrp", "inference: there is no method 'wild_bootstrp'. Did you mean 'wild_bootstrap'?"),
        ({"jackknife": {"center": "mean"}}, "inference: jackknife takes no option 'center'. Did you mean 'centre'?"),
        ({"wild_bootstrap": {"weights": "gaussian"}}, "inference: wild_bootstrap: weights is 'gaussian'"),
        ({"auto": {"draws": 99}}, "inference: auto takes no options (draws given)"),
        (["auto"], "inference"),
        (None, "inference"),
    ],
)
def test_a_wrong_choice_is_found_when_the_study_is_read(place, inference, says):
    place.study(inference=inference, level=2)
    with pytest.raises(StudyError) as caught:
        Study.load("towns")
    assert any(says in p for p in caught.value.problems)
    assert any("level" in p for p in caught.value.problems)  # all problems at once


def test_a_method_that_cannot_judge_the_study_stops_it_before_it_runs(place):
    place.data(five_towns().query("town != '00008' and town != '00009'"))
    place.study(inference="conley_taber")
    study = Study.load("towns")
    (error,) = preflight(Run(study, place.root / "notebooks" / "quick.ipynb")).errors
    assert "conley_taber learns from never-treated units how large chance is; here are 1" in str(error)


def test_checks_estimate_without_it_and_few_clusters_says_what_it_would_be(place):
    place.study(checks=["leave_one_out", "few_clusters"])
    session = open_session("towns")
    found = {c.check: c for c in session.check()}
    assert found["few_clusters"].details["clusters"] == 12
    methods = {r["method"]: r for r in found["few_clusters"].details["rows"]}
    assert methods["wild_bootstrap"]["valid"]
    ends = session.estimate()[0].overall.interval(0.95)
    assert (methods["wild_bootstrap"]["ci_low"], methods["wild_bootstrap"]["ci_high"]) == ends
