"""Doubly robust: statsmodels for exposures, Callaway and Sant'Anna for changes and cross-sections."""

import numpy as np
import pytest

import scale_impact as si
from scale_impact.core.causal.retrials import Retrials
from scale_impact.errors import EstimationError
from tests.estimators.test_propensity_weighting import fitted, given, house_prices, people
from tests.panels import reference

NAME = "doubly_robust"


def test_exposures_have_the_value_and_error_of_statsmodels():
    import statsmodels.api as sm
    from statsmodels.treatment.treatment_effects import TreatmentEffect

    frame = people()
    x = sm.add_constant(frame[["a", "b"]].to_numpy())
    select = sm.Logit(frame["d"].to_numpy(float), x).fit(disp=0, tol=1e-14)
    theirs = TreatmentEffect(sm.OLS(frame["y"].to_numpy(), x), frame["d"].to_numpy(), results_select=select).aipw()
    effect = fitted(frame, NAME)
    assert effect.overall.value == pytest.approx(float(np.ravel(theirs.effect)[0]), rel=1e-9)
    assert effect.overall.std_error == pytest.approx(theirs.results_gmm.bse[0], rel=1e-8)


@pytest.mark.parametrize("cluster", [None, "st"])
@pytest.mark.parametrize("cohort", [2006, 2007])
def test_changes_of_one_cohort_are_those_of_callaway_and_santanna(mpdta, cluster, cohort):
    panel = si.Panel.from_frame(mpdta[mpdta["g"].isin([0, cohort])], unit="id", period="t", outcome="y")
    design = si.Design.from_panel(panel, first_treated="g", cluster=cluster)
    mine = si.estimate(NAME, panel, design, covariates=["lpop"]).overall
    theirs = si.estimate("callaway_santanna", panel, design, covariates=["lpop"]).overall
    assert mine.value == pytest.approx(theirs.value, abs=1e-10)
    assert mine.std_error == pytest.approx(theirs.std_error, abs=1e-10)


@pytest.mark.parametrize(("name", "method"), [(NAME, "dr"), ("propensity_weighting", "ipw")])
@pytest.mark.parametrize("cluster", [None, "st"])
def test_changes_of_several_cohorts_are_modelled_cohort_by_cohort(mpdta, cluster, name, method):
    panel = si.Panel.from_frame(mpdta, unit="id", period="t", outcome="y")
    design = si.Design.from_panel(panel, first_treated="g", cluster=cluster)
    mine = si.estimate(name, panel, design, covariates=["lpop"]).overall
    theirs = si.estimate("callaway_santanna", panel, design, covariates=["lpop"], method=method).summaries["cohort"]
    assert mine.value == pytest.approx(theirs.value, abs=1e-9)
    assert mine.std_error == pytest.approx(theirs.std_error, abs=1e-9)


@pytest.mark.parametrize("name", [NAME, "propensity_weighting", "propensity_matching"])
def test_cohorts_that_are_too_small_share_slopes_and_say_so(mpdta, name):
    first = mpdta[mpdta["g"] == 2004]["id"].unique()
    panel = si.Panel.from_frame(mpdta[~mpdta["id"].isin(first[6:])], unit="id", period="t", outcome="y")
    effect = si.estimate(name, panel, si.Design.from_panel(panel, first_treated="g"), covariates=["lpop"])
    said = [n for n in effect.notes if "slopes" in n]
    assert said == [
        "Covariates have the same slopes in first treated 2004 (6), first treated 2006 (40): too few rows (treated ones in brackets) for "
        "slopes of each cohort's own, which need 10 of either side."
    ]
    once = np.ones((2, len(effect.adjusted.rows)))
    extra = np.random.default_rng(3).normal(size=once.shape)
    assert effect.adjusted.again(Retrials(counts=once)) == pytest.approx([effect.overall.value] * 2)
    covariates = np.repeat(effect.adjusted.rows.covariates[None], 2, axis=0)
    more = effect.adjusted.again(Retrials(extra=extra))
    assert np.isfinite(more).all()
    assert not np.isclose(more, effect.overall.value, atol=1e-9).any()
    assert effect.adjusted.again(Retrials(covariates=covariates)) == pytest.approx([effect.overall.value] * 2)


def test_house_prices_have_the_value_of_drdid_and_the_corrected_error(kielmc):
    effect = si.estimate(NAME, *house_prices(kielmc), covariates=["age", "agesq"])
    assert effect.overall.value == pytest.approx(reference("kielmc", "drdid_rc")["att"], abs=1e-7)
    assert effect.overall.std_error == pytest.approx(0.095719234923, rel=1e-7)  # csdid 0.4.3, as for callaway_santanna


@pytest.mark.parametrize("name", [NAME, "propensity_weighting", "propensity_matching"])
def test_influence_sums_to_the_standard_error(mpdta, kielmc, name):
    panel = si.Panel.from_frame(mpdta, unit="id", period="t", outcome="y")
    design = si.Design.from_panel(panel, first_treated="g", cluster="st")
    cases = [(*given(people()), ["a", "b"]), (panel, design, ["lpop"]), (*house_prices(kielmc), ["age", "rooms"])]
    for data, compared, names in cases:
        effect = si.estimate(name, data, compared, covariates=names)
        assert np.sqrt(effect.influence.covariance()[0, 0]) == pytest.approx(effect.overall.std_error)


def test_agreement_compares_the_three():
    from scale_impact.checks import check

    names = (NAME, "propensity_weighting", "propensity_matching")
    refits = {k: (lambda p, d, k=k: si.estimate(k, p, d, covariates=["a", "b"])) for k in names}
    found = check("agreement", *given(people()), refits[NAME], refits=refits)
    assert found.verdict == "pass"
    assert [r["reason"] for r in found.details["rows"]] == [None, None]


@pytest.mark.parametrize("estimand", ["ATE", "ATT"])
def test_normalising_changes_little_where_models_are_right(estimand):
    frame = people(2000)
    plain, whole = (fitted(frame, NAME, estimand=estimand, normalise=n).overall for n in (False, True))
    assert plain.value == pytest.approx(whole.value, abs=0.3 * plain.std_error)
    usual = fitted(frame, NAME, estimand=estimand).overall.value
    assert usual == (whole.value if estimand == "ATT" else plain.value)


def test_asked_again_it_gives_itself_and_what_refitting_gives():
    frame = people(years=2)
    effect = fitted(frame, NAME)
    counts = np.random.default_rng(2).permutation(np.repeat([0.0, 2.0], len(frame) // 2))
    same, other = effect.adjusted.again(Retrials(counts=np.vstack([np.ones(len(frame)), counts])))
    assert same == pytest.approx(effect.overall.value)
    drawn = frame.loc[frame.index.repeat(counts.astype(int))].reset_index(drop=True)
    assert other == pytest.approx(fitted(drawn, NAME).overall.value)


def test_too_few_of_a_side_for_its_regression_are_refused():
    frame = people(60).assign(d=0)
    frame.loc[[3, 30], "d"] = 1
    with pytest.raises(EstimationError, match=r"a regression with 3 columns, 2 exposed|no overlap"):
        fitted(frame, NAME)


def test_no_overlap_in_cross_sections_is_refused(kielmc):
    with pytest.raises(EstimationError, match="no overlap"):
        si.estimate(
            NAME, *house_prices(kielmc), covariates=["age", "agesq", "lintst", "lland", "larea", "rooms", "baths"]
        )
