"""What a run leaves, and what it leaves alone."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scale_impact.core.evidence import CHECK_FIELDS, ESTIMATE_FIELDS
from scale_impact.core.manifest import Manifest
from tests.projects import QUICK, command, sha256

FIGURES = ("raw_trends", "treatment_timing", "event_path", "group_effects", "cohort_weights", "bacon", "leave_one_out")


def rows(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def contents(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


# ---- the files of the contract ------------------------------------------------------------------------


def test_a_run_leaves_the_files_of_the_contract_and_nothing_beside_them(ran):
    assert {p.name for p in ran.results.iterdir()} == {
        "executed.ipynb", "estimates.jsonl", "checks.jsonl", "units.jsonl", "figures", "manifest.json",
    }  # fmt: skip
    assert {p.name for p in ran.results.parent.iterdir()} == {"study.yaml", "results"}
    assert {p.name for p in ran.root.iterdir()} == {"notebooks", "data", "studies", ".scale-impact"}
    assert (ran.root / ".scale-impact/.gitignore").read_text() == "*\n"


def test_every_figure_is_there_as_svg_and_as_png(ran):
    names = {p.name for p in (ran.results / "figures").iterdir()}
    assert {Path(n).stem for n in names} >= set(FIGURES)
    assert {f"{Path(n).stem}.{e}" for n in names for e in ("svg", "png")} == names


def test_rows_of_estimates_have_the_fields_of_the_contract_in_order(ran):
    found = rows(ran.results / "estimates.jsonl")
    assert all(tuple(row) == ESTIMATE_FIELDS for row in found)
    assert {r["outcome"] for r in found} == {"jobs", "people"}
    assert {r["estimator"] for r in found} == {"callaway_santanna", "event_study", "twfe"}


def test_one_estimator_of_one_outcome_is_primary(ran):
    primary = [r for r in rows(ran.results / "estimates.jsonl") if r["role"] == "primary"]
    assert {(r["outcome"], r["estimator"]) for r in primary} == {("jobs", "callaway_santanna")}
    assert [r["kind"] for r in primary].count("overall") == 1


def test_rows_of_checks_have_their_fields_in_order(ran):
    found = rows(ran.results / "checks.jsonl")
    assert all(tuple(row) == CHECK_FIELDS for row in found)
    assert [(r["outcome"], r["check"]) for r in found] == [
        (o, c) for o in ("jobs", "people") for c in ("pre_trends", "leave_one_out", "bacon", "negative_weights")
    ]
    assert {r["verdict"] for r in found} <= {"pass", "fail", "inconclusive", "inapplicable"}


def test_the_notebook_was_executed_from_top_to_bottom(ran):
    cells = [c for c in json.loads((ran.results / "executed.ipynb").read_text())["cells"] if c["cell_type"] == "code"]
    assert [c["execution_count"] for c in cells] == list(range(1, len(cells) + 1))
    assert not [o for c in cells for o in c["outputs"] if o["output_type"] == "error"]


def test_figures_in_the_notebook_are_the_saved_ones(ran):
    import base64

    cells = json.loads((ran.results / "executed.ipynb").read_text())["cells"]
    shown = {
        base64.b64decode("".join(o["data"]["image/png"]))
        for c in cells
        for o in c.get("outputs", [])
        if "image/png" in o.get("data", {})
    }
    saved = {p.read_bytes() for p in (ran.results / "figures").glob("*.png")}
    assert shown == saved


def test_no_path_of_this_machine_is_in_the_results(ran):
    for path in ran.results.rglob("*"):
        if path.is_file() and path.suffix != ".png":
            text = re.sub(r'"image/png": ".*?"', "", path.read_text(encoding="utf-8"))
            for secret in (str(ran.root), str(Path.home()) + "/", sys.prefix, "/tmp/", "ipykernel_"):
                assert secret not in text, (path.name, secret)


# ---- the manifest ---------------------------------------------------------------------------------------


def test_the_manifest_says_truly_what_went_in_and_what_came_out(ran):
    manifest = Manifest.read(ran.results / "manifest.json")
    assert manifest.outputs == {
        name: sha256(ran.results / name) for name in contents(ran.results) if name != "manifest.json"
    }
    assert manifest.inputs["data"] == sha256(ran.root / "data/files/towns.csv")
    assert manifest.details["source"]["title"] == "Towns"
    assert manifest.details["measure"]["title"] == "Enterprise zone"
    assert set(manifest.details["indicators"]) == {"jobs", "inhabitants"}
    assert manifest.details["study"]["estimators"][0] == {"name": "callaway_santanna", "options": {}}
    assert (manifest.study, manifest.variant, manifest.seed) == ("towns", None, 20251122)
    assert {"python", "numpy", "pandas", "scipy"} <= set(manifest.inputs["versions"])
    assert {"python", "platform", "git_commit"} <= set(manifest.environment)


def test_the_manifest_names_the_run_of_each_row(ran):
    identity = Manifest.read(ran.results / "manifest.json").run_id
    assert {r["run_id"] for name in ("estimates", "checks") for r in rows(ran.results / f"{name}.jsonl")} == {identity}


def test_the_answer_is_printed_with_where_it_lies(ran):
    primary = rows(ran.results / "estimates.jsonl")[0]
    assert ran.said.out.startswith("towns: done in ")
    assert f"{primary['estimate']:.4g}" in ran.said.out
    assert "95 % interval" in ran.said.out
    assert "Results: studies/towns/results/" in ran.said.out
    assert ran.said.err == ""


# ---- the same inputs, the same bytes ----------------------------------------------------------------------


def test_another_process_elsewhere_on_the_machine_writes_the_same_bytes(ran, tmp_path):
    before = contents(ran.results)
    again = command(
        "run", "studies/towns", "--out", tmp_path, cwd=ran.root,
        PYTHONHASHSEED="7", TZ="Asia/Tokyo", LC_ALL="C", COLUMNS="40", HOME=str(tmp_path), MPLBACKEND="svg",
    )  # fmt: skip
    assert again.code == 0, again.err
    after = contents(tmp_path / "towns" / "results")
    assert set(after) == set(before)
    assert {n for n in before if before[n] != after[n]} == {"manifest.json"}
    assert contents(ran.results) == before


# ---- failures ---------------------------------------------------------------------------------------------


@pytest.fixture
def quick(place):
    """The small project with old results; its template runs in a second or two."""
    place.study(template="quick")
    folder = place.results / "figures"
    folder.mkdir(parents=True)
    (folder / "old.svg").write_text("<svg/>")
    (place.results / "estimates.jsonl").write_text("old\n")
    return place


def test_a_notebook_that_raises_leaves_the_old_results_and_its_traceback(quick):
    before = contents(quick.results)
    quick.template(*QUICK[:3], 'raise ValueError("no such town")', QUICK[3])
    answer = command("run", "towns", cwd=quick.root)
    assert answer.code == 14
    assert "Traceback" not in answer.err
    assert "the notebook raised in cell 5: ValueError: no such town." in answer.err
    assert "studies/towns/failed/executed.ipynb" in answer.err
    assert contents(quick.results) == before
    assert {p.name for p in quick.results.parent.iterdir()} == {"study.yaml", "results", "failed"}
    kept = json.loads((quick.root / "studies/towns/failed/executed.ipynb").read_text())
    (error,) = [o for c in kept["cells"] for o in c.get("outputs", []) if o["output_type"] == "error"]
    assert error["ename"] == "ValueError"
    assert "no such town" in "".join(error["traceback"])


def test_a_kernel_that_dies_is_a_failed_run(quick):
    before = contents(quick.results)
    quick.template(*QUICK[:3], "import os; os._exit(3)", QUICK[3])
    answer = command("run", "towns", cwd=quick.root)
    assert answer.code == 14
    assert "Traceback" not in answer.err
    assert contents(quick.results) == before


def test_a_notebook_that_does_not_save_is_a_failed_run(quick):
    before = contents(quick.results)
    quick.template(*QUICK[:3])
    answer = command("run", "towns", cwd=quick.root)
    assert answer.code == 14
    assert "Its last cell has to be `session.save()`" in answer.err
    assert contents(quick.results) == before


@pytest.mark.skipif(os.name != "posix", reason="signals as on Unix")
def test_a_run_that_is_killed_leaves_the_old_results_whole(quick):
    before = contents(quick.results)
    quick.template(*QUICK, "open('started', 'w').close()\nimport time\ntime.sleep(60)")
    process = subprocess.Popen(
        [sys.executable, "-c", "from scale_impact.cli import main; main()", "run", "towns"],
        cwd=quick.root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        waited = time.monotonic() + 60
        while not (quick.root / "started").exists():
            assert process.poll() is None, "the run ended before it could be killed"
            assert time.monotonic() < waited
            time.sleep(0.05)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert contents(quick.results) == before


def test_two_runs_at_once_do_not_disturb_each_other(quick):
    quick.study("other", template="quick")
    start = [sys.executable, "-c", "from scale_impact.cli import main; main()", "run"]
    both = [
        subprocess.Popen([*start, s], cwd=quick.root, stderr=subprocess.PIPE, text=True, stdout=subprocess.DEVNULL)
        for s in ("towns", "other")
    ]
    ends = [(p.communicate(timeout=100)[1], p.returncode) for p in both]
    assert [code for _, code in ends] == [0, 0], ends
    for slug in ("towns", "other"):
        found = rows(quick.root / "studies" / slug / "results/estimates.jsonl")
        assert {r["study"] for r in found} == {slug}


def test_what_a_cell_prints_of_this_machine_is_taken_out(quick):
    spy = "import os, sys, warnings\nprint(os.getcwd(), os.path.expanduser('~/x'), sys.executable)\nwarnings.warn('careful')"
    quick.template(*QUICK[:3], spy, QUICK[3])
    # from a folder below the project, where relative names of sockets would not be found
    answer = command("run", ".", cwd=quick.root / "studies" / "towns", HOME="/home/ada")
    assert answer.code == 0, answer.err
    notebook = (quick.results / "executed.ipynb").read_text()
    assert "careful" in notebook
    for secret in (str(quick.root), "/home/ada", sys.prefix, "ipykernel_"):
        assert secret not in notebook, secret
