"""`scale-impact doctor`: one line a finding, the same as data, and an exit code that says whether runs work."""

import json
import time
from pathlib import Path

import pytest

from scale_impact.workflow import doctor
from scale_impact.workflow.doctor.finding import missing, note, ok
from tests.projects import command


@pytest.fixture
def machine(monkeypatch):
    """`machine(finding, ...)`: a machine of which these are the findings."""

    def made(*found):
        monkeypatch.setattr(doctor, "PROBES", tuple((lambda root, f=f: [f], True) for f in found))

    return made


def test_this_machine_is_fit_and_is_told_so_in_seconds(place):
    started = time.monotonic()
    answer = command("doctor", cwd=place.root)
    assert time.monotonic() - started < 20
    assert (answer.code, answer.err) == (0, "")
    lines = answer.out.splitlines()
    assert lines[-1] == "Runs work here."
    assert {line.split()[0] for line in lines[:-1]} <= {"ok", "note"}
    topics = ["kernel", "memory", "blas", "papermill", "bytecode", "cores", "studies", "git", "browser", "warm kernels"]
    assert not [t for t in topics if not any(line[9:].startswith(t) for line in lines)]
    assert str(place.root) not in answer.out
    assert str(Path.home()) + "/" not in answer.out


def test_a_machine_that_is_not_fit_ends_with_14_and_the_command_that_mends_it(machine, cli):
    machine(
        ok("git", "9.9"), note("make", "not found", "brew install make"), missing("kernel", "does not start", "mend it")
    )
    answer = cli("doctor")
    assert answer.code == 14
    assert answer.out.splitlines() == [
        "ok       git     9.9",
        "note     make    not found. Mend: brew install make",
        "missing  kernel  does not start. Mend: mend it",
    ]
    assert answer.err.strip() == "error: runs do not work here: kernel: does not start. Mend: mend it"


def test_a_note_is_no_failure(machine, cli):
    machine(note("make", "not found"))
    assert cli("doctor").code == 0


@pytest.mark.parametrize(("last", "code"), [(ok("b", "y"), 0), (missing("b", "y", "do it"), 14)])
def test_the_same_as_data(machine, cli, last, code):
    machine(note("a", "x"), last)
    answer = cli("doctor", "--json")
    said = json.loads(answer.out)
    assert answer.code == code
    assert said["works"] is (code == 0)
    assert said["findings"] == [
        {"topic": "a", "state": "note", "found": "x", "mend": None},
        {"topic": "b", "state": last.state, "found": "y", "mend": last.mend},
    ]


def test_a_broken_project_is_a_finding_and_no_traceback(tmp_path):
    answer = command("doctor", cwd=tmp_path, SCALE_IMPACT_ROOT=str(tmp_path))
    assert answer.code == 14
    assert "missing  project" in answer.out
    assert "Traceback" not in answer.err
    assert "no answer" not in answer.out
