"""Rank-weighted averages: by their definition, against the bootstrap, and against econml's evaluation."""

import numpy as np
import pytest

from scale_impact.core.causal.for_whom.projection import scored
from scale_impact.core.causal.for_whom.ranking import NORMAL_AUTOC, ranked
from scale_impact.errors import EstimationError
from tests.causal import by_hand, simulated


def definition(scores, cate, target):
    """Mean over shares of the effect among those ranked first, less the mean of all."""
    sorted_ = scores[np.argsort(-cate)]
    n = len(scores)
    toc = np.array([sorted_[: k + 1].mean() - scores.mean() for k in range(n)])
    return np.mean(toc * (1.0 if target == "AUTOC" else np.arange(1, n + 1) / n))


@pytest.mark.parametrize("target", ["AUTOC", "QINI"])
def test_the_area_is_that_of_the_definition(target):
    rng = np.random.default_rng(1)
    scores, cate = rng.normal(size=50), rng.normal(size=50)
    found = ranked(scored(by_hand(scores, cate, {"x": cate})), target)
    assert found.value == pytest.approx(definition(scores, cate, target))


def test_folds_are_ranked_apart_and_averaged():
    rng = np.random.default_rng(2)
    scores, cate, folds = rng.normal(size=60), rng.normal(size=60), np.repeat([0, 1], [20, 40])
    whole = ranked(scored(by_hand(scores, cate, {"x": cate}, folds=folds)))
    parts = [definition(scores[folds == k], cate[folds == k], "AUTOC") for k in (0, 1)]
    assert whole.value == pytest.approx((20 * parts[0] + 40 * parts[1]) / 60)


def test_a_level_of_its_own_in_a_fold_changes_nothing():
    found = simulated(3, n=200, slope=0.5)
    moved = by_hand(found.scores, found.cate + 10 * found.folds, found.contexts, folds=found.folds)
    assert ranked(scored(moved)).value == pytest.approx(ranked(scored(found)).value)


def test_ties_are_broken_by_nobody():
    rng = np.random.default_rng(4)
    scores, cate = rng.normal(size=80), rng.integers(0, 4, 80)
    rows = scored(by_hand(scores, cate, {"x": cate}))
    shuffled = rows.take(rng.permutation(80))
    assert ranked(shuffled).value == pytest.approx(ranked(rows).value)
    assert ranked(shuffled).plain_error == pytest.approx(ranked(rows).plain_error)


@pytest.mark.parametrize("target", ["AUTOC", "QINI"])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_standard_error_is_that_of_repeated_samples(target, weighted):
    values, errors = [], []
    for seed in range(250):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(300, 2))
        p = 1 / (1 + np.exp(-x[:, 1]))
        scores, cate = 1 + x[:, 0] + 2 * rng.normal(size=300), x @ [1.0, 0.3]
        how = {"propensity": p, "estimand": "ATT", "exposure": rng.random(300) < p} if weighted else {}
        found = ranked(scored(by_hand(scores, cate, {"x": cate}, **how)), target)
        values.append(found.value)
        errors.append(found.plain_error)
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.14)  # 3 Monte-Carlo errors of 250 draws


def test_the_area_of_normal_effects_ranked_without_error_is_the_mean_hazard():
    x = np.random.default_rng(5).normal(size=40_000)
    assert ranked(scored(by_hand(x, x, {"x": x}))).value == pytest.approx(NORMAL_AUTOC, abs=0.02)


def test_the_curve_ends_at_zero_and_is_the_mean_of_those_ranked_first():
    rng = np.random.default_rng(6)
    scores, cate = rng.normal(size=100), rng.normal(size=100)
    found = ranked(scored(by_hand(scores, cate, {"x": cate})))
    first = scores[np.argsort(-cate)][:20].mean() - scores.mean()
    assert found.toc[found.shares.index(0.2)] == pytest.approx(first)
    assert (found.toc[-1], found.toc_errors[-1]) == pytest.approx((0, 0), abs=1e-12)


def test_without_heterogeneity_the_level_holds():
    p = [ranked(scored(simulated(s, n=200, contexts=8))).p_value for s in range(300)]
    assert np.mean(np.array(p) < 0.05) < 0.05 + 0.035  # 2.5 Monte-Carlo errors


def test_the_same_prediction_for_all_is_no_ranking():
    with pytest.raises(EstimationError, match="no ranking"):
        ranked(scored(by_hand(np.arange(8.0), np.ones(8), {"x": np.arange(8.0)})))


@pytest.mark.filterwarnings(
    "ignore:invalid value encountered"
)  # econml divides by its own error of 0 at the end of the curve
def test_curve_and_areas_are_those_of_econml():
    from econml.validate.utils import calc_uplift

    made = simulated(7, n=2000, slope=0.8)
    rows = scored(by_hand(made.scores, made.cate, made.contexts))
    cate, dr = made.cate[:, None], made.scores[:, None]
    curve = calc_uplift(cate, cate, dr, np.arange(0, 100, 5.0), "toc", n_bootstrap=2)[2]["value"].to_numpy()[::-1]
    assert ranked(rows).toc == pytest.approx(curve, abs=1e-10)
    theirs = calc_uplift(cate, cate, dr, np.arange(0, 100, 0.05), "qini", n_bootstrap=2)[0]
    assert ranked(rows, "QINI").value == pytest.approx(theirs, abs=1e-4)  # theirs is a sum over steps of 0.05 %
