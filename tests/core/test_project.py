"""Where things lie."""

from pathlib import Path

import pytest

from scale_impact.core.project import Project, study_folder
from scale_impact.errors import StudyError, UsageError


def test_a_project_is_found_from_any_folder_within_it(place):
    for folder in (place.root, place.root / "studies" / "towns", place.root / "notebooks"):
        assert Project.find(folder).root == place.root


def test_the_environment_names_a_project_from_outside(place, tmp_path, monkeypatch):
    monkeypatch.setenv("SCALE_IMPACT_ROOT", str(place.root))
    monkeypatch.chdir(tmp_path)
    assert Project.find().root == place.root
    assert study_folder("towns") == place.root / "studies" / "towns"


def test_a_folder_named_in_the_environment_that_is_no_project_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("SCALE_IMPACT_ROOT", str(tmp_path))
    with pytest.raises(UsageError, match="SCALE_IMPACT_ROOT"):
        Project.find()


def test_a_slug_does_not_climb_out_of_the_folder_of_studies(place):
    (place.root / "notebooks" / "towns").mkdir()
    (place.root / "notebooks" / "towns" / "study.yaml").write_text("title: x\n")
    with pytest.raises(StudyError, match="There is no study"):
        study_folder("../notebooks/towns")
    assert study_folder("notebooks/towns") == place.root / "notebooks" / "towns"  # a path from where one stands


def test_keys_of_a_project_are_its_files(place):
    found = Project.find()
    assert {"before_after_did", "quick", "staggered_did"} <= set(found.keys("templates"))
    assert {"indiana_enterprise_zones", "north_andover_houses", "towns"} <= set(found.keys("sources"))
    assert {"enterprise_zone", "waste_incinerator"} < set(found.keys("measures"))
    assert found.keys("studies") == ("towns",)


@pytest.mark.parametrize(
    "name", ["towns", "towns/", "studies/towns", "studies/towns/study.yaml", "./studies/../studies/towns"]
)
def test_a_study_is_named_by_slug_or_by_path(place, name):
    assert study_folder(name) == place.root / "studies" / "towns"


def test_a_study_is_named_by_where_one_stands(place, monkeypatch):
    monkeypatch.chdir(place.root / "studies" / "towns")
    assert study_folder(".") == study_folder("study.yaml") == study_folder("towns") == place.root / "studies" / "towns"


def test_a_study_outside_the_project_is_named_by_its_path(place, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "study.yaml").write_text("title: x\n")
    assert study_folder(tmp_path / "mine") == tmp_path / "mine"


def test_an_unknown_study_offers_the_nearest(place):
    with pytest.raises(StudyError, match=r"There is no study 'twons'.*Did you mean 'towns'\?"):
        study_folder("twons")


@pytest.mark.parametrize("name", ["", ".", "..", "studies", "../elsewhere", "/nowhere"])
def test_a_folder_without_a_study_is_no_study(place, name):
    with pytest.raises(StudyError, match="There is no study"):
        study_folder(name)


def test_paths_are_shown_from_the_project(place, tmp_path):
    found = Project.find()
    assert found.relative(place.root / "studies" / "towns") == "studies/towns"
    assert found.relative(tmp_path / "out") == (tmp_path / "out").as_posix()
    assert found.relative(Path("studies/towns")) == "studies/towns"
