"""The smallest effect that placebo cities would have noticed."""

import numpy as np
import pytest

import scale_impact as si
from tests.panels import california
from tests.pilots import fitted, plain_mean, walks


def checked(data, refit=plain_mean, **options):
    return si.check("placebo_power", *data, refit, **options)


def gaps_by_hand(panel, start):
    """Gaps of the treated c0 and of each donor in its place, against the plain mean of the other donors."""
    y = {n: g["y"].to_numpy() for n, g in panel.frame.groupby("city")}
    donors = [n for n in y if n != "c0"]
    return [y[n] - np.mean([y[m] for m in donors if m != n], axis=0) for n in ("c0", *donors)]


def power(gaps, start, effect, alpha=0.05, periods=None):
    """Share of donors' worlds, scaled to the treated's fit, in which the rank test rejects once an effect is added."""
    pre = [np.sqrt((g[:start] ** 2).mean()) for g in gaps]
    end = None if periods is None else start + periods
    null = np.array([np.sqrt((g[start:end] ** 2).mean()) / p for g, p in zip(gaps[1:], pre[1:], strict=True)])
    found = []
    for g, p in zip(gaps[1:], pre[1:], strict=True):
        mine = np.sqrt(((g[start:end] / p * pre[0] + effect) ** 2).mean()) / pre[0]
        found.append((1 + (null >= mine).sum()) / (1 + len(null)) <= alpha)
    return float(np.mean(found))


def test_the_detectable_effect_is_where_simulated_power_reaches_eighty_percent():
    data = walks(30, 16, seed=5, spread=0.5)
    row = checked(data).details["rows"][-1]
    gaps = gaps_by_hand(data[0], 8)
    for key, turn in (("up", 1), ("down", -1)):
        assert power(gaps, 8, turn * row[key] * 1.0001) >= 0.8
        assert power(gaps, 8, turn * row[key] * 0.9999) < 0.8


def test_so_it_is_for_the_first_periods_alone():
    data = walks(30, 16, seed=6, spread=0.5)
    rows = checked(data).details["rows"]
    gaps = gaps_by_hand(data[0], 8)
    assert [r["periods"] for r in rows] == list(range(1, 9))
    for row in rows[:3]:
        assert power(gaps, 8, row["up"] * 1.0001, periods=row["periods"]) >= 0.8
        assert power(gaps, 8, row["up"] * 0.9999, periods=row["periods"]) < 0.8


def test_the_average_gap_can_be_what_is_compared():
    data = walks(30, 16, seed=7, spread=0.5)
    row = checked(data, statistic="effect").details["rows"][-1]
    means = np.array([g[8:].mean() for g in gaps_by_hand(data[0], 8)[1:]])
    critical = np.sort(np.abs(means))[-1]  # 29 placebos: none of them may be as large
    assert row["up"] == pytest.approx(np.sort(np.maximum(critical - means, 0))[23])  # 24 of 29 are 80 % or more
    assert row["down"] == pytest.approx(np.sort(np.maximum(critical + means, 0))[23])


def test_the_curve_is_the_simulated_power():
    data = walks(30, 16, seed=5, spread=0.5)
    curve = checked(data).details["power"]
    gaps = gaps_by_hand(data[0], 8)
    for row in curve[5:-1:10]:
        assert row["up"] == pytest.approx(power(gaps, 8, row["effect"] * (1 + 1e-9)))
        assert row["down"] == pytest.approx(power(gaps, 8, -row["effect"] * (1 + 1e-9)))


def test_the_share_is_of_the_mean_expected_without_the_measure():
    data = california()
    row = checked(data, fitted("synthetic_control")).details["rows"][-1]
    found = si.estimate("synthetic_control", *data).counterfactual
    assert row["expected"] == pytest.approx(found.expected[0, 19:].mean())
    assert row["share"] == pytest.approx(row["mde"] / row["expected"])


def test_an_effect_that_matters_is_held_against_it():
    data = walks(30, 16, seed=5, spread=0.5)
    mde = checked(data).statistic
    assert checked(data, wanted=1.01 * mde).verdict == "pass"
    missed = checked(data, wanted=-0.99 * mde)
    assert (missed.verdict, "could have gone unnoticed" in missed.reason) == ("fail", True)


def test_without_one_the_estimate_is_held_against_it():
    assert checked(walks(30, 16, seed=5, effect=30.0)).verdict == "pass"
    small = checked(walks(30, 16, seed=5, effect=0.0))
    assert small.verdict == "inconclusive"
    assert "finding nothing here would not mean that nothing happened" in small.reason


def test_too_few_donors_notice_nothing():
    found = checked(walks(10, 16, seed=5))
    assert found.verdict == "inconclusive"
    assert "With 9 placebos no effect, however large, can be noticed at 5%: that takes 19" in found.reason
    enough = checked(walks(10, 16, seed=5), alpha=0.1)
    assert enough.statistic == max(enough.details["rows"][-1][way] for way in ("up", "down"))


def test_a_larger_scale_makes_it_as_much_larger():
    panel, _ = walks(30, 16, seed=5)
    big = si.Panel.from_frame(panel.frame.assign(y=50 * panel.frame["y"]), unit="city", period="year", outcome="y")
    again = checked((big, si.Design.from_panel(big, cohorts={"c0": 2009})))
    assert again.statistic == pytest.approx(50 * checked(walks(30, 16, seed=5)).statistic)


def test_sets_of_donors_play_several_treated_cities():
    found = checked(walks(12, 16, seed=5, treated=("c0", "c1")))
    assert found.details["placebos"] == 45
    assert found.statistic > 0


def test_a_share_of_next_to_nothing_is_not_told():
    panel, _ = walks(30, 16, seed=5)
    mean = si.check("placebo_power", panel, si.Design.from_panel(panel, cohorts={"c0": 2009}), plain_mean).details[
        "rows"
    ][-1]["expected"]
    level = si.Panel.from_frame(
        panel.frame.assign(y=panel.frame["y"] - mean + 1e-9), unit="city", period="year", outcome="y"
    )
    assert (
        "expected without the measure" not in checked((level, si.Design.from_panel(level, cohorts={"c0": 2009}))).reason
    )
