"""Fingerprints of variables: equal for equal values, other for other ones, and the notebook is left as it was."""

import functools
import json
import os
import random
import sys
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pytest

import scale_impact as si
from scale_impact.core.check import Check
from scale_impact.workflow.verify.trace import probe
from tests.projects import towns

PROBE = probe()


class Shell:
    """Stands for IPython, which hides some names."""

    user_ns_hidden = {"exit": None, "get_ipython": None}


def look(**variables):
    """What the probe says of a notebook with some variables."""
    return json.loads(eval(PROBE, {"get_ipython": Shell, **variables}))


def mark(value):
    """The fingerprint of a value."""
    return look(x=value)["x"][2]


@dataclass(frozen=True)
class Point:
    x: float
    label: str = "a"
    more: dict = field(default_factory=dict)


class Plain:
    def __init__(self, value):
        self.value = value


class Slotted:
    __slots__ = ("value",)

    def __init__(self, value):
        self.value = value


class Sulking:
    """Refuses to be looked at."""

    __slots__ = ("value",)

    def __getattribute__(self, name):
        raise RuntimeError("go away")


def frame(**changes):
    return pd.DataFrame({"town": ["a", "b", "c"], "jobs": [1.0, np.nan, 3.0], "year": [2001, 2002, 2003]} | changes)


def circle(value):
    made = [value]
    made.append(made)
    return made


def deep(value, levels=200):
    for _ in range(levels):
        value = [value]
    return value


def drawn(generator, times):
    for _ in range(times):
        generator.random()
    return generator


PAIRS = {
    "float, last bit": (lambda: 0.3, lambda: 0.1 + 0.2),
    "zero and minus zero": (lambda: 0.0, lambda: -0.0),
    "whole number and float": (lambda: 1, lambda: 1.0),
    "truth and number": (lambda: True, lambda: 1),
    "text and bytes": (lambda: "a", lambda: b"a"),
    "none": (lambda: None, lambda: "None"),
    "NumPy number": (lambda: np.float64(1.5), lambda: np.float32(1.5)),
    "array": (lambda: np.arange(6.0), lambda: np.arange(6.0) * (1 + 2e-16)),
    "array's shape": (lambda: np.zeros((2, 3)), lambda: np.zeros((3, 2))),
    "array's type": (lambda: np.zeros(3, dtype="i8"), lambda: np.zeros(3, dtype="f8")),
    "array with a gap": (lambda: np.array([1.0, np.nan]), lambda: np.array([1.0, 2.0])),
    "array of objects": (lambda: np.array(["a", 1, {2}], dtype=object), lambda: np.array(["a", 1, {3}], dtype=object)),
    "masked array": (lambda: np.ma.array([1, 2], mask=[0, 1]), lambda: np.ma.array([1, 2], mask=[1, 1])),
    "dates": (lambda: np.array(["2024-01-01"], "M8[D]"), lambda: np.array(["2024-01-02"], "M8[D]")),
    "frame": (frame, lambda: frame(jobs=[1.0, np.nan, 3.0000000000000004])),
    "frame's text": (frame, lambda: frame(town=["a", "b", "d"])),
    "frame's type": (frame, lambda: frame(year=[2001.0, 2002.0, 2003.0])),
    "frame's columns": (frame, lambda: frame().rename(columns={"jobs": "jibs"})),
    "frame's index": (frame, lambda: frame().set_index(pd.Index([0, 1, 3]))),
    "frame's order": (frame, lambda: frame().iloc[[1, 0, 2]]),
    "frame of lists": (lambda: frame(town=[[1], [2], [3]]), lambda: frame(town=[[1], [2], [4]])),
    "frame with two columns of a name": (
        lambda: pd.DataFrame([[1, 2]], columns=["a", "a"]), lambda: pd.DataFrame([[1, 3]], columns=["a", "a"]),
    ),
    "categories": (lambda: pd.Series(["a", "b"], dtype="category"), lambda: pd.Series(["b", "a"], dtype="category")),
    "nullable": (lambda: pd.Series([1, None], dtype="Int64"), lambda: pd.Series([1, 2], dtype="Int64")),
    "series' name": (lambda: pd.Series([1], name="a"), lambda: pd.Series([1], name="b")),
    "index of levels": (
        lambda: pd.MultiIndex.from_tuples([(1, "a")], names=["u", "t"]),
        lambda: pd.MultiIndex.from_tuples([(1, "b")], names=["u", "t"]),
    ),
    "time stamp": (lambda: pd.Timestamp("2024-01-01"), lambda: pd.Timestamp("2024-01-02")),
    "generator": (lambda: np.random.default_rng(1), lambda: drawn(np.random.default_rng(1), 1)),
    "generator's seed": (lambda: np.random.default_rng(1), lambda: np.random.default_rng(2)),
    "old generator": (lambda: np.random.RandomState(1), lambda: np.random.RandomState(2)),
    "Python's generator": (lambda: random.Random(1), lambda: drawn(random.Random(1), 1)),
    "list": (lambda: [1, "a", 2.0], lambda: [1, "a", 2.5]),
    "long list": (lambda: list(range(1000)), lambda: [*range(999), -1]),
    "nested list": (lambda: [[1], [2, 3]], lambda: [[1, 2], [3]]),
    "mapping": (lambda: {"a": [1], "b": 2}, lambda: {"a": [1], "b": 3}),
    "mapping's keys": (lambda: {1: "x"}, lambda: {"1": "x"}),
    "set": (lambda: {"a", "b"}, lambda: {"a", "c"}),
    "dataclass": (lambda: Point(1.0, more={"k": np.ones(2)}), lambda: Point(1.0, more={"k": np.zeros(2)})),
    "object": (lambda: Plain([1, 2]), lambda: Plain([1, 3])),
    "object with slots": (lambda: Slotted(1), lambda: Slotted(2)),
    "function": (lambda: lambda v: v + 1, lambda: lambda v: v + 2),
    "partial": (lambda: functools.partial(max, 1), lambda: functools.partial(max, 2)),
    "method": (lambda: Plain(1).__init__, lambda: Plain(2).__init__),
    "circle": (lambda: circle(1), lambda: circle(2)),
    "check": (lambda: Check("c", "pass", "", details={"n": [1]}), lambda: Check("c", "pass", "", details={"n": [2]})),
}  # fmt: skip


@pytest.mark.parametrize("case", PAIRS)
def test_equal_values_have_one_fingerprint_and_others_another(case):
    one, other = PAIRS[case]
    assert mark(one()) == mark(one())
    assert mark(one()) != mark(other())


def test_the_order_of_sets_and_mappings_does_not_matter():
    assert mark({"a": 1, "b": 2}) == mark({"b": 2, "a": 1})
    assert mark({"x", "y", "z"}) == mark({"z", "y", "x"})


def test_how_an_array_lies_in_memory_does_not_matter():
    whole = np.arange(12.0).reshape(3, 4)
    assert mark(whole.T) == mark(np.ascontiguousarray(whole.T))
    assert mark(whole[:, ::2]) == mark(whole[:, ::2].copy())


def test_addresses_do_not_matter():
    assert mark(object()) == mark(object())
    assert mark([Plain(1), Plain(1)]) == mark([Plain(1), Plain(1)])
    assert mark(v for v in [1]) == mark(v for v in [1])


def test_the_clock_of_a_fitted_model_does_not_matter():
    from datetime import datetime

    assert mark(Plain(datetime(2024, 1, 1))) == mark(Plain(datetime(2025, 1, 1)))
    assert mark([datetime(2024, 1, 1)]) != mark([datetime(2025, 1, 1)])


def test_panels_designs_and_effects_are_looked_into():
    def made(shift):
        data = towns().assign(start=lambda d: d["start"].replace(0, np.nan))
        data.loc[5, "jobs"] += shift
        panel = si.Panel.from_frame(data, unit="town", period="year", outcome="jobs")
        design = si.Design.from_panel(panel, first_treated="start")
        return {"panel": panel, "design": design, "effect": si.estimate("callaway_santanna", panel, design)}

    one, again, other = (look(**made(shift)) for shift in (0.0, 0.0, 1e-9))
    assert one == again
    assert one["panel"][2] != other["panel"][2]
    assert one["effect"][2] != other["effect"][2]
    assert "overall" in [n for n, m in one["effect"][3].items() if m != other["effect"][3][n]]


def test_short_values_are_shown_and_others_by_their_size():
    found = look(x=0.25, y=frame(), z=[1, 2], t="a" * 500)
    assert found["x"][:2] == ["float", "0.25"]
    assert found["y"][:2] == ["DataFrame", "3 x 3"]
    assert found["z"][:2] == ["list", "2 items"]
    assert len(found["t"][1]) <= 120


def test_a_frame_is_known_by_its_columns_too():
    one, other = look(x=frame())["x"][3], look(x=frame(jobs=[1.0, 2.0, 3.0]))["x"][3]
    assert [c for c in one if one[c] != other[c]] == ["jobs"]


def test_names_of_ipython_modules_and_hidden_names_are_left_out():
    found = look(In=["x"], Out={}, _=1, __=2, _i3="x", _ih=[], _12=3, exit=4, np=np, kept=1, _own=2)
    assert {n for n in found if not n.startswith("<")} == {"kept", "_own"}


def test_the_run_s_own_folder_is_not_part_of_a_value(monkeypatch, tmp_path):
    def seen(folder):
        monkeypatch.setenv("SCALE_IMPACT_OUT", str(folder))
        return look(out=folder, text=f"written to {folder}", deep={"p": folder / "figures"})

    assert seen(tmp_path / "a") == seen(tmp_path / "b")


def test_global_generators_are_looked_at_as_they_are():
    before = look()
    assert set(before) == {"<random>", "<numpy.random>"}
    assert look() == before
    np.random.random()  # noqa: NPY002
    assert look()["<numpy.random>"] != before["<numpy.random>"]
    assert look()["<random>"] == before["<random>"]
    random.random()
    assert look()["<random>"] != before["<random>"]


def test_looking_changes_nothing():
    generator, table = np.random.default_rng(5), frame()
    space = {"get_ipython": Shell, "generator": generator, "table": table, "rows": iter([1, 2])}
    states = (random.getstate(), np.random.get_state()[1].tolist(), generator.bit_generator.state)  # noqa: NPY002
    names, modules = set(space), set(sys.modules)
    eval(PROBE, space)
    assert set(space) - names <= {"__builtins__"}
    assert set(sys.modules) == modules
    assert states == (random.getstate(), np.random.get_state()[1].tolist(), generator.bit_generator.state)  # noqa: NPY002
    assert next(space["rows"]) == 1
    pd.testing.assert_frame_equal(table, frame())


def test_what_refuses_to_be_looked_at_or_never_ends_does_not_stop_the_notebook():
    found = look(sulking=Sulking(), deep=deep(1), many=[[k] for k in range(500_000)], file=open(os.devnull))  # noqa: SIM115
    assert {"sulking", "deep", "many", "file"} <= set(found)
    assert look(deep=deep(1)) == look(deep=deep(1))


def test_it_works_in_a_python_without_numpy_and_pandas(monkeypatch):
    for name in ("numpy", "numpy.random", "pandas", "pandas.api.extensions"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    found = look(x=[1, {"a"}], y=Point(1.0))
    assert set(found) == {"x", "y", "<random>"}
