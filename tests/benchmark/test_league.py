"""The league table: its order, who cannot be told from whom, tiers, and what is printed."""

from __future__ import annotations

import numpy as np
import pytest

from scale_impact.benchmark.league import excerpt, standings
from scale_impact.benchmark.rank_bands import bands
from scale_impact.errors import UsageError


def cities(values, std_errors=None, names="abcdefghijklmnopqrstuvwxyz", **options):
    return bands(list(names[: len(values)]), np.array(values, float), std_errors, **options)


def test_rows_go_by_the_middle_of_the_simultaneous_band_not_by_the_point():
    # the second best point is hardly known: its band holds all ranks, so it stands in the middle
    found = cities([10, 9, 8, 6, 4, 2], [0.1, 50, 0.1, 0.1, 0.1, 0.1])
    assert (found.low_all[1], found.high_all[1]) == (1, 6)
    frame = standings(found).frame
    assert list(frame["city"]) == ["a", "c", "b", "d", "e", "f"] or list(frame["city"]) == [
        "a",
        "c",
        "d",
        "b",
        "e",
        "f",
    ]
    middles = frame["low_all"] + frame["high_all"]
    assert middles.is_monotonic_increasing


def test_of_cities_with_one_middle_the_narrower_band_stands_first_then_the_better_rank_then_the_name():
    assert list(standings(cities([1, 3, 2], [9, 9, 9])).frame["city"]) == ["b", "c", "a"]
    assert list(standings(cities([1, 2, 2], names="zyx")).frame["city"]) == ["x", "y", "z"]
    # five cities, the one in the middle known exactly among its like
    frame = standings(cities([9, 5, 5.1, 1], [0.1, 0.1, 20, 0.1])).frame
    assert frame["city"].tolist().index("b") != frame["city"].tolist().index("c")


def test_who_cannot_be_told_apart_is_said_by_ranks():
    frame = standings(cities([10, 9.9, 9.8, 5, 1], [0.3] * 5)).frame.set_index("city")
    assert frame["not_told_from"].tolist() == [
        "ranks 2 to 3",
        "ranks 1 to 3",
        "ranks 1 to 2",
        *["nobody: told from all others"] * 2,
    ]
    assert frame["alike"].tolist() == [2, 2, 2, 0, 0]
    assert frame["told_from_next"].tolist()[:4] == [False, False, True, True]
    assert frame["told_from_next"].isna().tolist()[4]


def test_ranks_between_that_can_be_told_are_not_claimed():
    # b is known well and told from both neighbours; a and c are not told from each other
    found = cities([10, 9.0, 8], [1.2, 0.0, 1.2])
    assert not found.apart("a", "c")
    frame = standings(cities([10, 9.0, 8.0, 7.9], [3.0, 0.01, 0.01, 3.0])).frame.set_index("city")
    assert frame.loc["a", "not_told_from"] == "ranks 2 to 4"
    assert frame.loc["b", "not_told_from"] == "2 of the 3 cities at ranks 1 to 4"


def test_a_tier_ends_where_every_city_above_is_told_from_every_city_below():
    frame = standings(cities([10, 9.9, 5, 4.9, 1], [0.1] * 5)).frame
    assert frame["tier"].tolist() == [1, 1, 2, 2, 3]
    assert standings(cities([1, 2, 3], [9] * 3)).frame["tier"].tolist() == [1, 1, 1]
    assert standings(cities([3, 2, 1])).frame["tier"].tolist() == [1, 2, 3]


@pytest.mark.parametrize("seed", range(20))
def test_tiers_are_those_of_the_definition(seed):
    rng = np.random.default_rng(seed)
    found = cities(rng.normal(0, 6, 12), rng.uniform(0.1, 1.5, 12), resamples=199)
    frame = standings(found).frame
    order = [found.labels.index(c) for c in frame["city"]]
    cuts = [k for k in range(1, 12) if found.beats[np.ix_(order[:k], order[k:])].all()]
    assert frame["tier"].tolist() == [1 + sum(c <= k for c in cuts) for k in range(12)]


def test_cities_without_a_rank_stand_at_the_end_with_the_reason():
    table = standings(cities([np.nan, 2, 1, np.nan], [1, 0.1, 0.1, 1]))
    assert table.frame["city"].tolist() == ["b", "c", "a", "d"]
    assert table.frame["reason"].tolist()[:2] == ["", ""]
    assert "no value" in table.frame["reason"][3]
    assert table.frame["rank"].isna().tolist() == [False, False, True, True]
    last = next(line for line in table.markdown().splitlines() if line.startswith("| d"))
    assert "none" in last
    assert "It has no value" in last


def test_the_printed_table_has_bands_and_says_how_to_read_them():
    text = standings(cities([10, 9.9, 1], [0.3] * 3)).markdown()
    lines = text.splitlines()
    assert [c.strip() for c in lines[0].split("|")[1:-1]] == [
        "city",
        "rank, all at once",
        "by itself",
        "rank",
        "value",
        "cannot be told from",
    ]
    assert [c.strip() for c in lines[2].split("|")[1:-1]] == ["a", "1 to 2", "1 to 2", "1", "10", "rank 2"]
    assert "=====" in lines[4]
    assert [c.strip() for c in lines[5].split("|")[1:-1]] == ["c", "3", "3", "3", "1", "nobody: told from all others"]
    assert len({len(line) for line in lines[:6]}) == 1
    assert "together with 95 %" in text
    assert "each city above it is told from each city below it" in text
    assert "does not hold the choice of indicators" in text


def test_a_name_cannot_break_the_table():
    line = standings(bands(["a|b\nc", "d"], [2.0, 1.0])).markdown().splitlines()[2]
    assert line.startswith("| a\\|b c |")


def test_of_many_cities_the_best_the_worst_and_those_around_one_are_printed():
    found = bands([f"city {k:02d}" for k in range(30)], -np.arange(30.0))
    lines = standings(found).markdown(most=9, around="city 15").splitlines()
    names = [line.split("|")[1].strip() for line in lines if line.startswith("| c")]
    assert names[1:] == [f"city {k:02d}" for k in (0, 1, 2, 14, 15, 16, 27, 28, 29)]
    assert any("... 11 cities ..." in line for line in lines)
    with pytest.raises(UsageError, match="no city 'city 99'"):
        standings(found).markdown(around="city 99")


def test_an_excerpt_has_both_ends_and_fills_a_gap_of_one():
    assert excerpt(5, None, None) == excerpt(5, 5, None) == [0, 1, 2, 3, 4]
    assert excerpt(10, 4, None) == [0, 1, 8, 9]
    assert excerpt(20, 6, 10) == [0, 1, 10, 9, 18, 19] or excerpt(20, 6, 10) == [0, 1, 9, 10, 18, 19]
    assert excerpt(20, 6, 0) == [0, 1, 2, 3, 18, 19]
    assert excerpt(6, 5, None) == [0, 1, 2, 3, 4, 5]
    for at in range(40):
        assert at in excerpt(40, 9, at)
    with pytest.raises(UsageError, match="at least 3"):
        excerpt(5, 2, None)
