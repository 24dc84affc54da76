"""A study's grid made a curve: marked, kept whole, tested together, and written by the session."""

import json

import numpy as np
import pytest

import scale_impact as si
from scale_impact.core.specifications import OWN
from scale_impact.core.study import Study
from scale_impact.curve import candidates
from scale_impact.errors import EstimationError, StudyError, UsageError
from scale_impact.session import open_session
from tests.panels import ROOT
from tests.projects import COLUMNS, STUDY, towns

GRID = {
    "estimator": ["callaway_santanna", "imputation"],
    "control": ["never", "not_yet"],
    "without": [[], ["00001"]],
}
WHOLE = {"template": "specification_curve", "estimators": ["callaway_santanna"], "checks": [], "inference": "analytic"}


@pytest.fixture
def curve(place):
    """`curve(grid, **changes)`: the session of a study whose template evaluates its grid whole."""

    def made(grid=GRID, **changes):
        place.study(**{**WHOLE, "grid": grid, **changes})
        return open_session("towns")

    return made


# ---- each combination -------------------------------------------------------------------------------------


def test_each_combination_is_estimated_with_its_own_sample_and_comparison(curve):
    found = curve().specifications()
    assert len(found) == 8
    frame = towns().query("town != '00001'")
    panel = si.Panel.from_frame(frame, unit="town", period="year", outcome="jobs")
    design = si.Design.from_panel(panel, treated="zone", control="not_yet")
    chosen = next(
        s
        for s in found.specifications
        if s.choices == {"estimator": "imputation", "control": "not_yet", "without": "00001"}
    )
    assert chosen.value == pytest.approx(si.estimate("imputation", panel, design).overall.value)
    assert chosen.sample.n_units == 11
    assert found.axes == {
        "estimator": ("callaway_santanna", "imputation"),
        "control": ("never", "not_yet"),
        "without": ("nobody", "00001"),
    }


def test_intervals_are_by_the_studys_inference_as_that_of_its_own_estimate(curve):
    session = curve(inference="auto")
    own, shown = session.estimate()[0].overall, session.specifications().primary.estimate
    assert own.judged is not None
    assert shown.interval(0.95) == own.interval(0.95)
    # without town 00001 five are treated: randomisation then takes the place of the bootstrap
    words = {s.choices["without"]: s.estimate.judged.words for s in session.specifications().known}
    assert "wild cluster bootstrap" in words["nobody"]
    assert "randomisation inference" in words["00001"]


def test_an_interval_that_cannot_be_had_stays_analytic_and_says_so(curve, place):
    place.data(towns().assign(people=lambda f: f["town"].astype(int) % 4))  # clusters that hold several dates
    session = curve({"cluster": ["town", "people"]}, inference="randomisation")
    units, clusters, *_ = session.specifications().specifications
    assert "randomisation inference" in units.estimate.judged.words
    assert clusters.estimate.judged is None
    assert clusters.estimate.interval(0.95) is not None
    assert "interval stays analytic: randomisation moves whole clusters, and 4 of 4" in clusters.inference


def test_a_combination_whose_keys_contradict_each_other_stays_with_its_reason(curve):
    session = curve({"estimator": ["callaway_santanna", "stacked"], "covariates": [[], ["people"]]})
    by_choice = {(s.choices["estimator"], s.choices["covariates"]): s for s in session.specifications().specifications}
    failed = by_choice["stacked", "people"]
    assert failed.estimator == "stacked"
    assert "stacked takes none" in failed.estimate.reason
    assert by_choice["stacked", "none"].value is not None


def test_panels_are_shared_by_combinations_that_differ_in_other_things(curve):
    session = curve()
    found = candidates(session.study, session.study.outcomes[0], session._panels())
    assert len({id(c.fitted.panel) for c in found}) == 2  # with and without town 00001


# ---- the marked one ---------------------------------------------------------------------------------------


def test_the_studys_own_combination_is_marked(curve):
    primary = curve().specifications().primary
    assert primary.mark == OWN
    assert not primary.added
    assert primary.choices == {"estimator": "callaway_santanna", "control": "never", "without": "nobody"}


def test_a_study_that_is_no_combination_of_its_grid_is_added_and_marked(curve):
    session = curve({"estimator": ["imputation", "stacked"]})
    found = session.specifications()
    assert len(found) == 3
    assert found.primary.added
    assert found.primary.label == "estimator callaway_santanna"
    assert found.primary.value == session.estimate()[0].overall.value
    assert [a.axis for a in found.influence] == ["estimator"]
    assert [c.choice for c in found.influence[0].choices] == ["imputation", "stacked"]


def test_the_frozen_plan_is_marked_whatever_the_study_says_now(curve, place):
    from scale_impact.core.frozen_plan import FrozenPlan, Version, content

    curve(estimators=["imputation"])
    study = Study.load("towns")
    plan = FrozenPlan((Version.sealed(content(study, [study]), "2025-11-22T10:00:00+00:00"),))
    (study.folder / "plan.json").write_text(plan.to_json(), encoding="utf-8")
    primary = curve(estimators=["callaway_santanna"]).specifications().primary
    assert primary.mark == "frozen plan 2025-11-22"
    assert primary.choices["estimator"] == "imputation"


# ---- all together -----------------------------------------------------------------------------------------


def test_the_joint_test_deals_the_dates_of_all_units_also_of_those_left_out(curve):
    tested = curve().joint_test(draws=60)
    assert tested.joint.words == "60 random dealings of the adoption dates to 12 units (town), seed 20251122"
    assert len(tested.joint.p_values) == 8
    assert all(0 < p <= 1 for p in tested.joint.p_values)


def test_clusters_of_the_design_change_places_as_wholes(curve, place):
    frame = towns()
    frame["people"] = (frame["town"].astype(int) + 2) // 3  # four clusters of three towns, treated together
    place.data(frame)
    tested = curve(design={"control": "never", "cluster": "people"}).joint_test()
    assert tested.joint.words == "all 12 dealings of the adoption dates to 4 clusters (people)"


def test_clusters_that_hold_several_dates_leave_the_curve_untested_and_say_why(curve, place):
    frame = towns()
    frame["people"] = frame["town"].astype(int) % 4
    place.data(frame)
    tested = curve(design={"control": "never", "cluster": "people"}).joint_test()
    assert tested.joint is None
    assert "4 of 4 (1, 2, 3 and 1 more) hold units of different adoption dates" in tested.untested


def test_draws_below_one_are_refused(curve):
    with pytest.raises(UsageError, match="draws is 0"):
        curve().joint_test(draws=0)
    with pytest.raises(StudyError, match="draws is 0: it should be greater than or equal to 1"):
        curve(checks=[{"specification_curve": {"draws": 0}}])


# ---- what is no curve ----------------------------------------------------------------------------------------


def test_a_study_without_a_grid_has_no_curve(place):
    place.study(checks=["specification_curve"])
    session = open_session("towns")
    with pytest.raises(StudyError, match=r"studies/towns/study.yaml: There is no grid"):
        session.specifications()
    assert session.verdicts().loc["specification_curve", "verdict"] == "inapplicable"
    assert {r["kind"] for r in session._estimate_rows(session.study.outcomes[0])} >= {"overall"}


def test_a_grid_of_one_combination_is_refused(curve):
    with pytest.raises(StudyError, match="one combination"):
        curve({"control": ["never"]}).specifications()


def test_outcomes_of_different_units_cannot_share_a_curve(curve):
    outcomes = [*STUDY["outcomes"], {"column": "ljobs", "indicator": "jobs", "scale": "log"}]
    with pytest.raises(StudyError, match=r"estimates in jobs, log\(jobs\) cannot stand on one curve"):
        curve({"outcome": ["jobs", "ljobs"]}, outcomes=outcomes).specifications()


def test_where_no_combination_can_be_estimated_the_reasons_are_said(curve, place):
    frame = towns()
    place.data(frame.assign(zone=0))
    with pytest.raises(EstimationError, match=r"None of the 8 specifications has an estimate"):
        curve().specifications()


# ---- rows, checks and figures -----------------------------------------------------------------------------


def test_the_session_writes_a_row_for_each_specification_and_the_check(curve, place, tmp_path):
    place.study(**{**WHOLE, "grid": GRID, "checks": [{"specification_curve": {"draws": 40}}]})
    session = open_session("towns", out=str(tmp_path / "out"))
    session.figure("specification_curve", session.joint_test())
    session.save()
    rows = [json.loads(line) for line in (tmp_path / "out/estimates.jsonl").read_text().splitlines()]
    assert (rows[0]["kind"], rows[0]["role"]) == ("overall", "primary")
    specifications = [r for r in rows if r["kind"] == "specification"]
    assert len(specifications) == 8
    assert {r["role"] for r in specifications} == {"secondary"}
    assert specifications[0]["label"] == "estimator callaway_santanna; control never; without nobody"
    assert {r["estimator"] for r in specifications} == {"callaway_santanna", "imputation"}
    assert {r["variant"] for r in rows} == {None}
    (check,) = [json.loads(line) for line in (tmp_path / "out/checks.jsonl").read_text().splitlines()]
    assert check["check"] == "specification_curve"
    assert check["details"]["dealings"].startswith("40 random dealings")
    assert (tmp_path / "out/figures/specification_curve.svg").is_file()


def test_a_study_that_does_not_name_the_check_has_it_all_the_same(curve):
    session = curve()
    assert [c.check for c in session.check()] == ["specification_curve"]
    assert session.check()[0].details["dealings"].startswith("500 random")
    assert session.joint_test() is session.joint_test(draws=500)


def test_a_specification_without_an_estimate_is_a_row_with_its_reason(curve, place):
    frame = towns()
    place.data(frame[frame["start"] > 0])
    session = curve({"control": ["never", "not_yet"]}, design={"control": "not_yet"})
    (row,) = [
        r
        for r in session._estimate_rows(session.study.outcomes[0])
        if r["kind"] == "specification" and r["estimate"] is None
    ]
    assert "No unit is never treated" in row["inference"]
    assert row["label"] == "control never"


def test_each_outcome_has_its_own_curve(curve):
    outcomes = [*STUDY["outcomes"], {"column": "people", "indicator": "inhabitants"}]
    session = curve({"control": ["never", "not_yet"]}, outcomes=outcomes)
    assert session.outcomes_with_a_curve == ["jobs", "people"]
    assert session.specifications("people").unit == "people"


def test_a_grid_that_tries_outcomes_is_one_curve(curve, place):
    place.data(towns().assign(formal=towns()["jobs"] * 0.8), columns={**COLUMNS, "formal": COLUMNS["jobs"]})
    outcomes = [*STUDY["outcomes"], {"column": "formal", "indicator": "jobs"}]
    session = curve({"outcome": ["jobs", "formal"]}, outcomes=outcomes)
    assert session.outcomes_with_a_curve == ["jobs"]
    jobs, formal = session.specifications().specifications
    assert (jobs.outcome, formal.outcome) == ("jobs", "formal")
    assert formal.value == pytest.approx(0.8 * jobs.value)
    rows = [r for o in session.study.outcomes for r in session._estimate_rows(o) if r["kind"] == "specification"]
    assert [r["outcome"] for r in rows] == ["jobs", "formal"]


def test_a_grid_that_is_run_combination_by_combination_writes_no_specifications(place):
    place.study(grid={"control": ["never", "not_yet"]}, checks=[])
    session = open_session("towns", variant="control-never")
    assert {r["kind"] for r in session._estimate_rows(session.study.outcomes[0])} == {
        "overall",
        "event_time",
        "cohort",
        "period",
        "cohort_period",
    }
    assert [c.check for c in session.check()] == ["negative_weights", "bacon"]


def test_overrides_reach_every_specification(place):
    place.study(**{**WHOLE, "grid": GRID})
    session = open_session("towns", overrides={"level": 0.8})
    rows = session._estimate_rows(session.study.outcomes[0])
    assert {r["level"] for r in rows} == {0.8}
    assert session.specifications().level == 0.8


# ---- the shipped study --------------------------------------------------------------------------------------


def test_in_indiana_what_counts_as_before_decides(monkeypatch):
    """The single numbers are those of the study indiana-enterprise-zones, estimated there one by one."""
    monkeypatch.chdir(ROOT)
    session = open_session("indiana-specifications")
    found = session.specifications()
    assert not found.failed
    assert found.primary.mark == OWN
    assert found.primary.value == pytest.approx(-0.18016758863476745, rel=1e-8)
    lines = (ROOT / "studies/indiana-enterprise-zones/results/estimates.jsonl").read_text().splitlines()
    published = {r["estimator"]: r["estimate"] for r in map(json.loads, lines) if r["kind"] == "overall"}
    own = {
        "control": "never",
        "anticipation": "0",
        "first_period": "1980",
        "last_period": "1988",
        "without": "nobody",
    }
    same = {
        s.estimator: s.value
        for s in found.known
        if {k: v for k, v in s.choices.items() if k != "estimator"} == own and "(" not in s.choices["estimator"]
    }
    assert same == pytest.approx({e: published[e] for e in same}, rel=1e-8)
    assert len(same) == 5
    shares = {a.axis: a.share for a in found.influence}
    assert max(shares, key=shares.get) == "anticipation"
    assert shares["anticipation"] > 0.6
    assert np.median([s.value for s in found.known if s.choices["anticipation"] == "1"]) == pytest.approx(0, abs=0.01)
    assert len({round(v, 12) for v in found.values}) == len(found), "no number stands in the curve twice"
