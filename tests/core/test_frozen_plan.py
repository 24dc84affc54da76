"""Frozen plans: sealed, kept with their history, and compared with what is run."""

import hashlib
import json

import pytest

from scale_impact.core import frozen_plan
from scale_impact.core.frozen_plan import (
    FrozenPlan,
    Version,
    adherence,
    content,
    frozen_settings,
    read_plan,
    words,
)
from scale_impact.core.settings import Settings
from scale_impact.core.study import Study
from scale_impact.errors import StudyError
from tests.projects import STUDY, towns

AROUND = {
    "results": None,
    "dry_run": {"done": True, "runs": 1, "seed": 1},
    "found": None,
    "commit": None,
    "dirty": None,
}


def planned(**overrides):
    study = Study.load("towns", overrides=overrides)
    runs = [Study.load("towns", variant=v, overrides=overrides) for v in study.variants] or [study]
    return {**content(study, runs), **AROUND}


def freeze(place, *reasons, date="2026-03-01T12:30:00+00:00", **around):
    """A plan of the study as it is, on disk; one amendment a reason."""
    before = read_plan(place.root / "studies/towns")
    versions = list(before.versions) if before else []
    for reason in reasons or (None,):
        plan = {**planned(), **around}
        versions.append(Version.sealed(plan, date, after=versions[-1] if versions else None, reason=reason))
    path = place.root / "studies/towns/plan.json"
    path.write_text(FrozenPlan(tuple(versions)).to_json())
    return path


def changes(variant=None, **overrides):
    return adherence(Study.load("towns", variant=variant, overrides=overrides)).changes


# ---- the seal ---------------------------------------------------------------------------------------------


def test_the_hash_is_that_of_canonical_json_and_can_be_checked_without_this_package(place):
    raw = json.loads(freeze(place).read_text())["versions"][0]
    sealed = {k: raw[k] for k in ("date", "reason", "previous", "plan")}
    text = json.dumps(sealed, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert raw["hash"] == hashlib.sha256(text.encode()).hexdigest()


def test_without_a_plan_there_is_nothing_to_say(place):
    study = Study.load("towns")
    assert (read_plan(study.folder), adherence(study), words(study), frozen_settings(study)) == (
        None, None, [], None,
    )  # fmt: skip


def test_a_plan_edited_by_hand_is_refused_with_its_date_and_what_to_do(place):
    path = freeze(place)
    path.write_text(path.read_text().replace('"level": 0.95', '"level": 0.9'))
    with pytest.raises(StudyError) as refused:
        words(Study.load("towns"))
    assert str(refused.value).startswith(
        "studies/towns/plan.json: The plan of 2026-03-01 12:30 UTC does not fit its hash: it was edited by hand. Restore"
    )


@pytest.mark.parametrize("key", ["date", "reason"])
def test_the_date_and_the_reason_are_sealed_too(key, place):
    path = freeze(place, None, "another control group")
    raw = json.loads(path.read_text())
    raw["versions"][1][key] = "2020-01-01T00:00:00+00:00"
    path.write_text(json.dumps(raw))
    with pytest.raises(StudyError, match=r"Amendment 1 of 20.* does not fit its hash"):
        read_plan(path.parent)


def test_an_amendment_that_was_taken_out_is_noticed(place):
    path = freeze(place, None, "first", "second")
    raw = json.loads(path.read_text())
    del raw["versions"][1]
    path.write_text(json.dumps(raw))
    with pytest.raises(StudyError, match=r"Amendment 1 of .* one was taken out or put in"):
        read_plan(path.parent)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"schema": 1}', '{"schema": 1, "versions": []}', '{"schema": 2, "versions": [{"a": 1}]}']
)
def test_a_damaged_plan_is_refused(text, place):
    path = place.root / "studies/towns/plan.json"
    path.write_text(text)
    with pytest.raises(StudyError, match="This is no frozen plan"):
        read_plan(path.parent)


def test_a_plan_comes_back_as_it_was_written(place):
    place.study(
        treatment={"cohorts": {"00001": 2003, "00002": 2004}},
        estimators=[{"callaway_santanna": {"method": "ipw"}}, "twfe"],
        checks=[{"leave_one_out": {}}, "bacon"],
        inference={"jackknife": {}},
    )
    freeze(place)
    study = Study.load("towns")
    assert frozen_settings(study) == study.settings
    assert changes() == ()


def test_units_that_are_numbers_stay_numbers(place):
    # keys of JSON are texts: city 4 would come back as city '4', which the data do not have
    place.data(towns().assign(town=lambda d: d["town"].astype(int)), columns=None)
    place.study(treatment={"cohorts": {4: 2003, 5: 2004}})
    freeze(place)
    assert frozen_settings(Study.load("towns")).treatment.cohorts == {4: 2003, 5: 2004}
    assert changes() == ()


def test_a_key_that_came_after_the_plan_has_its_default(place):
    path = freeze(place)
    raw = json.loads(path.read_text())["versions"][0]["plan"]
    del raw["settings"]["sample"], raw["settings"]["inference"]
    path.write_text(FrozenPlan((Version.sealed(raw, "2026-03-01T12:30:00+00:00"),)).to_json())
    assert changes() == ()


# ---- deviations -------------------------------------------------------------------------------------------


def test_a_run_as_planned_follows_the_plan(place):
    freeze(place)
    found = adherence(Study.load("towns"))
    assert (found.changes, found.since, found.deviations) == ((), (), None)
    assert found.words == [f"Analysis plan frozen on 2026-03-01 12:30 UTC (id {found.plan.id}). This run follows it."]


def test_every_deviation_is_listed_with_what_was_planned(place):
    freeze(place)
    place.study(
        question="And what of shops?",
        outcomes=[{"column": "people", "indicator": "inhabitants"}],
        treatment={"first_treated": "start"},
        design={"control": "not_yet", "cluster": "start"},
        sample={"last_period": 2005},
        estimators=["imputation", {"callaway_santanna": {"method": "reg"}}],
        checks=[],
        level=0.9,
        seed=7,
    )
    assert changes() == (
        "question: And what of shops?, planned Did the zones of six towns bring jobs?",
        "outcomes: [people (inhabitants, level)], planned [jobs (jobs, level)]",
        "treatment.treated: none, planned zone",
        "treatment.first_treated: start, planned none",
        "sample.last_period: 2005, planned none",
        "design.control: not_yet, planned never",
        "design.cluster: start, planned none",
        "estimators: [imputation, callaway_santanna (method reg)], planned [callaway_santanna, twfe]",
        "checks: [], planned [pre_trends]",
        "level: 0.9, planned 0.95",
        "seed: 7, planned 20251122",
    )
    assert "This run deviates: question: And" in words(Study.load("towns"))[0]


def test_another_title_is_no_deviation(place):
    freeze(place)
    place.study(title="Jobs and zones")
    assert changes() == ()


def test_a_setting_from_outside_is_a_deviation(place):
    freeze(place)
    assert changes(level=0.9) == ("level: 0.9, planned 0.95",)


VARIANTS = {"wide": {"level": 0.99}, "late": {"design": {"control": "not_yet"}}}


def test_a_planned_variant_is_no_deviation_and_deviates_by_its_own_keys(place):
    place.study(variants=VARIANTS)
    freeze(place)
    assert changes("wide") == changes("late") == ()
    place.study(variants={**VARIANTS, "wide": {"level": 0.9}})
    assert changes("wide") == ("level: 0.9, planned 0.99",)
    assert changes("late") == ()
    assert frozen_settings(Study.load("towns", variant="wide")).level == 0.99


def test_a_variant_that_was_not_planned_says_so_and_how_it_departs_from_the_study(place):
    freeze(place)
    place.study(variants=VARIANTS)
    assert changes("wide") == ("run wide: not planned", "level: 0.99, planned 0.95")


def test_a_planned_variant_that_is_gone_is_said_in_those_that_are_left(place):
    place.study(variants=VARIANTS)
    freeze(place)
    place.study(variants={"wide": VARIANTS["wide"]})
    assert changes("wide") == ("planned and no longer there: late",)
    place.study()
    assert changes() == ("planned and no longer there: late, wide",)


def test_combinations_of_a_planned_grid_are_no_deviation(place):
    place.study(grid={"control": ["never", "not_yet"], "level": [0.9, 0.95]})
    freeze(place)
    runs = Study.load("towns").variants
    assert len(runs) == 4
    assert all(changes(run) == () for run in runs)
    place.study(grid={"control": ["never", "not_yet"], "level": [0.9, 0.95, 0.99]})
    added = sorted(set(Study.load("towns").variants) - set(runs))
    assert len(added) == 2
    assert all(changes(run) == () for run in runs)
    assert all(f"run {run}: not planned" in changes(run) for run in added)


def test_a_grid_that_a_notebook_evaluates_whole_is_compared_as_a_key(place):
    path = place.root / "notebooks/quick.ipynb"
    raw = json.loads(path.read_text())
    path.write_text(json.dumps({**raw, "metadata": {"scale_impact": {"grid": "whole"}}}))
    place.study(template="quick", grid={"control": ["never", "not_yet"]})
    freeze(place)
    assert Study.load("towns").variants == ()
    assert changes() == ()
    place.study(template="quick", grid={"control": ["never", "not_yet"], "level": [0.9, 0.95]})
    assert changes() == ("grid.level: [0.9, 0.95], planned none",)


# ---- what changed around it -------------------------------------------------------------------------------


def test_other_data_are_listed_apart_from_changes_of_the_plan(place):
    freeze(place)
    place.data(towns(seed=4))
    found = adherence(Study.load("towns", overrides={"level": 0.9}))
    assert found.changes == ("level: 0.9, planned 0.95",)
    assert found.since == ("the data file of source towns is another than at the time of freezing",)
    assert found.deviations == (
        "level: 0.9, planned 0.95; since the plan was frozen: the data file of source towns is another than at the time of freezing"
    )


def test_data_that_came_after_the_plan_are_no_change_but_how_they_are_read_is(place):
    place.data(towns(), sha256=...)
    freeze(place)
    place.data(towns())
    assert adherence(Study.load("towns")).since == ()
    place.data(towns(), missing=["-9"])
    assert adherence(Study.load("towns")).since == ("the card of source towns reads it in another way",)


def test_code_of_the_template_counts_and_its_comments_do_not(place):
    place.study(template="quick")
    freeze(place)
    path = place.root / "notebooks/quick.ipynb"
    text = path.read_text()
    path.write_text(text.replace("session.save()", "# at last\\n\\nsession.save()"))
    assert adherence(Study.load("towns")).since == ()
    path.write_text(text.replace("session.estimates()", "session.verdicts()"))
    assert adherence(Study.load("towns")).since == ("the code of template quick changed",)


def test_another_version_of_the_package_and_other_code_of_the_same_are_listed(place, monkeypatch):
    freeze(place)
    now = frozen_plan.package()
    monkeypatch.setattr(frozen_plan, "package", lambda: now | {"source": "0"})
    assert adherence(Study.load("towns")).since == (f"the source code of scale_impact {now['version']} changed",)
    monkeypatch.setattr(frozen_plan, "package", lambda: {"version": "9.9", "source": "0"})
    assert adherence(Study.load("towns")).since == (f"scale_impact is 9.9, it was {now['version']}",)


def test_a_mechanism_or_an_indicator_that_is_told_otherwise_afterwards_is_listed(place):
    freeze(place)
    card = place.root / "data/measures/enterprise_zone.yaml"
    card.write_text(card.read_text().replace("residents", "commuters"))
    catalogue = place.root / "data/indicators/catalogue.csv"
    catalogue.write_text(catalogue.read_text().replace("year,jobs,+", "year,jobs,-"))
    assert adherence(Study.load("towns")).since == (
        "the card of measure enterprise_zone changed",
        "the catalogue's entry of jobs changed",
    )


def test_a_plan_that_was_copied_into_another_study_says_whose_it_is(place):
    path = freeze(place)
    place.study("villages")
    (place.root / "studies/villages/plan.json").write_bytes(path.read_bytes())
    assert adherence(Study.load("villages")).since == ("the study is called villages, it was towns",)


# ---- amendments and circumstances -------------------------------------------------------------------------


def test_deviations_count_from_the_last_amendment_and_the_text_says_that_there_is_one(place):
    freeze(place)
    place.study(level=0.9)
    assert changes() == ("level: 0.9, planned 0.95",)
    freeze(place, "the editor asked for 90 %", date="2026-04-02T08:00:00+00:00")
    study = Study.load("towns")
    assert changes() == ()
    first, last = read_plan(study.folder).versions
    assert words(study) == [
        f"Analysis plan frozen on 2026-03-01 12:30 UTC (id {first.id}), amended on 2026-04-02 08:00 UTC (id {last.id}): "
        "the editor asked for 90 %. This run follows it."
    ]
    assert read_plan(study.folder).id == last.id != first.id


def test_a_plan_frozen_after_results_or_without_a_dry_run_says_so_to_every_reader(place):
    freeze(place, results="Results had been published since 2026-01-01.", dry_run={"done": False, "why": "no data."})
    assert words(Study.load("towns"))[1:] == [
        "The plan was frozen after results existed: Results had been published since 2026-01-01.",
        "The plan was not tried out before it was frozen: no data.",
    ]


def test_every_key_of_a_study_is_planned_and_compared_but_for_its_title_and_its_runs():
    keys = {name.split(".")[0] for name in frozen_plan._flat(Settings.model_validate(STUDY | {"parameters": {"a": 1}}))}
    assert set(Settings.model_fields) - keys == set(frozen_plan.UNPLANNED)
