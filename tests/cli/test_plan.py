"""`scale-impact plan`: which runs are out of date, and why."""

import json
import shutil
import subprocess
import sys
from collections import Counter

import pytest

from tests.projects import joined, ran_once, sha256, towns


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """The small project after `scale-impact run`: one study with a quick template."""
    return ran_once(tmp_path_factory.mktemp("planned") / "project")


@pytest.fixture
def executed(original, tmp_path, monkeypatch):
    """A copy of it; the working folder is its root."""
    root = tmp_path / "project"
    shutil.copytree(original.root, root)
    monkeypatch.chdir(root)
    monkeypatch.delenv("SCALE_IMPACT_ROOT", raising=False)
    return type(original)(root)


def test_nothing_changed(executed, cli):
    answer = cli("plan")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out == "towns: up to date\nThe run is up to date.\n"


def test_one_number_in_the_data_is_named_and_put_back_everything_is_up_to_date(executed, cli):
    file = executed.root / "data/files/towns.csv"
    before = file.read_bytes()
    frame = towns()
    frame.loc[15, "jobs"] = 13.5
    file.write_text(frame.to_csv(index=False))
    lines = cli("plan", "towns").out.splitlines()
    assert lines[:2] == [
        "towns: out of date",
        "  data: data/files/towns.csv changed: jobs of town 00003 in 2004: 13.5, was another value",
    ]
    assert "describes another file than towns.csv, so `run` refuses it" in lines[2]
    assert lines[3:] == ["1 of 1 run is out of date; `scale-impact run` executes it."]
    assert cli("run", "towns").code == 11
    file.write_bytes(before)
    assert cli("plan").out.startswith("towns: up to date")


def test_a_setting_and_another_folder_are_looked_at(executed, cli, tmp_path):
    assert cli("plan", "--set", "level=0.9").out.splitlines()[:2] == ["towns: out of date", "  level: 0.9, was 0.95"]
    assert cli("plan", "--out", tmp_path / "else").out.splitlines()[0] == "towns: never run"


def test_variants_are_planned_one_by_one(executed, cli):
    shutil.move(executed.results, executed.root / "kept")
    shutil.move(executed.root / "kept", executed.results / "main")
    executed.study("towns", template="quick", variants={"main": {}, "wide": {"level": 0.99}})
    assert cli("plan").out.splitlines() == [
        "towns/main: out of date",
        "  variant: main, was none",
        "towns/wide: never run",
        "2 of 2 runs are out of date; `scale-impact run` executes them.",
    ]


def test_json_is_for_machines(executed, cli):
    executed.study("towns", template="quick", seed=1)
    executed.study("broken", template="staggered")
    answer = cli("plan", "--json")
    found = json.loads(answer.out)
    assert found["runs"] == [
        {
            "run": "towns", "study": "towns", "variant": None, "state": "out of date", "reasons": ["seed: 1, was 20251122"],
            "run_id": found["runs"][0]["run_id"], "results": "studies/towns/results",
        }
    ]  # fmt: skip
    assert len(found["runs"][0]["run_id"]) == 16
    assert [(e["where"], e["exit_code"]) for e in found["errors"]] == [("studies/broken/study.yaml", 10)]
    assert answer.code == 10


def test_bad_studies_are_said_at_the_end_and_stop_nothing(executed, cli):
    executed.study("broken", templat="quick", level=3)
    executed.study("lost", source="nowhere")
    answer = cli("plan")
    assert answer.code == 10
    assert answer.out.splitlines()[0] == "towns: up to date"
    assert Counter(word for word in answer.err.split() if "study.yaml" in word) == {
        "studies/broken/study.yaml:": 1, "studies/lost/study.yaml:": 1,
    }  # fmt: skip


def test_data_that_are_gone_are_an_error_said_once_for_all_runs(executed, cli):
    (executed.root / "data/files/towns.csv").unlink()
    executed.study("towns", template="quick", variants={"a": {}, "b": {}})
    answer = cli("plan")
    assert answer.code == 11
    assert answer.err.count("There is no file data/files/towns.csv") == 1


def test_a_project_without_studies_says_how_to_make_one(executed, cli):
    shutil.rmtree(executed.root / "studies")
    (executed.root / "studies").mkdir()
    assert cli("plan").out.startswith("There is no study yet.")


@pytest.mark.parametrize("out", ["", "s3://bucket/x"])
def test_an_out_that_is_no_folder_here_is_refused(executed, cli, out):
    answer = cli("plan", "--out", out)
    assert answer.code == 2
    assert "--out" in answer.err


def test_it_writes_nothing_but_what_it_remembers(executed, cli):
    before = executed.snapshot()
    cli("plan")
    after = {name: content for name, content in executed.snapshot().items() if not name.startswith(".scale-impact/")}
    assert after == {name: content for name, content in before.items() if not name.startswith(".scale-impact/")}


def test_it_loads_no_plotting_modelling_or_notebook_package(executed):
    heavy = ("matplotlib", "scipy.stats", "statsmodels", "sklearn", "linearmodels", "papermill", "nbclient", "IPython")
    code = f"""
import sys
sys.argv = ["scale-impact", "plan"]
from scale_impact.cli import main
try:
    main()
except SystemExit:
    pass
print("loaded:", [name for name in {heavy!r} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=executed.root)
    assert done.stdout.splitlines()[-1] == "loaded: []"


# ---- data that are made of several files and cards ----------------------------------------------------------


def test_of_several_files_and_cards_the_one_that_changed_is_named(place, cli):
    joined(place)
    assert cli("run", "towns").code == 0
    assert "up to date" in cli("plan", "towns").out
    path, card = place.root / "data/files/south.csv", place.root / "data/sources/south.yaml"
    before, said = path.read_text(), card.read_text()
    path.write_text(before.replace("00001,2001,", "00001,2001,9", 1))
    card.write_text(said.replace(said.split("sha256: ")[1][:64], sha256(path)))
    out = cli("plan", "towns").out
    assert "data/sources/south.yaml, data/files/south.csv changed" in out
    assert "north" not in out
    path.write_text(before)
    card.write_text(said.replace("type: text", "type: text\n    complete: true"))
    out = cli("plan", "towns").out
    assert "data/sources/south.yaml: columns.town.complete: true, was not there" in out
    assert "south.csv" not in out
    assert "data:" not in out
