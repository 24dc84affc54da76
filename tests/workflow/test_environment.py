"""With what a run was made: everything that may matter, nothing that names a person or a place."""

import getpass
import json
import platform
from importlib.metadata import version
from pathlib import Path

import pytest

from scale_impact.core import machine
from scale_impact.core.manifest import Manifest
from scale_impact.workflow import environment as module
from scale_impact.workflow.environment import environment, installed
from tests.workflow.test_staleness import git


@pytest.fixture(scope="module")
def manifest(ran):
    return Manifest.read(ran.results / "manifest.json")


def test_the_kernel_says_which_numerical_libraries_it_used(manifest):
    libraries = {library["name"]: library for library in manifest.environment["blas"]}
    linear_algebra = [
        library for name, library in libraries.items() if name in ("openblas", "mkl", "blis", "flexiblas")
    ]
    assert linear_algebra
    assert all(library["threads"] == 1 and library["version"] for library in linear_algebra)  # whatever the jobs
    assert {"PYTHONHASHSEED", "OMP_NUM_THREADS", "SCALE_IMPACT_OUT"} <= set(manifest.environment["variables"])


def test_the_note_of_the_kernel_is_not_published(ran, manifest):
    assert not (ran.results / machine.NOTE).exists()
    assert machine.NOTE not in manifest.outputs


def test_machine_conditions_and_versions_are_recorded(manifest):
    found = manifest.environment
    assert found["python"] == platform.python_version()
    assert found["memory"] > 10**8
    assert found["cores"] >= 1
    assert found["cpu"]
    assert found["installed"]["numpy"] == version("numpy")
    assert manifest.format == 2
    assert manifest.threads >= 1
    assert isinstance(manifest.warm, bool)
    assert manifest.peak_memory is None or manifest.peak_memory > 10**7
    assert manifest.seconds > 0


def test_no_path_no_user_and_no_host_is_recorded(ran):
    text = (ran.results / "manifest.json").read_text()
    assert str(ran.root) not in text
    assert str(Path.home()) not in text
    values = json.loads(text)["environment"]
    del values["installed"], values["variables"]
    assert f'"{getpass.getuser()}"' not in json.dumps(values)
    assert platform.node() not in json.dumps(values)
    assert '"/' not in text


def test_details_describe_each_part(manifest):
    assert set(manifest.details) == {
        "template",
        "modules",
        "study",
        "measure",
        "indicators",
        "source",
        "made_of",
        "data",
        "package",
    }
    assert manifest.details["data"]["rows"] == 72
    assert manifest.details["study"]["level"] == 0.95


def test_installed_versions_are_those_that_importing_finds():
    for name in ("numpy", "pandas", "scikit-learn", "ruamel-yaml", "typer"):
        assert installed()[name] == version(name)


def test_names_of_metadata_folders_are_read_as_installers_write_them(tmp_path, monkeypatch):
    for name in ("Two_Words-1.0.post1.dist-info", "old-2.1-py3.11.egg-info", "x.y-3.dist-info", "no_version.egg-info"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr("sys.path", [str(tmp_path), str(tmp_path / "absent")])
    assert installed.__wrapped__() == {"two-words": "1.0.post1", "old": "2.1", "x-y": "3"}


def test_the_commit_is_recorded_and_results_make_no_project_dirty(place):
    assert (environment(place.root)["git_commit"], environment(place.root)["git_dirty"]) == (None, None)
    git(place.root, "init", "-q")
    results = place.root / "studies/towns/results/estimates.jsonl"
    results.parent.mkdir()
    results.write_text("1\n")
    git(place.root, "add", ".")
    git(place.root, "commit", "-q", "-m", "first")
    results.write_text("2\n")
    (place.root / "untracked.txt").write_text("x")
    module._git.cache_clear()
    found = environment(place.root)
    assert len(found["git_commit"]) == 40
    assert found["git_dirty"] is False
    (place.root / "studies/towns/study.yaml").write_text("title: another\n")
    module._git.cache_clear()
    assert environment(place.root)["git_dirty"] is True


def test_git_is_asked_once_for_many_runs(place, monkeypatch):
    asked = []
    monkeypatch.setattr(module, "_ask", lambda root, *words: asked.append(words))
    monkeypatch.setattr(module.time, "monotonic", lambda: 60.0)
    module._git.cache_clear()
    for _ in range(10):
        environment(place.root)
    assert len(asked) == 1
    module._git.cache_clear()
