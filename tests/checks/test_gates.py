"""Effects by groups of predicted effect, and who they are."""

import json

from tests.causal import asked, simulated


def test_groups_that_differ_pass_and_say_who_they_are():
    found = asked("gates", simulated(1, slope=0.8))
    assert found.verdict == "pass"
    assert "Highest against lowest: x1" in found.reason
    assert [r["group"] for r in found.details["rows"]] == [1, 2, 3, 4, 5]
    assert sum(r["n"] for r in found.details["rows"]) == 600
    json.dumps(found.details, allow_nan=False)


def test_groups_that_do_not_differ_say_what_would_have_been_noticed():
    found = asked("gates", simulated(4))
    assert found.verdict == "inconclusive"
    assert "no difference was found" in found.reason
    assert "would have been noticed with power 80%" in found.reason
    assert "Highest against" not in found.reason  # who they are means nothing where they do not differ


def test_the_statistic_is_the_difference_between_the_ends():
    found = asked("gates", simulated(2, slope=0.8), groups=3)
    rows = found.details["rows"]
    assert found.statistic == rows[-1]["effect"] - rows[0]["effect"]
    assert sorted(r["effect"] for r in rows) == [r["rearranged"] for r in rows]


def test_who_gains_most_follows_from_what_is_better():
    made = simulated(1, slope=0.8)
    more, less = (asked("gates", made, better=way) for way in ("more", "less"))
    assert more.statistic == less.statistic
    assert "the highest predicted effects (who should gain most)" in more.reason
    assert "the highest predicted effects (who should gain least)" in less.reason
    least, most = (more.details["contexts"][0][end] for end in ("least", "most"))
    assert f"gain least: x1 {most:.4g} against {least:.4g}" in more.reason
    assert f"gain least: x1 {least:.4g} against {most:.4g}" in less.reason


def test_more_groups_than_folds_bear_are_inapplicable():
    found = asked("gates", simulated(3, n=60))
    assert found.verdict == "inapplicable"
    assert "Ask for fewer `groups`" in found.reason
