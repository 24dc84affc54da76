"""The test of placebo cities, against plain counting and against grids of effects."""

import math

import numpy as np
import pytest

from scale_impact.core.synthetic.ranks import (
    Sizes,
    allowed,
    critical,
    exceeds,
    half_width,
    on_side,
    p_value,
    smallest_effect,
    statistics,
)


def sizes(before, after):
    return Sizes(np.sqrt((before**2).mean(axis=-1)), np.sqrt((after**2).mean(axis=-1)), after.mean(axis=-1))


@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.1, 0.3, 0.5])
@pytest.mark.parametrize("many", [4, 9, 19, 20, 99])
def test_what_exceeds_the_critical_value_is_what_has_so_small_a_p_value(alpha, many):
    placebos = np.sort(np.random.default_rng(many).normal(size=many).round(1) + 3)  # with ties
    limit = critical(placebos, alpha)
    for mine in np.unique(np.concatenate([placebos, placebos + 0.05, placebos - 0.05])):
        assert exceeds(np.array(mine), limit) == (p_value(mine, placebos) <= alpha + 1e-12)


def test_a_tie_counts_as_as_large_though_rounding_parts_the_two():
    placebos = np.array([1.0, 2.0, 3.0])
    assert p_value(3.0 * (1 + 1e-13), placebos) == 0.5
    assert not exceeds(np.array(3.0 * (1 + 1e-13)), 3.0)
    assert exceeds(np.array([3.0 * (1 + 1e-8), math.inf]), 3.0).all()


def test_with_few_placebos_nothing_is_large_enough():
    assert [allowed(m, 0.1) for m in (8, 9, 19, 38)] == [-1, 0, 1, 2]
    assert critical(np.arange(8.0), 0.1) == math.inf
    assert critical(np.array([*np.arange(9.0), np.nan]), 0.1) == 8.0


@pytest.mark.parametrize("statistic", ["rmspe_ratio", "effect", "effect_over_fit"])
@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("seed", range(6))
def test_the_smallest_effect_is_where_the_statistic_exceeds_the_limit_for_good(statistic, sign, seed):
    rng = np.random.default_rng(seed)
    before, after, limit = rng.normal(size=12), rng.normal(size=4), rng.uniform(0.1, 2.0)
    found = float(smallest_effect(sizes(before, after), limit, statistic, sign))
    grid = np.linspace(0, 12, 4001)
    beyond = [float(statistics(sizes(before, after + sign * d), statistic, "two")) > limit for d in grid]
    kept = grid[np.flatnonzero(~np.array(beyond))]
    assert found == pytest.approx(kept[-1] if len(kept) else 0.0, abs=0.004)


def test_gaps_that_vary_more_than_the_limit_are_noticed_whatever_the_effect():
    own = sizes(np.ones(5), np.array([-9.0, 3.0]))
    assert [float(smallest_effect(own, 5.0, "rmspe_ratio", s)) for s in (1.0, -1.0)] == [0.0, 0.0]
    assert math.isnan(half_width(5.0, 36.0))
    assert float(smallest_effect(own, math.inf, "rmspe_ratio", 1.0)) == math.inf


def test_gaps_on_the_other_side_do_not_count():
    gaps = np.array([-2.0, 0.5, np.nan])
    assert on_side(gaps, "two")[:2].tolist() == [2.0, 0.5]
    assert on_side(gaps, "upper")[:2].tolist() == [0.0, 0.5]
    assert on_side(gaps, "lower")[:2].tolist() == [2.0, 0.0]
    assert np.isnan(on_side(gaps, "lower")[2])
