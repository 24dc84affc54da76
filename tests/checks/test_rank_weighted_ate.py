"""Whether the ranking of who benefits holds out of sample."""

import json
from dataclasses import replace

from tests.causal import asked, simulated


def test_a_ranking_that_holds_passes():
    found = asked("rank_weighted_ate", simulated(1, slope=0.8))
    assert found.verdict == "pass"
    assert found.statistic == found.details["areas"]["AUTOC"]["value"]
    assert len(found.details["curve"]) == 20
    json.dumps(found.details, allow_nan=False)


def test_the_other_area_can_be_asked_for():
    found = asked("rank_weighted_ate", simulated(1, slope=0.8), target="QINI")
    assert found.statistic == found.details["areas"]["QINI"]["value"]
    assert "QINI" in found.reason


def test_a_ranking_that_does_not_hold_says_what_would_have_been_noticed():
    found = asked("rank_weighted_ate", simulated(4))
    assert found.verdict == "inconclusive"
    assert "cannot be told from treating at random" in found.reason


def test_an_area_below_zero_is_no_finding():
    worst = min((asked("rank_weighted_ate", simulated(s, n=100)) for s in range(10)), key=lambda c: c.statistic)
    assert worst.statistic < 0
    assert worst.verdict == "inconclusive"


def test_where_less_is_better_those_with_the_lowest_effects_come_first():
    made = simulated(2, slope=0.8)
    turned = replace(made, scores=-made.scores, cate=-made.cate)
    found = asked("rank_weighted_ate", turned, better="less")
    assert found.statistic == asked("rank_weighted_ate", made).statistic
    assert "AUTOC of gains, which are falls," in found.reason
    assert found.reason.endswith("below the mean.")


def test_where_nobody_says_what_is_better_more_is_and_that_is_said():
    found = asked("rank_weighted_ate", simulated(1, slope=0.8))
    assert "above the mean. More of the outcome is taken to be better" in found.reason
