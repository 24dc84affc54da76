"""causal_forest against EconML with the same seed and known effects."""

import numpy as np
import pytest

from scale_impact.core.causal.learning.folds import splits
from scale_impact.errors import DesignError
from scale_impact.estimators._econml import Chances, Learns
from tests.estimators.heterogeneous_worlds import changes, estimated, exposures, world

KEY = "causal_forest"
SMALL = {"trees": 40}


def test_effects_and_intervals_are_those_of_econml_with_the_same_seed():
    from econml.dml import CausalForestDML

    frame, seed = world(), 20251122
    found = estimated(KEY, exposures(frame), **SMALL).heterogeneity
    x = np.column_stack([frame["b"], frame["kind"] == "port"]).astype(float)
    model = CausalForestDML(
        model_y=Learns("ridge_cv", seed), model_t=Chances("linear", seed), discrete_treatment=True, cv=splits(found.folds),
        n_estimators=40, min_samples_leaf=5, random_state=seed,
    )  # fmt: skip
    model.fit(frame["y"], frame["d"], X=x, W=frame[["a"]].to_numpy())
    told = found.predict(found.contexts.head(5))
    assert told["estimate"].to_numpy() == pytest.approx(np.ravel(model.effect(x[:5])), rel=1e-10)
    low, high = model.effect_interval(x[:5], alpha=0.05)
    # EconML's intervals are normal, these have the t distribution with as many degrees of freedom as clusters less one
    assert (told["ci_high"] - told["ci_low"]).to_numpy() == pytest.approx(np.ravel(high - low), rel=0.01)


def test_jumps_are_found_and_the_average_with_them():
    frame = world(1000, seed=7)
    frame["y"] += frame["d"] * (2.0 * (frame["b"] > 0) - 1 - frame["b"])
    found = estimated(KEY, exposures(frame), trees=80)
    assert abs(found.overall.value - 1) < 3 * found.overall.std_error
    cate = found.heterogeneity.cate
    assert cate[frame["b"] > 0.3].mean() > 1.6
    assert cate[frame["b"] < -0.3].mean() < 0.4


def test_units_have_intervals_of_the_forest_left_out_fold_by_fold():
    found = estimated(KEY, exposures(world()), **SMALL)
    assert all(e.std_error > 0 for e in found.curves["units"])
    assert found.adjusted.again is None


def test_dependent_rows_have_no_interval_by_unit():
    frame = world(400)
    frame["town"] = np.arange(400) // 4
    found = estimated(KEY, exposures(frame, cluster="town"), **SMALL)
    assert found.heterogeneity.std_errors is None
    assert "each row is a cluster of its own" in found.curves["units"][0].reason
    assert found.overall.std_error > 0


def test_changes_are_answered_for_the_treated():
    frame = world(400, seed=6)
    found = estimated(KEY, changes(frame), **SMALL)
    assert found.estimand == "ATT"
    assert abs(found.overall.value - (1 + frame["b"][frame["d"] == 1]).mean()) < 3 * found.overall.std_error


def test_doses_are_taken():
    frame = world(400, seed=6)
    dose = frame["a"] + np.random.default_rng(1).normal(size=400)
    frame = frame.assign(d=dose, y=frame["a"] + dose * (1 + frame["b"]) + np.random.default_rng(2).normal(size=400))
    found = estimated(KEY, exposures(frame), learner="ridge_cv", **SMALL)
    assert abs(found.overall.value - 1) < 3 * found.overall.std_error
    assert np.corrcoef(found.heterogeneity.cate, frame["b"])[0, 1] > 0.8


def test_forests_need_units_unless_forced():
    with pytest.raises(DesignError, match="causal_forest needs 200 units or more, and here are 120"):
        estimated(KEY, exposures(world(120)), **SMALL)
    assert estimated(KEY, exposures(world(120)), force=True, **SMALL).overall.std_error > 0


def test_numbers_that_are_no_numbers_of_trees_are_refused():
    with pytest.raises(DesignError) as error:
        estimated(KEY, exposures(world()), trees=40.5, least_leaf=0)
    assert [p.split("`")[1] for p in error.value.problems] == ["trees: 40.5", "least_leaf: 0"]


def test_trees_come_in_bags_of_four():
    with pytest.raises(DesignError, match=r"`trees: 42` is no multiple of 4.*Use 44"):
        estimated(KEY, exposures(world()), trees=42)


def test_the_same_seed_gives_the_same_numbers():
    one, same = (estimated(KEY, exposures(world()), **SMALL) for _ in range(2))
    assert one.rows() == same.rows()
