"""Weighted means: against stacked estimating equations elsewhere, and against leaving rows out."""

import numpy as np
import pytest

from scale_impact.core.causal.balancing.logit import columns_of, fit_logit
from scale_impact.core.causal.balancing.weights import (
    beyond,
    cluster_variance,
    crump_cut,
    weighted_difference,
    weighted_mean,
)


def drawn(n=900, seed=2):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, 3))
    d = rng.random(n) < 1 / (1 + np.exp(-0.7 * z[:, 0] + 0.5))
    return z, d, z @ [1, 2, 3] + d * (1 + z[:, 1]) + rng.normal(size=n), (z[:, 2] > 0).astype(int)


def logit_of(z, d):
    return fit_logit(columns_of(z)[0], d)


@pytest.mark.parametrize(("target", "group"), [("ATE", "all"), ("ATT", 1)])
def test_value_and_error_are_those_of_statsmodels(target, group):
    import statsmodels.api as sm
    from statsmodels.treatment.treatment_effects import TreatmentEffect

    z, d, y, _ = drawn()
    x = sm.add_constant(z)
    select = sm.Logit(d.astype(float), x).fit(disp=0, tol=1e-14)
    theirs = TreatmentEffect(sm.OLS(y, x), d.astype(int), results_select=select).ipw(effect_group=group)
    mine = weighted_difference(logit_of(z, d), y, d, np.zeros(len(y), int), target)
    assert mine.value == pytest.approx(float(np.ravel(theirs.effect)[0]), rel=1e-10)
    assert np.sqrt(cluster_variance(mine.influence, np.arange(len(y)))) == pytest.approx(
        theirs.results_gmm.bse[0], rel=1e-8
    )


@pytest.mark.parametrize("target", ["ATE", "ATT", "ATO"])
def test_influence_is_what_leaving_a_row_out_does_also_with_groups(target):
    z, d, y, g = drawn()
    x = np.column_stack([z, g])
    value = lambda i: weighted_difference(logit_of(x[i], d[i]), y[i], d[i], g[i], target).value  # noqa: E731
    every = np.arange(len(y))
    mine = weighted_difference(logit_of(x, d), y, d, g, target)
    moved = [mine.value - value(np.delete(every, i)) for i in range(40)]
    assert mine.influence[:40] == pytest.approx(moved, rel=0.05, abs=0.03 * np.abs(mine.influence).max())
    assert abs(mine.influence.sum()) < 1e-9


def test_weights_sum_to_one_in_each_arm_and_overlap_weights_balance_means_exactly():
    z, d, y, g = drawn()
    x = np.column_stack([z, g])
    for target in ("ATE", "ATT", "ATO"):
        w = weighted_difference(logit_of(x, d), y, d, g, target).weights
        assert (w[d].sum(), w[~d].sum()) == pytest.approx((1, 1))
    one = weighted_difference(logit_of(z, d), y, d, np.zeros(len(y), int), "ATO").weights
    assert one[d] @ z[d] == pytest.approx(one[~d] @ z[~d], abs=1e-10)


def test_groups_are_compared_within():
    z, d, y, g = drawn()
    shifted = y + 1000 * g
    x = np.column_stack([z, g])
    for target in ("ATE", "ATT", "ATO"):
        a, b = (weighted_difference(logit_of(x, d), v, d, g, target) for v in (y, shifted))
        assert a.value == pytest.approx(b.value, abs=1e-9)
        assert a.influence == pytest.approx(b.influence, abs=1e-9)


def test_the_mean_by_odds_is_the_att_weighting():
    z, d, y, _ = drawn()
    logit = logit_of(z, d)
    found = weighted_mean(logit, y, ~d)
    p = logit.probabilities[~d]
    assert found.value == pytest.approx(np.average(y[~d], weights=p / (1 - p)))
    whole = weighted_difference(logit, y, d, np.zeros(len(y), int), "ATT")
    own = np.where(d, (y - y[d].mean()) / d.sum(), 0)
    assert own - found.influence == pytest.approx(whole.influence)


def test_crump_s_share_solves_its_equation_and_is_none_where_all_are_alike():
    p = np.random.default_rng(3).beta(0.4, 0.4, 5000)
    cut = crump_cut(p, "ATE")
    bound = 1 / (cut * (1 - cut))
    g = 1 / (p * (1 - p))
    assert 2 * g[g <= bound].mean() == pytest.approx(bound, rel=5e-3)
    assert 0.02 < cut < 0.2
    assert crump_cut(np.full(50, 0.3), "ATE") == 0.0


def test_crump_s_share_is_the_most_precise_one():
    p = np.random.default_rng(4).beta(0.5, 0.5, 4000)
    variance = lambda a: (1 / (p * (1 - p)))[(p >= a) & (p <= 1 - a)].mean() / ((p >= a) & (p <= 1 - a)).mean()  # noqa: E731
    shares = np.linspace(0.005, 0.3, 200)
    assert crump_cut(p, "ATE") == pytest.approx(shares[np.argmin([variance(a) for a in shares])], abs=0.01)
    of_exposed = lambda a: (p / (1 - p))[p <= 1 - a].sum() / p[p <= 1 - a].sum() ** 2  # noqa: E731
    assert crump_cut(p, "ATT") == pytest.approx(shares[np.argmin([of_exposed(a) for a in shares])], abs=0.01)


def test_trimming_for_the_exposed_leaves_low_propensities_in():
    p = np.array([0.01, 0.5, 0.99])
    assert beyond(p, 0.1, "ATT").tolist() == [False, False, True]
    assert beyond(p, 0.1, "ATE").tolist() == [True, False, True]


def test_clusters_are_summed_before_they_are_squared():
    assert cluster_variance(np.array([1.0, 2.0, -3.0]), np.array([5, 5, 9])) == 18.0
