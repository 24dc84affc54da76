"""Weights without each row against solving each problem anew."""

import numpy as np
import pytest

from scale_impact.core.simplex import simplex_fit
from scale_impact.core.synthetic import left_out as file
from scale_impact.core.synthetic.left_out import left_out


def problem(m, j, seed, noise=0.5):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(m, 2)) @ rng.normal(size=(2, j)) + noise * rng.normal(size=(m, j))
    return x, x[:, 0] + rng.normal(size=m)


def errors(weights, x, target, rows):
    return (((target - weights @ x.T) ** 2) * rows).sum(axis=1)


@pytest.mark.parametrize(("m", "j"), [(3, 2), (10, 5), (12, 30), (30, 49), (5, 1)])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_they_fit_as_well_as_each_problem_solved_by_itself(m, j, seed):
    x, target = problem(m, j, seed)
    rows = ~np.eye(m, dtype=bool)
    found = left_out(x, target, simplex_fit(x, target).weights[0], m)
    each = simplex_fit(x, np.tile(target, (m, 1)), rows=rows).weights
    size = ((x - target[:, None]) ** 2).sum(axis=0).max()
    assert (errors(found, x, target, rows) - errors(each, x, target, rows)).max() <= 1e-12 * size
    assert found.sum(axis=1) == pytest.approx(np.ones(m))
    assert found.min() >= 0


def test_only_the_first_rows_are_left_out_where_fewer_are_asked():
    x, target = problem(8, 6, 3)
    plain = simplex_fit(x, target).weights[0]
    assert left_out(x, target, plain, 5) == pytest.approx(left_out(x, target, plain, 8)[:5])


def test_donors_with_the_same_path_are_left_to_the_general_solver():
    x, target = problem(8, 6, 3)
    twice = np.hstack([x, x])
    start = np.tile(simplex_fit(x, target).weights[0] / 2, 2)  # both of each pair: their system has no single solution
    rows = ~np.eye(8, dtype=bool)
    found = left_out(twice, target, start, 8)
    each = simplex_fit(x, np.tile(target, (8, 1)), rows=rows).weights
    assert errors(found, twice, target, rows) == pytest.approx(errors(each, x, target, rows), rel=1e-9)


def test_what_the_rounds_do_not_reach_is_solved_all_the_same(monkeypatch):
    x, target = problem(12, 30, 0)
    plain = simplex_fit(x, target).weights[0]
    usual = left_out(x, target, plain, 12)
    monkeypatch.setattr(file, "ROUNDS", 1)
    assert left_out(x, target, plain, 12) == pytest.approx(usual, abs=1e-9)
