"""Scores regressed on contexts: against statsmodels, by leaving out clusters, and in words where there is no answer."""

import numpy as np
import pytest

from scale_impact.core.causal.for_whom.projection import independent, project, regress, scored
from scale_impact.core.comparison import holm
from scale_impact.errors import EstimationError
from tests.causal import by_hand, simulated


def test_slopes_and_hc3_errors_are_those_of_statsmodels():
    import statsmodels.api as sm

    rows = scored(simulated(1, n=300, slope=0.5))
    columns = np.column_stack([np.ones(300), rows.contexts])
    found = regress(rows, columns)
    theirs = sm.OLS(rows.scores, columns).fit(cov_type="HC3")
    assert found.coefficients == pytest.approx(theirs.params, rel=1e-10)
    assert found.std_errors == pytest.approx(theirs.bse, rel=1e-10)


def test_errors_by_cluster_are_those_of_leaving_each_cluster_out():
    rows = scored(simulated(2, n=200, members=4, slope=0.5))
    columns = np.column_stack([np.ones(200), rows.contexts])
    found = regress(rows, columns)
    left = [
        np.linalg.lstsq(columns[rows.clusters != g], rows.scores[rows.clusters != g], rcond=None)[0] for g in range(50)
    ]
    moved = np.array(left) - found.coefficients
    assert found.covariance == pytest.approx(moved.T @ moved, rel=1e-8)


def test_rows_of_one_cluster_each_and_clusters_of_one_row_give_the_same_errors():
    rows = scored(simulated(3, n=100))
    columns = np.column_stack([np.ones(100), rows.contexts])
    plain = regress(rows, columns)
    twice = np.repeat(np.arange(100), 2)
    assert regress(rows.take(twice), columns[twice]).covariance == pytest.approx(plain.covariance, rel=1e-8)


def test_scores_of_the_treated_count_by_their_probability_of_treatment():
    rng = np.random.default_rng(4)
    x, p = rng.normal(size=400), rng.uniform(0.1, 0.9, 400)
    tau = 1 + 2 * x
    found = by_hand(
        tau, tau, {"x": x}, propensity=p, estimand="ATT", exposure=p
    )  # exposed as often as the probability says
    line = project(scored(found))
    assert line.average[0] == pytest.approx((p * tau).sum() / p.sum())
    assert line.slopes / line.spreads == pytest.approx([2.0])


def test_the_mean_of_the_treated_has_the_error_of_its_repeated_samples():
    """Who is treated is drawn: with effects that differ, that moves the mean of the treated, too."""
    values, errors = [], []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=400)
        p = 1 / (1 + np.exp(-1.5 * x))
        d, tau = (rng.random(400) < p).astype(float), 1 + 2 * x
        made = by_hand(tau + 0.5 * rng.normal(size=400), tau, {"x": x}, propensity=p, estimand="ATT", exposure=d)
        average, error = project(scored(made)).average
        values.append(average)
        errors.append(error)
        assert scored(made).average == average
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.13)  # 3 Monte-Carlo errors of 300 draws


def test_the_order_of_rows_and_the_unit_of_a_context_change_nothing():
    rows = scored(simulated(5, n=200, slope=0.4))
    line = project(rows)
    shuffled = np.random.default_rng(0).permutation(200)
    other = project(rows.take(shuffled))
    assert other.test == pytest.approx(line.test, rel=1e-8)
    assert other.std_errors == pytest.approx(line.std_errors, rel=1e-8)


def test_an_effect_of_known_spread_is_noticed_as_often_as_promised():
    base = project(scored(simulated(6, n=400)))
    spread = base.detectable(0.05, 0.8)
    found = [project(scored(simulated(s, n=400, slope=spread))).test[1] < 0.05 for s in range(200)]
    assert np.mean(found) == pytest.approx(0.8, abs=0.09)  # 3 Monte-Carlo errors of 200 draws


def test_contexts_that_follow_from_others_or_do_not_vary_are_left_out_and_said():
    found = simulated(7, n=200)
    contexts = found.contexts.assign(twice=2 * found.contexts["x1"], flat=3.0)
    line = project(scored(by_hand(found.scores, found.cate, contexts)))
    assert line.names == ("x1", "x2", "x3")
    assert line.dropped == ("twice", "flat")


def test_nothing_that_varies_is_refused():
    with pytest.raises(EstimationError, match="No context varies"):
        project(scored(by_hand([1.0, 2.0, 3.0, 4.0], [0.0] * 4, {"x": [1.0] * 4})))


def test_too_few_clusters_are_refused_with_how_many_contexts_they_bear():
    found = simulated(8, n=40, members=10)
    with pytest.raises(EstimationError, match=r"3 contexts .* and 4 clusters.* at most 1 `contexts`"):
        project(scored(found))


def test_a_context_that_varies_in_one_cluster_alone_is_refused():
    found = simulated(9, n=60, members=3)
    alone = by_hand(found.scores, found.cate, {"x": np.arange(60) == 4}, clusters=found.rows.clusters)
    with pytest.raises(EstimationError, match="varies in a single cluster"):
        project(scored(alone))


def test_holm_steps_down():
    assert holm(np.array([0.01, 0.04, 0.03])) == pytest.approx([0.03, 0.06, 0.06])
    assert holm(np.array([0.9, 0.8])) == pytest.approx([1.0, 1.0])


def test_independent_columns_are_the_first_that_say_something():
    x = np.random.default_rng(1).normal(size=(20, 2))
    assert independent(np.column_stack([x[:, 0], x[:, 0], x[:, 1], x.sum(axis=1)])) == [0, 2]
