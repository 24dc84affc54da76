"""The frontier: plain linear programmes, brute force and closed forms, limits, contexts, and what is refused."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import linprog

from scale_impact.benchmark.cities import Cities, Context, ContextColumn, Criterion
from scale_impact.benchmark.enveloping import bandwidths, likely, of_scores, order_m, programmes, related, subsamples
from scale_impact.benchmark.enveloping.bandwidths import Surroundings
from scale_impact.benchmark.enveloping.doubt import doubt
from scale_impact.benchmark.enveloping.likely import Errors
from scale_impact.benchmark.enveloping.programmes import Limits
from scale_impact.benchmark.frontier import envelop
from scale_impact.benchmark.scores import score
from scale_impact.errors import DataError, DesignError, UsageError
from tests.panels import shared


def context(n, **columns):
    found = [
        ContextColumn(c, kind="number" if np.asarray(v).dtype.kind == "f" else "group") for c, v in columns.items()
    ]
    return Context(tuple(f"city {k:03d}" for k in range(n)), tuple(found), pd.DataFrame(columns, index=range(n)))


def held(values, *, around=None, errors=(None, None), **options):
    values = np.asarray(values, dtype=float)
    names = [f"d{k}" for k in range(values.shape[1])]
    return envelop(values, around or context(len(values)), names, *errors, **options)


def cities(n, dimensions, seed=0):
    rng = np.random.default_rng(seed)
    return np.clip(50 + 12 * rng.normal(size=(n, 1)) + 10 * rng.normal(size=(n, dimensions)), 1, 100)


def plain(own, pool, limits):
    """One city's index by a plain linear programme in weights, all cities as constraints."""
    dim = len(own)
    rows, sides, room = pool, np.ones(len(pool)), [(0, None)] * dim
    if limits.shares:
        rows = np.vstack([pool, np.outer(limits.lower, own) - np.diag(own), np.diag(own) - np.outer(limits.upper, own)])
        sides = np.append(sides, np.zeros(2 * dim))
    else:
        room = [(a, None if np.isinf(b) else b) for a, b in zip(limits.lower, limits.upper, strict=True)]
    found = linprog(-own, A_ub=rows, b_ub=sides, bounds=room, method="highs")
    return {0: -(found.fun or 0.0), 3: np.inf}[found.status]


def bounds(kind, dim, most, rng):
    lower = rng.dirichlet(np.ones(dim)) * rng.uniform(0, 0.9)
    if kind == "free":
        return Limits.none(dim)
    if kind == "weights":
        return Limits(lower / most / 2, np.where(rng.random(dim) < 0.5, np.inf, 2 / most), False)
    upper = np.minimum(1.0, lower + rng.uniform(1.2, 3) / dim) if kind == "both" else np.ones(dim)
    return Limits(lower, upper)


@pytest.mark.parametrize("kind", ["free", "lower", "both", "weights"])
@pytest.mark.parametrize("look", ["plain", "ties and zeros", "duplicates", "units apart"])
def test_every_index_is_that_of_the_plain_programme(kind, look):
    rng = np.random.default_rng(len(kind) * 100 + len(look))
    for dim in (1, 3, 6):
        values = rng.uniform(0.05, 1, (30, dim))
        values = {
            "plain": values, "ties and zeros": np.round(3 * values), "duplicates": np.repeat(values[:15], 2, axis=0),
            "units apart": values * 10.0 ** rng.integers(-3, 4, dim),
        }[look]  # fmt: skip
        limits = bounds(kind, dim, values.max(axis=0), rng)
        for pool in (values, values[rng.integers(0, 30, 12)]):
            found = programmes.solve(values[:8], pool, limits)
            wanted = [plain(v, pool, limits) for v in values[:8]]
            np.testing.assert_allclose(found.index, wanted, rtol=1e-7, atol=1e-9)


def test_weights_are_feasible_and_prices_prove_them_best():
    values = cities(200, 5)
    limits = Limits(np.full(5, 0.05), np.full(5, 0.5))
    found = programmes.solve(values, values, limits)
    shares = found.weights * values / found.index[:, None]
    assert (found.weights @ values.T).max() <= 1 + 1e-9
    assert shares.min() >= 0.05 - 1e-9
    assert shares.max() <= 0.5 + 1e-9
    np.testing.assert_allclose(found.prices.sum(axis=1), found.index, rtol=1e-9)


def test_many_dimensions_need_no_help_and_agree_with_highs(monkeypatch):
    values = cities(80, 40)
    monkeypatch.setattr(programmes, "_by_highs", lambda *_: pytest.fail("a programme was not certified"))
    for limits in (Limits.none(40), Limits(np.full(40, 1 / 80), np.full(40, 1 / 15))):
        found = programmes.solve(values, values, limits)
        wanted = [plain(v, values, limits) for v in values[:6]]
        np.testing.assert_allclose(found.index[:6], wanted, rtol=1e-7)


def test_what_is_not_certified_is_solved_by_highs(monkeypatch):
    values = cities(20, 3)
    limits = Limits(np.full(3, 0.1), np.full(3, 0.6))
    wanted = programmes.solve(values, values, limits)
    monkeypatch.setattr(programmes, "CERTIFIED", -1.0)
    found = programmes.solve(values, values, limits)
    np.testing.assert_allclose(found.index, wanted.index, rtol=1e-9)
    np.testing.assert_allclose(found.prices.sum(axis=1), found.index, rtol=1e-9)


def test_two_dimensions_by_hand():
    values = np.array([[4.0, 1.0], [1.0, 4.0], [2.0, 2.0], [2.0, 0.0]])
    index, weights = doubt(values)
    np.testing.assert_allclose(index, [1, 1, 0.8, 0.5])  # the third lies at 0.8 of the line from (4, 1) to (1, 4)
    np.testing.assert_allclose(weights[2], [0.2, 0.2])
    named = held(values, draws=0).references("city 002")
    assert set(named["city"]) == {"city 000", "city 001"}
    np.testing.assert_allclose(named["part of the target"], [0.5, 0.5])


def test_a_vertex_by_brute_force_is_no_better():
    values = cities(12, 3, seed=4)
    best = np.zeros(12)
    rows = np.vstack([values, -np.eye(3)])
    sides = np.append(np.ones(12), np.zeros(3))
    for three in itertools.combinations(range(15), 3):
        if abs(np.linalg.det(rows[list(three)])) > 1e-9:
            w = np.linalg.solve(rows[list(three)], sides[list(three)])
            if (rows @ w <= sides + 1e-9).all():
                best = np.maximum(best, values @ w)
    np.testing.assert_allclose(doubt(values)[0], best, rtol=1e-9)


def test_units_of_dimensions_do_not_matter_to_shares():
    values = cities(40, 3)
    index, weights = doubt(values, lower=0.1, upper=0.7)
    again, other = doubt(values * [1, 1000, 0.01], lower=0.1, upper=0.7)
    np.testing.assert_allclose(again, index, rtol=1e-9)
    np.testing.assert_allclose(other * [1, 1000, 0.01], weights, atol=1e-9)


def test_equal_shares_are_the_only_ones_left():
    values = cities(30, 3)
    index, weights = doubt(values, lower=1 / 3)
    growth = (values[None] / values[:, None]).mean(axis=2).max(axis=1)
    np.testing.assert_allclose(index, 1 / growth, rtol=1e-9)
    np.testing.assert_allclose(weights * values / index[:, None], 1 / 3, rtol=1e-8)


def test_tighter_bounds_never_raise_an_index():
    values = cities(60, 4)
    found = [doubt(values, lower=b)[0] for b in (0.0, 0.1, 0.2, 0.25)]
    assert all((b <= a + 1e-9).all() for a, b in itertools.pairwise(found))


# ---- order-m ---------------------------------------------------------------------------------------------


def all_draws(values, m, distance):
    return np.mean([distance(values[list(d)]) for d in itertools.product(range(len(values)), repeat=m)], axis=0)


def free_disposal(values):
    return lambda pool: [max((p / v).min() for p in pool) for v in values]


SMALL = np.array([[1, 3.0], [2, 2], [3, 0.5], [1.5, 1]])


def test_free_disposal_order_m_is_the_mean_over_every_draw():
    wanted = all_draws(SMALL, 3, free_disposal(SMALL))
    np.testing.assert_allclose(order_m.free_disposal(SMALL, 3).mean, wanted, rtol=1e-12)


def test_convex_order_m_nears_the_mean_over_every_draw():
    limits = Limits.none(2)
    wanted = all_draws(SMALL, 3, lambda pool: 1 / programmes.solve(SMALL, pool, limits).index)
    found = order_m.convex(SMALL, limits, order_m.uniforms(1500, 3, 1))
    assert (abs(found.mean - wanted) < 3.5 * found.noise).all()
    assert found.noise.max() < 0.008


def test_with_unequal_chances_too():
    chances = np.array([[0.4, 0.3, 0.2, 0.1], [0.25] * 4, [0, 0.5, 0.5, 0], [0.1, 0.2, 0.3, 0.4]])
    every = list(itertools.product(range(4), repeat=2))
    limits = Limits.none(2)
    tables = np.array([1 / programmes.solve(SMALL, SMALL[list(d)], limits).index for d in every])
    odds = np.array([[np.prod(c[list(d)]) for d in every] for c in chances])
    found = order_m.convex(SMALL, limits, order_m.uniforms(1000, 2, 2), chances)
    assert (abs(found.mean - (odds * tables.T).sum(axis=1)) < 3.5 * found.noise).all()
    singles = np.array([free_disposal(SMALL)(SMALL[list(d)]) for d in every])
    np.testing.assert_allclose(order_m.free_disposal(SMALL, 2, chances).mean, (odds * singles.T).sum(axis=1))


@pytest.mark.parametrize("options", [{}, {"lower": 0.1, "upper": 0.7}, {"average": "index"}])
def test_with_m_large_order_m_is_benefit_of_the_doubt(options):
    values = cities(25, 3)
    doubted = {k: v for k, v in options.items() if k != "average"}
    wanted = held(values, draws=0, **doubted).index
    np.testing.assert_allclose(held(values, method="order_m", m=2000, draws=20, **options).index, wanted, rtol=1e-9)


def test_free_disposal_with_m_large_is_the_best_single_city():
    values = cities(25, 3)
    wanted = 1 / np.array(free_disposal(values)(values))
    np.testing.assert_allclose(held(values, method="order_m", m=10_000, hull="free_disposal").index, wanted, rtol=1e-9)


def test_the_index_falls_with_m_and_one_outlier_moves_it_little():
    values = cities(80, 3)
    by_m = [held(values, method="order_m", m=m, draws=60).index for m in (5, 20, 80)]
    assert (by_m[0] > by_m[1]).all()
    assert (by_m[1] > by_m[2]).all()
    with_outlier = np.vstack([values, [300, 300, 300]])
    all_, some = (
        held(with_outlier, **o).index[:80] for o in ({"draws": 0}, {"method": "order_m", "m": 20, "draws": 200})
    )
    fallen = [np.median(new / old) for new, old in ((all_, held(values, draws=0).index), (some, by_m[1]))]
    assert fallen[0] < 0.4
    assert fallen[1] > 0.6


def test_standard_errors_are_those_of_drawing_cities_again():
    values = np.abs(np.random.default_rng(3).normal(size=(80, 2))) + 0.2
    rng = np.random.default_rng(1)
    own, m = values[:4], 10
    weights = np.append(np.zeros(4), np.full(80, 1 / 80))
    again = [
        [order_m._free_disposal_of(np.vstack([own, values[rows]]), k, m, weights)[0] for k in range(4)]
        for rows in rng.integers(0, 80, (250, 80))
    ]
    np.testing.assert_allclose(order_m.free_disposal(values, m).std_error[:4], np.std(again, axis=0), rtol=0.15)
    # from draws: the same quantity as the closed form where one dimension makes both frontiers one
    single = values[:, :1]
    drawn = order_m.convex(single, Limits.none(1), order_m.uniforms(1500, m, 5))
    exact = order_m.free_disposal(single, m)
    np.testing.assert_allclose(drawn.mean, exact.mean, rtol=0.03)
    np.testing.assert_allclose(drawn.std_error, exact.std_error, rtol=0.12)


def test_m_is_chosen_where_few_more_fall_below_the_frontier():
    chosen, tried = order_m.choose_m(200, {10: 0.5, 20: 0.3, 40: 0.2, 80: 0.17, 160: 0.16}.__getitem__)
    assert chosen == 40
    assert list(tried) == [10, 20, 40, 80]
    found = held(cities(60, 3), method="order_m", draws=20)
    assert found.m in found.tried
    assert f"m = {found.m}" in found.notes[0]


def test_an_index_without_bound_is_said():
    values = np.array([[1.0, 0], [2, 0], [3, 0], [1, 5], [2, 0]])
    found = held(values, method="order_m", m=1, draws=200, average="index")
    assert np.isnan(found.index[3])
    assert "without bound" in found.why_not["city 003"]
    assert np.isfinite(held(values, method="order_m", m=1, draws=200).index[3])


# ---- context ---------------------------------------------------------------------------------------------


def steep(n=150, seed=0):
    """Cities that reach the more the larger their x; z says nothing."""
    rng = np.random.default_rng(seed)
    x, z = rng.normal(size=n), rng.normal(size=n)
    values = np.clip(50 + 12 * x[:, None] + 5 * rng.normal(size=(n, 2)), 1, 100)
    return values, x, z, rng.integers(0, 3, n).astype(str)


def test_without_any_influence_of_context_both_order_m_are_one():
    values, x, z, group = steep(60)
    around = context(60, x=x, z=z, group=group)
    endless = {"x": np.inf, "z": np.inf, "group": 2 / 3}
    found = held(values, around=around, method="conditional_order_m", m=10, draws=30, bandwidths=endless)
    np.testing.assert_allclose(found.ratio, 1, rtol=1e-9)
    np.testing.assert_allclose(found.index, held(values, method="order_m", m=10, draws=30).index, rtol=1e-9)


def test_only_the_own_group_counts_where_groups_do_not_mix():
    values, _, _, group = steep(90)
    around = context(90, group=group)
    found = held(
        values, around=around, method="conditional_order_m", m=8, hull="free_disposal", bandwidths={"group": 0.0}
    )
    own = group == "1"
    np.testing.assert_allclose(found.index[own], held(values[own], method="order_m", m=8, hull="free_disposal").index)


def test_a_favourable_context_shows_in_the_ratio_and_what_says_nothing_is_left_out():
    values, x, z, _ = steep()
    found = held(values, around=context(150, x=x, z=z), method="conditional_order_m", m=15, draws=40)
    kept = ~np.isnan(found.ratio)
    assert found.bandwidths["x"] < 1
    assert found.bandwidths["z"] > 2
    assert np.corrcoef(found.ratio[kept], x[kept])[0, 1] < -0.7
    low = int(np.flatnonzero(kept)[x[kept].argmin()])
    assert "unfavourable" in " ".join(found.in_words(found.labels[low]))


def test_kernels_are_those_of_statsmodels():
    from statsmodels.nonparametric.kernel_density import gpke

    values, x, _, group = steep(30)
    codes = group.astype(np.int64)[:, None]
    around = Surroundings(x[:, None], codes, np.array([3]), "gaussian")
    widths = np.array([0.4, 0.2])
    alike = bandwidths.likeness(around, around, widths)
    theirs = gpke(widths, np.column_stack([x, codes]), np.array([x[0], codes[0, 0]]), "cu", tosum=False)
    np.testing.assert_allclose(alike[0] / alike[0].sum(), theirs / theirs.sum(), rtol=1e-9)
    assert values.shape == (30, 2)


def test_the_error_of_bandwidths_is_that_of_leaving_each_city_out():
    values, x, z, group = steep(25)
    around = Surroundings(np.column_stack([x, z]), group.astype(np.int64)[:, None], np.array([3]))
    widths = np.array([0.8, 1.5, 0.3])
    reached = (values[:, None] >= values[None]).all(axis=2).astype(float)
    wanted = []
    for k in range(25):
        weights = [
            max(1 - ((x[k] - x[j]) / 0.8) ** 2, 0) * max(1 - ((z[k] - z[j]) / 1.5) ** 2, 0) * (0.7 if group[k] == group[j] else 0.15)
            for j in range(25)
        ]  # fmt: skip
        others = [j for j in range(25) if j != k]
        w = np.array(weights)[others] if sum(np.array(weights)[others]) > 0 else np.ones(24)
        wanted.append((reached[k] - w @ reached[others] / w.sum()) ** 2)
    assert bandwidths.error(around, reached, widths) == pytest.approx(np.mean(wanted), rel=1e-9)


def test_a_city_without_context_or_without_anyone_alike_says_so():
    values, x, z, _ = steep(60)
    x[3], x[5] = np.nan, 9.0
    values[7, 1] = np.nan
    found = held(
        values, around=context(60, x=x, z=z), method="conditional_order_m", m=10, draws=20, bandwidths={"x": 1, "z": 3}
    )
    assert "x is not known" in found.why_not["city 003"]
    assert "5 are needed" in found.why_not["city 005"]
    assert "no value in d1" in found.why_not["city 007"]
    assert set(found.why_not) == {found.labels[k] for k in np.flatnonzero(np.isnan(found.index))}
    assert found.in_words("city 003") == [f"city 003 has no place against the frontier. {found.why_not['city 003']}"]
    assert not np.isin([3, 7], found.members[found.parts > 0]).any()


# ---- intervals, order, words ---------------------------------------------------------------------------------


def test_the_interval_ends_at_the_index_and_is_wider_with_fewer_cities():
    few, many = (held(cities(n, 2), draws=100, against="possible") for n in (30, 300))
    for found in (few, many):
        assert any("hold only if cities are as frequent close to the best" in n for n in found.notes)
        assert (found.low <= found.high).all()
        assert (found.high == found.index).all()
    assert np.mean(few.index / few.low) > np.mean(many.index / many.low) > 1
    assert subsamples.subsample_size(345, 5) == 10
    assert subsamples.subsample_size(30, 8) == 9


def unsure(n, dimensions, error, seed=0):
    """True values, values with errors, and draws around these."""
    rng = np.random.default_rng(seed)
    values = np.clip(50 + 14 * (0.6 * rng.normal(size=(n, 1)) + 0.8 * rng.normal(size=(n, dimensions))), 2, 100)
    seen = np.maximum(values + error * rng.normal(size=values.shape), 0)
    return values, seen, seen + error * rng.normal(size=(120, *values.shape))


def test_values_taken_as_known_have_no_interval_of_benefit_of_the_doubt():
    found = held(cities(30, 2))
    assert np.isnan(found.low).all()
    assert np.isnan(found.high).all()
    assert found.corrected is None
    assert any("No intervals: no errors of the values are given" in n for n in found.notes)
    exact = held(cities(30, 2), errors=(np.repeat(cities(30, 2)[None], 40, axis=0), None))
    np.testing.assert_allclose([exact.low, exact.high], [exact.index] * 2, rtol=1e-12)


def test_with_errors_of_values_intervals_hold_the_index_of_the_true_values():
    inside, off = [], []
    for seed in range(4):
        values, seen, draws = unsure(60, 2, 12.0, seed)
        truth, found = doubt(values)[0], held(seen, errors=(draws, None))
        inside.append((found.low - 1e-9 <= truth) & (truth <= found.high + 1e-9))
        off.append([(found.index - truth).mean(), (found.corrected - truth).mean()])
    assert 0.88 <= np.mean(inside) <= 0.99
    before, after = np.mean(off, axis=0)
    assert before < -0.02  # a frontier through measured values lies too far out
    assert abs(after) < abs(before)
    assert "have errors: really it may be between" in " ".join(found.in_words("city 003"))


def test_likely_values_are_those_of_the_normal_posterior():
    rng = np.random.default_rng(2)
    values = rng.normal(100, 3, (400, 1))
    errors = np.where(np.arange(400) % 2, 4.0, 0.0)[:, None]
    seen = values + errors * rng.normal(size=values.shape)
    drawn = likely.likely(seen, Errors(seen + errors * rng.normal(size=(3000, 400, 1))), seed=1)
    prior = seen.var(ddof=1) - 8.0
    gain = prior / (prior + 16)
    odd = errors[:, 0] > 0
    np.testing.assert_allclose(drawn.mean(axis=0)[odd], seen.mean() + gain * (seen - seen.mean())[odd], atol=0.5)
    np.testing.assert_allclose(drawn.std(axis=0)[odd].mean(), np.sqrt(gain * 16), rtol=0.03)
    assert (drawn[:, ~odd] == seen[~odd]).all()
    filled = likely.likely(seen, Errors(None, seen + errors * rng.normal(size=(500, 400, 1))), seed=1)
    np.testing.assert_allclose(
        filled.mean(axis=0), seen, rtol=1e-9
    )  # what was filled in was drawn to the others before


def test_order_m_intervals_hold_the_errors_of_the_values_too():
    _, seen, draws = unsure(50, 2, 8.0)
    for hull in ("convex", "free_disposal"):
        without, with_ = (
            held(seen, errors=(d, None), method="order_m", m=10, hull=hull, draws=60) for d in (None, draws)
        )
        assert np.median(np.log(with_.high / with_.low) / np.log(without.high / without.low)) > 1.2
        assert (with_.index == without.index).all()
        assert "and the errors of the values" in " ".join(with_.notes)


def test_degrees_of_freedom_are_few_where_few_cities_decide():
    even, one = np.full(30, 0.5), np.append(3.0, np.zeros(29))
    found = [float(order_m.freedom(np.array([(u**2).sum()]), np.array([(u**4).sum()]), 30)[0]) for u in (even, one)]
    assert found == pytest.approx([60, 2])
    exact = order_m.free_disposal(cities(80, 1), 10)
    drawn = order_m.convex(np.sort(cities(80, 1), axis=0), Limits.none(1), order_m.uniforms(1500, 10, 5))
    assert np.median(exact.freedom) == pytest.approx(np.median(drawn.freedom), rel=0.4)


def test_a_context_that_says_nothing_is_not_called_favourable():
    told, p = [], []
    for seed in range(12):
        values = cities(60, 2, seed)
        z = np.random.default_rng(seed + 100).normal(size=60)
        found = held(values, around=context(60, z=z), method="conditional_order_m", m=10, hull="free_disposal")
        told.append(any("so its situation is" in s for c in found.labels for s in found.in_words(c)))
        p.append(found.context_p)
        kept = ~np.isnan(found.ratio)
        assert (found.ratio_low[kept] <= found.ratio[kept]).all()
        assert (found.ratio[kept] <= found.ratio_high[kept]).all()
    assert np.mean(told) <= 0.2
    assert np.std(p) > 0.15  # spread over 0 to 1
    values, x, z, group = steep(90)
    around = Surroundings(np.column_stack([x, z]), group.astype(np.int64)[:, None], np.array([3]))
    assert related.chance(values, around, seed=1) == pytest.approx(0.002)


def test_dimensions_of_scores_are_drawn_by_what_is_unsure_about_them():
    rng = np.random.default_rng(5)
    criteria = tuple(Criterion(f"k{j}", f"k{j}", "points", "ab"[j // 2], "+", worst=0.0, best=100.0) for j in range(4))
    values = rng.uniform(20, 80, (30, 4))
    values[2, 1] = np.nan
    errors = np.full((30, 4), 3.0)
    around = context(30)
    made = score(Cities(around.labels, criteria, values, around, errors))
    measured, filled = of_scores.dimension_draws(made, 150)
    assert measured.shape == filled.shape == (150, 30, 2)
    np.testing.assert_allclose(measured[:, 5].std(axis=0), 3 / np.sqrt(2), rtol=0.25)
    np.testing.assert_allclose(measured.mean(axis=0), made.dimension_scores, atol=1)
    assert filled[:, 2, 0].std() > 1
    assert filled[:, 5].std(axis=0).max() == pytest.approx(0, abs=1e-9)
    sure = score(Cities(around.labels, criteria, np.nan_to_num(values, nan=50.0), around))
    assert of_scores.dimension_draws(sure) == (None, None)


@pytest.mark.parametrize("method", ["benefit_of_the_doubt", "order_m", "conditional_order_m"])
def test_no_answer_depends_on_the_order_of_the_cities(method):
    values, x, z, group = steep(70)
    values[10] = values[20]
    around = context(70, x=x, z=z, group=group)
    shuffled = np.random.default_rng(1).permutation(70)
    unknown = values + np.random.default_rng(2).normal(size=(40, *values.shape))
    a = held(values, around=around, errors=(unknown, unknown), method=method, draws=20)
    moved = unknown[:, shuffled]
    b = held(values[shuffled], around=around.take(shuffled), errors=(moved, moved), method=method, draws=20)
    for part in ("index", "low", "high", "corrected", "weights", "targets", "noise"):
        np.testing.assert_array_equal(getattr(a, part)[shuffled], getattr(b, part))
    assert a.references("city 030").equals(b.references("city 030"))
    assert a.notes == b.notes


def test_the_same_seed_gives_the_same_bytes_and_the_values_stay_as_they_were():
    values = cities(50, 3)
    before = values.copy()
    a, b = (held(values, method="order_m", m=10, draws=30) for _ in range(2))
    assert a.index.tobytes() == b.index.tobytes()
    assert a.low.tobytes() == b.low.tobytes()
    np.testing.assert_array_equal(values, before)


def test_words_and_tables_say_what_was_found():
    found = held(SMALL, draws=0)
    assert list(found.table()["city"]) == list(found.labels)
    said = " ".join(found.in_words("city 003"))
    assert said.startswith(
        "Under the weights that favour it most, city 003 reaches 65 % of what the best of these cities reaches"
    )
    assert "Cities to learn from, with how much each counts in what it is held against: city 001" in said
    assert (
        "To reach 100 % and stay as strong and as weak as it is in each, it would need d0 2.31 (now 1.5), d1 1.54 (now 1)"
        in said
    )
    assert "%" in found.in_words("city 003")[-1]
    assert "No other city does better" in " ".join(found.in_words("city 000"))
    single = held(SMALL, method="order_m", m=3, hull="free_disposal", draws=20)
    assert single.in_words("city 003")[0].startswith("Dimension by dimension, city 003 reaches")
    assert "approximate" in single.in_words("city 003")[1]
    with pytest.raises(UsageError, match="no city 'city 9'"):
        found.row("city 9")


def test_cities_with_the_same_values_share_their_part():
    values = np.array([[4.0, 4], [4, 4], [2, 2], [1, 3]])
    named = held(values, draws=0).references("city 002")
    assert dict(zip(named["city"], named["part of the target"], strict=True)) == pytest.approx(
        {"city 000": 0.5, "city 001": 0.5}
    )


def test_peculiar_data_are_answered_with_words():
    one = held([[3.0, 4.0]])
    assert one.index[0] == 1
    assert np.isnan(one.low[0])
    assert "One city alone" in one.notes[0]
    flat = held(np.column_stack([cities(20, 1), np.full(20, 7.0)]), draws=0)
    assert (flat.index == 1).all()
    assert "d1: all cities have 7" in flat.notes[0]
    empty = held(np.column_stack([cities(20, 1), np.zeros(20)]), draws=0)
    assert "d1: every city has 0" in empty.notes[0]
    assert (empty.shares[:, 1] == 0).all()
    many = held(cities(20, 12), draws=50, against="possible")
    assert any("with 12 dimensions what is seen nears it" in n for n in many.notes)
    zero = held([[5.0, 0], [0, 0], [3, 4], [4, 2]], lower=0.2, draws=0)
    assert list(zero.index[:2]) == [0, 0]
    assert any("2 cities have the index 0" in n for n in zero.notes)


def test_bad_options_are_refused_all_at_once():
    with pytest.raises(UsageError) as refused:
        held(SMALL, m=3, level=1.2, hull="free_disposal", given=["x"], draws=3, lower={"d9": 0.1})
    told = str(refused.value)
    for part in (
        "m: benefit",
        "level: 1.2",
        "hull: free_disposal",
        "given: context counts",
        "draws: 3",
        "no dimension 'd9'",
    ):
        assert part in told
    with pytest.raises(UsageError, match="no context variable is named"):
        held(SMALL, method="conditional_order_m")
    with pytest.raises(UsageError, match="against: the best that is possible"):
        held(SMALL, method="order_m", against="possible")
    with pytest.raises(UsageError) as refused:
        held(SMALL, errors=(np.ones((5, 4, 2)), np.ones((30, 3, 2))))
    assert "value_draws: 5 are too few" in str(refused.value)
    assert "filled_draws: they are 30 x 3 x 2" in str(refused.value)
    with pytest.raises(UsageError, match="which has no logarithm"):
        held(SMALL, around=context(4, x=np.array([0.0, 1, 2, 3])), method="conditional_order_m", log=["x"])


def test_bad_values_and_impossible_bounds_are_refused_with_which():
    with pytest.raises(DataError, match=r"d1: 1 value is negative \(down to -2\)"):
        held([[1.0, -2], [2, 3]])
    with pytest.raises(DataError, match="No city has a value in every dimension"):
        held([[1.0, np.nan], [np.nan, 3]])
    with pytest.raises(DesignError, match=r"Lower shares add up to 1.2"):
        held(SMALL, lower=0.6)
    with pytest.raises(DesignError, match=r"Upper shares add up to 0.8"):
        held(SMALL, upper=0.4)
    with pytest.raises(DesignError, match=r"d0: the bounds 0.5 to 0.2 admit nothing"):
        held(SMALL, lower={"d0": 0.5}, upper={"d0": 0.2})
    with pytest.raises(DesignError, match="With the lower weights alone"):
        held(SMALL, lower=1.0, bounds="weights")
    with pytest.raises(DesignError, match="d1: every city has 0"):
        held([[1.0, 0], [2, 0]], lower=0.1)


def test_chiles_municipalities_are_held_as_plain_programmes_hold_them():
    table = pd.read_csv(shared("data/chile_egov_benchmark/local_gov_indicators_2021.csv"))
    dimensions = ["egi", "iadm25", "iadm33", "internet_con"]
    table = table.dropna(subset=[*dimensions, "itpc"]).reset_index(drop=True)
    table["internet_con"] = table["internet_con"] / table["itpc"]
    values = table[dimensions].to_numpy(float)
    around = context(len(table), inhabitants=table["itpc"].to_numpy(float), region=table["region"].astype(str))
    options = {"lower": 0.1, "upper": 0.6}
    found = held(values, draws=30, **options)
    limits = Limits(np.full(4, 0.1), np.full(4, 0.6))
    rows = np.arange(0, len(values), 30)
    np.testing.assert_allclose(
        found.index[rows], [plain(values[k], values, limits) for k in rows], rtol=1e-7, atol=1e-9
    )
    within = held(values, around=around, method="conditional_order_m", log=["inhabitants"], draws=30, m=40, **options)
    assert np.isnan(within.index).sum() == len(within.why_not) < 40
    assert np.nanmax(within.parts.sum(axis=1)) <= 1 + 1e-9
