"""Rank bands: against the paper's steps done by hand, published sets, limits, and what bad input is told."""

from __future__ import annotations

import math

import numpy as np
import pytest

from scale_impact.benchmark.rank_bands import bands
from scale_impact.benchmark.ranking.noise import by_covariance, by_draws, by_std_errors
from scale_impact.benchmark.ranking.stepdown import _largest_bounded
from scale_impact.errors import DataError, DesignError, UsageError
from tests.panels import reference


def names(n):
    return [f"city {k}" for k in range(n)]


def world(n, seed, *, spread=2.0, draws=199):
    """Values, unequal standard errors, and draws whose errors share a part."""
    rng = np.random.default_rng(seed)
    std_errors = rng.uniform(0.3, 1.5, n)
    values = spread * rng.standard_normal(n)
    errors = rng.standard_normal((draws, n)) * std_errors + 0.7 * rng.standard_normal((draws, 1)) * rng.uniform(0, 2, n)
    return values, std_errors, values + errors


# ---- the paper's steps, pair by pair -------------------------------------------------------------


def set_against_the_others(x):
    """Each draw of a difference in standard errors, its own standard error taken from the other draws."""
    found = []
    for b in range(len(x)):
        rest = np.delete(x, b)
        found.append((x[b] - rest.mean()) / (rest.std(ddof=1) * math.sqrt(len(x) / (len(x) - 1))))
    return np.array(found)


def stepdown(hypotheses, statistic, error, level, steps=99):
    """Hypotheses (a, b), a no better than b, that are rejected; ``error`` [R] are their statistics' draws."""
    left, rejected = list(hypotheses), []
    for _ in range(steps):
        most = np.sort(np.max([error[h] for h in left], axis=0))
        critical = max(most[math.ceil((len(most) + 1) * level - 1e-9) - 1], 0)
        new = [h for h in left if statistic[h] > critical]
        left, rejected = [h for h in left if h not in new], rejected + new
        if not new or not left:
            break
    return rejected


def by_hand(values, errors, scale, level, side="two-sided", steps=99):
    """Bands of Mogstad et al. (2024): ``errors[a, b]`` draws of statistics, ``scale[a, b]`` standard errors of differences."""
    n = len(values)
    pairs = [(a, b) for a in range(n) for b in range(n) if a != b]
    t = {(a, b): (values[a] - values[b]) / scale[a, b] for a, b in pairs}
    ends = []
    for j in range(n):
        family = [(a, b) for a, b in pairs if (a == j and side != "lower") or (b == j and side != "upper")]
        told = stepdown(family, t, errors, level, steps)
        ends.append((1 + sum(b == j for _, b in told), n - sum(a == j for a, _ in told)))
    together = stepdown(pairs, t, errors, level, steps)
    ends_all = [(1 + sum(b == j for _, b in together), n - sum(a == j for a, _ in together)) for j in range(n)]
    return np.array(ends), np.array(ends_all), set(together)


def ends(found):
    return np.column_stack([found.low, found.high]), np.column_stack([found.low_all, found.high_all])


@pytest.mark.parametrize("side", ["two-sided", "lower", "upper"])
@pytest.mark.parametrize(("n", "seed", "level"), [(2, 1, 0.95), (4, 2, 0.9), (7, 3, 0.95), (9, 4, 0.8)])
def test_bands_by_draws_are_those_of_the_papers_steps_pair_by_pair(n, seed, level, side):
    values, _, draws = world(n, seed, spread=3.0)
    pairs = [(a, b) for a in range(n) for b in range(n) if a != b]
    error = {(a, b): set_against_the_others(draws[:, a] - draws[:, b]) for a, b in pairs}
    scale = {(a, b): (draws[:, a] - draws[:, b]).std(ddof=1) for a, b in pairs}
    alone, together, told = by_hand(values, error, scale, level, side)
    found = bands(names(n), values, draws=draws, level=level, side=side)
    assert np.array_equal(ends(found)[0], alone)
    assert {(int(a), int(b)) for a, b in np.argwhere(found.beats)} == told
    if side == "two-sided":
        assert np.array_equal(ends(found)[1], together)


@pytest.mark.parametrize("steps", [1, 99])
@pytest.mark.parametrize("seed", range(6))
def test_bands_by_std_errors_are_those_of_the_papers_steps_pair_by_pair(seed, steps):
    values, std_errors, _ = world(8, seed, spread=3.0)
    order = np.argsort(values)
    z = by_std_errors(std_errors[order], 300, np.random.default_rng(5)).draws
    z = z[:, np.argsort(order)]
    pairs = [(a, b) for a in range(8) for b in range(8) if a != b]
    scale = {(a, b): math.hypot(std_errors[a], std_errors[b]) for a, b in pairs}
    alone, together, told = by_hand(
        values, {(a, b): (z[:, a] - z[:, b]) / scale[a, b] for a, b in pairs}, scale, 0.9, steps=steps
    )
    method = "stepdown" if steps > 1 else "single step"
    found = bands(names(8), values, std_errors, level=0.9, resamples=300, seed=5, method=method)
    assert np.array_equal(ends(found)[0], alone)
    assert np.array_equal(ends(found)[1], together)
    assert {(int(a), int(b)) for a, b in np.argwhere(found.beats)} == told


@pytest.mark.parametrize(
    ("n", "seed", "which"), [(6, 129, 0), (8, 5, 0), (8, 34, 2), (8, 85, 2), (10, 10, 0), (10, 81, 2)]
)
def test_the_steps_go_on_until_nothing_more_is_told(n, seed, which):
    # found by search: here a third step tells something, of one city's tests (0) or of all pairs (2)
    values, std_errors = np.sort(np.random.default_rng(seed).uniform(0, 0.75 * n, n)), np.full(n, 0.7)
    z = by_std_errors(std_errors, 199, np.random.default_rng(seed)).draws
    pairs = [(a, b) for a in range(n) for b in range(n) if a != b]
    scale = {(a, b): math.hypot(std_errors[a], std_errors[b]) for a, b in pairs}
    errors = {(a, b): (z[:, a] - z[:, b]) / scale[a, b] for a, b in pairs}
    wanted = by_hand(values, errors, scale, 0.8)
    assert not np.array_equal(wanted[which], by_hand(values, errors, scale, 0.8, steps=2)[which])
    found = bands(names(n), values, std_errors, level=0.8, resamples=199, seed=seed)
    assert np.array_equal(ends(found)[0], wanted[0])
    assert {(int(a), int(b)) for a, b in np.argwhere(found.beats)} == wanted[2]


def test_maxima_are_looked_at_only_as_far_as_the_critical_value_needs():
    rng = np.random.default_rng(3)
    for place in (1, 3, 10, 40):
        for size in (0.01, 0.3, 3.0):
            values = rng.exponential(size=200)
            bounds = values + size * rng.exponential(size=200)
            looked = []

            def evaluate(rows, values=values, looked=looked):
                looked.extend(rows)
                return values[rows]

            assert _largest_bounded(bounds.copy(), place, evaluate) == np.sort(values)[-place]
            assert len(set(looked)) == len(looked)
            assert size > 0.01 or place > 10 or len(looked) < 100


# ---- what others have ----------------------------------------------------------------------------


def test_pisa_scores_have_the_published_sets():
    seen = reference("csranks_pisa", "data")
    of = [reference("csranks_pisa", name) for name in ("irank", "cstaubest_95", "cstaubest_90", "csranks_marginal_uk")]
    labels, values, std_errors = seen["jurisdiction"], seen["math_score"], seen["math_se"]
    found = bands(labels, values, std_errors, best=5, resamples=20_000)
    assert found.rank.astype(int).tolist() == of[0]
    assert sorted(found.best) == sorted(of[1])
    assert sorted(bands(labels, values, std_errors, best=5, level=0.9, resamples=20_000).best) == sorted(of[2])
    k = labels.index("United Kingdom")
    assert (found.low[k], found.rank[k], found.high[k]) == (of[3]["L"], of[3]["rank"], of[3]["U"])


def test_pisa_bands_overlap_where_the_vignette_says_that_they_do():
    seen = reference("csranks_pisa", "data")
    said, at = reference("csranks_pisa", "vignette_text"), seen["jurisdiction"].index
    found = bands(seen["jurisdiction"], seen["math_score"], seen["math_se"])
    last = [at(c) for c in said["below_all_others"]]
    others = [k for k in range(37) if k not in last]
    assert found.low_all[last].min() > found.high_all[others].max()
    assert found.low_all[at("Germany")] == found.high_all[at("Korea")] == said["germany_and_korea_meet_at"]
    lower = bands(seen["jurisdiction"], seen["math_score"], seen["math_se"], level=0.75)
    assert lower.low_all[at("Germany")] > lower.high_all[at("Korea")]


def test_two_cities_are_told_apart_as_a_z_test_tells_them():
    for z, told in ((1.93, False), (1.99, True)):
        found = bands(["a", "b"], [z * math.sqrt(2), 0.0], [1.0, 1.0], resamples=200_000)
        assert found.apart("a", "b") is told
    # a band with one end is a test on one side
    assert bands(["a", "b"], [1.75 * math.sqrt(2), 0], [1, 1], side="lower", resamples=50_000).low.tolist() == [1, 2]


def test_bonferroni_divides_the_error_by_the_number_of_tests():
    from scipy.stats import norm

    critical = norm.isf(0.05 / (2 * 3))
    at = critical * math.sqrt(2) * np.array([0.0, 0.99, 2.0, 4.0])
    found = bands(names(4), at, np.ones(4), method="bonferroni")
    assert found.high.tolist() == [4, 4, 2, 1]
    assert found.low.tolist() == [3, 3, 2, 1]


def test_many_cities_with_the_same_error_have_the_studentised_ranges_critical_value():
    # all pairs, equal known errors: the largest difference is a studentised range with infinite degrees of freedom
    from scipy.stats import studentized_range

    n = 6
    critical = studentized_range.ppf(0.95, n, np.inf)
    for share, told in ((0.985, False), (1.015, True)):
        values = np.r_[share * critical, np.full(n - 2, 0.5 * critical), 0.0]
        found = bands(names(n), values, np.ones(n), method="single step", resamples=100_000)
        assert found.apart("city 0", f"city {n - 1}") is told


# ---- limits and invariances ----------------------------------------------------------------------


def test_without_any_error_a_band_is_the_rank_and_ties_have_all_their_places():
    for spread in (None, np.zeros(5)):
        found = bands(names(5), [3.0, 1.0, 2.0, 2.0, 0.0], spread)
        assert found.rank.tolist() == [1, 4, 2, 2, 5]
        assert found.low.tolist() == found.low_all.tolist() == [1, 4, 2, 2, 5]
        assert found.high.tolist() == found.high_all.tolist() == [1, 4, 3, 3, 5]
        assert not found.apart("city 2", "city 3")
        assert "does not make the ranks sure" in " ".join(found.notes)
        assert "2 cities share a rank" in " ".join(found.notes)


def test_draws_that_do_not_vary_are_no_error():
    found = bands(names(3), [0.1, 0.2, 0.3], draws=np.tile([0.1, 0.2, 0.3], (100, 1)))
    assert found.low.tolist() == found.high.tolist() == [3, 2, 1]


def test_tiny_errors_give_the_ranks_and_huge_ones_all_ranks():
    values = np.array([5.0, 1.0, 3.0, 4.0, 2.0])
    assert ends(bands(names(5), values, np.full(5, 1e-6)))[1].tolist() == [[1, 1], [5, 5], [3, 3], [2, 2], [4, 4]]
    assert ends(bands(names(5), values, np.full(5, 1e6)))[0].tolist() == [[1, 5]] * 5


def test_cities_known_exactly_are_compared_exactly_among_the_others():
    found = bands(names(4), [1.0, 1.001, 1.0005, 9.0], [0, 0, 5.0, 0.1])
    assert found.apart("city 0", "city 1")
    assert not found.apart("city 0", "city 2")
    assert found.low.tolist() == [3, 2, 1, 1]
    assert found.high.tolist() == [4, 3, 4, 2]
    assert "2 cities have no error" in " ".join(found.notes)


def test_an_error_that_all_share_leaves_the_ranks_known():
    rng = np.random.default_rng(1)
    values = np.array([1.0, 1.2, 1.1])
    shared = bands(names(3), values, draws=values + 1e6 * rng.standard_normal((300, 1)))
    assert ends(shared)[1].tolist() == [[3, 3], [1, 1], [2, 2]]
    assert bands(names(3), values, covariance=np.full((3, 3), 4.0)).high_all.tolist() == [3, 1, 2]
    own = 1e-3 * rng.standard_normal((300, 3))
    nearly = bands(names(3), values, draws=values + 1e5 * rng.standard_normal((300, 1)) + own)
    assert nearly.high_all.tolist() == [3, 1, 2]


def test_a_copy_of_a_city_shares_its_rank_and_is_never_told_from_it():
    values, _, draws = world(6, 5)
    found = bands(names(7), np.r_[values, values[2]], draws=np.column_stack([draws, draws[:, 2]]))
    assert found.rank[2] == found.rank[6]
    assert found.low[2] == found.low[6]
    assert found.high[2] == found.high[6]
    assert not found.apart("city 2", "city 6")


def test_a_covariance_is_the_same_as_what_it_stands_for():
    values, std_errors, draws = world(12, 6, draws=4000)
    by = bands(names(12), values, std_errors, resamples=20_000)
    of = bands(names(12), values, covariance=np.diag(std_errors**2), resamples=20_000)
    assert np.abs(by.low - of.low).max() <= 1
    assert np.abs(by.high_all - of.high_all).max() <= 1
    of = bands(names(12), values, covariance=np.cov(draws.T), resamples=4000)
    drawn = bands(names(12), values, draws=draws)
    assert np.abs(drawn.low - of.low).max() <= 1
    assert np.abs(drawn.high_all - of.high_all).max() <= 1
    assert np.allclose(of.std_errors, drawn.std_errors)


def test_draws_of_a_covariance_have_it_though_its_rank_is_not_full():
    root = np.random.default_rng(7).standard_normal((5, 2))
    noise = by_covariance(root @ root.T, 200_000, np.random.default_rng(8))
    scale = np.divide(1, noise.inverse, where=noise.inverse > 0, out=np.zeros((5, 5)))
    drawn = (noise.draws[:, :, None] - noise.draws[:, None, :]).std(axis=0)
    assert np.allclose(drawn, scale, rtol=0.01)


def test_what_is_told_needs_no_draw_to_be_right_about_itself():
    # ten draws of ten cities: a draw that is large makes its own standard error large
    noise = by_draws(np.random.default_rng(9).standard_normal((10, 10)))
    assert noise.widened(2.0) > 2.0
    assert noise.widened(2.9) > 1e300
    # as each draw by itself is set against the others
    x = np.random.default_rng(10).standard_normal((12, 2))
    against = np.sort(set_against_the_others(x[:, 0] - x[:, 1]))
    inside = np.sort((x[:, 0] - x[:, 1] - (x[:, 0] - x[:, 1]).mean()) / (x[:, 0] - x[:, 1]).std(ddof=1))
    assert by_draws(x).widened(inside[-1]) == pytest.approx(against[-1], rel=1e-9)
    assert by_draws(np.random.default_rng(9).standard_normal((5000, 10))).widened(2.0) == pytest.approx(2.0, abs=0.002)


@pytest.mark.parametrize("form", ["std_errors", "draws", "covariance"])
@pytest.mark.parametrize("method", ["stepdown", "single step", "bonferroni"])
def test_bands_do_not_depend_on_the_order_of_rows_or_the_scale(form, method):
    values, std_errors, draws = world(15, 10)
    given = {"std_errors": std_errors, "draws": draws, "covariance": np.cov(draws.T)}[form]
    found = bands(names(15), values, method=method, **{form: given})
    order = np.random.default_rng(0).permutation(15)
    moved = given[np.ix_(order, order)] if form == "covariance" else given[..., order]
    other = bands([f"city {k}" for k in order], values[order], method=method, **{form: moved})
    for name in ("rank", "low", "high", "low_all", "high_all", "std_errors"):
        assert np.allclose(getattr(found, name)[order], getattr(other, name), rtol=1e-9)
    factor = 16.0 if form == "covariance" else 4.0
    scaled = bands(names(15), 4 * values + 1, method=method, **{form: factor * given + (form == "draws")})
    assert np.array_equal(ends(found), ends(scaled))
    renamed = bands([f"place {99 - k}" for k in range(15)], values, method=method, **{form: given})
    assert np.array_equal(ends(found), ends(renamed))


def test_low_values_are_better_where_that_is_said():
    values, std_errors, draws = world(9, 11)
    for form, given, turned in (("std_errors", std_errors, std_errors), ("draws", draws, -draws)):
        found = bands(names(9), values, better="low", **{form: given})
        assert np.array_equal(ends(found), ends(bands(names(9), -values, **{form: turned})))
        assert found.rank[values.argmin()] == 1


def test_draws_are_turned_round_with_the_values():
    # errors are all upwards: what is rarely far too low is often a little too low
    rng = np.random.default_rng(18)
    values = np.array([0.0, 1.9, 0.0, 1.9])
    draws = values + np.array([1, 1e-3, 1e-3, 1]) * rng.exponential(size=(2000, 4))
    for side in ("lower", "upper"):
        low = bands(names(4), values, draws=draws, better="low", side=side)
        assert np.array_equal(ends(low), ends(bands(names(4), -values, draws=-draws, side=side)))
        assert not np.array_equal(ends(low), ends(bands(names(4), -values, draws=draws - 2 * values, side=side)))


def test_draws_that_differ_by_rounding_alone_are_no_error():
    values = np.array([70.1, 70.1, 50.3, 60.2])
    draws = values * (1 + 2e-16 * np.random.default_rng(19).integers(-1, 2, (200, 4)))
    assert np.ptp(draws, axis=0).max() > 0
    found = bands(names(4), values, draws=draws)
    assert found.std_errors.tolist() == [0, 0, 0, 0]
    assert found.high_all.tolist() == [2, 2, 4, 3]


def test_the_same_seed_gives_the_same_and_another_nearly_the_same():
    values, std_errors, _ = world(30, 12)
    a, b, c = (bands(names(30), values, std_errors, seed=s) for s in (1, 1, 2))
    assert np.array_equal(a.low, b.low)
    assert np.array_equal(a.beats, b.beats)
    assert np.abs(a.low - c.low).max() <= 3


def test_bands_are_nested():
    values, std_errors, _ = world(40, 13)
    found = bands(names(40), values, std_errors)
    assert (found.low_all <= found.low).all()
    assert (found.low <= found.rank).all()
    assert (found.rank <= found.high).all()
    assert (found.high <= found.high_all).all()
    for other in (
        bands(names(40), values, std_errors, method="single step"),
        bands(names(40), values, std_errors, method="bonferroni"),
        bands(names(40), values, std_errors, level=0.99),
    ):
        assert (other.low_all <= found.low_all).all()
        assert (other.high_all >= found.high_all).all()
    one = bands(names(40), values, std_errors, side="lower")
    assert (one.low >= found.low).all()
    assert (one.high == 40).all()
    assert (one.high_all == 40).all()


def test_bands_of_a_hundred_cities_hold_all_true_ranks_as_often_as_they_say():
    # 95 % of 300: fewer than 274 would happen once in 2,000
    rng, held, alone = np.random.default_rng(14), 0, 0.0
    for k in range(300):
        found = bands(names(12), rng.standard_normal(12), np.ones(12), seed=k, resamples=299)
        held += bool((found.low_all == 1).all() and (found.high_all == 12).all())
        alone += float(((found.low == 1) & (found.high == 12)).mean())
    assert 274 <= held <= 298
    assert 0.92 <= alone / 300 <= 0.98


# ---- reading -------------------------------------------------------------------------------------


def test_a_city_without_a_value_has_no_rank_and_is_not_counted():
    values, std_errors, draws = world(6, 15)
    holed, gaps = values.copy(), draws.copy()
    holed[2], gaps[:, 2] = np.nan, np.nan
    found = bands(names(6), holed, draws=gaps)
    rest = [0, 1, 3, 4, 5]
    other = bands([names(6)[k] for k in rest], values[rest], draws=draws[:, rest])
    assert np.array_equal(found.high_all[rest], other.high_all)
    assert np.isnan(found.low[2])
    assert found.ranked == 5
    assert "no value" in found.why_not["city 2"]
    assert "city 2: no value, so no rank; ranks count the other 5 cities." in found.notes
    table = found.table()
    assert table["low"].isna().tolist() == [False, False, True, False, False, False]
    assert table["reason"][2] == found.why_not["city 2"]
    assert table["rank"].dtype == "Int64"
    with pytest.raises(UsageError, match="city 2 has no rank"):
        found.apart("city 0", "city 2")
    assert bands(names(6), holed, np.where(np.arange(6) == 2, np.nan, std_errors)).ranked == 5


def test_the_best_and_the_worst_are_those_that_the_simultaneous_bands_allow():
    values, std_errors, _ = world(12, 16, spread=4)
    found = bands(names(12), values, std_errors, best=3)
    assert set(found.best) == {n for n, low in zip(names(12), found.low_all, strict=True) if low <= 3}
    assert set(found.worst) == {n for n, high in zip(names(12), found.high_all, strict=True) if high >= 10}
    assert len(found.best) >= 3
    assert len(found.worst) >= 3


def test_who_cannot_be_told_from_a_city_is_listed_the_best_first():
    found = bands(["low", "mid", "high", "far"], [1.0, 1.1, 1.2, 9.0], np.full(4, 0.5))
    assert found.alike("mid") == ("high", "low")
    assert found.alike("far") == ()
    assert found.apart("far", "low")
    assert not found.apart("low", "high")


def test_notes_say_what_bands_hold_and_what_they_do_not():
    values, std_errors, draws = world(5, 17)
    found = bands(names(5), values, std_errors, draws)
    assert "given beside them differ from theirs and are not used" in found.notes[0]
    same = bands(names(5), values, draws.std(axis=0, ddof=1), draws)
    assert not any("beside" in note for note in same.notes)
    assert "choice of indicators, weights" in " ".join(found.notes)
    assert "which is few" in " ".join(bands(names(5), values, draws=draws[:60]).notes)


def test_draws_that_are_not_of_the_values_are_told():
    values, _, draws = world(9, 17, spread=9.0)
    told = [" ".join(bands(names(9), values, draws=d).notes) for d in (draws, draws + 100, draws[:, ::-1], 0.5 * draws)]
    assert "draws" not in told[0]
    assert "draws" not in told[1]
    assert "lie far from the values" in told[2]
    assert "the draws' means differ by 0.5" in told[3]
    assert "too narrow" in told[3]


# ---- bad input -----------------------------------------------------------------------------------


def test_all_that_is_wrong_with_the_data_is_said_at_once():
    with pytest.raises(DataError) as seen:
        bands(["a", "b", "a"], [1.0, 2.0], [[1.0]])
    assert len(seen.value.problems) == 2
    assert "a: given more than once" in str(seen.value)
    with pytest.raises(DataError) as seen:
        bands(["a", "b", "c"], [1.0, np.inf, 2.0], [0.1, -0.2, np.nan])
    assert [p.split(":")[0] for p in seen.value.problems] == ["values", "std_errors", "std_errors"]
    assert "negative for b (-0.2)" in str(seen.value)
    assert "not known for c" in str(seen.value)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"labels": ["a"], "values": [1.0]}, "There is 1 city. A rank needs at least two."),
        ({"labels": ["a", "b"], "values": [1.0, np.nan]}, "1 city has a value"),
        ({"labels": ["a", "b"], "values": [1.0, 2.0, 3.0]}, "values: it is of 3 cities, and labels are of 2"),
        ({"labels": ["a", "b"], "values": [1.0, "x"]}, "not all of it are numbers"),
        ({"labels": ["a", "b"], "values": [1.0, 2.0], "draws": np.ones((50, 3))}, "draws: it is of 3 cities"),
        ({"labels": ["a", "b"], "values": [1.0, 2.0], "draws": np.full((50, 2), np.nan)}, "draws: not known for a, b"),
        (
            {"labels": ["a", "b"], "values": [1.0, 2.0], "covariance": np.ones((3, 2))},
            "covariance: it has the shape 3 x 2",
        ),
        ({"labels": ["a", "b"], "values": [1.0, 2.0], "covariance": [[1, 0], [0.5, 1]]}, "not symmetric"),
        ({"labels": ["a", "b"], "values": [1.0, 2.0], "covariance": [[1, 2], [2, 1]]}, "negative eigenvalue"),
        (
            {"labels": ["a", "b"], "values": [1.0, 2.0], "covariance": [[1, np.nan], [np.nan, 1]]},
            "covariance: not known for a, b",
        ),
    ],
)
def test_bad_data_are_refused_in_words(given, words):
    with pytest.raises(DataError) as seen:
        bands(**given)
    assert words in str(seen.value)


def test_bad_options_are_refused_in_words():
    with pytest.raises(UsageError) as seen:
        bands(["a", "b"], [1.0, 2.0], [1.0, 1.0], level=0.999, resamples=99, best=3)
    assert len(seen.value.problems) == 2
    assert "needs at least 999" in str(seen.value)
    assert "Ask for 1 to 2" in str(seen.value)
    with pytest.raises(UsageError, match=r"level is 1\.5"):
        bands(["a", "b"], [1.0, 2.0], level=1.5)
    with pytest.raises(UsageError, match="give it alone"):
        bands(["a", "b"], [1.0, 2.0], [1.0, 1.0], covariance=np.eye(2))
    with pytest.raises(DesignError, match=r"There are 18 draws of the values; the level 0\.95 needs at least 19"):
        bands(["a", "b"], [1.0, 2.0], draws=np.random.default_rng(1).standard_normal((18, 2)))
    with pytest.raises(UsageError, match="no city 'c'"):
        bands(["a", "b"], [1.0, 2.0]).apart("a", "c")
