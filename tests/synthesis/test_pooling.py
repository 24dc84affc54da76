"""The mean over cities, how much they differ, and what a new city may expect."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import chi2, t

from scale_impact.core.city_effects import CityEffects
from scale_impact.errors import DataError, DesignError, UsageError
from scale_impact.synthesis.pooling import pool
from tests.panels import reference
from tests.synthesis.made import bcg, drawn, konstantopoulos, likelihood, raudenbush
from tests.synthesis.metafor_stops import ROOT_TOLERANCE, fisher_scoring, uniroot

METHODS = {
    "reml": "REML",
    "dersimonian_laird": "DL",
    "ml": "ML",
    "hedges": "HE",
    "sidik_jonkman": "SJ",
    "hunter_schmidt": "HS",
    "empirical_bayes": "EB",
    "paule_mandel": "PM",
}
INFERENCES = {"normal": ("z", "normal"), "hartung_knapp": ("knha", "k-1")}


def numbers(pooled):
    """What metafor prints, under its names."""
    return {
        "estimate": pooled.mean, "se": pooled.std_error, "p": pooled.p_value, "ci_low": pooled.low, "ci_high": pooled.high,
        "tau2": pooled.tau2, "se_tau2": pooled.tau2_error, "I2": 100 * pooled.i2, "H2": pooled.h2, "Q": pooled.q, "Q_p": pooled.q_p,
        "QM": (pooled.mean / pooled.std_error) ** 2, "QMp": pooled.p_value, "k": len(pooled), "ddf": pooled.df,
        "stat": pooled.mean / pooled.std_error,
    }  # fmt: skip


def agrees(ours, theirs, tolerance=1e-6):
    for name, value in theirs.items():
        if name in ours and value is not None:
            assert ours[name] == pytest.approx(value, rel=tolerance, abs=tolerance), name


# ---- against metafor -----------------------------------------------------------------------------


@pytest.mark.parametrize("inference", INFERENCES)
@pytest.mark.parametrize("method", [m for m in METHODS if m != "paule_mandel"])
def test_all_numbers_are_those_of_metafor(method, inference):
    test, prediction = INFERENCES[inference]
    found = pool(bcg(), tau2=method, inference=inference, prediction=prediction)
    agrees(numbers(found), reference("meta_bcg", f"rma_{METHODS[method]}_{test}"))
    theirs = reference("meta_bcg", f"predict_{METHODS[method]}_{test}")
    agrees({"pi_low": found.predicted_low, "pi_high": found.predicted_high}, theirs)


@pytest.mark.parametrize("method", [m for m in METHODS if m != "paule_mandel"])
def test_two_degrees_of_freedom_less_give_the_interval_of_higgins_thompson_and_spiegelhalter(method):
    found = pool(bcg(), tau2=method, inference="normal", prediction="k-2")
    theirs = reference("meta_bcg", f"predict_riley_t_km2_{METHODS[method]}")
    agrees({"pi_low": found.predicted_low, "pi_high": found.predicted_high}, theirs)
    assert found.prediction_df == 11


def q_of(effects):
    y, v = effects.effects, effects.variances

    def q(tau2):
        w = 1 / (v + tau2)
        return float(w @ (y - w @ y / w.sum()) ** 2)

    return q


def test_paule_and_mandels_tau2_solves_its_equation_and_metafor_stops_close_to_it():
    # metafor calls R's uniroot on 0 to 100 with a tolerance of 1.2e-4: its digits come out with that rule, to rounding
    q, theirs = q_of(bcg()), reference("meta_bcg", "rma_PM_knha")
    found = pool(bcg(), tau2="paule_mandel")
    assert q(found.tau2) == pytest.approx(12, abs=1e-11)
    assert uniroot(lambda tau2: q(tau2) - 12, 0, 100) == pytest.approx(theirs["tau2"], abs=1e-12)
    assert abs(found.tau2 - theirs["tau2"]) < ROOT_TOLERANCE / 2
    agrees(numbers(found), theirs, tolerance=1e-4)
    for entry, options in {
        "predict_PM_knha": {},
        "predict_riley_t_km2_PM": {"inference": "normal", "prediction": "k-2"},
    }.items():
        new = pool(bcg(), tau2="paule_mandel", **options)
        agrees(
            {"pi_low": new.predicted_low, "pi_high": new.predicted_high}, reference("meta_bcg", entry), tolerance=1e-4
        )


def test_the_interval_of_tau2_is_metafors_q_profile():
    q, theirs = q_of(bcg()), reference("meta_bcg", "confint_REML")
    found = pool(bcg())
    for end, quantile, i in ((found.tau2_low, 0.975, "lo"), (found.tau2_high, 0.025, "hi")):
        level = chi2.ppf(quantile, 12)
        assert q(end) == pytest.approx(level, abs=1e-10)
        assert uniroot(lambda tau2, level=level: q(tau2) - level, 0, 100) == pytest.approx(theirs[i][0], abs=1e-12)
        assert end == pytest.approx(theirs[i][0], abs=ROOT_TOLERANCE / 2)
    agrees(
        {"I2": 100 * found.i2_low, "H2": found.h2_low}, {"I2": theirs["lo"][2], "H2": theirs["lo"][3]}, tolerance=2e-4
    )
    agrees(
        {"I2": 100 * found.i2_high, "H2": found.h2_high}, {"I2": theirs["hi"][2], "H2": theirs["hi"][3]}, tolerance=2e-4
    )


def test_reml_is_at_the_top_and_metafors_last_step_is_under_its_threshold():
    effects, theirs = bcg(), reference("meta_bcg", "rma_REML_z")
    y, v, one = effects.effects, effects.variances, np.ones((13, 1))
    assert fisher_scoring(y, v, one) == pytest.approx(theirs["tau2"], abs=1e-12)
    assert pool(effects).tau2 == pytest.approx(fisher_scoring(y, v, one, step=1e-15), abs=1e-13)


def test_the_ad_hoc_correction_never_scales_down():
    agrees(numbers(pool(bcg(), inference="hartung_knapp_floor")), reference("meta_bcg", "adhoc_knha_REML"))
    near = CityEffects.of([0.1, 0.11, 0.12, 0.1], [0.1] * 4)
    assert pool(near).std_error < pool(near, inference="hartung_knapp_floor").std_error == pytest.approx(0.05)
    assert any("hartung_knapp_floor" in n for n in pool(near).notes)


def test_a_common_effect_is_the_fixed_effect_of_metafor_and_predicts_nothing():
    found = pool(bcg(), tau2="common", inference="normal")
    agrees(numbers(found), reference("meta_bcg", "rma_FE_z"))
    assert found.predicted_low is None
    assert "same in all cities" in found.why_not["prediction"]


def test_leaving_each_out_gives_metafors_numbers():
    # metafor's REML is within its last step of 1e-5
    theirs = reference("meta_bcg", "leave1out_REML")
    for i in range(13):
        found = pool(bcg().take([j for j in range(13) if j != i]), inference="normal")
        ours = {"est": found.mean, "se": found.std_error, "tau2": found.tau2, "I2": 100 * found.i2}
        agrees(ours, {name: theirs[name][i] for name in ours}, tolerance=2e-5)
        assert found.q == pytest.approx(theirs["Q"][i], abs=1e-6)


def test_cities_own_effects_are_drawn_to_the_mean_as_in_raudenbush_and_bryk():
    theirs = reference("metafor_examples", "raudenbush1985_reml")
    found = pool(raudenbush(), inference="normal")
    assert found.shrunken == pytest.approx(np.array(theirs["blup"]), abs=6e-5)
    # printed to four digits, at a tau2 within metafor's last step
    low, high = (found.shrunken + z * found.shrunken_errors for z in (-1.959964, 1.959964))
    assert low == pytest.approx(np.array(theirs["blup_low"]), abs=2e-4)
    assert high == pytest.approx(np.array(theirs["blup_high"]), abs=2e-4)
    agrees({"tau2": found.tau2, "coef": found.mean, "QE": found.q}, theirs, tolerance=6e-5)


def test_konstantopoulos_without_districts_is_the_two_level_model():
    theirs = reference("metafor_examples", "konstantopoulos2011_two_level")
    found = pool(konstantopoulos(), clusters="ignore", inference="normal")
    ours = {"coef": found.mean, "se": found.std_error, "tau2": found.tau2, "se_tau2": found.tau2_error}
    agrees(ours, theirs, tolerance=6e-5)
    assert (found.tau2_low, found.tau2_high) == pytest.approx(theirs["tau2_ci"], abs=ROOT_TOLERANCE / 2 + 5e-5)
    assert "not taken into account" in found.notes[0]


def test_statsmodels_pools_the_same_by_paule_mandel_and_dersimonian_laird():
    from statsmodels.stats.meta_analysis import combine_effects

    rng = np.random.default_rng(3)
    y, v = rng.normal(1, 1, 25), rng.uniform(0.05, 1, 25)
    for theirs, ours in (("iterated", "paule_mandel"), ("chi2", "dersimonian_laird")):
        other = combine_effects(y, v, method_re=theirs, use_t=True)
        found = pool(CityEffects.of(y, np.sqrt(v)), tau2=ours)
        # its iteration stops at 1e-5
        assert found.tau2 == pytest.approx(other.tau2, abs=2e-5)
        assert (found.mean, found.std_error) == pytest.approx((other.mean_effect_re, other.sd_eff_w_re_hksj), abs=2e-5)


# ---- related errors ------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_related_errors_are_taken_as_a_dense_likelihood_takes_them(seed):
    effects = drawn(14, seed, tau=0.3 * seed)
    one, y, v = np.ones((14, 1)), effects.effects, effects.covariance
    found = pool(effects)
    top = likelihood(y, v + found.tau2 * np.eye(14), one)
    grid = np.r_[0, np.geomspace(1e-6, 50, 150)]
    assert top >= max(likelihood(y, v + g * np.eye(14), one) for g in grid) - 1e-12
    near = minimize_scalar(
        lambda g: -likelihood(y, v + g * np.eye(14), one),
        bounds=(0, 3 * found.tau2 + 1e-3),
        method="bounded",
        options={"xatol": 1e-10},
    )
    assert found.tau2 == pytest.approx(near.x, abs=1e-6)
    inverse = np.linalg.inv(v + found.tau2 * np.eye(14))
    weights = inverse.sum(axis=0) / inverse.sum()
    ratio = (y - weights @ y) @ inverse @ (y - weights @ y) / 13
    assert found.weights == pytest.approx(weights, abs=1e-12)
    assert found.mean == pytest.approx(weights @ y)
    assert found.std_error == pytest.approx(np.sqrt(ratio / inverse.sum()))
    at_none = np.linalg.inv(v)
    fixed = at_none.sum(axis=0) @ y / at_none.sum()
    assert found.q == pytest.approx((y - fixed) @ at_none @ (y - fixed))
    half = t.isf(0.025, 13) * np.hypot(found.std_error, np.sqrt(found.tau2))
    assert (found.predicted_low, found.predicted_high) == pytest.approx((found.mean - half, found.mean + half))


def test_related_errors_draw_cities_to_the_mean_as_conditional_expectations_do():
    effects = drawn(9, 4)
    found = pool(effects, inference="normal")
    y, total = effects.effects, effects.covariance + found.tau2 * np.eye(9)
    inverse, one = np.linalg.inv(total), np.ones(9)
    expected = found.mean + found.tau2 * inverse @ (y - found.mean)
    assert found.shrunken == pytest.approx(expected)
    left = one - found.tau2 * inverse @ one
    errors = found.tau2 * np.eye(9) - found.tau2**2 * inverse + np.outer(left, left) * found.std_error**2
    assert found.shrunken_errors == pytest.approx(np.sqrt(np.diag(errors)))


@pytest.mark.parametrize("method", [m for m in METHODS if m not in ("sidik_jonkman", "empirical_bayes")])
def test_independent_errors_give_the_same_whichever_way_they_are_computed(method):
    # an error shared by almost nothing takes the way of related errors
    alone = drawn(12, 8, shared_error=0.0)
    related = alone.covariance.copy()
    related[0, 1] = related[1, 0] = 1e-13
    found = pool(CityEffects(alone.labels, alone.effects, related), tau2=method)
    expected = pool(alone, tau2=method)
    for name in ("mean", "std_error", "tau2", "q", "i2", "predicted_low", "tau2_error", "tau2_high"):
        assert getattr(found, name) == pytest.approx(getattr(expected, name), rel=1e-9, abs=1e-12), name
    assert found.shrunken_errors == pytest.approx(expected.shrunken_errors)


def test_errors_that_determine_each_other_are_pooled_by_likelihood_and_have_no_q():
    rng = np.random.default_rng(5)
    loads = rng.uniform(0.2, 0.5, (12, 3))  # errors of 12 cities from 3 numbers
    effects = CityEffects(tuple("abcdefghijkl"), rng.normal(0, 1, 12) + loads @ rng.standard_normal(3), loads @ loads.T)
    found = pool(effects)
    one = np.ones((12, 1))
    tops = [likelihood(effects.effects, effects.covariance + g * np.eye(12), one) for g in np.geomspace(1e-3, 10, 300)]
    assert likelihood(effects.effects, effects.covariance + found.tau2 * np.eye(12), one) >= max(tops)
    assert found.q is None
    assert found.i2 is None
    assert "no inverse" in found.why_not["q"]
    assert 0 < found.tau2_low < found.tau2 < found.tau2_high
    assert pool(effects, tau2="paule_mandel").tau2 > 0
    with pytest.raises(DesignError, match="Take reml or paule_mandel"):
        pool(effects, tau2="dersimonian_laird")


# ---- closed forms, limits, invariances -----------------------------------------------------------


def test_equal_errors_have_a_closed_form():
    y = np.array([0.4, 1.9, -0.7, 1.1, 2.5, 0.2])
    found = pool(CityEffects.of(y, [0.5] * 6))
    assert found.tau2 == pytest.approx(y.var(ddof=1) - 0.25)
    assert found.std_error == pytest.approx(y.std(ddof=1) / np.sqrt(6))
    assert found.low == pytest.approx(y.mean() - t.isf(0.025, 5) * y.std(ddof=1) / np.sqrt(6))
    assert found.weights == pytest.approx(np.full(6, 1 / 6))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("unit", [1e6, 1e-9, -1.0])
def test_units_and_signs_change_no_answer(method, unit):
    effects = drawn(11, 2)
    other = CityEffects(effects.labels, effects.effects * unit, effects.covariance * unit**2)
    found, again = pool(effects, tau2=method), pool(other, tau2=method)
    assert again.mean == pytest.approx(found.mean * unit, rel=1e-9)
    assert again.std_error == pytest.approx(found.std_error * abs(unit), rel=1e-9)
    assert again.tau2 == pytest.approx(found.tau2 * unit**2, rel=1e-9)
    assert again.i2 == pytest.approx(found.i2, rel=1e-9)
    ends = sorted((found.predicted_low * unit, found.predicted_high * unit))
    assert (again.predicted_low, again.predicted_high) == pytest.approx(ends, rel=1e-9)


def test_a_shift_moves_the_mean_and_nothing_else():
    effects = drawn(11, 3)
    moved = pool(CityEffects(effects.labels, effects.effects + 1e6, effects.covariance))
    found = pool(effects)
    assert moved.mean - 1e6 == pytest.approx(found.mean, abs=1e-8)
    assert (moved.tau2, moved.std_error) == pytest.approx((found.tau2, found.std_error), rel=1e-7)


def test_the_order_of_cities_does_not_matter():
    effects = drawn(12, 6, clusters=[0, 0, 0, 1, 1, 2, 3, 3, 4, 4, 5, 5])
    order = np.random.default_rng(0).permutation(12)
    for options in ({}, {"clusters": "ignore"}, {"clusters": "robust"}):
        found, again = pool(effects, **options), pool(effects.take(order), **options)
        for name in ("mean", "std_error", "tau2", "low", "predicted_high"):
            assert getattr(again, name) == pytest.approx(getattr(found, name), rel=1e-7, abs=1e-9), name
        assert again.weights == pytest.approx(found.weights[order], abs=1e-8)
        assert again.shrunken == pytest.approx(found.shrunken[order], abs=1e-7)


def test_reml_takes_the_highest_of_several_peaks():
    # two sure cities far apart, among unsure ones: a likelihood with two peaks in some of these draws
    rng = np.random.default_rng(11)
    for _ in range(30):
        k = int(rng.integers(3, 7))
        y, v = rng.standard_cauchy(k), 10.0 ** rng.uniform(-4, 2, k)
        found = pool(CityEffects.of(y, np.sqrt(v)))
        grid = np.r_[0, np.geomspace(1e-6, 1e4, 150)]
        tops = [likelihood(y, np.diag(v + g), np.ones((k, 1))) for g in grid]
        assert likelihood(y, np.diag(v + found.tau2), np.ones((k, 1))) >= max(tops) - 1e-9


# ---- bad input -----------------------------------------------------------------------------------


def test_one_city_has_its_own_interval_and_no_prediction_and_says_why():
    found = pool(CityEffects.of([2.0], [0.5], labels=["Gary"]))
    assert (found.mean, found.std_error) == (2.0, 0.5)
    assert found.low == pytest.approx(2 - 1.959964 * 0.5, abs=1e-6)
    assert found.predicted_low is found.predicted_high is found.tau2 is found.q is None
    assert "one city" in found.why_not["prediction"]
    assert "Gary" in found.notes[0]
    assert not any(isinstance(v, float) and np.isnan(v) for v in vars(found).values())


def test_one_citys_own_degrees_of_freedom_widen_its_interval():
    found = pool(CityEffects(("Gary",), np.array([2.0]), np.array([[0.25]]), df=np.array([4.0])))
    assert found.high == pytest.approx(2 + t.isf(0.025, 4) * 0.5)


def test_no_city_is_refused():
    with pytest.raises(DesignError, match="no effects"):
        pool(CityEffects.of([], []))


def test_two_cities_are_pooled_with_one_degree_of_freedom_and_a_warning():
    found = pool(CityEffects.of([0.0, 2.0], [0.1, 0.1]))
    assert found.df == 1
    assert found.tau2 == pytest.approx(2 - 0.01)
    assert found.predicted_high - found.mean == pytest.approx(12.7062 * found.prediction_error, rel=1e-5)
    assert any("2 cities" in n for n in found.notes)
    none = pool(CityEffects.of([0.0, 2.0], [0.1, 0.1]), prediction="k-2")
    assert none.predicted_low is none.prediction_error is None
    assert "three cities" in none.why_not["prediction"]


def test_identical_effects_keep_the_models_error_and_say_that_hartung_and_knapps_would_be_zero():
    found = pool(CityEffects.of([0.3, 0.3, 0.3, 0.3], [0.1, 0.2, 0.1, 0.3]))
    assert found.tau2 == found.q == found.i2 == 0
    assert found.std_error == pytest.approx(np.sqrt(1 / (100 + 25 + 100 + 1 / 0.09)))
    assert found.predicted_low < 0.3 < found.predicted_high
    assert any("would be 0" in n for n in found.notes)
    assert found.tau2_high is None
    assert "empty Q-profile" in found.why_not["tau2 interval"]


@pytest.mark.parametrize(
    ("errors", "named"), [([0, 1, 1], "Ayr"), ([0, 1, 0], "Ayr, Cork"), ([0, 0, 0], "all effects")]
)
def test_standard_errors_of_zero_are_refused_with_their_cities(errors, named):
    with pytest.raises(DataError, match=f"{named} is 0.*Give its standard error"):
        pool(CityEffects.of([1, 2, 3], errors, labels=["Ayr", "Bath", "Cork"]))
    with pytest.raises(DataError, match="Ayr"):
        pool(CityEffects.of([1e6, 2e6, 3e6], [1e-9, 1e5, 1e5], labels=["Ayr", "Bath", "Cork"]))


def test_tau2_at_its_boundary_is_zero_and_said():
    found = pool(CityEffects.of([0.1, 0.2, 0.15, 0.12, 0.3], [1.0] * 5))
    assert found.tau2 == 0.0
    assert found.tau2_low in (0.0, None)
    assert any("boundary" in n for n in found.notes)


def test_errors_that_rest_on_few_degrees_of_freedom_are_named():
    effects = CityEffects(("a", "b", "c"), np.array([1.0, 2, 4]), np.eye(3), df=np.array([3.0, np.inf, 8.0]))
    assert any("a, c" in n and "the least 3" in n for n in pool(effects).notes)


def test_words_that_are_no_options_are_refused():
    with pytest.raises(UsageError, match="Did you mean 'paule_mandel'"):
        pool(bcg(), tau2="paul_mandel")
    with pytest.raises(UsageError, match="level"):
        pool(bcg(), level=95)


# ---- clusters ------------------------------------------------------------------------------------


def test_effects_of_one_cluster_are_taken_as_such_without_being_asked():
    found = pool(konstantopoulos())
    assert found.clustered is not None
    assert (found.between_clusters, found.within_clusters) == pytest.approx((0.06506194, 0.03273652), abs=1e-8)
    assert found.tau2 == pytest.approx(found.between_clusters + found.within_clusters)
    assert "CR2" in found.inference
    assert any("11 clusters" in n for n in found.notes)
    assert found.weights.sum() == pytest.approx(1)


def test_an_estimator_that_has_no_two_variances_gets_robust_errors():
    found = pool(konstantopoulos(), tau2="dersimonian_laird")
    assert found.between_clusters == 0
    assert found.tau2 == pytest.approx(pool(konstantopoulos(), tau2="dersimonian_laird", clusters="ignore").tau2)
    assert "CR2" in found.inference
    with pytest.raises(DesignError, match="multilevel"):
        pool(konstantopoulos(), tau2="dersimonian_laird", clusters="multilevel")


def test_clusters_of_one_effect_each_are_no_clusters():
    alone = CityEffects.of([1.0, 2.0, 4.0, 3.0], [0.5, 0.4, 0.6, 0.5])
    named = CityEffects(alone.labels, alone.effects, alone.covariance, clusters=("a", "b", "c", "d"))
    assert pool(named).std_error == pool(alone).std_error
    with pytest.raises(DesignError, match="several are of one cluster"):
        pool(named, clusters="robust")


def test_one_cluster_alone_is_pooled_for_itself_and_said():
    alone = CityEffects.of([1.0, 2.0, 4.0, 3.0], [0.5, 0.4, 0.6, 0.5])
    named = CityEffects(alone.labels, alone.effects, alone.covariance, clusters=("a",) * 4)
    found = pool(named)
    assert found.mean == pool(alone).mean
    assert "of one cluster (a)" in found.notes[0]


def test_errors_without_an_inverse_beside_no_differences_are_refused():
    loads = np.linspace(0.5, 1.5, 6)
    effects = CityEffects(tuple("abcdef"), np.full(6, 0.3), np.outer(loads, loads))
    for method in ("reml", "paule_mandel", "hedges"):
        with pytest.raises(DesignError, match="determine each other"):
            pool(effects, tau2=method)


def test_one_city_with_all_the_weight_leaves_the_error_of_tau2_its_digits():
    y, v = np.array([1.2, -0.4, 0.9]), np.array([4.5e3, 1.6e3, 1.6e-6])
    found = pool(CityEffects.of(y, np.sqrt(v)))
    w = 1 / (v + found.tau2)
    # P of three effects, its first entry by the weights of the others
    p = np.array([[w[i] * (w.sum() - w[i]) if i == j else -w[i] * w[j] for j in range(3)] for i in range(3)]) / w.sum()
    assert found.tau2_error == pytest.approx(np.sqrt(2 / np.trace(p @ p)), rel=1e-6)


# ---- errors that few controls tell ---------------------------------------------------------------------------


def sharing(k, df, *, common=0.4, seed=3, clusters=None, size=0.2):
    """k effects whose errors all share a part, known with so many degrees of freedom."""
    rng = np.random.default_rng(seed)
    covariance = size * ((1 - common) * np.eye(k) + common)
    y = 0.3 + 0.5 * rng.standard_normal(k) + rng.multivariate_normal(np.zeros(k), covariance)
    known = None if df is None else np.full(k, float(df))
    return CityEffects(tuple(map(str, range(k))), y, covariance, clusters=clusters, df=known)


def test_what_few_controls_tell_limits_the_degrees_of_freedom_of_the_mean():
    found, sure = pool(sharing(18, 3, size=0.5)), pool(sharing(18, None, size=0.5))
    assert (found.mean, found.std_error, found.tau2) == (sure.mean, sure.std_error, sure.tau2)
    assert (found.df, sure.df) == (3, 17)
    assert found.high - found.mean == pytest.approx(t.isf(0.025, 3) * found.std_error)
    square = found.std_error**2
    expected = (square + found.tau2) ** 2 / (square**2 / 3 + found.tau2**2 / 17)
    assert found.prediction_df == pytest.approx(expected)
    assert found.predicted_high - found.mean == pytest.approx(t.isf(0.025, expected) * found.prediction_error)
    assert any("known with 3 degrees of freedom only" in n for n in found.notes)
    assert not any("degrees of freedom only" in n for n in sure.notes)


def test_more_controls_than_cities_and_unrelated_errors_limit_nothing():
    for effects in (sharing(8, 40), sharing(8, 3, common=0.0)):
        found = pool(effects)
        assert (found.df, found.prediction_df, found.shared_df) == (7, 7, None)


@pytest.mark.parametrize(("prediction", "df"), [("k-1", 17.0), ("k-2", 16.0), ("normal", None)])
def test_the_prediction_keeps_the_degrees_of_freedom_that_were_asked_for_where_differences_rule(prediction, df):
    effects = sharing(18, 3)
    apart = CityEffects(effects.labels, 1e4 * effects.effects, effects.covariance, df=effects.df)
    found = pool(apart, prediction=prediction)
    assert found.prediction_df == (None if df is None else pytest.approx(df, rel=0.05))
    assert pool(apart, inference="normal").df is None


def test_studies_of_their_own_limit_the_mean_by_what_they_add_to_its_error():
    one, two = sharing(10, 2, seed=1), sharing(4, None, common=0.0, seed=2)
    covariance = np.zeros((14, 14))
    covariance[:10, :10], covariance[10:, 10:] = one.covariance, two.covariance
    y, df = np.r_[one.effects, two.effects], np.r_[np.full(10, 2.0), np.full(4, np.inf)]
    found = pool(CityEffects(tuple(map(str, range(14))), y, covariance, df=df))
    total, w = covariance + found.tau2 * np.eye(14), found.weights
    first, rest = (w[at] @ total[np.ix_(at, at)] @ w[at] for at in (np.arange(10), np.arange(10, 14)))
    assert found.df == pytest.approx(min(13, (first + rest) ** 2 / (first**2 / 2 + rest**2 / 13)))
    assert 2 < found.df < 13


def test_the_mean_of_few_controls_is_held_as_often_as_promised_through_the_whole_chain():
    from benchmarks.prediction_coverage import Panels

    held = np.array([Panels(18, 3, 0.5).sample([1, i]) for i in range(60)])
    mean, without, prediction = held[:, 0].mean(), held[:, 1].mean(), held[:, 3].mean()
    assert without < 0.9 < mean
    assert 0.9 < prediction < 0.99


def test_clusters_that_errors_relate_are_limited_too_and_a_new_city_has_the_pools_prediction():
    names = tuple(f"study {i // 3}" for i in range(18))
    found = pool(sharing(18, 2, clusters=names), prediction="k-2")
    assert found.df == 2
    assert found.clustered.new_city().df == found.prediction_df
    assert (found.clustered.new_city().low, found.clustered.new_city().high) == pytest.approx(
        (found.predicted_low, found.predicted_high)
    )
    normal = pool(sharing(18, 2, clusters=names), inference="normal", prediction="normal")
    assert normal.clustered.new_city().df is None
    assert normal.clustered.new_city("study 1").df is None
    assumed = pool(sharing(18, None, clusters=names, common=0.0), tau2="common", clusters="robust")
    with pytest.raises(DesignError, match="no prediction for a new city"):
        assumed.clustered.new_city()
