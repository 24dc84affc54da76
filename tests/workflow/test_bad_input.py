"""What goes wrong with runs: notebooks that misbehave, disks, signals, two at once. Nothing is torn, nothing is left.

Each command runs in processes that carry a mark in their environment, with a temporary folder of its own, so that what
it leaves is found.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from tests.projects import QUICK, project

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="finds processes and mounts disks as Linux does")

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a disk")

MARK = "TEST_OF_BAD_INPUT"
PATIENCE = 90
"""Seconds for a command; several developers' tests may run beside it."""


@dataclass
class Lab:
    """A project, a temporary folder, a folder for signs between test and notebook, and a mark on every process."""

    place: object
    temporary: Path
    signs: Path
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def root(self):
        return self.place.root

    def start(self, *arguments):
        """`scale-impact` in the background, the leader of a process group as in a shell."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("SCALE_IMPACT_")}
        return subprocess.Popen(
            [sys.executable, "-c", "from scale_impact.cli import main; main()", *map(str, arguments)],
            cwd=self.root, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True,
            env={**kept, MARK: self.mark, "TMPDIR": str(self.temporary), "SIGNS": str(self.signs)},
        )  # fmt: skip

    def run(self, *arguments):
        """Run studies to the end."""
        return self.ended(self.start("run", *arguments))

    def ended(self, process):
        """How a command ended; where it does not end, all its processes are killed."""
        try:
            out, err = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            out, err = process.communicate()
            pytest.fail(f"did not end within {PATIENCE} s; said {out} {err}")
        return Ending(process.returncode, out, err)

    def kill(self):
        """Kill everything that this lab has started."""
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                process.kill()

    def processes(self):
        """Living processes that carry the mark."""
        return [p for p in psutil.process_iter() if self._mine(p)]

    def _mine(self, process):
        with contextlib.suppress(psutil.Error):
            return process.status() != psutil.STATUS_ZOMBIE and process.environ().get(MARK) == self.mark
        return False

    def sign(self, name):
        """Wait until a notebook has given a sign."""
        wait(lambda: (self.signs / name).exists(), f"the sign {name}")

    def released(self):
        """Let waiting notebooks go on."""
        (self.signs / "go").touch()

    def strays(self):
        """What lies in the project and in the temporary folder and belongs to no study and no result."""
        known = (
            "study.yaml",
            "README.md",
            "executed.ipynb",
            "estimates.jsonl",
            "checks.jsonl",
            "units.jsonl",
            "manifest.json",
        )
        studies = [p for p in (self.root / "studies").rglob("*") if p.is_file() and p.name not in known]
        work = list((self.root / "studies").rglob(".*"))
        return sorted({str(p) for p in [*studies, *work, *self.temporary.iterdir()]})

    def rows(self, slug):
        return whole(self.root / "studies" / slug / "results")


@dataclass(frozen=True)
class Ending:
    """How a command ended."""

    code: int
    out: str
    err: str


def wait(until, what, seconds=PATIENCE):
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(0.05)


def whole(results):
    """Rows of results that are complete and as their manifest says; None where there are none."""
    from scale_impact.core.manifest import file_hash

    if not results.exists():
        return None
    known = json.loads((results / "manifest.json").read_text())["outputs"]
    assert {name: file_hash(results / name) for name in known} == known
    rows = [json.loads(line) for line in (results / "estimates.jsonl").read_text().splitlines()]
    assert rows
    return rows


def without_clock(folder):
    """Content of published files that are to be equal byte by byte."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.*") if p.name != "manifest.json"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Makes labs; whatever a test leaves running is killed, and said."""
    labs = []

    def make():
        base = Path(tempfile.mkdtemp(prefix="bad-"))  # short: sockets lie below it
        (base / "t").mkdir()
        (base / "signs").mkdir()
        labs.append(Lab(project(tmp_path_factory.mktemp("bad") / "project"), base / "t", base / "signs"))
        return labs[-1]

    yield make
    for lab in labs:
        lab.kill()
        shutil.rmtree(lab.temporary.parent, ignore_errors=True)


@pytest.fixture
def lab(made):
    """A lab with the quick study `towns`."""
    lab = made()
    lab.place.study(template="quick")
    return lab


def template(lab, slug, *cells, **changes):
    """A study whose notebook has these cells between its beginning and its end."""
    lab.place.template(*QUICK[:2], *cells, *QUICK[2:], name=slug.replace("-", "_"))
    lab.place.study(slug, template=slug.replace("-", "_"), **changes)


WAITING = """\
import os, pathlib, time
signs = pathlib.Path(os.environ["SIGNS"])
(signs / pathlib.Path(study).name).touch()
while not (signs / "go").exists():
    time.sleep(0.02)
"""
"""A cell that says that it is at work, and waits for the test."""


# ---- notebooks that misbehave, all in one batch -----------------------------------------------------------

MISBEHAVING = {
    "b-prints": "for k in range(1000):\n    print(f'{k:06d} ' + 'x' * 99_992)",
    "c-endless": (
        "import signal, subprocess\n"
        "for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):\n    signal.signal(number, signal.SIG_IGN)\n"
        "subprocess.Popen(['sleep', '600'])\n"
        "while True:\n    pass"
    ),
    "d-numpy": "import numpy as np\nblocks = [np.ones(100 * 2**17) for _ in range(500)]",
    "e-python": "blocks = []\nwhile True:\n    blocks.append(list(range(10**6)))",
    "f-sigkill": "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
    "g-leaves": "import os\nos._exit(0)",
    "h-exits": "import sys\nsys.exit('enough')",
    "i-segfaults": "import ctypes\nctypes.string_at(0)",
    "j-asks": "answer = input('Which city? ')",
    "k-child": "import subprocess\nchild = subprocess.Popen(['sleep', '600'])",
    "l-session": "import subprocess\nchild = subprocess.Popen(['sleep', '600'], start_new_session=True)",
    "m-daemon": (
        "import os, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork() == 0:\n"
        "        os.closerange(0, 256)\n"
        "        time.sleep(600)\n"
        "    os._exit(0)\n"
        "time.sleep(0.2)"
    ),
    "n-thread": "import threading, time\nthreading.Thread(target=time.sleep, args=(600,)).start()",
}

GOOD = ("a-good", "z-good")
FAILING = ("c-endless", "d-numpy", "e-python", "f-sigkill", "g-leaves", "h-exits", "i-segfaults", "j-asks")
ENDING_WELL = (*GOOD, "b-prints", "k-child", "l-session", "m-daemon", "n-thread")


@dataclass(frozen=True)
class Batch:
    """A batch that has ended."""

    lab: Lab
    ending: Ending
    orphans: tuple

    def said(self, slug):
        """The error that names a study."""
        return next((line for line in self.ending.err.splitlines() if line.startswith(f"error: {slug}: ")), "")


@pytest.fixture(scope="module", params=["warm", "cold"])
def batch(request, made):
    """All misbehaving notebooks and two good ones in one batch."""
    lab = made()
    shutil.rmtree(lab.root / "studies" / "towns")
    for slug in GOOD:
        lab.place.study(slug, template="quick")
    for slug, cell in MISBEHAVING.items():
        template(lab, slug, cell)
    limits = ("--jobs", "2", "--time-limit", "20", "--memory-limit", "1G")
    ending = lab.run(*limits, *(["--cold"] if request.param == "cold" else []))
    with contextlib.suppress(AssertionError):
        wait(lambda: not lab.processes(), "processes to end", seconds=3)
    return Batch(lab, ending, tuple(p.name() for p in lab.processes()))


def test_a_batch_with_bad_notebooks_ends_with_the_code_of_a_failed_run(batch):
    assert batch.ending.code == 14
    assert "Traceback" not in batch.ending.err


@pytest.mark.parametrize("slug", ENDING_WELL)
def test_runs_that_end_well_are_whole_whatever_the_others_do(batch, slug):
    assert batch.lab.rows(slug) is not None


@pytest.mark.parametrize("slug", FAILING)
def test_runs_that_fail_leave_no_results_and_say_so_once(batch, slug):
    assert batch.lab.rows(slug) is None
    assert batch.ending.err.count(f"error: {slug}: ") == 1


def test_a_batch_leaves_no_process_and_no_stray_file(batch):
    assert batch.orphans == ()
    assert batch.lab.strays() == []


def test_a_notebook_that_prints_100_mb_is_cut_and_says_what_was_left_out(batch):
    notebook = batch.lab.root / "studies/b-prints/results/executed.ipynb"
    assert notebook.stat().st_size < 2_000_000
    (printed,) = [
        "".join(output["text"])
        for cell in json.loads(notebook.read_text())["cells"]
        for output in cell.get("outputs", [])
        if output["output_type"] == "stream"
    ]
    assert printed.startswith("000000 xxx")
    assert "99,000,000 more characters were left out" in printed


def test_a_notebook_that_never_ends_is_stopped_at_its_time_limit(batch):
    said = batch.said("c-endless")
    assert "20 s, its time limit" in said
    assert "--time-limit" in said


@pytest.mark.parametrize("slug", ["d-numpy", "e-python"])
def test_a_notebook_that_takes_all_memory_is_stopped_at_its_memory_limit(batch, slug):
    said = batch.said(slug)
    assert "1.0 GiB of memory, its limit" in said
    assert "--memory-limit" in said


@pytest.mark.parametrize(("slug", "why"), [("f-sigkill", "SIGKILL"), ("g-leaves", "died"), ("i-segfaults", "SIGSEGV")])
def test_a_notebook_that_ends_its_own_python_is_said(batch, slug, why):
    assert "the notebook's Python stopped" in batch.said(slug)
    assert why.lower() in batch.said(slug).lower()


@pytest.mark.parametrize(("slug", "why"), [("h-exits", "SystemExit: enough"), ("j-asks", "StdinNotImplementedError")])
def test_a_notebook_that_leaves_or_asks_is_said(batch, slug, why):
    assert why in batch.said(slug)


@pytest.mark.parametrize("slug", ["c-endless", "d-numpy", "f-sigkill", "h-exits"])
def test_the_notebook_of_a_failed_run_is_kept(batch, slug):
    kept = batch.lab.root / "studies" / slug / "failed/executed.ipynb"
    assert f"studies/{slug}/failed/executed.ipynb" in batch.said(slug)
    cells = json.loads(kept.read_text())["cells"]
    assert any("open_session" in "".join(cell["source"]) for cell in cells)


def test_100_mb_printed_twice_are_the_same_bytes(batch):
    folder = batch.lab.root / "studies/b-prints/results"
    first = without_clock(folder)
    assert batch.lab.run("b-prints", "--force", "--cold").code == 0
    assert without_clock(folder) == first


def test_a_long_line_without_a_space_is_tidied_at_once(tmp_path):
    """A pattern that begins with "anything" looks at every part of such a line: at a million characters for an hour."""
    from scale_impact.workflow.publish import tidy

    path = tmp_path / "executed.ipynb"
    output = {"output_type": "stream", "name": "stdout", "text": "x" * 50_000}
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "source": "", "execution_count": 1, "outputs": [output]}
    path.write_text(json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    started = time.process_time()
    tidy(path, tmp_path)
    assert time.process_time() - started < 1


def test_50_gb_at_one_stroke_are_refused_or_stopped(lab):
    template(lab, "towns", "import numpy as np\nnp.ones(50 * 2**27)")
    answer = lab.run("towns", "--memory-limit", "1G")
    assert answer.code == 14
    assert "1.0 GiB of memory, its limit" in answer.err or "Unable to allocate 50.0 GiB" in answer.err
    assert lab.processes() == []


# ---- disks ------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def mounted(*words, at):
    subprocess.run(["mount", *words, str(at)], check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(at)], check=True, capture_output=True)


@contextlib.contextmanager
def read_only(folder):
    """A folder that cannot be written, not even by root."""
    with mounted("--bind", str(folder), at=folder):
        subprocess.run(["mount", "-o", "remount,bind,ro", str(folder)], check=True, capture_output=True)
        yield


def mounts(lab):
    """Whether this machine lets its root mount."""
    try:
        with read_only(lab.signs):
            return True
    except (OSError, subprocess.CalledProcessError):
        return False


@root_only
def test_a_study_folder_that_is_read_only_is_said_and_another_folder_works(lab, tmp_path):
    if not mounts(lab):
        pytest.skip("this container does not let its root mount")
    lab.place.study("early", template="quick")
    with read_only(lab.root / "studies/towns"):
        before = lab.place.snapshot()
        answer = lab.run("towns", "early")
        elsewhere = lab.run("towns", "--out", tmp_path / "out")
        assert {k: v for k, v in lab.place.snapshot().items() if "/towns/" in k} == {
            k: v for k, v in before.items() if "/towns/" in k
        }
    assert answer.code == 14
    assert "towns: results cannot be written to studies/towns: Read-only file system" in answer.err
    assert "--out" in answer.err
    assert "Traceback" not in answer.err
    assert lab.rows("early")
    assert elsewhere.code == 0
    assert whole(tmp_path / "out/towns/results")
    assert lab.strays() == []


@root_only
def test_a_full_disk_is_said_and_earlier_results_stay_whole(lab):
    if not mounts(lab):
        pytest.skip("this container does not let its root mount")
    template(lab, "towns", "import os\nfor _ in range(9_000):\n    print(os.urandom(50).hex())")
    folder = lab.root / "studies/towns"
    text = (folder / "study.yaml").read_text()
    with mounted("-t", "tmpfs", "-o", "size=4000k", "tmpfs", at=folder):
        (folder / "study.yaml").write_text(text)
        assert lab.run("towns").code == 0
        first = without_clock(folder / "results")
        (folder / "filling").write_bytes(b"x" * 2_400_000)
        answer = lab.run("towns", "--force")
        assert without_clock(folder / "results") == first
        assert whole(folder / "results")
        assert sorted(p.name for p in folder.iterdir() if p.name != "failed") == ["filling", "results", "study.yaml"]
        (folder / "filling").unlink()
        assert lab.run("towns", "--force").code == 0
    assert answer.code == 14
    assert "No space left on device" in answer.err
    assert "Make room" in answer.err
    assert "Traceback" not in answer.err
    assert list(lab.temporary.iterdir()) == []


@root_only
def test_a_full_temporary_folder_is_said(lab):
    if not mounts(lab):
        pytest.skip("this container does not let its root mount")
    with mounted("-t", "tmpfs", "-o", "size=64k", "tmpfs", at=lab.temporary):
        (lab.temporary / "filling").write_bytes(b"x" * 60_000)
        answer = lab.run("towns")
    assert answer.code in (0, 14)
    assert "Traceback" not in answer.err
    if answer.code:
        assert "No space left on device" in answer.err
        assert lab.rows("towns") is None
    assert lab.processes() == []


def test_a_file_where_results_are_to_lie_is_replaced_by_them_and_a_failed_run_leaves_it(lab):
    """`results` belongs to `run`: whoever puts something else there has it replaced, but not by nothing."""
    results = lab.root / "studies/towns/results"
    results.write_text("a file of the user's\n")
    template(lab, "towns", "1 / 0")
    assert lab.run("towns").code == 14
    assert results.read_text() == "a file of the user's\n"
    lab.place.study(template="quick")
    assert lab.run("towns").code == 0
    assert lab.rows("towns")
    assert lab.strays() == []


# ---- two at once ------------------------------------------------------------------------------------------


def test_of_two_runs_of_one_study_the_second_waits_and_finds_it_done(lab):
    template(lab, "towns", WAITING)
    first = lab.start("run", "towns")
    lab.sign("towns")
    second = lab.start("run", "towns")
    wait(lambda: len(lab.processes()) > 3, "the second command")
    time.sleep(1.5)
    assert second.poll() is None
    lab.released()
    one, two = lab.ended(first), lab.ended(second)
    assert (one.code, two.code) == (0, 0)
    assert one.out.startswith("towns: done in ")
    assert "towns: up to date" in two.out
    assert "wait" in two.err + two.out
    assert lab.rows("towns")
    assert lab.strays() == []


def test_two_batches_over_the_same_studies_tear_nothing(lab):
    shutil.rmtree(lab.root / "studies/towns")
    slugs = [f"s{k}" for k in range(4)]
    for slug in slugs:
        lab.place.study(slug, template="quick")
    endings = [lab.ended(process) for process in [lab.start("run", "--jobs", "2") for _ in range(2)]]
    assert [e.code for e in endings] == [0, 0]
    assert all(lab.rows(slug) for slug in slugs)
    assert lab.strays() == []


def test_what_another_command_has_done_meanwhile_is_not_done_again(lab):
    template(lab, "towns", WAITING)
    lab.place.study("villages", template="quick")
    first = lab.start("run", "towns", "villages", "--jobs", "1")
    lab.sign("towns")
    assert lab.run("villages").code == 0
    manifest = (lab.root / "studies/villages/results/manifest.json").read_bytes()
    lab.released()
    answer = lab.ended(first)
    assert answer.code == 0
    assert "villages: up to date" in answer.out
    assert (lab.root / "studies/villages/results/manifest.json").read_bytes() == manifest


# ---- signals ----------------------------------------------------------------------------------------------

FINISHED, WORKING, NOT_BEGUN = "a-done", ("b-works", "c-works"), "d-waits"


@pytest.fixture
def amid(lab):
    """A batch of two jobs in which one run has finished, two are at work and one has not begun."""
    shutil.rmtree(lab.root / "studies/towns")
    lab.place.study(FINISHED, template="quick")
    for slug in (*WORKING, NOT_BEGUN):
        template(lab, slug, WAITING)
    process = lab.start("run", "--jobs", "2")
    for slug in WORKING:
        lab.sign(slug)
    return lab, process


def gone(lab, seconds=10):
    wait(lambda: not lab.processes(), "all processes to end", seconds)


def mended(lab):
    """The next run finishes everything and leaves nothing else."""
    lab.released()
    before = without_clock(lab.root / "studies" / FINISHED / "results")
    answer = lab.run("--jobs", "2")
    assert answer.code == 0, answer.err
    assert re.search(rf"^{FINISHED} +up to date", answer.out, flags=re.MULTILINE)
    assert without_clock(lab.root / "studies" / FINISHED / "results") == before
    assert all(lab.rows(slug) for slug in (*WORKING, NOT_BEGUN))
    assert lab.strays() == []
    assert lab.processes() == []


@pytest.mark.parametrize(
    ("number", "codes"),
    [(signal.SIGINT, (130,)), (signal.SIGTERM, (130, 143)), (signal.SIGHUP, (129, -signal.SIGHUP))],
    ids=["ctrl-c", "term", "hangup"],
)
def test_a_signal_in_the_middle_of_a_batch_leaves_what_is_finished_and_nothing_half_made(amid, number, codes):
    lab, process = amid
    os.killpg(process.pid, number)
    answer = lab.ended(process)
    gone(lab)
    assert "Traceback" not in answer.err
    assert answer.code in codes
    assert lab.rows(FINISHED)
    assert [lab.rows(slug) for slug in (*WORKING, NOT_BEGUN)] == [None, None, None]
    if number == signal.SIGINT:
        assert lab.strays() == []
    mended(lab)


def test_two_ctrl_c_in_a_row_are_no_traceback(amid):
    lab, process = amid
    os.killpg(process.pid, signal.SIGINT)
    time.sleep(0.1)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGINT)
    answer = lab.ended(process)
    gone(lab)
    assert "Traceback" not in answer.err
    mended(lab)


def test_when_the_command_alone_is_killed_its_processes_end_by_themselves(amid):
    lab, process = amid
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=PATIENCE)
    gone(lab)
    assert lab.rows(FINISHED)
    mended(lab)


def test_when_everything_is_killed_the_next_run_mends_it(amid):
    lab, process = amid
    lab.kill()
    process.communicate(timeout=PATIENCE)
    gone(lab)
    assert lab.rows(FINISHED)
    mended(lab)


def test_when_one_of_the_processes_is_killed_the_batch_says_so_and_goes_on(amid):
    """The out-of-memory killer takes whom it likes."""
    lab, process = amid
    workers = [p for p in psutil.Process(process.pid).children() if "worker" in " ".join(p.cmdline())]
    assert workers
    workers[0].kill()
    lab.released()
    answer = lab.ended(process)
    assert answer.code == 14
    assert "SIGKILL" in answer.err
    assert "Traceback" not in answer.err
    assert sum(lab.rows(slug) is None for slug in (*WORKING, NOT_BEGUN)) == 1
    gone(lab)
    mended(lab)


# ---- names that climb out ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["../out", "a/b", "/etc/out", "..", ".", ".hidden", "a\\b", "con\n", "x" * 300, ""])
def test_a_variant_that_would_lie_elsewhere_is_refused(lab, name):
    lab.place.study(template="quick", variants={name: {"level": 0.9}})
    before = lab.place.snapshot()
    answer = lab.run("towns")
    assert answer.code == 10
    assert "variants" in answer.err
    assert "Traceback" not in answer.err
    assert lab.place.snapshot() == before


@pytest.mark.parametrize("slug", ["../towns-copy", "/tmp/nowhere-at-all", "studies/../../x", "..", "", "?"])
def test_a_slug_that_names_no_study_of_the_project_is_refused(lab, slug):
    before = lab.place.snapshot()
    answer = lab.run(slug)
    assert answer.code in (2, 10)
    assert "Traceback" not in answer.err
    assert lab.place.snapshot() == before


def test_a_study_folder_that_is_a_link_out_of_the_project_is_refused(lab, tmp_path):
    shutil.move(lab.root / "studies/towns", tmp_path / "elsewhere")
    (lab.root / "studies/towns").symlink_to(tmp_path / "elsewhere")
    before = sorted(p.name for p in (tmp_path / "elsewhere").iterdir())
    answer = lab.run("towns")
    assert answer.code in (2, 10)
    assert "studies/towns is a link" in answer.err
    assert "Traceback" not in answer.err
    assert sorted(p.name for p in (tmp_path / "elsewhere").iterdir()) == before


def test_results_that_are_a_link_out_of_the_study_are_refused_and_what_they_point_to_is_left(lab, tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work\n")
    (lab.root / "studies/towns/results").symlink_to(mine)
    answer = lab.run("towns")
    assert "Traceback" not in answer.err
    assert (mine / "thesis.txt").read_text() == "years of work\n"
    assert sorted(p.name for p in mine.iterdir()) == ["thesis.txt"]
    assert answer.code == 2
    assert "towns/results is a link" in answer.err


@pytest.mark.parametrize("out", ["..", "../out", "data/../../out", "way-out/x", " "])
def test_an_out_that_leads_elsewhere_than_it_says_is_refused(lab, tmp_path, out):
    (lab.root / "way-out").symlink_to(tmp_path)
    before = lab.place.snapshot()
    answer = lab.run("towns", "--out", out)
    assert answer.code == 2
    assert "--out" in answer.err
    assert "Traceback" not in answer.err
    assert lab.place.snapshot() == before
    assert list(tmp_path.iterdir()) == []


# ---- results changed by hand ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def finished(made):
    """A lab in which `towns` has been run."""
    lab = made()
    lab.place.study(template="quick")
    assert lab.run("towns").code == 0
    return lab


@pytest.fixture
def tampered(finished):
    """The results with one number changed by hand; put back afterwards."""
    path = finished.root / "studies/towns/results/estimates.jsonl"
    text = path.read_text()
    first, rest = text.split("\n", 1)
    row = json.loads(first)
    row["estimate"] += 1
    path.write_text(json.dumps(row) + "\n" + rest)
    yield finished
    path.write_text(text)


def test_plan_names_the_file_of_results_that_was_changed_by_hand(tampered):
    answer = tampered.ended(tampered.start("plan", "towns"))
    assert "Traceback" not in answer.err
    assert "estimates.jsonl" in answer.out + answer.err


def test_verify_names_the_number_that_was_changed_by_hand(tampered):
    answer = tampered.ended(tampered.start("verify", "towns"))
    assert answer.code == 15
    assert "Traceback" not in answer.err
    assert "estimate" in answer.out + answer.err


def test_a_result_that_was_removed_by_hand_is_made_again(finished):
    (finished.root / "studies/towns/results/checks.jsonl").unlink()
    answer = finished.run("towns")
    assert (answer.code, answer.out.split(" in ")[0]) == (0, "towns: done")
    assert finished.rows("towns")
