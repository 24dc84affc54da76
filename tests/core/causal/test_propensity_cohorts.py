"""Cohorts and their slopes."""

import numpy as np
import pytest

from scale_impact.core.causal.balancing.cohorts import _shared, columns_by


@pytest.mark.parametrize(
    ("sides", "blocks"),
    [
        ([[20, 90], [40, 90], [30, 90]], [0, 1, 2]),
        ([[20, 90], [3, 90], [30, 90]], [0, 0, 1]),  # the smallest goes with the next larger one
        ([[6, 90], [40, 90], [7, 90]], [0, 1, 0]),  # two small ones are enough together
        ([[3, 90], [2, 90]], [0, 0]),
        ([[40, 90], [50, 90], [60, 4]], [0, 1, 0]),  # few controls are as bad as few treated
    ],
)
def test_small_cohorts_share_slopes_from_the_smallest_on(sides, blocks):
    assert list(_shared(np.array(sides), 10)) == blocks


def test_each_block_has_slopes_of_its_own_and_each_group_its_level():
    rng = np.random.default_rng(2)
    blocks = np.repeat([0, 1], 30)
    traits, y = rng.normal(size=(60, 2)), rng.normal(size=60)
    dummies = (blocks == 1)[:, None].astype(float)
    x = columns_by(traits, dummies, blocks)
    fitted = x @ np.linalg.lstsq(x, y, rcond=None)[0]
    for b in (0, 1):
        own = np.column_stack([np.ones(30), traits[blocks == b]])
        assert fitted[blocks == b] == pytest.approx(own @ np.linalg.lstsq(own, y[blocks == b], rcond=None)[0])


def test_what_does_not_vary_in_a_block_is_left_out_there():
    blocks = np.repeat([0, 1], 10)
    trait = np.where(blocks == 1, 4.0, np.tile([1.0, 2.0], 10))[:, None]
    assert columns_by(trait, (blocks == 1)[:, None].astype(float), blocks).shape[1] == 3
