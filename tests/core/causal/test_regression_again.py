"""Many versions of a regression at once, against each by itself."""

import numpy as np
import pytest

from scale_impact.core.causal.regression import again
from scale_impact.core.causal.regression.again import Slopes, coefficients, one_by_one
from scale_impact.core.causal.regression.model import Model, levels_of
from scale_impact.core.causal.retrials import Retrials

B, N, T = 5, 15, 6


@pytest.fixture(params=[False, True], ids=["constant", "levels"])
def model(request):
    rng = np.random.default_rng(4)
    units, periods = np.repeat(np.arange(N), T), np.tile(np.arange(T), N)
    x = np.column_stack([rng.normal(size=(N * T, 2)), periods[:, None] == np.arange(1, T)]).astype(float)
    d = (x[:, 0] + rng.normal(size=N * T) > 0).astype(float)
    y = 2 * d + x[:, 1] + 0.1 * units + rng.normal(size=N * T) + 1e4
    return Model(y, d, x, levels_of(units) if request.param else None)


def versions():
    rng = np.random.default_rng(5)
    counts = rng.multinomial(N * T, np.full(N * T, 1 / (N * T)), size=B).astype(float)
    counts[0] = (np.arange(N * T) < N * T / 2).astype(float)  # whole units left out
    return {
        "exposure": rng.integers(0, 2, (B, N * T)).astype(float),
        "outcome": rng.normal(size=(B, N * T)) + 50,
        "extra": rng.normal(size=(B, N * T)),
        "counts": counts,
    }


@pytest.mark.parametrize(
    "changed",
    ["exposure", "outcome", "extra", "counts", "exposure outcome", "counts extra", "exposure outcome extra counts"],
)
def test_all_at_once_is_each_by_itself(model, changed):
    trials = Retrials(**{k: v for k, v in versions().items() if k in changed.split()})
    assert coefficients(model, trials) == pytest.approx(one_by_one(model, 2, trials), abs=1e-11)


def test_weights_are_repeated_rows(model):
    counts = versions()["counts"][1]
    rows = np.repeat(np.arange(N * T), counts.astype(int))
    levels = None if model.levels is None else levels_of(model.levels.codes[rows])
    repeated = Model(model.outcome[rows], model.exposure[rows], model.controls[rows], levels)
    assert coefficients(model, Retrials(counts=counts[None])) == pytest.approx([repeated.coefficient], abs=1e-10)


def test_parts_that_bound_memory_change_nothing(model, monkeypatch):
    trials = Retrials(**versions())
    whole = coefficients(model, trials)
    monkeypatch.setattr(again, "CELLS", 100)
    assert coefficients(model, trials) == pytest.approx(whole, abs=1e-12)


def test_a_version_without_exposed_rows_has_no_estimate(model):
    trials = versions()
    trials["exposure"][2] = 0.0
    trials["exposure"][3] = 1.0
    for found in (coefficients(model, Retrials(exposure=trials["exposure"])), coefficients(model, Retrials(**trials))):
        assert list(np.isnan(found)) == [False, False, True, True, False]


def test_other_covariates_are_held_constant_in_place_of_the_data_s(model):
    covariates = model.controls[None, :, :2] + np.random.default_rng(1).normal(size=(B, N * T, 2))
    found = one_by_one(model, 2, Retrials(covariates=covariates))
    for b in range(B):
        controls = np.column_stack([covariates[b], model.controls[:, 2:]])
        assert found[b] == pytest.approx(Model(model.outcome, model.exposure, controls, model.levels).coefficient)


def test_slopes_by_exposure_average_two_regressions():
    rng = np.random.default_rng(6)
    x, d = rng.normal(size=(80, 2)), rng.integers(0, 2, 80).astype(float)
    y = d * (1 + x[:, 0]) + x[:, 1] + rng.normal(size=80)
    z = np.column_stack([np.ones(80), x])
    apart = z @ (
        np.linalg.lstsq(z[d > 0], y[d > 0], rcond=None)[0] - np.linalg.lstsq(z[d == 0], y[d == 0], rcond=None)[0]
    )
    same = Retrials(outcome=y[None])
    for of_treated, expected in ((False, apart.mean()), (True, apart[d > 0].mean())):
        assert one_by_one(Model(y, d, x), 2, same, Slopes(True, of_treated)) == pytest.approx([expected])
