"""The one solver: optimality conditions, objectives against other solvers, and what it says of uniqueness."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize

from scale_impact.core import simplex
from scale_impact.core.simplex import nearest_point, simplex_fit
from scale_impact.errors import EstimationError, UsageError
from tests.panels import california, reference


def objective(columns, target, weights, ridge=0.0, intercept=False):
    left = target - columns @ weights
    left = left - left.mean() if intercept else left
    return left @ left + ridge * weights @ weights


def by_slsqp(columns, target, ridge=0.0, intercept=False, upper=1.0):
    j = columns.shape[1]
    found = minimize(
        lambda w: objective(columns, target, w, ridge, intercept), np.full(j, 1 / j), method="SLSQP", bounds=[(0, upper)] * j,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1}, options={"maxiter": 2000, "ftol": 1e-14},
    )  # fmt: skip
    return found.x / found.x.sum()


def by_enumeration(columns, target):
    """The least objective over all supports, each solved exactly."""
    best = np.inf
    j = columns.shape[1]
    for size in range(1, j + 1):
        for support in itertools.combinations(range(j), size):
            p = columns[:, support] - target[:, None]
            bordered = np.block([[p.T @ p, np.ones((size, 1))], [np.ones((1, size)), np.zeros((1, 1))]])
            w = np.linalg.lstsq(bordered, np.append(np.zeros(size), 1.0), rcond=None)[0][:size]
            if w.min() >= -1e-12 and abs(w.sum() - 1) < 1e-9:
                best = min(best, float(((p @ w) ** 2).sum()))
    return best


def problem(seed, m=12, j=8, scale=1.0):
    rng = np.random.default_rng(seed)
    columns = scale * (rng.normal(size=(m, 3)) @ rng.normal(size=(3, j)) + 0.3 * rng.normal(size=(m, j)))
    return columns, scale * rng.normal(size=m) + columns.mean(axis=1)


CASES = [
    {"ridge": r, "intercept": i, "upper": u} for r in (0.0, 0.01, 5.0) for i in (False, True) for u in (1.0, 0.3)
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("shape", [(12, 8), (5, 20), (60, 4)])
def test_no_other_solver_finds_a_lower_objective_and_the_conditions_hold(case, shape):
    for seed in range(6):
        columns, target = problem(seed, *shape)
        fit = simplex_fit(columns, target, **case)
        w = fit.weights[0]
        assert fit.kkt[0] < 1e-10
        assert w.min() >= 0
        assert w.max() <= case["upper"] + 1e-12
        assert w.sum() == pytest.approx(1, abs=1e-12)
        options = {k: case[k] for k in ("ridge", "intercept")}
        other = objective(columns, target, by_slsqp(columns, target, **case), **options)
        assert objective(columns, target, w, **options) <= other * (1 + 1e-9) + 1e-12


def test_the_objective_is_that_of_the_best_of_all_supports():
    for seed in range(20):
        columns, target = problem(seed, 5, 7)
        w = simplex_fit(columns, target).weights[0]
        assert objective(columns, target, w) == pytest.approx(by_enumeration(columns, target), rel=1e-9, abs=1e-12)


def test_the_active_set_reaches_the_optimum_from_any_corner():
    for seed in range(20):
        columns, target = problem(seed, 9, 12)
        p = columns - target[:, None]
        p = p / np.linalg.norm(p, axis=0).max()
        best, _ = nearest_point(p)
        for corner in range(12):
            start = np.eye(12)[corner]
            found = simplex._active_set(p, 0.0, 1.0, start)
            assert simplex._residual(p, found, 0.0, 1.0) < 1e-10
            assert ((p @ found) ** 2).sum() == pytest.approx(((p @ best) ** 2).sum(), abs=1e-12)


@pytest.mark.parametrize("rows", [2, 3, 5, 8])
@pytest.mark.parametrize("upper", [1.0, 0.4])
def test_the_active_set_never_goes_in_circles_with_few_rows(rows, upper):
    """As predictors have them; a column that stops at its bound must not keep others from giving weight."""
    rng = np.random.default_rng(rows)
    for _ in range(150):
        j = int(rng.integers(3, 30))
        p = rng.normal(size=(rows, j)) + rng.normal(size=(rows, 1)) * rng.choice([0, 0.5, 2])
        p /= np.linalg.norm(p, axis=0).max()
        start = np.roll(np.append(np.full(3, [upper, upper, 1 - 2 * upper] if upper < 1 else [1.0, 0, 0]), np.zeros(j - 3)),
                        int(rng.integers(j)))  # fmt: skip
        found = simplex._active_set(p, 0.0, upper, start)
        assert simplex._residual(p, found, 0.0, upper) < 1e-9
        if upper == 1.0:
            warm, residual = nearest_point(p, start=start)
            assert residual < 1e-9
            assert ((p @ warm) ** 2).sum() == pytest.approx(((p @ found) ** 2).sum(), abs=1e-12)


def test_an_nnls_that_gives_up_leaves_the_active_set_to_finish(monkeypatch):
    def gives_up(*_):
        raise RuntimeError("Maximum number of iterations reached.")

    columns, target = problem(3)
    best = simplex_fit(columns, target).weights
    monkeypatch.setattr("scipy.optimize.nnls", gives_up)
    again = simplex_fit(columns, target)
    assert again.kkt[0] < 1e-10
    np.testing.assert_allclose(again.weights, best, atol=1e-9)


def test_californias_weights_are_those_of_the_reference():
    """R's quadprog, polished by an active set (tests/reference/synthdid_prop99.json)."""
    stored = reference("synthdid_prop99", "sc_outcome_only_exact_simplex")["main"]
    panel, _ = california()
    before = pd.DataFrame(panel.matrix.T, index=panel.periods, columns=panel.units).loc[:1988]
    fit = simplex_fit(before[stored["pool"]].to_numpy(), before["California"].to_numpy())
    np.testing.assert_allclose(fit.weights[0], stored["w"], atol=1e-9)
    assert fit.unique[0]
    assert fit.kkt[0] < 1e-12


def test_many_problems_give_what_each_gives_alone():
    columns, _ = problem(1, 15, 10)
    targets = columns.T[:4] + 0.1
    allowed = ~np.eye(10, dtype=bool)[:4]
    rows = np.arange(15) < np.array([15, 9, 12, 4])[:, None]
    ridge = np.array([0.0, 0.1, 0.0, 2.0])
    fit = simplex_fit(columns, targets, rows=rows, allowed=allowed, ridge=ridge, intercept=True)
    assert not fit.weights[~allowed].any()
    for b in range(4):
        alone = simplex_fit(
            columns[rows[b]][:, allowed[b]], targets[b, rows[b]], ridge=float(ridge[b]), intercept=True
        )  # fmt: skip
        np.testing.assert_allclose(fit.weights[b, allowed[b]], alone.weights[0], atol=1e-12)
        assert fit.intercepts[b] == pytest.approx(alone.intercepts[0])


@pytest.mark.parametrize("factor", [1e-6, 1.0, 1e9])
def test_weights_do_not_change_with_the_unit_of_measurement(factor):
    columns, target = problem(2)
    once = simplex_fit(columns, target).weights
    np.testing.assert_allclose(simplex_fit(factor * columns, factor * target).weights, once, atol=1e-9)


def test_a_level_common_to_all_changes_no_weight():
    columns, target = problem(2)
    once = simplex_fit(columns, target).weights
    np.testing.assert_allclose(simplex_fit(columns + 1e6, target + 1e6).weights, once, atol=1e-6)


def test_an_intercept_makes_the_targets_level_irrelevant():
    columns, target = problem(4)
    fits = [simplex_fit(columns, target + level, intercept=True) for level in (0.0, 50.0)]
    np.testing.assert_allclose(fits[0].weights, fits[1].weights, atol=1e-10)
    assert fits[1].intercepts[0] - fits[0].intercepts[0] == pytest.approx(50)


def test_two_equal_donors_with_weight_are_not_unique_and_one_without_is():
    columns, target = problem(5)
    w = simplex_fit(columns, target).weights[0]
    used, unused = int(w.argmax()), int(np.flatnonzero(w == 0)[0])
    assert simplex_fit(columns, target).unique[0]
    assert not simplex_fit(np.column_stack([columns, columns[:, used]]), target).unique[0]
    assert simplex_fit(np.column_stack([columns, columns[:, unused]]), target).unique[0]
    assert simplex_fit(np.column_stack([columns, columns[:, used]]), target, ridge=0.1).unique[0]


def test_a_target_inside_the_hull_of_many_donors_has_no_unique_weights():
    rng = np.random.default_rng(0)
    columns = rng.normal(size=(3, 30))
    fit = simplex_fit(columns, columns.mean(axis=1))
    assert objective(columns, columns.mean(axis=1), fit.weights[0]) < 1e-20
    assert not fit.unique[0]


def test_a_target_that_is_a_donor_takes_that_donor():
    columns, _ = problem(6)
    fit = simplex_fit(columns, columns[:, 2])
    np.testing.assert_allclose(fit.weights[0], np.eye(8)[2], atol=1e-9)


def test_one_donor_has_all_the_weight():
    fit = simplex_fit(np.arange(4.0)[:, None], np.zeros(4))
    assert fit.weights.tolist() == [[1.0]]
    assert fit.unique[0]
    assert fit.kkt[0] == 0


def test_all_columns_on_the_target_are_an_answer_without_a_warning():
    fit = simplex_fit(np.ones((4, 3)), np.ones(4))
    assert fit.weights.sum() == pytest.approx(1)
    assert not fit.unique[0]


def test_what_cannot_be_asked_is_refused_in_words():
    columns, target = problem(0)
    with pytest.raises(UsageError, match="targets has shape"):
        simplex_fit(columns, target[:-1])
    with pytest.raises(UsageError, match="cannot sum to one"):
        simplex_fit(columns, target, upper=0.1)
    with pytest.raises(UsageError, match="no row to fit on"):
        simplex_fit(columns, target, rows=np.zeros((1, 12), dtype=bool))
    with pytest.raises(EstimationError, match="missing or infinite"):
        simplex_fit(columns, np.full(12, np.nan))


def of_all_sizes(seed, m=12, j=10):
    """A small town among towns and giants, a thousand times as large, that move alike."""
    rng = np.random.default_rng(seed)
    path = np.cumsum(rng.normal(0.01, 0.01, m))
    sizes = np.append(10 ** rng.uniform(3, 4, 6), 10 ** rng.uniform(6, 7, j - 6))
    columns = sizes * (1 + np.outer(path, rng.normal(1, 0.3, j)) + 0.001 * rng.normal(size=(m, j)))
    return columns, 3e3 * (1 + path + 0.001 * rng.normal(size=m))


@pytest.mark.parametrize("seed", range(8))
def test_giants_without_weight_change_nothing(seed):
    """A residual that is small beside the farthest donor may be as large as the objective."""
    columns, target = of_all_sizes(seed)
    fit = simplex_fit(columns, target)
    unused = (fit.weights[0] == 0) & (columns[0] > 1e5)
    assert unused.any()
    alone = simplex_fit(columns[:, ~unused], target)
    np.testing.assert_allclose(fit.weights[0, ~unused], alone.weights[0], atol=1e-7)
    assert objective(columns, target, fit.weights[0]) == pytest.approx(
        objective(columns[:, ~unused], target, alone.weights[0]), rel=1e-9
    )
    assert objective(columns, target, fit.weights[0]) <= by_enumeration(columns[:, ~unused], target) * (1 + 1e-8)
    assert fit.unique[0] == alone.unique[0]
