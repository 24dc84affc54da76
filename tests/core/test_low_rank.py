"""The filled table solves the penalised problem: conditions by hand, slow and plain iterations, and collapses to known cases."""

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from scale_impact.core.synthetic import low_rank
from scale_impact.core.synthetic.low_rank import (
    Shrink,
    Tables,
    by_penalty,
    by_rank,
    cross_validate,
    deal_folds,
    fill,
    filled_gaps,
    penalty_path,
    simplest,
    tables_of,
)
from scale_impact.core.synthetic.worlds import Worlds
from scale_impact.errors import EstimationError

FORCES = ["two-way", "unit", "time", "none"]


def table_of(y, seen):
    return Tables(np.where(seen, y, 0.0)[None], seen[None], np.ones((1, len(y)), dtype=bool))


def two_factors(seed, units=12, periods=16, noise=0.5):
    rng = np.random.default_rng(seed)
    y = rng.normal(size=(units, 2)) @ rng.normal(size=(2, periods)) * 2 + noise * rng.normal(size=(units, periods))
    return y + 5 * rng.normal(size=(units, 1)) + rng.normal(size=periods)


def scattered(seed, shape, share=0.2):
    seen = np.random.default_rng(seed).random(shape) > share
    seen[:, 0] = seen[0] = True
    return seen


def parts(fitted, force):
    """Unit effects, period effects and matrix of low rank of a fitted table, from its means."""
    rows, columns, level = fitted.mean(1, keepdims=True), fitted.mean(0, keepdims=True), fitted.mean()
    effects = {
        "two-way": rows + columns - level,
        "unit": rows + 0 * columns,
        "time": columns + 0 * rows,
        "none": 0 * fitted,
    }
    return effects[force], fitted - effects[force]


@pytest.mark.parametrize("force", FORCES)
@pytest.mark.parametrize("shape", [(12, 16), (20, 9)])
def test_a_filled_table_meets_the_conditions_of_the_penalised_problem(force, shape):
    """Residuals are orthogonal to the effects, and are threshold times a subgradient of the nuclear norm."""
    y, seen, threshold = two_factors(1, *shape), scattered(2, shape), 2.0
    found = fill(table_of(y, seen), Shrink(np.array([threshold])), force)
    _, matrix = parts(found.fitted[0], force)
    residual = np.where(seen, y - found.fitted[0], 0.0)
    u, s, v = np.linalg.svd(matrix)
    r = int((s > 1e-6).sum())
    assert 0 < r == found.rank[0] < min(shape)
    kept = u[:, :r].T @ residual @ v[:r].T
    np.testing.assert_allclose(kept, threshold * np.eye(r), atol=1e-6)
    np.testing.assert_allclose(u[:, :r].T @ residual @ v[r:].T, 0, atol=1e-6)
    np.testing.assert_allclose(u[:, r:].T @ residual @ v[:r].T, 0, atol=1e-6)
    assert np.linalg.norm(u[:, r:].T @ residual @ v[r:].T, 2) <= threshold + 1e-6
    if force in ("two-way", "unit"):
        np.testing.assert_allclose(residual.sum(axis=1), 0, atol=1e-6)
    if force in ("two-way", "time"):
        np.testing.assert_allclose(residual.sum(axis=0), 0, atol=1e-6)


def test_the_plain_iteration_ends_at_the_same_table():
    y, seen = two_factors(3), scattered(4, (12, 16))
    x = np.where(seen, y, 0.0)
    for _ in range(4000):
        effects, _ = parts(x, "two-way")
        u, s, v = np.linalg.svd(x - effects, full_matrices=False)
        fitted = effects + (u * np.maximum(s - 1.5, 0)) @ v
        x = np.where(seen, y, fitted)
    found = fill(table_of(y, seen), Shrink(np.array([1.5])), "two-way")
    np.testing.assert_allclose(found.fitted[0], fitted, atol=1e-6)
    np.testing.assert_allclose(found.cells[0][seen], y[seen])


def test_it_agrees_with_a_solver_of_convex_programmes():
    cvxpy = pytest.importorskip("cvxpy")
    y, seen = two_factors(5, 8, 10), scattered(6, (8, 10))
    matrix, a, d = cvxpy.Variable((8, 10)), cvxpy.Variable((8, 1)), cvxpy.Variable((1, 10))
    fitted = matrix + a @ np.ones((1, 10)) + np.ones((8, 1)) @ d
    loss = cvxpy.sum_squares(cvxpy.multiply(seen, y - fitted)) / 2 + 1.5 * cvxpy.normNuc(matrix)
    cvxpy.Problem(cvxpy.Minimize(loss)).solve(solver="CLARABEL", tol_gap_abs=1e-9, tol_gap_rel=1e-9, tol_feas=1e-9)
    found = fill(table_of(y, seen), Shrink(np.array([1.5])), "two-way")
    np.testing.assert_allclose(found.fitted[0], fitted.value, atol=1e-4)  # the other's accuracy


def test_without_a_matrix_it_is_least_squares_on_dummies():
    y, seen = two_factors(7), scattered(8, (12, 16), 0.4)
    unit, period = np.nonzero(seen)
    dummies = np.hstack([np.eye(12)[unit], np.eye(16)[period]])
    beta = np.linalg.lstsq(dummies, y[seen], rcond=None)[0]
    found = fill(table_of(y, seen), Shrink(np.array([np.inf])), "two-way")
    np.testing.assert_allclose(found.fitted[0], beta[:12, None] + beta[None, 12:], atol=1e-6)
    assert found.rank[0] == 0


def test_the_path_begins_where_the_matrix_vanishes():
    table = table_of(two_factors(9), scattered(10, (12, 16)))
    path = penalty_path(table, "two-way", 5)
    ranks = [int(fill(table, by_penalty(f * path[0])(table), "two-way").rank[0]) for f in (1.001, 0.99)]
    assert ranks == [0, 1]
    assert path[-1] == pytest.approx(path[0] / 1000)


def test_there_is_no_path_where_effects_fit_exactly():
    y = np.arange(12.0)[:, None] + np.sin(np.arange(16.0))
    assert penalty_path(table_of(y, scattered(11, (12, 16))), "two-way", 5) == ()


def test_rounding_of_a_large_level_is_no_pattern_and_movement_beside_it_is():
    seen = scattered(11, (12, 16))
    flat = np.arange(12.0)[:, None] + np.sin(np.arange(16.0))
    assert penalty_path(table_of(1e9 + flat, seen), "two-way", 5) == ()
    low, high = (penalty_path(table_of(z, seen), "two-way", 5) for z in (two_factors(9), 1e9 + two_factors(9)))
    assert high == pytest.approx(low, rel=1e-6)


def test_filling_takes_one_thread_and_gives_the_others_back(monkeypatch):
    def threads():
        return [lib["num_threads"] for lib in low_rank._libraries().info() if lib["user_api"] == "blas"]

    during, plain = [], low_rank.fit_of
    monkeypatch.setattr(low_rank, "fit_of", lambda *given: during.append(threads()) or plain(*given))
    with threadpool_limits(2, user_api="blas"):
        before = threads()
        fill(table_of(two_factors(9), scattered(10, (12, 16))), Shrink(np.array([1.0])), "two-way")
        assert threads() == before
    assert during
    assert all(set(found) == {1} for found in during)


def test_many_tables_at_once_are_the_same_as_one_by_one(monkeypatch):
    ys = [two_factors(k) for k in range(4)]
    seen = [scattered(k, (12, 16), 0.1 * (k + 1)) for k in range(3)] + [np.ones((12, 16), dtype=bool)]
    each = [fill(table_of(y, s), Shrink(np.array([1.0])), "two-way").fitted[0] for y, s in zip(ys, seen, strict=True)]
    both = Tables(np.where(seen, ys, 0.0), np.array(seen), np.ones((4, 12), dtype=bool))
    np.testing.assert_allclose(fill(both, Shrink(np.ones(4)), "two-way").fitted, each, atol=1e-6)
    monkeypatch.setattr(low_rank, "AT_ONCE", 1)
    np.testing.assert_allclose(fill(both, Shrink(np.ones(4)), "two-way").fitted, each, atol=1e-6)


def test_units_that_a_table_does_not_have_change_nothing():
    y, seen = two_factors(12), scattered(13, (12, 16))
    wider = Tables(
        np.vstack([np.where(seen, y, 0.0), np.zeros((3, 16))])[None],
        np.vstack([seen, np.zeros((3, 16), dtype=bool)])[None],
        (np.arange(15) < 12)[None],
    )
    for shrink in (Shrink(np.array([1.0])), Shrink(rank=2)):
        alone, among = (fill(t, shrink, "two-way").fitted[0] for t in (table_of(y, seen), wider))
        np.testing.assert_allclose(among[:12], alone, atol=1e-6)


def test_a_large_level_costs_no_digits():
    y, seen = two_factors(14), scattered(15, (12, 16))
    low, high = (fill(table_of(z, seen), Shrink(np.array([1.0])), "two-way").fitted[0] for z in (y, y + 1e7))
    np.testing.assert_allclose(high - 1e7, low, atol=1e-6)


@pytest.mark.parametrize("force", FORCES)
def test_a_number_of_factors_is_least_squares_over_the_cells_seen(force):
    """At the end each unit's loadings are least squares on the factors, and each period's factors on the loadings."""
    y, seen = two_factors(16, 20, 14), scattered(17, (20, 14), 0.1)
    found = fill(table_of(y, seen), Shrink(rank=2), force)
    _, matrix = parts(found.fitted[0], force)
    u, s, v = np.linalg.svd(matrix)
    assert s[2] < 1e-6 * s[0]
    residual = np.where(seen, y - found.fitted[0], 0.0)
    np.testing.assert_allclose(residual @ v[:2].T, 0, atol=1e-5)
    np.testing.assert_allclose(u[:, :2].T @ residual, 0, atol=1e-5)


def test_two_factors_without_noise_are_recovered():
    y, seen = two_factors(18, 20, 14, noise=0.0), scattered(19, (20, 14), 0.15)
    np.testing.assert_allclose(fill(table_of(y, seen), Shrink(rank=2), "two-way").fitted[0], y, atol=1e-6)


def test_factors_that_serve_one_unit_alone_are_refused():
    rng = np.random.default_rng(20)
    y = np.vstack([20 * rng.normal(size=10), rng.normal(size=(8, 10)) * 0.1])
    seen = np.ones_like(y, dtype=bool)
    seen[0, 5:] = False
    with pytest.raises(EstimationError, match=r"2 factors cannot be told in the untreated cells.*Use fewer factors"):
        fill(table_of(y, seen), Shrink(rank=2), "none")
    assert np.isnan(fill(table_of(y, seen), Shrink(rank=2), "none", lost=True).fitted).all()


def test_each_cell_is_held_out_once_and_no_unit_altogether():
    seen = scattered(21, (12, 16), 0.5)
    seen[5], seen[5, 3] = False, True
    dealt = deal_folds(seen, 5, 1)
    assert ((dealt >= 0) == seen)[np.arange(12) != 5].all()
    assert (dealt[5] == -1).all()
    for row in dealt[seen.sum(axis=1) > 1]:
        counts = np.bincount(row[row >= 0], minlength=5)
        assert counts.max() - counts.min() <= 1
    np.testing.assert_array_equal(dealt, deal_folds(seen, 5, 1))


def test_cross_validation_finds_the_number_of_factors():
    table = table_of(two_factors(22, 30, 25, noise=0.2), np.ones((30, 25), dtype=bool))
    errors = cross_validate(table, [by_rank(r) for r in range(5)], "two-way", folds=5, seed=1)
    assert simplest(errors) == 2
    assert errors[2] == pytest.approx(0.2, rel=0.3)


def test_held_out_errors_are_those_of_tables_without_these_cells():
    y, seen = two_factors(23), scattered(24, (12, 16))
    table, penalty = table_of(y, seen), 0.01
    (error,) = cross_validate(table, [by_penalty(penalty)], "two-way", folds=3, seed=7, tolerance=1e-9)
    dealt, squares = deal_folds(seen, 3, 7), []
    for fold in range(3):
        left = seen & (dealt != fold)
        fitted = fill(table_of(y, left), Shrink(np.array([penalty * left.sum() / 2])), "two-way").fitted[0]
        squares.extend((y - fitted)[seen & (dealt == fold)] ** 2)
    assert error == pytest.approx(np.sqrt(np.mean(squares)), rel=1e-6)


# ---- questions ---------------------------------------------------------------------------------------------------------


def worlds_of(y, target, start, *, donors=None):
    n, t = y.shape
    treated = np.eye(n)[[target]]
    allowed = (treated == 0) if donors is None else donors[None]
    fit = (np.arange(t) < start)[None]
    return Worlds(y, treated, allowed, fit, ~fit, None, np.arange(n))


def test_the_table_of_a_placebo_has_donors_alone():
    y = two_factors(25)
    allowed = np.arange(12) > 2
    allowed[7] = False
    tables = tables_of(worlds_of(y, 7, 10, donors=allowed), np.array([9, 9]))
    assert tables.present[0].tolist() == [True, *allowed.tolist()]


def test_treated_units_are_in_each_others_tables_until_they_start():
    y = two_factors(26)
    tables = tables_of(worlds_of(y, 0, 10, donors=np.arange(12) > 1), np.array([10, 6]))
    np.testing.assert_array_equal(tables.seen[0, 2], np.arange(16) < 6)
    assert not tables.present[0, 1]


def test_gaps_are_nan_where_no_unit_was_observed():
    y = two_factors(27)
    y[1:, 12] = np.nan
    gaps = filled_gaps(worlds_of(y, 0, 10), np.array([10]), by_penalty(0.01), "two-way")[0]
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(gaps)), [12])
