"""Who moves when a city leaves, or comes twice."""

import numpy as np
import pytest

from scale_impact.benchmark.scores import score
from scale_impact.benchmark.trying import reversal as reversals
from scale_impact.benchmark.trying.reversal import reversal
from tests.benchmark.trying.made import cities, drawn_values, ranks, scores

DATA_DRIVEN = ["minmax", "distance_to_best", "zscore", "percentile", "rank", "borda", "fraction_of_best"]


def slow(found, city, *, copy):
    """Moves of all others, each step done again by `score`; values that differ by rounding are equal."""
    options = {"normaliser": found.recipe.normaliser, "outliers": found.recipe.outliers, "missing": found.recipe.missing,
               "weights": found.recipe.weights, "aggregation": found.recipe.aggregation, "scale": list(found.recipe.scale or []) or None}  # fmt: skip
    n = len(found.index)
    values = found.cities.values
    rows = [*range(n), city] if copy else [k for k in range(n) if k != city]
    again = score(
        cities(
            values[rows],
            [c.dimension for c in found.cities.criteria],
            directions=[c.direction for c in found.cities.criteria],
        ),
        **options,
    )
    others = np.arange(n) if copy else np.array(rows)
    moves = np.zeros(n, dtype=int)
    moves[others] = ranks((again.index[:n] if copy else again.index).round(9)) - ranks(found.index[others].round(9))
    return moves


@pytest.mark.parametrize("normaliser", ["goalposts", "scaled"])
@pytest.mark.parametrize("aggregation", ["arithmetic", "geometric"])
def test_on_fixed_goalposts_nobody_moves(normaliser, aggregation):
    found = reversal(scores(drawn_values(30, 4), normaliser=normaliser, aggregation=aggregation), leavers=99, seed=1)
    assert found.largest == found.largest_copied == 0
    assert found.complete


def test_the_best_value_that_leaves_turns_two_others_round():
    # out of 100, x0 of A counts 60 against B's 50; out of 60, once the 100 has left, 100 against 83, so that A overtakes B
    values = [[60, 45], [50, 56], [100, 0], [0, 100], [0, 0]]
    found = reversal(scores(values, normaliser="minmax"), leavers=99, seed=1)
    before = ranks(np.mean(values, axis=1))
    assert before[:2].tolist() == [2, 1]
    assert found.left[2].tolist()[:2] == [-1, 1]
    assert found.largest_copied == 0


@pytest.mark.parametrize("normaliser", DATA_DRIVEN)
def test_the_short_way_is_what_scoring_again_gives(normaliser):
    values = drawn_values(12, 4, seed=3)
    directions = ["+", "+", "-", "+"]
    made = scores(values, ["a", "a", "b", "b"], normaliser=normaliser, directions=directions)
    assert reversals._short_way(made, np.arange(12)) is not None
    found = reversal(made, leavers=99, seed=1)
    for city in range(12):
        assert (found.left[city] == slow(made, city, copy=False)).all()
        assert (found.copied[city] == slow(made, city, copy=True)).all()


@pytest.mark.parametrize(
    "options", [{"outliers": "percentiles"}, {"weights": "pca"}, {"aggregation": "copeland"}, {"missing": "mean"}]
)
def test_other_steps_that_the_cities_make_are_done_again(options):
    rng = np.random.default_rng(8)
    values = rng.normal(50, 10, (14, 1)) + rng.normal(0, 6, (14, 4))
    if "missing" in options:
        values[3, 1] = values[9, 2] = np.nan
    made = scores(values, ["a", "a", "b", "b"], normaliser="minmax", **options)
    found = reversal(made, leavers=99, seed=1)
    for city in (0, 5, 13):
        assert (found.left[city] == slow(made, city, copy=False)).all()
        assert (found.copied[city] == slow(made, city, copy=True)).all()


def test_drawn_imputations_stay_so_that_on_goalposts_nobody_moves():
    values = drawn_values(20, 4, seed=2)
    values[[1, 4, 7], [0, 1, 2]] = np.nan
    found = reversal(scores(values, missing="impute", imputations=20), leavers=99, seed=1)
    assert found.largest == found.largest_copied == 0


def test_an_indicator_that_becomes_flat_is_said_and_not_guessed():
    values = np.column_stack([[10, 20, 30, 40.0], [5, 5, 5, 9.0]])
    found = reversal(scores(values, normaliser="minmax"), leavers=99, seed=1)
    assert list(found.unanswered) == ["c03"]
    assert "x1" in found.unanswered["c03"]


def test_of_many_cities_some_are_drawn_the_same_for_a_seed():
    made = scores(drawn_values(40, 3), normaliser="zscore")
    few = reversal(made, leavers=10, seed=4)
    assert len(few.who) == 10
    assert not few.complete
    assert (few.who == reversal(made, leavers=10, seed=4).who).all()
    every = reversal(made, leavers=40, seed=4)
    assert (few.left == every.left[few.who]).all()


@pytest.mark.parametrize("case", ["uniform_zscore", "uniform_minmax", "skewed_zscore", "skewed_minmax"])
def test_copies_move_whom_they_move_in_scikit_criteria(case):
    from tests.panels import reference

    told = reference("scikit_criteria_clones", case)
    made = scores(told["matrix"], normaliser=case.split("_")[1])
    assert made.ranks.tolist() == told["ranks"]
    found = reversal(made, leavers=99, seed=1)
    for label, moves in told["moves"].items():  # it copies all but the best
        assert found.copied[made.cities.labels.index(label)].tolist() == moves
