"""Effects explained by the context of cities, and what a city with a given context may expect."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t

from scale_impact.core.city_effects import CityEffects
from scale_impact.errors import DataError, DesignError, UsageError
from scale_impact.synthesis.between.robust import Sandwich
from scale_impact.synthesis.meta_regression import regress
from scale_impact.synthesis.pooling import pool
from scale_impact.synthesis.regressing.testing import hotelling
from tests.panels import reference
from tests.synthesis.made import bcg_with_context, drawn, konstantopoulos, raudenbush
from tests.synthesis.metafor_stops import fisher_scoring

CLUSTERS = [0, 0, 0, 1, 1, 2, 3, 3, 3, 3, 4, 5, 5, 6, 6, 7, 8, 8, 9, 9]


def numbers(found):
    return {
        "estimate": found.coefficients, "se": found.std_errors, "stat": found.statistics, "p": found.p_values, "ci_low": found.low,
        "ci_high": found.high, "tau2": found.tau2, "se_tau2": found.tau2_error, "I2": 100 * found.i2, "H2": found.h2, "Q": found.q,
        "Q_p": found.q_p, "QM": found.all_columns.statistic, "QMp": found.all_columns.p_value, "R2": 100 * found.r2,
    }  # fmt: skip


def agrees(found, theirs, tolerance):
    for name, ours in numbers(found).items():
        expected = np.atleast_1d(np.array(theirs[name], float))
        assert np.atleast_1d(ours) == pytest.approx(expected, rel=tolerance, abs=tolerance), name


# ---- against metafor -----------------------------------------------------------------------------


def test_a_regression_by_moments_has_metafors_numbers():
    found = regress(bcg_with_context(), ["ablat"], tau2="dersimonian_laird", inference="normal")
    agrees(found, reference("meta_bcg", "metareg_ablat_DL"), 1e-9)
    assert found.terms == ("intercept", "ablat")


def test_groups_are_compared_with_the_first_as_in_r():
    found = regress(bcg_with_context(), ["alloc"], inference="normal")
    agrees(found, reference("meta_bcg", "metareg_alloc_factor"), 2e-6)
    assert found.terms == ("intercept", "alloc: random", "alloc: systematic")
    assert found.by_column["alloc"] == found.all_columns
    assert found.all_columns.df == 2


@pytest.mark.parametrize(
    ("entry", "columns", "inference"),
    [("metareg_ablat_REML", ["ablat"], "normal"), ("metareg_ablat_year_REML_knha", ["ablat", "year"], "hartung_knapp")],
)
def test_reml_regressions_are_those_of_metafor_within_its_last_step(entry, columns, inference):
    # metafor stops where a step of Fisher scoring is under 1e-5: with that rule its tau2 comes out to rounding
    effects, theirs = bcg_with_context(), reference("meta_bcg", entry)
    found = regress(effects, columns, inference=inference)
    x = np.column_stack([np.ones(13), effects.context[columns]])
    stopped = [fisher_scoring(effects.effects, effects.variances, x, step) for step in (1e-5, 1e-14)]
    assert stopped[0] == pytest.approx(theirs["tau2"], abs=1e-12)
    assert found.tau2 == pytest.approx(stopped[1], abs=1e-12)
    agrees(found, theirs, 2e-4)


def test_weeks_of_contact_explain_all_differences_as_in_raudenbush_and_bryk():
    theirs = reference("metafor_examples", "raudenbush1985_weeks")
    found = regress(raudenbush(), ["weeks"], inference="normal")
    assert found.tau2 == pytest.approx(0, abs=1e-5)
    assert found.coefficients == pytest.approx(np.array(theirs["coef"]), abs=6e-5)
    assert found.statistics == pytest.approx(np.array(theirs["zval"]), abs=1e-3)
    assert found.q == pytest.approx(theirs["QE"], abs=6e-5)
    for weeks, i in ((2, 0), (3, 1)):
        new = found.predict({"weeks": weeks})
        expected = (theirs["fitted"][i], theirs["fitted_low"][i], theirs["fitted_high"][i])
        assert (new.mean, new.low, new.high) == pytest.approx(expected, abs=6e-5)


def test_years_explain_little_in_konstantopoulos_with_and_without_districts():
    without = regress(konstantopoulos(), ["year"], clusters="ignore", inference="normal")
    theirs = reference("metafor_examples", "konstantopoulos2011_two_level_year")
    assert without.coefficients == pytest.approx(np.array(theirs["coef"]), abs=6e-5)
    assert without.std_errors == pytest.approx(np.array(theirs["se"]), abs=6e-5)
    assert (without.tau2, without.tau2_error) == pytest.approx((theirs["tau2"], theirs["se_tau2"]), abs=6e-5)
    assert (without.tau2_low, without.tau2_high) == pytest.approx(theirs["tau2_ci"], abs=1.2e-4)
    nested = regress(konstantopoulos(), ["year"], tau2="ml", inference="normal")
    theirs = reference("metafor_examples", "konstantopoulos2011_year_ml")
    assert nested.coefficients == pytest.approx(np.array(theirs["coef"]), abs=6e-5)
    assert nested.std_errors == pytest.approx(np.array(theirs["se"]), abs=6e-5)
    assert (nested.between_clusters, nested.within_clusters) == pytest.approx(theirs["sigma2"], abs=6e-5)


# ---- against the slow and plain way --------------------------------------------------------------


def with_columns(effects, **columns):
    return CityEffects(
        effects.labels, effects.effects, effects.covariance, clusters=effects.clusters, context=pd.DataFrame(columns)
    )


def test_related_errors_are_regressed_as_dense_generalised_least_squares_does():
    rng = np.random.default_rng(4)
    effects = with_columns(drawn(20, 9), size=rng.lognormal(11, 1, 20), share=rng.uniform(0, 1, 20))
    found = regress(effects, ["size", "share"], log=["size"])
    x = np.column_stack([np.ones(20), np.log(effects.context["size"]), effects.context["share"]])
    w = np.linalg.inv(effects.covariance + found.tau2 * np.eye(20))
    bread = np.linalg.inv(x.T @ w @ x)
    beta = bread @ x.T @ w @ effects.effects
    rest = effects.effects - x @ beta
    covariance = bread * (rest @ w @ rest) / 17
    assert found.coefficients == pytest.approx(beta)
    assert found.covariance == pytest.approx(covariance, rel=1e-8)
    assert found.terms[1] == "log(size)"
    row = np.array([1, np.log(50_000), 0.4])
    new = found.predict({"size": 50_000, "share": 0.4, "mayor": "any"})
    error = np.sqrt(row @ covariance @ row)
    assert (new.mean, new.std_error) == pytest.approx((row @ beta, error))
    half = t.isf(0.025, 17) * np.hypot(error, np.sqrt(found.tau2))
    assert (new.predicted_low, new.predicted_high) == pytest.approx((new.mean - half, new.mean + half))


def test_no_errors_and_no_clusters_are_ordinary_least_squares():
    # equal errors and differences far above them: t and F of least squares
    import statsmodels.api as sm

    rng = np.random.default_rng(1)
    x = rng.normal(size=(24, 2))
    y = 1 + x @ [0.5, -0.2] + rng.normal(0, 1, 24)
    effects = with_columns(CityEffects.of(y, [0.1] * 24), a=x[:, 0], b=x[:, 1])
    found, ols = regress(effects, ["a", "b"]), sm.OLS(y, sm.add_constant(x)).fit()
    assert found.coefficients == pytest.approx(ols.params)
    assert found.std_errors == pytest.approx(ols.bse)
    assert found.p_values == pytest.approx(ols.pvalues)
    assert (found.all_columns.statistic, found.all_columns.p_value) == pytest.approx((ols.fvalue, ols.f_pvalue))
    assert found.by_column["a"].statistic == pytest.approx(ols.tvalues[1] ** 2)


def test_robust_tests_of_several_coefficients_are_those_of_tipton_and_pustejovsky():
    # the covariance matrix of the variance estimate under the working model, by brute force
    rng = np.random.default_rng(3)
    effects = drawn(20, 5, clusters=CLUSTERS, shared_error=0.0)
    effects = with_columns(effects, a=rng.normal(size=20), b=rng.normal(size=20))
    found = regress(effects, ["a", "b"])
    robust: Sandwich = found.robust
    c = found.back[1:]
    ours = hotelling(c, np.ones(3), robust)
    total = np.linalg.cholesky(_stacked(robust))
    x = np.vstack(robust.x)
    w = np.linalg.inv(_stacked(robust))
    rest = np.eye(20) - x @ robust.bread @ x.T @ w
    half = np.linalg.inv(np.linalg.cholesky(c @ robust.bread @ c.T))
    sizes = np.cumsum([len(part) for part in robust.x])[:-1]
    errors = np.random.default_rng(4).standard_normal((20_000, 20)) @ total.T @ rest.T
    turned = half @ c @ robust.bread
    scores = np.stack(
        [e @ load @ turned.T for load, e in zip(robust.loads, np.split(errors, sizes, axis=1), strict=True)]
    )
    draws = np.einsum("jns,jnt->nst", scores, scores)
    assert draws.mean(axis=0) == pytest.approx(np.eye(2), abs=0.04)
    eta = 2 * 3 / draws.var(axis=0).sum()
    assert ours.error_df == pytest.approx(eta - 1, rel=0.08)
    squared = found.coefficients[1:] @ np.linalg.solve(found.covariance[1:, 1:], found.coefficients[1:])
    df = found.all_columns.error_df
    assert df == pytest.approx(ours.error_df)
    assert found.all_columns.statistic == pytest.approx(df / ((df + 1) * 2) * squared)
    assert found.by_column["a"].statistic == pytest.approx(found.statistics[1] ** 2)
    assert found.by_column["a"].error_df == pytest.approx(found.df[1])


def _stacked(robust):
    from scipy.linalg import block_diag

    return block_diag(*robust.errors)


# ---- invariances, predictions, refusals ----------------------------------------------------------


def test_units_of_effects_and_columns_change_no_answer():
    effects = bcg_with_context()
    found = regress(effects, ["ablat", "year"])
    other = CityEffects(
        effects.labels,
        effects.effects * 1e-6,
        effects.covariance * 1e-12,
        context=effects.context.assign(year=effects.context["year"] * 1e7),
    )
    again = regress(other, ["ablat", "year"])
    assert again.statistics == pytest.approx(found.statistics, rel=1e-7)
    assert again.p_values == pytest.approx(found.p_values, rel=1e-7)
    new, old = again.predict({"ablat": 30, "year": 1960e7}), found.predict({"ablat": 30, "year": 1960})
    assert (new.mean, new.predicted_low) == pytest.approx((old.mean * 1e-6, old.predicted_low * 1e-6), rel=1e-8)


def test_a_prediction_says_what_lies_beyond_the_cities():
    found = regress(bcg_with_context(), ["ablat"])
    assert found.predict({"ablat": 40}).outside == ()
    assert found.predict({"ablat": 60}).outside == ("ablat is 60; the cities have 13 to 55",)
    inside = found.predict({"ablat": 33})
    assert (
        inside.predicted_high - inside.predicted_low
        < found.predict({"ablat": 60}).predicted_high - found.predict({"ablat": 60}).predicted_low
    )


def test_a_row_that_cannot_be_predicted_is_refused_with_all_its_problems():
    found = regress(bcg_with_context(), ["ablat", "alloc"], least_each=4)
    with pytest.raises(UsageError) as error:
        found.predict({"ablat": "north", "alloc": "drawn"})
    assert len(error.value.problems) == 2
    assert "'north' is no number" in str(error.value)
    assert "no city is 'drawn'" in str(error.value)
    with pytest.raises(UsageError, match="no 'alloc'"):
        found.predict({"ablat": 40})


def test_numbers_may_be_groups():
    found = regress(bcg_with_context(), ["year"], groups=["year"], least_each=1)
    assert found.terms[1] == "year: 1949"


def test_too_many_columns_for_so_few_cities_are_refused_with_the_rule():
    with pytest.raises(DesignError, match=r"13 effects for 3 coefficients.*at least 5 each.*15.*10 each"):
        regress(bcg_with_context(), ["ablat", "alloc"])
    with pytest.raises(DesignError, match="3 in all cases"):
        regress(bcg_with_context().take([0, 1]), ["ablat"], least_each=1)
    assert any("fewer than 10 each" in n for n in regress(bcg_with_context(), ["ablat", "year"]).notes)


def test_columns_that_are_not_there_are_refused_with_the_nearest():
    with pytest.raises(UsageError, match="Did you mean 'ablat'"):
        regress(bcg_with_context(), ["ablatt"])
    with pytest.raises(UsageError, match="not among the columns"):
        regress(bcg_with_context(), ["ablat"], log=["year"])
    with pytest.raises(UsageError, match="No column"):
        regress(bcg_with_context(), [])
    with pytest.raises(UsageError, match="no column 'size'"):
        regress(drawn(12, 0), ["size"])
    with pytest.raises(UsageError, match="named twice"):
        regress(bcg_with_context(), ["ablat", "ablat"])


def test_cities_without_a_value_are_named():
    effects = drawn(12, 0)
    gap = with_columns(effects, size=[1.0, np.nan, 3, -4, 5, 6, 7, 8, 9, 10, 11, 12], kind=["a", None, *"abababbbaa"])
    with pytest.raises(DataError) as error:
        regress(gap, ["size", "kind"])
    assert str(error.value).count("no value for city 1") == 2
    with pytest.raises(DataError, match="no logarithm for city 3"):
        regress(with_columns(effects, size=[1.0, 2, 3, -4, 5, 6, 7, 8, 9, 10, 11, 12]), ["size"], log=["size"])


def test_columns_that_do_not_vary_or_follow_from_others_are_refused():
    effects = drawn(20, 0)
    a = np.arange(20.0)
    with pytest.raises(DesignError, match="same in all cities"):
        regress(with_columns(effects, a=a, b=np.ones(20)), ["a", "b"])
    with pytest.raises(DesignError, match="b is a combination"):
        regress(with_columns(effects, a=a, b=3 * a - 7), ["a", "b"])


def test_where_nothing_differs_there_is_nothing_to_explain():
    effects = with_columns(CityEffects.of([0.1] * 12, [0.2] * 12), a=np.arange(12.0))
    found = regress(effects, ["a"])
    assert found.r2 is None
    assert "nothing to explain" in found.why_not["r2"]
    assert found.std_errors.min() > 0
    assert pool(effects).tau2 == found.tau2 == 0


def test_effects_in_clusters_get_robust_errors_and_their_degrees_of_freedom():
    rng = np.random.default_rng(8)
    effects = with_columns(drawn(20, 6, clusters=CLUSTERS, shared_error=0.0), a=rng.normal(size=20))
    found = regress(effects, ["a"])
    assert found.n_clusters == 10
    assert (found.df < 10).all()
    assert found.tau2 == pytest.approx(found.between_clusters + found.within_clusters)
    assert "CR2" in found.inference
    assert "tau2 interval" in found.why_not
    new = found.predict({"a": 0.0})
    assert new.mean == pytest.approx(found.coefficients[0])
    assert new.df == pytest.approx(found.df[0])
    assert new.prediction_df == 8
    other = regress(effects, ["a"], tau2="dersimonian_laird")
    assert other.between_clusters == 0


def test_as_many_coefficients_as_clusters_are_refused():
    effects = with_columns(
        drawn(12, 6, clusters=[0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1], shared_error=0.0), a=np.arange(12.0)
    )
    with pytest.raises(DesignError, match="2 independent clusters for 2 coefficients"):
        regress(effects, ["a"])


def test_the_table_has_one_row_a_coefficient():
    found = regress(bcg_with_context(), ["ablat"])
    table = found.table()
    assert list(table["term"]) == ["intercept", "ablat"]
    assert found.coefficient("ablat") == pytest.approx(tuple(table.loc[1, ["estimate", "low", "high"]]))
    with pytest.raises(UsageError, match="no term"):
        found.coefficient("latitude")


def test_few_controls_limit_levels_and_predictions_but_not_slopes():
    rng = np.random.default_rng(4)
    k, x = 20, np.linspace(0, 1, 20)
    covariance = 0.2 * (0.6 * np.eye(k) + 0.4)
    y = x + rng.multivariate_normal(np.zeros(k), covariance) + 0.3 * rng.standard_normal(k)
    context = pd.DataFrame({"x": x})
    labels = tuple(map(str, range(k)))
    sure, found = (
        regress(CityEffects(labels, y, covariance, context=context, df=df), ["x"]) for df in (None, np.full(k, 3.0))
    )
    assert list(sure.df) == [18, 18]
    assert list(found.df) == [3, 18]
    told, before = found.predict({"x": 0.5}), sure.predict({"x": 0.5})
    assert told.df == 3
    assert (before.df, before.prediction_df) == (18, 18)
    square = told.std_error**2
    assert told.prediction_df == pytest.approx((square + found.tau2) ** 2 / (square**2 / 3 + found.tau2**2 / 18))
    assert any("degrees of freedom only" in n for n in found.notes)
