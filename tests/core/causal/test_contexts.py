"""Contexts as numbers and as groups."""

import numpy as np
import pandas as pd
import pytest

import scale_impact as si
from scale_impact.core.causal.cross_section import cross_section
from scale_impact.core.causal.learning.contexts import answerable, contexts_of, groups_of
from scale_impact.errors import DesignError


def rows_of(covariates=("x",), **columns):
    n = 60
    frame = pd.DataFrame(
        {"id": np.arange(n), "t": 1, "y": np.arange(n) % 7.0, "d": np.arange(n) % 2, "x": np.arange(n) * 1.5}
    )
    frame = frame.assign(place=np.array(["north", "south", "west"])[np.arange(n) % 3], same=4, **columns)
    panel = si.Panel.from_frame(frame, unit="id", period="t", outcome="y")
    return cross_section(panel, si.Design.from_panel(panel, exposure="d"), "double_ml", covariates)


def names(found):
    return [g.name for g in found]


def test_without_contexts_covariates_are_taken():
    found = contexts_of(rows_of(["x", "place"]), None, "double_ml")
    assert found.columns == ("x", "place")
    assert list(found.numbers.columns) == ["x", "place south", "place west"]


def test_texts_become_dummies_and_groups_as_they_are():
    rows = rows_of()
    found = contexts_of(rows, ["place"], "double_ml")
    groups = groups_of(rows, found)
    assert names(groups) == ["place: north", "place: south", "place: west"]
    assert found.means(groups[1].rows) == {"place north": 0.0, "place south": 1.0, "place west": 0.0}


def test_a_group_has_the_share_of_each_text_and_a_unit_its_own():
    found = contexts_of(rows_of(["x", "place"]), None, "double_ml")
    assert found.means(np.arange(4)) == {"x": 2.25, "place north": 0.5, "place south": 0.25, "place west": 0.25}
    assert found.of_unit(np.array([3])) == {"x": 4.5, "place": "north"}
    assert found.of_unit(np.array([2, 3])) == {"x": 3.75, "place north": 0.5, "place south": 0.0, "place west": 0.5}


def test_numbers_are_cut_into_thirds():
    rows = rows_of()
    groups = groups_of(rows, contexts_of(rows, ["x"], "double_ml"))
    assert [int(g.rows.sum()) for g in groups] == [20, 20, 20]
    assert names(groups)[0].startswith("x: up to 29.")
    assert np.array_equal(sum(g.rows.astype(int) for g in groups), np.ones(60))


def test_numbers_with_few_values_are_categories():
    rows = rows_of(size=np.arange(60) % 4)
    assert names(groups_of(rows, contexts_of(rows, ["size"], "double_ml"))) == [
        "size: 0",
        "size: 1",
        "size: 2",
        "size: 3",
    ]


def test_numbers_that_are_mostly_one_value_have_no_empty_group():
    rows = rows_of(jobs=np.where(np.arange(60) < 50, 0, np.arange(60)))
    groups = groups_of(rows, contexts_of(rows, ["jobs"], "double_ml"))
    assert [int(g.rows.sum()) for g in groups] == [50, 10]


def test_groups_without_an_arm_are_left_out_and_said():
    rows = rows_of(kind=np.where(np.arange(60) % 2 == 1, "a", np.where(np.arange(60) < 30, "a", "b")))
    kept, said = answerable(rows, groups_of(rows, contexts_of(rows, ["kind"], "double_ml")))
    assert names(kept) == ["kind: a"]
    assert said == ["No effect is told for kind: b: 0 of its clusters are exposed."]


def test_constant_and_missing_contexts_are_refused():
    with pytest.raises(DesignError, match="context 'same' is 4 in all rows"):
        contexts_of(rows_of(), ["same"], "double_ml")
    gone = np.arange(60.0)
    gone[3] = np.nan
    with pytest.raises(DesignError, match="'gone' is missing in 1 row of 60"):
        contexts_of(rows_of(gone=gone), ["gone"], "double_ml")


def test_nothing_to_differ_by_is_refused_with_advice():
    with pytest.raises(DesignError, match="Name `covariates` or `contexts`"):
        contexts_of(rows_of([]), None, "double_ml")
    with pytest.raises(DesignError, match="`contexts` names no column"):
        contexts_of(rows_of(), [], "double_ml")
