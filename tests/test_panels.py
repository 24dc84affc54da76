"""Tests that read the folder beside the project are skipped without it, and fail in CI."""

import json

import numpy as np
import pytest

from tests.panels import ROOT, drawn, group_time, shared


def test_a_shared_file_is_found_where_the_variable_says(tmp_path, monkeypatch):
    (tmp_path / "a.csv").write_text("x\n1\n")
    monkeypatch.setenv("SCALE_IMPACT_SHARED", str(tmp_path))
    assert shared("a.csv") == tmp_path / "a.csv"


@pytest.mark.parametrize(("ci", "outcome"), [("", pytest.skip.Exception), ("true", pytest.fail.Exception)])
def test_a_missing_shared_file_skips_and_in_ci_fails(tmp_path, monkeypatch, ci, outcome):
    monkeypatch.setenv("SCALE_IMPACT_SHARED", str(tmp_path))
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome, match=r"a\.csv is not here: put the shared folder beside the project"):
        shared("a.csv")


def test_copied_numbers_are_those_beside_the_project():
    for case in ("mpdta", "kielmc", "honestdid_mpdta", "synthdid_prop99", "synth_prop99"):
        theirs = {e["id"]: e for e in json.loads(shared(f"reference/{case}.json").read_text())["results"]}
        copied = json.loads((ROOT / "tests" / "reference" / f"{case}.json").read_text())
        assert copied["results"]
        for entry in copied["results"]:
            other = theirs[entry["id"]]
            kept = {name: other["values"][name] for name in entry["values"]}  # values that no test uses are left out
            assert entry == {**other, "values": kept}


def test_the_slow_definition_by_hand():
    """Two treated in period 1 gain 4 and 5, two others 1 and 0."""
    y = np.array([[1.0, 5.0], [2.0, 7.0], [2.0, 3.0], [4.0, 4.0]])
    assert group_time(y, np.array([1, 1, 2, 2]), np.ones((4, 2))) == {(1, 1): 4.0}


def test_drawn_panels_are_the_same_each_time():
    assert drawn({2: 3, 3: 4}, 5, seed=1).equals(drawn({2: 3, 3: 4}, 5, seed=1))
