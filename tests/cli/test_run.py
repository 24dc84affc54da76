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
    said = [line for line in answer.out.splitlines() if line.startswith("towns/")]
    assert [line.split()[0] for line in said] == ["towns/wide:", "towns/narrow:", "towns/wide", "towns/narrow"]
    assert all("done in" in line for line in said)
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


def test_runs_are_chosen_by_name(quick, cli):
    quick.study(template="quick", variants={"wide": {"level": 0.99}, "narrow": {"level": 0.5}})
    assert cli("run", "--only", "*/wi*").code == 0
    assert [p.name for p in quick.results.iterdir()] == ["wide"]
    lost = cli("run", "--only", "towns/wyde", "--only", "*/wi*")
    assert lost.code == 2
    assert "--only towns/wyde: no run is called so" in lost.err
    assert "towns/wide" in lost.err


def test_every_run_is_in_one_shard(quick, cli):
    quick.study(template="quick", variants={f"v{k}": {"seed": k} for k in range(4)})
    for part in ("1/2", "2/2"):
        assert cli("run", "--shard", part, "--jobs", "2").code == 0
    assert sorted(p.name for p in quick.results.iterdir()) == ["v0", "v1", "v2", "v3"]
    assert "done" not in cli("run").out
    assert cli("run", "--shard", "3/2").code == 2


def test_of_many_runs_the_table_says_enough(quick, cli):
    quick.study(template="quick", variants={f"v{k}": {"seed": k} for k in range(4)}, estimators=["did_2x2"])
    quick.study("good", template="quick")
    answer = cli("run", "--jobs", "2")
    assert answer.code != 0
    rows = {line.split()[0]: line for line in answer.out.splitlines()}
    assert list(rows) == ["run", "good", "towns/v0", "towns/v1", "towns/v2", "towns/v3"]
    assert "failed" in rows["towns/v2"]
    assert "see below" in rows["towns/v2"]
    assert "done in" in rows["good"]
    assert " jobs " in rows["good"]
    assert "pre_trends" not in answer.out.replace(rows["good"], "")
    assert answer.err.count("did_2x2") >= 4


def test_without_a_terminal_plain_lines_say_what_happens(quick):
    quick.study("early", template="quick")
    said = command("run", "--jobs", "1", cwd=quick.root).err.splitlines()
    assert [line[9:].split(" in ")[0] for line in said] == [
        "early: started",
        "early: done",
        "towns: started",
        "towns: done",
    ]


@pytest.mark.parametrize("out", ["../elsewhere", "data/../../elsewhere", "out"])
def test_a_folder_that_leads_out_of_the_working_folder_is_refused(quick, cli, tmp_path, out):
    (quick.root / "out").symlink_to(tmp_path)
    before = quick.snapshot()
    answer = cli("run", "towns", "--out", out)
    assert answer.code == 2
    assert f"--out {out}: it leads out of the working folder" in answer.err
    assert quick.snapshot() == before
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("link", ["studies/towns/results", "studies/towns/failed", "studies/towns/.run"])
def test_a_link_in_the_place_of_results_is_refused(quick, cli, tmp_path, link):
    (tmp_path / "precious").mkdir()
    (quick.root / link).symlink_to(tmp_path / "precious")
    answer = cli("run", "towns")
    assert answer.code == 2
    assert "is a link, and results replace what is there" in answer.err
    assert (quick.root / link).is_symlink()
    assert not list((tmp_path / "precious").iterdir())


@pytest.mark.parametrize("wrong", [["--jobs", "0"], ["--memory-limit", "much"], ["--time-limit", "-1"], ["--out", " "]])
def test_options_that_make_no_sense_are_usage_errors(quick, cli, wrong):
    answer = cli("run", "towns", *wrong)
    assert answer.code == 2
    assert "Traceback" not in answer.err
    assert not quick.results.exists()


def test_results_go_whole_to_an_address_and_are_known_there(quick, cli, tmp_path):
    url = f"file://{tmp_path}/bucket"
    first = cli("run", "towns", "--out", url)
    assert first.code == 0, first.err
    assert f"Results: {url}/towns/results/" in first.out
    assert levels(tmp_path / "bucket/towns/results") == {0.95}
    assert not quick.results.exists()
    assert cli("run", "towns", "--out", url).out.startswith("towns: up to date")


def test_further_outcomes_are_told_with_the_checks_that_fail_there(place, cli):
    outcomes = [{"column": "jobs", "indicator": "jobs"}, {"column": "people", "indicator": "inhabitants"}]
    place.study(template="quick", outcomes=outcomes, checks=["leave_one_out"])
    out = cli("run", "towns").out
    assert "  Further outcomes:\n    people, people: " in out
    (line,) = [line for line in out.splitlines() if line.startswith("    people, people: ")]
    rows = map(json.loads, (place.results / "checks.jsonl").read_text().splitlines())
    failed = [r["check"] for r in rows if r["verdict"] == "fail" and r["outcome"] == "people"]
    assert line.endswith(f"; fail: {', '.join(failed)}")
