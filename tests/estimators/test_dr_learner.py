"""dr_learner against EconML and known effects. Averages against DoubleML: see test_double_ml."""

import numpy as np
import pandas as pd
import pytest

from scale_impact.core.causal.learning.folds import splits
from scale_impact.core.causal.retrials import Retrials
from scale_impact.errors import DesignError
from scale_impact.estimators._econml import ByArm, Chances
from tests.estimators.heterogeneous_worlds import changes, estimated, exposures, world

KEY = "dr_learner"


def test_effects_of_contexts_are_those_of_linear_dr_learner():
    from econml.dr import LinearDRLearner

    frame, seed = world(), 20251122
    found = estimated(KEY, exposures(frame), learner="linear")
    x = np.column_stack([frame["b"], frame["kind"] == "port"]).astype(float)
    model = LinearDRLearner(
        model_regression=ByArm("linear", seed), model_propensity=Chances("linear", seed),
        cv=splits(found.heterogeneity.folds), random_state=seed,
    )  # fmt: skip
    model.fit(frame["y"], frame["d"], X=x, W=frame[["a"]].to_numpy())
    new = pd.DataFrame({"b": [0.0, -1.0], "kind port": [0.0, 1.0]})
    told = found.heterogeneity.predict(new)
    assert told["estimate"].to_numpy() == pytest.approx(model.effect(new.to_numpy()), rel=1e-8)
    low, high = model.effect_interval(new.to_numpy())
    # rows are their own clusters here, so that errors are HC1's and EconML's HC1's up to the few-cluster correction and t
    assert (told["ci_high"] - told["ci_low"]).to_numpy() == pytest.approx(np.ravel(high - low), rel=0.02)


def test_the_line_is_the_regression_of_the_scores_on_contexts():
    found = estimated(KEY, exposures(world()), learner="linear").heterogeneity
    z = np.column_stack([np.ones(240), found.contexts])
    slopes = np.linalg.lstsq(z, found.scores, rcond=None)[0]
    at = found.predict(pd.DataFrame({"b": [0.0], "kind port": [0.0]}))["estimate"][0]
    assert at == pytest.approx(slopes[0], rel=1e-8)


def test_the_average_is_that_of_the_scores():
    found = estimated(KEY, exposures(world()))
    assert found.overall.value == pytest.approx(found.heterogeneity.scores.mean())
    assert found.overall.std_error == pytest.approx(found.heterogeneity.scores.std(ddof=1) / np.sqrt(240))


def test_confounding_is_taken_away():
    frame = world(1500, seed=5)
    raw = frame["y"][frame["d"] == 1].mean() - frame["y"][frame["d"] == 0].mean()
    found = estimated(KEY, exposures(frame))
    assert abs(found.overall.value - 1) < 3 * found.overall.std_error
    assert raw > 1.5


def test_the_treated_alone_can_be_asked_about():
    found = estimated(KEY, exposures(world()), estimand="ATT")
    assert found.estimand == "ATT"
    assert found.adjusted.again(Retrials(counts=np.ones((1, 240))))[0] == pytest.approx(found.overall.value, rel=1e-4)


def test_other_last_stages_have_no_interval_by_unit():
    found = estimated(KEY, exposures(world()), final="ridge_cv")
    unit = found.curves["units"][0]
    assert unit.std_error is None
    assert "ridge_cv as last stage gives none" in unit.reason
    assert np.corrcoef(found.heterogeneity.cate, world()["b"])[0, 1] > 0.7
    assert found.heterogeneity.predict(found.heterogeneity.contexts.head(1))["ci_low"].isna().all()


def test_changes_are_answered_for_the_treated():
    frame = world(400, seed=6)
    found = estimated(KEY, changes(frame))
    assert found.estimand == "ATT"
    assert abs(found.overall.value - (1 + frame["b"][frame["d"] == 1]).mean()) < 3 * found.overall.std_error


def test_again_repeats_the_estimate():
    found = estimated(KEY, exposures(world()))
    assert found.adjusted.again(Retrials(counts=np.ones((1, 240))))[0] == pytest.approx(found.overall.value, rel=1e-4)


def test_weights_are_inverse_probabilities_in_each_arm():
    found = estimated(KEY, exposures(world()))
    d = found.adjusted.rows.exposure
    assert found.adjusted.weights[d == 1].sum() == pytest.approx(1)
    p = found.adjusted.propensity[d == 1]
    assert found.adjusted.weights[d == 1] == pytest.approx(1 / p / (1 / p).sum())


def test_doses_are_refused_with_advice():
    frame = world()
    frame["d"] = frame["a"] + frame["b"] + np.arange(240) % 3
    with pytest.raises(DesignError, match=r"dr_learner takes an exposure of 0 or 1.*Use double_ml or causal_forest"):
        estimated(KEY, exposures(frame))


def test_an_exact_fit_has_no_standard_error():
    frame = world()
    for outcome in (np.full(240, 5.0), 3.0 * frame["d"] + 7):
        found = estimated(KEY, exposures(frame.assign(y=outcome)))
        assert found.overall.std_error is None
        assert "shows no variation" in found.overall.reason
        assert found.influence is None
        assert all("shows no variation" in r for r in found.curves["subgroups"].reasons)
    far = estimated(KEY, exposures(frame.assign(y=frame["y"] + 1e9)))
    assert far.overall.std_error == pytest.approx(estimated(KEY, exposures(frame)).overall.std_error, rel=1e-4)


def test_unknown_last_stages_are_refused():
    with pytest.raises(DesignError, match="there is no learner 'ridge'"):
        estimated(KEY, exposures(world()), final="ridge")
