"""Which cities were studied and which results published: tests, corrected means, stress."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from scale_impact.core.city_effects import CityEffects
from scale_impact.errors import DataError, UsageError
from scale_impact.synthesis.selecting.adopters import early_adopters
from scale_impact.synthesis.selecting.asymmetry import begg, conditional, egger, egger_mixed, limit
from scale_impact.synthesis.selecting.favourable import share_of
from scale_impact.synthesis.selecting.filled import trim_and_fill
from scale_impact.synthesis.selecting.likelihood import seen, value_and_slope
from scale_impact.synthesis.selecting.published import _weighed, published_more_often
from scale_impact.synthesis.selecting.regressions import dispersed, mixed
from scale_impact.synthesis.selecting.sites import compare
from scale_impact.synthesis.selecting.step_model import fit, maximum
from scale_impact.synthesis.selection import examine
from tests.panels import reference

DATA = ("hackshaw1998", "egger2001", "baskerville2012", "cohen1981")


def bcg(**more):
    found = reference("publication_bias", "bcg_escalc_RR")
    return replace(CityEffects.of(found["yi"], np.sqrt(found["vi"])), **more)


def studies(name):
    found = reference("publication_bias", name)
    return CityEffects.of(found["yi"], np.sqrt(found["vi"]))


def values(entry):
    return reference("publication_bias", entry)


def world(k, seed, *, mean=0.2, tau=0.1, published=1.0):
    """The first k effects that are published: favourable significant ones always, others with a probability."""
    rng = np.random.default_rng(seed)
    effects, errors = [], []
    while len(effects) < k:
        error = rng.uniform(0.05, 0.5)
        effect = rng.normal(mean, np.hypot(error, tau))
        if effect / error >= 1.96 or rng.random() < published:
            effects.append(effect)
            errors.append(error)
    return CityEffects.of(effects, errors)


def selected(effects, *, cuts=(0.025,), sided="one-sided", least=1, sign=1, profile=False):
    return fit(
        sign * effects.effects, effects.variances, cuts=cuts, sided=sided, least=least, level=0.95, profile=profile
    )


# ---- asymmetry against metafor --------------------------------------------------------------------


def test_eggers_test_and_pet_are_those_of_metafor():
    expected = values("bcg_regtest_egger_lm")
    found = egger(bcg())
    assert [found.statistic, found.p_value, found.df] == pytest.approx(
        [expected["t"], expected["p"], expected["df"]], rel=1e-10
    )
    assert limit(bcg(), "pet", level=0.95).estimate == pytest.approx(expected["limit_est"], rel=1e-10)


def test_the_mixed_test_is_that_of_metafor():
    # metafor stops its search for tau2 at 1e-5, which moves z by 1e-7
    expected = values("bcg_regtest_rma")
    found = egger_mixed(bcg())
    assert [found.statistic, found.p_value] == pytest.approx([expected["z"], expected["p"]], rel=1e-6)


def test_ranks_are_those_of_metafor():
    expected = values("bcg_ranktest")
    found = begg(bcg())
    assert [found.statistic, found.p_value] == pytest.approx([expected["tau"], expected["p"]], rel=1e-10)
    published = values("egger2001_published")
    assert egger_mixed(studies("egger2001")).statistic == pytest.approx(published["z"], abs=5e-5)
    assert begg(studies("egger2001")).p_value == pytest.approx(published["p_rank"], abs=5e-5)


@pytest.mark.parametrize("name", DATA)
def test_other_data_give_what_another_package_gives(name):
    expected, effects = values(f"{name}_asymmetry"), studies(name)
    assert [egger(effects).statistic, egger(effects).p_value] == pytest.approx([expected["t"], expected["p"]], rel=1e-8)
    assert egger_mixed(effects).statistic == pytest.approx(expected["z"], rel=2e-5)
    assert begg(effects).statistic == pytest.approx(expected["tau"], rel=1e-10)
    if len(set(effects.effects)) == len(set(effects.variances)) == len(effects):
        assert begg(effects).p_value == pytest.approx(expected["p_rank"], rel=1e-8)
    filled = trim_and_fill(effects, level=0.95)
    assert (filled.missing, filled.side) == (expected["k0"], expected["side"])
    # the package stops its search for tau2 where a step is below 1e-5, as metafor does
    assert [filled.estimate, filled.tau2] == pytest.approx([expected["filled"], expected["filled_tau2"]], abs=1e-5)


def test_a_regression_on_context_is_that_of_metafor():
    ablat = [44, 55, 42, 52, 13, 44, 19, 13, 27, 42, 18, 33, 33]
    year = [1948, 1949, 1960, 1977, 1973, 1953, 1973, 1980, 1968, 1961, 1974, 1969, 1976]
    expected = values("bcg_metareg_ablat_year_REML_knha")
    found = mixed(bcg(), np.column_stack([np.ones(13), ablat, year]), knapp_hartung=True)
    assert found.tau2 == pytest.approx(expected["tau2"], rel=5e-5)
    assert [found.std_error(j) for j in range(3)] == pytest.approx(expected["se"], rel=5e-5)
    assert [found.p_value(j) for j in range(3)] == pytest.approx(expected["p"], rel=1e-3)


def test_trim_and_fill_is_that_of_metafor():
    for entry, between in (("bcg_trimfill_L0", True), ("bcg_trimfill_FE_L0", False)):
        expected = values(entry)
        found = trim_and_fill(bcg(), level=0.95, between=between)
        assert (found.missing, found.side) == (expected["k0"], expected["side"])
        assert [found.estimate, found.tau2] == pytest.approx([expected["estimate"], expected["tau2"]], rel=2e-6)
    assert found.std_error == pytest.approx(expected["se"], rel=1e-10)


def test_pet_peese_takes_peese_where_pet_finds_a_mean():
    pet, peese = limit(bcg(), "pet", level=0.95), limit(bcg(), "peese", level=0.95)
    assert conditional(pet, peese) is pet
    assert conditional(replace(pet, p_value=0.09), peese) is peese
    assert conditional(replace(pet, p_value=0.11), peese).method == "pet"


def test_related_errors_are_taken_whole():
    k = 8
    rng = np.random.default_rng(4)
    errors = rng.uniform(0.1, 0.4, k)
    covariance = np.outer(errors, errors) * (0.4 + 0.6 * np.eye(k))
    effects = CityEffects(tuple("abcdefgh"), rng.normal(0.3, 0.2, k), covariance)
    x = np.column_stack([np.ones(k), errors])
    inverse = np.linalg.inv(covariance)
    beta = np.linalg.solve(x.T @ inverse @ x, x.T @ inverse @ effects.effects)
    assert dispersed(effects, x).beta == pytest.approx(beta, rel=1e-9)
    assert any("related" in n for n in examine(effects).notes)


# ---- the selection model --------------------------------------------------------------------------


def test_the_step_model_gives_the_numbers_that_metafor_prints():
    expected = values("hackshaw1998_selmodel_published")
    found = selected(studies("hackshaw1998"), cuts=(0.05, 0.1, 0.5), profile=True)
    assert list(found.counts) == expected["k"]
    assert found.weights == pytest.approx(expected["delta"], abs=5e-6)
    assert found.weight_errors[1:] == pytest.approx(expected["se_delta"][1:], abs=1e-5)
    assert (found.likelihood_ratio, found.tau2) == pytest.approx((expected["LRT"], expected["tau2"]), abs=1e-6)
    # metafor searches the ends of its intervals to about 1e-4 of their size
    ends = np.column_stack([found.weight_low[1:], found.weight_high[1:]])
    assert ends == pytest.approx(np.array(expected["profile"]), rel=1e-3)


def test_weights_given_beforehand_are_those_of_metafor():
    expected, effects = values("cohen1981_selmodel_published"), studies("cohen1981")
    for delta, beta, tau2 in zip(expected["delta"], expected["beta"], expected["tau2"], strict=True):
        given = seen(effects.effects, effects.variances, expected["steps"][:-1], "one-sided")
        theta = maximum(given, fixed=np.log(delta[1:])).theta
        assert theta[:2] == pytest.approx([beta, tau2], abs=1e-6)


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("alternative", ["greater", "less", "two.sided"])
def test_one_cut_gives_what_another_package_gives(name, alternative):
    entries = [e["id"] for e in json.loads(_references())["results"]]
    entry = f"{name}_stepfun_{alternative}"
    if (
        entry not in entries
    ):  # one side of the cut is all but empty there, and the other package stops at its own limit of 100
        assert selected(studies(name), sign=-1 if alternative == "less" else 1, least=4).why_not
        return
    expected = values(entry)
    two = alternative == "two.sided"
    sign = -1 if alternative == "less" else 1
    found = selected(
        studies(name), cuts=(0.05,) if two else (0.025,), sided="two-sided" if two else "one-sided", sign=sign
    )
    assert (found.weights[1], found.likelihood_ratio) == pytest.approx(
        (expected["weight"], expected["LRT"]), rel=1e-5, abs=1e-7
    )
    assert (sign * found.estimate, found.std_error, found.tau2) == pytest.approx(
        (expected["estimate"], expected["se"], expected["tau2"]), rel=2e-5
    )


def _references():
    from tests.panels import ROOT

    return (ROOT / "tests/reference/publication_bias.json").read_text()


def brute(effects, mean, tau2, weight, *, sided="one-sided"):
    """The log-likelihood by the definition, one effect after the other, its area by numeric integration."""
    total = 0.0
    for y, v in zip(effects.effects, effects.variances, strict=True):
        error, spread = math.sqrt(v), math.sqrt(v + tau2)
        grid = np.linspace(mean - 12 * spread, mean + 12 * spread, 200_001)
        z = grid / error if sided == "one-sided" else abs(grid) / error
        shown = np.where(z >= stats.norm.ppf(0.975), 1.0, weight)
        area = np.trapezoid(shown * stats.norm.pdf(grid, mean, spread), grid)
        own = y / error if sided == "one-sided" else abs(y) / error
        total += (
            math.log(1.0 if own >= stats.norm.ppf(0.975) else weight)
            + stats.norm.logpdf(y, mean, spread)
            - math.log(area)
        )
    return total


@pytest.mark.parametrize("sided", ["one-sided", "two-sided"])
def test_the_likelihood_is_its_definition_and_its_slope_its_derivative(sided):
    effects = bcg().take(range(6))
    given = seen(effects.effects, effects.variances, [0.025 if sided == "one-sided" else 0.05], sided)
    theta = np.array([-0.3, 0.2, math.log(0.4)])
    value, slope = value_and_slope(given, theta)
    assert value == pytest.approx(brute(effects, -0.3, 0.2, 0.4, sided=sided), abs=2e-3)  # of the integral's steps
    for j in range(3):
        step = np.eye(3)[j] * 1e-5
        numeric = (value_and_slope(given, theta + step)[0] - value_and_slope(given, theta - step)[0]) / 2e-5
        assert slope[j] == pytest.approx(numeric, rel=1e-6, abs=1e-7)


def test_no_point_of_a_grid_is_likelier_than_the_maximum():
    effects = world(30, 3, published=0.3)
    found = selected(effects)
    given = seen(effects.effects, effects.variances, [0.025], "one-sided")
    best = value_and_slope(given, np.array([found.estimate, found.tau2, math.log(found.weights[1])]))[0]
    grid = [
        (m, t, math.log(w))
        for m in np.linspace(-1, 1, 21)
        for t in np.linspace(0, 0.5, 11)
        for w in (0.02, 0.1, 0.3, 0.6, 1, 3)
    ]
    assert max(value_and_slope(given, np.array(point))[0] for point in grid) <= best + 1e-9


def test_too_few_on_one_side_are_no_answer():
    found = selected(world(12, 1, mean=0.0, tau=0.0), least=4)
    assert "not enough significant and not significant effects" in found.why_not
    assert math.isnan(found.estimate)
    assert not found.converged


def test_scale_order_and_sign_do_not_matter():
    effects = studies("baskerville2012")
    found = examine(effects)
    order = np.random.default_rng(1).permutation(len(effects))
    moved = examine(effects.take(order))
    assert [moved.model.estimate, moved.filled.estimate, moved.begg.p_value] == pytest.approx(
        [found.model.estimate, found.filled.estimate, found.begg.p_value], rel=1e-7
    )
    big = examine(CityEffects.of(-1e6 * effects.effects, 1e6 * np.sqrt(effects.variances)))
    assert big.favoured == "low"
    assert big.model.estimate == pytest.approx(-1e6 * found.model.estimate, rel=1e-7)
    assert big.model.low == pytest.approx(-1e6 * found.model.high, rel=1e-6)
    assert big.check().p_value == pytest.approx(found.check().p_value, rel=1e-7)
    assert big.published.to_zero == pytest.approx(found.published.to_zero, rel=1e-7)


# ---- simulation -----------------------------------------------------------------------------------


def test_without_selection_the_tests_find_it_about_as_often_as_they_say():
    samples = [world(20, [5, n]) for n in range(60)]
    of_egger = np.array([egger(s).p_value for s in samples])
    of_model = np.array([selected(s, least=4).test_p for s in samples])
    answers = of_model[~np.isnan(of_model)]
    assert len(answers) > 30
    # 5 % of 60 are 3 +- 1.7, of the 36 with enough on both sides 1.8 +- 1.3: both are allowed three standard deviations more
    assert (of_egger < 0.05).mean() <= 0.14
    assert (answers < 0.05).mean() <= 0.16
    assert 0.04 <= (of_egger < 0.2).mean() <= 0.36


def test_selection_is_seen_and_corrected():
    samples = [world(60, [6, n], published=0.1) for n in range(12)]
    models = [selected(s, least=4) for s in samples]
    assert np.mean([m.test_p < 0.05 for m in models]) > 0.8
    assert np.mean([m.weights[1] < 0.5 for m in models]) > 0.8
    naive = np.mean([mixed(s, np.ones((60, 1))).beta[0] for s in samples]) - 0.2
    assert abs(np.mean([m.estimate for m in models]) - 0.2) < 0.4 * naive
    assert examine(samples[0]).check().verdict == "fail"


# ---- publication by a known ratio -----------------------------------------------------------------


def test_the_s_value_is_that_of_the_published_example():
    expected = values("bcg_svalue_published")
    common = published_more_often(bcg(), -1, tau2=0.0, cut=0.025, target=math.log(0.9), level=0.95)
    assert (common.favourable, common.others) == (expected["k_affirmative"], expected["k_nonaffirmative"])
    assert common.to_target == pytest.approx(expected["fixed_to_rr90"], abs=1e-6)
    assert math.isinf(common.to_zero)
    tau2 = examine(bcg(direction="-")).pooled.tau2
    given = _weighed(
        bcg(clusters=tuple(expected["author"])), -1, tau2, bcg().effects / np.sqrt(bcg().variances) < -1.96, 0.95
    )
    mean, low, high = given.at(5.0)
    assert -mean == pytest.approx(expected["robust_ratio_5"][0], abs=1e-6)
    share = given.weights * np.where(given.chosen, 1, 5)
    from scale_impact.synthesis.selecting.published import robust_error

    error, df = robust_error(given.y - mean, share / share.sum(), given.clusters, given.working)
    assert error == pytest.approx(expected["robust_ratio_5"][1], abs=1e-6)
    assert high - low == pytest.approx(2 * error * stats.t.ppf(0.975, df), rel=1e-9)


def test_the_ratio_puts_mean_and_interval_where_it_says():
    effects = bcg(direction="-")
    found = examine(effects, target=-0.4)
    tau2, often = found.pooled.tau2, found.published
    chosen = stats.norm.cdf(effects.effects / np.sqrt(effects.variances)) <= 0.025
    weights = np.where(chosen, 1.0, often.to_target) / (effects.variances + tau2)
    assert np.average(effects.effects, weights=weights) == pytest.approx(-0.4, rel=1e-9)
    given = _weighed(effects, -1, tau2, chosen, 0.95)
    assert given.at(often.interval_to_zero)[1] == pytest.approx(0.0, abs=1e-9)
    assert often.worst == pytest.approx(
        np.average(effects.effects[~chosen], weights=(1 / (effects.variances + tau2))[~chosen])
    )
    assert often.mean[0] == pytest.approx(found.pooled.mean)


def test_all_or_none_significant_give_a_reason():
    none = examine(CityEffects.of([0.1, 0.2, 0.15, 0.12], [0.3, 0.4, 0.5, 0.35])).published
    assert "No effect is favourable and significant" in none.why_not
    everything = examine(CityEffects.of([1.0, 2.0, 1.5, 1.2], [0.1, 0.2, 0.15, 0.12])).published
    assert "All effects are favourable and significant" in everything.why_not


def test_effects_on_one_line_have_no_error():
    found = examine(CityEffects.of([1.0, 2.0, 1.5, 1.2], [0.1, 0.2, 0.15, 0.12]), started=[1, 11, 6, 3])
    assert "on one line exactly" in found.egger.why_not
    assert "on one line exactly" in found.pet_peese.why_not
    assert "on one line exactly" in found.early.why_not


# ---- pilots picked favourably ---------------------------------------------------------------------


def test_mean_and_prediction_move_by_x_and_tip_where_it_says():
    found = examine(bcg(direction="-"), target=-0.3)
    picked, pooled = found.picked, found.pooled
    assert picked.mean == pytest.approx(pooled.mean + picked.x)
    assert picked.to_zero == pytest.approx(-pooled.mean)
    assert picked.interval_to_zero == pytest.approx(-pooled.high)
    assert picked.to_target == pytest.approx(-pooled.mean - 0.3)
    assert picked.x == pytest.approx(picked.in_unit * math.sqrt(pooled.tau2))
    assert (np.diff(picked.helps) < 0).all()
    t = (0 - pooled.mean) / pooled.prediction_error
    assert picked.helps[0] == pytest.approx(stats.t.cdf(t, pooled.prediction_df))


def test_the_best_share_is_that_of_drawn_cities():
    drawn = np.sort(np.random.default_rng(2).standard_normal(400_000))
    for share in (0.9, 0.5, 0.1):
        best = drawn[-int(share * len(drawn)) :]
        assert share_of(best.mean() / best.std()) == pytest.approx(share, abs=0.01)
    assert share_of(0.0) == 1.0


# ---- who started when, and where ------------------------------------------------------------------


def test_the_trend_by_start_is_a_regression():
    context = pd.DataFrame({"first_treated": [2001, 2003, 2004, 2008, np.nan, 2009]}, index=list("abcdef"))
    effects = CityEffects(
        tuple("abcdef"), np.array([5.0, 4.1, 3.9, 2.2, 9.0, 1.4]), 0.04 * np.eye(6), "%", "+", None, context
    )
    found = examine(effects).early
    assert found.trend == pytest.approx(
        np.polyfit([2001, 2003, 2004, 2008, 2009], [5.0, 4.1, 3.9, 2.2, 1.4], 1)[0], rel=1e-6
    )
    assert found.df == 3
    assert found.last[0] < found.first[0]
    assert "e" in found.notes[0]
    dates = early_adopters(
        effects.take([0, 1, 2, 3, 5]),
        ["2001-01-01", "2003-01-01", "2004-01-01", "2008-01-01", "2009-01-01"],
        level=0.95,
    )
    assert dates.trend == pytest.approx(found.trend, rel=1e-9)
    assert examine(effects).check().details["tests"]["early"]["as_selection"]


def test_starts_that_are_none_are_refused():
    with pytest.raises(DataError, match="started at 'soon'"):
        examine(bcg(), started=["soon", *range(12)])
    with pytest.raises(DataError, match="3 starts for 13 effects"):
        examine(bcg(), started=[1, 2, 3])


def test_pilots_are_compared_with_the_others():
    pilots = pd.DataFrame({"size": [10.0, 12, 14], "coast": ["yes", "no", "yes"], "only": 1}, index=list("abc"))
    others = pd.DataFrame({"size": [1.0, 2, np.nan, 3], "coast": ["no", "no", "yes", None]}, index=list("cdef"))
    found = compare(pilots, others, level=0.95)
    size = next(r for r in found.rows if r.name == "size")
    assert size.value == pytest.approx((12 - 2) / math.sqrt((4 + 1) / 2))
    assert (size.n_others, size.missing_others) == (3, 1)
    coast = next(r for r in found.rows if r.name == "coast: yes")
    assert coast.value == pytest.approx((2 / 3 - 1 / 3) / math.sqrt(2 / 9))
    assert [r.name for r in found.far] == ["size"]
    assert "only" in found.notes[0]
    assert "c stands among pilots and others" in found.notes[1]
    many = others.reindex(range(30)).assign(coast=[f"place {n}" for n in range(30)])
    assert "more than 20 groups" in compare(pilots, many, level=0.95).notes[-1]
    with pytest.raises(DataError, match="holds numbers for one side"):
        compare(pilots, others.assign(size="big"), level=0.95)


# ---- few effects, bad input -----------------------------------------------------------------------


def test_few_effects_say_what_they_cannot():
    two = examine(CityEffects.of([0.1, 0.3], [0.1, 0.2]))
    check = two.check()
    assert check.verdict == "inapplicable"
    assert "There are 2 effects" in check.reason
    one = examine(CityEffects.of([0.1], [0.1]))
    assert one.check().verdict == "inapplicable"
    assert one.picked.why_not
    seven = examine(CityEffects.of([0.1, 0.3, 0.2, 0.1, 0.3, 0.0, 0.4], [0.1, 0.2, 0.15, 0.3, 0.12, 0.21, 0.18]))
    assert seven.check().verdict == "inconclusive"
    assert "fewer than 10" in seven.check().reason


def test_identical_effects_and_identical_errors_have_no_asymmetry():
    same = examine(CityEffects.of([0.2] * 6, np.linspace(0.1, 0.3, 6)))
    assert "All effects are the same" in same.egger.why_not
    assert same.picked.unit == 0
    assert np.isnan(same.picked.in_unit).all()
    alike = examine(CityEffects.of(np.linspace(0, 1, 6), [0.2] * 6))
    assert "standard errors are the same" in alike.begg.why_not
    assert "same" in alike.filled.why_not


def test_a_standard_error_of_zero_is_named():
    with pytest.raises(DataError, match=r"standard error of 2"):
        examine(CityEffects.of([0.1, 0.2, 0.3], [0.1, 0.0, 0.2]))


def test_options_that_cannot_be_are_refused_together():
    with pytest.raises(UsageError) as error:
        examine(bcg(), cuts=[0.0, 1.5], shifts=[-1.0], start="begun")
    assert len(error.value.problems) == 4
    with pytest.raises(UsageError, match="favoured"):
        examine(bcg(), favoured="up")


def test_asymmetry_to_the_wrong_side_is_no_selection():
    rng = np.random.default_rng(8)
    errors = np.linspace(0.05, 0.6, 30)
    effects = CityEffects.of(1.0 - 1.5 * errors + 0.3 * errors * rng.standard_normal(30), errors)
    check = examine(effects, favoured="high").check()
    assert check.verdict == "inconclusive"
    assert "does not make such a pattern" in check.reason


def test_the_check_is_json_and_says_how_much_selection_it_bears():
    check = examine(bcg(direction="-", unit="log risk ratio")).check()
    assert check.check == "selection"
    assert check.verdict == "pass"
    assert "0.7145 log risk ratio better" in check.reason
    text = json.dumps(check.row(), allow_nan=False)
    assert json.loads(text)["details"]["published"]["to_zero"] == "infinite"


def test_tables_have_a_row_a_method():
    found = examine(bcg())
    assert list(found.means()["method"]) == [
        "pooled",
        "PET",
        "PEESE",
        "trim and fill",
        "selection model",
        "not significant ones alone",
    ]
    assert (found.means()["estimate"].notna() | (found.means()["why_not"] != "")).all()
    assert (found.tests()["p_value"].notna() | (found.tests()["why_not"] != "")).all()
    assert len(found.picked.table()) == len(found.picked.x)
    assert list(found.published.table().columns) == ["ratio", "mean", "low", "high"]
