"""What the kernel's own process says of the machine."""

import json

import numpy as np  # a numerical library that is loaded

from scale_impact.core import machine


def test_numerical_libraries_are_described_without_their_paths():
    assert np.ones(2) @ np.ones(2) == 2
    found = machine.describe()
    assert found["blas"]
    for library in found["blas"]:
        assert set(library) == {"name", "version", "architecture", "threads"}
    assert "/" not in json.dumps(found["blas"])


def test_variables_are_named_without_their_values(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "a-value-that-is-secret")
    monkeypatch.setenv("SCALE_IMPACT_OUT", "a-value-that-is-secret")
    monkeypatch.setenv("MY_TOKEN", "a-value-that-is-secret")
    text = json.dumps(machine.describe())
    assert "OMP_NUM_THREADS" in text
    assert "SCALE_IMPACT_OUT" in text
    assert "MY_TOKEN" not in text
    assert "secret" not in text


def test_a_note_is_read_once_and_removed(tmp_path):
    machine.note(tmp_path)
    assert machine.fold(tmp_path)["blas"] == machine.describe()["blas"]
    assert list(tmp_path.iterdir()) == []
    assert machine.fold(tmp_path) == {}


def test_a_damaged_note_says_nothing_and_is_removed(tmp_path):
    (tmp_path / machine.NOTE).write_text("[1")
    assert machine.fold(tmp_path) == {}
    assert list(tmp_path.iterdir()) == []
