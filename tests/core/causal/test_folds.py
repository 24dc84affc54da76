"""Folds: no cluster in two, both arms in each, the same for the same seed."""

import numpy as np
import pandas as pd
import pytest

import scale_impact as si
from scale_impact.core.causal.cross_section import cross_section
from scale_impact.core.causal.learning.folds import make_folds, splits
from scale_impact.errors import DesignError


def rows_of(exposure, clusters=None):
    exposure = np.asarray(exposure, dtype=float)
    n = len(exposure)
    frame = pd.DataFrame({"id": np.arange(n), "t": 1, "y": np.arange(n) % 7, "d": exposure, "x": np.arange(n) % 5})
    frame["c"] = np.arange(n) if clusters is None else clusters
    panel = si.Panel.from_frame(frame, unit="id", period="t", outcome="y")
    return cross_section(panel, si.Design.from_panel(panel, exposure="d", cluster="c"), "double_ml", ["x"])


def dealt(rows, folds, seed=1):
    return make_folds(rows, folds, np.random.default_rng(seed), "double_ml")


def test_no_cluster_is_in_two_folds_and_each_fold_has_both_arms():
    clusters = np.repeat(np.arange(40), np.r_[np.full(20, 1), np.full(20, 4)])
    exposure = (clusters % 4 == 0).astype(float)
    rows = rows_of(exposure, clusters)
    folds = dealt(rows, 5)
    assert pd.Series(folds).groupby(rows.clusters).nunique().max() == 1
    assert all(0 < exposure[folds == k].mean() < 1 for k in range(5))
    assert np.ptp(np.bincount(folds)) <= 8  # at most a largest cluster an arm


def test_arms_are_dealt_evenly():
    folds = dealt(rows_of(np.r_[np.ones(13), np.zeros(47)]), 5)
    assert sorted(np.bincount(folds[:13])) == [2, 2, 3, 3, 3]
    assert set(np.bincount(folds)) == {12}


def test_the_seed_decides():
    rows = rows_of(np.arange(60) % 2)
    assert np.array_equal(dealt(rows, 5), dealt(rows, 5))
    assert not np.array_equal(dealt(rows, 5), dealt(rows, 5, seed=2))


def test_clusters_with_both_arms_are_dealt_apart():
    clusters = np.repeat(np.arange(12), 5)
    folds = dealt(rows_of(np.arange(60) % 2, clusters), 4)
    assert set(np.bincount(folds)) == {15}


def test_doses_are_dealt_at_random():
    folds = dealt(rows_of(np.linspace(0, 3, 50)), 5)
    assert set(np.bincount(folds)) == {10}


def test_more_folds_than_treated_clusters_are_refused():
    with pytest.raises(DesignError, match=r"3 treated clusters cannot be in each of 5 folds.*`folds: 3` would do"):
        dealt(rows_of(np.r_[np.ones(3), np.zeros(40)]), 5)
    with pytest.raises(DesignError, match="4 clusters cannot"):
        dealt(rows_of(np.linspace(0, 1, 20), np.repeat(np.arange(4), 5)), 5)


def test_splits_are_the_rows_outside_and_inside():
    others, own = splits(np.array([0, 1, 0]))[0]
    assert others.tolist() == [1]
    assert own.tolist() == [0, 2]
