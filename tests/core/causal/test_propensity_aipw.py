"""Doubly robust means: against statsmodels, and against leaving rows out; right where either model is."""

import numpy as np
import pytest

from scale_impact.core.causal.balancing.aipw import doubly_robust_difference
from scale_impact.core.causal.balancing.cohorts import columns_by
from scale_impact.core.causal.balancing.logit import columns_of, fit_logit
from tests.core.causal.test_propensity_weights import drawn, logit_of


def test_value_and_error_are_those_of_statsmodels():
    import statsmodels.api as sm
    from statsmodels.treatment.treatment_effects import TreatmentEffect

    z, d, y, _ = drawn()
    x = sm.add_constant(z)
    select = sm.Logit(d.astype(float), x).fit(disp=0, tol=1e-14)
    theirs = TreatmentEffect(sm.OLS(y, x), d.astype(int), results_select=select).aipw()
    mine = doubly_robust_difference(logit_of(z, d), y, d, "ATE", normalised=False)
    assert mine.value == pytest.approx(float(np.ravel(theirs.effect)[0]), rel=1e-10)
    assert np.sqrt((mine.influence**2).sum()) == pytest.approx(theirs.results_gmm.bse[0], rel=1e-8)


@pytest.mark.parametrize("target", ["ATE", "ATT"])
@pytest.mark.parametrize("normalised", [True, False])
def test_influence_is_what_leaving_a_row_out_does(target, normalised):
    z, d, y, _ = drawn()
    value = lambda i: doubly_robust_difference(logit_of(z[i], d[i]), y[i], d[i], target, normalised=normalised).value  # noqa: E731
    every = np.arange(len(y))
    mine = doubly_robust_difference(logit_of(z, d), y, d, target, normalised=normalised)
    moved = [mine.value - value(np.delete(every, i)) for i in range(40)]
    assert mine.influence[:40] == pytest.approx(moved, rel=0.05, abs=0.03 * np.abs(mine.influence).max())
    assert abs(mine.influence.sum()) < 1e-9
    assert (mine.weights[d].sum(), mine.weights[~d].sum()) == pytest.approx((1, 1))


@pytest.mark.parametrize("normalised", [True, False])
def test_of_blocks_it_is_the_mean_by_their_exposed_rows(normalised):
    z, d, y, _ = drawn()
    blocks = np.arange(len(y)) % 2
    dummies = (blocks == 1)[:, None].astype(float)

    def value(i):
        logit = fit_logit(columns_by(z[i], dummies[i], blocks[i]), d[i])
        return doubly_robust_difference(logit, y[i], d[i], "ATT", normalised=normalised, blocks=blocks[i])

    each = [
        doubly_robust_difference(logit_of(z[i], d[i]), y[i], d[i], "ATT", normalised=normalised)
        for i in (blocks == 0, blocks == 1)
    ]
    mine, every = value(np.arange(len(y))), np.arange(len(y))
    assert mine.value == pytest.approx(np.average([e.value for e in each], weights=np.bincount(blocks, d)), rel=1e-9)
    moved = [mine.value - value(np.delete(every, i)).value for i in range(40)]
    assert mine.influence[:40] == pytest.approx(moved, rel=0.1, abs=0.03 * np.abs(mine.influence).max())
    assert (mine.weights[d].sum(), mine.weights[~d].sum()) == pytest.approx((1, 1))


@pytest.mark.parametrize("target", ["ATE", "ATT"])
@pytest.mark.parametrize("wrong", ["outcome", "propensity"])
def test_either_model_may_be_wrong(target, wrong):
    rng = np.random.default_rng(5)
    z = rng.normal(size=60_000)
    drives, level = (z, np.exp(z)) if wrong == "outcome" else (np.abs(z), 3 * z)
    d = rng.random(len(z)) < 1 / (1 + np.exp(0.5 - drives))
    y = 2.0 * d + level + rng.normal(size=len(z))
    found = doubly_robust_difference(fit_logit(columns_of(z[:, None])[0], d), y, d, target, normalised=True)
    assert found.value == pytest.approx(2.0, abs=0.1)


def test_others_that_are_all_but_exposed_do_not_count_where_trimmed():
    z, d, y, _ = drawn()
    logit = logit_of(z, d)
    far = ~d & (logit.probabilities > np.sort(logit.probabilities[~d])[-3])
    from dataclasses import replace

    p = np.where(far, 0.999, logit.probabilities)
    found = doubly_robust_difference(replace(logit, probabilities=p), y, d, "ATT", normalised=True, trimmed=True)
    assert (found.weights[far] == 0).all()
    assert found.weights[~d].sum() == pytest.approx(1)
