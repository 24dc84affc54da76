"""Effects of studies and papers, put together so that synthesis can pool them."""

import json

import numpy as np
import pytest

from scale_impact.core.project import Project
from scale_impact.errors import DesignError, UsageError
from scale_impact.evidence.gathered import collect, gather
from tests.panels import ROOT


def found(place, **options):
    return gather(place.project, "zone", "jobs", **options)


def city(name, value, error=1.0, **more):
    return {"kind": "unit", "label": name, "estimate": value, "std_error": error, **more}


def test_each_study_gives_its_primary_overall_effect(place):
    later = {"estimate": 99.0, "role": "secondary", "estimator": "twfe"}
    place.study("a", {"estimate": 4.0, "std_error": 2.0, "df": 30.0}, later, source="one")
    place.study("b", {"estimate": 6.0}, source="two")
    effects = found(place)
    assert effects.labels == ("a", "b")
    assert effects.effects.tolist() == [4.0, 6.0]
    assert effects.variances.tolist() == [4.0, 25.0]
    assert (effects.unit, effects.direction) == ("jobs", "+")
    assert effects.clusters == ("a", "b")
    assert effects.df.tolist() == [30.0, np.inf]


def test_where_a_study_has_its_cities_they_stand_for_it_never_both(place):
    context = json.dumps({"residents": 1000.0})
    place.study("a", {"estimate": 5.0}, city("Gary", 4.0, context={"residents": 1000.0}), city("Muncie", 6.0))
    effects = found(place)
    assert (effects.labels, effects.effects.tolist()) == (("Gary", "Muncie"), [4.0, 6.0])
    assert effects.clusters == ("a", "a")
    assert effects.context["residents"].tolist()[0] == json.loads(context)["residents"]
    assert np.isnan(effects.context["residents"].iloc[1])
    assert any("shared controls" in note for note in effects.notes)
    assert found(place, cities=False).effects.tolist() == [5.0]


def test_cities_without_a_standard_error_are_left_out_by_name(place):
    place.study("a", {}, city("Gary", 4.0), city("Muncie", 6.0), city("Hammond", 7.0, None))
    effects = found(place)
    assert effects.labels == ("Gary", "Muncie")
    assert "Left out: a: jobs, Hammond: no standard error." in effects.notes


def test_units_of_another_estimand_are_no_cities(place):
    place.study(
        "a", {"estimate": 5.0, "estimand": "ATE"}, city("1", 4.0, estimand="CATE"), city("2", 4.0, estimand="CATE")
    )
    assert found(place).effects.tolist() == [5.0]


def test_cities_of_one_name_in_two_studies_are_told_apart_and_are_one_cluster(place):
    place.study("a", {}, city("Gary", 4.0), city("Muncie", 6.0), source="one")
    place.study("b", {}, city("gary", 5.0), city("Terre Haute", 6.0), source="two")
    place.study("c", {}, city("Gary", 5.0), city("Anderson", 6.0), source="three")
    effects = found(place)
    assert effects.labels == ("Gary (a)", "Muncie", "gary", "Terre Haute", "Gary (c)", "Anderson")
    assert set(effects.clusters) == {"a"}


@pytest.mark.parametrize(
    ("mark", "make"),
    [
        ("unfrozen", lambda p: p.study("b", plan=None, source="two")),
        ("failed", lambda p: (p.study("b", source="two"), p.fails("b"))),
        ("failed_checks", lambda p: p.study("b", checks={"pre_trends": "fail"}, source="two")),
        ("simulated", lambda p: (p.card("two", simulated=True), p.study("b", source="two"))),
    ],
)
def test_marked_evidence_is_left_out_and_can_be_included(place, mark, make):
    place.study("a", source="one")
    make(place)
    without = found(place)
    assert without.labels == ("a",)
    (said,) = [n for n in without.notes if n.startswith("Left out: b")]
    assert f"include {mark}" in said
    included = found(place, include=[mark])
    assert included.labels == ("a", "b")
    assert any(n.startswith("b counts although") for n in included.notes)


def test_what_is_no_effect_is_never_counted(place):
    place.study("a", source="one")
    place.study("plan", {"estimand": "MDE"}, source="two")
    place.study("next", {"estimator": "synthesis", "estimand": "PREDICTED"}, source="three")
    effects = found(place, include=["unfrozen", "failed", "simulated", "failed_checks"])
    assert effects.labels == ("a",)
    assert any("smallest effects that a planned pilot" in n for n in effects.notes)


def test_contradictory_units_are_refused_with_both_rows(place):
    place.study("a", source="one")
    place.study("b", {"outcome_unit": "log(jobs)", "estimate": 0.1}, variant="early", source="two")
    with pytest.raises(DesignError) as caught:
        found(place)
    said = str(caught.value)
    assert "a (studies/a/results, jobs, effect 10) has the unit 'jobs'" in said
    assert "b/early (studies/b/results/early, jobs, effect 0.1) has the unit 'log(jobs)'" in said


def test_contradictory_directions_are_refused_with_both_rows(place):
    place.study("a", {"direction": "-"}, source="one")
    place.papers({})
    with pytest.raises(DesignError) as caught:
        found(place)
    said = str(caught.value)
    assert "a (studies/a/results, jobs, effect 10) has the direction '-'" in said
    assert "miller-2020 (data/evidence/found.csv, line 2, Jobs, effect 12) has the direction '+'" in said


def test_three_units_are_two_contradictions(place):
    for k, unit in enumerate(("jobs", "log(jobs)", "%")):
        place.study(f"s{k}", {"outcome_unit": unit}, source=f"source{k}")
    with pytest.raises(DesignError) as caught:
        found(place)
    assert len(caught.value.problems) == 2


def test_a_unit_that_is_meant_leaves_the_others_out_or_converts_them(place):
    place.study("a", {"outcome_unit": "share", "estimate": 0.1, "std_error": 0.02}, source="one")
    place.study("b", {"outcome_unit": "%", "estimate": 12.0, "std_error": 3.0}, source="two")
    effects = found(place, unit="%", factors={"share": 100})
    assert (effects.effects.tolist(), effects.unit) == ([10.0, 12.0], "%")
    assert effects.variances.tolist() == pytest.approx([4.0, 9.0])
    alone = found(place, unit="share")
    assert alone.labels == ("a",)
    assert "Left out: b: jobs is in %, and share is asked for." in alone.notes
    with pytest.raises(UsageError, match="without the unit"):
        found(place, factors={"share": 100})


def test_a_factor_below_zero_turns_the_interval_round(place):
    place.study("a", {"outcome_unit": "jobs lost", "estimate": -3.0, "std_error": 1.0, "ci_low": -5.0, "ci_high": -1.0})
    (row,) = collect(place.project, "zone", "jobs", unit="jobs", factors={"jobs lost": -1}).rows
    assert (row["estimate"], row["ci_low"], row["ci_high"], row["std_error"]) == (3.0, 1.0, 5.0, 1.0)


def test_numbers_without_a_standard_error_are_left_out_with_the_reason(place):
    place.study("a", source="one")
    place.study("b", {"std_error": None, "inference": "interval by placebo cities"}, source="two")
    place.papers({"std_error": None})
    effects = found(place)
    assert effects.labels == ("a",)
    assert "Left out: b: jobs: no standard error (interval by placebo cities)." in effects.notes
    assert any("miller-2020 (12): no standard error" in n for n in effects.notes)


def test_a_standard_error_of_zero_is_kept_and_said(place):
    place.study("a", {"std_error": 0.0})
    assert "A standard error of 0: a." in found(place).notes


def test_the_same_number_of_the_same_data_counts_once(place):
    place.study("a", source="one", data="h")
    place.study("again", source="one", data="h")
    place.study("copied", source="renamed", data="h")
    effects = found(place)
    assert effects.labels == ("a",)
    assert "Left out: again, copied: the same number of the same data as a." in effects.notes


def test_papers_and_studies_of_one_data_set_or_city_are_one_cluster(place):
    place.study("a", units={"Gary": "1984", "Muncie": None, "7": "1984"}, source="one")
    place.study("b", units={"7": "1990"}, source="two")
    place.papers(
        {"paper": "of data", "data_set": "One", "estimate": "11"},
        {"paper": "of city", "place": "Hammond; GARY"},
        {"paper": "of none", "place": "Muncie"},
    )
    effects = found(place)
    named = dict(zip(effects.labels, effects.clusters, strict=True))
    assert named == {"a": "a", "b": "b", "of data": "a", "of city": "a", "of none": "of none"}
    assert any(n.startswith("The same city, data or study: a: ") for n in effects.notes)


def test_a_paper_gives_its_primary_number_or_its_cities(place):
    place.papers(
        {"paper": "one"}, {"paper": "one", "role": "secondary", "estimate": "1"}, {"paper": "pooled", "design": "meta_analysis"},
        {"paper": "two"}, {"paper": "two", "kind": "unit", "place": "Rome", "estimate": "2"}, {"paper": "guess", "design": "model"},
    )  # fmt: skip
    effects = found(place)
    assert effects.labels == ("one", "Rome")
    for words in (
        "a secondary number",
        "a mean of other studies",
        "cities are counted one by one",
        "a model's forecast",
    ):
        assert any(words in n for n in effects.notes), words


def test_of_a_study_with_variants_the_first_counts_unless_one_is_named(place):
    place.study("a", {"estimate": 1.0}, variant="early")
    place.study("a", {"estimate": 2.0}, variant="late")
    assert found(place).labels == ("a/early",)
    assert "Left out: a/late: another run of a study that counts once, by a/early." in found(place).notes
    assert found(place, studies=["a/late"]).effects.tolist() == [2.0]
    assert found(place, studies=["a"]).effects.tolist() == [1.0]


def test_two_outcomes_of_one_indicator_are_two_effects_of_one_cluster(place):
    place.study("a", {}, {"outcome": "jobs_too", "estimate": 3.0})
    effects = found(place)
    assert effects.labels == ("a: jobs", "a: jobs_too")
    assert effects.clusters == ("a", "a")


def test_studies_and_papers_can_be_chosen(place):
    place.study("a", source="one")
    place.study("b", source="two", data="h2")
    place.papers({})
    assert found(place, papers=[]).labels == ("a", "b")
    assert found(place, studies=["b"], papers=["found"]).labels == ("b", "miller-2020")
    assert found(place, studies=[]).labels == ("miller-2020",)


def test_other_measures_and_indicators_are_not_looked_at(place):
    place.measure("park")
    place.study("a", source="one")
    place.study("b", {"measure": "park"}, source="two")
    place.study("c", {"indicator": "rents", "outcome_unit": "%"}, source="three")
    assert found(place).labels == ("a",)


def test_names_that_there_are_not_are_said_together(place):
    place.study("alpha")
    with pytest.raises(UsageError) as caught:
        gather(place.project, "zon", "job", studies=["alhpa"], include=["unfrozn"])
    assert [p.partition(".")[0] for p in caught.value.problems] == [
        "There is no measure 'zon'", "There is no indicator 'job'", "There is no study 'alhpa'", "include: there is no mark 'unfrozn'",
    ]  # fmt: skip


@pytest.mark.parametrize("option", ["studies", "include"])
def test_one_name_is_no_list_of_names(place, option):
    with pytest.raises(UsageError, match=f"{option} is 'unfrozen': it should be a list"):
        found(place, **{option: "unfrozen"})


def test_without_any_evidence_that_is_said(place):
    with pytest.raises(DesignError, match="no study has published it, and no line of data/evidence"):
        found(place)
    place.study("a", plan=None)
    with pytest.raises(DesignError, match="include unfrozen"):
        found(place)


def test_the_order_of_files_and_rows_plays_no_part(place, tmp_path_factory):
    place.study("b", {"estimate": 2.0}, source="two")
    place.study("a", {"estimate": 1.0}, source="one")
    first = found(place)
    assert first.labels == ("a", "b")


def test_the_shipped_evidence_on_enterprise_zones_is_one_cluster():
    effects = gather(Project(ROOT), "enterprise_zone", "unemployment_claims", include=["unfrozen"])
    assert {"indiana-enterprise-zones", "wooldridge-enterprise-zones"} <= set(effects.labels)
    assert len(set(effects.clusters)) == 1
    at = effects.labels.index("wooldridge-enterprise-zones")
    assert (effects.effects[at], effects.variances[at] ** 0.5) == pytest.approx((-0.182, 0.078))
