"""The effect without each donor, and without the most weighted ones."""

import numpy as np
import pytest

import scale_impact as si
from tests.panels import california
from tests.pilots import cities, factor_world, fitted, plain_mean, walks


def checked(data, refit=plain_mean, **options):
    return si.check("leave_one_donor_out", *data, refit, **options)


def test_each_row_is_the_estimate_without_that_donor():
    data = california()
    found = checked(data, fitted("synthetic_control"))
    assert {r["left_out"] for r in found.details["rows"]} >= {"Utah", "Montana", "Nevada", "Connecticut"}
    for row in found.details["rows"]:
        alone = si.estimate("synthetic_control", *data, without=[row["left_out"]]).overall.value
        assert row["estimate"] == pytest.approx(alone, abs=1e-6)
    assert found.verdict == "pass"


def test_the_most_weighted_are_left_out_together():
    data = california()
    found = checked(data, fitted("synthetic_control"), together=3)
    largest = sorted(found.details["rows"], key=lambda r: -r["weight"])[:3]
    assert [len(r["left_out"].split(", ")) for r in found.details["together"]] == [2, 3]
    names = [r["left_out"] for r in largest]
    alone = si.estimate("synthetic_control", *data, without=names).overall.value
    assert found.details["together"][-1]["estimate"] == pytest.approx(alone, abs=1e-6)


def test_an_effect_that_hangs_on_one_donor_fails_and_names_it():
    # d alone moves as `a` does, and leaps at the measure; the others follow each other throughout
    flat, up = [1, 1, 2, 2, 1, 1, 2], [1, 2, 1, 2, 1, 2, 1]
    paths = {"a": [*up, 2, 1], "d": [*up, 32, 31]} | {n: [*flat, 2, 2] for n in "bcef"}
    found = checked(cities(paths, {"a": 2008}), fitted("synthetic_control"))
    assert found.details["full"] == pytest.approx(-30.0, abs=1e-5)
    row = next(r for r in found.details["rows"] if r["left_out"] == "d")
    assert row["estimate"] == pytest.approx(-0.5, abs=1e-5)
    assert found.verdict == "fail"
    assert "hangs on one donor: without d (weight 1.00) it is -0.5" in found.reason


def test_a_change_of_an_effect_that_donors_show_too_is_not_failed():
    flat = [1, 2, 1, 2, 1, 2]
    data = cities({"a": [1, 2, 1, 2, 3, 4], "b": flat, "c": flat, "d": [1, 2, 1, 2, 31, 32]}, {"a": 2005})
    found = checked(data)  # -8, and 2 without d; in the place of `a` the donors' gaps are -15, -15 and 30
    row = next(r for r in found.details["rows"] if r["left_out"] == "d")
    assert (found.details["full"], row["estimate"]) == (pytest.approx(-8.0), pytest.approx(2.0))
    assert found.verdict == "inconclusive"
    assert "no more than 3 times the usual placebo's mean gap after the measure, 15" in found.reason


def test_where_nothing_happened_it_seldom_fails():
    verdicts = [checked(factor_world(seed), fitted("synthetic_control")).verdict for seed in range(25)]
    assert verdicts.count("fail") <= 3  # one in twenty is expected


def test_without_weights_donors_are_ranked_by_what_they_change():
    from dataclasses import replace

    def bare(panel, design):
        effect = plain_mean(panel, design)
        return replace(effect, counterfactual=replace(effect.counterfactual, donors=None))

    found = checked(walks(9, 12, seed=4, effect=3.0), bare)
    assert len(found.details["rows"]) == 8
    change = {r["left_out"]: abs(r["change"]) for r in found.details["rows"]}
    top = sorted(change, key=lambda n: -change[n])[:2]
    assert found.details["together"][0]["left_out"] == ", ".join(top)
    assert all(r["weight"] is None for r in found.details["rows"])


def test_of_many_donors_the_most_weighted_are_left_out():
    found = checked(california(), fitted("synthetic_control"), limit=2)
    assert sorted(r["left_out"] for r in found.details["rows"]) == ["Montana", "Utah"]
    assert found.details["of"] == 38


def test_several_treated_cities_are_left_out_too():
    panel, _ = walks(10, 12, seed=4)
    design = si.Design.from_panel(panel, cohorts={"c0": 2007, "c1": 2009})
    found = checked((panel, design))
    y = {n: g["y"].to_numpy() for n, g in panel.frame.groupby("city")}
    mean = np.mean([v for n, v in y.items() if n not in ("c0", "c1")], axis=0)
    alone = {"c0": (y["c1"] - mean)[8:].mean(), "c1": (y["c0"] - mean)[6:].mean()}
    assert {r["left_out"]: r["estimate"] for r in found.details["treated"]} == pytest.approx(alone)
    assert found.details["full"] == pytest.approx(np.concatenate([(y["c0"] - mean)[6:], (y["c1"] - mean)[8:]]).mean())


def test_the_only_donor_cannot_be_left_out():
    found = checked(cities({"a": [1, 2, 3, 4, 9], "b": [1, 2, 3, 4, 5]}, {"a": 2005}))
    assert (found.verdict, found.reason) == ("inapplicable", "There is one donor (b): without it nothing is left.")


def test_an_effect_smaller_than_the_gaps_before_is_not_failed_for_its_sign():
    data = cities({"a": [1, -1, 1, -1, 0.1], "b": [-1, 1, -1, 1, 0.2], "c": [-1, 1, -1, 1, -0.2]}, {"a": 2005})
    found = checked(data)  # 0.1 against 0; without b 0.3, without c -0.1; gaps before are 2
    assert found.details["full"] == pytest.approx(0.1)
    assert found.verdict == "inconclusive"
    assert "no more than 3 times the usual placebo's mean gap after the measure, 0.4" in found.reason
