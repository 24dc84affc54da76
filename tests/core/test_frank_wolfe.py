"""Frank-Wolfe steps as synthdid takes them."""

import numpy as np
import pytest

from scale_impact.core.simplex import simplex_fit
from scale_impact.core.synthetic.frank_wolfe import MOST_STEPS, frank_wolfe


def slow(a, b, ridge, least):
    """The same by whole matrices and the objective itself: two rounds, small weights set to zero in between."""

    def steps(w, most):
        values = []
        for t in range(most):
            g = a.T @ (a @ w - b) + ridge * w
            i = int(np.argmin(g))
            d = -w.copy()
            d[i] += 1
            bend = ((a @ d) ** 2).sum() + ridge * (d**2).sum()
            w = w + np.clip(-(g @ d) / bend, 0, 1) * d
            values.append(((a @ w - b) ** 2).sum() + ridge * (w**2).sum())
            if t >= 1 and values[-2] - values[-1] <= least:
                break
        return w

    w = steps(np.full(a.shape[1], 1 / a.shape[1]), 100)
    w[w <= w.max() / 4] = 0
    return steps(w / w.sum(), 2000)


@pytest.mark.parametrize("ridge", [0.0, 3.0])
def test_steps_are_those_of_the_definition(ridge):
    rng = np.random.default_rng(4)
    a, b = rng.normal(size=(12, 9)).cumsum(axis=0), rng.normal(size=12).cumsum()
    found = frank_wolfe(a - b[:, None], ridge, 1e-4)
    assert found == pytest.approx(slow(a, b, ridge, 1e-4), abs=1e-10)  # rounding of some hundred steps
    assert found.sum() == pytest.approx(1)
    assert found.min() >= 0


def test_it_comes_near_the_optimum_and_never_below_it():
    rng = np.random.default_rng(5)
    a, b = rng.normal(size=(15, 8)), rng.normal(size=15)
    best = simplex_fit(a, b, ridge=0.5).weights[0]
    mine = frank_wolfe(a - b[:, None], 0.5, 0.0)

    def objective(w):
        return ((b - a @ w) ** 2).sum() + 0.5 * (w**2).sum()

    assert 0 <= objective(mine) - objective(best) <= 1e-4 * objective(best)
    assert MOST_STEPS == 10_000


@pytest.mark.parametrize("columns", [1, 4])
def test_columns_that_do_not_differ_share_the_weight(columns):
    assert frank_wolfe(np.zeros((3, columns)), 0.0, 0.0).tolist() == [1 / columns] * columns
