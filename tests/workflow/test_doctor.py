"""The doctor: each finding on a machine that is broken in that way, and no broken machine stops the others."""

import errno
import json
import os
import resource
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import namedtuple
from pathlib import Path

import psutil
import pytest

from scale_impact.workflow import doctor
from scale_impact.workflow.doctor import examine, finding, folders, kernels, machine, packages, tools
from scale_impact.workflow.doctor.finding import anonymous, missing, note, ok
from tests.panels import ROOT

GB = 1024**3


def states(found):
    return [f.state for f in found]


def program(folder, name, text):
    """A program on the path that a shell script stands for."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def files(folder, texts):
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


# ---- all probes -------------------------------------------------------------------------------------------


def test_a_probe_that_raises_is_a_finding_and_the_others_answer(monkeypatch):
    def broken(root):
        raise OSError(errno.EIO, "Input/output error")

    def leaves(root):
        raise SystemExit(3)

    def fine(root):
        return [ok("fine", "all is well")]

    monkeypatch.setattr(doctor, "PROBES", ((broken, True), (leaves, False), (fine, True)))
    assert [(f.topic, f.state) for f in examine()] == [("broken", "missing"), ("leaves", "note"), ("fine", "ok")]
    assert examine()[0].found == "could not be looked at: OSError: [Errno 5] Input/output error"


def test_a_probe_that_never_answers_is_left_alone(monkeypatch):
    def hangs(root):
        time.sleep(60)

    monkeypatch.setattr(doctor, "PROBES", ((hangs, True), (lambda root: [ok("fine", "well")], True)))
    started = time.monotonic()
    assert states(examine(patience=0.2)) == ["missing", "ok"]
    assert time.monotonic() - started < 5


def test_outside_of_a_project_that_is_said_and_everything_else_still_looked_at(monkeypatch, tmp_path):
    monkeypatch.setenv("SCALE_IMPACT_ROOT", str(tmp_path))
    monkeypatch.setattr(doctor, "PROBES", ((machine.system, False), (folders.project, True), (folders.studies, True)))
    found = examine()
    assert (found[0].topic, found[0].state) == ("project", "missing")
    assert "No project found" in found[0].found
    assert [f.topic for f in found[1:]] == ["system", "processor", "studies"]


def test_findings_name_no_home_no_user_and_no_machine(monkeypatch, tmp_path):
    root = tmp_path / "project"
    monkeypatch.setenv("HOME", "/home/jo")
    monkeypatch.setattr(finding, "_login", lambda: "jo")
    monkeypatch.setattr(socket, "gethostname", lambda: "node17")
    seen = missing("x", f"{root}/data, /home/jo/x, /scratch/jo/y and /home/joan on node17", 'ls "/scratch/jo/y"')
    shown = anonymous(seen, root)
    assert shown.found == "./data, ~/x, /scratch/<user>/y and /home/joan on <host>"
    assert shown.mend == 'ls "/scratch/$USER/y"'


def test_a_home_that_is_the_root_of_the_disk_renames_nothing(monkeypatch):
    monkeypatch.setenv("HOME", "/")
    assert anonymous(note("x", "/data/files"), None).found == "/data/files"


def test_the_project_is_left_as_it_was(place, monkeypatch):
    before = place.snapshot()
    monkeypatch.setattr(doctor, "PROBES", tuple((p, n) for p, n in doctor.PROBES if p is not kernels.kernel))
    assert "missing" not in states(examine())
    assert place.snapshot() == before


# ---- the machine ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        ({"proc/self/cgroup": "0::/\n"}, []),
        ({"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/memory.max": "max\n"}, []),
        ({
            "proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/memory.max": str(4 * GB), "sys/fs/cgroup/a/memory.current": str(3 * GB),
            "sys/fs/cgroup/a/memory.stat": f"anon 5\ninactive_file {GB}\n", "sys/fs/cgroup/a/b/memory.max": "max\n",
        }, [(4 * GB, 2 * GB)]),
        ({"proc/self/cgroup": "4:memory:/docker/x\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": str(2 * GB),
          "sys/fs/cgroup/memory/memory.usage_in_bytes": str(GB)}, [(2 * GB, GB)]),
        ({"proc/self/cgroup": "4:memory:/\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, []),
        ({}, []),
    ],
    ids=["no file", "no limit", "outer limit of version 2", "container of version 1", "version 1 without limit", "no Linux"],
)  # fmt: skip
def test_memory_limits_of_cgroups_are_found_at_any_level(tmp_path, tree, expected):
    assert machine.cgroup_memory(files(tmp_path, tree)) == expected


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        ({"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/cpu.max": "150000 100000\n"}, 1.5),
        ({"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/cpu.max": "max 100000\n"}, None),
        ({"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/cpu.max": "400000 100000\n", "sys/fs/cgroup/cpu.max": "200000 100000"}, 2),
        ({"proc/self/cgroup": "1:cpu,cpuacct:/\n", "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "50000\n",
          "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n"}, 0.5),
        ({"proc/self/cgroup": "1:cpu:/\n", "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
          "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n"}, None),
    ],
)  # fmt: skip
def test_core_limits_of_cgroups_are_found(tmp_path, tree, expected):
    assert machine.cgroup_cores(files(tmp_path, tree)) == expected


def test_cores_that_a_container_may_not_use_are_said(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(64)), raising=False)
    monkeypatch.setattr(machine, "cgroup_cores", lambda: 1.5)
    (found,) = machine.cores(None)
    assert found.state == "note"
    assert found.found.startswith("64, of which this process may use 1.5")


Memory = namedtuple("Memory", "total available")
Usage = namedtuple("Usage", "free")


@pytest.mark.parametrize(
    ("seen", "groups", "state", "words"),
    [
        (Memory(16 * GB, 9 * GB), [], "ok", "16.0 GB, 9.0 GB free"),
        (
            Memory(16 * GB, 9 * GB),
            [(4 * GB, GB)],
            "ok",
            "4.0 GB, 3.0 GB free (limited by a cgroup; the machine has 16.0 GB)",
        ),
        (Memory(16 * GB, 9 * GB), [(4 * GB, 5 * GB)], "note", "4.0 GB, 0 MB free (limited by a cgroup; "),
        (Memory(4 * GB, GB), [], "note", "4.0 GB, 1.0 GB free: little for several runs at once"),
    ],
)
def test_memory_is_what_the_machine_and_its_cgroups_leave(monkeypatch, seen, groups, state, words):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: seen)
    monkeypatch.setattr(machine, "cgroup_memory", lambda: groups)
    (found,) = machine.memory(None)
    assert found.state == state
    assert found.found.startswith(words)
    assert found.mend == (None if state == "ok" else "scale-impact run --jobs 1")


@pytest.mark.parametrize(
    ("free", "state"), [(10 * GB, "ok"), (500 * 1024**2, "note"), (10 * 1024**2, "missing"), (0, "missing")]
)
def test_a_disk_without_room_means_that_no_run_works(monkeypatch, tmp_path, free, state):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(free))
    assert states(machine.disk(tmp_path)) == [state, state]


def test_a_disk_without_room_for_another_file_means_that_no_run_works(monkeypatch, tmp_path):
    monkeypatch.setattr(machine, "_files_left", lambda folder: 0)
    found = machine.disk(tmp_path)
    assert states(found) == ["missing", "missing"]
    assert "no room for another file" in found[0].found


@pytest.mark.parametrize(
    ("kind", "value", "state", "words"),
    [
        (resource.RLIMIT_NOFILE, 64, "note", "64 open files a process: few"),
        (resource.RLIMIT_NOFILE, -1, "ok", "any number of open files"),
        (resource.RLIMIT_AS, 2 * GB, "note", "memory of a process at most 2.0 GB"),
        (resource.RLIMIT_FSIZE, GB, "note", "size of a file at most 1.0 GB"),
    ],
)
def test_limits_of_the_shell_are_said(monkeypatch, kind, value, state, words):
    monkeypatch.setattr(
        resource,
        "getrlimit",
        lambda k: (value, value) if k == kind else (4096, 4096) if k == resource.RLIMIT_NOFILE else (-1, -1),
    )
    (found,) = machine.limits(None)
    assert found.state == state
    assert words in found.found


def test_bytecode_that_is_not_written_is_said(monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    (found,) = machine.bytecode(None)
    assert (found.state, found.mend) == ("note", "unset PYTHONDONTWRITEBYTECODE")
    assert "five times" in found.found
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(machine, "_compiled", lambda name: True)
    assert states(machine.bytecode(None)) == ["ok"]


def test_packages_in_a_folder_that_keeps_no_bytecode_are_said(monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(machine, "_compiled", lambda name: name != "pandas")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    (found,) = machine.bytecode(None)
    assert found.state == "note"
    assert found.found.startswith("pandas not compiled")
    assert found.mend.startswith("export PYTHONPYCACHEPREFIX=")


def test_another_text_encoding_is_said(monkeypatch):
    monkeypatch.setattr("locale.getpreferredencoding", lambda set_locale: "cp1252")
    (found,) = machine.encoding(None)
    assert (found.state, found.mend) == ("note", "export PYTHONUTF8=1")


def test_the_processor_is_named(tmp_path):
    tree = files(tmp_path, {"proc/cpuinfo": "processor : 0\nmodel name\t: Some CPU @ 2 GHz\nflags : a b\n"})
    assert machine.processor(tree) == "Some CPU @ 2 GHz"
    assert machine.processor()


# ---- packages ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "bounds", "within"),
    [
        ("2.4.6", ">=1.26,<3", True), ("3.0", ">=1.26,<3", False), ("1.26", ">=1.26.0", True), ("0.9.12", ">=0.10", False),
        ("2.0.0rc1", ">=2", True), ("1.0", "", True), ("", "", False), ("1.5", "!=1.5", False), ("1.5.0", "==1.5", True),
    ],
)  # fmt: skip
def test_versions_are_compared_number_by_number(version, bounds, within):
    assert packages.within(version, bounds) is within


def test_a_bound_that_cannot_be_read_is_said():
    with pytest.raises(ValueError, match=r"~=1\.2"):
        packages.within("1.2", "~=1.2")


def test_packages_that_are_absent_or_out_of_range_are_named_with_the_command(monkeypatch, tmp_path):
    text = '[project]\nname = "scale-impact"\ndependencies = ["numpy>=1.26,<3", "Ruamel.YAML>=0.18", "dowhy>=0.14", "dask[dataframe]>=2025"]\n'
    monkeypatch.setattr(packages, "_installed", lambda: {"numpy": "3.1", "ruamel-yaml": "0.18.6", "dask": "2026.1"})
    monkeypatch.setattr(packages, "uv", lambda root: "uv")
    found = packages.declared(files(tmp_path, {"pyproject.toml": text}))
    assert [(f.topic, f.state, f.found) for f in found] == [
        ("packages", "note", "2 of 4 in the ranges of pyproject.toml: numpy 3.1"),
        ("package numpy", "missing", "3.1 is installed, >=1.26,<3 is needed"),
        ("package dowhy", "missing", "not installed; >=0.14 is needed"),
    ]
    assert found[1].mend.startswith("uv pip install --python ")
    assert found[1].mend.endswith("'numpy>=1.26,<3'")


def test_without_uv_pip_installs_and_is_fetched_where_it_is_absent(monkeypatch, tmp_path):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(sys, "executable", str(tmp_path / ".venv/bin/python"))
    monkeypatch.setattr(packages, "find_spec", lambda name: None)
    assert (
        packages.install("numpy", root=tmp_path)
        == ".venv/bin/python -m ensurepip && .venv/bin/python -m pip install numpy"
    )
    monkeypatch.setattr(packages, "find_spec", lambda name: object())
    assert packages.install("numpy", root=tmp_path) == ".venv/bin/python -m pip install numpy"


def test_a_python_that_the_project_does_not_take_is_said(tmp_path):
    root = files(tmp_path, {"pyproject.toml": '[project]\nname = "scale-impact"\nrequires-python = ">=3.99"\n'})
    (found,) = packages.python(root)
    assert found.state == "missing"
    assert "needs >=3.99" in found.found
    assert packages.python(None)[0].state == "ok"


def test_another_projects_pyproject_has_no_say(tmp_path):
    root = files(
        tmp_path,
        {"pyproject.toml": '[project]\nname = "other"\nrequires-python = ">=3.99"\ndependencies = ["nothing>=9"]\n'},
    )
    assert packages.python(root)[0].state == "ok"
    assert "package nothing" not in [f.topic for f in packages.declared(root)]


def test_a_projects_own_source_that_is_not_used_is_said(tmp_path):
    (found,) = packages.package(files(tmp_path, {"scale_impact/__init__.py": ""}))
    assert found.state == "note"
    assert "own scale_impact/ is not used" in found.found
    assert found.mend.endswith("pip install --editable .") or "uv pip install" in found.mend
    assert packages.package(ROOT)[0].found.endswith("source in scale_impact/ of this project")


LOCK = """\
[[package]]
name = "numpy"
version = "2.4.6"
[[package]]
name = "numpy"
version = "2.5.5"
[[package]]
name = "pandas"
version = "3.1.1"
[[package]]
name = "scale-impact"
version = "0.1.0"
[package.metadata]
requires-dist = [{ name = "numpy", specifier = ">=1.26,<3" }, { name = "pandas", specifier = "<4,>=2.2" }]
"""


def locked(tmp_path, dependencies='"numpy>=1.26,<3", "pandas>=2.2,<4"'):
    project = f'[project]\nname = "scale-impact"\ndependencies = [{dependencies}]\n'
    return files(tmp_path, {"uv.lock": LOCK, "pyproject.toml": project})


def test_a_lock_of_other_ranges_is_said(monkeypatch, tmp_path):
    monkeypatch.setattr(packages, "_installed", lambda: {"numpy": "2.5.5", "pandas": "3.1.1", "scale-impact": "0.0"})
    assert states(packages.lock(locked(tmp_path))) == ["ok", "ok"]
    found, _ = packages.lock(locked(tmp_path, '"numpy>=2,<3", "pandas>=2.2,<4", "polars>=1"'))
    assert (found.state, found.found, found.mend) == ("note", "older than pyproject.toml in numpy, polars", "uv lock")


def test_versions_that_are_not_those_of_the_lock_are_said(monkeypatch, tmp_path):
    monkeypatch.setattr(packages, "_installed", lambda: {"numpy": "2.4.6", "pandas": "3.0", "other": "1"})
    monkeypatch.setattr(packages, "uv", lambda root: "uv")
    _, found = packages.lock(locked(tmp_path))
    assert (found.state, found.found) == ("note", "1 of 2 differ from uv.lock: pandas 3.0 (locked: 3.1.1)")
    assert found.mend == "uv sync --frozen --extra lab"


def test_a_lock_that_is_absent_is_said_and_a_torn_one_is_a_finding(monkeypatch, tmp_path):
    assert states(packages.lock(tmp_path)) == states(packages.lock(None)) == ["note"]
    (tmp_path / "uv.lock").write_text("[[package\n")
    with pytest.raises(tomllib.TOMLDecodeError):
        packages.lock(tmp_path)


def test_a_package_that_crashes_python_is_said_with_its_last_words(monkeypatch):
    with pytest.raises(RuntimeError, match=r"^ImportError: numpy is broken$"):
        packages.ask("raise ImportError('numpy is broken')")
    with pytest.raises(RuntimeError, match=r"^ended with -4 without a word$"):
        packages.ask("import os, signal; os.kill(os.getpid(), signal.SIGILL)")


def test_a_linear_algebra_that_is_not_known_is_said(monkeypatch):
    monkeypatch.setattr(packages, "ask", lambda code: json.dumps([{"user_api": "openmp", "num_threads": 4}]))
    assert packages.blas(None)[0].state == "note"
    monkeypatch.undo()
    assert "threads unless told otherwise" in packages.blas(None)[0].found


def test_extras_that_are_absent_are_no_hindrance(monkeypatch):
    monkeypatch.setattr(packages, "find_spec", lambda name: None)
    found = packages.extras(None)
    assert states(found) == ["note", "note"]
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert [f.mend.split("'")[1] for f in found] == [declared["dask"][0], declared["lab"][0]]


def test_papermill_that_cannot_be_imported_is_said(monkeypatch, tmp_path):
    (tmp_path / "papermill.py").write_text("raise ImportError('torn installation')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(doctor, "PROBES", ((packages.papermill, True),))
    (found,) = examine()
    assert (found.state, found.found) == (
        "missing",
        "could not be looked at: RuntimeError: ImportError: torn installation",
    )


# ---- kernels ----------------------------------------------------------------------------------------------


def test_a_kernel_starts_and_answers_and_leaves_nothing(monkeypatch):
    before = set(psutil.Process().children(recursive=True))
    found = kernels.kernel(ROOT)
    assert [(f.topic, f.state) for f in found] == [("kernel", "ok"), ("session", "ok")]
    assert set(psutil.Process().children(recursive=True)) <= before


def test_a_python_that_cannot_start_a_kernel_is_said(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "executable", str(program(tmp_path, "python", "exit 3")))
    (found,) = kernels.kernel(ROOT)
    assert (found.topic, found.state) == ("kernel", "missing")
    assert "does not start" in found.found
    assert "ipykernel" in found.mend


def test_a_kernel_that_never_answers_is_given_up(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "executable", str(program(tmp_path, "python", "exec sleep 60")))
    monkeypatch.setattr(kernels, "SECONDS", 1)
    before = set(psutil.Process().children(recursive=True))
    (found,) = kernels.kernel(ROOT)
    assert found.state == "missing"
    assert "answer within 1 s" in found.found
    assert set(psutil.Process().children(recursive=True)) <= before


def test_a_kernel_whose_session_cannot_be_imported_is_said(place):
    (place.root / "pandas.py").write_text("raise ImportError('this is my pandas')")
    found = kernels.kernel(place.root)
    assert [(f.topic, f.state) for f in found] == [("kernel", "ok"), ("session", "missing")]
    assert "this is my pandas" in found[1].found


def test_a_file_that_hides_a_module_is_said(tmp_path):
    files(tmp_path, {"random.py": "", "pandas/__init__.py": "", "mine.py": "", "data/statistics.py": ""})
    (found,) = kernels.shadows(tmp_path)
    assert found.state == "missing"
    assert found.found.startswith("pandas, random.py would be imported instead of")
    assert states(kernels.shadows(ROOT)) == states(kernels.shadows(None)) == ["ok"]


def test_a_temporary_folder_in_which_no_socket_fits_is_said(monkeypatch):
    class Refusing(socket.socket):
        def bind(self, name):
            raise OSError("AF_UNIX path too long")

    monkeypatch.setattr(socket, "socket", Refusing)
    (found,) = kernels.sockets(None)
    assert (found.state, found.mend) == ("missing", "export TMPDIR=/tmp")
    assert "AF_UNIX path too long" in found.found


def test_systems_without_warm_kernels_are_told_so(monkeypatch):
    monkeypatch.setattr("scale_impact.workflow.warm.supported", lambda: False)
    assert kernels.warm(None)[0].state == "note"


def test_modules_from_elsewhere_are_said(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    assert (kernels.python_path(None)[0].state, kernels.python_path(None)[0].mend) == ("note", "unset PYTHONPATH")
    monkeypatch.delenv("PYTHONPATH")
    assert states(kernels.python_path(None)) == ["ok"]


# ---- tools ------------------------------------------------------------------------------------------------


@pytest.fixture
def empty_path(monkeypatch, tmp_path):
    """A machine without programs, to which a test adds some."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("CONDA_PREFIX", raising=False)
    return tmp_path / "bin"


def test_programs_that_are_absent_are_no_hindrance_and_the_command_fits_the_system(empty_path, monkeypatch):
    assert [(f.topic, f.state, f.mend) for f in tools.programs(None)] == [
        ("git", "note", None), ("make", "note", None), ("uv", "note", "python3 -m pip install uv"),
    ]  # fmt: skip
    program(empty_path, "dnf", "exit 0")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert tools.programs(None)[1].mend == "sudo dnf install --assumeyes make"
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert tools.programs(None)[1].mend == "dnf install --assumeyes make"


def test_a_shim_without_its_program_counts_as_absent(empty_path):
    program(empty_path, "uv", "echo 'uv: command not found' >&2; exit 127")
    assert tools.programs(None)[2].state == "note"


def test_the_uv_that_make_fetched_is_found(empty_path, tmp_path):
    program(tmp_path / ".tools/bin", "uv", "echo uv 9.9")
    assert tools.programs(tmp_path)[2].found == "uv 9.9"
    assert packages.uv(tmp_path) == ".tools/bin/uv"


def test_git_that_refuses_the_folder_of_another_user_is_said(empty_path, tmp_path):
    program(
        empty_path,
        "git",
        'test "$1" = --version && echo git version 9 || { echo "fatal: detected dubious ownership" >&2; exit 128; }',
    )
    found = tools.programs(tmp_path)[0]
    assert found.state == "note"
    assert found.mend == f'git config --global --add safe.directory "{tmp_path}"'


def test_a_project_without_a_commit_is_said(tmp_path):
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    assert "no commit yet" in tools.programs(tmp_path)[0].found


def test_a_machine_without_a_browser_is_told_what_it_is_for(empty_path, monkeypatch):
    monkeypatch.setattr("platform.system", lambda: "Linux")
    assert tools.browser(None)[0].state == "note"
    program(empty_path, "firefox", "exit 0")
    assert (tools.browser(None)[0].state, tools.browser(None)[0].found) == ("ok", "firefox")


def test_sources_at_web_addresses_need_a_network(tmp_path):
    cards = {
        "data/sources/near.yaml": "file: data/x.csv\n",
        "data/sources/far.yaml": "title: Far\nfile: s3://bucket/x.csv\n",
    }
    (found,) = tools.network(files(tmp_path, cards))
    assert found.state == "note"
    assert "far" in found.found
    assert "near" not in found.found
    assert tools.network(ROOT)[0].state == "ok"


# ---- folders ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "mend"),
    [
        (errno.EROFS, 'scale-impact run --out "$HOME/results"'),
        (errno.ENOSPC, "du -xh --max-depth=2 studies/a | sort -h | tail"),
        (errno.EACCES, "chmod -R u+w studies/a"),
    ],
)
def test_a_study_that_cannot_be_written_is_said_with_the_command_for_its_reason(monkeypatch, tmp_path, number, mend):
    files(tmp_path, {"studies/a/study.yaml": "", "studies/b/study.yaml": ""})
    real = tempfile.NamedTemporaryFile

    def refuse(*, dir, prefix):
        if Path(dir).name == "a":
            raise OSError(number, os.strerror(number))
        return real(dir=dir, prefix=prefix)

    monkeypatch.setattr(tempfile, "NamedTemporaryFile", refuse)
    (found,) = folders.studies(tmp_path)
    assert (found.topic, found.state, found.mend) == ("study a", "missing", mend)
    assert found.found == f"studies/a cannot be written: {os.strerror(number)}"


def test_results_that_another_user_made_are_said(monkeypatch, tmp_path):
    files(tmp_path, {"studies/a/study.yaml": "", "studies/a/results/early/manifest.json": "{}"})
    real = tempfile.NamedTemporaryFile

    def refuse(*, dir, prefix):
        if Path(dir).name == "early":
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(dir=dir, prefix=prefix)

    monkeypatch.setattr(tempfile, "NamedTemporaryFile", refuse)
    monkeypatch.setattr(os, "getuid", lambda: 4711)
    (found,) = folders.studies(tmp_path)
    assert found.found == "studies/a/results/early cannot be written: Permission denied"
    assert found.mend == 'sudo chown -R "$(id -u)" studies/a/results/early'


def test_many_studies_that_cannot_be_written_are_one_line(monkeypatch, tmp_path):
    files(tmp_path, {f"studies/s{k}/study.yaml": "" for k in range(9)})
    monkeypatch.setattr(
        tempfile, "NamedTemporaryFile", lambda **_: (_ for _ in ()).throw(OSError(errno.EROFS, "Read-only file system"))
    )
    (found,) = folders.studies(tmp_path)
    assert found.found.startswith("9 folders cannot be written, of s0, s1, ")


def test_a_project_without_studies_is_told_how_to_make_one(tmp_path):
    (found,) = folders.studies(tmp_path)
    assert (found.state, found.mend) == ("note", "scale-impact new my-city --template staggered_did")


def test_a_machine_without_a_temporary_folder_is_told_how_to_name_one(monkeypatch):
    def none():
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr(tempfile, "gettempdir", none)
    (found,) = folders.temporary(None)
    assert found.state == "missing"
    assert "TMPDIR" in found.mend
