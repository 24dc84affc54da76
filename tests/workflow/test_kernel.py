"""Kernels of runs: this Python, a folder and sockets of their own, fixed threads; cold or warm."""

import os
import sys
from pathlib import Path

import pytest

from scale_impact.workflow.conditions import BLAS, PARALLEL, environment_of
from scale_impact.workflow.kernel import Place, kernel_manager


def place_of(tmp_path, **environment):
    return Place(tmp_path, {**environment_of(1), **environment}, tmp_path)


def test_a_kernel_is_this_python_whatever_kernels_are_installed(tmp_path):
    argv = kernel_manager(place_of(tmp_path))().kernel_spec.argv
    assert argv[0] == sys.executable
    assert "ipykernel_launcher" in " ".join(argv)


@pytest.mark.skipif(os.name != "posix", reason="Unix sockets")
def test_sockets_lie_in_the_scratch_folder_and_not_in_the_working_folder(tmp_path):
    manager = kernel_manager(place_of(tmp_path / "scratch"))()
    assert manager.transport == "ipc"
    assert Path(manager.ip).parent == tmp_path / "scratch"
    assert Path(manager.connection_file).parent == tmp_path / "scratch"


def test_a_kernel_starts_in_its_folder_with_settings_that_nobody_touched(tmp_path, monkeypatch):
    given = {}
    made = kernel_manager(place_of(tmp_path, SCALE_IMPACT_RUN_ID="abc"))
    monkeypatch.setattr(made.__mro__[2], "start_kernel", lambda self, **options: given.update(options))
    made().start_kernel()
    assert given["cwd"] == str(tmp_path)
    assert Path(given["env"]["IPYTHONDIR"]).parent == tmp_path
    assert given["env"]["SCALE_IMPACT_RUN_ID"] == "abc"


def test_blas_has_one_thread_and_other_libraries_their_share():
    found = environment_of(3)
    assert {found[name] for name in BLAS} == {"1"}
    assert {found[name] for name in PARALLEL} == {"3"}
    assert found["PYTHONHASHSEED"] == "0"


def test_what_another_run_or_a_terminal_set_is_not_inherited(monkeypatch):
    for name in ("SCALE_IMPACT_OUT", "SCALE_IMPACT_CHANGED_DATA", "JPY_PARENT_PID", "COLUMNS", "IPYTHONDIR"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("SCALE_IMPACT_ROOT", "kept")
    found = environment_of(1)
    assert not {"SCALE_IMPACT_OUT", "SCALE_IMPACT_CHANGED_DATA", "JPY_PARENT_PID", "COLUMNS", "IPYTHONDIR"} & set(found)
    assert found["SCALE_IMPACT_ROOT"] == "kept"
