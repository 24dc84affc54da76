"""Effects that come in clusters: both variances, robust errors, and predictions for new and known clusters."""

import numpy as np
import pytest
from scipy.linalg import sqrtm
from scipy.stats import chi2, norm

from scale_impact.core.city_effects import CityEffects
from scale_impact.errors import DataError, DesignError, UsageError
from scale_impact.synthesis.between.blocks import blocks_of, rotated, totals
from scale_impact.synthesis.between.line import at, highest
from scale_impact.synthesis.between.robust import sandwich
from scale_impact.synthesis.multilevel import pool_clustered
from scale_impact.synthesis.pooling import pool
from tests.panels import reference
from tests.synthesis.made import bcg, drawn, konstantopoulos, likelihood

CLUSTERS = [0, 0, 0, 1, 1, 2, 3, 3, 3, 3, 4, 5, 5, 6]


def membership(effects):
    names = sorted(set(effects.clusters))
    return np.array([[float(c == n) for n in names] for c in effects.clusters])


def total_of(effects, between, within):
    z = membership(effects)
    return effects.covariance + between * z @ z.T + within * np.eye(len(effects))


# ---- against metafor -----------------------------------------------------------------------------


def test_both_variances_are_those_of_metafor_by_reml():
    theirs = reference("metafor_examples", "konstantopoulos2011_reml")
    found = pool_clustered(konstantopoulos(), inference="normal")
    assert (found.between, found.within) == pytest.approx(theirs["sigma2"], abs=1e-8)
    assert (found.mean, found.std_error) == pytest.approx((theirs["coef"], theirs["se"]), abs=6e-8)
    assert found.log_likelihood == pytest.approx(theirs["logLik"], abs=6e-5)
    assert (found.between_low, found.between_high) == pytest.approx(theirs["sigma2_1_ci"], abs=6e-5)
    assert (found.within_low, found.within_high) == pytest.approx(theirs["sigma2_2_ci"], abs=6e-5)


def test_distances_of_clusters_and_of_effects_are_metafors_random_effects():
    theirs = reference("metafor_examples", "konstantopoulos2011_reml")
    found = pool_clustered(konstantopoulos(), inference="normal")
    places = [found.clusters.index(d) for d in theirs["district"]]
    assert found.cluster_effects[places] == pytest.approx(np.array(theirs["district_blup"]), abs=1e-7)
    assert found.cluster_errors[places] == pytest.approx(np.array(theirs["district_se"]), abs=1e-7)
    of_cluster = np.array([found.cluster_effects[found.clusters.index(c)] for c in found.effects.clusters])
    assert found.shrunken - found.mean - of_cluster == pytest.approx(np.array(theirs["study_blup"]), abs=1e-7)


def test_maximum_likelihood_and_its_normal_prediction_are_as_published():
    theirs = reference("metafor_examples", "konstantopoulos2011_ml")
    found = pool(konstantopoulos(), tau2="ml", inference="normal", prediction="normal")
    assert (found.between_clusters, found.within_clusters) == pytest.approx(theirs["sigma2"], abs=6e-5)
    assert (found.mean, found.std_error) == pytest.approx((theirs["coef"], theirs["se"]), abs=6e-5)
    assert (found.predicted_low, found.predicted_high) == pytest.approx(theirs["pi"], abs=6e-5)


def test_robust_errors_are_those_of_clubsandwich_where_each_trial_is_a_cluster():
    theirs, effects = reference("metafor_examples", "robust_bcg"), bcg()
    x = np.full((13, 1), 13**-0.5)
    blocks = blocks_of(effects.covariance)
    line, _ = rotated(blocks, effects.effects, x)
    tau2 = highest(line)
    sums = at(line, tau2)
    parts = list(totals(blocks, 0.0, tau2))
    bread = np.linalg.inv(sums.information[0])
    for name in ("CR1", "CR2"):
        found = sandwich(parts, x, sums.residuals[0], bread, name)
        assert found.covariance[0, 0] / 13 == pytest.approx(theirs[name], abs=6e-7)
        assert found.df(np.ones(1)) == pytest.approx(theirs[f"{name}_df"], abs=6e-6)
        if name == "CR2":
            assert sums.beta[0, 0] / np.sqrt(found.covariance[0, 0]) == pytest.approx(theirs["CR2_t"], abs=6e-5)


# ---- against the slow and plain way --------------------------------------------------------------


@pytest.mark.parametrize("shared_error", [0.0, 0.3])
@pytest.mark.parametrize("method", ["reml", "ml"])
def test_no_other_pair_of_variances_is_likelier(method, shared_error):
    one = np.ones((14, 1))
    for seed in (0, 2):
        effects = drawn(14, seed, clusters=CLUSTERS, shared_error=shared_error, between=0.3 * seed)
        found = pool_clustered(effects, method=method)

        def of(between, within, effects=effects):
            return likelihood(effects.effects, total_of(effects, between, within), one, method == "reml")

        top = of(found.between, found.within)
        assert found.log_likelihood == pytest.approx(top, abs=1e-9)
        grid = np.r_[0, np.geomspace(1e-3, 10, 12)]
        assert top >= max(of(b, w) for b in grid for w in grid) - 1e-10
        for step in (1e-4, -1e-4):
            assert top >= of(max(found.between + step, 0), found.within) - 1e-12
            assert top >= of(found.between, max(found.within + step, 0)) - 1e-12


def test_the_interval_of_the_variance_in_all_is_where_its_profile_comes_down():
    effects = drawn(14, 1, clusters=CLUSTERS, shared_error=0.0)
    found, one = pool_clustered(effects), np.ones((14, 1))
    floor = found.log_likelihood - chi2.ppf(0.95, 1) / 2
    assert found.tau2_low < found.tau2 < found.tau2_high
    for end in (found.tau2_low, found.tau2_high):
        if end > 0:
            profile = max(
                likelihood(effects.effects, total_of(effects, s * end, (1 - s) * end), one)
                for s in np.linspace(0, 1, 101)
            )
            assert profile == pytest.approx(floor, abs=1e-3)


@pytest.mark.parametrize("seed", range(3))
def test_robust_errors_and_their_degrees_of_freedom_are_those_of_the_definition(seed):
    effects = drawn(14, seed, clusters=CLUSTERS, shared_error=0.0)
    found = pool_clustered(effects)
    total, z = total_of(effects, found.between, found.within), membership(effects)
    w, one = np.linalg.inv(total), np.ones((14, 1))
    bread = 1 / w.sum()
    rest = np.eye(14) - one @ one.T @ w * bread
    scores, loads = [], []
    for g in range(z.shape[1]):
        rows = np.flatnonzero(z[:, g])
        d = np.linalg.cholesky(total[np.ix_(rows, rows)]).T
        b = d @ rest[rows] @ total @ rest[rows].T @ d.T
        a = d.T @ np.linalg.inv(np.real(sqrtm(b))) @ d
        load = a @ w[np.ix_(rows, rows)].sum(axis=0) * bread
        scores.append(load @ (effects.effects - found.mean)[rows])
        loads.append(rest[rows].T @ load)
    g = np.array([[p @ total @ q for q in loads] for p in loads])
    assert found.robust_error == pytest.approx(np.sqrt(np.sum(np.square(scores))))
    assert found.robust_df == pytest.approx(np.trace(g) ** 2 / (g**2).sum())
    assert np.trace(g) == pytest.approx(bread)  # unbiased where the working model is right


def test_predictions_for_a_known_cluster_are_conditional_expectations():
    effects = drawn(14, 2, clusters=CLUSTERS)
    found = pool_clustered(effects)
    total, z = total_of(effects, found.between, found.within), membership(effects)
    inverse = np.linalg.inv(total)
    bread = 1 / inverse.sum()
    for g, name in enumerate(found.clusters):
        cov = found.between * z[:, g]
        new = found.new_city(name)
        assert new.mean == pytest.approx(found.mean + cov @ inverse @ (effects.effects - found.mean))
        left = 1 - cov @ inverse @ np.ones(14)
        variance = found.between - cov @ inverse @ cov + left**2 * bread + found.within
        assert new.error == pytest.approx(np.sqrt(variance))
    with pytest.raises(UsageError, match="There is no cluster 'study 9'"):
        found.new_city("study 9")


def test_a_new_cluster_has_both_variances_and_the_mean_error():
    found = pool_clustered(drawn(14, 3, clusters=CLUSTERS))
    new = found.new_city()
    assert new.error == pytest.approx(np.sqrt(found.std_error**2 + found.between + found.within))
    assert new.df == 6
    pooled = pool(found.effects)
    assert (pooled.predicted_low, pooled.predicted_high) == pytest.approx((new.low, new.high))


def test_cities_own_effects_are_conditional_expectations():
    effects = drawn(14, 2, clusters=CLUSTERS)
    found = pool_clustered(effects, inference="normal")
    z, inverse = membership(effects), np.linalg.inv(total_of(effects, found.between, found.within))
    own = found.between * z @ z.T + found.within * np.eye(14)
    assert found.shrunken == pytest.approx(found.mean + own @ inverse @ (effects.effects - found.mean))
    left = 1 - own @ inverse @ np.ones(14)
    errors = own - own @ inverse @ own + np.outer(left, left) * found.model_error**2
    assert found.shrunken_errors == pytest.approx(np.sqrt(np.diag(errors)))
    assert found.weights == pytest.approx(inverse.sum(axis=0) / inverse.sum())


# ---- limits and refusals -------------------------------------------------------------------------


def test_clusters_that_do_not_differ_give_the_model_without_them():
    effects = drawn(14, 7, clusters=CLUSTERS, between=0.0, tau=0.8, shared_error=0.0)
    found = pool_clustered(effects, inference="normal")
    if found.between == 0:
        alone = pool(effects, clusters="ignore", inference="normal")
        assert (found.within, found.mean, found.std_error) == pytest.approx((alone.tau2, alone.mean, alone.std_error))
    copies = CityEffects(
        tuple("abcdef"), np.array([1.0, 3, 2, 2.2, 1.8, 1.9]), 0.01 * np.eye(6), clusters=tuple("xxyyzz")
    )
    assert pool_clustered(copies).between == 0


def test_the_same_effect_counted_twice_is_counted_once():
    # two reports of one number, whose errors are the same but for rounding: nobody learns more from the second
    rng = np.random.default_rng(2)
    y, v = rng.normal(1, 0.6, 8), rng.uniform(0.05, 0.2, 8)
    twice = np.repeat(np.arange(8), 2)
    errors = np.where(twice[:, None] == twice, v[twice], 0) * (1 - 1e-6 * (~np.eye(16, dtype=bool)))
    doubled = CityEffects(tuple(map(str, range(16))), y[twice], errors, clusters=tuple(map(str, twice)))
    once = pool(CityEffects.of(y, np.sqrt(v)), inference="normal")
    found = pool_clustered(doubled, inference="normal")
    assert found.within == 0
    assert (found.between, found.mean, found.std_error) == pytest.approx(
        (once.tau2, once.mean, once.std_error), rel=1e-4
    )


def test_few_clusters_are_judged_by_the_model_and_that_is_said():
    effects = drawn(6, 1, clusters=[0, 0, 1, 1, 2, 2])
    few = pool_clustered(
        CityEffects(effects.labels, effects.effects, np.diag(effects.variances), clusters=effects.clusters)
    )
    assert few.robust_df < 4
    assert few.judged == "model"
    assert few.df == 2
    assert "under 4" in few.notes[0]


def test_errors_that_relate_all_clusters_leave_no_robust_error():
    found = pool_clustered(drawn(14, 1, clusters=CLUSTERS, shared_error=0.3))
    assert found.robust_error is None
    assert found.judged == "model"
    assert found.df == 6
    assert "relate all clusters" in found.notes[0]


def test_a_robust_model_has_one_variance_and_says_why_it_has_no_interval():
    effects = drawn(14, 5, clusters=CLUSTERS, shared_error=0.0)
    found = pool_clustered(effects, model="robust")
    assert found.between == 0
    assert found.within == pytest.approx(pool(effects, clusters="ignore").tau2)
    assert found.tau2_low is None
    assert "no likelihood" in found.why_not["tau2 interval"]
    assert found.std_error == found.robust_error


@pytest.mark.parametrize("unit", [1e6, 1e-9])
def test_units_change_no_answer(unit):
    effects = drawn(14, 2, clusters=CLUSTERS, shared_error=0.0)
    other = CityEffects(effects.labels, effects.effects * unit, effects.covariance * unit**2, clusters=effects.clusters)
    found, again = pool_clustered(effects), pool_clustered(other)
    for name, power in {
        "mean": 1,
        "std_error": 1,
        "low": 1,
        "between": 2,
        "within": 2,
        "between_high": 2,
        "tau2_high": 2,
    }.items():
        assert getattr(again, name) == pytest.approx(getattr(found, name) * unit**power, rel=1e-6), name
    assert again.robust_df == pytest.approx(found.robust_df)
    assert pool(other).i2 == pytest.approx(pool(effects).i2)


def test_identical_effects_have_no_variance_and_the_models_error():
    effects = CityEffects(tuple("abcdef"), np.full(6, 2.0), 0.04 * np.eye(6), clusters=tuple("xxyyzz"))
    found = pool_clustered(effects)
    assert found.between == found.within == 0
    assert found.std_error == pytest.approx(0.2 / np.sqrt(6))
    assert found.judged == "model"


def test_what_has_no_clusters_is_refused():
    with pytest.raises(DesignError, match="No cluster has two effects"):
        pool_clustered(bcg())
    one = CityEffects(("a", "b"), np.array([1.0, 2]), np.eye(2), clusters=("x", "x"))
    with pytest.raises(DesignError, match="one cluster"):
        pool_clustered(one)
    with pytest.raises(DataError, match="a is 0"):
        pool_clustered(CityEffects(("a", "b"), np.array([1.0, 2]), np.diag([0.0, 1]), clusters=("x", "x")))


def test_normal_inference_uses_the_normal_distribution():
    found = pool_clustered(konstantopoulos(), inference="normal")
    assert found.high - found.mean == pytest.approx(norm.isf(0.025) * found.model_error)
    assert found.df is None
