"""Regression adjustment of exposures and of changes, against statsmodels and linearmodels."""

import numpy as np
import pandas as pd
import pytest

import scale_impact as si
from scale_impact.core.causal.graphs.graph import Graph
from scale_impact.core.causal.retrials import Retrials
from scale_impact.errors import DesignError, EstimationError, UsageError
from tests.panels import design_of, drawn, panel_of
from tests.refuters import COVARIATES, asked, city_rows, panel_rows

EXACT = 1e-9


def fitted(frame, *, unit=None, cluster=None, exposure="measure", **options):
    panel, design = asked(frame, unit=unit, exposure=exposure, cluster=cluster)
    return si.estimate("backdoor_regression", panel, design, **{"covariates": COVARIATES, **options})


def ols(formula, frame):
    import statsmodels.formula.api as smf

    return smf.ols(formula, frame).fit()


# ---- against other programs --------------------------------------------------------------------------------------


@pytest.mark.parametrize("vcov", ["HC1", "HC2", "HC3"])
def test_a_cross_section_is_statsmodels_regression(vcov):
    frame = city_rows()
    overall, theirs = fitted(frame, vcov=vcov).overall, ols("score ~ measure + income + age + dense", frame)
    assert overall.value == pytest.approx(theirs.params["measure"], rel=EXACT)
    assert overall.std_error == pytest.approx(theirs.get_robustcov_results(vcov).bse[1], rel=EXACT)
    assert overall.df == theirs.df_resid


def test_texts_and_periods_are_dummies():
    frame = city_rows().assign(
        kind=lambda f: np.array(["port", "hill", "plain"])[f.index % 3], year=lambda f: 2020 + f.index % 2
    )
    found = fitted(frame, covariates=["income", "kind"], vcov="iid")
    theirs = ols("score ~ measure + income + C(kind) + C(year)", frame)
    assert found.overall.value == pytest.approx(theirs.params["measure"], rel=EXACT)
    assert found.overall.std_error == pytest.approx(theirs.bse["measure"], rel=EXACT)


def test_a_dose_is_a_slope():
    frame = city_rows()
    found = fitted(frame, exposure="age", covariates=["income"], vcov="HC1")
    assert found.overall.value == pytest.approx(ols("score ~ age + income", frame).params["age"], rel=EXACT)
    assert found.estimand == "ATE"
    assert found.adjusted.weights is None


@pytest.mark.parametrize("lost", [0, 5])
def test_unit_and_period_effects_are_linearmodels_and_clustered_by_unit(lost):
    from linearmodels import PanelOLS

    frame = panel_rows(20).iloc[lost:]
    data = frame.set_index(["city", "year"])
    model = PanelOLS(data["score"], data[["measure", "income"]], entity_effects=True, time_effects=True)
    theirs = model.fit(
        cov_type="clustered",
        cluster_entity=True,
        group_debias=False,
        debiased=False,
        auto_df=False,
        count_effects=False,
    )
    found = fitted(frame, unit="city", covariates=["income"], effects=["unit", "period"], vcov="CR1")
    n, k = len(frame), 2 + 5 + 1
    factor = 20 / 19 * (n - 1) / (n - k)
    assert found.overall.value == pytest.approx(theirs.params["measure"], rel=EXACT)
    assert found.overall.std_error == pytest.approx(theirs.std_errors["measure"] * factor**0.5, rel=EXACT)
    assert found.overall.df == 19


def test_unit_effects_of_a_measure_that_stays_are_those_of_twfe():
    frame = drawn({3: 6, np.inf: 9}, 6, seed=3)
    frame["on"] = (frame["t"] >= frame["g"]).astype(float)
    panel = panel_of(frame)
    design = si.Design.from_panel(panel, exposure="on")
    ours = si.estimate("backdoor_regression", panel, design, effects=["unit"], vcov="CR1")
    theirs = si.estimate("twfe", panel, design_of(frame))
    assert ours.overall.value == pytest.approx(theirs.overall.value, rel=EXACT)
    assert ours.overall.std_error == pytest.approx(theirs.overall.std_error, rel=EXACT)


def test_changes_of_one_cohort_are_the_difference_in_differences():
    frame = drawn({3: 6, np.inf: 9}, 6, seed=3)
    ours = si.estimate("backdoor_regression", panel_of(frame), design_of(frame), vcov="iid")
    y = frame.pivot(index="id", columns="t", values="y")
    treated = frame.groupby("id")["g"].first() < np.inf
    change = y.loc[:, 3:].mean(axis=1) - y[2]
    assert ours.estimand == "ATT"
    assert ours.overall.value == pytest.approx(change[treated].mean() - change[~treated].mean(), rel=EXACT)


def test_changes_given_a_covariate_are_the_regression_of_changes():
    frame = drawn({3: 9, np.inf: 14}, 6, seed=3)
    frame["x"] = np.random.default_rng(2).normal(size=len(frame))
    ours = si.estimate(
        "backdoor_regression", panel_of(frame), design_of(frame), covariates=["x"], change="first", vcov="HC1"
    )
    y, x = (frame.pivot(index="id", columns="t", values=c) for c in ("y", "x"))
    rows = pd.DataFrame({"dy": y[3] - y[2], "d": (frame.groupby("id")["g"].first() < np.inf) * 1.0, "x": x[2]})
    theirs = ols("dy ~ d + x", rows)
    assert ours.overall.value == pytest.approx(theirs.params["d"], rel=EXACT)
    assert ours.overall.std_error == pytest.approx(theirs.get_robustcov_results("HC1").bse[1], rel=EXACT)


def test_controls_of_several_cohorts_cluster_by_unit():
    frame = drawn({3: 6, 5: 5, np.inf: 9}, 8, seed=1)
    found = si.estimate("backdoor_regression", panel_of(frame), design_of(frame))
    assert found.sample.n_obs == 6 + 5 + 2 * 9
    assert found.sample.n_clusters == 20
    assert found.inference.startswith("clustered (20 clusters), CR2")
    assert any("rests on 20 clusters" in note for note in found.notes)


# ---- slopes by exposure -------------------------------------------------------------------------------------------


def test_slopes_by_exposure_average_the_two_arms():
    frame = city_rows()
    frame["score"] += frame["measure"] * frame["income"]
    arms = {d: ols("score ~ income + age + dense", frame[frame["measure"] == d]) for d in (0, 1)}
    apart = arms[1].predict(frame) - arms[0].predict(frame)
    exposed = frame["measure"] == 1
    assert fitted(frame, interact=True).overall.value == pytest.approx(apart.mean(), rel=EXACT)
    att = fitted(frame, interact=True, estimand="ATT")
    assert (att.estimand, att.overall.value) == ("ATT", pytest.approx(apart[exposed].mean(), rel=EXACT))


@pytest.mark.parametrize("estimand", ["ATE", "ATT"])
def test_slopes_by_exposure_count_the_error_of_the_means_that_they_are_averaged_over(estimand):
    """The infinitesimal jackknife: each row's weight is moved a little; without small-sample factor that is White's variance."""
    frame = city_rows(n=90)
    frame["score"] += 2 * frame["measure"] * frame["income"]
    found = fitted(frame, interact=True, estimand=estimand, vcov="HC1")
    moved = [found.adjusted.again(Retrials(counts=1 + sign * 1e-4 * np.eye(90))) for sign in (1, -1)]
    influence = (moved[0] - moved[1]) / 2e-4
    white = found.overall.std_error * np.sqrt(found.overall.df / 90)
    assert white == pytest.approx(np.sqrt(influence @ influence), rel=1e-6)


def test_again_follows_slopes_by_exposure():
    frame = city_rows()
    found = fitted(frame, interact=True).adjusted
    other = np.random.default_rng(1).integers(0, 2, len(frame)).astype(float)
    again = found.again(Retrials(exposure=other[None]))
    assert again == pytest.approx([fitted(frame.assign(measure=other), interact=True).overall.value])


# ---- what goes with it ----------------------------------------------------------------------------------------------


def test_weights_make_the_estimate_and_balance_the_covariates():
    found = fitted(city_rows())
    rows, weights = found.adjusted.rows, found.adjusted.weights
    exposed = rows.treated
    assert weights[exposed] @ rows.outcome[exposed] - weights[~exposed] @ rows.outcome[~exposed] == pytest.approx(
        found.overall.value
    )
    assert weights[exposed] @ rows.covariates[exposed] == pytest.approx(weights[~exposed] @ rows.covariates[~exposed])
    assert any("negative weight" in note for note in found.notes) == bool((weights < -1e-10).any())


def test_partial_is_the_textbook_s_whatever_the_errors():
    theirs = ols("score ~ measure + income + age + dense", city_rows())
    for vcov in ("auto", "HC3"):
        partial = fitted(city_rows(), vcov=vcov).adjusted.partial
        assert (partial.std_error, partial.df) == (pytest.approx(theirs.bse["measure"], rel=EXACT), theirs.df_resid)
    assert fitted(city_rows(), interact=True).adjusted.partial is None


def test_order_scale_and_names_do_not_matter():
    frame = city_rows()
    base = fitted(frame).overall
    mixed = fitted(frame.sample(frac=1, random_state=1)).overall
    larger = fitted(frame.assign(score=lambda f: 1000 * f["score"] + 1e7, income=lambda f: f["income"] * 1e-6)).overall
    assert (mixed.value, mixed.std_error) == (pytest.approx(base.value), pytest.approx(base.std_error))
    assert (larger.value, larger.std_error) == (pytest.approx(1000 * base.value), pytest.approx(1000 * base.std_error))


def test_the_graph_says_what_to_adjust_for():
    frame = city_rows()
    graph = Graph.parse(
        edges=["income -> measure", "income -> score", "age -> measure", "age -> score", "measure -> score"]
    )
    panel = si.Panel.from_frame(frame, unit=None, period="year", outcome="score")
    found = si.estimate("backdoor_regression", panel, si.Design.from_panel(panel, exposure="measure", graph=graph))
    assert set(found.adjusted.rows.columns) == {"income", "age"}
    assert found.overall.value == pytest.approx(
        ols("score ~ measure + income + age", frame).params["measure"], rel=EXACT
    )


# ---- no answer ---------------------------------------------------------------------------------------------------


def test_covariates_that_explain_the_exposure_leave_nothing_to_compare():
    with pytest.raises(EstimationError, match="nothing is left of the exposure"):
        fitted(city_rows().assign(same=lambda f: 3 * f["measure"] + f["income"]), covariates=["income", "same"])


def test_an_exposure_that_is_fixed_in_units_has_no_effect_within_them():
    with pytest.raises(EstimationError, match="within units once covariates"):
        fitted(panel_rows(fixed=True), unit="city", covariates=["income"], effects=["unit"])


def test_as_many_coefficients_as_rows_are_refused():
    with pytest.raises(EstimationError, match="5 rows are too few for 5 coefficients"):
        fitted(city_rows().iloc[[0, 1, 2, 5, 9]])


def test_a_perfect_fit_has_no_standard_error_and_says_why():
    found = fitted(city_rows().assign(score=lambda f: 2 * f["measure"] + f["income"]))
    assert found.overall.value == pytest.approx(2)
    assert found.overall.std_error is None
    assert "fits each row exactly" in found.overall.reason
    assert found.adjusted.partial is None


def test_options_that_do_not_go_together_are_told_all_at_once():
    with pytest.raises(DesignError) as caught:
        fitted(city_rows(), exposure="age", covariates=["income"], interact=True, effects=["unit"])
    assert len(caught.value.problems) == 3
    with pytest.raises(DesignError, match="estimand: ATT needs `interact: true`"):
        fitted(city_rows(), estimand="ATT")
    frame = drawn({3: 6, np.inf: 9}, 6, seed=3)
    with pytest.raises(DesignError, match="free of them already"):
        si.estimate("backdoor_regression", panel_of(frame), design_of(frame), effects=["unit"])
    with pytest.raises(DesignError, match="the effect is theirs"):
        si.estimate("backdoor_regression", panel_of(frame), design_of(frame), interact=True, estimand="ATE")


def test_values_that_options_do_not_have_are_told_all_at_once():
    with pytest.raises(UsageError) as caught:
        fitted(city_rows(), vcov="HC4", effects=["units"], estimand="LATE", change="last")
    assert [p.split(" is ")[0].split(": ")[1] for p in caught.value.problems] == [
        "effects",
        "estimand",
        "vcov",
        "change",
    ]


def test_an_arm_that_is_too_small_for_its_own_slopes_is_refused():
    frame = city_rows()
    frame["measure"] = (np.arange(len(frame)) < 4).astype(float)
    with pytest.raises(EstimationError, match="4 rows are exposed, too few for 4 coefficients of their own"):
        fitted(frame, interact=True)


def test_a_regression_imports_no_heavy_package():
    import subprocess
    import sys

    code = (
        "import sys, numpy as np, pandas as pd, scale_impact as si\n"
        "f = pd.DataFrame({'t': 1, 'd': [0, 1] * 9, 'y': np.arange(18.0) ** 2})\n"
        "p = si.Panel.from_frame(f, unit=None, period='t', outcome='y')\n"
        "d = si.Design.from_panel(p, exposure='d')\n"
        "refit = lambda p, d: si.estimate('backdoor_regression', p, d)\n"
        "si.check('placebo_treatment', p, d, refit); si.check('data_subset', p, d, refit)\n"
        "print([m for m in ('dowhy', 'econml', 'sklearn', 'statsmodels', 'linearmodels', 'matplotlib') if m in sys.modules])"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )


def sold(n=1500, seed=3):
    """Houses sold in four years, none twice: prices move with size, and more so from year to year."""
    rng = np.random.default_rng(seed)
    size, year = rng.normal(size=n), rng.integers(0, 4, n)
    near = rng.random(n) < 1 / (1 + np.exp(-0.8 * size))
    price = near + size * (1 + 0.4 * year) + 0.3 * year + (near & (year >= 2)) * 1.0 + 0.5 * rng.normal(size=n)
    frame = pd.DataFrame({"year": year, "g": np.where(near, 2, np.nan), "size": size, "price": price})
    panel = si.Panel.from_frame(frame, unit=None, period="year", outcome="price")
    return frame, panel, si.Design.from_panel(panel, first_treated="g")


def test_covariates_of_repeated_cross_sections_may_move_changes_too():
    frame, *data = sold()
    told = frame.assign(near=frame["g"].notna() * 1.0, after=(frame["year"] >= 2) * 1.0)
    found = si.estimate("backdoor_regression", *data, covariates=["size"])
    theirs = ols("price ~ near:after + near + C(year) + size + size:after", told)
    assert found.overall.value == pytest.approx(theirs.params["near:after"], rel=EXACT)
    low, high = found.overall.interval()
    assert low < 1 < high
    levels = si.estimate("backdoor_regression", *data, covariates=["size"], trends=False)
    textbook = ols("price ~ near:after + near + C(year) + size", told)
    assert levels.overall.value == pytest.approx(textbook.params["near:after"], rel=EXACT)
    assert levels.overall.interval()[0] > 1
    assert any("Covariates move levels only" in n for n in levels.notes)
    assert not any("Covariates move levels only" in n for n in found.notes)


def test_versions_with_other_covariates_have_trends_of_their_own():
    frame, panel, design = sold()
    found = si.estimate("backdoor_regression", panel, design, covariates=["size"]).adjusted
    other = frame["size"].to_numpy() + np.random.default_rng(2).normal(size=len(frame))
    again = found.again(Retrials(covariates=other[None, :, None]))
    noisy = si.Panel.from_frame(frame.assign(size=other), unit=None, period="year", outcome="price")
    whole = si.estimate(
        "backdoor_regression", noisy, si.Design.from_panel(noisy, first_treated="g"), covariates=["size"]
    )
    assert again == pytest.approx([whole.overall.value], rel=EXACT)


@pytest.mark.parametrize("options", [{}, {"interact": True}, {"interact": True, "estimand": "ATT"}])
def test_each_row_s_part_of_the_error_adds_up_to_the_standard_error(options):
    found = fitted(city_rows(), **options)
    parts = found.influence.made()
    assert np.sqrt((parts**2).sum()) == pytest.approx(found.overall.std_error)


@pytest.mark.parametrize("interact", [False, True])
def test_an_outcome_that_covariates_explain_has_no_effect_and_no_error(interact):
    found = fitted(city_rows().assign(score=lambda f: 1e9 + f["income"]), interact=interact)
    assert found.overall.value == 0
    assert found.overall.std_error is None
    assert "fits each row exactly" in found.overall.reason


def test_an_effect_is_shown_without_its_arrays():
    assert len(repr(fitted(city_rows()))) < 2000
