"""Factors of the controls recover what made the outcomes; leaving out a period equals estimating without it."""

from dataclasses import replace

import numpy as np
import pytest

from scale_impact.core.synthetic.factors import answer, common
from scale_impact.core.synthetic.worlds import Worlds

NONE = np.zeros((0, 20, 24))
FORCES = ["two-way", "unit", "time", "none"]


def made(seed, force="two-way", noise=0.0, rank=2):
    """[20, 24] outcomes of factors and the effects that are asked for."""
    rng = np.random.default_rng(seed)
    y = rng.normal(size=(20, rank)) @ rng.normal(size=(rank, 24)) + noise * rng.normal(size=(20, 24))
    y = y + 4 * rng.normal(size=(20, 1)) if force in ("two-way", "unit") else y
    return y + rng.normal(size=24) if force in ("two-way", "time") else y


def worlds_of(y, targets, start):
    n, t = y.shape
    treated = np.eye(n)[targets]
    fit = np.tile(np.arange(t) < start, (len(targets), 1))
    return Worlds(y, treated, treated == 0, fit, ~fit, None, np.arange(n))


@pytest.mark.parametrize("force", FORCES)
def test_without_noise_gaps_are_the_effect(force):
    y = made(1, force)
    y[3, 15:] += np.arange(9) - 4.0
    found = answer(worlds_of(y, [3], 15), NONE, range(6), force)
    assert found.ranks.tolist() == [2]
    np.testing.assert_allclose(found.gaps[0, :15], 0, atol=1e-8)
    np.testing.assert_allclose(found.gaps[0, 15:], np.arange(9) - 4, atol=1e-8)


@pytest.mark.parametrize("force", FORCES)
def test_errors_of_left_out_periods_are_those_of_estimating_without_them(force):
    y = made(2, force, noise=0.5)
    worlds = worlds_of(y, [0], 12)
    errors = []
    for t in range(12):
        fit = worlds.fit.copy()
        fit[0, t] = False
        errors.append(answer(replace(worlds, fit=fit), NONE, [2], force).gaps[0, t])
    assert answer(worlds, NONE, [2], force).errors[0, 0] == pytest.approx(np.sqrt(np.mean(np.square(errors))))


def test_gaps_are_least_squares_on_the_principal_components():
    y = made(3, noise=0.3)
    donors = y[1:] - y[1:].mean(axis=1, keepdims=True) - y[1:].mean(axis=0) + y[1:].mean()
    factors = np.linalg.svd(donors)[2][:2].T
    columns = np.column_stack([np.ones(24), factors])
    rest = y[0] - y[1:].mean(axis=0)
    beta = np.linalg.lstsq(columns[:14], rest[:14], rcond=None)[0]
    found = answer(worlds_of(y, [0], 14), NONE, [2], "two-way")
    np.testing.assert_allclose(found.gaps[0], rest - columns @ beta, atol=1e-10)


def test_no_factor_is_difference_in_differences():
    y = made(4, noise=1.0)
    gaps = answer(worlds_of(y, [5], 10), NONE, [0], "two-way").gaps[0]
    others = np.delete(y, 5, axis=0).mean(axis=0)
    assert gaps[10:].mean() == pytest.approx((y[5] - others)[10:].mean() - (y[5] - others)[:10].mean())


def test_many_questions_at_once_are_the_same_as_one_by_one():
    y = made(5, noise=0.5)
    worlds = worlds_of(y, [0, 1, 2, 7], 12)
    fit = worlds.fit.copy()
    fit[2, 8:] = False
    worlds = replace(worlds, fit=fit, shift=np.where(worlds.after, 0.7, 0.0))
    both = answer(worlds, NONE, range(4), "two-way")
    for b in range(4):
        alone = answer(worlds.take([b]), NONE, range(4), "two-way")
        np.testing.assert_allclose(both.gaps[b], alone.gaps[0], atol=1e-10)
        assert both.ranks[b] == alone.ranks[0]


def test_slopes_are_recovered_although_covariates_move_with_the_factors():
    rng = np.random.default_rng(6)
    loadings, factors = rng.normal(size=(20, 2)), rng.normal(size=(2, 24))
    x = np.stack([loadings @ factors + rng.normal(size=(20, 24)), rng.normal(size=(20, 24))])
    y = 2 * x[0] - 3 * x[1] + loadings @ factors * 3 + rng.normal(size=(20, 1))
    (found,) = common(y, x, [2], "two-way")
    np.testing.assert_allclose(found.slopes, [2, -3], atol=1e-8)
    y[4, 15:] += 1.5
    gaps = answer(worlds_of(y, [4], 15), x, [2], "two-way").gaps[0]
    np.testing.assert_allclose(gaps, np.where(np.arange(24) < 15, 0, 1.5), atol=1e-7)


def test_too_few_periods_have_no_answer():
    y = made(7, noise=0.1)
    assert np.isnan(answer(worlds_of(y, [0], 3), NONE, [2], "two-way").gaps).all()
    assert answer(worlds_of(y, [0], 3), NONE, range(4), "two-way").ranks[0] <= 1


def test_several_questions_share_the_number_of_factors_that_suits_all_of_them():
    y = made(8, noise=0.5)
    worlds = worlds_of(y, [0, 1, 2], 14)
    each = answer(worlds, NONE, range(5), "two-way")
    pooled = answer(worlds, NONE, range(5), "two-way", pooled=True)
    best = int(np.argmin((each.errors**2).sum(axis=1)))
    assert pooled.ranks.tolist() == [best] * 3
