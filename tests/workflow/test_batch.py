"""Many runs at once: none stops the others, an interrupt leaves what is finished, and nothing stays behind."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from scale_impact.errors import DesignError, RunError, ScaleImpactError
from scale_impact.workflow.batch import Settings, run_batch
from scale_impact.workflow.execute import Outcome
from scale_impact.workflow.runs import expand
from scale_impact.workflow.zygote import descendants
from tests.projects import QUICK, project

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are watched on Linux")

SLOW = "import time\nfor _ in range(600):\n    time.sleep(0.1)"
FAIL = 'raise ValueError("no such thing")'


def studies(place, *cells_of):
    """A study a template: ``{name: cell}``."""
    for name, cell in cells_of:
        place.template(QUICK[0], cell, *QUICK[1:], name=name)
        place.study(slug=name, template=name)
    runs, errors = expand([name for name, _ in cells_of], {})
    assert not errors
    return runs


def stray(place):
    """What is in the project beside what users and runs put there."""
    return [p for p in place.root.rglob("*") if p.name.startswith((".run", ".results"))]


@pytest.mark.parametrize("cold", [True, False])
def test_a_run_that_fails_stops_no_other(place, cold):
    runs = studies(place, ("good", ""), ("bad", FAIL), ("dead", "import os; os._exit(3)"), ("fine", ""))
    events = []
    before = set(descendants(os.getpid()))
    good, bad, dead, fine = run_batch(runs, Settings(jobs=2, cold=cold), events.append)
    assert isinstance(good, Outcome)
    assert isinstance(fine, Outcome)
    assert isinstance(bad, RunError)
    assert "ValueError: no such thing" in str(bad)
    assert isinstance(dead, RunError)
    assert "the notebook's Python stopped" in str(dead)
    assert (place.root / "studies/bad/failed/executed.ipynb").is_file()
    assert not stray(place)
    assert set(descendants(os.getpid())) <= before
    kinds = {run.name: [e.kind for e in events if e.run == run.name and e.kind != "cell"] for run in runs}
    assert kinds == {r: ["started", "failed" if r in ("bad", "dead") else "done"] for r in kinds}
    assert [e.cell for e in events if e.run == "good" and e.kind == "cell"] == [1, 2, 3, 4, 5, 6]


def test_an_error_of_the_package_keeps_its_kind_whether_found_before_or_in_the_notebook(place):
    runs = studies(
        place, ("before", ""), ("within", 'from scale_impact.errors import DesignError\nraise DesignError("x")')
    )
    place.study(
        slug="before", template="before", design={"control": "never", "cluster": "people"}, estimators=["did_2x2"]
    )
    (run,), _ = expand(["before"], {})
    first, second = run_batch([run, runs[1]], Settings(jobs=1))
    assert isinstance(first, ScaleImpactError)
    assert not isinstance(first, RunError)
    assert isinstance(second, DesignError)
    assert second.exit_code == 12


def test_fail_fast_begins_nothing_more(place):
    runs = studies(place, ("bad", FAIL), ("good", ""))
    bad, good = run_batch(runs, Settings(jobs=1, fail_fast=True, cold=True))
    assert "no such thing" in str(bad)
    assert "not begun" in str(good)
    assert not (place.root / "studies/good/results").exists()


def test_a_run_that_never_ends_is_stopped_and_others_are_not(place):
    runs = studies(place, ("slow", SLOW), ("good", ""))
    slow, good = run_batch(runs, Settings(jobs=2, time_limit=4.0))
    assert "it was stopped after 4 s, its time limit" in str(slow)
    assert isinstance(good, Outcome)


def test_a_run_that_takes_all_memory_is_stopped(place):
    runs = studies(place, ("large", "x = []\nwhile True:\n    x.append(bytearray(b'1') * 50_000_000)"), ("good", ""))
    large, good = run_batch(runs, Settings(jobs=1, memory_limit=800 * 2**20))
    assert "more than 800 MiB of memory" in str(large)
    assert isinstance(good, Outcome)


def test_a_worker_that_is_killed_fails_its_run_alone(place):
    runs = studies(place, ("shot", "import os, signal\nos.kill(int(os.environ['SHOT']), signal.SIGKILL)"), ("good", ""))
    code = "import os\nfor p in [os.getppid()]:\n    os.kill(p, 9)\nimport time; time.sleep(60)"
    place.template(QUICK[0], code, *QUICK[1:], name="shot")  # a cold kernel's parent is the worker
    shot, good = run_batch(runs, Settings(jobs=1, cold=True))
    assert "the process that executed it ended (SIGKILL)" in str(shot)
    assert isinstance(good, Outcome)


# ---- interrupted --------------------------------------------------------------------------------------


def begin(place, *arguments, **environment):
    code = "from scale_impact.cli import main; main()"
    return subprocess.Popen(
        [sys.executable, "-c", code, "run", *arguments], cwd=place.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, env={**os.environ, **environment}, start_new_session=True,
    )  # fmt: skip


def until(condition, seconds=40):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def is_in_cell(place, run, cell):
    """Whether a run has come to a cell, as its journal says."""
    for path in (place.root / ".scale-impact/logs").glob("*.jsonl"):
        lines = [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")]
        if any(e.get("run") == run and e.get("cell") == cell for e in lines):
            return True
    return False


@pytest.fixture
def slow(tmp_path, monkeypatch):
    """A project with one quick and one endless study, and a temporary folder of its own."""
    place = project(tmp_path / "project")
    monkeypatch.chdir(place.root)
    place.template(QUICK[0], SLOW, *QUICK[1:], name="slow")
    place.study(template="quick")
    place.study(slug="zslow", template="slow")
    return place


@pytest.mark.parametrize(("number", "cold"), [(signal.SIGINT, True), (signal.SIGTERM, False), (signal.SIGKILL, False)])
def test_an_interrupt_leaves_what_is_finished_and_nothing_else(slow, number, cold):
    short = Path(tempfile.mkdtemp(prefix="si", dir="/tmp"))
    process = begin(slow, "--jobs", "1", *(["--cold"] if cold else []), TMPDIR=str(short))
    until(lambda: is_in_cell(slow, "zslow", 3))
    family = descendants(process.pid)
    assert family
    process.send_signal(number)
    process.communicate(timeout=20)
    assert process.returncode == (-9 if number == signal.SIGKILL else 130)
    until(lambda: not [p for p in family if Path(f"/proc/{p}").exists()], 15)
    assert (slow.root / "studies/towns/results/manifest.json").is_file()
    assert not (slow.root / "studies/zslow/results").exists()
    if number != signal.SIGKILL:
        assert not stray(slow)
        assert not list(short.iterdir())
    slow.template(*QUICK, name="slow")
    again = begin(slow, TMPDIR=str(short))
    said, _ = again.communicate(timeout=60)
    assert again.returncode == 0
    assert "up to date" in said
    assert (slow.root / "studies/zslow/results/manifest.json").is_file()
    assert not stray(slow)
    assert not list(short.iterdir())
    short.rmdir()


def test_a_second_run_of_the_same_study_waits_and_takes_what_the_first_made(place):
    place.template(QUICK[0], "import time; time.sleep(3)", *QUICK[1:], name="quick")
    place.study(template="quick")
    first = begin(place)
    until(lambda: is_in_cell(place, "towns", 3))
    second = begin(place)
    _, said_first = first.communicate(timeout=60)
    out, said = second.communicate(timeout=60)
    assert (first.returncode, second.returncode) == (0, 0), said_first + said
    assert "waiting for process" in said
    assert "up to date" in out
    assert not stray(place)
