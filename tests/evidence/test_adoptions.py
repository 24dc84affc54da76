"""Who tried a measure, from what a study has published."""

import json
import shutil

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
    assert found.adopters == {
        "Town 1": "2003",
        "Town 2": "2003",
        "Town 3": "2003",
        "Town 4": "2004",
        "Town 5": "2004",
        "Town 6": "2004",
    }
    assert set(found.never) == {f"Town {k}" for k in range(7, 13)}
    assert found.measure == "Enterprise zone"
    assert (found.outcome, found.unit, found.direction) == ("Jobs", "jobs", "+")


def test_the_effect_is_the_primary_one_with_its_interval_and_checks(place):
    rows = [json.loads(line) for line in (place.results / "estimates.jsonl").read_text().splitlines()]
    (found,) = adoptions_of(Project(place.root), "towns", NAMES)
    assert (found.effect, found.low, found.high) == tuple(rows[0][k] for k in ("estimate", "ci_low", "ci_high"))
    assert sum(found.checks.values()) == len((place.results / "checks.jsonl").read_text().splitlines())
    assert found.reading.startswith("Jobs ")
    assert len(found.failed) == found.checks["fail"]


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


# ---- results that are not whole --------------------------------------------------------------------------------


@pytest.fixture
def own(place, tmp_path):
    """A copy of the project, to damage."""
    shutil.copytree(place.root, tmp_path / "own")
    return type(place)(tmp_path / "own")


def refused(own):
    with pytest.raises(DesignError) as caught:
        adoptions_of(Project(own.root), "towns", NAMES)
    return list(caught.value.problems)


def first_row(path, **changes):
    first, *rest = path.read_text(encoding="utf-8").splitlines()
    row = {k: v for k, v in {**json.loads(first), **changes}.items() if v is not ...}
    path.write_text("\n".join([json.dumps(row), *rest]) + "\n", encoding="utf-8")


@pytest.mark.parametrize(
    "name, damage, said",
    [
        ("units", lambda p: p.write_text(""), "it has no row"),
        ("estimates", lambda p: p.write_text("\n"), "it has no row"),
        ("units", lambda p: p.write_text(p.read_text()[:-20]), "line 12 is cut off or no JSON"),
        ("units", lambda p: first_row(p, unit=None), "line 1 has no unit of the kind that a run writes"),
        ("units", lambda p: first_row(p, unit=..., first_treated=2003), "line 1 has no unit and no first_treated of the kind"),
        ("units", lambda p: p.write_text("[1, 2]\n"), "line 1 has no unit and no first_treated"),
        ("estimates", lambda p: first_row(p, estimate="large"), "line 1 has no estimate of the kind"),
        ("estimates", lambda p: first_row(p, measure=...), "line 1 has no measure of the kind"),
        ("estimates", lambda p: p.unlink(), "No such file or directory"),
        ("checks", lambda p: p.unlink(), "No such file or directory"),
        ("checks", lambda p: first_row(p, verdict=7), "line 1 has no verdict of the kind"),
    ],
)  # fmt: skip
def test_results_that_are_cut_short_are_refused_with_file_study_and_what_to_do(own, name, damage, said):
    damage(own.results / f"{name}.jsonl")
    (found,) = refused(own)
    assert found.startswith(
        f"benchmark.measures: studies/towns/results/{name}.jsonl of study towns is not whole: {said}"
    )
    assert found.endswith("Run it again: scale-impact run towns.")


def test_all_files_that_are_not_whole_are_said_at_once(own):
    for name in ("units", "estimates", "checks"):
        (own.results / f"{name}.jsonl").write_text("{")
    assert [p.split(" of study")[0].split("/")[-1] for p in refused(own)] == [
        "checks.jsonl",
        "estimates.jsonl",
        "units.jsonl",
    ]


def test_a_study_without_checks_is_whole(own):
    (own.results / "checks.jsonl").write_text("")
    (found,) = adoptions_of(Project(own.root), "towns", NAMES)
    assert sum(found.checks.values()) == 0


def test_a_study_that_has_found_no_effect_of_a_measure_is_refused(own):
    path = own.results / "estimates.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps({**r, "estimand": "MDE"}) + "\n" for r in rows))
    (found,) = refused(own)
    assert found.startswith(
        "benchmark.measures: study towns has published no effect of a measure (studies/towns/results/estimates.jsonl)."
    )
