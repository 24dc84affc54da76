"""Robust intervals of Rambachan and Roth, against HonestDiD in R and by the definition."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import linprog

from scale_impact.core.honest import EventStudy, breakdown, robust_interval, robust_intervals
from scale_impact.core.honest import conditional as tests_of
from scale_impact.core.honest.fixed_length import fixed_length, frontier, lasso_path
from scale_impact.core.honest.restrictions import differences, polyhedra
from scale_impact.core.honest.vertices import extreme_rays, nuisance
from scale_impact.core.r_normals import standard_normals
from scale_impact.errors import EstimationError, UsageError
from tests.panels import reference

CASES = ["BC2014", "mpdta_cs", "mpdta_twfe"]


def study(case, target):
    given = reference("honestdid_mpdta", f"{case}_inputs")
    p = given["numPostPeriods"]
    weights = np.eye(p)[0] if target == "first" else np.ones(p) / p
    return EventStudy(np.array(given["betahat"]), np.array(given["sigma"]), given["numPrePeriods"], weights)


def medicaid():
    given = reference("honestdid_medicaid", "inputs")
    return EventStudy(np.array(given["betahat"]), np.array(given["sigma"]), 5, np.array([1.0, 0.0]))


def drawn(rng, before, after, weights=None):
    k = before + after
    root = rng.normal(size=(k, k))
    covariance = root @ root.T / 10 + np.diag(rng.uniform(0.01, 1, k))
    coefficients = rng.normal(size=k) * np.sqrt(np.diag(covariance))
    return EventStudy(coefficients, covariance, before, np.ones(after) / after if weights is None else weights)


# ---- against R -------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("target", ["first", "avg"])
def test_relative_magnitudes_end_where_honestdids_do(case, target):
    given, theirs = study(case, target), reference("honestdid_mpdta", f"{case}_RM_CLF_{target}")
    for bound, low, high in zip(theirs["Mbar"], theirs["lb"], theirs["ub"], strict=True):
        ends = robust_interval(given, "relative_magnitudes", bound, grid=1000)
        assert ends == pytest.approx((low, high), abs=1e-12)  # the same tests, with the same draws


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("target", ["first", "avg"])
def test_the_hybrid_for_smoothness_ends_where_honestdids_does(case, target):
    given, theirs = study(case, target), reference("honestdid_mpdta", f"{case}_SD_CLF_{target}")
    for bound, low, high in zip(theirs["M"], theirs["lb"], theirs["ub"], strict=True):
        ends = robust_interval(given, "smoothness", bound, method="C-LF", grid=1000)
        assert ends == pytest.approx((low, high), abs=1e-12)


def test_where_rs_grid_ends_the_interval_goes_on():
    given, theirs = study("BC2014", "avg"), reference("honestdid_mpdta", "BC2014_RM_CLF_avg")
    assert theirs["ub"] == pytest.approx([20 * given.std_error] * 4)
    highs = [robust_interval(given, "relative_magnitudes", b)[1] for b in theirs["Mbar"]]
    assert highs == pytest.approx([0.3692, 0.5067, 0.6468, 0.7876], abs=1e-4)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("target", ["first", "avg"])
def test_fixed_length_intervals_are_honestdids_but_for_its_draws(case, target):
    """R takes the folded normal's quantile from a million draws: with these its intervals lie on our frontier."""
    given, theirs = study(case, target), reference("honestdid_mpdta", f"{case}_SD_FLCI_{target}")
    weights, biases = frontier(given)
    draws = standard_normals(10**6)
    for bound, low, high in zip(theirs["M"], theirs["lb"], theirs["ub"], strict=True):
        chosen, bias = centred(given, weights, biases, (low + high) / 2)
        sd = np.sqrt(chosen @ given.covariance @ chosen)
        simulated = np.quantile(np.abs(draws + bound * bias / sd), 0.95) * sd
        assert (high - low) / 2 == pytest.approx(simulated, rel=1e-6)
        ends = robust_interval(given, "smoothness", bound)
        assert ends[1] - ends[0] == pytest.approx(high - low, abs=6e-3 * sd)
        assert sum(ends) == pytest.approx(low + high, abs=0.06 * sd)  # the optimum is flat


def centred(given, weights, biases, centre):
    """The estimator on the frontier whose estimate is nearest to a number."""
    places = np.linspace(0, len(weights) - 1, 20001)
    knots = np.arange(len(weights))
    path = np.stack([np.interp(places, knots, column) for column in weights.T], axis=1)
    k = int(np.argmin(np.abs(path @ given.coefficients - centre)))
    return path[k], np.interp(places[k], knots, biases)


def test_published_intervals_of_the_medicaid_example():
    theirs = reference("honestdid_medicaid", "RM_first")
    found = robust_intervals(medicaid(), "relative_magnitudes", theirs["Mbar"], grid=1000)
    assert [f"{low:.3g} {high:.3g}" for low, high in found] == [
        f"{low:.3g} {high:.3g}" for low, high in zip(theirs["lb"], theirs["ub"], strict=True)
    ]
    theirs = reference("honestdid_medicaid", "SD_first")
    for ends, low, high in zip(
        robust_intervals(medicaid(), "smoothness", theirs["M"]), theirs["lb"], theirs["ub"], strict=True
    ):
        assert ends == pytest.approx((low, high), abs=5e-4)


# ---- by the definition -----------------------------------------------------------------------------


def rejects(given, area, theta, test):
    """The hybrid test by three linear programmes: the statistic, and the range within which its vertex stays the best."""
    after = area.rows[:, given.n_before :]
    x = after @ nuisance(given.weights)
    y = area.rows @ given.coefficients - area.limits - after @ given.weights * theta / (given.weights @ given.weights)
    spread = area.rows @ given.covariance @ area.rows.T
    sd, free = np.sqrt(np.diag(spread)), np.zeros(x.shape[1])

    def programme(first_column, right, sign=1.0):
        return linprog(
            np.r_[sign, free], A_ub=-np.c_[first_column, x], b_ub=-right, bounds=(None, None), method="highs-ds"
        )

    best = programme(sd, y)
    dual = -best.ineqlin.marginals
    variance = dual @ spread @ dual
    if best.fun > test.ceiling:
        return True
    if variance < 1e-12:
        return best.fun > 0
    loading = spread @ dual / variance
    others = y - loading * (dual @ y)
    low, high = programme(sd - loading, others), programme(sd - loading, others, -1.0)
    low = low.x[0] if low.status == 0 else -np.inf
    high = min(high.x[0] if high.status == 0 else np.inf, test.cap)
    critical = stats.truncnorm.ppf(1 - test.size, low / variance**0.5, high / variance**0.5)
    return best.fun / variance**0.5 > max(0, critical)


@pytest.mark.parametrize("restriction", ["relative_magnitudes", "smoothness", "relative_smoothness"])
@pytest.mark.parametrize("shape", ["any", "positive", "negative", "increasing", "decreasing"])
def test_values_are_rejected_as_linear_programmes_say(restriction, shape):
    rng = np.random.default_rng(11)
    for hybrid in (True, False):
        given = drawn(rng, 3, 4, np.eye(4)[1] if hybrid else None)
        area = polyhedra(restriction, shape, 0.6, 3, 4)[1 if restriction != "smoothness" else 0]
        test = (
            tests_of.with_least_favourable(given, area, 0.05, 0.005)
            if hybrid
            else tests_of.conditional(given, area, 0.05)
        )
        thetas = given.estimate + given.std_error * rng.uniform(-5, 5, 5)
        assert tests_of.accepts(test, thetas).tolist() == [not rejects(given, area, t, test) for t in thetas]


def test_a_value_is_accepted_just_inside_the_ends_and_rejected_just_outside():
    given = study("BC2014", "avg")
    test = tests_of.with_least_favourable(given, polyhedra("smoothness", "any", 0.02, 4, 4)[0], 0.05, 0.005)
    low, high = tests_of.confidence_set(test)
    thetas = np.array([low - 1e-7, low + 1e-7, high - 1e-7, high + 1e-7])
    assert tests_of.accepts(test, thetas).tolist() == [False, True, True, False]


def test_the_hull_is_reported_where_the_set_is_no_interval():
    given = study("BC2014", "avg")
    test = tests_of.conditional(given, polyhedra("smoothness", "positive", 0.02, 4, 4)[0], 0.05)
    assert tests_of.accepts(test, np.array([0.14, 0.18, 0.25])).tolist() == [True, False, True]
    low, high = tests_of.confidence_set(test)
    assert low < 0.14
    assert high > 0.25


def test_with_one_period_on_each_side_the_interval_is_that_of_two_normal_variables():
    """b = (b_-1, b_1): violations after are at most Mbar |violation before|; the conditional test by hand."""
    given = EventStudy(np.array([0.4, 1.0]), np.diag([0.04, 0.09]), 1, np.array([1.0]))
    test = tests_of.conditional(given, polyhedra("relative_magnitudes", "any", 0.5, 1, 1)[0], 0.05)
    # largest change before: the last one, -b_-1, taken as positive; |b_1 - theta| <= -0.5 b_-1
    rows = np.array([[0.5, 1.0], [0.5, -1.0]])
    assert np.allclose(polyhedra("relative_magnitudes", "any", 0.5, 1, 1)[0].rows, rows)
    for theta in (-0.1, 0.3, 0.8, 1.5, 2.2):
        y = rows @ (given.coefficients - np.array([0, theta]))
        sd = np.sqrt(rows**2 @ np.array([0.04, 0.09]))
        top = int(np.argmax(y / sd))
        other = 1 - top
        rho = (rows[0] * rows[1]) @ np.array([0.04, 0.09]) / sd[0] / sd[1]
        z = y / sd
        low = (z[other] - rho * z[top]) / (1 - rho)
        critical = max(0, stats.truncnorm.ppf(0.95, low, np.inf))
        assert bool(tests_of.accepts(test, np.array([theta]))[0]) == (z[top] <= critical)


def test_true_effects_are_covered_at_the_worst_violation():
    """300 draws at a violation on the edge of the restriction: rejections stay at 5 % or below (3 standard errors: 9 %)."""
    rng = np.random.default_rng(5)
    root = rng.normal(size=(5, 5))
    covariance = root @ root.T / 10 + np.eye(5)
    violation = np.array([0.0, -6.0, 6.0, 12.0, 18.0])  # changes by 6 before (once) and after
    covered = 0
    for _ in range(300):
        seen = EventStudy(rng.multivariate_normal(violation, covariance), covariance, 2, np.array([0.0, 1.0, 0.0]))
        areas = polyhedra("relative_magnitudes", "any", 1.0, 2, 3)
        tests = [tests_of.with_least_favourable(seen, a, 0.05, 0.005) for a in areas]
        covered += any(tests_of.accepts(t, np.zeros(1))[0] for t in tests)
    assert 0.91 <= covered / 300 < 1


def test_a_fixed_lengths_bias_is_what_a_linear_programme_finds():
    rng = np.random.default_rng(2)
    for before, after in ((1, 1), (3, 2), (5, 4)):
        given = drawn(rng, before, after)
        bends = differences(2, before, after)
        for weights, bias in zip(*frontier(given), strict=True):
            worst = linprog(
                -weights, A_ub=np.vstack([bends, -bends]), b_ub=np.ones(2 * len(bends)), bounds=(None, None)
            )
            assert -worst.fun == pytest.approx(bias, rel=1e-7)


def test_no_other_estimator_has_a_shorter_fixed_length_interval():
    rng = np.random.default_rng(3)
    given = drawn(rng, 5, 3)
    best = fixed_length(given, 0.2, 0.05)
    weights, biases = frontier(given)
    moves = np.diff(weights, axis=0)  # unbiased against any slope as well
    bends = differences(2, 5, 3)
    for size in (1e-3, 1e-2, 0.1, 1.0):
        for _ in range(5):
            other = best.weights + size * rng.normal(size=len(moves)) @ moves
            worst = linprog(
                -other, A_ub=np.vstack([bends, -bends]), b_ub=np.full(2 * len(bends), 0.2), bounds=(None, None)
            )
            sd = np.sqrt(other @ given.covariance @ other)
            half = np.sqrt(stats.ncx2.ppf(0.95, 1, (worst.fun / sd) ** 2)) * sd
            assert half >= best.half * (1 - 1e-9)
    assert len(biases) == len(weights)


def test_a_lasso_path_meets_its_conditions_at_every_kink():
    rng = np.random.default_rng(4)
    x = rng.normal(size=(9, 6))
    q, g = x.T @ x, rng.normal(size=6)
    path = lasso_path(q, g)
    penalties = []
    for w in path:
        slope = q @ w + g
        penalty = np.abs(slope).max()
        active = np.abs(w) > 1e-12
        assert np.abs(slope[active]) == pytest.approx(penalty, abs=1e-9)
        assert np.all(slope[active] * w[active] <= 1e-9)
        penalties.append(penalty)
    assert penalties[-1] == pytest.approx(0, abs=1e-9)
    assert np.all(np.diff(penalties) < 0)


def test_extreme_rays_of_a_path_are_pairs_and_two_directions():
    """Bounds on changes: raising and lowering one period cancel, or all add up to the effect of interest."""
    changes = differences(1, 0, 3)
    rays = extreme_rays(np.vstack([changes, -changes]) @ nuisance(np.array([0.0, 1.0, 0.0])))
    pairs = {(1, 0, 0, 1, 0, 0), (0, 1, 0, 0, 1, 0), (0, 0, 1, 0, 0, 1)}
    assert {tuple(int(v) for v in ray) for ray in rays} == pairs | {(1, 1, 0, 0, 0, 0), (0, 0, 0, 1, 1, 0)}


# ---- what has to hold ------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["FLCI", "C-LF", "C-F", "Conditional"])
def test_intervals_scale_with_the_outcome(method):
    given = study("mpdta_cs", "avg")
    wide = EventStudy(1000 * given.coefficients, 1e6 * given.covariance, given.n_before, given.weights)
    ends = robust_interval(given, "smoothness", 0.01, method=method)
    assert robust_interval(wide, "smoothness", 10.0, method=method) == pytest.approx([1000 * e for e in ends], rel=1e-6)


@pytest.mark.parametrize("method", ["FLCI", "C-F", "Conditional"])
def test_a_mirrored_outcome_mirrors_the_interval(method):
    given = study("mpdta_cs", "avg")
    mirrored = EventStudy(-given.coefficients, given.covariance, given.n_before, given.weights)
    one, two = ("any", "any") if method == "FLCI" else ("positive", "negative")
    low, high = robust_interval(given, "smoothness", 0.01, method=method, shape=one)
    other = robust_interval(mirrored, "smoothness", 0.01, method=method, shape=two)
    assert other == pytest.approx((-high, -low), abs=1e-9)


def test_intervals_grow_with_the_bound_and_with_the_level():
    given = medicaid()
    for restriction in ("relative_magnitudes", "smoothness", "relative_smoothness"):
        ends = robust_intervals(given, restriction, (0.01, 0.1, 0.5, 1.0, 2.0))
        assert all(b[0] <= a[0] + 1e-9 and b[1] >= a[1] - 1e-9 for a, b in pairwise(ends))
        narrow = robust_interval(given, restriction, 0.5, level=0.9)
        assert ends[2][0] < narrow[0] < narrow[1] < ends[2][1]


@pytest.mark.parametrize("restriction", ["relative_magnitudes", "smoothness"])
def test_at_the_breakdown_value_zero_is_at_the_end(restriction):
    given = medicaid()
    value = breakdown(given, restriction, start=0.7)
    assert robust_interval(given, restriction, value)[0] == pytest.approx(0, abs=1e-6)
    assert value == pytest.approx({"relative_magnitudes": 1.9401, "smoothness": 0.022835}[restriction], rel=1e-4)


def test_zero_inside_from_the_start_breaks_down_at_zero():
    assert breakdown(study("mpdta_cs", "first"), "smoothness") == 0.0


def test_an_effect_that_trends_alone_can_never_explain_has_no_breakdown_value():
    """All of the violations may only lower the effect: a positive estimate stays positive."""
    given = EventStudy(np.array([0.0, 0.0, 50.0, 60.0]), np.eye(4), 2, np.array([1.0, 0.0]))
    assert breakdown(given, "relative_magnitudes", shape="negative") == np.inf


def test_a_restriction_that_the_estimates_contradict_leaves_no_value():
    """Violations of one sign after treatment cannot explain a straight line of the other sign before it."""
    line = np.array([30.0, 20.0, 10.0, -10.0, -20.0])  # falls by 10 a period
    given = EventStudy(line, 0.01 * np.eye(5), 3, np.array([0.5, 0.5]))
    assert robust_interval(given, "smoothness", 0.0, shape="positive", method="C-LF") is None
    assert robust_interval(given, "smoothness", 0.0, shape="negative", method="C-LF") == pytest.approx((0, 0), abs=0.5)


def test_more_draws_move_an_end_by_hundredths_of_a_standard_error():
    given = study("mpdta_cs", "avg")
    usual, many = (robust_interval(given, "relative_magnitudes", 1.0, draws=d) for d in (1000, 50_000))
    moved = np.abs(np.subtract(usual, many)) / given.std_error
    assert np.all((moved > 0) & (moved < 0.1))


def test_thirty_periods_are_no_harder_than_ten():
    given = drawn(np.random.default_rng(8), 15, 15)
    low, high = robust_interval(given, "relative_magnitudes", 1.0)
    assert low < given.estimate < high


def test_too_many_cases_of_a_shape_are_refused(monkeypatch):
    monkeypatch.setattr("scale_impact.core.honest.vertices.MOST", 100)  # 2,000 take seconds to reach
    given = drawn(np.random.default_rng(8), 2, 7)
    with pytest.raises(EstimationError, match="shorter window"):
        robust_interval(given, "relative_magnitudes", 1.0, shape="positive")


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ({"bound": -1.0}, "bound is -1.0"),
        ({"restriction": "relative_magnitudes", "method": "FLCI"}, "FLCI is for smoothness"),
        ({"method": "FLCI", "shape": "positive"}, "FLCI cannot use that violations are positive"),
        ({"restriction": "relative_smoothness"}, "needs two periods before"),
    ],
)
def test_what_cannot_be_answered_is_refused(what, words):
    given = EventStudy(np.array([0.1, 1.0, 1.0]), np.eye(3), 1, np.array([1.0, 0.0]))
    with pytest.raises(UsageError, match=words):
        robust_interval(given, **{"restriction": "smoothness", "bound": 1.0, **what})


def test_an_event_study_that_is_none_says_all_that_is_wrong():
    with pytest.raises(UsageError) as error:
        EventStudy(np.zeros(3), np.eye(2), 0, np.zeros(2))
    assert all(words in str(error.value) for words in ("one on each side", "covariance is (2, 2)", "not all 0"))
