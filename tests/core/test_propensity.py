"""Propensity models: maximum likelihood with R's start and stop, for many models at once."""

import numpy as np
import pytest

from scale_impact.core import propensity
from scale_impact.core.propensity import Groups, fit_models


def groups(sizes, k, seed, *, weights=False):
    rng = np.random.default_rng(seed)
    x = [np.vstack([np.ones(n), rng.normal(size=(k, n)) + 0.2 * g]) for g, n in enumerate(sizes)]
    return Groups(x, [rng.uniform(0.5, 2, n) if weights else None for n in sizes])


def glm(x, y, w, tolerance=1e-8):
    """R's glm(family = binomial): iteratively reweighted least squares with its start and its stop."""
    mu = (w * y + 0.5) / (w + 1)
    eta = np.log(mu / (1 - mu))
    deviance = -2 * (w * (y * np.log(mu) + (1 - y) * np.log(1 - mu))).sum()
    for _ in range(25):
        size = w * mu * (1 - mu)
        z = eta + (y - mu) / (mu * (1 - mu))
        b = np.linalg.solve((x * size) @ x.T, x @ (size * z))
        eta = b @ x
        mu = 1 / (1 + np.exp(-eta))
        new = -2 * (w * (y * np.log(mu) + (1 - y) * np.log(1 - mu))).sum()
        if abs(new - deviance) / (abs(new) + 0.1) < tolerance:
            break
        deviance = new
    return b, (x * (w * mu * (1 - mu))) @ x.T, mu.max()


@pytest.mark.parametrize("weights", [False, True])
def test_models_are_those_of_glm_digit_by_digit(weights):
    data = groups([30, 25, 60, 80], 2, 1, weights=weights)
    treated = np.array([0, 1, 0])
    controls = np.array([[0, 0, 0, 1], [0, 0, 1, 1], [0, 1, 1, 1]], bool)
    models = fit_models(data, data.moments(), treated, controls)
    for p in range(3):
        chosen = [int(treated[p]), *np.flatnonzero(controls[p])]
        x = np.concatenate([data.covariates[g] for g in chosen], axis=1)
        y = np.concatenate([np.full(data.covariates[g].shape[1], float(g == treated[p])) for g in chosen])
        w = np.concatenate([data.weights[g] if weights else np.ones(data.covariates[g].shape[1]) for g in chosen])
        b, information, top = glm(x, y, w / w.mean())  # as DRDID normalises weights
        np.testing.assert_allclose(models.coefficients[p], b, rtol=1e-10)
        np.testing.assert_allclose(models.information[p], information * w.mean(), rtol=1e-10)
        assert models.overlap[p] == (top < 0.999)
    assert models.settled.all()
    assert models.troubles() == [None] * 3


def test_units_with_weight_zero_are_not_there():
    data = groups([30, 60], 2, 2)
    kept = [np.arange(30) % 3 > 0, np.arange(60) % 4 > 0]
    zero = Groups(data.covariates, [k.astype(float) for k in kept])
    less = Groups([x[:, k] for x, k in zip(data.covariates, kept, strict=True)], [None, None])
    a, b = (fit_models(g, g.moments(), np.array([0]), np.array([[False, True]])) for g in (zero, less))
    np.testing.assert_allclose(a.coefficients, b.coefficients, rtol=1e-12)


def test_blocks_of_any_size_give_the_same(monkeypatch):
    data = groups([30, 60], 2, 3)
    whole = fit_models(data, data.moments(), np.array([0]), np.array([[False, True]]))
    monkeypatch.setattr(propensity, "BLOCK", 7)
    part = fit_models(data, data.moments(), np.array([0]), np.array([[False, True]]))
    np.testing.assert_allclose(part.coefficients, whole.coefficients, rtol=1e-11)  # sums in another order


def test_separation_has_no_overlap():
    data = groups([20, 40], 1, 4)
    apart = Groups([x + np.array([[0], [50 * (g == 0)]]) for g, x in enumerate(data.covariates)], [None, None])
    models = fit_models(apart, apart.moments(), np.array([0]), np.array([[False, True]]))
    assert models.troubles() == ["overlap"]


def test_controls_that_nobody_is_like_leave_the_model_in_order():
    """The coefficient of their trait runs away and stops where the deviance no longer moves."""
    data = groups([20, 40], 1, 5)
    x = [np.vstack([v, np.zeros(v.shape[1])]) for v in data.covariates]
    x[1][2, :10] = 1.0
    marked = Groups(x, [None, None])
    models = fit_models(marked, marked.moments(), np.array([0]), np.array([[False, True]]))
    rest = Groups([x[0][:2], x[1][:2, 10:]], [None, None])
    without = fit_models(rest, rest.moments(), np.array([0]), np.array([[False, True]]))
    assert models.troubles() == [None]
    assert models.coefficients[0, 2] < -10
    np.testing.assert_allclose(models.coefficients[0, :2], without.coefficients[0], atol=1e-5)
