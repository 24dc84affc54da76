"""Learners by name."""

import numpy as np
import pytest

from scale_impact.core.causal.learning.learners import classifier, learners, regressor, settled
from scale_impact.core.causal.learning.nuisance import say
from scale_impact.errors import DesignError

RNG = np.random.default_rng(3)
X = RNG.normal(size=(120, 3)) * [1, 100, 0.01]
Y = X[:, 0] + X[:, 1] / 100 + RNG.normal(size=120)
D = (X[:, 0] + RNG.normal(size=120) > 0).astype(int)
NAMES = ("constant", "linear", "ridge_cv", "lasso", "boosting", "forest")


def test_one_name_is_for_outcome_and_treatment():
    found = learners("lasso", 1, "double_ml")
    assert (found.outcome, found.treatment) == (("lasso",), ("lasso",))


def test_parts_can_have_their_own_and_lists():
    found = learners({"outcome": ["linear", "forest"]}, 1, "double_ml")
    assert (found.outcome, found.treatment) == (("linear", "forest"), ("ridge_cv",))
    assert found.flexible() == ["forest"]


def test_all_unknown_names_are_said_at_once():
    with pytest.raises(DesignError) as error:
        learners({"outcom": "ridge_cv", "treatment": "ridge", "outcome": []}, 1, "double_ml")
    text = str(error.value)
    assert "'outcom'. Did you mean 'outcome'?" in text
    assert "'ridge' for the treatment. Did you mean 'ridge_cv'?" in text
    assert "name a learner for the outcome" in text


@pytest.mark.parametrize("name", NAMES)
def test_every_learner_tells_numbers_and_chances(name):
    told = say(regressor(name, 1).fit(X, Y), X)
    chance = say(classifier(name, 1).fit(X, D), X)
    assert told.shape == (120,)
    assert ((chance >= 0) & (chance <= 1)).all()
    if name != "constant":
        assert np.corrcoef(told, Y)[0, 1] > 0.5
        assert chance[D == 1].mean() > chance[D == 0].mean() + 0.1


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_tells_the_same(name):
    assert np.array_equal(say(regressor(name, 5).fit(X, Y), X), say(regressor(name, 5).fit(X, Y), X))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("chances", [True, False])
def test_settled_learners_repeat_what_the_choice_of_penalty_gave(name, chances):
    make, target = (classifier, D) if chances else (regressor, Y)
    again = settled(name, 1, X, target, chances=chances)()
    assert say(again.fit(X, target), X) == pytest.approx(say(make(name, 1).fit(X, target), X), abs=1e-4)


def test_scale_does_not_matter_for_penalised_learners():
    wide = regressor("ridge_cv", 1).fit(X * [1, 1000, 1], Y)
    assert say(wide, X * [1, 1000, 1]) == pytest.approx(say(regressor("ridge_cv", 1).fit(X, Y), X), abs=1e-8)


def test_levels_of_groups_are_not_shrunk():
    groups = np.repeat([0, 1, 2], 40)
    dummies = (groups[:, None] == [1, 2]).astype(float)
    shocks = np.array([0.0, 50.0, -20.0])[groups]
    controls = np.column_stack([X, dummies])
    found = say(regressor("ridge_cv", 1, levels=2).fit(controls, Y + shocks), controls) - shocks
    assert [found[groups == g].mean() for g in range(3)] == pytest.approx(
        [Y[groups == g].mean() for g in range(3)], abs=0.01
    )
    constant = regressor("constant", 1, levels=2).fit(controls, Y + shocks).predict(controls)
    assert constant == pytest.approx(np.array([(Y + shocks)[groups == g].mean() for g in range(3)])[groups])


def test_unseen_groups_have_the_mean_of_all():
    dummies = np.zeros((120, 1))
    model = regressor("constant", 1, levels=1).fit(np.column_stack([X, dummies]), Y)
    assert model.predict(np.column_stack([X[:1], [1.0]]))[0] == pytest.approx(Y.mean())
