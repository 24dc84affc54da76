"""For whom a measure works, in words and as a table."""

from scale_impact.core.causal.for_whom.words import ends, for_whom
from scale_impact.core.check import Check
from tests.causal import asked, simulated


def test_the_answer_is_what_the_checks_said_in_order():
    made = simulated(1, slope=0.8)
    checks = [asked(n, made) for n in ("policy_tree", "gates", "cate_calibration", "heterogeneity")]
    said = for_whom(checks)
    assert [s.split("**")[1] for s in said] == ["heterogeneity", "gates", "policy tree"]
    assert said[0].endswith(checks[3].reason)


def test_none_found_says_how_to_read_the_mean():
    said = for_whom([asked("heterogeneity", simulated(4))])
    assert said[-1].startswith("Read the mean effect as that of everybody")


def test_without_a_test_it_says_which_to_ask():
    assert for_whom([Check("balance", "pass", "Fine.")]) == [
        "The study asks no test of heterogeneity: add `heterogeneity` to its checks."
    ]


def test_the_ends_are_those_of_the_check():
    found = asked("gates", simulated(1, slope=0.8))
    table = ends([found])
    assert list(table.index) == ["x1", "x2", "x3"]
    assert table.loc["x1", "difference"] == round(found.details["contexts"][0]["difference"], 4)
    assert len(ends([])) == 0


def test_the_ends_are_those_who_gain_where_it_is_known_what_is_better():
    made = simulated(1, slope=0.8)
    plain, more, less = (ends([asked("gates", made, better=way)]).loc["x1"] for way in (None, "more", "less"))
    assert (more["gain_least"], more["gain_most"]) == (plain["lowest"], plain["highest"])
    assert (less["gain_least"], less["gain_most"]) == (plain["highest"], plain["lowest"])
    assert less["difference"] == -more["difference"]
