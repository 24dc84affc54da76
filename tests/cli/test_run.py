"""`scale-impact run`: what is out of date, and only that."""

import json

import pytest

from tests.projects import command


@pytest.fixture
def quick(place):
    """The small project with a template that runs in a second or two."""
    place.study(template="quick")
    return place


def levels(folder):
    return {json.loads(line)["level"] for line in (folder / "estimates.jsonl").read_text().splitlines()}


def stamp(path):
    return (path / "manifest.json").read_bytes()


def test_a_second_run_is_up_to_date_until_something_changes(quick, cli):
    assert cli("run", "towns").out.startswith("towns: done in ")
    first = stamp(quick.results)

    again = cli("run", "towns")
    assert (again.code, again.out.splitlines()[0]) == (0, "towns: up to date")
    assert stamp(quick.results) == first

    quick.study(template="quick", level=0.9)
    assert cli("run", "towns").out.startswith("towns: done in ")
    assert levels(quick.results) == {0.9}

    changed = stamp(quick.results)
    assert cli("run", "towns", "--force").out.startswith("towns: done in ")
    assert stamp(quick.results) != changed


def test_a_setting_and_another_folder_leave_the_published_results_alone(quick, cli, tmp_path):
    before = quick.snapshot()
    answer = cli("run", "towns", "--set", "level=0.9", "--out", tmp_path / "out")
    assert answer.code == 0
    assert "90 % interval" in answer.out
    assert levels(tmp_path / "out" / "towns" / "results") == {0.9}
    assert quick.snapshot() == before


def test_each_variant_has_a_folder_and_strays_vanish(quick, cli):
    quick.study(template="quick", variants={"wide": {"level": 0.99}, "narrow": {"level": 0.5}})
    for stray in ("gone/manifest.json", "figures/raw_trends.svg", "estimates.jsonl"):
        path = quick.results / stray
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("old\n")
    answer = cli("run", "towns")
    assert answer.code == 0
    assert [line for line in answer.out.splitlines() if line.startswith("towns/")] == [
        line for line in answer.out.splitlines() if line.startswith(("towns/wide: done", "towns/narrow: done"))
    ]
    assert {p.name: levels(p) for p in quick.results.iterdir()} == {"wide": {0.99}, "narrow": {0.5}}


def test_a_failed_study_does_not_stop_the_next(quick, cli):
    quick.template("study = 'towns'", "1 / 0", name="bad")
    quick.study("early", template="bad")
    answer = cli("run", "early", "towns")
    assert answer.code == 14
    assert "early: the notebook raised in cell 3: ZeroDivisionError: division by zero." in answer.err
    assert answer.out.startswith("towns: done in ")
    assert not (quick.root / "studies/early/results").exists()


def test_a_good_run_removes_the_notebook_of_the_failed_one(quick, cli):
    failed = quick.root / "studies/towns/failed"
    failed.mkdir()
    (failed / "executed.ipynb").write_text("{}")
    assert cli("run", "towns").code == 0
    assert not failed.exists()


@pytest.mark.parametrize("where", ["studies/towns/study.yaml", "studies/towns/study.yaml/deeper"])
def test_a_folder_that_cannot_be_written_is_said(quick, cli, where):
    before = quick.snapshot()
    answer = cli("run", "towns", "--out", where)
    assert answer.code == 14
    assert "results cannot be written to studies/towns/study.yaml" in answer.err
    assert "Traceback" not in answer.err
    assert quick.snapshot() == before


def test_a_project_without_studies_is_told_how_to_make_one(quick, cli):
    (quick.root / "studies/towns/study.yaml").unlink()
    answer = cli("run")
    assert answer.code == 0
    assert "scale-impact new" in answer.out


def test_an_unknown_option_is_a_usage_error(quick):
    assert command("run", "towns", "--sett", "level=0.9", cwd=quick.root).code == 2
