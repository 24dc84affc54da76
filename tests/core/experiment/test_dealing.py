"""Dealing again what was dealt."""

import numpy as np
import pytest

from scale_impact.core.experiment.dealing import deal, possible
from tests.rollouts import dealings


def test_all_dealings_within_strata_are_those_that_can_be_listed():
    arms, strata = np.array([2, 0, 0, 1, 1, 2]), np.array([0, 0, 0, 1, 1, 1])
    found = deal(arms, strata, draws=100, seed=1)
    assert found.every
    assert sorted(map(tuple, found.arms.tolist())) == dealings(arms.tolist(), strata.tolist())
    assert len(found) == possible(arms, strata) == 9
    assert "all 9 dealings to 6 clusters within 2 strata" in found.words


def test_drawn_dealings_keep_each_stratum_s_arms_and_come_again_with_the_seed():
    arms, strata = np.arange(12) % 3, np.repeat([0, 1], 6)
    found = deal(arms, strata, draws=50, seed=4)
    assert not found.every
    assert (np.sort(found.arms[:, :6], axis=1) == np.sort(arms[:6])).all()
    assert (found.arms == deal(arms, strata, draws=50, seed=4).arms).all()
    assert (found.arms != deal(arms, strata, draws=50, seed=5).arms).any()


def test_drawn_dealings_visit_all_alike():
    arms = np.array([0, 0, 1, 2])
    found = deal(arms, np.zeros(4, dtype=int), draws=11, seed=1)  # of 12
    assert not found.every
    many = np.unique(deal(np.repeat(arms, 1), np.zeros(4, dtype=int), draws=11, seed=2).arms, axis=0)
    assert len(many) > 3


def test_a_p_value_by_drawn_dealings_counts_the_one_that_was_made():
    arms = np.arange(20) % 2
    drawn = deal(arms, np.zeros(20, dtype=int), draws=99, seed=1)
    assert drawn.share(np.zeros(99, dtype=bool)) == pytest.approx(0.01)
    every = deal(arms[:4], np.zeros(4, dtype=int), draws=99, seed=1)
    assert every.share(np.arange(6) == 0) == pytest.approx(1 / 6)


def test_blocks_hold_all_dealings_in_order():
    found = deal(np.arange(9) % 2, np.zeros(9, dtype=int), draws=77, seed=1)
    assert (np.concatenate(found.blocks(10**6)) == found.arms).all()
