"""Few cities, empty context, seeds below 0 and scores of nothing: answers, or words of what to do."""

import numpy as np
import pandas as pd
import pytest

from scale_impact.benchmark.adjusting.design import make_design
from scale_impact.benchmark.adjusting.matched import nearest_cities
from scale_impact.benchmark.adjustment import adjust
from scale_impact.benchmark.change import compare
from scale_impact.benchmark.cities import Cities, Context, ContextColumn, Criterion
from scale_impact.benchmark.enveloping.programmes import Limits, solve
from scale_impact.benchmark.frontier import envelop
from scale_impact.benchmark.peers import find_peers, stability
from scale_impact.benchmark.rank_bands import bands
from scale_impact.benchmark.robustness import examine
from scale_impact.benchmark.scores import score
from scale_impact.core.keys import wrong_options
from scale_impact.errors import DataError, DesignError, UsageError

CRITERIA = (
    Criterion("a", "A", "points", "one", "+", worst=0, best=100),
    Criterion("b", "B", "points", "two", "+", worst=0, best=100),
)


def context(n, **columns):
    rng = np.random.default_rng(n)
    frame = pd.DataFrame({"size": rng.lognormal(size=n), "dens": rng.normal(size=n), **columns})
    kinds = ["number" if frame[c].dtype == float else "group" for c in frame]
    return Context(
        tuple(f"c{k:02d}" for k in range(n)),
        tuple(ContextColumn(c, kind=k) for c, k in zip(frame, kinds, strict=True)),
        frame,
    )


def cities(n=12):
    rng = np.random.default_rng(n)
    frame = pd.DataFrame(
        {"city": [f"c{k:02d}" for k in range(n)], "a": rng.uniform(1, 99, n), "b": rng.uniform(1, 99, n)}
    )
    return Cities.from_frame(frame, city="city", criteria=CRITERIA)


def said(error, of):
    with pytest.raises(error) as caught:
        of()
    return list(caught.value.problems)


# ---- seeds ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("scores", "score"), ("peers", "find_peers"), ("adjustment", "adjust"), ("frontier", "envelop"), ("rank_bands", "bands"),
        ("robustness", "examine"),
    ],
)  # fmt: skip
def test_a_seed_below_zero_is_refused_in_a_study(name, function):
    assert wrong_options("benchmark", name, function, {"seed": -1}) == [
        f"{name}: seed is -1: it should be greater than or equal to 0."
    ]
    assert wrong_options("benchmark", name, function, {"seed": 0}) == []


def test_a_seed_below_zero_is_refused_in_a_call():
    place, found = context(12), score(cities())
    peers = find_peers(place)
    calls = [
        lambda: score(cities(), seed=-1),
        lambda: find_peers(place, seed=-1),
        lambda: stability(peers, seed=-1),
        lambda: adjust(place, found.index, seed=-1),
        lambda: envelop(found.dimension_scores, place, list(found.dimensions), seed=-1),
        lambda: bands(place.labels, found.index, np.ones(12), seed=-1),
        lambda: examine(found, seed=-1),
    ]
    for call in calls:
        assert "seed is -1" in said(UsageError, call)[0]


def test_intervals_of_one_bootstrap_sample_are_refused():
    found = score(cities())
    assert "resamples is 1: it should be greater than or equal to 2" in said(
        UsageError, lambda: examine(found, resamples=1)
    )[0]  # fmt: skip


# ---- few cities ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "sought"), [(3, 2), (9, 8), (10, 9), (11, 10), (30, 10)])
def test_ten_peers_are_sought_or_all_others(n, sought):
    found = find_peers(context(n), caliper=np.inf)
    assert found.recipe.number == sought
    assert {len(p) for p in found.indices} == {sought}


def test_more_peers_than_others_are_refused_where_they_were_asked_for():
    assert said(UsageError, lambda: find_peers(context(8), number=8)) == [
        "number: 8 peers were asked for, and there are 7 other cities. Ask for fewer."
    ]
    outcome = np.random.default_rng(1).normal(size=11)
    assert "number: 11 peers were asked for, and there are 10 other cities" in said(
        UsageError, lambda: adjust(context(11), outcome, method="peers", number=11)
    )[0]  # fmt: skip


@pytest.mark.parametrize("n", [10, 11, 12])
def test_ten_cities_are_enough_to_look_for_ten_peers(n):
    found, why_not = nearest_cities(context(n), [], 10)
    assert len(found) == n
    assert any(len(p) for p in found)
    assert all("asked for" not in why for why in why_not.values())


def test_too_few_cities_without_gaps_are_not_told_of_gaps():
    outcome = np.random.default_rng(0).normal(size=9)
    assert said(DesignError, lambda: adjust(context(9), outcome)) == [
        "9 cities have an outcome and all of the context, of 9; 10 are needed. Take more cities."
    ]
    outcome[:2] = np.nan
    assert said(DesignError, lambda: adjust(context(9), outcome)) == [
        "7 cities have an outcome and all of the context, of 9 (the outcome is not known of 2 cities); 10 are needed. Take more cities."
    ]


# ---- empty context ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("column", ["dens", "region"])
def test_the_empty_column_is_named_where_nothing_can_be_expected(column):
    empty = np.full(40, np.nan) if column == "dens" else np.full(40, None)
    place, outcome = context(40, **{column: empty}), np.random.default_rng(0).normal(size=40)
    assert said(DesignError, lambda: adjust(place, outcome)) == [
        f"0 cities have an outcome and all of the context, of 40 ({column} is not known of any city); 10 are needed. "
        "Leave out context with gaps, or take more cities."
    ]


def test_the_empty_group_is_named_where_no_peer_can_be():
    place = context(12, region=np.full(12, None))
    assert "(region" not in said(DesignError, lambda: find_peers(place, same=["region"]))[0]
    assert "needs: region is not known of any city. Leave out" in said(
        DesignError, lambda: find_peers(place, same=["region"])
    )[0]  # fmt: skip
    gower = said(DesignError, lambda: find_peers(place, same=["region"], method="gower"))[0]
    assert "or use gower" not in gower


def test_context_that_varies_by_rounding_alone_tells_no_city_from_another():
    flat = np.where(np.arange(40) % 2, 0.3, 0.1 + 0.2)
    place = context(40, flat=flat)
    assert any(n.startswith("flat is the same in all cities") for n in find_peers(place).notes)
    assert make_design(place, []).variables == ("size", "dens")


# ---- nothing reached, nothing given ------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["benefit_of_the_doubt", "order_m", "conditional_order_m"])
def test_cities_that_all_have_nothing_have_the_index_zero(method):
    found = envelop(np.zeros((12, 2)), context(12), ["one", "two"], method=method, draws=50)
    assert (found.index == 0).all()
    assert not (found.low > 0).any()


def test_no_programme_has_no_solution():
    found = solve(np.empty((0, 3)), np.ones((5, 3)), Limits.none(3))
    assert [v.shape for v in (found.index, found.weights, found.members, found.prices)] == [
        (0,),
        (0, 3),
        (0, 3),
        (0, 3),
    ]


def test_what_is_no_scores_by_period_is_refused():
    found = score(cities())
    assert "scores: it is a list" in said(UsageError, lambda: compare([found, found]))[0]
    assert said(DesignError, lambda: compare({1: found, 2: 3})) == [
        "2: int is given, and no scores. Give what score(cities) returns."
    ]


def test_outcomes_that_are_no_numbers_or_cannot_be_squared_are_refused():
    place, outcome = context(12), np.random.default_rng(0).normal(size=12)
    assert "the outcome: not all of it are numbers" in said(DataError, lambda: adjust(place, list("abcdefghijkl")))[0]
    for factor in (1e200, 1e-200):
        assert "Give it in another unit" in said(DataError, lambda f=factor: adjust(place, outcome * f))[0]
