"""Who tried a measure, from what a study has published."""

import json

import pytest

from scale_impact.core.project import Project
from scale_impact.errors import DesignError
from scale_impact.evidence.adoptions import adoptions_of
from scale_impact.session import open_session
from tests.projects import project

NAMES = {f"{k:05d}": f"Town {k}" for k in range(1, 13)}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    made = project(tmp_path_factory.mktemp("place"))
    made.study("others")
    open_session(str(made.root / "studies/towns"), out=str(made.results)).save()
    return made


def test_who_tried_it_since_when_and_who_did_not_is_read_from_the_results(place):
    (found,) = adoptions_of(Project(place.root), "towns", NAMES)
    assert found.adopters == {"Town 1": "2003", "Town 2": "2003", "Town 3": "2003", "Town 4": "2004", "Town 5": "2004", "Town 6": "2004"}
    assert set(found.never) == {f"Town {k}" for k in range(7, 13)}
    assert found.measure == "Enterprise zone"
    assert (found.outcome, found.unit, found.direction) == ("Jobs", "jobs", "+")


def test_the_effect_is_the_primary_one_with_its_interval_and_checks(place):
    rows = [json.loads(line) for line in (place.results / "estimates.jsonl").read_text().splitlines()]
    (found,) = adoptions_of(Project(place.root), "towns", NAMES)
    assert (found.effect, found.low, found.high) == tuple(rows[0][k] for k in ("estimate", "ci_low", "ci_high"))
    assert sum(found.checks.values()) == len((place.results / "checks.jsonl").read_text().splitlines())
    assert found.reading.startswith("Jobs ")


def test_a_city_without_a_name_keeps_its_own(place):
    (found,) = adoptions_of(Project(place.root), "towns", {"00001": "Town 1"})
    assert "Town 1" in found.adopters
    assert "00002" in found.adopters


def test_a_study_without_results_is_refused_with_what_to_do(place):
    with pytest.raises(DesignError, match=r"others has published nobody by name.*scale-impact run others"):
        adoptions_of(Project(place.root), "others", NAMES)


def test_a_study_of_other_cities_is_refused_with_how_they_are_written(place):
    with pytest.raises(DesignError, match=r"no unit of study towns \(such as '00001'\) is a city.*alike"):
        adoptions_of(Project(place.root), "towns", {"Lund": "Lund"})


def test_who_was_studied_is_published_a_line_each_whatever_the_run(place):
    rows = [json.loads(line) for line in (place.results / "units.jsonl").read_text().splitlines()]
    assert [set(r) for r in rows] == [{"schema", "study", "variant", "measure", "unit", "first_treated"}] * 12
    assert sum(r["first_treated"] is None for r in rows) == 6
