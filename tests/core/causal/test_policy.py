"""Policy trees: the search against all trees, and what rules are worth where they were not made."""

import numpy as np
import pytest

from scale_impact.core.causal.for_whom.policy import best_tree, classes, learn
from scale_impact.core.causal.for_whom.projection import scored
from tests.causal import by_hand, simulated


def stump(gains, x, least):
    """The best gain with at most one question, by trying all."""
    best = max(gains.sum(), 0.0) if len(gains) >= least else -np.inf
    for column in x.T:
        for cut in np.unique(column)[:-1]:
            low = column <= cut
            if min(low.sum(), (~low).sum()) >= least:
                best = max(best, max(gains[low].sum(), 0) + max(gains[~low].sum(), 0))
    return best


def tried(gains, x, least):
    """The best gain with two levels of questions, by trying all."""
    best = max(gains.sum(), 0.0)
    for column in x.T:
        for cut in np.unique(column)[:-1]:
            low = column <= cut
            best = max(best, stump(gains[low], x[low], least) + stump(gains[~low], x[~low], least))
    return best


@pytest.mark.parametrize("seed", range(20))
def test_the_tree_is_the_best_of_all_trees(seed):
    rng = np.random.default_rng(seed)
    n, least = int(rng.integers(8, 30)), int(rng.integers(1, 5))
    x = rng.normal(size=(n, int(rng.integers(1, 4))))
    x = np.round(x) if seed % 2 else x
    gains = rng.normal(size=n) + 0.2
    tree = best_tree(gains, classes(x, 1000), least)
    assert tree.gain == pytest.approx(tried(gains, x, least))
    assert gains[tree.decide(x)].sum() == pytest.approx(tree.gain)


def test_the_exact_search_is_never_worse_than_econmls_greedy_one():
    from econml.policy import PolicyTree

    for seed in range(5):
        rng = np.random.default_rng(seed)
        x, gains = rng.normal(size=(120, 3)), rng.normal(size=120)
        gains = gains + 2 * (x[:, 0] > 0) * (x[:, 1] > 0) - 0.8
        greedy = PolicyTree(max_depth=2, min_samples_leaf=5, min_balancedness_tol=0.5, honest=False, random_state=seed)
        greedy.fit(x, np.column_stack([np.zeros(120), gains]))
        mine = best_tree(gains, classes(x, 1000), 5)
        assert mine.gain >= gains[greedy.predict(x) == 1].sum() - 1e-9


def test_an_interaction_that_no_single_question_shows_is_found():
    rng = np.random.default_rng(1)
    x = rng.choice([-1.0, 1.0], size=(200, 2))
    gains = x[:, 0] * x[:, 1]
    assert best_tree(gains, classes(x, 64), 5).gain == pytest.approx((gains > 0).sum())


def test_of_rules_as_good_the_simplest_is_taken():
    x = np.arange(20.0)[:, None]
    assert list(best_tree(np.ones(20), classes(x, 64), 1).leaves()) == [((), True)]
    one = list(best_tree(np.where(x[:, 0] > 9, 1.0, -1.0), classes(x, 64), 1).leaves())
    assert one == [(((0, True, 9.5),), False), (((0, False, 9.5),), True)]


def test_many_values_are_cut_at_quantiles():
    cut = classes(np.arange(1000.0)[:, None], 9)
    assert len(cut.thresholds[0]) == 9
    assert np.bincount(cut.codes[:, 0]).tolist() == pytest.approx([100] * 10, abs=1)


def test_a_rule_is_worth_its_mean_gain_where_it_was_not_made():
    rng = np.random.default_rng(2)
    x = rng.normal(size=4000)
    found = learn(scored(by_hand(np.sign(x), x, {"x": x}, folds=np.arange(4000) % 4)), 0.0, 64, 50)
    assert found.value.value == pytest.approx(0.5, abs=0.03)
    assert found.treated == pytest.approx(0.5, abs=0.05)
    assert found.gain == pytest.approx(found.value.value - max(np.sign(x).mean(), 0))
    assert found.p_value < 1e-6


def test_without_heterogeneity_the_rule_promises_more_than_it_keeps():
    found = [learn(scored(simulated(s, n=200, mean=0.0)), 0.0, 32, 10) for s in range(40)]
    assert np.mean([f.promised for f in found]) > 0.1
    assert np.mean([f.value.value for f in found]) == pytest.approx(0.0, abs=0.05)
    assert np.mean([f.p_value < 0.05 for f in found]) <= 0.1


def test_a_cost_above_all_effects_treats_nobody():
    found = learn(scored(simulated(3, slope=0.0, noise=0.1)), 5.0, 32, 10)
    assert found.treated == 0.0
    assert found.best_constant == ("nobody", 0.0)
    assert (found.value.value, found.value.std_error) == (0.0, 0.0)
    assert found.p_value == pytest.approx(0.5)


def test_regret_is_what_the_best_rule_would_have_added_and_never_negative():
    for seed, slope in ((0, 0.0), (1, 0.8), (2, 3.0)):
        found = learn(scored(simulated(seed, n=300, slope=slope, mean=0.2)), 0.0, 32, 10)
        assert found.regret == pytest.approx(found.promised - found.value.value)
        assert found.regret >= max(0.0, -found.gain)


@pytest.mark.parametrize("seed", range(5))
def test_regret_is_no_smaller_than_against_the_best_rule(seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(400, 2))
    scores = np.sign(x[:, 0]) + 2 * rng.normal(size=400)
    made = by_hand(scores, x[:, 0], {"x": x[:, 0], "z": x[:, 1]}, folds=np.arange(400) % 4)
    found = learn(scored(made), 0.0, 1000, 20)
    best = (scores * (x[:, 0] > 0)).mean()  # of the rule that is best in truth
    assert found.regret >= max(best - found.value.value, 0.0)


def test_the_oracle_is_no_smaller_than_any_rule():
    found = learn(scored(simulated(4, slope=0.5)), 0.5, 32, 10)
    assert found.oracle >= max(found.promised, found.value.value, found.by_prediction.value)
