"""Whether the treated city lies between its donors."""

import numpy as np
import pytest

import scale_impact as si
from tests.panels import california, reference
from tests.pilots import cities, fitted, plain_mean


def checked(data, refit=plain_mean, **options):
    return si.check("convex_hull", *data, refit, **options)


LOW, HIGH = [0, 1, 0, 1, 0, 0], [4, 5, 4, 5, 4, 4]


def test_a_mix_of_two_donors_lies_within_their_hull():
    found = checked(cities({"a": [1, 2, 1, 2, 1, 9], "b": LOW, "c": HIGH}, {"a": 2006}), fitted("synthetic_control"))
    row = found.details["rows"][0]
    assert (found.verdict, found.statistic, row["beyond"]) == ("pass", 0.0, [])
    # three quarters of b, which is 1 away, and a quarter of c, which is 3 away
    assert row["discrepancy"] == pytest.approx((0.75 * 1 + 0.25 * 9) ** 0.5)
    assert (row["nearest"], row["nearest_donor"]) == (pytest.approx(1.0), "b")


def test_a_city_above_all_donors_lies_outside_and_the_worst_period_is_named():
    found = checked(cities({"a": [6, 7, 6, 9, 6, 9], "b": LOW, "c": HIGH}, {"a": 2006}), fitted("synthetic_control"))
    row = found.details["rows"][0]
    assert found.verdict == "fail"
    assert row["distance"] == pytest.approx(((4 * 2**2 + 4**2) / 5) ** 0.5)  # c alone is nearest
    assert [b["period"] for b in row["beyond"]] == ["2001", "2002", "2003", "2004", "2005"]
    assert "In 5 of 5 periods it lies beyond all donors, most in 2004: 9, above the highest, 5" in found.reason


def test_an_estimator_with_a_level_of_its_own_is_held_against_movements():
    data = cities({"a": [20, 21, 20, 21, 20, 9], "b": LOW, "c": HIGH}, {"a": 2006})
    assert checked(data, fitted("synthetic_control")).verdict == "fail"
    found = checked(data, fitted("demeaned_synthetic_control"))
    assert found.verdict == "pass"
    assert "The estimator leaves the hull of levels, 16 away: what lies beyond is extrapolated" in found.reason


def test_the_distance_of_california_is_the_fit_of_outcomes_alone():
    row = checked(california(), fitted("synthetic_control")).details["rows"][0]
    gaps = reference("synthdid_prop99", "sc_outcome_only_exact_simplex")["main"]["pre_rmspe"]
    assert row["distance"] == pytest.approx(gaps, rel=1e-6)


def test_predictors_that_the_mix_misses_by_more_than_the_plain_mean_are_named():
    from dataclasses import replace

    import pandas as pd

    def with_predictors(panel, design):
        effect = plain_mean(panel, design)
        table = pd.DataFrame(
            {"treated": ["a"] * 2, "predictor": ["income", "age"], "observed": [1.0, 1.0], "synthetic": [3.0, 1.1],
             "donors": [2.0, 5.0], "weight": [0.0, 1.0]}
        )  # fmt: skip
        return replace(effect, counterfactual=replace(effect.counterfactual, predictors=table))

    found = checked(cities({"a": [1, 2, 1, 2, 1, 9], "b": LOW, "c": HIGH}, {"a": 2006}), with_predictors)
    assert "farther from it than their plain mean in income." in found.reason


def test_one_of_several_outside_is_named():
    data = cities({"a": [9, 8, 9, 8, 9, 9], "e": [1, 2, 1, 2, 1, 1], "b": LOW, "c": HIGH}, {"a": 2006, "e": 2006})
    found = checked(data)
    assert "(1 of 2 treated lie outside: a)" in found.reason


def test_a_panel_with_gaps_has_no_hull():
    from dataclasses import replace

    def gappy(panel, design):
        effect = plain_mean(panel, design)
        worlds = effect.counterfactual.worlds
        y = worlds.outcomes.copy()
        y[1, 0] = np.nan
        return replace(effect, counterfactual=replace(effect.counterfactual, worlds=replace(worlds, outcomes=y)))

    found = checked(cities({"a": [1, 2, 1, 2, 1, 9], "b": LOW, "c": HIGH}, {"a": 2006}), gappy)
    assert (found.verdict, "not observed in each period" in found.reason) == ("inapplicable", True)


def test_noise_that_donors_have_too_passes():
    rng = np.random.default_rng(2)
    data = cities({f"c{k}": rng.normal(size=30) for k in range(25)}, {"c0": 2026})
    found = checked(data, fitted("synthetic_control"))
    assert found.verdict == "pass"
    assert found.details["rows"][0]["usual"] < 2
    assert "(as close as donors to each other's)" in found.reason


def test_ups_and_downs_of_its_own_between_the_donors_are_inconclusive():
    swing = np.tile([1.0, -1.0], 6)
    wave = 3 * np.sin(np.arange(12) / 2)
    rng = np.random.default_rng(1)
    paths = {f"c{k}": wave + k - 4.5 + 0.05 * rng.normal(size=12) for k in range(1, 9)}
    found = checked(cities({"c0": wave + swing, **paths}, {"c0": 2011}), fitted("synthetic_control"))
    row = found.details["rows"][0]
    assert row["beyond"] == []
    assert row["usual"] > 2
    assert found.verdict == "inconclusive"
    assert "It lies mostly between them, but its ups and downs are its own" in found.reason


def test_the_usual_distance_is_that_of_each_donor_to_the_hull_of_the_others():
    swing = np.tile([1.0, -1.0], 6)
    rng = np.random.default_rng(7)
    paths = {f"c{k}": rng.normal(size=12) for k in range(1, 9)}
    row = checked(cities({"c0": swing, **paths}, {"c0": 2011}), fitted("synthetic_control")).details["rows"][0]
    alone = []
    for name in paths:
        again = cities(paths, {name: 2011})
        alone.append(si.estimate("synthetic_control", *again).counterfactual.pre_rmspe[0])
    assert row["usual"] == pytest.approx(row["distance"] / np.median(alone), rel=1e-5)
