"""Measures by dimensions: what is known, how well, and where nobody has looked."""

import pytest

from scale_impact.core.project import Project
from scale_impact.errors import UsageError
from scale_impact.evidence.map import evidence_map
from tests.panels import ROOT


def cells(place, **options):
    found = evidence_map(place.project, **options)
    return found.cells.set_index(["measure", "column"])


def test_what_a_card_names_and_nobody_studied_is_a_gap(place):
    place.measure("park", expected=["no2"], risks=["rents", "jobs"])
    found = evidence_map(place.project)
    assert (found.measures, found.columns) == (("park", "zone"), ("environment", "economy"))
    by = found.cells.set_index(["measure", "column"])
    assert by["gap"].all()
    assert by["asked"].to_dict() == {
        ("park", "environment"): "expected",
        ("park", "economy"): "risk",
        ("zone", "economy"): "both",
    }
    assert found.table().loc["zone"].to_dict() == {"environment": "", "economy": "gap"}
    assert by.loc[("park", "economy"), "risks"] == ["rents", "jobs"]


def test_studies_papers_and_marked_ones_are_counted_apart_each_once(place):
    place.study("a", {}, {"outcome": "more_jobs"}, source="one")
    place.study("a", {}, variant="late", source="one")
    place.study("b", plan=None, source="two")
    place.papers(
        {"estimate": "12", "std_error": "1"}, {"paper": "lee", "design": "randomised_trial", "std_error": "90"}
    )
    cell = cells(place).loc[("zone", "economy")]
    assert (cell["studies"], cell["papers"], cell["marked"]) == (1, 2, 1)
    assert (cell["better"], cell["unclear"], cell["finding"], cell["credibility"]) == (2, 1, "better", 5)
    assert cell["names"] == ["a", "b", "lee", "miller-2020"]
    assert evidence_map(place.project).table().loc["zone", "economy"] == "2 better, 1 unclear; best level 5 (+1 marked)"


def test_a_study_whose_outcomes_contradict_each_other_is_counted_as_mixed(place):
    place.study("a", {}, {"outcome": "other_jobs", "ci_low": -9.0, "ci_high": -1.0}, source="one")
    assert evidence_map(place.project).table().loc["zone", "economy"] == "1 mixed, level 3"
    place.study("b", {"ci_low": -1.0}, source="two")
    place.study("c", source="three")
    assert evidence_map(place.project).table().loc["zone", "economy"] == "1 better, 1 mixed, 1 unclear; best level 3"


def test_marked_evidence_alone_is_shown_as_such(place):
    place.study("a", plan=None)
    cell = cells(place).loc[("zone", "economy")]
    assert (cell["studies"], cell["marked"], cell["finding"], bool(cell["gap"])) == (0, 1, "better", False)
    assert evidence_map(place.project).table().loc["zone", "economy"] == "(1 better, level 3)"
    included = cells(place, include=["unfrozen"]).loc[("zone", "economy")]
    assert (included["studies"], included["marked"]) == (1, 0)


@pytest.mark.parametrize(
    ("row", "finding"),
    [
        ({}, "better"), ({"ci_low": -19.8, "ci_high": -0.2}, "worse"), ({"ci_low": -1.0}, "unclear"), ({"ci_low": None}, "unclear"),
        ({"direction": "-"}, "worse"), ({"direction": "0"}, "changed"), ({"ci_low": 0.0}, "unclear"),
    ],
)  # fmt: skip
def test_what_was_found_goes_by_the_interval_and_the_better_way(place, row, finding):
    place.study("a", row)
    assert cells(place).loc[("zone", "economy"), "finding"] == finding


def test_findings_that_contradict_are_mixed(place):
    place.study("a", source="one")
    place.study("b", {"ci_low": -9.0, "ci_high": -1.0}, source="two")
    cell = cells(place).loc[("zone", "economy")]
    assert (cell["finding"], cell["better"], cell["worse"]) == ("mixed", 1, 1)


def test_simulated_data_and_what_is_no_effect_are_not_counted(place):
    place.card("made", simulated=True)
    place.study("toy", source="made")
    place.study("plan", {"estimand": "MDE"}, source="two")
    found = evidence_map(place.project)
    assert found.cells["gap"].all()
    assert any("1 study of simulated data (toy)" in note for note in found.notes)
    assert not cells(place, include=["simulated"])["gap"].all()


def test_context_is_never_judged(place):
    place.study("a", {"indicator": "residents", "dimension": "context"})
    assert evidence_map(place.project).columns == ("economy",)


def test_columns_may_be_indicators(place):
    place.study("a", {"indicator": "no2", "dimension": "environment", "direction": "-"})
    found = evidence_map(place.project, by="indicator")
    assert found.columns == ("no2", "jobs", "rents")
    assert found.headings["no2"] == "NO2"
    assert found.cells.set_index("column")["gap"].to_dict() == {"no2": False, "jobs": True, "rents": True}


def test_measures_can_be_chosen_and_are_known(place):
    place.measure("park")
    assert evidence_map(place.project, measures=["park"]).measures == ("park",)
    with pytest.raises(UsageError, match=r"There is no measure 'prak'\. Did you mean 'park'"):
        evidence_map(place.project, measures=["prak"])
    with pytest.raises(UsageError, match="by is 'dimensions'"):
        evidence_map(place.project, by="dimensions")


def test_a_project_without_anything_has_an_empty_map(place):
    (place.root / "data/measures/zone.yaml").unlink()
    found = evidence_map(place.project)
    assert (found.measures, len(found.cells)) == ((), 0)
    assert found.table().empty


def test_the_shipped_map_has_every_measure_and_some_evidence():
    found = evidence_map(Project(ROOT))
    assert len(found.measures) == len(Project(ROOT).keys("measures"))
    by = found.cells.set_index(["measure", "column"])
    assert by.loc[("enterprise_zone", "economy"), "papers"] == 1
    assert not by.loc[("enterprise_zone", "economy"), "gap"]
    assert "context" not in found.columns
