"""How much the choices decide: rank acceptability, shares of the choices, verdicts, and what is refused."""

import numpy as np
import pandas as pd
import pytest

from scale_impact.benchmark.cities import Cities, Criterion
from scale_impact.benchmark.robustness import examine
from scale_impact.benchmark.scores import score
from scale_impact.benchmark.trying.values import as_scored, completed
from scale_impact.errors import DesignError, UsageError
from tests.benchmark.trying.made import drawn_values, ranks, scores
from tests.panels import shared

WEIGHTS_ONLY = {"choices": [], "leavers": 0}


# ---- rank acceptability --------------------------------------------------------------------------------------


def test_two_dimensions_have_shares_in_closed_form():
    # A is ahead of B where 20 + 60 w > 50, so w > 1/2; C is ahead of B where 60 - 50 w > 50, so w < 1/5
    values = np.array([[80, 20], [50, 50], [10, 60]])
    found = examine(scores(values), draws=40_000, **WEIGHTS_ONLY)
    grid = (np.arange(200_000) + 0.5) / 200_000
    index = grid[:, None] * values[:, 0] + (1 - grid[:, None]) * values[:, 1]
    exact = np.array([[np.mean((index > index[:, [k]]).sum(axis=1) == r) for r in range(3)] for k in range(3)])
    # four standard errors of a share from 40,000 draws
    assert np.abs(found.acceptability.shares() - exact).max() < 4 * 0.5 / 200
    assert np.allclose(exact[:, 0], [0.5, 0.3, 0.2], atol=1e-4)
    assert np.allclose(found.expected, exact @ [1, 2, 3], atol=0.02)
    # the middle of the weights that make A, B and C first
    assert np.allclose(found.acceptability.central[:, 0], [0.75, 0.35, 0.1], atol=0.005)
    assert found.confidence.tolist() == [1, 1, 1]


@pytest.mark.parametrize("aggregation", ["arithmetic", "geometric", "harmonic"])
@pytest.mark.parametrize("of", ["dimensions", "indicators", "both"])
def test_counts_bands_and_wins_are_those_of_a_loop_over_the_drawn_weights(aggregation, of):
    made = scores(drawn_values(9, 5), ["a", "a", "b", "b", "b"], aggregation=aggregation)
    found = examine(made, draws=300, of=of, **WEIGHTS_ONLY)
    drawn = found.drawn
    slow = np.array([ranks(index.round(10)) for index in made.again(drawn.indicators, drawn.dimensions)])
    assert (found.acceptability.counts == [[(slow[:, i] == r).sum() for r in range(1, 10)] for i in range(9)]).all()
    assert np.allclose(found.expected, slow.mean(axis=0))
    # so many draws in each tail of a 90 % band: 15 of 300
    low, high = np.sort(slow, axis=0)[14], np.sort(slow, axis=0)[284]
    assert (found.low == low).all()
    assert (found.high == high).all()
    wins = found.wins(["c02", "c07"])
    assert wins.loc["c02", "c07"] == pytest.approx((slow[:, 2] < slow[:, 7]).mean())
    assert wins.to_numpy().trace() == 1.0


def test_each_rank_is_somebodys_and_each_city_has_one():
    shares = examine(scores(drawn_values(20, 4)), draws=500, **WEIGHTS_ONLY).acceptability.shares()
    assert np.allclose(shares.sum(axis=0), 1)
    assert np.allclose(shares.sum(axis=1), 1)


def test_a_city_better_in_all_is_first_under_all_weights_and_twins_share_ranks():
    values = drawn_values(8, 3)
    values[0], values[5] = 99, values[4]
    found = examine(scores(values), draws=2_000, **WEIGHTS_ONLY)
    assert found.low[0] == found.high[0] == found.expected[0] == 1
    assert (found.acceptability.counts[4] == found.acceptability.counts[5]).all()
    assert np.isnan(found.confidence[1:]).all()


def test_the_order_of_cities_does_not_matter():
    values, order = drawn_values(30, 4), np.random.default_rng(1).permutation(30)
    options = {"draws": 1_000, "choices": ["weights", "normaliser"], "design": 64, "leavers": 12}
    first = examine(scores(values, normaliser="zscore"), **options)
    frame = (
        pd.DataFrame(values, columns=[f"x{k}" for k in range(4)]).assign(city=first.scores.cities.labels).iloc[order]
    )
    shuffled = Cities.from_frame(frame, city="city", criteria=first.scores.cities.criteria)
    second = examine(score(shuffled, normaliser="zscore"), **options)
    assert second.sentences() == first.sentences()
    assert second.sentences("c07") == first.sentences("c07")
    assert (second.acceptability.counts == first.acceptability.counts[order]).all()
    assert (second.low == first.low[order]).all()
    assert np.allclose(second.shares.total, first.shares.total[:, order])


def test_near_weights_bounds_and_an_order_narrow_what_is_drawn():
    made = scores(drawn_values(40, 4))
    free, near, bound, ordered = (
        examine(made, draws=1_000, **WEIGHTS_ONLY, **o)
        for o in ({}, {"weights": "near", "spread": 0.2}, {"bounds": {"d0": [0.4, 0.6]}}, {"order": ["d2", "d0"]})
    )
    assert (np.abs(near.drawn.dimensions / 0.25 - 1) <= 0.2 + 1e-9).all()
    assert np.nanmedian(near.high - near.low) < np.nanmedian(free.high - free.low)
    assert ((bound.drawn.dimensions[:, 0] >= 0.4) & (bound.drawn.dimensions[:, 0] <= 0.6)).all()
    assert (ordered.drawn.dimensions[:, 2] >= ordered.drawn.dimensions[:, 0]).all()
    assert "within 20 % of those given" in near.sentences()[0]
    assert "d0 from 0.4 to 0.6" in bound.sentences()[0]
    assert "d2, then d0" in ordered.sentences()[0]


def test_errors_of_the_values_join_the_weights():
    # two cities 5 apart with errors of 6 each on one dimension of weight w: the better wins with probability Phi(5 / (w 6 sqrt 2)), over w
    from scipy.stats import norm

    values, errors = [[55, 50], [50, 50], [10, 10]], [[6, 0], [6, 0], [0, 0]]
    made = scores(values, errors=errors, normaliser="scaled", draws=100)
    found = examine(made, draws=5_000, joint=True, bounds={"d0": [0.2, 0.8]}, **WEIGHTS_ONLY)
    expected = norm.cdf(5 / (6 * np.sqrt(2)))
    # the weight scales difference and error alike; 500 draws of the values: four standard errors
    assert found.wins(["c00", "c01"]).iloc[0, 1] == pytest.approx(
        expected, abs=4 * np.sqrt(expected * (1 - expected) / 500)
    )
    assert found.confidence[0] == pytest.approx(expected, abs=0.08)
    assert "with the values' own errors" in found.weighting
    without = examine(made, draws=1_000, bounds={"d0": [0.2, 0.8]}, **WEIGHTS_ONLY)
    assert without.wins(["c00", "c01"]).iloc[0, 1] == 1


def test_a_city_without_a_score_has_no_rank_and_a_reason():
    values = drawn_values(10, 4)
    values[3, :3] = np.nan
    found = examine(scores(values), draws=200, design=32, choices=["weights", "normaliser"])
    row = found.table().set_index("city").loc["c03"]
    assert np.isnan(found.expected[3])
    assert pd.isna(row["rank"])
    assert "Too little is known" in row["reason"]
    assert len(found.labels) == len(found.acceptability.counts) == 9
    with pytest.raises(UsageError, match=r"c03 has no rank\. Too little is known"):
        found.sentences("c03")
    with pytest.raises(UsageError, match="Did you mean"):
        found.sentences("c3")


# ---- shares of the choices --------------------------------------------------------------------------------------


def test_ranks_over_combinations_are_those_of_scoring_each():
    values = drawn_values(12, 4)
    values[2, 1] = np.nan
    made = scores(values, ["a", "a", "b", "b"], missing="mean")
    found = examine(made, draws=150, leavers=0, design=32, alternatives={"missing": ["median", "available"]})
    shares = found.shares
    assert shares.choices == ("weights", "normaliser", "missing", "outliers", "aggregation")
    assert shares.options["missing"] == ("mean", "median", "available")
    from scale_impact.benchmark.trying.sobol import design, pieces

    plan = design(shares.choices, 32, 20251122)
    reference, shift = ranks(made.index.round(9)), []
    for row in plan:
        picked = {
            c: o[int(pieces(row[[k]], len(o))[0])]
            for k, c in enumerate(shares.choices)
            if c != "weights"
            for o in [shares.options[c]]
        }
        beyond = "clip" if picked["outliers"] != "none" else "refuse"
        again = score(made.cities, **picked, scale=[1.0, 100.0], beyond=beyond, draws=0)
        weights = found.drawn.dimensions[pieces(row[[0]], 150)]
        shift.append(np.abs(ranks(again.again(None, weights)[0].round(9)) - reference).mean())
    assert shares.shift == pytest.approx(np.mean(shift))


@pytest.mark.parametrize("missing", ["impute", "median"])
@pytest.mark.parametrize("outliers", ["none", "percentiles"])
def test_gaps_are_filled_as_they_were_for_the_scores(missing, outliers):
    values = drawn_values(15, 4)
    values[[1, 6, 9], [0, 2, 3]] = np.nan
    made = scores(values, ["a", "a", "b", "b"], missing=missing, outliers=outliers)
    rows = np.arange(15)
    again = completed(made.cities, made.recipe).values
    assert np.allclose(as_scored(made, rows).values, again)
    assert np.array_equal(again[~np.isnan(values)], values[~np.isnan(values)])


def test_a_choice_that_decides_all_has_all_of_the_share():
    found = examine(scores(drawn_values(25, 3)), draws=500, leavers=0, choices=["weights"], design=256).shares
    assert found.overall.first[0] == pytest.approx(1, abs=0.1)
    assert found.overall.total[0] == pytest.approx(1, abs=0.1)


def test_cities_alike_in_all_dimensions_leave_nothing_to_share_out():
    line = np.linspace(10, 90, 9)
    found = examine(scores(np.column_stack([line, line, line])), draws=100, design=32)
    assert found.shares.overall is None
    assert found.shares.shift == 0
    verdicts = {c.check: c.verdict for c in found.checks()}
    assert verdicts == {"weight_robustness": "pass", "choice_shares": "pass", "rank_reversal": "pass"}
    assert "nothing to share out" in " ".join(found.sentences())


def test_usual_alternatives_that_do_not_combine_are_left_out_with_the_reason():
    found = examine(scores(drawn_values(12, 4)), draws=100, leavers=0, design=16)
    assert any("zscore is not tried" in n and "geometric" in n for n in found.notes)
    assert "zscore" not in found.shares.options["normaliser"]
    assert any(n.startswith("missing: no value is missing") for n in found.notes)


def test_alternatives_that_a_study_asks_for_are_refused_where_they_do_not_combine():
    with pytest.raises(DesignError, match="zscore"):
        examine(scores(drawn_values(12, 4)), leavers=0, choices=["normaliser", "aggregation"],
                alternatives={"normaliser": ["zscore"], "aggregation": ["geometric"]})  # fmt: skip


# ---- real cities -------------------------------------------------------------------------------------------------


def chile():
    """Chile's municipalities in 2019 that have all of four indicators."""
    d = pd.read_csv(shared("data/chile_egov_benchmark/local_gov_indicators_2019.csv"))
    d["net"] = d["internet_con"] / d["itpc"]
    d = d.dropna(subset=["egi", "net", "iadm25", "iadm33"])
    criteria = [Criterion(c, c, "", c, "+") for c in ("egi", "net", "iadm25", "iadm33")]
    return Cities.from_frame(d, city="commune", criteria=criteria)


def test_of_290_municipalities_one_moves_others_by_dozens_of_ranks_and_bands_are_half_the_table_wide():
    found = examine(score(chile(), normaliser="minmax"), choices=[], draws=4_000)
    n = len(found.labels)
    assert 270 <= n <= 300
    assert 20 <= found.reversal.largest <= 60
    assert 0.4 * n <= np.median(found.high - found.low) <= 0.6 * n
    assert {c.check: c.verdict for c in found.checks()} == {
        "weight_robustness": "fail", "choice_shares": "inapplicable", "rank_reversal": "fail",
    }  # fmt: skip


def test_sentences_name_the_band_the_rank_and_who_moves_whom():
    found = examine(score(chile(), normaliser="minmax"), draws=2_000, design=64)
    text = " ".join(found.sentences("Santiago"))
    k = found.scores.cities.labels.index("Santiago")
    assert (
        f"Santiago ranks between {int(found.low[k])} and {int(found.high[k])} of {len(found.labels)} in 90 % of cases"
        in text
    )
    assert f"its rank by the given weights is {int(found.rank[k])}" in text
    row, moved = np.unravel_index(np.abs(found.reversal.left).argmax(), found.reversal.left.shape)
    leaver = found.scores.cities.labels[found.reversal.who[row]]
    assert (
        f"When {leaver} leaves, {found.scores.cities.labels[moved]} moves by {found.reversal.largest} ranks"
        in " ".join(found.sentences())
    )
    assert found.notes == examine(score(chile(), normaliser="minmax"), draws=2_000, design=64).notes


# ---- what is refused ---------------------------------------------------------------------------------------------


def test_one_dimension_has_no_weight_to_draw():
    made = scores(drawn_values(6, 3), ["all"] * 3)
    with pytest.raises(DesignError, match=r"one dimension \(all\).*of: indicators"):
        examine(made)
    assert examine(made, of="indicators", draws=100, **WEIGHTS_ONLY).drawn.indicators.shape == (100, 3)
    with pytest.raises(DesignError, match="Each dimension has one indicator"):
        examine(scores(drawn_values(6, 3)), of="indicators")


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"draws": 50, "design": 100}, UsageError, "2 problems"),
        ({"draws": 50}, UsageError, "draws is 50"),
        ({"design": 100}, UsageError, "power of 2, such as 128"),
        ({"leavers": -1}, UsageError, "leavers is -1"),
        ({"joint": True}, UsageError, "nothing varies"),
        ({"bounds": {"d9": [0, 1]}}, UsageError, "bounds: 'd9' is none of the dimensions"),
        ({"bounds": {"d0": [0.1]}}, UsageError, "give two numbers"),
        ({"order": ["d0"]}, UsageError, "d0 alone is no order"),
        ({"order": ["d0", "d1", "d0"]}, UsageError, "d0 stands here twice"),
        ({"order": ["x0", "x2"], "of": "indicators"}, UsageError, "do not share one sum"),
        ({"bounds": {"d0": [0.7, 1], "d1": [0.6, 1]}}, DesignError, "the least weights sum to 1.3"),
        ({"choices": ["weight"]}, UsageError, "Did you mean 'weights'"),
        ({"alternatives": {"normaliser": ["minimax"]}}, UsageError, "Did you mean 'minmax'"),
        ({"alternatives": {"missing": ["mean"]}, "choices": ["weights"]}, UsageError, "not among the choices"),
        ({"alternatives": {"weights": ["pca"]}}, UsageError, "weights are drawn, not picked"),
        ({"choices": ["missing"]}, DesignError, "nothing to choose between"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_what_to_do(options, error, words):
    made = scores(drawn_values(8, 4), ["d0", "d0", "d1", "d1"])
    with pytest.raises(error, match=words):
        examine(made, **options)


def test_weights_that_leave_nothing_known_of_a_city_are_refused():
    values = drawn_values(8, 3)
    values[2, 0] = np.nan
    made = scores(values, missing="available", coverage=0.5, coverage_in_dimension=0.0)
    assert examine(made, draws=100, **WEIGHTS_ONLY).acceptability.draws == 100
    with pytest.raises(DesignError, match="c02: some of the drawn weights are all on what is not known"):
        examine(made, draws=100, bounds={"d0": [1, 1]}, **WEIGHTS_ONLY)
