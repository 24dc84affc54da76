"""`scale-impact report`: where the pages lie, what to open, what is wrong with what they are made of."""

import zipfile

import pytest

from scale_impact.cli.report import _crate
from tests.projects import command, ran_once
from tests.reports import MEASURE, NOT_RUN, small


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A project with studies of each kind, and what the verb said of it. Tests only read them."""
    place = small(tmp_path_factory.mktemp("verb") / "project")
    place.said = command("report", cwd=place.root)
    assert place.said.code == 0, place.said.err
    return place


def test_it_says_where_the_pages_lie_and_what_to_open(made):
    lines = made.said.out.splitlines()
    assert lines[0].startswith("6 studies: ")
    assert lines[0].endswith(f", written to {made.root / 'site'}")
    assert lines[1] == f"Open {made.root / 'site' / 'index.html'}"
    assert (made.root / "site" / "index.html").is_file()


def test_a_folder_may_be_named_and_problems_are_noted(made, tmp_path, cli, monkeypatch):
    monkeypatch.chdir(made.root)
    path = made.root / "studies" / MEASURE / "results" / "checks.jsonl"
    whole = path.read_text()
    path.write_text(whole + "{\n")
    try:
        answer = cli("report", "--out", str(tmp_path / "pages"), "--jobs", "1")
    finally:
        path.write_text(whole)
    assert answer.code == 0
    assert (
        "  Note: zones-and-jobs: studies/zones-and-jobs/results/checks.jsonl: line 5 is cut off or no JSON."
        in answer.out
    )
    assert (tmp_path / "pages" / "index.html").is_file()


def test_a_folder_of_somebody_else_is_left_alone(made, tmp_path, cli, monkeypatch):
    monkeypatch.chdir(made.root)
    (tmp_path / "mine.txt").write_text("mine")
    answer = cli("report", "--out", str(tmp_path))
    assert answer.code == 2
    assert "is a folder that is no report" in answer.err
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


def test_an_empty_name_is_refused(made, cli, monkeypatch):
    monkeypatch.chdir(made.root)
    assert cli("report", "--out", "").code == 2


def test_a_study_without_a_whole_run_has_no_crate_and_that_is_said(made, tmp_path, capsys):
    assert _crate(made.root / "studies", NOT_RUN, tmp_path) is None
    assert capsys.readouterr().out.startswith("  Note: zones-not-run has no replication package: ")
    assert list(tmp_path.iterdir()) == []


def test_the_crate_of_a_study_is_a_zip_beside_its_page(tmp_path):
    ran = ran_once(tmp_path / "project")
    folder = tmp_path / "site" / "towns"
    folder.mkdir(parents=True)
    assert _crate(ran.root / "studies", "towns", folder) == "towns.crate.zip"
    with zipfile.ZipFile(folder / "towns.crate.zip") as crate:
        assert "ro-crate-metadata.json" in crate.namelist()
