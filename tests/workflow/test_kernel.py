"""Kernels of runs: this Python, a folder and sockets of their own, one thread."""

import os
import sys
from pathlib import Path

import pytest

from scale_impact.workflow.environment import environment
from scale_impact.workflow.kernel import THREADS, kernel_manager
from tests.panels import ROOT


def test_a_kernel_is_this_python_whatever_kernels_are_installed(tmp_path):
    assert kernel_manager(tmp_path, {})().kernel_spec.argv[:3] == [sys.executable, "-m", "ipykernel_launcher"]


@pytest.mark.skipif(os.name != "posix", reason="Unix sockets")
def test_sockets_lie_in_the_runtime_folder_and_not_in_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    manager = kernel_manager(tmp_path, {})()
    assert manager.transport == "ipc"
    assert Path(manager.ip).parent == tmp_path / "runtime"


def test_a_kernel_starts_in_its_folder_with_one_thread_and_a_fixed_hash_seed(tmp_path, monkeypatch):
    given = {}
    made = kernel_manager(tmp_path, {"SCALE_IMPACT_RUN_ID": "abc"})
    monkeypatch.setattr(made.__mro__[1], "start_kernel", lambda self, **options: given.update(options))
    made().start_kernel()
    assert given["cwd"] == str(tmp_path)
    assert {given["env"][name] for name in THREADS} == {"1"}
    assert (given["env"]["PYTHONHASHSEED"], given["env"]["SCALE_IMPACT_RUN_ID"]) == ("0", "abc")


def test_the_record_of_the_environment_names_no_user_and_no_folder():
    found = environment(ROOT)
    assert set(found) == {"python", "platform", "cores", "lock", "git_commit", "git_dirty"}
    assert str(ROOT) not in str(found)
    assert str(Path.home()) + "/" not in str(found)


def test_outside_of_git_there_is_no_commit(tmp_path):
    found = environment(tmp_path)
    assert (found["git_commit"], found["git_dirty"], found["lock"]) == (None, None, None)
