"""What a city may expect: both answers, their weights, support, chances, and input that cannot be answered."""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats

from scale_impact.core.city_effects import CityEffects
from scale_impact.errors import DataError, DesignError, UsageError
from scale_impact.synthesis.for_city import expect
from scale_impact.synthesis.nearing.compared import Recipe, compare
from scale_impact.synthesis.nearing.generality import index, overlap
from scale_impact.synthesis.nearing.local import kernels, local_mean
from scale_impact.synthesis.nearing.support import judge
from scale_impact.synthesis.nearing.weighted import answer, error_of
from scale_impact.synthesis.pooling import pool


def cities(n=150, seed=1):
    """A population of cities: two numbers, one of them skewed, and a region."""
    rng = np.random.default_rng(seed)
    values = {
        "size": np.exp(rng.normal(11, 1, n)),
        "rent": rng.normal(10, 2, n),
        "region": rng.choice(["N", "S", "W"], n),
    }
    return pd.DataFrame(values, index=[f"c{i:03d}" for i in range(n)])


def pilots(population, k=10, seed=2, slope=0.0, direction="-", unit="log(claims)"):
    """Effects of the first k cities, by rent as much as ``slope`` says."""
    rng = np.random.default_rng(seed)
    some = population.iloc[:k]
    errors = rng.uniform(0.04, 0.12, k)
    effects = -0.15 + slope * (some["rent"] - 10).to_numpy() + rng.normal(0, 0.05, k) + errors * rng.normal(size=k)
    return CityEffects(tuple(some.index), effects, np.diag(errors**2), unit, direction, context=some)


POPULATION = cities()
PILOTS = pilots(POPULATION)
OWN = POPULATION.iloc[60]


def expected(effects=PILOTS, city=OWN, population=POPULATION, log=("size",), draws=0, **options):
    return expect(effects, city, population=population, log=list(log), draws=draws, **options)


# ---- the two answers -------------------------------------------------------------------------------------


def test_the_unweighted_answer_is_the_pooled_mean_with_its_prediction_interval():
    found, pooled = expected(), pool(PILOTS)
    assert (found.unweighted.mean, found.unweighted.predicted_low) == (pooled.mean, pooled.predicted_low)
    assert (
        found.unweighted.predicted_high - found.unweighted.predicted_low > found.unweighted.high - found.unweighted.low
    )


def test_an_infinite_bandwidth_gives_the_unweighted_answer_to_the_last_digit():
    found = expected(bandwidth=math.inf)
    near, plain = found.weighted, found.unweighted
    for name in (
        "mean",
        "std_error",
        "df",
        "low",
        "high",
        "prediction_error",
        "prediction_df",
        "predicted_low",
        "predicted_high",
    ):
        assert getattr(near, name) == getattr(plain, name)
    np.testing.assert_array_equal(near.weights, plain.weights)


@pytest.mark.parametrize("related", [False, True])
@pytest.mark.parametrize("options", [{}, {"inference": "normal"}, {"prediction": "k-2"}, {"tau2": "paule_mandel"}])
def test_a_wide_bandwidth_tends_to_the_unweighted_answer(related, options):
    shared = PILOTS.covariance + (0.002 if related else 0.0)
    effects = replace(PILOTS, covariance=shared)
    found = expected(effects, bandwidth=1e6, **options)
    assert not (found.weighted.kernel == 1).all()
    for name in ("mean", "std_error", "low", "high", "prediction_error", "predicted_low", "predicted_high"):
        assert getattr(found.weighted, name) == pytest.approx(getattr(found.unweighted, name), rel=1e-6)
    np.testing.assert_allclose(found.weighted.weights, found.unweighted.weights, rtol=1e-6)


def test_weights_are_kernel_by_precision_where_errors_are_independent():
    found = expected(bandwidth=0.8)
    distance = found.contributions["distance"].to_numpy()
    wanted = np.exp(-0.5 * (distance / 0.8) ** 2) / (PILOTS.variances + found.unweighted.tau2)
    np.testing.assert_allclose(found.weighted.weights, wanted / wanted.sum(), rtol=1e-10)
    assert found.weighted.effective == pytest.approx(wanted.sum() ** 2 / (wanted**2).sum())


def test_the_error_is_that_of_a_sum_with_these_weights():
    found, w = expected(bandwidth=0.8), expected(bandwidth=0.8).weighted.weights
    plain = pool(PILOTS)
    total = PILOTS.covariance + plain.tau2 * np.eye(len(PILOTS))
    factor = plain.std_error**2 / (plain.weights @ total @ plain.weights)
    assert found.weighted.std_error == pytest.approx(math.sqrt(factor * (w @ total @ w)))
    assert found.weighted.prediction_error == pytest.approx(math.hypot(found.weighted.std_error, math.sqrt(plain.tau2)))


def test_fewer_pilots_that_count_make_a_wider_interval():
    wide = [expected(bandwidth=h).weighted for h in (math.inf, 2.0, 1.0, 0.5)]
    assert all(a.effective > b.effective for a, b in itertools.pairwise(wide))
    assert all(a.prediction_error < b.prediction_error for a, b in itertools.pairwise(wide))
    assert wide[-1].high - wide[-1].low > wide[0].high - wide[0].low


def test_a_pilot_without_kernel_is_as_if_it_were_not_there_even_where_errors_are_related():
    effects = replace(PILOTS, covariance=PILOTS.covariance + 0.003)
    error = effects.covariance + 0.01 * np.eye(10)
    kernel = np.ones(10)
    kernel[3] = 1e-11
    rest = np.arange(10) != 3
    alone = local_mean(effects.effects[rest], error[np.ix_(rest, rest)], np.ones(9))
    assert local_mean(effects.effects, error, kernel).mean == pytest.approx(alone.mean, rel=1e-8)


def test_clusters_of_effects_are_related_in_the_weighted_answer_too():
    effects = replace(PILOTS, clusters=tuple("aabbccddee"))
    plain = pool(effects)
    error = error_of(effects, plain)
    assert np.trace(error - effects.covariance) == pytest.approx(10 * plain.tau2)
    almost = np.ones(10) - 1e-9 * np.arange(10)
    found = answer(effects, plain, error, almost, expected().weighted.bandwidth, 0.95)
    assert found.mean == pytest.approx(plain.mean, rel=1e-5)


@pytest.mark.parametrize("kernel", ["gaussian", "epanechnikov", "uniform"])
def test_kernels_fall_with_distance_and_are_one_for_the_nearest(kernel):
    found = kernels(np.array([0.5, 0.9, 1.4, np.nan]), 1.5, kernel)
    assert found[0] == 1
    assert found[3] == 0
    assert found[0] >= found[1] >= found[2]


def test_no_city_is_too_far_for_a_gaussian_kernel_and_a_uniform_one_ends():
    far = np.array([900.0, 901.0, 1200.0])
    assert kernels(far, 1.0, "gaussian")[0] == 1.0
    assert not kernels(far, 1.0, "uniform").any()
    found = expected(kernel="uniform", bandwidth=1e-9)
    assert found.weighted is None
    assert "No pilot is within the bandwidth" in found.why_not


def test_the_bandwidth_and_its_rule_are_said():
    assert "median distance" in expected(bandwidth="median").weighted.bandwidth.rule
    assert "as it was set" in expected(bandwidth=0.7).weighted.bandwidth.rule
    few = expected(PILOTS.take(range(4)))
    assert "too few to leave one out" in few.weighted.bandwidth.rule


def test_leaving_one_out_finds_context_that_tells_effects_and_the_weighted_answer_follows_it():
    steep = pilots(POPULATION, k=40, slope=0.15)
    high = POPULATION.iloc[60:].nlargest(3, "rent").iloc[-1]
    found = expected(steep, high, columns=["rent"], log=())
    assert math.isfinite(found.weighted.bandwidth.value)
    assert found.weighted.bandwidth.gain > 0.2
    truth = -0.15 + 0.15 * (high["rent"] - 10)
    assert abs(found.weighted.mean - truth) < abs(found.unweighted.mean - truth) / 2


def test_leaving_one_out_by_brute_force():
    found = expected(bandwidth="leave_one_out").weighted.bandwidth
    among = compare(PILOTS.context, OWN.to_dict(), POPULATION, Recipe(log=("size",)), 10).among
    own = PILOTS.variances + pool(PILOTS).tau2
    for h, error in zip(found.tried, found.errors, strict=True):
        squares = []
        for i in range(10):
            rest = [j for j in range(10) if j != i]
            d = among[i, rest]
            w = (np.exp(-0.5 * (d**2 - d.min() ** 2) / h**2) if math.isfinite(h) else np.ones(9)) / own[rest]
            squares.append((PILOTS.effects[i] - w @ PILOTS.effects[rest] / w.sum()) ** 2 / own[i])
        assert error == pytest.approx(math.sqrt(np.mean(squares)))


# ---- contributions ---------------------------------------------------------------------------------------


def test_shares_of_pilots_sum_to_one_and_leaving_one_out_is_pooling_the_others():
    found = expected(bandwidth=1.0)
    table = found.contributions
    assert table["weight_unweighted"].sum() == pytest.approx(1)
    assert table["weight_weighted"].sum() == pytest.approx(1)
    rest = PILOTS.take([0, *range(2, 10)])
    assert table["unweighted_without"].iloc[1] == pytest.approx(pool(rest).mean, abs=1e-12)
    w = table["kernel"].drop(index=1) / (rest.variances + pool(rest).tau2)
    assert table["weighted_without"].iloc[1] == pytest.approx((w * rest.effects).sum() / w.sum())


def test_many_pilots_hold_the_variance_between_cities_and_say_so():
    found = expected(pilots(POPULATION, k=80), bandwidth=1.0)
    assert found.contributions["unweighted_without"].notna().all()
    assert any("holds the variance" in n for n in found.notes)


# ---- invariances -----------------------------------------------------------------------------------------


def test_order_of_pilots_population_and_columns_changes_no_digit():
    rng = np.random.default_rng(3)
    order = rng.permutation(10)
    a = expected(draws=5)
    b = expected(
        PILOTS.take(order),
        OWN[["rent", "region", "size"]],
        POPULATION.sample(frac=1, random_state=1)[["region", "rent", "size"]],
        draws=5,
    )
    assert b.weighted.mean == pytest.approx(a.weighted.mean, rel=1e-12)
    np.testing.assert_allclose(b.compared.to_city, a.compared.to_city[order], rtol=0, atol=1e-13)
    assert (b.nearest, b.generalisability) == (
        a.nearest,
        replace(
            a.generalisability,
            index=b.generalisability.index,
            by_lot=b.generalisability.by_lot,
            by_lot_low=b.generalisability.by_lot_low,
        ),
    )
    assert b.generalisability.index == pytest.approx(a.generalisability.index, abs=1e-12)


def test_names_of_cities_change_nothing():
    named = {c: f"z{i}" for i, c in enumerate(reversed(PILOTS.labels))}
    other = replace(PILOTS, labels=tuple(named[c] for c in PILOTS.labels), context=PILOTS.context.rename(index=named))
    a, b = expected(bandwidth=1.0), expected(other, population=POPULATION.rename(index=named), bandwidth=1.0)
    assert b.weighted.mean == pytest.approx(a.weighted.mean, rel=1e-12)


def test_units_of_context_change_nothing():
    scaled = {"size": 1e-3, "rent": 100.0}
    turn = lambda t: t.assign(**{c: t[c] * s for c, s in scaled.items()})  # noqa: E731
    own = turn(OWN.to_frame().T.infer_objects()).iloc[0]
    a, b = (
        expected(bandwidth=1.0),
        expected(replace(PILOTS, context=turn(PILOTS.context)), own, turn(POPULATION), bandwidth=1.0),
    )
    assert b.weighted.mean == pytest.approx(a.weighted.mean, rel=1e-9)
    np.testing.assert_allclose(b.compared.to_city, a.compared.to_city, rtol=1e-8)


@pytest.mark.parametrize("factor", [1e-6, 1e6])
def test_units_of_effects_scale_the_answer(factor):
    scaled = replace(PILOTS, effects=PILOTS.effects * factor, covariance=PILOTS.covariance * factor**2)
    a, b = expected(bandwidth=1.0), expected(scaled, bandwidth=1.0)
    assert b.weighted.predicted_low == pytest.approx(a.weighted.predicted_low * factor, rel=1e-8)
    assert b.harm == pytest.approx(a.harm, rel=1e-8)


# ---- chances ---------------------------------------------------------------------------------------------


def test_harm_and_target_are_tails_of_the_predictive_t_distribution():
    found = expected(target=-0.2)
    p = found.unweighted
    t = stats.t(p.prediction_df, p.mean, p.prediction_error)
    assert found.harm == pytest.approx(t.sf(0))
    assert found.reaches == pytest.approx(t.cdf(-0.2))
    near = found.weighted
    assert found.chances_weighted.harm == pytest.approx(
        stats.t(near.prediction_df, near.mean, near.prediction_error).sf(0)
    )


def test_the_other_direction_turns_harm_round():
    up = expected(replace(PILOTS, effects=-PILOTS.effects, direction="+"), target=0.2)
    down = expected(target=-0.2)
    assert up.harm == pytest.approx(down.harm)
    assert up.reaches == pytest.approx(down.reaches)


def test_without_a_direction_both_sides_are_told_and_none_is_harm():
    found = expected(replace(PILOTS, direction="context"), target=0.1)
    assert found.harm is None
    assert found.chances.below_zero + found.chances.above_zero == pytest.approx(1)
    assert found.reaches < found.chances.above_zero
    assert any("neither direction is better" in s for s in found.in_words())


def test_a_target_in_per_cent_is_a_difference_of_logarithms():
    assert expected(target=-20.0, target_in="per_cent").target == pytest.approx(math.log(0.8))


def test_normal_inference_has_normal_chances():
    found = expected(inference="normal", prediction="normal")
    p = found.unweighted
    assert found.harm == pytest.approx(stats.norm.sf(0, p.mean, p.prediction_error))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"target": 0.2}, "wrong side"),
        ({"target": math.nan}, "nan"),
        ({"target": math.inf}, "no number that an effect could reach"),
        ({"target": -100.0, "target_in": "per_cent"}, "leaves less than nothing"),
        ({"target_in": "per_cent"}, "there is no target"),
        ({"bandwidth": 0.0}, "lets no pilot count"),
        ({"bandwidth": "silverman"}, "bandwidth"),
        ({"kernel": "gausian"}, "gaussian"),
        ({"columns": ["rents"]}, "Did you mean 'rent'"),
        ({"level": 95.0}, "level"),
        ({"bandwith": 1.0}, "Did you mean 'bandwidth'"),
    ],
)
def test_options_that_cannot_be_are_refused(options, said):
    with pytest.raises(UsageError, match=said):
        expected(**options)


def test_all_problems_of_a_call_are_said_at_once():
    with pytest.raises(UsageError) as error:
        expected(target=0.2, bandwidth=-1.0)
    assert len(error.value.problems) == 2


def test_per_cent_of_an_outcome_that_is_no_logarithm_is_refused():
    with pytest.raises(UsageError, match="not in logarithms"):
        expected(replace(PILOTS, unit="persons"), target=-5.0, target_in="per_cent")


# ---- support ---------------------------------------------------------------------------------------------


def test_a_city_equal_to_a_pilot_is_supported():
    found = expected(city=POPULATION.iloc[3])
    assert found.supported
    assert found.nearest == "c003"
    assert found.nearest_distance == pytest.approx(0, abs=1e-9)
    assert found.check().verdict == "pass"
    assert found.check().check == "support"
    json.dumps(found.check().row(), allow_nan=False)


def test_a_city_far_outside_has_no_fair_answer_by_similarity_but_the_plain_one_with_a_warning():
    found = expected(city={"size": 5e8, "rent": 40.0, "region": "Q"})
    assert found.weighted is None
    assert "No fair answer" in found.why_not
    assert found.unweighted.predicted_low is not None
    assert found.harm is not None
    assert found.chances_weighted.harm is None
    assert {o.column for o in found.outside} == {"size", "rent", "region"}
    rent = next(o for o in found.outside if o.column == "rent")
    assert (rent.value, rent.low, rent.high) == (40.0, PILOTS.context["rent"].min(), PILOTS.context["rent"].max())
    check = found.check()
    assert check.verdict == "fail"
    assert "stands only if" in check.reason
    json.dumps(check.row(), allow_nan=False)


def test_how_far_outside_a_logarithm_lies_is_told_on_its_scale():
    low, high = PILOTS.context["size"].min(), PILOTS.context["size"].max()
    found = expected(city=OWN.to_dict() | {"size": high * 2})
    assert found.outside[0].beyond == pytest.approx(math.log(2) / math.log(high / low))


def test_the_hull_is_that_of_the_numbers():
    inside = PILOTS.context[["size", "rent"]]
    middle = {"size": float(np.exp(np.log(inside["size"]).mean())), "rent": float(inside["rent"].mean()), "region": "N"}
    assert expected(city=middle).support.hull_distance == 0.0
    corner = middle | {"size": float(inside["size"].max()) * 1.01, "rent": float(inside["rent"].max()) * 1.01}
    assert expected(city=corner).support.hull_distance > 0
    few = expected(PILOTS.take([0, 1, 2]), middle)
    assert few.support.hull_distance is None
    assert "no hull" in few.support.hull_note


def test_the_hull_by_linear_programming():
    """Within the hull there are weights with which pilots make the city; SciPy's solver finds them or says that there are none."""
    from scipy.optimize import linprog

    points = PILOTS.context[["rent"]].assign(size=np.log(PILOTS.context["size"])).to_numpy()
    for i in range(40, 65):
        own = POPULATION.iloc[i]
        p = np.append(points - [own["rent"], math.log(own["size"])], np.ones((10, 1)), axis=1).T
        exists = linprog(np.zeros(10), A_eq=p, b_eq=[0, 0, 1]).status == 0
        compared = compare(PILOTS.context, own.to_dict(), None, Recipe(log=("size",)), 10)
        assert (judge(compared, PILOTS.labels, PILOTS.context, own.to_dict()).hull_distance == 0.0) == exists


def test_a_city_drawn_like_the_pilots_stands_apart_as_often_as_its_p_value_says():
    rng, apart = np.random.default_rng(1), []
    start, table = compare(POPULATION.iloc[:8], OWN.to_dict(), None, Recipe(columns=("rent",)), 8), POPULATION.iloc[:8]
    for _ in range(400):
        points = rng.normal(size=(9, 2))
        between = np.sqrt(((points[:, None] - points) ** 2).sum(axis=2))
        compared = replace(start, to_city=between[8, :8], among=between[:8, :8])
        apart.append(judge(compared, tuple(table.index), table, OWN.to_dict()).p_value)
    assert np.mean(np.array(apart) <= 1 / 9 + 1e-9) == pytest.approx(1 / 9, abs=0.04)
    assert (
        np.mean(np.array(apart) <= 3 / 9 + 1e-9) < 3 / 9 + 0.05
    )  # two that are each other's nearest tie, so that it is less


def test_a_column_that_all_pilots_share_is_outside_without_a_distance():
    flat = replace(PILOTS, context=PILOTS.context.assign(coast=1.0))
    found = expect(flat, OWN.to_dict() | {"coast": 0.0}, log=["size"])
    assert found.compared.unmeasured == ("coast",)
    assert found.support.verdict != "pass"
    assert found.outside[0].column == "coast"
    assert any("no distance can be told" in n for n in found.notes)
    json.dumps(found.check().row(), allow_nan=False)


# ---- Tipton's index --------------------------------------------------------------------------------------


def test_the_index_is_the_overlap_of_two_kernel_densities():
    """The published formula by adaptive quadrature: normal kernels of width (4 sd^5 / 3n)^(1/5)."""

    def density(v, t):
        h = (4 * v.std(ddof=1) ** 5 / (3 * len(v))) ** 0.2
        return stats.norm.pdf((t - v) / h).mean() / h

    def by_quadrature(a, b):
        points = [0, 4.8, 5, 5.2]
        return integrate.quad(lambda t: math.sqrt(density(a, t) * density(b, t)), -12, 14, limit=400, points=points)[0]

    rng = np.random.default_rng(0)
    for a, b in ((rng.normal(size=12), rng.normal(1, 2, 300)), (rng.gamma(2, 1, 40), rng.normal(5, 0.1, 50))):
        assert overlap(a, b) == pytest.approx(by_quadrature(a, b), abs=2e-3)


def test_the_index_has_its_limits():
    a = np.random.default_rng(1).normal(size=50)
    assert overlap(a, a) == pytest.approx(1, abs=1e-3)
    assert overlap(a, a + 100) == pytest.approx(0, abs=1e-6)
    assert overlap(np.zeros(4), np.zeros(9)) == 1.0
    assert overlap(np.zeros(4), a) == 0.0


def test_pilots_drawn_by_lot_are_like_the_population_and_picked_ones_are_not():
    picked = POPULATION.nlargest(15, "rent")
    rest = POPULATION.drop(picked.index)
    low = index(picked[["size", "rent"]], rest[["size", "rent"]], draws=40)
    lot = POPULATION.sample(15, random_state=4)
    high = index(lot[["size", "rent"]], POPULATION.drop(lot.index)[["size", "rent"]], draws=40)
    assert low.index < 0.5
    assert low.band == "low"
    assert low.index < low.by_lot_low
    assert high.index > 0.7
    assert "drawn by lot" in high.in_words()


def test_the_index_needs_pilots_and_other_cities():
    found = expected(PILOTS.take([0, 1, 2]), draws=5).generalisability
    assert found.index is None
    assert "it needs 4 pilots" in found.why_not
    assert expected(population=None).generalisability is None


def test_peers_of_the_city_are_whom_the_index_is_about():
    found = expected(peers=20)
    assert found.generalisability.others == 20
    assert "20 cities most like this one" in found.generalisability.of


# ---- context that is missing -----------------------------------------------------------------------------


def test_a_pilot_without_context_counts_in_the_unweighted_answer_alone():
    table = PILOTS.context.copy()
    table.loc["c002", "rent"] = np.nan
    found = expected(replace(PILOTS, context=table), bandwidth=1.0)
    row = found.contributions.set_index("city").loc["c002"]
    assert row["weight_weighted"] == 0
    assert row["weight_unweighted"] > 0
    assert np.isnan(row["distance"])
    assert any("c002" in s for s in found.in_words())
    assert any("c002" in n for n in found.notes)
    gower = expected(replace(PILOTS, context=table), method="gower", bandwidth=0.3)
    assert gower.contributions.set_index("city").loc["c002", "weight_weighted"] > 0


def test_what_is_not_known_of_the_city_is_left_out_and_said():
    found = expected(city=OWN.to_dict() | {"rent": None})
    assert found.compared.columns == ("size", "region")
    assert "rent is not known of the city and is left out." in found.notes
    assert any("Not compared: rent" in s for s in found.in_words())


def test_nothing_known_gives_the_unweighted_answer_alone():
    for found in (
        expected(city={"size": pd.NA, "rent": float("nan"), "region": None}),
        expected(replace(PILOTS, context=None)),
    ):
        assert found.weighted is None
        assert found.why_not
        assert found.support.verdict == "inapplicable"
        assert not found.supported
        assert found.unweighted.predicted_low is not None
        assert found.in_words()
        json.dumps(found.check().row(), allow_nan=False)


def test_texts_in_place_of_numbers_are_refused():
    with pytest.raises(UsageError, match="of pilots it is a number, of the city it is 'high'"):
        expected(city=OWN.to_dict() | {"rent": "high"})
    with pytest.raises(UsageError, match=r"rent: of the city it is \[1, 2\]. Write a number or a text"):
        expected(city=OWN.to_dict() | {"rent": [1, 2]})
    with pytest.raises(UsageError, match="rent: of the city it is inf"):
        expected(city=OWN.to_dict() | {"rent": math.inf})
    with pytest.raises(UsageError, match="of the population a text"):
        expected(population=POPULATION.assign(rent="high"))


def test_a_logarithm_of_nothing_is_refused():
    with pytest.raises(DesignError, match=r"log: size is not positive in 1 city \(the city that asks has 0\)"):
        expected(city=OWN.to_dict() | {"size": 0.0})
    lower = POPULATION.assign(size=POPULATION["size"].where(POPULATION.index != "c100", -3.0))
    with pytest.raises(DesignError, match=r"log: size is not positive in 1 city \(c100 has -3\)"):
        expected(population=lower)
    with pytest.raises(UsageError, match="log"):
        expected(log=("sise",))


def test_a_city_that_is_no_mapping_is_refused():
    with pytest.raises(UsageError, match="city: it is a str"):
        expected(city="c060")


def test_a_pilot_that_asks_is_told_that_its_own_effect_is_in_the_answer():
    assert any("one of the pilots" in n for n in expected(city=POPULATION.loc["c001"]).notes)


# ---- few and strange pilots ------------------------------------------------------------------------------


def test_one_pilot_has_no_prediction_and_says_why():
    found = expected(PILOTS.take([0]))
    assert found.unweighted.predicted_low is None
    assert found.harm is None
    assert "One city does not tell" in found.in_words()[0]
    json.dumps(found.check().row(), allow_nan=False)


def test_two_pilots_are_answered():
    found = expected(PILOTS.take([0, 1]))
    assert found.contributions["unweighted_without"].notna().all()
    assert found.in_words()


def test_identical_effects_are_answered():
    same = replace(PILOTS, effects=np.full(10, -0.1))
    found = expected(same, bandwidth=1.0)
    assert found.weighted.mean == pytest.approx(-0.1)
    assert found.harm < 0.5


def test_errors_of_zero_are_refused_as_in_pooling():
    with pytest.raises(DataError, match="standard error"):
        expected(replace(PILOTS, covariance=PILOTS.covariance * 0))


def test_officials_are_told_what_how_sure_who_counts_and_whether_they_are_alike():
    said = " ".join(expected(target=-0.2, draws=20, name="Springfield").in_words())
    for part in (
        "Springfield may expect about",
        "with a probability of about 95 % what it gets lies between",
        "(prediction interval), if cities like these are alike",
        "does harm",
        "reaches the target",
        "count",
        "like the pilots",
        "Tipton",
    ):
        assert part in said
    assert "%" in said
    assert "log(claims)" not in said


def test_an_answer_is_quick():
    import time

    population = cities(2000)
    effects = pilots(population, k=200)
    expected(effects, population.iloc[900], population)
    start = time.perf_counter()
    expected(effects, population.iloc[900], population)
    assert time.perf_counter() - start < 1.0


def test_a_unit_that_is_asked_for_stands_in_all_sentences():
    effects = replace(PILOTS, unit="points")
    said = [s for s in expected(effects).in_words(unit="claims") if "points" in s]
    assert not said


def test_the_weighted_prediction_has_the_degrees_of_freedom_of_its_own_error():
    covariance = 0.02 * (0.5 * np.eye(10) + 0.5)
    few = replace(PILOTS, covariance=covariance, df=np.full(10, 3.0))
    found = expected(few, bandwidth=1.0)
    near, plain = found.weighted, found.unweighted
    assert near.df == plain.df == 3
    square = near.std_error**2
    assert near.prediction_df == pytest.approx(min(9, (square + plain.tau2) ** 2 / (square**2 / 3 + plain.tau2**2 / 9)))
