"""Runs on a Dask cluster: all of them, once and whole, whatever dies meanwhile."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from scale_impact.core.manifest import Manifest
from scale_impact.errors import DesignError, RunError, UsageError
from scale_impact.workflow import distribute as module
from scale_impact.workflow.batch import Settings, run_batch
from scale_impact.workflow.conditions import Conditions
from scale_impact.workflow.distribute import distribute
from scale_impact.workflow.execute import Outcome
from scale_impact.workflow.fingerprint import inputs_of, run_id
from scale_impact.workflow.runs import expand
from tests.panels import ROOT
from tests.projects import QUICK, project

distributed = pytest.importorskip("dask.distributed")

KILLER = """\
import os, psutil, signal
for parent in psutil.Process().parents():
    if "multiprocessing" in " ".join(parent.cmdline()):
        os.kill(parent.pid, signal.SIGKILL)
        break
"""
"""A cell that kills the Dask worker that has it executed."""


def cluster(folder, workers=2, threads=1, **options):
    return distributed.LocalCluster(
        n_workers=workers, threads_per_worker=threads, processes=True, dashboard_address=":0",
        local_directory=str(folder), silence_logs=60, **options,
    )  # fmt: skip


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One worker with two threads, for tests that kill nothing."""
    with cluster(tmp_path_factory.mktemp("dask"), workers=1, threads=2) as found:
        yield found


def levels(count):
    return {f"v{k}": {"level": 0.5 + k / 100} for k in range(count)}


def contents(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def expanded(out=None):
    runs, errors = expand([], {}, out)
    assert not errors
    return runs


def parcels(folder):
    return list(Path(folder).rglob("scale-impact-*"))


def kill_a_busy_worker(found, seen):
    """When the third run has started, kill -9 the worker that executes it."""

    def watch(event):
        seen.append(event)
        if event.kind == "started" and [e.kind for e in seen].count("started") == 3:
            name = event.what.removeprefix("worker ").split()[0]
            os.kill(found.workers[int(name)].pid, signal.SIGKILL)

    return watch


def processes_in(folder):
    """Processes that work below a folder: what a killed worker left behind would."""
    import psutil

    found = [p.as_dict(["pid", "cwd", "cmdline"], ad_value="") for p in psutil.process_iter()]
    return [p for p in found if p["cwd"].startswith(f"{folder}/dask")]


def test_a_worker_that_is_killed_costs_nothing_and_results_are_those_of_a_local_batch(tmp_path, place):
    place.template(
        *QUICK[:3], "session.figure('raw_trends', session.panel(), session.design())", QUICK[3], name="drawn"
    )
    place.study(template="drawn", variants=levels(4))
    subprocess.run(["git", "init", "-q"], cwd=place.root, check=True)
    subprocess.run(["git", "add", "."], cwd=place.root, check=True)
    author = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    subprocess.run(["git", *author, "commit", "-qm", "all"], cwd=place.root, check=True)
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=place.root, capture_output=True, text=True, check=True)
    local = expanded(tmp_path / "local")
    assert all(isinstance(o, Outcome) for o in run_batch(local, Settings(jobs=2)))
    seen = []
    with cluster(tmp_path / "dask") as found:
        runs = expanded()
        outcomes = distribute(runs, found.scheduler_address, watch=kill_a_busy_worker(found, seen))
    assert [o.run for o in outcomes] == runs
    for far, near in zip(runs, local, strict=True):
        there, here = contents(far.results), contents(near.results)
        manifest = Manifest.read(far.results / "manifest.json")
        del there["manifest.json"], here["manifest.json"]
        assert there == here
        assert manifest.run_id == Manifest.read(near.results / "manifest.json").run_id
        assert manifest.environment["git_commit"] == commit.stdout.strip()
    done = [e.run for e in seen if e.kind == "done"]
    assert sorted(done) == sorted(r.name for r in runs)
    started = [e.run for e in seen if e.kind == "started"]
    assert len(started) == len(runs) + 1, "the killed worker's run was to be repeated, and no other"
    assert processes_in(tmp_path) == []
    rows = [line for r in runs for line in (r.results / "estimates.jsonl").read_text().splitlines()]
    assert len(rows) == len(set(rows))
    assert not [p for p in (place.root / "studies").rglob("*") if p.name == ".run"]


def test_two_threads_of_one_worker_do_not_disturb_each_other_and_leave_nothing(shared, place):
    place.study(template="quick", grid={"level": [0.8, 0.9]})
    settings = Settings(cold=True, conditions=Conditions(threads=2, probe="'seen'"))
    runs, errors = expand([], {"seed": 7})
    assert (len(runs), errors) == (2, [])
    outcomes = distribute(runs, shared.scheduler_address, settings)
    for outcome in outcomes:
        assert {text for _, _, text in outcome.probes} == {"seen"}
        manifest = Manifest.read(outcome.run.results / "manifest.json")
        assert (manifest.variant, manifest.threads, manifest.warm) == (outcome.run.study.variant, 2, False)
        assert manifest.seed == 7
        assert manifest.run_id == run_id(inputs_of(outcome.run))
    assert {json.loads(line)["level"] for o in outcomes for line in (o.run.results / "estimates.jsonl").open()} == {
        0.8,
        0.9,
    }
    assert not parcels(shared.workers[0].local_directory)


def test_a_failed_run_keeps_its_notebook_here_and_the_others_go_on(shared, place, tmp_path):
    place.study(template="quick")
    place.template(*QUICK[:3], 'raise ValueError("no such town")', QUICK[3], name="bad")
    place.study("early", template="bad")
    place.study("wrong", template="quick", design={"control": "not_yet"}, treatment={"cohorts": {"00001": 2001}})
    early, towns, wrong = distribute(expanded(tmp_path / "out"), shared.scheduler_address)
    assert isinstance(early, RunError)
    kept = tmp_path / "out/early/failed/executed.ipynb"
    assert f"ValueError: no such town. The notebook with its traceback is {kept}; earlier results" in str(early)
    assert "no such town" in kept.read_text()
    assert isinstance(towns, Outcome)
    assert isinstance(wrong, DesignError)
    assert not (tmp_path / "out/early/results").exists()
    assert not (place.root / "studies/towns/results").exists()


def test_a_run_that_kills_its_workers_fails_after_three_and_the_others_are_done(tmp_path, place):
    place.study(template="quick", variants=levels(3))
    place.template(*QUICK[:3], KILLER, "import time; time.sleep(60)", QUICK[3], name="killer")
    place.study("early", template="killer")
    seen = []
    with cluster(tmp_path / "dask") as found:
        killer, *others = distribute(expanded(), found.scheduler_address, watch=seen.append)
    assert isinstance(killer, RunError)
    assert "early: 3 workers died under it, the last one with no other run beside it" in str(killer)
    assert all(isinstance(o, Outcome) for o in others)
    assert [e.kind for e in seen if e.run == "early"].count("started") == 3
    assert not (place.root / "studies/early/results").exists()


def test_an_interrupt_keeps_what_is_finished_and_ends_the_rest(shared, place):
    place.study(template="quick")
    place.template(*QUICK, "import time; time.sleep(600)", name="slow")
    place.study("zone", template="slow")
    before = contents(place.root)

    def interrupt(event):
        if event.kind == "done":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        distribute(expanded(), shared.scheduler_address, watch=interrupt)
    added = set(contents(place.root)) - set(before)
    assert {"studies/towns/results/manifest.json"} <= added
    assert all(name.startswith("studies/towns/results/") for name in added)
    deadline = time.monotonic() + 15
    while children := kernels(shared.workers[0].pid):
        assert time.monotonic() < deadline, children
        time.sleep(0.2)


def kernels(worker):
    """What a worker's runs left running."""
    import psutil

    found = psutil.Process(worker).children(recursive=True)
    return [p for p in found if "scale_impact" in (line := " ".join(p.cmdline())) or "ipykernel" in line]


def test_with_fail_fast_nothing_more_begins_after_a_failure(shared, place):
    place.template("study = 'towns'", "1 / 0", name="bad")
    place.study("a-bad", template="bad")
    place.template(*QUICK, "import time; time.sleep(600)", name="slow")
    place.study(template="slow", variants=levels(3))
    bad, *others = distribute(expanded(), shared.scheduler_address, Settings(fail_fast=True))
    assert "ZeroDivisionError" in str(bad)
    assert {str(o).split(": ")[1] for o in others} == {
        "not begun or not finished, because another run failed (--fail-fast)."
    }


# ---- no cluster, or another one -----------------------------------------------------------------------------


def test_no_runs_need_no_scheduler():
    assert distribute([], "nonsense") == []


@pytest.mark.parametrize(
    "address", ["", "8786", "tcp://", "tcp://host", "http://host:1", "tcp://host:port", "tcp://a b:1"]
)
def test_what_is_no_address_is_a_usage_error(place, address):
    with pytest.raises(UsageError, match=r"write the scheduler's address, such as tcp://"):
        distribute(expanded(), address)


def test_without_dask_the_command_to_install_it_is_said(place, monkeypatch):
    monkeypatch.setitem(sys.modules, "dask.distributed", None)
    with pytest.raises(UsageError, match=r'pip install "scale-impact\[dask\]"'):
        distribute(expanded(), "tcp://127.0.0.1:8786")


def test_no_scheduler_at_an_address_is_a_run_error(place, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE", 1.0)
    with pytest.raises(RunError, match=r"No Dask scheduler answers at tcp://127\.0\.0\.1:9"):
        distribute(expanded(), "tcp://127.0.0.1:9")


def test_a_scheduler_without_workers_is_a_run_error_that_says_how_to_start_one(place, monkeypatch, tmp_path):
    monkeypatch.setattr(module, "PATIENCE", 1.0)
    with cluster(tmp_path / "dask", workers=0) as found, pytest.raises(RunError) as caught:
        distribute(expanded(), found.scheduler_address)
    assert f"Start some: dask worker {found.scheduler_address}" in str(caught.value)


@pytest.mark.parametrize("end", ["workers", "scheduler"])
def test_a_cluster_that_goes_away_is_said_and_leaves_the_old_results(place, monkeypatch, tmp_path, end):
    monkeypatch.setattr(module, "PATIENCE", 1.0)
    place.template(*QUICK, "import time; time.sleep(600)", name="slow")
    place.study(template="slow")
    place.results.mkdir()
    (place.results / "old").write_text("old")
    found = cluster(tmp_path / "dask", workers=1)

    def stop(event):
        if event.kind == "started":
            threading.Thread(target=found.close if end == "scheduler" else lambda: found.scale(0)).start()

    (outcome,) = distribute(expanded(), found.scheduler_address, watch=stop)
    found.close()
    assert isinstance(outcome, RunError)
    assert contents(place.results) == {"old": b"old"}


def test_workers_with_other_source_are_refused_by_name_all_at_once(place, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(ROOT / "scale_impact", copy / "scale_impact", ignore=shutil.ignore_patterns("__pycache__"))
    with (copy / "scale_impact/errors.py").open("a") as file:
        file.write("# another version\n")
    with cluster(tmp_path / "dask", workers=1) as found:
        start = [
            sys.executable,
            "-m",
            "distributed.cli.dask_worker",
            found.scheduler_address,
            "--no-dashboard",
            "--no-nanny",
        ]
        others = [
            subprocess.Popen(
                [*start, "--name", f"old-{k}", "--nworkers", "1"], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(copy)},
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )
            for k in range(2)
        ]  # fmt: skip
        try:
            with distributed.Client(found.scheduler_address, set_as_default=False) as client:
                client.wait_for_workers(3, timeout=60)
            with pytest.raises(RunError) as caught:
                distribute(expanded(), found.scheduler_address)
        finally:
            for process in others:
                process.kill()
                process.wait()
    assert caught.value.where == "2 of 3 workers would not give the numbers of this machine"
    assert len(caught.value.problems) == 2
    assert all("differs: source of scale_impact" in problem for problem in caught.value.problems)
    assert not place.results.exists()


def test_workers_that_cannot_unpack_the_project_are_an_expected_error(shared, place, monkeypatch):
    monkeypatch.setattr(module, "pack", lambda runs: b"torn")
    with pytest.raises(RunError, match=r"could not be unpacked on a worker \(BadZipFile"):
        distribute(expanded(), shared.scheduler_address)
    assert not parcels(shared.workers[0].local_directory)


def test_processes_of_a_client_that_was_killed_are_ended_after_a_while(shared, place, monkeypatch):
    """Nobody takes back the parcel then; it rests when no run has come for some time."""
    from scale_impact.workflow import elsewhere

    class Here:
        local_directory = str(place.root)

    monkeypatch.setattr(elsewhere, "IDLE", 0.5)
    parcel = elsewhere.Parcel("p", module.pack(expanded()), ("numpy",), 1)
    parcel.setup(Here())
    with parcel.process() as process:
        assert parcel.warm is None or Path(parcel.warm).parent.is_dir()
        time.sleep(0.7)
        assert process.alive
    deadline = time.monotonic() + 20
    while process.alive or parcel.warm is not None:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    with parcel.process() as another:
        assert another.alive
    parcel.teardown(Here())
    assert not another.alive
    assert not parcels(place.root)


def test_the_scheduler_needs_no_scale_impact():
    """It unpickles what workers call; in a Python that has no such package that works too."""
    import cloudpickle

    content = cloudpickle.dumps(module._there())
    code = f"import sys; sys.modules['scale_impact'] = None; import pickle; print(pickle.loads({content!r}).__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("there\n", "")


def test_differences_name_what_is_other_and_what_is_missing():
    from scale_impact.workflow.elsewhere import differences

    here = {"scale_impact": "ab", "numpy": "2.0", "scipy": "1.1"}
    assert differences(here, here) == []
    assert differences(here, {"scale_impact": "cd", "numpy": "2.0"}) == [
        "source of scale_impact cd (here ab)", "scipy missing (here 1.1)",
    ]  # fmt: skip


# ---- what travels -------------------------------------------------------------------------------------------


def test_results_that_arrive_torn_are_not_published(place):
    from scale_impact.workflow.bundle import zipped

    (run,) = expanded()
    far = project(place.root.parent / "far")
    folder = far.root / "results"
    folder.mkdir()
    (folder / "estimates.jsonl").write_text("1\n")
    Manifest("r", "towns", None, {}, {}, 1, "2025", 1.0, {"estimates.jsonl": "0" * 64}).write(folder / "manifest.json")
    with pytest.raises(RunError, match="did not arrive whole"):
        module._publish_here(run, zipped(folder), lambda event: None)
    assert not place.results.exists()
