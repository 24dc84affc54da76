"""Locks: one holder at a time, gone with it."""

import os
import subprocess
import sys
import threading
import time

import pytest

from scale_impact.workflow.locks import Holder, hold, holder_of, is_held

pytestmark = pytest.mark.skipif(os.name != "posix", reason="files are locked where there is flock")

HOLD = """
import sys, time
from pathlib import Path
from scale_impact.workflow.locks import hold
with hold(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def other(tmp_path):
    """Another process that holds a lock."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "work/x.lock")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_a_lock_leaves_neither_file_nor_folder(tmp_path):
    path = tmp_path / "work/x.lock"
    with hold(path) as waited:
        assert not waited
        assert is_held(path)
        assert holder_of(path).process == os.getpid()
    assert not path.parent.exists()


def test_a_folder_that_others_use_stays(tmp_path):
    with hold(tmp_path / "work/x.lock"):
        (tmp_path / "work/other").write_text("")
    assert [p.name for p in (tmp_path / "work").iterdir()] == ["other"]


def test_who_waits_is_told_once_who_holds_it_and_has_it_when_that_process_is_killed(tmp_path, other):
    told = []
    threading.Timer(0.4, other.kill).start()
    clock = time.monotonic()
    with hold(tmp_path / "work/x.lock", told.append) as waited:
        assert waited
    assert 0.3 < time.monotonic() - clock < 10
    assert [holder.process for holder in told] == [other.pid]
    assert f"process {other.pid} on " in str(told[0])


def test_a_file_left_by_a_killed_process_locks_nothing(tmp_path, other):
    path = tmp_path / "work/x.lock"
    other.kill()
    other.wait()
    assert path.is_file()
    assert not is_held(path)
    with hold(path) as waited:
        assert not waited


def test_a_damaged_file_names_no_holder(tmp_path):
    (tmp_path / "x").write_text("{half")
    assert holder_of(tmp_path / "x") is None
    assert holder_of(tmp_path / "absent") is None
    assert str(Holder(3, "node", "2026-01-01")) == "process 3 on node, since 2026-01-01"
