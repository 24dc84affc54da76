"""Weighting by the propensity: exposures, changes, cross-sections, and what is refused or said."""

import numpy as np
import pandas as pd
import pytest

import scale_impact as si
from scale_impact.core.causal.retrials import Retrials
from scale_impact.errors import DesignError, EstimationError, UsageError

NAME = "propensity_weighting"


def people(n=500, seed=1, years=1):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"a": rng.normal(size=n), "b": rng.normal(size=n), "kind": rng.choice(["x", "y", "z"], n)})
    frame["year"] = rng.integers(0, years, n) + 2000
    frame["d"] = (rng.random(n) < 1 / (1 + np.exp(-0.8 * frame["a"] + 0.3 * frame["b"]))).astype(int)
    frame["y"] = frame["a"] + 2 * frame["b"] + frame["d"] * (1 + frame["a"]) + frame["year"] + rng.normal(size=n)
    return frame


def given(frame, **more):
    panel = si.Panel.from_frame(frame, unit=None, period="year", outcome="y")
    return panel, si.Design.from_panel(panel, **{"exposure": "d", **more})


def fitted(frame, name=NAME, **options):
    return si.estimate(name, *given(frame), **{"covariates": ["a", "b"], **options})


@pytest.mark.parametrize(("estimand", "group"), [("ATE", "all"), ("ATT", 1)])
def test_exposures_have_the_value_and_error_of_statsmodels(estimand, group):
    import statsmodels.api as sm
    from statsmodels.treatment.treatment_effects import TreatmentEffect

    frame = people()
    x = sm.add_constant(frame[["a", "b"]].to_numpy())
    select = sm.Logit(frame["d"].to_numpy(float), x).fit(disp=0, tol=1e-14)
    theirs = TreatmentEffect(sm.OLS(frame["y"].to_numpy(), x), frame["d"].to_numpy(), results_select=select)
    theirs = theirs.ipw(effect_group=group)
    effect = fitted(frame, estimand=estimand)
    assert effect.overall.value == pytest.approx(float(np.ravel(theirs.effect)[0]), rel=1e-9)
    assert effect.overall.std_error == pytest.approx(theirs.results_gmm.bse[0], rel=1e-8)
    assert (effect.estimand, effect.overall.df, effect.judged_by) == (estimand, 499.0, "analytic")


def test_changes_of_one_cohort_are_those_of_callaway_and_santanna(mpdta):
    frame = mpdta[mpdta["g"].isin([0, 2006])]
    panel = si.Panel.from_frame(frame, unit="id", period="t", outcome="y")
    design = si.Design.from_panel(panel, first_treated="g")
    mine = si.estimate(NAME, panel, design, covariates=["lpop"]).overall
    theirs = si.estimate("callaway_santanna", panel, design, covariates=["lpop"], method="ipw").overall
    assert mine.value == pytest.approx(theirs.value, abs=1e-10)
    assert mine.std_error == pytest.approx(theirs.std_error, abs=1e-10)


def test_a_city_in_several_comparisons_is_one_cluster(mpdta):
    panel = si.Panel.from_frame(mpdta, unit="id", period="t", outcome="y")
    effect = si.estimate(NAME, panel, si.Design.from_panel(panel, first_treated="g"), covariates=["lpop"])
    assert effect.sample.n_clusters == 500
    assert effect.sample.n_obs == 191 + 3 * 309
    assert "clustered by id" in effect.inference


def test_overlap_weights_balance_means_exactly():
    effect = fitted(people(), estimand="ATO")
    rows, w = effect.adjusted.rows, effect.adjusted.weights
    own = rows.treated
    assert w[own] @ rows.covariates[own] == pytest.approx(w[~own] @ rows.covariates[~own], abs=1e-10)
    assert effect.estimand == "ATO"


def test_periods_are_compared_within_and_one_without_both_sides_is_left_out():
    frame = people(years=3)
    effect = fitted(frame)
    later = frame.assign(y=frame["y"] + 100 * frame["year"])
    assert fitted(later).overall.value == pytest.approx(effect.overall.value)
    alone = frame.head(20).assign(year=1990, d=0)
    more = fitted(pd.concat([frame, alone], ignore_index=True))
    assert more.overall.value == pytest.approx(effect.overall.value)
    assert any("20 rows of year 1990 are left out" in n for n in more.notes)


def test_trimming_says_who_goes():
    frame = people()
    plain, trimmed = fitted(frame), fitted(frame, trim=0.2)
    gone = int((trimmed.adjusted.weights == 0).sum())
    assert gone > 5
    assert trimmed.sample.n_obs == plain.sample.n_obs - gone
    assert any(f"Trimmed: {gone} rows (row " in n and "beyond 0.2 to 0.8" in n for n in trimmed.notes)
    best = fitted(frame, trim="crump")
    assert best.overall.std_error <= plain.overall.std_error * 1.01


def test_asked_again_it_gives_itself_and_what_refitting_gives():
    frame = people(years=2)
    effect = fitted(frame)
    n = len(frame)
    rng = np.random.default_rng(2)
    counts = np.vstack([np.ones(n), rng.permutation(np.repeat([0, 2], n // 2))]).astype(float)
    same, other = effect.adjusted.again(Retrials(counts=counts))
    assert same == pytest.approx(effect.overall.value)
    drawn = frame.loc[frame.index.repeat(counts[1].astype(int))].reset_index(drop=True)
    assert other == pytest.approx(fitted(drawn).overall.value)
    extra = rng.normal(size=(1, n))
    with_extra = fitted(frame.assign(c=extra[0]), covariates=["a", "b", "c"]).overall.value
    assert effect.adjusted.again(Retrials(extra=extra))[0] == pytest.approx(with_extra)
    placebo = rng.permutation(frame["d"].to_numpy(float))[None]
    assert effect.adjusted.again(Retrials(exposure=placebo))[0] == pytest.approx(
        fitted(frame.assign(d=placebo[0].astype(int))).overall.value
    )
    assert effect.adjusted.again(Retrials(outcome=2 * effect.adjusted.rows.outcome[None]))[0] == pytest.approx(
        2 * effect.overall.value
    )
    noisy = effect.adjusted.rows.covariates + 0.1 * rng.normal(size=(n, 2))
    moved = fitted(frame.assign(a=noisy[:, 0], b=noisy[:, 1])).overall.value
    assert effect.adjusted.again(Retrials(covariates=noisy[None]))[0] == pytest.approx(moved)


def test_versions_that_cannot_be_estimated_are_not_numbers():
    effect = fitted(people())
    n = len(effect.adjusted.rows)
    none, dose = np.zeros((1, n)), np.full((1, n), 0.3)
    assert np.isnan(effect.adjusted.again(Retrials(exposure=none)))
    assert np.isnan(effect.adjusted.again(Retrials(exposure=dose)))


def test_a_covariate_that_decides_is_refused_by_name_with_the_rows():
    frame = people().assign(rule=lambda f: f["d"] * 10 + f["b"].clip(-3, 3))
    with pytest.raises(
        EstimationError, match=r"no overlap. rule tells the exposed from the others in 500 rows \(row 0"
    ):
        fitted(frame, covariates=["a", "rule"])


def test_a_category_of_exposed_only_is_refused_or_left_out_by_the_question():
    frame = people()
    frame.loc[frame["kind"] == "z", "d"] = 1
    n = int((frame["kind"] == "z").sum())
    with pytest.raises(EstimationError, match=f"kind z tells the exposed from the others in {n} rows"):
        fitted(frame, covariates=["a", "kind"])
    for answer in ({"estimand": "ATO"}, {"trim": 0.05}):
        effect = fitted(frame, covariates=["a", "kind"], **answer)
        assert effect.sample.n_obs <= len(frame) - n
        assert any(f"{n} rows" in note and "unlike all of the other side" in note for note in effect.notes)


def test_others_that_nobody_exposed_is_like_are_left_out_of_the_att():
    frame = people()
    frame.loc[frame["kind"] == "z", "d"] = 0
    n = int((frame["kind"] == "z").sum())
    effect = fitted(frame, covariates=["a", "kind"], estimand="ATT")
    assert effect.sample.n_obs == len(frame) - n
    plain = fitted(frame[frame["kind"] != "z"].reset_index(drop=True), covariates=["a", "kind"], estimand="ATT")
    assert effect.overall.value == pytest.approx(plain.overall.value)
    with pytest.raises(EstimationError, match="no overlap"):
        fitted(frame, covariates=["a", "kind"])


def test_a_row_that_carries_a_side_takes_the_standard_error_away():
    rng = np.random.default_rng(3)
    a = np.concatenate([rng.normal(3, 0.5, 40), rng.normal(-3, 1, 2000), [-4.5]])
    frame = pd.DataFrame({"a": a, "d": [1] * 40 + [0] * 2000 + [1], "year": 1, "y": rng.normal(size=2041)})
    effect = fitted(frame, covariates=["a"])
    assert effect.overall.std_error is None
    assert "row 2040 has" in effect.overall.reason
    assert any("row 2040 alone has" in n for n in effect.notes)


def test_a_dose_is_refused_with_its_values():
    frame = people().assign(d=lambda f: f["a"].round(0))
    with pytest.raises(DesignError, match="has to be 0 or 1"):
        fitted(frame, covariates=["b"])


def test_more_covariates_than_rows_are_refused_in_words():
    frame = people(8).assign(d=[0, 1] * 4, **{f"c{k}": np.random.default_rng(k).normal(size=8) for k in range(9)})
    with pytest.raises(EstimationError, match="8 rows for 9 covariate columns"):
        fitted(frame, covariates=[f"c{k}" for k in range(9)])


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"trim": 0.7}, "trim is"),
        ({"trim": "crumb"}, "trim is"),
        ({"estimand": "ITT"}, "estimand is 'ITT'"),
        ({"change": "last"}, "change is"),
    ],
)
def test_options_that_are_none_are_refused(options, match):
    with pytest.raises(UsageError, match=match):
        fitted(people(50), **options)


def test_the_ate_of_a_start_is_refused(mpdta):
    panel = si.Panel.from_frame(mpdta, unit="id", period="t", outcome="y")
    with pytest.raises(DesignError, match="Use estimand: ATT"):
        si.estimate(NAME, panel, si.Design.from_panel(panel, first_treated="g"), covariates=["lpop"], estimand="ATE")


def test_one_treated_unit_has_no_standard_error(mpdta):
    one = mpdta[mpdta["g"].isin([0]) | (mpdta["id"] == mpdta.loc[mpdta["g"] == 2006, "id"].iloc[0])]
    panel = si.Panel.from_frame(one, unit="id", period="t", outcome="y")
    effect = si.estimate(NAME, panel, si.Design.from_panel(panel, first_treated="g"))
    assert effect.overall.std_error is None
    assert "one treated id" in effect.overall.reason


def house_prices(kielmc):
    panel = si.Panel.from_frame(kielmc, unit=None, period="year", outcome="lprice")
    return panel, si.Design.from_panel(panel, group="nearinc", starts=1981)


def test_house_prices_without_covariates_are_the_difference_in_differences(kielmc):
    effect = si.estimate(NAME, *house_prices(kielmc))
    assert effect.overall.value == pytest.approx(-0.0626490254378278, abs=1e-10)


def test_house_prices_are_weighted_to_those_near_the_incinerator_after(kielmc):
    effect = si.estimate(NAME, *house_prices(kielmc), covariates=["age", "rooms"])
    rows, w = effect.adjusted.rows, effect.adjusted.weights
    assert w.sum() == pytest.approx(4)
    assert effect.adjusted.again(Retrials(counts=np.ones((1, len(rows)))))[0] == pytest.approx(effect.overall.value)
    assert np.isnan(effect.adjusted.again(Retrials(exposure=rows.exposure[None, ::-1].copy())))


def test_no_covariates_is_said():
    assert any("No covariates are named" in n for n in fitted(people(), covariates=[]).notes)
