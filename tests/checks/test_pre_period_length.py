"""The effect with donors fitted on fewer periods before the measure."""

import numpy as np
import pytest

import scale_impact as si
from tests.panels import california
from tests.pilots import cities, factor_world, fitted, plain_mean


def checked(data, refit=plain_mean, **options):
    return si.check("pre_period_length", *data, refit, **options)


def test_each_row_is_the_estimate_of_data_that_begin_later():
    panel, _ = california()
    found = checked(california(), fitted("synthetic_control"))
    assert [r["dropped"] for r in found.details["rows"]] == list(range(10))
    for row in found.details["rows"][::3]:
        later = panel.frame[panel.frame["year"] >= 1970 + row["dropped"]]
        cut = si.Panel.from_frame(later, unit="state", period="year", outcome="cigsale")
        alone = si.estimate("synthetic_control", cut, si.Design.from_panel(cut, cohorts={"California": 1989}))
        assert row["estimate"] == pytest.approx(alone.overall.value, abs=1e-6)
        assert row["rmspe"] == pytest.approx(alone.counterfactual.pre_rmspe[0], abs=1e-6)
        assert (row["from"], row["periods"]) == (str(1970 + row["dropped"]), 19 - row["dropped"])
    assert found.verdict == "pass"


def test_the_trend_is_the_slope_of_the_effect():
    found = checked(california(), fitted("synthetic_control"))
    rows = found.details["rows"]
    slope = np.polyfit([r["dropped"] for r in rows], [r["estimate"] for r in rows], 1)[0]
    assert found.details["trend"] == pytest.approx(slope)


def test_an_effect_that_rests_on_old_periods_fails():
    # early on `a` moves with b, later with c, and after the measure b and c part
    a = [0, 8, 0, 8, 0, 8, 1, 2, 1, 2, 1, 2, 5, 5, 5]
    b = [0, 8, 0, 8, 0, 8, 4, 4, 4, 4, 4, 4, 0, 0, 0]
    c = [4, 4, 4, 4, 4, 4, 1, 2, 1, 2, 1, 2, 9, 9, 9]
    found = checked(cities({"a": a, "b": b, "c": c, "d": c}, {"a": 2013}), fitted("synthetic_control"))
    assert found.verdict == "fail"
    assert "depends on how far back the data go: fitted on 6 to 12 periods it lies between" in found.reason
    assert f"{max(r['estimate'] for r in found.details['rows']):.4g}," in found.reason


def test_an_estimator_that_fits_nothing_gives_the_same_for_any_length():
    rng = np.random.default_rng(1)
    data = cities({n: rng.normal(size=14) for n in "abcde"}, {"a": 2011})
    found = checked(data)
    assert len({round(r["estimate"], 12) for r in found.details["rows"]}) == 1
    assert found.statistic == pytest.approx(0.0, abs=1e-12)


def test_lengths_and_the_shortest_span_can_be_said():
    found = checked(california(), fitted("synthetic_control"), lengths=3, shortest=0.2)
    assert [r["periods"] for r in found.details["rows"]] == [19, 14, 9, 4]


def test_three_periods_before_cannot_be_shortened():
    found = checked(cities({n: [1, 2, 3, 4, 5] for n in "abcd"}, {"a": 2004}))
    assert (found.verdict, "too few periods" in found.reason) == ("inapplicable", True)


def test_with_two_dates_each_city_loses_its_own_first_periods():
    rng = np.random.default_rng(3)
    data = cities({f"c{k}": rng.normal(size=20) for k in range(8)}, {"c0": 2011, "c1": 2015})
    found = checked(data, fitted("synthetic_control"))
    assert found.details["rows"][-1]["dropped"] == 5  # the shorter of the two keeps half of its 10 periods


def test_an_effect_smaller_than_the_gaps_before_is_not_failed_for_its_size():
    rng = np.random.default_rng(13)
    data = cities({f"c{k}": rng.normal(size=30) for k in range(15)}, {"c0": 2021})
    found = checked(data, fitted("synthetic_control"))
    assert abs(found.details["rows"][0]["estimate"]) < found.details["rows"][0]["rmspe"]
    assert found.verdict in ("pass", "inconclusive")


def test_the_range_of_effects_holds_that_of_the_full_span_too():
    found = checked(california(), fitted("synthetic_control"))
    values = [r["estimate"] for r in found.details["rows"]]
    full = values[0]
    assert (
        f"Fitted on 10 to 19 periods the effect of {full:.4g} lies between {min(values):.4g} and {max(values):.4g}"
        in found.reason
    )


def test_where_nothing_happened_it_seldom_fails():
    verdicts = [checked(factor_world(seed), fitted("synthetic_control")).verdict for seed in range(25)]
    assert verdicts.count("fail") <= 3  # one in twenty is expected


def test_an_effect_that_a_series_does_not_tell_apart_from_zero_is_not_failed():
    rng = np.random.default_rng(0)
    data = cities({"a": rng.normal(size=40)}, {"a": 2031}, control="none")
    found = checked(data, fitted("interrupted_time_series"))
    assert fitted("interrupted_time_series")(*data).overall.p_value > 0.05
    assert found.verdict == "inconclusive"
    assert "It is not told apart from zero (p = " in found.reason
