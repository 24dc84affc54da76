"""The treated city's gap among those of donors in its place."""

import numpy as np
import pytest

import scale_impact as si
from tests.panels import california, reference
from tests.pilots import cities, fitted, plain_mean, walks


def checked(data, refit=plain_mean, **options):
    return si.check("in_space_placebo", *data, refit, **options)


def by_hand(panel, treated, start):
    """RMSPE ratios of a city and of each donor in its place, against the plain mean of the other donors."""
    y = {name: g["y"].to_numpy() for name, g in panel.frame.groupby("city")}
    donors = [n for n in y if n != treated]

    def ratio(unit):
        gap = y[unit] - np.mean([y[n] for n in donors if n != unit], axis=0)
        return np.sqrt(np.mean(gap[start:] ** 2) / np.mean(gap[:start] ** 2))

    return ratio(treated), {n: ratio(n) for n in donors}


def test_ratios_and_the_p_value_are_what_loops_say():
    data = walks(9, 12, seed=3, effect=1.0)
    found = checked(data)
    mine, others = by_hand(data[0], "c0", 6)
    assert found.statistic == pytest.approx(mine)
    assert {r["name"]: r["ratio"] for r in found.details["rows"]} == pytest.approx(others)
    assert found.p_value == pytest.approx((1 + sum(v >= mine for v in others.values())) / 9)


def test_california_has_the_reference_ratio_and_p_value():
    found = checked(california(), fitted("synthetic_control"))
    values = reference("synthdid_prop99", "sc_outcome_only_exact_simplex")
    assert found.statistic == pytest.approx(values["ratio"], rel=1e-6)
    assert found.p_value == pytest.approx(values["p_value_ratio"])
    ours = sorted(r["ratio"] for r in found.details["rows"])
    assert ours == pytest.approx(sorted(values["placebo_ratio"]), rel=1e-4)  # the reference solver stops at 1e-6


def test_an_unusual_gap_passes():
    found = checked(walks(24, 20, seed=1, effect=5.0))
    assert (found.verdict, found.p_value) == ("pass", pytest.approx(1 / 24))
    assert "So large a gap is unusual where nothing happened" in found.reason


def test_one_side_counts_only_gaps_of_that_sign():
    data = walks(24, 20, seed=1, effect=-5.0)
    assert checked(data, side="lower").p_value == pytest.approx(1 / 24)
    assert checked(data, side="upper").p_value > 0.5


def test_placebos_that_fit_badly_can_be_left_out():
    data = california()
    found = checked(data, fitted("synthetic_control"), worst_fit=2.0)
    pre = np.array(reference("synthdid_prop99", "sc_outcome_only_exact_simplex")["placebo_pre_rmspe"])
    mine = found.details["pre_rmspe"]
    counts = [int((pre**2 <= times * mine**2).sum()) for times in (20, 5, 2)]
    assert [c["placebos"] for c in found.details["cutoffs"]] == counts
    assert found.p_value == pytest.approx(found.details["cutoffs"][2]["p_value"])


def test_too_few_donors_to_reject_anything_are_said():
    found = checked(walks(9, 12, seed=3, effect=9.0))
    assert found.verdict == "inconclusive"
    assert "With 8 placebos no gap can be unusual at 5%: that takes 19" in found.reason


def test_a_test_that_finds_what_placebos_do_not_fails():
    from dataclasses import replace

    data = walks(24, 20, seed=8)
    sure = lambda p, d: replace(plain_mean(p, d), overall=si.Estimate(1.0, 0.1))  # noqa: E731
    found = checked(data, judged=sure)
    assert found.verdict == "fail"
    assert "The study's own test says p = 0.000" in found.reason


def test_an_estimate_that_is_not_told_apart_from_zero_either_way_passes():
    data = walks(24, 20, seed=8)
    unsure = lambda p, d: si.estimate("synthetic_control", p, d, inference="placebo")  # noqa: E731
    found = checked(data, fitted("synthetic_control"), judged=unsure)
    assert (found.verdict, "agrees with the study's own test" in found.reason) == ("pass", True)


def test_several_treated_cities_are_played_by_sets_of_donors():
    data = walks(8, 12, seed=6, treated=("c0", "c1"))
    found = checked(data)
    assert len(found.details["rows"]) == 15  # 6 donors, two at a time: same date, so that their order is nothing
    assert all(len(r["name"].split(", ")) == 2 for r in found.details["rows"])


def test_a_city_met_exactly_before_is_compared_by_its_gap_after():
    paths = {f"c{k}": [1, 2, 1, 2, 1 + k] for k in range(1, 6)}
    found = checked(cities({**paths, "a": [1, 2, 1, 2, 9]}, {"a": 2005}))
    assert found.details["ratio"] is None
    assert "exactly before the measure" in found.reason


def test_an_estimator_that_cannot_be_asked_again_is_estimated_anew():
    from dataclasses import replace

    def slow(panel, design):
        effect = plain_mean(panel, design)
        return replace(effect, counterfactual=replace(effect.counterfactual, worlds=None, again=None))

    data = walks(9, 12, seed=3, effect=1.0)
    assert checked(data, slow).p_value == checked(data).p_value


def test_one_donor_cannot_play_the_treated():
    found = checked(cities({"a": [1, 2, 3, 4, 9], "b": [1, 2, 3, 4, 5]}, {"a": 2005}))
    assert found.verdict == "inapplicable"
    assert "1 donor cannot play 1 treated unit" in found.reason
