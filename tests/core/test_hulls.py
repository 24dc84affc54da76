"""Nearest points of many hulls with weighted rows: optimality conditions, and that no problem feels the others."""

import numpy as np
import pytest

from scale_impact.core import hulls as file
from scale_impact.core.hulls import Hulls, solutions
from scale_impact.core.simplex import nearest_point


def asked(seed=0, units=3, k=5, j=20, each=30):
    """Hulls beside the origin, and weights of rows over up to eight orders of magnitude."""
    rng = np.random.default_rng(seed)
    hulls = Hulls(rng.normal(size=(units, k, j)) + 1.5 * rng.normal(size=(units, k, 1)))
    unit = np.repeat(np.arange(units), each)
    logs = rng.uniform(-8, 0, (len(unit), k)) * rng.random((len(unit), 1))
    columns, weights = hulls.nearest_columns()
    return hulls, unit, 10.0 ** (logs - logs.max(axis=1, keepdims=True)), columns[unit], weights[unit]


def whole(hulls, columns, weights):
    """Weights of all columns, [R, J]."""
    found = np.zeros((len(columns), hulls.j + 1))
    np.put_along_axis(found, columns, weights, axis=1)
    assert not found[:, -1].any()
    return found[:, :-1]


@pytest.mark.parametrize(("k", "j"), [(5, 20), (1, 6), (3, 2), (12, 60)])
def test_the_optimality_conditions_hold_and_the_distance_is_that_of_the_other_solver(k, j):
    hulls, unit, v, *start = asked(k=k, j=j)
    found = whole(hulls, *hulls.solved(unit, v, *start))
    np.testing.assert_allclose(found.sum(axis=1), 1.0, atol=1e-12)
    assert (found >= 0).all()
    for u, own, w in zip(unit, v, found, strict=True):
        p = np.sqrt(own)[:, None] * hulls.x[u]
        p = p / np.sqrt((p * p).sum(axis=0).max())
        slopes = p.T @ (p @ w)
        assert slopes[w > 0].max() - slopes.min() < 1e-10
        best = nearest_point(p)[0]
        assert ((p @ w) ** 2).sum() <= ((p @ best) ** 2).sum() + 1e-12


def test_a_start_from_another_solution_leads_to_the_same_one():
    hulls, unit, v, *start = asked()
    cold = hulls.solved(unit, v, *start)
    turned = np.concatenate([np.flatnonzero(unit == u)[::-1] for u in range(3)])
    warm = hulls.solved(unit, v, cold[0][turned], cold[1][turned])
    np.testing.assert_allclose(whole(hulls, *warm), whole(hulls, *cold), atol=1e-6)


def test_no_digit_depends_on_the_other_problems():
    hulls, unit, v, *start = asked()
    columns, weights = hulls.solved(unit, v, *start)
    for rows in ([4], [0, 50, 89], range(40, 70)):
        some = np.array(rows)
        alone = hulls.solved(unit[some], v[some], *(part[some] for part in start))
        assert alone[0].tolist() == columns[some].tolist()
        assert alone[1].tolist() == weights[some].tolist()


def test_a_hull_that_holds_the_origin_is_reached_by_one_column_more_than_rows():
    x = np.array([[[2.0, -1.0, 0.0], [0.0, 1.0, -1.0]]])
    hulls = Hulls(x)
    found = whole(hulls, *hulls.solved(np.zeros(1, dtype=int), np.ones((1, 2)), *hulls.nearest_columns()))
    np.testing.assert_allclose(found, [[0.2, 0.4, 0.4]], atol=1e-12)


def test_problems_that_the_steps_leave_open_go_to_the_other_solver(monkeypatch):
    hulls, unit, v, *start = asked()
    once = whole(hulls, *hulls.solved(unit, v, *start))
    monkeypatch.setattr(file, "AGAIN", 0)
    monkeypatch.setattr(file, "solutions", lambda tables, right: np.full(right.shape, np.nan))
    np.testing.assert_allclose(whole(hulls, *hulls.solved(unit, v, *start)), once, atol=1e-6)


def test_a_system_without_a_solution_leaves_the_others_theirs():
    tables = np.array([np.eye(2), np.ones((2, 2)), 2 * np.eye(2)])
    found = solutions(tables, np.ones((3, 2)))
    np.testing.assert_allclose(found[[0, 2]], [[1, 1], [0.5, 0.5]])
    assert np.isnan(found[1]).all()
