"""The logit of exposure: maximum likelihood, and rows that covariates tell apart."""

import numpy as np
import pytest

from scale_impact.core.causal.balancing.logit import columns_of, fit_logit, independent


def drawn(n=400, seed=1):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, 3)) * [1, 50, 0.01] + [0, 1000, 5]
    return z, rng.random(n) < 1 / (1 + np.exp(-z[:, 0])), rng


def test_probabilities_are_those_of_maximum_likelihood():
    import statsmodels.api as sm

    z, d, _ = drawn()
    mine = fit_logit(columns_of(z)[0], d)
    scaled = (z - z.mean(axis=0)) / z.std(axis=0)
    theirs = sm.Logit(d.astype(float), sm.add_constant(scaled)).fit(disp=0, tol=1e-13)
    assert mine.probabilities == pytest.approx(theirs.predict(), abs=1e-12)
    assert mine.inverse == pytest.approx(theirs.cov_params(), rel=1e-8)
    assert not mine.apart.any()


def test_scores_sum_to_nothing_and_are_what_leaving_a_row_out_does():
    z, d, _ = drawn()
    x = columns_of(z)[0]
    mine = fit_logit(x, d)
    assert np.abs(mine.scores.sum(axis=0)).max() < 1e-10
    out = np.arange(len(d)) != 7
    moved = mine.coefficients - fit_logit(x[out], d[out]).coefficients
    assert moved == pytest.approx(mine.scores[7], rel=0.05, abs=2e-4)


def test_a_start_from_elsewhere_ends_at_the_same_place():
    z, d, _ = drawn()
    x = columns_of(z)[0]
    assert fit_logit(x, d, np.array([1.0, -1.0, 0.5, 2.0])).coefficients == pytest.approx(
        fit_logit(x, d).coefficients, abs=1e-9
    )


def test_columns_that_are_combinations_of_others_are_left_out():
    z, _, _ = drawn()
    x, kept = columns_of(np.column_stack([z, z[:, 0] + 2 * z[:, 2]]))
    assert x.shape[1] == 4
    assert kept.tolist() == [0, 1, 2]
    assert len(independent(np.ones((1, 3)))) == 1


def test_all_rows_are_told_apart_where_a_covariate_decides():
    z, _, _ = drawn()
    assert fit_logit(columns_of(z)[0], z[:, 0] > 0.3).apart.all()


def test_only_the_rows_of_a_pure_category_are_told_apart():
    z, d, rng = drawn()
    pure = rng.random(len(d)) < 0.1
    found = fit_logit(columns_of(np.column_stack([z, pure]))[0], d | pure)
    assert found.apart.tolist() == pure.tolist()


@pytest.mark.parametrize("seed", range(5))
def test_a_strong_covariate_that_does_not_decide_tells_nobody_apart(seed):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(3000, 2))
    found = fit_logit(columns_of(z)[0], z[:, 0] * 30 + rng.logistic(size=3000) > 0)
    assert not found.apart.any()
    assert np.abs(found.logits).max() > 30
