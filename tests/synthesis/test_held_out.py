"""The held-out test: each city pooled without it equals pooling the others, intervals hold as often as they promise, words and limits."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from scale_impact.core.city_effects import CityEffects
from scale_impact.errors import DataError, UsageError
from scale_impact.synthesis.for_city import expect
from scale_impact.synthesis.held_out import hold_out
from scale_impact.synthesis.holding_out.record import counted_hits
from scale_impact.synthesis.meta_regression import regress
from scale_impact.synthesis.pooling import pool
from tests.panels import shared

NEVER = {"similarity": "never"}


def cities(k, seed, *, tau=0.6, common=0.0, low=0.1, high=0.6, context=False, clusters=None):
    """Effects around 0.5 with errors of unequal size, a part of which all share."""
    rng = np.random.default_rng(seed)
    s = rng.uniform(low, high, k)
    covariance = np.diag((1 - common) * s**2) + common * np.outer(s, s)
    truth = 0.5 + tau * rng.standard_normal(k)
    y = truth + np.sqrt(1 - common) * s * rng.standard_normal(k) + np.sqrt(common) * s * rng.standard_normal()
    labels = tuple(f"city {i}" for i in range(k))
    frame = pd.DataFrame({"size": rng.normal(size=k), "like": truth + 0.3 * rng.normal(size=k)}, index=labels)
    return CityEffects(labels, y, covariance, "points", "+", clusters, frame if context else None)


def others(effects, i):
    return effects.take(np.setdiff1d(np.arange(len(effects)), i))


# ---- each city pooled without it -------------------------------------------------------------------------------


def equal_to_pooling_the_others(effects, groups, **options):
    found = hold_out(effects, **NEVER, **options).without
    passed = {n: v for n, v in options.items() if n != "leave"}
    for group in groups:
        expected = pool(others(effects, group), **passed)
        for i in group:
            for name in (
                "mean",
                "std_error",
                "low",
                "high",
                "tau2",
                "prediction_error",
                "predicted_low",
                "predicted_high",
            ):
                value = getattr(expected, name)
                assert getattr(found, name)[i] == pytest.approx(value, abs=1e-8), (name, i)
            assert np.delete(found.weights[i], group) == pytest.approx(expected.weights, abs=1e-8)
            assert not found.weights[i, group].any()


@pytest.mark.parametrize("common", [0.0, 0.4])
@pytest.mark.parametrize("tau2", ["reml", "ml", "paule_mandel", "dersimonian_laird", "hedges", "sidik_jonkman"])
@pytest.mark.parametrize(("k", "tau"), [(3, 1.0), (9, 0.6), (9, 0.0)])
def test_each_city_left_out_equals_pooling_the_others(k, tau, tau2, common):
    equal_to_pooling_the_others(cities(k, 4, tau=tau, common=common), [[i] for i in range(k)], tau2=tau2)


@pytest.mark.parametrize("inference", ["hartung_knapp", "hartung_knapp_floor", "normal"])
@pytest.mark.parametrize("prediction", ["k-1", "k-2", "normal"])
def test_options_of_pooling_are_kept(inference, prediction):
    equal_to_pooling_the_others(
        cities(7, 2, common=0.2), [[0], [6]], inference=inference, prediction=prediction, level=0.8
    )


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e7])
def test_the_unit_changes_nothing(unit):
    plain = cities(8, 3)
    scaled = CityEffects(plain.labels, plain.effects * unit, plain.covariance * unit**2)
    one, other = (hold_out(e, **NEVER).without for e in (plain, scaled))
    assert other.mean == pytest.approx(one.mean * unit, rel=1e-10)
    assert other.tau2 == pytest.approx(one.tau2 * unit**2, rel=1e-8)


def test_cities_of_a_cluster_leave_together():
    effects = cities(9, 5, clusters=tuple("aabbbcccd"))
    groups = [[0, 1], [2, 3, 4], [5, 6, 7], [8]]
    assert hold_out(effects, **NEVER).left_out == "cluster"
    equal_to_pooling_the_others(effects, groups)
    equal_to_pooling_the_others(effects, groups, clusters="ignore", leave="cluster")
    related = CityEffects(effects.labels, effects.effects, effects.covariance + 0.02, clusters=effects.clusters)
    equal_to_pooling_the_others(related, groups, clusters="ignore", leave="cluster")


def test_two_clusters_are_too_few_to_leave_and_cities_leave_instead():
    found = hold_out(cities(6, 5, clusters=tuple("aaabbb")), **NEVER)
    assert found.left_out == "city"
    assert any("the record flatters" in n for n in found.notes)


def test_likelihoods_with_two_peaks_are_followed_to_the_highest():
    y = np.array([0.0, 0.05, -0.04, 4.0, -3.5, 0.02, 3.0])
    s = np.array([0.02, 0.03, 0.02, 1.5, 2.0, 0.02, 0.5])
    equal_to_pooling_the_others(CityEffects.of(y, s), [[i] for i in range(7)])


def test_order_and_names_of_cities_do_not_matter():
    effects = cities(8, 6, common=0.3)
    back = hold_out(effects.take(np.arange(8)[::-1]), **NEVER).without
    assert back.mean[::-1] == pytest.approx(hold_out(effects, **NEVER).without.mean, abs=1e-12)


def published(entry):
    found = json.loads(shared("reference/meta/meta_bcg.json").read_text())["results"]
    return {n: np.array(v) for n, v in next(e["values"] for e in found if e["id"] == entry).items()}


def test_the_vaccine_trials_without_each_equal_metafors_leave1out():
    """``leave1out(rma(yi, vi))`` of metafor 3.8.1, which stops where a step of tau2 is under 1e-5."""
    given, expected = published("escalc_RR"), published("leave1out_REML")
    found = hold_out(CityEffects.of(given["yi"], np.sqrt(given["vi"])), inference="normal", **NEVER).without
    assert found.mean == pytest.approx(expected["est"], abs=1e-6)
    assert found.std_error == pytest.approx(expected["se"], abs=1e-6)
    assert found.tau2 == pytest.approx(expected["tau2"], abs=1e-6)


# ---- the interval of what is measured ---------------------------------------------------------------------------


def test_with_independent_errors_the_measurements_variance_is_added():
    effects = cities(9, 1)
    found = hold_out(effects, **NEVER).without
    assert found.measured_error**2 == pytest.approx(found.prediction_error**2 + effects.variances)
    assert (found.measured_low <= found.predicted_low).all()


def test_what_shared_controls_do_to_all_cities_alike_is_no_surprise_in_any():
    """All errors but a small part are one number: what is measured then lies near the mean of the others."""
    k = 12
    rng = np.random.default_rng(3)
    covariance = np.full((k, k), 4.0) + 0.01 * np.eye(k)
    effects = CityEffects(tuple(map(str, range(k))), 7 + 0.1 * rng.standard_normal(k), covariance)
    found = hold_out(effects, inference="normal", **NEVER).without
    expected = found.tau2 + 0.01 + (0.01 + found.tau2) / (k - 1)
    assert found.measured_error**2 == pytest.approx(expected, rel=1e-6)
    assert hold_out(effects, **NEVER).without.measured_error.max() < 1


@pytest.mark.parametrize("common", [0.0, 0.5])
def test_intervals_of_what_is_measured_hold_as_often_as_they_promise(common):
    records = [hold_out(cities(30, seed, common=common, high=1.0), **NEVER) for seed in range(50)]
    held = sum(r.of_measured.hits for r in records) / (30 * 50)
    of_truth = sum(r.of_prediction.hits for r in records) / (30 * 50)
    of_mean = sum(r.of_mean.hits for r in records) / (30 * 50)
    assert held == pytest.approx(0.95, abs=0.025)
    assert of_mean < 0.5 < of_truth < held


# ---- the record -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("hits", "n"), [(0, 5), (17, 47), (43, 47), (9, 9)])
def test_shares_have_the_exact_binomial_interval(hits, n):
    found, expected = counted_hits(hits, n, 0.95), stats.binomtest(hits, n).proportion_ci(0.95, "exact")
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_errors_and_shares_by_hand():
    effects = CityEffects.of([0.0, 1.0, 5.0], [0.5, 0.5, 0.5], labels=["a", "b", "c"])
    found = hold_out(effects, tau2="common", target=2.0)
    mean = found.errors["use the mean"]
    assert (mean.bias, mean.mae) == pytest.approx((0, (3 + 1.5 + 4.5) / 3))
    assert mean.rmse == pytest.approx(np.sqrt((9 + 2.25 + 20.25) / 3))
    assert mean.rmse_true == pytest.approx(np.sqrt((9 + 2.25 + 20.25) / 3 - 0.25))
    assert (mean.skill, found.errors["pooled mean"].skill) == pytest.approx((0, 0))
    assert (found.signs.right, found.targets.right, found.targets.n) == (2, 0, 3)
    assert (found.of_mean.n, found.of_prediction.n) == (3, 0)
    assert found.check().verdict == "inapplicable"
    assert "assumes that the effect is the same" in found.check().reason


def test_the_mean_and_the_prediction_are_told_apart_in_words():
    found = hold_out(cities(47, 1), **NEVER)
    said = " ".join(found.in_words())
    assert found.of_mean.in_words() in said
    assert found.of_prediction.in_words() in said
    assert "not what a city gets" in said
    assert found.of_mean.share < 0.5
    assert found.of_prediction.share > 0.85
    assert found.check().verdict == "pass"
    assert found.of_prediction.in_words() in found.check().reason


def test_more_misses_than_chance_explains_fail_the_check_and_few_cities_settle_nothing():
    few = hold_out(cities(5, 1), **NEVER).check()
    assert few.verdict == "inconclusive"
    assert "too few" in few.reason
    found = hold_out(cities(40, 1), **NEVER)
    for hits, verdict in ((40, "pass"), (36, "pass"), (33, "fail")):
        check = replace(found, of_measured=counted_hits(hits, 40, 0.95)).check()
        assert check.verdict == verdict
        assert check.p_value == pytest.approx(stats.binom.cdf(hits, 40, 0.95))


def test_details_are_json_and_the_table_has_a_row_a_city():
    found = hold_out(cities(6, 1, context=True), target=0.3)
    json.dumps(found.check().details)
    table = found.table()
    assert list(table["city"]) == list(found.effects.labels)
    assert table["in_prediction"].sum() == found.of_prediction.hits
    assert (table["reason"] == "").all()


# ---- other predictions ----------------------------------------------------------------------------------------


def test_predictions_by_similarity_are_those_of_for_your_city():
    effects = cities(8, 3, context=True)
    found = hold_out(effects)
    for i in range(8):
        answer = expect(others(effects, i), effects.context.iloc[i])
        told = found.told["mean by similarity"].values[i]
        if answer.weighted is None:
            assert np.isnan(told)
        else:
            assert told == pytest.approx(answer.weighted.mean, abs=1e-10)
        nearest = effects.effects[effects.labels.index(answer.nearest)]
        assert found.told["use the nearest city"].values[i] == nearest


def test_context_that_tells_effects_apart_gives_skill():
    found = hold_out(cities(40, 3, tau=2.0, context=True), regression=["like"])
    assert found.errors["meta-regression"].skill > 0.8
    assert found.errors["mean by similarity"].skill > 0.3
    assert found.errors["use the nearest city"].skill > 0.0
    assert found.of_similarity.n > 30


def test_the_regression_is_that_of_the_others():
    effects = cities(12, 3, context=True)
    told = hold_out(effects, regression=["like"], **NEVER).told["meta-regression"]
    assert told.values[4] == pytest.approx(
        regress(others(effects, 4), ["like"]).predict(effects.context.iloc[4].to_dict()).mean
    )
    few = hold_out(effects.take(range(5)), regression=["like", "size"], **NEVER).errors["meta-regression"]
    assert few.n == 0
    assert few.why_not


def test_without_context_other_predictions_say_why_they_have_none():
    found = hold_out(cities(6, 1))
    assert found.errors["use the nearest city"].why_not == "nothing is known of the cities but their effects"
    assert "nothing is known" in " ".join(found.in_words())


def test_many_cities_have_a_nearest_and_similarity_only_when_asked():
    found = hold_out(cities(70, 3, context=True))
    assert found.errors["use the nearest city"].n == 70
    assert "similarity: always" in found.errors["mean by similarity"].why_not


# ---- limits and bad input -------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 2])
def test_one_or_two_cities_have_no_test_and_say_why(k):
    found = hold_out(cities(k, 1))
    assert found.check().verdict == "inapplicable"
    assert "two at the least have to stay" in found.in_words()[0]
    assert list(found.table()["reason"]) == [found.why_not] * k


def test_three_cities_with_too_few_degrees_of_freedom_say_which():
    found = hold_out(cities(3, 1), prediction="k-2", **NEVER)
    assert found.of_prediction.n == 0
    assert set(found.without.why_not) == set(found.effects.labels)
    assert "k - 2" in found.check().reason


def test_identical_effects_have_an_answer():
    found = hold_out(CityEffects.of([1.0] * 5, [0.2, 0.1, 0.3, 0.2, 0.1]), **NEVER)
    assert found.of_measured.hits == 5
    equal_to_pooling_the_others(found.effects, [[0], [1]])


def test_errors_that_determine_each_other_are_pooled_one_by_one():
    effects = cities(5, 1)
    singular = CityEffects(effects.labels, effects.effects, np.full((5, 5), 0.09))
    equal_to_pooling_the_others(singular, [[0], [4]])


def test_bad_input_is_refused_by_name():
    effects = cities(4, 1)
    covariance = effects.covariance * np.array([1.0, 0.0, 1.0, 1.0])
    with pytest.raises(DataError, match="city 1"):
        hold_out(CityEffects(effects.labels, effects.effects, covariance))
    with pytest.raises(UsageError, match="leave: cluster"):
        hold_out(cities(4, 1), leave="cluster")
    with pytest.raises(UsageError, match="bandwith"):
        hold_out(cities(4, 1, context=True), None, {"bandwith": 1.0})
    with pytest.raises(UsageError, match="tau2"):
        hold_out(cities(4, 1), tau2="REML2")


def test_the_indiana_zones_show_why_what_is_measured_needs_an_interval_of_its_own(ezunem):
    from scale_impact.core.design import Design
    from scale_impact.core.measuring_cities import city_effects
    from scale_impact.core.panel import Panel

    panel = Panel.from_frame(ezunem, unit="city", period="year", outcome="luclms")
    found = hold_out(city_effects(panel, Design.from_panel(panel, treated="ez"), unit="log(claims)"), **NEVER)
    assert [c.hits for c in (found.of_mean, found.of_prediction, found.of_measured)] == [5, 7, 10]


@pytest.mark.parametrize("prediction", ["k-1", "k-2", "normal"])
@pytest.mark.parametrize("dense", [True, False])
def test_few_controls_limit_each_left_out_city_as_they_limit_pooling(prediction, dense):
    effects = cities(9, 5, common=0.4)
    covariance = effects.covariance.copy()
    if not dense:  # city 4 relates the first to the last: without it there are two blocks
        covariance[:4, 5:] = covariance[5:, :4] = 0.0
        covariance[np.diag_indices(9)] *= 2
    few = replace(effects, covariance=covariance, df=np.r_[np.full(5, 2.0), np.full(4, 4.0)])
    equal_to_pooling_the_others(few, [[i] for i in range(9)], prediction=prediction)
    found = hold_out(few, prediction=prediction, **NEVER)
    assert (found.without.df < 7).all()


def test_an_error_that_measurements_explain_is_said_and_not_called_nothing():
    effects = CityEffects.of([0.1, 0.11, 0.1, 0.09], [0.5, 0.4, 0.6, 0.5])
    said = " ".join(hold_out(effects, **NEVER).in_words())
    assert "all of which the errors of what was measured can explain" in said
    assert "0 without the errors" not in said
